//! Running a bulk job: what it needs to be run again, who writes down how far it is, who runs it in the background.

pub(crate) mod background;
mod clerk;
pub(crate) mod run;

use civitai_download::jobs::{Claim, Error, Item, Job, JobId, Jobs, Order, Outcome, State};
use serde::{Deserialize, Serialize};

use crate::args::Choose;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::patience::Patience;
use crate::settings::kept::Kept;
use crate::text::{Bulk, Hint, Message};

pub(crate) use clerk::{Ending, Notes};
pub(crate) use run::trouble;

/// What a job keeps beside its links.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Options {
    pub(crate) kept: Kept,
    pub(crate) choose: Choose,
    pub(crate) force: bool,
}

impl Options {
    pub(crate) fn read(job: &Job) -> Result<Self, Failure> {
        serde_json::from_str(&job.options).map_err(|error| {
            Failure::library(Kind::Usage, &error).with_hint(Hint::Bulk(Bulk::MendSettings))
        })
    }
}

/// What a batch that works for a job is given.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    pub(crate) notes: Notes,
    pub(crate) patience: Patience,
}

/// A job that is held by this process.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) jobs: Jobs,
    pub(crate) claim: Claim,
}

/// An error of the jobs in the user's terms.
pub(crate) fn failure(error: &Error) -> Failure {
    match error {
        Error::Unknown { id } => {
            let message = Message::Bulk(Bulk::NoJob { id: id.clone() });
            Failure::new(Kind::NotFound, message).with_hint(Hint::Bulk(Bulk::ListJobs))
        }
        Error::WrongState { id, state, order } => {
            let id = id.to_string();
            let hint = match (state, order) {
                (State::Paused, _) => Bulk::ResumeJob { id: id.clone() },
                (State::Failed, Order::Resume) => Bulk::RetryJob { id: id.clone() },
                _ => Bulk::WaitForJob { id: id.clone() },
            };
            let (state, order) = (*state, *order);
            Failure::usage(Message::Bulk(Bulk::WrongState { id, state, order }))
                .with_hint(Hint::Bulk(hint))
        }
        error => Failure::library(Kind::from_word(error.code()), error),
    }
}

/// How a run that ended like this exits.
pub(crate) fn exit_of(outcome: &Outcome) -> Exit {
    let trouble = outcome.trouble.as_ref();
    trouble.map_or(Exit::Done, |trouble| Kind::from_word(&trouble.kind).exit())
}

/// How a run of these items exits, by what became of their files.
pub(crate) fn exit_of_items(items: &[Item]) -> Exit {
    let outcomes = items.iter().flat_map(|item| &item.outcomes);
    Exit::of_items(&outcomes.map(exit_of).collect::<Vec<_>>())
}

/// What is said of a job in one line.
pub(crate) fn line(job: &Job) -> Bulk {
    Bulk::JobLine {
        id: job.id.to_string(),
        name: job.name.clone(),
        state: job.state,
        items: job.items,
        completed: job.completed,
        failed: job.failed,
        bytes: job.bytes,
    }
}

/// The failure of a run, or of waiting for one, whose job was stopped.
pub(crate) fn stopped(id: &JobId, state: State) -> Failure {
    let id = id.to_string();
    let hint = match state {
        State::Paused => Bulk::ResumeJob { id: id.clone() },
        State::Cancelled => Bulk::RetryJob { id: id.clone() },
        _ => Bulk::WaitAgain { id: id.clone() },
    };
    let message = Message::Bulk(Bulk::Stopped { id, state });
    Failure::new(Kind::Interrupted, message).with_hint(Hint::Bulk(hint))
}
