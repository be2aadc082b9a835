//! What happens to files that are fetched, and what becomes of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_download::{Error, Event, Fetched};

use crate::catalogue::Origin;
use crate::find::{FindError, Unfound, Wanted};
use crate::judge::{HeldUnsafe, Judgement, SiteDanger};
use crate::reuse::Reused;

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

/// One thing that happened. Whoever is told must not block.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Told {
    /// A file has its place.
    Planned {
        /// The file.
        file: Arc<Wanted>,
        /// Its place.
        path: PathBuf,
        /// What is going to be done about it.
        action: Action,
    },
    /// A link has led to a file that another one has led to already.
    Same {
        /// The link.
        link: String,
    },
    /// A transfer goes on.
    Moved {
        /// The file.
        file: Arc<Wanted>,
        /// Its place.
        path: Arc<Path>,
        /// What happened to it.
        event: Event,
    },
    /// That is what became of a file.
    Ended(Arc<Ended>),
}

/// What became of a link or of one of its files.
#[derive(Debug)]
pub struct Ended {
    /// The link, without any token.
    pub link: String,
    /// The file; none where the link has led to none.
    pub origin: Option<Origin>,
    /// Its place; none where it has none.
    pub path: Option<PathBuf>,
    /// How it ended.
    pub outcome: Result<Landed, FetchError>,
    /// What was found in it, if somebody looked.
    pub judgement: Option<Judgement>,
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
    #[error("not begun: {problem}")]
    Spared {
        /// The kind of the earlier failure.
        code: &'static str,
        /// The earlier failure.
        problem: String,
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
            Self::Spared { code, .. } => code,
            Self::Stopped => "interrupted",
            Self::Transfer(error) => error.code(),
        }
    }

    /// Where the bytes are that must not get their name.
    pub fn quarantined(&self) -> Option<&Path> {
        use civitai_download::ErrorKind::{Integrity, Refused};
        match self {
            Self::Transfer(error) => match error.kind() {
                Integrity { quarantined, .. }
                | Refused {
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
        matches!(self.code(), "quota" | "region_blocked")
    }
}

impl Ended {
    pub(super) fn of(wanted: &Wanted, path: PathBuf, outcome: Result<Landed, FetchError>) -> Self {
        Self {
            link: wanted.link.clone(),
            origin: Some(wanted.origin),
            path: Some(path),
            outcome,
            judgement: None,
        }
    }

    pub(super) fn unfound(unfound: Unfound) -> Self {
        Self {
            link: unfound.link,
            origin: None,
            path: None,
            outcome: Err(unfound.error.into()),
            judgement: None,
        }
    }
}
