//! `sync`: the library becomes what the lock says.

use std::sync::Arc;

use civitai_download::Wait;
use civitai_library::Library;
use civitai_library::fetch::{Audience, Fetch, Rules, SyncFetch};
use civitai_library::licence::Policy;
use civitai_library::lock::{Lock, Locked};
use civitai_library::project::Project;
use civitai_library::sync::{Plan, Step, SyncError};
use serde_json::json;

use crate::args::{SyncArgs, unproved};
use crate::batch::{self, Batch};
use crate::commands::library::{self, operation};
use crate::commands::{get, project};
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::judge;
use crate::printer::Printer;
use crate::session::{Outcome, Session};
use crate::terms::Terms;
use crate::text::{self, Message};

/// How a sync treats what it meets.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
pub(crate) struct Care {
    pub(crate) consent: bool,
    pub(crate) accept_unverified: bool,
    pub(crate) accept_unsafe: bool,
    pub(crate) wait: bool,
}

pub(crate) async fn run(args: SyncArgs, session: &Session) -> Outcome {
    let found = project::find(session)?;
    let manifest = found
        .manifest()
        .map_err(|error| project::unreadable(&error))?;
    let mut lock = project::lock(&found)?;
    let drift = manifest.as_ref().map(|manifest| lock.drift(manifest));
    let drift = drift.filter(|drift| !drift.is_none());
    let mut exits = Vec::new();
    let looks_only = args.check || args.dry_run;
    match (&manifest, &drift) {
        (_, Some(drift)) if args.locked || args.frozen => {
            return Err(project::stale(drift).into());
        }
        (_, Some(drift)) if looks_only => {
            session.printer.fail(&project::stale(drift));
            exits.push(Exit::Partly);
        }
        (Some(manifest), Some(_)) => {
            let _held = project::hold(&found)?;
            let recorder = get::recorder(session, false).await?;
            let unproved = unproved(args.accept_unverified);
            let resolver = project::resolver(session, manifest, unproved, recorder)?;
            let (relocked, ends) =
                project::renew(session, &resolver, manifest, &lock, |_| false).await?;
            project::save(&found, &relocked.lock)?;
            exits.extend(ends.into_iter().filter(|exit| *exit != Exit::Done));
            lock = relocked.lock;
        }
        _ => {}
    }
    let policy = manifest.map(|manifest| manifest.policy).unwrap_or_default();
    let work = Work {
        session,
        library: library::of(session)?,
        project: found,
        lock: Arc::new(lock),
        policy,
    };
    if looks_only {
        return work.look(args.check, exits).await;
    }
    let care = Care {
        consent: args.consent_real_person,
        accept_unverified: args.accept_unverified,
        accept_unsafe: args.accept_unsafe,
        wait: args.wait,
    };
    work.carry_out(care, exits).await
}

/// Makes the library what a lock says, for a verb that has just written it.
pub(crate) async fn carry_out(
    session: &Session,
    project: Project,
    lock: Lock,
    policy: Policy,
    care: Care,
) -> Outcome {
    let work = Work {
        session,
        library: library::of(session)?,
        project,
        lock: Arc::new(lock),
        policy,
    };
    work.carry_out(care, Vec::new()).await
}

struct Work<'a> {
    session: &'a Session,
    library: Library,
    project: Project,
    lock: Arc<Lock>,
    policy: Policy,
}

impl Work<'_> {
    /// Says what differs and does nothing about it.
    async fn look(self, is_check: bool, mut exits: Vec<Exit>) -> Outcome {
        let plan = self.plan().await?;
        let printer = &self.session.printer;
        for step in &plan.steps {
            if let Some(action) = action(step) {
                exits.push(Exit::Partly);
                tell(step, action, printer);
            }
        }
        let is_in_step = exits.is_empty();
        if printer.is_json() {
            let line = json!({ "inStep": is_in_step, "kept": plan.kept, "differ": exits.len() });
            printer.record("summary", &line)?;
        } else if is_in_step {
            self.tell_in_step();
        }
        Ok(if is_in_step || !is_check {
            Exit::Done
        } else {
            Exit::Partly
        })
    }

    async fn carry_out(self, care: Care, mut exits: Vec<Exit>) -> Outcome {
        let session = self.session;
        let sync = self.sync();
        self.unless_stopped(sync.recover()).await?;
        let plan = self.plan().await?;
        let printer = &session.printer;
        if plan.is_in_step() {
            self.tell_in_step();
            if printer.is_json() {
                printer.record("summary", &nothing_done(self.lock.files().len()))?;
            }
            return Ok(Exit::of_items(&exits));
        }
        let kept = plan.kept;
        let batch = Arc::new(Batch::new(session));
        let asker = Terms::new(session, care.consent);
        let settled = sync.settle(plan, &asker, &*batch).await.map_err(failure)?;
        if settled.is_over() {
            if printer.is_json() {
                printer.record("summary", &nothing_done(kept))?;
            }
            exits.push(Exit::Done);
            return Ok(Exit::of_items(&exits));
        }
        let fetch = self.fetching(care).await?;
        let site = get::site(session)?;
        let audience = Arc::clone(&batch) as Arc<dyn Audience>;
        let fetching = sync.fetch(settled, (&fetch, &site), &session.cancel, audience);
        let fetched = batch.shown(fetching).await;
        exits.push(batch.end());
        fetched.map_err(failure)?;
        Ok(Exit::of_items(&exits))
    }

    fn sync(&self) -> SyncFetch<'_> {
        SyncFetch {
            library: &self.library,
            project: &self.project.directory,
            lock: &self.lock,
            policy: &self.policy,
        }
    }

    async fn plan(&self) -> Result<Plan, Failure> {
        let printer = Arc::clone(&self.session.printer);
        let sync = self.sync();
        let planning = sync.plan(move |path| {
            printer.detail(&Message::Project(text::Project::Reading {
                path: path.to_string(),
            }));
        });
        self.unless_stopped(planning).await
    }

    /// Gives up waiting for work that changes nothing, or that the next run does again, when the user wants to stop.
    async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = Result<T, SyncError>>,
    ) -> Result<T, Failure> {
        match self.session.cancel.run_until_cancelled(work).await {
            Some(done) => done.map_err(failure),
            None => Err(Failure::interrupted()),
        }
    }

    async fn fetching(&self, care: Care) -> Result<Fetch, Failure> {
        let rules = Rules {
            unproved: unproved(care.accept_unverified),
            wait: if care.wait {
                Wait::UntilFree
            } else {
                Wait::Never
            },
            ..batch::rules(&self.session.settings)
        };
        Ok(Fetch {
            judge: Some(judge::of(self.session, care.accept_unsafe)),
            recorder: get::recorder(self.session, false).await?,
            ..batch::fetching(self.session, rules)?
        })
    }

    fn tell_in_step(&self) {
        self.session
            .printer
            .say(&Message::Project(text::Project::InStep {
                files: self.lock.files().len(),
            }));
    }
}

/// Says what is going to be moved and put away, and to who wants details what comes under which licence.
pub(crate) fn tell_plan(plan: &Plan, printer: &Printer) {
    for step in &plan.steps {
        if let Some(action @ ("move" | "trash" | "replace")) = action(step) {
            tell(step, action, printer);
        }
    }
    for file in plan.fetches() {
        printer.detail(&Message::Project(text::Project::Licence {
            licence: file.about.licence.clone(),
        }));
    }
}

fn tell(step: &Step, action: &'static str, printer: &Printer) {
    let path = step.path().to_string();
    if printer.is_json() {
        let mut line = json!({ "path": path, "action": action });
        if let Step::Move { from, .. } = step {
            line["from"] = json!(from.as_str());
        }
        if let Some(file) = file_of(step) {
            line["modelId"] = json!(file.model.map(civitai_api::ModelId::get));
            line["versionId"] = json!(file.version.get());
            line["fileId"] = json!(file.file.get());
            line["bytes"] = json!(file.bytes);
            line["sha256"] = json!(file.sha256.map(|digest| digest.to_string()));
            line["licence"] = file.about.licence.to_json().into();
        }
        let _ = printer.record("planned", &line);
        return;
    }
    let from = match step {
        Step::Move { from, .. } => Some(from.to_string()),
        _ => None,
    };
    let bytes = file_of(step).and_then(|file| file.bytes);
    let message = Message::Project(text::Project::Step {
        action,
        path,
        from,
        bytes,
    });
    let _ = printer.data(&message.say(printer.lang()));
}

/// What the user hears of a step; nothing of what is only noted.
fn action(step: &Step) -> Option<&'static str> {
    Some(match step {
        Step::Blocked { .. } => "blocked",
        Step::Fetch { .. } => "download",
        Step::Move { .. } => "move",
        Step::Replace { .. } => "replace",
        Step::Trash { .. } => "trash",
        _ => return None,
    })
}

fn file_of(step: &Step) -> Option<&Locked> {
    match step {
        Step::Blocked { file }
        | Step::Fetch { file }
        | Step::Move { file, .. }
        | Step::Replace { file } => Some(file),
        _ => None,
    }
}

fn nothing_done(kept: usize) -> serde_json::Value {
    json!({
        "downloaded": 0, "resumed": 0, "skipped": kept, "linked": 0, "failed": 0, "quarantined": 0,
        "bytes": 0, "fetchedBytes": 0, "seconds": 0.0,
    })
}

fn failure(error: SyncError) -> Failure {
    match error {
        SyncError::Catalogue(error) => library::failure(&error),
        SyncError::Io(error) => Failure::io(&error),
        SyncError::Operation(error) => operation::failure(error),
        other => Failure::library(Kind::UnsafeContent, &other),
    }
}
