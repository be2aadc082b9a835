//! What every experiment needs: a simulator that serves, the program that fetches, and eyes for what it leaves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use civitai_sim::Sim;
use civitai_sim::content::{Content, Kind};
use civitai_sim::state::{File as SimFile, Model, State, User, Version};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::tracer::{self, Orders, Traced};

/// One file to fetch, and what it must be.
#[derive(Debug)]
struct Good {
    name: String,
    bytes: Vec<u8>,
}

/// What one run of the program fetches.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) name: String,
    goods: Vec<Good>,
    /// As `fetch --list` takes it.
    list: String,
    /// The digests that are promised are not those of the bytes: everything belongs in quarantine.
    is_wrong: bool,
    /// No more bytes a second than this.
    limit: Option<&'static str>,
}

impl Load {
    pub(super) fn bytes(&self) -> u64 {
        self.goods.iter().map(|good| good.bytes.len() as u64).sum()
    }

    /// How a run ends that does everything it should.
    pub(super) fn exit(&self) -> i32 {
        if self.is_wrong { 7 } else { 0 }
    }
}

/// The files of the experiments, served on loopback.
pub(super) struct Lab {
    pub(super) binary: PathBuf,
    pub(super) scratch: PathBuf,
    /// One big file, on several connections.
    pub(super) one: Load,
    /// A file that comes slowly, so that it is flushed on the way.
    pub(super) slow: Load,
    /// Many small ones.
    pub(super) many: Load,
    /// One that is not what was promised.
    pub(super) wrong: Load,
    _sim: Sim,
    // Ends after the simulator, which lives on it.
    _runtime: Runtime,
}

impl Lab {
    pub(super) fn open(binary: PathBuf, scratch: PathBuf, size: u64) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let contents: Vec<Content> = std::iter::once(Content::new(Kind::SafeTensors, 1, size))
            .chain([Content::new(Kind::SafeTensors, 2, SLOW_LEN)])
            .chain([Content::new(Kind::SafeTensors, 3, WRONG_LEN)])
            .chain((0..MANY).map(|index| Content::new(Kind::Raw, 4 + index, small_len(index))))
            .collect();
        let sim = runtime.block_on(Sim::builder().seed(1).state(state(&contents)).start())?;
        let load = |name: String, range: std::ops::Range<usize>| {
            let goods = range.clone().map(|index| good(index, &contents[index]));
            let list = range.map(|index| row(&sim, index, &contents[index]));
            Some(Load {
                is_wrong: false,
                limit: None,
                name,
                goods: goods.collect(),
                list: list.collect::<Option<String>>()?,
            })
        };
        let unsigned = "the simulator signs what it serves";
        let mut slow =
            load(format!("one slow file of {} MiB", SLOW_LEN >> 20), 1..2).context(unsigned)?;
        slow.limit = Some(SLOW_RATE);
        let mut wrong =
            load("a file that is not the promised one".to_owned(), 2..3).context(unsigned)?;
        wrong.is_wrong = true;
        wrong.list = wrong
            .list
            .replace(&contents[2].digests().sha256, &"0".repeat(64));
        Ok(Self {
            binary,
            scratch,
            one: load(format!("one file of {} MiB", size >> 20), 0..1).context(unsigned)?,
            slow,
            many: load(format!("{MANY} small files"), 3..contents.len()).context(unsigned)?,
            wrong,
            _sim: sim,
            _runtime: runtime,
        })
    }

    /// A place for one run, outside of what is watched.
    pub(super) fn desk(&self) -> Result<Desk> {
        let folder = tempfile::Builder::new()
            .prefix("run-")
            .tempdir_in(&self.scratch)?;
        Ok(Desk { folder })
    }

    /// The program fetching `load` into `out`.
    fn command(&self, load: &Load, out: &Path, desk: &Desk) -> Result<Command> {
        let list = desk.folder.path().join("list");
        fs_err::write(&list, &load.list)?;
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("HOME", desk.folder.path())
            .args(["fetch", "--json", "--list"])
            .arg(list)
            .arg("--to")
            .arg(out)
            .args(load.limit.iter().flat_map(|rate| ["--limit-rate", rate]))
            .current_dir(desk.folder.path());
        Ok(command)
    }

    /// Fetches under a tracer.
    pub(super) fn suffer(
        &self,
        load: &Load,
        out: &Path,
        desk: &Desk,
        orders: Orders<'_>,
    ) -> Result<Traced> {
        let mut command = self.command(load, out, desk)?;
        tracer::run(&mut command, out, desk.folder.path(), orders)
    }

    /// Fetches in peace what is still missing.
    pub(super) fn recover(&self, load: &Load, out: &Path, desk: &Desk) -> Result<Recovered> {
        let output = self
            .command(load, out, desk)?
            .stdin(Stdio::null())
            .output()
            .context("cannot start the program")?;
        let said = Said::read(&String::from_utf8_lossy(&output.stdout));
        let mut problems = load.examine(out, &said.finished).problems();
        if output.status.code() != Some(load.exit()) {
            problems.push(format!(
                "{}: {}",
                output.status,
                String::from_utf8_lossy(&output.stderr).trim()
            ));
        }
        problems.extend(load.leftovers(out)?);
        Ok(Recovered {
            fetched_bytes: said.fetched_bytes,
            problems,
        })
    }
}

/// Where a run keeps its list, its home and its output.
pub(super) struct Desk {
    folder: TempDir,
}

impl Desk {
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves everything on the disk for a look.
    pub(super) fn keep(self) -> PathBuf {
        self.folder.keep()
    }
}

/// How the run after the blow ended.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) fetched_bytes: u64,
    /// Empty if every file is there and right, and nothing else is.
    pub(super) problems: Vec<String>,
}

/// What the program told on its standard output.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Names of files it said were there.
    pub(super) finished: BTreeSet<String>,
    /// The kinds of its errors.
    pub(super) kinds: BTreeSet<String>,
    pub(super) fetched_bytes: u64,
}

impl Said {
    /// Reads what was printed. A last line that was cut off says nothing.
    pub(super) fn read(stdout: &str) -> Self {
        let mut said = Self::default();
        let whole = stdout.rfind('\n').map_or("", |end| &stdout[..end]);
        let lines = whole
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        for line in lines {
            said.hear(&line);
        }
        said
    }

    fn hear(&mut self, line: &Value) {
        if let Some(kind) = line["error"]["kind"].as_str() {
            self.kinds.insert(kind.to_owned());
        }
        match line["type"].as_str() {
            Some("file") if line["error"].is_null() => {
                let path = Path::new(line["path"].as_str().unwrap_or_default());
                let name = path.file_name().unwrap_or_default();
                self.finished.insert(name.to_string_lossy().into_owned());
            }
            Some("summary") => {
                self.fetched_bytes = line["fetchedBytes"].as_u64().unwrap_or_default();
            }
            _ => {}
        }
    }
}

/// What is under the final names.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files that are there and not what they should be.
    pub(super) corrupt: Vec<String>,
    /// Files that the program said were there and that are not.
    pub(super) lost: Vec<String>,
}

impl Found {
    fn problems(self) -> Vec<String> {
        let corrupt = self
            .corrupt
            .into_iter()
            .map(|what| format!("corrupt: {what}"));
        corrupt
            .chain(
                self.lost
                    .into_iter()
                    .map(|name| format!("not there: {name}")),
            )
            .collect()
    }
}

impl Load {
    /// Looks at every final name.
    pub(super) fn examine(&self, out: &Path, finished: &BTreeSet<String>) -> Found {
        let mut found = Found::default();
        for good in &self.goods {
            match fs_err::read(out.join(&good.name)) {
                Ok(bytes) if bytes == good.bytes && !self.is_wrong => {}
                Ok(bytes) => found.corrupt.push(format!(
                    "{}: {} bytes, first difference at {:?}",
                    good.name,
                    bytes.len(),
                    bytes.iter().zip(&good.bytes).position(|(a, b)| a != b)
                )),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    if finished.contains(&good.name) {
                        found.lost.push(good.name.clone());
                    }
                }
                Err(error) => found.corrupt.push(error.to_string()),
            }
        }
        found
    }

    /// What is there and should not be, and what is not there and should be, once everything is done.
    fn leftovers(&self, out: &Path) -> Result<Option<String>> {
        let names: BTreeSet<String> = names(out)?;
        let wanted: BTreeSet<String> = if self.is_wrong {
            BTreeSet::from([QUARANTINE.to_owned()])
        } else {
            self.goods.iter().map(|good| good.name.clone()).collect()
        };
        let missing: Vec<_> = wanted.difference(&names).collect();
        let surplus: Vec<_> = names.difference(&wanted).collect();
        if !missing.is_empty() || !surplus.is_empty() {
            return Ok(Some(format!("missing {missing:?}, left over {surplus:?}")));
        }
        Ok(None)
    }

    /// Whether every file is where it belongs.
    pub(super) fn is_complete(&self, out: &Path) -> bool {
        if self.is_wrong {
            let folders = names(&out.join(QUARANTINE)).unwrap_or_default();
            let mut folders = folders.iter().map(|name| out.join(QUARANTINE).join(name));
            return self.goods.iter().all(|good| {
                folders.any(|folder| {
                    fs_err::read(folder.join(&good.name)).is_ok_and(|bytes| bytes == good.bytes)
                })
            });
        }
        let all = self.goods.iter().map(|good| good.name.clone()).collect();
        let found = self.examine(out, &all);
        found.corrupt.is_empty() && found.lost.is_empty()
    }
}

fn names(folder: &Path) -> Result<BTreeSet<String>> {
    fs_err::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

fn state(contents: &[Content]) -> State {
    let mut state = State::default();
    state.add_user(User::new(1, "owner"));
    let mut version = Version::new(10, "v1");
    for (index, content) in contents.iter().enumerate() {
        let file = SimFile::new(id(index), &name(index), content.len());
        version = version.with_file(file.with_content(content.clone()));
    }
    state.add_model(Model::new(1, "Crash", "LORA").with_version(version));
    state
}

fn good(index: usize, content: &Content) -> Good {
    let mut bytes = vec![0; usize::try_from(content.len()).unwrap_or(usize::MAX)];
    content.read_at(0, &mut bytes);
    Good {
        name: name(index),
        bytes,
    }
}

fn row(sim: &Sim, index: usize, content: &Content) -> Option<String> {
    let url = sim.sign(id(index))?;
    Some(format!(
        "{url}\t{}\t{}\t{}\n",
        name(index),
        content.digests().sha256,
        content.len()
    ))
}

fn id(index: usize) -> u32 {
    FIRST_ID + u32::try_from(index).unwrap_or(0)
}

fn name(index: usize) -> String {
    format!("file-{index:03}.safetensors")
}

/// From an empty file to 80 KiB: some in one read, some in several.
fn small_len(index: u64) -> u64 {
    index * 829 % (80 << 10)
}

const QUARANTINE: &str = ".quarantine";
const WRONG_LEN: u64 = 2 << 20;
const FIRST_ID: u32 = 100;
const MANY: u64 = 100;
const SLOW_LEN: u64 = 12 << 20;
/// Two seconds for the slow file, and so two flushes on its way.
const SLOW_RATE: &str = "6M";
