//! A directory with a manifest and a lock.

use std::io;
use std::path::{Path, PathBuf};

use civitai_download::disk;
use fs_err::File;

use crate::document::ReadError;
use crate::lock::{LOCK, Lock};
use crate::manifest::{Draft, MANIFEST, Manifest};

/// A directory with a manifest, a lock, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// The directory.
    pub directory: PathBuf,
}

/// The right to change a project's files, which one process has at a time. It ends with the value or the process.
#[derive(Debug)]
pub struct Held {
    _directory: File,
}

impl Project {
    /// Finds the project that a directory is in: the nearest one at or above it.
    pub fn find(from: &Path) -> Option<Self> {
        let has = |directory: &&Path| {
            [MANIFEST, LOCK]
                .iter()
                .any(|name| directory.join(name).is_file())
        };
        let directory = from.ancestors().find(has)?.to_owned();
        Some(Self { directory })
    }

    /// Makes a project of a directory: a manifest that says what could stand in it, and an empty lock.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where there is a manifest or a lock; nothing is changed then.
    pub fn init(directory: &Path) -> Result<Self, ReadError> {
        let project = Self {
            directory: directory.to_owned(),
        };
        for path in [project.manifest_path(), project.lock_path()] {
            if fs_err::symlink_metadata(&path).is_ok() {
                let error = format!("{} is there already", path.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, error).into());
            }
        }
        disk::create_dirs(directory)?;
        // The manifest comes last: what is there without it is no project yet.
        Lock::default().save(&project.lock_path())?;
        disk::replace(&project.manifest_path(), TEMPLATE.as_bytes())?;
        Ok(project)
    }

    /// Where the manifest is.
    pub fn manifest_path(&self) -> PathBuf {
        self.directory.join(MANIFEST)
    }

    /// Where the lock is.
    pub fn lock_path(&self) -> PathBuf {
        self.directory.join(LOCK)
    }

    /// Reads the manifest; `None` if there is only a lock.
    pub fn manifest(&self) -> Result<Option<Manifest>, ReadError> {
        Manifest::read(&self.manifest_path())
    }

    /// Reads the manifest to change it; `None` if there is only a lock.
    pub fn draft(&self) -> Result<Option<Draft>, ReadError> {
        Draft::read(&self.manifest_path())
    }

    /// Reads the lock; an empty one if there is none.
    pub fn lock(&self) -> Result<Lock, ReadError> {
        Ok(Lock::read(&self.lock_path())?.unwrap_or_default())
    }

    /// Takes the right to change the files of the project.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] while another process has it.
    pub fn hold(&self) -> io::Result<Held> {
        use rustix::fs::{FlockOperation, flock};
        let directory = File::open(&self.directory)?;
        match flock(directory.file(), FlockOperation::NonBlockingLockExclusive) {
            // A file system without locks has no second process that would know of them.
            Ok(()) | Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOLCK) => Ok(Held {
                _directory: directory,
            }),
            Err(errno) => {
                let kind = io::Error::from(errno).kind();
                let error = format!(
                    "{}: another command is changing this project",
                    self.directory.display()
                );
                Err(io::Error::new(kind, error))
            }
        }
    }
}

/// A manifest to begin with.
const TEMPLATE: &str = r#"# What this project wants from Civitai. `civitai-dl add LINK` writes here, `civitai-dl sync` fetches.
# Every table and key: docs/manifest.md

[settings]
# Where the models go, and in whose folders.
library = "models"
layout = "comfyui"

[policy]
# Files that can run code when they are loaded: "allow" or "refuse".
pickle = "allow"
# Versions that must be bought for now: "allow", "skip" or "refuse".
early-access = "allow"
# Models that depict a real person: "ask", "allow" or "refuse".
real-person = "ask"
# What the creators must permit:
# commercial-use = ["Image", "Sell"]
# no-credit = true
# derivatives = true
# different-license = true
"#;
