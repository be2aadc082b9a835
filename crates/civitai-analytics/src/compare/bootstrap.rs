//! An interval for a mean.
//!
//! The bootstrap-t of Efron and Tibshirani (An Introduction to the Bootstrap, 1993, §12.5): each resample of the values
//! gives a studentised mean `t* = (mean* − mean) / (sd* / √n)`, and the interval reaches from
//! `mean − t*₉₇.₅ · sd/√n` to `mean − t*₂.₅ · sd/√n`. Unlike plain percentiles it keeps its level with a dozen values.

use serde::Serialize;

use super::chance::Chance;

/// The share of intervals that hold what they estimate.
pub const LEVEL: f64 = 0.95;

/// Resamples that are drawn: between seeds the ends of the interval move by about a fiftieth of its width.
pub const RESAMPLES: usize = 4000;

/// How an interval comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// By drawing the values anew.
    BootstrapT,
    /// Not at all: one value says nothing of others.
    None,
    /// By Student's t distribution: fewer than six values can be drawn in too few ways.
    StudentT,
}

/// Where the mean of what `values` are drawn from lies.
pub(super) fn interval(values: &[f64], seed: u64) -> (Method, Option<(f64, f64)>) {
    let (mean, error) = (mean(values), standard_error(values));
    match values.len() {
        0 | 1 => (Method::None, None),
        // Values that are all the same leave no doubt, and nothing to divide by.
        _ if error == 0.0 => (Method::BootstrapT, Some((mean, mean))),
        few @ 2..6 => {
            let reach = STUDENT[few - 2] * error;
            (Method::StudentT, Some((mean - reach, mean + reach)))
        }
        _ => {
            let (low, high) = studentised(values, seed);
            (
                Method::BootstrapT,
                Some((mean - high * error, mean - low * error)),
            )
        }
    }
}

/// The 2.5 % and 97.5 % points of the studentised means of resamples.
fn studentised(values: &[f64], seed: u64) -> (f64, f64) {
    let mut chance = Chance::new(seed);
    let center = mean(values);
    let mut resample = vec![0.0; values.len()];
    let mut points: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            resample.fill_with(|| values[chance.below(values.len())]);
            let off = mean(&resample) - center;
            if off == 0.0 {
                return 0.0;
            }
            off / standard_error(&resample)
        })
        .collect();
    points.sort_by(f64::total_cmp);
    (points[TAIL], points[RESAMPLES - 1 - TAIL])
}

#[expect(clippy::cast_precision_loss, reason = "a count of values")]
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The standard error of the mean.
#[expect(clippy::cast_precision_loss, reason = "a count of values")]
fn standard_error(values: &[f64]) -> f64 {
    let (mean, n) = (mean(values), values.len() as f64);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (n - 1.0) / n).sqrt()
}

/// Resamples beyond each end of the interval: half of what [`LEVEL`] leaves.
const TAIL: usize = RESAMPLES / 40;

/// The 97.5 % points of Student's t with one to four degrees of freedom.
const STUDENT: [f64; 4] = [12.706_205, 4.302_653, 3.182_446, 2.776_445];
