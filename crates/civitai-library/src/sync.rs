//! Making a library equal to a lock.
//!
//! [`Sync::plan`] compares, [`Sync::prepare`] does what needs no network, the caller fetches what [`Plan::fetches`] names
//! and reports each with [`Sync::placed`]. A crash at any point leaves a state from which the same three steps go on:
//! what is about to be placed is written down before it is, so that a file is known for the project's own by its content.
//!
//! A file that no earlier lock of the project placed is never touched: where it has the right content it is used as it is,
//! where it has not the sync is [blocked](Step::Blocked).

mod apply;
mod plan;

use std::io;
use std::path::Path;

use civitai_download::disk;
use civitai_security::path::PathError;

use crate::catalogue::{self, Stamp};
use crate::library::Library;
use crate::lock::{Lock, Locked};
use crate::operation;
use crate::path::LibraryPath;

/// A library, a lock, and the directory of the project that the lock belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Sync<'a> {
    /// The library.
    pub library: &'a Library,
    /// The directory of the project, by which its files are told from those of other projects.
    pub project: &'a Path,
    /// What should be there.
    pub lock: &'a Lock,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What differs, in the order of the lock, then what goes.
    pub steps: Vec<Step>,
    /// Files of the lock that are in their place.
    pub kept: usize,
    /// Notes that are out of date, of which nobody need hear.
    forgotten: Vec<String>,
}

/// One difference between a lock and a library.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// The right bytes are there, which nobody had noted.
    Adopt {
        /// The file.
        file: Locked,
        /// What they are known by from now on.
        stamp: Stamp,
        /// Whether they were there before the project wanted them.
        found: bool,
    },
    /// Something that no lock placed is in the way.
    Blocked {
        /// The file.
        file: Locked,
    },
    /// The file is not there.
    Fetch {
        /// The file.
        file: Locked,
    },
    /// The file is there under another path, which the lock does not name any more.
    Move {
        /// The path it has.
        from: LibraryPath,
        /// The file, with the path it gets.
        file: Locked,
    },
    /// What an earlier lock placed there has other bytes: it goes to the trash when the new ones come.
    Replace {
        /// The new file.
        file: Locked,
    },
    /// An earlier lock placed it, and the lock does not name it any more.
    Trash {
        /// The file.
        path: LibraryPath,
    },
}

/// Why a library could not be made equal to a lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// The catalogue cannot be used.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// The disk cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What goes could not be put into the trash.
    #[error(transparent)]
    Operation(#[from] operation::Error),
    /// A path leads out of the library.
    #[error("{path} cannot be used")]
    Path {
        /// The path.
        path: LibraryPath,
        /// Why not.
        source: PathError,
    },
}

impl SyncError {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Catalogue(error) => error.code(),
            Self::Io(error) => disk::code_of(error),
            Self::Operation(error) => error.code(),
            Self::Path { .. } => "unsafe_content",
        }
    }
}

impl Plan {
    /// Says whether the library is as the lock wants it.
    pub fn is_in_step(&self) -> bool {
        self.steps.is_empty()
    }

    /// Returns what must be fetched.
    pub fn fetches(&self) -> impl Iterator<Item = &Locked> {
        self.steps.iter().filter_map(|step| match step {
            Step::Fetch { file } | Step::Replace { file } => Some(file),
            _ => None,
        })
    }

    /// Returns the files of the lock that are not in their place yet, or were not known to be.
    pub fn files(&self) -> impl Iterator<Item = &Locked> {
        self.steps.iter().filter_map(|step| match step {
            Step::Adopt { file, .. }
            | Step::Blocked { file }
            | Step::Fetch { file }
            | Step::Move { file, .. }
            | Step::Replace { file } => Some(file),
            Step::Trash { .. } => None,
        })
    }

    /// Leaves out some of what must be fetched, with what only makes way for it.
    #[must_use]
    pub fn without(mut self, is_out: impl Fn(&Locked) -> bool) -> Self {
        self.steps.retain(|step| match step {
            Step::Fetch { file } | Step::Replace { file } => !is_out(file),
            _ => true,
        });
        self
    }
}

impl Step {
    /// Returns the path that it is about.
    pub fn path(&self) -> &LibraryPath {
        match self {
            Self::Adopt { file, .. }
            | Self::Blocked { file }
            | Self::Fetch { file }
            | Self::Move { file, .. }
            | Self::Replace { file } => &file.path,
            Self::Trash { path } => path,
        }
    }
}
