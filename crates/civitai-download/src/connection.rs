//! One connection: the request for a range, and the bytes that answer it, written where they belong.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use civitai_reliability::classify::is_transient;
use civitai_security::RedactedUrl;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::{Origin, Url};

use crate::error::{Error, ErrorKind, Slow};
use crate::event::{Cause, Listener};
use crate::intake::Intake;
use crate::lease::Lease;
use crate::limit::Limit;
use crate::part::Part;
use crate::segment::{Plan, SegmentId};
use crate::storage::{self, Storage};

mod body;
mod request;
mod single;

pub(crate) use single::{Single, fetch_single};

/// What all connections of a transfer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) storage: Storage,
    pub(crate) part: Arc<Part>,
    pub(crate) intake: Intake,
    pub(crate) target: Box<Path>,
    /// The length that was promised.
    pub(crate) promised: Option<u64>,
    pub(crate) plan: Mutex<Plan>,
    pub(crate) limit: Option<Arc<Limit>>,
    pub(crate) patience: Patience,
    /// Bytes taken from the network, wanted or not.
    pub(crate) fetched: AtomicU64,
    /// Nanoseconds that connections waited until what they brought was written and their turn to be hashed.
    pub(crate) held_up: AtomicU64,
    /// A body went beyond its announced end.
    pub(crate) surplus: AtomicBool,
    /// A connection learnt something that may allow more of them, or nothing is left to write and to hash.
    pub(crate) opened: Notify,
    pub(crate) events: Listener,
}

impl Shared {
    pub(crate) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn held_up(&self) -> Duration {
        Duration::from_nanos(self.held_up.load(Ordering::Relaxed))
    }
}

/// How long a silent or dripping server is borne.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Patience {
    /// From the request to its answer. Default 30 s.
    pub headers: Duration,
    /// Without any byte. Default 30 s.
    pub idle: Duration,
    /// Time over which the rate is judged. Default 30 s.
    pub window: Duration,
    /// The fewest bytes that must come in each such window. Default 30 KiB.
    pub window_bytes: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            window: Duration::from_secs(30),
            window_bytes: 30 << 10,
        }
    }
}

/// A lease in use, and where it led.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) lease: Lease,
    pub(crate) granted: SystemTime,
    landing: OnceLock<Landing>,
}

#[derive(Debug, Clone)]
struct Landing {
    url: Url,
    with_credential: bool,
}

impl Held {
    pub(crate) fn new(lease: Lease) -> Self {
        Self {
            lease,
            granted: SystemTime::now(),
            landing: OnceLock::new(),
        }
    }

    /// True when a new one is due. One that was never used is tried first: the server may see its end otherwise.
    pub(crate) fn is_over(&self) -> bool {
        self.has_landed() && self.lease.is_over(SystemTime::now(), self.granted)
    }

    /// The storage it led to, once a request found the file through it.
    pub(crate) fn origin(&self) -> Option<Origin> {
        Some(self.landing.get()?.url.origin())
    }

    /// True once a request found the file through it.
    pub(crate) fn has_landed(&self) -> bool {
        self.landing.get().is_some()
    }
}

/// What a connection is to do.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: SegmentId,
    pub(crate) range: Range<u64>,
    /// Whether to ask for the range, or for the file.
    pub(crate) ranged: bool,
    pub(crate) held: Arc<Held>,
    pub(crate) stop: CancellationToken,
}

/// Why a connection ended before its end.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// An answer to a range request that contradicts it, and the file's size by that answer.
    BadRange {
        error: Error,
        size: Option<u64>,
    },
    /// The file is not the one that was begun.
    Changed(Error),
    Fatal(Error),
    /// The server sent the whole file although a part is there, or others fetch parts.
    IgnoresRange,
    /// Something else than the file.
    Page(Error),
    /// A status other than success; `expired` when the server says that it is about time.
    Status {
        error: Error,
        status: u16,
        retry_after: Option<Duration>,
        expired: bool,
    },
    /// A failure that may pass.
    Transient(Error),
}

impl Trouble {
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::BadRange { .. } | Self::Changed(_) | Self::IgnoresRange | Self::Page(_) => {
                Cause::Content
            }
            Self::Status { status, .. } => Cause::Status(*status),
            Self::Fatal(error) | Self::Transient(error) => Cause::of(error.kind()),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

/// Fetches a segment until its end, which may move, or until `stop`. What arrived is written in every case.
pub(crate) async fn fetch(shared: Arc<Shared>, task: Task) -> (Task, Result<(), Trouble>) {
    let result = match request::open(&shared, &task).await {
        Ok(Some(body)) => body.copy(&shared, &task).await,
        Ok(None) => Ok(()),
        Err(trouble) => Err(trouble),
    };
    shared.plan().release(task.id, Instant::now());
    (task, result)
}

/// Runs disk or CPU work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("blocking work is never aborted: {error}"),
        },
    }
}

fn network(error: reqwest::Error, url: &Url) -> Trouble {
    let (failure, error) = storage::failure(error, url);
    if is_transient(failure) {
        Trouble::Transient(error)
    } else {
        Trouble::Fatal(error)
    }
}

fn slow(url: &Url, slow: Slow) -> Trouble {
    Trouble::Transient(
        ErrorKind::Timeout {
            url: RedactedUrl::new(url.clone()),
            slow,
        }
        .into(),
    )
}
