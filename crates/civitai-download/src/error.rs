//! What can go wrong with a transfer, with the values needed to act on it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use civitai_reliability::Exhausted;
use civitai_security::{RedactedUrl, UnsafeAddress};

use crate::disk::{Obstacle, is_full};
use crate::journal::JournalProblem;
use crate::lease::LeaseError;
use crate::response::{BadRange, Page};
use crate::verify::Mismatch;

/// An error of a caller's own, carried through unchanged.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a transfer ended without its file. What was fetched is kept beside the target, unless the kind says otherwise.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    gave_up: Option<Exhausted>,
    retries: u32,
}

/// The kinds of [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A redirect without a readable destination.
    #[error("{url} redirects to nowhere")]
    BadRedirect {
        /// What was asked for.
        url: RedactedUrl,
    },
    /// The server's file changed again and again while it was read.
    #[error("the file at {url} changes while it is read")]
    Changing {
        /// Where it was read.
        url: RedactedUrl,
    },
    /// Something that is no file is where the target, its part file or its journal belongs. It was not touched.
    #[error("{obstacle} is at {}, where a file belongs", path.display())]
    InTheWay {
        /// Where it is.
        path: PathBuf,
        /// What it is.
        obstacle: Obstacle,
    },
    /// The server has far more bytes than were promised: more than twice as many, and a gibibyte. Nothing was reserved.
    #[error("{url} has {size} bytes or more where {promised} were promised")]
    Excess {
        /// What was asked for.
        url: RedactedUrl,
        /// How many bytes it announced or sent.
        size: u64,
        /// How many were promised.
        promised: u64,
    },
    /// The bytes are not what was promised; they are in quarantine.
    #[error("{} is {} where {} was promised", mismatch.algorithm, mismatch.got, mismatch.expected)]
    Integrity {
        /// The promise that does not hold.
        mismatch: Mismatch,
        /// Where the bytes are now.
        quarantined: PathBuf,
    },
    /// The transfer was cancelled; what it has is flushed.
    #[error("interrupted")]
    Interrupted,
    /// The disk refused; the source names the path. That it is full is told so: the [code](Error::code) is `no_space`.
    #[error("cannot use the disk")]
    Io(#[source] io::Error),
    /// The journal beside the target cannot be used. Neither it nor the part file was touched.
    #[error("the journal {} {problem}", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        problem: JournalProblem,
    },
    /// No URL could be had for the file.
    #[error("cannot get an address to download from")]
    Lease(#[source] LeaseError),
    /// The server refuses every address it is asked with, also fresh ones.
    #[error("{url} refuses also fresh addresses with {status}{}", Said(said.as_deref()))]
    LeaseRefused {
        /// What was asked for last.
        url: RedactedUrl,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said, masked.
        said: Option<String>,
    },
    /// The head of an answer is longer than any honest one.
    #[error("{url} answered with {bytes} bytes of headers")]
    LongHead {
        /// What was asked for.
        url: RedactedUrl,
        /// Their length.
        bytes: usize,
    },
    /// Another process works on this target.
    #[error("{} works on {}", Process(*holder), path.display())]
    Locked {
        /// Its journal.
        path: PathBuf,
        /// Its id, where the system says so.
        holder: Option<u32>,
    },
    /// The connection could not be made or broke.
    #[error("the connection to {url} failed")]
    Network {
        /// What was asked for.
        url: RedactedUrl,
        /// What the HTTP client says, without the URL.
        source: reqwest::Error,
    },
    /// The volume has no room for the file.
    #[error("no space for {}: {needed} more bytes are needed{}", path.display(), Available(*available))]
    NoSpace {
        /// The target.
        path: PathBuf,
        /// Bytes that are missing on the disk.
        needed: u64,
        /// Bytes that were free; absent when the disk filled up on the way.
        available: Option<u64>,
    },
    /// The server sent something else than the file.
    #[error("{url} is not the file but {page}")]
    NotAFile {
        /// What was asked for.
        url: RedactedUrl,
        /// What came.
        page: Page,
    },
    /// A different file has the target's name.
    #[error("a different file is at {}", path.display())]
    Occupied {
        /// The target.
        path: PathBuf,
    },
    /// The server has other bytes than those that were asked for by what they are.
    #[error("{url} has other bytes there than the file that is wanted")]
    OtherBytes {
        /// What was asked for.
        url: RedactedUrl,
    },
    /// The server's answers to range requests contradict what was asked or each other.
    #[error("{url} answers ranges wrongly")]
    Range {
        /// What was asked for.
        url: RedactedUrl,
        /// The contradiction.
        source: BadRange,
    },
    /// The file is in place and verified, but could not be recorded; running again repeats only the recording.
    #[error("cannot record {}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What the recorder says.
        source: BoxError,
    },
    /// The judge refused the content; it is in quarantine, unless the judge wanted it deleted.
    #[error("the content was refused")]
    Refused {
        /// Where the bytes are now, if they were kept.
        quarantined: Option<PathBuf>,
        /// What the judge says.
        source: BoxError,
    },
    /// What was to take the place of the file could not be made of it, or one that is there cannot be opened.
    #[error("cannot seal or open {}", path.display())]
    Seal {
        /// Where it belongs.
        path: PathBuf,
        /// What the [`Seal`](crate::Seal) says.
        source: BoxError,
    },
    /// The connection ended before the bytes it had announced.
    #[error("{url} ended {missing} bytes early")]
    ShortBody {
        /// What was asked for.
        url: RedactedUrl,
        /// How many bytes did not come.
        missing: u64,
    },
    /// The server failed or refused.
    #[error("{url} answered {status}{}", Said(said.as_deref()))]
    Server {
        /// What was asked for.
        url: RedactedUrl,
        /// The HTTP status.
        status: u16,
        /// What the server asked to wait.
        retry_after: Option<Duration>,
        /// The beginning of what it said, masked.
        said: Option<String>,
    },
    /// Nothing, or next to nothing, came in time.
    #[error("{url} {slow}")]
    Timeout {
        /// What was asked for.
        url: RedactedUrl,
        /// Which limit was passed.
        slow: Slow,
    },
    /// More redirects than allowed.
    #[error("{url} redirects more than {limit} times")]
    TooManyRedirects {
        /// The first address.
        url: RedactedUrl,
        /// How many are followed.
        limit: usize,
    },
    /// A redirect or an address that must not be followed. No packet was sent there.
    #[error("{url} leads to an address that must not be contacted")]
    UnsafeAddress {
        /// What was asked for.
        url: RedactedUrl,
        /// Why not.
        source: UnsafeAddress,
    },
    /// Nothing was promised about the content, so nothing can be verified. Decided before the first request.
    #[error("no digest was promised for {}", path.display())]
    Unverified {
        /// The target.
        path: PathBuf,
    },
}

/// Which time limit a connection passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Slow {
    /// No answer to the request.
    #[error("did not answer for {} s", .0.as_secs())]
    Headers(Duration),
    /// No byte at all.
    #[error("sent nothing for {} s", .0.as_secs())]
    Idle(Duration),
    /// Some bytes, but too few.
    #[error("sent only {bytes} bytes in {} s", over.as_secs())]
    Rate {
        /// What came.
        bytes: u64,
        /// In which time.
        over: Duration,
    },
}

impl Error {
    pub(crate) fn with_retries(mut self, retries: u32) -> Self {
        self.0.retries = retries;
        self
    }

    pub(crate) fn with_gave_up(mut self, why: Exhausted) -> Self {
        self.0.gave_up = Some(why);
        self
    }

    /// The refusal of one address becomes that of all of them.
    pub(crate) fn into_lease_refused(mut self) -> Self {
        if let ErrorKind::Server {
            url, status, said, ..
        } = &mut self.0.kind
        {
            self.0.kind = ErrorKind::LeaseRefused {
                url: url.clone(),
                status: *status,
                said: said.take(),
            };
        }
        self
    }

    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// The kind as one word, the same in JSON lines of the command line and here. A [`LeaseError`] brings its own.
    pub fn code(&self) -> &'static str {
        let too_long = matches!(self.0.gave_up, Some(Exhausted::Wait { .. }));
        match &self.0.kind {
            ErrorKind::Server { .. } if too_long => "rate_limited",
            ErrorKind::Integrity { .. } | ErrorKind::OtherBytes { .. } => "integrity",
            ErrorKind::Interrupted => "interrupted",
            ErrorKind::Io(error) if is_full(error) => "no_space",
            ErrorKind::InTheWay { .. }
            | ErrorKind::Io(_)
            | ErrorKind::Journal { .. }
            | ErrorKind::Occupied { .. } => "io",
            ErrorKind::Lease(error) => error.code(),
            ErrorKind::LeaseRefused { .. } => "storage_outage",
            ErrorKind::Locked { .. } => "locked",
            ErrorKind::Network { .. } | ErrorKind::ShortBody { .. } => "network",
            ErrorKind::NoSpace { .. } => "no_space",
            ErrorKind::NotAFile { page, .. } if page.is_login() => "login_required",
            ErrorKind::Record { .. } | ErrorKind::Seal { .. } => "internal",
            ErrorKind::Refused { .. } => "unsafe_content",
            ErrorKind::Server { status, .. } => status_code(*status),
            ErrorKind::BadRedirect { .. }
            | ErrorKind::Changing { .. }
            | ErrorKind::Excess { .. }
            | ErrorKind::LongHead { .. }
            | ErrorKind::NotAFile { .. }
            | ErrorKind::Range { .. } => "server",
            ErrorKind::Timeout { .. } => "timeout",
            ErrorKind::TooManyRedirects { .. } | ErrorKind::UnsafeAddress { .. } => {
                "unsafe_address"
            }
            ErrorKind::Unverified { .. } => "unverified",
        }
    }

    /// True when the same transfer, run again a little later, may succeed. The retries of this one are spent.
    pub fn is_transient(&self) -> bool {
        match &self.0.kind {
            ErrorKind::Lease(error) => error.is_transient(),
            ErrorKind::Server { status, .. } => civitai_reliability::classify::is_transient(
                civitai_reliability::Failure::Status(*status),
            ),
            ErrorKind::Changing { .. }
            | ErrorKind::Interrupted
            | ErrorKind::LeaseRefused { .. }
            | ErrorKind::Locked { .. }
            | ErrorKind::Network { .. }
            | ErrorKind::ShortBody { .. }
            | ErrorKind::Timeout { .. } => true,
            _ => false,
        }
    }

    /// How long the server asked to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.0.kind {
            ErrorKind::Server { retry_after, .. } => *retry_after,
            ErrorKind::Lease(error) => error.retry_after(),
            _ => None,
        }
    }

    /// What a person may do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match &self.0.kind {
            ErrorKind::Integrity { .. }
            | ErrorKind::Refused {
                quarantined: Some(_),
                ..
            } => Some("the bytes are kept in quarantine for a look"),
            ErrorKind::Interrupted | ErrorKind::Network { .. } | ErrorKind::Timeout { .. } => {
                Some("run the same command again: it goes on where this stopped")
            }
            ErrorKind::InTheWay { .. } => Some("move it away, or choose another name"),
            ErrorKind::Journal { .. } => {
                Some("move the .part file and its journal away to start over")
            }
            ErrorKind::Locked { .. } => Some("wait for the other process or stop it"),
            ErrorKind::NoSpace { .. } => Some(FREE_SPACE),
            ErrorKind::Io(error) if is_full(error) => Some(FREE_SPACE),
            ErrorKind::NotAFile { page, .. } if page.is_login() => Some("log in or give a token"),
            ErrorKind::Occupied { .. } => {
                Some("choose another name, or force the download to replace it")
            }
            ErrorKind::Unverified { .. } => Some("give a digest, or accept the file unverified"),
            _ => None,
        }
    }

    /// How often the transfer had tried again.
    pub fn retries(&self) -> u32 {
        self.0.retries
    }

    /// True when a file is not there that was to be opened.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(&self.0.kind, ErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// Turns a full disk into [`ErrorKind::NoSpace`], naming the target.
    pub(crate) fn on_disk(error: io::Error, target: &Path, needed: u64) -> Self {
        if is_full(&error) {
            ErrorKind::NoSpace {
                path: target.to_owned(),
                needed,
                available: None,
            }
            .into()
        } else {
            error.into()
        }
    }
}

fn status_code(status: u16) -> &'static str {
    match status {
        400 => "usage",
        401 => "login_required",
        403 => "no_access",
        404 => "not_found",
        410 => "archived",
        429 => "rate_limited",
        451 => "region_blocked",
        _ => "server",
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(Inner {
            kind,
            gave_up: None,
            retries: 0,
        }))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        ErrorKind::Io(error).into()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.kind, f)?;
        if let Some(why) = &self.0.gave_up {
            write!(f, "; {why}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("gave_up", &self.0.gave_up)
            .field("retries", &self.0.retries)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.kind)
    }
}

struct Available(Option<u64>);

impl fmt::Display for Available {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .map_or(Ok(()), |bytes| write!(f, ", {bytes} are free"))
    }
}

struct Process(Option<u32>);

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(id) => write!(f, "process {id}"),
            None => f.write_str("another process"),
        }
    }
}

struct Said<'a>(Option<&'a str>);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |said| write!(f, ": {said}"))
    }
}

const FREE_SPACE: &str = "free space on this volume or choose another folder, then run again";
