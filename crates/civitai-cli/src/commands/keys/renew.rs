//! `keys renew`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_library::sealing;
use civitai_security::crypt::rotate::containers_in;
use civitai_security::crypt::{Level, Recipient, peek};
use serde_json::json;

use super::failure;
use super::rotate::{Places, note};
use crate::args::RenewArgs;
use crate::commands::library::bar::Bar;
use crate::commands::library::blocking;
use crate::containers::{self, Containers, failure_of};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Unwritable;
use crate::session::{Outcome, Session};
use crate::text::{self, Message};
use crate::vault;

pub(super) async fn run(args: RenewArgs, session: &Session) -> Outcome {
    let store = vault::open(session)?;
    let places = Places::read(&args.places, session)?;
    let roots = places.all(&store).map_err(|error| failure(&error))?;
    drop(store);
    let found = blocking(session, move || containers_in(&roots).collect::<Vec<_>>()).await?;
    let containers = Arc::new(Containers::new(&args.passphrase, session)?);
    let (mut files, mut outcomes) = (Vec::new(), Vec::new());
    for found in found {
        match found.map_err(|error| Failure::io(&error)).and_then(known) {
            Ok(file) => files.push(file),
            Err(failure) => {
                session.printer.fail_run(&failure);
                outcomes.push(failure.exit());
            }
        }
    }
    let paths: Vec<_> = files.iter().map(|(path, _)| path.clone()).collect();
    containers.prepare(&paths, session).await?;
    let mut recipients: Vec<(Level, Arc<[Recipient]>)> = Vec::new();
    for level in Level::ALL {
        if files.iter().any(|(_, of)| *of == level) {
            let found = containers.recipients(level, session).await?;
            recipients.push((level, found.into()));
        }
    }
    containers.begin();
    let mut renewed = Vec::new();
    for (path, level) in files {
        let to = recipients.iter().find(|(of, _)| *of == level);
        let to = to.expect("each level of a file has its recipients").clone();
        let done = one(&path, to, &containers, session).await;
        outcomes.push(tell(&path, done.as_ref().err(), session)?);
        if done.is_ok() {
            renewed.push(path);
        }
        if session.cancel.is_cancelled() {
            break;
        }
    }
    let count = renewed.len();
    note(renewed, session).await?;
    let printer = &session.printer;
    if printer.is_json() {
        let failed = outcomes.len() - count;
        printer.record("summary", &json!({ "renewed": count, "failed": failed }))?;
    } else {
        printer.say(&Message::Keys(text::Keys::Renewed { count }));
    }
    Ok(Exit::of_items(&outcomes))
}

/// A container, and how it is protected.
fn known(path: PathBuf) -> Result<(PathBuf, Level), Failure> {
    let mut file = fs_err::File::open(&path).map_err(|error| Failure::io(&error))?;
    let seen = peek(&mut file);
    let seen = seen.map_err(|error| containers::failure(&containers::at(&path, error)))?;
    Ok((path, seen.level))
}

async fn one(
    path: &Path,
    (level, to): (Level, Arc<[Recipient]>),
    containers: &Arc<Containers>,
    session: &Session,
) -> Result<(), Failure> {
    let bytes = fs_err::metadata(path).map_or(0, |there| there.len());
    let mut bar = Bar::new(&session.printer, bytes);
    let (path, containers, cancel) = (
        path.to_owned(),
        Arc::clone(containers),
        session.cancel.clone(),
    );
    let name = path.to_string_lossy().into_owned();
    let mut told = 0;
    let work = move || {
        sealing::renew(&path, (level, &to[..]), &*containers, &mut |done| {
            bar.advance(&name, done - told);
            told = done;
            if cancel.is_cancelled() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
    };
    // Also when it is interrupted: then it ends by itself, with the old file in its place.
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| failure_of(&error)),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

fn tell(path: &Path, failure: Option<&Failure>, session: &Session) -> Result<Exit, Unwritable> {
    let printer = &session.printer;
    let shown = path.display().to_string();
    if let Some(failure) = failure {
        printer.fail_item(&shown, failure);
    }
    if printer.is_json() {
        let status = if failure.is_none() {
            "renewed"
        } else {
            "failed"
        };
        let error = failure.map(|failure| failure.to_json(printer.lang()));
        let line = json!({ "path": shown, "status": status, "error": error });
        printer.record("renewed", &line)?;
    }
    Ok(failure.map_or(Exit::Done, Failure::exit))
}
