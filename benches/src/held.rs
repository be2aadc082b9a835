//! Processes that end when the one that started them does.
//!
//! Each reads its standard input, on which nothing ever arrives, and ends at the end of that input. The kernel
//! closes the pipe however the other side dies, so an interrupted benchmark leaves no server, no network
//! namespace and no files behind.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{env, io};

use anyhow::{Context as _, Result, ensure};

use std::os::unix::process::CommandExt as _;

/// A running process; dropping it closes its input and waits for its end.
#[derive(Debug)]
pub(crate) struct Held(Child);

impl Held {
    /// Starts `command` in a process group of its own, so that Ctrl-C reaches only who holds it.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Self(child))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn has_ended(&mut self) -> io::Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    /// The first line that it prints; waits for it.
    pub(crate) fn first_line(&mut self) -> Result<String> {
        let mut line = String::new();
        let stdout = self
            .0
            .stdout
            .take()
            .context("only one line can be asked for")?;
        BufReader::new(stdout).read_line(&mut line)?;
        ensure!(!line.is_empty(), "it ended before it said that it is ready");
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // Nothing to do if it cannot be waited for: it is gone, which is what is wanted.
        let _gone = self.0.wait();
    }
}

/// This program once more, in another role.
pub(crate) fn own(role: &str) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(role);
    Ok(command)
}

/// Waits until whoever holds this process lets go.
pub(crate) fn until_let_go() -> io::Result<()> {
    io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

/// The role `sweep`: removes `folder` when let go.
pub(crate) fn sweep(folder: &Path) -> Result<()> {
    until_let_go()?;
    Ok(fs_err::remove_dir_all(folder)?)
}
