//! Which content has which name within a run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use civitai_security::FileName;

use crate::find::Wanted;

/// The names that files of a run have taken.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<HashMap<(PathBuf, String), String>>);

/// Whose a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    Ours,
    /// The same content has it already.
    Twice,
    Taken,
}

impl Names {
    pub(super) fn claim(&self, wanted: &Wanted, name: &FileName) -> Claim {
        let mut names = self.lock();
        let key = key(&wanted.directory, name);
        match names.get(&key) {
            Some(identity) if *identity == wanted.identity => Claim::Twice,
            Some(_) => Claim::Taken,
            None => {
                names.insert(key, wanted.identity.clone());
                Claim::Ours
            }
        }
    }

    pub(super) fn release(&self, wanted: &Wanted, name: &FileName) {
        self.lock().remove(&key(&wanted.directory, name));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(PathBuf, String), String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(directory: &Path, name: &FileName) -> (PathBuf, String) {
    (directory.to_owned(), name.collision_key())
}
