//! Headers that are asked for before a file has its place.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use civitai_api::ModelType;
use civitai_download::lease::source_fn;
use civitai_download::{Lease, Mend, UrlSource};
use civitai_security::FileName;
use tokio_util::sync::CancellationToken;

use super::Wanted;
use crate::ahead::model_type;
use crate::blocking;
use crate::site::Site;

/// How headers are asked for.
#[derive(Debug)]
pub(super) struct Ahead {
    pub(super) site: Site,
    pub(super) cancel: CancellationToken,
}

impl Ahead {
    /// What a file is by its header. Nothing where it cannot be asked for: whatever is wrong, the transfer meets and tells
    /// it. The address that was come by is left to the transfer.
    pub(super) async fn kind(&self, wanted: &mut Wanted) -> Option<ModelType> {
        let bytes = wanted.expected.bytes?;
        let (asking, left) = once(Arc::clone(&wanted.source));
        wanted.source = left;
        let path = wanted.directory.join(wanted.name.as_str());
        let mend = Mend::new(self.site.storage.clone(), asking, path, bytes);
        let asked = model_type(&mend.retry(self.site.retry), bytes, &self.cancel).await;
        asked.unwrap_or_else(|error| {
            tracing::debug!(%error, "a header cannot be had");
            None
        })
    }
}

/// The place of two at which something stands already, whole or in part.
pub(super) async fn standing(places: [(PathBuf, FileName); 2]) -> Option<(PathBuf, FileName)> {
    blocking(move || {
        places.into_iter().find(|(directory, name)| {
            let file = directory.join(name.as_str());
            let part = directory.join(format!("{name}.part"));
            file.symlink_metadata().is_ok() || part.symlink_metadata().is_ok()
        })
    })
    .await
}
/// A source that keeps what it gives for the next one to give first: an address serves both.
fn once(source: Arc<dyn UrlSource>) -> (Arc<dyn UrlSource>, Arc<dyn UrlSource>) {
    let kept: Arc<Mutex<Option<Lease>>> = Arc::default();
    let (keeps, asked) = (Arc::clone(&kept), Arc::clone(&source));
    let asking = source_fn(move || {
        let (keeps, source) = (Arc::clone(&keeps), Arc::clone(&asked));
        async move {
            let lease = source.lease().await?;
            *keeps.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.clone());
            Ok(lease)
        }
    });
    let left = source_fn(move || {
        let (kept, source) = (Arc::clone(&kept), Arc::clone(&source));
        async move {
            let first = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            match first {
                Some(lease) => Ok(lease),
                None => source.lease().await,
            }
        }
    });
    (Arc::new(asking), Arc::new(left))
}
