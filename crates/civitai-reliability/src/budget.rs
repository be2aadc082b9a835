//! How often and how long one operation may try.

use std::fmt;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::Backoff;

/// The limits of one operation's retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Consecutive retries after the first try.
    pub retries: u32,
    /// Wall clock from the creation of the [`Budget`]; a wait that would end later is not begun.
    pub max_elapsed: Duration,
    /// The longest single wait that a server may ask for.
    pub max_wait: Duration,
    /// The pause where the server asks for none.
    pub backoff: Backoff,
}

impl RetryPolicy {
    /// Sets how many retries may follow the first try without progress.
    #[must_use]
    pub fn with_retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Sets the wall clock of the whole operation; [`Duration::MAX`] means no limit.
    #[must_use]
    pub fn with_max_elapsed(self, max_elapsed: Duration) -> Self {
        Self {
            max_elapsed,
            ..self
        }
    }

    /// Sets the longest single wait that a server may ask for.
    #[must_use]
    pub fn with_max_wait(self, max_wait: Duration) -> Self {
        Self { max_wait, ..self }
    }

    /// Sets the pauses between tries.
    #[must_use]
    pub fn with_backoff(self, backoff: Backoff) -> Self {
        Self { backoff, ..self }
    }
}

impl Default for RetryPolicy {
    /// Five retries within five minutes, pauses of one to thirty seconds, no server's wait over a
    /// minute: enough for a restart of the server, short enough that a person still looks on.
    fn default() -> Self {
        Self {
            retries: 5,
            max_elapsed: Duration::from_mins(5),
            max_wait: Duration::from_mins(1),
            backoff: Backoff::default(),
        }
    }
}

/// What is left of the retries of one operation.
///
/// It belongs to the outermost call of the operation; the layers below report their failures to it
/// and never retry by themselves. It does not sleep: the owner does.
///
/// ```
/// # use std::time::Duration;
/// # use civitai_reliability::{Budget, Exhausted, RetryPolicy, classify::{Failure, is_transient}};
/// # async fn attempt() -> Result<&'static str, (Failure, Option<Duration>)> { Ok("answer") }
/// # async fn operation() -> Result<&'static str, (Failure, Option<Exhausted>)> {
/// let mut budget = Budget::new(RetryPolicy::default());
/// loop {
///     let (failure, retry_after) = match attempt().await {
///         Ok(answer) => return Ok(answer),
///         Err(failed) => failed,
///     };
///     if !is_transient(failure) {
///         return Err((failure, None));
///     }
///     let pause = budget.next(retry_after).map_err(|exhausted| (failure, Some(exhausted)))?;
///     tokio::time::sleep(pause).await;
/// }
/// # }
/// ```
pub struct Budget {
    policy: RetryPolicy,
    rng: StdRng,
    started: Instant,
    retries: u32,
    consecutive: u32,
}

impl Budget {
    /// Starts the wall clock, with jitter seeded by the operating system.
    pub fn new(policy: RetryPolicy) -> Self {
        Self::with_rng(policy, StdRng::from_rng(&mut rand::rng()))
    }

    /// Starts the wall clock, with jitter drawn from `rng`.
    pub fn with_rng(policy: RetryPolicy, rng: StdRng) -> Self {
        Self {
            policy,
            rng,
            started: Instant::now(),
            retries: 0,
            consecutive: 0,
        }
    }

    /// Spends one retry and returns how long to wait before it.
    ///
    /// The wait is never shorter than what the server asked for in `retry_after`.
    ///
    /// # Errors
    /// When no retry is left, when the server asks for more than [`RetryPolicy::max_wait`], or when
    /// the wait would end past [`RetryPolicy::max_elapsed`], in this order. Nothing is spent then.
    pub fn next(&mut self, retry_after: Option<Duration>) -> Result<Duration, Exhausted> {
        if self.consecutive >= self.policy.retries {
            return Err(Exhausted::Retries {
                retries: self.retries,
            });
        }
        if let Some(asked) = retry_after.filter(|&asked| asked > self.policy.max_wait) {
            return Err(Exhausted::Wait {
                asked,
                limit: self.policy.max_wait,
            });
        }
        let pause = self.policy.backoff.delay(self.consecutive, &mut self.rng);
        let wait = pause.max(retry_after.unwrap_or_default());
        let elapsed = self.elapsed();
        if elapsed.saturating_add(wait) > self.policy.max_elapsed {
            return Err(Exhausted::Elapsed {
                elapsed,
                limit: self.policy.max_elapsed,
            });
        }
        self.consecutive += 1;
        self.retries = self.retries.saturating_add(1);
        Ok(wait)
    }

    /// Notes that the operation moved on, for example that a transfer received new bytes.
    ///
    /// The count of consecutive failures starts over, and the backoff with it; the wall clock does not.
    pub fn progressed(&mut self) {
        self.consecutive = 0;
    }

    /// Returns how many retries were granted so far, progress or not.
    pub fn retries(&self) -> u32 {
        self.retries
    }

    /// Returns the time since this budget was created.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Returns the limits that this budget keeps.
    pub fn policy(&self) -> &RetryPolicy {
        &self.policy
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("policy", &self.policy)
            .field("retries", &self.retries)
            .field("consecutive", &self.consecutive)
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

/// Why a [`Budget`] grants no further try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Exhausted {
    /// Every retry is spent.
    #[error("gave up after {retries} retries")]
    Retries {
        /// Retries granted since the operation began.
        retries: u32,
    },
    /// The next wait would end past the wall clock of the operation.
    #[error("gave up after {} s, the limit is {} s", elapsed.as_secs(), limit.as_secs())]
    Elapsed {
        /// Time since the operation began.
        elapsed: Duration,
        /// The most it may take.
        limit: Duration,
    },
    /// The server asks for a longer wait than allowed.
    #[error("the server asks to wait {} s, the limit is {} s", asked.as_secs(), limit.as_secs())]
    Wait {
        /// What the server asked for.
        asked: Duration,
        /// The longest wait allowed.
        limit: Duration,
    },
}
