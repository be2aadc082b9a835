//! `upgrade`: newer versions where `civitai.toml` allows them.

use serde_json::json;

use crate::args::{UpgradeArgs, unproved};
use crate::commands::sync::{self, Care};
use crate::commands::{get, project};
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::text::{self, Hint, Message};

pub(crate) async fn run(args: UpgradeArgs, session: &Session) -> Outcome {
    let found = project::find(session)?;
    let held = project::hold(&found)?;
    let manifest = project::manifest(&found)?;
    let old = project::lock(&found)?;
    for link in &args.links {
        let is_meant = |file| project::means(session, link, file);
        if !old.files().iter().any(is_meant) {
            let link = civitai_security::redact_text(link).into_owned();
            let message = Message::Project(text::Project::NotWanted { link });
            return Err(Failure::new(Kind::NotFound, message)
                .with_hint(Hint::Project(text::Project::SeeTree))
                .into());
        }
    }
    let recorder = get::recorder(session, args.dry_run).await?;
    let unproved = unproved(args.accept_unverified);
    let resolver = project::resolver(session, &manifest, unproved, recorder)?;
    let renewed = |file: &_| {
        let mut links = args.links.iter();
        args.links.is_empty() || links.any(|link| project::means(session, link, file))
    };
    let (relocked, exits) = project::renew(session, &resolver, &manifest, &old, renewed).await?;
    let printer = &session.printer;
    if exits.is_empty() {
        let files = old.files().len();
        printer.say(&Message::Project(text::Project::LockFine { files }));
    }
    if args.dry_run || args.no_sync {
        if printer.is_json() {
            let line = json!({
                "count": relocked.lock.files().len(),
                "changed": relocked.changed.len() + relocked.left.len(),
                "failed": relocked.failed.len(),
            });
            printer.record("summary", &line)?;
        }
        if args.no_sync && !args.dry_run {
            project::save(&found, &relocked.lock)?;
        }
        return Ok(Exit::of_items(&exits));
    }
    project::save(&found, &relocked.lock)?;
    drop(held);
    let care = Care {
        consent: args.consent_real_person,
        accept_unverified: args.accept_unverified,
        accept_unsafe: args.accept_unsafe,
        wait: false,
    };
    let synced = sync::carry_out(session, found, relocked.lock, manifest.policy, care).await?;
    let mut exits: Vec<_> = exits
        .into_iter()
        .filter(|exit| *exit != Exit::Done)
        .collect();
    exits.push(synced);
    Ok(Exit::of_items(&exits))
}
