//! `library verify`.

use civitai_library::catalogue;
use civitai_library::scan::{Target, walk};
use civitai_library::verify::{Checked, Status, quick};
use serde_json::json;

use super::{blocking, failure, from_here, of};
use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::text::{Library, Message};

pub(super) async fn run(args: VerifyArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let paths = from_here(&args.paths, session);
    let targets = Target::of(&library, &paths).map_err(|error| Failure::usage_io(&error))?;
    let mut all = Vec::new();
    for target in targets {
        let checked = blocking(session, move || look(&target)).await?;
        all.extend(checked.map_err(|error| failure(&error))?);
    }
    tell(&all, session)
}

fn look(target: &Target) -> Result<Vec<Checked>, catalogue::Error> {
    let Some(catalogue) = target.library.catalogue_if_there()? else {
        return Ok(Vec::new());
    };
    let mut entries = catalogue.entries()?;
    entries.retain(|entry| target.covers(&entry.path));
    let walk = walk(&target.library.root, &target.folders)?;
    Ok(quick(&entries, &walk))
}

fn tell(all: &[Checked], session: &Session) -> Outcome {
    let printer = &session.printer;
    let count = |status| {
        all.iter()
            .filter(|checked| checked.status == status)
            .count()
    };
    let (ok, changed) = (count(Status::Ok), count(Status::Changed));
    let (missing, unknown) = (count(Status::Missing), count(Status::Unknown));
    for checked in all {
        let (path, status) = (&checked.path, checked.status);
        if printer.is_json() {
            let line = json!({ "path": path, "status": status.as_str(), "ranges": null });
            printer.record("verify", &line)?;
        } else if status != Status::Ok {
            let path = path.clone();
            let message = Message::Library(Library::Stands { path, status });
            printer.data(&message.say(printer.lang()))?;
        }
    }
    if printer.is_json() {
        let line = json!({
            "count": all.len(),
            "ok": ok,
            "changed": changed,
            "missing": missing,
            "unknown": unknown,
        });
        printer.record("summary", &line)?;
    } else {
        printer.say(&Message::Library(Library::Verified {
            ok,
            changed,
            missing,
            unknown,
        }));
    }
    Ok(match (changed, missing) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::NotFound,
        _ => Exit::Integrity,
    })
}
