//! The binary `civitai-dl`: it reads arguments and settings, calls the libraries, and prints what they return.

mod args;
mod batch;
mod commands;
mod consent;
mod containers;
mod emergency;
mod exit;
mod failure;
mod features;
mod interrupt;
mod job;
mod judge;
mod links;
mod logs;
mod memory;
mod monitor;
mod network;
mod passphrase;
mod patience;
mod printer;
mod private;
mod progress;
mod run;
mod session;
mod settings;
mod silence;
mod table;
mod terms;
mod text;
mod vault;

use std::process::ExitCode;

fn main() -> ExitCode {
    run::run(std::env::args_os().collect()).into()
}
