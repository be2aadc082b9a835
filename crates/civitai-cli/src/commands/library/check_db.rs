//! `library check-db`.

use serde_json::json;

use super::{blocking, failure, of};
use crate::args::CheckDbArgs;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::text::{Hint, Library, Message};
use civitai_library::{Catalogue, Library as Place, backup};

pub(super) async fn run(args: CheckDbArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    if let Some(to) = args.to_schema {
        return move_to(library, to, session).await;
    }
    let checked = blocking(session, move || {
        let Some(catalogue) = library.catalogue_if_there()? else {
            return Ok(None);
        };
        let problems = catalogue.check()?;
        Ok(Some((catalogue.path().to_owned(), problems)))
    })
    .await?;
    let checked = checked.map_err(|error| failure(&error))?;
    let printer = &session.printer;
    let problems = checked.as_ref().map_or(&[][..], |(_, problems)| problems);
    if printer.is_json() {
        for problem in problems {
            printer.record("problem", &json!({ "problem": problem }))?;
        }
        let path = checked.as_ref().map(|(path, _)| path.to_string_lossy());
        printer.record(
            "summary",
            &json!({ "path": path, "problems": problems.len() }),
        )?;
    }
    match &checked {
        None => printer.say(&Message::Library(Library::NoCatalogue)),
        Some((path, problems)) if problems.is_empty() => {
            let path = path.clone();
            printer.say(&Message::Library(Library::CatalogueFine { path }));
        }
        Some((path, problems)) => {
            let (path, problems) = (path.clone(), problems.clone());
            let message = Message::Library(Library::CatalogueDamaged { path, problems });
            let failure = Failure::new(Kind::Integrity, message);
            printer.fail(&failure.with_hint(Hint::Library(Library::RestoreBackup)));
            return Ok(Exit::Integrity);
        }
    }
    Ok(Exit::Done)
}

/// Moves the tables to another version, behind a copy of how they were.
async fn move_to(library: Place, to: u32, session: &Session) -> Outcome {
    let moved = blocking(session, move || {
        if let Some(catalogue) = library
            .catalogue_if_there()
            .map_err(|error| failure(&error))?
        {
            let (data_dir, reason) = (&library.data_dir, backup::Reason::Safety);
            backup::make(&catalogue, data_dir, reason, backup::KEEP)
                .map_err(|error| Failure::library(Kind::from_word(error.code()), &error))?;
        }
        Catalogue::move_to_schema(&library.data_dir, to).map_err(|error| failure(&error))
    })
    .await?;
    let (from, to) = moved?;
    let printer = &session.printer;
    if printer.is_json() {
        printer.record("summary", &json!({ "from": from, "to": to }))?;
    }
    printer.say(&Message::Library(Library::SchemaMoved { from, to }));
    Ok(Exit::Done)
}
