//! Sources of leases that need no API.

use async_trait::async_trait;
use civitai_security::{RedactedUrl, Secret};
use url::{Origin, Url};

use crate::lease::{Lease, LeaseError, UrlSource};

/// A plain URL as a source: each lease starts at the URL itself, so what it redirects to is asked anew when it expires.
///
/// It sends no request of its own. The redirects are followed by the transfer's first request, at most ten, under the
/// rules of [`Storage`](crate::Storage); the further requests go straight to where that one ended.
#[derive(Debug, Clone)]
pub struct Redirects {
    url: RedactedUrl,
    credential: Option<Secret>,
}

impl Redirects {
    /// Starts at `url`, without a credential.
    pub fn new(url: Url) -> Self {
        Self {
            url: RedactedUrl::new(url),
            credential: None,
        }
    }

    /// Sends `token` with the first request if the URL's origin is one of `origins`. It never follows a redirect to
    /// another origin, and does not come back when a later one returns to the first.
    #[must_use]
    pub fn with_credential(self, token: Secret, origins: &[Origin]) -> Self {
        let known = origins.contains(&self.url.expose().origin());
        Self {
            credential: known.then_some(token),
            ..self
        }
    }
}

#[async_trait]
impl UrlSource for Redirects {
    async fn lease(&self) -> Result<Lease, LeaseError> {
        let lease = Lease::new(self.url.clone()).with_credential(self.credential.clone());
        Ok(Lease {
            is_fixed: true,
            ..lease
        })
    }
}
