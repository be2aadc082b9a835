//! Content that a library has already, given another place instead of being fetched again.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use civitai_download::digest::{Digest, DigestSet, Digests, hash_file};

use crate::catalogue::{self, Catalogue, Stamp};
use crate::library::Library;
use crate::link::{How, link};

/// Where the contents of all libraries of a data directory are.
#[derive(Debug)]
pub struct Holdings {
    catalogue: Mutex<Catalogue>,
}

/// A content that was given another place.
#[derive(Clone, Debug)]
pub struct Reused {
    /// Where it was.
    pub from: PathBuf,
    /// How the two places share it.
    pub how: How,
    /// What it was read to be just before.
    pub digests: Digests,
}

impl Holdings {
    /// Opens the catalogue of a library; nothing where no file is known. Blocks.
    pub fn of(library: &Library) -> Result<Option<Self>, catalogue::Error> {
        let Some(catalogue) = library.catalogue_if_there()? else {
            return Ok(None);
        };
        Ok(catalogue.has_contents()?.then(|| Self {
            catalogue: Mutex::new(catalogue),
        }))
    }

    /// Returns where files are that had this digest when they were read, and were not written to since. Blocks.
    pub fn of_content(&self, sha256: &Digest<32>) -> Result<Vec<PathBuf>, catalogue::Error> {
        let known = {
            // It is only read from: nothing is left half done by who panicked.
            let catalogue = self
                .catalogue
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            catalogue.holders(sha256)?
        };
        let is_there = |(path, stamp): &(PathBuf, Stamp)| {
            fs_err::metadata(path)
                .is_ok_and(|metadata| metadata.is_file() && Stamp::of(&metadata).is_same(stamp))
        };
        let there = known.into_iter().filter(is_there);
        Ok(there.map(|(path, _)| path).collect())
    }
}

/// Gives the content with this digest the place `to`, from the first of `holders` that has it and whose file system shares
/// it with that place. The content is read before, and `judge` is shown a file that has it: what it says against it is the
/// answer. Nothing where no file has it: then it has to be fetched. Blocks.
pub fn reuse<R>(
    holders: &[PathBuf],
    sha256: &Digest<32>,
    to: &Path,
    judge: impl FnOnce(&Path) -> Result<(), R>,
) -> Result<Option<Reused>, R> {
    let mut judge = Some(judge);
    for from in holders {
        let digests = match hash_file(from, DigestSet::ALL | DigestSet::TREE) {
            Ok(digests) if digests.sha256.as_ref() == Some(sha256) => digests,
            Ok(_) => continue,
            Err(error) => {
                tracing::debug!(%error, "a file of the library cannot be read");
                continue;
            }
        };
        // The same bytes get the same judgement.
        if let Some(judge) = judge.take() {
            judge(from)?;
        }
        match link(from, to) {
            Ok(how) => {
                let from = from.clone();
                return Ok(Some(Reused { from, how, digests }));
            }
            // What is wrong with the place the transfer finds out, too, and tells.
            Err(error) => tracing::debug!(%error, "a content cannot be shared"),
        }
    }
    Ok(None)
}
