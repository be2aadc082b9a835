//! What a sync does to the disk, apart from fetching.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use civitai_download::disk;

use super::{Plan, Step, Sync, SyncError};
use crate::catalogue::{Catalogue, Placed, Stamp};
use crate::lock::Locked;
use crate::path::LibraryPath;

impl Sync<'_> {
    /// Writes down what is about to be placed, takes note of what is there, moves what moves, and puts into the trash what
    /// goes; returns where in the trash that is. What is replaced stays in its place until the new file comes. Blocks.
    pub fn prepare(
        &self,
        catalogue: &mut Catalogue,
        plan: &Plan,
    ) -> Result<Option<PathBuf>, SyncError> {
        self.note(catalogue, plan)?;
        catalogue.note_locked(plan.files())?;
        let trash = Trash::new(&self.library.root);
        let mut gone = plan.forgotten.clone();
        for step in &plan.steps {
            match step {
                Step::Move { from, file } => {
                    self.shift(from, &file.path)?;
                    self.placed(catalogue, &[file])?;
                    gone.push(from.to_string());
                }
                Step::Replace { file } => trash.keep(&self.absolute(&file.path)?, &file.path)?,
                Step::Trash { path } => {
                    trash.take(&self.absolute(path)?, path)?;
                    gone.push(path.to_string());
                }
                Step::Adopt { .. } | Step::Blocked { .. } | Step::Fetch { .. } => {}
            }
        }
        if !gone.is_empty() {
            catalogue.forget_placed(self.project, &gone)?;
        }
        Ok(trash.directory.exists().then_some(trash.directory))
    }

    /// Notes that files were fetched to their places. Blocks.
    pub fn placed(&self, catalogue: &mut Catalogue, files: &[&Locked]) -> Result<(), SyncError> {
        let mut notes = Vec::new();
        for file in files {
            let metadata = fs_err::metadata(self.absolute(&file.path)?)?;
            notes.push(Placed {
                path: file.path.to_string(),
                content: Some(file.content()),
                stamp: Some(Stamp::of(&metadata)),
                ..Placed::default()
            });
        }
        Ok(catalogue.note_placed(self.project, &notes)?)
    }

    /// One transaction before anything is done: from now on what is about to be placed is known by its content.
    fn note(&self, catalogue: &mut Catalogue, plan: &Plan) -> Result<(), SyncError> {
        let known = catalogue.placed(self.project)?;
        let mut known: HashMap<String, Placed> = known
            .into_iter()
            .map(|placed| (placed.path.clone(), placed))
            .collect();
        let mut notes = Vec::new();
        for step in &plan.steps {
            match step {
                Step::Adopt { file, stamp, found } => notes.push(Placed {
                    path: file.path.to_string(),
                    found: *found,
                    content: Some(file.content()),
                    stamp: Some(*stamp),
                    meant: None,
                }),
                Step::Fetch { file } | Step::Move { file, .. } => notes.push(Placed {
                    path: file.path.to_string(),
                    meant: Some(file.content()),
                    ..Placed::default()
                }),
                Step::Replace { file } => notes.push(Placed {
                    path: file.path.to_string(),
                    meant: Some(file.content()),
                    ..known.remove(file.path.as_str()).unwrap_or_default()
                }),
                Step::Blocked { .. } | Step::Trash { .. } => {}
            }
        }
        if !notes.is_empty() {
            catalogue.note_placed(self.project, &notes)?;
        }
        Ok(())
    }

    fn shift(&self, from: &LibraryPath, to: &LibraryPath) -> Result<(), SyncError> {
        let (from, to) = (self.absolute(from)?, self.absolute(to)?);
        disk::create_dirs(disk::parent(&to))?;
        disk::rename_new(&from, &to)?;
        disk::sync_dir(disk::parent(&to))?;
        disk::sync_dir(disk::parent(&from))?;
        Ok(())
    }
}

/// A folder of the trash, on the volume of the library.
struct Trash {
    directory: PathBuf,
}

impl Trash {
    fn new(root: &Path) -> Self {
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
        Self {
            directory: root.join(".trash").join(format!("sync-{now}")),
        }
    }

    /// Takes a file away.
    fn take(&self, file: &Path, path: &LibraryPath) -> Result<(), SyncError> {
        let to = self.place(path)?;
        disk::rename_new(file, &to)?;
        disk::sync_dir(disk::parent(&to))?;
        disk::sync_dir(disk::parent(file))?;
        Ok(())
    }

    /// Keeps a file that is about to be replaced; it stays in its place where the file system has hard links.
    fn keep(&self, file: &Path, path: &LibraryPath) -> Result<(), SyncError> {
        let to = self.place(path)?;
        if fs_err::hard_link(file, &to).is_err() {
            return self.take(file, path);
        }
        disk::sync_dir(disk::parent(&to))?;
        Ok(())
    }

    fn place(&self, path: &LibraryPath) -> Result<PathBuf, SyncError> {
        let to = self.directory.join(path);
        disk::create_dirs(disk::parent(&to))?;
        Ok(to)
    }
}
