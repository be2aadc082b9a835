//! Which folders of which libraries a scan is about.

use std::io;
use std::path::{Path, PathBuf};

use crate::Library;

/// A library, and the folders of it that are meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The library; its root is the folder itself where that lies outside of the library that was given.
    pub library: Library,
    /// Folders below its root; none for all of it.
    pub folders: Vec<String>,
}

impl Target {
    /// What `folders`, or files, mean for `library`: those within it are parts of it, each of the others is a library of
    /// its own. Without any, all of `library` is meant.
    ///
    /// # Errors
    /// When the folder that one should be in is not there.
    pub fn of(library: &Library, folders: &[PathBuf]) -> io::Result<Vec<Self>> {
        let mut own: Option<Self> = folders.is_empty().then(|| Self::all(library.clone()));
        let mut others: Vec<Self> = Vec::new();
        for folder in folders {
            let folder = real(folder)?;
            if folder == library.root {
                own = Some(Self::all(library.clone()));
            } else if let Some(relative) = library.relative(&folder) {
                match &mut own {
                    Some(all) if all.folders.is_empty() => {}
                    Some(some) => some.folders.push(relative),
                    None => {
                        own = Some(Self {
                            library: library.clone(),
                            folders: vec![relative],
                        });
                    }
                }
            } else if !others.iter().any(|other| other.library.root == folder) {
                others.push(Self::all(library.at(&folder)));
            }
        }
        Ok(own.into_iter().chain(others).collect())
    }

    fn all(library: Library) -> Self {
        Self {
            library,
            folders: Vec::new(),
        }
    }

    /// Says whether a path below the root of this library is meant.
    pub fn covers(&self, path: &str) -> bool {
        self.folders.is_empty()
            || self
                .folders
                .iter()
                .any(|folder| Path::new(path).starts_with(folder))
    }
}

/// One path for one place, however it was written. The last part need not be there.
fn real(path: &Path) -> io::Result<PathBuf> {
    match (fs_err::canonicalize(path), path.parent(), path.file_name()) {
        (Err(error), Some(parent), Some(name)) if error.kind() == io::ErrorKind::NotFound => {
            Ok(fs_err::canonicalize(parent)?.join(name))
        }
        (result, ..) => result,
    }
}
