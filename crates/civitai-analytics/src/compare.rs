//! Which of two settings is faster, by how much, and how sure that is.
//!
//! Files differ more from each other than settings do. So they are paired by size, chance decides which file of a pair
//! is fetched with which setting and which of the two goes first, and only the two of a pair are compared: by the time
//! they took for each of their bytes. The pairs' ratios are summed up as their geometric mean; the pairs, which are what
//! is independent of each other, are what the bootstrap draws anew.
//!
//! All chance comes from a seed: the same seed gives the same plan and the same interval.

mod bootstrap;
mod chance;

use std::time::Duration;

use serde::Serialize;

use self::chance::Chance;

pub use bootstrap::{LEVEL, Method, RESAMPLES};

/// One of the two settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// The first, against which is compared.
    A,
    /// The second.
    B,
}

impl Arm {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Two files of like size, by their places in the list that was split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The file for setting A.
    pub a: usize,
    /// The file for setting B.
    pub b: usize,
    /// Whose turn is first.
    pub first: Arm,
}

/// Splits files into pairs for two settings, in the order in which they are to be fetched.
///
/// Files whose sizes follow each other make a pair; those of unknown size are paired among themselves, after the largest.
/// Of an odd number one file, drawn by chance, is left out.
pub fn split(sizes: &[Option<u64>], seed: u64) -> Vec<Pair> {
    let mut chance = Chance::new(seed);
    let mut files: Vec<usize> = (0..sizes.len()).collect();
    // Files of one size are paired anew by each seed.
    chance.shuffle(&mut files);
    if files.len() % 2 == 1 {
        files.pop();
    }
    files.sort_by_key(|file| sizes[*file].unwrap_or(u64::MAX));
    let mut pairs: Vec<_> = files
        .chunks_exact(2)
        .map(|two| {
            let (a, b) = if chance.coin() {
                (two[0], two[1])
            } else {
                (two[1], two[0])
            };
            let first = if chance.coin() { Arm::A } else { Arm::B };
            Pair { a, b, first }
        })
        .collect();
    chance.shuffle(&mut pairs);
    pairs
}

/// What fetching one file took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Its length.
    pub bytes: u64,
    /// From the first request to the verified file.
    pub elapsed: Duration,
}

impl Cost {
    /// Seconds a byte. Nothing takes no time, and an empty file is one byte's trouble.
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    fn pace(self) -> f64 {
        let elapsed = self.elapsed.max(Duration::from_nanos(1));
        elapsed.as_secs_f64() / self.bytes.max(1) as f64
    }
}

/// How long B takes for what A takes one second for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// The geometric mean over the pairs: below 1, B is faster.
    pub ratio: f64,
    /// Where the interval begins that holds the true ratio in 95 of 100 such comparisons. Absent for a single pair.
    pub low: Option<f64>,
    /// Where it ends.
    pub high: Option<f64>,
    /// How many pairs were compared.
    pub pairs: usize,
    /// How the interval came about.
    pub method: Method,
}

impl Comparison {
    /// Which setting is faster, if the interval lies on one side of 1.
    pub fn faster(&self) -> Option<Arm> {
        match (self.low, self.high) {
            (_, Some(high)) if high < 1.0 => Some(Arm::B),
            (Some(low), _) if low > 1.0 => Some(Arm::A),
            _ => None,
        }
    }
}

/// Compares the pairs that were fetched, each as what A's and what B's file took. `None` without any.
pub fn compare(pairs: &[(Cost, Cost)], seed: u64) -> Option<Comparison> {
    // Ratios multiply, so their logarithms add up: a pair twice as fast and one half as fast cancel out.
    let logs: Vec<f64> = pairs
        .iter()
        .map(|(a, b)| (b.pace() / a.pace()).ln())
        .collect();
    if logs.is_empty() {
        return None;
    }
    let (method, interval) = bootstrap::interval(&logs, seed);
    Some(Comparison {
        ratio: bootstrap::mean(&logs).exp(),
        low: interval.map(|(low, _)| low.exp()),
        high: interval.map(|(_, high)| high.exp()),
        pairs: logs.len(),
        method,
    })
}
