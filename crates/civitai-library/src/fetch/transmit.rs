//! The transfer of one file, on the way that is to be taken.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use civitai_download::{
    Cause, Connections, Error, Event, Fetched, Mode, Seal, Target, Transfer, Turn,
};
use civitai_reliability::failsafe::Requests;

use super::lanes::Way;
use super::run::attempt;
use super::{FetchError, Landed, Run};
use crate::find::Wanted;
use crate::judge::Judged;

impl Run<'_> {
    /// Fetches one file to `path` as all are fetched, and nothing else, for who wants to know what that takes.
    pub async fn bring(&self, file: &Arc<Wanted>, path: &Path) -> Result<Fetched, Error> {
        let lane = self.lanes.lane(self.fetch, &*self.audience).await;
        let watching = self.audience.watch(file, &Arc::from(path));
        let transfer = self.transfer(file, path, lane.way).events(watching);
        transfer.run(self.cancel.clone()).await
    }

    /// Transfers a file, again for as long as somebody has the patience; says how many bytes the last attempt brought.
    pub(super) async fn transmit(
        &self,
        file: &Arc<Wanted>,
        path: &Path,
        turn: Turn,
        judged: &Judged,
    ) -> (Result<Landed, FetchError>, u64) {
        let place: Arc<Path> = self.named(path).into();
        let mut turn = Some(turn);
        loop {
            let turn = match turn.take() {
                Some(turn) => turn,
                None => self.queue.place(file.expected.bytes).turn().await,
            };
            // Taken after the turn and let go before the next one, so that nobody waits in a circle.
            let lane = self.lanes.lane(self.fetch, &*self.audience).await;
            let tally = Arc::new(Tally::default());
            let (counts, watching) = (Arc::clone(&tally), self.audience.watch(file, &place));
            let transfer = self.transfer(file, path, lane.way).turn(turn);
            let transfer = match &self.fetch.judge {
                Some(judge) => judge.hook(judged, transfer),
                None => transfer,
            };
            let transfer = transfer.events(move |event| {
                counts.hear(event);
                watching(event);
            });
            let result = transfer.run(self.cancel.clone()).await;
            self.lanes.ended(lane.way, &result, tally.requests()).await;
            drop(lane);
            let error = match result {
                Ok(fetched) => {
                    let bytes = fetched.fetched_bytes;
                    return (Ok(Landed::Fetched(Box::new(fetched))), bytes);
                }
                Err(error) => FetchError::from(error),
            };
            if !self.bear(&error).await {
                return (Err(error), tally.fetched_bytes());
            }
            if self.cancel.is_cancelled() {
                return (Err(FetchError::Stopped), tally.fetched_bytes());
            }
        }
    }

    /// Waits until the server will hear of it again, if that is what it wants and somebody has the patience.
    async fn bear(&self, error: &FetchError) -> bool {
        match (&self.fetch.patience, error) {
            (Some(patience), FetchError::Transfer(transfer)) => {
                patience.bear(error.code(), transfer.retry_after()).await
            }
            _ => false,
        }
    }

    pub(super) fn transfer(&self, file: &Arc<Wanted>, path: &Path, way: Way) -> Transfer {
        let rules = &self.fetch.rules;
        let (storage, connections) = match way {
            Way::Bold | Way::Fast => (file.storage.clone(), rules.connections),
            Way::Safe => (file.storage.clone().without_small(), Connections::AtMost(1)),
        };
        let mode = match (rules.mode, rules.bold, way) {
            (Mode::Adaptive, Some(bold), Way::Bold) => bold,
            (mode, _, _) => mode,
        };
        let target = Target::new(path, file.identity.clone()).with_expected(file.expected.clone());
        let storage = storage.with_hosts(self.lanes.hosts().clone());
        let transfer = Transfer::new(storage, Arc::clone(&file.source), target)
            .digests(rules.digests)
            .mode(mode)
            .connections(connections)
            .retry(rules.retry.with_max_elapsed(Duration::MAX))
            .existing(file.pinned.unwrap_or(rules.existing))
            .unproved(rules.unproved)
            .wait(rules.wait)
            .quarantine_root(&file.root)
            .commits(&self.commits);
        let transfer = match &rules.limit {
            Some(limit) => transfer.limit(Arc::clone(limit)),
            None => transfer,
        };
        let transfer = match &self.fetch.sealing {
            Some(sealing) => transfer.seal(Arc::clone(sealing) as Arc<dyn Seal>),
            None => transfer,
        };
        let (Some(recorder), Some(_)) = (self.fetch.recorder.clone(), file.origin) else {
            return transfer;
        };
        let file = Arc::clone(file);
        transfer.record(move |candidate| match attempt(&file, candidate.target) {
            Some(attempt) => Ok(recorder.record(attempt, candidate.digests.clone())?),
            None => Ok(()),
        })
    }
}

/// What a transfer has told of its cost.
#[derive(Debug, Default)]
struct Tally {
    /// What an earlier run had left.
    before: AtomicU64,
    bytes: AtomicU64,
    requests: AtomicU64,
    /// Those of `requests` to which nothing came in time.
    timed_out: AtomicU64,
}

impl Tally {
    fn hear(&self, event: Event) {
        match event {
            Event::Started { bytes, .. } => {
                self.before.store(bytes, Ordering::Relaxed);
                self.bytes.store(bytes, Ordering::Relaxed);
            }
            Event::Progress { bytes, .. } => self.bytes.store(bytes, Ordering::Relaxed),
            Event::Asked => {
                self.requests.fetch_add(1, Ordering::Relaxed);
            }
            Event::RequestFailed {
                cause: Cause::Timeout,
                ..
            } => {
                self.timed_out.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn fetched_bytes(&self) -> u64 {
        let before = self.before.load(Ordering::Relaxed);
        self.bytes.load(Ordering::Relaxed).saturating_sub(before)
    }

    fn requests(&self) -> Requests {
        Requests {
            made: self.requests.load(Ordering::Relaxed),
            timed_out: self.timed_out.load(Ordering::Relaxed),
        }
    }
}
