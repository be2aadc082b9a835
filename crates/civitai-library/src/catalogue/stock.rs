//! Bringing the catalogue to what was seen on the disk.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use civitai_download::digest::Digests;
use rusqlite::{Connection, Transaction, params};

use super::entry::{Entry, Stamp};
use super::{Catalogue, Error, Fault, claims, former, millis};
use crate::scan::{Seen, Walk};
use crate::sealing;

/// What a scan found to be otherwise than before.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// Files that were not known.
    pub new: Vec<String>,
    /// Files that are other ones now: what was known of them is forgotten.
    pub changed: Vec<String>,
    /// Files that stand elsewhere now: from where, to where. What was known of them is kept.
    pub moved: Vec<(String, String)>,
    /// Files that are not there any more. What was known of them is kept.
    pub missing: Vec<String>,
    /// Files that were missing and are there again.
    pub back: Vec<String>,
    /// How many files are as they were.
    pub unchanged: usize,
}

impl Changes {
    /// How many files are there.
    pub fn files(&self) -> usize {
        self.new.len() + self.changed.len() + self.moved.len() + self.back.len() + self.unchanged
    }

    /// Adds what differs in another library.
    pub fn absorb(&mut self, other: Self) {
        let Self {
            new,
            changed,
            moved,
            missing,
            back,
            unchanged,
        } = other;
        self.new.extend(new);
        self.changed.extend(changed);
        self.moved.extend(moved);
        self.missing.extend(missing);
        self.back.extend(back);
        self.unchanged += unchanged;
    }

    /// Says whether everything is as it was.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty()
            && self.changed.is_empty()
            && self.moved.is_empty()
            && self.missing.is_empty()
            && self.back.is_empty()
    }
}

/// A file whose digests are not known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unhashed {
    /// Where it is, below the root.
    pub path: String,
    /// What the digests will hold for.
    pub stamp: Stamp,
}

impl Catalogue {
    /// Takes over what a walk saw. A file that has size, mtime and inode of a known one keeps all that was known of it,
    /// also when it was moved, came back, or is a second link to the same content.
    pub fn take_stock(&mut self, walk: &Walk, now: SystemTime) -> Result<Changes, Error> {
        let root = self.root_number();
        self.write(|transaction| {
            let known = known(transaction, root)?;
            let changes = plan(&known, walk);
            apply(transaction, root, &known, walk, &changes, millis(now))?;
            claims::take_stock(transaction, root, &walk.sidecars, |path| covers(walk, path))?;
            Ok(changes)
        })
    }

    /// The files that are there and were not hashed since they changed, the smallest first, so that much is known soon.
    /// Encrypted ones are [apart](Self::unopened).
    pub fn unhashed(&self) -> Result<Vec<Unhashed>, Error> {
        let mut files = self.unread("hashed IS NULL ORDER BY bytes, path")?;
        files.retain(|file| !sealing::is_sealed(&file.path));
        Ok(files)
    }

    /// The encrypted files that are there and of whose content nothing is known since they changed, the smallest first.
    pub fn unopened(&self) -> Result<Vec<Unhashed>, Error> {
        let mut files = self.unread("hashed IS NULL ORDER BY bytes, path")?;
        files.retain(|file| sealing::is_sealed(&file.path));
        Ok(files)
    }

    /// The files that are there and whose header was not read since they changed; encrypted ones have none.
    pub fn unidentified(&self) -> Result<Vec<Unhashed>, Error> {
        let mut files = self.unread("identified IS NULL ORDER BY path")?;
        files.retain(|file| !sealing::is_sealed(&file.path));
        Ok(files)
    }

    fn unread(&self, which: &str) -> Result<Vec<Unhashed>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(&format!(
                "SELECT path, bytes, mtime_ns, inode, device FROM file
                WHERE root = ?1 AND missing IS NULL AND {which}"
            ))?;
            let rows = select.query_map([self.root_number()], |row| {
                Ok(Unhashed {
                    path: row.get(0)?,
                    stamp: Stamp::read(row, 1)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Notes digests of files that are still what they were when they were read. All links to one content get them.
    pub fn note_digests(
        &mut self,
        hashed: &[(Unhashed, Digests)],
        now: SystemTime,
    ) -> Result<(), Error> {
        if hashed.is_empty() {
            return Ok(());
        }
        let root = self.root_number();
        self.write(|transaction| {
            let mut update = transaction.prepare_cached(
                "UPDATE file SET hashed = ?1, sha256 = ?2, blake3 = ?3, crc32 = ?4, autov1 = ?5,
                autov3 = ?6, content = ?11
                WHERE bytes = ?7 AND mtime_ns = ?8 AND inode = ?9 AND device = ?10",
            )?;
            for (file, digests) in hashed {
                let stamp = file.stamp;
                update.execute(params![
                    millis(now),
                    digests.sha256.map(|digest| digest.to_string()),
                    digests.blake3.map(|digest| digest.to_string()),
                    digests.crc32.map(|digest| digest.to_string()),
                    digests.auto_v1.map(|digest| digest.to_string()),
                    digests.auto_v3.map(|digest| digest.to_string()),
                    stamp.bytes.cast_signed(),
                    stamp.mtime_ns,
                    stamp.inode.cast_signed(),
                    stamp.device.cast_signed(),
                    content(&file.path, digests),
                ])?;
            }
            former::give_back(transaction, root)
        })
    }
}

impl Catalogue {
    /// Notes that a file is again what its digests say, and so are the links to it that were known.
    pub(crate) fn note_repaired(&mut self, entry: &Entry, stamp: Stamp) -> Result<(), Error> {
        let root = self.root_number();
        let sha256 = entry.digests.as_ref().and_then(|digests| digests.sha256);
        self.write(|transaction| {
            transaction.execute(
                "UPDATE file SET bytes = ?1, mtime_ns = ?2, inode = ?3, device = ?4, missing = NULL
                WHERE root = ?5 AND path = ?6
                OR inode = ?3 AND device = ?4 AND sha256 = ?7",
                params![
                    stamp.bytes.cast_signed(),
                    stamp.mtime_ns,
                    stamp.inode.cast_signed(),
                    stamp.device.cast_signed(),
                    root,
                    entry.path,
                    sha256.map(|digest| digest.to_string()),
                ],
            )?;
            Ok(())
        })
    }
}

struct Known {
    number: i64,
    stamp: Stamp,
    is_missing: bool,
}

fn known(connection: &Connection, root: i64) -> Result<HashMap<String, Known>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT path, number, missing IS NOT NULL, bytes, mtime_ns, inode, device
        FROM file WHERE root = ?1",
    )?;
    let rows = select.query_map([root], |row| {
        let known = Known {
            number: row.get(1)?,
            stamp: Stamp::read(row, 3)?,
            is_missing: row.get(2)?,
        };
        Ok((row.get(0)?, known))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn plan(known: &HashMap<String, Known>, walk: &Walk) -> Changes {
    let mut changes = Changes::default();
    let seen: HashSet<&str> = walk.files.iter().map(|file| file.path.as_str()).collect();
    let mut gone: HashMap<Stamp, &str> = HashMap::new();
    for (path, file) in known {
        if !seen.contains(path.as_str()) && covers(walk, path) {
            gone.insert(file.stamp, path);
        }
    }
    for file in &walk.files {
        let path = file.path.clone();
        match known.get(&path) {
            Some(was) if !was.stamp.is_same(&file.stamp) => changes.changed.push(path),
            Some(was) if was.is_missing => changes.back.push(path),
            Some(_) => changes.unchanged += 1,
            None => match gone.remove(&file.stamp) {
                Some(from) => changes.moved.push((from.to_owned(), path)),
                None => changes.new.push(path),
            },
        }
    }
    let moved: HashSet<&str> = changes
        .moved
        .iter()
        .map(|(from, _)| from.as_str())
        .collect();
    changes.missing = known
        .iter()
        .filter(|(path, file)| {
            !file.is_missing
                && !seen.contains(path.as_str())
                && !moved.contains(path.as_str())
                && covers(walk, path)
        })
        .map(|(path, _)| path.clone())
        .collect();
    changes.missing.sort_unstable();
    changes
}

/// Says whether the walk would have seen a file at `path`.
fn covers(walk: &Walk, path: &str) -> bool {
    let is_below = |folder: &str| {
        folder.is_empty()
            || path
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    walk.folders.iter().any(|folder| is_below(folder))
        && !walk.problems.iter().any(|problem| {
            // A folder that could not be read hides all that is below it.
            walk.root.join(path).starts_with(problem.path())
        })
}

fn apply(
    transaction: &Transaction<'_>,
    root: i64,
    known: &HashMap<String, Known>,
    walk: &Walk,
    changes: &Changes,
    now: i64,
) -> Result<(), Fault> {
    let seen: HashMap<&str, &Seen> = walk
        .files
        .iter()
        .map(|file| (file.path.as_str(), file))
        .collect();
    let mut rename = transaction
        .prepare_cached("UPDATE file SET path = ?2, missing = NULL WHERE number = ?1")?;
    for (from, to) in &changes.moved {
        rename.execute(params![known[from].number, to])?;
        former::follow(transaction, root, from, to)?;
    }
    for path in &changes.new {
        insert(transaction, root, seen[path.as_str()], now)?;
    }
    for path in &changes.changed {
        former::keep(transaction, known[path].number, now)?;
        transaction.execute("DELETE FROM file WHERE number = ?1", [known[path].number])?;
        insert(transaction, root, seen[path.as_str()], now)?;
    }
    let mut mark = transaction.prepare_cached("UPDATE file SET missing = ?2 WHERE number = ?1")?;
    for path in &changes.missing {
        mark.execute(params![known[path].number, now])?;
    }
    for path in &changes.back {
        mark.execute(params![known[path].number, None::<i64>])?;
    }
    // The number of a volume changes when it is mounted anew.
    let mut remount =
        transaction.prepare_cached("UPDATE file SET device = ?2 WHERE number = ?1")?;
    for file in &walk.files {
        if let Some(was) = known.get(&file.path)
            && was.stamp.is_same(&file.stamp)
            && was.stamp.device != file.stamp.device
        {
            remount.execute(params![was.number, file.stamp.device.cast_signed()])?;
        }
    }
    if walk.folders.iter().any(String::is_empty) {
        transaction.execute(
            "UPDATE root SET scanned = ?2 WHERE number = ?1",
            params![root, now],
        )?;
    }
    Ok(())
}

/// How long what was hashed is, where that is not the file itself.
pub(super) fn content(path: &str, digests: &Digests) -> Option<i64> {
    sealing::is_sealed(path).then(|| digests.bytes.cast_signed())
}

/// Adds a file, with what is known of another link to the same content.
fn insert(transaction: &Transaction<'_>, root: i64, seen: &Seen, now: i64) -> Result<(), Fault> {
    let stamp = seen.stamp;
    let key = params![
        root,
        seen.path,
        stamp.bytes.cast_signed(),
        stamp.mtime_ns,
        stamp.inode.cast_signed(),
        stamp.device.cast_signed(),
        now,
    ];
    let copied = transaction
        .prepare_cached(
            "INSERT INTO file (root, path, bytes, mtime_ns, inode, device, added, hashed, sha256,
                blake3, crc32, autov1, autov3, content, model_id, version_id, file_id, matched_by,
                unproved, identified, format, model_type, base_model, family, confidence, evidence)
            SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, hashed, sha256, blake3, crc32, autov1, autov3,
                content, model_id, version_id, file_id, matched_by, unproved, identified, format, model_type,
                base_model, family, confidence, evidence
            FROM file INDEXED BY file_inode
            WHERE inode = ?5 AND device = ?6 AND bytes = ?3 AND mtime_ns = ?4
            ORDER BY hashed IS NULL, number LIMIT 1",
        )?
        .execute(key)?;
    if copied == 0 {
        transaction
            .prepare_cached(
                "INSERT INTO file (root, path, bytes, mtime_ns, inode, device, added)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(key)?;
    }
    Ok(())
}
