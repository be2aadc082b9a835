//! The key store: what it keeps, who may read it, and what opens what.

mod backup;
mod pairs;
mod rotate;
mod store;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use civitai_security::Secret;
use civitai_security::crypt::KeyId;
use civitai_security::crypt::store::{Ask, Cost, Store, Vault};
use tempfile::TempDir;

/// A store in a folder of its own, with passphrases that cost next to nothing.
pub(crate) struct Home {
    folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self { folder }
    }

    pub(crate) fn keys(&self) -> std::path::PathBuf {
        self.folder.path().join("keys")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.keys())
            .expect("the store opens")
            .with_cost(CHEAP)
    }
}

pub(crate) const CHEAP: Cost = Cost {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

/// Answers every question with one passphrase, once.
pub(crate) fn says(text: &str) -> impl FnMut(&Ask) -> Option<Secret> + '_ {
    move |ask| (ask.attempt == 0).then(|| secret(text))
}

/// Nobody is there to ask.
pub(crate) fn nobody(_: &Ask) -> Option<Secret> {
    None
}

/// A keyring in memory.
#[derive(Debug, Default)]
pub(crate) struct Ring(Mutex<BTreeMap<KeyId, String>>);

impl Ring {
    pub(crate) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Vault for Ring {
    fn read(&self, id: KeyId) -> Option<Secret> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&id).cloned().map(Secret::new)
    }

    fn write(&self, id: KeyId, secret: &Secret) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(id, secret.expose().to_owned());
        true
    }

    fn delete(&self, id: KeyId) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&id).is_some()
    }
}
