//! How fast bytes came.

use std::time::Duration;

/// Bytes in whole seconds, counted from the moment the first byte was told of to that of the last.
///
/// Bytes count for the second in which they were told of. The windows lie end to end, and one in which nothing came is
/// one of zero bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Windows {
    first: Option<Duration>,
    /// The window that is being filled, counted from `first`.
    index: u64,
    bytes: u64,
    closed: Option<Extremes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extremes {
    pub(crate) most: u64,
    pub(crate) fewest: u64,
}

impl Windows {
    pub(crate) fn add(&mut self, at: Duration, bytes: u64) {
        let Some(first) = self.first else {
            // These came before the moment from which on it is counted.
            self.first = Some(at);
            return;
        };
        // What is told at the end of a window came within it.
        let since = at.saturating_sub(first);
        let index = since.saturating_sub(Duration::from_nanos(1)).as_secs();
        if index > self.index {
            self.close(self.bytes);
            if index > self.index + 1 {
                self.close(0);
            }
            (self.index, self.bytes) = (index, 0);
        }
        self.bytes += bytes;
    }

    /// The most and the fewest bytes of a whole window; absent while none is over.
    pub(crate) fn extremes(&self) -> Option<Extremes> {
        self.closed
    }

    fn close(&mut self, bytes: u64) {
        let known = self.closed.unwrap_or(Extremes {
            most: bytes,
            fewest: bytes,
        });
        self.closed = Some(Extremes {
            most: known.most.max(bytes),
            fewest: known.fewest.min(bytes),
        });
    }
}

/// Bytes a second.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate: never negative, and no line moves 2^53 bytes"
)]
pub(crate) fn per_second(bytes: u64, elapsed: Duration) -> u64 {
    if elapsed.is_zero() {
        return 0;
    }
    (bytes as f64 / elapsed.as_secs_f64()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(told: &[(u64, u64)]) -> Option<Extremes> {
        let mut windows = Windows::default();
        for (millis, bytes) in told {
            windows.add(Duration::from_millis(*millis), *bytes);
        }
        windows.extremes()
    }

    #[test]
    fn only_whole_windows_count() {
        assert_eq!(windows(&[]), None);
        assert_eq!(windows(&[(500, 9), (1400, 5)]), None);
        let told = [(500, 9), (600, 5), (1500, 5), (1501, 7), (2501, 1)];
        let expected = Extremes {
            most: 10,
            fewest: 7,
        };
        assert_eq!(windows(&told), Some(expected));
    }

    #[test]
    fn a_stall_is_a_window_of_nothing() {
        let expected = Extremes { most: 4, fewest: 0 };
        assert_eq!(
            windows(&[(0, 1), (100, 4), (5000, 9)]),
            Some(expected),
            "the window of the last bytes is not over"
        );
    }
}
