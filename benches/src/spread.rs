//! Figures about samples.

use std::fmt;

/// Minimum, median and maximum of a sample; shown as the median with the range behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of `values`; none if there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Some(Self {
            min: *values.first()?,
            median: f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]),
            max: *values.last()?,
        })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.median)?;
        if self.min < self.max {
            write!(f, " ({:.2}–{:.2})", self.min, self.max)?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_sample_lies_between_its_middle_values() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]).expect("the sample is not empty");
        assert_eq!(spread.to_string(), "2.50 (1.00–4.00)");
        assert_eq!(Spread::of([1.0]).expect("it has one").to_string(), "1.00");
        assert_eq!(Spread::of([]), None);
    }
}
