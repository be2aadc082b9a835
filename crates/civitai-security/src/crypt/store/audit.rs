//! What was done with the keys, one JSON line a step, each with the digest of the line before it.
//!
//! The chain shows that lines were lost or changed by accident or by hand; it does not keep out who can write the file
//! and count.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Hold, KeyId, Store, StoreError, disk, hex};

/// A step that is about to be done.
#[derive(Clone, Copy, Debug)]
pub(in crate::crypt) enum Event {
    BackedUp,
    Created,
    Destroyed,
    Imported,
    PassphraseChanged,
    Restored,
    Revoked,
    Rewrapped,
    RotationBegun,
    RotationEnded,
}

impl Event {
    fn word(self) -> &'static str {
        match self {
            Self::BackedUp => "backed_up",
            Self::Created => "created",
            Self::Destroyed => "destroyed",
            Self::Imported => "imported",
            Self::PassphraseChanged => "passphrase_changed",
            Self::Restored => "restored",
            Self::Revoked => "revoked",
            Self::Rewrapped => "rewrapped",
            Self::RotationBegun => "rotation_begun",
            Self::RotationEnded => "rotation_ended",
        }
    }
}

/// One line of the audit.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Entry {
    /// Counts from 1 without gaps.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// What, in one word.
    pub event: String,
    /// The id of the key it was done with.
    pub key: String,
    /// The file it was done to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// SHA-256 of the line before this one, without its end; of nothing for the first.
    pub previous: String,
}

/// The first line that does not follow from the one before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Broken {
    /// Its number in the file, from 1.
    pub line: usize,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} does not follow from the one before", self.line)
    }
}

impl Store {
    /// Everything that was done with the keys, oldest first, and where the chain breaks, if it does.
    pub fn audit(&self) -> Result<(Vec<Entry>, Option<Broken>), StoreError> {
        let text = read(&self.audit_path())?;
        let mut entries = Vec::new();
        let mut end = End::default();
        let mut broken = None;
        for (line, number) in text.split_terminator('\n').zip(1..) {
            match serde_json::from_str::<Entry>(line) {
                Ok(entry) => {
                    if broken.is_none() && !end.leads_to(&entry) {
                        broken = Some(Broken { line: number });
                    }
                    end = End::of(line, entry.seq);
                    entries.push(entry);
                }
                Err(_) => broken = broken.or(Some(Broken { line: number })),
            }
        }
        Ok((entries, broken))
    }

    pub(in crate::crypt) fn log(
        &self,
        _hold: &Hold,
        event: Event,
        key: KeyId,
        file: Option<&Path>,
    ) -> Result<(), StoreError> {
        let path = self.audit_path();
        let end = End::read(&path)?;
        let entry = Entry {
            seq: end.seq + 1,
            time: Timestamp::now(),
            event: event.word().to_owned(),
            key: key.to_string(),
            path: file.map(|file| file.to_string_lossy().into_owned()),
            previous: end.digest,
        };
        let mut line = serde_json::to_string(&entry)
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        line.push('\n');
        Ok(disk::append(&path, &line)?)
    }

    fn audit_path(&self) -> PathBuf {
        self.directory.join("audit.jsonl")
    }
}

/// Where the chain is.
struct End {
    seq: u64,
    digest: String,
}

impl Default for End {
    fn default() -> Self {
        Self::of("", 0)
    }
}

impl End {
    fn of(line: &str, seq: u64) -> Self {
        let digest = digest::digest(&digest::SHA256, line.as_bytes());
        Self {
            seq,
            digest: hex::text(digest.as_ref()),
        }
    }

    /// The last whole line of a file. One that is not ours is counted from, too: the break shows in it.
    fn read(path: &Path) -> Result<Self, StoreError> {
        let Some(line) = disk::last_line(path)? else {
            return Ok(Self::default());
        };
        let seq = serde_json::from_str::<Entry>(&line).map_or(0, |entry| entry.seq);
        Ok(Self::of(&line, seq))
    }

    fn leads_to(&self, entry: &Entry) -> bool {
        entry.seq == self.seq + 1 && entry.previous == self.digest
    }
}

fn read(path: &Path) -> Result<String, StoreError> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error.into()),
    }
}
