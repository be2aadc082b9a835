//! The library: what is on the disk and what is known of it, fetched, scanned, verified, repaired.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use civitai_download::{Connections, Jobs, Limit};
use civitai_library::Library as Place;
use civitai_library::scan::{Reading, Scan};
use civitai_library::site::Site;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::choose::Choose;
use crate::client::Client;
use crate::desk::{Desk, Links};
use crate::fetched::Fetched;
use crate::keep::{self, Deed};
use crate::line::{
    Checked, Duplicate, Entry, Held, Identity, Locked, Operation, Reference, Repaired, Scanned,
    Update,
};
use crate::project;
use crate::runtime::{Coroutine, coroutine, wait};
use crate::settings::Settings;
use crate::site;
use crate::stock;
use crate::take;
use crate::transfer::{self, Transfer};

/// A folder of models: known, placed, described, reproducible, repairable.
#[pyclass(frozen, module = "civitai_rs")]
pub(crate) struct Library {
    place: Place,
    client: Option<Settings>,
    site: OnceLock<Site>,
    jobs: Jobs,
    connections: Connections,
    limit: Option<Arc<Limit>>,
}

impl Library {
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The site; it is set up when it is first needed.
    fn site(&self) -> PyResult<Site> {
        if let Some(site) = self.site.get() {
            return Ok(site.clone());
        }
        let settings = match &self.client {
            Some(settings) => settings.clone(),
            None => Settings::default().or_environment()?,
        };
        let site = settings.site()?;
        Ok(self.site.get_or_init(|| site).clone())
    }

    pub(crate) fn desk(&self) -> PyResult<Desk> {
        Ok(Desk {
            place: self.place.clone(),
            site: self.site()?,
            jobs: self.jobs,
            connections: self.connections,
            limit: self.limit.clone(),
        })
    }

    fn site_unless(&self, offline: bool) -> PyResult<Option<Site>> {
        (!offline).then(|| self.site()).transpose()
    }
}

#[pymethods]
impl Library {
    #[new]
    #[pyo3(signature = (
        root = None, *, data_dir = None, layout = None, client = None, jobs = None, connections = None, limit_rate = None
    ))]
    fn new(
        root: Option<PathBuf>,
        data_dir: Option<PathBuf>,
        layout: Option<&str>,
        client: Option<&Bound<'_, Client>>,
        jobs: Option<NonZeroUsize>,
        connections: Option<u32>,
        limit_rate: Option<NonZeroU64>,
    ) -> PyResult<Self> {
        let data_dir = site::data_dir(data_dir)?;
        let root = site::library_root(root, &data_dir)?;
        Ok(Self {
            place: Place {
                root,
                data_dir,
                layout: take::maybe("layout", layout)?.unwrap_or_default(),
            },
            client: client.map(|client| client.get().settings().clone()),
            site: OnceLock::new(),
            jobs: jobs.map_or(Jobs::Auto, Jobs::AtMost),
            connections: connections.map_or(Connections::Auto, Connections::AtMost),
            limit: limit_rate.map(|rate| Arc::new(Limit::new(rate.get()))),
        })
    }

    /// Opens a library; the same as calling the class.
    #[staticmethod]
    #[pyo3(
        signature = (root = None, **settings),
        text_signature = "(root=None, *, data_dir=None, layout=None, client=None, jobs=None, connections=None, limit_rate=None)"
    )]
    fn open<'py>(
        py: Python<'py>,
        root: Option<PathBuf>,
        settings: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        py.get_type::<Self>().call((root,), settings)
    }

    /// The folder that holds the models.
    #[getter]
    fn root(&self) -> &PathBuf {
        &self.place.root
    }

    /// Where what is known of it is kept.
    #[getter]
    fn data_dir(&self) -> &PathBuf {
        &self.place.data_dir
    }

    /// Where files of each kind go.
    #[getter]
    fn layout(&self) -> String {
        self.place.layout.to_string()
    }

    /// Fetches what links lead to.
    #[pyo3(
        signature = (*links, **choose),
        text_signature = "($self, *links, to=None, file_id=None, format=None, fp=None, size=None, quant=None, all_files=False, all_versions=False, with_images=0, sidecars=True, dry_run=False, force=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, wait=True, raises=True, on_event=None)"
    )]
    fn get(
        &self,
        py: Python<'_>,
        links: &Bound<'_, PyTuple>,
        choose: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Fetched>> {
        let links = Links::read(links, self.desk()?)?;
        transfer::run(py, links, Choose::of(choose)?)
    }

    /// Fetches what links lead to.
    #[pyo3(
        signature = (*links, **choose),
        text_signature = "($self, *links, to=None, file_id=None, format=None, fp=None, size=None, quant=None, all_files=False, all_versions=False, with_images=0, sidecars=True, dry_run=False, force=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, wait=True, raises=True, on_event=None)"
    )]
    fn get_async(
        &self,
        py: Python<'_>,
        links: &Bound<'_, PyTuple>,
        choose: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Coroutine> {
        let links = Links::read(links, self.desk()?)?;
        transfer::run_async(py, links, Choose::of(choose)?)
    }

    /// Fetches what links lead to; the same as `get`.
    #[pyo3(
        signature = (*links, **choose),
        text_signature = "($self, *links, to=None, file_id=None, format=None, fp=None, size=None, quant=None, all_files=False, all_versions=False, with_images=0, sidecars=True, dry_run=False, force=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, wait=True, raises=True, on_event=None)"
    )]
    fn download(
        &self,
        py: Python<'_>,
        links: &Bound<'_, PyTuple>,
        choose: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Fetched>> {
        self.get(py, links, choose)
    }

    /// Fetches what links lead to; the same as `get_async`.
    #[pyo3(
        signature = (*links, **choose),
        text_signature = "($self, *links, to=None, file_id=None, format=None, fp=None, size=None, quant=None, all_files=False, all_versions=False, with_images=0, sidecars=True, dry_run=False, force=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, wait=True, raises=True, on_event=None)"
    )]
    fn download_async(
        &self,
        py: Python<'_>,
        links: &Bound<'_, PyTuple>,
        choose: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Coroutine> {
        self.get_async(py, links, choose)
    }

    /// Begins to fetch what links lead to, and iterates over what happens.
    #[pyo3(
        signature = (*links, **choose),
        text_signature = "($self, *links, to=None, file_id=None, format=None, fp=None, size=None, quant=None, all_files=False, all_versions=False, with_images=0, sidecars=True, dry_run=False, force=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, wait=True, raises=True, on_event=None)"
    )]
    fn transfer(
        &self,
        links: &Bound<'_, PyTuple>,
        choose: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Transfer> {
        let links = Links::read(links, self.desk()?)?;
        Transfer::new(links, Choose::of(choose)?)
    }

    /// Makes a project in a directory; returns the path of its `civitai.toml`.
    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn init(&self, py: Python<'_>, directory: PathBuf) -> PyResult<PathBuf> {
        wait(py, project::init(directory))
    }

    /// Makes a project in a directory; returns the path of its `civitai.toml`.
    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn init_async(&self, directory: PathBuf) -> Coroutine {
        coroutine(project::init(directory))
    }

    /// Adds links to `civitai.toml` and the files they lead to to `civitai.lock`.
    #[pyo3(signature = (
        *links, project = None, version = None, latest = false, file_id = None, path = None, accept_unverified = false
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "keywords of Python, each with a default"
    )]
    fn add(
        &self,
        py: Python<'_>,
        links: &Bound<'_, PyTuple>,
        project: Option<PathBuf>,
        version: Option<u64>,
        latest: bool,
        file_id: Option<u64>,
        path: Option<&str>,
        accept_unverified: bool,
    ) -> PyResult<Vec<Locked>> {
        let desk = self.desk()?;
        let wants = project::wants(links, (version, latest), file_id, path)?;
        wait(py, project::add(desk, project, wants, accept_unverified))
    }

    /// Adds links to `civitai.toml` and the files they lead to to `civitai.lock`.
    #[pyo3(signature = (
        *links, project = None, version = None, latest = false, file_id = None, path = None, accept_unverified = false
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "keywords of Python, each with a default"
    )]
    fn add_async(
        &self,
        links: &Bound<'_, PyTuple>,
        project: Option<PathBuf>,
        version: Option<u64>,
        latest: bool,
        file_id: Option<u64>,
        path: Option<&str>,
        accept_unverified: bool,
    ) -> PyResult<Coroutine> {
        let desk = self.desk()?;
        let wants = project::wants(links, (version, latest), file_id, path)?;
        Ok(coroutine(project::add(
            desk,
            project,
            wants,
            accept_unverified,
        )))
    }

    /// Makes `civitai.lock` what `civitai.toml` wants; returns what changed.
    #[pyo3(signature = (*, project = None, upgrade = false, accept_unverified = false))]
    fn lock(
        &self,
        py: Python<'_>,
        project: Option<PathBuf>,
        upgrade: bool,
        accept_unverified: bool,
    ) -> PyResult<Vec<Locked>> {
        wait(
            py,
            project::lock(self.desk()?, project, upgrade, accept_unverified),
        )
    }

    /// Makes `civitai.lock` what `civitai.toml` wants; returns what changed.
    #[pyo3(signature = (*, project = None, upgrade = false, accept_unverified = false))]
    fn lock_async(
        &self,
        project: Option<PathBuf>,
        upgrade: bool,
        accept_unverified: bool,
    ) -> PyResult<Coroutine> {
        let desk = self.desk()?;
        Ok(coroutine(project::lock(
            desk,
            project,
            upgrade,
            accept_unverified,
        )))
    }

    /// Makes the library what `civitai.lock` says.
    #[pyo3(
        signature = (*, project = None, check = false, **care),
        text_signature = "($self, *, project=None, check=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, raises=True, on_event=None)"
    )]
    fn sync(
        &self,
        py: Python<'_>,
        project: Option<PathBuf>,
        check: bool,
        care: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Fetched>> {
        transfer::run(
            py,
            project::Sync::new(self.desk()?, project, check),
            Choose::of(care)?,
        )
    }

    /// Makes the library what `civitai.lock` says.
    #[pyo3(
        signature = (*, project = None, check = false, **care),
        text_signature = "($self, *, project=None, check=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, raises=True, on_event=None)"
    )]
    fn sync_async(
        &self,
        py: Python<'_>,
        project: Option<PathBuf>,
        check: bool,
        care: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Coroutine> {
        transfer::run_async(
            py,
            project::Sync::new(self.desk()?, project, check),
            Choose::of(care)?,
        )
    }

    /// Looks what is there, hashes what is new, and asks the site what it is.
    #[pyo3(signature = (*folders, offline = false, hash = true))]
    fn scan(
        &self,
        py: Python<'_>,
        folders: &Bound<'_, PyTuple>,
        offline: bool,
        hash: bool,
    ) -> PyResult<Scanned> {
        let scan = self.scanning(offline, hash)?;
        wait(py, stock::scanned(scan, paths(folders)?))
    }

    /// Looks what is there, hashes what is new, and asks the site what it is.
    #[pyo3(signature = (*folders, offline = false, hash = true))]
    fn scan_async(
        &self,
        folders: &Bound<'_, PyTuple>,
        offline: bool,
        hash: bool,
    ) -> PyResult<Coroutine> {
        let scan = self.scanning(offline, hash)?;
        Ok(coroutine(stock::scanned(scan, paths(folders)?)))
    }

    /// Returns what is known of the files.
    fn list(&self, py: Python<'_>) -> PyResult<Vec<Entry>> {
        wait(py, stock::entries(self.place.clone()))
    }

    /// Returns what is known of the files.
    fn list_async(&self) -> Coroutine {
        coroutine(stock::entries(self.place.clone()))
    }

    /// Says how the files stand: by size and time, or, if `deep`, by reading each byte.
    #[pyo3(signature = (*paths, deep = false, every = None, io_limit = None))]
    fn verify(
        &self,
        py: Python<'_>,
        paths: &Bound<'_, PyTuple>,
        deep: bool,
        every: Option<Duration>,
        io_limit: Option<NonZeroU64>,
    ) -> PyResult<Vec<Checked>> {
        let depth = deep.then_some((every.unwrap_or_default(), io_limit));
        wait(
            py,
            stock::verified(self.place.clone(), self::paths(paths)?, depth),
        )
    }

    /// Says how the files stand: by size and time, or, if `deep`, by reading each byte.
    #[pyo3(signature = (*paths, deep = false, every = None, io_limit = None))]
    fn verify_async(
        &self,
        paths: &Bound<'_, PyTuple>,
        deep: bool,
        every: Option<Duration>,
        io_limit: Option<NonZeroU64>,
    ) -> PyResult<Coroutine> {
        let depth = deep.then_some((every.unwrap_or_default(), io_limit));
        let paths = self::paths(paths)?;
        Ok(coroutine(stock::verified(self.place.clone(), paths, depth)))
    }

    /// Makes damaged files whole, with as few bytes from elsewhere as it takes.
    #[pyo3(signature = (*paths, copies = Vec::new(), offline = false))]
    fn repair(
        &self,
        py: Python<'_>,
        paths: &Bound<'_, PyTuple>,
        copies: Vec<PathBuf>,
        offline: bool,
    ) -> PyResult<Vec<Repaired>> {
        let site = self.site_unless(offline)?;
        let work = stock::repaired(self.place.clone(), self::paths(paths)?, copies, site);
        wait(py, work)
    }

    /// Makes damaged files whole, with as few bytes from elsewhere as it takes.
    #[pyo3(signature = (*paths, copies = Vec::new(), offline = false))]
    fn repair_async(
        &self,
        paths: &Bound<'_, PyTuple>,
        copies: Vec<PathBuf>,
        offline: bool,
    ) -> PyResult<Coroutine> {
        let site = self.site_unless(offline)?;
        let work = stock::repaired(self.place.clone(), self::paths(paths)?, copies, site);
        Ok(coroutine(work))
    }

    /// Says of which models there are newer versions.
    #[pyo3(signature = (*paths, same_base = false))]
    fn updates(
        &self,
        py: Python<'_>,
        paths: &Bound<'_, PyTuple>,
        same_base: bool,
    ) -> PyResult<Vec<Update>> {
        let (place, site) = (self.place.clone(), self.site()?);
        wait(
            py,
            stock::updated(place, self::paths(paths)?, site, same_base),
        )
    }

    /// Says of which models there are newer versions.
    #[pyo3(signature = (*paths, same_base = false))]
    fn updates_async(&self, paths: &Bound<'_, PyTuple>, same_base: bool) -> PyResult<Coroutine> {
        let (place, site) = (self.place.clone(), self.site()?);
        let paths = self::paths(paths)?;
        Ok(coroutine(stock::updated(place, paths, site, same_base)))
    }

    /// Says what a file is by its header, and by what the library has taught.
    fn identify(&self, py: Python<'_>, path: PathBuf) -> PyResult<Identity> {
        wait(py, stock::told(self.place.clone(), path))
    }

    /// Says what a file is by its header, and by what the library has taught.
    fn identify_async(&self, path: PathBuf) -> Coroutine {
        coroutine(stock::told(self.place.clone(), path))
    }

    /// Returns the digests of a file.
    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn hash(&self, py: Python<'_>, path: PathBuf) -> PyResult<crate::line::FileHashes> {
        crate::look::hash(py, path)
    }

    /// Returns the digests of a file.
    #[expect(clippy::unused_self, reason = "a method of Python")]
    fn hash_async(&self, path: PathBuf) -> Coroutine {
        crate::look::hash_async(path)
    }

    /// Returns the models that a workflow, or a picture with one in it, uses, and which of them are missing.
    #[pyo3(signature = (path, *, offline = false))]
    fn references(&self, py: Python<'_>, path: PathBuf, offline: bool) -> PyResult<Vec<Reference>> {
        let site = self.site_unless(offline)?;
        wait(py, stock::referred(self.place.clone(), path, site))
    }

    /// Returns the models that a workflow, or a picture with one in it, uses, and which of them are missing.
    #[pyo3(signature = (path, *, offline = false))]
    fn references_async(&self, path: PathBuf, offline: bool) -> PyResult<Coroutine> {
        let site = self.site_unless(offline)?;
        Ok(coroutine(stock::referred(self.place.clone(), path, site)))
    }

    /// Puts models, and what stands beside them, into the trash.
    #[pyo3(signature = (*paths))]
    fn remove(&self, py: Python<'_>, paths: &Bound<'_, PyTuple>) -> PyResult<Operation> {
        let work = keep::carry_out(self.place.clone(), Deed::Remove(self::paths(paths)?));
        wait(py, async { Ok(work.await?) })
    }

    /// Puts models, and what stands beside them, into the trash.
    #[pyo3(signature = (*paths))]
    fn remove_async(&self, paths: &Bound<'_, PyTuple>) -> PyResult<Coroutine> {
        let work = keep::carry_out(self.place.clone(), Deed::Remove(self::paths(paths)?));
        Ok(coroutine(async { Ok(work.await?) }))
    }

    /// Moves models, and what stands beside them, into a folder below the root, or to where the layout says.
    #[pyo3(signature = (*paths, to = None))]
    fn r#move(
        &self,
        py: Python<'_>,
        paths: &Bound<'_, PyTuple>,
        to: Option<String>,
    ) -> PyResult<Operation> {
        let work = keep::carry_out(self.place.clone(), Deed::Move(self::paths(paths)?, to));
        wait(py, async { Ok(work.await?) })
    }

    /// Moves models, and what stands beside them, into a folder below the root, or to where the layout says.
    #[pyo3(signature = (*paths, to = None))]
    fn move_async(&self, paths: &Bound<'_, PyTuple>, to: Option<String>) -> PyResult<Coroutine> {
        let work = keep::carry_out(self.place.clone(), Deed::Move(self::paths(paths)?, to));
        Ok(coroutine(async { Ok(work.await?) }))
    }

    /// Gives a model, and what stands beside it, another name.
    fn rename(&self, py: Python<'_>, path: PathBuf, name: String) -> PyResult<Operation> {
        let work = keep::carry_out(self.place.clone(), Deed::Rename(path, name));
        wait(py, async { Ok(work.await?) })
    }

    /// Gives a model, and what stands beside it, another name.
    fn rename_async(&self, path: PathBuf, name: String) -> Coroutine {
        let work = keep::carry_out(self.place.clone(), Deed::Rename(path, name));
        coroutine(async { Ok(work.await?) })
    }

    /// Takes an operation back; the latest, if none is named.
    #[pyo3(signature = (id = None))]
    fn undo(&self, py: Python<'_>, id: Option<u64>) -> PyResult<Operation> {
        let work = keep::carry_out(self.place.clone(), Deed::Undo(id));
        wait(py, async { Ok(work.await?) })
    }

    /// Takes an operation back; the latest, if none is named.
    #[pyo3(signature = (id = None))]
    fn undo_async(&self, id: Option<u64>) -> Coroutine {
        let work = keep::carry_out(self.place.clone(), Deed::Undo(id));
        coroutine(async { Ok(work.await?) })
    }

    /// Returns the groups of files that are alike.
    fn duplicates(&self, py: Python<'_>) -> PyResult<Vec<Duplicate>> {
        let work = keep::duplicates(self.place.clone());
        wait(py, async { Ok(work.await?) })
    }

    /// Returns the groups of files that are alike.
    fn duplicates_async(&self) -> Coroutine {
        let work = keep::duplicates(self.place.clone());
        coroutine(async { Ok(work.await?) })
    }

    /// Returns what is in quarantine.
    fn quarantine(&self, py: Python<'_>) -> PyResult<Vec<Held>> {
        let work = keep::held(self.place.clone());
        wait(py, async { Ok(work.await?) })
    }

    /// Returns what is in quarantine.
    fn quarantine_async(&self) -> Coroutine {
        let work = keep::held(self.place.clone());
        coroutine(async { Ok(work.await?) })
    }

    /// Gives a file in quarantine its name after all.
    fn release(&self, py: Python<'_>, id: u64) -> PyResult<PathBuf> {
        let work = keep::release(self.place.clone(), id);
        wait(py, async { Ok(work.await?) })
    }

    /// Gives a file in quarantine its name after all.
    fn release_async(&self, id: u64) -> Coroutine {
        let work = keep::release(self.place.clone(), id);
        coroutine(async { Ok(work.await?) })
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let root = self.place.root.clone().into_pyobject(py)?;
        Ok(format!("Library({})", root.repr()?.to_str()?))
    }
}

impl Library {
    fn scanning(&self, offline: bool, hash: bool) -> PyResult<Scan> {
        Ok(Scan {
            library: self.place.clone(),
            client: self.site_unless(offline)?.map(|site| site.client),
            reading: if hash { Reading::All } else { Reading::Nothing },
            keys: None,
        })
    }
}

fn paths(paths: &Bound<'_, PyTuple>) -> PyResult<Vec<PathBuf>> {
    paths.iter().map(|path| path.extract()).collect()
}
