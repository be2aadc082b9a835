//! How mature content is: a bit for each level, or several for what holds pictures of several levels.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::UnknownName;
use crate::open_enum::fold;
use crate::wire::Wire;

/// A set of levels. Models and versions have the levels of all their pictures, a picture has one; none means unrated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NsfwLevel(u32);

impl NsfwLevel {
    /// Safe for everyone.
    pub const PG: Self = Self(1);
    /// Suggestive.
    pub const PG13: Self = Self(2);
    /// Partial nudity.
    pub const R: Self = Self(4);
    /// Nudity.
    pub const X: Self = Self(8);
    /// Explicit.
    pub const XXX: Self = Self(16);
    /// Not shown by the site at all.
    pub const BLOCKED: Self = Self(32);
    /// Every level that can be listed.
    pub const ALL: Self = Self(31);

    /// Returns the set with these bits.
    pub fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Returns the bits.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Returns this level and every lower one; the highest bit counts.
    #[must_use]
    pub fn and_below(self) -> Self {
        match self.highest().0 {
            0 => Self(0),
            // The bit itself may be the topmost of 32.
            bit => Self(bit | (bit - 1)),
        }
    }

    /// Returns the highest level in the set, by which severity is shown.
    #[must_use]
    pub fn highest(self) -> Self {
        Self(
            1_u32
                .checked_shl(31 - self.0.leading_zeros().min(31))
                .unwrap_or(0)
                & self.0,
        )
    }

    /// Says whether the two sets have a level in common.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Returns the word that picture listings use, which does not tell X from XXX.
    pub fn label(self) -> &'static str {
        match self.0 {
            2 => "Soft",
            4 => "Mature",
            8 | 16 => "X",
            32 => "Blocked",
            _ => "None",
        }
    }

    fn from_label(label: &str) -> Option<Self> {
        Some(match label {
            "None" => Self::PG,
            "Soft" => Self::PG13,
            "Mature" => Self::R,
            "X" => Self::X,
            "Blocked" => Self::BLOCKED,
            _ => return None,
        })
    }
}

/// Shows the highest level.
impl fmt::Display for NsfwLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.highest().0 {
            1 => "PG",
            2 => "PG-13",
            4 => "R",
            8 => "X",
            16 => "XXX",
            32 => "Blocked",
            _ => "unrated",
        })
    }
}

/// Reads one level: pg, pg13, r, x or xxx.
impl FromStr for NsfwLevel {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Ok(match fold(text).as_str() {
            "pg" => Self::PG,
            "pg13" => Self::PG13,
            "r" => Self::R,
            "x" => Self::X,
            "xxx" => Self::XXX,
            _ => {
                return Err(UnknownName::new(text, &["pg", "pg13", "r", "x", "xxx"]));
            }
        })
    }
}

impl Wire for NsfwLevel {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        if let Value::String(label) = &value
            && let Some(level) = Self::from_label(label)
        {
            return (Some(level), Some(value));
        }
        let (number, remainder) = u64::read(value);
        match (number.and_then(|bits| u32::try_from(bits).ok()), remainder) {
            (None, None) => (None, number.map(Value::from)),
            (bits, remainder) => (bits.map(Self), remainder),
        }
    }

    fn write(&self) -> Value {
        Value::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_bit_is_shown_and_includes_what_lies_below() {
        assert_eq!(NsfwLevel::from_bits(31).to_string(), "XXX");
        assert_eq!(NsfwLevel::from_bits(5).highest(), NsfwLevel::R);
        assert_eq!(NsfwLevel::from_bits(0).to_string(), "unrated");
        assert_eq!(NsfwLevel::R.and_below().bits(), 7);
        assert_eq!(NsfwLevel::from_bits(u32::MAX).and_below().bits(), u32::MAX);
        assert_eq!("PG-13".parse(), Ok(NsfwLevel::PG13));
    }
}
