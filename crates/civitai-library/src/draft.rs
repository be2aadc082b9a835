//! Files that are being made, until they have their names.

use std::ffi::OsString;
use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};

use civitai_download::disk;
use fs_err::File;

/// A file that is being made beside the one it is going to replace. Dropped unfinished, it is gone; what a killed process
/// left of it is written over by the next one.
#[derive(Debug)]
pub(crate) struct Draft {
    file: File,
    path: PathBuf,
    target: PathBuf,
    is_finished: bool,
}

impl Draft {
    /// Begins the draft of `target`, in whose folder it stands hidden; none while another process is at it.
    pub(crate) fn of(target: &Path) -> io::Result<Option<Self>> {
        let folder = disk::parent(target);
        disk::create_dirs(folder)?;
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(".new");
        let path = folder.join(name);
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        match file.file().try_lock() {
            // Where locks are unknown, two processes are unlikely, too.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => return Ok(None),
            Ok(()) => {}
        }
        if !disk::is_same_file(&file, &path)? {
            // Another one finished it between the opening and the lock.
            return Ok(None);
        }
        file.set_len(0)?;
        Ok(Some(Self {
            file,
            path,
            target: target.to_owned(),
            is_finished: false,
        }))
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes it and gives it its name, in the place of what had it.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        fs_err::rename(&self.path, &self.target)?;
        self.is_finished = true;
        disk::sync_dir(disk::parent(&self.target))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_finished {
            // Whatever went wrong is told already.
            let _ = disk::remove_if_there(&self.path);
        }
    }
}
