//! How Civitai's JSON is read and written: lenient, and without loss.
//!
//! The same object arrives in many spellings: a field is absent here and `null` there, a number comes as a string, a list
//! as a Postgres literal, and a new field appears every few weeks. A type made by `wire!` therefore has typed fields for
//! what this crate understands and `rest`, an ordered map that keeps verbatim whatever the typed fields would not write
//! back identically. Reading and then writing an object loses no leaf, whatever it holds.
//!
//! Rules:
//! * Only identifiers are required, and the items of a page. Any other field that is missing or has an unexpected type reads as absent.
//! * A list holds the elements that could be read; if some could not, the whole raw list stays in `rest` too.
//! * On writing, a raw value in `rest` stands for its field as long as it still reads as the field's present value.
//!   A changed field is written from its typed value.
//! * [`Wire::absorb`] merges a newer reading of the same thing: what is absent or empty there never replaces what is known.

use std::collections::HashMap;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

/// A value that occurs in Civitai's JSON.
pub trait Wire: Sized + PartialEq {
    /// Reads what can be read.
    ///
    /// The second part is what [`Wire::write`] of the first would not give back: the original value where it could not be
    /// read or is spelled differently, `None` where nothing would be lost. If the first part is `None`, the second is not.
    fn read(value: Value) -> (Option<Self>, Option<Value>);

    /// Returns the value in Civitai's own spelling.
    fn write(&self) -> Value;

    /// Takes over what `newer` knows.
    fn absorb(&mut self, newer: Self) {
        *self = newer;
    }

    /// Returns the identifier by which two readings of the same thing are recognised, if it has one.
    fn key(&self) -> Option<u64> {
        None
    }
}

/// A member of a `wire!` struct: required, optional or a list.
pub trait Field: Sized + PartialEq {
    /// Returns the field's value when its key is missing or its value unreadable, or `None` where the object makes no
    /// sense without it.
    fn absent() -> Option<Self>;

    /// Says whether an object with this value under the field's key can be read at all.
    fn is_acceptable(value: Option<&Value>) -> bool {
        let _ = value;
        true
    }

    /// Reads like [`Wire::read`].
    fn read(value: Value) -> (Option<Self>, Option<Value>);

    /// Returns what belongs under the field's key, or `None` if the key is to be left out.
    fn write(&self) -> Option<Value>;

    /// Takes over what `newer` knows; an absent or empty value knows nothing.
    fn absorb(&mut self, newer: Self);

    /// Returns the identifier if this field is the one of its object.
    fn key(&self) -> Option<u64> {
        None
    }
}

impl<T: Wire> Field for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }

    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        let (typed, remainder) = T::read(value);
        (Some(typed), remainder)
    }

    fn write(&self) -> Option<Value> {
        self.as_ref().map(Wire::write)
    }

    fn absorb(&mut self, newer: Self) {
        match (self.as_mut(), newer) {
            (_, None) => {}
            (Some(known), Some(newer)) => known.absorb(newer),
            (None, newer) => *self = newer,
        }
    }
}

impl<T: Wire> Field for Vec<T> {
    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        let Value::Array(elements) = value else {
            return (None, Some(value));
        };
        if elements.is_empty() {
            // An empty list and a missing one read alike, so the difference must be kept apart.
            return (None, Some(Value::Array(elements)));
        }
        let mut typed = Self::with_capacity(elements.len());
        // Holds the raw list from the first element on that cannot be written back; empty until then.
        let mut raw: Vec<Value> = Vec::new();
        for (index, element) in elements.into_iter().enumerate() {
            let (read, remainder) = T::read(element);
            if remainder.is_some() && raw.is_empty() {
                raw = typed.iter().map(Wire::write).collect();
            }
            match (remainder, &read) {
                (Some(remainder), _) => raw.push(remainder),
                (None, Some(read)) if raw.len() == index && index > 0 => raw.push(read.write()),
                (None, _) => {}
            }
            typed.extend(read);
        }
        let remainder = (!raw.is_empty()).then_some(Value::Array(raw));
        (Some(typed), remainder)
    }

    fn write(&self) -> Option<Value> {
        (!self.is_empty()).then(|| Value::Array(self.iter().map(Wire::write).collect()))
    }

    fn absorb(&mut self, newer: Self) {
        if newer.iter().any(|element| element.key().is_none()) {
            *self = newer;
            return;
        }
        let places: HashMap<Option<u64>, usize> = self
            .iter()
            .enumerate()
            .map(|(place, known)| (known.key(), place))
            .collect();
        for element in newer {
            match places.get(&element.key()) {
                Some(place) => self[*place].absorb(element),
                None => self.push(element),
            }
        }
    }
}

impl Field for String {
    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        match value {
            Value::String(text) if !text.is_empty() => (Some(text), None),
            other => (None, Some(other)),
        }
    }

    fn write(&self) -> Option<Value> {
        (!self.is_empty()).then(|| Value::String(self.clone()))
    }

    fn absorb(&mut self, newer: Self) {
        if !newer.is_empty() {
            *self = newer;
        }
    }
}

impl Wire for String {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        match value {
            Value::String(text) => (Some(text), None),
            other => (None, Some(other)),
        }
    }

    fn write(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Wire for bool {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        let typed = match &value {
            Value::Bool(flag) => return (Some(*flag), None),
            Value::String(text) if text == "true" => Some(true),
            Value::String(text) if text == "false" => Some(false),
            _ => None,
        };
        (typed, Some(value))
    }

    fn write(&self) -> Value {
        Value::Bool(*self)
    }
}

impl Wire for u64 {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        if let Some(number) = value.as_u64() {
            return (Some(number), None);
        }
        let typed = match &value {
            Value::String(text) => text.trim().parse().ok(),
            Value::Number(number) => number.as_f64().and_then(whole),
            _ => None,
        };
        (typed, Some(value))
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

impl Wire for i64 {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        if let Some(number) = value.as_i64() {
            return (Some(number), None);
        }
        let typed = match &value {
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        (typed, Some(value))
    }

    fn write(&self) -> Value {
        Value::from(*self)
    }
}

impl Wire for f64 {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        let typed = match &value {
            Value::Number(number) if number.is_f64() => return (number.as_f64(), None),
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &Self| number.is_finite()),
            _ => None,
        };
        (typed, Some(value))
    }

    fn write(&self) -> Value {
        Number::from_f64(*self).map_or(Value::Null, Value::Number)
    }
}

/// Any JSON; `null` counts as absent.
impl Wire for Value {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        match value {
            Self::Null => (None, Some(Self::Null)),
            other => (Some(other), None),
        }
    }

    fn write(&self) -> Value {
        self.clone()
    }
}

impl Wire for Map<String, Value> {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        match value {
            Value::Object(map) => (Some(map), None),
            other => (None, Some(other)),
        }
    }

    fn write(&self) -> Value {
        Value::Object(self.clone())
    }
}

/// A list that is a whole response body, such as the answer to a bulk lookup.
///
/// Bulk answers may contain `null` and duplicates; `items` holds what could be read, in the order received.
#[derive(Clone, Debug, PartialEq)]
pub struct List<T> {
    /// The elements that could be read.
    pub items: Vec<T>,
    raw: Option<Value>,
}

impl<T: Wire> Wire for List<T> {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        if !value.is_array() {
            return (None, Some(value));
        }
        let (items, raw) = <Vec<T> as Field>::read(value);
        (
            Some(Self {
                items: items.unwrap_or_default(),
                raw,
            }),
            None,
        )
    }

    fn write(&self) -> Value {
        self.raw
            .as_ref()
            .filter(|raw| still_reads_as(raw, &self.items))
            .cloned()
            .unwrap_or_else(|| Value::Array(self.items.iter().map(Wire::write).collect()))
    }
}

impl<'de, T: Wire> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer, "list", &[])
    }
}

impl<T: Wire> Serialize for List<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write().serialize(serializer)
    }
}

/// Reads a `wire!` type from any deserializer, by way of a JSON value.
pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: Wire>(
    deserializer: D,
    name: &'static str,
    required: &[&'static str],
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    match T::read(value) {
        (Some(typed), _) => Ok(typed),
        (None, Some(Value::Object(map))) => {
            let missing = required.iter().find(|key| !map.contains_key(**key));
            Err(match missing {
                Some(key) => D::Error::custom(format_args!("{name} without `{key}`")),
                None => D::Error::custom(format_args!("{name} whose {required:?} cannot be read")),
            })
        }
        (None, Some(other)) => Err(D::Error::custom(format_args!(
            "{} where a {name} was expected",
            shape(&other)
        ))),
        (None, None) => Err(D::Error::custom(format_args!("unreadable {name}"))),
    }
}

/// Says whether there is a list: for fields without which an object is not what it is taken for.
pub(crate) fn a_list(value: Option<&Value>) -> bool {
    value.is_some_and(Value::is_array)
}

/// Says whether a kept raw value still stands for the field it was read into.
pub(crate) fn still_reads_as<F: Field>(raw: &Value, field: &F) -> bool {
    let (typed, _) = F::read(raw.clone());
    typed
        .or_else(F::absent)
        .is_some_and(|typed| typed == *field)
}

/// Writes one field into `out`.
pub(crate) fn write_field<F: Field>(
    out: &mut Map<String, Value>,
    rest: &Map<String, Value>,
    key: &str,
    field: &F,
) {
    let kept = rest.get(key).filter(|raw| still_reads_as(raw, field));
    if let Some(value) = kept.cloned().or_else(|| field.write()) {
        out.insert(key.to_owned(), value);
    }
}

/// Adds what `newer` kept; nulls and empty lists do not replace what is there.
pub(crate) fn absorb_rest(known: &mut Map<String, Value>, newer: Map<String, Value>) {
    for (key, value) in newer {
        let says_nothing = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !(says_nothing && known.contains_key(&key)) {
            known.insert(key, value);
        }
    }
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Returns the number as an integer if it is one that a double represents exactly.
fn whole(number: f64) -> Option<u64> {
    const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
    if !(0.0..=LARGEST_EXACT).contains(&number) || number.fract() != 0.0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked above"
    )]
    Some(number as u64)
}

/// Declares a struct that reads and writes one of Civitai's objects; see the module documentation of [`crate::wire`].
///
/// Each field is `name: Type => "key"`; `=> a_list "key"` refuses the object where the list is not there.
/// `struct Name by path` names a function that finds the identifier where no required field holds it.
macro_rules! wire {
    (
        $(#[$meta:meta])*
        pub struct $name:ident $(<$param:ident>)? $(by $identity:path)? {
            $( $(#[$field_meta:meta])* pub $field:ident: $ty:ty => $($needs:ident)? $key:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub struct $name $(<$param>)? {
            $( $(#[$field_meta])* pub $field: $ty, )*
            /// What the typed fields do not say: unknown fields, and known ones in an unexpected spelling, verbatim.
            pub rest: ::serde_json::Map<String, ::serde_json::Value>,
        }

        impl $(<$param: $crate::wire::Wire>)? $crate::wire::Wire for $name $(<$param>)? {
            fn read(value: ::serde_json::Value) -> (Option<Self>, Option<::serde_json::Value>) {
                use $crate::wire::Field;
                let ::serde_json::Value::Object(map) = value else {
                    return (None, Some(value));
                };
                let is_readable = true
                    $( && <$ty as Field>::is_acceptable(map.get($key)) $( && $crate::wire::$needs(map.get($key)) )? )*;
                if !is_readable {
                    return (None, Some(::serde_json::Value::Object(map)));
                }
                let mut rest = ::serde_json::Map::new();
                $( let mut $field: Option<$ty> = None; )*
                for (key, value) in map {
                    let remainder = match key.as_str() {
                        $( $key => {
                            let (typed, remainder) = <$ty as Field>::read(value);
                            $field = typed;
                            remainder
                        } )*
                        _ => Some(value),
                    };
                    if let Some(remainder) = remainder {
                        rest.insert(key, remainder);
                    }
                }
                let typed = Self {
                    $( $field: $field
                        .or_else(<$ty as Field>::absent)
                        .expect("required fields were found acceptable above"), )*
                    rest,
                };
                (Some(typed), None)
            }

            fn write(&self) -> ::serde_json::Value {
                let mut out = ::serde_json::Map::new();
                $( $crate::wire::write_field(&mut out, &self.rest, $key, &self.$field); )*
                for (key, value) in &self.rest {
                    if !matches!(key.as_str(), $( $key )|*) {
                        out.insert(key.clone(), value.clone());
                    }
                }
                ::serde_json::Value::Object(out)
            }

            fn absorb(&mut self, newer: Self) {
                $( $crate::wire::Field::absorb(&mut self.$field, newer.$field); )*
                $crate::wire::absorb_rest(&mut self.rest, newer.rest);
            }

            fn key(&self) -> Option<u64> {
                None $( .or_else(|| $identity(self)) )? $( .or_else(|| $crate::wire::Field::key(&self.$field)) )*
            }
        }

        impl<'de $(, $param: $crate::wire::Wire)?> ::serde::Deserialize<'de> for $name $(<$param>)? {
            fn deserialize<D: ::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let required: Vec<&'static str> = [
                    $( ($key, <$ty as $crate::wire::Field>::absent().is_none() $( || stringify!($needs) != "" )?), )*
                ]
                .into_iter()
                .filter_map(|(key, is_required)| is_required.then_some(key))
                .collect();
                $crate::wire::deserialize(deserializer, stringify!($name), &required)
            }
        }

        impl $(<$param: $crate::wire::Wire>)? ::serde::Serialize for $name $(<$param>)? {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                ::serde::Serialize::serialize(&$crate::wire::Wire::write(self), serializer)
            }
        }
    };
}
pub(crate) use wire;
