//! What can go wrong with the catalogue.

use std::io;
use std::path::{Path, PathBuf};

/// Why the catalogue could not be read or changed. What was there before is still there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database is damaged, or a file of another program.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// A file or directory of the catalogue cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A newer version of this program has written the database.
    #[error("{} was written by a newer version of this program (schema {found}, known up to {known})", path.display())]
    Newer {
        /// The database.
        path: PathBuf,
        /// The version of its tables.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// There is no such version of the tables.
    #[error("there is no schema {asked}; this program knows 1 to {known}")]
    NoSuchSchema {
        /// What was asked for.
        asked: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A path cannot be written down.
    #[error("{} is no Unicode", path.display())]
    NotUnicode {
        /// The path.
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
}

impl Error {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } | Self::Io(_) | Self::Newer { .. } => "io",
            Self::NoSuchSchema { .. } | Self::NotUnicode { .. } => "usage",
            Self::Store { source, .. } => match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DiskFull) => "no_space",
                Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                    "locked"
                }
                _ => "io",
            },
        }
    }

    /// Tells a file that is no database of ours from one that does not answer.
    pub(crate) fn store(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let path = path.to_owned();
        let is_content = matches!(
            source,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
        );
        match source.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase) => Self::Damaged { path, source },
            _ if is_content => Self::Damaged { path, source },
            _ => Self::Store { path, source },
        }
    }
}
