//! How far the transfers are: bars for people who watch, at most two JSON lines a second and file for programs.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use civitai_download::Event;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::monitor::{Monitor, Watched};
use crate::printer::Printer;
use crate::session::Session;
use crate::text::{Message, size};

/// All transfers under way. Listeners only store numbers; [`Board::run`] shows them.
#[derive(Debug)]
pub(crate) struct Board {
    printer: Arc<Printer>,
    monitor: Option<Arc<Monitor>>,
    running: Mutex<Vec<Arc<Gauge>>>,
}

impl Board {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            printer: Arc::clone(&session.printer),
            monitor: session.monitor.clone(),
            running: Mutex::new(Vec::new()),
        }
    }

    /// Shows the gauges until it is dropped.
    pub(crate) async fn run(&self) {
        let period = if self.printer.is_json() {
            Duration::from_millis(500)
        } else {
            Duration::from_millis(100)
        };
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first tick is immediate, and nothing has happened yet.
        ticks.tick().await;
        loop {
            ticks.tick().await;
            for gauge in self.gauges() {
                gauge.show(&self.printer);
            }
        }
    }

    /// Begins a gauge for a file that is promised to be `total` bytes long. It disappears when the returned handle is
    /// dropped.
    pub(crate) fn start(
        self: &Arc<Self>,
        file_id: Option<u32>,
        path: PathBuf,
        name: &str,
        total: Option<u64>,
    ) -> Running {
        let is_watchable = total.is_none_or(|total| total > WORTH_A_BAR);
        let bar =
            (is_watchable && self.printer.draws_bars()).then(|| self.printer.bars().add(bar(name)));
        let watched = self.monitor.as_ref();
        let watched = watched.map(|monitor| monitor.watch(file_id, path.clone()));
        let gauge = Arc::new(Gauge {
            file_id,
            path,
            bytes: AtomicU64::new(0),
            total: AtomicU64::new(UNKNOWN),
            connections: AtomicUsize::new(0),
            shown: Mutex::new(Shown {
                at: Instant::now(),
                bytes: None,
                rate: 0.0,
            }),
            bar,
        });
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&gauge));
        Running {
            board: Arc::clone(self),
            gauge,
            watched,
        }
    }

    fn gauges(&self) -> Vec<Arc<Gauge>> {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A transfer's place on the board.
#[derive(Debug)]
pub(crate) struct Running {
    board: Arc<Board>,
    gauge: Arc<Gauge>,
    watched: Option<Watched>,
}

impl Running {
    /// What to tell the transfer to call.
    pub(crate) fn listener(&self) -> impl Fn(Event) + Send + Sync + 'static {
        let gauge = Arc::clone(&self.gauge);
        let printer = Arc::clone(&self.board.printer);
        let watcher = self.watched.as_ref().map(Watched::listener);
        move |event| {
            if let Event::Waiting { holder } = event {
                let path = gauge.path.clone();
                printer.say(&Message::WaitingFor { path, holder });
            }
            gauge.hear(event);
            if let Some(watcher) = &watcher {
                watcher(event);
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self
            .board
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        running.retain(|gauge| !Arc::ptr_eq(gauge, &self.gauge));
        drop(running);
        if let Some(bar) = &self.gauge.bar {
            bar.finish_and_clear();
        }
    }
}

/// The numbers of one transfer.
#[derive(Debug)]
struct Gauge {
    file_id: Option<u32>,
    path: PathBuf,
    bytes: AtomicU64,
    total: AtomicU64,
    connections: AtomicUsize,
    shown: Mutex<Shown>,
    bar: Option<ProgressBar>,
}

/// What was shown last, from which the rate follows.
#[derive(Debug)]
struct Shown {
    at: Instant,
    bytes: Option<u64>,
    rate: f64,
}

impl Gauge {
    fn hear(&self, event: Event) {
        match event {
            Event::Started { bytes, total } => {
                self.store(bytes, total);
                // What an earlier run fetched says nothing about the rate of this one.
                self.shown
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .bytes = Some(bytes);
                if let Some(bar) = &self.bar {
                    bar.set_position(bytes);
                    bar.reset_eta();
                }
            }
            Event::Progress {
                bytes,
                total,
                connections,
            } => {
                self.store(bytes, total);
                self.connections.store(connections, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    fn store(&self, bytes: u64, total: Option<u64>) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.total
            .store(total.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    fn show(&self, printer: &Printer) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let total = Some(self.total.load(Ordering::Relaxed)).filter(|total| *total != UNKNOWN);
        let connections = self.connections.load(Ordering::Relaxed);
        let rate = self.rate(bytes);
        if let Some(bar) = &self.bar {
            if let Some(total) = total {
                bar.set_length(total);
            }
            bar.set_position(bytes);
            bar.set_message(format!("{}/s ×{connections}", size(rate)));
        } else if printer.is_json() {
            let line = json!({
                "fileId": self.file_id,
                "path": self.path.to_string_lossy(),
                "bytes": bytes,
                "total": total,
                "bytesPerSecond": rate,
                "connections": connections,
            });
            // A reader that has gone does not stop the transfer.
            let _ = printer.record("progress", &line);
        }
    }

    /// Bytes a second since the last look, smoothed over about three looks.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people, never negative"
    )]
    fn rate(&self, bytes: u64) -> u64 {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = shown.at.elapsed().as_secs_f64().max(0.001);
        let before = shown.bytes.unwrap_or(bytes);
        let now = bytes.saturating_sub(before) as f64 / seconds;
        let rate = if shown.rate > 0.0 {
            shown.rate * 0.7 + now * 0.3
        } else {
            now
        };
        *shown = Shown {
            at: Instant::now(),
            bytes: Some(bytes),
            rate,
        };
        rate as u64
    }
}

fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix:24!} {wide_bar} {binary_bytes:>10}/{binary_total_bytes:<10} {msg:>15} {eta:>4}",
    )
    .expect("the template is a constant")
    .progress_chars("=> ");
    let bar = ProgressBar::no_length().with_style(style);
    bar.set_prefix(name.to_owned());
    bar
}

/// Smaller files are done before anybody has read their names, and a hundred of them may be under way.
const WORTH_A_BAR: u64 = 1 << 20;
/// Stands for a length nobody has told.
const UNKNOWN: u64 = u64::MAX;
