//! `bulk`: jobs that go on after a kill, a reboot, a closed terminal.

mod show;
mod wait;

use std::time::{Duration, SystemTime};

use civitai_download::Mode;
use civitai_download::jobs::{Job, Jobs, New, Order, State, Strategy};
use serde_json::{Value, json};

use crate::args::{BulkAction, BulkRunArgs};
use crate::commands::get;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupt;
use crate::job::run::{OnStop, carry_out};
use crate::job::{self, Held, Options, background, failure};
use crate::links::{self, Entry};
use crate::printer::{Printer, Unwritable};
use crate::session::{Outcome, Session};
use crate::settings::Bad;
use crate::text::{Bulk, Message};

pub(crate) async fn run(action: BulkAction, session: &Session) -> Outcome {
    match action {
        BulkAction::Run(args) => run_links(*args, session).await,
        BulkAction::Supervise => background::supervise(session).await,
        BulkAction::List => show::list(&mut open(session)?, session),
        BulkAction::Show(args) => show::show(&args.id, &mut open(session)?, session),
        BulkAction::Pause(args) => order(&args.id, Order::Pause, session).await,
        BulkAction::Resume(args) => order(&args.id, Order::Resume, session).await,
        BulkAction::Cancel(args) => order(&args.id, Order::Cancel, session).await,
        BulkAction::Retry(args) => order(&args.id, Order::Retry, session).await,
        BulkAction::Wait(args) => wait::wait(&args.id, open(session)?, session).await,
    }
}

fn open(session: &Session) -> Result<Jobs, Failure> {
    Jobs::open(&session.settings.data_dir).map_err(|error| failure(&error))
}

/// Makes a job and runs it here, or leaves it to the background.
async fn run_links(args: BulkRunArgs, session: &Session) -> Outcome {
    let printer = &session.printer;
    let strategy = choice::<Strategy>("--strategy", &args.strategy, Strategy::WORDS)?;
    let mode = choice::<Mode>("--mode", &args.mode, MODES)?;
    // What is wrong with the flags is said before a job is made of them.
    get::finder(&args.choose, session, None)?;
    let entries = entries(&args.links.links, session)?;
    let options = Options {
        kept: session.settings.layers.keep()?,
        choose: args.choose,
        force: args.force,
    };
    let new = New {
        name: args.name,
        strategy,
        mode,
        options: serde_json::to_string(&options).expect("options have text keys"),
        links: entries.iter().map(|entry| entry.text.clone()).collect(),
    };
    let mut jobs = open(session)?;
    if args.detach {
        let job = jobs.add(&new).map_err(|error| failure(&error))?;
        print(&job, printer)?;
        background::ensure(&mut jobs, session)?;
        let id = job.id.to_string();
        printer.say(&Message::Bulk(Bulk::Background { id }));
        return Ok(Exit::Done);
    }
    let claim = jobs.start(&new).map_err(|error| failure(&error))?;
    let job = jobs
        .job(claim.id().as_str())
        .map_err(|error| failure(&error))?;
    // Whoever read standard output may leave; the files are wanted all the same.
    let _ = print(&job, printer);
    background::ensure(&mut jobs, session)?;
    let open = (0..).zip(entries).collect();
    tokio::select! {
        carried = carry_out(Held { jobs, claim }, open, session, OnStop::Pause) => {
            let (job, exit) = carried?;
            tell_end(&job, printer);
            Ok(exit)
        }
        () = late(session) => {
            printer.fail(&job::stopped(&job.id, State::Paused));
            Ok(Exit::Interrupted)
        }
    }
}

/// Ends a little before the program gives up on a verb that does not stop: the user is to hear of the job.
async fn late(session: &Session) {
    session.cancel.cancelled().await;
    tokio::time::sleep(interrupt::GRACE.saturating_sub(LAST_WORDS)).await;
}

/// Says what a run's exit code cannot: how to go on.
fn tell_end(job: &Job, printer: &Printer) {
    match job.state {
        State::Completed => {}
        State::Failed => printer.say(&Message::Bulk(Bulk::RetryJob {
            id: job.id.to_string(),
        })),
        state => printer.fail(&job::stopped(&job.id, state)),
    }
}

/// The links, of which a list that cannot be read is none: a job of it would be another one each time.
fn entries(words: &[String], session: &Session) -> Result<Vec<Entry>, Failure> {
    let entries = links::expand(words, &session.settings.base_url, session.printer.lang());
    for entry in &entries {
        if let (Err(failure), true) = (&entry.link, words.contains(&entry.text))
            && (entry.text == "-" || entry.text.starts_with('@'))
        {
            return Err(failure.clone());
        }
    }
    Ok(entries)
}

/// Gives an order, and waits a little for the process it concerns.
async fn order(id: &str, order: Order, session: &Session) -> Outcome {
    let mut jobs = open(session)?;
    let given = jobs.order(id, order);
    // Other jobs may wait, whatever is wrong with this order.
    background::ensure(&mut jobs, session)?;
    let mut job = given.map_err(|error| failure(&error))?;
    let patience = SystemTime::now() + ANSWER;
    while job.state == State::Processing && SystemTime::now() < patience {
        let pause = tokio::time::sleep(LOOK);
        if session.cancel.run_until_cancelled(pause).await.is_none() {
            return Err(Failure::interrupted().into());
        }
        job = jobs.job(id).map_err(|error| failure(&error))?;
    }
    print(&job, &session.printer)?;
    if job.state == State::Processing && matches!(order, Order::Pause | Order::Cancel) {
        let id = job.id.to_string();
        session
            .printer
            .warn(&Message::Bulk(Bulk::OrderLeft { id, order }));
    }
    Ok(Exit::Done)
}

fn print(job: &Job, printer: &Printer) -> Result<(), Unwritable> {
    if printer.is_json() {
        printer.record("job", &record(job))
    } else {
        printer.data(&job::line(job).say(printer.lang()))
    }
}

fn record(job: &Job) -> Value {
    let time = |time| {
        jiff::Timestamp::try_from(time)
            .ok()
            .map(|time| time.to_string())
    };
    json!({
        "id": job.id.as_str(),
        "name": job.name,
        "state": job.state.as_str(),
        "items": job.items,
        "completed": job.completed,
        "failed": job.failed,
        "bytes": job.bytes,
        "strategy": job.strategy.as_str(),
        "mode": job.mode.as_str(),
        "asleepUntil": job.asleep_until.and_then(time),
        "created": time(job.created),
        "updated": time(job.updated),
    })
}

fn choice<T: std::str::FromStr>(
    flag: &str,
    text: &str,
    known: &'static [&'static str],
) -> Result<T, Failure> {
    text.parse().map_err(|_| {
        Failure::usage(Message::BadSetting {
            place: flag.to_owned(),
            problem: Bad::NotOneOf {
                text: text.to_owned(),
                known,
                nearest: crate::text::nearest(text, known.iter().copied()),
            },
        })
    })
}

const MODES: &[&str] = &["speed", "efficiency", "minimal", "adaptive"];
/// A runner looks for orders five times a second, and then has its grace to put things in order.
const ANSWER: Duration = Duration::from_secs(3);
const LAST_WORDS: Duration = Duration::from_millis(100);
const LOOK: Duration = Duration::from_millis(50);
