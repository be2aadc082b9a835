//! What verbs tell, as frozen classes: each holds the JSON line that the command line prints for the same thing, and gives
//! its fields in Python's types.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::time::Duration;

use civitai_api::Timestamp;
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use serde_json::{Map, Value};

use crate::give::Give as _;
use crate::take;

/// The fields of one line.
pub(crate) type Line = Map<String, Value>;

/// Declares the classes: `Name "type" { field kind "key", … }`. The first three fields stand in the representation.
macro_rules! lines {
    ($(
        $(#[$meta:meta])*
        $name:ident $word:literal { $($field:ident $kind:ident $key:literal,)* }
    )*) => { $(
        $(#[$meta])*
        #[pyclass(frozen, eq, module = "civitai_rs")]
        #[derive(Clone, Debug, PartialEq)]
        pub(crate) struct $name(pub(crate) Line);

        #[pymethods]
        impl $name {
            $(
                #[getter]
                fn $field<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                    $kind(py, self.0.get($key).unwrap_or(&Value::Null))
                }
            )*

            /// The `type` of the JSON line.
            #[getter]
            fn r#type(&self) -> &'static str {
                $word
            }

            /// Returns the fields as the command line prints them.
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
                let shown = [$( (stringify!($field), self.$field(py)?) ),*];
                let shown = shown.iter().filter(|(_, value)| !value.is_none()).take(SHOWN);
                let shown = shown.map(|(field, value)| Ok(format!("{field}={}", value.repr()?.to_str()?)));
                let shown: PyResult<Vec<_>> = shown.collect();
                Ok(format!("{}({})", stringify!($name), shown?.join(", ")))
            }

            fn __hash__(&self) -> u64 {
                let mut hasher = DefaultHasher::new();
                self.to_json().hash(&mut hasher);
                hasher.finish()
            }
        }

        impl From<Line> for $name {
            fn from(line: Line) -> Self {
                Self(line)
            }
        }
    )* };
}

lines! {
    /// What is going to be done about a file.
    Planned "planned" {
        path path "path", action plain "action", name plain "name", bytes plain "bytes", link plain "link",
        model_id plain "modelId", version_id plain "versionId", file_id plain "fileId", sha256 plain "sha256",
    }

    /// How far a file is.
    Progress "progress" {
        path path "path", bytes plain "bytes", total plain "total", connections plain "connections", link plain "link",
        file_id plain "fileId",
    }

    /// A file of the library.
    Entry "entry" {
        path path "path", bytes plain "bytes", sha256 plain "sha256", model_id plain "modelId",
        version_id plain "versionId", file_id plain "fileId", model_type plain "modelType", base_model plain "baseModel",
        matched_by plain "matchedBy", missing plain "missing",
    }

    /// How a file of the library stands.
    Checked "verify" {
        path path "path", status plain "status", ranges plain "ranges",
    }

    /// What became of a file that was to be repaired.
    Repaired "repair" {
        path path "path", status plain "status", fetched_bytes plain "fetchedBytes", ranges plain "ranges",
        problem plain "problem",
    }

    /// A newer version of a model of the library.
    Update "update" {
        path path "path", version_id plain "versionId", new_version_id plain "newVersionId",
        new_version_name plain "newVersionName", reason plain "reason",
    }

    /// What a scan of the library has brought.
    Scanned "summary" {
        count plain "count", added plain "new", changed plain "changed", moved plain "moved", missing plain "missing",
        back plain "back", unchanged plain "unchanged", hashed plain "hashed", bytes plain "bytes", asked plain "asked",
        matched plain "matched", by_sidecar plain "bySidecar", problems plain "problems",
    }

    /// A file of a lock, and what changed about it.
    Locked "locked" {
        path path "path", change plain "change", link plain "link", name plain "name", bytes plain "bytes",
        model_id plain "modelId", version_id plain "versionId", file_id plain "fileId", sha256 plain "sha256",
        blake3 plain "blake3", model_type plain "modelType", base_model plain "baseModel", licence plain "licence",
        real_person plain "realPerson", problem plain "problem",
    }

    /// What a file is, by its header alone.
    Identity "identity" {
        path path "path", model_type plain "modelType", base_model plain "baseModel", family plain "family",
        confidence plain "confidence", format plain "format", evidence plain "evidence",
    }

    /// The digests of a file, in Civitai's spelling.
    FileHashes "hashes" {
        path path "path", bytes plain "bytes", sha256 plain "SHA256", blake3 plain "BLAKE3", crc32 plain "CRC32",
        auto_v1 plain "AutoV1", auto_v2 plain "AutoV2", auto_v3 plain "AutoV3", auto_v3_full plain "AutoV3Full",
    }

    /// What a file could do.
    Scan "scan" {
        path path "path", verdict plain "verdict", findings findings "findings",
    }

    /// One thing found in a file.
    Finding "finding" {
        rule plain "rule", member plain "member", offset plain "offset", detail plain "detail",
        callable plain "callable",
    }

    /// A model that a workflow uses.
    Reference "reference" {
        name plain "name", kind plain "kind", status plain "status", path path "path", node plain "node",
        hash plain "hash", version_id plain "versionId", link plain "link", candidates plain "candidates",
    }

    /// Something that was done to a library, and can be undone.
    Operation "operation" {
        id plain "id", verb plain "verb", paths plain "paths", undoable plain "undoable",
    }

    /// Files that are alike.
    Duplicate "duplicate" {
        paths plain "paths", bytes plain "bytes",
    }

    /// A file in quarantine.
    Held "quarantined" {
        id plain "id", path path "path", bytes plain "bytes", reason plain "reason",
    }

    /// What stands beside a model that is no more.
    Orphan "orphan" {
        path path "path", kind plain "kind",
    }

    /// Where a layout would put a file.
    Placement "placement" {
        path path "path", target path "target",
    }

    /// A copy of the catalogue.
    Backup "backup" {
        path path "path", made moment "made", reason plain "reason", bytes plain "bytes",
    }

    /// A file that was encrypted or decrypted.
    Sealed "sealed" {
        path path "path", output path "output", level plain "level",
    }
}

fn plain<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    value.give(py)
}

fn path<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    match value.as_str() {
        Some(text) => PathBuf::from(text).into_bound_py_any(py),
        None => Ok(py.None().into_bound(py)),
    }
}

/// A time, as an aware `datetime`.
fn moment<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    let moment = value
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    moment.give(py)
}

/// Seconds, as a `timedelta`.
pub(crate) fn span<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    let span = value.as_f64().map(Duration::try_from_secs_f64);
    match span {
        Some(Ok(span)) => span.into_bound_py_any(py),
        _ => Ok(py.None().into_bound(py)),
    }
}

fn findings<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    let all = value.as_array().into_iter().flatten();
    let all = all.filter_map(Value::as_object).cloned().map(Finding);
    let all: Vec<Finding> = all.collect();
    all.into_bound_py_any(py)
}

/// As many fields tell two lines apart.
const SHOWN: usize = 3;
