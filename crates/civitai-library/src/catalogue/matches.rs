//! Which files of the site the files of the library are.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use civitai_api::version::HashMatch;
use civitai_api::{Model, ModelId, Version};
use civitai_download::digest::Digest;
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::entry::{Identity, MatchedBy, word};
use super::{Catalogue, Error, Fault, Sought, Unhashed, millis, site};

/// What the site answered about digests.
#[derive(Debug, Default)]
pub struct Answer {
    /// The digests that were asked for.
    pub asked: Vec<Digest<32>>,
    /// Where they are published.
    pub matches: Vec<HashMatch>,
    /// The models of those, as far as the site gave them.
    pub models: Vec<Model>,
    /// Versions whose models it did not give.
    pub versions: Vec<Version>,
}

impl Catalogue {
    /// The SHA-256 of each file that is there, is not known by its content to be one of the site, and is not known to be
    /// unknown.
    pub fn unmatched(&self, now: SystemTime) -> Result<Vec<Digest<32>>, Error> {
        let absent = self.absent(Sought::Sha256, now)?;
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT DISTINCT sha256 FROM file WHERE root = ?1 AND missing IS NULL
                AND sha256 IS NOT NULL AND (version_id IS NULL OR matched_by = ?2) ORDER BY sha256",
            )?;
            let by_sidecar = MatchedBy::Sidecar.as_str();
            let rows = select.query_map(params![self.root_number(), by_sidecar], |row| {
                word::<Digest<32>>(row, 0)
            })?;
            let digests: Result<Vec<_>, _> = rows.filter_map(Result::transpose).collect();
            let mut digests = digests?;
            digests.retain(|digest| !absent.contains(&digest.to_string()));
            Ok(digests)
        })
    }

    /// Of these models, those that the site was never asked about.
    pub fn unknown_models(&self, ids: &BTreeSet<ModelId>) -> Result<Vec<ModelId>, Error> {
        self.read(|connection| {
            let mut select =
                connection.prepare_cached("SELECT 1 FROM model WHERE id = ?1 AND asked > 0")?;
            let mut unknown = Vec::new();
            for id in ids {
                if !select.exists([id.get()])? {
                    unknown.push(*id);
                }
            }
            Ok(unknown)
        })
    }

    /// Takes over what the site answered: what it knows, what it does not know for as long as `life`, and which files
    /// are whose. Where several versions have a file, the one published first counts, as it does for the site.
    ///
    /// Returns how many digests belong to a file of the site.
    pub fn note_answer(
        &mut self,
        answer: &Answer,
        now: SystemTime,
        life: Duration,
    ) -> Result<usize, Error> {
        let matches = by_digest(&answer.matches);
        let absent: Vec<String> = answer
            .asked
            .iter()
            .map(ToString::to_string)
            .filter(|digest| !matches.contains_key(digest))
            .collect();
        self.write(|transaction| {
            for model in &answer.models {
                site::note_model(transaction, model, millis(now))?;
            }
            for version in &answer.versions {
                site::note_version(transaction, version, None, millis(now))?;
            }
            for (digest, of) in &matches {
                note_match(transaction, digest, of)?;
            }
            Ok(())
        })?;
        let absent = absent.iter().map(String::as_str);
        self.note_absent(Sought::Sha256, absent, now, life)?;
        Ok(matches.len())
    }

    /// Notes what headers say, of files that are still what they were when they were read.
    pub fn note_identities(
        &mut self,
        identified: &[(Unhashed, Identity)],
        now: SystemTime,
    ) -> Result<(), Error> {
        let root = self.root_number();
        self.write(|transaction| {
            let mut update = transaction.prepare_cached(
                "UPDATE file SET identified = ?3, format = ?4, model_type = ?5, base_model = ?6,
                family = ?7, confidence = ?8, evidence = ?9
                WHERE root = ?1 AND path = ?2 AND bytes = ?10 AND mtime_ns = ?11 AND inode = ?12",
            )?;
            for (file, identity) in identified {
                let evidence = serde_json::to_string(&identity.evidence)
                    .expect("a list of texts is always JSON");
                update.execute(params![
                    root,
                    file.path,
                    millis(now),
                    identity.format,
                    identity.model_type,
                    identity.base_model,
                    identity.family,
                    identity.confidence,
                    evidence,
                    file.stamp.bytes.cast_signed(),
                    file.stamp.mtime_ns,
                    file.stamp.inode.cast_signed(),
                ])?;
            }
            Ok(())
        })
    }
}

/// The version published first of each digest, in lower case; the ids are given in that order.
fn by_digest(matches: &[HashMatch]) -> HashMap<String, &HashMatch> {
    let mut first: HashMap<String, &HashMatch> = HashMap::new();
    for of in matches {
        first
            .entry(of.hash.to_ascii_lowercase())
            .and_modify(|known| {
                if of.version_id < known.version_id {
                    *known = of;
                }
            })
            .or_insert(of);
    }
    first
}

fn note_match(transaction: &Transaction<'_>, digest: &str, of: &HashMatch) -> Result<(), Fault> {
    let file: Option<u32> = transaction
        .prepare_cached("SELECT file FROM release WHERE version = ?1 AND sha256 = ?2 LIMIT 1")?
        .query_row(params![of.version_id.get(), digest], |row| row.get(0))
        .optional()?;
    transaction
        .prepare_cached(
            "UPDATE file SET model_id = ?2, version_id = ?3, file_id = ?4, matched_by = ?5,
            unproved = NULL WHERE sha256 = ?1 AND (version_id IS NULL OR matched_by = ?6)",
        )?
        .execute(params![
            digest,
            of.model_id.map(ModelId::get),
            of.version_id.get(),
            file,
            MatchedBy::Hash.as_str(),
            MatchedBy::Sidecar.as_str(),
        ])?;
    Ok(())
}
