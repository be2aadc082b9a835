//! Runs hostile input for a while: `cargo xtask fuzz`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use civitai_fuzz::{Campaign, Failure, TARGETS, Tally, Target, target};
use clap::Parser;

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask fuzz",
    about = "Gives hostile input to every parser of bytes from outside"
)]
struct Args {
    /// Which of them; all when none is named
    targets: Vec<String>,
    /// Processor time for each
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Inputs for each, whatever the time
    #[arg(long, conflicts_with = "seconds")]
    runs: Option<u64>,
    /// What the inputs follow from; drawn when absent
    #[arg(long)]
    seed: Option<u64>,
    /// Runs what is in these files instead, on one target
    #[arg(long, num_args = 1..)]
    input: Vec<PathBuf>,
    /// Where inputs that fail are kept
    #[arg(long, default_value = "target/fuzz")]
    out: PathBuf,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    fs_err::create_dir_all(&args.out)?;
    let targets = args.targets.iter().map(|name| {
        let known: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        target(name).with_context(|| format!("no target {name}; there are {}", known.join(", ")))
    });
    let mut targets = targets.collect::<Result<Vec<_>>>()?;
    if targets.is_empty() {
        targets.extend(TARGETS);
    }
    if !args.input.is_empty() {
        let [target] = targets[..] else {
            bail!("--input needs one target");
        };
        return repeat(target, &args);
    }
    let seed = args.seed.unwrap_or_else(drawn);
    let mut failed = 0;
    for target in &targets {
        failed += usize::from(!campaign(target, seed, &args)?);
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "fuzz: {} targets, {failed} failed, seed {seed}",
        targets.len()
    )?;
    Ok(ExitCode::from(u8::from(failed > 0)))
}

/// A seed that nobody chose.
fn drawn() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |now| u64::from(now.subsec_nanos()) ^ now.as_secs() << 20)
}

/// Runs one target for its time; false where an input failed.
fn campaign(target: &'static Target, seed: u64, args: &Args) -> Result<bool> {
    let under_way = args.out.join(format!("{}-under-way", target.name));
    let (seconds, runs) = (Duration::from_secs(args.seconds), args.runs);
    let mut campaign = Campaign::new(target, seed, &under_way);
    let (pulse, beats) = mpsc::channel();
    // A reading that never ends is seen from another thread.
    let fuzzer = thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let failure = campaign.run(|tally| {
                let goes_on = match runs {
                    Some(runs) => tally.inputs < runs,
                    None => tally.spent < seconds,
                };
                goes_on && pulse.send(()).is_ok()
            });
            (failure, campaign.tally())
        })?;
    if !beats_to_the_end(&beats) {
        let path = keep(&args.out, target, "hang", &fs_err::read(&under_way)?)?;
        bail!(
            "{}: an input takes more than {} s: {}",
            target.name,
            HANG.as_secs(),
            path.display()
        );
    }
    let (failure, tally) = fuzzer
        .join()
        .map_err(|_| anyhow::anyhow!("the thread that runs inputs panicked"))?;
    fs_err::remove_file(&under_way).ok();
    let failure = failure?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", line(target, &tally, failure.as_ref()))?;
    if let Some(failure) = &failure {
        let path = keep(&args.out, target, failure.fault.word(), &failure.input)?;
        writeln!(
            out,
            "    {} bytes in {}: {}",
            failure.input.len(),
            path.display(),
            failure.fault
        )?;
    }
    Ok(failure.is_none())
}

/// Waits for the fuzzer; false where it stopped giving signs of life although it had the processor.
fn beats_to_the_end(beats: &mpsc::Receiver<()>) -> bool {
    let mut last = processor_time();
    loop {
        match beats.recv_timeout(LOOK) {
            Ok(()) => last = processor_time(),
            Err(RecvTimeoutError::Disconnected) => return true,
            Err(RecvTimeoutError::Timeout) if processor_time() < last + HANG => {}
            Err(RecvTimeoutError::Timeout) => return false,
        }
    }
}

/// The processor time of this process, which stands still while it is stopped.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

fn line(target: &Target, tally: &Tally, failure: Option<&Failure>) -> String {
    format!(
        "{:<14} {} {} inputs, {} outcomes, {:.0} s; longest {:.2} s, most memory {} MiB",
        target.name,
        if failure.is_some() {
            "FAILED"
        } else {
            "passed"
        },
        tally.inputs,
        tally.outcomes,
        tally.spent.as_secs_f64(),
        tally.longest.as_secs_f64(),
        tally.memory >> 20
    )
}

/// Runs inputs that were kept.
fn repeat(target: &'static Target, args: &Args) -> Result<ExitCode> {
    let mut campaign = Campaign::new(target, 0, &args.out.join("under-way"));
    let mut code = ExitCode::SUCCESS;
    let mut out = io::stdout().lock();
    for path in &args.input {
        let bytes = fs_err::read(path)?;
        match campaign.try_input(&bytes) {
            Ok(said) => writeln!(out, "{}: passed, outcome {said:016x}", path.display())?,
            Err(fault) => {
                code = ExitCode::FAILURE;
                writeln!(out, "{}: {fault}", path.display())?;
            }
        }
    }
    writeln!(out, "{}", line(target, &campaign.tally(), None))?;
    Ok(code)
}

fn keep(out: &Path, target: &Target, word: &str, input: &[u8]) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let path = out.join(format!("{}-{word}-{:016x}", target.name, hasher.finish()));
    fs_err::write(&path, input)?;
    Ok(path)
}

/// Longer than any input takes, minimising included.
const HANG: Duration = Duration::from_mins(1);
/// How often somebody looks whether the fuzzer hangs.
const LOOK: Duration = Duration::from_secs(1);
/// As much as the main thread of a program has.
const STACK_BYTES: usize = 8 << 20;
