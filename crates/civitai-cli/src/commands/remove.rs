//! `remove`: wishes leave `civitai.toml`, and their files the lock. The next `sync` puts the files into the trash.

use civitai_library::leave::Leaving;

use crate::args::RemoveArgs;
use crate::commands::project;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::text::{self, Hint, Message};

pub(crate) fn run(args: &RemoveArgs, session: &Session) -> Outcome {
    let found = project::find(session)?;
    let _held = project::hold(&found)?;
    let origin = &session.settings.base_url;
    let leaving = Leaving::of(&found, &args.links, origin);
    let leaving = leaving.map_err(|error| project::unreadable(&error))?;
    let leaving = leaving.ok_or_else(|| project::no_manifest(&found))?;
    let printer = &session.printer;
    let meant = args.links.len() - leaving.unknown().len();
    let mut exits = vec![Exit::Done; meant];
    for given in leaving.unknown() {
        let link = civitai_security::redact_text(given).into_owned();
        let message = Message::Project(text::Project::NotWanted { link: link.clone() });
        let failure =
            Failure::new(Kind::NotFound, message).with_hint(Hint::Project(text::Project::SeeTree));
        exits.push(project::tell_failure(session, &link, &failure));
    }
    for file in leaving.files() {
        project::tell(session, "removed", file)?;
    }
    if !args.dry_run {
        let saved = leaving.save(&found);
        saved.map_err(|error| project::unreadable(&error))?;
    }
    printer.sum(&exits)?;
    Ok(Exit::of_items(&exits))
}
