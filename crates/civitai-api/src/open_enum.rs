//! Enumerations that grow: the values known today, and any other by its own text.

use std::fmt;

/// A name that no value known to this version has.
///
/// Reading Civitai's answers never fails for this reason; it is for names that a person typed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownName {
    /// What was given, cut at 80 characters.
    pub given: String,
    /// The names it could have been.
    pub known: &'static [&'static str],
    /// The known name that looks most like it, if one does.
    pub nearest: Option<&'static str>,
}

impl UnknownName {
    pub(crate) fn new(given: &str, known: &'static [&'static str]) -> Self {
        Self {
            given: given.chars().take(80).collect(),
            known,
            nearest: nearest(given, known),
        }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.nearest {
            Some(nearest) => write!(
                f,
                "{:?} is not known, did you mean {nearest:?}?",
                self.given
            ),
            None if self.known.len() <= MOST_LISTED => {
                write!(f, "{:?} is none of {}", self.given, self.known.join(", "))
            }
            None => write!(f, "{:?} is not known", self.given),
        }
    }
}

impl std::error::Error for UnknownName {}

/// More names than these (the base models are 99) help nobody in one line.
const MOST_LISTED: usize = 40;

/// Returns the name of `known` that looks most like `given`, or `None` if none comes near.
///
/// Case, spaces, dots, dashes and underscores do not count.
pub fn nearest(given: &str, known: &[&'static str]) -> Option<&'static str> {
    const GOOD_ENOUGH: f64 = 0.7;
    // Nothing of interest is longer; the comparison is quadratic.
    let given: String = fold(given).chars().take(64).collect();
    known
        .iter()
        .map(|name| (strsim::jaro_winkler(&given, &fold(name)), *name))
        .filter(|(score, _)| *score >= GOOD_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Returns `name` without what people leave out or vary when they type it.
pub(crate) fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Declares an enumeration with known variants and `Other`, which carries any further value.
///
/// `From<&str>` reads the wire spelling exactly; `FromStr` reads what a person types and refuses unknown names.
macro_rules! open_enum {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $( $variant:ident = $text:literal, )* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name {
            $( #[doc = concat!("Spelled `", $text, "`.")] $variant, )*
            /// A value that this version does not know, in its own spelling.
            Other(Box<str>),
        }

        impl $name {
            /// The spellings known to this version.
            pub const KNOWN: &'static [&'static str] = &[ $( $text, )* ];

            /// Returns Civitai's spelling.
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $text, )*
                    Self::Other(text) => text,
                }
            }

            /// Says whether this version knows the value.
            pub fn is_known(&self) -> bool {
                !matches!(self, Self::Other(_))
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $( $text => Self::$variant, )*
                    other => Self::Other(other.into()),
                }
            }
        }

        /// Reads a known name in any case, spaces and punctuation left out or not.
        impl std::str::FromStr for $name {
            type Err = $crate::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let exact = Self::from(text);
                if exact.is_known() {
                    return Ok(exact);
                }
                let folded = $crate::open_enum::fold(text);
                Self::KNOWN
                    .iter()
                    .find(|known| $crate::open_enum::fold(known) == folded)
                    .map(|known| Self::from(*known))
                    .ok_or_else(|| $crate::UnknownName::new(text, Self::KNOWN))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                Ok(Self::from(text.as_str()))
            }
        }

        impl $crate::wire::Wire for $name {
            fn read(value: serde_json::Value) -> (Option<Self>, Option<serde_json::Value>) {
                match value {
                    serde_json::Value::String(text) => (Some(Self::from(text.as_str())), None),
                    other => (None, Some(other)),
                }
            }

            fn write(&self) -> serde_json::Value {
                serde_json::Value::String(self.as_str().to_owned())
            }
        }
    };
}
pub(crate) use open_enum;

#[cfg(test)]
mod tests {
    use crate::model::CheckpointType;
    use crate::{FileFormat, ModelType};

    #[test]
    fn a_typed_name_is_read_whatever_its_case_and_punctuation() {
        assert_eq!("lora".parse(), Ok(ModelType::Lora));
        assert_eq!("textual-inversion".parse(), Ok(ModelType::TextualInversion));
        assert_eq!("coreml".parse(), Ok(FileFormat::CoreMl));
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_one() {
        let error = "Checkpiont".parse::<ModelType>().expect_err("misspelled");
        assert_eq!(error.nearest, Some("Checkpoint"));
        assert_eq!(
            error.to_string(),
            r#""Checkpiont" is not known, did you mean "Checkpoint"?"#
        );
    }

    #[test]
    fn a_name_like_no_other_is_refused_with_all_of_them() {
        let error = "§§§".parse::<CheckpointType>().expect_err("nonsense");
        assert_eq!(error.nearest, None);
        assert_eq!(error.to_string(), r#""§§§" is none of Trained, Merge"#);
    }
}
