//! New file keys for encrypted files: what helps against whoever had an old key and a copy of the file.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use civitai_download::digest::{DigestSet, Digests, Hasher};
use civitai_download::disk;
use civitai_download::error::BoxError;
use civitai_security::crypt::{FileError, Level, Recipe, Recipient, Writer};
use tempfile::NamedTempFile;

use super::{Altered, Keys, at, hash, open};

/// Encrypts the content of a container anew, under a new file key, to `recipients`, who make up `level`. Blocks.
///
/// The new container is read back and compared before it takes the place of the old one, which a kill or a power cut at
/// any point leaves as it is. `told` hears how many bytes of the content are written, and may stop it.
///
/// # Errors
/// Those of [`Keys::keys_for`], [`FileError`], [`Altered`] where the disk gives back something else, or an
/// [`io::Error`]. The old container is there then.
pub fn renew(
    path: &Path,
    (level, recipients): (Level, &[Recipient]),
    keys: &dyn Keys,
    told: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<(), BoxError> {
    let mut reader = open(path, keys)?;
    let mut metadata = reader.metadata().clone();
    metadata.bytes = Some(reader.len());
    let recipe = Recipe {
        metadata,
        ..Recipe::new(level, recipients)
    };
    let failed = |error| at(path, error);
    let draft = tempfile::Builder::new()
        .prefix(".")
        .suffix(".new")
        .tempfile_in(disk::parent(path))?;
    let writer = Writer::new(draft, &recipe).map_err(failed)?;
    let mut copy = Copying {
        writer,
        hasher: Hasher::new(DigestSet::SHA256),
        told,
        done: 0,
        is_stopped: false,
    };
    let extracted = reader.extract(&mut copy);
    if copy.is_stopped {
        return Err(FileError::Interrupted.into());
    }
    extracted.map_err(failed)?;
    let was = copy.hasher.finish();
    let draft = copy.writer.finish().map_err(failed)?;
    compare(draft.path(), keys, &was)?;
    settle(draft, path)
}

fn compare(draft: &Path, keys: &dyn Keys, was: &Digests) -> Result<(), BoxError> {
    let is = hash(draft, keys, DigestSet::SHA256, &mut |_| Ok(()))?;
    if (is.bytes, is.sha256) == (was.bytes, was.sha256) {
        return Ok(());
    }
    let path = draft.to_owned();
    Err(Altered { path }.into())
}

fn settle(draft: NamedTempFile, path: &Path) -> Result<(), BoxError> {
    fs_err::set_permissions(draft.path(), fs_err::metadata(path)?.permissions())?;
    draft.as_file().sync_all()?;
    draft.persist(path).map_err(|error| error.error)?;
    Ok(disk::sync_dir(disk::parent(path))?)
}

/// Writes a content and hashes it on the way.
struct Copying<'a> {
    writer: Writer<NamedTempFile>,
    hasher: Hasher,
    told: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
    done: u64,
    is_stopped: bool,
}

impl Write for Copying<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write_all(bytes)?;
        self.hasher.update(bytes);
        self.done += bytes.len() as u64;
        self.is_stopped = (self.told)(self.done).is_break();
        if self.is_stopped {
            // Not `Interrupted`: that kind is tried again.
            return Err(io::Error::other("stopped"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
