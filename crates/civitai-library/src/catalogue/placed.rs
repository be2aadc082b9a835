//! What the locks of projects have placed.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use rusqlite::{Row, params};

use super::{Catalogue, Error, Fault, Stamp, unicode};

/// A path of the library that the lock of a project has something to do with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Placed {
    /// The path, relative to the root.
    pub path: String,
    /// Whether what is there was there before the project wanted it, so that it is not the project's.
    pub found: bool,
    /// What was placed or found: its digest, or the file of the site where no digest is known.
    pub content: Option<String>,
    /// What was placed or found: its length, time of change and number. The volume is not kept.
    pub stamp: Option<Stamp>,
    /// The content that is about to be placed there.
    pub meant: Option<String>,
}

impl Catalogue {
    /// Everything that a project has placed in this library, found or is about to place, by path.
    pub fn placed(&self, project: &Path) -> Result<Vec<Placed>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT path, found, content, bytes, mtime_ns, inode, meant FROM placed
                 WHERE root = ?1 AND project = ?2 ORDER BY path",
            )?;
            let rows = select.query_map(params![self.root_number(), unicode(project)?], placed)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The paths that other projects have placed in this library.
    pub fn placed_by_others(&self, project: &Path) -> Result<HashSet<String>, Error> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT path FROM placed WHERE root = ?1 AND project <> ?2")?;
            let rows = select.query_map(params![self.root_number(), unicode(project)?], |row| {
                row.get(0)
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The paths that projects have placed in this library, by their directories. What was there before is not theirs.
    pub(crate) fn placed_by_all(&self) -> Result<HashMap<PathBuf, HashSet<String>>, Error> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT project, path FROM placed WHERE root = ?1 AND NOT found")?;
            let mut rows = select.query([self.root_number()])?;
            let mut placed: HashMap<_, HashSet<_>> = HashMap::new();
            while let Some(row) = rows.next()? {
                let project = PathBuf::from(row.get::<_, String>(0)?);
                placed.entry(project).or_default().insert(row.get(1)?);
            }
            Ok(placed)
        })
    }

    /// Writes down what is known of paths, in the place of what was known of them.
    pub fn note_placed(&mut self, project: &Path, all: &[Placed]) -> Result<(), Error> {
        let root = self.root_number();
        self.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO placed
                     (root, project, path, found, content, bytes, mtime_ns, inode, meant)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?;
            for placed in all {
                let stamp = placed.stamp.as_ref();
                insert.execute(params![
                    root,
                    unicode(project)?,
                    placed.path,
                    placed.found,
                    placed.content,
                    stamp.map(|stamp| stamp.bytes.cast_signed()),
                    stamp.map(|stamp| stamp.mtime_ns),
                    stamp.map(|stamp| stamp.inode.cast_signed()),
                    placed.meant,
                ])?;
            }
            Ok(())
        })
    }

    /// Forgets paths: the project has nothing to do with them any more.
    pub fn forget_placed(&mut self, project: &Path, paths: &[String]) -> Result<(), Error> {
        let root = self.root_number();
        self.write(|transaction| {
            let mut delete = transaction.prepare_cached(
                "DELETE FROM placed WHERE root = ?1 AND project = ?2 AND path = ?3",
            )?;
            for path in paths {
                delete.execute(params![root, unicode(project)?, path])?;
            }
            Ok::<_, Fault>(())
        })
    }
}

fn placed(row: &Row<'_>) -> rusqlite::Result<Placed> {
    let bytes: Option<i64> = row.get(3)?;
    let mtime_ns: Option<i64> = row.get(4)?;
    let inode: Option<i64> = row.get(5)?;
    let stamp = bytes.zip(mtime_ns).zip(inode);
    Ok(Placed {
        path: row.get(0)?,
        found: row.get(1)?,
        content: row.get(2)?,
        stamp: stamp.map(|((bytes, mtime_ns), inode)| Stamp {
            bytes: bytes.cast_unsigned(),
            mtime_ns,
            inode: inode.cast_unsigned(),
            device: 0,
        }),
        meant: row.get(6)?,
    })
}
