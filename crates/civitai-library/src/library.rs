//! Where a library is.

use std::path::{Path, PathBuf};

use crate::catalogue::{self, Catalogue};
use crate::layout::Layout;

/// A folder of models, where what is known of it is kept, and how files are laid out in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Library {
    /// The folder that holds the models; it need not be there yet.
    pub root: PathBuf,
    /// The directory of this program's own state: `catalogue.db`, `trees/`, `backups/`.
    pub data_dir: PathBuf,
    /// Where files of each kind go in it.
    pub layout: Layout,
}

impl Library {
    /// Opens the catalogue of this library, creating it where there is none, and brings an older one up to date. Blocks.
    pub fn catalogue(&self) -> Result<Catalogue, catalogue::Error> {
        Catalogue::open(&self.data_dir, &self.root)
    }

    /// Opens the catalogue only if there is one. Blocks.
    pub fn catalogue_if_there(&self) -> Result<Option<Catalogue>, catalogue::Error> {
        Catalogue::open_if_there(&self.data_dir, &self.root)
    }

    /// A library at another root, with the same state and layout.
    #[must_use]
    pub fn at(&self, root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            ..self.clone()
        }
    }

    /// The path of `file` within this library, with `/` between its parts; none for what is outside, or not Unicode.
    pub fn relative(&self, file: &Path) -> Option<String> {
        relative(&self.root, file)
    }
}

/// The path of `file` below `root`, with `/` between its parts.
pub(crate) fn relative(root: &Path, file: &Path) -> Option<String> {
    let parts = file.strip_prefix(root).ok()?.components();
    let parts: Option<Vec<&str>> = parts.map(|part| part.as_os_str().to_str()).collect();
    let parts = parts.filter(|parts| !parts.is_empty())?;
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_root_and_only_below_it() {
        let library = Library {
            root: "/models".into(),
            data_dir: "/data".into(),
            layout: Layout::default(),
        };
        let relative = |path: &str| library.relative(Path::new(path));
        assert_eq!(
            relative("/models/loras/a.safetensors").as_deref(),
            Some("loras/a.safetensors")
        );
        assert_eq!(relative("/models"), None);
        assert_eq!(relative("/elsewhere/a.safetensors"), None);
    }
}
