//! Where the site has a file.

use std::sync::Arc;

use civitai_api::Client;
use civitai_api::select::{FileRequest, Variant};
use civitai_download::lease::source_fn;
use civitai_download::{Lease, LeaseError, UrlSource};

use super::{Error, Repair, Site};
use crate::catalogue::Entry;

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
        Ok((source(site.client.clone(), request), site))
    }
}

/// A lease is one exchange with the site; whoever fetches owns the retries.
fn source(client: Client, request: FileRequest) -> Arc<dyn UrlSource> {
    Arc::new(source_fn(move || {
        let (client, request) = (client.clone(), request.clone());
        async move {
            match client.exchange(&request).await {
                Ok(signed) => Ok(Lease::new(signed.url).with_expires(signed.expires)),
                Err(error) => Err(refused(error)),
            }
        }
    }))
}

fn refused(error: civitai_api::Error) -> LeaseError {
    let (code, wait) = (error.code(), error.retry_after());
    let error = if error.is_transient() {
        LeaseError::transient(error, wait)
    } else {
        LeaseError::permanent(error)
    };
    error.with_code(code)
}
