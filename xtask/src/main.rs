//! `cargo xtask`: everything that a person or a machine runs to build trust in the project.
//!
//! `test` runs everything that proves it, `lint` everything that keeps it readable, `bench` measures, `soak` wears out, `crash`
//! strikes, `fuzz` lies, `wheel` makes the Python package. They go on after a failure, repeat at the end what each runner said
//! last, and name what was left out and why.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod crash;
mod fuzz;
mod ledger;
mod lint;
mod python;
mod run;
mod soak;
mod test;
mod wheel;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Builds trust in the project")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measures the release binary beside its peers and rewrites its figures in docs/benchmarks.md
    #[command(disable_help_flag = true)]
    Bench {
        /// What to measure and how; --help lists it
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Kills, disk errors and power cuts: proves that no byte is lost or faked
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    Crash(crash::CrashArgs),
    /// Hostile input for every parser of bytes from outside; see docs/fuzzing.md
    #[command(disable_help_flag = true)]
    Fuzz {
        /// Which parsers, for how long, from which seed; --help lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Formatting, lints, documentation, licences: all without a warning
    Lint,
    /// Mixed load over every fault, and servers made of malice; see docs/soak.md
    Soak {
        /// What the soak is told, like --minutes 60 --seed 7 or --scripts 10000
        #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
        arguments: Vec<String>,
    },
    /// Unit, integration and end-to-end tests, the examples in the documentation, the example programs, the Python package
    Test,
    /// Builds the Python wheel as it is released and proves it in an environment of its own
    Wheel,
}

fn main() -> Result<ExitCode> {
    let report = match Args::parse().task {
        Task::Bench { arguments } => bench::run(&arguments)?,
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        Task::Crash(args) => crash::run(&args)?,
        Task::Fuzz { arguments } => fuzz::run(&arguments)?,
        Task::Lint => lint::run()?,
        Task::Soak { arguments } => soak::run(&arguments)?,
        Task::Test => test::run()?,
        Task::Wheel => wheel::run()?,
    };
    report.print()
}
