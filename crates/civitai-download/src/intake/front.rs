//! Where the digests stand, and what comes next for them.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::digest::{DigestSet, Digests, Hasher};
use crate::error::Error;
use crate::intake::pair::Member;
use crate::part::Part;

/// A file hashed from its beginning, in order, in pieces that are at hand or have to be read back.
#[derive(Debug)]
pub(super) struct Front {
    set: DigestSet,
    /// Absent while a thread has it.
    hasher: Option<Box<Hasher>>,
    pieces: VecDeque<Piece>,
    /// Where the last piece ends, be it waiting or at work.
    end: u64,
}

/// A stretch of the file, written already, whose turn it is.
#[derive(Debug)]
pub(super) enum Piece {
    /// Still in memory. Who received it is told when its turn comes.
    AtHand(Vec<Bytes>, oneshot::Sender<Result<(), Error>>),
    /// To be read back.
    Written(Range<u64>),
}

impl Piece {
    pub(super) fn feed(
        self,
        mut hasher: Box<Hasher>,
        member: &Member,
        part: &Part,
    ) -> io::Result<Box<Hasher>> {
        match self {
            Self::AtHand(chunks, receipt) => {
                // Nobody waits when the transfer was dropped.
                let _ = receipt.send(Ok(()));
                Ok(member.feed(hasher, chunks))
            }
            Self::Written(range) => {
                let mut buffer = Vec::new();
                let mut at = range.start;
                while at < range.end {
                    let next = range.end.min(at + READ_LEN);
                    part.read(at..next, &mut buffer)?;
                    hasher.update(&buffer);
                    at = next;
                }
                Ok(hasher)
            }
        }
    }
}

impl Front {
    pub(super) fn new(set: DigestSet) -> Self {
        Self {
            set,
            hasher: Some(Box::new(Hasher::new(set))),
            pieces: VecDeque::new(),
            end: 0,
        }
    }

    /// Queues a batch that was written when it follows what is queued already, or nearly so. `frontier` is the first
    /// byte of the file that is missing. Gives the receipt back when the batch has to be read again later.
    pub(super) fn append(
        &mut self,
        batch: Range<u64>,
        chunks: Vec<Bytes>,
        frontier: u64,
        receipt: oneshot::Sender<Result<(), Error>>,
    ) -> Result<(), oneshot::Sender<Result<(), Error>>> {
        let is_next = batch.start >= self.end
            && batch.start - self.end <= MIN_STRETCH
            && batch.end <= frontier;
        if !is_next {
            return Err(receipt);
        }
        if batch.start > self.end {
            self.pieces.push_back(Piece::Written(self.end..batch.start));
        }
        self.end = batch.end;
        self.pieces.push_back(Piece::AtHand(chunks, receipt));
        Ok(())
    }

    /// The next piece and the hasher for it, unless another thread has that.
    pub(super) fn take(&mut self) -> Option<(Box<Hasher>, Piece)> {
        self.hasher.as_ref()?;
        let piece = self.pieces.pop_front()?;
        self.hasher.take().map(|hasher| (hasher, piece))
    }

    /// A piece of what was written but is not queued, if there is enough of it.
    pub(super) fn take_behind(
        &mut self,
        frontier: u64,
        complete: bool,
    ) -> Option<(Box<Hasher>, Piece)> {
        if !self.is_behind(frontier, complete) {
            return None;
        }
        let start = self.end;
        self.end = frontier.min(start + MAX_STRETCH);
        let piece = Piece::Written(start..self.end);
        self.hasher.take().map(|hasher| (hasher, piece))
    }

    /// True when there are enough bytes before `frontier` to read back, or any when nothing more will come.
    pub(super) fn is_behind(&self, frontier: u64, complete: bool) -> bool {
        let behind = frontier.saturating_sub(self.end);
        let worth = behind >= MIN_STRETCH || complete && behind > 0;
        worth && self.pieces.is_empty() && self.hasher.is_some()
    }

    pub(super) fn give_back(&mut self, hasher: Box<Hasher>) {
        self.hasher = Some(hasher);
    }

    /// Hashes nothing any more, because bytes could not be read: nobody waits for their turn.
    pub(super) fn give_up(&mut self) {
        self.end = u64::MAX;
        for piece in self.pieces.drain(..) {
            if let Piece::AtHand(_, receipt) = piece {
                // Nobody waits when the transfer was dropped.
                let _ = receipt.send(Ok(()));
            }
        }
    }

    pub(super) fn restart(&mut self) {
        *self = Self::new(self.set);
    }

    /// True when every byte before `size` is hashed.
    pub(super) fn has_reached(&self, size: u64) -> bool {
        self.hasher
            .as_ref()
            .is_some_and(|hasher| hasher.bytes() == size)
    }

    /// The digests of what is hashed so far; none while a piece is being hashed.
    pub(super) fn digests(&self) -> Digests {
        let hasher = self.hasher.as_deref().cloned();
        hasher.map_or_else(Digests::default, Hasher::finish)
    }

    /// The digests of what was hashed; nothing is left of it.
    pub(super) fn finish(&mut self) -> Digests {
        let hasher = self.hasher.take();
        hasher.map_or_else(Digests::default, |hasher| hasher.finish())
    }
}

/// Below this, starting on it costs more than it hashes.
const MIN_STRETCH: u64 = 1 << 20;
/// Bounds how long a write has to wait, or a cancelled transfer for its end: some milliseconds.
const MAX_STRETCH: u64 = 4 << 20;
/// Fits in the second-level cache, where the second digest finds what the first has read.
const READ_LEN: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::intake::Pairs;
    use crate::journal::Header;
    use crate::part::Notes;

    const SET: DigestSet = DigestSet::SHA256;

    fn bytes(range: Range<u64>) -> Vec<u8> {
        range
            .map(|at| at.to_le_bytes()[0] ^ at.to_le_bytes()[1])
            .collect()
    }

    fn expected(size: u64) -> Digests {
        let mut hasher = Hasher::new(SET);
        hasher.update(&bytes(0..size));
        hasher.finish()
    }

    /// A file of which everything is written, and the folder that it is in.
    fn part(size: u64) -> (tempfile::TempDir, Part) {
        let folder = tempfile::tempdir().expect("a folder");
        let header = Header::new("x", None, None);
        let part = Part::open(&folder.path().join("x.bin"), &header, Notes::AtOnce).expect("begun");
        part.write(0, &[bytes(0..size).into()]).expect("written");
        (folder, part)
    }

    type Waiting = oneshot::Receiver<Result<(), Error>>;

    /// Offers a batch; tells who waits for its turn, or nothing if it is to be read back.
    fn offer(front: &mut Front, batch: Range<u64>, frontier: u64) -> Option<Waiting> {
        let (receipt, waiting) = oneshot::channel();
        let chunks = vec![bytes(batch.clone()).into()];
        let taken = front.append(batch, chunks, frontier, receipt);
        taken.is_ok().then_some(waiting)
    }

    fn feed(piece: Piece, hasher: Box<Hasher>, part: &Part) -> Box<Hasher> {
        let alone = Pairs::default().join();
        piece.feed(hasher, &alone, part).expect("it is there")
    }

    /// Hashes what is queued.
    fn work_off(front: &mut Front, part: &Part) {
        while let Some((hasher, piece)) = front.take() {
            front.give_back(feed(piece, hasher, part));
        }
    }

    #[test]
    fn pieces_are_hashed_in_order_by_one_at_a_time_and_then_acknowledged() {
        let (_folder, part) = part(300);
        let mut front = Front::new(SET);
        let mut first = offer(&mut front, 0..100, 100).expect("it is the next");
        let mut second = offer(&mut front, 100..300, 300).expect("so is this");
        let (hasher, piece) = front.take().expect("two wait");
        assert!(front.take().is_none(), "the hasher is away");
        assert!(front.take_behind(1 << 30, true).is_none());
        assert_eq!(front.digests(), Digests::default());
        let hasher = feed(piece, hasher, &part);
        assert!(matches!(first.try_recv(), Ok(Ok(()))));
        assert!(second.try_recv().is_err(), "its turn has not come");
        front.give_back(hasher);
        assert_eq!(front.digests(), expected(100));
        assert!(!front.has_reached(300));
        work_off(&mut front, &part);
        assert!(matches!(second.try_recv(), Ok(Ok(()))));
        assert!(front.has_reached(300));
        assert_eq!(front.finish(), expected(300));
        assert_eq!(front.finish(), Digests::default(), "nothing is left of it");
    }

    #[test]
    fn what_does_not_follow_is_read_back_later() {
        let mut front = Front::new(SET);
        let far = MIN_STRETCH + 1;
        assert!(offer(&mut front, far..far + 10, far + 10).is_none());
        assert!(
            offer(&mut front, 0..10, 9).is_none(),
            "a gap lies before its end"
        );
        assert!(offer(&mut front, 0..10, 10).is_some());
        assert!(
            offer(&mut front, 5..20, 20).is_none(),
            "half of it is queued"
        );
        assert!(
            offer(&mut front, 0..10, 20).is_none(),
            "all of it is queued"
        );
    }

    #[test]
    fn a_small_gap_is_read_back_at_once() {
        let (_folder, part) = part(2 * MIN_STRETCH);
        let mut front = Front::new(SET);
        let batch = MIN_STRETCH..2 * MIN_STRETCH;
        assert!(offer(&mut front, batch, 2 * MIN_STRETCH).is_some());
        work_off(&mut front, &part);
        assert_eq!(front.finish(), expected(2 * MIN_STRETCH));
    }

    #[test]
    fn only_what_is_worth_it_is_read_back_before_the_end() {
        let mut front = Front::new(SET);
        assert!(!front.is_behind(MIN_STRETCH - 1, false));
        assert!(front.is_behind(MIN_STRETCH, false));
        assert!(front.is_behind(1, true), "nothing more will come");
        assert!(!front.is_behind(0, true));
        let _waiting = offer(&mut front, 0..10, 10).expect("it is the next");
        assert!(
            !front.is_behind(1 << 30, true),
            "what is at hand comes first"
        );
        let mut front = Front::new(SET);
        let (_, piece) = front.take_behind(1 << 30, false).expect("much");
        assert!(matches!(piece, Piece::Written(range) if range == (0..MAX_STRETCH)));
    }

    #[test]
    fn giving_up_frees_those_who_wait_and_takes_nothing_more() {
        let mut front = Front::new(SET);
        let mut waiting = offer(&mut front, 0..10, 10).expect("it is the next");
        let _hasher = front.take().expect("one waits").0;
        let mut second = offer(&mut front, 10..20, 20).expect("it follows");
        front.give_up();
        assert!(
            waiting.try_recv().is_err(),
            "who has the piece answers for it"
        );
        assert!(matches!(second.try_recv(), Ok(Ok(()))));
        assert!(offer(&mut front, 20..30, 30).is_none());
        assert!(!front.is_behind(1 << 30, true) && !front.has_reached(10));
        front.restart();
        assert!(offer(&mut front, 0..10, 10).is_some());
        assert_eq!(front.digests(), Hasher::new(SET).finish());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]

        /// However the parts of a file arrive, what is hashed is the file.
        #[test]
        fn any_order_ends_in_the_digest_of_the_whole(
            mut cuts in prop::collection::btree_set(1..SIZE, 1..12).prop_map(Vec::from_iter),
            order in any::<prop::sample::Index>(),
            every in 1_usize..4,
        ) {
            let (_folder, part) = part(SIZE);
            cuts.insert(0, 0);
            cuts.push(SIZE);
            let mut batches: Vec<_> = cuts.windows(2).map(|pair| pair[0]..pair[1]).collect();
            let turn = order.index(batches.len());
            batches.rotate_left(turn);
            let mut front = Front::new(SET);
            let mut written = crate::ranges::RangeSet::default();
            let mut waiting = Vec::new();
            for (nth, batch) in batches.into_iter().enumerate() {
                written.insert(batch.clone());
                waiting.extend(offer(&mut front, batch, written.frontier()));
                if nth % every == 0 {
                    work_off(&mut front, &part);
                }
            }
            work_off(&mut front, &part);
            while let Some((hasher, piece)) = front.take_behind(SIZE, true) {
                front.give_back(feed(piece, hasher, &part));
            }
            prop_assert!(front.has_reached(SIZE));
            prop_assert_eq!(front.finish(), expected(SIZE));
            prop_assert!(waiting.iter_mut().all(|waiting| matches!(waiting.try_recv(), Ok(Ok(())))));
        }
    }

    /// More than one stretch, and gaps of both kinds.
    const SIZE: u64 = MAX_STRETCH + 2 * MIN_STRETCH + 77;
}
