//! What the libraries know, as Python knows it: ids are `int`, names `str`, moments aware `datetime`, objects their classes.

use std::time::SystemTime;

use civitai_api::article::ArticleStatus;
use civitai_api::collection::{CollectionRead, CollectionType};
use civitai_api::creator::{UserStatus, UserTier};
use civitai_api::file::{FileSize, Precision, QuantType, ScanResult};
use civitai_api::image::MediaType;
use civitai_api::model::{Availability, CommercialUse, CommercialUses, ModelMode, ModelStatus};
use civitai_api::version::{BaseModelType, TrainingStatus, UploadType, UsageControl};
use civitai_api::{
    ArticleId, BaseModel, CollectionId, FileFormat, FileId, FileType, ImageId, ModelId, ModelType,
    NsfwLevel, PostId, TagId, Timestamp, UserId, VersionId,
};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde_json::{Map, Value};

/// A value that has a form in Python.
pub(crate) trait Give {
    fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// A value that waits for the interpreter to become an object, whatever it is.
pub(crate) struct Later(Make);

type Make = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

impl Later {
    pub(crate) fn new<T>(value: T) -> Self
    where
        T: for<'py> IntoPyObject<'py> + Send + 'static,
    {
        Self(Box::new(|py| value.into_py_any(py)))
    }

    /// Takes over what a call ended with.
    pub(crate) fn outcome<T>(outcome: PyResult<T>) -> Self
    where
        T: for<'py> IntoPyObject<'py> + Send + 'static,
    {
        Self(Box::new(|py| outcome?.into_py_any(py)))
    }
}

impl<'py> IntoPyObject<'py> for Later {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        (self.0)(py).map(|object| object.into_bound(py))
    }
}

impl<T: Give + ?Sized> Give for &T {
    fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        (**self).give(py)
    }
}

impl<T: Give> Give for Option<T> {
    fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Some(value) => value.give(py),
            None => Ok(py.None().into_bound(py)),
        }
    }
}

impl<T: Give> Give for Vec<T> {
    fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let items: PyResult<Vec<_>> = self.iter().map(|item| item.give(py)).collect();
        Ok(PyList::new(py, items?)?.into_any())
    }
}

/// Values whose form Python's bindings know.
macro_rules! plain {
    ($($ty:ty)*) => { $(
        impl Give for $ty {
            fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.into_bound_py_any(py)
            }
        }
    )* };
}

plain! { bool u32 u64 i64 f64 str String }

/// Ids, by their number.
macro_rules! ids {
    ($($ty:ty)*) => { $(
        impl Give for $ty {
            fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.get().give(py)
            }
        }
    )* };
}

ids! { ArticleId CollectionId FileId ImageId ModelId PostId TagId UserId VersionId }

/// Enumerations, in Civitai's spelling: a `Literal` would be wrong next week.
macro_rules! names {
    ($($ty:ty)*) => { $(
        impl Give for $ty {
            fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.as_str().give(py)
            }
        }
    )* };
}

names! {
    ArticleStatus Availability BaseModel BaseModelType CollectionRead CollectionType FileFormat FileSize FileType MediaType
    ModelMode ModelStatus ModelType Precision QuantType ScanResult TrainingStatus UploadType UsageControl UserStatus UserTier
}

/// The uses in the order received.
impl Give for CommercialUses {
    fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let uses: Vec<_> = self.iter().map(CommercialUse::as_str).collect();
        uses.give(py)
    }
}

/// The set of levels as Civitai's bits.
impl Give for NsfwLevel {
    fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.bits().give(py)
    }
}

/// Aware, in UTC.
impl Give for Timestamp {
    fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        SystemTime::from(*self).into_bound_py_any(py)
    }
}

impl Give for Map<String, Value> {
    fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let dict = PyDict::new(py);
        for (key, value) in self {
            dict.set_item(key, value.give(py)?)?;
        }
        Ok(dict.into_any())
    }
}

/// As `json.loads` would read it. JSON that was parsed is no deeper than its parser allows.
impl Give for Value {
    fn give<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self {
            Self::Null => Ok(py.None().into_bound(py)),
            Self::Bool(flag) => flag.give(py),
            Self::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => number.give(py),
                (None, Some(number)) => number.give(py),
                (None, None) => number.as_f64().give(py),
            },
            Self::String(text) => text.give(py),
            Self::Array(items) => items.give(py),
            Self::Object(map) => map.give(py),
        }
    }
}
