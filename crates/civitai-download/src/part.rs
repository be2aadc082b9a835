//! The part file and its journal, which together survive anything but a lost disk.
//!
//! Everything here blocks.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fs_err::File;

use crate::disk;
use crate::error::{Error, ErrorKind};
use crate::journal::{Claims, Header, Journal, Record, Source};
use crate::queue::is_small;
use crate::ranges::RangeSet;

/// An open part file, locked against other processes.
///
/// Bytes count as written once the kernel has them, and as flushed once the disk has; both are in the journal before
/// the call that made them so returns.
#[derive(Debug)]
pub(crate) struct Part {
    path: PathBuf,
    target: PathBuf,
    data: File,
    journal: Journal,
    // Never locked while the disk is waited for.
    state: Mutex<State>,
}

/// When the journal of a part file is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notes {
    /// Before the first byte comes.
    AtOnce,
    /// When there is something to claim; until then a kill costs everything. For files that are there in a moment.
    OnceNeeded,
}

#[derive(Debug, Default)]
struct State {
    source: Option<Source>,
    written: RangeSet,
    flushed: RangeSet,
    /// Whether the volume keeps room for every byte, so that nobody else can take it.
    is_reserved: bool,
}

impl Part {
    /// Where the part file of a target is.
    pub(crate) fn path_for(target: &Path) -> PathBuf {
        disk::beside(target, ".part")
    }

    /// Opens what an earlier run left of this file, or begins anew.
    ///
    /// A part file that no journal vouches for, or whose journal is about another file, is begun anew too.
    pub(crate) fn open(target: &Path, header: &Header, notes: Notes) -> Result<Self, Error> {
        let path = Self::path_for(target);
        let fresh = match notes {
            Notes::AtOnce => None,
            Notes::OnceNeeded => begin_alone(&path, header)?,
        };
        let (data, journal, state) = match fresh {
            Some((data, journal)) => (data, journal, State::default()),
            None => take_up(&path, header)?,
        };
        journal.append(&Record::Opened {
            boot: disk::boot_id(),
        })?;
        Ok(Self {
            path,
            target: target.to_owned(),
            data,
            journal,
            state: Mutex::new(state),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// What the server said of the file when its first bytes came, perhaps in an earlier run.
    pub(crate) fn source(&self) -> Option<Source> {
        self.state().source.clone()
    }

    /// Learns what the file is, and reserves its space unless it is small: then this is one line in the journal.
    ///
    /// # Errors
    /// `NoSpace` when it does not fit; nothing is changed then.
    pub(crate) fn settle(&self, source: Source) -> Result<(), Error> {
        let known = self.source();
        if known.as_ref() == Some(&source) {
            return Ok(());
        }
        if let Some(size) = source.size
            && !is_small(size)
            && known.is_none_or(|known| known.size != source.size)
        {
            self.check_space(size)?;
            let is_reserved = disk::preallocate(&self.data, size)
                .map_err(|error| Error::on_disk(error, &self.target, size))?;
            self.journal.keep_room(size)?;
            self.state().is_reserved = is_reserved;
        }
        self.journal.append(&Record::Source(source.clone()))?;
        self.state().source = Some(source);
        Ok(())
    }

    /// Fails when a file of `size` bytes would not fit beside what is on the volume already.
    pub(crate) fn check_space(&self, size: u64) -> Result<(), Error> {
        self.need(size.saturating_sub(disk::occupied(&self.data)?))
    }

    /// Fails when what is still to come no longer fits, because others have filled the volume meanwhile.
    fn check_rest(&self) -> Result<(), Error> {
        let missing = {
            let state = self.state();
            let size = state.source.as_ref().and_then(|source| source.size);
            match size {
                Some(size) if !state.is_reserved => size.saturating_sub(state.written.len()),
                _ => 0,
            }
        };
        self.need(missing)
    }

    fn need(&self, needed: u64) -> Result<(), Error> {
        if needed == 0 {
            return Ok(());
        }
        let available = disk::available(disk::parent(&self.path))?;
        if needed > available {
            let path = self.target.clone();
            return Err(ErrorKind::NoSpace {
                path,
                needed,
                available: Some(available),
            }
            .into());
        }
        Ok(())
    }

    /// Writes chunks from `offset` on and records them.
    pub(crate) fn write(&self, offset: u64, chunks: &[Bytes]) -> Result<(), Error> {
        let len: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let range = offset..offset + len;
        disk::write_at(&self.data, chunks, offset)
            .map_err(|error| Error::on_disk(error, &self.target, len))?;
        let mut state = self.state();
        self.journal
            .append(&Record::Wrote {
                start: range.start,
                end: range.end,
            })
            .map_err(|error| Error::on_disk(error, &self.target, len))?;
        state.written.insert(range);
        Ok(())
    }

    /// Brings everything written so far to the disk, and says so in the journal; then looks whether the rest still fits.
    ///
    /// When the disk refuses, everything since the last flush counts as never written: after a failed flush the
    /// kernel forgets which pages it owed the disk, so a second flush that succeeds proves nothing about them.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let written = {
            let state = self.state();
            if state.written == state.flushed {
                return Ok(());
            }
            state.written.clone()
        };
        if let Err(error) = self.data.sync_data() {
            return self.unwrite(error);
        }
        let ranges = written
            .iter()
            .map(|range| (range.start, range.end))
            .collect();
        self.journal.append(&Record::Flushed { ranges })?;
        self.journal.sync()?;
        self.state().flushed = written;
        self.check_rest()
    }

    /// Brings the complete file to the disk, with the mode that belongs to the name it is about to get.
    ///
    /// When the disk refuses, what was not flushed before counts as never written, as in [`flush`](Self::flush).
    pub(crate) fn seal(&self, mode: u32) -> Result<(), Error> {
        disk::set_mode(&self.data, mode)?;
        self.data.sync_all().or_else(|error| self.unwrite(error))
    }

    fn unwrite(&self, error: io::Error) -> Result<(), Error> {
        let mut state = self.state();
        state.written = state.flushed.clone();
        if let Err(unsaid) = self.journal.append(&Record::Unwritten {}) {
            tracing::warn!(error = %unsaid, "the journal cannot take back what it claims, and goes");
            // Without a journal the part file is begun anew.
            self.journal.remove()?;
        }
        Err(Error::on_disk(error, &self.target, 0))
    }

    /// Forgets every byte: the content is to be fetched from its beginning.
    pub(crate) fn restart(&self) -> Result<(), Error> {
        self.journal.append(&Record::Restarted {})?;
        self.journal.sync()?;
        *self.state() = State::default();
        Ok(())
    }

    /// Removes the files of a transfer that has nothing worth keeping.
    pub(crate) fn remove_if_empty(&self) -> Result<(), Error> {
        if self.bytes() == 0 {
            disk::remove_if_there(&self.path)?;
            self.journal.remove()?;
        }
        Ok(())
    }

    /// The ranges the kernel has.
    pub(crate) fn written(&self) -> RangeSet {
        self.state().written.clone()
    }

    /// How many bytes the kernel has.
    pub(crate) fn bytes(&self) -> u64 {
        self.state().written.len()
    }

    /// How many bytes the kernel has but the disk may not.
    pub(crate) fn unflushed(&self) -> u64 {
        let state = self.state();
        state.written.len() - state.flushed.len()
    }

    /// The first byte that is missing.
    pub(crate) fn frontier(&self) -> u64 {
        self.state().written.frontier()
    }

    /// Reads bytes that were written.
    pub(crate) fn read(&self, range: Range<u64>, buffer: &mut Vec<u8>) -> io::Result<()> {
        let len = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
        buffer.resize(len, 0);
        disk::read_at(&self.data, buffer, range.start)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state whole, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes up what the journal vouches for, or begins anew.
fn take_up(path: &Path, header: &Header) -> Result<(File, Journal, State), Error> {
    let (journal, claims) = Journal::open(&Journal::path(path))?;
    let had_header = claims.header.is_some();
    match take_up_with(path, &journal, claims, header) {
        Ok((data, state)) => Ok((data, journal, state)),
        Err(error) => {
            // It was created to be locked and tells nothing.
            if !had_header {
                journal.remove()?;
            }
            Err(error)
        }
    }
}

fn take_up_with(
    path: &Path,
    journal: &Journal,
    claims: Claims,
    header: &Header,
) -> Result<(File, State), Error> {
    let resumable = claims.header.as_ref() == Some(header);
    let Some(data) = resumable
        .then(|| open_existing(path))
        .transpose()?
        .flatten()
    else {
        return Ok((begin(path, journal, header)?, State::default()));
    };
    let len = data.metadata()?.len();
    let size = claims.source.as_ref().and_then(|source| source.size);
    let occupied = disk::occupied(&data)?;
    let mut state = State {
        is_reserved: size.is_some_and(|size| occupied >= size),
        source: claims.source,
        written: claims.written,
        flushed: claims.flushed,
    };
    // What was kept beyond the journal's end has gone with its torn last line.
    journal.keep_room(size.unwrap_or(0))?;
    state.written.truncate(len);
    state.flushed.truncate(len);
    Ok((data, state))
}

/// Starts an empty part file with a journal in memory, where nothing of either is there.
fn begin_alone(path: &Path, header: &Header) -> Result<Option<(File, Journal)>, Error> {
    let journal = Journal::path(path);
    if journal.try_exists()? {
        return Ok(None);
    }
    let data = match disk::private().write(true).create_new(true).open(path) {
        Ok(data) => data,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // Who came between makes way for itself: then its lock, or its journal, is what decides.
    match disk::lock(&data) {
        Ok(()) if disk::is_same_file(&data, path)? => {}
        Err(error) if !matches!(error.kind(), ErrorKind::Locked { .. }) => return Err(error),
        _ => return Ok(None),
    }
    let journal = Journal::in_memory(&journal);
    journal.append(&Record::Journal(header.clone()))?;
    Ok(Some((data, journal)))
}

/// Starts an empty log and an empty part file. After a power cut either may be missing, since nothing was claimed yet;
/// but claims about an earlier part file must be gone from the disk before there is another one.
fn begin(path: &Path, journal: &Journal, header: &Header) -> Result<File, Error> {
    let had_claims = journal.clear()?;
    journal.append(&Record::Journal(header.clone()))?;
    loop {
        clear_away(path)?;
        if had_claims {
            journal.sync()?;
        }
        match disk::private().write(true).create_new(true).open(path) {
            Ok(data) => {
                disk::lock(&data)?;
                return Ok(data);
            }
            // Of another process, which has the lock or will leave it to us.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Removes a part file that nobody works on.
fn clear_away(path: &Path) -> Result<(), Error> {
    let _old = match open_existing(path) {
        Ok(Some(old)) => {
            tracing::warn!(path = %path.display(), "replacing a part file that belongs to no known download");
            Some(old)
        }
        Err(error) if matches!(error.kind(), ErrorKind::Locked { .. }) => return Err(error),
        // A link, or somebody else's: it is not opened to be removed.
        Ok(None) | Err(_) => None,
    };
    disk::make_way(path)
}

/// Opens and locks a part file, if it is there.
fn open_existing(path: &Path) -> Result<Option<File>, Error> {
    let file = match disk::open(disk::private().write(true), path) {
        Ok(file) => file,
        Err(error) if error.is_absent() => return Ok(None),
        Err(error) => return Err(error),
    };
    disk::lock(&file)?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_that_cannot_be_taken_back_are_not_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("x.bin");
        let mut part = open(&target, Notes::AtOnce).expect("begun");
        part.write(0, &[Bytes::from_static(b"never on the disk")])
            .expect("written");
        let again = |part| {
            drop(part);
            open(&target, Notes::AtOnce).expect("opened").bytes()
        };
        // A device that cannot be flushed, and a journal that takes no line.
        part.data = File::open("/dev/null").expect("there");
        part.journal = Journal::read_only(&Journal::path(&part.path)).expect("there");
        part.flush().expect_err("nothing can be flushed there");
        assert_eq!(again(part), 0);
    }

    fn header() -> Header {
        Header::new("x", None, None)
    }

    fn open(target: &Path, notes: Notes) -> Result<Part, Error> {
        Part::open(target, &header(), notes)
    }

    #[test]
    fn a_small_file_has_a_journal_once_there_is_something_to_claim() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("x.bin");
        let journal = Journal::path(&Part::path_for(&target));
        let part = open(&target, Notes::OnceNeeded).expect("begun");
        part.write(0, &[Bytes::from_static(b"abc")])
            .expect("written");
        assert!(!journal.exists());
        part.flush().expect("flushed");
        part.write(3, &[Bytes::from_static(b"de")])
            .expect("written");
        assert!(journal.is_file());
        drop(part);
        let again = open(&target, Notes::OnceNeeded).expect("taken up");
        assert_eq!(again.bytes(), 5);
    }

    #[test]
    fn what_a_kill_leaves_without_a_journal_is_begun_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("x.bin");
        fs_err::write(Part::path_for(&target), "whatever").expect("left");
        let part = open(&target, Notes::OnceNeeded).expect("begun");
        assert_eq!(part.bytes(), 0);
        let len = fs_err::metadata(Part::path_for(&target))
            .expect("there")
            .len();
        assert_eq!(len, 0);
    }

    #[test]
    fn one_works_on_a_part_file_whoever_has_a_journal() {
        let both = [Notes::AtOnce, Notes::OnceNeeded];
        for (first, second) in both
            .into_iter()
            .flat_map(|one| both.map(|other| (one, other)))
        {
            let folder = tempfile::tempdir().expect("a folder");
            let target = folder.path().join("x.bin");
            let part = open(&target, first).expect("begun");
            part.write(0, &[Bytes::from_static(b"abc")])
                .expect("written");
            let error = open(&target, second).expect_err("somebody has it");
            assert!(
                matches!(error.kind(), ErrorKind::Locked { .. }),
                "{first:?} {second:?}: {error}"
            );
            part.flush().expect("still ours");
            drop(part);
            let part = open(&target, second).expect("it is free");
            assert_eq!(part.bytes(), 3, "{first:?} {second:?}");
        }
    }
}
