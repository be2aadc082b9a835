//! A project: what it wants, which files that is, and the library made so.

use std::path::PathBuf;
use std::sync::Arc;

use civitai_api::VersionId;
use civitai_download::Unproved;
use civitai_library::add::{AddError, Added, Adding, Changed};
use civitai_library::catalogue::Recorder;
use civitai_library::fetch::{Audience, SyncFetch};
use civitai_library::lock::Locked as File;
use civitai_library::manifest::{Manifest, Pick, Range, Rule, Want};
use civitai_library::path::LibraryPath;
use civitai_library::project::Project;
use civitai_library::relock::relock;
use civitai_library::resolve::Resolver;
use civitai_library::sync::Step;
use civitai_security::redact_causes;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::choose::{Care, Choose};
use crate::desk::{Asked, Desk, Work};
use crate::errors::Failure;
use crate::fetched::Fetched;
use crate::line::{Line, Locked};
use crate::look::blocking;
use crate::stock::fields;
use crate::take;

/// Makes a project.
pub(crate) async fn init(directory: PathBuf) -> PyResult<PathBuf> {
    let made = blocking(move || Project::init(&directory)).await?;
    Ok(made.map_err(Failure::from)?.manifest_path())
}

/// What keywords say of links.
pub(crate) fn wants(
    links: &Bound<'_, PyTuple>,
    (version, latest): (Option<u64>, bool),
    file_id: Option<u64>,
    path: Option<&str>,
) -> PyResult<Vec<Want>> {
    let rule = match version {
        Some(id) => Rule::Exactly(take::id::<VersionId>("version", id)?),
        None if latest => Rule::Latest(Range::default()),
        None => Rule::Default,
    };
    let pick = match file_id {
        Some(id) => Pick::File(take::id("file_id", id)?),
        None => Pick::default(),
    };
    let path = path.map(LibraryPath::parse).transpose();
    let path = path.map_err(|error| Failure::argument("path", &error))?;
    let wants = links.iter().map(|link| {
        Ok(Want {
            rule: rule.clone(),
            pick: pick.clone(),
            path: path.clone(),
            ..Want::new(link.extract::<Asked>()?.text())
        })
    });
    wants.collect()
}

/// Adds wishes, each that can be.
pub(crate) async fn add(
    desk: Desk,
    project: Option<PathBuf>,
    wants: Vec<Want>,
    accept_unverified: bool,
) -> PyResult<Vec<Locked>> {
    let project = find(project).await?;
    let held = project.clone();
    let _held = blocking(move || held.hold())
        .await?
        .map_err(Failure::from)?;
    let manifest = manifest(&project).await?;
    let resolver = resolver(&desk, &manifest, accept_unverified).await?;
    let at = project.clone();
    let adding = blocking(move || Adding::of(&at, &manifest, resolver)).await?;
    let mut adding = adding.map_err(Failure::from)?.ok_or_else(no_project)?;
    let mut added = Vec::new();
    for want in wants {
        let link = civitai_api::Link::parse_with(&want.link, Some(desk.site.client.origin()));
        let link = link.map_err(|error| Failure::argument("link", &error))?;
        for link in adding.named(&link).await.map_err(Failure::from)? {
            let want = Want {
                link,
                ..want.clone()
            };
            let Added { file, change } = adding.add(&want).await.map_err(Failure::from)?;
            added.push(Locked::from(of_file(change.as_str(), &file)));
        }
    }
    keep(adding.resolver()).await;
    let saved = blocking(move || adding.save(&project)).await?;
    saved.map_err(Failure::from)?;
    Ok(added)
}

/// Makes the lock what the manifest wants.
pub(crate) async fn lock(
    desk: Desk,
    project: Option<PathBuf>,
    upgrade: bool,
    accept_unverified: bool,
) -> PyResult<Vec<Locked>> {
    let project = find(project).await?;
    let held = project.clone();
    let _held = blocking(move || held.hold())
        .await?
        .map_err(Failure::from)?;
    let manifest = manifest(&project).await?;
    let at = project.clone();
    let old = blocking(move || at.lock()).await?.map_err(Failure::from)?;
    if old.drift(&manifest).is_none() && !upgrade {
        return Ok(Vec::new());
    }
    let resolver = resolver(&desk, &manifest, accept_unverified).await?;
    let relocked = relock(&resolver, &manifest, &old, |_| upgrade).await;
    keep(&resolver).await;
    let lock = relocked.lock;
    let saved = blocking(move || lock.save(&project.lock_path())).await?;
    saved.map_err(Failure::from)?;
    if let Some((want, error)) = relocked.failed.into_iter().next() {
        let problem = format!("{}: {}", want.link, redact_causes(&error));
        return Err(Failure::saying(error.code(), problem).into());
    }
    let changed = relocked.changed.iter().map(|(file, before)| {
        let change = if before.is_some() {
            Changed::Changed
        } else {
            Changed::Added
        };
        of_file(change.as_str(), file)
    });
    let left = relocked.left.iter().map(|file| of_file("removed", file));
    Ok(changed.chain(left).map(Locked::from).collect())
}

/// The making of a library equal to the lock of a project.
pub(crate) struct Sync {
    desk: Desk,
    project: Option<PathBuf>,
    check: bool,
}

impl Sync {
    pub(crate) fn new(desk: Desk, project: Option<PathBuf>, check: bool) -> Self {
        Self {
            desk,
            project,
            check,
        }
    }
}

impl Work for Sync {
    async fn run(
        self,
        choose: Choose,
        audience: Arc<dyn Audience>,
        cancel: CancellationToken,
    ) -> Result<Vec<Fetched>, Failure> {
        let project = find(self.project).await?;
        let at = project.clone();
        let read = blocking(move || Ok::<_, Failure>((at.manifest()?, at.lock()?)));
        let (manifest, lock) = read.await??;
        if let Some(manifest) = &manifest
            && !lock.drift(manifest).is_none()
        {
            let problem = "civitai.lock is not what civitai.toml wants: call lock() first";
            return Err(Failure::saying("usage", problem));
        }
        let policy = manifest.map(|manifest| manifest.policy).unwrap_or_default();
        let lock = Arc::new(lock);
        let sync = SyncFetch {
            library: &self.desk.place,
            project: &project.directory,
            lock: &lock,
            policy: &policy,
        };
        if !self.check {
            sync.recover().await?;
        }
        let plan = sync.plan(|_| {}).await?;
        if self.check {
            let steps = plan.steps.iter().filter_map(of_step);
            return Ok(steps.map(Fetched::planned).collect());
        }
        if plan.is_in_step() {
            return Ok(Vec::new());
        }
        let settled = sync.settle(plan, &choose.given, &*audience).await?;
        if settled.is_over() {
            return Ok(Vec::new());
        }
        let fetch = self.desk.fetch(&choose.care, false).await?;
        let ended = sync
            .fetch(settled, (&fetch, &self.desk.site), &cancel, audience)
            .await?;
        Ok(ended.iter().map(|ended| Fetched::from(&**ended)).collect())
    }
}

/// What differs, where anybody need hear of it.
fn of_step(step: &Step) -> Option<Line> {
    let (action, file) = match step {
        Step::Blocked { file } => ("blocked", Some(file)),
        Step::Fetch { file } => ("download", Some(file)),
        Step::Move { file, .. } => ("move", Some(file)),
        Step::Replace { file } => ("replace", Some(file)),
        Step::Trash { .. } => ("trash", None),
        _ => return None,
    };
    let mut line = file.map_or_else(Line::new, |file| of_file(action, file));
    line.insert("path".into(), step.path().as_str().into());
    line.insert("action".into(), action.into());
    Some(line)
}

async fn find(project: Option<PathBuf>) -> Result<Project, Failure> {
    let found = blocking(move || {
        let from = match project {
            Some(project) => std::path::absolute(project)?,
            None => std::env::current_dir()?,
        };
        Ok::<_, std::io::Error>(Project::find(&from))
    });
    found.await??.ok_or_else(no_project)
}

fn no_project() -> Failure {
    let problem = "no civitai.toml is in the working directory or above it: make one with init()";
    Failure::saying("usage", problem)
}

async fn manifest(project: &Project) -> Result<Manifest, Failure> {
    let project = project.clone();
    blocking(move || project.manifest())
        .await??
        .ok_or_else(no_project)
}

async fn resolver(
    desk: &Desk,
    manifest: &Manifest,
    accept_unverified: bool,
) -> Result<Resolver, Failure> {
    let fetch = desk.fetch(&Care::default(), false).await?;
    Ok(Resolver {
        client: desk.site.client.clone(),
        origin: desk.site.client.origin().clone(),
        layout: desk.place.layout.clone(),
        policy: manifest.policy.clone(),
        unproved: if accept_unverified {
            Unproved::Accept
        } else {
            Unproved::Refuse
        },
        recorder: fetch.recorder,
    })
}

/// Writes down what the site has said. That it cannot be written takes nothing from what was found.
async fn keep(resolver: &Resolver) {
    if let Some(recorder) = resolver.recorder.clone() {
        let _ = blocking(move || Recorder::flush(&recorder)).await;
    }
}

fn of_file(change: &str, file: &File) -> Line {
    let about = &file.about;
    fields(json!({
        "link": file.wanted.link,
        "change": change,
        "modelId": file.model,
        "versionId": file.version,
        "fileId": file.file,
        "name": file.name,
        "bytes": file.bytes,
        "sha256": file.sha256.map(|digest| digest.to_string()),
        "blake3": file.blake3.map(|digest| digest.to_string()),
        "path": file.path.as_str(),
        "modelType": about.model_type.as_ref().map(civitai_api::ModelType::as_str),
        "baseModel": about.base.as_ref().map(civitai_api::BaseModel::as_str),
        "licence": Value::from(about.licence.to_json()),
        "realPerson": about.real_person,
    }))
}

impl From<AddError> for Failure {
    fn from(error: AddError) -> Self {
        Self::new(error.code(), &error)
    }
}
