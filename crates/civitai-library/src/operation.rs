//! Changes of a library that are planned, shown, applied and undone.
//!
//! A [`Plan`] is a list of [`Step`]s, made by looking and changing nothing.
//! [`Library::apply`](crate::Library::apply) writes it into the journal (`catalogue.db`), carries it out and marks it as done.
//! Nothing is deleted: what goes, goes to `.trash/ID/` below the root, on the volume it is on, until somebody
//! [empties](crate::Library::empty_trash) that. A plan that was cut short, by a failure or a kill, is taken back: the failing process does
//! that itself, after a kill the next operation does it first. [An undo](crate::Library::plan_undo) is an operation like
//! the others, with the steps turned round.
//!
//! One operation runs at a time; others wait on a lock in the data directory, which ends with its process.

use std::io;
use std::path::PathBuf;

use civitai_download::disk;

use crate::catalogue;
use crate::catalogue::word::words;
use crate::link::LinkError;
use crate::path::InvalidPath;
use crate::sidecar::SidecarError;

mod apply;
mod duplicates;
mod journal;
mod moving;
mod orphans;
mod step;
mod translate;
mod trash;

pub use duplicates::{Duplicate, Duplicates, Same};
pub use journal::{Done, State};
pub use moving::{Company, Destination, Placement};
pub use orphans::{Orphan, OrphanKind};
pub use step::{Plan, Step};
pub use translate::{Translation, Unwritten};
pub use trash::Trashed;

words! {
    /// What an operation is for.
    Verb {
        /// Equal files share one content.
        Duplicates "duplicates",
        /// Files go to other folders.
        Move "move",
        /// What belongs to nothing goes to the trash.
        Orphans "orphans",
        /// Files go to the trash.
        Remove "remove",
        /// A file gets another name.
        Rename "rename",
        /// Sidecars are written.
        Sidecars "sidecars",
        /// What left a lock goes to the trash.
        Sync "sync",
        /// An earlier operation is taken back.
        Undo "undo",
    }
}

/// Why an operation was not planned, or not carried out. In the second case everything is as it was before, unless
/// [`Error::Stuck`] says otherwise, or the journal cannot be written any more: then the next operation clears up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The journal cannot be used.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// A file is not what it was when the plan was made, or the operation done.
    #[error("{path} has changed since")]
    Changed {
        /// The file, below the root.
        path: String,
    },
    /// The extension would change, and with it what the file is taken for.
    #[error("{name:?} has another extension than {path}")]
    Extension {
        /// The file.
        path: String,
        /// The name it was to get.
        name: String,
    },
    /// The lock of a project says where the file belongs: the next sync would bring it back.
    #[error("{path} stands in the lock of {}", project.display())]
    Held {
        /// The file.
        path: String,
        /// The directory of the project.
        project: PathBuf,
    },
    /// The disk refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Two equal files could not share their content.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// No such file.
    #[error("{} is not in the library", path.display())]
    Missing {
        /// What was asked for.
        path: PathBuf,
    },
    /// Nothing of an operation is in the trash.
    #[error("nothing of operation {id} is in the trash")]
    NoTrash {
        /// What was asked for.
        id: u64,
    },
    /// There is nothing to undo, or not any more.
    #[error("operation {id} cannot be undone: it is {state}")]
    NotUndoable {
        /// The operation.
        id: u64,
        /// How it stands.
        state: State,
    },
    /// A path is outside of the library.
    #[error("{} is outside of the library", path.display())]
    Outside {
        /// What was asked for.
        path: PathBuf,
    },
    /// A path is not safe on every system.
    #[error(transparent)]
    Path(#[from] InvalidPath),
    /// A sidecar cannot be read; it was not touched.
    #[error(transparent)]
    Sidecar(#[from] SidecarError),
    /// An operation could be neither finished nor taken back whole.
    #[error("operation {id} was cut short, and {path} cannot be put back")]
    Stuck {
        /// The operation.
        id: u64,
        /// The file that stays where it is.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A name is taken.
    #[error("{path} is there already")]
    Taken {
        /// The name, below the root.
        path: String,
    },
    /// No such operation, or none at all that could be undone.
    #[error("there is no operation {}", id.map_or_else(|| "to undo".to_owned(), |id| id.to_string()))]
    Unknown {
        /// What was asked for.
        id: Option<u64>,
    },
}

impl Error {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Catalogue(error) => error.code(),
            Self::Extension { .. }
            | Self::Held { .. }
            | Self::NotUndoable { .. }
            | Self::Outside { .. }
            | Self::Path(_)
            | Self::Taken { .. } => "usage",
            Self::Missing { .. } | Self::NoTrash { .. } | Self::Unknown { .. } => "not_found",
            Self::Changed { .. } | Self::Sidecar(_) => "io",
            Self::Io(source)
            | Self::Stuck { source, .. }
            | Self::Link(LinkError::Io(source) | LinkError::OnlyCopy { source, .. }) => {
                disk::code_of(source)
            }
        }
    }
}

/// What goes to the trash is below this folder of the root.
const TRASH: &str = ".trash";
