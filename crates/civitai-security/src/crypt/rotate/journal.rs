//! What a rotation has set out to do.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Root;
use crate::crypt::KeyId;
use crate::crypt::store::{Store, StoreError, read_beside, remove_file, replace_file};

/// Which keys go to which, and in what files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Journal {
    pub(super) from: Vec<KeyId>,
    pub(super) to: KeyId,
    pub(super) roots: Vec<Root>,
    pub(super) begun: Timestamp,
}

/// The same in the file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    from: Vec<String>,
    to: String,
    roots: Vec<Root>,
    begun: Timestamp,
}

impl Journal {
    /// The journal of the rotation that is not finished, if there is one.
    pub(super) fn read(store: &Store) -> Result<Option<Self>, StoreError> {
        let path = path(store);
        let damaged = || StoreError::Damaged { path: path.clone() };
        let Some(bytes) = read_beside(&path)? else {
            return Ok(None);
        };
        let written: Written = serde_json::from_slice(&bytes).map_err(|_| damaged())?;
        if written.version != VERSION {
            let version = written.version;
            return Err(StoreError::FutureVersion { path, version });
        }
        let id = |text: &String| text.parse::<KeyId>().map_err(|_| damaged());
        Ok(Some(Self {
            from: written.from.iter().map(id).collect::<Result<_, _>>()?,
            to: id(&written.to)?,
            roots: written.roots,
            begun: written.begun,
        }))
    }

    pub(super) fn write(&self, store: &Store) -> Result<(), StoreError> {
        let written = Written {
            version: VERSION,
            from: self.from.iter().map(ToString::to_string).collect(),
            to: self.to.to_string(),
            roots: self.roots.clone(),
            begun: self.begun,
        };
        // A path that is no Unicode cannot be written.
        let bytes = serde_json::to_vec_pretty(&written)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(replace_file(&path(store), &bytes)?)
    }
}

/// Takes the journal away.
pub(super) fn remove(store: &Store) -> Result<(), StoreError> {
    Ok(remove_file(&path(store))?)
}

fn path(store: &Store) -> PathBuf {
    store.directory().join("rotation.json")
}

const VERSION: u32 = 1;
