//! Mixed load with every fault by seed.
//!
//! A run is a row of rounds. Each has a simulator of its own, seeded with the run's seed and the round's number, and a
//! score of jobs side by side: small and big files, one or several a call, through `fetch`, `get` and a transfer in
//! this process, some killed on the way and started again. What a job meets and how it must end is drawn; a round that
//! failed is repeated by its own seed.

mod bring;
mod case;
mod judge;
mod knobs;
mod listing;
mod tally;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use civitai_sim::Sim;
use tokio::task::JoinSet;

use self::case::{Job, Way};
use self::knobs::{Company, Row};
use self::tally::Tally;
use crate::draw::Draw;

/// What a run is to do.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) seed: u64,
    pub(crate) lasts: Duration,
    pub(crate) length: Length,
    pub(crate) binary: PathBuf,
}

/// How much a run does at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// Each row by every way that meets it, then rounds.
    Long,
    /// Each row by one way, then a small round.
    Short,
}

/// Runs rounds until the time is over; whole rounds only, at least one, and first each knob by itself.
pub(crate) async fn run(order: &Order) -> Result<Tally> {
    let started = Instant::now();
    let mut tally = Tally::new();
    let mut seed = order.seed;
    every_knob(order, &mut tally).await?;
    loop {
        round(order, seed, &mut tally).await?;
        tally.round_over();
        seed = seed.wrapping_add(1);
        if started.elapsed() >= order.lasts {
            break;
        }
    }
    tally.lasted(started.elapsed());
    Ok(tally)
}

/// Every row by every way that meets it.
async fn every_knob(order: &Order, tally: &mut Tally) -> Result<()> {
    let mut draw = Draw::new(order.seed);
    let sim = Arc::new(Sim::builder().seed(order.seed).start().await?);
    let (mut jobs, mut alone) = (Vec::new(), Vec::new());
    let mut id = FIRST_ID;
    for (nth, row) in Row::usable().enumerate() {
        // Another way comes first for each row.
        let ways = (0..3).map(|turn| Way::ALL[(nth + turn) % 3]);
        let of_row = ways.filter_map(|way| {
            id += 1;
            Job::of_row(&mut draw, &sim, way, row, id)
        });
        let ways = match order.length {
            Length::Long => 3,
            Length::Short => 1,
        };
        match row.company {
            Company::Nobody => alone.extend(of_row.take(ways)),
            Company::Any | Company::Ranges => jobs.extend(of_row.take(ways)),
        }
    }
    work(order, &sim, jobs, order.seed, tally).await?;
    for job in alone {
        work(order, &sim, vec![job], order.seed, tally).await?;
    }
    end(sim, tally).await;
    Ok(())
}

async fn round(order: &Order, seed: u64, tally: &mut Tally) -> Result<()> {
    let mut draw = Draw::new(seed);
    let sim = Arc::new(Sim::builder().seed(seed).start().await?);
    let count = match order.length {
        Length::Long => JOBS,
        Length::Short => FEW_JOBS,
    };
    let jobs = (0..count)
        .map(|nth| Job::draw(&mut draw, &sim, FIRST_ID + nth * 100))
        .collect();
    work(order, &sim, jobs, seed, tally).await?;
    listing::run(order, &sim, &mut draw, tally).await?;
    end(sim, tally).await;
    Ok(())
}

/// Does the jobs, some at a time.
async fn work(
    order: &Order,
    sim: &Arc<Sim>,
    jobs: Vec<Job>,
    seed: u64,
    tally: &mut Tally,
) -> Result<()> {
    let room = tempfile::tempdir()?;
    let mut running = JoinSet::new();
    let mut waiting = jobs.into_iter().enumerate();
    loop {
        while running.len() < AT_A_TIME
            && let Some((nth, mut job)) = waiting.next()
        {
            let folder = room.path().join(format!("job-{nth}"));
            let (sim, binary) = (Arc::clone(sim), order.binary.clone());
            running.spawn(async move {
                fs_err::create_dir_all(&folder)?;
                let ended = bring::bring(&mut job, &sim, &binary, &folder).await?;
                let judged = judge::judge(&job, &ended, &sim, &folder)?;
                anyhow::Ok((job, ended, judged))
            });
        }
        let Some(joined) = running.join_next().await else {
            return Ok(());
        };
        let (job, ended, judged) = joined??;
        tally.add(seed, &job, &ended, judged);
    }
}

/// Ends a simulator, and then counts: an answer that nobody waits for any more is in the log only when it has ended.
async fn end(sim: Arc<Sim>, tally: &mut Tally) {
    let log = sim.log().clone();
    if let Some(sim) = Arc::into_inner(sim) {
        sim.shutdown().await;
    }
    tally.simulator_over(&log.summary());
}

/// Whether loopback is the only network there is.
fn is_confined() -> bool {
    let Ok(devices) = fs_err::read_to_string("/proc/net/dev") else {
        return false;
    };
    let mut names = devices
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim());
    names.all(|name| name == "lo")
}

/// A field of `/proc/PID/status`, in bytes.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// The program stands where this one does.
pub(crate) fn binary() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().unwrap_or(Path::new("."));
    let name = format!("civitai-dl{}", std::env::consts::EXE_SUFFIX);
    let candidates = [folder.join(&name), folder.join("..").join(&name)];
    let found = candidates.into_iter().find(|path| path.exists());
    found.ok_or_else(|| anyhow::anyhow!("civitai-dl is not built: cargo build -p civitai-cli"))
}

const FIRST_ID: u32 = 3_000_000;
const JOBS: u32 = 40;
const FEW_JOBS: u32 = 12;
/// More than there are processors: most of them wait for a fault to pass.
const AT_A_TIME: usize = 12;
