//! `bench ab`: which of two settings is faster on this machine, this line and these files.

mod list;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use civitai_analytics::compare::{Arm, Comparison, Cost, LEVEL, Pair, compare, split};
use civitai_download::Unproved;
use civitai_download::digest::DigestSet;
use civitai_library::fetch::{Audience, Fetch, Rules, Run};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::list::{find, items};
use crate::args::{AbArgs, BenchAction, BenchArgs, flags};
use crate::batch::{self, Batch, Wanted};
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
    let items = items(&args.list, session)?;
    let folder = folder(args.to.as_deref(), session)?;
    let (for_a, for_b) = (
        arm_session("--a", &args.a, session)?,
        arm_session("--b", &args.b, session)?,
    );
    let seed = args.seed.unwrap_or_else(seed_of_the_clock);
    let (by_a, by_b) = (fetching(&for_a)?, fetching(&for_b)?);
    let a = Side {
        wanted: find(&items, folder.path(), &for_a).await?,
        ..Side::new((Arm::A, &args.a), &by_a, &for_a).await
    };
    let b = Side {
        wanted: find(&items, folder.path(), &for_b).await?,
        ..Side::new((Arm::B, &args.b), &by_b, &for_b).await
    };
    let pairs = plan(&a, &b, args.rounds, seed)?;
    session.printer.say(&Message::Measure(Measure::Seed {
        seed,
        pairs: pairs.len(),
    }));
    let mut trial = Trial {
        printer: &session.printer,
        folder: &folder,
        a,
        b,
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
fn plan(a: &Side<'_>, b: &Side<'_>, rounds: u32, seed: u64) -> Result<Vec<Pair>, Failure> {
    let sizes: Vec<_> = a
        .wanted
        .iter()
        .map(|wanted| wanted.expected.bytes)
        .collect();
    let problem = match (sizes.len(), b.wanted.len()) {
        (files, others) if files != others => Measure::OtherFiles,
        (files @ (0 | 1), _) => Measure::FewFiles { files },
        _ => {
            let rounds = 0..u64::from(rounds);
            let pairs = rounds.flat_map(|round| split(&sizes, seed.wrapping_add(round)));
            return Ok(pairs.collect());
        }
    };
    Err(Failure::usage(Message::Measure(problem)))
}

/// A seed that differs from run to run, short enough to type.
fn seed_of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::from(since.unwrap_or_default().subsec_nanos())
}

/// How both sides fetch: only the transfer is to be measured.
fn fetching(session: &Session) -> Result<Fetch, Failure> {
    let rules = Rules {
        digests: DigestSet::NONE,
        unproved: Unproved::Accept,
        ..batch::rules(&session.settings)
    };
    batch::fetching(session, rules)
}

/// One of the two settings, and what it has taken so far.
struct Side<'a> {
    arm: Arm,
    flags: &'a str,
    batch: Arc<Batch>,
    run: Run<'a>,
    /// The files of the list, as this side fetches them.
    wanted: Vec<Arc<Wanted>>,
    files: usize,
    failed: usize,
    bytes: u64,
    elapsed: Duration,
    cpu: Duration,
}

impl<'a> Side<'a> {
    async fn new((arm, flags): (Arm, &'a str), fetch: &'a Fetch, session: &Session) -> Self {
        let batch = Arc::new(Batch::new(session));
        let audience = Arc::clone(&batch) as Arc<dyn Audience>;
        Self {
            arm,
            flags,
            batch,
            run: fetch.start(&session.cancel, audience).await,
            wanted: Vec::new(),
            files: 0,
            failed: 0,
            bytes: 0,
            elapsed: Duration::ZERO,
            cpu: Duration::ZERO,
        }
    }

    /// Fetches a file, and removes it: what counts is what that took.
    async fn fetch(&self, file: usize, folder: &TempDir) -> Result<Measured, Failure> {
        let path = folder.path().join(name(self.arm));
        let before = usage().cpu;
        let bringing = self.run.bring(&self.wanted[file], &path);
        let fetched = self.batch.shown(bringing).await;
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
                let result = side.fetch(file, self.folder).await;
                let subject = side.wanted[file].link.clone();
                if session.cancel.is_cancelled() {
                    return Err(Failure::interrupted());
                }
                side.add(&result);
                let failure = result.as_ref().err();
                self.exits.push(failure.map_or(Exit::Done, Failure::exit));
                *cost = result.as_ref().ok().map(|measured| measured.cost);
                self.tell_file(arm, number, &subject, &result);
            }
            compared.extend(a.zip(b));
        }
        Ok(compared)
    }

    fn tell_file(&self, arm: Arm, pair: usize, subject: &str, result: &Result<Measured, Failure>) {
        if let Err(failure) = result {
            self.printer.fail_item(subject, failure);
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
