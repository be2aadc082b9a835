//! What is on disk, looked up by version, digest and name.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use civitai_api::{HashKey, HashKind, ModelId, ModelType, VersionId};
use civitai_download::digest::Digests;
use walkdir::WalkDir;

use super::finding::{Candidate, Finding, Status};
use super::kind::Kind;
use super::reference::Reference;
use super::{name, score};
use crate::catalogue::Entry;

/// A file on disk.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Held {
    /// Its path below the root of the library, with `/`.
    pub path: String,
    /// What it was hashed to, as far as it was.
    pub digests: Option<Digests>,
    /// The model it is of, if that is known.
    pub model: Option<ModelId>,
    /// The version it is of, if that is known.
    pub version: Option<VersionId>,
    /// What it is.
    pub model_type: Option<ModelType>,
}

/// What is on disk.
#[derive(Debug, Default)]
pub struct Shelf {
    held: Vec<Held>,
    by_version: HashMap<VersionId, Vec<usize>>,
    /// By the first digits of a digest, which is enough to find the few that are to be compared.
    by_digest: HashMap<String, Vec<usize>>,
    by_word: HashMap<String, Vec<usize>>,
}

impl Shelf {
    /// Takes in what a catalogue knows to be there.
    pub fn of_entries(entries: Vec<Entry>) -> Self {
        let mut shelf = Self::default();
        for entry in entries.into_iter().filter(|entry| entry.missing.is_none()) {
            let origin = entry.matched.map(|matched| matched.origin);
            shelf.add(Held {
                model: origin.and_then(|origin| origin.model),
                version: origin.map(|origin| origin.version),
                model_type: entry.model_type().and_then(|kind| kind.parse().ok()),
                path: entry.path,
                digests: entry.digests,
            });
        }
        shelf
    }

    /// Takes in the names of model files below `root` that are not known yet, so that a library that was never scanned
    /// is found by name at least. Folders that cannot be read are passed over, hidden ones are not part of a library.
    pub fn add_folder(&mut self, root: &Path) {
        let known: HashSet<String> = self.held.iter().map(|held| held.path.clone()).collect();
        let is_shown = |entry: &walkdir::DirEntry| {
            entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
        };
        let files = WalkDir::new(root)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(is_shown)
            .flatten();
        let paths = files
            .take(MOST_FILES)
            .filter(|entry| !entry.file_type().is_dir())
            .filter_map(|entry| {
                let path = entry.path().strip_prefix(root).ok()?;
                let parts: Option<Vec<&str>> = path
                    .components()
                    .map(|part| part.as_os_str().to_str())
                    .collect();
                Some(parts?.join("/"))
            });
        let new: Vec<String> = paths
            .filter(|path| name::is_file(path) && !known.contains(path))
            .collect();
        for path in new {
            self.add(Held {
                path,
                ..Held::default()
            });
        }
    }

    /// Takes in a file.
    pub fn add(&mut self, held: Held) {
        let at = self.held.len();
        if let Some(version) = held.version {
            self.by_version.entry(version).or_default().push(at);
        }
        for digest in held.digests.iter().flat_map(hex) {
            let start = digest.1.chars().take(SHORTEST_DIGEST).collect();
            self.by_digest.entry(start).or_default().push(at);
        }
        for word in words(&held.path) {
            self.by_word.entry(word).or_default().push(at);
        }
        self.held.push(held);
    }

    /// Looks for a model: by its version, then by its digest, then by its name.
    pub fn find(&self, reference: Reference) -> Finding {
        let mut candidates = self.by_identity(&reference);
        if candidates.is_empty() {
            candidates = self.by_name(&reference);
        }
        let mut finding = Finding {
            reference,
            status: Status::Missing,
            candidates: Vec::new(),
        };
        let copies = self.is_one_content(&candidates);
        finding.suggest(candidates);
        let best = finding
            .candidates
            .first()
            .map_or(0.0, |candidate| candidate.score);
        if best >= score::GOOD {
            finding.status = if copies || finding.is_decided(0.02) {
                Status::Present
            } else {
                Status::Ambiguous
            };
        }
        finding
    }

    fn by_identity(&self, reference: &Reference) -> Vec<Candidate> {
        let version = reference
            .version
            .and_then(|version| self.by_version.get(&version));
        let mut found: Vec<_> = version
            .into_iter()
            .flatten()
            .map(|at| self.candidate(*at, 1.0))
            .collect();
        if let (true, Some(key)) = (found.is_empty(), &reference.hash) {
            let mut starts = vec![start_of(key)];
            // A CRC-32 is written in either byte order.
            if key.as_str().len() == SHORTEST_DIGEST {
                let digits = key.as_str().as_bytes();
                let reversed = digits
                    .chunks(2)
                    .rev()
                    .flatten()
                    .map(|digit| char::from(*digit));
                starts.push(reversed.collect());
            }
            let near = starts
                .iter()
                .filter_map(|start| self.by_digest.get(start))
                .flatten();
            let same: HashSet<usize> = near
                .copied()
                .filter(|at| self.compare(key, *at) == Some(true))
                .collect();
            let mut same: Vec<usize> = same.into_iter().collect();
            same.sort_unstable();
            for at in same {
                let by_name = reference
                    .name
                    .as_deref()
                    .map_or(0.0, |name| score::of_path(name, &self.held[at].path));
                // A short digest needs a second witness.
                let score = if key.is_conclusive() {
                    1.0
                } else {
                    0.8_f64.max(by_name)
                };
                found.push(self.candidate(at, score));
            }
        }
        found
    }

    fn by_name(&self, reference: &Reference) -> Vec<Candidate> {
        let Some(written) = reference
            .name
            .as_deref()
            .filter(|name| !name::is_placeholder(name))
        else {
            return Vec::new();
        };
        let near: HashSet<usize> = words(written)
            .iter()
            .filter_map(|word| self.by_word.get(word))
            .flatten()
            .copied()
            .collect();
        let mut found = Vec::new();
        for at in near {
            let held = &self.held[at];
            let mut score = score::of_path(written, &held.path);
            let is_other_kind = held
                .model_type
                .as_ref()
                .is_some_and(|kind| !suits(reference.kind, kind));
            if is_other_kind {
                score *= 0.9;
            }
            let is_other = reference
                .hash
                .as_ref()
                .and_then(|key| self.compare(key, at))
                == Some(false)
                || (reference.version.is_some() && held.version.is_some());
            if is_other {
                score *= 0.5;
            }
            if score >= LEAST {
                found.push(self.candidate(at, score));
            }
        }
        found.sort_by(|one, other| {
            other
                .score
                .total_cmp(&one.score)
                .then_with(|| one.path.cmp(&other.path))
        });
        found
    }

    fn candidate(&self, at: usize, score: f64) -> Candidate {
        let held = &self.held[at];
        Candidate {
            path: Some(held.path.clone()),
            model: held.model,
            version: held.version,
            file: None,
            title: None,
            score,
        }
    }

    /// Says whether a digest is that of a file; `None` if what the file was hashed to cannot tell.
    fn compare(&self, key: &HashKey, at: usize) -> Option<bool> {
        let digests = self.held[at].digests.as_ref()?;
        let mut comparable = None;
        for (kind, theirs) in hex(digests) {
            let ours = key.as_str();
            // Ten digits can be cut from either of two digests, depending on the tool.
            let is_cut = ours.len() == 10 && matches!(kind, HashKind::Sha256 | HashKind::AutoV3);
            if is_cut && theirs.starts_with(ours)
                || key.kinds().contains(&kind) && kind.is_same(ours, &theirs)
            {
                return Some(true);
            }
            if is_cut || key.kinds().contains(&kind) {
                comparable = Some(false);
            }
        }
        comparable
    }

    /// Says whether good candidates are copies of one content.
    fn is_one_content(&self, candidates: &[Candidate]) -> bool {
        let good = candidates
            .iter()
            .filter(|candidate| candidate.score >= score::GOOD);
        let contents: HashSet<_> = good
            .map(|candidate| {
                let held = self
                    .held
                    .iter()
                    .find(|held| Some(&held.path) == candidate.path.as_ref());
                held.and_then(|held| held.digests.as_ref()?.sha256)
            })
            .collect();
        contents.len() == 1 && !contents.contains(&None)
    }
}

/// Returns the digests that can be written in a file, in upper case.
fn hex(digests: &Digests) -> Vec<(HashKind, String)> {
    let all = [
        (
            HashKind::Sha256,
            digests.sha256.map(|digest| digest.to_upper_hex()),
        ),
        (
            HashKind::Blake3,
            digests.blake3.map(|digest| digest.to_upper_hex()),
        ),
        (
            HashKind::AutoV3,
            digests.auto_v3.map(|digest| digest.to_upper_hex()),
        ),
        (
            HashKind::AutoV1,
            digests.auto_v1.map(|digest| digest.to_upper_hex()),
        ),
        (
            HashKind::Crc32,
            digests.crc32.map(|digest| digest.to_upper_hex()),
        ),
    ];
    all.into_iter()
        .filter_map(|(kind, hex)| Some((kind, hex?)))
        .collect()
}

fn start_of(key: &HashKey) -> String {
    key.as_str().chars().take(SHORTEST_DIGEST).collect()
}

/// Says whether a model of a type can be used as something. A type that this program or the site does not know can.
fn suits(kind: Kind, model_type: &ModelType) -> bool {
    let types = kind.model_types();
    types.is_empty() || types.contains(model_type) || matches!(model_type, ModelType::Other(_))
}

/// Returns the parts by which alike names are found: words, and the whole without what separates words.
fn words(path: &str) -> HashSet<String> {
    let stem = name::key(&path.replace('\\', "/"));
    let mut words: HashSet<String> = stem
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() >= SHORTEST_WORD)
        .map(str::to_owned)
        .collect();
    words.insert(stem.chars().filter(|c| c.is_alphanumeric()).collect());
    words
}

const MOST_FILES: usize = 1_000_000;
const SHORTEST_DIGEST: usize = 8;
const SHORTEST_WORD: usize = 3;
/// What is less alike is no suggestion.
const LEAST: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    fn held(path: &str) -> Held {
        Held {
            path: path.into(),
            ..Held::default()
        }
    }

    fn hashed(path: &str, sha256: &str) -> Held {
        let mut digests = Digests::default();
        digests.sha256 = sha256.parse().ok();
        Held {
            digests: Some(digests),
            ..held(path)
        }
    }

    fn shelf(all: impl IntoIterator<Item = Held>) -> Shelf {
        let mut shelf = Shelf::default();
        for held in all {
            shelf.add(held);
        }
        shelf
    }

    const ONE: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const TWO: &str = "2222222222222222222222222222222222222222222222222222222222222222";

    #[test]
    fn a_digest_counts_more_than_a_name() {
        let shelf = shelf([
            hashed("loras/x.safetensors", ONE),
            hashed("loras/renamed.safetensors", TWO),
        ]);
        let found = shelf.find(Reference::named("x", Kind::Lora).with_hash(&TWO[..10]));
        assert_eq!(found.status, Status::Present);
        assert_eq!(
            found.candidates[0].path.as_deref(),
            Some("loras/renamed.safetensors")
        );
        let found = shelf.find(Reference::named("x", Kind::Lora).with_hash("3333333333"));
        assert_eq!(found.status, Status::Missing);
        assert!(
            found
                .candidates
                .iter()
                .all(|candidate| candidate.score < 0.6)
        );
    }

    #[test]
    fn a_name_in_two_folders_is_ambiguous_unless_they_are_copies() {
        let two = shelf([held("a/x.safetensors"), held("b/x.safetensors")]);
        assert_eq!(
            two.find(Reference::named("x.safetensors", Kind::Lora))
                .status,
            Status::Ambiguous
        );
        let found = two.find(Reference::named("b\\x.safetensors", Kind::Lora));
        assert_eq!(found.status, Status::Present);
        assert_eq!(found.candidates[0].path.as_deref(), Some("b/x.safetensors"));
        let copies = shelf([
            hashed("a/x.safetensors", ONE),
            hashed("b/x.safetensors", ONE),
        ]);
        assert_eq!(
            copies
                .find(Reference::named("x.safetensors", Kind::Lora))
                .status,
            Status::Present
        );
    }

    #[test]
    fn what_is_only_alike_is_missing_with_a_suggestion() {
        let shelf = shelf([
            held("checkpoints/dreamshaper_8.safetensors"),
            held("vae/other.pt"),
        ]);
        let found = shelf.find(Reference::named(
            "dreamshaper_7.safetensors",
            Kind::Checkpoint,
        ));
        assert_eq!(found.status, Status::Missing);
        assert_eq!(found.candidates.len(), 1);
    }

    #[test]
    fn a_version_is_found_by_its_number() {
        let version = VersionId::new(7);
        let shelf = shelf([Held {
            version,
            ..held("loras/whatever.safetensors")
        }]);
        let reference = Reference {
            version,
            ..Reference::default()
        };
        assert_eq!(shelf.find(reference).status, Status::Present);
    }
}
