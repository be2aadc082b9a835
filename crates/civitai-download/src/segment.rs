//! Who fetches which bytes: the missing ranges, dealt out to connections and dealt again when one falls behind.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use crate::ranges::RangeSet;

/// The division of a file among its connections. Pure: it is told the time and what is written.
///
/// A new connection takes its share of the largest missing range. When nothing is missing that no one fetches, it
/// takes over the second half of what the slowest connection still has to do, if that saves time. A connection's end
/// may therefore move towards it while it works.
#[derive(Debug)]
pub(crate) struct Plan {
    size: Option<u64>,
    /// The server sends the whole file to whoever asks.
    whole: bool,
    active: BTreeMap<SegmentId, Segment>,
    next_id: SegmentId,
    peak: usize,
}

pub(crate) type SegmentId = u64;

#[derive(Debug)]
struct Segment {
    start: u64,
    /// The next byte to arrive.
    next: u64,
    end: u64,
    began: Instant,
    opened: bool,
}

impl Segment {
    /// True when it has received, or failed to, for long enough to speak of a rate.
    fn is_known(&self, now: Instant) -> bool {
        self.opened && now.duration_since(self.began) >= OBSERVATION
    }

    /// How long the rest will take at the average rate so far.
    fn time_left(&self, now: Instant) -> Duration {
        let elapsed = now.duration_since(self.began);
        let (left, done) = (self.end - self.next, self.next - self.start);
        let nanos = elapsed.as_nanos() * u128::from(left) / u128::from(done.max(1));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Plan {
    pub(crate) fn new(size: Option<u64>) -> Self {
        Self {
            size,
            whole: false,
            active: BTreeMap::new(),
            next_id: 0,
            peak: 0,
        }
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// How many connections are at work.
    pub(crate) fn len(&self) -> usize {
        self.active.len()
    }

    /// How many of them receive bytes.
    pub(crate) fn opened(&self) -> usize {
        self.active
            .values()
            .filter(|segment| segment.opened)
            .count()
    }

    /// Deals a range to one more connection, when `slots` of them (this one included) are free.
    ///
    /// `first` is how much to ask for while the size is unknown.
    pub(crate) fn deal(
        &mut self,
        written: &RangeSet,
        slots: u64,
        first: u64,
        now: Instant,
    ) -> Option<(SegmentId, Range<u64>)> {
        let range = match self.size {
            None if self.active.is_empty() => 0..first,
            None => return None,
            Some(size) => self
                .share(written, size, slots)
                .or_else(|| self.take_over(now))?,
        };
        let id = self.next_id;
        self.next_id += 1;
        let segment = Segment {
            start: range.start,
            next: range.start,
            end: range.end,
            began: now,
            opened: false,
        };
        self.active.insert(id, segment);
        Some((id, range))
    }

    /// True when bytes are missing that no connection fetches.
    pub(crate) fn has_gap(&self, written: &RangeSet) -> bool {
        match self.size {
            None => self.active.is_empty(),
            Some(size) => self.taken(written).frontier() < size,
        }
    }

    /// What is written or being fetched.
    fn taken(&self, written: &RangeSet) -> RangeSet {
        let mut taken = written.clone();
        self.active
            .values()
            .for_each(|segment| taken.insert(segment.start..segment.end));
        taken
    }

    /// A fair share of what is missing, from the beginning of the largest hole.
    fn share(&self, written: &RangeSet, size: u64, slots: u64) -> Option<Range<u64>> {
        let taken = self.taken(written);
        let missing: u64 = taken.gaps(size).map(|gap| gap.end - gap.start).sum();
        let hole = taken
            .gaps(size)
            .max_by_key(|gap| (gap.end - gap.start, std::cmp::Reverse(gap.start)))?;
        let share = missing.div_ceil(slots.max(1)).max(MIN_PIECE);
        // A rest too small for a request of its own goes along.
        let end = if hole.end - hole.start < share + MIN_PIECE {
            hole.end
        } else {
            hole.start + share
        };
        Some(hole.start..end)
    }

    /// The second half of what the slowest connection has before it.
    fn take_over(&mut self, now: Instant) -> Option<Range<u64>> {
        if self.whole {
            return None;
        }
        let slowest = self
            .active
            .values_mut()
            .filter(|segment| segment.is_known(now) && segment.end - segment.next >= 2 * MIN_PIECE)
            .max_by_key(|segment| segment.time_left(now))?;
        if slowest.time_left(now) < WORTH_SPLITTING {
            return None;
        }
        let end = slowest.end;
        slowest.end = slowest.next + (end - slowest.next) / 2;
        Some(slowest.end..end)
    }

    /// A connection's answer came: the file has `size` bytes, the answer holds those before `end`.
    pub(crate) fn open(&mut self, id: SegmentId, size: Option<u64>, end: u64) {
        self.size = size;
        self.whole = false;
        if let Some(segment) = self.active.get_mut(&id) {
            segment.opened = true;
            segment.end = segment.end.min(end);
        }
        self.peak = self.peak.max(self.opened());
    }

    /// The answer is the whole file, whatever was asked: the connection starts over at the first byte.
    pub(crate) fn open_whole(&mut self, id: SegmentId, size: Option<u64>) {
        self.size = size;
        self.whole = true;
        if let Some(segment) = self.active.get_mut(&id) {
            (segment.start, segment.next, segment.end) = (0, 0, size.unwrap_or(u64::MAX));
            segment.opened = true;
        }
        self.peak = self.peak.max(self.opened());
    }

    /// The most connections that received bytes at a time.
    pub(crate) fn peak(&self) -> usize {
        self.peak
    }

    /// `len` bytes arrived. Returns how many of them still belong to this connection, and whether it is done.
    pub(crate) fn advance(&mut self, id: SegmentId, len: u64) -> (u64, bool) {
        let Some(segment) = self.active.get_mut(&id) else {
            return (0, true);
        };
        let kept = len.min(segment.end - segment.next);
        segment.next += kept;
        (kept, segment.next == segment.end)
    }

    /// How many bytes a connection lacks.
    pub(crate) fn missing(&self, id: SegmentId) -> u64 {
        self.active
            .get(&id)
            .map_or(0, |segment| segment.end - segment.next)
    }

    /// A body without an announced length ended.
    pub(crate) fn end_of_file(&mut self, size: u64) {
        self.size = Some(size);
    }

    /// A connection ended. What it received must have been written before.
    pub(crate) fn release(&mut self, id: SegmentId) {
        self.active.remove(&id);
    }

    /// The content changed: its size is unknown again.
    pub(crate) fn restart(&mut self) {
        self.size = None;
        self.whole = false;
        self.active.clear();
    }
}

/// Below this a request costs more than the bytes.
pub(crate) const MIN_PIECE: u64 = 1 << 20;
/// Taking over costs a request and the bytes that are on their way to the one that is cut short.
/// On a fast link those are half a second's worth, so at least a second is won.
const WORTH_SPLITTING: Duration = Duration::from_secs(2);
const OBSERVATION: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn deal(plan: &mut Plan, slots: u64) -> Option<(SegmentId, Range<u64>)> {
        plan.deal(&RangeSet::default(), slots, 8 * MIB, Instant::now())
    }

    #[test]
    fn connections_share_what_is_missing() {
        let mut plan = Plan::new(Some(100 * MIB));
        let ranges: Vec<_> = (0..4)
            .filter_map(|taken| deal(&mut plan, 4 - taken))
            .map(|(_, range)| range)
            .collect();
        assert_eq!(
            ranges,
            [
                0..25 * MIB,
                25 * MIB..50 * MIB,
                50 * MIB..75 * MIB,
                75 * MIB..100 * MIB
            ]
        );
        assert_eq!(
            deal(&mut plan, 1),
            None,
            "a connection that has not begun is not cut short"
        );
    }

    #[test]
    fn no_connection_gets_a_crumb() {
        let mut plan = Plan::new(Some(MIB + 5));
        assert_eq!(deal(&mut plan, 4).map(|(_, range)| range), Some(0..MIB + 5));
        assert_eq!(deal(&mut plan, 3), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_free_connection_takes_half_of_what_the_slowest_has_left() {
        let mut plan = Plan::new(Some(64 * MIB));
        let (fast, _) = deal(&mut plan, 2).expect("work");
        let (slow, _) = deal(&mut plan, 1).expect("work");
        plan.open(fast, Some(64 * MIB), u64::MAX);
        plan.open(slow, Some(64 * MIB), u64::MAX);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(plan.advance(fast, 32 * MIB), (32 * MIB, true));
        plan.release(fast);
        assert_eq!(plan.advance(slow, 8 * MIB), (8 * MIB, false));
        let written: RangeSet = std::iter::once(0..40 * MIB).collect();
        let dealt = plan
            .deal(&written, 1, 0, Instant::now())
            .map(|(_, range)| range);
        assert_eq!(dealt, Some(52 * MIB..64 * MIB));
        assert_eq!(
            plan.advance(slow, 13 * MIB),
            (12 * MIB, true),
            "the slow one stops where the other took over"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_nearly_done_is_left_alone() {
        let mut plan = Plan::new(Some(64 * MIB));
        let (id, _) = deal(&mut plan, 1).expect("work");
        plan.open(id, Some(64 * MIB), u64::MAX);
        tokio::time::advance(Duration::from_millis(1900)).await;
        plan.advance(id, 32 * MIB);
        assert_eq!(
            deal(&mut plan, 1),
            None,
            "the rest takes less than two seconds"
        );
    }

    proptest! {
        /// Whatever connections do, every byte is fetched by exactly one of them.
        #[test]
        fn every_byte_is_fetched_once(
            size in 1_u64..40 * MIB,
            steps in proptest::collection::vec((0_u64..8, 0_u64..9 * MIB, any::<bool>()), 1..200),
        ) {
            let mut plan = Plan::new(Some(size));
            let mut written = RangeSet::default();
            let mut fetched = 0;
            let mut at = BTreeMap::new();
            let start = Instant::now();
            let mut steps = steps.into_iter();
            let mut ticks = 0;
            while written.frontier() < size {
                let (who, len, fails) = steps.next().unwrap_or((0, 64 * MIB, false));
                ticks += 1;
                prop_assert!(ticks < 10_000, "the plan makes no progress");
                let now = start + Duration::from_secs(ticks);
                if let Some((id, range)) = plan.deal(&written, 8u64.saturating_sub(plan.len() as u64), 0, now) {
                    plan.open(id, Some(size), u64::MAX);
                    at.insert(id, range.start);
                }
                let Some((&id, &offset)) = at.iter().nth(usize::try_from(who).expect("small") % at.len().max(1)) else { continue };
                let (kept, done) = plan.advance(id, len);
                let before = written.len();
                written.insert(offset..offset + kept);
                prop_assert_eq!(written.len(), before + kept, "bytes were fetched twice");
                fetched += kept;
                at.insert(id, offset + kept);
                if done || fails {
                    plan.release(id);
                    at.remove(&id);
                }
            }
            prop_assert_eq!(fetched, size);
        }
    }
}
