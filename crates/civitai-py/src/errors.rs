//! Exceptions: `CivitaiError`, below it one class for each word of `error.kind`, and how the libraries' errors become them.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use civitai_security::redact_causes;
use pyo3::exceptions::{
    PyBlockingIOError, PyConnectionError, PyException, PyFileNotFoundError, PyInterruptedError,
    PyNotImplementedError, PyOSError, PyPermissionError, PyTimeoutError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use serde_json::{Value, json};

/// What a kind of failure is in Python.
struct Class {
    /// The word of `error.kind`.
    kind: &'static str,
    name: &'static str,
    /// The built-in that it is, too, where one says the same.
    builtin: Option<fn(Python<'_>) -> Bound<'_, PyType>>,
    doc: &'static str,
}

/// A failure of a library in the terms of Python: what is raised, and the fields it has beyond its text.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    kind: &'static str,
    message: String,
    fields: Vec<(&'static str, Field)>,
}

/// The value of one field.
#[derive(Clone, Debug, IntoPyObject)]
pub(crate) enum Field {
    Text(String),
    Number(u64),
    Span(Duration),
    Moment(SystemTime),
    Path(PathBuf),
}

impl Failure {
    /// Takes over an error with every cause it names; what looks like a credential is masked.
    pub(crate) fn new(kind: &'static str, error: &(dyn StdError + 'static)) -> Self {
        Self::saying(kind, redact_causes(error))
    }

    /// A failure in its own words.
    pub(crate) fn saying(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            fields: Vec::new(),
        }
    }

    /// An argument that cannot be right.
    pub(crate) fn argument(name: &str, problem: &(dyn StdError + 'static)) -> Self {
        Self::saying("usage", format!("{name}: {}", redact_causes(problem)))
    }

    /// Sets a field, if there is a value for it.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl Into<Field>>) -> Self {
        self.fields.extend(value.map(|value| (name, value.into())));
        self
    }

    /// The `error` object of a JSON line.
    pub(crate) fn to_json(&self) -> Value {
        let hint = self.fields.iter().find_map(|(name, field)| match field {
            Field::Text(hint) if *name == "hint" => Some(hint),
            _ => None,
        });
        json!({ "kind": self.kind, "message": self.message, "hint": hint })
    }

    fn raise(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        let raised = class(py, self.kind)?.call1((self.message,))?;
        for (name, value) in self.fields {
            raised.setattr(name, value)?;
        }
        Ok(raised)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| {
            failure
                .raise(py)
                .map_or_else(|error| error, Self::from_value)
        })
    }
}

impl From<civitai_api::Error> for Failure {
    fn from(error: civitai_api::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&civitai_api::Error> for Failure {
    fn from(error: &civitai_api::Error) -> Self {
        let until = match error.kind() {
            civitai_api::ErrorKind::EarlyAccess { until } => *until,
            _ => None,
        };
        let status = match error.kind() {
            civitai_api::ErrorKind::Rejected { status, .. }
            | civitai_api::ErrorKind::Server { status, .. }
            | civitai_api::ErrorKind::Page { status, .. }
            | civitai_api::ErrorKind::Content { status, .. } => Some(*status),
            _ => None,
        };
        Self::new(error.code(), error)
            .with("hint", error.hint())
            .with("retry_after", error.retry_after())
            .with("url", error.url().map(ToString::to_string))
            .with("attempts", Some(error.attempts()))
            .with("status", status)
            .with("until", until.map(SystemTime::from))
    }
}

/// Puts the classes into the module.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let classes = classes(module.py())?;
    for class in std::iter::once(&classes.base).chain(&classes.kinds) {
        let class = class.bind(module.py());
        module.add(class.name()?.to_str()?, class)?;
    }
    Ok(())
}

struct Classes {
    base: Py<PyType>,
    /// In the order of [`CLASSES`].
    kinds: Vec<Py<PyType>>,
}

fn class<'py>(py: Python<'py>, kind: &str) -> PyResult<Bound<'py, PyType>> {
    let classes = classes(py)?;
    let place = CLASSES.iter().position(|class| class.kind == kind);
    let class = place.map_or(&classes.base, |place| &classes.kinds[place]);
    Ok(class.bind(py).clone())
}

fn classes(py: Python<'_>) -> PyResult<&Classes> {
    static MADE: PyOnceLock<Classes> = PyOnceLock::new();
    MADE.get_or_try_init(py, || {
        let body = body(py, BASE_DOC)?;
        for field in FIELDS {
            body.set_item(field, py.None())?;
        }
        body.set_item("kind", "internal")?;
        let base = make(py, "CivitaiError", &[py.get_type::<PyException>()], &body)?;
        let kinds = CLASSES.iter().map(|class| {
            let body = self::body(py, class.doc)?;
            body.set_item("kind", class.kind)?;
            let bases = std::iter::once(base.clone()).chain(class.builtin.map(|of| of(py)));
            let bases: Vec<_> = bases.collect();
            make(py, class.name, &bases, &body).map(Bound::unbind)
        });
        Ok(Classes {
            kinds: kinds.collect::<PyResult<_>>()?,
            base: base.unbind(),
        })
    })
}

fn body<'py>(py: Python<'py>, doc: &str) -> PyResult<Bound<'py, PyDict>> {
    let body = PyDict::new(py);
    body.set_item("__module__", "civitai_rs")?;
    body.set_item("__doc__", doc)?;
    Ok(body)
}

fn make<'py>(
    py: Python<'py>,
    name: &str,
    bases: &[Bound<'py, PyType>],
    body: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyType>> {
    let bases = PyTuple::new(py, bases)?;
    let class = py.get_type::<PyType>().call1((name, bases, body))?;
    Ok(class.cast_into()?)
}

macro_rules! fields {
    ($($from:ty => $variant:ident,)*) => { $(
        impl From<$from> for Field {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )* };
}

fields! {
    &str => Text,
    String => Text,
    u16 => Number,
    u32 => Number,
    u64 => Number,
    Duration => Span,
    SystemTime => Moment,
    PathBuf => Path,
}

const BASE_DOC: &str = "What civitai_rs raises. `kind` is the word of the command line's `error.kind`; the other fields are None where they do not apply.";

/// What every exception has, if only as `None`; `kind` comes on top.
const FIELDS: &[&str] = &[
    "hint",
    "retry_after",
    "url",
    "status",
    "attempts",
    "until",
    "model_id",
    "version_id",
    "file_id",
    "path",
];

macro_rules! classes {
    ($($kind:literal $name:literal $($builtin:ident)? $doc:literal,)*) => {
        &[$( Class {
            kind: $kind,
            name: $name,
            builtin: [$( Some::<fn(Python<'_>) -> Bound<'_, PyType>>(|py| py.get_type::<$builtin>()), )? None][0],
            doc: $doc,
        }, )*]
    };
}

static CLASSES: &[Class] = classes! {
    "usage" "UsageError" PyValueError "An argument, a link or a setting that cannot be right.",
    "unsupported" "UnsupportedError" PyNotImplementedError "Civitai's public API has no way to do this.",
    "deep_paging" "DeepPagingError" PyValueError "The site serves no pages that deep.",
    "login_required" "LoginRequiredError" PyPermissionError "Only signed-in users may do this, and there is no token.",
    "bad_token" "BadTokenError" PyPermissionError "The site does not accept the token.",
    "downloads_disabled" "DownloadsDisabledError" PyPermissionError "The creator allows no downloads.",
    "early_access" "EarlyAccessError" PyPermissionError "The version must be bought; `until` says when it becomes free.",
    "no_access" "NoAccessError" PyPermissionError "This user, or anybody from this address, may not have it.",
    "region_blocked" "RegionBlockedError" PyPermissionError "The site does not serve this region.",
    "not_found" "NotFoundError" PyFileNotFoundError "No such thing, or not for the public.",
    "archived" "ArchivedError" PyFileNotFoundError "The model is archived: it can be looked at and not downloaded.",
    "storage_outage" "StorageOutageError" PyConnectionError "The file exists, and the site cannot reach its storage at present.",
    "server" "ServerError" PyConnectionError "The site failed, or answered with something that is no answer.",
    "network" "NetworkError" PyConnectionError "The connection failed or broke.",
    "timeout" "TimedOutError" PyTimeoutError "The answer took too long.",
    "quota" "QuotaError" "The daily download quota is used up.",
    "rate_limited" "RateLimitedError" "The site asks to slow down; `retry_after` says how long.",
    "integrity" "IntegrityError" "The bytes are not what was promised.",
    "unverified" "UnverifiedError" "Nothing was promised that the bytes could be held against.",
    "no_space" "NoSpaceError" PyOSError "The disk or a quota of it is full.",
    "io" "LocalError" PyOSError "This machine could not read or write.",
    "locked" "LockedError" PyBlockingIOError "Another process works on it.",
    "unsafe_content" "UnsafeContentError" "A file that could do harm, or cannot be judged.",
    "unsafe_address" "UnsafeAddressError" "An address that is refused; nothing was sent to it.",
    "policy" "PolicyError" "Refused by the user's policy.",
    "interrupted" "StoppedError" PyInterruptedError "Stopped before it was done; what there is can be resumed.",
    "internal" "InternalError" "A bug here, or an answer nobody has seen before.",
};
