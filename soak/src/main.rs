//! Hours of mixed load over every fault, and servers made of nothing but malice; run by `cargo xtask soak`.
//!
//! Everything follows from a seed, which is printed. Nothing leaves this machine: the servers listen on loopback, and
//! where the user may make one, the whole runs in a network namespace that has nothing else.

mod draw;
mod load;
mod scripts;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::Parser;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask soak",
    about = "Puts load on the program over every fault"
)]
struct Args {
    /// How long to go on starting rounds, in minutes
    #[arg(long, default_value_t = 0)]
    minutes: u64,
    /// The same in seconds, added to the minutes
    #[arg(long, default_value_t = 0)]
    seconds: u64,
    /// Each knob by itself and one small round: what every run of the tests does
    #[arg(long)]
    short: bool,
    /// Play so many scripts of hostile servers instead
    #[arg(long, conflicts_with_all = ["minutes", "seconds", "short"])]
    scripts: Option<u64>,
    /// Where the rounds or the scripts begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match args.scripts {
        Some(count) => runtime.block_on(scripts(args.seed, count)),
        None => runtime.block_on(soak(&args)),
    }
}

async fn scripts(seed: u64, count: u64) -> Result<ExitCode> {
    let sum = scripts::run(seed..seed.saturating_add(count)).await?;
    writeln!(std::io::stdout(), "{}", sum.line())?;
    verdict(seed, &sum.complaints)
}

async fn soak(args: &Args) -> Result<ExitCode> {
    let order = load::Order {
        seed: args.seed,
        lasts: Duration::from_secs(args.minutes * 60 + args.seconds),
        length: if args.short {
            load::Length::Short
        } else {
            load::Length::Long
        },
        binary: load::binary()?,
    };
    writeln!(std::io::stderr(), "seed {}", order.seed)?;
    let tally = load::run(&order).await?;
    writeln!(
        std::io::stdout(),
        "{}\n{}",
        tally.table(),
        tally.waste_table()
    )?;
    verdict(order.seed, &tally.complaints())
}

fn verdict(seed: u64, complaints: &[String]) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    for complaint in complaints {
        writeln!(out, "{complaint}")?;
    }
    let verdict = if complaints.is_empty() {
        "every bound held".to_owned()
    } else {
        format!("{} complaints", complaints.len())
    };
    writeln!(out, "soak: seed {seed}, {verdict}")?;
    Ok(if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
