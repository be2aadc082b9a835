//! What files of known truth have taught about headers, counted.
//!
//! Rows of `learned`: for each truth (`answer`) in how many files it was seen (`files`), how many of these the tables had
//! answered rightly before (`agreed`), and in how many each module was (`module`); and the contents that were shown
//! (`shown`), so that each counts once.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use civitai_download::digest::Digest;
use rusqlite::{Transaction, params};

use super::entry::{MatchedBy, Stamp, word};
use super::{Catalogue, Error, Fault, Unhashed, millis};
use crate::identify::{Lesson, MOST_MODULES, Observation, Truth};

/// A file whose truth is known by its digest, and of which nothing was learned yet.
#[derive(Clone, Debug)]
pub(crate) struct Pupil {
    pub(crate) file: Unhashed,
    pub(crate) sha256: Digest<32>,
    pub(crate) truth: Truth,
}

impl Catalogue {
    /// What was learned so far, for [`Learned::new`](crate::identify::Learned::new).
    pub fn learned(&self) -> Result<Vec<Observation>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT answer, kind, pattern, seen FROM learned
                WHERE kind IN ('files', 'agreed', 'module') ORDER BY answer, kind, seen DESC",
            )?;
            let mut all: BTreeMap<String, Observation> = BTreeMap::new();
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let (answer, kind): (String, String) = (row.get(0)?, row.get(1)?);
                let (pattern, seen): (String, u32) = (row.get(2)?, row.get(3)?);
                let observation = all.entry(answer).or_default();
                match kind.as_str() {
                    "files" => observation.files = seen,
                    "agreed" => observation.agreed = seen,
                    _ if observation.modules.len() < MOST_MODULES => {
                        observation.modules.insert(pattern, seen);
                    }
                    _ => {}
                }
            }
            // An answer that is none was written by nobody that this program knows.
            let named = all.into_iter().filter_map(|(answer, observation)| {
                let (model_type, base_model) = serde_json::from_str(&answer).ok()?;
                Some(Observation {
                    model_type,
                    base_model,
                    ..observation
                })
            });
            Ok(named.collect())
        })
    }

    /// The files that can teach something: the site says what they are because their digests are known to it.
    pub(crate) fn pupils(&self) -> Result<Vec<Pupil>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT file.path, file.bytes, mtime_ns, inode, device, file.sha256,
                CASE release.kind WHEN 'VAE' THEN 'VAE' WHEN 'Text Encoder' THEN 'TextEncoder'
                    ELSE model.kind END AS kind,
                version.base_model
                FROM file
                JOIN version ON version.id = version_id
                JOIN model ON model.id = ifnull(model_id, version.model)
                LEFT JOIN release ON release.version = version_id AND release.file = file_id
                WHERE root = ?1 AND missing IS NULL AND content IS NULL AND matched_by IN (?2, ?3)
                AND file.sha256 IS NOT NULL AND model.kind IS NOT NULL
                AND version.base_model IS NOT NULL AND version.base_model <> 'Other'
                AND ifnull(release.kind, 'Model')
                    IN ('Model', 'Pruned Model', 'VAE', 'Text Encoder')
                AND NOT EXISTS (SELECT 1 FROM learned
                    WHERE learned.kind = 'shown' AND pattern = file.sha256 AND answer = '')
                GROUP BY file.sha256 ORDER BY file.path",
            )?;
            let (download, hash) = (MatchedBy::Download.as_str(), MatchedBy::Hash.as_str());
            let mut rows = select.query(params![self.root_number(), download, hash])?;
            let mut pupils = Vec::new();
            while let Some(row) = rows.next()? {
                let (kind, base): (String, String) = (row.get(6)?, row.get(7)?);
                if let Some(sha256) = word(row, 5)? {
                    pupils.push(Pupil {
                        file: Unhashed {
                            path: row.get(0)?,
                            stamp: Stamp::read(row, 1)?,
                        },
                        sha256,
                        truth: Truth {
                            model_type: kind.as_str().into(),
                            base_model: base.as_str().into(),
                        },
                    });
                }
            }
            Ok(pupils)
        })
    }

    /// Has the headers of files read again that are not the site's and that nothing was recognised in.
    pub(crate) fn forget_unrecognised(&mut self) -> Result<(), Error> {
        let root = self.root_number();
        self.write(|transaction| {
            transaction.execute(
                "UPDATE file SET identified = NULL WHERE root = ?1 AND identified IS NOT NULL
                AND model_type IS NULL AND version_id IS NULL",
                [root],
            )?;
            Ok(())
        })
    }

    /// Adds what contents have taught. One that another process has shown meanwhile counts once; one without a lesson is
    /// not shown again.
    pub(crate) fn note_lessons(
        &mut self,
        taught: &[(Digest<32>, Option<Lesson>)],
        now: SystemTime,
    ) -> Result<(), Error> {
        if taught.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut counts: HashMap<(&str, &str, String), u32> = HashMap::new();
            for (sha256, lesson) in taught {
                if !show(transaction, sha256, millis(now))? {
                    continue;
                }
                let Some(lesson) = lesson else { continue };
                let truth = &lesson.truth;
                let answer = (truth.model_type.as_str(), truth.base_model.as_str());
                let answer = serde_json::to_string(&answer).expect("two texts are always JSON");
                *counts.entry(("files", "", answer.clone())).or_default() += 1;
                *counts.entry(("agreed", "", answer.clone())).or_default() +=
                    u32::from(lesson.agreed);
                for module in &lesson.modules {
                    *counts
                        .entry(("module", module, answer.clone()))
                        .or_default() += 1;
                }
            }
            let mut counts: Vec<_> = counts.into_iter().collect();
            counts.sort_unstable();
            count(transaction, &counts, millis(now))
        })
    }
}

/// Notes that a content was shown; says whether it was not before.
fn show(transaction: &Transaction<'_>, sha256: &Digest<32>, now: i64) -> Result<bool, Fault> {
    let shown = transaction
        .prepare_cached("INSERT OR IGNORE INTO learned VALUES ('shown', ?1, '', 1, ?2)")?
        .execute(params![sha256.to_string(), now])?;
    Ok(shown > 0)
}

/// Adds counts. A truth has room for so many modules and no more.
fn count(
    transaction: &Transaction<'_>,
    counts: &[((&str, &str, String), u32)],
    now: i64,
) -> Result<(), Fault> {
    let mut update = transaction.prepare_cached(
        "UPDATE learned SET seen = seen + ?4, last = ?5
        WHERE kind = ?1 AND pattern = ?2 AND answer = ?3",
    )?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO learned SELECT ?1, ?2, ?3, ?4, ?5 WHERE ?1 <> 'module' OR ?6 >
        (SELECT count(*) FROM learned WHERE kind = ?1 AND answer = ?3)",
    )?;
    let room = i64::try_from(MOST_MODULES).unwrap_or(i64::MAX);
    for ((kind, pattern, answer), seen) in counts {
        if update.execute(params![kind, pattern, answer, seen, now])? == 0 {
            insert.execute(params![kind, pattern, answer, seen, now, room])?;
        }
    }
    Ok(())
}
