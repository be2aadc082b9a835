//! SIGKILL at every call that changes the disk, of what users do to a library.
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
use tempfile::TempDir;

use self::deed::Deed;
use self::shelf::Shelf;
use super::call::Call;
use super::points::{Points, each_with};
use super::table::{Row, Run};
use super::tracer::{self, At, Blow, Ended, Orders, Traced};

mod deed;
mod shelf;

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

    /// Kills at each call that changes the disk, counted over the whole process, and at each of the rare calls counted
    /// by itself.
    pub(super) fn at_every_call(&self, deed: &Deed, points: Points) -> Result<Row> {
        let calls = self.bench(deed)?.calls;
        let changing = calls.iter().filter(|(call, _)| call.changes());
        let changes: u64 = changing.clone().map(|(_, count)| count).sum();
        let any = (1..=changes).map(|nth| At { call: None, nth });
        let rare = changing.filter(|(call, _)| !call.is_frequent());
        let rare = rare.flat_map(|(call, count)| {
            let call = Some(*call);
            (1..=*count).map(move |nth| At { call, nth })
        });
        let all: Vec<At> = points.choose(any.chain(rare).collect());
        let row = Row::begin(format!("SIGKILL at each changing call, {}", deed.name));
        each_with(
            points.workers,
            &all,
            || self.bench(deed),
            |bench, at| {
                row.add(&format!("{at:?}"), &bench.strike(*at)?);
                Ok(())
            },
        )?;
        row.end()
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
        let dry = self.suffer(Orders::default())?;
        ensure!(
            dry.ended == Ended::Exited(0),
            "the program fails unharmed: {dry:?}"
        );
        self.calls = dry.calls;
        self.after = self.state()?;
        (self.deed.proof)(&self.home(), &self.library.shelf)
            .context("the deed does not do what it is for")
    }

    fn strike(&mut self, at: At) -> Result<Run> {
        fs_err::remove_dir_all(self.home())?;
        copy(&self.kept(), &self.home())?;
        let traced = self.suffer(Orders {
            blow: Some((at, Blow::Kill)),
            ..Orders::default()
        })?;
        let mut run = Run {
            struck: traced.ended == Ended::Killed,
            ..Run::default()
        };
        if !run.struck && traced.ended != Ended::Exited(0) {
            run.wrong_error = Some(format!("{:?}: {}", traced.ended, traced.stderr));
        }
        self.examine(&mut run)?;
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
        if let Err(error) = (self.deed.proof)(&self.home(), &self.library.shelf) {
            run.stuck.push(format!("{error:#}"));
        }
        Ok(())
    }

    /// Everything of the home that counts.
    fn state(&self) -> Result<State> {
        let mut state = State::of(&self.home())?;
        let check = self.run(&["library", "check-db"])?;
        let list = self.run(&["library", "list", "--json"])?;
        ensure!(list.status.success(), "library list: {}", said(&list));
        if !check.status.success() {
            state.list.push(said(&check));
        }
        let text = String::from_utf8_lossy(&list.stdout).into_owned();
        state.list.extend(text.lines().map(str::to_owned));
        state.list.sort();
        Ok(state)
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
            &mut self.command(self.deed.words),
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

/// What is in a home.
#[derive(Debug, Default)]
pub(super) struct State {
    /// What users see of the project: everything but what is hidden or not finished, by its path in it.
    files: BTreeMap<String, Vec<u8>>,
    /// All of the home.
    hidden_too: BTreeMap<String, Vec<u8>>,
    /// What the catalogue says.
    list: Vec<String>,
}

impl State {
    fn of(home: &Path) -> Result<Self> {
        let mut state = Self::default();
        gather(home, home, &mut state.hidden_too)?;
        for (path, bytes) in &state.hidden_too {
            let Some(inner) = path
                .strip_prefix(PROJECT)
                .and_then(|path| path.strip_prefix('/'))
            else {
                continue;
            };
            let is_hidden = inner.split('/').any(|part| part.starts_with('.'));
            let is_draft = UNFINISHED.iter().any(|suffix| inner.ends_with(suffix));
            if !is_hidden && !is_draft {
                state.files.insert(inner.to_owned(), bytes.clone());
            }
        }
        Ok(state)
    }

    fn differences(&self, wanted: &Self) -> Vec<String> {
        let mut all: Vec<_> = self.files.keys().chain(wanted.files.keys()).collect();
        all.sort();
        all.dedup();
        let differs = all
            .into_iter()
            .filter(|path| self.files.get(*path) != wanted.files.get(*path));
        let mut differences: Vec<_> = differs
            .map(|path| {
                let len = |state: &Self| state.files.get(path).map(Vec::len);
                format!(
                    "{path}: {:?} bytes where there should be {:?}",
                    len(self),
                    len(wanted)
                )
            })
            .collect();
        if self.list != wanted.list {
            differences.push(format!(
                "the catalogue says {:#?} instead of {:#?}",
                self.list, wanted.list
            ));
        }
        differences
    }
}

fn gather(folder: &Path, home: &Path, into: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if fs_err::symlink_metadata(&path)?.is_dir() {
            gather(&path, home, into)?;
        } else {
            let inner = path.strip_prefix(home)?.to_string_lossy().into_owned();
            into.insert(inner, fs_err::read(&path)?);
        }
    }
    Ok(())
}

/// Copies a folder with its times and links.
fn copy(from: &Path, to: &Path) -> Result<()> {
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

const PROJECT: &str = "project";
/// What a name ends in while the file is not finished.
const UNFINISHED: [&str; 3] = [".part", ".part.json", ".new"];
