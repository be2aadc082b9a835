//! What can go wrong with an encrypted file.

use std::io;

use thiserror::Error;

use super::{Level, SlotKind, Unsupported};

/// Why a container could not be written, opened or read.
///
/// A wrong key, a wrong passphrase, a wrong level and damage are one variant on purpose: telling them
/// apart would tell somebody who tries keys or changes bytes how far they came.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CryptError {
    /// The system refused to read or write.
    #[error("reading or writing the container failed")]
    Io(#[source] io::Error),
    /// Neither header begins as one does; nothing was tried.
    #[error("not an encrypted container")]
    NotContainer,
    /// The header is of a format that this program does not know.
    #[error("container version {version} is newer than this program knows")]
    FutureVersion {
        /// The version found.
        version: u8,
    },
    /// Nobody gave a key of a kind without which the file cannot be opened.
    #[error("opening it needs a {kind} key and there is none")]
    NoKey {
        /// The kind that is missing.
        kind: SlotKind,
    },
    /// The key does not fit, or the bytes are not those that were written.
    #[error("the key does not fit, or the file is damaged")]
    Refused,
    /// The recipients do not make up the level that is asked for.
    #[error("level {level} needs a {missing} key to encrypt to")]
    Unsuitable {
        /// The level asked for.
        level: Level,
        /// The kind of recipient that is missing.
        missing: SlotKind,
    },
    /// A recipient's kind has no part in the level that is asked for.
    #[error("level {level} has no use for a {kind} key")]
    Superfluous {
        /// The level asked for.
        level: Level,
        /// The kind of the recipient.
        kind: SlotKind,
    },
    /// More recipients than a header holds.
    #[error("{count} recipients, a header holds {limit}")]
    TooManyRecipients {
        /// How many were given.
        count: usize,
        /// How many a header holds.
        limit: usize,
    },
    /// The name and what else is kept of the file do not fit the header.
    #[error("{bytes} bytes of name and type, a header holds {limit}")]
    MetadataTooLong {
        /// How many bytes they take.
        bytes: usize,
        /// How many a header holds.
        limit: usize,
    },
    /// More bytes than 2^32 chunks hold.
    #[error("more than 2^32 chunks")]
    TooLong,
    /// What was written is not as long as was said beforehand.
    #[error("{promised} bytes were announced, {found} came")]
    LengthDiffers {
        /// What [`Metadata::bytes`](super::Metadata) said.
        promised: u64,
        /// How many bytes came.
        found: u64,
    },
    /// A parameter that no format here has.
    #[error("{0} is not taken here")]
    Unsupported(#[from] Unsupported),
    /// The cryptographic library failed with arguments that it should take.
    #[error("{operation} failed")]
    Primitive {
        /// What was attempted.
        operation: &'static str,
    },
}

impl CryptError {
    /// Takes an error of this kind out of the I/O error that carried it through [`io::Read`].
    pub(crate) fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(inner) => inner,
            Err(error) => Self::Io(error),
        }
    }

    /// Whether this is damage or a key that does not fit, which are not told apart.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Refused | Self::NotContainer)
    }
}

impl From<CryptError> for io::Error {
    fn from(error: CryptError) -> Self {
        match error {
            CryptError::Io(error) => error,
            error => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}
