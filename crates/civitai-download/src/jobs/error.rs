//! What can go wrong with the jobs, apart from their files.

use std::io;
use std::path::PathBuf;

use super::id::JobId;
use super::state::{Order, State};

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
            Self::Store { source, .. } => match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => "no_space",
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                    "locked"
                }
                _ => "io",
            },
            Self::Unknown { .. } => "not_found",
            Self::WrongState { .. } => "usage",
        }
    }

    /// Tells a file that is no database of ours from one that does not answer.
    pub(super) fn store(path: &std::path::Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let path = path.to_owned();
        let is_content = matches!(
            source,
            rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..)
        );
        match source.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged { path, source },
            _ if is_content => Self::Damaged { path, source },
            _ => Self::Store { path, source },
        }
    }
}
