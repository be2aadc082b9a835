//! The simulator's own time: what early access, signatures and rate windows are judged by.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// A clock that runs with real time from wherever it was set. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Mutex<Setting>>);

#[derive(Debug)]
struct Setting {
    time: Timestamp,
    /// When `time` was right; none while the clock stands.
    since: Option<Instant>,
}

impl Clock {
    /// A clock that agrees with the system's now.
    pub fn system() -> Self {
        Self::starting_at(Timestamp::now())
    }

    /// A clock that shows `time` now and runs.
    pub fn starting_at(time: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Setting {
            time,
            since: Some(Instant::now()),
        })))
    }

    /// Sets the time; the clock goes on running, or standing, from there.
    pub fn set(&self, time: Timestamp) {
        self.change(|setting| setting.time = time);
    }

    /// Moves the clock forward at once. Stops at the end of representable time.
    pub fn advance(&self, by: Duration) {
        self.change(|setting| {
            setting.time = setting.time.saturating_add(by).unwrap_or(Timestamp::MAX);
        });
    }

    /// Stops the clock where it is.
    pub fn freeze(&self) {
        self.change(|setting| setting.since = None);
    }

    /// Lets a stopped clock run again.
    pub fn resume(&self) {
        self.change(|setting| setting.since = Some(Instant::now()));
    }

    /// What the clock shows.
    pub fn now(&self) -> Timestamp {
        let mut now = Timestamp::UNIX_EPOCH;
        self.change(|setting| now = setting.time);
        now
    }

    /// Brings the setting up to this instant, then changes it.
    fn change(&self, change: impl FnOnce(&mut Setting)) {
        let mut setting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = setting.since {
            let now = Instant::now();
            setting.time = setting
                .time
                .saturating_add(now - since)
                .unwrap_or(Timestamp::MAX);
            setting.since = Some(now);
        }
        change(&mut setting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frozen_clock_shows_what_it_was_set_to() {
        let clock = Clock::system();
        clock.freeze();
        let time: Timestamp = "2026-08-08T00:00:00Z".parse().unwrap();
        clock.set(time);
        assert_eq!(clock.now(), time);
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.clone().now().to_string(), "2026-08-08T00:01:30Z");
    }

    #[test]
    fn time_never_overflows() {
        let clock = Clock::starting_at(Timestamp::MAX);
        clock.advance(Duration::from_secs(u64::MAX));
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
