//! What is known of the models: on the disk, on the site, and over time. `catalogue.db` in the data directory.
//!
//! One database serves all libraries of a data directory; a [`Catalogue`] looks at one of them, whose files it names by
//! their paths below the root. Any number of processes may use it at once: there is one writer at a time, others wait
//! for it, readers never do. Each method that changes something is one transaction, durable when it returns
//! (`synchronous=FULL`): a process killed at any point leaves the state before or after. Everything here blocks.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use civitai_download::disk;
use fs_err as fs;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior};

mod absence;
mod check;
mod claims;
mod copy;
mod entry;
mod error;
mod former;
mod history;
mod holders;
mod lessons;
mod matches;
mod merge;
mod placed;
mod quarantined;
mod recorder;
mod rewrapped;
mod schema;
mod site;
mod snapshot;
mod stock;
mod told;
mod verified;
pub(crate) mod word;

pub use absence::Sought;
pub(crate) use check::problems_of;
pub use entry::{Described, Entry, Identity, Match, MatchedBy, Origin, Stamp};
pub use error::Error;
pub use history::{Attempt, Ended, Past, Trouble};
pub use matches::Answer;
pub(crate) use merge::{blank, bring_up_to_date, tables};
pub use placed::Placed;
pub use quarantined::{Held, Left};
pub use recorder::{Learnt, Recorder};
pub(crate) use schema::LATEST;
pub use snapshot::{Snapshot, Subject};
pub use stock::{Changes, Unhashed};
pub use word::UnknownWord;
pub(crate) use word::words;

/// The catalogue, as one library sees it.
#[derive(Debug)]
pub struct Catalogue {
    connection: Connection,
    path: PathBuf,
    root: PathBuf,
    /// The number of the root in the database.
    root_number: i64,
}

impl Catalogue {
    /// Opens `catalogue.db` in `data_dir` for the library at `root`, creating what is not there, and brings an older
    /// database up to date.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a database that cannot be read, [`Error::Newer`] for one of a later version of this
    /// program; neither is changed.
    pub fn open(data_dir: &Path, root: &Path) -> Result<Self, Error> {
        let (connection, path) = connect(data_dir)?;
        let root_number = number_of_root(&connection, root).map_err(|fault| fault.at(&path))?;
        Ok(Self {
            connection,
            path,
            root: root.to_owned(),
            root_number,
        })
    }

    /// Opens the database if there is one.
    pub fn open_if_there(data_dir: &Path, root: &Path) -> Result<Option<Self>, Error> {
        if data_dir.join(NAME).try_exists()? {
            Self::open(data_dir, root).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The folders outside of this library that were scanned, too, because somebody named them.
    pub fn extra_roots(&self) -> Result<Vec<PathBuf>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT path FROM root WHERE role = 'extra' AND number != ?1 ORDER BY path",
            )?;
            let paths = select.query_map([self.root_number], |row| row.get::<_, String>(0))?;
            Ok(paths
                .map(|path| path.map(PathBuf::from))
                .collect::<Result<_, _>>()?)
        })
    }

    /// Notes that this root was named for a scan and is shown beside whatever library is looked at.
    pub fn mark_extra(&mut self) -> Result<(), Error> {
        let number = self.root_number;
        self.write(|transaction| {
            transaction.execute("UPDATE root SET role = 'extra' WHERE number = ?1", [number])?;
            Ok(())
        })
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the library.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Changes the database, alone among all processes: all of it happens, or nothing.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        let path = &self.path;
        let store = |source| Error::store(path, source);
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(store)?;
        let result = work(&transaction).map_err(|fault| fault.at(path))?;
        transaction.commit().map_err(store)?;
        Ok(result)
    }

    /// Reads; several statements may see different moments.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Error> {
        work(&self.connection).map_err(|fault| fault.at(&self.path))
    }

    /// What a transaction needs to know of this library.
    fn place(&self) -> Place {
        Place {
            root: self.root.clone(),
            number: self.root_number,
        }
    }

    /// The number of this library's root, which its files carry.
    pub(crate) fn root_number(&self) -> i64 {
        self.root_number
    }
}

/// A library, within a transaction.
struct Place {
    root: PathBuf,
    number: i64,
}

/// What stops a piece of work on the database.
#[derive(Debug)]
pub(crate) enum Fault {
    Store(rusqlite::Error),
    Catalogue(Error),
}

impl Fault {
    fn at(self, path: &Path) -> Error {
        match self {
            Self::Store(source) => Error::store(path, source),
            Self::Catalogue(error) => error,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(source: rusqlite::Error) -> Self {
        Self::Store(source)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Catalogue(error)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        Self::Catalogue(error.into())
    }
}

fn connect(data_dir: &Path) -> Result<(Connection, PathBuf), Error> {
    let path = data_dir.join(NAME);
    fs::create_dir_all(data_dir)?;
    // SQLite gives its helper files the mode of the database.
    disk::private().write(true).create(true).open(&path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(&path, flags).map_err(|source| Error::store(&path, source))?;
    set_up(&mut connection, &path)?;
    Ok((connection, path))
}

fn set_up(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let store = |source| Error::store(path, source);
    connection.busy_timeout(BUSY).map_err(store)?;
    let found = version(connection).map_err(store)?;
    if found > schema::LATEST {
        return Err(Error::Newer {
            path: path.to_owned(),
            found,
            known: schema::LATEST,
        });
    }
    if found < schema::LATEST {
        // Two first users at once would both create the tables.
        let door = fs::File::create(path.with_extension("setup"))?;
        door.file().lock()?;
        connection
            .pragma_update(None, "journal_mode", "wal")
            .map_err(store)?;
        migrate(connection, path, schema::LATEST)?;
    }
    connection
        .pragma_update(None, "synchronous", "full")
        .and_then(|()| connection.pragma_update(None, "foreign_keys", true))
        .map_err(store)
}

pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(connection: &mut Connection, path: &Path, to: u32) -> Result<(), Error> {
    let version = usize::try_from(to).unwrap_or(usize::MAX);
    match schema::MIGRATIONS.to_version(connection, version) {
        Ok(()) => Ok(()),
        Err(rusqlite_migration::Error::RusqliteError { err, .. }) => Err(Error::store(path, err)),
        // The migrations themselves are right, as their test says.
        Err(_) => Err(Error::Newer {
            path: path.to_owned(),
            found: to,
            known: schema::LATEST,
        }),
    }
}

fn number_of_root(connection: &Connection, root: &Path) -> Result<i64, Fault> {
    let text = unicode(root)?;
    let known = connection
        .query_row("SELECT number FROM root WHERE path = ?1", [text], |row| {
            row.get(0)
        })
        .optional()?;
    if let Some(number) = known {
        return Ok(number);
    }
    // Another process may have added it meanwhile.
    connection.execute(
        "INSERT INTO root (path, role) VALUES (?1, 'library') ON CONFLICT DO NOTHING",
        [text],
    )?;
    Ok(
        connection.query_row("SELECT number FROM root WHERE path = ?1", [text], |row| {
            row.get(0)
        })?,
    )
}

fn unicode(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::NotUnicode {
        path: path.to_owned(),
    })
}

/// A time as the database keeps it.
pub(crate) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn time(millis: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis.try_into().unwrap_or(0))
}

const NAME: &str = "catalogue.db";
/// Other processes hold the database for milliseconds; a disk that hangs this long is broken.
const BUSY: Duration = Duration::from_secs(30);
