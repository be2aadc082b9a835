//! Where the bytes may be had for a while: a URL is a lease, not the file's identity.

use std::fmt;
use std::future::Future;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use civitai_security::{RedactedUrl, Secret};

use crate::error::BoxError;

/// Where leases come from. A [`Transfer`](crate::Transfer) asks when it starts and again when a lease ends or is
/// refused; it never asks twice at a time, and all its connections share the answer.
#[async_trait]
pub trait UrlSource: Send + Sync {
    /// Makes one attempt. Retrying is the transfer's business.
    async fn lease(&self) -> Result<Lease, LeaseError>;
}

/// Makes a [`UrlSource`] of an async closure.
pub fn source_fn<F, Fut>(lease: F) -> impl UrlSource
where
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = Result<Lease, LeaseError>> + Send,
{
    Closure(lease)
}

struct Closure<F>(F);

#[async_trait]
impl<F, Fut> UrlSource for Closure<F>
where
    F: Fn() -> Fut + Send + Sync,
    Fut: Future<Output = Result<Lease, LeaseError>> + Send,
{
    async fn lease(&self) -> Result<Lease, LeaseError> {
        (self.0)().await
    }
}

/// A URL that answers with the file, or redirects to one that does.
#[derive(Debug, Clone)]
pub struct Lease {
    pub(crate) url: RedactedUrl,
    pub(crate) expires: Option<SystemTime>,
    pub(crate) credential: Option<Secret>,
    /// Asking again gives the same URL: what it answers is final.
    pub(crate) is_fixed: bool,
}

impl Lease {
    /// A lease that needs no credential and holds until the server refuses it.
    pub fn new(url: RedactedUrl) -> Self {
        Self {
            url,
            expires: None,
            credential: None,
            is_fixed: false,
        }
    }

    /// Sets when it ends; it is renewed a little before.
    #[must_use]
    pub fn with_expires(self, expires: Option<SystemTime>) -> Self {
        Self { expires, ..self }
    }

    /// Sets a bearer token for the URL's own origin. A redirect to any other origin drops it for good.
    #[must_use]
    pub fn with_credential(self, credential: Option<Secret>) -> Self {
        Self { credential, ..self }
    }

    /// True when it has ended or is about to. A lease so short that the margin would eat it is used to its end, and
    /// one that had ended before it was granted is not judged at all: then the clocks disagree.
    pub(crate) fn is_over(&self, now: SystemTime, granted: SystemTime) -> bool {
        self.expires.is_some_and(|expires| {
            let whole = expires.duration_since(granted).unwrap_or_default();
            !whole.is_zero() && now + MARGIN.min(whole / 4) >= expires
        })
    }
}

/// Why there is no lease.
pub struct LeaseError {
    source: BoxError,
    transient: bool,
    retry_after: Option<Duration>,
    code: &'static str,
}

impl LeaseError {
    /// A failure that trying again cannot cure. The source can be had back by downcasting [`source`].
    ///
    /// [`source`]: std::error::Error::source
    pub fn permanent(source: impl Into<BoxError>) -> Self {
        Self {
            source: source.into(),
            transient: false,
            retry_after: None,
            code: "server",
        }
    }

    /// A failure worth another try, no sooner than what the server asked for.
    pub fn transient(source: impl Into<BoxError>, retry_after: Option<Duration>) -> Self {
        Self {
            transient: true,
            retry_after,
            ..Self::permanent(source)
        }
    }

    /// Sets the word [`Error::code`](crate::Error::code) gives for it; `server` unless set.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    /// True when another try may help.
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// The shortest wait before it.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }
}

impl fmt::Display for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the source of addresses failed")
    }
}

impl fmt::Debug for LeaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeaseError")
            .field("source", &self.source)
            .field("transient", &self.transient)
            .field("retry_after", &self.retry_after)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for LeaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.source)
    }
}

/// A signed URL is not used in its last minutes: a request that starts in time must also be answered in time.
const MARGIN: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_over_a_margin_before_it_expires() {
        let granted = SystemTime::UNIX_EPOCH;
        let lease = |seconds| {
            let url = "https://storage.example/x".parse().expect("a URL");
            Lease::new(RedactedUrl::new(url))
                .with_expires(Some(granted + Duration::from_secs(seconds)))
        };
        let over =
            |lease: &Lease, seconds| lease.is_over(granted + Duration::from_secs(seconds), granted);
        let day = lease(86_400);
        assert!(!over(&day, 85_799) && over(&day, 85_800));
        let minute = lease(60);
        assert!(!over(&minute, 44) && over(&minute, 45));
        assert!(!over(&lease(0), 100), "the server's clock is behind ours");
    }
}
