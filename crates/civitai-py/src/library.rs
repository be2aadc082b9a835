//! The library: what is on the disk and what is known of it, fetched, scanned, verified, repaired.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

use civitai_download::{Connections, Jobs, Limit};
use civitai_library::Library as Place;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::choose::Choose;
use crate::client::Client;
use crate::desk::{Desk, Links};
use crate::fetched::Fetched;
use crate::project::Project;
use crate::runtime::Coroutine;
use crate::site::{self, Reach, Way};
use crate::take;
use crate::transfer::{self, Transfer};

/// A folder of models: known, placed, described, reproducible, repairable.
#[pyclass(frozen, module = "civitai_rs")]
pub(crate) struct Library {
    place: Place,
    way: Way,
    jobs: Jobs,
    connections: Connections,
    limit: Option<Arc<Limit>>,
}

impl Library {
    /// Where the library is, as the work of methods takes it.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "one of the ways that `twins!` takes"
    )]
    pub(crate) fn place(&self) -> PyResult<Place> {
        Ok(self.place.clone())
    }

    /// The same with the way to the site.
    #[expect(
        clippy::unnecessary_wraps,
        reason = "one of the ways that `twins!` takes"
    )]
    pub(crate) fn reach(&self) -> PyResult<Reach> {
        Ok(Reach {
            place: self.place.clone(),
            way: self.way.clone(),
        })
    }

    pub(crate) fn desk(&self) -> PyResult<Desk> {
        Ok(Desk {
            place: self.place.clone(),
            site: self.way.site()?,
            jobs: self.jobs,
            connections: self.connections,
            limit: self.limit.clone(),
        })
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
            way: Way::new(client.map(|client| client.get().settings().clone())),
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

    /// The project in or above a directory, the working directory if none is named.
    #[pyo3(signature = (directory = None))]
    fn project(slf: Py<Self>, directory: Option<PathBuf>) -> Project {
        Project::new(slf, directory)
    }

    /// Makes the library what `civitai.lock` says.
    #[pyo3(
        signature = (*, project = None, check = false, **care),
        text_signature = "($self, *, project=None, check=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, raises=True, on_event=None)"
    )]
    fn sync(
        slf: Py<Self>,
        py: Python<'_>,
        project: Option<PathBuf>,
        check: bool,
        care: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Vec<Fetched>> {
        Project::new(slf, project).sync(py, check, care)
    }

    /// Makes the library what `civitai.lock` says.
    #[pyo3(
        signature = (*, project = None, check = false, **care),
        text_signature = "($self, *, project=None, check=False, accept_unverified=False, accept_unsafe=False, consent_real_person=False, raises=True, on_event=None)"
    )]
    fn sync_async(
        slf: Py<Self>,
        py: Python<'_>,
        project: Option<PathBuf>,
        check: bool,
        care: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Coroutine> {
        Project::new(slf, project).sync_async(py, check, care)
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

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let root = self.place.root.clone().into_pyobject(py)?;
        Ok(format!("Library({})", root.repr()?.to_str()?))
    }
}
