//! The table of layouts: for each architecture the paths and shapes of its modules, as data.
//!
//! `docs/identify.md` describes the form. The built-in table is part of the program; a second one of the same form holds
//! what was learned.

use std::collections::HashMap;
use std::sync::LazyLock;

use civitai_api::{BaseModel, ModelType};
use serde::Deserialize;

use super::kind::Family;
use super::name::{self, Part};

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// It is not the TOML it should be.
    #[error("the table is not sound")]
    Toml(#[from] toml_edit::de::Error),
    /// A line says something that the form does not have.
    #[error("{architecture}: {line:?} is no line of a table")]
    Line {
        /// The entry it stands in.
        architecture: String,
        /// The line.
        line: String,
    },
    /// A word that names nothing.
    #[error("{architecture}: {word:?} is no {what}")]
    Word {
        /// The entry it stands in.
        architecture: String,
        /// What it should name.
        what: &'static str,
        /// The word.
        word: String,
    },
}

/// Layouts of architectures, marks of kinds, and rules for base models.
#[derive(Debug, Default)]
pub struct Table {
    pub(super) architectures: Vec<Architecture>,
    pub(super) marks: Vec<Mark>,
    pub(super) bases: Vec<BaseRule>,
    pub(super) notes: Vec<Note>,
    pub(super) hints: Vec<Hint>,
    /// For each path the lines that have it.
    index: HashMap<String, Vec<(usize, usize)>>,
}

/// The layout of one architecture in one spelling.
#[derive(Debug)]
pub(super) struct Architecture {
    /// Its name in evidence: `flux1, original names`.
    pub(super) id: String,
    /// Its family; `None` for a part that several families share.
    pub(super) family: Option<Family>,
    /// Where in a model it stands.
    pub(super) role: Role,
    /// What a file with nothing but this is.
    pub(super) model_type: ModelType,
    /// A finer word for what it is.
    pub(super) kind: Option<Box<str>>,
    /// How much more common than others it is, as a cost: negative is common.
    pub(super) cost: f64,
    /// The sizes it comes in; one without a name where there is only one.
    pub(super) sizes: Vec<Size>,
    /// The lines of modules.
    pub(super) lines: Vec<Line>,
    /// Beginnings of paths of which an adapter nearly always changes some.
    pub(super) expects: Vec<String>,
    /// The most that an answer by this layout can be trusted: 1 where it is built in.
    pub(super) trust: f64,
}

/// One of the sizes of an architecture.
#[derive(Debug, Default)]
pub(super) struct Size {
    /// Its name in evidence.
    pub(super) name: Box<str>,
    /// The base model that has it, where it is one.
    pub(super) base: Option<BaseModel>,
}

/// Where in a model an architecture stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Role {
    /// The denoiser.
    Diffusion,
    /// The autoencoder.
    Vae,
    /// A text encoder.
    Text,
    /// Something that only comes as a file of its own.
    Whole,
}

/// The modules of one path.
#[derive(Debug)]
pub(super) struct Line {
    /// The path with `#` for every number.
    pub(super) path: String,
    /// For each number of the path the values it can have; empty for any.
    pub(super) numbers: Vec<Vec<(u32, u32)>>,
    /// The shape for each size, or once for all; empty where it does not matter.
    pub(super) shape: Vec<Side>,
}

/// One side of a shape.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Whatever it is.
    Any,
    /// One value for all sizes, or one for each.
    Is(Vec<u64>),
}

/// Paths that tell what kind of file this is, whatever else is in it.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) model_type: ModelType,
    pub(super) kind: Box<str>,
    pub(super) family: Option<Family>,
    /// Any of these is enough.
    pub(super) any: Vec<Finder>,
    /// Where one of these is there, it is not that.
    pub(super) lacks: Vec<Finder>,
    /// How sure the mark alone makes.
    pub(super) trust: f64,
}

/// A base model and what must hold for it; the first rule that holds decides.
#[derive(Debug)]
pub(super) struct BaseRule {
    pub(super) family: Family,
    /// `None`: cannot be told.
    pub(super) base: Option<BaseModel>,
    pub(super) has: Vec<Finder>,
    pub(super) lacks: Vec<Finder>,
    /// Names of architectures of which one must be the best.
    pub(super) architecture: Vec<String>,
    pub(super) size: Option<String>,
    pub(super) note: Option<String>,
}

/// Text of the metadata, or of a folder's configuration, that names a model.
#[derive(Debug)]
pub(super) struct Note {
    /// Keys that carry it.
    pub(super) keys: Vec<String>,
    /// What the value contains, in lower case.
    pub(super) contains: String,
    pub(super) family: Option<Family>,
    pub(super) base: Option<BaseModel>,
    pub(super) model_type: Option<ModelType>,
}

/// Something beside the denoiser that speaks for a family.
#[derive(Debug)]
pub(super) struct Hint {
    pub(super) family: Family,
    pub(super) part: Part,
    pub(super) any: Vec<Finder>,
    /// How many times more likely it makes the family.
    pub(super) weight: f64,
}

/// A path or, with `*` at its end, the beginning of one.
#[derive(Debug)]
pub(super) struct Finder {
    line: Line,
    is_open: bool,
    /// What was written.
    pub(super) text: String,
}

impl Finder {
    /// Whether a module at `path` with `numbers` and `shape` is meant.
    pub(super) fn finds(&self, path: &str, numbers: &[u32], shape: Option<&[u64]>) -> bool {
        let here = if self.is_open {
            path.starts_with(&self.line.path)
        } else {
            path == self.line.path
        };
        here && self.line.fits_numbers(numbers)
            && (self.line.shape.is_empty()
                || shape.is_some_and(|shape| self.line.fits_shape(shape, 0)))
    }

    /// The same, where a shape that is not recorded counts as the one that is asked for.
    pub(super) fn may_find(&self, path: &str, numbers: &[u32], shape: Option<&[u64]>) -> bool {
        match shape {
            Some(_) => self.finds(path, numbers, shape),
            None => path == self.line.path && self.line.fits_numbers(numbers),
        }
    }
}

impl Line {
    /// Whether the numbers of a path are among those of this line; further numbers are not asked.
    pub(super) fn fits_numbers(&self, numbers: &[u32]) -> bool {
        self.numbers.len() <= numbers.len()
            && self.numbers.iter().zip(numbers).all(|(ranges, number)| {
                ranges.is_empty()
                    || ranges
                        .iter()
                        .any(|(low, high)| (low..=high).contains(&number))
            })
    }

    /// Whether a module of `shape` is this one in the size at `size`.
    pub(super) fn fits_shape(&self, shape: &[u64], size: usize) -> bool {
        shape.len() == self.shape.len()
            && self.shape.iter().zip(shape).all(|(side, has)| match side {
                Side::Any => true,
                Side::Is(values) => values.get(size).or_else(|| values.last()) == Some(has),
            })
    }
}

impl Table {
    /// The table that is part of this program.
    pub fn builtin() -> &'static Self {
        static TABLE: LazyLock<Table> = LazyLock::new(|| {
            let mut table = Table::default();
            for text in [
                include_str!("table/denoisers.toml"),
                include_str!("table/components.toml"),
                include_str!("table/rules.toml"),
            ] {
                table.add(text).expect("the tests read the built-in table");
            }
            table
        });
        &TABLE
    }

    /// Adds the entries of a table in TOML.
    ///
    /// # Errors
    /// [`TableError`] names the entry and the line that is not understood.
    pub fn add(&mut self, text: &str) -> Result<(), TableError> {
        let written: Written = toml_edit::de::from_str(text)?;
        for entry in written.architecture {
            let entry = entry.read()?;
            self.push(entry);
        }
        for mark in written.mark {
            self.marks.push(mark.read()?);
        }
        for rule in written.base {
            self.bases.push(rule.read()?);
        }
        for note in written.note {
            self.notes.push(note.read()?);
        }
        for hint in written.hint {
            self.hints.push(hint.read()?);
        }
        Ok(())
    }

    pub(super) fn push(&mut self, architecture: Architecture) {
        let at = self.architectures.len();
        for (line, entry) in architecture.lines.iter().enumerate() {
            self.index
                .entry(entry.path.clone())
                .or_default()
                .push((at, line));
        }
        self.architectures.push(architecture);
    }

    /// The lines with `path`, as places of an architecture and of a line in it.
    pub(super) fn lines(&self, path: &str) -> &[(usize, usize)] {
        self.index.get(path).map(Vec::as_slice).unwrap_or_default()
    }

    /// How many layouts the table has.
    pub fn len(&self) -> usize {
        self.architectures.len()
    }

    /// Whether the table has no layouts.
    pub fn is_empty(&self) -> bool {
        self.architectures.is_empty()
    }
}

/// A table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    architecture: Vec<WrittenArchitecture>,
    #[serde(default)]
    mark: Vec<WrittenMark>,
    #[serde(default)]
    base: Vec<WrittenBase>,
    #[serde(default)]
    note: Vec<WrittenNote>,
    #[serde(default)]
    hint: Vec<WrittenHint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenArchitecture {
    id: String,
    family: Option<String>,
    role: Role,
    #[serde(rename = "type")]
    model_type: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    cost: f64,
    #[serde(default)]
    sizes: Vec<String>,
    #[serde(default)]
    bases: Vec<String>,
    #[serde(default)]
    expects: Vec<String>,
    modules: String,
}

impl WrittenArchitecture {
    fn read(self) -> Result<Architecture, TableError> {
        let words = Words(&self.id);
        let family = self.family.as_deref().map(|word| words.family(word));
        let model_type = match (self.model_type.as_deref(), self.role) {
            (Some(word), _) => words.model_type(word)?,
            (None, Role::Vae) => ModelType::Vae,
            (None, Role::Text) => ModelType::TextEncoder,
            (None, _) => ModelType::UNet,
        };
        let mut lines = Vec::new();
        for line in self.modules.lines().map(str::trim) {
            if !line.is_empty() && !line.starts_with('#') {
                read_lines(line, &mut lines).ok_or_else(|| words.line(line))?;
            }
        }
        let names = self.sizes.len().max(self.bases.len()).max(1);
        let mut sizes = Vec::new();
        for at in 0..names {
            let base = self.bases.get(at).filter(|word| !word.is_empty());
            sizes.push(Size {
                name: self.sizes.get(at).cloned().unwrap_or_default().into(),
                base: base.map(|word| words.base(word)).transpose()?,
            });
        }
        Ok(Architecture {
            family: family.transpose()?,
            role: self.role,
            model_type,
            kind: self.kind.map(Into::into),
            cost: self.cost,
            sizes,
            lines,
            expects: self
                .expects
                .iter()
                .map(|path| name::canonical(path).0)
                .collect(),
            id: self.id,
            trust: 1.0,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMark {
    #[serde(rename = "type")]
    model_type: String,
    kind: String,
    family: Option<String>,
    any: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
    trust: f64,
}

impl WrittenMark {
    fn read(self) -> Result<Mark, TableError> {
        let words = Words(&self.kind);
        Ok(Mark {
            model_type: words.model_type(&self.model_type)?,
            family: self
                .family
                .as_deref()
                .map(|word| words.family(word))
                .transpose()?,
            any: words.finders(&self.any)?,
            lacks: words.finders(&self.lacks)?,
            trust: self.trust,
            kind: self.kind.into(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBase {
    family: String,
    base: Option<String>,
    #[serde(default)]
    has: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
    #[serde(default)]
    architecture: Vec<String>,
    size: Option<String>,
    note: Option<String>,
}

impl WrittenBase {
    fn read(self) -> Result<BaseRule, TableError> {
        let words = Words(&self.family);
        Ok(BaseRule {
            family: words.family(&self.family)?,
            base: self
                .base
                .as_deref()
                .map(|word| words.base(word))
                .transpose()?,
            has: words.finders(&self.has)?,
            lacks: words.finders(&self.lacks)?,
            architecture: self.architecture,
            size: self.size,
            note: self.note,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenNote {
    keys: Vec<String>,
    contains: String,
    family: Option<String>,
    base: Option<String>,
    #[serde(rename = "type")]
    model_type: Option<String>,
}

impl WrittenNote {
    fn read(self) -> Result<Note, TableError> {
        let words = Words(&self.contains);
        Ok(Note {
            family: self
                .family
                .as_deref()
                .map(|word| words.family(word))
                .transpose()?,
            base: self
                .base
                .as_deref()
                .map(|word| words.base(word))
                .transpose()?,
            model_type: self
                .model_type
                .as_deref()
                .map(|word| words.model_type(word))
                .transpose()?,
            keys: self.keys,
            contains: self.contains.to_lowercase(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenHint {
    family: String,
    part: WrittenPart,
    any: Vec<String>,
    weight: f64,
}

/// A part by its word.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenPart {
    Text,
    FirstText,
    SecondText,
    Vae,
}

impl WrittenHint {
    fn read(self) -> Result<Hint, TableError> {
        let words = Words(&self.family);
        Ok(Hint {
            family: words.family(&self.family)?,
            part: match self.part {
                WrittenPart::Text => Part::Text(0),
                WrittenPart::FirstText => Part::Text(1),
                WrittenPart::SecondText => Part::Text(2),
                WrittenPart::Vae => Part::Vae,
            },
            any: words.finders(&self.any)?,
            weight: self.weight,
        })
    }
}

/// Reads the words of one entry; its name goes into the errors.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn unknown(&self, what: &'static str, word: &str) -> TableError {
        TableError::Word {
            architecture: self.0.to_owned(),
            what,
            word: word.to_owned(),
        }
    }

    fn line(&self, line: &str) -> TableError {
        TableError::Line {
            architecture: self.0.to_owned(),
            line: line.to_owned(),
        }
    }

    fn family(&self, word: &str) -> Result<Family, TableError> {
        Family::from_word(word).ok_or_else(|| self.unknown("family", word))
    }

    fn model_type(&self, word: &str) -> Result<ModelType, TableError> {
        match ModelType::from(word) {
            ModelType::Other(_) => Err(self.unknown("model type", word)),
            known => Ok(known),
        }
    }

    fn base(&self, word: &str) -> Result<BaseModel, TableError> {
        match BaseModel::from(word) {
            BaseModel::Other(_) => Err(self.unknown("base model", word)),
            known => Ok(known),
        }
    }

    fn finders(&self, texts: &[String]) -> Result<Vec<Finder>, TableError> {
        let mut finders = Vec::new();
        for text in texts {
            let (path, is_open) = match text.strip_suffix('*') {
                Some(path) if !text.contains(' ') => (path, true),
                _ => (text.as_str(), false),
            };
            let mut lines = Vec::new();
            read_lines(path, &mut lines).ok_or_else(|| self.line(text))?;
            finders.extend(lines.into_iter().map(|line| Finder {
                line,
                is_open,
                text: text.clone(),
            }));
        }
        Ok(finders)
    }
}

/// Reads `path shape`; braces stand for several paths.
fn read_lines(text: &str, lines: &mut Vec<Line>) -> Option<()> {
    let (path, shape) = match text.split_once(' ') {
        Some((path, shape)) => (path, shape.trim()),
        None => (text, ""),
    };
    for path in without_braces(path)? {
        lines.push(read_line(&path, shape)?);
    }
    Some(())
}

/// `a.{b,c}` as `a.b` and `a.c`; any number of braces, none inside another.
fn without_braces(path: &str) -> Option<Vec<String>> {
    let Some((before, rest)) = path.split_once('{') else {
        return Some(vec![path.to_owned()]);
    };
    let (inside, after) = rest.split_once('}')?;
    let endings = without_braces(after)?;
    Some(
        inside
            .split(',')
            .flat_map(|word| {
                endings
                    .iter()
                    .map(move |end| format!("{before}{word}{end}"))
            })
            .collect(),
    )
}

fn read_line(path: &str, shape: &str) -> Option<Line> {
    let mut words = Vec::new();
    let mut numbers = Vec::new();
    for word in path.split(['.', '_']).filter(|word| !word.is_empty()) {
        let ranges = match word.strip_prefix('(') {
            _ if word == "#" => Some(Vec::new()),
            Some(inside) => Some(read_ranges(inside.strip_suffix(')')?)?),
            None => name::number(word).map(|number| vec![(number, number)]),
        };
        match ranges {
            Some(ranges) => {
                words.push("#");
                numbers.push(ranges);
            }
            None => words.push(word),
        }
    }
    Some(Line {
        path: words.join("_"),
        numbers,
        shape: read_shape(shape)?,
    })
}

/// `0-3,7` as ranges.
fn read_ranges(text: &str) -> Option<Vec<(u32, u32)>> {
    text.split(',')
        .map(|range| {
            let (low, high) = range.split_once('-').unwrap_or((range, range));
            Some((low.parse().ok()?, high.parse().ok()?))
        })
        .collect()
}

/// `5120|1536x*` as sides.
fn read_shape(text: &str) -> Option<Vec<Side>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split('x')
        .map(|side| match side {
            "*" => Some(Side::Any),
            values => values
                .split('|')
                .map(|value| value.parse().ok())
                .collect::<Option<_>>()
                .map(Side::Is),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_expands_and_constrains() {
        let mut lines = Vec::new();
        read_lines(
            "blocks.(0-3,7).{img,txt}_attn.qkv 9216|4608x3072",
            &mut lines,
        )
        .expect("a line");
        assert_eq!(lines.len(), 2);
        let line = &lines[1];
        assert_eq!(line.path, "blocks_#_txt_attn_qkv");
        assert!(line.fits_numbers(&[7]) && !line.fits_numbers(&[4]));
        assert!(line.fits_shape(&[9216, 3072], 0) && line.fits_shape(&[4608, 3072], 1));
        assert!(!line.fits_shape(&[9216, 3072], 1));
    }

    #[test]
    fn the_built_in_table_is_sound() {
        let mut table = Table::default();
        for text in [
            include_str!("table/denoisers.toml"),
            include_str!("table/components.toml"),
            include_str!("table/rules.toml"),
        ] {
            if let Err(error) = table.add(text) {
                panic!(
                    "{error}: {}",
                    std::error::Error::source(&error)
                        .map(ToString::to_string)
                        .unwrap_or_default()
                );
            }
        }
        assert!(table.len() > 60, "{}", table.len());
    }

    #[test]
    fn an_unsound_line_is_named() {
        let error = Table::default()
            .add("[[architecture]]\nid = 'x'\nrole = 'vae'\nmodules = 'a.(1-b) 3'")
            .expect_err("a range of letters");
        assert_eq!(error.to_string(), "x: \"a.(1-b) 3\" is no line of a table");
    }
}
