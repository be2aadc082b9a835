//! `library empty-trash`: the end of what operations have put aside.

use std::time::{Duration, SystemTime};

use civitai_library::operation::{Trashed, Verb};
use serde_json::json;

use super::of;
use super::operation::failure;
use super::period::period;
use crate::args::operation::EmptyTrashArgs;
use crate::exit::Exit;
use crate::printer::Printer;
use crate::session::{Outcome, Session};
use crate::table::{self, Column};
use crate::text::{Message, Place, instant, size};

pub(super) async fn empty(args: EmptyTrashArgs, session: &Session) -> Outcome {
    let age = args.older_than.as_deref();
    let age = age.map(|text| period("--older-than", text)).transpose()?;
    let library = of(session)?;
    let dry_run = args.show.dry_run;
    // Not given up half way: what is deleted is told.
    let work = tokio::task::spawn_blocking(move || {
        let mut trashed = library.trash(&args.ids)?;
        trashed.retain(|one| is_old(one, age));
        if !dry_run {
            library.empty_trash(&trashed)?;
        }
        Ok(trashed)
    });
    let trashed = work
        .await
        .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
    show(&trashed.map_err(failure)?, dry_run, &session.printer)
}

fn is_old(one: &Trashed, age: Option<Duration>) -> bool {
    age.is_none_or(|age| {
        let since = SystemTime::now().duration_since(one.since);
        since.is_ok_and(|since| since >= age)
    })
}

fn show(trashed: &[Trashed], dry_run: bool, printer: &Printer) -> Outcome {
    let files = trashed.iter().map(|one| one.files).sum();
    let bytes = trashed.iter().map(|one| one.bytes).sum();
    if printer.is_json() {
        for one in trashed {
            let line = json!({
                "id": one.id,
                "verb": one.verb.map(Verb::as_str),
                "since": instant(one.since),
                "files": one.files,
                "bytes": one.bytes,
                "status": if dry_run { "planned" } else { "deleted" },
            });
            printer.record("trash", &line)?;
        }
        let line = json!({ "count": trashed.len(), "files": files, "bytes": bytes });
        printer.record("summary", &line)?;
        return Ok(Exit::Done);
    }
    if dry_run && !trashed.is_empty() {
        let [id, verb, since, number, bytes] = Place::trash_heads(printer.lang());
        let columns = [
            Column::number(id),
            Column::text(verb),
            Column::text(since),
            Column::number(number),
            Column::number(bytes),
        ];
        let rows = trashed.iter().map(|one| {
            vec![
                one.id.to_string(),
                one.verb.map_or("?", Verb::as_str).to_owned(),
                instant(one.since),
                one.files.to_string(),
                size(one.bytes),
            ]
        });
        printer.data(&table::render(&columns, rows.collect()))?;
    }
    printer.say(&Message::Place(if dry_run {
        Place::InTrash { files, bytes }
    } else {
        Place::TrashEmptied { files, bytes }
    }));
    Ok(Exit::Done)
}
