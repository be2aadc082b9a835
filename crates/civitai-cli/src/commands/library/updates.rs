//! `library updates`.

use civitai_library::scan::{MatchError, Target};
use civitai_library::updates::{Base, Update, updates};
use serde_json::json;

use super::{failure, from_here, of};
use crate::args::UpdatesArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::network;
use crate::session::{Outcome, Session};
use crate::text::{Library, Message};

pub(super) async fn run(args: UpdatesArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let paths = from_here(&args.paths, session);
    let targets = Target::of(&library, &paths).map_err(|error| Failure::usage_io(&error))?;
    let base = if args.same_base {
        Base::Same
    } else {
        Base::Compatible
    };
    let client = network::site(session)?;
    let mut found: Vec<Update> = Vec::new();
    for target in targets {
        let asked = updates(&client, &target.library, base, |entry| {
            target.covers(&entry.path)
        });
        match session.cancel.run_until_cancelled(asked).await {
            Some(Ok(updates)) => found.extend(updates),
            Some(Err(MatchError::Catalogue(error))) => return Err(failure(&error).into()),
            Some(Err(MatchError::Site(error))) => return Err(network::failure(&error).into()),
            None => return Err(Failure::interrupted().into()),
        }
    }
    session.end_monitor();
    let printer = &session.printer;
    for update in &found {
        if printer.is_json() {
            let line = json!({
                "path": update.path,
                "versionId": update.version,
                "newVersionId": update.new_version,
                "newVersionName": update.name,
                "reason": update.reason.as_str(),
            });
            printer.record("update", &line)?;
        } else {
            let message = Message::Library(Library::Newer(update.clone()));
            printer.data(&message.say(printer.lang()))?;
        }
    }
    if printer.is_json() {
        printer.record("summary", &json!({ "count": found.len() }))?;
    } else {
        printer.say(&Message::Library(Library::Updates { count: found.len() }));
    }
    Ok(Exit::Done)
}
