//! Our own TOML files: closed tables, and errors that name the file and the line.

use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use civitai_download::disk;
use toml_edit::{Document, InlineTable, Item, Table, TableLike, TomlError, Value};

/// Why a file of ours cannot be used. The file itself is left as it is.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {problem}", path.display(), Line(*line))]
pub struct BadFile {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from one, where one is to blame.
    pub line: Option<usize>,
    /// What is wrong there.
    pub problem: Box<Problem>,
}

/// What is wrong with a file of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Two keys of which only one can hold.
    #[error("`{first}` and `{second}` exclude each other")]
    Clash {
        /// One of them.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// A merge left its marks.
    #[error("there are marks of an unfinished merge")]
    Conflict,
    /// A key that must be there is not.
    #[error("`{key}` is missing in {table}")]
    Missing {
        /// The table.
        table: &'static str,
        /// The key.
        key: &'static str,
    },
    /// It was written by a later version of this program.
    #[error("it has format {found}, and this version knows only {known}")]
    NewerFormat {
        /// The format of the file.
        found: i64,
        /// The newest known one.
        known: i64,
    },
    /// It is not text.
    #[error("it is not UTF-8")]
    NotText,
    /// It is not TOML.
    #[error("it is not TOML: {message}")]
    Syntax {
        /// What the parser says.
        message: String,
    },
    /// It is larger than anything useful.
    #[error("it has more than {limit} bytes")]
    TooLarge {
        /// The most bytes that are read.
        limit: u64,
    },
    /// The same path stands there twice.
    #[error("`{path}` stands there twice, perhaps in another spelling")]
    Twice {
        /// The path.
        path: String,
    },
    /// A key nobody knows.
    #[error("{table} has no key `{key}`{}", Nearest(*nearest))]
    UnknownKey {
        /// The table.
        table: &'static str,
        /// The key.
        key: String,
        /// A known one that looks like it.
        nearest: Option<&'static str>,
    },
    /// A value that cannot be meant.
    #[error("`{key}` must be {wanted}, not {given}")]
    Value {
        /// The key.
        key: &'static str,
        /// What it can be.
        wanted: &'static str,
        /// What it is, cut to a length that can be read.
        given: String,
    },
}

struct Line(Option<usize>);

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(line) => write!(f, ", line {line}"),
            None => Ok(()),
        }
    }
}

struct Nearest(Option<&'static str>);

impl std::fmt::Display for Nearest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(nearest) => write!(f, ", did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}

/// Why a file of ours could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It says something that cannot be used.
    #[error(transparent)]
    Bad(#[from] BadFile),
    /// The system does not let us.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ReadError {
    /// The kind as one word, the same as in the JSON lines of the command line. What is wrong in a file is for the user to
    /// mend.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io(error) if error.kind() != io::ErrorKind::AlreadyExists => disk::code_of(error),
            _ => "usage",
        }
    }
}

/// Returns the text of a file; `None` if there is none.
pub(crate) fn load(path: &Path) -> Result<Option<String>, ReadError> {
    let bad = |line, problem| BadFile {
        path: path.to_owned(),
        line,
        problem: Box::new(problem),
    };
    let file = match fs_err::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(bad(None, Problem::TooLarge { limit: LARGEST }).into());
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|byte| *byte == b'\n').count();
        bad(Some(line), Problem::NotText).into()
    })
}

/// A text and where it is from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'t> {
    pub(crate) path: &'t Path,
    pub(crate) text: &'t str,
}

impl<'t> Source<'t> {
    pub(crate) fn parse(self) -> Result<Document<&'t str>, BadFile> {
        Document::parse(self.text).map_err(|error| self.syntax(&error))
    }

    fn syntax(self, error: &TomlError) -> BadFile {
        let marks = self.text.lines().position(|line| {
            ["<<<<<<< ", ">>>>>>> ", "||||||| "]
                .iter()
                .any(|mark| line.starts_with(mark))
        });
        if let Some(index) = marks {
            return BadFile {
                path: self.path.to_owned(),
                line: Some(index + 1),
                problem: Box::new(Problem::Conflict),
            };
        }
        self.bad(
            error.span(),
            Problem::Syntax {
                message: error.message().to_owned(),
            },
        )
    }

    pub(crate) fn bad(self, span: Option<Range<usize>>, problem: Problem) -> BadFile {
        BadFile {
            path: self.path.to_owned(),
            line: span.map(|span| self.line(span.start)),
            problem: Box::new(problem),
        }
    }

    /// The line of a place in the text, counted from one.
    fn line(self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or(self.text);
        1 + before.matches('\n').count()
    }
}

/// A table whose keys are all known.
pub(crate) struct Fields<'t> {
    source: Source<'t>,
    name: &'static str,
    table: &'t dyn TableLike,
    span: Option<Range<usize>>,
}

impl<'t> Fields<'t> {
    pub(crate) fn of_table(
        source: Source<'t>,
        name: &'static str,
        table: &'t Table,
        known: &[&'static str],
    ) -> Result<Self, BadFile> {
        Self::new(source, name, table, table.span(), known)
    }

    /// A table in whichever form it is written.
    pub(crate) fn of_item(
        source: Source<'t>,
        name: &'static str,
        item: &'t Item,
        known: &[&'static str],
    ) -> Result<Self, BadFile> {
        match item.as_table_like() {
            Some(table) => Self::new(source, name, table, item.span(), known),
            None => Err(source.bad(
                item.span(),
                Problem::Value {
                    key: name,
                    wanted: "a table",
                    given: shown(item),
                },
            )),
        }
    }

    fn of_inline(
        source: Source<'t>,
        name: &'static str,
        table: &'t InlineTable,
        known: &[&'static str],
    ) -> Result<Self, BadFile> {
        Self::new(source, name, table, table.span(), known)
    }

    fn new(
        source: Source<'t>,
        name: &'static str,
        table: &'t dyn TableLike,
        span: Option<Range<usize>>,
        known: &[&'static str],
    ) -> Result<Self, BadFile> {
        for (key, item) in table.iter() {
            if known.contains(&key) {
                continue;
            }
            let at = table.get_key_value(key).and_then(|(key, _)| key.span());
            return Err(source.bad(
                at.or_else(|| item.span()),
                Problem::UnknownKey {
                    table: name,
                    key: key.chars().take(60).collect(),
                    nearest: nearest(key, known),
                },
            ));
        }
        Ok(Self {
            source,
            name,
            table,
            span,
        })
    }

    pub(crate) fn item(&self, key: &'static str) -> Option<&'t Item> {
        self.table.get(key)
    }

    pub(crate) fn text(&self, key: &'static str) -> Result<Option<&'t str>, BadFile> {
        self.read(key, "a text", Item::as_str)
    }

    pub(crate) fn switch(&self, key: &'static str) -> Result<Option<bool>, BadFile> {
        self.read(key, "true or false", Item::as_bool)
    }

    pub(crate) fn integer(&self, key: &'static str) -> Result<Option<i64>, BadFile> {
        self.read(key, "a whole number", Item::as_integer)
    }

    /// A value that a reader takes for good.
    pub(crate) fn read<T>(
        &self,
        key: &'static str,
        wanted: &'static str,
        read: impl FnOnce(&'t Item) -> Option<T>,
    ) -> Result<Option<T>, BadFile> {
        let Some(item) = self.item(key) else {
            return Ok(None);
        };
        read(item)
            .map(Some)
            .ok_or_else(|| self.bad_value(key, wanted))
    }

    /// A number that is an id.
    pub(crate) fn id<T>(
        &self,
        key: &'static str,
        new: impl Fn(u64) -> Option<T>,
    ) -> Result<Option<T>, BadFile> {
        self.read(key, "an id", |item| {
            new(u64::try_from(item.as_integer()?).ok()?)
        })
    }

    pub(crate) fn texts(&self, key: &'static str) -> Result<Option<Vec<&'t str>>, BadFile> {
        self.read(key, "a list of texts", |item| {
            item.as_array()?.iter().map(Value::as_str).collect()
        })
    }

    /// A table within the table.
    pub(crate) fn fields(
        &self,
        key: &'static str,
        known: &[&'static str],
    ) -> Result<Option<Self>, BadFile> {
        self.item(key)
            .map(|item| Self::of_item(self.source, key, item, known))
            .transpose()
    }

    /// A table, or a list of tables.
    pub(crate) fn one_or_more(
        &self,
        key: &'static str,
        known: &[&'static str],
    ) -> Result<Vec<Self>, BadFile> {
        let Some(item) = self.item(key) else {
            return Ok(Vec::new());
        };
        if let Some(array) = item.as_array() {
            let tables = array.iter().map(|value| match value.as_inline_table() {
                Some(table) => Self::of_inline(self.source, key, table, known),
                None => Err(self.bad_value(key, "a table or a list of tables")),
            });
            return tables.collect();
        }
        if let Some(tables) = item.as_array_of_tables() {
            let tables = tables.iter();
            return tables
                .map(|table| Self::of_table(self.source, key, table, known))
                .collect();
        }
        Ok(vec![Self::of_item(self.source, key, item, known)?])
    }

    pub(crate) fn required<T>(&self, key: &'static str, value: Option<T>) -> Result<T, BadFile> {
        value.ok_or_else(|| {
            let table = self.name;
            self.source
                .bad(self.span.clone(), Problem::Missing { table, key })
        })
    }

    pub(crate) fn bad_value(&self, key: &'static str, wanted: &'static str) -> BadFile {
        let given = self.item(key).map_or_else(String::new, shown);
        self.bad(key, Problem::Value { key, wanted, given })
    }

    pub(crate) fn bad(&self, key: &str, problem: Problem) -> BadFile {
        let span = self.table.get(key).and_then(Item::span);
        self.source.bad(span.or_else(|| self.span.clone()), problem)
    }
}

/// The beginning of a value, as it is written.
pub(crate) fn shown(item: &Item) -> String {
    const MOST: usize = 60;
    let kind = match item.as_value() {
        Some(Value::String(text)) => {
            let text: String = text.value().chars().take(MOST).collect();
            return format!("{text:?}");
        }
        Some(Value::Integer(number)) => return number.value().to_string(),
        Some(Value::Boolean(switch)) => return switch.value().to_string(),
        Some(Value::Float(_)) => "a broken number",
        Some(Value::Datetime(_)) => "a date",
        Some(Value::Array(_)) => "a list",
        Some(Value::InlineTable(_)) | None => "a table",
    };
    kind.to_owned()
}

/// The known word nearest to a mistyped one.
pub(crate) fn nearest(given: &str, known: &[&'static str]) -> Option<&'static str> {
    civitai_api::open_enum::nearest(given, known)
}

/// Text of ours in the line ends of the text it replaces: git may have put others there.
pub(crate) fn with_line_ends_of(old: &str, new: String) -> String {
    match old.find('\n') {
        Some(end) if old[..end].ends_with('\r') => new.replace('\n', "\r\n"),
        _ => new,
    }
}

/// A lock of a hundred thousand files.
const LARGEST: u64 = 64 << 20;
