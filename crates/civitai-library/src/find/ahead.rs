//! Headers that are asked for before a file has its place.

use std::sync::Arc;

use civitai_api::ModelType;
use civitai_download::Mend;
use tokio_util::sync::CancellationToken;

use super::Wanted;
use crate::ahead::{model_type, once};
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
