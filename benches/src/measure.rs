//! Runs a command to its end and reads what the kernel says it used.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// What one finished process used: wall clock from spawn to reap, the rest from `wait4`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    pub(crate) peak_rss_bytes: u64,
}

/// Runs `command` with its output thrown away; fails unless it exits with 0.
pub(crate) fn run(command: &mut Command) -> Result<Usage> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command
        .spawn()
        .with_context(|| format!("cannot start {command:?}"))?;
    // Read to the end first: a child that fills the pipe would never exit.
    let mut errors = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        std::io::Read::read_to_string(&mut stderr, &mut errors)?;
    }
    let (status, usage) = reap(child.id())?;
    let wall = started.elapsed();
    if status != 0 {
        bail!("{command:?} ended with wait status {status:#x}\n{errors}");
    }
    Ok(Usage {
        wall,
        cpu: duration(usage.ru_utime) + duration(usage.ru_stime),
        // Linux reports kibibytes (getrusage(2)).
        peak_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    })
}

fn duration(time: libc::timeval) -> Duration {
    Duration::from_micros(u64::try_from(time.tv_sec * 1_000_000 + time.tv_usec).unwrap_or(0))
}

#[expect(
    unsafe_code,
    reason = "std has no wait that returns the resource usage of one child"
)]
fn reap(pid: u32) -> Result<(i32, libc::rusage)> {
    let pid = libc::pid_t::try_from(pid).context("process id out of range")?;
    let mut status = 0;
    // SAFETY: both pointers are valid for the call; `rusage` is plain data for which zero is a value.
    let (reaped, usage) = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        (libc::wait4(pid, &raw mut status, 0, &raw mut usage), usage)
    };
    if reaped != pid {
        return Err(std::io::Error::last_os_error()).context("wait4");
    }
    Ok((status, usage))
}

/// Minimum, median and maximum of a sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of `values`, which must not be empty.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        Self {
            min: values[0],
            median: f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]),
            max: values[values.len() - 1],
        }
    }
}
