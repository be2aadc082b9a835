//! What verbs tell, as frozen classes: each holds the JSON line that the command line prints for the same thing, and gives
//! its fields in Python's types.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;
use std::time::Duration;

use civitai_api::Timestamp;
use pyo3::IntoPyObjectExt as _;
use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;
use serde_json::{Map, Value};

use crate::give::Give as _;
use crate::table::Table;
use crate::take;

/// The fields of one line.
pub(crate) type Line = Map<String, Value>;

/// A class whose objects are rows of a table.
pub(crate) trait Row {
    /// Name, key of the line, and kind of each column.
    const COLUMNS: &'static [(&'static str, &'static str, Kind)];

    fn line(&self) -> &Line;
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
#[expect(non_camel_case_types, reason = "the words of the table below")]
pub(crate) enum Kind {
    findings,
    flag,
    json,
    moment,
    number,
    path,
    real,
    text,
    texts,
}

/// Objects that Python gets as `Rows`: a list that is a table, too.
pub(crate) struct Rows<T>(pub(crate) Vec<T>);

impl<'py, T> IntoPyObject<'py> for Rows<T>
where
    T: PyClass + IntoPyObject<'py>,
{
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        static ROWS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let rows = PyList::new(py, self.0)?;
        let class = ROWS.import(py, "civitai_rs._rows", "Rows")?;
        class.call1((py.get_type::<T>(), rows))
    }
}

impl<T> FromIterator<T> for Rows<T> {
    fn from_iter<I: IntoIterator<Item = T>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

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

            /// Makes a table of objects of this class: what `Rows` calls.
            #[staticmethod]
            fn _table(rows: Vec<PyRef<'_, Self>>) -> PyResult<Table> {
                let rows: Vec<&Self> = rows.iter().map(|row| &**row).collect();
                Table::of_rows(&rows)
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

        impl Row for $name {
            const COLUMNS: &'static [(&'static str, &'static str, Kind)] =
                &[$( (stringify!($field), $key, Kind::$kind), )*];

            fn line(&self) -> &Line {
                &self.0
            }
        }
    )* };
}

lines! {
    /// What is going to be done about a file.
    Planned "planned" {
        path path "path", action text "action", name text "name", bytes number "bytes", link text "link",
        model_id number "modelId", version_id number "versionId", file_id number "fileId", sha256 text "sha256",
    }

    /// How far a file is.
    Progress "progress" {
        path path "path", bytes number "bytes", total number "total", connections number "connections", link text "link",
        file_id number "fileId",
    }

    /// A file of the library.
    Entry "entry" {
        path path "path", bytes number "bytes", sha256 text "sha256", model_id number "modelId",
        version_id number "versionId", file_id number "fileId", model_type text "modelType", base_model text "baseModel",
        matched_by text "matchedBy", missing flag "missing",
    }

    /// How a file of the library stands.
    Checked "verify" {
        path path "path", status text "status", ranges json "ranges",
    }

    /// What became of a file that was to be repaired.
    Repaired "repair" {
        path path "path", status text "status", fetched_bytes number "fetchedBytes", ranges json "ranges",
        problem text "problem",
    }

    /// A newer version of a model of the library.
    Update "update" {
        path path "path", version_id number "versionId", new_version_id number "newVersionId",
        new_version_name text "newVersionName", reason text "reason",
    }

    /// What a scan of the library has brought.
    Scanned "summary" {
        count number "count", added number "new", changed number "changed", moved number "moved", missing number "missing",
        back number "back", unchanged number "unchanged", hashed number "hashed", bytes number "bytes", asked number "asked",
        matched number "matched", by_sidecar number "bySidecar", problems texts "problems",
    }

    /// A file of a lock, and what changed about it.
    Locked "locked" {
        path path "path", change text "change", link text "link", name text "name", bytes number "bytes",
        model_id number "modelId", version_id number "versionId", file_id number "fileId", sha256 text "sha256",
        blake3 text "blake3", model_type text "modelType", base_model text "baseModel", licence json "licence",
        real_person flag "realPerson", present flag "present", problem text "problem",
    }

    /// What a file is, by its header alone.
    Identity "identity" {
        path path "path", model_type text "modelType", base_model text "baseModel", family text "family",
        confidence real "confidence", format text "format", evidence texts "evidence",
    }

    /// The digests of a file, in Civitai's spelling.
    FileHashes "hashes" {
        path path "path", bytes number "bytes", sha256 text "SHA256", blake3 text "BLAKE3", crc32 text "CRC32",
        auto_v1 text "AutoV1", auto_v2 text "AutoV2", auto_v3 text "AutoV3", auto_v3_full text "AutoV3Full",
    }

    /// What a file could do.
    Scan "scan" {
        path path "path", verdict text "verdict", findings findings "findings",
    }

    /// One thing found in a file.
    Finding "finding" {
        rule text "rule", member text "member", offset number "offset", detail text "detail",
        callable text "callable",
    }

    /// A model that a workflow uses.
    Reference "reference" {
        name text "name", kind text "kind", status text "status", path path "path", node text "node",
        hash text "hash", version_id number "versionId", link text "link", candidates json "candidates",
    }

    /// Something that was done to a library, and can be undone.
    Operation "operation" {
        id number "id", verb text "verb", paths texts "paths", undoable flag "undoable",
    }

    /// Files that are alike.
    Duplicate "duplicate" {
        paths texts "paths", bytes number "bytes",
    }

    /// A file in quarantine.
    Held "quarantined" {
        id number "id", path path "path", bytes number "bytes", reason text "reason",
    }

    /// What an operation has put aside.
    Trashed "trash" {
        id number "id", verb text "verb", files number "files", bytes number "bytes", since moment "since",
    }

    /// A key that files are encrypted to.
    Key "key" {
        id text "id", kind text "kind", state text "state", name text "name", place text "place", bits number "bits",
        created moment "created",
    }

    /// What a rotation of keys has brought.
    Rotated "summary" {
        finished flag "finished", rewrapped number "rewrapped", already number "already", failed number "failed",
        others number "others", problems texts "problems",
    }

    /// What stands beside a model that is no more.
    Orphan "orphan" {
        path path "path", kind text "kind",
    }

    /// Where a layout would put a file.
    Placement "placement" {
        path path "path", target path "target",
    }

    /// A copy of the catalogue.
    Backup "backup" {
        path path "path", made moment "made", reason text "reason", bytes number "bytes",
    }

    /// A file that was encrypted or decrypted.
    Sealed "sealed" {
        path path "path", output path "output", level text "level",
    }
}

/// Kinds of fields whose form in Python follows from the JSON.
macro_rules! as_they_are {
    ($($kind:ident)*) => { $(
        fn $kind<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
            value.give(py)
        }
    )* };
}

as_they_are! { flag json number real text texts }

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
