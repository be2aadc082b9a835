//! How the last attempt at each file of the site ended.

use std::path::PathBuf;
use std::time::SystemTime;

use civitai_api::{FileId, ModelId, VersionId};
use civitai_download::digest::{Digest, Digests};
use rusqlite::{Row, Transaction, params};

use super::entry::{MatchedBy, Origin, Stamp, id, word};
use super::stock::content;
use super::word::words;
use super::{Catalogue, Error, Fault, Place, former, millis, time};
use crate::library::relative;

/// An attempt at a file of the site.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which file it was about. Only attempts whose file is known are remembered.
    pub origin: Origin,
    /// What it was asked for by, without any token.
    pub link: String,
    /// Where it belongs, absolute.
    pub path: PathBuf,
}

/// Why an attempt failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trouble {
    /// The kind of the error in one word.
    pub kind: String,
    /// The error in words.
    pub message: String,
}

words! {
    /// How the last attempt at a file ended.
    Ended {
        /// The file was fetched and verified.
        Completed "completed",
        /// It was not.
        Failed "failed",
        /// It was fetched, and is not where it was put any more.
        FileMissing "file_missing",
    }
}

/// What is remembered of the attempts at a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Past {
    /// Which file.
    pub origin: Origin,
    /// How the last attempt ended.
    pub ended: Ended,
    /// What it was asked for by.
    pub link: Option<String>,
    /// Where it belongs.
    pub path: Option<PathBuf>,
    /// Its length, once it was fetched.
    pub bytes: Option<u64>,
    /// Its SHA-256, once it was fetched.
    pub sha256: Option<Digest<32>>,
    /// Why the last attempt failed, if it did.
    pub trouble: Option<Trouble>,
    /// How many attempts there were.
    pub attempts: u32,
    /// When the first was.
    pub first: SystemTime,
    /// When the last was.
    pub last: SystemTime,
}

impl Catalogue {
    /// Records that a file was fetched and verified and has its name now: in the history, and, where it lies in the
    /// library, among its files.
    pub fn record(
        &mut self,
        attempt: &Attempt,
        digests: &Digests,
        now: SystemTime,
    ) -> Result<(), Error> {
        let place = self.place();
        self.write(|transaction| record(transaction, &place, attempt, digests, now))
    }

    /// Records that a file could not be had. That it was had before is not forgotten: the digest stays.
    pub fn record_failure(
        &mut self,
        attempt: &Attempt,
        trouble: &Trouble,
        now: SystemTime,
    ) -> Result<(), Error> {
        self.write(|transaction| record_failure(transaction, attempt, trouble, now))
    }

    /// Marks what was fetched and is not where it was put any more, and what is there again. Returns how many changed.
    pub fn review_history(&mut self) -> Result<usize, Error> {
        let past = self.history()?;
        let changed: Vec<(Origin, Ended)> = past
            .iter()
            .filter_map(|past| {
                let is_there = past.path.as_deref()?.exists();
                match (past.ended, is_there) {
                    (Ended::Completed, false) => Some((past.origin, Ended::FileMissing)),
                    (Ended::FileMissing, true) => Some((past.origin, Ended::Completed)),
                    _ => None,
                }
            })
            .collect();
        if changed.is_empty() {
            return Ok(0);
        }
        self.write(|transaction| {
            let mut update = transaction.prepare_cached(
                "UPDATE history SET state = ?4
                WHERE ifnull(model, 0) = ?1 AND version = ?2 AND file = ?3",
            )?;
            for (origin, ended) in &changed {
                let (model, version, file) = key(*origin);
                update.execute(params![model.unwrap_or(0), version, file, ended.as_str()])?;
            }
            Ok(changed.len())
        })
    }

    /// Everything that was attempted, the latest first.
    pub fn history(&self) -> Result<Vec<Past>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT model, version, file, state, link, path, bytes, sha256, error_kind,
                error_message, attempts, first, last FROM history ORDER BY last DESC, number DESC",
            )?;
            let rows = select.query_map([], past)?;
            let rows: Result<Vec<Option<Past>>, _> = rows.collect();
            Ok(rows?.into_iter().flatten().collect())
        })
    }
}

/// Records a file that was fetched.
pub(super) fn record(
    transaction: &Transaction<'_>,
    place: &Place,
    attempt: &Attempt,
    digests: &Digests,
    now: SystemTime,
) -> Result<(), Fault> {
    let done = Done {
        ended: Ended::Completed,
        digests: Some(digests),
        trouble: None,
    };
    note(transaction, attempt, &done, millis(now))?;
    let metadata = fs_err::metadata(&attempt.path)?;
    // The settings may name the root by a link.
    let relative = relative(&place.root, &attempt.path).or_else(|| {
        let real = fs_err::canonicalize(&attempt.path).ok()?;
        relative(&place.root, &real)
    });
    if let Some(relative) = relative {
        let stamp = Stamp::of(&metadata);
        note_file(transaction, place.number, &relative, stamp, millis(now))?;
        note_proof(
            transaction,
            place.number,
            &relative,
            attempt.origin,
            digests,
            now,
        )?;
    }
    Ok(())
}

/// Records an attempt that failed.
pub(super) fn record_failure(
    transaction: &Transaction<'_>,
    attempt: &Attempt,
    trouble: &Trouble,
    now: SystemTime,
) -> Result<(), Fault> {
    let done = Done {
        ended: Ended::Failed,
        digests: None,
        trouble: Some(trouble),
    };
    note(transaction, attempt, &done, millis(now))
}

struct Done<'a> {
    ended: Ended,
    digests: Option<&'a Digests>,
    trouble: Option<&'a Trouble>,
}

fn note(
    transaction: &Transaction<'_>,
    attempt: &Attempt,
    done: &Done<'_>,
    now: i64,
) -> Result<(), Fault> {
    let (model, version, file) = key(attempt.origin);
    let digests = done.digests;
    transaction
        .prepare_cached(
            "INSERT INTO history (model, version, file, state, link, path, bytes, sha256,
                error_kind, error_message, attempts, first, last)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 1, ?11, ?11)
            ON CONFLICT (ifnull(model, 0), version, file) DO UPDATE SET state = excluded.state,
            link = excluded.link, path = excluded.path, bytes = ifnull(excluded.bytes, bytes),
            sha256 = ifnull(excluded.sha256, sha256), error_kind = excluded.error_kind,
            error_message = excluded.error_message, attempts = attempts + 1, last = excluded.last",
        )?
        .execute(params![
            model,
            version,
            file,
            done.ended.as_str(),
            attempt.link,
            attempt.path.to_string_lossy(),
            digests.map(|digests| digests.bytes.cast_signed()),
            digests
                .and_then(|digests| digests.sha256)
                .map(|digest| digest.to_string()),
            done.trouble.map(|trouble| trouble.kind.as_str()),
            done.trouble.map(|trouble| trouble.message.as_str()),
            now,
        ])?;
    Ok(())
}

/// Model, version and file as the history holds them.
fn key(origin: Origin) -> (Option<u32>, u32, u32) {
    (
        origin.model.map(ModelId::get),
        origin.version.get(),
        origin.file.map_or(0, FileId::get),
    )
}

/// Makes sure that a file of the library has a row with its present stamp.
fn note_file(
    transaction: &Transaction<'_>,
    root: i64,
    path: &str,
    stamp: Stamp,
    now: i64,
) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "INSERT INTO file (root, path, bytes, mtime_ns, inode, device, added)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT DO UPDATE SET bytes = excluded.bytes, mtime_ns = excluded.mtime_ns,
            inode = excluded.inode, device = excluded.device, missing = NULL, identified = NULL,
            format = NULL, model_type = NULL, base_model = NULL, family = NULL, confidence = NULL,
            evidence = NULL",
        )?
        .execute(params![
            root,
            path,
            stamp.bytes.cast_signed(),
            stamp.mtime_ns,
            stamp.inode.cast_signed(),
            stamp.device.cast_signed(),
            now,
        ])?;
    Ok(())
}

/// Notes what the transfer has proved of a file.
fn note_proof(
    transaction: &Transaction<'_>,
    root: i64,
    path: &str,
    origin: Origin,
    digests: &Digests,
    now: SystemTime,
) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "UPDATE file SET hashed = ?3, sha256 = ?4, blake3 = ?5, crc32 = ?6, autov1 = ?7,
            autov3 = ?8, model_id = ?9, version_id = ?10, file_id = ?11, matched_by = ?12,
            content = ?13, unproved = NULL WHERE root = ?1 AND path = ?2",
        )?
        .execute(params![
            root,
            path,
            millis(now),
            digests.sha256.map(|digest| digest.to_string()),
            digests.blake3.map(|digest| digest.to_string()),
            digests.crc32.map(|digest| digest.to_string()),
            digests.auto_v1.map(|digest| digest.to_string()),
            digests.auto_v3.map(|digest| digest.to_string()),
            origin.model.map(ModelId::get),
            origin.version.get(),
            origin.file.map(FileId::get),
            MatchedBy::Download.as_str(),
            content(path, digests),
        ])?;
    former::give_back(transaction, root)
}

/// Reads a row; one whose ids are none is left out.
fn past(row: &Row<'_>) -> rusqlite::Result<Option<Past>> {
    let Some(version) = id(row, 1, VersionId::new)? else {
        return Ok(None);
    };
    let file: u32 = row.get(2)?;
    let origin = Origin {
        model: id(row, 0, ModelId::new)?,
        version,
        file: FileId::new(file.into()),
    };
    let kind: Option<String> = row.get(8)?;
    let message: Option<String> = row.get(9)?;
    let Some(ended) = word(row, 3)? else {
        return Ok(None);
    };
    Ok(Some(Past {
        origin,
        ended,
        link: row.get(4)?,
        path: row.get::<_, Option<String>>(5)?.map(PathBuf::from),
        bytes: row.get::<_, Option<i64>>(6)?.map(i64::cast_unsigned),
        sha256: word(row, 7)?,
        trouble: kind.map(|kind| Trouble {
            kind,
            message: message.unwrap_or_default(),
        }),
        attempts: row.get(10)?,
        first: time(row.get(11)?),
        last: time(row.get(12)?),
    }))
}
