//! When to leave the fast path: the last hour's outcomes in, the course to take out.
//!
//! The fast path is everything that makes transfers quick (many files, many connections, HTTP/2); the sequential path
//! is one file at a time over one connection. The course is [`Course::Sequential`] while one of these holds:
//!
//! * more than [`Limits::errors_percent`] of the last hour's transfers failed,
//! * more than [`Limits::timeouts_percent`] of them timed out, or of the requests they made, whatever became of those:
//!   a transfer that asked again and got what was missing has still been let down,
//! * the last [`Limits::streak`] transfers of the fast path failed one after another, the last of them within the hour.
//!
//! A share counts only with at least [`Limits::minimum`] transfers or requests and [`Limits::repeats`] bad ones, so that one bad
//! file of three says nothing. Both paths count for the shares, which is how good transfers on the sequential path lead
//! back; only the fast path makes or ends a streak. An hour is the current minute and the 59 before it.
//!
//! What is the user's or the content's fault (not found, no permission, a wrong digest, a full disk) is no outcome and
//! must not be recorded. Time is handed in as the time since the Unix epoch, so that counts can be kept across runs.

use std::collections::BTreeMap;
use std::time::Duration;

/// When transfers are bad enough to leave the fast path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Failed transfers, of a hundred, that are still borne.
    pub errors_percent: u64,
    /// Timed-out transfers or requests, of a hundred, that are still borne.
    pub timeouts_percent: u64,
    /// Fewer transfers or requests than this in the hour say nothing about a share.
    pub minimum: u64,
    /// Fewer bad ones than this say nothing about a share.
    pub repeats: u64,
    /// So many failures of the fast path one after another are enough by themselves.
    pub streak: u32,
}

impl Limits {
    /// The limits at which experiments end, well before the fast path does: what is being tried out is the first to be
    /// suspected.
    pub fn of_experiments() -> Self {
        Self {
            errors_percent: 2,
            timeouts_percent: 0,
            minimum: 10,
            repeats: 2,
            streak: 2,
        }
    }
}

impl Default for Limits {
    /// More than 5 % errors or 1 % timeouts of at least twenty, twice at least; three failures in a row.
    fn default() -> Self {
        Self {
            errors_percent: 5,
            timeouts_percent: 1,
            minimum: 20,
            repeats: 2,
            streak: 3,
        }
    }
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The bytes are there.
    Finished,
    /// The network, a server or a storage failed for good.
    Failed,
    /// The same, because nothing came in time.
    TimedOut,
}

/// Which path a transfer took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Taken {
    /// The quick one.
    Fast,
    /// The safe one.
    Sequential,
}

/// Which path to take now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// All is well.
    Fast,
    /// One file at a time, one connection, until things are better.
    Sequential {
        /// What is wrong.
        why: Why,
    },
}

impl Course {
    /// Returns which path a transfer that follows this takes.
    pub fn taken(self) -> Taken {
        match self {
            Self::Fast => Taken::Fast,
            Self::Sequential { .. } => Taken::Sequential,
        }
    }
}

/// What speaks against the fast path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Too many of the last hour's transfers failed.
    Errors {
        /// How many.
        failed: u64,
        /// Of how many.
        of: u64,
    },
    /// Too many of the last hour's transfers timed out.
    Timeouts {
        /// How many.
        timed_out: u64,
        /// Of how many.
        of: u64,
    },
    /// Too many of the requests that the last hour's transfers made timed out, though most were made up for.
    Requests {
        /// How many.
        timed_out: u64,
        /// Of how many.
        of: u64,
    },
    /// The fast path failed again and again.
    Streak {
        /// How often in a row.
        failures: u32,
    },
}

/// One transfer that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When, since the Unix epoch.
    pub at: Duration,
    /// How it was fetched.
    pub taken: Taken,
    /// How it ended.
    pub outcome: Outcome,
    /// What it asked of servers on the way.
    pub requests: Requests,
}

/// The requests of a transfer, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// How many were made.
    pub made: u64,
    /// Those of `made` to which nothing, or no more, came in time.
    pub timed_out: u64,
}

impl Requests {
    fn add(&mut self, other: Self) {
        self.made = self.made.saturating_add(other.made);
        self.timed_out = self.timed_out.saturating_add(other.timed_out);
    }
}

/// What happened within one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Transfers that ended well.
    pub finished: u64,
    /// Transfers that failed, timed-out ones included.
    pub failed: u64,
    /// Those of `failed` that timed out.
    pub timed_out: u64,
    /// The requests of all of them.
    pub requests: Requests,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.finished = self.finished.saturating_add(other.finished);
        self.failed = self.failed.saturating_add(other.failed);
        self.timed_out = self.timed_out.saturating_add(other.timed_out);
        self.requests.add(other.requests);
    }

    fn all(self) -> u64 {
        self.finished.saturating_add(self.failed)
    }
}

/// Failures of the fast path one after another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Streak {
    /// How many.
    pub failures: u32,
    /// Minute of the last one, since the Unix epoch.
    pub minute: u64,
}

/// The memory of the last hour. It is a value: two of the same content decide alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failsafe {
    limits: Limits,
    minutes: BTreeMap<u64, Counts>,
    streak: Streak,
}

impl Failsafe {
    /// Starts without a past.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Takes up what [`minutes`](Self::minutes) and [`streak`](Self::streak) gave an earlier run.
    #[must_use]
    pub fn with_past(
        self,
        minutes: impl IntoIterator<Item = (u64, Counts)>,
        streak: Streak,
    ) -> Self {
        Self {
            minutes: minutes.into_iter().collect(),
            streak,
            ..self
        }
    }

    /// Notes how a transfer ended, and forgets what lies more than an hour before it.
    pub fn record(&mut self, ended: Ended) {
        let now = minute(ended.at);
        self.minutes
            .retain(|minute, _| minute.saturating_add(WINDOW_MINUTES) > now);
        let (finished, failed, timed_out) = match ended.outcome {
            Outcome::Finished => (1, 0, 0),
            Outcome::Failed => (0, 1, 0),
            Outcome::TimedOut => (0, 1, 1),
        };
        self.minutes.entry(now).or_default().add(Counts {
            finished,
            failed,
            timed_out,
            requests: ended.requests,
        });
        if ended.taken == Taken::Fast {
            self.streak = match ended.outcome {
                Outcome::Finished => Streak::default(),
                Outcome::Failed | Outcome::TimedOut => Streak {
                    failures: self.streak_at(now).saturating_add(1),
                    minute: now,
                },
            };
        }
    }

    /// Returns which path to take at `at`.
    pub fn course(&self, at: Duration) -> Course {
        self.course_within(at, &self.limits)
    }

    /// Returns the same for other limits.
    pub fn course_within(&self, at: Duration, limits: &Limits) -> Course {
        let now = minute(at);
        let mut counts = Counts::default();
        for (_, minute) in self
            .minutes
            .range(..=now)
            .filter(|(minute, _)| lies_within(**minute, now))
        {
            counts.add(*minute);
        }
        let (of, requests) = (counts.all(), counts.requests);
        let failures = self.streak_at(now);
        let why = if failures >= limits.streak {
            Why::Streak { failures }
        } else if limits.is_passed(counts.failed, of, limits.errors_percent) {
            Why::Errors {
                failed: counts.failed,
                of,
            }
        } else if limits.is_passed(counts.timed_out, of, limits.timeouts_percent) {
            Why::Timeouts {
                timed_out: counts.timed_out,
                of,
            }
        } else if limits.is_passed(requests.timed_out, requests.made, limits.timeouts_percent) {
            Why::Requests {
                timed_out: requests.timed_out,
                of: requests.made,
            }
        } else {
            return Course::Fast;
        };
        Course::Sequential { why }
    }

    /// Returns the counts of each minute that is remembered, by its number since the Unix epoch.
    pub fn minutes(&self) -> impl Iterator<Item = (u64, Counts)> + '_ {
        self.minutes
            .iter()
            .map(|(minute, counts)| (*minute, *counts))
    }

    /// Returns the failures of the fast path one after another.
    pub fn streak(&self) -> Streak {
        self.streak
    }

    /// The streak as it stands at a minute: one whose last failure is an hour ago is over.
    fn streak_at(&self, now: u64) -> u32 {
        if lies_within(self.streak.minute, now) {
            self.streak.failures
        } else {
            0
        }
    }
}

impl Limits {
    fn is_passed(&self, bad: u64, of: u64, percent: u64) -> bool {
        let passed = u128::from(bad) * 100 > u128::from(percent) * u128::from(of);
        of >= self.minimum && bad >= self.repeats && passed
    }
}

fn minute(at: Duration) -> u64 {
    at.as_secs() / 60
}

/// A minute in the future (the clock was set back) does not lie within the hour before now.
fn lies_within(minute: u64, now: u64) -> bool {
    minute <= now && now - minute < WINDOW_MINUTES
}

const WINDOW_MINUTES: u64 = 60;
