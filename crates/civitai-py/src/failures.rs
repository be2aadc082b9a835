//! The errors of the libraries in the terms of Python.

use std::error::Error as StdError;
use std::io;
use std::path::Path;

use civitai_library::add::{AddError, SaveError};
use civitai_library::document::ReadError;
use civitai_library::fetch::FetchError;
use civitai_library::find::FindError;
use civitai_library::repair;
use civitai_library::scan::MatchError;
use civitai_library::sync::SyncError;
use civitai_library::verify::ReadingError;
use civitai_library::{backup, catalogue, exchange, operation};
use civitai_security::crypt::FileError;
use civitai_security::crypt::store::StoreError;

use crate::errors::Failure;

/// Errors that say their own word and nothing else that has a field.
macro_rules! worded {
    ($($error:ty)*) => { $(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.code(), &error)
            }
        }
    )* };
}

worded! { AddError ReadError ReadingError StoreError SyncError backup::Error catalogue::Error exchange::Error operation::Error }

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::NotFound => "not_found",
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => "no_space",
            io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy => "locked",
            _ => "io",
        };
        Self::new(kind, &error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Io(error) => error.into(),
            error => Self::new(error.code(), &error),
        }
    }
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Read(error) => error.into(),
            error => Self::new("usage", &error),
        }
    }
}

impl From<MatchError> for Failure {
    fn from(error: MatchError) -> Self {
        match error {
            MatchError::Catalogue(error) => error.into(),
            MatchError::Site(error) => error.into(),
        }
    }
}

impl From<repair::Error> for Failure {
    fn from(error: repair::Error) -> Self {
        match &error {
            repair::Error::Download(failed) => of_transfer(failed),
            _ => Self::new(error.code(), &error),
        }
    }
}

impl From<&FetchError> for Failure {
    fn from(error: &FetchError) -> Self {
        match error {
            FetchError::Find(FindError::Site(error)) => error.into(),
            FetchError::Spared { first } => match first.error() {
                Some(error) => Self::from(error),
                None => Self::new(error.code(), error),
            },
            FetchError::Transfer(error) => of_transfer(error),
            error => Self::new(error.code(), error),
        }
        .with("path", error.quarantined().map(Path::to_owned))
    }
}

/// What the site said about the lease is the reason; that there is no lease is only its consequence.
fn of_transfer(error: &civitai_download::Error) -> Failure {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<civitai_api::Error>() {
            return error.into();
        }
        cause = current.source();
    }
    Failure::new(error.code(), error)
        .with("hint", error.hint())
        .with("retry_after", error.retry_after())
}
