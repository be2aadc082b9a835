//! Runs a program and strikes at an exact call of it.
//!
//! Calls are counted over all threads of the process, in the order in which they are made: strace counts each thread
//! for itself, so with work that moves between threads there are calls it can never be told to strike at.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use fs_err::File;
use libc::{c_long, pid_t};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};

use super::call::{Call, Named, RECEIVING, watched};
use super::sys::{self, Stop, Until};

/// What befalls the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blow {
    /// SIGKILL; the call is not made.
    Kill,
    /// This one call fails without being made.
    Fail(Errno),
    /// This call and every later one of its kind fail.
    FailFromHere(Errno),
}

/// The call at which a blow falls.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// Which calls are counted; all that change the disk if none is named.
    pub(super) call: Option<Call>,
    /// From 1.
    pub(super) nth: u64,
}

/// What the tracer is to do to a program.
#[derive(Clone, Copy, Default)]
pub(super) struct Orders<'a> {
    pub(super) blow: Option<(At, Blow)>,
    /// Flushes are not made but answered as if they had been.
    pub(super) swallow_flushes: bool,
    /// What is done to it from outside, and when.
    pub(super) after: Option<(Duration, &'a (dyn Fn(Pid) + Sync))>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Exited(i32),
    Killed,
    /// It had to be killed because it did not end.
    Hung,
}

/// What a traced program did.
#[derive(Debug)]
pub(super) struct Traced {
    pub(super) ended: Ended,
    /// The call the blow fell on, if it came to that.
    pub(super) struck: Option<Call>,
    /// Calls made below the watched folder.
    pub(super) calls: BTreeMap<Call, u64>,
    /// Bytes it took from its sockets.
    pub(super) received: u64,
    pub(super) took: Duration,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Traced {
    /// Calls that changed the disk.
    pub(super) fn changes(&self) -> u64 {
        let changing = self.calls.iter().filter(|(call, _)| call.changes());
        changing.map(|(_, count)| count).sum()
    }
}

/// Runs `command` to its end under `orders`. Calls count if they touch something below `watched_folder`; its output is
/// kept in `scratch`, which is elsewhere.
pub(super) fn run(
    command: &mut Command,
    watched_folder: &Path,
    scratch: &Path,
    orders: Orders<'_>,
) -> Result<Traced> {
    let (stdout, stderr) = (scratch.join("stdout"), scratch.join("stderr"));
    command
        .stdin(Stdio::null())
        .stdout(File::create(&stdout)?.into_parts().0)
        .stderr(File::create(&stderr)?.into_parts().0);
    sys::trace(command, &watched());
    let started = Instant::now();
    let child = command.spawn().context("cannot start the program")?;
    let pid = Pid::from_child(&child);
    let mut tracing = Tracing {
        folder: watched_folder,
        orders,
        main: pid.as_raw_nonzero().get(),
        tally: Tally::default(),
        receiving: BTreeSet::new(),
    };
    let (ended, hung) = std::thread::scope(|scope| {
        let (finished, is_finished) = mpsc::channel::<()>();
        let clock = scope.spawn(move || clock(pid, orders.after, &is_finished));
        let ended = tracing.follow();
        drop(finished);
        (ended, clock.join().expect("the clock does not panic"))
    });
    let tally = tracing.tally;
    Ok(Traced {
        ended: if hung { Ended::Hung } else { ended? },
        struck: tally.struck,
        calls: tally.calls,
        received: tally.received,
        took: started.elapsed(),
        stdout: fs_err::read_to_string(stdout)?,
        stderr: fs_err::read_to_string(stderr)?,
    })
}

/// Does what is due from outside, and ends a program that does not end. True if it had to.
fn clock(
    pid: Pid,
    after: Option<(Duration, &(dyn Fn(Pid) + Sync))>,
    is_finished: &mpsc::Receiver<()>,
) -> bool {
    let waits = |time| is_finished.recv_timeout(time) == Err(RecvTimeoutError::Timeout);
    if let Some((time, act)) = after {
        if !waits(time) {
            return false;
        }
        act(pid);
    }
    let hangs = waits(PATIENCE);
    if hangs {
        kill(pid);
    }
    hangs
}

/// Ends a process at once; that it has ended already is fine.
pub(super) fn kill(pid: Pid) {
    let _ = rustix::process::kill_process(pid, Signal::KILL);
}

/// What was counted.
#[derive(Debug, Default)]
struct Tally {
    struck: Option<Call>,
    calls: BTreeMap<Call, u64>,
    received: u64,
}

struct Tracing<'a> {
    folder: &'a Path,
    orders: Orders<'a>,
    main: pid_t,
    tally: Tally,
    /// Threads inside a call that receives.
    receiving: BTreeSet<pid_t>,
}

impl Tracing<'_> {
    fn follow(&mut self) -> Result<Ended> {
        let mut is_attended = false;
        let mut ended = None;
        while let Some((thread, stop)) = sys::wait()? {
            match stop {
                Stop::Exited(code) if thread == self.main => ended = Some(Ended::Exited(code)),
                Stop::Killed if thread == self.main => ended = Some(Ended::Killed),
                Stop::Exited(_) | Stop::Killed => {}
                Stop::Call => self.on_call(thread)?,
                Stop::Done => self.on_done(thread)?,
                Stop::Signal(signal) => sys::go_on(thread, Until::NextCall, signal)?,
                Stop::Nothing => {
                    if thread == self.main && !is_attended {
                        sys::attend(thread)?;
                        is_attended = true;
                    }
                    sys::go_on(thread, Until::NextCall, 0)?;
                }
            }
        }
        ended.context("the program ended unseen")
    }

    fn on_call(&mut self, thread: pid_t) -> Result<()> {
        let Some(registers) = sys::registers(thread)? else {
            return Ok(());
        };
        if RECEIVING.contains(&registers.number) {
            self.receiving.insert(thread);
            return Ok(sys::go_on(thread, Until::Done, 0)?);
        }
        let named = Named::read(thread, registers.number, registers.arguments);
        if let Some(call) = named.and_then(|named| named.below(self.folder)) {
            *self.tally.calls.entry(call).or_default() += 1;
            self.strike(thread, call)?;
        }
        Ok(sys::go_on(thread, Until::NextCall, 0)?)
    }

    fn on_done(&mut self, thread: pid_t) -> Result<()> {
        if self.receiving.remove(&thread)
            && let Some(registers) = sys::registers(thread)?
        {
            self.tally.received += u64::try_from(registers.result).unwrap_or(0);
        }
        Ok(sys::go_on(thread, Until::NextCall, 0)?)
    }

    /// Lets fall what falls on this call.
    fn strike(&mut self, thread: pid_t, call: Call) -> io::Result<()> {
        if self.orders.swallow_flushes && call.flushes() {
            return sys::answer(thread, 0);
        }
        let Some((at, blow)) = self.orders.blow else {
            return Ok(());
        };
        let count = match at.call {
            Some(wanted) if wanted != call => return Ok(()),
            Some(_) => self.tally.calls.get(&call).copied().unwrap_or(0),
            None if call.changes() => self
                .tally
                .calls
                .iter()
                .filter(|(call, _)| call.changes())
                .map(|(_, count)| count)
                .sum(),
            None => return Ok(()),
        };
        let falls = count == at.nth || count > at.nth && matches!(blow, Blow::FailFromHere(_));
        if !falls {
            return Ok(());
        }
        self.tally.struck.get_or_insert(call);
        match blow {
            Blow::Kill => {
                kill(Pid::from_raw(self.main).ok_or(io::ErrorKind::InvalidInput)?);
                Ok(())
            }
            Blow::Fail(errno) | Blow::FailFromHere(errno) => {
                sys::answer(thread, -c_long::from(errno.raw_os_error()))
            }
        }
    }
}

/// Longer than any run of the program that ends by itself, its own time limits included.
const PATIENCE: Duration = Duration::from_secs(100);
