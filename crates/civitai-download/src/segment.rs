//! Who fetches which bytes: the missing ranges, dealt out to connections and dealt again when one falls behind.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use self::active::Segment;
use crate::ranges::RangeSet;
use crate::tuning::rate;

mod active;
#[cfg(test)]
mod tests;

/// The division of a file among its connections. Pure: it is told the time and what is written.
///
/// Ranges are dealt in the order of the file, so that hashing can follow, each as long as a connection needs for a
/// turn at the rate that was seen; towards the end they get shorter, so that all connections end together. When
/// nothing is missing that no one fetches, a free connection takes over a part of what the slowest has left, if that
/// saves time. What a stalled connection has left is dealt anew.
#[derive(Debug)]
pub(crate) struct Plan {
    size: Option<u64>,
    /// The server sends the whole file to whoever asks.
    whole: bool,
    active: BTreeMap<SegmentId, Segment>,
    next_id: SegmentId,
    peak: usize,
    /// Connections that came to the end of an answer and wait for another request.
    idle: usize,
    arrived: u64,
    /// What a connection usually gets, in bytes a second.
    rate: Option<f64>,
    /// The shortest time in which an answer can come.
    round_trip: Option<Duration>,
    /// How long the last answers took, less what opening their connections did.
    trips: VecDeque<Duration>,
    /// Connections that were given up because they stalled.
    replaced: u32,
}

pub(crate) type SegmentId = u64;

/// When an answer came, and how long after its request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) at: Instant,
    pub(crate) took: Duration,
}

impl Plan {
    pub(crate) fn new(size: Option<u64>) -> Self {
        Self {
            size,
            whole: false,
            active: BTreeMap::new(),
            next_id: 0,
            peak: 0,
            idle: 0,
            arrived: 0,
            rate: None,
            round_trip: None,
            trips: VecDeque::with_capacity(TRIPS),
            replaced: 0,
        }
    }

    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// True when the server sends the whole file to whoever asks for a part.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// How many connections are at work.
    pub(crate) fn len(&self) -> usize {
        self.active.len()
    }

    /// How many of them receive bytes.
    pub(crate) fn opened(&self) -> usize {
        self.count(|segment| segment.opened.is_some())
    }

    /// How many of them were answered at least once, perhaps for an earlier range.
    pub(crate) fn running(&self) -> usize {
        self.count(|segment| segment.opened.is_some() || !segment.fresh)
    }

    fn count(&self, which: impl Fn(&Segment) -> bool) -> usize {
        self.active
            .values()
            .filter(|segment| which(segment))
            .count()
    }

    /// How many bytes arrived and were wanted.
    pub(crate) fn arrived(&self) -> u64 {
        self.arrived
    }

    /// The round trip, as far as answers have shown it.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip.unwrap_or(UNKNOWN_ROUND_TRIP)
    }

    /// How long even the quickest of the last answers took; none before there are enough of them.
    ///
    /// Far more than the round trip, that is a queue on the way: the link is full.
    pub(crate) fn lately(&self) -> Option<Duration> {
        let enough = self.trips.len() == TRIPS;
        self.trips.iter().min().filter(|_| enough).copied()
    }

    /// Deals a range to one more connection, of `wanted` that share the file.
    ///
    /// `promised` is the size to go by while the server has not told it.
    pub(crate) fn deal(
        &mut self,
        written: &RangeSet,
        wanted: usize,
        promised: Option<u64>,
        now: Instant,
    ) -> Option<(SegmentId, Range<u64>)> {
        let range = match (self.size, promised) {
            (None, _) if !self.active.is_empty() => return None,
            (None, Some(promised)) => 0..self.piece(promised, wanted).min(promised).max(1),
            (None, None) => 0..FIRST_PIECE,
            (Some(size), _) => self
                .share(written, size, wanted)
                .or_else(|| self.take_over(now))?,
        };
        let id = self.next_id;
        self.next_id += 1;
        let fresh = self.idle == 0;
        self.idle = self.idle.saturating_sub(1);
        self.active.insert(id, Segment::new(&range, fresh, now));
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

    /// The beginning of the first hole, as long as a connection's turn.
    fn share(&self, written: &RangeSet, size: u64, wanted: usize) -> Option<Range<u64>> {
        let taken = self.taken(written);
        let hole = taken.gaps(size).next()?;
        let missing = taken.gaps(size).map(|gap| gap.end - gap.start).sum();
        let piece = self.piece(missing, wanted);
        // A rest too small for a request of its own goes along.
        let end = if hole.end - hole.start < piece.saturating_add(self.least_piece()) {
            hole.end
        } else {
            hole.start + piece
        };
        Some(hole.start..end)
    }

    /// How much one of `wanted` connections is asked to fetch when `missing` bytes are left to deal.
    ///
    /// A range costs its connection a round trip without bytes: a turn is so long that this is a small part of it. Less
    /// than a fair share leaves something for those that are faster than the others. A new connection may not be kept,
    /// so its first turn is short.
    fn piece(&self, missing: u64, wanted: usize) -> u64 {
        if wanted <= 1 {
            return missing;
        }
        let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
        let trips = if self.idle == 0 {
            FIRST_TURN_ROUND_TRIPS
        } else {
            TURN_ROUND_TRIPS
        };
        let turn = self.round_trip() * trips;
        let aim = self.rate.map_or(UNKNOWN_PIECE, |rate| {
            bytes(rate, turn).max(bytes(rate, TURN).min(MAX_PIECE))
        });
        aim.min(missing / wanted.saturating_mul(4) * 3)
            .max(self.least_piece())
    }

    /// Below this a request costs more than the bytes.
    fn least_piece(&self) -> u64 {
        let turn = (self.round_trip() * LEAST_TURN_ROUND_TRIPS).max(LEAST_TURN);
        self.rate.map_or(MIN_PIECE, |rate| {
            bytes(rate, turn).clamp(SMALLEST_PIECE, LARGEST_LEAST_PIECE)
        })
    }

    /// A part of what the slowest connection has before it, such that both end together.
    fn take_over(&mut self, now: Instant) -> Option<Range<u64>> {
        if self.whole {
            return None;
        }
        let (least, typical) = (self.observation(), self.rate?);
        let worth = (self.round_trip() * WORTH_ROUND_TRIPS).max(WORTH);
        let opening = self.round_trip() * 2;
        let (own, slowest) = self
            .active
            .values_mut()
            .filter_map(|segment| Some((segment.rate(now, least)?, segment)))
            .max_by(|(one, a), (other, b)| {
                seconds(a.left(), *one).total_cmp(&seconds(b.left(), *other))
            })?;
        if seconds(slowest.left(), own) < worth.as_secs_f64() {
            return None;
        }
        let meanwhile = bytes(typical, opening);
        let kept = split(slowest.left().saturating_add(meanwhile), own, typical);
        let cut = slowest.next + kept.min(slowest.left());
        if slowest.end - cut < SMALLEST_PIECE {
            return None;
        }
        let taken = cut..slowest.end;
        slowest.end = cut;
        Some(taken)
    }

    /// How long a connection must have been watched to speak of its rate.
    fn observation(&self) -> Duration {
        (self.round_trip() * LEAST_ROUND_TRIPS).max(OBSERVATION)
    }

    /// Looks how all get on, and gives up those that stall: their rest is dealt anew. Returns who has nothing left to do
    /// and is to be stopped if it has not noticed.
    ///
    /// A connection stalls when it is far below the others for a while, or does not get its answer while others do. When
    /// `free` connections wait for work and there is none left, silence alone is enough.
    pub(crate) fn look(&mut self, written: &RangeSet, free: usize, now: Instant) -> Vec<SegmentId> {
        let trip = self.round_trip();
        let stretch = STALL_STRETCH.max(trip * STALL_ROUND_TRIPS);
        self.active
            .values_mut()
            .for_each(|segment| segment.look(now, stretch));
        self.note_rate(now);
        if self.whole || self.size.is_none() {
            return Vec::new();
        }
        // Each replacement makes the next less likely: what looks like a stall may be the nature of the link.
        let patience = 1 + self.replaced / PATIENT_AFTER;
        let silence = SILENCE.max(trip * STALL_ROUND_TRIPS) * patience;
        let tail = free > 0 && !self.has_gap(written);
        let opened = self.opened();
        let stalled: Vec<SegmentId> = self
            .active
            .iter()
            .filter(|(_, segment)| match segment.opened {
                _ if segment.left() == 0 => false,
                None => opened > 0 && now.duration_since(segment.began) >= silence * 2,
                Some(_) if tail && opened > 1 && segment.idle(now) >= silence => true,
                Some(_) => self
                    .rate
                    .zip(segment.lately())
                    .is_some_and(|(usual, own)| own * FAR_BELOW * f64::from(patience) < usual),
            })
            .map(|(id, _)| *id)
            .collect();
        for id in stalled {
            if let Some(segment) = self.active.get_mut(&id) {
                segment.end = segment.next;
                self.replaced += 1;
            }
        }
        let done = self
            .active
            .iter()
            .filter(|(_, segment)| segment.left() == 0);
        done.map(|(id, _)| *id).collect()
    }

    fn note_rate(&mut self, now: Instant) {
        let least = self.observation();
        let rates = self
            .active
            .values()
            .filter_map(|segment| segment.rate(now, least));
        if let Some(rate) = median(rates.collect()) {
            self.rate = Some(rate);
        }
    }

    /// A connection's answer came: the file has `size` bytes, the answer holds those before `end`.
    pub(crate) fn open(&mut self, id: SegmentId, size: Option<u64>, end: u64, answered: Answered) {
        self.size = size;
        self.whole = false;
        if let Some(segment) = self.active.get_mut(&id) {
            segment.asked = segment.asked.min(end);
            segment.end = segment.end.min(end).max(segment.next);
        }
        self.opens(id, answered);
    }

    /// The answer is the whole file, whatever was asked: the connection starts over at the first byte.
    pub(crate) fn open_whole(&mut self, id: SegmentId, size: Option<u64>, answered: Answered) {
        self.size = size;
        self.whole = true;
        if let Some(segment) = self.active.get_mut(&id) {
            (segment.start, segment.next, segment.end) = (0, 0, size.unwrap_or(u64::MAX));
        }
        self.opens(id, answered);
    }

    fn opens(&mut self, id: SegmentId, answered: Answered) {
        let Some(segment) = self.active.get_mut(&id) else {
            return;
        };
        segment.open(answered.at);
        // A new connection needs a round trip for itself.
        let trips = if segment.fresh { 2 } else { 1 };
        let trip = answered.took / trips;
        self.round_trip = Some(self.round_trip.map_or(trip, |known| known.min(trip)));
        if self.trips.len() == TRIPS {
            self.trips.pop_front();
        }
        self.trips.push_back(trip);
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
        self.arrived += kept;
        (kept, segment.next == segment.end)
    }

    /// How many bytes a connection lacks.
    pub(crate) fn missing(&self, id: SegmentId) -> u64 {
        self.active.get(&id).map_or(0, Segment::left)
    }

    /// A body without an announced length ended.
    pub(crate) fn end_of_file(&mut self, size: u64) {
        self.size = Some(size);
    }

    /// A connection ended. What it received must have been written before.
    pub(crate) fn release(&mut self, id: SegmentId, now: Instant) {
        let Some(segment) = self.active.remove(&id) else {
            return;
        };
        self.idle += usize::from(segment.next == segment.asked);
        let done = segment.next - segment.start;
        if let Some(opened) = segment.opened
            && done >= SMALLEST_PIECE
        {
            let seen = rate(done, now.duration_since(opened));
            self.rate = Some(self.rate.map_or(seen, |known| f64::midpoint(known, seen)));
        }
    }

    /// The content changed: its size is unknown again.
    pub(crate) fn restart(&mut self) {
        self.size = None;
        self.whole = false;
        self.active.clear();
        self.idle = 0;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float cast saturates, and rates are not negative"
)]
fn bytes(rate: f64, over: Duration) -> u64 {
    (rate * over.as_secs_f64()) as u64
}

/// How long `left` bytes take; for ever at no rate.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn seconds(left: u64, rate: f64) -> f64 {
    if left == 0 { 0.0 } else { left as f64 / rate }
}

/// The part of `whole` for the first of two at these rates.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate, and a share of a positive number"
)]
fn split(whole: u64, first: f64, second: f64) -> u64 {
    (whole as f64 * (first / (first + second).max(1.0))) as u64
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Below this nobody asks for a second connection before the rate is known.
pub(crate) const MIN_PIECE: u64 = 1 << 20;
/// What the first request asks for when no size is promised: others need not wait long for it.
const FIRST_PIECE: u64 = 4 << 20;
/// What a connection fetches while it is not known how fast it is.
const UNKNOWN_PIECE: u64 = 2 << 20;
/// A segment of a packet or two more is no work of its own.
const SMALLEST_PIECE: u64 = 64 << 10;
const LARGEST_LEAST_PIECE: u64 = 8 << 20;
/// More is asked for at a time only where round trips are long: what object stores advise, and little to lose.
const MAX_PIECE: u64 = 16 << 20;
/// The pause between two ranges is then two in a hundred.
const TURN_ROUND_TRIPS: u32 = 50;
/// Enough for a trial of more connections.
const FIRST_TURN_ROUND_TRIPS: u32 = 12;
const TURN: Duration = Duration::from_millis(500);
const LEAST_ROUND_TRIPS: u32 = 4;
/// A lost packet or a busy server delays one answer, hardly four in a row.
const TRIPS: usize = 4;
const LEAST_TURN_ROUND_TRIPS: u32 = 6;
const LEAST_TURN: Duration = Duration::from_millis(50);
/// Taking over costs two round trips, a request, and the bytes on their way to the one that is cut short.
const WORTH_ROUND_TRIPS: u32 = 8;
const WORTH: Duration = Duration::from_millis(250);
const OBSERVATION: Duration = Duration::from_millis(200);
/// "Far below its siblings" is less than an eighth of what is usual, over this time.
const STALL_STRETCH: Duration = Duration::from_secs(3);
const STALL_ROUND_TRIPS: u32 = 10;
const FAR_BELOW: f64 = 8.0;
/// Retransmission timers begin at a second (RFC 6298): a shorter silence may end by itself.
const SILENCE: Duration = Duration::from_secs(1);
const PATIENT_AFTER: u32 = 8;
/// Between two continents; only until the first answer.
const UNKNOWN_ROUND_TRIP: Duration = Duration::from_millis(100);
