//! What `bench` is given.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) action: BenchAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchAction {
    /// Fetch a list of files, each with one of two settings, and say which is faster
    Ab(AbArgs),
}

#[derive(Args, Debug)]
pub(crate) struct AbArgs {
    /// List of files: a link a line, or lines as for `fetch --list`; `-` for standard input
    #[arg(value_name = "LIST")]
    pub(crate) list: PathBuf,
    /// Flags of the first setting, like "--connections 1"
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    pub(crate) a: String,
    /// Flags of the second setting, like "--connections 8"
    #[arg(long, value_name = "FLAGS", allow_hyphen_values = true)]
    pub(crate) b: String,
    /// Seed that decides which file is fetched how, to repeat a comparison [default: drawn]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Times the list is fetched, split anew each time
    #[arg(long, default_value_t = 1, value_name = "N", hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// Directory for the files while they are measured [default: that of the system]
    #[arg(long, value_name = "DIR")]
    pub(crate) to: Option<PathBuf>,
}
