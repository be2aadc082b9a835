//! How long answers took.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Times from one microsecond to an hour with an error of at most one percent, in about 12 KiB however many they are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies(Option<Histogram<u32>>);

impl Latencies {
    pub(crate) fn record(&mut self, elapsed: Duration) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.0
            .get_or_insert_with(|| {
                Histogram::new_with_bounds(1, LONGEST_MICROS, DIGITS)
                    .expect("the bounds are constants that it allows")
            })
            .saturating_record(micros);
    }

    pub(crate) fn quantiles(&self) -> Quantiles {
        let Some(histogram) = &self.0 else {
            return Quantiles::default();
        };
        let at = |quantile| Some(seconds(histogram.value_at_quantile(quantile)));
        Quantiles {
            count: histogram.len(),
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

/// How long the quicker half, nearly all and the slowest took, in seconds, each at most one percent too high.
///
/// A quantile is a time within which that share of the answers came; with few answers the upper ones are the slowest
/// answer. Absent while there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Quantiles {
    /// How many answers.
    pub count: u64,
    /// Half of them came within this.
    pub p50: Option<f64>,
    /// 95 % of them.
    pub p95: Option<f64>,
    /// 99 % of them.
    pub p99: Option<f64>,
    /// All of them.
    pub max: Option<f64>,
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

const LONGEST_MICROS: u64 = 3_600_000_000;
/// Two digits that hold: an error of one percent is far below what differs between two runs.
const DIGITS: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_one_percent_above() {
        let mut latencies = Latencies::default();
        for millis in 1..=1000 {
            latencies.record(Duration::from_millis(millis));
        }
        let quantiles = latencies.quantiles();
        assert_eq!(quantiles.count, 1000);
        for (got, exact) in [
            (quantiles.p50, 0.5),
            (quantiles.p95, 0.95),
            (quantiles.p99, 0.99),
            (quantiles.max, 1.0),
        ] {
            let got = got.expect("there are answers");
            assert!((exact..=exact * 1.01).contains(&got), "{got} for {exact}");
        }
    }

    #[test]
    fn nothing_is_said_of_no_answers_and_absurd_times_are_bounded() {
        assert_eq!(Latencies::default().quantiles(), Quantiles::default());
        let mut latencies = Latencies::default();
        latencies.record(Duration::ZERO);
        latencies.record(Duration::MAX);
        assert_eq!(latencies.quantiles().count, 2);
    }
}
