//! What the files beside models say they are beside of, and which files are taken for one of the site on that word.

use std::collections::HashMap;
use std::time::SystemTime;

use civitai_api::{FileId, ModelId};
use civitai_download::digest::Digest;
use rusqlite::{Connection, Row, Transaction, params};

use super::entry::{MatchedBy, word};
use super::told::Told;
use super::{Catalogue, Error, Fault, millis};
use crate::scan::SeenSidecar;
use crate::sidecar::{Claim, Form, Standing};

/// A sidecar that was not read since it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    file: i64,
    /// Where it is, below the root.
    pub(crate) path: String,
    pub(crate) form: Form,
}

impl Catalogue {
    /// The sidecars whose words are not known.
    pub(crate) fn unread_sidecars(&self) -> Result<Vec<Unread>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT sidecar.file, sidecar.path, sidecar.format FROM sidecar
                JOIN file ON file.number = sidecar.file
                WHERE root = ?1 AND sidecar.read IS NULL AND missing IS NULL ORDER BY sidecar.path",
            )?;
            let rows = select.query_map([self.root_number()], |row| {
                let form: String = row.get(2)?;
                Ok(Form::named(&form).map(|form| (row.get(0), row.get(1), form)))
            })?;
            let mut unread = Vec::new();
            for row in rows {
                // A form of a later version of this program is left to that.
                if let Some((file, path, form)) = row? {
                    let (file, path) = (file?, path?);
                    unread.push(Unread { file, path, form });
                }
            }
            Ok(unread)
        })
    }

    /// Notes what sidecars say; `None` for one that says nothing of a version or cannot be read.
    pub(crate) fn note_claims(
        &mut self,
        read: &[(Unread, Option<Claim>)],
        now: SystemTime,
    ) -> Result<(), Error> {
        if read.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut update = transaction.prepare_cached(
                "UPDATE sidecar SET read = ?3, version = ?4, says = ?5 WHERE file = ?1 AND path = ?2",
            )?;
            for (unread, claim) in read {
                let says = claim.as_ref().map(|claim| {
                    serde_json::to_string(claim).expect("ids and texts are always JSON")
                });
                let version = claim.as_ref().map(|claim| claim.version.get());
                update.execute(params![unread.file, unread.path, millis(now), version, says])?;
            }
            Ok(())
        })
    }

    /// Takes files that are not known by their content for what the sidecars beside them say, unless the digests say
    /// otherwise, and takes that back where it does not hold any more. Returns how many files are known that way now.
    pub(crate) fn match_by_claims(&mut self) -> Result<usize, Error> {
        let root = self.root_number();
        self.write(|transaction| {
            let claimed = claimed(transaction, root)?;
            let mut known = 0;
            for (number, file) in claimed {
                let best = file.best();
                known += usize::from(best.is_some());
                if best.as_ref().map(Best::key) != file.before {
                    note_match(transaction, number, best.as_ref())?;
                }
            }
            Ok(known)
        })
    }
}

/// Makes the rows of sidecars what a walk saw. What was read of those that are as they were stays known.
pub(super) fn take_stock(
    transaction: &Transaction<'_>,
    root: i64,
    seen: &[SeenSidecar],
    covers: impl Fn(&str) -> bool,
) -> Result<(), Fault> {
    let mut known = known(transaction, root)?;
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO sidecar (file, path, format, bytes, mtime_ns)
        SELECT number, ?3, ?4, ?5, ?6 FROM file WHERE root = ?1 AND path = ?2",
    )?;
    for sidecar in seen {
        let key = (sidecar.model.clone(), sidecar.path.clone());
        let stamp = (sidecar.bytes.cast_signed(), sidecar.mtime_ns);
        if known.remove(&key).is_none_or(|(_, was)| was != stamp) {
            insert.execute(params![
                root,
                sidecar.model,
                sidecar.path,
                sidecar.form.name(),
                stamp.0,
                stamp.1,
            ])?;
        }
    }
    let mut delete =
        transaction.prepare_cached("DELETE FROM sidecar WHERE file = ?1 AND path = ?2")?;
    for ((_, path), (file, _)) in known {
        if covers(&path) {
            delete.execute(params![file, path])?;
        }
    }
    Ok(())
}

/// The sidecars of a root by the paths of their models and their own, with the number of the model and their stamps.
type Known = HashMap<(String, String), (i64, (i64, i64))>;

fn known(connection: &Connection, root: i64) -> Result<Known, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT file.path, sidecar.path, file.number, sidecar.bytes, sidecar.mtime_ns
        FROM sidecar JOIN file ON file.number = sidecar.file WHERE root = ?1",
    )?;
    let rows = select.query_map([root], |row| {
        let stamp = (row.get(3)?, row.get(4)?);
        Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, stamp)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A file that is known by no content, with what the sidecars say of it.
#[derive(Default)]
struct Claimed {
    sha256: Option<Digest<32>>,
    /// Version, file, and whether that is unproved, as it stands in the catalogue.
    before: Option<(u32, Option<u32>, bool)>,
    claims: Vec<Claim>,
}

struct Best<'a> {
    claim: &'a Claim,
    file: Option<FileId>,
    is_proved: bool,
}

impl Best<'_> {
    fn key(&self) -> (u32, Option<u32>, bool) {
        let file = self.file.map(FileId::get);
        (self.claim.version.get(), file, !self.is_proved)
    }
}

impl Claimed {
    /// What the digests bear out goes before what nobody can check.
    fn best(&self) -> Option<Best<'_>> {
        let mut best: Option<Best<'_>> = None;
        for claim in &self.claims {
            let (file, is_proved) = match claim.judge(self.sha256.as_ref()) {
                Standing::Agrees(file) => (file, true),
                Standing::Unchecked(file) => (file, false),
                Standing::Contradicts => continue,
            };
            if best
                .as_ref()
                .is_none_or(|best| is_proved && !best.is_proved)
            {
                best = Some(Best {
                    claim,
                    file,
                    is_proved,
                });
            }
        }
        best
    }
}

fn claimed(connection: &Connection, root: i64) -> Result<Vec<(i64, Claimed)>, Fault> {
    let mut select = connection.prepare_cached(
        "SELECT number, sha256, version_id, file_id, unproved, says FROM file
        LEFT JOIN sidecar ON sidecar.file = number AND version IS NOT NULL
        WHERE root = ?1 AND missing IS NULL
        AND (matched_by = ?2 OR version_id IS NULL AND says IS NOT NULL)
        ORDER BY number, sidecar.format = 'civitai-info' DESC, sidecar.path",
    )?;
    let mut rows = select.query(params![root, MatchedBy::Sidecar.as_str()])?;
    let mut all: Vec<(i64, Claimed)> = Vec::new();
    while let Some(row) = rows.next()? {
        let number = row.get(0)?;
        if all.last().is_none_or(|(last, _)| *last != number) {
            all.push((number, start(row)?));
        }
        let says: Option<String> = row.get(5)?;
        // What cannot be read any more is read anew when the sidecar changes; until then it claims nothing.
        let claim = says.and_then(|says| serde_json::from_str(&says).ok());
        if let (Some(claim), Some((_, claimed))) = (claim, all.last_mut()) {
            claimed.claims.push(claim);
        }
    }
    Ok(all)
}

fn start(row: &Row<'_>) -> rusqlite::Result<Claimed> {
    let version: Option<u32> = row.get(2)?;
    let (file, unproved) = (row.get(3)?, row.get::<_, Option<bool>>(4)?);
    Ok(Claimed {
        sha256: word(row, 1)?,
        before: version.map(|version| (version, file, unproved == Some(true))),
        claims: Vec::new(),
    })
}

fn note_match(
    transaction: &Transaction<'_>,
    number: i64,
    best: Option<&Best<'_>>,
) -> Result<(), Fault> {
    let claim = best.map(|best| best.claim);
    transaction
        .prepare_cached(
            "UPDATE file SET model_id = ?2, version_id = ?3, file_id = ?4, matched_by = ?5,
            unproved = ?6 WHERE number = ?1",
        )?
        .execute(params![
            number,
            claim.and_then(|claim| claim.model).map(ModelId::get),
            claim.map(|claim| claim.version.get()),
            best.and_then(|best| best.file).map(FileId::get),
            claim.map(|_| MatchedBy::Sidecar.as_str()),
            best.filter(|best| !best.is_proved).map(|_| true),
        ])?;
    let Some(claim) = claim else {
        return Ok(());
    };
    let told = Told {
        model: claim.model,
        title: claim.title.as_deref(),
        model_type: claim.model_type.as_deref(),
        creator: claim.creator.as_deref(),
        real_person: false,
        version: claim.version,
        version_name: claim.version_name.as_deref(),
        base_model: claim.base_model.as_deref(),
    };
    told.note(transaction)
}
