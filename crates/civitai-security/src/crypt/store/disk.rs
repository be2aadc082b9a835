//! Files only their owner may read, that a crash leaves as they were or as they should be.

use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::{FlockOperation, OFlags, flock};
use zeroize::Zeroizing;

use super::StoreError;

/// The right to change the store; ends with the process.
#[derive(Debug)]
pub(in crate::crypt) struct Hold {
    _directory: fs::File,
}

/// Takes the right to change what is in `directory`, which is made if it is missing.
///
/// # Errors
/// [`StoreError::Busy`] while another process has it.
pub(super) fn hold(directory: &Path) -> Result<Hold, StoreError> {
    fs::create_dir_all(directory)?;
    check_directory(directory)?;
    let opened = fs::File::open(directory)?;
    match flock(opened.file(), FlockOperation::NonBlockingLockExclusive) {
        // A file system without locks has no second process that would know of them.
        Ok(()) | Err(rustix::io::Errno::NOTSUP | rustix::io::Errno::NOLCK) => {
            Ok(Hold { _directory: opened })
        }
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Busy {
            path: directory.to_owned(),
        }),
        Err(errno) => Err(io::Error::from(errno).into()),
    }
}

/// Makes sure that nobody else can look into the directory; says whether somebody could.
pub(super) fn check_directory(directory: &Path) -> Result<bool, StoreError> {
    let meta = fs::symlink_metadata(directory)?;
    if !meta.is_dir() {
        return Err(StoreError::NotOurs {
            path: directory.to_owned(),
        });
    }
    close_to_others(directory, &meta, 0o700)
}

/// Reads a file of the store of at most so many bytes; says whether others could read it until now.
///
/// # Errors
/// [`StoreError::NotOurs`] for what is no regular file, a symbolic link above all.
pub(super) fn read(path: &Path, most: u64) -> Result<(Zeroizing<Vec<u8>>, bool), StoreError> {
    let not_ours = || StoreError::NotOurs {
        path: path.to_owned(),
    };
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(not_ours());
    }
    // What was a file a moment ago may be a link now, or a pipe that would be waited for.
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(not_ours());
    }
    let was_open = close_to_others(path, &meta, 0o600)?;
    let len = usize::try_from(meta.len().min(most)).unwrap_or(0);
    // Never grown, so that no piece of it stays behind in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(len + 64));
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
        });
    }
    Ok((bytes, was_open))
}

/// Gives a file of the store new contents. What it held before is overwritten, as far as the disk lets one.
pub(in crate::crypt) fn replace(path: &Path, contents: &[u8]) -> io::Result<()> {
    let old = fs::OpenOptions::new()
        .write(true)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path);
    let draft = draft_of(path);
    remove_if_there(&draft)?;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(contents)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    sync_parent(path)?;
    match old {
        Ok(old) => overwrite(old),
        Err(_) => Ok(()),
    }
}

/// Removes a file of the store for good.
pub(in crate::crypt) fn remove(path: &Path) -> io::Result<()> {
    remove_if_there(path)?;
    sync_parent(path)
}

/// Adds a line to a file, flushed when this returns. A line that a crash cut off is taken away first.
pub(super) fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)?;
    let (end, _) = tail(&mut file)?;
    let is_new = end == 0;
    file.set_len(end)?;
    file.seek(io::SeekFrom::Start(end))?;
    file.write_all(line.as_bytes())?;
    file.sync_data()?;
    if is_new { sync_parent(path) } else { Ok(()) }
}

/// The last whole line of a file, without its end; `None` where there is none.
pub(super) fn last_line(path: &Path) -> io::Result<Option<String>> {
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let (_, tail) = tail(&mut file)?;
    let line = tail.strip_suffix(b"\n").map(|lines| {
        let line = lines.rsplit(|byte| *byte == b'\n').next();
        String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
    });
    Ok(line)
}

/// Where the last whole line of a file ends, and what stands shortly before.
fn tail(file: &mut fs::File) -> io::Result<(u64, Vec<u8>)> {
    let len = file.metadata()?.len();
    let from = len.saturating_sub(LONGEST_LINE);
    file.seek(io::SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(LONGEST_LINE).read_to_end(&mut tail)?;
    let end = tail.iter().rposition(|byte| *byte == b'\n');
    tail.truncate(end.map_or(0, |index| index + 1));
    Ok((from + tail.len() as u64, tail))
}

/// The names of the store's files that end in `suffix`, in order.
pub(super) fn list(directory: &Path, suffix: &str) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)?.take(MOST_FILES) {
        let path = entry?.path();
        let is_meant = path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.ends_with(suffix));
        if is_meant {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes zeros over a file that has no name any more.
fn overwrite(mut file: fs::File) -> io::Result<()> {
    let meta = file.metadata()?;
    // Another name of the same file, made by a backup perhaps, is not ours to empty.
    if meta.nlink() == 0 {
        io::copy(&mut io::repeat(0).take(meta.len()), &mut file)?;
        file.sync_data()?;
    }
    Ok(())
}

fn close_to_others(path: &Path, meta: &std::fs::Metadata, mode: u32) -> Result<bool, StoreError> {
    let for_others = meta.permissions().mode() & 0o077;
    if for_others == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    Ok(true)
}

const LONGEST_LINE: u64 = 64 * 1024;
/// Nobody has more keys; a directory of millions of names would be somebody's trap.
const MOST_FILES: usize = 10_000;
