//! The loop that owns a transfer while bytes arrive: it hands out work, and decides what a failure means.
//!
//! Everything that is decided is decided here, on one task: connections, the lease, flushing and hashing only report
//! to it. So a lease is renewed once for all connections, and one budget counts all retries.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use civitai_reliability::classify::is_transient;
use civitai_reliability::{Budget, Failure};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::follow::Follow;
use super::{Connections, Transfer};
use crate::connection::{Held, Shared, Task, Trouble, blocking, fetch};
use crate::digest::Digests;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::lease::{Lease, LeaseError};
use crate::part::Part;
use crate::segment::{MIN_PIECE, Plan};

/// A transfer whose bytes are arriving.
pub(super) struct Run<'a> {
    transfer: &'a Transfer,
    shared: Arc<Shared>,
    budget: Budget,
    workers: JoinSet<(Task, Result<(), Trouble>)>,
    stop: CancellationToken,
    held: Option<Arc<Held>>,
    lease_call: Option<LeaseCall<'a>>,
    pause: Option<Pin<Box<Sleep>>>,
    flushing: Option<Flushing>,
    flushed: Instant,
    follow: Follow,
    /// Connections the server bears; fewer than wanted once it has refused one too many.
    allowed: usize,
    /// Whether requests name a range. Off once the server has answered ranges wrongly.
    ranged: bool,
    restart_wanted: bool,
    /// Since bytes last arrived for good.
    since_progress: Failures,
    restarts: u32,
    /// The most bytes that were on the disk when progress was last noted.
    high_water: u64,
    told: Option<Event>,
    leases: u32,
}

type LeaseCall<'a> = Pin<Box<dyn Future<Output = Result<Lease, LeaseError>> + Send + 'a>>;

type Flushing = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

#[derive(Debug, Default)]
struct Failures {
    refusals: u32,
    pages: u32,
    bad_ranges: u32,
}

/// What the loop leaves: every byte in the part file, and what they hash to.
pub(super) struct Done {
    pub(super) shared: Arc<Shared>,
    pub(super) digests: Digests,
    pub(super) fetched_bytes: u64,
    pub(super) leases: u32,
    pub(super) retries: u32,
    pub(super) connections: usize,
}

impl<'a> Run<'a> {
    pub(super) fn new(transfer: &'a Transfer, part: Part) -> Self {
        let size = part.source().and_then(|source| source.size);
        let high_water = part.bytes();
        let shared = Shared {
            storage: transfer.storage.clone(),
            part,
            target: transfer.path().into(),
            plan: Mutex::new(Plan::new(size)),
            limit: transfer.limit.clone(),
            patience: transfer.patience.clone(),
            fetched: AtomicU64::new(0),
            surplus: AtomicBool::new(false),
            opened: Notify::new(),
        };
        Self {
            transfer,
            shared: Arc::new(shared),
            budget: Budget::new(transfer.retry),
            workers: JoinSet::new(),
            stop: CancellationToken::new(),
            held: None,
            lease_call: None,
            pause: None,
            flushing: None,
            flushed: Instant::now(),
            follow: Follow::new(transfer.wanted()),
            allowed: usize::MAX,
            ranged: true,
            restart_wanted: false,
            since_progress: Failures::default(),
            restarts: 0,
            high_water,
            told: None,
            leases: 0,
        }
    }

    /// Fetches what is missing. However it ends, nothing it started is still running and what arrived is flushed.
    pub(super) async fn finish(mut self, cancel: CancellationToken) -> Result<Done, Error> {
        let total = self.size().or(self.transfer.target.expected.bytes);
        self.transfer.tell(Event::Started {
            bytes: self.high_water,
            total,
        });
        let mut ended = self.work(&cancel).await;
        self.stop_workers().await;
        self.follow.stop().await;
        let flushed = self.flush().await;
        if ended.is_ok() {
            ended = flushed;
        } else if let Err(error) = flushed {
            tracing::warn!(%error, "what arrived last may have to be fetched again");
        }
        self.tell_progress();
        let connections = self.shared.plan().peak();
        match ended {
            Ok(()) => Ok(Done {
                fetched_bytes: self.shared.fetched.load(Ordering::Relaxed),
                leases: self.leases,
                retries: self.budget.retries(),
                connections,
                digests: self.follow.finish(),
                shared: self.shared,
            }),
            Err(error) => {
                let shared = Arc::clone(&self.shared);
                blocking(move || shared.part.remove_if_empty()).await?;
                Err(error.with_retries(self.budget.retries()))
            }
        }
    }

    async fn work(&mut self, cancel: &CancellationToken) -> Result<(), Error> {
        let mut tick = ticks();
        loop {
            if self.restart_wanted {
                self.restart().await?;
            }
            let complete = self.is_complete();
            if complete
                && self.workers.is_empty()
                && self
                    .size()
                    .is_some_and(|size| self.follow.has_reached(size))
            {
                return Ok(());
            }
            if !complete {
                self.hand_out();
            }
            self.follow.advance(&self.shared, complete);
            self.start_flush();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(ErrorKind::Interrupted.into()),
                Some(joined) = self.workers.join_next() => self.on_end(joined)?,
                leased = or_pending(&mut self.lease_call) => self.on_lease(leased)?,
                flushed = or_pending(&mut self.flushing) => {
                    self.flushing = None;
                    flushed?;
                }
                () = or_pending(&mut self.pause) => self.pause = None,
                hashed = self.follow.joined() => hashed?,
                () = self.shared.opened.notified() => {}
                _ = tick.tick() => self.tell_progress(),
            }
        }
    }

    fn size(&self) -> Option<u64> {
        self.shared.plan().size()
    }

    fn is_complete(&self) -> bool {
        self.size()
            .is_some_and(|size| self.shared.part.frontier() >= size)
    }

    /// Puts free connections to work, or asks for the lease they need.
    fn hand_out(&mut self) {
        if self.pause.is_some() || self.lease_call.is_some() {
            return;
        }
        if self.held.as_ref().is_some_and(|held| held.is_over()) {
            self.held = None;
        }
        let Some(held) = self.held.clone() else {
            // Those at work keep their connections; a lease is worth asking for only for bytes that nobody fetches.
            let written = self.shared.part.written();
            if self.wanted() > self.workers.len() && self.shared.plan().has_gap(&written) {
                self.leases += 1;
                self.lease_call = Some(self.transfer.source.lease());
            }
            return;
        };
        // Until one request has found the file, more of them would only repeat its discoveries.
        let wanted = if held.has_landed() { self.wanted() } else { 1 };
        for taken in self.workers.len()..wanted {
            let slots = (wanted - taken) as u64;
            let (written, first) = (self.shared.part.written(), self.first_piece());
            let dealt = self
                .shared
                .plan()
                .deal(&written, slots, first, Instant::now());
            let Some((id, range)) = dealt else { break };
            let range = if self.ranged { range } else { 0..u64::MAX };
            tracing::debug!(
                id,
                start = range.start,
                end = range.end,
                "requesting a range"
            );
            let (held, stop) = (Arc::clone(&held), self.stop.child_token());
            let task = Task {
                id,
                range,
                ranged: self.ranged,
                held,
                stop,
            };
            self.workers.spawn(fetch(Arc::clone(&self.shared), task));
        }
    }

    /// How many connections would be used for the file if all were free.
    fn wanted(&self) -> usize {
        let size = self
            .size()
            .or(self.transfer.target.expected.bytes)
            .unwrap_or(u64::MAX);
        let (piece, most) = match self.transfer.connections {
            Connections::Auto => (AUTO_PIECE, AUTO_CONNECTIONS),
            Connections::AtMost(most) => (MIN_PIECE, u64::from(most)),
        };
        let wanted = (size / piece).clamp(1, most.max(1));
        usize::try_from(wanted)
            .unwrap_or(usize::MAX)
            .min(self.allowed)
    }

    /// How much the first request asks for: a share if a size is promised, else a piece that the others need not wait
    /// for. A request for everything would have to be cut off, and what is on its way then is lost.
    fn first_piece(&self) -> u64 {
        let promised = self.transfer.target.expected.bytes;
        promised.map_or(FIRST_PIECE, |bytes| {
            bytes.div_ceil(self.wanted() as u64).max(MIN_PIECE)
        })
    }

    fn on_lease(&mut self, leased: Result<Lease, LeaseError>) -> Result<(), Error> {
        self.lease_call = None;
        let lease = match leased {
            Ok(lease) => lease,
            Err(error) if error.is_transient() => {
                let retry_after = error.retry_after();
                return self.back_off(retry_after, ErrorKind::Lease(error).into());
            }
            Err(error) => return Err(ErrorKind::Lease(error).into()),
        };
        tracing::debug!(url = %lease.url, "leased");
        self.held = Some(Arc::new(Held::new(lease)));
        Ok(())
    }

    fn on_end(&mut self, joined: Joined) -> Result<(), Error> {
        let (task, result) =
            joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let progressed = self.note_progress();
        let Err(trouble) = result else { return Ok(()) };
        tracing::debug!(id = task.id, ?trouble, "a connection ended early");
        // Without ranges nothing can be continued.
        self.restart_wanted |= !self.ranged;
        match trouble {
            Trouble::Transient(_) if progressed => Ok(()),
            Trouble::Transient(error) => self.back_off(None, error),
            Trouble::IgnoresRange => {
                self.since_progress.bad_ranges += 1;
                self.ranged &= self.since_progress.bad_ranges <= MAX_BAD_RANGES;
                self.allowed = 1;
                self.restart_wanted = true;
                Ok(())
            }
            Trouble::Changed(error) => self.on_change(error),
            Trouble::BadRange { error, size } => self.on_bad_range(error, size),
            Trouble::Page(error) => {
                self.since_progress.pages += 1;
                // A page may be a passing fault of a front; the same page again is the answer.
                if self.since_progress.pages > MAX_PAGES {
                    Err(error)
                } else {
                    self.back_off(None, error)
                }
            }
            Trouble::Status {
                status: 403 | 429 | 503,
                expired: false,
                ..
            } if self.shared.plan().opened() > 0 => {
                // Others are served: this refusal is about their number.
                self.allowed = self.shared.plan().opened().max(1);
                tracing::debug!(
                    allowed = self.allowed,
                    "the server bears no more connections"
                );
                Ok(())
            }
            Trouble::Status { status, error, .. } if is_refusal(status) => {
                self.on_refusal(&task.held, error)
            }
            Trouble::Status {
                status,
                error,
                retry_after,
                ..
            } if is_transient(Failure::Status(status)) => self.back_off(retry_after, error),
            Trouble::Fatal(error) | Trouble::Status { error, .. } => Err(error),
        }
    }

    /// The lease was refused. Only the first connection to say so renews it.
    fn on_refusal(&mut self, refused: &Arc<Held>, error: Error) -> Result<(), Error> {
        if !self
            .held
            .as_ref()
            .is_some_and(|held| Arc::ptr_eq(held, refused))
        {
            return Ok(());
        }
        let at_source =
            matches!(error.kind(), ErrorKind::Server { url, .. } if *url == refused.lease.url);
        if refused.lease.is_fixed && at_source {
            return Err(error);
        }
        self.since_progress.refusals += 1;
        if self.since_progress.refusals > MAX_RENEWALS {
            return Err(error.into_lease_refused());
        }
        self.held = None;
        self.allowed = usize::MAX;
        if self.since_progress.refusals > 1 {
            return self.back_off(Some(SIGNING_TICK), error);
        }
        Ok(())
    }

    fn on_change(&mut self, error: Error) -> Result<(), Error> {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            return Err(error);
        }
        self.restart_wanted = true;
        Ok(())
    }

    fn on_bad_range(&mut self, error: Error, size: Option<u64>) -> Result<(), Error> {
        if size.is_some() && self.size().is_some() && size != self.size() {
            return self.on_change(error);
        }
        self.since_progress.bad_ranges += 1;
        if self.since_progress.bad_ranges <= MAX_BAD_RANGES {
            return self.back_off(None, error);
        }
        if !self.ranged {
            return Err(error);
        }
        tracing::debug!("the server answers ranges wrongly: one stream from now on");
        self.ranged = false;
        self.allowed = 1;
        self.restart_wanted = true;
        Ok(())
    }

    /// Spends a retry and pauses new requests; those at work go on.
    fn back_off(&mut self, retry_after: Option<Duration>, error: Error) -> Result<(), Error> {
        if self.pause.is_some() {
            // Several connections that break together are one failure.
            return Ok(());
        }
        match self.budget.next(retry_after) {
            Ok(wait) => {
                tracing::debug!(wait_ms = wait.as_millis(), "pausing");
                self.pause = Some(Box::pin(sleep(wait)));
                Ok(())
            }
            Err(_) if self.shared.plan().opened() > 0 => {
                self.allowed = self.shared.plan().opened().max(1);
                Ok(())
            }
            Err(exhausted) => Err(error.with_gave_up(exhausted)),
        }
    }

    /// Credits the budget when enough new bytes are there. Bytes fetched a second time are not progress.
    fn note_progress(&mut self) -> bool {
        let bytes = self.shared.part.bytes();
        let enough = bytes >= self.high_water.saturating_add(PROGRESS)
            || bytes > self.high_water && self.is_complete();
        if enough {
            self.high_water = bytes;
            self.budget.progressed();
            self.since_progress = Failures::default();
        }
        enough
    }

    /// Begins the file again: what is there belongs to another state of it, or cannot be continued.
    async fn restart(&mut self) -> Result<(), Error> {
        self.restart_wanted = false;
        self.stop_workers().await;
        if let Some(flushing) = self.flushing.take() {
            flushing.await?;
        }
        self.follow.restart().await;
        self.shared.plan().restart();
        self.stop = CancellationToken::new();
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.part.restart()).await
    }

    /// Asks the connections to stop and waits until what they received is written.
    async fn stop_workers(&mut self) {
        self.stop.cancel();
        while let Some(joined) = self.workers.join_next().await {
            if let Ok((_, Err(trouble))) = joined {
                tracing::debug!(?trouble, "a connection ended while stopping");
            }
        }
    }

    fn start_flush(&mut self) {
        if self.flushing.is_some() {
            return;
        }
        let unflushed = self.shared.part.unflushed();
        if unflushed == 0 {
            return;
        }
        if unflushed >= FLUSH_BYTES || self.flushed.elapsed() >= FLUSH_EVERY {
            self.flushed = Instant::now();
            let shared = Arc::clone(&self.shared);
            let job = tokio::task::spawn_blocking(move || shared.part.flush());
            self.flushing = Some(Box::pin(async move {
                job.await
                    .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
            }));
        }
    }

    /// Flushes what is written, after a flush that may be at work.
    async fn flush(&mut self) -> Result<(), Error> {
        if let Some(flushing) = self.flushing.take() {
            flushing.await?;
        }
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.part.flush()).await
    }

    fn tell_progress(&mut self) {
        self.note_progress();
        let connections = self.shared.plan().opened();
        let bytes = match self.told {
            Some(Event::Progress { bytes, .. }) => bytes.max(self.shared.part.bytes()),
            _ => self.shared.part.bytes(),
        };
        let event = Event::Progress {
            bytes,
            total: self.size(),
            connections,
        };
        if self.told != Some(event) {
            self.told = Some(event);
            self.transfer.tell(event);
        }
    }
}

type Joined = Result<(Task, Result<(), Trouble>), tokio::task::JoinError>;

/// Statuses with which storage refuses an address that was good once; one that redirects now has lost its file.
fn is_refusal(status: u16) -> bool {
    matches!(status, 300..=399 | 401 | 403 | 410)
}

async fn or_pending<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}

fn ticks() -> Interval {
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// What one connection moves in well under a second on a common link.
const AUTO_PIECE: u64 = 8 << 20;
/// Storage serves each of a handful of connections at full rate; more are for links that were measured.
const AUTO_CONNECTIONS: u64 = 4;
const FIRST_PIECE: u64 = 16 << 20;
/// Fewer new bytes than this do not show that a server works again.
const PROGRESS: u64 = 64 << 10;
const FLUSH_BYTES: u64 = 64 << 20;
const FLUSH_EVERY: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);
const MAX_RENEWALS: u32 = 3;
/// Addresses are signed by the second (`X-Amz-Date`): asked again sooner, a source may give the refused one once more.
const SIGNING_TICK: Duration = Duration::from_secs(1);
const MAX_RESTARTS: u32 = 3;
const MAX_BAD_RANGES: u32 = 2;
const MAX_PAGES: u32 = 1;
