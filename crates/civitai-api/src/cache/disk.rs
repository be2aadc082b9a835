//! The answers of earlier runs, in `cache.db`. Everything here blocks.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use fs_err::OpenOptions;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use rusqlite_migration::{M, Migrations};
use tracing::debug;

use super::{Kept, is_fresh, lock};

/// Why answers cannot be kept on the disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The directory or the file cannot be used.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is no database of this program, or of a later version of it, or does not answer.
    #[error("{} cannot be used; it holds nothing that cannot be asked for again", path.display())]
    Store {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        source: rusqlite_migration::Error,
    },
}

#[derive(Debug)]
pub(super) struct Disk(Mutex<Connection>);

impl Disk {
    pub(super) fn open(directory: &Path) -> Result<Self, CacheError> {
        let path = directory.join("cache.db");
        fs_err::create_dir_all(directory)?;
        // SQLite gives its helper files the mode of the database: what one asks for is nobody else's business.
        OpenOptions::new()
            .write(true)
            .create(true)
            .mode(0o600)
            .open(&path)?;
        let open = || -> Result<Connection, rusqlite_migration::Error> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut connection = Connection::open_with_flags(&path, flags)?;
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            // A power cut may lose answers, which are asked for again.
            connection.pragma_update(None, "synchronous", "normal")?;
            MIGRATIONS.to_latest(&mut connection)?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Self(Mutex::new(connection))),
            Err(source) => Err(CacheError::Store { path, source }),
        }
    }

    pub(super) fn find(&self, key: &str, now: i64) -> Option<(Kept, i64)> {
        let find = || -> rusqlite::Result<Option<(Kept, i64)>> {
            let connection = lock(&self.0);
            let mut select = connection
                .prepare_cached("SELECT body, message, expires FROM answer WHERE key = ?1")?;
            let row = select.query_row([key], |row| {
                let body: Option<Vec<u8>> = row.get(0)?;
                let message: Option<String> = row.get(1)?;
                let kept = match body {
                    Some(body) => Kept::Body(Bytes::from(body)),
                    None => Kept::Absent(message.map(String::into_boxed_str)),
                };
                Ok((kept, row.get(2)?))
            });
            row.optional()
        };
        let found = find().unwrap_or_else(|error| {
            debug!(%error, "the cache cannot be read");
            None
        });
        found.filter(|(_, expires)| is_fresh(*expires, now))
    }

    pub(super) fn keep(&self, key: &str, kept: &Kept, expires: i64, now: i64) {
        let (body, message) = match kept {
            Kept::Body(body) => (Some(&body[..]), None),
            Kept::Absent(message) => (None, message.as_deref()),
        };
        let keep = || -> rusqlite::Result<()> {
            let connection = lock(&self.0);
            connection
                .prepare_cached("INSERT OR REPLACE INTO answer VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![key, body, message, expires])?;
            connection
                .prepare_cached("DELETE FROM answer WHERE expires <= ?1")?
                .execute([now])?;
            Ok(())
        };
        if let Err(error) = keep() {
            debug!(%error, "the cache cannot be written to");
        }
    }
}

const MIGRATIONS: Migrations<'static> = Migrations::from_slice(ALL);

const ALL: &[M<'static>] = &[M::up(
    "CREATE TABLE answer (
        key TEXT PRIMARY KEY,
        -- JSON; a row without it says that the site does not have this, and in which words it said so.
        body BLOB,
        message TEXT,
        -- Milliseconds since the Unix epoch.
        expires INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX answer_expires ON answer (expires);",
)
.down("DROP TABLE answer;")];
/// Whoever else writes is done in milliseconds, and an answer is not worth more of a wait.
const BUSY: Duration = Duration::from_secs(2);
