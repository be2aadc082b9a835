//! What a transfer, and whoever else keeps files that must outlive a crash, asks of the operating system: the few calls
//! whose order and failure modes matter.
//!
//! Everything here blocks.

use std::fmt;
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use fs_err::{File, OpenOptions};
use rustix::fs::{FallocateFlags, RenameFlags};

use crate::error::{Error, ErrorKind};

/// Options that open a file of ours: private, and never through a symbolic link somebody planted.
pub fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    let flags = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
    options.options_mut().mode(0o600).custom_flags(flags);
    options.read(true);
    options
}

/// Writes the chunks one after another from `offset` on.
pub(crate) fn write_at(file: &File, chunks: &[Bytes], offset: u64) -> io::Result<()> {
    let slices: Vec<_> = chunks
        .iter()
        .filter(|chunk| !chunk.is_empty())
        .map(|chunk| IoSlice::new(chunk))
        .collect();
    write_slices(file, slices, offset).map_err(|error| with_path(error, file.path()))
}

fn write_slices(file: &File, mut slices: Vec<IoSlice<'_>>, mut offset: u64) -> io::Result<()> {
    let mut rest = slices.as_mut_slice();
    while !rest.is_empty() {
        match rustix::io::pwritev(file.file(), rest, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut rest, written);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Fills `buffer` from `offset` on; the end of the file is an error.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    file.file()
        .read_exact_at(buffer, offset)
        .map_err(|error| with_path(error, file.path()))
}

/// Makes the file `size` bytes long with its blocks reserved, or only long where the file system cannot reserve: then it
/// is false.
pub(crate) fn preallocate(file: &File, size: u64) -> io::Result<bool> {
    let is_reserved = reserve(file, size, FallocateFlags::empty())?;
    file.set_len(size)?;
    Ok(is_reserved)
}

/// Keeps room for a file that grows to `size` bytes, where the file system can.
pub(crate) fn keep_room(file: &File, size: u64) -> io::Result<()> {
    reserve(file, size, FallocateFlags::KEEP_SIZE).map(drop)
}

/// False where the file system cannot.
fn reserve(file: &File, size: u64, flags: FallocateFlags) -> io::Result<bool> {
    if size == 0 {
        return Ok(true);
    }
    loop {
        match rustix::fs::fallocate(file.file(), flags, 0, size) {
            Ok(()) => return Ok(true),
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) if is_unsupported(&errno.into()) => return Ok(false),
            Err(errno) => return Err(with_path(errno.into(), file.path())),
        }
    }
}

/// Bytes an ordinary user may still write on the volume of `path`.
pub(crate) fn available(path: &Path) -> io::Result<u64> {
    let volume = rustix::fs::statvfs(path).map_err(|errno| with_path(errno.into(), path))?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
}

/// Bytes of the file that already occupy the volume.
pub(crate) fn occupied(file: &File) -> io::Result<u64> {
    Ok(file.metadata()?.blocks() * 512)
}

/// Gives a file a mode.
pub(crate) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

/// The mode a program gets that creates a file without asking for any: `0666 & !umask`.
pub(crate) fn usual_mode() -> u32 {
    0o666 & !umask()
}

/// The umask, from the kernel's report: the system call can only read it by changing it under other threads' feet.
fn umask() -> u32 {
    let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("Umask:"))
        .and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok())
        .unwrap_or(0o022)
}

/// Renames, failing with [`AlreadyExists`](io::ErrorKind::AlreadyExists) rather than replacing what is at `to`.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    let cwd = rustix::fs::CWD;
    match rustix::fs::renameat_with(cwd, from, cwd, to, RenameFlags::NOREPLACE) {
        // Network and FUSE file systems know neither flag nor call; a hard link refuses to replace just as well.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            fs_err::hard_link(from, to)?;
            fs_err::remove_file(from)
        }
        other => other.map_err(|errno| with_path(errno.into(), to)),
    }
}

/// Gives a file new contents, in such a way that a crash or a full disk at any point leaves the old ones or the new ones.
///
/// The contents are written to `NAME.new` in the same directory, flushed and renamed; a leftover of that name is
/// overwritten, so two writers of one file must take turns. A symbolic link stays one and its aim gets the contents; the
/// mode of the old file is kept.
pub fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let target = fs_err::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mode = match fs_err::metadata(&target) {
        Ok(old) => old.permissions().mode() & 0o7777,
        Err(_) => usual_mode(),
    };
    let draft = beside(&target, ".new");
    let write = || {
        let file = private()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&draft)?;
        write_all(&file, contents)?;
        set_mode(&file, mode)?;
        file.sync_all()?;
        fs_err::rename(&draft, &target)
    };
    write().inspect_err(|_| {
        // What went wrong is the better answer than that the draft stayed, too.
        let _ = remove_if_there(&draft);
    })?;
    sync_dir(parent(&target))
}

fn write_all(file: &File, contents: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut file = file;
    file.write_all(contents)
}

/// Makes renames, creations and removals in a directory survive a power cut.
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// The directory of `path`, usable in calls also for a bare file name.
pub fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Creates a directory and its parents, each flushed into the one above.
pub fn create_dirs(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let missing: Vec<&Path> = dir
        .ancestors()
        .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        .collect();
    fs_err::create_dir_all(dir)?;
    missing
        .into_iter()
        .try_for_each(|dir| sync_dir(parent(dir)))
}

/// Names this run of the kernel: what was written but not flushed survives until it changes.
pub(crate) fn boot_id() -> Option<String> {
    static BOOT: OnceLock<Option<String>> = OnceLock::new();
    let read = || {
        let id = fs_err::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    };
    BOOT.get_or_init(read).clone()
}

/// Locks a file against other processes, for as long as it is open.
///
/// # Errors
/// `Locked` while another has it.
pub(crate) fn lock(file: &File) -> Result<(), Error> {
    match file.file().try_lock() {
        Ok(()) => Ok(()),
        Err(std::fs::TryLockError::WouldBlock) => Err(ErrorKind::Locked {
            path: file.path().to_owned(),
            holder: lock_holder(file),
        }
        .into()),
        // Some network disks have no locks; a lone process is the usual case there.
        Err(std::fs::TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!(path = %file.path().display(), "this volume has no file locks");
            Ok(())
        }
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

/// The process that holds the lock of a file, where the kernel says so. By the time it is known it may be another.
fn lock_holder(file: &File) -> Option<u32> {
    let file = file.metadata().ok()?;
    let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    let place = format!("{major:02x}:{minor:02x}:{}", file.ino());
    let locks = fs_err::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 4711 fe:00:1835 0 EOF`; who waits for it has an arrow in the second place.
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, process, at, ..] = words[..] else {
            return None;
        };
        // A process of another container is told as 0 or less.
        (at == place).then(|| process.parse().ok().filter(|id| *id > 0))?
    })
}

/// What stands at a path where a file of ours belongs and cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Obstacle {
    /// A directory.
    Directory,
    /// A symbolic link, which is never followed.
    Link,
    /// A device, a pipe or a socket.
    Special,
}

impl Obstacle {
    /// What of the kind is at `path`, if anything.
    fn at(path: &Path) -> Option<Self> {
        let there = fs_err::symlink_metadata(path).ok()?.file_type();
        (!there.is_file()).then(|| Self::of(there))
    }

    /// What something is that is no file.
    pub(crate) fn of(there: std::fs::FileType) -> Self {
        if there.is_dir() {
            Self::Directory
        } else if there.is_symlink() {
            Self::Link
        } else {
            Self::Special
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "a directory",
            Self::Link => "a symbolic link",
            Self::Special => "a special file",
        })
    }
}

/// Opens a file of ours, or says what is in its place. What is no file is not opened at all: a pipe would wait for its
/// other end.
pub(crate) fn open(options: &OpenOptions, path: &Path) -> Result<File, Error> {
    if let Some(obstacle) = Obstacle::at(path) {
        return Err(in_the_way(path, obstacle));
    }
    let file = options.open(path)?;
    let opened = file.metadata()?.file_type();
    if opened.is_file() {
        Ok(file)
    } else {
        Err(in_the_way(path, Obstacle::of(opened)))
    }
}

/// Makes way for a file of ours by removing a file or a link that is there; what else is there stays.
pub(crate) fn make_way(path: &Path) -> Result<(), Error> {
    match Obstacle::at(path) {
        Some(obstacle @ (Obstacle::Directory | Obstacle::Special)) => {
            Err(in_the_way(path, obstacle))
        }
        _ => Ok(remove_if_there(path)?),
    }
}

pub(crate) fn in_the_way(path: &Path, obstacle: Obstacle) -> Error {
    let path = path.to_owned();
    ErrorKind::InTheWay { path, obstacle }.into()
}

/// Says whether an open file is the one at a path; a link there is none.
pub fn is_same_file(open: &File, path: &Path) -> io::Result<bool> {
    let here = open.metadata()?;
    match fs_err::symlink_metadata(path) {
        Ok(there) => Ok((here.dev(), here.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file; that it is gone already is fine.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// `path` with `suffix` behind its last part.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The same failure for one more file that it befell.
pub(crate) fn same_error(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

/// What a refusal of the disk is called in the JSON lines of the command line: `no_space` or `io`.
pub fn code_of(error: &io::Error) -> &'static str {
    if is_full(error) { "no_space" } else { "io" }
}

/// Volume full or quota used up.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
    )
}

/// Names the path in an error that came from a call outside `fs_err`, keeping its kind.
fn with_path(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(
        error.kind(),
        AtPath {
            path: path.to_owned(),
            error,
        },
    )
}

#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
struct AtPath {
    path: PathBuf,
    error: io::Error,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renaming_never_replaces() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs_err::write(&from, "new").expect("written");
        fs_err::write(&to, "old").expect("written");
        let error = rename_new(&from, &to).expect_err("there is a file already");
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs_err::read(&to).expect("still there"), b"old");
        fs_err::remove_file(&to).expect("removed");
        rename_new(&from, &to).expect("the name is free");
        assert_eq!(fs_err::read(&to).expect("moved"), b"new");
    }

    #[test]
    fn new_contents_keep_the_mode_and_the_link() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        replace(&file, b"first").expect("written");
        fs_err::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("changed");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        replace(&link, b"second").expect("written");
        assert_eq!(fs_err::read(&file).expect("there"), b"second");
        assert!(fs_err::symlink_metadata(&link).expect("there").is_symlink());
        let mode = fs_err::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert!(!dir.path().join("file.new").exists());
    }

    #[test]
    fn contents_that_cannot_be_written_leave_the_old_ones() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("file");
        replace(&file, b"old").expect("written");
        fs_err::create_dir(dir.path().join("file.new")).expect("created");
        replace(&file, b"new").expect_err("the draft has no place");
        assert_eq!(fs_err::read(&file).expect("there"), b"old");
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (aim, link) = (dir.path().join("aim"), dir.path().join("link"));
        fs_err::write(&aim, "untouched").expect("written");
        std::os::unix::fs::symlink(&aim, &link).expect("linked");
        private()
            .write(true)
            .truncate(true)
            .open(&link)
            .expect_err("a link is refused");
        assert_eq!(fs_err::read(&aim).expect("still there"), b"untouched");
    }

    #[test]
    fn a_file_is_shared_by_the_umask() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let ours = private()
            .write(true)
            .create_new(true)
            .open(dir.path().join("a"))
            .expect("created");
        assert_eq!(
            ours.metadata().expect("there").permissions().mode() & 0o777,
            0o600
        );
        set_mode(&ours, usual_mode()).expect("the mode is changed");
        let usual = File::create(dir.path().join("b")).expect("created");
        let mode = |file: &File| file.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&ours), mode(&usual));
    }
}
