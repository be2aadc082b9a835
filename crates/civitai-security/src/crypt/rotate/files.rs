//! The containers a rotation looks at.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;

use walkdir::{DirEntry, WalkDir};

use super::Root;

/// A place that could not be looked at.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) path: PathBuf,
    pub(super) error: io::Error,
}

/// The files of the roots, in a steady order and each once. Links are not followed; a root that is gone is lost, a folder
/// that is gone is not: whoever removed it has removed its files.
pub(super) fn containers(roots: &[Root]) -> impl Iterator<Item = Result<PathBuf, Lost>> {
    let mut seen = BTreeSet::new();
    let all = roots.iter().flat_map(|root| {
        let (path, depth) = match root {
            Root::Tree(path) => (path, usize::MAX),
            Root::Folder(path) => (path, 1),
        };
        let is_gone = matches!(root, Root::Folder(_)) && !path.exists();
        let walk = (!is_gone).then(|| WalkDir::new(path).max_depth(depth).sort_by_file_name());
        walk.into_iter().flatten().filter_map(|entry| match entry {
            Ok(entry) => is_meant(&entry).then(|| Ok(entry.into_path())),
            Err(error) => Some(Err(Lost {
                path: error.path().unwrap_or(path).to_owned(),
                error: error.into(),
            })),
        })
    });
    all.filter(move |found| match found {
        Ok(path) => seen.insert(path.clone()),
        Err(_) => true,
    })
}

fn is_meant(entry: &DirEntry) -> bool {
    let is_named = entry.depth() == 0 || entry.path().extension() == Some(OsStr::new("cke"));
    is_named && entry.file_type().is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_containers_are_found_below_and_any_file_that_is_named() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let make = |name: &str| -> PathBuf {
            let path = folder.path().join(name);
            fs_err::create_dir_all(path.parent().expect("it is below the folder"))
                .expect("it is made");
            fs_err::write(&path, b"").expect("it is written");
            path
        };
        let (b, a, other) = (make("tree/b.cke"), make("tree/a/x.cke"), make("tree/x.bin"));
        let named = make("named.bin");
        std::os::unix::fs::symlink(&named, folder.path().join("tree/link.cke")).expect("it links");
        let tree = Root::Tree(folder.path().join("tree"));
        let found: Result<Vec<_>, Lost> =
            containers(&[tree.clone(), Root::Tree(named.clone()), tree]).collect();
        assert_eq!(found.expect("all is readable"), [a, b.clone(), named]);
        let folder = Root::Folder(folder.path().join("tree"));
        let found: Result<Vec<_>, Lost> = containers(&[folder]).collect();
        assert_eq!(found.expect("all is readable"), [b]);
        assert!(other.exists());
    }
}
