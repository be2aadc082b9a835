//! Paths that stay below their root.

use std::io;
use std::path::{Component, Path, PathBuf};

/// Joins a relative path to a root, and proves that the result is below it.
///
/// Refused are absolute paths, drive letters, `..`, backslashes and NUL, the same on every system, so
/// that a path written on one is judged alike on another; and every symbolic link on the way that
/// leads out of the root or to nothing. The root itself may be a link, and what does not exist yet is fine.
///
/// # Security
/// The links are judged as they are now. Against somebody who swaps directories for links at the same
/// time only opening relative to a directory handle helps.
pub fn join_under(root: &Path, relative: impl AsRef<Path>) -> Result<PathBuf, PathError> {
    let relative = relative.as_ref();
    let refused = |reason| PathError::Refused {
        path: relative.to_owned(),
        reason,
    };
    let bytes = relative.as_os_str().as_encoded_bytes();
    if bytes.contains(&0) {
        return Err(refused(Refusal::Nul));
    }
    if bytes.contains(&b'\\') {
        return Err(refused(Refusal::Backslash));
    }
    if bytes.first() == Some(&b'/') || (bytes.len() > 1 && bytes[1] == b':') {
        return Err(refused(Refusal::Absolute));
    }
    let mut joined = root.to_owned();
    let mut real_root = None;
    for component in relative.components() {
        match component {
            Component::CurDir => continue,
            Component::Normal(part) => joined.push(part),
            Component::ParentDir => return Err(refused(Refusal::Parent)),
            Component::Prefix(_) | Component::RootDir => return Err(refused(Refusal::Absolute)),
        }
        if is_link(&joined)? {
            let real_root = match &real_root {
                Some(real_root) => real_root,
                None => real_root.insert(fs_err::canonicalize(root).map_err(PathError::Io)?),
            };
            let inside =
                fs_err::canonicalize(&joined).is_ok_and(|real| real.starts_with(real_root));
            if !inside {
                return Err(refused(Refusal::Link));
            }
        }
    }
    if joined == root {
        return Err(refused(Refusal::Empty));
    }
    Ok(joined)
}

fn is_link(path: &Path) -> Result<bool, PathError> {
    match fs_err::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_symlink()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(PathError::Io(error)),
    }
}

/// Why a path was not joined.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The path leads, or could lead, out of the root.
    #[error("path {path:?} is refused: {reason}")]
    Refused {
        /// The path as it was given.
        path: PathBuf,
        /// What is wrong with it.
        reason: Refusal,
    },
    /// A part of the path could not be looked at.
    #[error("a part of the path cannot be looked at")]
    Io(#[source] io::Error),
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It begins at the root of the file system or at a drive.
    #[error("it is absolute")]
    Absolute,
    /// It has a backslash, which separates directories on Windows.
    #[error("it has a backslash")]
    Backslash,
    /// It names nothing below the root.
    #[error("it is empty")]
    Empty,
    /// A symbolic link on the way leads out of the root, or to nothing.
    #[error("a symbolic link on the way leads outside")]
    Link,
    /// It has a NUL character.
    #[error("it has a NUL character")]
    Nul,
    /// It has `..`.
    #[error("it has `..`")]
    Parent,
}
