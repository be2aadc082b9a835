//! The temporary folder in which everything is made: the files that are served, the origin, what arrives.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::held::{self, Held};

/// A folder that is removed when this is dropped, and also when the benchmark is killed.
#[derive(Debug)]
pub(crate) struct Workshop {
    folder: PathBuf,
    _sweeper: Held,
}

impl Workshop {
    /// Opens one where there is room for `bytes`, below the system's temporary folder (`TMPDIR`).
    pub(crate) fn open(bytes: u64) -> Result<Self> {
        let parent = env::temp_dir();
        let volume = rustix::fs::statvfs(&parent)?;
        let free = volume.f_bavail * volume.f_frsize;
        ensure!(
            free >= bytes,
            "{} has {} MiB free and {} MiB are needed; TMPDIR names another place",
            parent.display(),
            free >> 20,
            bytes >> 20
        );
        let folder = tempfile::Builder::new()
            .prefix("civitai-bench-")
            .tempdir_in(parent)?
            .keep();
        let sweeper = Held::start(held::own("sweep")?.arg(&folder))?;
        Ok(Self {
            folder,
            _sweeper: sweeper,
        })
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join(name)
    }

    /// An empty folder, with everything before it on disk, so that no run pays for the one before.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf> {
        let folder = self.path(name);
        if folder.exists() {
            fs_err::remove_dir_all(&folder)?;
        }
        fs_err::create_dir_all(&folder)?;
        rustix::fs::sync();
        Ok(folder)
    }
}
