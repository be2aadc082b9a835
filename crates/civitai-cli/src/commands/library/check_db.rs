//! `library check-db`.

use serde_json::json;

use super::{blocking, failure, of};
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::text::{Hint, Library, Message};

pub(super) async fn run(session: &Session) -> Outcome {
    let library = of(session)?;
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
