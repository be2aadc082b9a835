//! What the site said over time. Only what says something new is kept, and nothing is ever overwritten: what was known
//! of a model that the site has deleted is here.

use std::io::{self, Read as _, Write as _};
use std::time::SystemTime;

use civitai_api::{ModelId, VersionId};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde_json::Value;

use super::{Catalogue, Error, Fault, time};

/// What a snapshot is of.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Subject {
    /// A model with its versions.
    Model(ModelId),
    /// A version that was asked for alone.
    Version(VersionId),
}

impl Subject {
    /// The id, of whichever kind.
    pub fn id(self) -> u32 {
        match self {
            Self::Model(id) => id.get(),
            Self::Version(id) => id.get(),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Model(_) => "model",
            Self::Version(_) => "version",
        }
    }
}

/// What the site said of something at some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// When it said so first.
    pub taken: SystemTime,
    /// The answer as it came; none when the site did not have it any more.
    pub body: Option<Value>,
}

impl Catalogue {
    /// Everything that was said of a model or a version, the oldest first.
    pub fn snapshots(&self, subject: Subject) -> Result<Vec<Snapshot>, Error> {
        self.read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT taken, body FROM snapshot WHERE subject = ?1 AND id = ?2
                ORDER BY taken, number",
            )?;
            let rows = select.query_map(params![subject.word(), subject.id()], |row| {
                let body: Option<Vec<u8>> = row.get(1)?;
                let body = body.map(|body| inflate(&body)).transpose();
                let body = body.map_err(|error| {
                    rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, error.into())
                })?;
                let taken = time(row.get(0)?);
                Ok(Snapshot { taken, body })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The last answer there was, however long the site has not had it any more.
    pub fn last_known(&self, subject: Subject) -> Result<Option<Value>, Error> {
        let mut snapshots = self.snapshots(subject)?;
        Ok(std::iter::from_fn(|| snapshots.pop()).find_map(|snapshot| snapshot.body))
    }
}

/// Keeps an answer, if it says something else than the last one.
pub(super) fn note(
    transaction: &Transaction<'_>,
    subject: Subject,
    body: &Value,
    now: i64,
) -> Result<(), Fault> {
    let digest = digest(body);
    if last(transaction, subject)?.is_some_and(|last| last == digest) {
        return Ok(());
    }
    let deflated = deflate(body)?;
    insert(transaction, subject, now, Some((&digest, &deflated)))
}

/// Notes that there is no answer any more, if that is new.
pub(super) fn note_gone(
    transaction: &Transaction<'_>,
    subject: Subject,
    now: i64,
) -> Result<(), Fault> {
    if last(transaction, subject)?.is_some_and(|last| last.is_empty()) {
        return Ok(());
    }
    insert(transaction, subject, now, None)
}

/// The digest of the last snapshot, which is empty when it says that there is nothing.
fn last(transaction: &Transaction<'_>, subject: Subject) -> Result<Option<String>, Fault> {
    let mut select = transaction.prepare_cached(
        "SELECT ifnull(digest, '') FROM snapshot WHERE subject = ?1 AND id = ?2 
        ORDER BY taken DESC, number DESC LIMIT 1",
    )?;
    let last = select.query_row(params![subject.word(), subject.id()], |row| row.get(0));
    Ok(last.optional()?)
}

fn insert(
    transaction: &Transaction<'_>,
    subject: Subject,
    now: i64,
    body: Option<(&str, &[u8])>,
) -> Result<(), Fault> {
    transaction
        .prepare_cached(
            "INSERT INTO snapshot (subject, id, taken, digest, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            subject.word(),
            subject.id(),
            now,
            body.map(|(digest, _)| digest),
            body.map(|(_, deflated)| deflated),
        ])?;
    Ok(())
}

/// The digest of what an answer says. Counters change with every download and say nothing of the model.
fn digest(body: &Value) -> String {
    let mut said = body.clone();
    drop_counters(&mut said);
    blake3::hash(said.to_string().as_bytes())
        .to_hex()
        .to_string()
}

fn drop_counters(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.shift_remove("stats");
            fields.values_mut().for_each(drop_counters);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_counters),
        _ => {}
    }
}

fn deflate(body: &Value) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body.to_string().as_bytes())?;
    encoder.finish()
}

fn inflate(deflated: &[u8]) -> io::Result<Value> {
    let mut text = String::new();
    DeflateDecoder::new(deflated)
        .take(LARGEST_BYTES)
        .read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

/// No answer of the site is larger; a database from somebody else might hold a bomb.
const LARGEST_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_survives_being_kept_and_counters_do_not_make_it_new() {
        let body =
            json!({ "id": 1, "stats": { "downloadCount": 7 }, "versions": [{ "stats": {} }] });
        let kept = inflate(&deflate(&body).expect("deflated")).expect("inflated");
        assert_eq!(kept, body);
        let later = json!({ "id": 1, "stats": { "downloadCount": 8 }, "versions": [{}] });
        assert_eq!(digest(&body), digest(&later));
        assert_ne!(digest(&body), digest(&json!({ "id": 2, "versions": [{}] })));
    }
}
