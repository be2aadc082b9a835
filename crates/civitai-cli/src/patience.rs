//! How a job bears a server that wants to be left alone: everything waits until then, and goes on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use civitai_library::find;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::exit::Kind;

/// The time before which nothing may be asked. Clones share it.
#[derive(Clone)]
pub(crate) struct Patience {
    until: Arc<Mutex<Option<SystemTime>>>,
    cancel: CancellationToken,
    tell: Arc<dyn Fn(Pause) + Send + Sync>,
}

/// What is told about a pause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pause {
    /// Everything waits.
    Begins {
        until: SystemTime,
        wait: Duration,
        kind: Kind,
    },
    /// Everything goes on.
    Ends,
}

impl Patience {
    /// `tell` hears of each pause once, however many transfers meet it.
    pub(crate) fn new(
        cancel: CancellationToken,
        tell: impl Fn(Pause) + Send + Sync + 'static,
    ) -> Self {
        Self {
            until: Arc::default(),
            cancel,
            tell: Arc::new(tell),
        }
    }

    /// Bears a failure if it is a wish to be left alone: then this returns true when the wait is over, or the run was
    /// cancelled.
    pub(crate) async fn bear(&self, kind: Kind, wait: Option<Duration>) -> bool {
        let Some(usual) = usual(kind) else {
            return false;
        };
        self.begin(wait.unwrap_or(usual).max(LEAST), kind);
        self.pass().await;
        true
    }

    /// Waits until something may be asked; false when the run was cancelled before.
    pub(crate) async fn pass(&self) -> bool {
        while let Some(rest) = self.rest() {
            let slept = self.cancel.run_until_cancelled(tokio::time::sleep(rest));
            if slept.await.is_none() {
                return false;
            }
        }
        !self.cancel.is_cancelled()
    }

    fn begin(&self, wait: Duration, kind: Kind) {
        let now = SystemTime::now();
        // A wait that no clock can show is one until the user says otherwise.
        let until = now.checked_add(wait.min(LONGEST)).unwrap_or(now);
        let mut held = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none_or(|held| held < until) {
            let is_news = held.is_none_or(|held| held + NEWS < until);
            *held = Some(until);
            drop(held);
            if is_news {
                (self.tell)(Pause::Begins { until, wait, kind });
            }
        }
    }

    /// What is left of the wait. Whoever finds it over says so.
    fn rest(&self) -> Option<Duration> {
        let mut held = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let until = (*held)?;
        match until.duration_since(SystemTime::now()) {
            // The clock may be set meanwhile: look again now and then.
            Ok(rest) if !rest.is_zero() => Some(rest.min(LOOK)),
            _ => {
                *held = None;
                drop(held);
                (self.tell)(Pause::Ends);
                None
            }
        }
    }
}

impl find::Patience for Patience {
    fn pass(&self) -> BoxFuture<'_, bool> {
        self.pass().boxed()
    }

    fn bear(&self, kind: &'static str, wait: Option<Duration>) -> BoxFuture<'_, bool> {
        self.bear(Kind::from_word(kind), wait).boxed()
    }
}

/// How long to wait where no time was named; none for a failure that no waiting mends.
fn usual(kind: Kind) -> Option<Duration> {
    match kind {
        Kind::RateLimited => Some(UNNAMED),
        Kind::Quota => Some(QUOTA),
        _ => None,
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").finish_non_exhaustive()
    }
}

/// A server that limits without saying for how long.
const UNNAMED: Duration = Duration::from_mins(1);
/// The quota counts the last 24 hours, so some of it comes back every hour; each refusal counts too.
const QUOTA: Duration = Duration::from_hours(1);
/// A wait of nothing would ask again at once, for ever.
const LEAST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(24 * 7);
/// Refusals that come together tell of one pause.
const NEWS: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_mins(1);
