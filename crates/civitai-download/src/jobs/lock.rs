//! Locks that end with their process: files under `running/`, taken and tried only within a write transaction.

use std::io;
use std::path::{Path, PathBuf};

use fs_err::File;

use crate::disk;

/// A held lock.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock, unless somebody has it.
    pub(super) fn take(running: &Path, name: &str) -> io::Result<Option<Self>> {
        let path = running.join(name);
        let file = disk::private().write(true).create(true).open(&path)?;
        match file.file().try_lock() {
            Ok(()) => Ok(Some(Self { path, _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether somebody has the lock.
    pub(super) fn is_held(running: &Path, name: &str) -> io::Result<bool> {
        match Self::take(running, name)? {
            Some(lock) => lock.give_up().map(|()| false),
            None => Ok(true),
        }
    }

    /// Lets go, and leaves no file behind.
    pub(super) fn give_up(self) -> io::Result<()> {
        disk::remove_if_there(&self.path)
    }
}
