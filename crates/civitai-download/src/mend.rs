//! Single ranges of a file, fetched into memory for a caller who can prove each by itself.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use civitai_reliability::classify::is_transient;
use civitai_reliability::{Budget, Failure, RetryPolicy};
use civitai_security::RedactedUrl;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::connection::{Held, Patience, Single, Trouble, fetch_single};
use crate::error::{Error, ErrorKind};
use crate::lease::UrlSource;
use crate::limit::Limit;
use crate::response::BadRange;
use crate::storage::Storage;

/// The fetching of ranges of a file that is there already but for them.
///
/// Nothing is written and no digest computed: who asks for the ranges knows what they must be. Each comes by a request
/// of its own, a few at a time over connections that are kept, under one lease and one retry budget.
pub struct Mend {
    storage: Storage,
    source: Arc<dyn UrlSource>,
    target: PathBuf,
    bytes: u64,
    retry: RetryPolicy,
    patience: Patience,
    limit: Option<Arc<Limit>>,
}

impl Mend {
    /// Ranges of the file `source` leads to, which has `bytes` bytes and is at `target` here: only its name matters.
    pub fn new(
        storage: Storage,
        source: Arc<dyn UrlSource>,
        target: impl Into<PathBuf>,
        bytes: u64,
    ) -> Self {
        Self {
            storage,
            source,
            target: target.into(),
            bytes,
            retry: RetryPolicy::default(),
            patience: Patience::default(),
            limit: None,
        }
    }

    /// Sets the retry budget. Default: that of [`RetryPolicy`].
    #[must_use]
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// Shares a cap on the rate with transfers. Default: none.
    #[must_use]
    pub fn limit(self, limit: Arc<Limit>) -> Self {
        let limit = Some(limit);
        Self { limit, ..self }
    }

    /// Fetches `ranges`, none of them empty and each small enough for memory, and gives `take` the bytes of each, by its
    /// index, in the order in which they come. When `take` refuses bytes they count as a failure of the server and are
    /// asked for again within the budget.
    ///
    /// Returns how many bytes came over the network.
    ///
    /// # Errors
    /// A server that does not know ranges, or has a file of another length, is an error at once: then the whole file has
    /// to be fetched. What was taken before an error stays taken.
    ///
    /// # Cancel safety
    /// Safe to drop; `cancel` ends it with `Interrupted`.
    pub async fn run(
        &self,
        ranges: &[Range<u64>],
        cancel: &CancellationToken,
        mut take: impl FnMut(usize, Vec<u8>) -> Result<Taken, Error>,
    ) -> Result<u64, Error> {
        let fetched = AtomicU64::new(0);
        let work = self.work(ranges, &fetched, &mut take);
        match cancel.run_until_cancelled(work).await {
            Some(ended) => ended.map(|()| fetched.load(Ordering::Relaxed)),
            None => Err(ErrorKind::Interrupted.into()),
        }
    }

    async fn work(
        &self,
        ranges: &[Range<u64>],
        fetched: &AtomicU64,
        take: &mut impl FnMut(usize, Vec<u8>) -> Result<Taken, Error>,
    ) -> Result<(), Error> {
        let single = Single {
            storage: &self.storage,
            patience: &self.patience,
            limit: self.limit.as_deref(),
            target: &self.target,
            bytes: self.bytes,
            fetched,
        };
        let mut budget = Budget::new(self.retry);
        let mut held: Option<Arc<Held>> = None;
        let (mut refusals, mut wrong) = (0, 0);
        let mut missing: Vec<usize> = (0..ranges.len()).rev().collect();
        let mut running = FuturesUnordered::new();
        while !missing.is_empty() || !running.is_empty() {
            let lease = if let Some(lease) = held.clone().filter(|held| !held.is_over()) {
                lease
            } else {
                let lease = Arc::new(self.lease(&mut budget).await?);
                held = Some(Arc::clone(&lease));
                lease
            };
            // Until one request has found the file, more of them would only repeat its discoveries.
            let most = if lease.has_landed() { AT_A_TIME } else { 1 };
            while running.len() < most
                && let Some(index) = missing.pop()
            {
                let (single, lease) = (&single, Arc::clone(&lease));
                running.push(async move {
                    let got = fetch_single(single, &lease, ranges[index].clone()).await;
                    (index, lease, got)
                });
            }
            let Some((index, lease, got)) = running.next().await else {
                continue;
            };
            let trouble = match got {
                Ok(bytes) => match take(index, bytes)? {
                    Taken::Kept => {
                        budget.progressed();
                        refusals = 0;
                        continue;
                    }
                    Taken::Refused => {
                        let url = lease.lease.url.clone();
                        let error = Error::from(ErrorKind::OtherBytes { url });
                        wrong += 1;
                        if wrong > MAX_WRONG {
                            return Err(error);
                        }
                        Trouble::Transient(error)
                    }
                },
                Err(trouble) => trouble,
            };
            tracing::debug!(?trouble, "a range did not come");
            missing.push(index);
            match judge(trouble, &lease.lease.url) {
                Verdict::Fatal(error) => return Err(error.with_retries(budget.retries())),
                Verdict::Renew(error) => {
                    if held.as_ref().is_some_and(|held| Arc::ptr_eq(held, &lease)) {
                        held = None;
                        refusals += 1;
                        if refusals > MAX_RENEWALS {
                            return Err(error.into_lease_refused());
                        }
                    }
                }
                Verdict::Again(after, error) => back_off(&mut budget, after, error).await?,
            }
        }
        Ok(())
    }

    async fn lease(&self, budget: &mut Budget) -> Result<Held, Error> {
        loop {
            match self.source.lease().await {
                Ok(lease) => return Ok(Held::new(lease)),
                Err(error) => {
                    let (again, after) = (error.is_transient(), error.retry_after());
                    let error = Error::from(ErrorKind::Lease(error));
                    if !again {
                        return Err(error);
                    }
                    back_off(budget, after, error).await?;
                }
            }
        }
    }
}

impl fmt::Debug for Mend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mend")
            .field("target", &self.target)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// What became of the bytes of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// They are the right ones.
    Kept,
    /// They are not.
    Refused,
}

enum Verdict {
    Fatal(Error),
    Renew(Error),
    Again(Option<Duration>, Error),
}

fn judge(trouble: Trouble, url: &RedactedUrl) -> Verdict {
    match trouble {
        Trouble::Transient(error) => Verdict::Again(None, error),
        Trouble::Status {
            status: 300..=399 | 401 | 403 | 410,
            error,
            ..
        } => Verdict::Renew(error),
        Trouble::Status {
            status,
            error,
            retry_after,
            ..
        } if is_transient(Failure::Status(status)) => Verdict::Again(retry_after, error),
        Trouble::IgnoresRange => {
            let (url, source) = (url.clone(), BadRange::Ignored);
            Verdict::Fatal(ErrorKind::Range { url, source }.into())
        }
        Trouble::BadRange { error, .. }
        | Trouble::Changed(error)
        | Trouble::Fatal(error)
        | Trouble::Page(error)
        | Trouble::Status { error, .. } => Verdict::Fatal(error),
    }
}

async fn back_off(budget: &mut Budget, after: Option<Duration>, error: Error) -> Result<(), Error> {
    match budget.next(after) {
        Ok(wait) => {
            sleep(wait).await;
            Ok(())
        }
        Err(exhausted) => Err(error.with_gave_up(exhausted)),
    }
}

/// Enough to hide round trips, few enough for any server.
const AT_A_TIME: usize = 8;
const MAX_RENEWALS: u32 = 3;
/// A fault on the way does not come back again and again; another file does.
const MAX_WRONG: u32 = 2;
