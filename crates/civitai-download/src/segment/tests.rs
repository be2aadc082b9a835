//! Plans in good and bad company.

use proptest::prelude::*;

use super::*;

const MIB: u64 = 1 << 20;
const TRIP: Duration = Duration::from_millis(40);

fn deal(plan: &mut Plan, wanted: usize) -> Option<(SegmentId, Range<u64>)> {
    plan.deal(&RangeSet::default(), wanted, None, Instant::now())
}

/// Deals a range and answers it.
fn open(plan: &mut Plan, written: &RangeSet, wanted: usize) -> (SegmentId, Range<u64>) {
    let now = Instant::now();
    let (id, range) = plan.deal(written, wanted, None, now).expect("work");
    let size = plan.size();
    plan.open(id, size, u64::MAX, answered());
    (id, range)
}

fn answered() -> Answered {
    Answered {
        at: Instant::now(),
        took: TRIP,
    }
}

async fn pass(time: Duration) {
    tokio::time::advance(time).await;
}

#[test]
fn ranges_follow_the_file_and_leave_a_rest_for_the_fast() {
    let mut plan = Plan::new(Some(100 * MIB));
    let ranges: Vec<_> = (0..4).filter_map(|_| deal(&mut plan, 4)).collect();
    let ranges: Vec<_> = ranges.into_iter().map(|(_, range)| range).collect();
    let piece = UNKNOWN_PIECE;
    assert_eq!(
        ranges,
        [
            0..piece,
            piece..2 * piece,
            2 * piece..3 * piece,
            3 * piece..4 * piece
        ]
    );
}

#[test]
fn one_connection_alone_gets_everything() {
    let mut plan = Plan::new(Some(100 * MIB));
    assert_eq!(deal(&mut plan, 1), Some((0, 0..100 * MIB)));
    assert_eq!(deal(&mut plan, 1), None);
}

#[test]
fn no_connection_gets_a_crumb() {
    let mut plan = Plan::new(Some(MIB + 5));
    assert_eq!(deal(&mut plan, 4).map(|(_, range)| range), Some(0..MIB + 5));
    assert_eq!(deal(&mut plan, 3), None);
}

#[tokio::test(start_paused = true)]
async fn ranges_grow_with_the_rate_and_shrink_towards_the_end() {
    let mut plan = Plan::new(Some(100 * MIB));
    let mut written = RangeSet::default();
    let mut lengths = Vec::new();
    while written.frontier() < 100 * MIB {
        let (id, range) = open(&mut plan, &written, 2);
        let len = range.end - range.start;
        // 8 MiB a second.
        pass(Duration::from_millis(len * 1000 / (8 * MIB))).await;
        plan.advance(id, len);
        written.insert(range);
        plan.release(id, Instant::now());
        lengths.push(len);
    }
    let longest = lengths.iter().max().copied().expect("some");
    // A turn is 50 round trips of 20 ms: half of what the connection to be new needed for its answer.
    assert!((7 * MIB..=9 * MIB).contains(&longest), "{lengths:?}");
    assert!(
        lengths.last().is_some_and(|last| *last <= 2 * MIB),
        "{lengths:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_free_connection_takes_over_so_much_that_both_end_together() {
    let mut plan = Plan::new(Some(64 * MIB));
    let (slow, _) = open(&mut plan, &RangeSet::default(), 1);
    pass(Duration::from_secs(2)).await;
    plan.advance(slow, 8 * MIB);
    plan.look(&RangeSet::default(), 1, Instant::now());
    let (_, taken) = deal(&mut plan, 2).expect("a part of the rest");
    // Both at 4 MiB a second, and the new one begins 40 ms later.
    let middle = 36 * MIB + MIB / 13;
    assert!(taken.start.abs_diff(middle) < MIB / 8, "{taken:?}");
    assert_eq!(taken.end, 64 * MIB);
    assert_eq!(
        plan.advance(slow, 40 * MIB),
        (taken.start - 8 * MIB, true),
        "the slow one stops where the other took over"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_nearly_done_or_has_not_begun_is_left_alone() {
    let mut plan = Plan::new(Some(64 * MIB));
    assert!(deal(&mut plan, 1).is_some());
    assert_eq!(deal(&mut plan, 2), None, "nothing is known of its rate");
    plan.open(0, Some(64 * MIB), u64::MAX, answered());
    pass(Duration::from_secs(2)).await;
    plan.advance(0, 60 * MIB);
    plan.look(&RangeSet::default(), 1, Instant::now());
    assert_eq!(
        deal(&mut plan, 2),
        None,
        "the rest takes an eighth of a second"
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_far_below_its_siblings_is_replaced() {
    let mut plan = Plan::new(Some(1000 * MIB));
    let none = RangeSet::default();
    let ids: Vec<_> = (0..4).map(|_| open(&mut plan, &none, 4).0).collect();
    for tenth in 1..=31 {
        pass(Duration::from_millis(100)).await;
        for id in &ids[..3] {
            plan.advance(*id, MIB / 20);
        }
        plan.advance(ids[3], if tenth == 1 { 1000 } else { 300 });
        let idle = plan.look(&none, 0, Instant::now());
        if tenth < 30 {
            assert!(idle.is_empty(), "after {tenth} tenths of a second");
        } else if tenth == 31 {
            assert_eq!(idle, [ids[3]]);
        }
    }
    assert_eq!(
        plan.advance(ids[3], 5),
        (0, true),
        "what comes now is thrown away"
    );
    plan.release(ids[3], Instant::now());
    let written: RangeSet =
        std::iter::once(3 * UNKNOWN_PIECE..3 * UNKNOWN_PIECE + 9_700 + 300).collect();
    assert!(plan.has_gap(&written), "its rest is dealt anew");
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_found_far_below_others_that_are_done_with_a_range_in_no_time() {
    let mut plan = Plan::new(Some(1000 * MIB));
    let mut written = RangeSet::default();
    let (slow, _) = open(&mut plan, &written, 4);
    for second in 1..=4 {
        let (id, range) = open(&mut plan, &written, 4);
        let len = range.end - range.start;
        let mut idle = Vec::new();
        for _ in 0..10 {
            pass(Duration::from_millis(100)).await;
            plan.advance(id, len.div_ceil(10));
            plan.advance(slow, 300);
            idle = plan.look(&written, 0, Instant::now());
        }
        let found = idle.contains(&slow);
        assert_eq!(found, second >= 3, "after {second} seconds");
        written.insert(range);
        plan.release(id, Instant::now());
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_end_silence_is_enough() {
    let mut plan = Plan::new(Some(4 * MIB));
    let none = RangeSet::default();
    let (silent, _) = open(&mut plan, &none, 2);
    let (other, _) = open(&mut plan, &none, 2);
    let (unanswered, _) = deal(&mut plan, 2).expect("work");
    assert!(!plan.has_gap(&none));
    let mut gone = Vec::new();
    for tenth in 1..=25 {
        pass(Duration::from_millis(100)).await;
        plan.advance(other, 100);
        for id in plan.look(&none, 1, Instant::now()) {
            if !gone.iter().any(|(known, _)| *known == id) {
                gone.push((id, tenth));
            }
        }
    }
    assert!(gone.contains(&(silent, 10)), "{gone:?}");
    assert!(gone.contains(&(unanswered, 20)), "{gone:?}");
    assert!(!gone.iter().any(|(id, _)| *id == other), "{gone:?}");
}

#[tokio::test(start_paused = true)]
async fn when_all_are_silent_none_is_to_blame() {
    let mut plan = Plan::new(Some(100 * MIB));
    let none = RangeSet::default();
    let ids: Vec<_> = (0..4).map(|_| open(&mut plan, &none, 4).0).collect();
    for id in ids {
        plan.advance(id, MIB);
    }
    for _ in 0..100 {
        pass(Duration::from_millis(100)).await;
        assert!(plan.look(&none, 0, Instant::now()).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ended_its_range_is_used_again() {
    let mut plan = Plan::new(Some(100 * MIB));
    let none = RangeSet::default();
    let (first, range) = open(&mut plan, &none, 4);
    assert_eq!(
        (plan.running(), plan.round_trip()),
        (1, TRIP / 2),
        "it was new"
    );
    plan.advance(first, range.end);
    plan.release(first, Instant::now());
    let written: RangeSet = std::iter::once(range).collect();
    plan.deal(&written, 4, None, Instant::now());
    plan.deal(&written, 4, None, Instant::now());
    assert_eq!((plan.running(), plan.opened()), (1, 0), "one of two is new");
}

proptest! {
    /// Whatever connections do, every byte is fetched by exactly one of them.
    #[test]
    fn every_byte_is_fetched_once(
        size in 1_u64..40 * MIB,
        wanted in 1_usize..16,
        steps in proptest::collection::vec((0_usize..16, 0_u64..9 * MIB, 0_u64..4000, any::<bool>()), 1..300),
    ) {
        let mut plan = Plan::new(Some(size));
        let mut written = RangeSet::default();
        let mut fetched = 0;
        let mut at = BTreeMap::new();
        let mut now = Instant::now();
        let mut steps = steps.into_iter();
        let mut turns = 0;
        while written.frontier() < size {
            let (who, len, pause, fails) = steps.next().unwrap_or((turns, 64 * MIB, 100, false));
            turns += 1;
            prop_assert!(turns < 10_000, "the plan makes no progress");
            now += Duration::from_millis(pause);
            let free = wanted.saturating_sub(plan.len());
            for idle in plan.look(&written, free, now) {
                plan.release(idle, now);
                at.remove(&idle);
            }
            if plan.len() < wanted
                && let Some((id, range)) = plan.deal(&written, wanted, None, now)
            {
                plan.open(id, Some(size), u64::MAX, Answered { at: now, took: TRIP });
                at.insert(id, range.start);
            }
            let Some((&id, &offset)) = at.iter().nth(who % at.len().max(1)) else { continue };
            let (kept, done) = plan.advance(id, len);
            let before = written.len();
            written.insert(offset..offset + kept);
            prop_assert_eq!(written.len(), before + kept, "bytes were fetched twice");
            fetched += kept;
            at.insert(id, offset + kept);
            if done || fails {
                plan.release(id, now);
                at.remove(&id);
            }
        }
        prop_assert_eq!(fetched, size);
        prop_assert_eq!(plan.arrived(), size);
    }
}
