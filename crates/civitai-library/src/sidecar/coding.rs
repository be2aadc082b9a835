//! How a fact is spelled in a field.

use civitai_api::BaseModel;
use civitai_api::text::plain;
use serde_json::{Map, Number, Value, json};

/// A spelling. Reading what was written gives the fact again, except for [`Plain`](Coding::Plain), [`Joined`](Coding::Joined)
/// and [`SdVersion`](Coding::SdVersion), which say less than the fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Text that is not empty.
    Text,
    /// Text that is neither empty nor `Unknown`.
    Named,
    /// A list of texts that is not empty.
    Texts,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// An object that is not empty.
    Object,
    /// Hexadecimal in lower case; the fact is in upper case.
    LowerHex,
    /// The same behind `0x`.
    PrefixedHex,
    /// Hexadecimal in upper case.
    UpperHex,
    /// A list of texts as one, with commas between.
    Joined,
    /// HTML without its tags.
    Plain,
    /// A1111's word for a family of base models.
    SdVersion,
    /// A number other than 0, which stands for none.
    Nonzero,
    /// The same inside a JSON object that is spelled as a text.
    Tips,
}

impl Coding {
    /// The fact a field tells; nothing when it is empty or of another type.
    pub(super) fn decode(self, field: &Value) -> Option<Value> {
        match (self, field) {
            (Self::Text | Self::Plain, Value::String(text)) if !text.is_empty() => {
                Some(field.clone())
            }
            (Self::Named, Value::String(text)) if !matches!(text.as_str(), "" | "Unknown") => {
                Some(field.clone())
            }
            (Self::Texts, Value::Array(list)) if is_texts(list) => Some(field.clone()),
            (Self::Number, Value::Number(_)) | (Self::Flag, Value::Bool(_)) => Some(field.clone()),
            (Self::Object, Value::Object(map)) if !map.is_empty() => Some(field.clone()),
            (Self::LowerHex | Self::UpperHex | Self::PrefixedHex, Value::String(text)) => {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                let is_hex = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
                is_hex.then(|| Value::from(digits.to_ascii_uppercase()))
            }
            (Self::Joined, Value::String(text)) => {
                let words = text.split(',').map(str::trim);
                let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
                (!words.is_empty()).then(|| Value::from(words))
            }
            (Self::SdVersion, Value::String(text)) => {
                let class = CLASSES.iter().find(|(class, ..)| class == text)?;
                Some(Value::from(class.2))
            }
            (Self::Nonzero, Value::Number(number)) => nonzero(number),
            (Self::Tips, Value::String(text)) => {
                let tips: Map<String, Value> = serde_json::from_str(text).ok()?;
                nonzero(tips.get(STRENGTH)?.as_number()?)
            }
            _ => None,
        }
    }

    /// What a field is to say for the fact. `present` is what stands there.
    pub(super) fn encode(self, fact: &Value, present: Option<&Value>) -> Option<Value> {
        match (self, fact) {
            (Self::LowerHex, Value::String(hex)) => Some(hex.to_ascii_lowercase().into()),
            (Self::PrefixedHex, Value::String(hex)) => {
                Some(format!("0x{}", hex.to_ascii_lowercase()).into())
            }
            (Self::Joined, Value::Array(words)) => {
                let words: Option<Vec<&str>> = words.iter().map(Value::as_str).collect();
                Some(words?.join(", ").into())
            }
            (Self::Plain, Value::String(html)) => {
                let text = plain(html, MAX_CHARACTERS);
                (!text.is_empty()).then(|| text.into())
            }
            (Self::SdVersion, Value::String(base)) => Some(class_of(base).into()),
            (Self::Tips, Value::Number(_)) => {
                let present = present.and_then(Value::as_str);
                let mut tips: Map<String, Value> = present
                    .and_then(|text| serde_json::from_str(text).ok())
                    .unwrap_or_default();
                tips.insert(STRENGTH.to_owned(), fact.clone());
                Some(Value::Object(tips).to_string().into())
            }
            (
                Self::LowerHex
                | Self::PrefixedHex
                | Self::Joined
                | Self::Plain
                | Self::SdVersion
                | Self::Tips,
                _,
            ) => None,
            _ => self.decode(fact),
        }
    }

    /// Says whether two values of a field tell the same.
    pub(super) fn is_same(self, one: &Value, other: &Value) -> bool {
        one == other
            || match (self.decode(one), self.decode(other)) {
                (Some(one), Some(other)) => {
                    one == other || self.encode(&one, None) == self.encode(&other, None)
                }
                (one, other) => one == other,
            }
    }
}

fn is_texts(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(Value::is_string)
}

fn nonzero(number: &Number) -> Option<Value> {
    (number.as_f64()? != 0.0).then(|| json!(number))
}

fn class_of(base: &str) -> &'static str {
    let lineage = BaseModel::from(base).lineage();
    let class = lineage.and_then(|lineage| {
        let of = CLASSES
            .iter()
            .find(|(_, ecosystems, _)| ecosystems.contains(&lineage.air_ecosystem));
        of.map(|(class, ..)| *class)
    });
    class.unwrap_or("Unknown")
}

/// A1111's word, the ecosystems it covers, and the base model it means when nothing else is known.
const CLASSES: [(&str, &[&str], &str); 4] = [
    ("SD1", &["sd1"], "SD 1.5"),
    ("SD2", &["sd2"], "SD 2.1"),
    ("SDXL", &["sdxl", "sdxldistilled"], "SDXL 1.0"),
    ("SD3", &["sd3", "sd3_5m"], "SD 3"),
];

/// Where LoRA Manager keeps the weight in its tips.
const STRENGTH: &str = "strength";

/// No description is longer; one that is gets an ellipsis.
const MAX_CHARACTERS: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_read_back() {
        let same = |coding: Coding, fact: Value, field: Value| {
            assert_eq!(
                coding.encode(&fact, None),
                Some(field.clone()),
                "{coding:?}"
            );
            assert_eq!(coding.decode(&field), Some(fact), "{coding:?}");
        };
        same(Coding::LowerHex, json!("AB12"), json!("ab12"));
        same(Coding::PrefixedHex, json!("AB12"), json!("0xab12"));
        same(Coding::Joined, json!(["a b", "c"]), json!("a b, c"));
        same(Coding::Nonzero, json!(0.8), json!(0.8));
        same(Coding::Tips, json!(0.8), json!("{\"strength\":0.8}"));
        same(Coding::SdVersion, json!("SD 1.5"), json!("SD1"));
    }

    #[test]
    fn what_is_empty_or_of_another_type_tells_nothing() {
        for coding in [Coding::Text, Coding::Texts, Coding::Joined, Coding::Object] {
            for field in [json!(null), json!(""), json!([]), json!({}), json!(0)] {
                assert_eq!(coding.decode(&field), None, "{coding:?} {field}");
            }
        }
        assert_eq!(Coding::Nonzero.decode(&json!(0)), None);
        assert_eq!(Coding::Tips.decode(&json!("no JSON")), None);
    }

    #[test]
    fn other_tips_stay() {
        let present = json!("{\"clip\":1,\"strength\":1}");
        let field = Coding::Tips.encode(&json!(0.5), Some(&present));
        assert_eq!(field, Some(json!("{\"clip\":1,\"strength\":0.5}")));
    }

    #[test]
    fn newer_base_models_have_no_word() {
        assert_eq!(
            Coding::SdVersion.encode(&json!("Illustrious"), None),
            Some(json!("SDXL"))
        );
        assert_eq!(
            Coding::SdVersion.encode(&json!("Flux.1 D"), None),
            Some(json!("Unknown"))
        );
    }
}
