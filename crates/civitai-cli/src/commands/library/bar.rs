//! How far the reading of many files is: a bar for people who watch, two JSON lines a second for programs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::printer::Printer;

/// The progress of a piece of work whose size is known.
#[derive(Debug)]
pub(crate) struct Bar {
    printer: Arc<Printer>,
    shown: Option<ProgressBar>,
    bytes: u64,
    total: u64,
    began: Instant,
    told: Instant,
}

impl Bar {
    pub(crate) fn new(printer: &Arc<Printer>, total: u64) -> Self {
        let shown = printer.draws_bars().then(|| {
            let style = ProgressStyle::with_template(TEMPLATE).expect("the template is ours");
            printer
                .bars()
                .add(ProgressBar::new(total).with_style(style.progress_chars("=> ")))
        });
        Self {
            printer: Arc::clone(printer),
            shown,
            bytes: 0,
            total,
            began: Instant::now(),
            told: Instant::now(),
        }
    }

    /// So many bytes more are done, of the file at `path`.
    pub(crate) fn advance(&mut self, path: &str, bytes: u64) {
        self.bytes += bytes;
        if let Some(bar) = &self.shown {
            bar.set_message(path.to_owned());
            bar.set_position(self.bytes);
        } else if self.printer.is_json() && self.told.elapsed() >= PERIOD {
            self.told = Instant::now();
            let line = json!({
                "path": path,
                "bytes": self.bytes,
                "total": self.total,
                "bytesPerSecond": self.rate(),
            });
            // A reader that has gone does not stop the work.
            let _ = self.printer.record("progress", &line);
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for people, never negative"
    )]
    fn rate(&self) -> u64 {
        (self.bytes as f64 / self.began.elapsed().as_secs_f64().max(0.001)) as u64
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

const TEMPLATE: &str =
    "[{bar:30}] {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {wide_msg}";
const PERIOD: Duration = Duration::from_millis(500);
