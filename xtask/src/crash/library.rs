//! SIGKILL, and errors of the disk, at every call that changes the disk, of what users do to a library.
//!
//! A deed is one command, in a home where others went before it. The home is made once a worker, at one place, because
//! the catalogue knows absolute paths; before each strike it is put back as it was. After a strike everything has to be
//! whole: the model files, the manifest, the lock and the catalogue each as they were before the deed or after it, and
//! no content gone. Then the same command runs once more, and what is there must be what an unharmed run leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use civitai_sim::Sim;
use rustix::io::Errno;
use tempfile::TempDir;

use self::deed::Deed;
use self::shelf::Shelf;
use self::state::{PROJECT, State};
use super::call::Call;
use super::lab::Said;
use super::points::{Points, each_with};
use super::table::{Row, Run};
use super::tracer::{self, At, Blow, Ended, Orders, Traced};

mod deed;
mod shelf;
mod state;

pub(super) use self::deed::DEEDS;

/// Where deeds are done.
pub(super) struct Library<'a> {
    pub(super) binary: &'a Path,
    pub(super) scratch: &'a Path,
    shelf: Shelf,
}

impl<'a> Library<'a> {
    pub(super) fn open(binary: &'a Path, scratch: &'a Path) -> Result<Self> {
        Ok(Self {
            binary,
            scratch,
            shelf: Shelf::open()?,
        })
    }

    /// Kills at each call that changes the disk, then lets each fail.
    pub(super) fn strike(&self, deed: &Deed, points: Points) -> Result<[Row; 2]> {
        let calls = self.bench(deed)?.calls;
        let row = |what: &str, blows: Vec<(At, Blow)>| {
            let row = Row::begin(format!("{what}, {}", deed.name));
            each_with(
                points.workers,
                &points.choose(blows),
                || self.bench(deed),
                |bench, blow| {
                    row.add(&format!("{blow:?}"), &bench.strike(*blow)?);
                    Ok(())
                },
            )?;
            row.end()
        };
        Ok([
            row("SIGKILL at each changing call", kills(&calls))?,
            row("ENOSPC, EIO at each changing call", errors(&calls))?,
        ])
    }

    /// A place of its own for a worker, and what the deed does there when nothing befalls it.
    fn bench<'b>(&'b self, deed: &'b Deed) -> Result<Bench<'b>> {
        let folder = tempfile::Builder::new()
            .prefix("deed-")
            .tempdir_in(self.scratch)?;
        let mut bench = Bench {
            library: self,
            deed,
            folder,
            before: State::default(),
            after: State::default(),
            calls: BTreeMap::new(),
        };
        bench.begin()?;
        Ok(bench)
    }
}

/// A kill at each call, counted over the whole process, and at each of the rare calls counted by itself.
fn kills(calls: &BTreeMap<Call, u64>) -> Vec<(At, Blow)> {
    let changing = calls.iter().filter(|(call, _)| call.changes());
    let changes: u64 = changing.clone().map(|(_, count)| count).sum();
    let any = (1..=changes).map(|nth| At { call: None, nth });
    let rare = changing.filter(|(call, _)| !call.is_frequent());
    any.chain(rare.flat_map(each_of))
        .map(|at| (at, Blow::Kill))
        .collect()
}

/// Each error at each call: at the rare ones both once and for good, at the others in turns.
fn errors(calls: &BTreeMap<Call, u64>) -> Vec<(At, Blow)> {
    let changing = calls.iter().filter(|(call, _)| call.changes());
    let blows = changing.flat_map(each_of).flat_map(|at| {
        let is_frequent = at.call.is_some_and(Call::is_frequent);
        let turn = usize::try_from(at.nth % 4).unwrap_or(0);
        let all = ERRORS.map(|errno| [Blow::Fail(errno), Blow::FailFromHere(errno)]);
        let all = all.into_iter().flatten().enumerate();
        all.filter(move |(index, _)| !is_frequent || *index == turn)
            .map(move |(_, blow)| (at, blow))
    });
    blows.collect()
}

fn each_of((call, count): (&Call, &u64)) -> impl Iterator<Item = At> {
    let call = Some(*call);
    (1..=*count).map(move |nth| At { call, nth })
}

const ERRORS: [Errno; 2] = [Errno::NOSPC, Errno::IO];

/// One worker's home, as it was, and how it has to become.
struct Bench<'a> {
    library: &'a Library<'a>,
    deed: &'a Deed,
    folder: TempDir,
    before: State,
    after: State,
    /// What an unharmed run makes of calls.
    calls: BTreeMap<Call, u64>,
}

impl Bench<'_> {
    fn begin(&mut self) -> Result<()> {
        fs_err::create_dir_all(self.project())?;
        fs_err::create_dir_all(self.desk())?;
        for words in self.deed.before {
            let output = self.run(words)?;
            ensure!(output.status.success(), "{words:?}: {}", said(&output));
        }
        (self.deed.spoil)(&self.home())?;
        // Every run begins with a copy, this one, too: a copy's files have other inodes, which the catalogue looks at.
        fs_err::rename(self.home(), self.kept())?;
        copy(&self.kept(), &self.home())?;
        self.before = self.state()?;
        self.put_back()?;
        let dry = self.suffer(Orders::default())?;
        ensure!(
            dry.ended == Ended::Exited(0),
            "the program fails unharmed: {dry:?}"
        );
        self.calls = dry.calls;
        self.after = self.state()?;
        (self.deed.proof)(self).context("the deed does not do what it is for")
    }

    fn put_back(&self) -> Result<()> {
        fs_err::remove_dir_all(self.home())?;
        copy(&self.kept(), &self.home())
    }

    fn strike(&mut self, blow: (At, Blow)) -> Result<Run> {
        self.put_back()?;
        let traced = self.suffer(Orders {
            blow: Some(blow),
            ..Orders::default()
        })?;
        let mut run = Run {
            struck: traced.struck.is_some(),
            wrong_error: wrong_error(&traced, blow.1),
            ..Run::default()
        };
        self.examine(&mut run)?;
        // What could not be written beside a model is told, and the model is there.
        if traced.ended == Ended::Exited(0) && !traced.stderr.contains("warning") {
            run.falsely_finished = !self.state()?.differences(&self.after).is_empty();
        }
        self.recover(&mut run)?;
        if !run.is_clean() {
            run.kept = Some(self.keep()?);
        }
        Ok(run)
    }

    /// What is there right after the blow.
    fn examine(&self, run: &mut Run) -> Result<()> {
        let now = State::of(&self.home())?;
        for (path, bytes) in &now.files {
            let is_whole = [&self.before, &self.after]
                .iter()
                .any(|state| state.files.get(path) == Some(bytes));
            if !is_whole && !(self.deed.bears)(path, bytes, &self.before, &self.after) {
                run.corrupt.push(format!("{path}: {} bytes", bytes.len()));
            }
        }
        let contents = self.library.shelf.contents();
        for (name, content) in contents {
            let had = |state: &State| state.hidden_too.values().any(|bytes| bytes == content);
            if had(&self.before) && had(&self.after) && !had(&now) {
                run.lost.push(name.clone());
            }
        }
        for (words, good) in self.deed.looks {
            let output = self.run(words)?;
            if !output
                .status
                .code()
                .is_some_and(|code| good.contains(&code))
            {
                run.corrupt.push(format!("{words:?}: {}", said(&output)));
            }
        }
        if let Err(error) = (self.deed.sound)(self) {
            run.corrupt.push(format!("{error:#}"));
        }
        Ok(())
    }

    /// Does it again.
    fn recover(&self, run: &mut Run) -> Result<()> {
        let output = self.run(self.deed.words)?;
        let code = output.status.code();
        if !code.is_some_and(|code| self.deed.again.contains(&code)) {
            run.stuck.push(said(&output));
        }
        let now = self.state()?;
        run.stuck.extend(now.differences(&self.after));
        let (left, wanted) = (now.litter(), self.after.litter());
        let left = left.difference(&wanted);
        run.stuck
            .extend(left.map(|path| format!("{path} is left over")));
        if let Err(error) = (self.deed.proof)(self) {
            run.stuck.push(format!("{error:#}"));
        }
        Ok(())
    }

    /// Everything of the home that counts.
    fn state(&self) -> Result<State> {
        let mut state = State::of(&self.home())?;
        let check = self.run(&["library", "check-db"])?;
        state.list = self.list()?;
        if !check.status.success() {
            state.list.push(said(&check));
        }
        Ok(state)
    }

    /// What the catalogue says.
    fn list(&self) -> Result<Vec<String>> {
        let list = self.run(&["library", "list", "--json"])?;
        ensure!(list.status.success(), "library list: {}", said(&list));
        let text = String::from_utf8_lossy(&list.stdout);
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        Ok(lines)
    }

    fn run(&self, words: &[&str]) -> Result<Output> {
        let mut command = self.command(words);
        command
            .stdin(Stdio::null())
            .output()
            .context("cannot start the program")
    }

    fn suffer(&self, orders: Orders<'_>) -> Result<Traced> {
        tracer::run(
            self.command(self.deed.words).arg("--json"),
            &self.home(),
            &self.desk(),
            orders,
        )
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.library.binary);
        let sim: &Sim = self.library.shelf.sim();
        command
            .env_clear()
            .env("HOME", self.home())
            .env("CIVITAI_BASE_URL", sim.site_url().as_str())
            .env("CIVITAI_TOKEN", sim.token(shelf::OWNER).unwrap_or_default())
            .env("CIVITAI_DATA_DIR", self.home().join("data"))
            .env("CIVITAI_LIBRARY", self.project().join("models"))
            .args(words)
            .current_dir(self.project());
        command
    }

    /// Lays what went wrong aside for a look.
    fn keep(&self) -> Result<PathBuf> {
        let aside = tempfile::Builder::new()
            .prefix("struck-")
            .tempdir_in(self.library.scratch)?
            .keep();
        copy(&self.home(), &aside.join("home"))?;
        Ok(aside)
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn project(&self) -> PathBuf {
        self.home().join(PROJECT)
    }

    /// The home as it was before the deed.
    fn kept(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    fn desk(&self) -> PathBuf {
        self.folder.path().join("desk")
    }
}

/// Why how a run ended is not how one may under such a blow.
fn wrong_error(traced: &Traced, blow: Blow) -> Option<String> {
    let kinds = Said::read(&traced.stdout).kinds;
    let is_right = match (traced.ended, blow) {
        (Ended::Exited(0), _) | (Ended::Killed, Blow::Kill) => true,
        // 9: some of several files had it, others not.
        (Ended::Exited(8 | 9), Blow::Fail(_) | Blow::FailFromHere(_)) => {
            !kinds.is_empty()
                && kinds
                    .iter()
                    .all(|kind| matches!(kind.as_str(), "io" | "no_space"))
        }
        _ => false,
    };
    (!is_right || traced.stderr.contains("panicked")).then(|| {
        format!(
            "{:?} with {kinds:?}: {}",
            traced.ended,
            traced.stderr.trim()
        )
    })
}

/// Copies a folder with its times and links.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(status.success(), "cannot copy {}", from.display());
    Ok(())
}

fn said(output: &Output) -> String {
    format!(
        "{}: {}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
