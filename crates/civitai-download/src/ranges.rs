//! A set of byte offsets, kept as sorted ranges that neither overlap nor touch.

use std::ops::Range;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RangeSet(Vec<Range<u64>>);

impl RangeSet {
    /// Adds a range, merging it with those it overlaps or touches.
    pub(crate) fn insert(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let first = self.0.partition_point(|one| one.end < range.start);
        let last = self.0.partition_point(|one| one.start <= range.end);
        let merged = match self.0.get(first..last) {
            Some([]) | None => range,
            Some(touched) => {
                let start = touched[0].start.min(range.start);
                let end = touched[touched.len() - 1].end.max(range.end);
                start..end
            }
        };
        self.0.splice(first..last, [merged]);
    }

    /// Takes away every offset from `end` on.
    pub(crate) fn truncate(&mut self, end: u64) {
        self.0.retain_mut(|range| {
            range.end = range.end.min(end);
            !range.is_empty()
        });
    }

    /// How many offsets are in the set.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// The first offset that is not in the set.
    /// Where the last range ends.
    pub(crate) fn end(&self) -> u64 {
        self.iter().last().map_or(0, |range| range.end)
    }

    pub(crate) fn frontier(&self) -> u64 {
        self.0
            .first()
            .filter(|range| range.start == 0)
            .map_or(0, |range| range.end)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }

    /// The ranges below `size` that are not in the set, in order.
    pub(crate) fn gaps(&self, size: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let starts = std::iter::once(0).chain(self.0.iter().map(|range| range.end));
        let ends = self
            .0
            .iter()
            .map(|range| range.start)
            .chain(std::iter::once(size));
        starts
            .zip(ends)
            .map(move |(start, end)| start..end.min(size))
            .filter(|gap| !gap.is_empty())
    }
}

impl FromIterator<Range<u64>> for RangeSet {
    fn from_iter<I: IntoIterator<Item = Range<u64>>>(ranges: I) -> Self {
        let mut set = Self::default();
        ranges.into_iter().for_each(|range| set.insert(range));
        set
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_bitmap(
            ranges in proptest::collection::vec((0_u64..64, 0_u64..12), 0..12),
            size in 0_u64..80,
        ) {
            let mut bits = [false; 80];
            for (start, len) in &ranges {
                bits[usize::try_from(*start).expect("small")..][..usize::try_from(*len).expect("small")].fill(true);
            }
            let mut set: RangeSet = ranges.iter().map(|(start, len)| *start..start + len).collect();
            prop_assert_eq!(set.len(), bits.iter().filter(|bit| **bit).count() as u64);
            prop_assert_eq!(set.frontier(), bits.iter().take_while(|bit| **bit).count() as u64);
            prop_assert!(set.0.windows(2).all(|pair| pair[0].end < pair[1].start), "{set:?}");

            let missing: Vec<u64> = (0..size).filter(|at| !bits[usize::try_from(*at).expect("small")]).collect();
            prop_assert_eq!(set.gaps(size).flatten().collect::<Vec<_>>(), missing.clone());

            set.truncate(size);
            let kept = bits.iter().take(usize::try_from(size).expect("small")).filter(|bit| **bit).count() as u64;
            prop_assert_eq!(set.len(), kept);
        }
    }
}
