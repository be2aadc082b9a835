//! `lock`: the lock becomes what `civitai.toml` wants. Files stay as they are.

use serde_json::json;

use crate::args::{LockArgs, unproved};
use crate::commands::{get, project};
use crate::exit::Exit;
use crate::session::{Outcome, Session};
use crate::text::{self, Message};

pub(crate) async fn run(args: LockArgs, session: &Session) -> Outcome {
    let found = project::find(session)?;
    let _held = project::hold(&found)?;
    let manifest = project::manifest(&found)?;
    let old = project::lock(&found)?;
    let drift = old.drift(&manifest);
    let printer = &session.printer;
    if drift.is_none() && !args.upgrade {
        // The file may be missing although nothing is wanted, or be in another order after a merge.
        if !args.check && !args.dry_run {
            project::save(&found, &old)?;
        }
        printer.say(&Message::Project(text::Project::LockFine {
            files: old.files().len(),
        }));
        if printer.is_json() {
            let line = json!({ "count": old.files().len(), "changed": 0, "failed": 0 });
            printer.record("summary", &line)?;
        }
        return Ok(Exit::Done);
    }
    if args.check {
        return Err(project::stale(&drift).into());
    }
    let recorder = get::recorder(session, args.dry_run).await?;
    let unproved = unproved(args.accept_unverified);
    let resolver = project::resolver(session, &manifest, unproved, recorder)?;
    let (relocked, exits) =
        project::renew(session, &resolver, &manifest, &old, |_| args.upgrade).await?;
    if !args.dry_run {
        project::save(&found, &relocked.lock)?;
    }
    let count = relocked.lock.files().len();
    if printer.is_json() {
        let line = json!({
            "count": count,
            "changed": relocked.changed.len() + relocked.left.len(),
            "failed": relocked.failed.len(),
        });
        printer.record("summary", &line)?;
    } else if exits.is_empty() {
        printer.say(&Message::Project(text::Project::LockFine { files: count }));
    }
    Ok(Exit::of_items(&exits))
}
