//! Work that fetches files: waited for, awaited, or gone through event by event.

use std::path::Path;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use civitai_download::Event;
use civitai_library::fetch::{Audience, Told};
use civitai_library::find::Wanted;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::choose::Choose;
use crate::desk::Work;
use crate::errors::Failure;
use crate::fetched::{Fetched, Happened};
use crate::listing::or_stop;
use crate::runtime::{Coroutine, coroutine, ready, runtime, wait};

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
            let error = PyErr::from(failure);
            error.value(py).setattr("results", fetched)?;
            Err(error)
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
    let audience: Arc<dyn Audience> = if hears {
        Arc::new(Teller(sender))
    } else {
        Arc::new(|_| {})
    };
    let work = tokio::spawn(work.run(choose, audience, cancel));
    let outcome = async move {
        match work.await {
            Ok(outcome) => outcome,
            Err(panicked) => Err(Failure::new("internal", &panicked)),
        }
    };
    let outcome = outcome.boxed().shared();
    (Running { outcome, stop }, hears.then_some(events))
}

/// Who hears of a fetch on behalf of Python. Nobody listens any more where the caller was interrupted.
struct Teller(UnboundedSender<Happened>);

impl Audience for Teller {
    fn hear(&self, told: Told) {
        if let Some(event) = Happened::of(told) {
            let _ = self.0.send(event);
        }
    }

    fn watch(&self, file: &Arc<Wanted>, place: &Arc<Path>) -> Box<dyn Fn(Event) + Send + Sync> {
        let (sender, file, place) = (self.0.clone(), Arc::clone(file), Arc::clone(place));
        Box::new(move |event| {
            if let Some(event) = Happened::of_transfer(&file, &place, event) {
                let _ = sender.send(event);
            }
        })
    }
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
