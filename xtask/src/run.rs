//! Runs programs, remembers what they said last.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// What was run, what was left out, and how it ended.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
    skipped: Vec<String>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    passed: bool,
    took: Duration,
    /// The runner's own closing lines, on either stream.
    closing: Vec<String>,
}

impl Report {
    /// Runs one step to its end; a step that fails does not stop the next.
    pub(crate) fn step(&mut self, name: &'static str, command: &mut Command) -> Result<()> {
        self.step_in(&root(), name, command)
    }

    /// The same in a folder.
    pub(crate) fn step_in(
        &mut self,
        folder: &Path,
        name: &'static str,
        command: &mut Command,
    ) -> Result<()> {
        command
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        writeln!(io::stderr(), "\n{name}: {}", shown(command))?;
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        // Both pipes are drained at once: a child that fills one of them would wait for ever.
        let (out, err) = thread::scope(|scope| {
            let out = scope.spawn(|| pass_on(stdout, io::stdout()));
            let err = pass_on(stderr, io::stderr());
            (out.join(), err)
        });
        let mut closing = out.expect("passing lines on does not panic")?;
        closing.extend(err?);
        self.steps.push(Step {
            name,
            passed: child.wait()?.success(),
            took: started.elapsed(),
            closing,
        });
        Ok(())
    }

    /// Adds what was judged here, without a program of its own.
    pub(crate) fn judge(&mut self, name: &'static str, passed: bool, finding: String) {
        self.steps.push(Step {
            name,
            passed,
            took: Duration::ZERO,
            closing: vec![finding],
        });
    }

    /// Notes what was left out and why.
    pub(crate) fn skip(&mut self, what: &str) {
        self.skipped.push(what.to_owned());
    }

    /// Prints how everything ended; fails if a step did.
    pub(crate) fn print(&self) -> Result<ExitCode> {
        let mut out = io::stdout().lock();
        writeln!(out)?;
        for step in &self.steps {
            let verdict = if step.passed { "passed" } else { "FAILED" };
            writeln!(
                out,
                "{verdict}  {} ({:.1} s)",
                step.name,
                step.took.as_secs_f64()
            )?;
            for line in &step.closing {
                writeln!(out, "        {}", line.trim())?;
            }
        }
        for what in &self.skipped {
            writeln!(out, "skipped {what}")?;
        }
        let all_passed = self.steps.iter().all(|step| step.passed);
        Ok(if all_passed {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

/// The cargo that runs this task.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Whether cargo knows a subcommand that comes from elsewhere.
pub(crate) fn has_subcommand(name: &str) -> bool {
    cargo(&[name, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A variable of the environment that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_stem().unwrap_or(program.as_os_str());
    let words = std::iter::once(program).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Copies lines from one stream to the other and returns those that close a run of tests.
fn pass_on(from: impl Read, mut to: impl Write) -> io::Result<Vec<String>> {
    let mut closing = Vec::new();
    for line in BufReader::new(from).split(b'\n') {
        let line = line?;
        to.write_all(&line)?;
        to.write_all(b"\n")?;
        let text = String::from_utf8_lossy(&line);
        if is_closing(&text) {
            closing.push(text.into_owned());
        }
    }
    to.flush()?;
    Ok(closing)
}

/// The soak and the fuzzer end with a line that says so; `cargo nextest` ends with an indented line that begins with `Summary`, `cargo test` each binary with
/// `test result:` at the margin. What nextest shows of a failed test's own runner is indented.
fn is_closing(line: &str) -> bool {
    line.trim_start().starts_with("Summary [")
        || line.starts_with("soak: ")
        || line.starts_with("fuzz: ")
        || (line.starts_with("test result:") && !line.contains(" 0 passed; 0 failed;"))
        || is_closing_of_python(line)
}

/// `12 passed, 1 skipped in 3.45s` of pytest, `Success: …` and `Found 2 errors …` of mypy, `0 errors, …` of pyright.
fn is_closing_of_python(line: &str) -> bool {
    let counts = line.starts_with(|first: char| first.is_ascii_digit());
    line.starts_with("Success: ")
        || (line.starts_with("Found ") && line.contains(" error"))
        || (counts && line.contains(" errors, "))
        || (counts
            && line.contains(" in ")
            && (line.contains(" passed") || line.contains(" failed")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runners_closing_lines_are_kept_and_all_lines_are_passed_on() {
        let said = "   Compiling x\n     Summary [   0.9s] 4 tests run: 4 passed, 0 skipped\n\
                    test result: ok. 0 passed; 0 failed; 0 ignored\n    test result: FAILED. 0 passed; 1 failed\ntest result: FAILED. 1 passed; 1 failed";
        let mut passed_on = Vec::new();
        let closing = pass_on(said.as_bytes(), &mut passed_on).expect("memory does not fail");
        assert_eq!(passed_on, format!("{said}\n").as_bytes());
        assert_eq!(
            closing,
            [
                "     Summary [   0.9s] 4 tests run: 4 passed, 0 skipped",
                "test result: FAILED. 1 passed; 1 failed"
            ]
        );
    }
}
