//! `civitai.lock`: which files a project's wishes have led to, exactly.
//!
//! One block a file, sorted by path, so that changes to different files merge by themselves. Nothing in it depends on when
//! or where it was made: the same wishes and the same answers give the same bytes. `docs/manifest.md` describes every key.

pub mod export;
mod read;
mod write;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use civitai_api::file::{FileFormat, FileType};
use civitai_api::link::Target;
use civitai_api::{BaseModel, FileId, Link, ModelId, ModelType, Timestamp, VersionId};
use civitai_download::digest::Digest;
use url::Url;

use crate::document::{ReadError, load};
use crate::licence::{EarlyUntil, Facts, Licence};
use crate::manifest::{Manifest, Want};
use crate::path::LibraryPath;

/// Name of the lock.
pub const LOCK: &str = "civitai.lock";

/// The files that a project's wishes have led to, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    files: Vec<Locked>,
}

/// One file that is wanted, exactly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// Where it belongs in the library.
    pub path: LibraryPath,
    /// The wish that led to it, with the layout that the project sets.
    pub wanted: Want,
    /// The model; absent where the site does not tell.
    pub model: Option<ModelId>,
    /// The version.
    pub version: VersionId,
    /// The file.
    pub file: FileId,
    /// The name the site gives it.
    pub name: String,
    /// Its size as far as the site tells; the digests decide.
    pub bytes: Option<u64>,
    /// Its SHA-256; absent only where the site promises none and that was accepted.
    pub sha256: Option<Digest<32>>,
    /// Its BLAKE3, where the site tells it.
    pub blake3: Option<Digest<32>>,
    /// What the site says of it, for people and for the policy.
    pub about: About,
}

/// What the site said of a file when it was locked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The type of the model.
    pub model_type: Option<ModelType>,
    /// What it runs on.
    pub base: Option<BaseModel>,
    /// The model's title.
    pub title: Option<String>,
    /// The version's name.
    pub version_name: Option<String>,
    /// Who published it.
    pub creator: Option<String>,
    /// The role of the file in its version.
    pub role: Option<FileType>,
    /// How its tensors are stored.
    pub format: Option<FileFormat>,
    /// Whether it depicts a real person.
    pub real_person: bool,
    /// Until when it had to be bought, if it had to.
    pub early_access: Option<EarlyUntil>,
    /// What its creator permits.
    pub licence: Licence,
}

/// How a lock falls short of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Wishes for which nothing is locked.
    pub missing: Vec<Want>,
    /// Files that nobody wishes for any more.
    pub unwanted: Vec<LibraryPath>,
}

impl Lock {
    /// A lock of these files.
    ///
    /// # Errors
    /// Two of them belong at paths that some file system takes for one: the latter is returned.
    pub fn new(mut files: Vec<Locked>) -> Result<Self, Box<Locked>> {
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let mut taken = HashMap::new();
        for (index, file) in files.iter().enumerate() {
            if taken.insert(file.path.collision_key(), index).is_some() {
                return Err(Box::new(files.swap_remove(index)));
            }
        }
        Ok(Self { files })
    }

    /// Reads a lock; `None` if there is no such file.
    pub fn read(path: &Path) -> Result<Option<Self>, ReadError> {
        let Some(text) = load(path)? else {
            return Ok(None);
        };
        Ok(Some(read::lock(path, &text)?))
    }

    /// Returns the files, sorted by path.
    pub fn files(&self) -> &[Locked] {
        &self.files
    }

    /// Returns the file that a wish has led to.
    pub fn of(&self, want: &Want) -> Option<&Locked> {
        self.files.iter().find(|file| file.wanted == *want)
    }

    /// Compares with what is wanted.
    pub fn drift(&self, manifest: &Manifest) -> Drift {
        let mut unwanted: HashMap<&Want, &LibraryPath> = HashMap::new();
        for file in &self.files {
            unwanted.insert(&file.wanted, &file.path);
        }
        let locked: HashSet<&Want> = unwanted.keys().copied().collect();
        let mut missing = Vec::new();
        for want in manifest.wanted() {
            unwanted.remove(&want);
            if !locked.contains(&want) && !missing.contains(&want) {
                missing.push(want);
            }
        }
        let mut unwanted: Vec<_> = unwanted.into_values().cloned().collect();
        unwanted.sort();
        Drift { missing, unwanted }
    }
}

impl Drift {
    /// Says whether the lock is what the manifest wants.
    pub fn is_none(&self) -> bool {
        self.missing.is_empty() && self.unwanted.is_empty()
    }
}

impl Locked {
    /// Returns what a policy looks at.
    pub fn facts(&self) -> Facts {
        Facts {
            licence: self.about.licence.clone(),
            real_person: self.about.real_person,
            pickle: self.about.format == Some(FileFormat::PickleTensor),
            gate: self.about.early_access,
        }
    }

    /// Returns what a policy looks at when the gate of old no longer counts: the site decides about the download.
    pub fn facts_now(&self) -> Facts {
        let now = Timestamp::from(jiff::Timestamp::now());
        let is_over = |gate: &EarlyUntil| gate.0.is_some_and(|end| end <= now);
        let facts = self.facts();
        Facts {
            gate: facts.gate.filter(|gate| !is_over(gate)),
            ..facts
        }
    }

    /// Says whether a text that somebody wrote means this file: its path, its link, or what the text as a link names on the
    /// site at `origin`.
    pub fn is_meant_by(&self, text: &str, origin: &Url) -> bool {
        if text == self.path.as_str() || text == self.wanted.link {
            return true;
        }
        let parse = |link: &str| Link::parse_with(link, Some(origin));
        let Ok(link) = parse(text) else {
            return false;
        };
        if parse(&self.wanted.link).is_ok_and(|wanted| wanted.target() == link.target()) {
            return true;
        }
        match link.target() {
            Target::Number(id) | Target::Model(id) => self.model == Some(*id),
            Target::Version { version, .. } => self.version == *version,
            Target::File { file: id, .. } => self.file == *id,
            Target::Hash(key) => self
                .sha256
                .is_some_and(|digest| digest.to_upper_hex().starts_with(key.as_str())),
            _ => false,
        }
    }

    /// Returns the name of the file of the site across runs and machines.
    pub fn identity(&self) -> String {
        crate::find::identity(self.version, self.file)
    }

    /// Returns what names the content: its digest, or the file of the site where no digest is promised.
    pub(crate) fn content(&self) -> String {
        let digest = self.sha256.or(self.blake3);
        digest.map_or_else(|| self.identity(), |digest| digest.to_string())
    }
}

#[cfg(test)]
mod tests;
