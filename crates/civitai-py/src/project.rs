//! A project: what it wants, which files that is, and the library made so.

mod sync;

use std::path::PathBuf;

use civitai_api::VersionId;
use civitai_download::Unproved;
use civitai_library::add::{Added, Adding, Changed};
use civitai_library::catalogue::Recorder;
use civitai_library::leave::Leaving;
use civitai_library::lock::export::{Form, Setting};
use civitai_library::lock::{Lock, Locked as File};
use civitai_library::manifest::{Manifest, Pick, Range, Rule, Want};
use civitai_library::path::LibraryPath;
use civitai_library::project::{Held, Project as Place};
use civitai_library::relock::relock;
use civitai_library::resolve::Resolver;
use civitai_security::{redact_causes, redact_text};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::{Value, json};

use self::sync::Sync;
use crate::choose::{Care, Choose};
use crate::desk::{Asked, Desk};
use crate::errors::Failure;
use crate::fetched::Fetched;
use crate::library::Library;
use crate::line::{Line, Locked, Rows};
use crate::look::blocking;
use crate::runtime::Coroutine;
use crate::stock::fields;
use crate::take;
use crate::transfer;

/// A project: what is wanted, and which files that is.
#[pyclass(frozen, module = "civitai_rs")]
pub(crate) struct Project {
    library: Py<Library>,
    directory: Option<PathBuf>,
}

/// A project with the library that its files go to.
pub(crate) struct At {
    desk: Desk,
    /// Where it is looked for; the working directory if nothing is said.
    directory: Option<PathBuf>,
}

impl Project {
    pub(crate) fn new(library: Py<Library>, directory: Option<PathBuf>) -> Self {
        Self { library, directory }
    }

    fn at(&self) -> PyResult<At> {
        Ok(At {
            desk: self.library.get().desk()?,
            directory: self.directory.clone(),
        })
    }
}

twins! { Project, at {
    /// Adds links to `civitai.toml` and the files they lead to to `civitai.lock`.
    fn add / add_async
        [*links, version = None, latest = false, file_id = None, path = None, accept_unverified = false]
        (links: Vec<Asked>, version: Option<u64>, latest: bool, file_id: Option<u64>, path: Option<String>,
         accept_unverified: bool) -> Rows<Locked> = add;

    /// Takes wishes out of `civitai.toml`, and their files out of `civitai.lock`.
    fn remove / remove_async [*links] (links: Vec<Asked>) -> Rows<Locked> = remove;

    /// Makes `civitai.lock` what `civitai.toml` wants; returns what changed.
    fn lock / lock_async [*, accept_unverified = false] (accept_unverified: bool) -> Rows<Locked> = lock;

    /// Looks for newer versions where `civitai.toml` allows them; returns what changed.
    fn upgrade / upgrade_async [*links, accept_unverified = false]
        (links: Vec<Asked>, accept_unverified: bool) -> Rows<Locked> = upgrade;

    /// Returns the files of `civitai.lock`.
    fn tree / tree_async [] () -> Rows<Locked> = tree;

    /// Returns what `civitai.lock` pins in the form of another tool.
    fn export / export_async [format] (format: String) -> String = export;
} }

#[pymethods]
impl Project {
    /// Makes the library what `civitai.lock` says.
    #[pyo3(
        signature = (*, check = false, **care),
        text_signature = "($self, *, check=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, raises=True, on_event=None)"
    )]
    pub(crate) fn sync(
        &self,
        py: Python<'_>,
        check: bool,
        care: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Fetched>> {
        let at = self.at()?;
        transfer::run(py, Sync { at, check }, Choose::of(care)?)
    }

    /// Makes the library what `civitai.lock` says.
    #[pyo3(
        signature = (*, check = false, **care),
        text_signature = "($self, *, check=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, raises=True, on_event=None)"
    )]
    pub(crate) fn sync_async(
        &self,
        py: Python<'_>,
        check: bool,
        care: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Coroutine> {
        let at = self.at()?;
        transfer::run_async(py, Sync { at, check }, Choose::of(care)?)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let directory = self.directory.clone().unwrap_or_else(|| ".".into());
        Ok(format!("Project({})", directory.into_pyobject(py)?.repr()?))
    }
}

twins! { Library, desk {
    /// Makes a project in a directory; returns the path of its `civitai.toml`.
    fn init / init_async [directory] (directory: PathBuf) -> PathBuf = init;

    /// Adds links to `civitai.toml` and the files they lead to to `civitai.lock`.
    fn add / add_async
        [*links, project = None, version = None, latest = false, file_id = None, path = None, accept_unverified = false]
        (links: Vec<Asked>, project: Option<PathBuf>, version: Option<u64>, latest: bool, file_id: Option<u64>,
         path: Option<String>, accept_unverified: bool) -> Rows<Locked> = add_to;

    /// Makes `civitai.lock` what `civitai.toml` wants; returns what changed.
    fn lock / lock_async [*, project = None, upgrade = false, accept_unverified = false]
        (project: Option<PathBuf>, upgrade: bool, accept_unverified: bool) -> Rows<Locked> = lock_of;
} }

async fn init(_: Desk, directory: PathBuf) -> PyResult<PathBuf> {
    let made = blocking(move || Place::init(&directory)).await?;
    Ok(made.map_err(Failure::from)?.manifest_path())
}

async fn add_to(
    desk: Desk,
    links: Vec<Asked>,
    directory: Option<PathBuf>,
    version: Option<u64>,
    latest: bool,
    file_id: Option<u64>,
    path: Option<String>,
    accept_unverified: bool,
) -> PyResult<Rows<Locked>> {
    let at = At { desk, directory };
    add(at, links, version, latest, file_id, path, accept_unverified).await
}

async fn lock_of(
    desk: Desk,
    directory: Option<PathBuf>,
    upgrade: bool,
    accept_unverified: bool,
) -> PyResult<Rows<Locked>> {
    let at = At { desk, directory };
    if upgrade {
        return self::upgrade(at, Vec::new(), accept_unverified).await;
    }
    lock(at, accept_unverified).await
}

/// Adds wishes, each that can be.
async fn add(
    at: At,
    links: Vec<Asked>,
    version: Option<u64>,
    latest: bool,
    file_id: Option<u64>,
    path: Option<String>,
    accept_unverified: bool,
) -> PyResult<Rows<Locked>> {
    let wish = wish((version, latest), file_id, path.as_deref())?;
    let project = find(at.directory).await?;
    let _held = hold(&project).await?;
    let manifest = manifest(&project).await?;
    let resolver = resolver(&at.desk, &manifest, accept_unverified).await?;
    let place = project.clone();
    let adding = blocking(move || Adding::of(&place, &manifest, resolver)).await?;
    let mut adding = adding.map_err(Failure::from)?.ok_or_else(no_project)?;
    let mut added = Vec::new();
    for asked in links {
        let link = asked.read(&at.desk)?;
        for link in adding.named(&link).await.map_err(Failure::from)? {
            let want = Want {
                link,
                ..wish.clone()
            };
            let Added { file, change } = adding.add(&want).await.map_err(Failure::from)?;
            added.push(Locked::from(of_file(change.as_str(), &file)));
        }
    }
    keep(adding.resolver()).await;
    let saved = blocking(move || adding.save(&project)).await?;
    saved.map_err(Failure::from)?;
    Ok(Rows(added))
}

/// What keywords say of each link.
fn wish(
    (version, latest): (Option<u64>, bool),
    file_id: Option<u64>,
    path: Option<&str>,
) -> PyResult<Want> {
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
    Ok(Want {
        rule,
        pick,
        path: path.map_err(|error| Failure::argument("path", &error))?,
        ..Want::new("")
    })
}

async fn remove(at: At, links: Vec<Asked>) -> PyResult<Rows<Locked>> {
    let project = find(at.directory).await?;
    let _held = hold(&project).await?;
    let origin = at.desk.site.client.origin().clone();
    let links: Vec<_> = links.into_iter().map(Asked::text).collect();
    let removed = blocking(move || {
        let leaving = Leaving::of(&project, &links, &origin)?.ok_or_else(no_project)?;
        if let Some(unknown) = leaving.unknown().first() {
            return Err(unwanted(unknown));
        }
        leaving.save(&project)?;
        Ok::<_, Failure>(leaving)
    });
    let removed = removed.await??;
    let files = removed.files().iter();
    Ok(files
        .map(|file| Locked::from(of_file("removed", file)))
        .collect())
}

async fn lock(at: At, accept_unverified: bool) -> PyResult<Rows<Locked>> {
    let project = find(at.directory.clone()).await?;
    let _held = hold(&project).await?;
    let (manifest, old) = both(&project).await?;
    if old.drift(&manifest).is_none() {
        return Ok(Rows(Vec::new()));
    }
    renew(&at, project, (&manifest, &old), accept_unverified, |_| {
        false
    })
    .await
}

async fn upgrade(at: At, links: Vec<Asked>, accept_unverified: bool) -> PyResult<Rows<Locked>> {
    let project = find(at.directory.clone()).await?;
    let _held = hold(&project).await?;
    let (manifest, old) = both(&project).await?;
    let origin = at.desk.site.client.origin().clone();
    let links: Vec<_> = links.into_iter().map(Asked::text).collect();
    for link in &links {
        if !old
            .files()
            .iter()
            .any(|file| file.is_meant_by(link, &origin))
        {
            return Err(unwanted(link).into());
        }
    }
    let is_meant =
        |file: &File| links.is_empty() || links.iter().any(|link| file.is_meant_by(link, &origin));
    renew(&at, project, (&manifest, &old), accept_unverified, is_meant).await
}

/// Makes the lock what the manifest wants, looking up again what `renewed` says. What leads to a file is saved, whatever
/// fails beside it.
async fn renew(
    at: &At,
    project: Place,
    (manifest, old): (&Manifest, &Lock),
    accept_unverified: bool,
    renewed: impl Fn(&File) -> bool + Send + std::marker::Sync,
) -> PyResult<Rows<Locked>> {
    let resolver = resolver(&at.desk, manifest, accept_unverified).await?;
    let relocked = relock(&resolver, manifest, old, renewed).await;
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

async fn tree(at: At) -> PyResult<Rows<Locked>> {
    let project = find(at.directory).await?;
    let root = at.desk.place.root;
    let files = blocking(move || {
        let lock = project.lock()?;
        let files = lock.files().iter().map(|file| {
            let mut line = of_file("none", file);
            let present = root.join(&file.path).is_file();
            line.insert("present".into(), present.into());
            Locked::from(line)
        });
        Ok::<_, Failure>(files.collect())
    });
    Ok(files.await??)
}

async fn export(at: At, format: String) -> PyResult<String> {
    let form: Form = format.parse().map_err(|_| {
        let known = Form::NAMES.join(", ");
        Failure::saying("usage", format!("format: {format:?} is none of {known}"))
    })?;
    let project = find(at.directory).await?;
    let lock = blocking(move || project.lock()).await?;
    let setting = Setting {
        site: at.desk.site.client.origin(),
        version: env!("CARGO_PKG_VERSION"),
    };
    Ok(lock.map_err(Failure::from)?.export(form, &setting))
}

async fn find(project: Option<PathBuf>) -> Result<Place, Failure> {
    let found = blocking(move || {
        let from = match project {
            Some(project) => std::path::absolute(project)?,
            None => std::env::current_dir()?,
        };
        Ok::<_, std::io::Error>(Place::find(&from))
    });
    found.await??.ok_or_else(no_project)
}

fn no_project() -> Failure {
    let problem = "no civitai.toml is in the working directory or above it: make one with init()";
    Failure::saying("usage", problem)
}

fn unwanted(link: &str) -> Failure {
    let link = redact_text(link);
    let problem = format!("{link} is not in the project: tree() lists what is");
    Failure::saying("not_found", problem)
}

/// The right to change the project, which one process has at a time.
async fn hold(project: &Place) -> Result<Held, Failure> {
    let project = project.clone();
    Ok(blocking(move || project.hold()).await??)
}

async fn both(project: &Place) -> Result<(Manifest, Lock), Failure> {
    let manifest = manifest(project).await?;
    let project = project.clone();
    Ok((manifest, blocking(move || project.lock()).await??))
}

async fn manifest(project: &Place) -> Result<Manifest, Failure> {
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
