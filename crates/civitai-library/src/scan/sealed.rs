//! Reading what is in encrypted files.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use civitai_download::digest::{DigestSet, Digests};
use civitai_download::error::BoxError;

use super::header;
use crate::catalogue::{Catalogue, Error, Identity, Stamp, Unhashed};
use crate::identify::{self, Learned, identify_content};
use crate::sealing::{self, Keys, plain_name};

/// What became of one encrypted file.
#[derive(Debug)]
#[non_exhaustive]
pub enum Opened {
    /// Its content is known to the catalogue now.
    Done {
        /// The file, below the root.
        path: String,
        /// The length of the content.
        bytes: u64,
    },
    /// It changed while it was read. The next scan takes it up.
    Changed {
        /// The file, below the root.
        path: String,
    },
    /// It could not be opened; the next scan tries again.
    Closed {
        /// The file, below the root.
        path: String,
        /// What who has the keys says, or a [`FileError`](civitai_security::crypt::FileError).
        source: BoxError,
    },
}

/// Hashes and identifies what is in encrypted `files`, notes it in the catalogue as it comes, and tells of each. Blocks
/// until all is done, or until `stop` is set.
pub fn open_sealed(
    catalogue: &mut Catalogue,
    files: Vec<Unhashed>,
    keys: &dyn Keys,
    stop: &AtomicBool,
    mut tell: impl FnMut(Opened),
) -> Result<(), Error> {
    if files.is_empty() {
        return Ok(());
    }
    let learned = Learned::new(catalogue.learned()?);
    for file in files {
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let path = file.path.clone();
        let told = match read(catalogue, &file, (keys, &learned), stop) {
            Ok(None) => Opened::Changed { path },
            Ok(Some((digests, identity))) => {
                let (now, bytes) = (SystemTime::now(), digests.bytes);
                catalogue.note_digests(&[(file.clone(), digests)], now)?;
                catalogue.note_identities(&[(file, identity)], now)?;
                Opened::Done { path, bytes }
            }
            Err(_) if stop.load(Ordering::Relaxed) => return Ok(()),
            Err(source) => Opened::Closed { path, source },
        };
        tell(told);
    }
    Ok(())
}

/// What is in a file, if it was the same file all the while.
fn read(
    catalogue: &Catalogue,
    file: &Unhashed,
    (keys, learned): (&dyn Keys, &Learned),
    stop: &AtomicBool,
) -> Result<Option<(Digests, Identity)>, BoxError> {
    let path = catalogue.root().join(&file.path);
    let is_same = || {
        let metadata = fs_err::metadata(&path);
        metadata.map(|metadata| Stamp::of(&metadata).is_same(&file.stamp))
    };
    if !is_same()? {
        return Ok(None);
    }
    let digests = sealing::hash(&path, keys, DigestSet::ALL, &mut |_| {
        if stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("stopped"));
        }
        Ok(())
    })?;
    let content = sealing::open(&path, keys)?;
    let plain = catalogue.root().join(plain_name(&file.path));
    let identity = match identify_content(&plain, content, learned) {
        Ok(identity) => header::kept(&identity),
        Err(broken @ identify::Error::Malformed { .. }) => header::broken(&broken),
        Err(error) => return Err(error.into()),
    };
    Ok(is_same()?.then_some((digests, identity)))
}
