//! `bench ab`: which of two settings is faster on this machine, this line and these files.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use civitai_analytics::compare::{Arm, Comparison, Cost, LEVEL, Pair, compare, split};
use civitai_download::digest::DigestSet;
use civitai_download::{Existing, Mode, Unproved, Wait};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::fetch::{Fetcher, Row, list};
use crate::args::{AbArgs, BenchAction, BenchArgs, flags};
use crate::batch::{Batch, Rules};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::monitor::usage;
use crate::network;
use crate::printer::{Printer, Unwritable};
use crate::session::{Outcome, Session};
use crate::settings::Settings;
use crate::table::{Column, render};
use crate::text::{Heading, Measure, Message, Verdict, seconds, size};

pub(crate) async fn run(args: BenchArgs, session: &Session) -> Outcome {
    match args.action {
        BenchAction::Ab(args) => ab(args, session).await,
    }
}

async fn ab(args: AbArgs, session: &Session) -> Outcome {
    let rows = rows(&args.list, session)?;
    let folder = folder(args.to.as_deref(), session)?;
    let (for_a, for_b) = (
        arm_session("--a", &args.a, session)?,
        arm_session("--b", &args.b, session)?,
    );
    let seed = args.seed.unwrap_or_else(seed_of_the_clock);
    let pairs = plan(&rows, args.rounds, seed);
    session.printer.say(&Message::Measure(Measure::Seed {
        seed,
        pairs: pairs.len(),
    }));
    let mut trial = Trial {
        printer: &session.printer,
        rows: &rows,
        folder: &folder,
        a: Side::new(Arm::A, &args.a, &for_a, &folder)?,
        b: Side::new(Arm::B, &args.b, &for_b, &folder)?,
        exits: Vec::new(),
    };
    let compared = trial.run(&pairs, session).await?;
    let comparison = compare(&compared, seed);
    session.end_monitor();
    trial.tell(comparison, seed)?;
    let exit = Exit::of_items(&trial.exits);
    folder.close().map_err(|error| Failure::io(&error))?;
    Ok(exit)
}

fn rows(path: &Path, session: &Session) -> Result<Vec<Row>, Failure> {
    let rows = list(path, session.printer.lang())?.into_iter();
    let rows: Vec<_> = rows
        .collect::<Result<_, _>>()
        .map_err(|unfound| unfound.failure)?;
    match rows.len() {
        files @ (0 | 1) => Err(Failure::usage(Message::Measure(Measure::FewFiles {
            files,
        }))),
        _ => Ok(rows),
    }
}

/// Where the files are while they are measured. It goes when it is dropped.
fn folder(to: Option<&Path>, session: &Session) -> Result<TempDir, Failure> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("civitai-dl-bench-");
    let here = &session.settings.layers.surroundings().directory;
    let folder = match to {
        Some(to) => builder.tempdir_in(here.join(to)),
        None => builder.tempdir(),
    };
    folder.map_err(|error| Failure::usage_io(&error))
}

/// This run with the flags of one arm over its own.
fn arm_session(flag: &str, text: &str, session: &Session) -> Result<Session, Failure> {
    let global = flags(flag, text, session.printer.lang())?;
    let settings = Settings::read(session.settings.layers.over(&global))?;
    Ok(session.with(settings))
}

/// The pairs of every round, each round split anew.
fn plan(rows: &[Row], rounds: u32, seed: u64) -> Vec<Pair> {
    let sizes: Vec<_> = rows.iter().map(|row| row.expected.bytes).collect();
    (0..u64::from(rounds))
        .flat_map(|round| split(&sizes, seed.wrapping_add(round)))
        .collect()
}

/// A seed that differs from run to run, short enough to type.
fn seed_of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::from(since.unwrap_or_default().subsec_nanos())
}

/// One of the two settings, and what it has taken so far.
struct Side<'a> {
    arm: Arm,
    flags: &'a str,
    batch: Batch<'a>,
    fetcher: Fetcher<'a>,
    files: usize,
    failed: usize,
    bytes: u64,
    elapsed: Duration,
    cpu: Duration,
}

impl<'a> Side<'a> {
    fn new(
        arm: Arm,
        flags: &'a str,
        session: &'a Session,
        folder: &TempDir,
    ) -> Result<Self, Failure> {
        let rules = Rules {
            digests: DigestSet::NONE,
            existing: Existing::Keep,
            unproved: Unproved::Accept,
            mode: Mode::default(),
            wait: Wait::default(),
            dry_run: false,
        };
        Ok(Self {
            arm,
            flags,
            batch: Batch::new(session, rules),
            fetcher: Fetcher::new(folder.path().to_owned(), None, session)?,
            files: 0,
            failed: 0,
            bytes: 0,
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
        })
    }

    /// Fetches a file, and removes it: what counts is what that took.
    async fn fetch(&mut self, row: &Row, folder: &TempDir) -> Result<Measured, Failure> {
        let wanted = self.fetcher.wanted(row.clone());
        let wanted = wanted.map_err(|unfound| unfound.failure)?;
        let path = folder.path().join(name(self.arm));
        let before = usage().cpu;
        let fetched = self.batch.bring(&wanted, &path).await;
        let cpu = usage().cpu.saturating_sub(before);
        let fetched = fetched.map_err(|error| network::download_failure(&error))?;
        fs_err::remove_file(&path).map_err(|error| Failure::io(&error))?;
        Ok(Measured {
            cost: Cost {
                bytes: fetched.bytes,
                elapsed: fetched.elapsed,
            },
            cpu,
            retries: fetched.retries,
            connections: fetched.connections,
        })
    }

    fn add(&mut self, result: &Result<Measured, Failure>) {
        match result {
            Ok(measured) => {
                self.files += 1;
                self.bytes += measured.cost.bytes;
                self.elapsed += measured.cost.elapsed;
                self.cpu += measured.cpu;
            }
            Err(_) => self.failed += 1,
        }
    }

    fn to_json(&self) -> Value {
        json!({
            "flags": self.flags,
            "files": self.files,
            "failed": self.failed,
            "bytes": self.bytes,
            "seconds": self.elapsed.as_secs_f64(),
            "bytesPerSecond": rate(self.bytes, self.elapsed),
            "cpuSeconds": self.cpu.as_secs_f64(),
        })
    }

    fn row(&self) -> Vec<String> {
        vec![
            name(self.arm).to_uppercase(),
            self.flags.to_owned(),
            self.files.to_string(),
            self.failed.to_string(),
            size(self.bytes),
            seconds(Some(self.elapsed.as_secs_f64())),
            format!("{}/s", size(rate(self.bytes, self.elapsed))),
            seconds(Some(self.cpu.as_secs_f64())),
        ]
    }
}

/// What fetching a file took.
struct Measured {
    cost: Cost,
    cpu: Duration,
    retries: u32,
    connections: usize,
}

/// The comparison while it runs.
struct Trial<'a> {
    printer: &'a Printer,
    rows: &'a [Row],
    folder: &'a TempDir,
    a: Side<'a>,
    b: Side<'a>,
    exits: Vec<Exit>,
}

impl Trial<'_> {
    /// Fetches one file after the other, and returns the pairs of which both came.
    async fn run(
        &mut self,
        pairs: &[Pair],
        session: &Session,
    ) -> Result<Vec<(Cost, Cost)>, Failure> {
        let mut compared = Vec::new();
        for (number, pair) in pairs.iter().enumerate() {
            let (mut a, mut b) = (None, None);
            for arm in [pair.first, pair.first.other()] {
                let (side, file, cost) = match arm {
                    Arm::A => (&mut self.a, pair.a, &mut a),
                    Arm::B => (&mut self.b, pair.b, &mut b),
                };
                let row = &self.rows[file];
                let result = side.fetch(row, self.folder).await;
                if session.cancel.is_cancelled() {
                    return Err(Failure::interrupted());
                }
                side.add(&result);
                let failure = result.as_ref().err();
                self.exits.push(failure.map_or(Exit::Done, Failure::exit));
                *cost = result.as_ref().ok().map(|measured| measured.cost);
                self.tell_file(arm, number, row, &result);
            }
            compared.extend(a.zip(b));
        }
        Ok(compared)
    }

    fn tell_file(&self, arm: Arm, pair: usize, row: &Row, result: &Result<Measured, Failure>) {
        let subject = row.shown();
        if let Err(failure) = result {
            self.printer.fail_item(&subject, failure);
        }
        if !self.printer.is_json() {
            return;
        }
        let mut line = json!({ "arm": arm, "pair": pair, "link": subject });
        match result {
            Ok(measured) => {
                line["bytes"] = measured.cost.bytes.into();
                line["seconds"] = measured.cost.elapsed.as_secs_f64().into();
                line["cpuSeconds"] = measured.cpu.as_secs_f64().into();
                line["retries"] = measured.retries.into();
                line["connections"] = measured.connections.into();
            }
            Err(failure) => line["error"] = failure.to_json(self.printer.lang()).into(),
        }
        // A reader that has gone does not spoil the comparison.
        let _ = self.printer.record("measured", &line);
    }

    fn tell(&self, comparison: Option<Comparison>, seed: u64) -> Result<(), Unwritable> {
        let printer = self.printer;
        if printer.is_json() {
            let line = json!({
                "a": self.a.to_json(),
                "b": self.b.to_json(),
                "ratio": comparison.map(|found| found.ratio),
                "low": comparison.and_then(|found| found.low),
                "high": comparison.and_then(|found| found.high),
                "n": comparison.map_or(0, |found| found.pairs * 2),
                "pairs": comparison.map_or(0, |found| found.pairs),
                "level": LEVEL,
                "method": comparison.map(|found| found.method),
                "faster": comparison.and_then(|found| found.faster()),
                "seed": seed,
            });
            return printer.record("ab", &line);
        }
        let lang = printer.lang();
        let columns = vec![
            Column::text(""),
            Column::text(Heading::Flags.say(lang)),
            Column::number(Heading::Files.say(lang)),
            Column::number(Heading::Failed.say(lang)),
            Column::number(Heading::Bytes.say(lang)),
            Column::number(Heading::Time.say(lang)),
            Column::number(Heading::Rate.say(lang)),
            Column::number(Heading::Cpu.say(lang)),
        ];
        printer.data(&render(&columns, vec![self.a.row(), self.b.row()]))?;
        let sentence = match comparison {
            Some(found) => Measure::Compared {
                pairs: found.pairs,
                verdict: match found.faster() {
                    Some(Arm::A) => Verdict::AIsFaster,
                    Some(Arm::B) => Verdict::BIsFaster,
                    None => Verdict::Open,
                },
                ratio: found.ratio,
                interval: found.low.zip(found.high),
                level: LEVEL,
            },
            None => Measure::NothingCompared,
        };
        printer.data(&sentence.say(lang))
    }
}

fn name(arm: Arm) -> &'static str {
    match arm {
        Arm::A => "a",
        Arm::B => "b",
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people, never negative"
)]
fn rate(bytes: u64, elapsed: Duration) -> u64 {
    (bytes as f64 / elapsed.as_secs_f64().max(1e-9)) as u64
}
