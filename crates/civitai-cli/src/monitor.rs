//! What `--monitor-performance` shows: what transfers and requests cost, every few seconds and at the end.

mod table;
mod usage;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use civitai_analytics::{Ending, Failing, Peer, Performance, Recorder, Sample, TransferId};
use civitai_api::Observed;
use civitai_download::{Cause, Event};
use serde::Serialize;

use crate::printer::Printer;

pub(crate) use self::usage::usage;

/// Hears what happens and tells how it goes.
#[derive(Debug)]
pub(crate) struct Monitor {
    printer: Arc<Printer>,
    interval: Duration,
    began: Instant,
    recorder: Mutex<Recorder>,
    /// Transfers that have ended, for the table of people.
    ended: Mutex<table::Ended>,
    is_finished: AtomicBool,
}

impl Monitor {
    pub(crate) fn new(printer: Arc<Printer>, interval: Duration) -> Self {
        Self {
            printer,
            interval,
            began: Instant::now(),
            recorder: Mutex::new(Recorder::new(usage())),
            ended: Mutex::default(),
            is_finished: AtomicBool::new(false),
        }
    }

    /// Reports what has been so far, again and again, until it is dropped.
    pub(crate) async fn run(&self) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first tick is immediate, and nothing has happened yet.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            let report = self.report();
            self.tell(&report, false);
        }
    }

    /// Reports on the whole, before the sum of the run if it has one. Only the first call does.
    pub(crate) fn finish(&self) {
        if !self.is_finished.swap(true, Ordering::Relaxed) {
            let report = self.report();
            self.tell(&report, true);
        }
    }

    /// Who is to be told of requests to the site.
    pub(crate) fn observer(self: &Arc<Self>) -> impl Fn(&Observed<'_>) + Send + Sync + 'static {
        let this = Arc::clone(self);
        move |observed| {
            let at = this.began.elapsed();
            let mut recorder = this.recorder();
            for sample in samples_of_api(observed) {
                recorder.take(at, None, sample);
            }
        }
    }

    /// Begins to watch a transfer, until the handle is dropped.
    pub(crate) fn watch(self: &Arc<Self>, file_id: Option<u32>, path: PathBuf) -> Watched {
        let usage = usage();
        let id = self.recorder().begin(self.began.elapsed(), usage);
        Watched {
            monitor: Arc::clone(self),
            id,
            file_id,
            path,
            ending: Arc::new(Mutex::new(Ending::Cancelled)),
        }
    }

    fn report(&self) -> Performance {
        // Read before the lock is taken, which those who transfer wait for.
        let usage = usage();
        self.recorder().report(self.began.elapsed(), usage)
    }

    fn tell(&self, report: &Performance, is_final: bool) {
        if self.printer.is_json() {
            let line = Line::of_run(report, is_final);
            // A reader that has gone does not stop the work.
            let _ = self.printer.record("performance", &line);
        } else {
            let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = is_final.then_some(&*ended);
            self.printer
                .aside(&table::of_run(report, ended, self.printer.lang()));
        }
    }

    fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transfer that is watched.
#[derive(Debug)]
pub(crate) struct Watched {
    monitor: Arc<Monitor>,
    id: TransferId,
    file_id: Option<u32>,
    path: PathBuf,
    ending: Arc<Mutex<Ending>>,
}

impl Watched {
    /// What to tell the transfer to call.
    pub(crate) fn listener(&self) -> impl Fn(Event) + Send + Sync + 'static {
        let (monitor, id) = (Arc::clone(&self.monitor), self.id);
        let ending = Arc::clone(&self.ending);
        move |event| {
            if let Some(end) = ending_of(event) {
                *ending.lock().unwrap_or_else(PoisonError::into_inner) = end;
                return;
            }
            let at = monitor.began.elapsed();
            let mut recorder = monitor.recorder();
            for sample in samples_of(event) {
                recorder.take(at, Some(id), sample);
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let ending = *self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, usage) = (self.monitor.began.elapsed(), usage());
        let report = self.monitor.recorder().end(self.id, at, usage, ending);
        let printer = &self.monitor.printer;
        if printer.is_json() {
            let line = Line {
                outcome: Some(outcome(ending)),
                path: Some(self.path.to_string_lossy().into_owned()),
                file_id: self.file_id,
                ..Line::new("transfer", &report, true)
            };
            let _ = printer.record("performance", &line);
        } else {
            let mut ended = self
                .monitor
                .ended
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            ended.push(&self.path, ending, &report);
        }
    }
}

/// A line of JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    scope: &'static str,
    r#final: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_id: Option<u32>,
    #[serde(flatten)]
    report: &'a Performance,
}

impl<'a> Line<'a> {
    fn new(scope: &'static str, report: &'a Performance, is_final: bool) -> Self {
        Self {
            scope,
            r#final: is_final,
            outcome: None,
            path: None,
            file_id: None,
            report,
        }
    }

    fn of_run(report: &'a Performance, is_final: bool) -> Self {
        Self::new("run", report, is_final)
    }
}

fn outcome(ending: Ending) -> &'static str {
    match ending {
        Ending::Cancelled => "cancelled",
        Ending::Failed => "failed",
        Ending::Finished => "finished",
    }
}

fn ending_of(event: Event) -> Option<Ending> {
    match event {
        Event::Finished { .. } => Some(Ending::Finished),
        Event::Failed { .. } => Some(Ending::Failed),
        Event::Cancelled => Some(Ending::Cancelled),
        _ => None,
    }
}

/// What a transfer's event means in numbers.
fn samples_of(event: Event) -> Vec<Sample> {
    let failed = |peer, is_timeout, retried: bool| {
        let failing = failing(is_timeout);
        let mut samples = vec![Sample::Failed { peer, failing }];
        samples.extend(retried.then_some(Sample::Retried(peer)));
        samples
    };
    match event {
        Event::Started { bytes, .. } => vec![Sample::Started { bytes }],
        Event::Asked => vec![Sample::Asked(Peer::Storage)],
        Event::Answered { elapsed, .. } => vec![Sample::Answered {
            peer: Peer::Storage,
            elapsed,
        }],
        Event::RequestFailed { cause, retried } => {
            failed(Peer::Storage, cause == Cause::Timeout, retried)
        }
        Event::Leased { elapsed } => vec![
            Sample::Asked(Peer::Leases),
            Sample::Answered {
                peer: Peer::Leases,
                elapsed,
            },
        ],
        Event::LeaseFailed { code, retried, .. } => {
            let mut samples = vec![Sample::Asked(Peer::Leases)];
            samples.extend(failed(Peer::Leases, code == "timeout", retried));
            samples
        }
        Event::Received { bytes } => vec![Sample::Received { bytes }],
        Event::Progress {
            bytes, connections, ..
        } => vec![Sample::Progress {
            bytes,
            connections: connections as u64,
        }],
        _ => Vec::new(),
    }
}

/// What the site's client did, in numbers. A refusal is an answer that failed.
fn samples_of_api(observed: &Observed<'_>) -> Vec<Sample> {
    let peer = Peer::Api;
    match *observed {
        Observed::Request {
            status,
            elapsed,
            timed_out,
            ..
        } => {
            let mut samples = vec![Sample::Asked(peer)];
            samples.extend(status.map(|_| Sample::Answered { peer, elapsed }));
            if status.is_none_or(|status| status >= 400) {
                let failing = failing(timed_out);
                samples.push(Sample::Failed { peer, failing });
            }
            samples
        }
        Observed::Retry { .. } => vec![Sample::Retried(peer)],
        _ => Vec::new(),
    }
}

fn failing(is_timeout: bool) -> Failing {
    if is_timeout {
        Failing::Timeout
    } else {
        Failing::Error
    }
}
