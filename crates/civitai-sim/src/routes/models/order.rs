//! The orders of a listing, and cursors as places in them.

use std::cmp::Reverse;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::http::Response;
use crate::routes::message;
use crate::state::Model;

/// The orders of a listing; several names of the API are one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Collected,
    Discussed,
    Downloaded,
    Images,
    Newest,
    Oldest,
    Rated,
}

impl Sort {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "Most Collected" => Self::Collected,
            "Most Discussed" => Self::Discussed,
            "Most Downloaded" => Self::Downloaded,
            "Most Images" => Self::Images,
            "Newest" => Self::Newest,
            "Oldest" => Self::Oldest,
            _ => Self::Rated,
        }
    }

    pub(super) fn key(self, model: &Model) -> Key {
        let stats = &model.stats;
        let counts = |first, second| Key::Counts(first, second, model.id);
        match self {
            Self::Collected => counts(stats.collected, stats.thumbs_up),
            Self::Discussed => counts(stats.comments, stats.thumbs_up),
            Self::Downloaded => counts(stats.downloads, stats.thumbs_up),
            Self::Images => counts(stats.images, stats.thumbs_up),
            Self::Newest => Key::Newest(model.last_version_at, model.id),
            Self::Oldest => Key::Oldest(model.last_version_at, model.id),
            Self::Rated => counts(stats.thumbs_up, stats.downloads),
        }
    }

    fn arity(self) -> usize {
        match self {
            Self::Newest | Self::Oldest => 2,
            Self::Collected | Self::Discussed | Self::Downloaded | Self::Images | Self::Rated => 3,
        }
    }
}

/// Where a model stands in an order. What a cursor spells out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// Two counts descending, then the id ascending.
    Counts(u32, u32, u32),
    /// Date and id, both descending.
    Newest(Timestamp, u32),
    /// Date and id, both ascending.
    Oldest(Timestamp, u32),
}

impl Key {
    pub(super) fn parse(cursor: &str, sort: Sort) -> Result<Self, Response> {
        let pieces: Vec<&str> = cursor.split('|').collect();
        let (expected, received) = (sort.arity(), pieces.len());
        if received != expected {
            let complaint = format!(
                "Invalid cursor: expected {expected} value(s) for this sort, received {received}"
            );
            return Err(message(400, &complaint));
        }
        Self::read(&pieces, sort)
            .ok_or_else(|| message(400, "Invalid cursor: a value does not fit this sort"))
    }

    fn read(pieces: &[&str], sort: Sort) -> Option<Self> {
        match *pieces {
            [first, second, id] => Some(Self::Counts(
                first.parse().ok()?,
                second.parse().ok()?,
                id.parse().ok()?,
            )),
            [date, id] if sort == Sort::Newest => {
                Some(Self::Newest(moment(date)?, id.parse().ok()?))
            }
            [date, id] => Some(Self::Oldest(moment(date)?, id.parse().ok()?)),
            _ => None,
        }
    }

    /// Whether a page that starts at this cursor may hold a model of that key.
    ///
    /// The site compares descending keys with "less than" and ascending ones with "at least". So the counted orders
    /// go on exactly where they stopped; the newest-first order loses the very model the cursor names; and the
    /// oldest-first order starts again with every model of the cursor's date.
    pub(super) fn admits(self, other: Self) -> bool {
        match (self, other) {
            (Self::Counts(a, b, id), Self::Counts(x, y, other)) => {
                x < a || (x == a && y < b) || (x == a && y == b && other >= id)
            }
            (Self::Newest(date, id), Self::Newest(when, other)) => {
                when < date || (when == date && other < id)
            }
            (Self::Oldest(date, _), Self::Oldest(when, _)) => when >= date,
            _ => false,
        }
    }

    pub(super) fn rank(self) -> (Reverse<i128>, Reverse<u32>, i64) {
        match self {
            Self::Counts(first, second, id) => (Reverse(first.into()), Reverse(second), id.into()),
            Self::Newest(date, id) => (Reverse(date.as_nanosecond()), Reverse(id), 0),
            Self::Oldest(date, id) => (Reverse(-date.as_nanosecond()), Reverse(0), id.into()),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Counts(first, second, id) => write!(f, "{first}|{second}|{id}"),
            Self::Newest(date, id) | Self::Oldest(date, id) => {
                write!(f, "{}|{id}", date.strftime("%Y-%m-%d %H:%M:%S%.f"))
            }
        }
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let zoned = || text.parse::<Timestamp>().ok();
    let naive = || {
        TimeZone::UTC
            .to_timestamp(text.parse::<DateTime>().ok()?)
            .ok()
    };
    zoned().or_else(naive)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::new(second, 0).expect("a small number of seconds is a timestamp")
    }

    fn round_trip(key: Key, sort: Sort) {
        assert_eq!(
            Key::parse(&key.to_string(), sort).map_err(|refusal| refusal.status),
            Ok(key)
        );
    }

    #[test]
    fn cursors_are_read_as_they_are_written() {
        round_trip(Key::Counts(3, 2, 1), Sort::Rated);
        round_trip(Key::Newest(at(1_700_000_000), 9), Sort::Newest);
        let millis = Timestamp::from_millisecond(1_766_049_372_062).expect("a date of 2025");
        round_trip(Key::Oldest(millis, 9), Sort::Oldest);
        assert_eq!(
            Key::Newest(millis, 9).to_string(),
            "2025-12-18 09:16:12.062|9"
        );
    }

    #[test]
    fn a_counted_cursor_includes_the_model_it_names() {
        let cursor = Key::Counts(5, 5, 5);
        assert!(cursor.admits(cursor));
        assert!(cursor.admits(Key::Counts(5, 5, 6)) && !cursor.admits(Key::Counts(5, 5, 4)));
        assert!(cursor.admits(Key::Counts(5, 4, 1)) && !cursor.admits(Key::Counts(5, 6, 9)));
    }

    #[test]
    fn a_newest_first_cursor_excludes_the_model_it_names() {
        let cursor = Key::Newest(at(5), 5);
        assert!(!cursor.admits(cursor));
        assert!(cursor.admits(Key::Newest(at(5), 4)) && cursor.admits(Key::Newest(at(4), 9)));
    }

    #[test]
    fn an_oldest_first_cursor_starts_its_date_again() {
        let cursor = Key::Oldest(at(5), 5);
        assert!(cursor.admits(Key::Oldest(at(5), 1)) && !cursor.admits(Key::Oldest(at(4), 9)));
    }
}
