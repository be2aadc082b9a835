//! A second tree over the same models, for another interface.

use std::path::Path;

use civitai_download::disk;

use super::{How, LinkError, is_one_file, link};
use crate::library::Library;
use crate::operation::Placement;
use crate::sidecar::{Beside, stem_of};

impl Library {
    /// Gives a model its place in another tree, and copies of its sidecars, which interfaces write in. Nothing for what has
    /// its place there already.
    ///
    /// # Errors
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists) where something else has the place.
    pub fn link_into(&self, tree: &Path, placement: &Placement) -> Result<Option<How>, LinkError> {
        let (model, target) = (
            self.root.join(&placement.path),
            tree.join(&placement.target),
        );
        let how = if target.exists() && is_one_file(&model, &target)? {
            None
        } else {
            Some(link(&model, &target)?)
        };
        let stem = stem_of(&model).len();
        for (file, _) in Beside::of(&model)?.files {
            let name = file.file_name().unwrap_or_default().as_encoded_bytes();
            let suffix = String::from_utf8_lossy(&name[stem..]).into_owned();
            let copy = crate::sidecar::with_suffix(&target, &suffix);
            if !copy.exists() {
                disk::replace(&copy, &fs_err::read(&file)?)?;
            }
        }
        Ok(how)
    }
}
