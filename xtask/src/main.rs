//! `cargo xtask`: everything that a person or a machine runs to build trust in the project.
//!
//! `test` runs everything that proves it, `lint` everything that keeps it readable, `bench` measures. They go on after
//! a failure, repeat at the end what each runner said last, and name what was left out and why.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod ledger;
mod lint;
mod run;
mod test;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Builds trust in the project")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measures the release binary and rewrites its figures in docs/benchmarks.md
    Bench {
        /// What to measure (start, list, fetch); everything if nothing is named
        scenarios: Vec<String>,
    },
    /// Formatting, lints, documentation, licences: all without a warning
    Lint,
    /// Unit, integration and end-to-end tests, the examples in the documentation, the example programs
    Test,
}

fn main() -> Result<ExitCode> {
    let report = match Args::parse().task {
        Task::Bench { scenarios } => bench::run(&scenarios)?,
        Task::Lint => lint::run()?,
        Task::Test => test::run()?,
    };
    report.print()
}
