//! How long the process takes to say its version: the floor under every command.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::measure::{self, Bounds};
use crate::spread::{Spread, mebibytes};

const RUNS: usize = 100;

pub(crate) fn run(binary: &Path) -> Result<String> {
    let mut command = measure::command(Bounds::default())?;
    command.arg(binary).arg("--version");
    measure::run_well(&mut command)?; // warms the page cache
    let runs = (0..RUNS)
        .map(|_| measure::run_well(&mut command))
        .collect::<Result<Vec<_>>>()?;
    let wall = Spread::of(runs.iter().map(|run| run.wall.as_secs_f64() * 1e3));
    let rss = Spread::of(runs.iter().map(|run| mebibytes(run.peak_rss_bytes)));
    let (wall, rss) = wall.zip(rss).context("there were runs")?;
    Ok(format!(
        "| `civitai-dl --version`, {RUNS} runs | min | median | max | target |\n|---|---|---|---|---|\n\
         | wall, ms | {:.1} | {:.1} | {:.1} | < 10 |\n| peak memory, MiB | {:.1} | {:.1} | {:.1} | < 15 |\n",
        wall.min, wall.median, wall.max, rss.min, rss.median, rss.max
    ))
}
