//! Where the site has a file.

use std::sync::Arc;

use civitai_api::select::{FileRequest, Variant};
use civitai_download::UrlSource;

use super::{Error, Repair, Site};
use crate::catalogue::Entry;
use crate::site::source;

impl Repair {
    /// The address of the site's file and the way to it.
    pub(super) fn source(&self, entry: &Entry) -> Result<(Arc<dyn UrlSource>, &Site), Error> {
        let origin = entry.matched.map(|matched| matched.origin);
        let (Some(origin), Some(site)) = (origin, &self.sources.site) else {
            let path = entry.path.clone();
            return Err(Error::NoSource { path });
        };
        let request = FileRequest {
            version: origin.version,
            file: origin.file,
            variant: Variant::default(),
        };
        Ok((source(site.client.clone(), request, None), site))
    }
}
