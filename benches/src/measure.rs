//! Runs a command to its end and says what it used.

use std::fmt;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::held;

/// What one finished process used: wall clock from start to end; processor time of it and of the children
/// that it waited for; memory of the largest of these, at its peak.
#[derive(Clone, Debug)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_rss_bytes: u64,
    pub(crate) end: End,
}

/// How a process ended, with the last of what it wrote to standard error.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) said: String,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.said.lines().last() {
            Some(line) => write!(f, "{}: {line}", self.status),
            None => write!(f, "{}", self.status),
        }
    }
}

/// Within what a command runs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bounds<'a> {
    /// When it is killed, with everything that it started.
    pub(crate) limit: Option<Duration>,
    /// The network namespace, if not this process's own.
    pub(crate) network: Option<&'a Path>,
}

/// A command for [`run`], to which the program and its arguments are added.
pub(crate) fn command(bounds: Bounds<'_>) -> Result<Command> {
    let mut command = held::own("attend")?;
    if let Some(limit) = bounds.limit {
        command.arg("--limit").arg(limit.as_millis().to_string());
    }
    if let Some(network) = bounds.network {
        command.arg("--network").arg(network);
    }
    command.arg("--");
    Ok(command)
}

/// Runs a command made by [`command`]; its standard output is thrown away.
pub(crate) fn run(command: &mut Command) -> Result<Usage> {
    // A file takes any amount: a program never waits for somebody to read its complaints.
    let mut errors = tempfile::tempfile()?;
    let mut child = command
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors.try_clone()?)
        .spawn()?;
    let mut line = String::new();
    let mut stdout = child.stdout.take().context("stdout is piped")?;
    stdout.read_to_string(&mut line)?;
    child.wait()?;
    let said = tail(&mut errors)?;
    let figures: Vec<u64> = line.split_whitespace().flat_map(str::parse).collect();
    ensure!(figures.len() == 4, "the program did not start: {said}");
    Ok(Usage {
        wall: Duration::from_micros(figures[1]),
        cpu: Duration::from_micros(figures[2]),
        // Linux reports kibibytes (getrusage(2)).
        peak_rss_bytes: figures[3] * 1024,
        end: End {
            status: ExitStatus::from_raw(i32::try_from(figures[0])?),
            said,
        },
    })
}

/// Like [`run`]; fails unless the command ends with 0.
pub(crate) fn run_well(command: &mut Command) -> Result<Usage> {
    let usage = run(command)?;
    ensure!(usage.end.status.success(), "{command:?}: {}", usage.end);
    Ok(usage)
}

fn tail(errors: &mut std::fs::File) -> Result<String> {
    const ENOUGH: u64 = 2000;
    let length = errors.metadata()?.len();
    errors.seek(std::io::SeekFrom::Start(length.saturating_sub(ENOUGH)))?;
    let mut said = Vec::new();
    errors.read_to_end(&mut said)?;
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}
