//! What can go wrong with the catalogue.

use std::io;
use std::path::{Path, PathBuf};

use civitai_download::{database, disk};

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
            Self::Io(error) => disk::code_of(error),
            Self::Damaged { .. } | Self::Newer { .. } => "io",
            Self::NoSuchSchema { .. } | Self::NotUnicode { .. } => "usage",
            Self::Store { source, .. } => database::code_of(source),
        }
    }

    /// Tells a file that is no database of ours from one that does not answer.
    pub(crate) fn store(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        if database::is_damage(&source) {
            Self::Damaged { path, source }
        } else {
            Self::Store { path, source }
        }
    }
}
