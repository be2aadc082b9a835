//! The database as a whole: copied away, copied back, moved to another version of its tables.

use std::path::Path;
use std::time::Duration;

use civitai_download::disk;
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};

use super::{Catalogue, Error, NAME, connect, migrate, schema, version};

impl Catalogue {
    /// Opens the database if there is one, for no library in particular.
    pub(crate) fn open_bare(data_dir: &Path) -> Result<Option<Self>, Error> {
        if !data_dir.join(NAME).try_exists()? {
            return Ok(None);
        }
        let (connection, path) = connect(data_dir)?;
        Ok(Some(Self {
            connection,
            path,
            root: data_dir.to_owned(),
            root_number: 0,
        }))
    }

    /// Copies the database to a new file, in one piece and without a log beside it. Others may go on meanwhile.
    pub(crate) fn copy_to(&self, path: &Path) -> Result<(), Error> {
        disk::private().write(true).create_new(true).open(path)?;
        let copy = || -> rusqlite::Result<()> {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let mut target = Connection::open_with_flags(path, flags)?;
            Backup::new(&self.connection, &mut target)?.run_to_completion(PAGES, PAUSE, None)?;
            // A copy is opened where nobody may write beside it. What the change comes to is known after the last row.
            let mut change = target.prepare("PRAGMA journal_mode = delete")?;
            let modes = change.query_map([], |row| row.get::<_, String>(0))?;
            if modes.collect::<Result<Vec<_>, _>>()? == ["delete"] {
                return Ok(());
            }
            let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
            Err(rusqlite::Error::SqliteFailure(code, None))
        };
        copy().map_err(|source| Error::store(path, source))
    }

    /// Makes the content of `from` that of the database, in one transaction, and brings it up to date.
    pub(crate) fn restore(data_dir: &Path, from: &Path) -> Result<(), Error> {
        let (mut target, path) = connect(data_dir)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let copy = |target: &mut Connection| -> rusqlite::Result<()> {
            let source = Connection::open_with_flags(from, flags)?;
            Backup::new(&source, target)?.run_to_completion(PAGES, PAUSE, None)
        };
        copy(&mut target).map_err(|source| Error::store(&path, source))?;
        drop(target);
        // Opening migrates what an older version of this program has copied away.
        connect(data_dir).map(drop)
    }

    /// Moves the tables to an earlier or later version, for another version of this program. What the earlier one has no
    /// place for is lost.
    pub fn move_to_schema(data_dir: &Path, to: u32) -> Result<(u32, u32), Error> {
        let (mut connection, path) = connect(data_dir)?;
        let from = version(&connection).map_err(|source| Error::store(&path, source))?;
        if to == 0 || to > schema::LATEST {
            return Err(Error::NoSuchSchema {
                asked: to,
                known: schema::LATEST,
            });
        }
        migrate(&mut connection, &path, to)?;
        Ok((from, to))
    }
}

/// Few enough that a writer never waits for long, enough for 100 MB a second.
const PAGES: i32 = 1000;
const PAUSE: Duration = Duration::ZERO;
