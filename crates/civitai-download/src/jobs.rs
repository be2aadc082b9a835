//! Bulk jobs that survive their processes: what is wanted, how far it is, and who is at it, in `jobs.db`.
//!
//! A job is a list of items, each a link as the user gave it. What an item means and how its files are fetched is the
//! frontend's business: the [`New::options`] are its own text, and must never hold a secret. Here is kept what lets
//! another process go on: the state of the job and of each item, and what became of each file.
//!
//! Any number of processes may use one database. The one that runs a job holds a [`Claim`], which is a lock of the
//! operating system on `running/ID`: it ends with the process, so a job in [`State::Processing`] whose lock is free has
//! lost its runner, and goes back to [`State::Pending`] as soon as anybody looks. Locks are taken and tried only within
//! a write transaction of the database, so that a look is never taken for a claim.
//!
//! Lock order: the database, then `running/*`. Everything here blocks; answers are durable when they are given
//! (`synchronous=FULL`), but for the memory of the [failsafe](Jobs::remember), which may lose its last words.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fs_err as fs;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::disk;

mod claim;
mod error;
mod hosts;
mod id;
mod job;
mod lock;
mod memory;
mod schema;
mod state;
mod supervision;

pub use claim::{Change, Claim, End};
pub use error::Error;
pub use id::{JobId, NotAJobId};
pub use job::{Item, Job, New, Outcome, Trouble};
pub use state::{ItemState, Order, State, Strategy, UnknownWord};
pub use supervision::Supervision;

/// The jobs of one data directory.
#[derive(Debug)]
pub struct Jobs {
    connection: Connection,
    path: PathBuf,
    running: PathBuf,
}

impl Jobs {
    /// Opens `jobs.db` in `directory`, creating both where they are not there, and brings an older one up to date.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(NAME);
        let running = directory.join("running");
        fs::create_dir_all(&running)?;
        // SQLite gives its helper files the mode of the database.
        disk::private().write(true).create(true).open(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags)
            .map_err(|source| Error::store(&path, source))?;
        let mut jobs = Self {
            connection,
            path,
            running,
        };
        jobs.set_up()?;
        Ok(jobs)
    }

    /// Opens the database if there is one.
    pub fn open_if_there(directory: &Path) -> Result<Option<Self>, Error> {
        if directory.join(NAME).try_exists()? {
            Self::open(directory).map(Some)
        } else {
            Ok(None)
        }
    }

    fn set_up(&mut self) -> Result<(), Error> {
        let path = &self.path;
        let store = |source| Error::store(path, source);
        self.connection.busy_timeout(BUSY).map_err(store)?;
        let version: u32 = self
            .connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(store)?;
        if version > schema::LATEST {
            return Err(Error::Newer { path: path.clone() });
        }
        if version < schema::LATEST {
            // Two first users at once would both create the tables.
            let door = fs::File::create(self.running.join("setup"))?;
            door.file().lock()?;
            self.connection
                .pragma_update(None, "journal_mode", "wal")
                .map_err(store)?;
            match schema::MIGRATIONS.to_latest(&mut self.connection) {
                Ok(()) => {}
                Err(rusqlite_migration::Error::RusqliteError { err, .. }) => {
                    return Err(store(err));
                }
                // The migrations themselves are right, as their test says.
                Err(_) => return Err(Error::Newer { path: path.clone() }),
            }
        }
        self.connection
            .pragma_update(None, "synchronous", "full")
            .and_then(|()| self.connection.pragma_update(None, "foreign_keys", true))
            // What is committed is safe in the log; moving it on must not hold up a process that has to stop.
            .and_then(|()| {
                let lazy = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
                self.connection.set_db_config(lazy, true).map(drop)
            })
            .map_err(store)
    }

    /// Runs `work` alone among all processes; all of it happens, or nothing.
    fn alone<T>(&mut self, work: impl FnOnce(&Alone<'_>) -> Result<T, Fault>) -> Result<T, Error> {
        let path = &self.path;
        let store = |source| Error::store(path, source);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(store)?;
        let alone = Alone {
            transaction,
            running: &self.running,
        };
        let result = work(&alone).map_err(|fault| match fault {
            Fault::Store(source) => store(source),
            Fault::Job(error) => error,
        })?;
        alone.transaction.commit().map_err(store)?;
        Ok(result)
    }

    /// Reads; several statements may see different moments.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Error> {
        work(&self.connection).map_err(|fault| match fault {
            Fault::Store(source) => Error::store(&self.path, source),
            Fault::Job(error) => error,
        })
    }
}

/// A write transaction: nobody else changes the database, or takes or tries a lock under `running/`.
struct Alone<'a> {
    transaction: Transaction<'a>,
    running: &'a Path,
}

/// What stops a piece of work on the database.
enum Fault {
    Store(rusqlite::Error),
    Job(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(source: rusqlite::Error) -> Self {
        Self::Store(source)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Job(error)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Job(error.into())
    }
}

/// A time as the database keeps it.
fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn time(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis.try_into().unwrap_or(0))
}

const NAME: &str = "jobs.db";
/// Other processes hold the database for milliseconds; a disk that hangs this long is broken.
const BUSY: Duration = Duration::from_secs(30);
