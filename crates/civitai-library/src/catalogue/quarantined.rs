//! What lies in quarantine. The folders say what is there; the catalogue gives it numbers and knows the folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use civitai_download::quarantine::Kept;
use rusqlite::{Transaction, params};

use super::word::words;
use super::{Catalogue, Error, Fault, millis, unicode};

/// A file in quarantine, and its number.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Held {
    /// Names it to people. No other file ever gets this number.
    pub id: u64,
    /// What it is.
    pub kept: Kept,
}

words! {
    /// How a file left quarantine.
    Left {
        /// It was deleted.
        Deleted "deleted",
        /// Somebody else took it.
        Gone "gone",
        /// It got a name after all.
        Released "released",
    }
}

/// A row of which the file has not left.
struct Row {
    id: u64,
    root: PathBuf,
    path: PathBuf,
}

impl Catalogue {
    /// Notes that `path` was put into the quarantine of `root`. Returns its number, which it may have already.
    pub fn note_quarantined(
        &mut self,
        root: &Path,
        path: &Path,
        now: SystemTime,
    ) -> Result<u64, Error> {
        self.write(|transaction| note(transaction, root, path, now))
    }

    /// Everything in quarantine at this library's root and wherever else something was put into quarantine, by number.
    /// What is found there for the first time gets one; what is not there any more has left, unless its whole tree is
    /// out of reach.
    pub fn quarantined(&mut self, now: SystemTime) -> Result<Vec<Held>, Error> {
        let rows = self.held()?;
        let mut roots: BTreeSet<&Path> = rows.iter().map(|row| row.root.as_path()).collect();
        let own = self.root.clone();
        roots.insert(&own);
        let mut there = BTreeMap::new();
        for root in roots {
            // A name that is no Unicode cannot be written down; it stays where it is.
            let kept = Kept::all(root)?.into_iter();
            there.extend(
                kept.filter(|kept| kept.path.to_str().is_some())
                    .map(|kept| (kept.path.clone(), kept)),
            );
        }
        let gone: Vec<u64> = rows
            .iter()
            .filter(|row| !there.contains_key(&row.path) && row.root.exists())
            .map(|row| row.id)
            .collect();
        let mut known: BTreeMap<PathBuf, u64> =
            rows.into_iter().map(|row| (row.path, row.id)).collect();
        let is_new = |path: &PathBuf| !known.contains_key(path);
        if !gone.is_empty() || there.keys().any(is_new) {
            known.extend(self.write(|transaction| {
                for id in &gone {
                    end(transaction, *id, Left::Gone, now)?;
                }
                let new = there.values().filter(|kept| is_new(&kept.path));
                new.map(|kept| {
                    let id = note(transaction, &kept.root, &kept.path, kept.since)?;
                    Ok((kept.path.clone(), id))
                })
                .collect::<Result<Vec<_>, Fault>>()
            })?);
        }
        let mut held: Vec<Held> = there
            .into_iter()
            .filter_map(|(path, kept)| {
                Some(Held {
                    id: *known.get(&path)?,
                    kept,
                })
            })
            .collect();
        held.sort_unstable_by_key(|held| held.id);
        Ok(held)
    }

    /// Notes that a file has left quarantine.
    pub fn note_left(&mut self, id: u64, left: Left, now: SystemTime) -> Result<(), Error> {
        self.write(|transaction| end(transaction, id, left, now))
    }

    fn held(&self) -> Result<Vec<Row>, Error> {
        self.read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT number, root, path FROM quarantine WHERE ended IS NULL")?;
            let rows = select.query_map([], |row| {
                let path = |index| row.get::<_, String>(index).map(PathBuf::from);
                Ok(Row {
                    id: row.get::<_, i64>(0)?.cast_unsigned(),
                    root: path(1)?,
                    path: path(2)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn note(
    transaction: &Transaction<'_>,
    root: &Path,
    path: &Path,
    now: SystemTime,
) -> Result<u64, Fault> {
    let (root, path) = (unicode(root)?, unicode(path)?);
    transaction.execute(
        "INSERT INTO quarantine (root, path, noted) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        params![root, path, millis(now)],
    )?;
    let number: i64 = transaction.query_row(
        "SELECT number FROM quarantine WHERE path = ?1 AND ended IS NULL",
        [path],
        |row| row.get(0),
    )?;
    Ok(number.cast_unsigned())
}

fn end(transaction: &Transaction<'_>, id: u64, left: Left, now: SystemTime) -> Result<(), Fault> {
    transaction.execute(
        "UPDATE quarantine SET ended = ?2, ended_at = ?3 WHERE number = ?1 AND ended IS NULL",
        params![id.cast_signed(), left.as_str(), millis(now)],
    )?;
    Ok(())
}
