//! Where bytes go that must not get their name: `.quarantine/SHA256/NAME`, with a note beside them that says why.
//!
//! What the bytes are names the folder, so that a server that sends the same wrong ones again and again costs their
//! room once. The note is on the disk before the file is: nothing lies there unexplained.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Commit;
use crate::digest::{Digest, DigestSet, Digests, hash_file};
use crate::disk;
use crate::error::Error;
use crate::part::Part;

/// Why a file is in quarantine.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Reason {
    Integrity {
        algorithm: &'static str,
        expected: String,
        got: String,
    },
    Refused {
        reason: String,
    },
}

impl Commit<'_> {
    /// Moves the bytes out of the way, with a note beside them that says why, and ends the transfer.
    pub(crate) fn quarantine(
        &self,
        part: &Part,
        digests: &Digests,
        reason: &Reason,
    ) -> Result<PathBuf, Error> {
        let sha256 = match digests.sha256 {
            Some(sha256) => sha256,
            None => sha256(part.path())?,
        };
        let note = Note {
            schema: 1,
            target: self.target.to_string_lossy(),
            identity: self.identity,
            bytes: digests.bytes,
            sha256: sha256.to_string(),
            reason,
        };
        let name = self.target.file_name().unwrap_or_default();
        let beside = disk::parent(self.target);
        let moved = match self
            .quarantine_root
            .map(|root| note.move_into(root, name, part))
        {
            // A root on another volume cannot take a file by renaming.
            None => note.move_into(beside, name, part),
            Some(Err(error)) if error.kind() == io::ErrorKind::CrossesDevices => {
                note.move_into(beside, name, part)
            }
            Some(moved) => moved,
        }?;
        self.forget(part.journal())?;
        Ok(moved)
    }
}

/// A run that was not asked for this digest has not made it.
fn sha256(path: &Path) -> io::Result<Digest<32>> {
    let digests = hash_file(path, DigestSet::SHA256)?;
    Ok(digests.sha256.expect("the set asks for it"))
}

#[derive(Serialize)]
struct Note<'a> {
    schema: u32,
    target: Cow<'a, str>,
    identity: &'a str,
    bytes: u64,
    sha256: String,
    reason: &'a Reason,
}

impl Note<'_> {
    /// Writes the note into the quarantine of `root`, then gives the part file its place beside it.
    fn move_into(&self, root: &Path, name: &OsStr, part: &Part) -> io::Result<PathBuf> {
        let folder = root.join(QUARANTINE).join(&self.sha256);
        disk::create_dirs(&folder)?;
        let to = folder.join(name);
        let path = disk::beside(&to, ".json");
        self.write(&path)?;
        // What may be there are the same bytes, of an earlier run.
        if let Err(error) = fs_err::rename(part.path(), &to) {
            if !to.exists() {
                // A note about nothing; that it stays would do no harm.
                let _ = fs_err::remove_file(path).and_then(|()| fs_err::remove_dir(folder));
            }
            return Err(error);
        }
        disk::sync_dir(&folder)?;
        Ok(to)
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        let mut file = disk::private()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        file.write_all(&text)?;
        file.sync_all()
    }
}

const QUARANTINE: &str = ".quarantine";
