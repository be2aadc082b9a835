//! One job from its claim to its end.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::SystemTime;

use civitai_download::Wait;
use civitai_download::jobs::{
    Change, End, Item, ItemState, Job, Order, Outcome, State, Strategy, Trouble,
};
use civitai_library::fetch::{Fetch, Rules};
use civitai_library::find::{LOOKUPS, Unfound};
use futures::stream::{self, StreamExt as _};
use jiff::Zoned;
use jiff::tz::TimeZone;

use super::clerk::Clerk;
use super::{Held, Notes, Options, Side, failure};
use crate::batch::{self, Batch, Unread, Wanted};
use crate::commands::get;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::judge;
use crate::links::Entry;
use crate::patience::{Patience, Pause};
use crate::printer::Printer;
use crate::session::Session;
use crate::settings::Amount;
use crate::text::{Bulk, Message};

/// What happens to a job whose process is told to stop.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OnStop {
    /// Whoever stopped it says when it goes on.
    Pause,
    /// It goes on by itself as soon as it can.
    PutBack,
}

/// Runs the items of a job that are still open, each from the entry of its position. Returns the job as it stands then,
/// and how a run of these items exits.
pub(crate) async fn carry_out(
    held: Held,
    open: Vec<(u32, Entry)>,
    session: &Session,
    on_stop: OnStop,
) -> Result<(Job, Exit), Failure> {
    let id = held.claim.id().clone();
    let job = held
        .jobs
        .job(id.as_str())
        .map_err(|error| failure(&error))?;
    let options = Options::read(&job)?;
    let stop = session.cancel.child_token();
    let (notes, written) = Notes::new();
    let clerk = {
        let (cancel, emergency) = (session.cancel.clone(), session.emergency.clone());
        let pauses = move || {
            let is_meant = on_stop == OnStop::Pause || emergency.found().is_some();
            is_meant && cancel.is_cancelled()
        };
        let clerk = Clerk::new(held, stop.clone(), pauses);
        tokio::task::spawn_blocking(move || clerk.write(&written))
    };
    let side = Side {
        patience: patience(&notes, stop.clone(), &session.printer),
        notes,
    };
    let mut session = session.clone();
    session.cancel = stop;
    session.settings.jobs = files_at_a_time(job.strategy, session.settings.jobs);
    let rules = Rules {
        mode: job.mode,
        // Nobody stands by who could try again.
        wait: Wait::UntilFree,
        ..get::rules(&options.choose, options.force, &session)
    };
    let exit = fetch(open, &options, rules, &session, side).await;
    let (held, wish) = clerk
        .await
        .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
        .map_err(|error| failure(&error))?;
    let exit = match exit {
        Ok(exit) => exit,
        Err(reason) => {
            session.printer.fail(&reason);
            let exit = reason.exit();
            return give_up(held, &reason, &session.printer).map(|job| (job, exit));
        }
    };
    let is_stopped = session.cancel.is_cancelled();
    let left = tokio::task::spawn_blocking(move || leave(held, wish, is_stopped)).await;
    let (job, of_items) =
        left.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))?;
    let exit = match (job.state, exit) {
        // Everything was dealt with before the wish to stop came.
        (State::Completed | State::Failed, Exit::Interrupted) => of_items,
        (State::Completed | State::Failed, exit) => exit,
        _ => Exit::Interrupted,
    };
    Ok((job, exit))
}

/// Fetches everything that the open items mean. Every note is written when this returns, as it holds the only pen.
async fn fetch(
    open: Vec<(u32, Entry)>,
    options: &Options,
    rules: Rules,
    session: &Session,
    side: Side,
) -> Result<Exit, Failure> {
    let fetch = Fetch {
        judge: Some(judge::of(session, options.choose.accept_unsafe)),
        recorder: get::recorder(session, false).await?,
        patience: Some(Arc::new(side.patience.clone())),
        ..batch::fetching(session, rules)?
    };
    let finder = get::finder(&options.choose, session, Some(side.patience))?;
    let finder = finder.telling(fetch.recorder.clone());
    let finder = Arc::new(finder.looking_ahead(session.cancel.clone()));
    let notes = side.notes.clone();
    let found = stream::iter(open)
        .map(|(item, entry)| {
            notes.opened(item);
            let finds = get::follow(Arc::clone(&finder), entry);
            async move { (item, finds.await) }
        })
        .buffered(LOOKUPS)
        .flat_map(|(item, finds)| {
            let (each, last) = (notes.clone(), notes.clone());
            let finds = finds.map(move |find| {
                each.found(item);
                let item = Some(item);
                match find {
                    Ok(Ok(wanted)) => Ok(Ok(Wanted {
                        ticket: item,
                        ..wanted
                    })),
                    Ok(Err(unfound)) => Ok(Err(Unfound {
                        ticket: item,
                        ..unfound
                    })),
                    Err(unread) => Err(Unread { item, ..unread }),
                }
            });
            let listed = stream::once(async move { last.listed(item) });
            finds.map(Some).chain(listed.map(|()| None))
        })
        .filter_map(std::future::ready);
    let batch = Batch::new(session).beside(side.notes);
    let outcome = batch.run(&fetch, found).await;
    // Nothing is returned early: what cannot be printed is no reason to stop a job.
    Ok(outcome.unwrap_or(Exit::Done))
}

/// Gives the job up in the state that follows from how the run ended, and returns how its items exit. Blocks.
fn leave(held: Held, wish: Option<Order>, is_stopped: bool) -> Result<(Job, Exit), Failure> {
    let Held { mut jobs, claim } = held;
    let end = || {
        let items = jobs.items(claim.id().as_str())?;
        let is_done = items.iter().all(|item| item.state.is_final());
        let end = match wish {
            _ if is_done => End::Done,
            Some(Order::Cancel) => End::Cancelled,
            Some(_) => End::Paused,
            None if is_stopped => End::PutBack,
            None => End::Done,
        };
        Ok((claim.end(&mut jobs, end)?, super::exit_of_items(&items)))
    };
    end().map_err(|error| failure(&error))
}

/// The items of a job that are still to be dealt with.
pub(crate) fn still_open(items: Vec<Item>) -> impl Iterator<Item = Item> {
    items.into_iter().filter(|item| !item.state.is_final())
}

/// Ends a job that cannot even be begun: each of its open items failed for the same reason.
pub(crate) fn give_up(held: Held, reason: &Failure, printer: &Printer) -> Result<Job, Failure> {
    let Held { mut jobs, claim } = held;
    let end = || {
        let lang = printer.lang();
        let items = jobs.items(claim.id().as_str())?;
        let changes: Vec<_> = still_open(items)
            .flat_map(|Item { position, .. }| {
                let outcome = Outcome {
                    status: "failed".to_owned(),
                    path: None,
                    bytes: None,
                    trouble: Some(trouble(reason, lang)),
                };
                let state = ItemState::Failed;
                [
                    Change::Begun { position },
                    Change::Ended { position, outcome },
                    Change::Settled { position, state },
                ]
            })
            .collect();
        claim.record(&mut jobs, &changes)?;
        claim.end(&mut jobs, End::Done)
    };
    end().map_err(|error| failure(&error))
}

/// A failure as a job keeps it.
pub(crate) fn trouble(failure: &Failure, lang: crate::text::Lang) -> Trouble {
    Trouble {
        kind: failure.kind.word().to_owned(),
        message: failure.message(lang),
        hint: failure.hint(lang),
    }
}

fn patience(
    notes: &Notes,
    stop: tokio_util::sync::CancellationToken,
    printer: &Arc<Printer>,
) -> Patience {
    let (notes, printer) = (notes.clone(), Arc::clone(printer));
    Patience::new(stop, move |pause| match pause {
        Pause::Begins { until, wait, kind } => {
            notes.asleep(Some(until));
            printer.warn(&Message::Bulk(Bulk::Asleep {
                wait,
                until: time_of_day(until),
                quota: kind == Kind::Quota,
            }));
        }
        Pause::Ends => notes.asleep(None),
    })
}

/// Files at a time: one, a fixed number, or whatever pays.
fn files_at_a_time(strategy: Strategy, asked: Amount) -> Amount {
    match strategy {
        Strategy::Sequential => Amount::Exactly(NonZeroUsize::MIN),
        Strategy::Parallel => match asked {
            Amount::Auto => Amount::Exactly(PARALLEL),
            exactly @ Amount::Exactly(_) => exactly,
        },
        Strategy::Adaptive => asked,
    }
}

/// A moment as a clock on the wall shows it, with the day where it is not today.
pub(crate) fn time_of_day(moment: SystemTime) -> String {
    let Ok(moment) = jiff::Timestamp::try_from(moment) else {
        return "?".to_owned();
    };
    let moment = moment.to_zoned(TimeZone::system());
    let format = if moment.date() == Zoned::now().date() {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M"
    };
    moment.strftime(format).to_string()
}

/// What `--strategy parallel` means without `--jobs`: enough for a home line, few enough for its owner.
const PARALLEL: NonZeroUsize = NonZeroUsize::new(4).expect("four is not zero");
