//! What takes the place of a file instead of its bytes, such as a container that holds them encrypted.

use std::io;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::commit::{Candidate, Existing, name};
use crate::digest::{DigestSet, Digests};
use crate::disk;
use crate::error::{BoxError, Error, ErrorKind};

/// Makes something else of the bytes that were fetched, which gets a name in their stead.
///
/// The bytes themselves then never have a name: they are in the part file until what was made of them is in its place,
/// flushed and recorded, and go with the journal. Every method blocks.
pub trait Seal: Send + Sync {
    /// What it is called where the file itself would be `target`; in the same folder.
    fn place(&self, target: &Path) -> PathBuf;

    /// Makes it of the bytes at [`Candidate::path`]. An error of `draft` may mean that the transfer is wanted no more.
    fn seal(&self, candidate: &Candidate<'_>, draft: &mut dyn io::Write) -> Result<(), BoxError>;

    /// Hashes what is inside of one that has its name.
    fn digests(&self, path: &Path, set: DigestSet) -> Result<Digests, BoxError>;
}

/// Writes what a seal makes of a candidate under its name, so that it is whole and on the disk or not there.
///
/// What a kill leaves of the draft is written over by the next run, and nobody else does so: the caller holds the lock
/// of the part file.
pub(crate) fn put(
    seal: &dyn Seal,
    candidate: &Candidate<'_>,
    place: &Path,
    existing: Existing,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let draft = hidden(place);
    disk::remove_if_there(&draft)?;
    let write = || {
        let file = disk::private().write(true).create_new(true).open(&draft)?;
        let mut out = Stoppable {
            file: &file,
            cancel,
        };
        seal.seal(candidate, &mut out)
            .map_err(|source| failed(place, source, cancel))?;
        disk::set_mode(&file, disk::usual_mode())?;
        file.sync_all()?;
        name(&draft, place, existing)
    };
    write().inspect_err(|_| {
        // What went wrong is the better answer than that the draft stayed, too.
        let _ = disk::remove_if_there(&draft);
    })?;
    Ok(disk::sync_dir(disk::parent(place))?)
}

/// Hashes what is inside of what has the name `place`.
pub(crate) fn digests(seal: &dyn Seal, place: &Path, set: DigestSet) -> Result<Digests, Error> {
    let read = seal.digests(place, set);
    read.map_err(|source| failed(place, source, &CancellationToken::new()))
}

/// What a seal says, told apart from an error of the disk and from an end that was wanted.
fn failed(place: &Path, source: BoxError, cancel: &CancellationToken) -> Error {
    if cancel.is_cancelled() {
        return ErrorKind::Interrupted.into();
    }
    match source.downcast::<io::Error>() {
        Ok(error) => Error::on_disk(*error, place, 0),
        Err(source) => ErrorKind::Seal {
            path: place.to_owned(),
            source,
        }
        .into(),
    }
}

/// No name that comes from elsewhere begins with a dot.
fn hidden(place: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(place.file_name().unwrap_or_default());
    name.push(".new");
    place.with_file_name(name)
}

/// A file that takes no more once nobody wants it.
struct Stoppable<'a> {
    file: &'a fs_err::File,
    cancel: &'a CancellationToken,
}

impl io::Write for Stoppable<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.cancel.is_cancelled() {
            // Not `Interrupted`: that kind is tried again.
            return Err(io::Error::other("stopped"));
        }
        let mut file = self.file;
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
