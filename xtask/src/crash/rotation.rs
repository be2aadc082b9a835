//! SIGKILL in a rotation of keys.
//!
//! The home is made by the libraries: a master key, a pair, and encrypted files. The program gives them a new master key and
//! is killed on the way. At that instant every file has to open with the keys that are there, and the audit may end in a
//! torn line only; then the same command runs once more, and every file has to be for the new key alone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use civitai_security::Secret;
use civitai_security::crypt::store::{Ask, Cost, NewPair, State, Store};
use civitai_security::crypt::{
    ChunkSize, KeyId, Level, Metadata, Reader, Recipe, RsaSize, Share, SlotKind, Unlocked, Writer,
    peek,
};
use fs_err as fs;
use tempfile::TempDir;

use super::library::copy;
use super::points::{Points, draw, each_with};
use super::table::{Row, Run};
use super::tracer::{self, At, Blow, Ended, Orders, Traced};

/// Where keys are rotated.
pub(super) struct Rotation<'a> {
    pub(super) binary: &'a Path,
    pub(super) scratch: &'a Path,
}

impl Rotation<'_> {
    /// Kills at each call that changes the disk, over three files of two levels.
    pub(super) fn at_every_call(&self, points: Points) -> Result<Row> {
        let changes = self.bench(3)?.1.changes();
        let all: Vec<u64> = points.choose((1..=changes).collect());
        let row = Row::begin("SIGKILL at each changing call, `keys rotate` over 3 files");
        let begin = || self.bench(3);
        each_with(points.workers, &all, begin, |(bench, _), nth| {
            let orders = Orders {
                blow: Some((
                    At {
                        call: None,
                        nth: *nth,
                    },
                    Blow::Kill,
                )),
                ..Orders::default()
            };
            row.add(&format!("call {nth}"), &bench.strike(orders)?);
            Ok(())
        })?;
        row.end()
    }

    /// Kills at times drawn over the length of a run over many files.
    pub(super) fn at_any_time(&self, files: u32, points: Points) -> Result<Row> {
        let length = self.bench(files)?.1.took;
        let times = (0..points.most).map(|index| length.mul_f64(draw(points.seed, index)));
        let times: Vec<Duration> = times.collect();
        let name = format!("SIGKILL at a random time, `keys rotate` over {files} files");
        let row = Row::begin(name);
        let begin = || self.bench(files);
        each_with(points.workers, &times, begin, |(bench, _), time| {
            let orders = Orders {
                after: Some((*time, &tracer::kill)),
                ..Orders::default()
            };
            row.add(&format!("after {time:?}"), &bench.strike(orders)?);
            Ok(())
        })?;
        row.end()
    }

    /// A home for a worker, and what an unharmed run does in it.
    fn bench(&self, files: u32) -> Result<(Bench<'_>, Traced)> {
        let folder = tempfile::Builder::new()
            .prefix("keys-")
            .tempdir_in(self.scratch)?;
        let bench = Bench {
            binary: self.binary,
            folder,
            files: 1..=files,
        };
        bench.fill()?;
        bench.renew()?;
        let dry = bench.rotate(Orders::default())?;
        ensure!(
            dry.ended == Ended::Exited(0),
            "the program fails unharmed: {dry:?}"
        );
        ensure!(
            bench.examine()?.is_empty() && bench.stale()?.is_empty(),
            "it does not rotate"
        );
        Ok((bench, dry))
    }
}

/// One worker's home.
struct Bench<'a> {
    binary: &'a Path,
    folder: TempDir,
    files: RangeInclusive<u32>,
}

impl Bench<'_> {
    /// Makes the keys and the files, in the copy that every run begins with.
    fn fill(&self) -> Result<()> {
        let kept = self.kept();
        let mut store = Store::open(&kept.join(KEYS))?.with_cost(CHEAP);
        store.create_master(&secret())?;
        store.create_pair(NewPair {
            size: RsaSize::Rsa3072,
            share: Share::RsaOnly,
            name: None,
            passphrase: None,
        })?;
        fs::create_dir_all(kept.join(FILES))?;
        fs::create_dir_all(self.desk())?;
        fs::write(kept.join(PASSPHRASE), secret().expose())?;
        for level in [Level::Standard, Level::Maximum] {
            let recipients = store.recipients(level, &mut answer)?;
            // Every third file needs both custodians.
            let of_level = |file: &u32| file.is_multiple_of(3) == (level == Level::Maximum);
            for file in self.files.clone().filter(of_level) {
                let recipe = Recipe {
                    level,
                    recipients: &recipients,
                    metadata: Metadata::default(),
                    chunk: ChunkSize::default(),
                };
                let mut writer = Writer::new(Vec::new(), &recipe)?;
                writer.write_all(&content(file))?;
                fs::write(kept.join(FILES).join(name(file)), writer.finish()?)?;
            }
        }
        Ok(())
    }

    fn strike(&self, orders: Orders<'_>) -> Result<Run> {
        self.renew()?;
        let traced = self.rotate(orders)?;
        let mut run = Run {
            struck: traced.ended == Ended::Killed,
            corrupt: self.examine()?,
            ..Run::default()
        };
        if !run.struck && traced.ended != Ended::Exited(0) {
            run.wrong_error = Some(format!("{:?}: {}", traced.ended, traced.stderr));
        }
        if traced.ended == Ended::Exited(0) && !self.stale()?.is_empty() {
            run.falsely_finished = true;
        }
        let again = self.rotate(Orders::default())?;
        if again.ended != Ended::Exited(0) {
            run.stuck
                .push(format!("{:?}: {}", again.ended, again.stderr));
        }
        run.stuck.extend(self.examine()?);
        run.stuck.extend(self.stale()?);
        if !run.is_clean() {
            let aside = tempfile::Builder::new().prefix("struck-").tempdir()?.keep();
            copy(&self.home(), &aside.join("home"))?;
            run.kept = Some(aside);
        }
        Ok(run)
    }

    /// What cannot be opened, or has other content.
    fn examine(&self) -> Result<Vec<String>> {
        let store = self.store()?;
        let unreadable = store.unreadable().iter().map(ToString::to_string);
        let mut problems: Vec<String> = unreadable.collect();
        // Opening a key is slow on purpose.
        let mut opened = BTreeMap::new();
        for file in self.files.clone() {
            if let Err(error) = self.read(&store, &mut opened, file) {
                problems.push(format!("{}: {error:#}", name(file)));
            }
        }
        Ok(problems)
    }

    fn read(
        &self,
        store: &Store,
        opened: &mut BTreeMap<Vec<(SlotKind, KeyId)>, Unlocked>,
        file: u32,
    ) -> Result<()> {
        let path = self.home().join(FILES).join(name(file));
        let mut container = fs::File::open(path)?;
        let seen = peek(&mut container)?;
        let keys = match opened.entry(seen.slots) {
            Entry::Occupied(keys) => keys.into_mut(),
            Entry::Vacant(place) => {
                let keys = store.unlock(place.key(), &mut answer)?;
                place.insert(keys)
            }
        };
        let mut read = Vec::new();
        Reader::open(container, keys)?.extract(&mut read)?;
        ensure!(read == content(file), "other content");
        Ok(())
    }

    /// What is not as a finished rotation leaves it.
    fn stale(&self) -> Result<Vec<String>> {
        let store = self.store()?;
        let mut problems = Vec::new();
        let (_, broken) = store.audit()?;
        problems.extend(broken.map(|broken| broken.to_string()));
        if store.unfinished_rotation()?.is_some() {
            problems.push("the journal is still there".to_owned());
        }
        let active = store.keys().filter(|key| key.state == State::Active);
        let active: Vec<_> = active.map(|key| key.id).collect();
        if active.len() != 2 {
            problems.push(format!("{} active keys", active.len()));
        }
        for file in self.files.clone() {
            let path = self.home().join(FILES).join(name(file));
            let seen = peek(&mut fs::File::open(path)?)?;
            if seen.slots.iter().any(|(_, id)| !active.contains(id)) {
                problems.push(format!("{} is for an old key", name(file)));
            }
        }
        Ok(problems)
    }

    fn rotate(&self, orders: Orders<'_>) -> Result<Traced> {
        let home = self.home();
        let mut command = Command::new(self.binary);
        command
            .env_clear()
            .env("HOME", &home)
            .env("CIVITAI_DATA_DIR", home.join("data"))
            .args([
                "keys",
                "rotate",
                "--in",
                FILES,
                "--passphrase-file",
                PASSPHRASE,
            ])
            .current_dir(&home)
            .stdin(Stdio::null());
        tracer::run(&mut command, &home, &self.desk(), orders).context("cannot rotate")
    }

    /// Puts the home back as it was.
    fn renew(&self) -> Result<()> {
        if self.home().exists() {
            fs::remove_dir_all(self.home())?;
        }
        copy(&self.kept(), &self.home())
    }

    fn store(&self) -> Result<Store> {
        Ok(Store::open(&self.home().join(KEYS))?)
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    fn desk(&self) -> PathBuf {
        self.folder.path().join("desk")
    }
}

fn name(file: u32) -> String {
    format!("{file:04}.cke")
}

/// Bytes that no other file has.
fn content(file: u32) -> Vec<u8> {
    format!("content of {file}, ").into_bytes().repeat(100)
}

fn secret() -> Secret {
    Secret::new("correct horse battery".to_owned())
}

fn answer(ask: &Ask) -> Option<Secret> {
    (ask.attempt == 0).then(secret)
}

const KEYS: &str = "data/keys";
const FILES: &str = "files";
const PASSPHRASE: &str = "passphrase";
/// What is tried here is the order of writes, not the passphrase.
const CHEAP: Cost = Cost {
    memory_kib: 64,
    passes: 1,
    lanes: 1,
};
