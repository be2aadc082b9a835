//! What happens to files that are fetched, and what becomes of them.

use std::error::Error as StdError;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use civitai_download::{Error, ErrorKind, Fetched};
use civitai_reliability::failsafe::Why;
use civitai_security::UnsafeAddress;

use crate::catalogue::{self, Origin};
use crate::find::{FindError, Unfound, Wanted};
use crate::judge::{HeldUnsafe, Judgement, SiteDanger};
use crate::operation::Done;
use crate::reuse::Reused;
use crate::sealing;
use crate::sidecar::SidecarError;
use crate::sync::Plan;

/// What is going to be done about a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// It is fetched.
    Download,
    /// It shares its bytes with another file.
    Link,
    /// The rest of it is fetched.
    Resume,
    /// It is there.
    Skip,
}

impl Action {
    /// The word for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Link => "link",
            Self::Resume => "resume",
            Self::Skip => "skip",
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Told {
    /// A file has its place.
    Planned {
        /// The file.
        file: Arc<Wanted>,
        /// What has a name there in the end: an encrypted file is called differently.
        place: PathBuf,
        /// What is going to be done about it.
        action: Action,
    },
    /// A link has led to a file that another one of the run has led to already: its outcome is that of the other.
    Same {
        /// The file.
        file: Arc<Wanted>,
        /// Its place.
        place: PathBuf,
    },
    /// That is what became of a file. Told before its pictures are fetched.
    Ended(Arc<Ended>),
    /// Something went wrong that takes nothing from the files.
    Aside(Arc<Aside>),
    /// From now on files go one at a time, because of how transfers ended.
    Safe {
        /// What was wrong with them.
        why: Why,
    },
    /// From now on nothing is tried out, because of how transfers ended.
    Plain,
    /// A sync is about to do this, after what must not be fetched was left out.
    Syncing(Arc<Plan>),
    /// A sync has moved files, or put them into the trash.
    Done(Arc<Done>),
}

/// What went wrong beside a file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Aside {
    /// The catalogue does not tell what the library has, or was not told of what it has now.
    Catalogue(catalogue::Error),
    /// A sidecar was left as it is, or could not be written.
    Sidecar(SidecarError),
    /// No sidecars could be written.
    NoSidecars(io::Error),
    /// A picture could not be had.
    Picture {
        /// Its address, without what must not be shown.
        url: String,
        /// Why; nothing for an address that is none.
        error: Option<Error>,
    },
}

/// What became of a link or of one of its files.
#[derive(Debug)]
pub struct Ended {
    /// The link, without any token.
    pub link: String,
    /// The caller's number for it.
    pub ticket: Option<u32>,
    /// The file; none where the link has led to none.
    pub file: Option<Arc<Wanted>>,
    /// Its place; none where it has none.
    pub path: Option<PathBuf>,
    /// How it ended.
    pub outcome: Result<Landed, FetchError>,
    /// What was found in it, if somebody looked.
    pub judgement: Option<Judgement>,
    /// Bytes that came for it, also where it failed.
    pub fetched_bytes: u64,
    /// From its turn to its end.
    pub elapsed: Duration,
}

/// How a file came to be in its place, or would.
#[derive(Clone, Debug)]
pub enum Landed {
    /// By a transfer, or it was there.
    Fetched(Box<Fetched>),
    /// It shares its bytes with another file.
    Linked(Box<Reused>),
    /// Nothing was done but planned.
    Planned(Action),
}

/// Why a file is not in its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The site's own scanners call it dangerous.
    #[error(transparent)]
    Danger(#[from] SiteDanger),
    /// No file was found.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The library has the same content, which is not safe.
    #[error(transparent)]
    Held(#[from] HeldUnsafe),
    /// Other files have its name, and its second name.
    #[error("other files have the names that {} could have", path.display())]
    NameTaken {
        /// The first name.
        path: PathBuf,
    },
    /// Another file stands there that no lock has placed.
    #[error("{} was placed by somebody else", path.display())]
    NotOurs {
        /// Where it stands.
        path: PathBuf,
    },
    /// It was not begun, because an earlier file failed with what it would have failed with too.
    #[error("not begun")]
    Spared {
        /// What became of that one.
        first: Arc<Ended>,
    },
    /// The caller wanted to stop.
    #[error("stopped")]
    Stopped,
    /// The transfer failed.
    #[error(transparent)]
    Transfer(#[from] Error),
}

impl FetchError {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Danger(_) | Self::Held(_) => "unsafe_content",
            Self::Find(error) => error.code(),
            Self::NameTaken { .. } | Self::NotOurs { .. } => "io",
            Self::Spared { first } => first.error().map_or("internal", Self::code),
            Self::Stopped => "interrupted",
            Self::Transfer(error) => code_of(error),
        }
    }

    /// Where the bytes are that must not get their name.
    pub fn quarantined(&self) -> Option<&Path> {
        match self {
            Self::Transfer(error) => match error.kind() {
                ErrorKind::Integrity { quarantined, .. }
                | ErrorKind::Refused {
                    quarantined: Some(quarantined),
                    ..
                } => Some(quarantined),
                _ => None,
            },
            _ => None,
        }
    }

    /// The quota counts every exchange, refused ones included, and a region does not change.
    pub(super) fn is_general(&self) -> bool {
        matches!(self.code(), "quota" | "region_blocked") && self.is_of_the_file()
    }

    /// That somebody stopped, or another file failed, says nothing of the file.
    pub(super) fn is_of_the_file(&self) -> bool {
        self.code() != "interrupted" && !matches!(self, Self::Spared { .. })
    }
}

/// The kind of a transfer's error as one word. What the site said about the lease is the reason; that there is no lease is
/// only its consequence.
pub(super) fn code_of(error: &Error) -> &'static str {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<civitai_api::Error>() {
            return match UnsafeAddress::find(error) {
                Some(_) if error.code() != "usage" => "unsafe_address",
                _ => error.code(),
            };
        }
        cause = current.source();
    }
    match error.kind() {
        ErrorKind::Record { source, .. } => source
            .downcast_ref::<catalogue::Error>()
            .map_or("internal", catalogue::Error::code),
        ErrorKind::Seal { source, .. } => sealing::code(source),
        _ => error.code(),
    }
}

impl Ended {
    /// Which file of the site it is, where it is one.
    pub fn origin(&self) -> Option<Origin> {
        self.file.as_ref()?.origin
    }

    /// Why it is not in its place, if it is not.
    pub fn error(&self) -> Option<&FetchError> {
        self.outcome.as_ref().err()
    }

    pub(super) fn of(
        file: &Arc<Wanted>,
        path: PathBuf,
        outcome: Result<Landed, FetchError>,
    ) -> Self {
        Self {
            link: file.link.clone(),
            ticket: file.ticket,
            file: Some(Arc::clone(file)),
            path: Some(path),
            outcome,
            judgement: None,
            fetched_bytes: 0,
            elapsed: Duration::ZERO,
        }
    }

    pub(super) fn unfound(unfound: Unfound) -> Self {
        Self {
            link: unfound.link,
            ticket: unfound.ticket,
            file: None,
            path: None,
            outcome: Err(unfound.error.into()),
            judgement: None,
            fetched_bytes: 0,
            elapsed: Duration::ZERO,
        }
    }
}
