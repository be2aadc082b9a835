//! What the verbs of a project share: its files, and the errors about them in the user's terms.

use std::io;
use std::sync::Arc;

use civitai_download::Unproved;
use civitai_library::catalogue::Recorder;
use civitai_library::document::ReadError;
use civitai_library::lock::{Drift, Lock, Locked};
use civitai_library::manifest::Manifest;
use civitai_library::project::{Held, Project};
use civitai_library::relock::{RelockError, Relocked, relock};
use civitai_library::resolve::{ResolveError, Resolver};
use serde_json::{Value, json};

use crate::commands::library;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::network;
use crate::printer::Unwritable;
use crate::session::Session;
use crate::text::{self, Hint, Message};

/// The project that the working directory is in.
pub(crate) fn find(session: &Session) -> Result<Project, Failure> {
    let here = &session.settings.layers.surroundings().directory;
    Project::find(here).ok_or_else(|| {
        Failure::usage(Message::Project(text::Project::NoneHere))
            .with_hint(Hint::Project(text::Project::UseInit))
    })
}

/// The manifest, without which nothing can be wanted.
pub(crate) fn manifest(project: &Project) -> Result<Manifest, Failure> {
    let manifest = project.manifest().map_err(|error| unreadable(&error))?;
    manifest.ok_or_else(|| no_manifest(project))
}

pub(crate) fn no_manifest(project: &Project) -> Failure {
    let path = project.manifest_path();
    Failure::usage(Message::Project(text::Project::NoManifest { path }))
}

pub(crate) fn lock(project: &Project) -> Result<Lock, Failure> {
    project.lock().map_err(|error| unreadable(&error))
}

pub(crate) fn hold(project: &Project) -> Result<Held, Failure> {
    project.hold().map_err(|error| Failure::io(&error))
}

pub(crate) fn save(project: &Project, lock: &Lock) -> Result<(), Failure> {
    lock.save(&project.lock_path())
        .map_err(|error| unreadable(&error))
}

/// A file of the project that cannot be read or written. What is wrong in it is for the user to mend.
pub(crate) fn unreadable(error: &ReadError) -> Failure {
    match error {
        ReadError::Io(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Failure::library(Kind::Usage, error)
        }
        ReadError::Io(error) => Failure::io(error),
        other => Failure::library(Kind::Usage, other),
    }
}

/// Who looks wishes up.
pub(crate) fn resolver(
    session: &Session,
    manifest: &Manifest,
    unproved: Unproved,
    recorder: Option<Arc<Recorder>>,
) -> Result<Resolver, Failure> {
    Ok(Resolver {
        client: network::site(session)?,
        origin: session.settings.base_url.clone(),
        layout: library::of(session)?.layout,
        policy: manifest.policy.clone(),
        unproved,
        recorder,
    })
}

/// Why a wish led to no file, in the user's terms.
pub(crate) fn unresolved(error: &ResolveError) -> Failure {
    match error {
        ResolveError::Site(error) => network::failure(error),
        ResolveError::Refused(_) => Failure::library(Kind::Policy, error)
            .with_hint(Hint::Project(text::Project::PolicySays)),
        _ => Failure::library(Kind::from_word(error.code()), error),
    }
}

/// Why a wish is not in the lock, in the user's terms.
pub(crate) fn unlocked(error: &RelockError) -> Failure {
    match error {
        RelockError::Resolve(error) => unresolved(error),
        _ => Failure::library(Kind::Usage, error),
    }
}

/// Writes down what the site has said. That it cannot be written takes nothing from what was found, and is only told.
pub(crate) async fn keep(resolver: &Resolver, session: &Session) {
    let Some(recorder) = resolver.recorder.clone() else {
        return;
    };
    let flushed = tokio::task::spawn_blocking(move || recorder.flush()).await;
    if let Ok(Err(error)) = flushed {
        session.printer.fail(&library::failure(&error));
    }
}

/// Brings a lock up to date and tells what changed. The result says how the wishes that were looked up ended.
pub(crate) async fn renew(
    session: &Session,
    resolver: &Resolver,
    manifest: &Manifest,
    old: &Lock,
    renewed: impl Fn(&Locked) -> bool,
) -> Result<(Relocked, Vec<Exit>), Failure> {
    let work = relock(resolver, manifest, old, renewed);
    let Some(relocked) = session.cancel.run_until_cancelled(work).await else {
        return Err(Failure::interrupted());
    };
    keep(resolver, session).await;
    let mut exits = Vec::new();
    for (file, before) in &relocked.changed {
        exits.push(Exit::Done);
        let change = if before.is_some() { "changed" } else { "added" };
        // Whoever read standard output may leave; the lock is wanted all the same.
        let _ = tell(session, change, file);
    }
    for file in &relocked.left {
        exits.push(Exit::Done);
        let _ = tell(session, "removed", file);
    }
    for (want, error) in &relocked.failed {
        exits.push(tell_failure(session, &want.link, &unlocked(error)));
    }
    Ok((relocked, exits))
}

/// The line of a link that came to nothing.
pub(crate) fn tell_failure(session: &Session, link: &str, failure: &Failure) -> Exit {
    let printer = &session.printer;
    printer.fail_item(link, failure);
    if printer.is_json() {
        let record = json!({ "link": link, "error": failure.to_json(printer.lang()) });
        // Whoever read standard output may leave; the other links are wanted all the same.
        let _ = printer.record("locked", &record);
    }
    failure.exit()
}

/// The line of a file that the lock has, gets or loses.
pub(crate) fn tell(
    session: &Session,
    change: &'static str,
    file: &Locked,
) -> Result<(), Unwritable> {
    let printer = &session.printer;
    if printer.is_json() {
        return printer.record("locked", &record(change, file));
    }
    let message = Message::Project(text::Project::Locked {
        change,
        file: Box::new(file.clone()),
    });
    printer.data(&message.say(printer.lang()))?;
    if change != "removed" {
        printer.say(&Message::Project(text::Project::Licence {
            licence: file.about.licence.clone(),
        }));
    }
    if change != "removed" && file.about.real_person {
        printer.warn(&Message::Project(text::Project::RealPerson {
            title: file.about.title.clone().unwrap_or_default(),
        }));
    }
    Ok(())
}

fn record(change: &str, file: &Locked) -> Value {
    json!({
        "link": file.wanted.link,
        "change": change,
        "modelId": file.model.map(civitai_api::ModelId::get),
        "versionId": file.version.get(),
        "fileId": file.file.get(),
        "name": file.name,
        "bytes": file.bytes,
        "sha256": file.sha256.map(|digest| digest.to_string()),
        "blake3": file.blake3.map(|digest| digest.to_string()),
        "path": file.path.as_str(),
        "modelType": file.about.model_type.as_ref().map(civitai_api::ModelType::as_str),
        "baseModel": file.about.base.as_ref().map(civitai_api::BaseModel::as_str),
        "licence": file.about.licence.to_json(),
        "realPerson": file.about.real_person,
    })
}

/// Says whether a text that a user typed means a file of the lock.
pub(crate) fn means(session: &Session, text: &str, file: &Locked) -> bool {
    file.is_meant_by(text, &session.settings.base_url)
}

/// The failure of a lock that is not what the manifest wants.
pub(crate) fn stale(drift: &Drift) -> Failure {
    let message = text::Project::Stale {
        missing: drift.missing.iter().map(|want| want.link.clone()).collect(),
        unwanted: drift.unwanted.iter().map(ToString::to_string).collect(),
    };
    Failure::usage(Message::Project(message)).with_hint(Hint::Project(text::Project::LockIt))
}
