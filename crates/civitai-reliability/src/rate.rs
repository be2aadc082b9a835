//! An adaptive request rate: a token bucket that listens to how the server answers.
//!
//! * An answer slower than [`SLOW`] takes the rate to 0.8 of itself, one faster than [`FAST`] to 1.1.
//! * A 429 halves it, empties the bucket, and holds everybody back for the `Retry-After`, if any.
//! * The rate stays between a twentieth and twice of what was configured.
//!
//! Waiting tasks are served strictly in the order in which they began to wait.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::debug;

/// An answer that takes longer than this slows the rate.
pub const SLOW: Duration = Duration::from_secs(2);
/// An answer that takes less than this speeds the rate up.
pub const FAST: Duration = Duration::from_millis(500);

/// The rate to start from, checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateConfig {
    per_second: f64,
    burst: NonZeroU32,
}

impl RateConfig {
    /// Accepts a rate in requests per second and how many may go out at once after a quiet time.
    ///
    /// # Errors
    /// A rate that is not between 0.001 and 1,000,000.
    pub fn new(per_second: f64, burst: NonZeroU32) -> Result<Self, InvalidRate> {
        if (0.001..=1e6).contains(&per_second) {
            Ok(Self { per_second, burst })
        } else {
            Err(InvalidRate { per_second })
        }
    }

    /// Returns the configured rate in requests per second.
    pub fn per_second(&self) -> f64 {
        self.per_second
    }

    /// Returns how many requests may go out at once.
    pub fn burst(&self) -> NonZeroU32 {
        self.burst
    }

    fn floor(&self) -> f64 {
        self.per_second * FLOOR
    }

    fn ceiling(&self) -> f64 {
        self.per_second * CEILING
    }
}

impl Default for RateConfig {
    /// Two requests a second, bursts of ten.
    fn default() -> Self {
        Self {
            per_second: 2.0,
            burst: const { NonZeroU32::new(10).expect("ten is not zero") },
        }
    }
}

/// A rate that nothing can be paced by: zero, negative, not a number, or absurd.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("a rate of {per_second} requests a second is not between 0.001 and 1000000")]
pub struct InvalidRate {
    /// The rate that was asked for.
    pub per_second: f64,
}

/// A token bucket shared by all tasks that talk to one server.
#[derive(Debug)]
pub struct Rate {
    config: RateConfig,
    /// Held by the task that is next; the others queue here, first come, first served.
    turn: tokio::sync::Mutex<()>,
    bucket: Mutex<Bucket>,
    /// Wakes the task that is next when its wait has changed.
    changed: Notify,
}

impl Rate {
    /// Starts at the configured rate with a full bucket.
    pub fn new(config: RateConfig) -> Self {
        Self {
            config,
            turn: tokio::sync::Mutex::new(()),
            bucket: Mutex::new(Bucket {
                tokens: f64::from(config.burst.get()),
                per_second: config.per_second,
                refilled: Instant::now(),
            }),
            changed: Notify::new(),
        }
    }

    /// Waits until one request may be sent.
    ///
    /// Tasks are served in the order of their first poll.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue and takes nothing from the bucket.
    pub async fn acquire(&self) {
        let _turn = self.turn.lock().await;
        loop {
            let Some(wait) = self.bucket().take(&self.config) else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Adapts to the time that an answer took, from sending the request to its head.
    pub fn observe(&self, latency: Duration) {
        if latency > SLOW {
            self.scale(SLOWER);
        } else if latency < FAST {
            self.scale(FASTER);
        }
    }

    /// Adapts to a 429: halves the rate, and sends nothing until `retry_after` is over.
    ///
    /// Of several waits the longest counts. When it is over one request may go at once, the rest at
    /// the halved rate.
    pub fn throttled(&self, retry_after: Option<Duration>) {
        self.scale(HALF);
        self.bucket().hold(retry_after.unwrap_or_default());
        self.changed.notify_one();
    }

    /// Returns the current rate in requests per second.
    pub fn per_second(&self) -> f64 {
        self.bucket().per_second
    }

    /// Returns how long the server's `Retry-After` still holds every request back, if it does.
    ///
    /// [`acquire`](Self::acquire) waits as long as that; who has less patience asks here first.
    pub fn held_for(&self) -> Option<Duration> {
        let refilled = self.bucket().refilled;
        Some(refilled.saturating_duration_since(Instant::now())).filter(|held| !held.is_zero())
    }

    fn scale(&self, factor: f64) {
        let mut bucket = self.bucket();
        bucket.refill(&self.config);
        let scaled = bucket.per_second * factor;
        let per_second = scaled.clamp(self.config.floor(), self.config.ceiling());
        if per_second.to_bits() != bucket.per_second.to_bits() {
            debug!(
                from = bucket.per_second,
                to = per_second,
                "request rate changed"
            );
            bucket.per_second = per_second;
            drop(bucket);
            self.changed.notify_one();
        }
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        // A bucket is valid between any two of its statements.
        self.bucket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    per_second: f64,
    /// Up to when tokens were counted; in the future while the server holds requests back.
    refilled: Instant,
}

impl Bucket {
    /// Takes a token, or returns how long to wait for one.
    fn take(&mut self, config: &RateConfig) -> Option<Duration> {
        self.refill(config);
        let held = self.refilled.saturating_duration_since(Instant::now());
        let missing = 1.0 - self.tokens;
        if held.is_zero() && missing <= ROUNDING {
            self.tokens = (self.tokens - 1.0).max(0.0);
            return None;
        }
        let refill = Duration::from_secs_f64(missing.max(0.0) / self.per_second);
        // A nanosecond more, so that rounding down never makes the wake-up too early.
        Some(held + refill + Duration::from_nanos(1))
    }

    fn refill(&mut self, config: &RateConfig) {
        let now = Instant::now();
        let Some(passed) = now.checked_duration_since(self.refilled) else {
            return;
        };
        let full = f64::from(config.burst.get());
        self.tokens = (self.tokens + passed.as_secs_f64() * self.per_second).min(full);
        self.refilled = now;
    }

    /// Empties the bucket; after `wait` there is exactly one token.
    fn hold(&mut self, wait: Duration) {
        let now = Instant::now();
        let until = now
            .checked_add(wait)
            .unwrap_or(now + crate::retry_after::LONGEST);
        if wait.is_zero() {
            // The tokens of a longer hold that still stands are not touched.
            if self.refilled <= now {
                self.tokens = 0.0;
            }
        } else if until >= self.refilled {
            self.refilled = until;
            self.tokens = 1.0;
        }
    }
}

const SLOWER: f64 = 0.8;
const FASTER: f64 = 1.1;
const HALF: f64 = 0.5;
/// Twice the configured rate at most: a fast server is no licence to flood it.
const CEILING: f64 = 2.0;
/// A twentieth at least, so that fast answers can bring the rate back within minutes.
const FLOOR: f64 = 0.05;
/// What a thousand refills may lose to rounding.
const ROUNDING: f64 = 1e-9;
