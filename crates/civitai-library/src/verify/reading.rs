//! Looking at the files of a library: all at a glance, or each byte of those that are due.

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use civitai_download::disk;

use super::{Checked, DeepError, Finding, Pace, Status, deep, deep_sealed, due, quick};
use crate::catalogue::{self, Catalogue, Entry};
use crate::library::Library;
use crate::scan::{Target, walk};
use crate::sealing::{self, Keys};
use crate::trees::Trees;

/// Compares what is known of the files of a target with what is there, without reading any. Blocks.
pub fn look(target: &Target) -> Result<Vec<Checked>, catalogue::Error> {
    let Some(catalogue) = target.library.catalogue_if_there()? else {
        return Ok(Vec::new());
    };
    let mut entries = catalogue.entries()?;
    entries.retain(|entry| target.covers(&entry.path) && !entry.is_removed);
    let walk = walk(&target.library.root, &target.folders)?;
    Ok(quick(&entries, &walk))
}

/// What of a target is to be read.
#[derive(Debug)]
pub struct Reading {
    /// The files that are due, in the order in which to read them.
    pub due: Vec<Entry>,
    /// When the first of the others is due; none when there are no others.
    pub next: Option<SystemTime>,
    /// The files that cannot be read, because they are missing or nobody knows them.
    pub others: Vec<Checked>,
    library: Library,
    trees: Trees,
    catalogue: Option<Mutex<Catalogue>>,
    keys: Option<Arc<dyn Keys>>,
}

/// Why a file could not be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadingError {
    /// The catalogue failed.
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    /// The file cannot be read, or the caller wanted to stop.
    #[error(transparent)]
    Deep(#[from] DeepError),
}

impl ReadingError {
    /// The kind as one word, the same as in the JSON lines of the command line.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Catalogue(error) => error.code(),
            Self::Deep(DeepError::Closed(error)) => sealing::code(error),
            Self::Deep(DeepError::Io(error)) => disk::code_of(error),
            Self::Deep(DeepError::Stopped) => "interrupted",
        }
    }
}

impl Reading {
    /// Finds out what is due of a target when each file is to be read once in `every`. Blocks.
    pub fn of(target: &Target, every: Duration) -> Result<Self, catalogue::Error> {
        let mut others = look(target)?;
        others.retain(|checked| matches!(checked.status, Status::Missing | Status::Unknown));
        let mut reading = Self {
            due: Vec::new(),
            next: None,
            others,
            library: target.library.clone(),
            trees: Trees::of(&target.library.data_dir),
            catalogue: None,
            keys: None,
        };
        let Some(catalogue) = target.library.catalogue_if_there()? else {
            return Ok(reading);
        };
        let mut entries = catalogue.entries()?;
        entries.retain(|entry| {
            let is_other = reading
                .others
                .binary_search_by(|other| other.path.as_str().cmp(entry.path.as_str()))
                .is_ok();
            target.covers(&entry.path) && !is_other && !entry.is_removed
        });
        let due = due(entries, &catalogue.verified()?, every, SystemTime::now());
        (reading.due, reading.next) = (due.now, due.next);
        reading.catalogue = Some(Mutex::new(catalogue));
        Ok(reading)
    }

    /// Opens encrypted files with these keys. Without any they are unknown.
    #[must_use]
    pub fn with_keys(self, keys: Arc<dyn Keys>) -> Self {
        let keys = Some(keys);
        Self { keys, ..self }
    }

    /// Reads a file at a pace and says how it stands, and where it is damaged as far as that is known; that it is whole is
    /// written down. `told` hears of the bytes before they are read. Blocks.
    pub fn examine(
        &self,
        entry: &Entry,
        pace: &Pace,
        told: &(dyn Fn(u64) + std::marker::Sync),
    ) -> Result<(Checked, Vec<Range<u64>>), ReadingError> {
        let before = |bytes| {
            let flow: ControlFlow<()> = pace.wait(bytes);
            told(bytes);
            flow
        };
        let root = &self.library.root;
        let finding = match &self.keys {
            Some(keys) if entry.is_sealed() => deep_sealed(root, entry, &**keys, &before)?,
            _ => deep(root, entry, &self.trees, &before)?,
        };
        let (status, ranges) = match finding {
            Finding::Whole => (Status::Ok, Vec::new()),
            Finding::Missing => (Status::Missing, Vec::new()),
            Finding::Unknown => (Status::Unknown, Vec::new()),
            Finding::Damaged(damage) => {
                let ranges = damage.located.map(|located| located.ranges);
                (Status::Changed, ranges.unwrap_or_default())
            }
        };
        if let Some(catalogue) = &self.catalogue {
            let when = (status == Status::Ok).then(SystemTime::now);
            let mut catalogue = catalogue.lock().unwrap_or_else(PoisonError::into_inner);
            catalogue.note_verified(&entry.path, when)?;
        }
        let path = entry.path.clone();
        Ok((Checked { path, status }, ranges))
    }
}
