//! What the user decides about files that were kept from their names.
//!
//! [`Catalogue::quarantined`](crate::Catalogue::quarantined) lists them.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use civitai_download::quarantine::FOLDER;

use crate::Library;
use crate::catalogue::{self, Held, Left};

/// Why a file in quarantine could not be dealt with. It is where it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The catalogue could not be read or written.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Its place has been taken.
    #[error("{} is there already", path.display())]
    Occupied {
        /// The place.
        path: PathBuf,
    },
    /// Nothing of this number is in quarantine.
    #[error("nothing in quarantine has the number {id}")]
    Unknown {
        /// The number.
        id: u64,
    },
}

/// Notes that a transfer has put a file into quarantine, wherever that is, and returns its number. Blocks.
pub fn note(library: &Library, path: &Path) -> Result<u64, Error> {
    // The settings may name the root by a link, and one file must not have two numbers.
    let path = fs_err::canonicalize(path)?;
    let folder = path.ancestors().find(|folder| folder.ends_with(FOLDER));
    let root = folder.and_then(Path::parent).unwrap_or(&path);
    let mut catalogue = library.catalogue()?;
    Ok(catalogue.note_quarantined(root, &path, SystemTime::now())?)
}

/// Returns everything that is in quarantine, by number. Blocks.
pub fn list(library: &Library) -> Result<Vec<Held>, Error> {
    Ok(library.catalogue()?.quarantined(SystemTime::now())?)
}

/// Finds one file by its number. Blocks.
pub fn find(library: &Library, id: u64) -> Result<Held, Error> {
    let all = list(library)?;
    let found = all.into_iter().find(|held| held.id == id);
    found.ok_or(Error::Unknown { id })
}

/// Gives a file its name after all, replacing nothing, and returns where it is now. Blocks.
///
/// # Security
/// Nothing is verified or scanned again: whoever releases a file answers for it.
pub fn release(library: &Library, id: u64) -> Result<PathBuf, Error> {
    let held = find(library, id)?;
    let path = held.kept.destination();
    held.kept.release(&path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            Error::Occupied { path: path.clone() }
        } else {
            error.into()
        }
    })?;
    leave(library, id, Left::Released)?;
    Ok(path)
}

/// Deletes a file for good, and returns where it was. Blocks.
pub fn delete(library: &Library, id: u64) -> Result<PathBuf, Error> {
    let held = find(library, id)?;
    held.kept.delete()?;
    leave(library, id, Left::Deleted)?;
    Ok(held.kept.path)
}

fn leave(library: &Library, id: u64, left: Left) -> Result<(), Error> {
    Ok(library
        .catalogue()?
        .note_left(id, left, SystemTime::now())?)
}
