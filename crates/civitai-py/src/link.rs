//! Links, read.

use civitai_api::Link as Read;
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use serde_json::{Map, Value};

use crate::give::Give as _;
use crate::take;

/// What a link names: `input`, `kind`, `ambiguous`, and of the other fields those that apply.
#[pyclass(frozen, eq, module = "civitai_rs")]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Link(Map<String, Value>);

impl From<&Read> for Link {
    fn from(link: &Read) -> Self {
        Self(link.to_json())
    }
}

impl From<Map<String, Value>> for Link {
    fn from(fields: Map<String, Value>) -> Self {
        Self(fields)
    }
}

impl Link {
    fn field<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        self.0.get(name).give(py)
    }
}

macro_rules! fields {
    ($($name:ident $key:literal)*) => {
        #[pymethods]
        impl Link {
            $(
                #[getter]
                fn $name<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    self.field(py, $key)
                }
            )*

            /// Returns the fields that apply, as `civitai-dl resolve --json` prints them.
            fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.0.give(py)
            }

            /// Returns the same as JSON text.
            fn to_json(&self) -> String {
                Value::Object(self.0.clone()).to_string()
            }

            /// Reads what `to_json` wrote.
            #[staticmethod]
            fn from_json(text: &str) -> PyResult<Self> {
                take::json(text).map(Self)
            }

            fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
                let read = py.get_type::<Self>().getattr("from_json")?;
                Ok((read, (self.to_json(),)))
            }

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                let input = self.input(py)?.repr()?;
                Ok(format!("Link({input}, kind={})", self.kind(py)?.repr()?))
            }

            fn __str__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.input(py)?.into_bound_py_any(py)
            }

            fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
                self.input(py)?.hash()
            }
        }
    };
}

fields! {
    input "input"
    kind "kind"
    ambiguous "ambiguous"
    model_id "modelId"
    version_id "versionId"
    version_ids "versionIds"
    file_id "fileId"
    variant "variant"
    hash "hash"
    image_id "imageId"
    post_id "postId"
    user_id "userId"
    username "username"
    collection_id "collectionId"
    article_id "articleId"
    bounty_id "bountyId"
    tag "tag"
    query "query"
    reason "reason"
    air "air"
}
