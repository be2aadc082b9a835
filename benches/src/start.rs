//! How long the process takes to say its version: the floor under every command.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::measure::{self, Spread};

const RUNS: usize = 100;

pub(super) fn run(binary: &Path) -> Result<String> {
    measure::run(Command::new(binary).arg("--version"))?; // warms the page cache
    let runs = (0..RUNS)
        .map(|_| measure::run(Command::new(binary).arg("--version")))
        .collect::<Result<Vec<_>>>()?;
    let wall = Spread::of(runs.iter().map(|run| run.wall.as_secs_f64() * 1e3));
    let rss = Spread::of(runs.iter().map(|run| mebibytes(run.peak_rss_bytes)));
    Ok(format!(
        "| `civitai-dl --version`, {RUNS} runs | min | median | max | target |\n|---|---|---|---|---|\n\
         | wall, ms | {:.1} | {:.1} | {:.1} | < 10 |\n| peak memory, MiB | {:.1} | {:.1} | {:.1} | < 15 |\n",
        wall.min, wall.median, wall.max, rss.min, rss.median, rss.max
    ))
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
