//! Why a file could not be read.

use std::io;
use std::path::{Path, PathBuf};

/// A file that could not be read, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}", path.display())]
pub struct Error {
    path: PathBuf,
    #[source]
    kind: Box<ErrorKind>,
}

impl Error {
    pub(super) fn new(path: &Path, kind: ErrorKind) -> Self {
        Self {
            path: path.to_owned(),
            kind: Box::new(kind),
        }
    }

    /// Returns the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the word for it in the JSON output of the command line.
    pub fn code(&self) -> &'static str {
        match self.kind() {
            ErrorKind::Io(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => "usage",
                _ => "io",
            },
            ErrorKind::Foreign | ErrorKind::Nothing => "unsupported",
            ErrorKind::Damaged { .. }
            | ErrorKind::Json { .. }
            | ErrorKind::TooLarge { .. }
            | ErrorKind::TooManyNodes { .. }
            | ErrorKind::TooManyValues { .. } => "usage",
        }
    }

    /// Returns what was wrong with it.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }
}

/// What was wrong with a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file system would not give it.
    #[error("it cannot be read")]
    Io(#[source] io::Error),
    /// There is more of something than any real file has.
    #[error("{part} is larger than {limit} bytes")]
    TooLarge {
        /// What is too large.
        part: String,
        /// The most that is read.
        limit: u64,
    },
    /// A picture's structure is broken.
    #[error("damaged {format} at byte {offset}: {problem}")]
    Damaged {
        /// The format the file begins like.
        format: &'static str,
        /// Where it broke.
        offset: u64,
        /// How.
        problem: &'static str,
    },
    /// A text that should be JSON is not.
    #[error("{part} is no JSON")]
    Json {
        /// Which text.
        part: String,
        /// What the parser says, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// There are more values than any real workflow has.
    #[error("{part} has more than {limit} values")]
    TooManyValues {
        /// Which text.
        part: String,
        /// The most that are read.
        limit: usize,
    },
    /// Subgraphs unfold to more nodes than any real workflow has, or contain themselves.
    #[error("the subgraphs unfold to more than {limit} nodes at node {node}")]
    TooManyNodes {
        /// The node at which reading stopped.
        node: String,
        /// The most that are followed.
        limit: usize,
    },
    /// It is neither text nor a picture of a kind that is read.
    #[error("it is neither a workflow nor a PNG, JPEG or WebP picture")]
    Foreign,
    /// It is sound, but tells nothing about models.
    #[error("it holds no workflow and no generation data")]
    Nothing,
}
