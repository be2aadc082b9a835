//! From a verified part file to the final name, or to quarantine.
//!
//! Everything here blocks but [`Commits`]. The order is the point: a crash between any two steps leaves a state from which running
//! the same transfer again finishes the job, and the final name never holds bytes that were not verified.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, DigestSet, Digests, hash_file};
use crate::disk;
use crate::error::{BoxError, Error, ErrorKind};
use crate::part::Part;
use crate::quarantine::{Note, Reason};

mod together;

pub use together::Commits;
pub(crate) use together::Step;

/// A verified file that does not yet have its final name, as a judge sees it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// Where the bytes are now.
    pub path: &'a Path,
    /// Where they will be.
    pub target: &'a Path,
    /// The identity the transfer was given.
    pub identity: &'a str,
    /// What they hash to.
    pub digests: &'a Digests,
}

/// Why a judge refuses a file, and what becomes of the bytes.
#[derive(Debug)]
pub struct Refusal {
    source: BoxError,
    fate: Fate,
}

/// What becomes of bytes that are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Keep,
    Remove,
}

impl Refusal {
    /// The bytes go to quarantine.
    pub fn keep(source: impl Into<BoxError>) -> Self {
        Self {
            source: source.into(),
            fate: Fate::Keep,
        }
    }

    /// The bytes are deleted.
    pub fn remove(source: impl Into<BoxError>) -> Self {
        Self {
            source: source.into(),
            fate: Fate::Remove,
        }
    }
}

impl From<&str> for Refusal {
    fn from(source: &str) -> Self {
        Self::keep(source)
    }
}

/// The judge could not look: no word about the bytes, which stay where they are until the next run asks again.
impl From<io::Error> for Refusal {
    fn from(source: io::Error) -> Self {
        Self::keep(source)
    }
}

pub(crate) type Judge = dyn Fn(&Candidate<'_>) -> Result<(), Refusal> + Send + Sync;
pub(crate) type Record = dyn Fn(&Candidate<'_>) -> Result<(), BoxError> + Send + Sync;

/// What to do when the target's name is taken by other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// Leave them and fail with [`ErrorKind::Occupied`].
    #[default]
    Keep,
    /// Replace them, once the new ones are verified.
    Replace,
}

/// The steps after verification, and what they need to know.
pub(crate) struct Commit<'a> {
    pub(crate) target: &'a Path,
    /// What has a name in the end: the target, or what was made of it.
    pub(crate) place: &'a Path,
    pub(crate) identity: &'a str,
    pub(crate) quarantine_root: Option<&'a Path>,
    pub(crate) judge: Option<&'a Judge>,
    pub(crate) record: Option<&'a Record>,
}

impl Commit<'_> {
    /// Asks the judge. A refused file is quarantined; an error of the disk is no verdict.
    pub(crate) fn judge(&self, part: &Part, digests: &Digests) -> Result<(), Error> {
        let Some(judge) = self.judge else {
            return Ok(());
        };
        let Err(Refusal { source, fate }) = judge(&self.candidate(part, digests)) else {
            return Ok(());
        };
        let source = match source.downcast::<io::Error>() {
            Ok(error) => return Err((*error).into()),
            Err(source) => source,
        };
        let quarantined = match fate {
            Fate::Keep => {
                let reason = Reason::Refused {
                    reason: source.to_string(),
                };
                Some(self.quarantine(part, digests, reason)?)
            }
            Fate::Remove => {
                disk::remove_if_there(part.path())?;
                self.forget(part.journal())?;
                None
            }
        };
        Err(ErrorKind::Refused {
            quarantined,
            source,
        }
        .into())
    }

    /// Moves the bytes out of the way, with a note beside them that says why, and ends the transfer.
    pub(crate) fn quarantine(
        &self,
        part: &Part,
        digests: &Digests,
        reason: Reason,
    ) -> Result<PathBuf, Error> {
        let sha256 = match digests.sha256 {
            Some(sha256) => sha256,
            None => sha256(part.path())?,
        };
        let note = Note::new(self.target, self.identity, sha256.to_string(), reason)
            .with_bytes(digests.bytes);
        let name = self.target.file_name().unwrap_or_default();
        let beside = disk::parent(self.target);
        let moved = match self
            .quarantine_root
            .map(|root| note.take(root, name, part.path()))
        {
            // A root on another volume cannot take a file by renaming.
            None => note.take(beside, name, part.path()),
            Some(Err(error)) if error.kind() == io::ErrorKind::CrossesDevices => {
                note.take(beside, name, part.path())
            }
            Some(moved) => moved,
        }?;
        self.forget(part.journal())?;
        Ok(moved)
    }

    /// Records a file that has its name, and is known to be the right one.
    pub(crate) fn record(&self, digests: &Digests) -> Result<(), Error> {
        let Some(record) = self.record else {
            return Ok(());
        };
        let candidate = Candidate {
            path: self.place,
            target: self.place,
            identity: self.identity,
            digests,
        };
        record(&candidate).map_err(|source| {
            ErrorKind::Record {
                path: self.place.to_owned(),
                source,
            }
            .into()
        })
    }

    /// Removes the journal: the transfer is history.
    pub(crate) fn forget(&self, journal: &crate::journal::Journal) -> Result<(), Error> {
        journal.remove()?;
        Ok(disk::sync_dir(disk::parent(self.target))?)
    }

    /// A verified part file that has no name yet.
    pub(crate) fn candidate<'b>(&'b self, part: &'b Part, digests: &'b Digests) -> Candidate<'b> {
        Candidate {
            path: part.path(),
            target: self.target,
            identity: self.identity,
            digests,
        }
    }
}

/// Gives a file that is on the disk its name.
pub(crate) fn name(from: &Path, to: &Path, existing: Existing) -> Result<(), Error> {
    match existing {
        Existing::Replace => Ok(fs_err::rename(from, to)?),
        Existing::Keep => disk::rename_new(from, to).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => ErrorKind::Occupied {
                path: to.to_owned(),
            }
            .into(),
            _ => error.into(),
        }),
    }
}

/// A run that was not asked for this digest has not made it.
fn sha256(path: &Path) -> io::Result<Digest<32>> {
    let digests = hash_file(path, DigestSet::SHA256)?;
    Ok(digests.sha256.expect("the set asks for it"))
}
