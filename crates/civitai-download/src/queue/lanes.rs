//! The order of the two lanes. Pure: it knows sizes and who came when, and nothing of time or tasks.

use std::collections::{BTreeMap, VecDeque};

use super::Jobs;

/// Names a place in line; a later one is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

#[derive(Debug)]
pub(super) struct Lanes {
    jobs: Jobs,
    small: Lane,
    big: Lane,
    next: u64,
}

#[derive(Debug, Default)]
struct Lane {
    /// In order of arrival, with what each will cost.
    waiting: VecDeque<(Ticket, u64)>,
    running: BTreeMap<Ticket, u64>,
}

impl Lane {
    fn cost(&self) -> u64 {
        self.running.values().sum()
    }

    /// The first in line, if it fits in what is left of `budget`.
    fn ready(&self, budget: u64) -> Option<Ticket> {
        let (ticket, cost) = self.waiting.front()?;
        (self.cost() + cost <= budget).then_some(*ticket)
    }

    /// The first in line and how many are at work, of which fewer is better.
    fn claim(&self) -> Option<(usize, Ticket)> {
        let (ticket, _) = self.waiting.front()?;
        Some((self.running.len(), *ticket))
    }

    fn start(&mut self) -> Option<Ticket> {
        let (ticket, cost) = self.waiting.pop_front()?;
        self.running.insert(ticket, cost);
        Some(ticket)
    }

    fn leave(&mut self, ticket: Ticket) {
        if self.running.remove(&ticket).is_none()
            && let Ok(index) = self
                .waiting
                .binary_search_by_key(&ticket, |(waits, _)| *waits)
        {
            self.waiting.remove(index);
        }
    }
}

impl Lanes {
    pub(super) fn new(jobs: Jobs) -> Self {
        Self {
            jobs,
            small: Lane::default(),
            big: Lane::default(),
            next: 0,
        }
    }

    /// Adds a file at the end of its lane.
    pub(super) fn join(&mut self, bytes: Option<u64>) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        match bytes {
            Some(bytes) if is_small(bytes) => self.small.waiting.push_back((ticket, 1)),
            _ => self.big.waiting.push_back((ticket, cost(bytes))),
        }
        ticket
    }

    /// Lets the next one in, if one may run.
    pub(super) fn admit(&mut self) -> Option<Ticket> {
        match self.jobs {
            Jobs::Auto if self.small.ready(SMALL_AT_A_TIME).is_some() => self.small.start(),
            Jobs::Auto => self
                .big
                .ready(BIG_CONNECTIONS)
                .and_then(|_| self.big.start()),
            Jobs::AtMost(jobs) => {
                if self.small.running.len() + self.big.running.len() >= jobs.get() {
                    return None;
                }
                match (self.small.claim(), self.big.claim()) {
                    (Some(small), Some(big)) if big < small => self.big.start(),
                    (Some(_), _) => self.small.start(),
                    (None, _) => self.big.start(),
                }
            }
        }
    }

    /// A file is done, or does not want to wait any longer.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.small.leave(ticket);
        self.big.leave(ticket);
    }

    /// A file at work has this length. It goes on even where its lane has become too full for it.
    pub(super) fn learnt(&mut self, ticket: Ticket, bytes: u64) {
        let Some(known) = self.big.running.get_mut(&ticket) else {
            return;
        };
        if is_small(bytes) {
            self.big.running.remove(&ticket);
            self.small.running.insert(ticket, 1);
        } else {
            *known = cost(Some(bytes));
        }
    }
}

pub(crate) fn is_small(bytes: u64) -> bool {
    bytes <= SMALL
}

/// The connections a big file is worth.
fn cost(bytes: Option<u64>) -> u64 {
    bytes.map_or(UNKNOWN, |bytes| (bytes / PIECE).clamp(1, MOST_PIECES))
}

/// Such a file is on its way for less than a round trip on any link where the difference matters.
const SMALL: u64 = 1 << 20;
/// One HTTP/2 connection carries 128 by the common limit of servers, and each file has two exchanges, with the site and
/// with its storage.
const SMALL_AT_A_TIME: u64 = 224;
/// Three big files keep a home line busy without starving each other.
const BIG_CONNECTIONS: u64 = 3 * MOST_PIECES;
/// Six at a time show soon what they are; most lists are of small files or name the sizes.
const UNKNOWN: u64 = 2;
const PIECE: u64 = 8 << 20;
const MOST_PIECES: u64 = 4;

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn at_most(jobs: usize) -> Lanes {
        Lanes::new(Jobs::AtMost(NonZeroUsize::new(jobs).expect("not zero")))
    }

    /// Joins these and returns who is let in, by their places in `sizes`.
    fn let_in(lanes: &mut Lanes, sizes: &[u64]) -> Vec<u64> {
        for bytes in sizes {
            lanes.join(Some(*bytes));
        }
        std::iter::from_fn(|| lanes.admit())
            .map(|ticket| ticket.0)
            .collect()
    }

    #[test]
    fn small_files_pass_big_ones() {
        let mut lanes = Lanes::new(Jobs::Auto);
        let big = [1 << 30; 5];
        assert_eq!(let_in(&mut lanes, &big), [0, 1, 2]);
        assert_eq!(let_in(&mut lanes, &[10, 20]), [5, 6]);
        lanes.leave(Ticket(1));
        assert_eq!(lanes.admit(), Some(Ticket(3)));
    }

    #[test]
    fn as_many_run_as_their_connections_allow() {
        let mut lanes = Lanes::new(Jobs::Auto);
        assert_eq!(let_in(&mut lanes, &[8 * MIB; 20]).len(), 12);
        let mut lanes = Lanes::new(Jobs::Auto);
        assert_eq!(let_in(&mut lanes, &[1000; 300]).len(), 224);
    }

    #[test]
    fn one_at_a_time_is_in_order() {
        let mut lanes = at_most(1);
        let sizes = [1 << 30, 5, 1 << 30, 1 << 30, 5];
        assert_eq!(let_in(&mut lanes, &sizes), [0]);
        for next in 1..5 {
            lanes.leave(Ticket(next - 1));
            assert_eq!(lanes.admit(), Some(Ticket(next)));
        }
    }

    #[test]
    fn few_jobs_are_shared_by_the_lanes() {
        let mut lanes = at_most(4);
        let sizes = [[1 << 30; 6], [5; 6]].concat();
        assert_eq!(let_in(&mut lanes, &sizes), [0, 6, 1, 7]);
    }

    proptest! {
        /// Whoever comes and goes: the bounds hold, nobody overtakes in a lane, no place stays empty while somebody
        /// could have it, and everyone gets a turn.
        #[test]
        fn everyone_gets_a_turn_in_order(
            jobs in prop::option::of(1_usize..6),
            sizes in proptest::collection::vec(prop::option::of(prop_oneof![0..2 * MIB, MIB..100 * MIB]), 1..300),
            choices in proptest::collection::vec(any::<prop::sample::Index>(), 1..50),
        ) {
            let mut lanes = jobs.map_or_else(|| Lanes::new(Jobs::Auto), at_most);
            let mut comers = sizes.iter();
            let mut choices = choices.iter().cycle();
            let mut running = Vec::new();
            let mut started = Vec::new();
            loop {
                // A few come, as many start as may, one ends.
                let came: Vec<_> = comers.by_ref().take(7).map(|bytes| lanes.join(*bytes)).collect();
                while let Some(ticket) = lanes.admit() {
                    running.push(ticket);
                    started.push(ticket);
                }
                if let Some(jobs) = jobs {
                    prop_assert!(running.len() <= jobs);
                } else {
                    prop_assert!(lanes.small.running.len() <= 224);
                    prop_assert!(lanes.big.cost() <= BIG_CONNECTIONS);
                }
                let waiting = lanes.small.waiting.len() + lanes.big.waiting.len();
                prop_assert!(waiting == 0 || !running.is_empty(), "somebody waits for nobody");
                if running.is_empty() && came.is_empty() {
                    break;
                }
                if !running.is_empty() {
                    let choice = choices.next().expect("a cycle");
                    lanes.leave(running.swap_remove(choice.index(running.len())));
                }
            }
            prop_assert_eq!(started.len(), sizes.len(), "everyone had a turn");
            let (small, big): (Vec<Ticket>, Vec<_>) = started.into_iter().partition(|ticket| {
                sizes[usize::try_from(ticket.0).expect("few")].is_some_and(is_small)
            });
            prop_assert!(small.is_sorted(), "in the small lane somebody overtook");
            prop_assert!(big.is_sorted(), "in the big lane somebody overtook");
        }
    }
}
