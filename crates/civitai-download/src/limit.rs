//! A cap on the rate of all transfers that share it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Bytes a second, shared by every connection of every transfer it is given to.
#[derive(Debug)]
pub struct Limit {
    bytes_per_second: u64,
    // When the bytes handed out so far are paid for.
    paid: Mutex<Instant>,
}

impl Limit {
    /// A cap of at least one byte a second.
    pub fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            paid: Mutex::new(Instant::now()),
        }
    }

    /// Waits until `bytes` more may be taken from the network, in the order of the calls.
    ///
    /// # Cancel safety
    /// A dropped call has taken its bytes all the same.
    pub async fn take(&self, bytes: u64) {
        sleep_until(self.book(bytes)).await;
    }

    /// Books the bytes and returns when the ones before them are paid for.
    fn book(&self, bytes: u64) -> Instant {
        let now = Instant::now();
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let start = (*paid).max(now.checked_sub(BURST).unwrap_or(now));
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        *paid = start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        start
    }
}

/// Unused rate of this long may be made up for, so that uneven arrival does not cost throughput.
const BURST: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_takers_together_keep_the_rate() {
        let limit = Limit::new(1000);
        let start = Instant::now();
        let take = async || {
            for _ in 0..10 {
                limit.take(100).await;
            }
        };
        tokio::join!(take(), take(), take());
        // 3,000 bytes, less one piece that is taken before it is paid and the burst.
        assert!(
            start.elapsed() >= Duration::from_millis(2600),
            "{:?}",
            start.elapsed()
        );
        assert!(
            start.elapsed() <= Duration::from_secs(3),
            "{:?}",
            start.elapsed()
        );
    }
}
