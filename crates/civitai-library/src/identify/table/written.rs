//! A table as it is written in TOML, and how its words and lines are read.

use civitai_api::{BaseModel, ModelType};
use serde::Deserialize;

use super::{Architecture, BaseRule, Finder, Hint, Line, Mark, Note, Role, Side, Size, TableError};
use crate::identify::kind::Family;
use crate::identify::name::{self, Part};

/// A table as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default)]
    pub(super) architecture: Vec<WrittenArchitecture>,
    #[serde(default)]
    pub(super) mark: Vec<WrittenMark>,
    #[serde(default)]
    pub(super) base: Vec<WrittenBase>,
    #[serde(default)]
    pub(super) note: Vec<WrittenNote>,
    #[serde(default)]
    pub(super) hint: Vec<WrittenHint>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenArchitecture {
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
    #[serde(default)]
    needs: Vec<String>,
    modules: String,
}

impl WrittenArchitecture {
    pub(super) fn read(self) -> Result<Architecture, TableError> {
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
            // A bare `#` is a number, which is how a path can begin.
            if !line.is_empty() && !line.starts_with("# ") {
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
            expects: beginnings(&self.expects),
            needs: beginnings(&self.needs),
            id: self.id,
            trust: 1.0,
        })
    }
}

/// Beginnings of paths as groups spell them.
fn beginnings(paths: &[String]) -> Vec<String> {
    paths.iter().map(|path| name::canonical(path).0).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenMark {
    #[serde(rename = "type")]
    model_type: String,
    kind: String,
    family: Option<String>,
    any: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
    trust: f64,
    #[serde(default)]
    over_adapter: bool,
}

impl WrittenMark {
    pub(super) fn read(self) -> Result<Mark, TableError> {
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
            over_adapter: self.over_adapter,
            kind: self.kind.into(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenBase {
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
    pub(super) fn read(self) -> Result<BaseRule, TableError> {
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
pub(super) struct WrittenNote {
    keys: Vec<String>,
    contains: String,
    family: Option<String>,
    base: Option<String>,
    #[serde(rename = "type")]
    model_type: Option<String>,
}

impl WrittenNote {
    pub(super) fn read(self) -> Result<Note, TableError> {
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
pub(super) struct WrittenHint {
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
    pub(super) fn read(self) -> Result<Hint, TableError> {
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
}
