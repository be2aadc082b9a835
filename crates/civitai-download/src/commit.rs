//! From a verified part file to the final name, or to quarantine.
//!
//! Everything here blocks but [`Commits`]. The order is the point: a crash between any two steps leaves a state from which running
//! the same transfer again finishes the job, and the final name never holds bytes that were not verified.

use std::io;
use std::path::Path;

use crate::digest::Digests;
use crate::disk;
use crate::error::{BoxError, Error, ErrorKind};
use crate::part::Part;

mod quarantine;
mod together;

pub(crate) use quarantine::Reason;
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

pub(crate) type Judge = dyn Fn(&Candidate<'_>) -> Result<(), BoxError> + Send + Sync;
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
        let Err(source) = judge(&self.candidate(part.path(), digests)) else {
            return Ok(());
        };
        let source = match source.downcast::<io::Error>() {
            Ok(error) => return Err((*error).into()),
            Err(source) => source,
        };
        let reason = Reason::Refused {
            reason: source.to_string(),
        };
        let quarantined = self.quarantine(part, digests, &reason)?;
        Err(ErrorKind::Refused {
            quarantined,
            source,
        }
        .into())
    }

    /// Records a file that has its name, and is known to be the right one.
    pub(crate) fn record(&self, digests: &Digests) -> Result<(), Error> {
        let Some(record) = self.record else {
            return Ok(());
        };
        record(&self.candidate(self.target, digests)).map_err(|source| {
            ErrorKind::Record {
                path: self.target.to_owned(),
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

    fn candidate<'b>(&'b self, path: &'b Path, digests: &'b Digests) -> Candidate<'b> {
        Candidate {
            path,
            target: self.target,
            identity: self.identity,
            digests,
        }
    }
}
