//! What paths held when they last held a file of the site. A file that was damaged and scanned again is another file to
//! the catalogue; this is how it can be made whole all the same.

use std::collections::HashMap;
use std::time::SystemTime;

use rusqlite::{Row, Transaction, params};

use super::entry::{Entry, Match, Stamp, digests_at, origin_at, word};
use super::{Catalogue, Error, Fault, millis, time};

impl Catalogue {
    /// By their paths, the files that are no file of the site now and were one before: each as it was, with the stamp it
    /// had then.
    pub fn formers(&self) -> Result<HashMap<String, Entry>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT former.path, former.bytes, former.mtime_ns, former.sha256, former.blake3,
                former.crc32, former.autov1, former.autov3, former.model_id, former.version_id,
                former.file_id, former.matched_by, file.added
                FROM former JOIN file ON file.root = former.root AND file.path = former.path
                WHERE former.root = ?1 AND (file.version_id IS NULL OR file.unproved IS NOT NULL)",
            )?;
            let rows = select.query_map([self.root_number()], former)?;
            let entries: Result<Vec<Option<Entry>>, _> = rows.collect();
            let entries = entries?.into_iter().flatten();
            Ok(entries.map(|entry| (entry.path.clone(), entry)).collect())
        })
    }

    /// Notes that a file is again what it was before something else was found in its place.
    pub(crate) fn note_made_good(&mut self, former: &Entry, stamp: Stamp) -> Result<(), Error> {
        let root = self.root_number();
        self.write(|transaction| {
            transaction.execute(
                "UPDATE file SET bytes = ?3, mtime_ns = ?4, inode = ?5, device = ?6, missing = NULL,
                hashed = ?7, sha256 = former.sha256, blake3 = former.blake3, crc32 = former.crc32,
                autov1 = former.autov1, autov3 = former.autov3, identified = NULL
                FROM former WHERE former.root = ?1 AND former.path = ?2
                AND file.root = ?1 AND file.path = ?2",
                params![
                    root,
                    former.path,
                    stamp.bytes.cast_signed(),
                    stamp.mtime_ns,
                    stamp.inode.cast_signed(),
                    stamp.device.cast_signed(),
                    millis(SystemTime::now()),
                ],
            )?;
            give_back(transaction, root)
        })
    }
}

/// Keeps what a file is, if its bytes prove that, before another one takes its path.
pub(super) fn keep(transaction: &Transaction<'_>, number: i64, now: i64) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO former SELECT root, path, bytes, mtime_ns, sha256, blake3, crc32,
            autov1, autov3, model_id, version_id, file_id, matched_by, ?2 FROM file
            WHERE number = ?1 AND sha256 IS NOT NULL AND version_id IS NOT NULL
            AND unproved IS NULL",
        )?
        .execute(params![number, now])?;
    Ok(())
}

/// Lets what was kept of a file go with it.
pub(super) fn follow(
    transaction: &Transaction<'_>,
    root: i64,
    from: &str,
    to: &str,
) -> Result<(), Fault> {
    transaction
        .prepare_cached("UPDATE OR REPLACE former SET path = ?3 WHERE root = ?1 AND path = ?2")?
        .execute(params![root, from, to])?;
    Ok(())
}

/// Files that are again what they were are known for it without asking anybody.
pub(super) fn give_back(transaction: &Transaction<'_>, root: i64) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "UPDATE file SET model_id = former.model_id, version_id = former.version_id,
            file_id = former.file_id, matched_by = former.matched_by, unproved = NULL
            FROM former WHERE former.root = ?1 AND file.root = ?1 AND file.path = former.path
            AND file.sha256 = former.sha256 AND (file.version_id IS NULL OR unproved IS NOT NULL)",
        )?
        .execute([root])?;
    transaction
        .prepare_cached(
            "DELETE FROM former WHERE root = ?1 AND EXISTS (SELECT 1 FROM file
            WHERE file.root = former.root AND file.path = former.path
            AND file.version_id IS NOT NULL AND file.unproved IS NULL)",
        )?
        .execute([root])?;
    Ok(())
}

fn former(row: &Row<'_>) -> rusqlite::Result<Option<Entry>> {
    let stamp = Stamp {
        bytes: row.get::<_, i64>(1)?.cast_unsigned(),
        mtime_ns: row.get(2)?,
        inode: 0,
        device: 0,
    };
    let (Some(origin), Some(by)) = (origin_at(row, 8)?, word(row, 11)?) else {
        return Ok(None);
    };
    Ok(Some(Entry {
        path: row.get(0)?,
        stamp,
        added: time(row.get(12)?),
        missing: None,
        is_removed: false,
        digests: Some(digests_at(row, 3, stamp.bytes)?),
        matched: Some(Match {
            origin,
            by,
            is_proved: true,
        }),
        described: None,
        identity: None,
    }))
}
