//! Reading a library again and again, a little at a time: which file is next, and how fast it may be read.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::catalogue::Entry;

/// The files that are due, and when the next one will be.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Those that were not read for the whole interval: first those that never were, then the longest ago.
    pub now: Vec<Entry>,
    /// When the first of the others is due; none when there are no others.
    pub next: Option<SystemTime>,
}

/// Which of the known files are due at `now`, when each is to be read once in `every`.
pub fn due<S: std::hash::BuildHasher>(
    entries: Vec<Entry>,
    verified: &HashMap<String, SystemTime, S>,
    every: Duration,
    now: SystemTime,
) -> Due {
    let mut due = Vec::new();
    let mut next: Option<SystemTime> = None;
    for entry in entries {
        let last = verified.get(&entry.path).copied();
        // A time that cannot be told never comes.
        let at = last.and_then(|last| last.checked_add(every));
        match (last, at) {
            (Some(_), None) => {}
            (Some(_), Some(at)) if at > now => next = Some(next.map_or(at, |next| next.min(at))),
            _ => due.push((last, entry)),
        }
    }
    due.sort_by(|(a, one), (b, other)| (a, &one.path).cmp(&(b, &other.path)));
    Due {
        now: due.into_iter().map(|(_, entry)| entry).collect(),
        next,
    }
}

/// How fast files may be read, in all, and whether to stop.
#[derive(Debug)]
pub struct Pace {
    bytes_per_second: Option<NonZeroU64>,
    stop: CancellationToken,
    /// When what was allowed so far is paid for.
    paid: Mutex<Instant>,
}

impl Pace {
    /// A pace of so many bytes a second, or none, that ends with `stop`.
    pub fn new(bytes_per_second: Option<NonZeroU64>, stop: CancellationToken) -> Self {
        Self {
            bytes_per_second,
            stop,
            paid: Mutex::new(Instant::now()),
        }
    }

    /// Waits until so many bytes may be read; breaks when everything is to stop. Blocks.
    pub fn wait(&self, bytes: u64) -> ControlFlow<()> {
        if let Some(rate) = self.bytes_per_second {
            let turn = self.book(bytes, rate, Instant::now());
            while let Some(left) = turn.checked_duration_since(Instant::now())
                && !left.is_zero()
                && !self.stop.is_cancelled()
            {
                thread::sleep(left.min(LOOK_UP));
            }
        }
        if self.stop.is_cancelled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Takes the next turn; gives when it begins. Time in which nothing was read is not saved up.
    fn book(&self, bytes: u64, rate: NonZeroU64, now: Instant) -> Instant {
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*paid).max(now);
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate.get());
        *paid = turn + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        turn
    }
}

/// How long a wish to stop may go unnoticed.
const LOOK_UP: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Stamp;

    fn entry(path: &str) -> Entry {
        Entry {
            path: path.to_owned(),
            stamp: Stamp {
                bytes: 1,
                mtime_ns: 0,
                inode: 1,
                device: 1,
            },
            added: SystemTime::UNIX_EPOCH,
            missing: None,
            is_removed: false,
            digests: None,
            matched: None,
            identity: None,
            described: None,
        }
    }

    #[test]
    fn what_was_never_read_comes_first_then_what_was_longest_ago() {
        let day = Duration::from_hours(24);
        let now = SystemTime::UNIX_EPOCH + 100 * day;
        let entries = ["a", "b", "c", "d", "e"].map(entry).to_vec();
        let verified = HashMap::from([
            ("a".to_owned(), now - 31 * day),
            ("b".to_owned(), now - 40 * day),
            ("d".to_owned(), now - day),
            ("e".to_owned(), now - 29 * day),
        ]);
        let due = due(entries, &verified, 30 * day, now);
        let paths: Vec<_> = due.now.iter().map(|entry| entry.path.as_str()).collect();
        assert_eq!(paths, ["c", "b", "a"]);
        assert_eq!(due.next, Some(now + day));
    }

    #[test]
    fn reads_take_turns_at_the_pace_and_idle_time_is_not_saved_up() {
        let rate = NonZeroU64::new(1_000).expect("not zero");
        let pace = Pace::new(Some(rate), CancellationToken::new());
        let start = Instant::now() + Duration::from_secs(1);
        assert_eq!(pace.book(500, rate, start), start);
        let second = start + Duration::from_millis(500);
        assert_eq!(pace.book(2_000, rate, start), second);
        let late = start + Duration::from_mins(1);
        assert_eq!(pace.book(1, rate, late), late);
    }
}
