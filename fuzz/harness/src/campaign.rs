//! Inputs, one after the other, until the time is up or one fails.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::inputs::Inputs;
use crate::memory;
use crate::target::Target;

/// Makes inputs for one target and runs them.
#[derive(Debug)]
pub struct Campaign {
    target: &'static Target,
    inputs: Inputs,
    /// Where the input under way is, should this process not survive it.
    under_way: PathBuf,
    tally: Tally,
}

/// What a campaign did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Inputs that were run.
    pub inputs: u64,
    /// Different things that the parser said.
    pub outcomes: usize,
    /// Processor time of all runs.
    pub spent: Duration,
    /// Processor time of the longest run.
    pub longest: Duration,
    /// The most memory that the process held, in bytes; 0 where the system does not tell.
    pub memory: u64,
}

/// An input that no parser may fail on, and how it did.
#[derive(Debug)]
pub struct Failure {
    /// The smallest input that was found to fail in this way.
    pub input: Vec<u8>,
    /// How it failed.
    pub fault: Fault,
}

/// How a run failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It panicked, with this message and place.
    Panic(String),
    /// It took so much processor time.
    Time(Duration),
    /// The process came to hold so many bytes.
    Memory(u64),
}

impl Fault {
    /// The kind in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Panic(_) => "panic",
            Self::Time(_) => "time",
            Self::Memory(_) => "memory",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic(message) => write!(f, "panicked: {message}"),
            Self::Time(time) => write!(f, "took {:.1} s of processor time", time.as_secs_f64()),
            Self::Memory(bytes) => write!(f, "held {} MiB", bytes >> 20),
        }
    }
}

impl Campaign {
    /// A campaign whose inputs follow from `seed`; `under_way` is a file that holds the input being run.
    pub fn new(target: &'static Target, seed: u64, under_way: &Path) -> Self {
        panic::set_hook(Box::new(remember));
        Self {
            target,
            inputs: Inputs::new(target, seed),
            under_way: under_way.to_owned(),
            tally: Tally::default(),
        }
    }

    /// Runs inputs while `goes_on` says so.
    ///
    /// # Errors
    /// When the file of the input under way cannot be written.
    pub fn run(&mut self, mut goes_on: impl FnMut(&Tally) -> bool) -> io::Result<Option<Failure>> {
        while goes_on(&self.tally) {
            let input = self.inputs.draw();
            self.note(&input)?;
            match self.try_input(&input) {
                Ok(said) => self.inputs.keep(input, said),
                Err(fault) => {
                    let input = self.smallest(input, &fault);
                    return Ok(Some(Failure { input, fault }));
                }
            }
        }
        Ok(None)
    }

    /// What was done so far.
    pub fn tally(&self) -> Tally {
        Tally {
            outcomes: self.inputs.outcomes(),
            ..self.tally
        }
    }

    /// Runs one input.
    ///
    /// # Errors
    /// How it failed.
    pub fn try_input(&mut self, input: &[u8]) -> Result<u64, Fault> {
        // What stays behind from the last input is not this one's.
        let base = memory::most().unwrap_or_default();
        let started = processor_time();
        let run = panic::catch_unwind(AssertUnwindSafe(|| (self.target.run)(input)));
        let took = processor_time().saturating_sub(started);
        let held = memory::most().unwrap_or_default();
        self.tally.inputs += 1;
        self.tally.spent += took;
        self.tally.longest = self.tally.longest.max(took);
        self.tally.memory = self.tally.memory.max(held);
        let said = run.map_err(|_| Fault::Panic(PANIC.take()))?;
        if took > MOST_TIME && !cfg!(debug_assertions) {
            return Err(Fault::Time(took));
        }
        if held > MOST_MEMORY && held > base {
            // The next input is measured by itself; a system that cannot do so calls them all too large.
            memory::forget().ok();
            return Err(Fault::Memory(held));
        }
        Ok(said)
    }

    /// Takes parts out of an input for as long as it fails in the same way.
    fn smallest(&mut self, mut input: Vec<u8>, fault: &Fault) -> Vec<u8> {
        let until = processor_time() + MOST_SHRINKING;
        let mut part = input.len() / 2;
        while part > 0 {
            let mut at = 0;
            while at < input.len() && processor_time() < until {
                let mut shorter = input.clone();
                shorter.drain(at..(at + part).min(input.len()));
                let fails = |found: Fault| match (&found, fault) {
                    (Fault::Panic(found), Fault::Panic(wanted)) => place(found) == place(wanted),
                    _ => found.word() == fault.word(),
                };
                if self.note(&shorter).is_ok() && self.try_input(&shorter).is_err_and(fails) {
                    input = shorter;
                } else {
                    at += part;
                }
            }
            part /= 2;
        }
        input
    }

    fn note(&self, input: &[u8]) -> io::Result<()> {
        let mut file = fs_err::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(&self.under_way)?;
        file.write_all(input)
    }
}

/// Keeps what a panic says, instead of printing it.
fn remember(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("no message");
    let place = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    PANIC.set(format!("{place}: {message}"));
}

/// Where a panic was: its message may change with the input.
fn place(panic: &str) -> Option<&str> {
    panic.split(": ").next()
}

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The processor time of this thread: other programs slow down the clock on the wall, but not this.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(now).unwrap_or_default()
}

/// What no input may take longer than, in a release build.
const MOST_TIME: Duration = Duration::from_secs(2);
/// What the process may not come to hold.
const MOST_MEMORY: u64 = 512 << 20;
const MOST_SHRINKING: Duration = Duration::from_secs(20);
