//! The table of layouts: for each architecture the paths and shapes of its modules, as data.
//!
//! `docs/identify.md` describes the form. The built-in table is part of the program; a second one of the same form holds
//! what was learned.

use std::collections::HashMap;
use std::sync::LazyLock;

use civitai_api::{BaseModel, ModelType};
use serde::Deserialize;

use self::written::Written;
use super::kind::Family;
use super::name::Part;

mod written;

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
    /// Beginnings of paths that every whole model has.
    pub(super) needs: Vec<String>,
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
    /// Whether it decides where most of the file is an adapter as well.
    pub(super) over_adapter: bool,
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

#[cfg(test)]
mod tests {
    use super::*;

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
