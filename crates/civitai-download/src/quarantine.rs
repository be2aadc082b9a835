//! Where bytes go that must not get their name: `.quarantine/SHA256/NAME`, with a note beside them that says why.
//!
//! What the bytes are names the folder, so that a server that sends the same wrong ones again and again costs their
//! room once. The note is on the disk before the file is: nothing lies there unexplained. What another program has put
//! there is listed too, without a reason.

use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::disk;

/// Name of the folder, at the root of the tree whose files it keeps.
pub const FOLDER: &str = ".quarantine";

/// What is written down beside a file in quarantine.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Note {
    schema: u32,
    /// Where the file would have gone.
    pub target: PathBuf,
    /// The identity the transfer was given.
    pub identity: String,
    /// Its length.
    pub bytes: u64,
    /// What it hashes to, lower-case hex.
    pub sha256: String,
    /// Why it is there.
    pub reason: Reason,
}

/// Why a file is in quarantine.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The bytes are not what was promised.
    Integrity {
        /// The digest that does not hold.
        algorithm: String,
        /// The promise, lower-case hex.
        expected: String,
        /// What the bytes give, lower-case hex.
        got: String,
    },
    /// The judge of the transfer refused them.
    Refused {
        /// In its words.
        reason: String,
    },
}

impl Note {
    pub(crate) fn new(target: &Path, identity: &str, sha256: String, reason: Reason) -> Self {
        Self {
            schema: 1,
            target: target.to_owned(),
            identity: identity.to_owned(),
            bytes: 0,
            sha256,
            reason,
        }
    }

    pub(crate) fn with_bytes(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }

    /// Writes the note into the quarantine of `root`, then gives `file` its place beside it.
    pub(crate) fn take(&self, root: &Path, name: &OsStr, file: &Path) -> io::Result<PathBuf> {
        let folder = root.join(FOLDER).join(&self.sha256);
        disk::create_dirs(&folder)?;
        let to = folder.join(name);
        let path = note_of(&to);
        self.write(&path)?;
        // What may be there are the same bytes, of an earlier run.
        if let Err(error) = fs_err::rename(file, &to) {
            if !to.exists() {
                // A note about nothing; that it stays would do no harm.
                let _ = fs_err::remove_file(path).and_then(|()| fs_err::remove_dir(folder));
            }
            return Err(error);
        }
        disk::sync_dir(&folder)?;
        Ok(to)
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        let mut file = disk::private()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        file.write_all(&text)?;
        file.sync_all()
    }

    /// The note about `file`; none where there is none that can be read.
    fn read(file: &Path) -> Option<Self> {
        let mut text = Vec::new();
        let note = fs_err::File::open(note_of(file)).ok()?;
        note.take(LONGEST_NOTE).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// A file in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept {
    /// The root of the tree it would have gone into.
    pub root: PathBuf,
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// When it came.
    pub since: SystemTime,
    /// Why; absent for what somebody else put there.
    pub note: Option<Note>,
}

impl Kept {
    /// Looks at one file in the quarantine of `root`; none if there is no file.
    ///
    /// # Errors
    /// What the file system says, except that the file is gone.
    pub fn at(root: &Path, path: &Path) -> io::Result<Option<Self>> {
        let metadata = match fs_err::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let noted = fs_err::symlink_metadata(note_of(path)).and_then(|note| note.modified());
        Ok(Some(Self {
            root: root.to_owned(),
            path: path.to_owned(),
            bytes: metadata.len(),
            since: noted.or_else(|_| metadata.modified())?,
            note: Note::read(path),
        }))
    }

    /// Everything in the quarantine of `root`, by path. Links and what is no file are passed over.
    ///
    /// # Errors
    /// What the file system says, except that there is no quarantine.
    pub fn all(root: &Path) -> io::Result<Vec<Self>> {
        let mut files = Vec::new();
        for path in entries(&root.join(FOLDER))? {
            if fs_err::symlink_metadata(&path).is_ok_and(|there| there.is_dir()) {
                files.extend(entries(&path)?);
            } else {
                files.push(path);
            }
        }
        files.sort_unstable();
        let found: Result<Vec<_>, _> = files
            .iter()
            .filter(|path| !is_note(path))
            .map(|path| Self::at(root, path))
            .collect();
        Ok(found?.into_iter().flatten().collect())
    }

    /// Where the file goes when it is let out: its own place where that is below the root, else the root itself. A note
    /// cannot send it anywhere else, as the tree may have come from another machine.
    pub fn destination(&self) -> PathBuf {
        let own = self.note.as_ref().map(|note| note.target.as_path());
        // Who wrote the note may have come by a link.
        let real = own.and_then(|target| {
            let folder = fs_err::canonicalize(disk::parent(target)).ok()?;
            Some(folder.join(target.file_name()?))
        });
        let is_below = |target: &&Path| {
            let is_plain = |part| matches!(part, Component::Normal(_));
            let below = target.strip_prefix(&self.root);
            below.is_ok_and(|below| below.components().all(is_plain))
        };
        let inside = own.into_iter().chain(real.as_deref()).find(is_below);
        inside.map_or_else(
            || self.root.join(self.path.file_name().unwrap_or_default()),
            Path::to_owned,
        )
    }

    /// Gives the file to `target` on the same volume, replacing nothing, and forgets the note.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] where something is at `target`; then, and after every other error, the file is
    /// still in quarantine or has arrived.
    pub fn release(&self, target: &Path) -> io::Result<()> {
        let folder = disk::parent(target);
        disk::create_dirs(folder)?;
        let usual = std::fs::Permissions::from_mode(disk::usual_mode());
        fs_err::set_permissions(&self.path, usual)?;
        disk::rename_new(&self.path, target)?;
        disk::sync_dir(folder)?;
        self.forget()
    }

    /// Deletes the file and its note.
    ///
    /// # Errors
    /// What the file system says; that the file is gone is none.
    pub fn delete(&self) -> io::Result<()> {
        disk::remove_if_there(&self.path)?;
        self.forget()
    }

    fn forget(&self) -> io::Result<()> {
        disk::remove_if_there(&note_of(&self.path))?;
        let folder = disk::parent(&self.path);
        let quarantine = self.root.join(FOLDER);
        // A folder with something else in it stays.
        if folder != quarantine && fs_err::remove_dir(folder).is_ok() {
            let _ = fs_err::remove_dir(&quarantine);
        }
        match disk::sync_dir(&quarantine) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => disk::sync_dir(&self.root),
            other => other,
        }
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Whether a file is a note: it names the folder it lies in, which is the digest of every other file there. So no file
/// can pass itself off as a note and be overlooked.
fn is_note(path: &Path) -> bool {
    let about = path.to_str().and_then(|path| path.strip_suffix(SUFFIX));
    let note = about.and_then(|about| Note::read(Path::new(about)));
    note.is_some_and(|note| disk::parent(path).file_name() == Some(OsStr::new(&note.sha256)))
}

fn note_of(file: &Path) -> PathBuf {
    disk::beside(file, SUFFIX)
}

const SUFFIX: &str = ".json";
/// Notes are a few hundred bytes; what a judge has to say is short.
const LONGEST_NOTE: u64 = 64 << 10;
