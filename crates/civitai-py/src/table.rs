//! Listings as tables: columns of Arrow, handed over by its C interface, so that no library of Python is needed for them.

mod columns;

use std::ffi::CStr;
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray as _;
use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchIterator,
    StringArray, TimestampMicrosecondArray,
};
use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{ArrowError, DataType};
use civitai_api::Timestamp;
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyCapsule, PyDict, PyList};
use serde_json::Value;

use crate::errors::Failure;
use crate::give::Give as _;
use crate::line::{Kind, Row};

pub(crate) use columns::Columns;

/// How the cells of a column come from a thing.
pub(crate) enum Cells<T: 'static> {
    Flag(fn(&T) -> Option<bool>),
    Number(fn(&T) -> Option<u64>),
    Text(fn(&T) -> Option<&str>),
    Texts(fn(&T) -> &[String]),
    Moment(fn(&T) -> Option<Timestamp>),
}

/// A table. Polars, `pyarrow`, `DuckDB` and pandas 3 read it as it is.
#[pyclass(frozen, eq, module = "civitai_rs")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table(RecordBatch);

impl Table {
    /// Makes a table with a row for each thing.
    pub(crate) fn of<T: Columns>(things: &[T]) -> PyResult<Self> {
        let columns = T::COLUMNS
            .iter()
            .map(|(name, cells)| (*name, cells.read(things), true));
        RecordBatch::try_from_iter_with_nullable(columns)
            .map(Self)
            .map_err(|error| failure(&error))
    }

    /// Makes a table of lines.
    pub(crate) fn of_rows<T: Row>(rows: &[&T]) -> PyResult<Self> {
        let columns = T::COLUMNS.iter().map(|(name, key, kind)| {
            let values = rows.iter().map(|row| row.line().get(*key));
            (*name, cells(*kind, values), true)
        });
        RecordBatch::try_from_iter_with_nullable(columns)
            .map(Self)
            .map_err(|error| failure(&error))
    }

    fn columns(&self) -> impl Iterator<Item = (&str, &ArrayRef)> {
        let schema = self.0.schema_ref();
        let names = schema.fields().iter().map(|field| field.name().as_str());
        names.zip(self.0.columns())
    }
}

#[pymethods]
impl Table {
    #[getter]
    fn num_rows(&self) -> usize {
        self.0.num_rows()
    }

    #[getter]
    fn column_names(&self) -> Vec<&str> {
        self.columns().map(|(name, _)| name).collect()
    }

    /// Returns the columns as lists.
    fn to_pydict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, column) in self.columns() {
            dict.set_item(name, list(py, column)?)?;
        }
        Ok(dict)
    }

    /// Returns a data frame of pandas. Numbers and flags keep their type where some are missing.
    pub(crate) fn to_pandas<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let types = PyDict::new(py);
        for (name, column) in self.columns() {
            match column.data_type() {
                DataType::Int64 => types.set_item(name, "Int64")?,
                DataType::Boolean => types.set_item(name, "boolean")?,
                _ => {}
            }
        }
        py.import("pandas")?
            .call_method1("DataFrame", (self.to_pydict(py)?,))?
            .call_method1("astype", (types,))
    }

    #[pyo3(signature = (requested_schema = None))]
    pub(crate) fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // A wish that a producer may ignore.
        let _ = requested_schema;
        let batches = RecordBatchIterator::new([Ok(self.0.clone())], self.0.schema());
        let stream = FFI_ArrowArrayStream::new(Box::new(batches));
        PyCapsule::new_with_value(py, stream, STREAM)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.0.schema_ref().as_ref())
            .map_err(|error| failure(&error))?;
        PyCapsule::new_with_value(py, schema, SCHEMA)
    }

    fn __len__(&self) -> usize {
        self.0.num_rows()
    }

    fn __repr__(&self) -> String {
        format!(
            "Table(rows={}, columns={})",
            self.0.num_rows(),
            self.0.num_columns()
        )
    }
}

impl<T> Cells<T> {
    fn read(&self, things: &[T]) -> ArrayRef {
        match self {
            Self::Flag(of) => Arc::new(things.iter().map(of).collect::<BooleanArray>()),
            Self::Number(of) => {
                let numbers = things.iter().map(|thing| {
                    // Ids and counts stay far below; what does not was no count.
                    of(thing).and_then(|number| i64::try_from(number).ok())
                });
                Arc::new(numbers.collect::<Int64Array>())
            }
            Self::Text(of) => Arc::new(things.iter().map(of).collect::<StringArray>()),
            Self::Texts(of) => {
                let mut lists = ListBuilder::new(StringBuilder::new());
                for thing in things {
                    lists.append_value(of(thing).iter().map(Some));
                }
                Arc::new(lists.finish())
            }
            Self::Moment(of) => {
                let moments = things
                    .iter()
                    .map(|thing| of(thing).map(|moment| moment.as_jiff().as_microsecond()));
                let moments: TimestampMicrosecondArray = moments.collect();
                Arc::new(moments.with_timezone("UTC"))
            }
        }
    }
}

/// The cells of a column of lines.
fn cells<'a>(kind: Kind, values: impl Iterator<Item = Option<&'a Value>>) -> ArrayRef {
    match kind {
        Kind::flag => Arc::new(
            values
                .map(|value| value?.as_bool())
                .collect::<BooleanArray>(),
        ),
        Kind::number => Arc::new(values.map(|value| value?.as_i64()).collect::<Int64Array>()),
        Kind::real => Arc::new(
            values
                .map(|value| value?.as_f64())
                .collect::<Float64Array>(),
        ),
        Kind::path | Kind::text => {
            Arc::new(values.map(|value| value?.as_str()).collect::<StringArray>())
        }
        Kind::moment => {
            let moments = values.map(|value| {
                let moment: jiff::Timestamp = value?.as_str()?.parse().ok()?;
                Some(moment.as_microsecond())
            });
            let moments: TimestampMicrosecondArray = moments.collect();
            Arc::new(moments.with_timezone("UTC"))
        }
        Kind::texts => {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for value in values {
                let texts = value.and_then(Value::as_array);
                lists.append_option(texts.map(|texts| texts.iter().map(Value::as_str)));
            }
            Arc::new(lists.finish())
        }
        Kind::findings | Kind::json => {
            let texts = values.map(|value| value.filter(|value| !value.is_null()));
            let texts = texts.map(|value| value.map(ToString::to_string));
            Arc::new(texts.collect::<StringArray>())
        }
    }
}

/// The cells of a column as objects. Only the types that [`Cells`] and [`cells`] make occur.
fn list<'py>(py: Python<'py>, column: &ArrayRef) -> PyResult<Bound<'py, PyAny>> {
    match column.data_type() {
        DataType::Boolean => column.as_boolean().iter().collect::<Vec<_>>().give(py),
        DataType::Int64 => {
            let numbers = column.as_primitive::<Int64Type>().iter();
            numbers.collect::<Vec<_>>().give(py)
        }
        DataType::Float64 => {
            let numbers = column.as_primitive::<Float64Type>().iter();
            numbers.collect::<Vec<_>>().give(py)
        }
        DataType::Timestamp(..) => {
            let moments = column.as_primitive::<TimestampMicrosecondType>().iter();
            let moments = moments.map(|moment| {
                let moment = jiff::Timestamp::from_microsecond(moment?).ok();
                moment.map(Timestamp::from)
            });
            moments.collect::<Vec<_>>().give(py)
        }
        DataType::List(_) => {
            let lists = column.as_list::<i32>().iter();
            let lists = lists.map(|items| items.map(|items| list(py, &items)).transpose());
            let lists: Vec<_> = lists.collect::<PyResult<_>>()?;
            PyList::new(py, lists)?.into_bound_py_any(py)
        }
        _ => column
            .as_string::<i32>()
            .iter()
            .collect::<Vec<_>>()
            .give(py),
    }
}

fn failure(error: &ArrowError) -> PyErr {
    Failure::new("internal", error).into()
}

/// What consumers of Arrow's C interface know the capsules by.
const STREAM: &CStr = c"arrow_array_stream";
const SCHEMA: &CStr = c"arrow_schema";
