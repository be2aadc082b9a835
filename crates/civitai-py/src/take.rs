//! Arguments of Python, as the libraries take them.

use std::error::Error as StdError;
use std::str::FromStr;
use std::time::SystemTime;

use civitai_api::Timestamp;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;
use serde::de::DeserializeOwned;

use crate::errors::Failure;

/// One word, or any number of them.
#[derive(Default)]
pub(crate) struct Words(pub(crate) Vec<String>);

impl FromPyObject<'_, '_> for Words {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if given.is_none() {
            return Ok(Self::default());
        }
        // A text is a sequence of letters, too.
        if let Ok(word) = given.cast::<PyString>() {
            return Ok(Self(vec![word.to_str()?.to_owned()]));
        }
        given
            .try_iter()?
            .map(|word| word?.extract())
            .collect::<PyResult<_>>()
            .map(Self)
    }
}

/// A moment: an aware `datetime`, a `date`, or a text such as `2026-07-26`.
pub(crate) struct Moment(Timestamp);

impl FromPyObject<'_, '_> for Moment {
    type Error = PyErr;

    fn extract(given: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = given.cast::<PyString>() {
            return one("date", text.to_str()?).map(Self);
        }
        if let Ok(moment) = given.extract::<SystemTime>() {
            return Timestamp::try_from(moment)
                .map(Self)
                .map_err(|error| Failure::argument("date", &error).into());
        }
        // A naive time says no moment, and a date is one without a time.
        if given.hasattr("tzinfo")? {
            return Err(PyTypeError::new_err(
                "a datetime needs a time zone: use datetime.now(timezone.utc) or .astimezone()",
            ));
        }
        let text: String = given.call_method0("isoformat")?.extract()?;
        one("date", &text).map(Self)
    }
}

impl From<Moment> for Timestamp {
    fn from(moment: Moment) -> Self {
        moment.0
    }
}

/// Reads a name or a number that a person wrote.
pub(crate) fn one<T>(name: &str, text: &str) -> PyResult<T>
where
    T: FromStr<Err: StdError + 'static>,
{
    text.parse()
        .map_err(|error: T::Err| Failure::argument(name, &error).into())
}

/// Reads one that may be left out.
pub(crate) fn maybe<T>(name: &str, text: Option<&str>) -> PyResult<Option<T>>
where
    T: FromStr<Err: StdError + 'static>,
{
    text.map(|text| one(name, text)).transpose()
}

/// Reads several.
pub(crate) fn all<T>(name: &str, words: &Words) -> PyResult<Vec<T>>
where
    T: FromStr<Err: StdError + 'static>,
{
    words.0.iter().map(|word| one(name, word)).collect()
}

/// Reads an id, which is a positive number of 32 bits.
pub(crate) fn id<T>(name: &str, number: u64) -> PyResult<T>
where
    T: FromStr<Err: StdError + 'static>,
{
    one(name, &number.to_string())
}

/// Reads what `to_json` wrote.
pub(crate) fn json<T: DeserializeOwned>(text: &str) -> PyResult<T> {
    serde_json::from_str(text).map_err(|error| Failure::argument("json", &error).into())
}
