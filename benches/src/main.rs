//! Measures the release binary and writes the figures to `docs/benchmarks.md`; run by
//! `cargo xtask bench`.
//!
//! Each scenario owns one section of that page, between a pair of markers, and replaces it whole.

mod fetch;
mod list;
mod measure;
mod start;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench", about = "Measures the release binary")]
struct Args {
    /// What to measure; everything if nothing is named
    scenarios: Vec<Scenario>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Time and memory of `civitai-dl --version`.
    Start,
    /// Time and memory of listing 10,000 models.
    List,
    /// 200 files of 8 MiB and one of 2 GiB from nginx over TLS, beside curl.
    Fetch,
}

impl Scenario {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::List => "list",
            Self::Fetch => "fetch",
        }
    }
}

fn main() -> Result<()> {
    if std::env::args().nth(1).as_deref() == Some(list::SERVE) {
        return list::serve();
    }
    let args = Args::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let binary = build(&root)?;
    for scenario in Scenario::value_variants() {
        if !args.scenarios.is_empty() && !args.scenarios.contains(scenario) {
            continue;
        }
        let figures = match scenario {
            Scenario::Start => start::run(&binary)?,
            Scenario::List => list::run(&binary)?,
            Scenario::Fetch => fetch::run(&binary)?,
        };
        record(&root, *scenario, &figures)?;
    }
    Ok(())
}

fn build(root: &Path) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--package", "civitai-cli"])
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    if !status.success() {
        bail!("the release build failed");
    }
    // This program stands in the same target directory, whatever its name.
    let own = std::env::current_exe()?;
    Ok(own.with_file_name("civitai-dl"))
}

/// Replaces the section of `scenario` in the page, or adds it at the end.
fn record(root: &Path, scenario: Scenario, figures: &str) -> Result<()> {
    let page = root.join("docs/benchmarks.md");
    let text = fs_err::read_to_string(&page)?;
    let (open, close) = (
        format!("<!-- bench {} -->", scenario.name()),
        format!("<!-- end {} -->", scenario.name()),
    );
    let section = format!(
        "{open}\n`cargo xtask bench {}` on {}\n\n{figures}{close}",
        scenario.name(),
        machine()
    );
    let updated = match (text.find(&open), text.find(&close)) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{section}{}", &text[..from], &text[to + close.len()..])
        }
        _ => format!("{}\n\n{section}\n", text.trim_end()),
    };
    fs_err::write(&page, updated)?;
    writeln!(std::io::stderr(), "{figures}")?;
    Ok(())
}

/// Date, processor, cores and memory: what a reader needs to judge a figure.
fn machine() -> String {
    let read = |path: &str, key: &str| {
        fs_err::read_to_string(path).ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let date = Command::new("date").arg("+%Y-%m-%d").output();
    let date = date.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    format!(
        "{}: {cores} cores of {}, {} of memory",
        date.unwrap_or_default(),
        read("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown processor".to_owned()),
        read("/proc/meminfo", "MemTotal").unwrap_or_else(|| "an unknown amount".to_owned()),
    )
}
