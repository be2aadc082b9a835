//! What the site's own scanners said of a file of the library.

use std::path::{Path, PathBuf};

use civitai_library::catalogue::Catalogue;

use crate::judge::SiteScan;
use crate::session::Session;

/// What the library knows of the site's own scans.
pub(super) struct Site {
    here: PathBuf,
    catalogue: Option<Catalogue>,
}

impl Site {
    /// A catalogue that cannot be opened tells nothing: scanning a file takes none, and the verbs of the library say what is
    /// wrong with it.
    pub(super) fn of(session: &Session) -> Self {
        let library = crate::commands::library::of(session).ok();
        let catalogue = library.and_then(|library| library.catalogue_if_there().ok().flatten());
        Self {
            here: session.settings.layers.surroundings().directory.clone(),
            catalogue,
        }
    }

    pub(super) fn said(&self, path: &Path) -> Option<SiteScan> {
        let path = fs_err::canonicalize(self.here.join(path)).ok()?;
        SiteScan::known(self.catalogue.as_ref()?, &path).ok()?
    }
}
