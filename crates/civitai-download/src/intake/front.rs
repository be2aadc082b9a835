//! Where the digests stand, and what comes next for them.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::digest::{DigestSet, Digests, Hasher};
use crate::error::Error;
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
    pub(super) fn feed(self, hasher: &mut Hasher, part: &Part) -> io::Result<()> {
        match self {
            Self::AtHand(chunks, receipt) => {
                // Nobody waits when the transfer was dropped.
                let _ = receipt.send(Ok(()));
                for chunk in &chunks {
                    hasher.update(chunk);
                }
                Ok(())
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
                Ok(())
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
