//! Digests of a file that is still arriving: its bytes are read back, in order, as far as they are there without a gap.

use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::connection::Shared;
use crate::digest::{DigestSet, Digests, Hasher};
use crate::error::Error;

/// Hashes behind the connections, one stretch at a time, off the async threads. What it reads is in the page cache
/// unless an earlier run left it.
#[derive(Debug)]
pub(crate) struct Follow {
    set: DigestSet,
    state: State,
}

#[derive(Debug)]
enum State {
    Idle(Box<Hasher>),
    Busy(JoinHandle<Result<Box<Hasher>, Error>>),
    /// A stretch could not be read; the transfer ends.
    Failed,
}

impl Follow {
    pub(crate) fn new(set: DigestSet) -> Self {
        Self {
            set,
            state: State::Idle(Box::new(Hasher::new(set))),
        }
    }

    /// Starts on the next stretch if there is enough of it, or any of it when nothing more will come.
    pub(crate) fn advance(&mut self, shared: &Arc<Shared>, complete: bool) {
        let State::Idle(hasher) = &mut self.state else {
            return;
        };
        let (start, frontier) = (hasher.bytes(), shared.part.frontier());
        if frontier == start || frontier - start < MIN_STRETCH && !complete {
            return;
        }
        let end = frontier.min(start + MAX_STRETCH);
        let mut hasher = std::mem::replace(hasher, Box::new(Hasher::new(DigestSet::NONE)));
        let shared = Arc::clone(shared);
        self.state = State::Busy(tokio::task::spawn_blocking(move || {
            let mut buffer = Vec::new();
            let mut at = start;
            while at < end {
                let next = end.min(at + READ_LEN);
                shared.part.read(at..next, &mut buffer)?;
                hasher.update(&buffer);
                at = next;
            }
            Ok(hasher)
        }));
    }

    /// Waits for the stretch at work; for ever when there is none.
    ///
    /// # Cancel safety
    /// Safe: a stretch is joined by the next call.
    pub(crate) async fn joined(&mut self) -> Result<(), Error> {
        let State::Busy(job) = &mut self.state else {
            return std::future::pending().await;
        };
        let joined = job.await;
        self.state = State::Failed;
        let hasher = joined.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("hashing is never aborted: {error}"),
        })?;
        self.state = State::Idle(hasher);
        Ok(())
    }

    /// Ends the stretch at work and forgets everything.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.state = State::Idle(Box::new(Hasher::new(self.set)));
    }

    /// Waits for the stretch at work, whatever becomes of it.
    pub(crate) async fn stop(&mut self) {
        if matches!(self.state, State::Busy(_)) {
            // The bytes are about to be forgotten or the transfer has failed already.
            let _ = self.joined().await;
        }
    }

    /// True when every byte before `size` is hashed.
    pub(crate) fn has_reached(&self, size: u64) -> bool {
        matches!(&self.state, State::Idle(hasher) if hasher.bytes() == size)
    }

    /// The digests of what was hashed.
    pub(crate) fn finish(self) -> Digests {
        match self.state {
            State::Idle(hasher) => hasher.finish(),
            State::Busy(_) | State::Failed => Digests::default(),
        }
    }
}

/// Below this, starting a job costs more than it hashes.
const MIN_STRETCH: u64 = 1 << 20;
/// Bounds how long a cancelled transfer waits for its hashing: about 0.1 s for two digests.
const MAX_STRETCH: u64 = 64 << 20;
const READ_LEN: u64 = 256 << 10;
