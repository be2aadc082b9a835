//! From a raw score to a confidence that keeps its word.
//!
//! The steps were fitted by hand on the reliability curve that `docs/identify.md` reports and a test keeps.

/// The most that an answer for a part can have that several families share: which one it is for is left open.
pub(super) const SHARED_PART: f64 = 0.85;
/// The most that an answer can have that does not know the family of something that has one.
pub(super) const OPEN_FAMILY: f64 = 0.6;

/// Scores and the confidence they stand for; between two steps it is drawn straight.
const STEPS: &[(f64, f64)] = &[
    (0.0, 0.05),
    (0.3, 0.3),
    (0.5, 0.5),
    (0.7, 0.7),
    (0.9, 0.88),
    (0.97, 0.96),
    (1.0, 0.99),
];

/// The confidence for `score`.
pub(super) fn calibrated(score: f64) -> f64 {
    let score = score.clamp(0.0, 1.0);
    for pair in STEPS.windows(2) {
        let ((from, low), (to, high)) = (pair[0], pair[1]);
        if score <= to {
            return low + (high - low) * (score - from) / (to - from);
        }
    }
    STEPS.last().map_or(0.0, |step| step.1)
}
