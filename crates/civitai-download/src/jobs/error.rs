//! What can go wrong with the jobs, apart from their files.

use std::io;
use std::path::PathBuf;

use super::id::JobId;
use super::state::{Order, State};
use crate::database;

/// Why a job could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database is no database, or one of another program.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A file or directory of the jobs cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A newer version of this program has written the database.
    #[error("{} was written by a newer version of this program", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
    },
    /// The database refused to work.
    #[error("{} cannot be used", path.display())]
    Store {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// There is no such job.
    #[error("there is no job {id}")]
    Unknown {
        /// What was asked for.
        id: String,
    },
    /// The job is not in a state for this.
    #[error("job {id} is {state}: there is nothing to {order}")]
    WrongState {
        /// The job.
        id: JobId,
        /// Where it stands.
        state: State,
        /// What was asked.
        order: Order,
    },
}

impl Error {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } | Self::Io(_) | Self::Newer { .. } => "io",
            Self::Store { source, .. } => database::code_of(source),
            Self::Unknown { .. } => "not_found",
            Self::WrongState { .. } => "usage",
        }
    }

    /// Tells a file that is no database of ours from one that does not answer.
    pub(super) fn store(path: &std::path::Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if database::is_damage(&source) {
            Self::Damaged { path, source }
        } else {
            Self::Store { path, source }
        }
    }
}
