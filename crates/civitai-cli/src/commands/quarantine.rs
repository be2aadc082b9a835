//! `quarantine`: what was kept from its name, and what becomes of it.

use std::path::PathBuf;

use civitai_download::quarantine::{Kept, Reason};
use civitai_library::Library;
use civitai_library::catalogue::Held;
use civitai_library::judge::ClamAv;
use civitai_library::quarantine::{self, Error};
use serde_json::{Value, json};

use super::library::{self, blocking};
use super::scan::{tell_look, to_json};
use crate::args::QuarantineAction;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::judge::look;
use crate::printer::Printer;
use crate::session::{Outcome, Session};
use crate::table::{self, Column};
use crate::text::{Guard, Hint, Message, instant, size};

pub(crate) async fn run(action: QuarantineAction, session: &Session) -> Outcome {
    let library = library::of(session)?;
    match action {
        QuarantineAction::List => list(library, session).await,
        QuarantineAction::Show { id } => show(library, id, session).await,
        QuarantineAction::Release { ids } => {
            each(library, ids, session, ("released", quarantine::release)).await
        }
        QuarantineAction::Delete { ids } => {
            each(library, ids, session, ("deleted", quarantine::delete)).await
        }
    }
}

async fn list(library: Library, session: &Session) -> Outcome {
    let printer = &session.printer;
    let held = blocking(session, move || quarantine::list(&library)).await?;
    let held = held.map_err(|error| failure(&error))?;
    if printer.is_json() {
        for held in &held {
            printer.record("quarantined", &record(held))?;
        }
        printer.record("summary", &json!({ "count": held.len() }))?;
        return Ok(Exit::Done);
    }
    if held.is_empty() {
        printer.say(&Message::Guard(Guard::NothingKept));
        return Ok(Exit::Done);
    }
    let [id, bytes, since, target, reason] = Guard::kept_heads(printer.lang());
    let columns = [
        Column::number(id),
        Column::number(bytes),
        Column::text(since),
        Column::text(target),
        Column::text(reason),
    ];
    let rows = held.iter().map(|held| {
        vec![
            held.id.to_string(),
            size(held.kept.bytes),
            instant(held.kept.since),
            held.kept.destination().display().to_string(),
            reason_of(&held.kept, printer),
        ]
    });
    printer.data(&table::render(&columns, rows.collect()))?;
    Ok(Exit::Done)
}

async fn show(library: Library, id: u64, session: &Session) -> Outcome {
    let printer = &session.printer;
    let found = blocking(session, move || quarantine::find(&library, id)).await?;
    let held = found.map_err(|error| failure(&error))?;
    let clamav = session.settings.scan.clamav.as_deref().map(ClamAv::at);
    let kept = held.kept.clone();
    let seen = blocking(session, move || {
        look(&kept.destination(), &kept.path, clamav.as_ref())
    })
    .await?;
    if printer.is_json() {
        let mut line = record(&held);
        let mut scan = to_json(&seen);
        scan.remove("path");
        line["scan"] = scan.into();
        printer.record("quarantined", &line)?;
        return Ok(Exit::Done);
    }
    let fields = Guard::Kept {
        id,
        target: held.kept.destination(),
        bytes: held.kept.bytes,
        since: instant(held.kept.since),
        reason: reason_of(&held.kept, printer),
        sha256: held.kept.note.as_ref().map(|note| note.sha256.clone()),
    };
    printer.data(&fields.say(printer.lang()))?;
    tell_look(&held.kept.path, &seen, None, printer)?;
    Ok(Exit::Done)
}

/// What is done about a file, and where it is or was.
type Deal = fn(&Library, u64) -> Result<PathBuf, Error>;

/// Deals with files one after another; what fails does not stop the rest.
async fn each(
    library: Library,
    ids: Vec<u64>,
    session: &Session,
    (done, deal): (&'static str, Deal),
) -> Outcome {
    let printer = &session.printer;
    let mut outcomes = Vec::new();
    for id in ids {
        let library = library.clone();
        match blocking(session, move || deal(&library, id)).await? {
            Ok(path) => {
                if printer.is_json() {
                    let path = path.to_string_lossy();
                    printer.record(done, &json!({ "id": id, "path": path }))?;
                } else {
                    printer.say(&Message::Guard(Guard::Dealt { id, done, path }));
                }
                outcomes.push(Exit::Done);
            }
            Err(error) => {
                let failure = failure(&error);
                printer.fail_run(&failure);
                outcomes.push(failure.exit());
            }
        }
    }
    printer.sum(&outcomes)?;
    Ok(Exit::of_items(&outcomes))
}

fn record(held: &Held) -> Value {
    let Kept {
        path, bytes, note, ..
    } = &held.kept;
    json!({
        "id": held.id,
        "path": path.to_string_lossy(),
        "target": held.kept.destination().to_string_lossy(),
        "bytes": bytes,
        "sha256": note.as_ref().map(|note| &note.sha256),
        "identity": note.as_ref().map(|note| &note.identity),
        "reason": note.as_ref().map(|note| &note.reason),
        "since": instant(held.kept.since),
    })
}

fn reason_of(kept: &Kept, printer: &Printer) -> String {
    let reason = match kept.note.as_ref().map(|note| &note.reason) {
        Some(Reason::Integrity {
            algorithm,
            expected,
            got,
        }) => Guard::WrongDigest {
            algorithm: algorithm.clone(),
            expected: expected.clone(),
            got: got.clone(),
        },
        Some(Reason::Refused { reason }) => return reason.clone(),
        _ => Guard::NoReason,
    };
    reason.say(printer.lang())
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::Catalogue(error) => library::failure(error),
        Error::Io(error) => Failure::io(error),
        Error::Occupied { .. } => Failure::library(Kind::Io, error).with_hint(Hint::MoveAway),
        Error::Unknown { id } => {
            let unknown = Message::Guard(Guard::NotKept { id: *id });
            Failure::new(Kind::NotFound, unknown).with_hint(Hint::Guard(Guard::ListKept))
        }
        other => Failure::library(Kind::Internal, other),
    }
}
