//! The role `attend`: a small process between the benchmark and each program that it starts.
//!
//! Linux counts the memory of the process that starts a program towards the program's own peak. This one has
//! touched some 3 MiB when it starts the program, so that every figure above that is the program's.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{held, sys};

#[derive(Debug, clap::Args)]
pub(crate) struct Attend {
    /// Kill the program with all that it started after this many milliseconds
    #[arg(long)]
    limit: Option<u64>,
    /// The network namespace it runs in
    #[arg(long)]
    network: Option<PathBuf>,
    /// What it is sent when this process is let go: QUIT lets a server finish what it does
    #[arg(long, value_enum, default_value_t = Farewell::Kill)]
    farewell: Farewell,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Farewell {
    Kill,
    Quit,
}

impl Attend {
    /// Runs the program to its end and prints what it used: one line, read by `measure`.
    pub(crate) fn run(self) -> Result<()> {
        if let Some(network) = &self.network {
            enter(network)?;
        }
        let (program, arguments) = self.command.split_first().context("no program")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .process_group(0);
        let started = Instant::now();
        let child = command
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let group = Pid::from_child(&child);
        let (limit, farewell) = (self.limit.map(Duration::from_millis), self.farewell);
        // Not joined: it ends with the process, which ends when the program has.
        thread::spawn(move || dismiss(group, limit, farewell));
        let (status, usage) = sys::wait(child.id())?;
        let wall = started.elapsed();
        let cpu = micros(usage.ru_utime) + micros(usage.ru_stime);
        writeln!(
            io::stdout(),
            "{} {} {cpu} {}",
            status.into_raw(),
            wall.as_micros(),
            usage.ru_maxrss
        )?;
        Ok(())
    }
}

fn enter(network: &Path) -> Result<()> {
    let namespace = fs_err::File::open(network)?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
        .context("cannot enter the network namespace")
}

/// Ends the program's process group at `limit`, or says `farewell` to it when this process is let go.
fn dismiss(group: Pid, limit: Option<Duration>, farewell: Farewell) {
    let (end, ended) = mpsc::channel();
    thread::spawn(move || end.send(held::until_let_go()));
    let signal = match limit {
        Some(limit) if ended.recv_timeout(limit).is_err() => Signal::KILL,
        Some(_) => farewell.signal(),
        None => {
            let _let_go = ended.recv();
            farewell.signal()
        }
    };
    // The group is gone when the program has just ended by itself.
    let _gone = kill_process_group(group, signal);
}

impl Farewell {
    fn signal(self) -> Signal {
        match self {
            Self::Kill => Signal::KILL,
            Self::Quit => Signal::QUIT,
        }
    }
}

fn micros(time: libc::timeval) -> i64 {
    time.tv_sec * 1_000_000 + time.tv_usec
}
