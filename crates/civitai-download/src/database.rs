//! What the refusals of SQLite mean, for every database of this program.

use rusqlite::{Error, ErrorCode, ffi};

/// What a refusal is called in the JSON lines of the command line: `no_space`, `locked` or `io`.
pub fn code_of(error: &Error) -> &'static str {
    match error.sqlite_error() {
        // Memory that processes share is a file, too, and grows on the same disk.
        Some(error) if error.extended_code == ffi::SQLITE_IOERR_SHMSIZE => "no_space",
        Some(error) => match error.code {
            ErrorCode::DiskFull => "no_space",
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => "locked",
            _ => "io",
        },
        None => "io",
    }
}

/// Tells a file that is no database of ours from one that does not answer.
pub fn is_damage(error: &Error) -> bool {
    match error.sqlite_error_code() {
        Some(code) => matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase),
        None => matches!(
            error,
            Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
        ),
    }
}
