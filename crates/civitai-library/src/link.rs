//! One content in several places, without a second copy.
//!
//! Tried in this order: a hard link, which costs nothing and cannot dangle; a reflink, which shares the bytes and lets each
//! name change by itself; a symbolic link, the only one that reaches another volume. Which of them works is up to the file
//! systems; where none does (exFAT, say) the answer is an error, because a copy is something that the user decides on.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use civitai_download::disk;

mod tree;

/// How a name came to its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum How {
    /// Another name of the same file.
    Hard,
    /// A file of its own that shares the bytes until one of the two changes.
    Reflink,
    /// A pointer to the path.
    Symbolic,
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hard => "hard link",
            Self::Reflink => "reflink",
            Self::Symbolic => "symbolic link",
        })
    }
}

/// Why a content could not get another name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Neither file system allows any of the three.
    #[error("{} and {} cannot share one content: only a copy would do", from.display(), to.display())]
    OnlyCopy {
        /// Where the content is.
        from: PathBuf,
        /// Where it was wanted.
        to: PathBuf,
        /// What was said to the last try.
        source: io::Error,
    },
    /// A folder could not be made, the name is taken, or the like.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Gives the content of `from` a second name. Folders on the way are made; a name that is taken fails with
/// [`AlreadyExists`](io::ErrorKind::AlreadyExists) and stays.
pub fn link(from: &Path, to: &Path) -> Result<How, LinkError> {
    // A link to a link would dangle when the first one goes.
    let from = fs_err::canonicalize(from)?;
    disk::create_dirs(disk::parent(to))?;
    let how = try_each(&from, to)?;
    disk::sync_dir(disk::parent(to))?;
    Ok(how)
}

/// Makes `path` share the content of `with`, which has the same bytes: the caller has compared them.
///
/// The name is never without a content in between. Two names of one file already are left alone, and then it is nothing.
pub fn share(with: &Path, path: &Path) -> Result<Option<How>, LinkError> {
    if is_one_file(with, path)? {
        return Ok(None);
    }
    let from = fs_err::canonicalize(with)?;
    let draft = draft(path);
    disk::remove_if_there(&draft)?;
    let how = try_each(&from, &draft)?;
    if let Err(error) = fs_err::rename(&draft, path) {
        // The failure is the better answer than that the draft stayed, too.
        let _ = disk::remove_if_there(&draft);
        return Err(error.into());
    }
    disk::sync_dir(disk::parent(path))?;
    Ok(Some(how))
}

/// Gives `path` bytes of its own again: a reflink where that works, else a copy. Needs room for it.
pub fn unshare(path: &Path) -> io::Result<()> {
    let from = fs_err::canonicalize(path)?;
    let draft = draft(path);
    disk::remove_if_there(&draft)?;
    let copy = || {
        if reflink_copy::reflink(&from, &draft).is_err() {
            disk::remove_if_there(&draft)?;
            fs_err::copy(&from, &draft)?;
        }
        let modified = fs_err::metadata(&from)?.modified()?;
        let file = fs_err::File::options().write(true).open(&draft)?;
        file.file().set_modified(modified)?;
        file.sync_all()?;
        fs_err::rename(&draft, path)
    };
    copy().inspect_err(|_| {
        // The failure is the better answer than that the draft stayed, too.
        let _ = disk::remove_if_there(&draft);
    })?;
    disk::sync_dir(disk::parent(path))
}

/// Says whether two paths lead to one file.
pub fn is_one_file(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (fs_err::metadata(one)?, fs_err::metadata(other)?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

fn try_each(from: &Path, to: &Path) -> Result<How, LinkError> {
    match fs_err::hard_link(from, to) {
        Ok(()) => return Ok(How::Hard),
        Err(error) if !is_refusal(&error) => return Err(error.into()),
        Err(_) => {}
    }
    match reflink_copy::reflink(from, to) {
        Ok(()) => {
            fs_err::File::open(to)?.sync_all()?;
            return Ok(How::Reflink);
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error.into()),
        Err(_) => {}
    }
    match std::os::unix::fs::symlink(from, to) {
        Ok(()) => Ok(How::Symbolic),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error.into()),
        Err(source) => Err(LinkError::OnlyCopy {
            from: from.to_owned(),
            to: to.to_owned(),
            source,
        }),
    }
}

/// What file systems say that know no hard links, have too many of one file, or are two.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::CrossesDevices
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TooManyLinks
            | io::ErrorKind::Unsupported
    )
}

/// Hidden, so that no scan takes it for a model.
pub(crate) fn draft(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".link");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (a, b) = (dir.path().join("a"), dir.path().join("x/b"));
        fs_err::write(&a, "same").expect("written");
        (dir, a, b)
    }

    #[test]
    fn on_one_volume_it_is_a_hard_link() {
        let (_dir, a, b) = two();
        assert_eq!(link(&a, &b).expect("linked"), How::Hard);
        assert!(is_one_file(&a, &b).expect("both are there"));
        let taken = link(&a, &b).expect_err("the name is taken");
        assert!(
            matches!(&taken, LinkError::Io(error) if error.kind() == io::ErrorKind::AlreadyExists),
            "{taken}"
        );
    }

    #[test]
    fn another_volume_is_reached_by_a_symbolic_link() {
        let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
            println!("skipped: no second volume");
            return;
        };
        let (_dir, a, _) = two();
        let there = other.path().join("b");
        let volume = |path: &Path| fs_err::metadata(path).expect("there").dev();
        if volume(&a) == volume(other.path()) {
            println!("skipped: one volume");
            return;
        }
        assert_eq!(link(&a, &there).expect("linked"), How::Symbolic);
        assert_eq!(
            fs_err::read_to_string(&there).expect("it leads there"),
            "same"
        );
    }

    #[test]
    fn equal_files_share_and_part_again() {
        let (_dir, a, b) = two();
        fs_err::create_dir(b.parent().expect("a folder")).expect("made");
        fs_err::write(&b, "same").expect("written");
        assert_eq!(share(&a, &b).expect("shared"), Some(How::Hard));
        assert_eq!(share(&a, &b).expect("nothing to do"), None);
        unshare(&b).expect("parted");
        assert!(!is_one_file(&a, &b).expect("both are there"));
        assert_eq!(fs_err::read_to_string(&b).expect("there"), "same");
    }
}
