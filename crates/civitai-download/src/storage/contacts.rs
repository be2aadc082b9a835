//! The first request to each server goes alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::{Origin, Url};

/// Servers that were spoken to. Only the first answer tells whether requests can share a connection: a hundred that
/// did not wait for it would make a hundred connections.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    /// One permit each until the first request is over; closed from then on.
    origins: Mutex<HashMap<Origin, Arc<Semaphore>>>,
}

/// The request that goes first. When it is dropped, whatever came of it, all others may go.
#[derive(Debug)]
pub(crate) struct First(OwnedSemaphorePermit);

impl Drop for First {
    fn drop(&mut self) {
        self.0.semaphore().close();
    }
}

impl Contacts {
    /// Waits while another request is the first at this server. `None` when that is over.
    pub(super) async fn first(&self, url: &Url) -> Option<First> {
        let semaphore = self.semaphore(url)?;
        // A closed one lets everybody pass.
        semaphore.acquire_owned().await.ok().map(First)
    }

    fn semaphore(&self, url: &Url) -> Option<Arc<Semaphore>> {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let origin = url.origin();
        if origins.len() >= MAX_ORIGINS && !origins.contains_key(&origin) {
            return None;
        }
        let semaphore = origins
            .entry(origin)
            .or_insert_with(|| Arc::new(Semaphore::new(1)));
        Some(Arc::clone(semaphore))
    }
}

/// Redirects choose the servers: the memory of them is bounded.
const MAX_ORIGINS: usize = 256;

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn others_wait_for_the_first_at_their_server_only() {
        let contacts = Contacts::default();
        let (here, there) = (url("https://a.example/1"), url("https://b.example/1"));
        let first = contacts.first(&here).now_or_never().expect("nobody before");
        assert!(first.is_some());
        let mut second = Box::pin(contacts.first(&here));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(contacts.first(&there).now_or_never().is_some());
        drop(first);
        assert!(second.now_or_never().expect("it may go").is_none());
        assert!(
            contacts
                .first(&here)
                .now_or_never()
                .expect("at once")
                .is_none()
        );
    }
}
