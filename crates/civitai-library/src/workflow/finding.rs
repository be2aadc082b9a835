//! What came of looking for a model that a file names.

use std::collections::HashSet;

use civitai_api::{FileId, ModelId, VersionId};
use serde_json::{Map, Value, json};

use super::reference::Reference;
use super::score;
use crate::lock::Lock;

/// Whether a model that a file names is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Several models may be meant, and nothing decides between them.
    Ambiguous,
    /// It is not on disk. If the site was asked, the first candidate is what to fetch.
    Missing,
    /// It is on disk; the first candidate says where.
    Present,
    /// It is not on disk, and the site does not know it either.
    Unknown,
}

impl Status {
    /// Returns the status in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::Missing => "missing",
            Self::Present => "present",
            Self::Unknown => "unknown",
        }
    }
}

/// A model that may be the one meant.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The file, if it is on disk: its path below the root of the library.
    pub path: Option<String>,
    /// The model on the site, if that is known.
    pub model: Option<ModelId>,
    /// The version on the site, if that is known.
    pub version: Option<VersionId>,
    /// The file of the version that is meant, if it is not the one that the site serves by itself.
    pub file: Option<FileId>,
    /// What the site calls it.
    pub title: Option<String>,
    /// How sure it is that this is the one, from 0 to 1.
    pub score: f64,
}

impl Candidate {
    /// Whether a project has it, wherever that wants it to stand.
    pub fn is_in(&self, lock: &Lock) -> bool {
        lock.files().iter().any(|file| {
            self.version == Some(file.version) && self.file.is_none_or(|wanted| wanted == file.file)
        })
    }

    /// A link to it, and to the very file where it is not the one that the site serves by itself; none for what only the
    /// library has.
    pub fn link(&self) -> Option<String> {
        let version = self.version?;
        Some(match (self.model, self.file) {
            (Some(model), Some(file)) => {
                format!("urn:air:other:unknown:civitai:{model}@{version}+{file}")
            }
            (Some(model), None) => format!("{model}@{version}"),
            (None, _) => format!("version:{version}"),
        })
    }

    fn to_json(&self) -> Value {
        json!({
            "modelId": self.model,
            "versionId": self.version,
            "fileId": self.file,
            "title": self.title,
            "path": self.path,
            "score": (self.score * 1000.0).round() / 1000.0,
        })
    }
}

/// A reference, and what came of looking for it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// What the file names.
    pub reference: Reference,
    /// Whether it is there.
    pub status: Status,
    /// What may be meant, the likeliest first; at most five.
    pub candidates: Vec<Candidate>,
}

impl Finding {
    /// Returns the candidate that is sure enough to act on, if the site has it.
    pub fn choice(&self) -> Option<&Candidate> {
        let is_told = matches!(self.status, Status::Missing | Status::Present);
        let best = self.candidates.first().filter(|_| is_told)?;
        (best.score >= score::GOOD && best.version.is_some()).then_some(best)
    }

    /// What came of the reference, by the names of the JSON lines; scores to three places.
    pub fn to_json(&self) -> Map<String, Value> {
        let Self {
            reference,
            status,
            candidates,
        } = self;
        let hash = reference
            .hash
            .as_ref()
            .map(|hash| hash.as_str().to_ascii_lowercase());
        let candidates: Vec<Value> = candidates.iter().map(Candidate::to_json).collect();
        let line = json!({
            "node": reference.node,
            "kind": reference.kind.as_str(),
            "name": reference.name,
            "hash": hash,
            "modelId": reference.model,
            "versionId": reference.version,
            "url": reference.url,
            "activity": reference.activity.as_str(),
            "status": status.as_str(),
            "candidates": candidates,
        });
        match line {
            Value::Object(line) => line,
            _ => unreachable!("it is written as an object"),
        }
    }

    /// Adds candidates and keeps the best.
    pub(super) fn suggest(&mut self, candidates: impl IntoIterator<Item = Candidate>) {
        self.candidates.extend(candidates);
        self.candidates
            .sort_by(|one, other| other.score.total_cmp(&one.score));
        let mut seen = HashSet::new();
        self.candidates
            .retain(|candidate| seen.insert((candidate.path.clone(), candidate.version)));
        self.candidates.truncate(MOST_CANDIDATES);
    }

    /// Says whether the first candidate is good, and better than all others by so much.
    pub(super) fn is_decided(&self, lead: f64) -> bool {
        let mut scores = self.candidates.iter().map(|candidate| candidate.score);
        match (scores.next(), scores.next()) {
            (Some(best), next) => {
                best >= score::GOOD && next.is_none_or(|next| best - next >= lead)
            }
            (None, _) => false,
        }
    }
}

const MOST_CANDIDATES: usize = 5;
