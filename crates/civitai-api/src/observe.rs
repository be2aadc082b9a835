//! What the client tells those who watch it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Something the client did. It holds no token, no query and no body.
///
/// Every request that is sent is told once, when it is over, redirects within the site and stand-in sites included. What
/// the rate or an open breaker holds back is not sent and not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed<'a> {
    /// A request is over.
    Request {
        /// The path it asked for, ids included, without the query: `/api/v1/models/101`.
        path: &'a str,
        /// The HTTP status; absent when no answer came, or none that can be read.
        status: Option<u16>,
        /// From sending to the last byte of the answer, or to the failure. The wait for the rate is no part of it.
        elapsed: Duration,
        /// Whether it was given up because it took too long.
        timed_out: bool,
    },
    /// A failed operation waits, and is then tried again. The download exchange is not: who asks for it repeats it.
    Retry {
        /// For how long.
        wait: Duration,
    },
}

/// Who is told, if anybody.
#[derive(Clone, Default)]
pub(crate) struct Observer(Option<Arc<Listener>>);

type Listener = dyn Fn(&Observed<'_>) + Send + Sync;

impl Observer {
    pub(crate) fn new(observer: impl Fn(&Observed<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(observer)))
    }

    pub(crate) fn tell(&self, observed: &Observed<'_>) {
        if let Some(observer) = &self.0 {
            observer(observed);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.0.is_some()).finish()
    }
}
