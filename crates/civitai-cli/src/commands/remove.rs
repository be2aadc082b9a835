//! `remove`: wishes leave `civitai.toml`, and their files the lock. The next `sync` puts the files into the trash.

use civitai_library::lock::{Lock, Locked};

use crate::args::RemoveArgs;
use crate::commands::project;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::text::{self, Hint, Message};

pub(crate) fn run(args: &RemoveArgs, session: &Session) -> Outcome {
    let found = project::find(session)?;
    let _held = project::hold(&found)?;
    let manifest = project::manifest(&found)?;
    let draft = found.draft().map_err(|error| project::unreadable(&error))?;
    let mut draft = draft.ok_or_else(|| project::no_manifest(&found))?;
    let lock = project::lock(&found)?;
    let printer = &session.printer;
    let wanted: Vec<_> = manifest.wanted().collect();
    let (mut gone, mut exits): (Vec<usize>, Vec<Exit>) = (Vec::new(), Vec::new());
    for given in &args.links {
        let named: Vec<usize> = (0..wanted.len())
            .filter(|index| match lock.of(&wanted[*index]) {
                Some(file) => project::means(session, given, file),
                None => wanted[*index].link == *given,
            })
            .collect();
        if named.is_empty() {
            let link = civitai_security::redact_text(given).into_owned();
            let message = Message::Project(text::Project::NotWanted { link: link.clone() });
            let failure = Failure::new(Kind::NotFound, message)
                .with_hint(Hint::Project(text::Project::SeeTree));
            exits.push(project::tell_failure(session, &link, &failure));
            continue;
        }
        exits.push(Exit::Done);
        gone.extend(named);
    }
    let leaves = |file: &&Locked| gone.iter().any(|index| wanted[*index] == file.wanted);
    for file in lock.files().iter().filter(leaves) {
        project::tell(session, "removed", file)?;
    }
    let stay = lock.files().iter().filter(|file| !leaves(file)).cloned();
    let stay = Lock::new(stay.collect()).unwrap_or_else(|_| lock.clone());
    draft.take(gone);
    if !args.dry_run {
        draft.save().map_err(|error| Failure::io(&error))?;
        project::save(&found, &stay)?;
    }
    printer.sum(&exits)?;
    Ok(Exit::of_items(&exits))
}
