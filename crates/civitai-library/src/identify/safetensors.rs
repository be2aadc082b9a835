//! Safetensors: eight bytes of length, a JSON object, raw tensors. Also that object as a file of its own.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::header::{Header, Source, Stop, Tensor};
use super::{Flaw, Format};

/// The format's own limit for the length of a header.
const MOST_HEADER_BYTES: u64 = 100_000_000;

/// Longest text of the metadata that is kept; training notes reach a few hundred KiB.
const MOST_TEXT_BYTES: usize = 1 << 20;

pub(super) fn read(source: &mut Source) -> Result<Header, Stop> {
    let claimed = source.u64("the length of the header")?;
    let most = source.length().saturating_sub(8).min(MOST_HEADER_BYTES);
    if claimed > most {
        return Err(Flaw::TooLarge {
            what: "the header's length",
            claimed,
            most,
        }
        .into());
    }
    let readable = claimed.min(source.budget());
    let text = source.bytes(readable, "the header")?;
    Ok(from_json(&text, readable == claimed)?)
}

/// Reads the JSON of a header; where it is not `whole`, what was cut off is not missed.
pub(super) fn from_json(text: &[u8], whole: bool) -> Result<Header, Flaw> {
    let mut header = Header::new(Format::Safetensors);
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = Entries(&mut header)
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
    match read {
        Ok(()) => Ok(header),
        Err(error) if !whole && error.is_eof() => {
            header.complete = false;
            Ok(header)
        }
        Err(error) => Err(Flaw::Json {
            what: "header",
            line: error.line(),
            column: error.column(),
        }),
    }
}

/// Takes the entries one by one, so that what came before a fault or a cut is kept.
struct Entries<'a>(&'a mut Header);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors or a list of names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value::<Value>()?;
            match (name.as_str(), value) {
                ("__metadata__", Value::Object(texts)) => {
                    for (key, value) in texts {
                        keep_text(self.0, key, value);
                    }
                }
                ("tensors", Value::Array(list)) => {
                    for entry in list {
                        listed(self.0, entry);
                    }
                }
                (_, value) => self.0.push(tensor(name, &value)),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(entry) = list.next_element::<Value>()? {
            listed(self.0, entry);
        }
        Ok(())
    }
}

fn keep_text(header: &mut Header, key: String, value: Value) {
    let text = match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    if text.len() <= MOST_TEXT_BYTES {
        header.metadata.insert(key, text);
    }
}

/// An entry of a list: a name, or an object that has one.
fn listed(header: &mut Header, entry: Value) {
    match entry {
        Value::String(name) => header.push(Tensor::named(name)),
        Value::Object(ref fields) => {
            if let Some(name) = ["name", "key"]
                .iter()
                .find_map(|key| fields.get(*key)?.as_str())
            {
                let tensor = tensor(name.to_owned(), &entry);
                header.push(tensor);
            }
        }
        _ => {}
    }
}

fn tensor(name: String, value: &Value) -> Tensor {
    let shape = match value {
        Value::Object(fields) => fields.get("shape"),
        Value::Array(_) => Some(value),
        _ => None,
    };
    Tensor {
        name,
        dtype: value
            .get("dtype")
            .and_then(Value::as_str)
            .map(|dtype| dtype.to_ascii_uppercase().into())
            .unwrap_or_default(),
        shape: shape.and_then(dimensions),
    }
}

/// The dimensions, or `None` where one of them is no whole number.
fn dimensions(value: &Value) -> Option<Vec<u64>> {
    const MOST_DIMENSIONS: usize = 16;
    let list = value.as_array()?;
    (list.len() <= MOST_DIMENSIONS).then_some(())?;
    list.iter().map(Value::as_u64).collect()
}
