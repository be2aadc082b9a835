//! Exponential backoff with full jitter.

use std::time::Duration;

use rand::{Rng, RngExt};

/// The pause before a retry: uniform between zero and an exponentially growing, capped ceiling.
///
/// Full jitter spreads clients that failed together evenly over the whole interval, which a fixed
/// exponential pause does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Ceiling of the first pause; it doubles with each further attempt.
    pub base: Duration,
    /// No pause is longer than this.
    pub cap: Duration,
}

impl Backoff {
    /// Returns the longest pause that [`delay`](Self::delay) draws before retry number `attempt`,
    /// counted from zero: the smaller of `cap` and `base · 2^attempt`.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        2_u32
            .checked_pow(attempt)
            .and_then(|factor| self.base.checked_mul(factor))
            .map_or(self.cap, |grown| grown.min(self.cap))
    }

    /// Draws the pause before retry number `attempt`, counted from zero, uniformly from zero to
    /// [`ceiling`](Self::ceiling), both included.
    pub fn delay(&self, attempt: u32, rng: &mut (impl Rng + ?Sized)) -> Duration {
        // Past 584 years the count of nanoseconds no longer fits; nobody waits that long.
        let nanos = u64::try_from(self.ceiling(attempt).as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(rng.random_range(0..=nanos))
    }
}

impl Default for Backoff {
    /// One second growing to thirty: what the site tolerates without noticing.
    fn default() -> Self {
        Self {
            base: Duration::from_secs(1),
            cap: Duration::from_secs(30),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceiling_doubles_until_the_cap() {
        let seconds: Vec<u64> = (0..8)
            .map(|attempt| Backoff::default().ceiling(attempt).as_secs())
            .collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30]);
    }

    #[test]
    fn ceiling_of_an_absurd_attempt_is_the_cap() {
        assert_eq!(Backoff::default().ceiling(u32::MAX), Backoff::default().cap);
        let base_over_cap = Backoff {
            base: Duration::from_secs(9),
            cap: Duration::from_secs(3),
        };
        assert_eq!(base_over_cap.ceiling(0), Duration::from_secs(3));
    }
}
