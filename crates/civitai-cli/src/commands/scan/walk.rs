//! Which files are meant.

use std::path::{Path, PathBuf};

use civitai_download::quarantine;

use crate::failure::Failure;

/// What a walk has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files with their lengths, each folder's in the order of their names; or why a path cannot be walked.
    pub(super) items: Vec<Result<(PathBuf, u64), Failure>>,
    /// Length of all files.
    pub(super) bytes: u64,
    /// Folders of this program's own that hold what was taken away.
    pub(super) left_out: Vec<PathBuf>,
}

/// Finds the files that `paths`, from where the user stands, mean. Links to files are followed, links to folders are not
/// unless they are named themselves, so that no walk goes in a circle.
pub(super) fn walk(paths: &[PathBuf], here: &Path) -> Found {
    let mut found = Found::default();
    for path in paths {
        match fs_err::metadata(here.join(path)) {
            Ok(there) if there.is_dir() => found.folder(path, here),
            Ok(there) => found.file(path.clone(), there.len()),
            Err(error) => found.items.push(Err(Failure::named(path, &error))),
        }
    }
    found
}

impl Found {
    fn file(&mut self, path: PathBuf, bytes: u64) {
        self.bytes += bytes;
        self.items.push(Ok((path, bytes)));
    }

    fn folder(&mut self, top: &Path, here: &Path) {
        // A stack instead of recursion: folders may be nested as deeply as somebody likes.
        let mut waiting = vec![top.to_owned()];
        while let Some(folder) = waiting.pop() {
            let names = fs_err::read_dir(here.join(&folder)).and_then(|entries| {
                let names = entries.map(|entry| Ok(folder.join(entry?.file_name())));
                names.collect::<std::io::Result<Vec<_>>>()
            });
            let mut inside = match names {
                Ok(names) => names,
                Err(error) => {
                    self.items.push(Err(Failure::io(&error)));
                    continue;
                }
            };
            inside.sort_unstable();
            let mut folders = Vec::new();
            for path in inside {
                match fs_err::symlink_metadata(here.join(&path)) {
                    Ok(there) if there.is_dir() && is_ours(&path) => self.left_out.push(path),
                    Ok(there) if there.is_dir() => folders.push(path),
                    Ok(there) if there.is_symlink() => match fs_err::metadata(here.join(&path)) {
                        Ok(there) if there.is_dir() => {}
                        // A link to nothing loads nothing.
                        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                        Ok(there) => self.file(path, there.len()),
                        Err(error) => self.items.push(Err(Failure::io(&error))),
                    },
                    Ok(there) => self.file(path, there.len()),
                    Err(error) => self.items.push(Err(Failure::io(&error))),
                }
            }
            waiting.extend(folders.into_iter().rev());
        }
    }
}

/// Whether a folder holds what was taken away: no tool loads models from there.
fn is_ours(folder: &Path) -> bool {
    folder
        .file_name()
        .is_some_and(|name| name == quarantine::FOLDER || name == ".trash")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn files_are_found_in_order_links_make_no_circle_and_what_was_taken_away_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        for path in ["m/b", "m/a/2", "m/a/1", "m/.quarantine/x", "m/a/.trash/y"] {
            fs_err::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs_err::write(at(path), path).unwrap();
        }
        symlink(at("m"), at("m/a/circle")).unwrap();
        symlink(at("nowhere"), at("m/a/dangling")).unwrap();
        symlink(at("m/b"), at("m/a/link")).unwrap();
        let found = walk(&["m".into(), "gone".into()], folder.path());
        let files: Vec<_> = found
            .items
            .iter()
            .filter_map(|item| Some(item.as_ref().ok()?.0.to_str().unwrap().to_owned()))
            .collect();
        assert_eq!(files, ["m/b", "m/a/1", "m/a/2", "m/a/link"]);
        assert_eq!(found.items.len(), 5, "{:?}", found.items);
        assert_eq!(found.left_out.len(), 2);
        let named = walk(&["m/.quarantine".into()], folder.path());
        assert_eq!(named.items.len(), 1);
    }
}
