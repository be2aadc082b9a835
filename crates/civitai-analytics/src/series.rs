//! A level over time, in a bounded number of numbers.

use std::time::Duration;

/// The mean level in each of at most [`MOST_SLOTS`] equal stretches of time. When they run out, each two neighbours
/// become one, so a series of any length has between half and all of them.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    since: Duration,
    step: Duration,
    /// Level times seconds.
    slots: Vec<f64>,
    now: Duration,
    level: u64,
    most: u64,
}

impl Series {
    pub(crate) fn new(at: Duration) -> Self {
        Self {
            since: at,
            step: Duration::from_secs(1),
            slots: Vec::new(),
            now: at,
            level: 0,
            most: 0,
        }
    }

    /// Sets the level from `at` on.
    pub(crate) fn set(&mut self, at: Duration, level: u64) {
        self.advance(at);
        self.level = level;
        self.most = self.most.max(level);
    }

    pub(crate) fn level(&self) -> u64 {
        self.level
    }

    pub(crate) fn most(&self) -> u64 {
        self.most
    }

    pub(crate) fn step(&self) -> Duration {
        self.step
    }

    /// Counts the present level up to `at`.
    #[expect(clippy::cast_precision_loss, reason = "levels are small")]
    pub(crate) fn advance(&mut self, at: Duration) {
        while self.now < at {
            let mut slot = self.slot();
            if slot >= MOST_SLOTS {
                self.halve();
                slot = self.slot();
            }
            if slot >= self.slots.len() {
                self.slots.resize(slot + 1, 0.0);
            }
            let slots = u32::try_from(slot + 1).unwrap_or(u32::MAX);
            let end = self.since.saturating_add(self.step.saturating_mul(slots));
            let until = end.min(at);
            self.slots[slot] += self.level as f64 * until.saturating_sub(self.now).as_secs_f64();
            self.now = until;
        }
    }

    /// The mean of each stretch so far; the last may be a shorter one.
    pub(crate) fn means(&self) -> Vec<f64> {
        let mut left = self.elapsed();
        let mean = |sum: &f64| {
            let width = left.min(self.step);
            left = left.saturating_sub(width);
            sum / width.as_secs_f64().max(f64::MIN_POSITIVE)
        };
        self.slots.iter().map(mean).collect()
    }

    /// The mean over the whole time.
    pub(crate) fn mean(&self) -> f64 {
        match self.elapsed() {
            Duration::ZERO => 0.0,
            elapsed => self.slots.iter().sum::<f64>() / elapsed.as_secs_f64(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.now.saturating_sub(self.since)
    }

    fn slot(&self) -> usize {
        let slot = self.elapsed().as_nanos() / self.step.as_nanos();
        usize::try_from(slot).unwrap_or(usize::MAX)
    }

    fn halve(&mut self) {
        self.slots = self.slots.chunks(2).map(|pair| pair.iter().sum()).collect();
        self.step = self.step.saturating_mul(2);
    }
}

/// A chart of two minutes by the second; a day of it is one of twelve minutes a number.
const MOST_SLOTS: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    fn second(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_stretch_has_its_mean() {
        let mut series = Series::new(second(10));
        series.set(Duration::from_millis(10_500), 4);
        series.set(second(12), 1);
        series.advance(Duration::from_millis(12_500));
        assert_eq!(series.means(), [2.0, 4.0, 1.0]);
        assert!((series.mean() - 2.6).abs() < 1e-9, "{}", series.mean());
        assert_eq!((series.level(), series.most()), (1, 4));
    }

    #[test]
    fn a_long_series_is_coarser_and_not_longer() {
        let mut series = Series::new(second(0));
        series.set(second(0), 3);
        series.advance(second(86_400 * 30));
        let means = series.means();
        assert!((60..=120).contains(&means.len()), "{}", means.len());
        assert!(means.iter().all(|mean| (mean - 3.0).abs() < 1e-6));
    }

    #[test]
    fn time_does_not_go_back() {
        let mut series = Series::new(second(5));
        series.set(second(7), 2);
        series.set(second(6), 5);
        series.advance(second(8));
        assert_eq!(series.means(), [0.0, 0.0, 5.0]);
    }
}
