//! `bulk list`, `bulk show`.

use std::path::Path;

use civitai_download::jobs::{Item, Job, Jobs, Outcome};
use serde_json::{Value, json};

use super::{print, record};
use crate::exit::{Exit, Kind};
use crate::job::run::time_of_day;
use crate::job::{self, background, failure};
use crate::printer::{Printer, Unwritable};
use crate::session::{Outcome as Ended, Session};
use crate::table::{self, Column};
use crate::text::{Bulk, Label, Message, item_word, size, state_word};

pub(super) fn list(jobs: &mut Jobs, session: &Session) -> Ended {
    background::ensure(jobs, session)?;
    let printer = &session.printer;
    let all = jobs.list().map_err(|error| failure(&error))?;
    if printer.is_json() {
        for job in &all {
            printer.record("job", &record(job))?;
        }
        printer.record("summary", &json!({ "count": all.len() }))?;
    } else if all.is_empty() {
        printer.say(&Message::Bulk(Bulk::NoJobs));
    } else {
        printer.data(&of_jobs(&all, printer))?;
    }
    Ok(Exit::Done)
}

fn of_jobs(all: &[Job], printer: &Printer) -> String {
    let lang = printer.lang();
    let columns = [
        Column::text(Label::Job.say(lang)),
        Column::text(Label::Status.say(lang)),
        Column::number(Label::Done.say(lang)),
        Column::number(Label::Problem.say(lang)),
        Column::number(Label::Size.say(lang)),
        Column::text(Label::Name.say(lang)),
    ];
    let rows = all.iter().map(|job| {
        vec![
            job.id.to_string(),
            state_word(job.state, lang).to_owned(),
            format!("{}/{}", job.completed, job.items),
            job.failed.to_string(),
            size(job.bytes),
            job.name.clone().unwrap_or_default(),
        ]
    });
    table::render(&columns, rows.collect())
}

pub(super) fn show(id: &str, jobs: &mut Jobs, session: &Session) -> Ended {
    background::ensure(jobs, session)?;
    let printer = &session.printer;
    let job = jobs.job(id).map_err(|error| failure(&error))?;
    let items = jobs.items(id).map_err(|error| failure(&error))?;
    print(&job, printer)?;
    if let Some(until) = job.asleep_until {
        let until = time_of_day(until);
        printer.say(&Message::Bulk(Bulk::JobSleeps { until }));
    }
    for item in &items {
        if printer.is_json() {
            printer.record("item", &item_record(&job, item))?;
        } else {
            item_lines(item, printer)?;
        }
    }
    Ok(Exit::Done)
}

/// Files that are one thing are told as one: path and bytes stand at the item where it has one file.
fn item_record(job: &Job, item: &Item) -> Value {
    let bytes: u64 = item
        .outcomes
        .iter()
        .filter_map(|outcome| outcome.bytes)
        .sum();
    let only = match item.outcomes.as_slice() {
        [outcome] => outcome.path.as_deref().map(Path::to_string_lossy),
        _ => None,
    };
    let failed = item
        .outcomes
        .iter()
        .find(|outcome| outcome.trouble.is_some());
    json!({
        "job": job.id.as_str(),
        "position": item.position,
        "link": item.link,
        "state": item.state.as_str(),
        "attempts": item.attempts,
        "path": only,
        "bytes": bytes,
        "files": item.outcomes.iter().map(file_record).collect::<Vec<_>>(),
        "error": failed.map(error_record),
    })
}

fn file_record(outcome: &Outcome) -> Value {
    json!({
        "status": outcome.status,
        "path": outcome.path.as_deref().map(Path::to_string_lossy),
        "bytes": outcome.bytes,
        "error": outcome.trouble.is_some().then(|| error_record(outcome)),
    })
}

fn error_record(outcome: &Outcome) -> Value {
    let trouble = outcome.trouble.as_ref();
    json!({
        "code": job::exit_of(outcome).code(),
        "kind": trouble.map(|trouble| Kind::from_word(&trouble.kind)),
        "message": trouble.map(|trouble| &trouble.message),
        "hint": trouble.and_then(|trouble| trouble.hint.as_ref()),
    })
}

fn item_lines(item: &Item, printer: &Printer) -> Result<(), Unwritable> {
    let state = item_word(item.state, printer.lang());
    printer.data(&format!("  {state}  {}", item.link))?;
    for outcome in &item.outcomes {
        let path = outcome
            .path
            .as_deref()
            .map(|path| path.display().to_string());
        let bytes = outcome.bytes.map(size);
        let message = outcome
            .trouble
            .as_ref()
            .map(|trouble| trouble.message.clone());
        let parts: Vec<_> = [path, bytes, message].into_iter().flatten().collect();
        printer.data(&format!("      {}", parts.join("  ")))?;
    }
    Ok(())
}
