//! The whole catalogue as text, and back: JSON lines, the first of which says what they are.
//!
//! Every row of every table is a line, so what an export holds is what the catalogue holds, whatever tables later
//! versions add. An import builds a database from the lines beside the catalogue, brings it up to date, checks it, and
//! only then merges it in, in one transaction: where both know something, what was asked of the site later counts, and
//! what this machine knows of its own disk stays. Everything here blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufWriter, Read as _, Write};
use std::path::Path;

use civitai_api::{FileId, ModelId};
use civitai_download::disk;
use rusqlite::types::{Value as Sql, ValueRef};
use rusqlite::{Connection, params_from_iter};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::backup::{self, Desk, Reason};
use crate::catalogue::{self, Catalogue};

/// Why a text could not be taken in. The catalogue is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No copy could be made of what there was.
    #[error(transparent)]
    Backup(#[from] backup::Error),
    /// The catalogue cannot be read or written.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// The text cannot be read, or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is not one of an export.
    #[error("line {line}: {problem}")]
    Line {
        /// Which, counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: Problem,
    },
    /// What the lines make is no catalogue that could be used.
    #[error("what was exported is not whole: {}", problems.join("; "))]
    Unsound {
        /// What is wrong with it.
        problems: Vec<String>,
    },
}

impl Error {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Backup(error) => error.code(),
            Self::Catalogue(error) => error.code(),
            Self::Io(error) => disk::code_of(error),
            Self::Line { .. } | Self::Unsound { .. } => "usage",
        }
    }
}

/// What is wrong with a line.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is no JSON of the expected form.
    #[error("not a line of an export: {what}")]
    Form {
        /// What the reader says.
        what: String,
    },
    /// The first line must say what the text is.
    #[error("the text does not begin like an export")]
    NoBeginning,
    /// It was written by a later version of this program.
    #[error("written by a newer version of this program (schema {found}, known up to {known})")]
    Newer {
        /// The version of its tables.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// The text ends before its last line.
    #[error("the text is cut off: {missing} rows are missing")]
    Short {
        /// How many.
        missing: u64,
    },
    /// It is longer than any row can be.
    #[error("longer than {limit_bytes} bytes")]
    TooLong {
        /// The limit.
        limit_bytes: u64,
    },
    /// There is no such table, or it has no such column.
    #[error("there is no {name} in this catalogue")]
    Unknown {
        /// The table, or the column.
        name: String,
    },
    /// The database does not take the row.
    #[error("{what}")]
    Row {
        /// What it says.
        what: String,
    },
}

/// What the catalogue is written as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Everything, as [`import`] reads it: [`export`].
    Lines,
    /// The files of the library, for other programs: [`table`].
    Csv,
}

impl Form {
    /// The names of the forms.
    pub const NAMES: &[&str] = &["jsonl", "csv"];

    /// The form of a name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "csv" => Some(Self::Csv),
            "jsonl" => Some(Self::Lines),
            _ => None,
        }
    }

    /// Writes the catalogue in this form, and returns how many rows that was.
    pub fn write(self, catalogue: &Catalogue, out: &mut impl Write) -> Result<u64, Error> {
        match self {
            Self::Csv => table(catalogue, out),
            Self::Lines => export(catalogue, out),
        }
    }

    /// Writes it to a file, which is there when all of it is on the disk, and returns how many rows that was.
    pub fn save(self, catalogue: &Catalogue, path: &Path) -> Result<u64, Error> {
        let directory = disk::parent(path);
        let mut draft = tempfile::NamedTempFile::new_in(directory)?;
        let rows = self.write(catalogue, &mut BufWriter::new(&mut draft))?;
        draft.as_file().sync_all()?;
        draft.persist(path).map_err(|error| error.error)?;
        disk::sync_dir(directory)?;
        Ok(rows)
    }
}

/// Writes everything that the catalogue holds, and returns how many rows that was.
pub fn export(catalogue: &Catalogue, out: &mut impl Write) -> Result<u64, Error> {
    let mut rows = 0;
    // One transaction sees one moment, whoever writes meanwhile.
    catalogue.snapshot_read(|connection| {
        let tables = catalogue::tables(connection)?;
        let mut count = 0;
        for table in &tables {
            let sql = format!("SELECT count(*) FROM \"{table}\"");
            count += connection.query_row(&sql, [], |row| row.get::<_, i64>(0))?;
        }
        let beginning = Beginning {
            kind: KIND.to_owned(),
            schema: 1,
            version: catalogue::version(connection)?,
            rows: count.cast_unsigned(),
        };
        line(out, &json!(beginning))?;
        for table in &tables {
            rows += export_table(connection, table, out)?;
        }
        Ok(())
    })?;
    out.flush()?;
    Ok(rows)
}

/// Writes a table of the files of the library, as comma-separated values under a head, and returns how many there are.
/// This is for other programs; [`import`] does not read it.
pub fn table(catalogue: &Catalogue, out: &mut impl Write) -> Result<u64, Error> {
    let mut rows = 0;
    csv(out, COLUMNS.map(str::to_owned))?;
    for entry in catalogue.entries()? {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let origin = entry.matched.map(|matched| matched.origin);
        let described = entry.described.clone().unwrap_or_default();
        let sha256 = entry.digests.as_ref().and_then(|digests| digests.sha256);
        let model = origin.and_then(|of| of.model).map(ModelId::get);
        let version = origin.map(|of| of.version.get());
        let file = origin.and_then(|of| of.file).map(FileId::get);
        csv(
            out,
            [
                entry.path.clone(),
                entry.stamp.bytes.to_string(),
                sha256.map(|digest| digest.to_string()).unwrap_or_default(),
                number(model).unwrap_or_default(),
                number(version).unwrap_or_default(),
                number(file).unwrap_or_default(),
                text(entry.model_type()),
                text(entry.base_model()),
                text(described.model.as_deref()),
                text(described.version.as_deref()),
                text(described.creator.as_deref()),
            ],
        )?;
        rows += 1;
    }
    out.flush()?;
    Ok(rows)
}

/// A line of RFC 4180.
fn csv(out: &mut impl Write, fields: [String; COLUMNS.len()]) -> io::Result<()> {
    let quoted = fields.map(|field| {
        if field.contains([',', '"', '\n', '\r']) {
            format!("\"{}\"", field.replace('"', "\"\""))
        } else {
            field
        }
    });
    out.write_all(quoted.join(",").as_bytes())?;
    out.write_all(b"\r\n")
}

const COLUMNS: [&str; 11] = [
    "path",
    "bytes",
    "sha256",
    "modelId",
    "versionId",
    "fileId",
    "modelType",
    "baseModel",
    "model",
    "version",
    "creator",
];

/// Takes in what [`export`] has written, and returns how many rows that was. A copy of what there was is kept.
pub fn import(library: &crate::Library, text: &mut impl BufRead) -> Result<u64, Error> {
    if let Some(before) = library.catalogue_if_there()? {
        backup::make(&before, &library.data_dir, Reason::Safety, backup::KEEP)?;
    }
    let catalogue = library.catalogue()?;
    let desk = Desk::of(&library.data_dir)?;
    let taken = take_in(catalogue, &desk.draft(), text);
    desk.clear()?;
    taken
}

fn take_in(catalogue: Catalogue, draft: &Path, text: &mut impl BufRead) -> Result<u64, Error> {
    let rows = build(draft, text)?;
    let problems = catalogue::problems_of(draft)?;
    if !problems.is_empty() {
        return Err(Error::Unsound { problems });
    }
    catalogue.merge(draft)?;
    Ok(rows)
}

#[derive(Debug, Deserialize, Serialize)]
struct Beginning {
    #[serde(rename = "type")]
    kind: String,
    schema: u32,
    /// The version of the tables.
    version: u32,
    rows: u64,
}

#[derive(Debug, Deserialize)]
struct Row {
    table: String,
    values: Map<String, Value>,
}

fn line(out: &mut impl Write, value: &Value) -> io::Result<()> {
    out.write_all(value.to_string().as_bytes())?;
    out.write_all(b"\n")
}

fn export_table(
    connection: &Connection,
    table: &str,
    out: &mut impl Write,
) -> Result<u64, catalogue::Fault> {
    let mut select = connection.prepare(&format!("SELECT * FROM \"{table}\""))?;
    let columns: Vec<String> = select
        .column_names()
        .into_iter()
        .map(str::to_owned)
        .collect();
    let mut rows = select.query([])?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let mut values = Map::new();
        for (index, column) in columns.iter().enumerate() {
            values.insert(column.clone(), to_json(row.get_ref(index)?));
        }
        line(
            out,
            &json!({ "type": "row", "schema": 1, "table": table, "values": values }),
        )?;
        count += 1;
    }
    Ok(count)
}

fn to_json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => json!({ "real": number }),
        ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
        ValueRef::Blob(bytes) => {
            json!({ "hex": hex(bytes) })
        }
    }
}

fn to_sql(value: Value) -> Option<Sql> {
    Some(match value {
        Value::Null => Sql::Null,
        Value::Bool(truth) => Sql::Integer(truth.into()),
        Value::Number(number) => Sql::Integer(number.as_i64()?),
        Value::String(text) => Sql::Text(text),
        Value::Array(_) => return None,
        Value::Object(fields) => match (fields.get("hex"), fields.get("real")) {
            (Some(Value::String(hex)), None) => Sql::Blob(unhex(hex)?),
            (None, Some(number)) => Sql::Real(number.as_f64()?),
            _ => return None,
        },
    })
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("half a byte is a digit");
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    digits.collect()
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16);
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(value(*high)? << 4 | value(*low)?).ok(),
            _ => None,
        })
        .collect()
}

/// Makes a database of the lines, with the tables of the version that wrote them, and brings it up to date.
fn build(draft: &Path, text: &mut impl BufRead) -> Result<u64, Error> {
    let mut lines = Lines { text, number: 0 };
    let beginning: Beginning = match lines.next()? {
        Some(line) => serde_json::from_str(&line).map_err(|_| lines.bad(Problem::NoBeginning))?,
        None => return Err(lines.bad(Problem::NoBeginning)),
    };
    if beginning.kind != KIND || beginning.version == 0 {
        return Err(lines.bad(Problem::NoBeginning));
    }
    let known = catalogue::LATEST;
    if beginning.version > known {
        let found = beginning.version;
        return Err(lines.bad(Problem::Newer { found, known }));
    }
    let store = |source| Error::Catalogue(catalogue::Error::store(draft, source));
    let mut connection = catalogue::blank(draft, beginning.version)?;
    let transaction = connection.transaction().map_err(store)?;
    let columns = columns(&transaction).map_err(store)?;
    let mut rows = 0;
    while let Some(line) = lines.next()? {
        let row = serde_json::from_str(&line).map_err(|error| {
            let what = error.to_string();
            lines.bad(Problem::Form { what })
        })?;
        insert(&transaction, &columns, row).map_err(|refusal| match refusal {
            Refusal::Row(problem) => lines.bad(problem),
            Refusal::Store(source) => store(source),
        })?;
        rows += 1;
    }
    if rows < beginning.rows {
        let missing = beginning.rows - rows;
        return Err(lines.bad(Problem::Short { missing }));
    }
    transaction.commit().map_err(store)?;
    catalogue::bring_up_to_date(connection, draft)?;
    Ok(rows)
}

/// Why a row did not get in: its own fault, or the database's.
enum Refusal {
    Row(Problem),
    Store(rusqlite::Error),
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Row(problem)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{ConstraintViolation, TooBig, TypeMismatch};
        match error.sqlite_error_code() {
            Some(ConstraintViolation | TooBig | TypeMismatch) => Self::Row(Problem::Row {
                what: error.to_string(),
            }),
            _ => Self::Store(error),
        }
    }
}

fn insert(
    connection: &Connection,
    columns: &BTreeMap<String, BTreeSet<String>>,
    row: Row,
) -> Result<(), Refusal> {
    let unknown = |name: &str| Problem::Unknown {
        name: name.to_owned(),
    };
    let known = columns.get(&row.table).ok_or_else(|| unknown(&row.table))?;
    let mut names = Vec::new();
    let mut values = Vec::new();
    for (name, value) in row.values {
        if !known.contains(&name) {
            return Err(unknown(&format!("{}.{name}", row.table)).into());
        }
        let value = to_sql(value).ok_or_else(|| Problem::Form {
            what: format!("{name} has no value of a database"),
        })?;
        names.push(format!("\"{name}\""));
        values.push(value);
    }
    let places = vec!["?"; names.len()].join(", ");
    let sql = format!(
        "INSERT INTO \"{}\" ({}) VALUES ({places})",
        row.table,
        names.join(", ")
    );
    connection
        .prepare_cached(&sql)?
        .execute(params_from_iter(values))?;
    Ok(())
}

fn columns(connection: &Connection) -> rusqlite::Result<BTreeMap<String, BTreeSet<String>>> {
    let mut all = BTreeMap::new();
    for table in catalogue::tables(connection)? {
        let mut select = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
        let names = select.query_map([&table], |row| row.get(0))?;
        all.insert(table.clone(), names.collect::<Result<_, _>>()?);
    }
    Ok(all)
}

/// The lines of a text, none of them longer than a row can be.
struct Lines<'a, R> {
    text: &'a mut R,
    number: usize,
}

impl<R: BufRead> Lines<'_, R> {
    fn next(&mut self) -> Result<Option<String>, Error> {
        loop {
            let mut line = String::new();
            self.number += 1;
            let read = self.text.take(LONGEST_BYTES).read_line(&mut line)?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 == LONGEST_BYTES && !line.ends_with('\n') {
                let limit_bytes = LONGEST_BYTES;
                return Err(self.bad(Problem::TooLong { limit_bytes }));
            }
            if !line.trim().is_empty() {
                return Ok(Some(line));
            }
        }
    }

    fn bad(&self, problem: Problem) -> Error {
        Error::Line {
            line: self.number,
            problem,
        }
    }
}

const KIND: &str = "catalogue";
/// A snapshot of the largest answer of the site, as hex.
const LONGEST_BYTES: u64 = 64 << 20;
