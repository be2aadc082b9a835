//! What a link is like, by the rate it brings, how much that varies, and how many requests break.

use std::fmt;

/// The class of the link to a storage server, by what a transfer measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Quality {
    /// 50 MB/s and more.
    Excellent,
    /// 10 MB/s and more.
    Good,
    /// 1 MB/s and more.
    Fair,
    /// Less than 1 MB/s.
    Poor,
    /// Whatever its rate: that varies by more than half, or more than a fifth of the requests break.
    Unstable,
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Excellent => "excellent",
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
            Self::Unstable => "unstable",
        })
    }
}

/// Running averages of what was seen of a link.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Meter {
    rate: Option<f64>,
    /// Mean deviation of a window's rate from the mean at the same number of connections, relative to it.
    noise: f64,
    /// Share of requests that broke.
    broken: f64,
}

impl Meter {
    /// A window at a level whose mean rate is `mean`.
    pub(crate) fn window(&mut self, rate: f64, mean: f64) {
        if mean > 0.0 {
            let deviation = (rate - mean).abs() / mean;
            self.noise += (deviation - self.noise) * WEIGHT;
            self.level(mean);
        }
    }

    /// A level brings `rate`.
    pub(crate) fn level(&mut self, rate: f64) {
        self.rate = Some(rate);
    }

    /// A request ended, whole or not.
    pub(crate) fn request(&mut self, whole: bool) {
        let broken = if whole { 0.0 } else { 1.0 };
        self.broken += (broken - self.broken) * WEIGHT;
    }

    pub(crate) fn noise(&self) -> f64 {
        self.noise
    }

    /// Whether so many requests break that more of them would only break more.
    pub(crate) fn is_breaking(&self) -> bool {
        self.broken > UNSTABLE_BROKEN
    }

    pub(crate) fn quality(&self) -> Option<Quality> {
        let rate = self.rate?;
        Some(if self.noise > UNSTABLE_NOISE || self.is_breaking() {
            Quality::Unstable
        } else if rate >= EXCELLENT {
            Quality::Excellent
        } else if rate >= GOOD {
            Quality::Good
        } else if rate >= FAIR {
            Quality::Fair
        } else {
            Quality::Poor
        })
    }
}

/// Each new value counts for an eighth, as TCP smooths its round trips (RFC 6298).
const WEIGHT: f64 = 0.125;
/// Bytes a second: a checkpoint of 6 GB comes in two minutes.
const EXCELLENT: f64 = 50e6;
/// In ten minutes.
const GOOD: f64 = 10e6;
/// In a night.
const FAIR: f64 = 1e6;
const UNSTABLE_NOISE: f64 = 0.5;
const UNSTABLE_BROKEN: f64 = 0.2;
