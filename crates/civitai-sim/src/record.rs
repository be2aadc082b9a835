//! What clients did: every request, and the sums by which a client is judged.

mod entry;
mod summary;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

pub(crate) use entry::is_browser;
pub use entry::{Credential, Entry};
pub use summary::{FileUse, Obedience, Summary};

use crate::fault::Listener;
use crate::http::Response;

/// The record of what was asked and answered. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Record>>);

#[derive(Debug, Default)]
struct Record {
    entries: VecDeque<Entry>,
    summary: Summary,
    in_flight: HashMap<Listener, u64>,
    /// When a listener last asked for patience, and how much.
    waits: HashMap<Listener, (Instant, Duration)>,
}

impl Log {
    /// The finished requests in the order they finished; of a long run the latest 100 000.
    pub fn entries(&self) -> Vec<Entry> {
        self.lock().entries.iter().cloned().collect()
    }

    /// The sums over every request since the start or the last [`Log::clear`].
    pub fn summary(&self) -> Summary {
        self.lock().summary.clone()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut record = self.lock();
        record.entries.clear();
        record.summary = Summary::default();
        record.waits.clear();
    }

    /// Notes that a request has arrived. It is in flight until the ticket is dropped.
    pub(crate) fn arrived(&self, entry: Entry) -> Ticket {
        let mut record = self.lock();
        let in_flight = record.in_flight.entry(entry.listener).or_default();
        *in_flight += 1;
        let parallel = *in_flight;
        let storage: u64 = Listener::STORAGE
            .iter()
            .filter_map(|listener| record.in_flight.get(listener))
            .sum();
        record.summary.storage_peak = record.summary.storage_peak.max(storage);
        if let Some((since, asked)) = record.waits.remove(&entry.listener) {
            let waited = since.elapsed();
            record.summary.retry_after.push(Obedience {
                listener: entry.listener,
                asked,
                waited,
            });
        }
        record.summary.count_arrival(&entry);
        drop(record);
        Ticket {
            log: self.clone(),
            entry,
            parallel,
        }
    }

    /// Notes that a signed URL for a file was handed out.
    pub(crate) fn resolved(&self, file: u32, size: u64) {
        let mut record = self.lock();
        let known = record.summary.files.entry(file).or_default();
        known.size_bytes = size;
        known.resolves += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request in flight. Dropping it enters it in the log as far as it got.
#[derive(Debug)]
pub(crate) struct Ticket {
    log: Log,
    pub(crate) entry: Entry,
    /// Requests in flight on this listener when it arrived, itself included.
    pub(crate) parallel: u64,
}

impl Ticket {
    /// Notes a `Retry-After` that can be understood.
    pub(crate) fn note_wait(&self, response: &Response, now: Timestamp) {
        let Some(text) = response.header("retry-after") else {
            return;
        };
        let wait = match text.parse() {
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => jiff::fmt::rfc2822::parse(text)
                .ok()
                .and_then(|date| Duration::try_from(date.timestamp().duration_since(now)).ok()),
        };
        if let Some(wait) = wait {
            self.log
                .lock()
                .waits
                .insert(self.entry.listener, (Instant::now(), wait));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut record = self.log.lock();
        if let Some(in_flight) = record.in_flight.get_mut(&self.entry.listener) {
            *in_flight -= 1;
        }
        record.summary.count_answer(&self.entry);
        if record.entries.len() == MAX_ENTRIES {
            record.entries.pop_front();
        }
        record.entries.push_back(self.entry.clone());
    }
}

const MAX_ENTRIES: usize = 100_000;
