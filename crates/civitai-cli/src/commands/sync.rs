//! `sync`: the library becomes what the lock says.

use std::sync::{Arc, PoisonError};

use civitai_download::digest::DigestSet;
use civitai_download::{Existing, Mode, Wait};
use civitai_library::Library;
use civitai_library::licence::{Consent, Policy};
use civitai_library::lock::{Lock, Locked};
use civitai_library::operation::Done;
use civitai_library::project::Project;
use civitai_library::sync::{Plan, Step, Sync, SyncError};
use civitai_security::FileName;
use futures::stream;
use serde_json::json;

use crate::args::{SyncArgs, unproved};
use crate::batch::{Batch, Ids, Landed, Pinned, Rules, Unfound, Wanted};
use crate::commands::library::{self, blocking, operation};
use crate::commands::{get, project};
use crate::consent;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::judge;
use crate::network;
use crate::session::{Outcome, Session};
use crate::text::{self, Hint, Message};

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
                self.tell(step, action);
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
        let library = self.library.clone();
        // What a killed sync put into the trash is back before it is looked for.
        let recovered = blocking(self.session, move || library.recover()).await?;
        recovered.map_err(operation::failure)?;
        let plan = self.plan().await?;
        let printer = &self.session.printer;
        if plan.is_in_step() {
            self.tell_in_step();
            if printer.is_json() {
                printer.record("summary", &nothing_done(self.lock.files().len()))?;
            }
            return Ok(Exit::of_items(&exits));
        }
        let mut refused = self.refused(&plan);
        refused.extend(self.unconsented(&plan, &refused, care)?);
        let plan = plan.without(|file| refused.iter().any(|(out, _)| out == file));
        for step in &plan.steps {
            if let Some(action @ ("move" | "trash" | "replace")) = action(step) {
                self.tell(step, action);
            }
        }
        for done in self.prepare(&plan).await? {
            // Whoever read standard output may leave; the files are wanted all the same.
            let _ = operation::tell(&done, printer);
        }
        let blocked = plan.steps.iter().filter_map(|step| match step {
            Step::Blocked { file } => Some((file.clone(), self.in_the_way(file))),
            _ => None,
        });
        let failed: Vec<_> = refused.into_iter().chain(blocked).collect();
        let fetches = plan.fetches().count();
        let landed = Landed::default();
        let outcome = if fetches == 0 && failed.is_empty() {
            if printer.is_json() {
                printer.record("summary", &nothing_done(plan.kept))?;
            }
            Ok(Exit::Done)
        } else {
            self.fetch(&plan, failed, care, &landed).await
        };
        self.note(&landed).await?;
        exits.push(outcome?);
        Ok(Exit::of_items(&exits))
    }

    async fn plan(&self) -> Result<Plan, Failure> {
        let (library, project, lock) = self.parts();
        let printer = Arc::clone(&self.session.printer);
        let planned = blocking(self.session, move || {
            let catalogue = library.catalogue_if_there()?;
            let sync = Sync {
                library: &library,
                project: &project.directory,
                lock: &lock,
            };
            sync.plan(catalogue.as_ref(), &mut |path| {
                printer.detail(&Message::Project(text::Project::Reading {
                    path: path.to_string(),
                }));
            })
        });
        planned.await?.map_err(failure)
    }

    async fn prepare(&self, plan: &Plan) -> Result<Vec<Done>, Failure> {
        let (library, project, lock) = self.parts();
        let plan = plan.clone();
        let prepared = tokio::task::spawn_blocking(move || {
            let mut catalogue = library.catalogue()?;
            let sync = Sync {
                library: &library,
                project: &project.directory,
                lock: &lock,
            };
            sync.prepare(&mut catalogue, &plan)
        });
        joined(prepared.await).map_err(failure)
    }

    /// Notes which files have landed.
    async fn note(&self, landed: &Landed) -> Result<(), Failure> {
        let paths = std::mem::take(&mut *landed.lock().unwrap_or_else(PoisonError::into_inner));
        if paths.is_empty() {
            return Ok(());
        }
        let (library, project, lock) = self.parts();
        let noted = tokio::task::spawn_blocking(move || {
            let files = lock.files().iter();
            let files: Vec<&Locked> = files
                .filter(|file| paths.contains(&library.root.join(&file.path)))
                .collect();
            let mut catalogue = library.catalogue()?;
            let sync = Sync {
                library: &library,
                project: &project.directory,
                lock: &lock,
            };
            sync.placed(&mut catalogue, &files)
        });
        joined(noted.await).map_err(failure)
    }

    fn parts(&self) -> (Library, Project, Arc<Lock>) {
        (
            self.library.clone(),
            self.project.clone(),
            Arc::clone(&self.lock),
        )
    }

    /// What the policy forbids of what is to be fetched.
    fn refused(&self, plan: &Plan) -> Vec<(Locked, Failure)> {
        plan.fetches()
            .filter_map(|file| {
                let refusal = self.policy.judge(&file.facts_now()).err()?;
                let failure = Failure::library(Kind::Policy, &refusal)
                    .with_hint(Hint::Project(text::Project::PolicySays));
                Some((file.clone(), failure))
            })
            .collect()
    }

    /// What nobody consents to of what is to be fetched.
    fn unconsented(
        &self,
        plan: &Plan,
        refused: &[(Locked, Failure)],
        care: Care,
    ) -> Result<Vec<(Locked, Failure)>, Failure> {
        let open = plan.fetches().filter(|file| {
            let verdict = self.policy.judge(&file.facts_now());
            verdict == Ok(Consent::Needed) && !refused.iter().any(|(out, _)| out == *file)
        });
        let open: Vec<&Locked> = open.collect();
        if open.is_empty() || care.consent {
            return Ok(Vec::new());
        }
        let names = open.iter().map(|file| {
            file.about
                .title
                .clone()
                .unwrap_or_else(|| file.name.clone())
        });
        if consent::ask(names.collect(), &self.session.printer)? {
            return Ok(Vec::new());
        }
        let refused = open
            .into_iter()
            .map(|file| (file.clone(), consent::missing()));
        Ok(refused.collect())
    }

    fn in_the_way(&self, file: &Locked) -> Failure {
        let path = self.library.root.join(&file.path);
        Failure::new(Kind::Io, Message::Project(text::Project::NotOurs { path }))
            .with_hint(Hint::Project(text::Project::MoveOrAdopt))
    }

    async fn fetch(
        &self,
        plan: &Plan,
        failed: Vec<(Locked, Failure)>,
        care: Care,
        landed: &Landed,
    ) -> Outcome {
        let session = self.session;
        let settings = &session.settings;
        let client = network::site(session)?;
        let storage = network::storage(settings, network::policy(settings, &settings.base_url)?)?;
        let mut wanted: Vec<Result<Wanted, Unfound>> = Vec::new();
        for (file, failure) in failed {
            wanted.push(Err(Unfound {
                item: None,
                link: file.path.to_string(),
                failure,
            }));
        }
        for step in &plan.steps {
            let (Step::Fetch { file } | Step::Replace { file }) = step else {
                continue;
            };
            let path = self.library.root.join(&file.path);
            session
                .printer
                .detail(&Message::Project(text::Project::Licence {
                    licence: file.about.licence.clone(),
                }));
            wanted.push(Ok(Wanted {
                item: None,
                link: file.wanted.link.clone(),
                ids: Ids {
                    model_id: file.model.map(civitai_api::ModelId::get),
                    version_id: Some(file.version.get()),
                    file_id: Some(file.file.get()),
                },
                root: self.library.root.clone(),
                directory: path
                    .parent()
                    .map_or_else(|| self.library.root.clone(), Into::into),
                name: FileName::clean(file.path.name(), &file.file.to_string()),
                identity: file.identity(),
                expected: file.expected(),
                source: file.source(client.clone()),
                storage: storage.clone(),
                description: None,
                pinned: Some(Pinned {
                    existing: if matches!(step, Step::Replace { .. }) {
                        Existing::Replace
                    } else {
                        Existing::Keep
                    },
                    root: self.library.root.clone(),
                    landed: Arc::clone(landed),
                }),
                terms: Some(file.facts()),
                site_scan: None,
                shares: false,
            }));
        }
        let rules = Rules {
            digests: DigestSet::ALL,
            existing: Existing::Keep,
            unproved: unproved(care.accept_unverified),
            mode: Mode::default(),
            wait: if care.wait {
                Wait::UntilFree
            } else {
                Wait::Never
            },
            dry_run: false,
        };
        let recorder = get::recorder(session, false).await?;
        Batch::new(session, rules)
            .judging(judge::of(session, care.accept_unsafe))
            .recording(recorder)
            .run(stream::iter(wanted))
            .await
    }

    fn tell(&self, step: &Step, action: &'static str) {
        let printer = &self.session.printer;
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

    fn tell_in_step(&self) {
        self.session
            .printer
            .say(&Message::Project(text::Project::InStep {
                files: self.lock.files().len(),
            }));
    }
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

fn joined<T>(result: Result<T, tokio::task::JoinError>) -> T {
    result.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

fn failure(error: SyncError) -> Failure {
    match error {
        SyncError::Catalogue(error) => library::failure(&error),
        SyncError::Io(error) => Failure::io(&error),
        SyncError::Operation(error) => operation::failure(error),
        other => Failure::library(Kind::UnsafeContent, &other),
    }
}
