//! Points in time as Civitai writes them: usually RFC 3339, sometimes without a zone or with a trimmed fraction.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use serde_json::Value;

use crate::wire::Wire;

/// A point in time. A timestamp without a zone is taken as UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(jiff::Timestamp);

/// A text that names no point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a date or a time such as 2026-07-26 or 2026-07-26T04:10:00Z")]
pub struct InvalidTimestamp {
    /// What was given, shortened.
    pub given: String,
}

impl Timestamp {
    /// Returns the moment for arithmetic and other formats.
    pub fn as_jiff(self) -> jiff::Timestamp {
        self.0
    }
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(moment: jiff::Timestamp) -> Self {
        Self(moment)
    }
}

impl TryFrom<SystemTime> for Timestamp {
    type Error = jiff::Error;

    /// # Errors
    /// A time before the year -9999 or after 9999.
    fn try_from(moment: SystemTime) -> Result<Self, jiff::Error> {
        moment.try_into().map(Self)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(moment: Timestamp) -> Self {
        moment.0.into()
    }
}

/// Reads a date, or a date and a time with or without fraction and zone, separated by `T` or a space.
impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        // The longest sensible form has 35 characters; the parser accepts zone annotations without end.
        const LONGEST: usize = 48;
        let invalid = || InvalidTimestamp {
            given: text.chars().take(LONGEST).collect(),
        };
        if text.len() > LONGEST {
            return Err(invalid());
        }
        if let Ok(moment) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(moment));
        }
        let naive: jiff::civil::DateTime = text.parse().map_err(|_| invalid())?;
        let zoned = naive
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map_err(|_| invalid())?;
        Ok(Self(zoned.timestamp()))
    }
}

/// Writes UTC with milliseconds, as Civitai does.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Wire for Timestamp {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        let Value::String(text) = &value else {
            return (None, Some(value));
        };
        let typed: Option<Self> = text.parse().ok();
        let is_canonical = typed.is_some_and(|typed| typed.to_string() == *text);
        (typed, (!is_canonical).then_some(value))
    }

    fn write(&self) -> Value {
        Value::String(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_same_moment_reads_alike() {
        let spellings = [
            "2023-02-11T07:55:58.400Z",
            "2023-02-11T07:55:58.4",
            "2023-02-11 07:55:58.400000",
            "2023-02-11T08:55:58.4+01:00",
        ];
        for text in spellings {
            let read: Timestamp = text.parse().expect(text);
            assert_eq!(read.to_string(), "2023-02-11T07:55:58.400Z", "{text}");
        }
        assert_eq!(
            "2023-02-11".parse::<Timestamp>().map(|t| t.to_string()),
            Ok("2023-02-11T00:00:00.000Z".into())
        );
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "yesterday",
            "2023-13-01T00:00:00Z",
            "1676102158",
            &"2".repeat(1000),
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }
}
