//! The loop that owns a transfer while bytes arrive: it hands out work, and decides what a failure means.
//!
//! Everything that is decided is decided here, on one task: connections, the lease, flushing and hashing only report
//! to it. So a lease is renewed once for all connections, and one budget counts all retries.

use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use civitai_reliability::Budget;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval};
use tokio_util::sync::CancellationToken;

use self::trouble::Failures;
use super::Transfer;
use crate::connection::{Held, Shared, Task, Trouble, blocking};
use crate::digest::Digests;
use crate::error::{Error, ErrorKind};
use crate::event::Event;
use crate::host::Visit;
use crate::intake::Intake;
use crate::lease::{Lease, LeaseError};
use crate::part::Part;
use crate::segment::{Plan, SegmentId};
use crate::tuning::{Control, Quality};

mod deal;
mod trouble;

/// A transfer whose bytes are arriving.
pub(super) struct Run<'a> {
    transfer: &'a Transfer,
    shared: Arc<Shared>,
    budget: Budget,
    workers: JoinSet<(Task, Result<(), Trouble>)>,
    stop: CancellationToken,
    held: Option<Arc<Held>>,
    lease_call: Option<LeaseCall<'a>>,
    lease_asked: Instant,
    pause: Option<Pin<Box<Sleep>>>,
    flushing: Option<Flushing>,
    flushed: Instant,
    began: Instant,
    control: Control,
    /// The storage server, once it is known.
    visit: Option<Visit>,
    /// How to stop each connection by itself.
    stops: BTreeMap<SegmentId, CancellationToken>,
    /// Connections the server bears; fewer than wanted once it has refused one too many.
    allowed: usize,
    /// Whether requests name a range. Off once the server has answered ranges wrongly.
    ranged: bool,
    restart_wanted: bool,
    /// Since bytes last arrived for good.
    since_progress: Failures,
    restarts: u32,
    /// How often a range was asked for and the whole file came.
    ignored: u32,
    suspect: Suspect,
    /// The most bytes that were on the disk when progress was last noted.
    high_water: u64,
    told: Option<Event>,
    /// The most bytes that were told of, from the start on.
    told_bytes: u64,
    told_at: Instant,
    /// Received bytes that were told.
    received: u64,
    leases: u32,
}

type LeaseCall<'a> = Pin<Box<dyn Future<Output = Result<Lease, LeaseError>> + Send + 'a>>;

type Flushing = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// What is to blame when the bytes are not what was promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Suspect {
    /// What an earlier run left.
    Leftovers,
    /// A server that calls a part of the file the whole.
    Answer,
    /// The file itself: it was fetched a second time.
    File,
}

/// What the loop leaves: every byte in the part file, and what they hash to.
pub(super) struct Done {
    pub(super) shared: Arc<Shared>,
    pub(super) digests: Digests,
    pub(super) fetched_bytes: u64,
    pub(super) leases: u32,
    pub(super) retries: u32,
    pub(super) connections: usize,
    pub(super) link: Option<Quality>,
}

impl<'a> Run<'a> {
    pub(super) fn new(transfer: &'a Transfer, part: Part) -> Self {
        let size = part.source().and_then(|source| source.size);
        let high_water = part.bytes();
        let total = size.or(transfer.target.expected.bytes);
        let missing = total.map_or(u64::MAX, |total| total.saturating_sub(high_water));
        let shared = Shared {
            storage: transfer.storage.for_size(transfer.target.expected.bytes),
            part: Arc::new(part),
            intake: Intake::new(transfer.wanted(), transfer.storage.pairs()),
            target: transfer.path().into(),
            promised: transfer.target.expected.bytes,
            plan: Mutex::new(Plan::new(size)),
            limit: transfer.limit.clone(),
            patience: transfer.patience.clone(),
            fetched: AtomicU64::new(0),
            held_up: AtomicU64::new(0),
            surplus: AtomicBool::new(false),
            opened: Notify::new(),
            events: transfer.events.clone(),
        };
        Self {
            transfer,
            shared: Arc::new(shared),
            budget: Budget::new(transfer.retry),
            workers: JoinSet::new(),
            stop: CancellationToken::new(),
            held: None,
            lease_call: None,
            lease_asked: Instant::now(),
            pause: None,
            flushing: None,
            flushed: Instant::now(),
            began: Instant::now(),
            control: transfer.first_control(missing),
            visit: None,
            stops: BTreeMap::new(),
            allowed: usize::MAX,
            ranged: true,
            restart_wanted: false,
            since_progress: Failures::default(),
            restarts: 0,
            ignored: 0,
            suspect: if high_water > 0 {
                Suspect::Leftovers
            } else {
                Suspect::Answer
            },
            high_water,
            told: None,
            told_bytes: high_water,
            told_at: Instant::now(),
            received: 0,
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
        let _hashing = Intake::until_dropped(&self.shared);
        let mut ended = self.work(&cancel).await;
        self.stop_workers().await;
        self.shared.intake.stop().await;
        if ended.is_ok() {
            // A complete file is flushed as a whole, for its name.
            ended = self.end_flush().await;
        } else if let Err(error) = self.flush().await {
            tracing::warn!(%error, "what arrived last may have to be fetched again");
        }
        self.tell_progress();
        self.remember();
        let connections = self.shared.plan().peak();
        match ended {
            Ok(()) => Ok(Done {
                fetched_bytes: self.shared.fetched.load(Ordering::Relaxed),
                leases: self.leases,
                retries: self.budget.retries(),
                connections,
                link: self.control.quality(),
                digests: self.shared.intake.finish(),
                shared: self.shared,
            }),
            Err(error) => {
                let shared = Arc::clone(&self.shared);
                blocking(move || shared.part.remove_if_empty()).await?;
                Err(error.with_retries(self.budget.retries()))
            }
        }
    }

    /// Leaves what was learnt of the server to the next transfer.
    fn remember(&self) {
        if let (Some(visit), Some(level)) = (&self.visit, self.control.proved()) {
            visit.note_level(level);
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
                    .is_some_and(|size| self.shared.intake.has_reached(size))
            {
                if !self.deserves_a_second_try() {
                    return Ok(());
                }
                tracing::warn!("the file is not what was promised: fetching it anew");
                self.suspect = Suspect::File;
                self.restart_wanted = true;
                continue;
            }
            if !complete {
                self.hand_out();
            }
            Intake::tend(&self.shared, complete)?;
            self.start_flush();
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(ErrorKind::Interrupted.into()),
                // Before what may always be ready: many short ranges must not keep it from its turn.
                _ = tick.tick() => {
                    if self.told_at.elapsed() >= TELL {
                        self.told_at = Instant::now();
                        self.tell_progress();
                    }
                    self.look();
                }
                Some(joined) = self.workers.join_next() => self.on_end(joined)?,
                leased = or_pending(&mut self.lease_call) => self.on_lease(leased)?,
                flushed = or_pending(&mut self.flushing) => {
                    self.flushing = None;
                    flushed?;
                }
                () = or_pending(&mut self.pause) => self.pause = None,
                () = self.shared.opened.notified() => {
                    if let Some(size) = self.size() {
                        self.transfer.learn(size);
                    }
                }
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

    /// Whether the bytes are wrong and something else than the file itself may be to blame: what an earlier run left, or
    /// an answer that ended before the promised length and called that the whole.
    fn deserves_a_second_try(&self) -> bool {
        let expected = &self.transfer.target.expected;
        let is_excused = match self.suspect {
            Suspect::Leftovers => true,
            Suspect::Answer => self.size() < expected.bytes,
            Suspect::File => false,
        };
        is_excused && expected.check(&self.shared.intake.digests()).is_err()
    }

    /// Begins the file again: what is there belongs to another state of it, or cannot be continued.
    async fn restart(&mut self) -> Result<(), Error> {
        self.restart_wanted = false;
        self.stop_workers().await;
        self.end_flush().await?;
        self.shared.intake.restart().await;
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

    /// Waits for a flush that may be at work.
    async fn end_flush(&mut self) -> Result<(), Error> {
        match self.flushing.take() {
            Some(flushing) => flushing.await,
            None => Ok(()),
        }
    }

    /// Flushes what is written, after a flush that may be at work.
    async fn flush(&mut self) -> Result<(), Error> {
        self.end_flush().await?;
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.part.flush()).await
    }

    fn tell_progress(&mut self) {
        self.note_progress();
        let connections = self.shared.plan().opened();
        // A file that is begun anew has to get beyond what was told before.
        let bytes = self.told_bytes.max(self.shared.part.bytes());
        self.told_bytes = bytes;
        let event = Event::Progress {
            bytes,
            total: self.size(),
            connections,
        };
        let received = self.shared.fetched.load(Ordering::Relaxed);
        if self.received != received {
            self.received = received;
            self.transfer.tell(Event::Received { bytes: received });
        }
        if self.told != Some(event) {
            self.told = Some(event);
            self.transfer.tell(event);
        }
    }
}

type Joined = Result<(Task, Result<(), Trouble>), tokio::task::JoinError>;

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

const FLUSH_BYTES: u64 = 64 << 20;
const FLUSH_EVERY: Duration = Duration::from_secs(1);
/// Short beside the shortest window, so that windows begin and end about when they could.
const TICK: Duration = Duration::from_millis(25);
const TELL: Duration = Duration::from_millis(100);
