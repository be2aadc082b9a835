//! Layouts that users write: `{type}/{base_model}/{creator}/{model}-{version}{ext}`.

use std::path::PathBuf;
use std::str::FromStr;

use civitai_api::open_enum::nearest;
use civitai_security::FileName;

use super::{LayoutError, Subject};

/// Folders and a name, with variables in them.
///
/// The last part is the name of the file; a template that ends in a slash names folders only, and the file keeps its name.
/// The extension follows by itself where the name does not ask for `{ext}`. A value never makes a folder: slashes in it
/// become `_`. Variables may be written `{base_model}` or `{baseModel}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    text: String,
    parts: Vec<Vec<Piece>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Variable),
}

macro_rules! variables {
    ($($variant:ident $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Variable { $($variant,)* }

        pub(super) const NAMES: [&str; 11] = [$($name,)*];

        impl Variable {
            fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

variables! {
    Type "type",
    BaseModel "base_model",
    Creator "creator",
    Model "model",
    ModelId "model_id",
    Version "version",
    VersionId "version_id",
    File "file",
    FileId "file_id",
    FirstTag "first_tag",
    Ext "ext",
}

impl Template {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn place(&self, subject: &Subject) -> PathBuf {
        let (name, folders) = self.parts.split_last().expect("a template has a last part");
        let mut path: PathBuf = folders
            .iter()
            .map(|folder| clean(&filled(folder, subject)))
            .collect();
        path.push(if name.is_empty() {
            subject.name.as_str().to_owned()
        } else {
            let mut filled = filled(name, subject);
            if !name.contains(&Piece::Value(Variable::Ext)) {
                filled += &extension(subject);
            }
            clean(&filled)
        });
        path
    }
}

impl FromStr for Template {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let pieces = pieces(text)?;
        let mut parts = vec![Vec::new()];
        for piece in pieces {
            let Piece::Text(literal) = piece else {
                last(&mut parts).push(piece);
                continue;
            };
            for (index, part) in literal.split('/').enumerate() {
                if index > 0 {
                    parts.push(Vec::new());
                }
                if !part.is_empty() {
                    last(&mut parts).push(Piece::Text(part.to_owned()));
                }
            }
        }
        let (_, folders) = parts.split_last().expect("there is at least one part");
        let is_bad = |part: &&Vec<Piece>| match part.as_slice() {
            [] => true,
            [Piece::Text(literal)] => matches!(literal.as_str(), "." | ".."),
            _ => false,
        };
        let has_backslash = text.contains('\\').then(|| text.to_owned());
        let bad = folders.iter().find(is_bad).map(|part| match part.first() {
            Some(Piece::Text(literal)) => literal.clone(),
            _ => String::new(),
        });
        match has_backslash.or(bad) {
            Some(part) => Err(LayoutError::Part { part }),
            None => Ok(Self {
                text: text.to_owned(),
                parts,
            }),
        }
    }
}

fn last(parts: &mut [Vec<Piece>]) -> &mut Vec<Piece> {
    parts.last_mut().expect("there is at least one part")
}

fn pieces(text: &str) -> Result<Vec<Piece>, LayoutError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let Some(open) = rest.find(['{', '}']) else {
            pieces.push(Piece::Text(rest.to_owned()));
            break;
        };
        let (literal, braced) = rest.split_at(open);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.to_owned()));
        }
        let inner = braced
            .strip_prefix('{')
            .and_then(|braced| braced.split_once('}'));
        let Some((name, behind)) = inner else {
            return Err(LayoutError::Brace { at: at + open });
        };
        let variable = Variable::named(&snake_case(name));
        let variable = variable.ok_or_else(|| LayoutError::UnknownVariable {
            name: name.to_owned(),
            nearest: nearest(name, &NAMES),
        })?;
        pieces.push(Piece::Value(variable));
        rest = behind;
    }
    Ok(pieces)
}

/// `baseModel` as `base_model`.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 2);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn filled(pieces: &[Piece], subject: &Subject) -> String {
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(variable) => value(*variable, subject).replace(['/', '\\'], "_"),
        })
        .collect()
}

fn value(variable: Variable, subject: &Subject) -> String {
    let known = match variable {
        Variable::Type => subject.kind.as_ref().map(|kind| kind.as_str().to_owned()),
        Variable::BaseModel => subject
            .base_model
            .as_ref()
            .map(|base| base.as_str().to_owned()),
        Variable::Creator => subject.creator.clone(),
        Variable::Model => subject.model.clone(),
        Variable::ModelId => subject.model_id.map(|id| id.to_string()),
        Variable::Version => subject.version.clone(),
        Variable::VersionId => subject.version_id.map(|id| id.to_string()),
        Variable::File => Some(subject.name.stem().to_owned()),
        Variable::FileId => subject.file_id.map(|id| id.to_string()),
        Variable::FirstTag => subject.first_tag.clone(),
        Variable::Ext => return extension(subject),
    };
    known
        .filter(|text| !text.trim().is_empty())
        .unwrap_or_else(|| UNKNOWN.to_owned())
}

/// The extension with its dot, if there is one.
fn extension(subject: &Subject) -> String {
    let extension = subject.name.extension();
    extension.map_or_else(String::new, |extension| format!(".{extension}"))
}

fn clean(part: &str) -> String {
    FileName::clean(part, UNKNOWN).as_str().to_owned()
}

/// Stands where nothing is known, so that the depth of the tree does not depend on it.
const UNKNOWN: &str = "unknown";

#[cfg(test)]
mod tests {
    use civitai_api::{BaseModel, ModelType};

    use super::*;

    fn place(template: &str, subject: &Subject) -> String {
        let template: Template = template.parse().expect("a template");
        template.place(subject).to_string_lossy().into_owned()
    }

    fn subject() -> Subject {
        Subject {
            kind: Some(ModelType::Lora),
            base_model: Some(BaseModel::Flux1D),
            creator: Some("AC/DC".to_owned()),
            model: Some("Rain: at night".to_owned()),
            version: Some("v1.0".to_owned()),
            ..Subject::named(FileName::clean("rain.safetensors", ""))
        }
    }

    #[test]
    fn values_fill_the_template_and_make_no_folders() {
        let template = "{type}/{base_model}/{creator}/{model}-{version}{ext}";
        let expected = "LORA/Flux.1 D/AC_DC/Rain_ at night-v1.0.safetensors";
        assert_eq!(place(template, &subject()), expected);
        let camel = "{type}/{baseModel}/{creator}/{model}-{version}";
        assert_eq!(place(camel, &subject()), expected);
        assert_eq!(
            place("x/{firstTag}/", &subject()),
            "x/unknown/rain.safetensors"
        );
        assert_eq!(
            place("{file}.{version_id}{ext}", &subject()),
            "rain.unknown.safetensors"
        );
    }

    #[test]
    fn a_value_cannot_leave_the_root() {
        let mut hostile = subject();
        hostile.creator = Some("..".to_owned());
        hostile.model = Some("../../etc".to_owned());
        assert_eq!(
            place("{creator}/{model}/{file}", &hostile),
            "unknown/_.._etc/rain.safetensors"
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text: &str| text.parse::<Template>().expect_err("refused");
        assert_eq!(
            wrong("{typ}/x"),
            LayoutError::UnknownVariable {
                name: "typ".to_owned(),
                nearest: Some("type")
            }
        );
        assert_eq!(wrong("a/{type"), LayoutError::Brace { at: 2 });
        assert_eq!(wrong("a}/{type}"), LayoutError::Brace { at: 1 });
        assert!(matches!(wrong("../{type}"), LayoutError::Part { part } if part == ".."));
        assert!(matches!(wrong("/{type}"), LayoutError::Part { .. }));
        assert!(matches!(wrong("a//{type}"), LayoutError::Part { .. }));
        assert!(matches!(wrong("a\\{type}"), LayoutError::Part { .. }));
    }
}
