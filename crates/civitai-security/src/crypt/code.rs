//! Errors as one word, the same as in the JSON lines of the command line.

use std::io;

use super::store::StoreError;
use super::{AgeError, CryptError, FileError};

impl FileError {
    /// The kind as one word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Age { source, .. } => source.code(),
            Self::Crypt { source, .. } => source.code(),
            Self::Exists { .. } => "usage",
            Self::Interrupted => "interrupted",
            Self::Io(error) => of_io(error),
        }
    }
}

impl AgeError {
    /// The kind as one word. That the key does not fit and that the file is damaged are one.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadKey | Self::UnsupportedKey { .. } => "usage",
            Self::Io(error) => of_io(error),
            Self::Primitive(_) => "internal",
            _ => "integrity",
        }
    }
}

impl CryptError {
    /// The kind as one word. What the format does not tell apart, nobody does.
    pub fn code(&self) -> &'static str {
        match self {
            Self::FutureVersion { .. } => "unsupported",
            Self::NoKey { .. } | Self::Unsuitable { .. } => "no_access",
            Self::NotContainer | Self::Refused => "integrity",
            Self::Io(error) => of_io(error),
            _ => "internal",
        }
    }
}

impl StoreError {
    /// The kind as one word.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "locked",
            Self::Damaged { .. } | Self::Refused => "integrity",
            Self::FutureVersion { .. } => "unsupported",
            Self::Io(error) => of_io(error),
            Self::NoKey { .. } | Self::NoPassphrase { .. } => "no_access",
            Self::NotOurs { .. } => "policy",
            Self::Unknown { .. } => "not_found",
            Self::Ambiguous { .. }
            | Self::BadPem(_)
            | Self::BadPhrase(_)
            | Self::Exists { .. }
            | Self::Unfinished { .. }
            | Self::WrongKind { .. }
            | Self::WrongState { .. } => "usage",
            _ => "internal",
        }
    }
}

fn of_io(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "no_space"
        }
        io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy => "locked",
        _ => "io",
    }
}
