//! Bytes between the connections and the disk: queued, written, noted in the journal, and hashed while still at hand.
//!
//! A connection hands over a batch and goes on receiving; it waits only when it has the next batch before the last one
//! was taken care of. So a connection never holds more than two batches. Batches shrink as connections become more, so
//! that all together hold about [`AT_HAND`]; but none is smaller than the piece in which the HTTP client hands bytes on,
//! which is up to 400 KiB while a server is faster than we are.
//!
//! Writing and hashing happen off the async threads, on a thread that stays as long as there is work: on a fast link
//! nobody is woken for a batch. One thread writes at a time, because the kernel lets no second one into a file. Bytes
//! that arrive where the digests stand are hashed from memory, together with those of another file if one arrives too
//! ([`pair`]); all others are read back once the gap before them is closed, from the page cache unless an earlier run
//! left them.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use self::front::{Front, Piece};
use self::pair::Member;
use crate::connection::Shared;
use crate::digest::{DigestSet, Digests, Hasher};
use crate::error::Error;

mod front;
mod pair;

pub(crate) use self::pair::Pairs;

/// The queue before the part file, and the digests behind it.
#[derive(Debug)]
pub(crate) struct Intake {
    state: Mutex<State>,
    member: Member,
    /// Threads that may work at a time.
    most: usize,
}

#[derive(Debug)]
struct State {
    batches: VecDeque<Batch>,
    /// A thread is writing.
    writing: bool,
    front: Front,
    /// Every byte of the file is written.
    complete: bool,
    /// Only writes are wanted.
    stopping: bool,
    threads: JoinSet<()>,
    at_work: usize,
    failure: Option<Error>,
}

/// Bytes that follow one another, for one place in the file.
#[derive(Debug)]
struct Batch {
    offset: u64,
    chunks: Vec<Bytes>,
    receipt: oneshot::Sender<Result<(), Error>>,
}

/// Tells when the next batch may follow: the bytes are written, and if they are to be hashed from memory, they are next.
pub(crate) type Receipt = oneshot::Receiver<Result<(), Error>>;

enum Job {
    Write(Batch),
    Hash(Box<Hasher>, Piece),
}

impl Intake {
    pub(crate) fn new(set: DigestSet, pairs: &Pairs) -> Self {
        let state = State {
            batches: VecDeque::new(),
            writing: false,
            front: Front::new(set),
            complete: false,
            stopping: false,
            threads: JoinSet::new(),
            at_work: 0,
            failure: None,
        };
        Self {
            state: Mutex::new(state),
            member: pairs.join(),
            most: *MOST_THREADS,
        }
    }

    /// How many bytes make a batch while `connections` receive.
    pub(crate) fn batch_len(connections: usize) -> u64 {
        (AT_HAND / 2 / connections.max(1) as u64).clamp(MIN_BATCH, MAX_BATCH)
    }

    /// Takes bytes for `offset`.
    pub(crate) fn put(shared: &Arc<Shared>, offset: u64, chunks: Vec<Bytes>) -> Receipt {
        let (receipt, receiver) = oneshot::channel();
        let mut state = shared.intake.state();
        state.batches.push_back(Batch {
            offset,
            chunks,
            receipt,
        });
        if !state.writing {
            shared.intake.employ(&mut state, shared);
        }
        receiver
    }

    /// Sees to it that what can be hashed is, and reports what went wrong with it. `complete` when nothing more will come.
    pub(crate) fn tend(shared: &Arc<Shared>, complete: bool) -> Result<(), Error> {
        let mut state = shared.intake.state();
        state.complete = complete;
        while let Some(joined) = state.threads.try_join_next() {
            if let Err(error) = joined {
                drop(state);
                std::panic::resume_unwind(error.into_panic());
            }
        }
        if let Some(error) = state.failure.take() {
            return Err(error);
        }
        if state.at_work == 0 && state.front.is_behind(shared.part.frontier(), complete) {
            shared.intake.employ(&mut state, shared);
        }
        Ok(())
    }

    /// True when every byte before `size` is hashed.
    pub(crate) fn has_reached(&self, size: u64) -> bool {
        self.state().front.has_reached(size)
    }

    /// Ends hashing and waits for those at work. Every receipt must have been waited for.
    pub(crate) async fn stop(&self) {
        let mut threads = {
            let mut state = self.state();
            state.stopping = true;
            std::mem::take(&mut state.threads)
        };
        while let Some(joined) = threads.join_next().await {
            if let Err(error) = joined {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }

    /// Ends hashing soon after what this returns is dropped, also when that is by the drop of a future.
    pub(crate) fn until_dropped(shared: &Arc<Shared>) -> impl Drop + use<> {
        Stop(Arc::clone(shared))
    }

    /// Does the same, and forgets what was hashed.
    pub(crate) async fn restart(&self) {
        self.stop().await;
        let mut state = self.state();
        state.stopping = false;
        state.failure = None;
        state.front.restart();
    }

    /// The digests of what is hashed so far; none while a piece is being hashed.
    pub(crate) fn digests(&self) -> Digests {
        self.state().front.digests()
    }

    /// The digests of what was hashed.
    pub(crate) fn finish(&self) -> Digests {
        self.state().front.finish()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn employ(&self, state: &mut State, shared: &Arc<Shared>) {
        if state.at_work < self.most {
            state.at_work += 1;
            let shared = Arc::clone(shared);
            state.threads.spawn_blocking(move || work(&shared));
        }
    }

    /// What to do now; nothing ends the thread. Writing comes first: what is written is not fetched again after a kill.
    fn next(&self, shared: &Shared) -> Option<Job> {
        let mut state = self.state();
        if !state.writing
            && let Some(batch) = state.batches.pop_front()
        {
            state.writing = true;
            return Some(Job::Write(batch));
        }
        if !state.stopping
            && let Some((hasher, piece)) = state.front.take()
        {
            return Some(Job::Hash(hasher, piece));
        }
        let complete = state.complete;
        if !state.stopping
            && let Some((hasher, piece)) = state.front.take_behind(shared.part.frontier(), complete)
        {
            return Some(Job::Hash(hasher, piece));
        }
        state.at_work -= 1;
        None
    }

    fn write(&self, shared: &Shared, batch: Batch) {
        let Batch {
            offset,
            chunks,
            receipt,
        } = batch;
        let len: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let range = offset..offset + len;
        let written = shared.part.write(offset, &chunks);
        let frontier = shared.part.frontier();
        let mut state = self.state();
        state.writing = false;
        let receipt = match written {
            Ok(()) => match state.front.append(range, chunks, frontier, receipt) {
                Ok(()) => return,
                Err(receipt) => receipt,
            },
            Err(error) => {
                drop(state);
                // Nobody waits when the transfer was dropped.
                let _ = receipt.send(Err(error));
                return;
            }
        };
        drop(state);
        let _ = receipt.send(Ok(()));
    }

    fn hash(&self, shared: &Shared, hasher: Box<Hasher>, piece: Piece) {
        let fed = piece.feed(hasher, &self.member, &shared.part);
        let mut state = self.state();
        match fed {
            Ok(hasher) => state.front.give_back(hasher),
            Err(error) => {
                state.failure = Some(error.into());
                state.front.give_up();
            }
        }
    }
}

struct Stop(Arc<Shared>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.intake.state().stopping = true;
    }
}

/// What a thread does until there is nothing left.
fn work(shared: &Shared) {
    let intake = &shared.intake;
    while let Some(job) = intake.next(shared) {
        match job {
            Job::Write(batch) => intake.write(shared, batch),
            Job::Hash(hasher, piece) => intake.hash(shared, hasher, piece),
        }
    }
    shared.opened.notify_one();
}

/// Two cores are busy with receiving and with one thread: another would only take turns with them. Asked once, because
/// the answer is read from several files.
static MOST_THREADS: LazyLock<usize> = LazyLock::new(|| match available_parallelism() {
    Ok(cores) if cores.get() > 2 => 2,
    _ => 1,
});
/// What all connections together hold, received but not written, where bytes arrive in small pieces.
const AT_HAND: u64 = 512 << 10;
/// Fits in the second-level cache, where hashing finds what writing has read. A kill costs at most two of them.
const MAX_BATCH: u64 = 256 << 10;
/// Smaller ones cost more calls than they save memory.
const MIN_BATCH: u64 = 32 << 10;
