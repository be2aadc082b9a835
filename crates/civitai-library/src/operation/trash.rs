//! What operations have put into the trash, and the end of it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use civitai_download::disk;

use super::apply::Desk;
use super::{Error, TRASH, Verb};
use crate::library::Library;

/// What lies in the trash for one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trashed {
    /// The number of the operation.
    pub id: u64,
    /// What it was for; absent where the catalogue does not know it.
    pub verb: Option<Verb>,
    /// When that was, or when the trash was last changed.
    pub since: SystemTime,
    /// How many files there are.
    pub files: usize,
    /// The length of those that have no other name, and whose room would be free.
    pub bytes: u64,
}

impl Library {
    /// Lists what lies in the trash for these operations, the oldest first; none means for all. Blocks.
    ///
    /// # Errors
    /// [`Error::NoTrash`] for an operation that has nothing there.
    pub fn trash(&self, ids: &[u64]) -> Result<Vec<Trashed>, Error> {
        self.recover()?;
        let mut folders = self.trash_folders()?;
        for id in ids {
            if !folders.iter().any(|(there, _)| there == id) {
                return Err(Error::NoTrash { id: *id });
            }
        }
        folders.retain(|(id, _)| ids.is_empty() || ids.contains(id));
        let catalogue = self.catalogue_if_there()?;
        let mut trashed = Vec::with_capacity(folders.len());
        for (id, folder) in folders {
            let record = match &catalogue {
                Some(catalogue) => catalogue.operation(Some(id))?,
                None => None,
            };
            let since = match &record {
                Some(record) => record.since,
                None => fs_err::metadata(&folder)?.modified()?,
            };
            let (files, bytes) = weigh(&folder);
            trashed.push(Trashed {
                id,
                verb: record.map(|record| record.verb),
                since,
                files,
                bytes,
            });
        }
        Ok(trashed)
    }

    /// Deletes what operations have put into the trash, for good: they cannot be undone any more, which is written down
    /// before the first file goes. What a kill leaves of it is still listed, and goes the next time. Blocks.
    pub fn empty_trash(&self, trashed: &[Trashed]) -> Result<(), Error> {
        if trashed.is_empty() {
            return Ok(());
        }
        let ids: Vec<u64> = trashed.iter().map(|one| one.id).collect();
        let desk = Desk::of(self)?;
        desk.finalise(&ids, SystemTime::now())?;
        for (_, folder) in self
            .trash_folders()?
            .iter()
            .filter(|(id, _)| ids.contains(id))
        {
            fs_err::remove_dir_all(folder)?;
        }
        let trash = self.root.join(TRASH);
        // What is not ours may be in it.
        let is_gone = fs_err::remove_dir(&trash).is_ok() || !trash.exists();
        Ok(disk::sync_dir(if is_gone { &self.root } else { &trash })?)
    }

    /// The folders of operations by their numbers. Other programs may have put something of their own there, and a link
    /// may come from whoever the tree comes from.
    fn trash_folders(&self) -> Result<Vec<(u64, PathBuf)>, Error> {
        let trash = self.root.join(TRASH);
        let mut folders = Vec::new();
        if !trash.symlink_metadata().is_ok_and(|there| there.is_dir()) {
            return Ok(folders);
        }
        for entry in fs_err::read_dir(trash)? {
            let entry = entry?;
            let id = entry.file_name().to_str().and_then(number);
            if let Some(id) = id.filter(|_| entry.file_type().is_ok_and(|is| is.is_dir())) {
                folders.push((id, entry.path()));
            }
        }
        folders.sort_unstable();
        Ok(folders)
    }
}

/// A number as this program writes it.
fn number(name: &str) -> Option<u64> {
    let id: u64 = name.parse().ok()?;
    (id.to_string() == name).then_some(id)
}

/// How many files are below a folder, and how much room they alone take.
fn weigh(folder: &Path) -> (usize, u64) {
    let entries = walkdir::WalkDir::new(folder).into_iter().flatten();
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    files.fold((0, 0), |(files, bytes), entry| {
        let alone = entry.metadata().ok().filter(|file| file.nlink() == 1);
        (files + 1, bytes + alone.map_or(0, |file| file.len()))
    })
}
