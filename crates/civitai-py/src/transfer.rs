//! Files of the site, fetched: all at once and waited for, or one event after the other.

use std::path::PathBuf;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use civitai_api::select::{Choice, Variant};
use civitai_api::{FileId, Link};
use civitai_download::{Connections, Event, Existing, Jobs, Limit, Unproved, Wait};
use civitai_library::catalogue::{Origin, Recorder};
use civitai_library::fetch::{Action, Ended, Fetch, FetchError, Landed, Rules, Tell, Told};
use civitai_library::find::{Destination, Finder, Given, LOOKUPS, Versions, Wanted, Wish};
use civitai_library::judge::Judge;
use civitai_library::licence::Policy;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use futures::stream::{self, StreamExt as _};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::errors::Failure;
use crate::give::Give as _;
use crate::line::{Line, Planned, Progress, span};
use crate::listing::or_stop;
use crate::runtime::{Coroutine, coroutine, ready, runtime, wait};
use crate::take;

/// What became of a link or of one of its files.
#[pyclass(frozen, module = "civitai_rs")]
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    line: Line,
    failure: Option<Failure>,
}

#[pymethods]
impl Fetched {
    /// The `type` of the JSON line.
    #[getter]
    fn r#type(&self) -> &'static str {
        "file"
    }

    /// Whether the file is in its place.
    #[getter]
    fn ok(&self) -> bool {
        self.failure.is_none()
    }

    #[getter]
    fn path<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let path = self.line.get("path").and_then(Value::as_str);
        path.map(PathBuf::from).into_bound_py_any(py)
    }

    #[getter]
    fn link<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("link").give(py)
    }

    #[getter]
    fn status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("status").give(py)
    }

    #[getter]
    fn model_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("modelId").give(py)
    }

    #[getter]
    fn version_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("versionId").give(py)
    }

    #[getter]
    fn file_id<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("fileId").give(py)
    }

    #[getter]
    fn bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("bytes").give(py)
    }

    #[getter]
    fn fetched_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("fetchedBytes").give(py)
    }

    #[getter]
    fn sha256<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("sha256").give(py)
    }

    #[getter]
    fn verified<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("verified").give(py)
    }

    #[getter]
    fn scan<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.get("scan").give(py)
    }

    /// Where the bytes are that must not get their name.
    #[getter]
    fn quarantine<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let path = self.line.get("quarantine").and_then(Value::as_str);
        path.map(PathBuf::from).into_bound_py_any(py)
    }

    /// How long it took.
    #[getter]
    fn duration<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        span(py, self.line.get("seconds").unwrap_or(&Value::Null))
    }

    /// Why the file is not in its place.
    #[getter]
    fn error(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let failure = self.failure.clone()?;
        Some(PyErr::from(failure).into_value(py).into_any())
    }

    /// Returns the fields as the command line prints them.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.line.give(py)
    }

    /// Returns the same as JSON text.
    fn to_json(&self) -> String {
        Value::Object(self.line.clone()).to_string()
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.line == other.line
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let (status, path) = (self.status(py)?.repr()?, self.path(py)?.repr()?);
        Ok(format!("Fetched(status={status}, path={path})"))
    }
}

impl Fetched {
    /// What would be done about a file.
    pub(crate) fn planned(mut line: Line) -> Self {
        line.insert("status".into(), "planned".into());
        Self {
            line,
            failure: None,
        }
    }
}

impl From<&Ended> for Fetched {
    fn from(ended: &Ended) -> Self {
        let mut line = of_origin(&ended.link, ended.origin);
        let path = ended.path.as_ref().map(|path| path.to_string_lossy());
        line.insert("path".into(), json!(path));
        let scan = ended
            .judgement
            .as_ref()
            .map(|judged| judged.verdict.as_str());
        line.insert("scan".into(), json!(scan));
        let (status, rest, failure) = match &ended.outcome {
            Ok(Landed::Fetched(fetched)) => (
                fetched.how.to_string(),
                json!({
                    "bytes": fetched.bytes,
                    "fetchedBytes": fetched.fetched_bytes,
                    "sha256": fetched.digests.sha256.map(|digest| digest.to_string()),
                    "verified": fetched.verified.to_string(),
                    "seconds": fetched.elapsed.as_secs_f64(),
                }),
                None,
            ),
            Ok(Landed::Linked(reused)) => (
                "linked".to_owned(),
                json!({
                    "bytes": reused.digests.bytes,
                    "fetchedBytes": 0,
                    "sha256": reused.digests.sha256.map(|digest| digest.to_string()),
                    "verified": "sha256",
                    "linkedTo": reused.from.to_string_lossy(),
                }),
                None,
            ),
            Ok(_) => ("planned".to_owned(), json!({}), None),
            Err(error) => {
                let quarantine = error.quarantined().map(|path| path.to_string_lossy());
                let status = match (error.code(), &quarantine) {
                    ("interrupted", _) => "interrupted",
                    (_, Some(_)) => "quarantined",
                    _ => "failed",
                };
                let failure = failure(error, ended);
                let told = json!({ "quarantine": quarantine, "error": failure.to_json() });
                (status.to_owned(), told, Some(failure))
            }
        };
        line.insert("status".into(), status.into());
        if let Value::Object(rest) = rest {
            line.extend(rest);
        }
        Self { line, failure }
    }
}

fn failure(error: &FetchError, ended: &Ended) -> Failure {
    let id = |id: Option<u32>| id;
    Failure::from(error)
        .with(
            "model_id",
            id(ended.origin.and_then(|of| of.model).map(|id| id.get())),
        )
        .with("version_id", id(ended.origin.map(|of| of.version.get())))
        .with(
            "file_id",
            id(ended.origin.and_then(|of| of.file).map(FileId::get)),
        )
        .with("path", ended.path.clone())
}

fn of_origin(link: &str, origin: Option<Origin>) -> Line {
    let mut line = Line::new();
    line.insert("link".into(), link.into());
    let model = origin.and_then(|origin| origin.model);
    let file = origin.and_then(|origin| origin.file);
    line.insert("modelId".into(), json!(model.map(|id| id.get())));
    line.insert(
        "versionId".into(),
        json!(origin.map(|origin| origin.version.get())),
    );
    line.insert("fileId".into(), json!(file.map(FileId::get)));
    line
}

/// One thing that happened, on its way to Python.
#[derive(Clone, Debug, IntoPyObject)]
pub(crate) enum Happened {
    Planned(Planned),
    Progress(Progress),
    Ended(Fetched),
}

impl Happened {
    fn of(told: Told) -> Option<Self> {
        Some(match told {
            Told::Planned { file, path, action } => {
                Self::Planned(planned(&file, &path, action).into())
            }
            Told::Moved { file, path, event } => {
                let Event::Progress {
                    bytes,
                    total,
                    connections,
                } = event
                else {
                    return None;
                };
                let mut line = Line::new();
                line.insert("link".into(), file.link.as_str().into());
                line.insert("fileId".into(), json!(file.origin.file.map(FileId::get)));
                line.insert("path".into(), json!(path.to_string_lossy()));
                line.insert("bytes".into(), json!(bytes));
                line.insert("total".into(), json!(total));
                line.insert("connections".into(), json!(connections));
                Self::Progress(line.into())
            }
            Told::Ended(ended) => Self::Ended(Fetched::from(&*ended)),
            _ => return None,
        })
    }
}

fn planned(file: &Wanted, path: &std::path::Path, action: Action) -> Line {
    let mut line = of_origin(&file.link, Some(file.origin));
    let name = path.file_name().map(|name| name.to_string_lossy());
    line.insert("name".into(), json!(name));
    line.insert("bytes".into(), json!(file.expected.bytes));
    let sha256 = file.expected.sha256.map(|digest| digest.to_string());
    line.insert("sha256".into(), json!(sha256));
    line.insert("path".into(), json!(path.to_string_lossy()));
    line.insert("action".into(), action.as_str().into());
    line.insert("licence".into(), file.terms.licence.to_json().into());
    line
}

/// Which files of links are fetched, and how: the keywords of `get`.
#[derive(Debug)]
pub(crate) struct Choose {
    to: Option<PathBuf>,
    wish: Wish,
    with_images: usize,
    sidecars: bool,
    given: Given,
    pub(crate) care: Care,
    dry_run: bool,
    pub(crate) on_event: Option<Py<PyAny>>,
    raises: bool,
}

/// What is taken, and what is waited for.
#[derive(Clone, Debug)]
pub(crate) struct Care {
    pub(crate) existing: Existing,
    pub(crate) unproved: Unproved,
    pub(crate) judge: Judge,
    pub(crate) wait: Wait,
}

impl Default for Care {
    fn default() -> Self {
        Self {
            existing: Existing::Keep,
            unproved: Unproved::Refuse,
            judge: Judge::default(),
            // A cell that is run again after Ctrl-C meets the last flush of its first run.
            wait: Wait::UntilFree,
        }
    }
}

impl Choose {
    pub(crate) fn of(keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let mut choose = Self {
            to: None,
            wish: Wish::default(),
            with_images: 0,
            sidecars: true,
            given: Given::No,
            care: Care::default(),
            dry_run: false,
            on_event: None,
            raises: true,
        };
        let (mut file_id, mut all_files): (Option<u64>, bool) = (None, false);
        let mut variant = Variant::default();
        for (key, value) in keywords.into_iter().flatten() {
            let key: String = key.extract()?;
            if value.is_none() {
                continue;
            }
            match key.as_str() {
                "to" => choose.to = Some(value.extract()?),
                "file_id" => file_id = Some(value.extract()?),
                "format" => {
                    let named = civitai_api::FileFormat::named(&value.extract::<String>()?);
                    variant.format =
                        Some(named.map_err(|error| Failure::argument("format", &error))?);
                }
                "fp" => variant.fp = Some(take::one("fp", &value.extract::<String>()?)?),
                "size" => variant.size = Some(take::one("size", &value.extract::<String>()?)?),
                "quant" => variant.quant = Some(take::one("quant", &value.extract::<String>()?)?),
                "all_files" => all_files = value.extract()?,
                "all_versions" if value.extract()? => choose.wish.versions = Versions::All,
                "with_images" => choose.with_images = value.extract()?,
                "sidecars" => choose.sidecars = value.extract()?,
                "dry_run" => choose.dry_run = value.extract()?,
                "on_event" => choose.on_event = Some(value.unbind()),
                "raises" => choose.raises = value.extract()?,
                _ => choose.take_care(&key, &value)?,
            }
        }
        choose.wish.files = match file_id {
            Some(id) => Choice::File(take::id("file_id", id)?),
            None if all_files => Choice::All,
            None => Choice::Best(variant),
        };
        Ok(choose)
    }

    fn take_care(&mut self, key: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let is_on: bool = match key {
            "all_versions"
            | "force"
            | "accept_unverified"
            | "accept_unsafe"
            | "wait"
            | "consent_real_person" => value.extract()?,
            _ => {
                return Err(PyTypeError::new_err(format!(
                    "got an unexpected keyword argument '{key}'"
                )));
            }
        };
        match key {
            "force" if is_on => self.care.existing = Existing::Replace,
            "accept_unverified" if is_on => self.care.unproved = Unproved::Accept,
            "accept_unsafe" if is_on => self.care.judge = Judge::lenient(None),
            "consent_real_person" if is_on => self.given = Given::Yes,
            "wait" if !is_on => self.care.wait = Wait::Never,
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn given(&self) -> Given {
        self.given
    }
}

/// A library with the site, as transfers need them.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) place: civitai_library::Library,
    pub(crate) site: civitai_library::site::Site,
    pub(crate) jobs: Jobs,
    pub(crate) connections: Connections,
    pub(crate) limit: Option<Arc<Limit>>,
}

impl Desk {
    /// How files are fetched. Opens the catalogue, if anything is to be written.
    pub(crate) async fn fetch(&self, care: &Care, only_plan: bool) -> Result<Fetch, Failure> {
        let recorder = if only_plan {
            None
        } else {
            let place = self.place.clone();
            let opened = tokio::task::spawn_blocking(move || Recorder::open(&place)).await;
            let opened = opened.map_err(|error| Failure::new("internal", &error))?;
            Some(Arc::new(
                opened.map_err(|error| Failure::new(error.code(), &error))?,
            ))
        };
        Ok(Fetch {
            library: self.place.clone(),
            site: self.site.clone(),
            judge: care.judge.clone(),
            recorder,
            rules: Rules {
                existing: care.existing,
                unproved: care.unproved,
                wait: care.wait,
                jobs: self.jobs,
                connections: self.connections,
                limit: self.limit.clone(),
                only_plan,
                ..Rules::default()
            },
        })
    }
}

/// Something that fetches files.
pub(crate) trait Work: Send + 'static {
    /// Does it, and tells what happens.
    fn run(
        self,
        choose: Choose,
        tell: Tell,
        cancel: CancellationToken,
    ) -> impl Future<Output = Result<Vec<Fetched>, Failure>> + Send;
}

/// Links whose files are to be fetched.
pub(crate) struct Links {
    desk: Desk,
    links: Vec<Link>,
}

impl Links {
    pub(crate) fn read(links: &Bound<'_, PyTuple>, desk: Desk) -> PyResult<Self> {
        let links = links
            .iter()
            .map(|link| link.extract::<Asked>()?.read(&desk));
        let links = links.collect::<PyResult<_>>()?;
        Ok(Self { desk, links })
    }
}

impl Work for Links {
    async fn run(
        self,
        choose: Choose,
        tell: Tell,
        cancel: CancellationToken,
    ) -> Result<Vec<Fetched>, Failure> {
        let Desk { place, site, .. } = &self.desk;
        let fetch = self.desk.fetch(&choose.care, choose.dry_run).await?;
        let destination = match choose.to {
            Some(to) => Destination::Directory(to),
            None => Destination::Library {
                root: place.root.clone(),
                layout: place.layout.clone(),
            },
        };
        let mut finder = Finder::new(site.clone(), destination)
            .wish(choose.wish)
            .terms(Policy::default(), Arc::new(choose.given))
            .telling(fetch.recorder.clone());
        if choose.sidecars {
            finder = finder.describing(place.layout.forms(), choose.with_images);
        }
        if !choose.dry_run {
            finder = finder.looking_ahead(cancel.clone());
        }
        let finder = Arc::new(finder);
        let wanted = stream::iter(self.links)
            .map(|link| Arc::clone(&finder).follow(link))
            .buffered(LOOKUPS)
            .flatten();
        let ended = fetch.run(wanted, &cancel, tell).await;
        Ok(ended.iter().map(|ended| Fetched::from(&**ended)).collect())
    }
}

/// A link as it is given in Python: a text, or the number of a model.
#[derive(FromPyObject)]
pub(crate) enum Asked {
    Number(u64),
    Text(String),
}

impl Asked {
    pub(crate) fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }

    fn read(self, desk: &Desk) -> PyResult<Link> {
        let text = self.text();
        let origin = Some(desk.site.client.origin());
        Ok(Link::parse_with(&text, origin).map_err(|error| Failure::argument("link", &error))?)
    }
}

/// Fetches and waits. Whoever wants to hear of it is called in the thread that waits, and stops everything by raising.
pub(crate) fn run(py: Python<'_>, work: impl Work, choose: Choose) -> PyResult<Vec<Fetched>> {
    let (hears, raises) = (
        choose.on_event.as_ref().map(|heard| heard.clone_ref(py)),
        choose.raises,
    );
    let fetched = wait(py, async {
        let (running, events) = begin(work, choose, hears.is_some());
        if let (Some(hears), Some(mut events)) = (hears, events) {
            while let Some(event) = events.recv().await {
                Python::attach(|py| hears.call1(py, (event,)).map(drop))?;
            }
        }
        Ok(running.outcome.await?)
    })?;
    settled(py, fetched, raises)
}

/// Fetches. Whoever wants to hear of it is called by the event loop.
pub(crate) fn run_async(py: Python<'_>, work: impl Work, choose: Choose) -> PyResult<Coroutine> {
    let raises = choose.raises;
    let hears = choose.on_event.as_ref().map(|heard| {
        let event_loop = py.import("asyncio")?.call_method0("get_running_loop")?;
        Ok::<_, PyErr>((event_loop.unbind(), heard.clone_ref(py)))
    });
    let hears = hears.transpose()?;
    Ok(coroutine(async move {
        let (running, events) = begin(work, choose, hears.is_some());
        if let (Some((event_loop, hears)), Some(mut events)) = (hears, events) {
            while let Some(event) = events.recv().await {
                Python::attach(|py| {
                    let call = (hears.clone_ref(py), event);
                    event_loop.call_method1(py, "call_soon_threadsafe", call)
                })?;
            }
        }
        let fetched = running.outcome.await?;
        Python::attach(|py| settled(py, fetched, raises))
    }))
}

/// Gives what was fetched, or raises the first failure with all of it.
fn settled(py: Python<'_>, fetched: Vec<Fetched>, raises: bool) -> PyResult<Vec<Fetched>> {
    let failed = fetched.iter().find_map(|file| file.failure.clone());
    match failed.filter(|_| raises) {
        None => Ok(fetched),
        Some(failure) => {
            let raised = PyErr::from(failure);
            raised.value(py).setattr("results", fetched)?;
            Err(raised)
        }
    }
}

/// A fetch that goes on by itself. When it goes, so do the transfers: each flushes what it has and leaves the rest to the
/// next run.
struct Running {
    outcome: Outcome,
    stop: DropGuard,
}

type Outcome = Shared<BoxFuture<'static, Result<Vec<Fetched>, Failure>>>;

/// Begins a fetch, on the runtime that this is called on.
fn begin(
    work: impl Work,
    choose: Choose,
    hears: bool,
) -> (Running, Option<UnboundedReceiver<Happened>>) {
    let cancel = CancellationToken::new();
    let stop = cancel.clone().drop_guard();
    let (sender, events) = unbounded_channel();
    let tell: Tell = if hears {
        telling(sender)
    } else {
        Arc::new(|_| {})
    };
    let work = tokio::spawn(work.run(choose, tell, cancel));
    let outcome = async move {
        match work.await {
            Ok(outcome) => outcome,
            Err(panicked) => Err(Failure::new("internal", &panicked)),
        }
    };
    let outcome = outcome.boxed().shared();
    (Running { outcome, stop }, hears.then_some(events))
}

fn telling(sender: UnboundedSender<Happened>) -> Tell {
    Arc::new(move |told| {
        if let Some(event) = Happened::of(told) {
            // Nobody listens any more where the caller was interrupted.
            let _ = sender.send(event);
        }
    })
}

/// A fetch as an iterator and an asynchronous iterator of its events.
#[pyclass(frozen, module = "civitai_rs")]
pub(crate) struct Transfer {
    events: Arc<Mutex<UnboundedReceiver<Happened>>>,
    outcome: Outcome,
    stop: StdMutex<Option<DropGuard>>,
    raises: bool,
}

#[pymethods]
impl Transfer {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Happened>> {
        let next = next(Arc::clone(&self.events), self.outcome.clone());
        wait(py, next)
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__(&self) -> Coroutine {
        coroutine(or_stop(next(
            Arc::clone(&self.events),
            self.outcome.clone(),
        )))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.cancel();
        wait(py, self.end())
    }

    fn __aenter__(slf: Py<Self>, py: Python<'_>) -> PyResult<Coroutine> {
        Ok(ready(slf.into_py_any(py)?))
    }

    #[pyo3(signature = (*_raised))]
    fn __aexit__(&self, _raised: &Bound<'_, PyTuple>) -> Coroutine {
        self.cancel();
        coroutine(self.end())
    }

    /// Stops it. What has arrived is kept, and the next run goes on with it.
    fn cancel(&self) {
        let mut stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
        drop(stop.take());
    }

    /// Waits for the end and returns what became of each file.
    fn result(&self, py: Python<'_>) -> PyResult<Vec<Fetched>> {
        let outcome = self.outcome.clone();
        let fetched = wait(py, async { Ok(outcome.await?) })?;
        settled(py, fetched, self.raises)
    }

    /// Waits for the end and returns what became of each file.
    fn result_async(&self) -> Coroutine {
        let (outcome, raises) = (self.outcome.clone(), self.raises);
        coroutine(async move {
            let fetched = outcome.await?;
            Python::attach(|py| settled(py, fetched, raises))
        })
    }
}

impl Transfer {
    pub(crate) fn new(work: impl Work, choose: Choose) -> PyResult<Self> {
        let raises = choose.raises;
        let _inside = runtime()?.enter();
        let (running, events) = begin(work, choose, true);
        let events = events.expect("somebody listens");
        Ok(Self {
            events: Arc::new(Mutex::new(events)),
            outcome: running.outcome,
            stop: StdMutex::new(Some(running.stop)),
            raises,
        })
    }

    /// Ends when the transfers have flushed what they have.
    fn end(&self) -> impl Future<Output = PyResult<()>> + Send + use<> {
        let outcome = self.outcome.clone();
        async move {
            // How it ended is told by who asks for the result.
            let _ = outcome.await;
            Ok(())
        }
    }
}

/// The next event; at the end nothing, or what kept everything from beginning.
async fn next(
    events: Arc<Mutex<UnboundedReceiver<Happened>>>,
    outcome: Outcome,
) -> PyResult<Option<Happened>> {
    let event = events.lock().await.recv().await;
    if event.is_none() {
        outcome.await?;
    }
    Ok(event)
}
