//! Identifiers. Civitai's are positive 32-bit integers; anything else is refused before it is sent.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde_json::Value;

use crate::wire::{Field, Wire};

/// A number that cannot be one of Civitai's identifiers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not an id: ids are whole numbers from 1 to {LARGEST}")]
pub struct InvalidId {
    /// What was given, shortened.
    pub given: String,
}

const LARGEST: u32 = i32::MAX as u32;

fn in_range(number: u64) -> Option<NonZeroU32> {
    u32::try_from(number)
        .ok()
        .filter(|number| *number <= LARGEST)
        .and_then(NonZeroU32::new)
}

macro_rules! ids {
    ( $( $(#[$meta:meta])* $name:ident, )* ) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(NonZeroU32);

        impl $name {
            /// Returns the id, or `None` outside of 1 to 2,147,483,647.
            pub fn new(number: u64) -> Option<Self> {
                in_range(number).map(Self)
            }

            /// Returns the number.
            pub fn get(self) -> u32 {
                self.0.get()
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> Self {
                Self::from(id.get())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.bytes()
                    .all(|b| b.is_ascii_digit())
                    .then(|| text.parse().ok())
                    .flatten()
                    .and_then(Self::new)
                    .ok_or_else(|| InvalidId { given: text.chars().take(32).collect() })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u32(self.get())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::wire::deserialize(deserializer, stringify!($name), &[])
            }
        }

        impl Wire for $name {
            fn read(value: Value) -> (Option<Self>, Option<Value>) {
                let (number, remainder) = u64::read(value);
                match (number.and_then(Self::new), remainder) {
                    (None, None) => (None, number.map(Value::from)),
                    read => read,
                }
            }

            fn write(&self) -> Value {
                Value::from(self.get())
            }

            fn key(&self) -> Option<u64> {
                Some(u64::from(*self))
            }
        }

        /// As a bare member of a struct an id is required and identifies the object.
        impl Field for $name {
            fn absent() -> Option<Self> {
                None
            }

            fn is_acceptable(value: Option<&Value>) -> bool {
                // Only scalars are copied here: an id is never made of a list or an object.
                value
                    .filter(|value| value.is_number() || value.is_string())
                    .is_some_and(|value| <Self as Wire>::read(value.clone()).0.is_some())
            }

            fn read(value: Value) -> (Option<Self>, Option<Value>) {
                <Self as Wire>::read(value)
            }

            fn write(&self) -> Option<Value> {
                Some(Wire::write(self))
            }

            fn absorb(&mut self, newer: Self) {
                *self = newer;
            }

            fn key(&self) -> Option<u64> {
                Wire::key(self)
            }
        }
    )* };
}

ids! {
    /// Names a model: everything its creator published under one title.
    ModelId,
    /// Names one version of a model; downloads are asked for by version.
    VersionId,
    /// Names one file of a version.
    FileId,
    /// Names a picture or video.
    ImageId,
    /// Names a post, a group of pictures published together.
    PostId,
    /// Names a user.
    UserId,
    /// Names a collection.
    CollectionId,
    /// Names an article.
    ArticleId,
    /// Names a bounty.
    BountyId,
    /// Names a tag. Most of the API names tags by their text instead.
    TagId,
    /// Names an entry of the signed-in user's vault.
    VaultItemId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_positive_32_bit_numbers_are_ids() {
        assert_eq!(
            "2147483647".parse::<ModelId>().map(ModelId::get),
            Ok(2_147_483_647)
        );
        for bad in [
            "0",
            "2147483648",
            "-1",
            "+1",
            "",
            "1e3",
            " 1",
            "99999999999999999999999",
        ] {
            assert!(bad.parse::<ModelId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_id_written_as_text_is_read_and_its_spelling_kept() {
        assert_eq!(
            <ModelId as Wire>::read(Value::from("7")),
            (ModelId::new(7), Some(Value::from("7")))
        );
        assert_eq!(
            <ModelId as Wire>::read(Value::from(0)),
            (None, Some(Value::from(0)))
        );
    }
}
