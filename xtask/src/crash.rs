//! `cargo xtask crash`: proves that neither the transfer nor the library loses or fakes a byte, whatever kills it.
//!
//! The subject is the program itself, fetching from a simulator on loopback. A tracer strikes it at an exact system
//! call; then the same command is run again, and what is on the disk is compared with what it should be, before and
//! after. Volumes that lose their power are ext4 images on loop devices, stopped by the file system's own shutdown
//! call, in a mount namespace of their own.

use std::ffi::OsStr;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use crate::run::{Report, cargo, root};

mod call;
mod disk;
mod faults;
mod kill;
mod lab;
mod library;
mod points;
mod power;
mod rotation;
mod space;
mod sys;
mod table;
mod tracer;

use self::disk::Boot;
use self::lab::Lab;
use self::library::{DEEDS, Library};
use self::points::Points;
use self::rotation::Rotation;
use self::sys::Plug;
use self::table::{Row, markdown};

#[derive(Args, Debug)]
pub(crate) struct CrashArgs {
    /// A few points of each experiment, in about a minute
    #[arg(long)]
    short: bool,
    /// Chooses the points where not all are tried
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these experiments
    #[arg(long, value_enum, value_name = "EXPERIMENT")]
    only: Vec<Experiment>,
    /// Runs at a time
    #[arg(long, default_value_t = 2)]
    workers: usize,
    /// Program to try instead of the one of this workspace
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Write the table to docs/crash-proof.md
    #[arg(long)]
    record: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Experiment {
    /// SIGKILL at every call that changes the disk
    Calls,
    /// SIGKILL at random times
    Times,
    /// Errors of the disk at the k-th call
    Errors,
    /// Others fill the volume meanwhile
    Space,
    /// Power cuts
    Power,
    /// SIGKILL and errors of the disk at every call of what users do to a library
    Library,
    /// SIGKILL in a rotation of keys
    Keys,
}

/// How many points each experiment tries at most.
struct Effort {
    /// Bytes of the big file.
    size: u64,
    one: Limits,
    many: Limits,
    wrong: Limits,
    fillings: u64,
    /// Of each deed done to a library.
    deeds: u64,
    /// In a rotation of keys over three files.
    keys: u64,
    /// In one over many, and how many.
    many_keys: (u64, u32),
    /// Of each kind and each option of the volume.
    cuts: u64,
    controls: u64,
}

#[derive(Clone, Copy)]
struct Limits {
    calls: u64,
    times: u64,
    errors: u64,
}

impl Limits {
    const fn new(calls: u64, times: u64, errors: u64) -> Self {
        Self {
            calls,
            times,
            errors,
        }
    }
}

const SHORT: Effort = Effort {
    size: 16 << 20,
    one: Limits::new(20, 6, 30),
    many: Limits::new(10, 4, 16),
    wrong: Limits::new(6, 0, 12),
    fillings: 2,
    deeds: 4,
    keys: 8,
    many_keys: (2, 12),
    cuts: 6,
    controls: 4,
};

const LONG: Effort = Effort {
    size: 64 << 20,
    one: Limits::new(u64::MAX, 500, u64::MAX),
    many: Limits::new(400, 100, 400),
    wrong: Limits::new(u64::MAX, 0, u64::MAX),
    fillings: 10,
    deeds: u64::MAX,
    keys: u64::MAX,
    many_keys: (200, 1000),
    cuts: 500,
    controls: 20,
};

pub(crate) fn run(args: &CrashArgs) -> Result<Report> {
    let mut report = Report::default();
    let without_disks = disk::why_not();
    if without_disks.is_none() && std::env::var_os(INSIDE).is_none() {
        return Err(inside()?.exec()).context("cannot start unshare");
    }
    let started = Instant::now();
    let binary = match &args.binary {
        Some(binary) => fs_err::canonicalize(binary)?,
        None => build(args.short)?,
    };
    writeln!(
        std::io::stderr(),
        "seed {}, {}",
        args.seed,
        binary.display()
    )?;
    let rows = experiments(args, binary, without_disks.is_none())?;
    if let Some(why) = without_disks {
        report.skip(&format!("power cuts: {why}"));
    }
    let table = markdown(&rows);
    writeln!(std::io::stdout(), "\n{table}")?;
    if args.record {
        record(&table, started.elapsed())?;
    }
    let bad = rows.iter().filter(|row| !row.holds()).count();
    let finding = format!("{} crash experiments, {bad} with a fault", rows.len());
    // As the runners of tests close, so that a run of everything repeats it at its end.
    writeln!(
        std::io::stdout(),
        "     Summary [{:8.1}s] {finding}",
        started.elapsed().as_secs_f64()
    )?;
    report.judge("crashes", bad == 0, finding);
    Ok(report)
}

/// The short form of everything, as one step of the tests.
pub(crate) fn short() -> Result<Command> {
    let mut command = Command::new(own()?);
    command.args(["crash", "--short"]);
    Ok(command)
}

/// This program, or the newer build that a step of the tests has put in its place: Linux says so of a running one.
fn own() -> Result<PathBuf> {
    let own = std::env::current_exe()?.into_os_string();
    let name = own.as_bytes();
    let place = name.strip_suffix(b" (deleted)").unwrap_or(name);
    Ok(OsStr::from_bytes(place).into())
}

/// This command once more, where what it mounts is seen by nobody else and ends with it.
fn inside() -> Result<Command> {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "--"])
        .arg(own()?)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1");
    Ok(command)
}

fn experiments(args: &CrashArgs, binary: PathBuf, has_disks: bool) -> Result<Vec<Row>> {
    let effort = if args.short { SHORT } else { LONG };
    let scratch = tempfile::Builder::new()
        .prefix("civitai-crash-")
        .tempdir_in(memory())?;
    // What went wrong stays in it for a look.
    let folder = scratch.path().to_owned();
    let lab = Lab::open(binary, folder.clone(), effort.size)?;
    let wanted = |experiment| args.only.is_empty() || args.only.contains(&experiment);
    let points = Points {
        most: u64::MAX,
        seed: args.seed,
        workers: args.workers.max(1),
    };
    let mut rows = Vec::new();
    for (load, limits) in [
        (&lab.one, effort.one),
        (&lab.many, effort.many),
        (&lab.wrong, effort.wrong),
    ] {
        let mut kills = Vec::new();
        if wanted(Experiment::Calls) {
            let points = points.at_most(limits.calls);
            kills.push(kill::at_every_call(&lab, load, points)?);
        }
        if wanted(Experiment::Times) && limits.times > 0 {
            let points = points.at_most(limits.times);
            kills.push(kill::at_any_time(&lab, load, points)?);
        }
        // What ends in quarantine is fetched again as a whole: nobody knows why it was wrong.
        let all = Row::of_kills(&load.name, &kills).filter(|_| load.exit() == 0);
        rows.extend(kills.into_iter().chain(all));
        if wanted(Experiment::Errors) {
            let points = points.at_most(limits.errors);
            rows.push(faults::at_every_call(&lab, load, points)?);
        }
    }
    if wanted(Experiment::Library) {
        let library = Library::open(&lab.binary, &folder)?;
        for deed in DEEDS {
            rows.extend(library.strike(deed, points.at_most(effort.deeds))?);
        }
    }
    if wanted(Experiment::Keys) {
        let rotation = Rotation {
            binary: &lab.binary,
            scratch: &folder,
        };
        rows.push(rotation.at_every_call(points.at_most(effort.keys))?);
        let (times, files) = effort.many_keys;
        rows.push(rotation.at_any_time(files, points.at_most(times))?);
    }
    if wanted(Experiment::Space) && has_disks {
        rows.push(space::taken(&lab, points.at_most(effort.fillings))?);
    }
    if wanted(Experiment::Power) && has_disks {
        let boot = Boot::new(&folder)?;
        for plug in [Plug::KeepJournal, Plug::DropJournal] {
            for options in ["auto_da_alloc", "noauto_da_alloc"] {
                let points = points.at_most(effort.cuts);
                rows.push(power::cuts(&lab, &boot, (plug, options), points)?);
            }
            let points = points.at_most(effort.controls);
            rows.push(power::control(
                &lab,
                &boot,
                (plug, "noauto_da_alloc"),
                points,
            )?);
        }
    }
    if rows.iter().any(|row| !row.holds()) {
        let _kept = scratch.keep();
    }
    Ok(rows)
}

/// Builds the program and says where it is.
fn build(short: bool) -> Result<PathBuf> {
    let mut command = cargo(&["build", "--quiet", "--package", "civitai-cli"]);
    let profile = if short {
        "debug"
    } else {
        command.arg("--release");
        "release"
    };
    let built = command.current_dir(root()).status()?;
    anyhow::ensure!(built.success(), "the program does not build");
    let own = std::env::current_exe()?;
    let target = own
        .ancestors()
        .nth(2)
        .context("cargo runs programs below its target directory")?;
    Ok(target.join(profile).join("civitai-dl"))
}

/// A folder in memory if there is one: what survives a kill does not depend on the disk, and a power cut is one of the
/// volume, not of what lies below it.
fn memory() -> PathBuf {
    let shared = Path::new("/dev/shm");
    if shared.is_dir() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    }
}

/// Puts the table into the page, in the place of the one that the same command wrote before.
fn record(table: &str, took: Duration) -> Result<()> {
    let page = root().join("docs/crash-proof.md");
    let text = fs_err::read_to_string(&page)?;
    let (Some(from), Some(to)) = (text.find(OPEN), text.find(CLOSE)) else {
        bail!("{} has no place for the table", page.display());
    };
    let date = Command::new("date").arg("+%Y-%m-%d").output()?.stdout;
    let date = String::from_utf8_lossy(&date);
    let words: Vec<_> = std::env::args().skip(1).collect();
    let title = format!("{SECTION}{}`", words.join(" "));
    let section = format!(
        "{title} on {}, {} cores, {:.0} min\n\n{table}",
        date.trim(),
        std::thread::available_parallelism().map_or(1, usize::from),
        took.as_secs_f64() / 60.0,
    );
    let recorded = replaced(&text[from + OPEN.len()..to], &title, &section);
    fs_err::write(
        &page,
        format!("{}{OPEN}\n{recorded}\n{}", &text[..from], &text[to..]),
    )?;
    Ok(())
}

/// The sections with `section` in the place of the one that begins with `title`, or else after all others.
fn replaced(sections: &str, title: &str, section: &str) -> String {
    let mut kept: Vec<_> = sections
        .split(SECTION)
        .skip(1)
        .map(|rest| format!("{SECTION}{}", rest.trim_end()))
        .collect();
    let section = section.trim_end().to_owned();
    match kept.iter_mut().find(|kept| kept.starts_with(title)) {
        Some(old) => *old = section,
        None => kept.push(section),
    }
    kept.join("\n\n")
}

/// Set for the process that has a mount namespace of its own.
const INSIDE: &str = "CIVITAI_CRASH_INSIDE";
const OPEN: &str = "<!-- crash -->";
const CLOSE: &str = "<!-- end crash -->";
/// What the section of a command begins with.
const SECTION: &str = "`cargo xtask ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_replaces_its_own_table_and_no_other() {
        let page = "\n`cargo xtask crash` on a day\n\n| 1 |\n\n`cargo xtask crash --only keys` on a day\n\n| 2 |\n";
        let again = replaced(
            page,
            "`cargo xtask crash`",
            "`cargo xtask crash` today\n\n| 3 |\n",
        );
        let both = "`cargo xtask crash` today\n\n| 3 |\n\n`cargo xtask crash --only keys` on a day\n\n| 2 |";
        assert_eq!(again, both);
        let more = replaced(
            &again,
            "`cargo xtask crash --only power`",
            "`cargo xtask crash --only power` x",
        );
        assert_eq!(
            more,
            format!("{both}\n\n`cargo xtask crash --only power` x")
        );
    }
}
