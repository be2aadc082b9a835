//! Headers that are asked for before a file has its place.

use std::sync::Arc;

use civitai_api::ModelType;
use civitai_download::Mend;
use civitai_library::ahead::{model_type, once};
use civitai_reliability::RetryPolicy;
use tokio_util::sync::CancellationToken;

use crate::batch::Wanted;
use crate::network;
use crate::session::Session;

/// How headers are asked for.
pub(super) struct Ahead {
    retry: RetryPolicy,
    cancel: CancellationToken,
}

impl Ahead {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            retry: network::retry(&session.settings),
            cancel: session.cancel.clone(),
        }
    }

    /// What a file is by its header. Nothing where it cannot be asked for: whatever is wrong, the transfer meets and tells
    /// it. The address that was come by is left to the transfer.
    pub(super) async fn kind(&self, wanted: &mut Wanted) -> Option<ModelType> {
        let bytes = wanted.expected.bytes?;
        let (asking, left) = once(Arc::clone(&wanted.source));
        wanted.source = left;
        let mend = Mend::new(
            wanted.storage.clone(),
            asking,
            wanted.directory.join(wanted.name.as_str()),
            bytes,
        );
        let asked = model_type(&mend.retry(self.retry), bytes, &self.cancel).await;
        asked.unwrap_or_else(|error| {
            tracing::debug!(%error, "a header cannot be had");
            None
        })
    }
}
