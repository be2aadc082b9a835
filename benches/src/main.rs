//! Measures the release binary beside other programs that do the same job and writes the figures to
//! `docs/benchmarks.md`; run by `cargo xtask bench`.
//!
//! The program plays several parts: the benchmark itself, and the small processes that it starts to attend a
//! program, to carry packets, to serve a listing, and to clean up.

mod attend;
mod contest;
mod files;
mod hash;
mod held;
mod library;
mod list;
mod measure;
mod origin;
mod page;
mod peers;
mod python;
mod report;
mod resume;
mod scan;
mod scenario;
mod seal;
mod section;
mod spread;
mod start;
mod sys;
mod wan;
mod workshop;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum as _};

use page::{Load, Page};
use section::{Bench, Section};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask bench",
    about = "Measures the release binary",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
struct Args {
    #[command(subcommand)]
    role: Option<Role>,
    /// What to measure; everything if nothing is named
    #[arg(ignore_case = true)]
    sections: Vec<Section>,
    /// How often every tool runs; slow ones run less often
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// The peers to run beside, instead of those that suit each scenario
    #[arg(long, value_name = "NAME", value_delimiter = ',', num_args = 1..)]
    peers: Option<Vec<String>>,
}

/// What this program is when it starts itself.
#[derive(Debug, Subcommand)]
enum Role {
    #[command(hide = true)]
    Attend(attend::Attend),
    #[command(hide = true)]
    Line(wan::Line),
    #[command(hide = true)]
    ServeFile,
    #[command(hide = true)]
    ServeModels,
    #[command(hide = true)]
    Sweep { folder: PathBuf },
}

fn main() -> Result<()> {
    let args = Args::parse();
    match args.role {
        Some(Role::Attend(attend)) => attend.run(),
        Some(Role::Line(line)) => line.run(),
        Some(Role::ServeFile) => python::serve(),
        Some(Role::ServeModels) => list::serve(),
        Some(Role::Sweep { folder }) => held::sweep(&folder),
        None => measure(&args),
    }
}

fn measure(args: &Args) -> Result<()> {
    let load = Load::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let binary = build(&root)?;
    let named = |section: &&Section| args.sections.is_empty() || args.sections.contains(section);
    let sections: Vec<Section> = Section::value_variants()
        .iter()
        .filter(named)
        .copied()
        .collect();
    let bench = Bench::prepare(
        (root.as_path(), binary.as_path()),
        &sections,
        args.rounds.into(),
        args.peers.as_deref(),
    )?;
    // After the build, so that it is the last thing said before the long silence of measuring.
    if let Some(warning) = load.warning() {
        writeln!(io::stderr(), "{warning}")?;
    }
    let page = Page::new(&root, load);
    for section in sections {
        let figures = bench.run(section)?;
        writeln!(io::stderr(), "\n{figures}")?;
        let options = if section.is_contest() {
            args.options()
        } else {
            String::new()
        };
        page.record(section, &options, &figures)?;
    }
    Ok(())
}

impl Args {
    /// The options as they were given, for the record.
    fn options(&self) -> String {
        let peers = self
            .peers
            .as_ref()
            .map(|peers| format!(" --peers {}", peers.join(",")));
        format!(" --rounds {}{}", self.rounds, peers.unwrap_or_default())
    }
}

fn build(root: &Path) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .args(["build", "--release", "--package", "civitai-cli"])
        .current_dir(root)
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "the release build failed");
    // This program stands in the same target directory, whatever its name.
    let own = std::env::current_exe()?;
    Ok(own.with_file_name("civitai-dl"))
}
