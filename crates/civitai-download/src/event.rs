//! What a transfer tells those who watch it.
//!
//! Four things are promised:
//!
//! - **The way of the file.** [`Event::Started`] comes first and once (but for one [`Event::Waiting`]), unless the transfer
//!   fails before it knows what is on the disk; then any number of [`Event::Progress`], whose bytes never go back; then exactly one of
//!   [`Event::Finished`], [`Event::Failed`] and [`Event::Cancelled`], which comes before `run` returns.
//! - **What it cost.** Between the start and the end, every request to storage is one [`Event::Asked`], and at most one
//!   [`Event::Answered`] once its head is there. One that comes to nothing, or to less than was wanted of it, is one
//!   [`Event::RequestFailed`] when the transfer has decided what to do about it. A request that the transfer itself
//!   gives up, because it ends or another connection was faster, has no failure. Every lease that was asked for is one
//!   [`Event::Leased`] or [`Event::LeaseFailed`]. [`Event::Received`] never goes back either; its last value counts
//!   every byte that came, wanted or not.
//! - **Nothing after the end.** The ending event is the last one. A transfer whose future is dropped tells nothing more.
//! - **Who calls.** [`Event::Asked`] and [`Event::Answered`] come from the tasks of the connections, perhaps several at
//!   a time; all others from the task that runs the transfer. Listeners must not block.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::ErrorKind;

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Another process works on the target, and the transfer waits for it to end. Told once, before
    /// [`Event::Started`].
    Waiting {
        /// The id of that process, where the system says so.
        holder: Option<u32>,
    },
    /// The transfer begins, with what an earlier run left.
    Started {
        /// Bytes already on the disk.
        bytes: u64,
        /// Length of the file, if it is known or promised.
        total: Option<u64>,
    },
    /// The source gave a lease.
    Leased {
        /// From the question to the lease.
        elapsed: Duration,
    },
    /// The source gave none.
    LeaseFailed {
        /// From the question to the refusal.
        elapsed: Duration,
        /// The word [`LeaseError::with_code`](crate::LeaseError::with_code) set.
        code: &'static str,
        /// Whether it is asked again, after a pause.
        retried: bool,
    },
    /// A request went out. Each redirect that is followed is a request of its own.
    Asked,
    /// The head of an answer is there, whatever it says. Redirects and refusals are answers.
    Answered {
        /// The HTTP status.
        status: u16,
        /// From the request to the first byte of its answer, opening a connection included where none was free.
        elapsed: Duration,
    },
    /// A request came to nothing, or its body ended early.
    RequestFailed {
        /// Why.
        cause: Cause,
        /// Whether what is missing is asked for again. Otherwise the transfer fails with it.
        retried: bool,
    },
    /// Bytes came from the network; at most ten times a second, and once at the end.
    Received {
        /// All that this run took, thrown away ones included. What stands in [`Event::Progress`] less what stood in
        /// [`Event::Started`] is what was worth keeping, up to a few hundred kilobytes that are not yet written.
        bytes: u64,
    },
    /// Bytes arrived, or connections changed; at most ten times a second.
    Progress {
        /// Bytes on the disk. When the file is begun again because it changed, this stands still until it is passed.
        bytes: u64,
        /// Length of the file, once it is known.
        total: Option<u64>,
        /// Connections that receive bytes.
        connections: usize,
    },
    /// The file is verified and under its name, or was already.
    Finished {
        /// Length of the file.
        bytes: u64,
    },
    /// The transfer failed; the error is what `run` returns.
    Failed {
        /// [`Error::code`](crate::Error::code).
        code: &'static str,
    },
    /// The transfer was cancelled; what it has is flushed.
    Cancelled,
}

/// Why a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Nothing, or next to nothing, came in the time that [`Patience`](crate::Patience) allows, or no connection in ten
    /// seconds.
    Timeout,
    /// The connection could not be made, broke, or ended before the bytes it had announced.
    Connection,
    /// The server refused, with this HTTP status.
    Status(u16),
    /// The answer is not the file, not of the file that was begun, or not the range that was asked for.
    Content,
    /// This side gave it up: the disk refused, or the address must not be contacted.
    Local,
}

impl Cause {
    pub(crate) fn of(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::Timeout { .. } => Self::Timeout,
            ErrorKind::Network { source, .. } if source.is_timeout() => Self::Timeout,
            ErrorKind::Network { .. } | ErrorKind::ShortBody { .. } => Self::Connection,
            ErrorKind::Server { status, .. } | ErrorKind::LeaseRefused { status, .. } => {
                Self::Status(*status)
            }
            ErrorKind::BadRedirect { .. }
            | ErrorKind::Changing { .. }
            | ErrorKind::Excess { .. }
            | ErrorKind::LongHead { .. }
            | ErrorKind::NotAFile { .. }
            | ErrorKind::Range { .. }
            | ErrorKind::TooManyRedirects { .. } => Self::Content,
            _ => Self::Local,
        }
    }
}

/// Who is told, if anybody.
#[derive(Clone, Default)]
pub(crate) struct Listener(Option<Arc<dyn Fn(Event) + Send + Sync>>);

impl Listener {
    pub(crate) fn new(listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    pub(crate) fn tell(&self, event: Event) {
        if let Some(listener) = &self.0 {
            listener(event);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.0.is_some()).finish()
    }
}
