//! What happens to files that are fetched, and what becomes of them.

use std::path::{Path, PathBuf};

use civitai_api::{FileId, ModelId};
use civitai_download::Event;
use civitai_library::catalogue::Origin;
use civitai_library::fetch::{Action, Ended, FetchError, Landed, Told};
use civitai_library::find::Wanted;
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::errors::Failure;
use crate::give::Give as _;
use crate::line::{Line, Planned, Progress, span};

/// What became of a link or of one of its files.
#[pyclass(frozen, module = "civitai_rs")]
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    line: Line,
    pub(crate) failure: Option<Failure>,
}

#[pymethods]
impl Fetched {
    /// The `type` of the JSON line.
    #[getter]
    #[expect(clippy::unused_self, reason = "a property of Python")]
    fn r#type(&self) -> &'static str {
        "file"
    }

    /// Whether the file is in its place.
    #[getter]
    fn ok(&self) -> bool {
        self.failure.is_none()
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let path = self.line.get("path").and_then(Value::as_str);
        path.map(PathBuf::from).into_bound_py_any(py)
    }

    #[getter]
    fn link<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("link").give(py)
    }

    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("status").give(py)
    }

    #[getter]
    fn model_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("modelId").give(py)
    }

    #[getter]
    fn version_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("versionId").give(py)
    }

    #[getter]
    fn file_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("fileId").give(py)
    }

    #[getter]
    fn bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("bytes").give(py)
    }

    #[getter]
    fn fetched_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("fetchedBytes").give(py)
    }

    #[getter]
    fn sha256<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("sha256").give(py)
    }

    #[getter]
    fn verified<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("verified").give(py)
    }

    #[getter]
    fn scan<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("scan").give(py)
    }

    /// Where the bytes are that must not get their name.
    #[getter]
    fn quarantine<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let path = self.line.get("quarantine").and_then(Value::as_str);
        path.map(PathBuf::from).into_bound_py_any(py)
    }

    /// How long it took.
    #[getter]
    fn duration<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        span(py, self.line.get("seconds").unwrap_or(&Value::Null))
    }

    /// Why the file is not in its place.
    #[getter]
    fn error(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let failure = self.failure.clone()?;
        Some(PyErr::from(failure).into_value(py).into_any())
    }

    /// Returns the fields as the command line prints them.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.give(py)
    }

    /// Returns the same as JSON text.
    fn to_json(&self) -> String {
        Value::Object(self.line.clone()).to_string()
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.line == other.line
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (status, path) = (self.status(py)?.repr()?, self.path(py)?.repr()?);
        Ok(format!("Fetched(status={status}, path={path})"))
    }
}

impl Fetched {
    /// What would be done about a file.
    pub(crate) fn planned(mut line: Line) -> Self {
        line.insert("status".into(), "planned".into());
        Self {
            line,
            failure: None,
        }
    }
}

impl From<&Ended> for Fetched {
    fn from(ended: &Ended) -> Self {
        let mut line = of_origin(&ended.link, ended.origin());
        let path = ended.path.as_ref().map(|path| path.to_string_lossy());
        line.insert("path".into(), json!(path));
        let scan = ended
            .judgement
            .as_ref()
            .map(|judged| judged.verdict.as_str());
        line.insert("scan".into(), json!(scan));
        let (status, rest, failure) = match &ended.outcome {
            Ok(Landed::Fetched(fetched)) => (
                fetched.how.to_string(),
                json!({
                    "bytes": fetched.bytes,
                    "fetchedBytes": fetched.fetched_bytes,
                    "sha256": fetched.digests.sha256.map(|digest| digest.to_string()),
                    "verified": fetched.verified.to_string(),
                    "seconds": fetched.elapsed.as_secs_f64(),
                }),
                None,
            ),
            Ok(Landed::Linked(reused)) => (
                "linked".to_owned(),
                json!({
                    "bytes": reused.digests.bytes,
                    "fetchedBytes": 0,
                    "sha256": reused.digests.sha256.map(|digest| digest.to_string()),
                    "verified": "sha256",
                    "linkedTo": reused.from.to_string_lossy(),
                }),
                None,
            ),
            Ok(_) => ("planned".to_owned(), json!({}), None),
            Err(error) => {
                let quarantine = error.quarantined().map(|path| path.to_string_lossy());
                let status = match (error.code(), &quarantine) {
                    ("interrupted", _) => "interrupted",
                    (_, Some(_)) => "quarantined",
                    _ => "failed",
                };
                let failure = failure(error, ended);
                let told = json!({ "quarantine": quarantine, "error": failure.to_json() });
                (status.to_owned(), told, Some(failure))
            }
        };
        line.insert("status".into(), status.into());
        if let Value::Object(rest) = rest {
            line.extend(rest);
        }
        Self { line, failure }
    }
}

fn failure(error: &FetchError, ended: &Ended) -> Failure {
    let id = |id: Option<u32>| id;
    Failure::from(error)
        .with(
            "model_id",
            id(ended.origin().and_then(|of| of.model).map(ModelId::get)),
        )
        .with("version_id", id(ended.origin().map(|of| of.version.get())))
        .with(
            "file_id",
            id(ended.origin().and_then(|of| of.file).map(FileId::get)),
        )
        .with("path", ended.path.clone())
}

fn of_origin(text: &str, origin: Option<Origin>) -> Line {
    let mut line = Line::new();
    line.insert("link".into(), text.into());
    let model = origin.and_then(|origin| origin.model);
    let file = origin.and_then(|origin| origin.file);
    line.insert("modelId".into(), json!(model.map(ModelId::get)));
    line.insert(
        "versionId".into(),
        json!(origin.map(|origin| origin.version.get())),
    );
    line.insert("fileId".into(), json!(file.map(FileId::get)));
    line
}

/// One thing that happened, on its way to Python.
#[derive(Clone, Debug, IntoPyObject)]
pub(crate) enum Happened {
    Planned(Planned),
    Progress(Progress),
    Ended(Fetched),
}

impl Happened {
    pub(crate) fn of(told: Told) -> Option<Self> {
        Some(match told {
            Told::Planned {
                file,
                place,
                action,
            } => Self::Planned(planned(&file, &place, action).into()),
            Told::Ended(ended) => Self::Ended(Fetched::from(&*ended)),
            _ => return None,
        })
    }

    /// What an event of the transfer of a file to a place says of how far it is, if it does.
    pub(crate) fn of_transfer(file: &Wanted, place: &Path, event: Event) -> Option<Self> {
        let Event::Progress {
            bytes,
            total,
            connections,
        } = event
        else {
            return None;
        };
        let id = file.origin.and_then(|of| of.file).map(FileId::get);
        let mut line = Line::new();
        line.insert("link".into(), file.link.as_str().into());
        line.insert("fileId".into(), json!(id));
        line.insert("path".into(), json!(place.to_string_lossy()));
        line.insert("bytes".into(), json!(bytes));
        line.insert("total".into(), json!(total));
        line.insert("connections".into(), json!(connections));
        Some(Self::Progress(line.into()))
    }
}

fn planned(file: &Wanted, path: &Path, action: Action) -> Line {
    let mut line = of_origin(&file.link, file.origin);
    let name = path.file_name().map(|name| name.to_string_lossy());
    line.insert("name".into(), json!(name));
    line.insert("bytes".into(), json!(file.expected.bytes));
    let sha256 = file.expected.sha256.map(|digest| digest.to_string());
    line.insert("sha256".into(), json!(sha256));
    line.insert("path".into(), json!(path.to_string_lossy()));
    line.insert("action".into(), action.as_str().into());
    if let Some(other) = &file.other {
        line.insert("otherPath".into(), json!(other.to_string_lossy()));
    }
    if let Some(terms) = &file.terms {
        line.insert("licence".into(), terms.licence.to_json().into());
    }
    line
}
