//! Logs for people who look for a cause: `-v` and `-vv`, on standard error.

use std::io::{self, Write as _};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::printer::Printer;

/// Sends the logs of this project's crates to standard error. Other crates stay silent: what they log about requests
/// is not ours to vouch for.
pub(crate) fn start(printer: &Printer) {
    let level = match printer.verbosity() {
        0 => "warn",
        1 => "info",
        _ => "trace",
    };
    let filter = OUR_CRATES
        .iter()
        .fold(EnvFilter::new("off"), |filter, name| {
            filter.add_directive(
                format!("{name}={level}")
                    .parse()
                    .expect("crate names are valid directives"),
            )
        });
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(AboveBars(printer.bars().clone()))
        .with_ansi(printer.stderr_color() == anstream::ColorChoice::Always)
        .without_time()
        .with_target(false)
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("logs are started once");
}

/// Standard error above the bars, whole lines at a time.
#[derive(Debug)]
struct AboveBars(MultiProgress);

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            bars: &self.0,
            text: Vec::new(),
        }
    }
}

/// One event; it is printed masked when it is complete.
struct Line<'a> {
    bars: &'a MultiProgress,
    text: Vec<u8>,
}

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        let masked = civitai_security::redact_text(&text);
        // A standard error that is gone is no reason to stop the work.
        let _ = self
            .bars
            .suspend(|| io::stderr().lock().write_all(masked.as_bytes()));
    }
}

const OUR_CRATES: &[&str] = &[
    "civitai_api",
    "civitai_dl",
    "civitai_download",
    "civitai_reliability",
    "civitai_security",
    "civitai_sim",
];
