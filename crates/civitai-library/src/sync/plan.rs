//! The comparison of a lock with a library.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use civitai_download::digest::{DigestSet, Digests, hash_file};
use civitai_security::path::join_under;

use super::{Plan, Step, Sync, SyncError};
use crate::catalogue::{Catalogue, Placed, Stamp};
use crate::lock::Locked;
use crate::path::LibraryPath;

impl Sync<'_> {
    /// Compares the library with the lock. Files that nobody knows are hashed, of which `told` hears before; nothing is
    /// changed, and without a catalogue nothing is known. Blocks.
    pub fn plan(
        &self,
        catalogue: Option<&Catalogue>,
        told: &mut dyn FnMut(&LibraryPath),
    ) -> Result<Plan, SyncError> {
        let known = match catalogue {
            Some(catalogue) => catalogue.placed(self.project)?,
            None => Vec::new(),
        };
        let mut look = Look {
            sync: *self,
            catalogue,
            folders: HashMap::new(),
            told,
        };
        let by_path: HashMap<&str, &Placed> =
            known.iter().map(|one| (one.path.as_str(), one)).collect();
        let mut plan = Plan::default();
        for file in self.lock.files() {
            let known = by_path.get(file.path.as_str()).copied();
            match look.judge(file, known)? {
                Some(step) => plan.steps.push(step),
                None => plan.kept += 1,
            }
        }
        let wanted: HashSet<&str> = self
            .lock
            .files()
            .iter()
            .map(|file| file.path.as_str())
            .collect();
        let leaving = known
            .iter()
            .filter(|one| !wanted.contains(one.path.as_str()));
        look.take_leave(leaving.collect(), &mut plan)?;
        Ok(plan)
    }

    /// Returns where a file is.
    ///
    /// A library inside the project may have come with it from a stranger, so links in it must not lead out of it. One
    /// elsewhere is the user's own, and so are the links in it.
    pub fn absolute(&self, path: &LibraryPath) -> Result<PathBuf, SyncError> {
        let root = &self.library.root;
        if !root.starts_with(self.project) {
            return Ok(root.join(path));
        }
        join_under(root, path).map_err(|source| SyncError::Path {
            path: path.clone(),
            source,
        })
    }
}

struct Look<'a> {
    sync: Sync<'a>,
    catalogue: Option<&'a Catalogue>,
    /// Where the folders of the lock are: each is looked at once.
    folders: HashMap<String, PathBuf>,
    told: &'a mut dyn FnMut(&LibraryPath),
}

/// What is at a path.
enum There {
    Nothing,
    File(PathBuf, Stamp),
    /// No file, or something on the way to it that is no folder.
    Obstacle,
}

impl Look<'_> {
    /// What is to be done for a file of the lock; nothing if it is in its place.
    fn judge(&mut self, file: &Locked, known: Option<&Placed>) -> Result<Option<Step>, SyncError> {
        let (at, stamp) = match self.there(&file.path)? {
            There::Nothing => return Ok(Some(Step::Fetch { file: file.clone() })),
            There::Obstacle => return Ok(Some(Step::Blocked { file: file.clone() })),
            There::File(at, stamp) => (at, stamp),
        };
        let content = file.content();
        let is_known = known.is_some_and(|known| {
            known.content.as_ref() == Some(&content)
                && known.stamp.is_some_and(|before| before.is_same(&stamp))
        });
        if is_known {
            return Ok(None);
        }
        let file = file.clone();
        if civitai_download::is_unrecorded(&at)? {
            // It got its name, and a crash came before it was recorded: the transfer finds both, and asks for nothing.
            return Ok(Some(Step::Fetch { file }));
        }
        let is_ours = known.is_some_and(|known| !known.found && known.stamp.is_some());
        Ok(Some(if self.has(&file, &at, &stamp)? {
            let is_meant = known.is_some_and(|known| known.meant.as_ref() == Some(&content));
            Step::Adopt {
                file,
                stamp,
                found: !is_ours && !is_meant,
            }
        } else if is_ours {
            Step::Replace { file }
        } else {
            Step::Blocked { file }
        }))
    }

    /// Plans what becomes of the paths that the lock does not name any more.
    fn take_leave(&mut self, leaving: Vec<&Placed>, plan: &mut Plan) -> Result<(), SyncError> {
        let others = match self.catalogue {
            Some(catalogue) if !leaving.is_empty() => {
                catalogue.placed_by_others(self.sync.project)?
            }
            _ => HashSet::new(),
        };
        for one in leaving {
            let path = LibraryPath::parse(&one.path).ok();
            let Some(path) = path.filter(|_| !others.contains(&one.path) && !one.found) else {
                plan.forgotten.push(one.path.clone());
                continue;
            };
            let There::File(at, stamp) = self.there(&path)? else {
                plan.forgotten.push(one.path.clone());
                continue;
            };
            let is_as_placed = one.stamp.is_some_and(|before| before.is_same(&stamp));
            let is_left_over = one.stamp.is_none() && {
                (self.told)(&path);
                let digests = hash_file(&at, DigestSet::SHA256 | DigestSet::BLAKE3)?;
                one.meant
                    .as_ref()
                    .is_some_and(|meant| is_named(&digests, meant))
            };
            if one.stamp.is_none() && !is_left_over {
                plan.forgotten.push(one.path.clone());
                continue;
            }
            let destination = plan.steps.iter_mut().find(|step| match step {
                Step::Fetch { file } => {
                    is_as_placed && one.content.as_ref() == Some(&file.content())
                }
                _ => false,
            });
            match destination {
                Some(step) => {
                    if let Step::Fetch { file } = step {
                        let file = file.clone();
                        *step = Step::Move { from: path, file };
                    }
                }
                None => plan.steps.push(Step::Trash { path }),
            }
        }
        Ok(())
    }

    fn there(&mut self, path: &LibraryPath) -> Result<There, SyncError> {
        let folder = path.folder();
        if !self.folders.contains_key(folder) {
            let at = match LibraryPath::parse(folder) {
                Ok(folder) => self.sync.absolute(&folder)?,
                Err(_) => self.sync.library.root.clone(),
            };
            self.folders.insert(folder.to_owned(), at);
        }
        let at = self.folders[folder].join(path.name());
        let mut metadata = fs_err::symlink_metadata(&at);
        if metadata.as_ref().is_ok_and(std::fs::Metadata::is_symlink) {
            self.sync.absolute(path)?;
            metadata = fs_err::metadata(&at);
            if metadata.is_err() {
                return Ok(There::Obstacle);
            }
        }
        match metadata {
            Ok(metadata) if metadata.is_file() => Ok(There::File(at, Stamp::of(&metadata))),
            Ok(_) => Ok(There::Obstacle),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => Ok(There::Nothing),
                io::ErrorKind::NotADirectory => Ok(There::Obstacle),
                _ => Err(error.into()),
            },
        }
    }

    /// Says whether a file has the content of the lock, by what a scan has noted or else by reading it.
    fn has(&mut self, file: &Locked, at: &Path, stamp: &Stamp) -> Result<bool, SyncError> {
        if file.sha256.is_none() && file.blake3.is_none() {
            return Ok(false);
        }
        let entry = match self.catalogue {
            Some(catalogue) => catalogue.entry(file.path.as_str())?,
            None => None,
        };
        let noted = entry
            .filter(|entry| entry.stamp.is_same(stamp))
            .and_then(|entry| entry.digests)
            .filter(|digests| digests.sha256.is_some() && digests.blake3.is_some());
        let digests = if let Some(digests) = noted {
            digests
        } else {
            (self.told)(&file.path);
            hash_file(at, DigestSet::SHA256 | DigestSet::BLAKE3)?
        };
        let sha256 = file.sha256.is_none() || file.sha256 == digests.sha256;
        let blake3 = file.blake3.is_none() || file.blake3 == digests.blake3;
        Ok(sha256 && blake3)
    }
}

/// Says whether digests are those that name a content.
fn is_named(digests: &Digests, content: &str) -> bool {
    let named = |digest: Option<civitai_download::digest::Digest<32>>| {
        digest.is_some_and(|digest| digest.to_string() == content)
    };
    named(digests.sha256) || named(digests.blake3)
}
