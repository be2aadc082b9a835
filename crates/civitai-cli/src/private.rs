//! Files and folders that are their owner's alone, whatever the umask is.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use fs_err as fs;

/// Makes a folder that nobody else may enter, and those above it that are missing.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Lets nobody else write in a folder; says whether others could. What is missing or a link is left alone.
pub(crate) fn keep(path: &Path) -> io::Result<bool> {
    take_away(path, 0o022)
}

/// Closes a file or folder of ours to others; says whether it was open to them. What is missing or a link is left alone.
pub(crate) fn close(path: &Path) -> io::Result<bool> {
    take_away(path, 0o077)
}

fn take_away(path: &Path, rights: u32) -> io::Result<bool> {
    let Ok(there) = fs::symlink_metadata(path) else {
        return Ok(false);
    };
    let mode = there.permissions().mode();
    if there.is_symlink() || mode & rights == 0 {
        return Ok(false);
    }
    let private = std::fs::Permissions::from_mode(mode & 0o777 & !rights);
    fs::set_permissions(path, private)?;
    Ok(true)
}
