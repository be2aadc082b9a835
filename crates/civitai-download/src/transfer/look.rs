//! What a transfer would find, without touching it: for plans that are shown before they are carried out.

use std::io;
use std::path::Path;

use super::{Fetched, How, Transfer};
use crate::commit::Existing;
use crate::error::{Error, ErrorKind};
use crate::journal::Journal;
use crate::part::Part;

/// What is on the disk for a [`Target`](crate::Target).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Nothing: the file begins with its first byte.
    Absent,
    /// A part of it, from an earlier run or from one that is at work now; or all of it, not yet recorded.
    Partial,
    /// The file itself, proved as [`Transfer::run`] would prove it.
    There(Box<Fetched>),
    /// A different file, or a part of one, has the name.
    Taken,
}

/// True when a transfer to `target` was broken off, be it before the last byte or between the file's name and its
/// record: running it again finishes what is left.
pub fn is_unrecorded(target: &Path) -> io::Result<bool> {
    Journal::path(&Part::path_for(target)).try_exists()
}

impl Transfer {
    /// Looks what [`run`](Self::run) would find, and changes nothing.
    ///
    /// Blocks, and for as long as hashing takes when something has the target's name already. Another process may change
    /// the answer at any time; `run` looks again.
    pub fn look(&self) -> Result<Standing, Error> {
        let journal = Journal::path(&Part::path_for(self.path()));
        match Journal::identity(&journal)? {
            Some(identity) if identity == self.target.identity => return Ok(Standing::Partial),
            Some(_) if self.existing == Existing::Keep => return Ok(Standing::Taken),
            _ => {}
        }
        match self.existing_file_of(None) {
            // A power cut came between its name and the end of its journal, which may be empty by now.
            Ok(Some(_)) if journal.try_exists()? => Ok(Standing::Partial),
            Ok(Some((digests, warnings))) => Ok(Standing::There(Box::new(self.fetched(
                How::Skipped,
                digests,
                warnings,
            )))),
            Ok(None) => Ok(Standing::Absent),
            Err(error) if matches!(error.kind(), ErrorKind::Occupied { .. }) => Ok(Standing::Taken),
            Err(error) => Err(error),
        }
    }
}
