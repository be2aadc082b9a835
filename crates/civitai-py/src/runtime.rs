//! Where the libraries' futures run: under a call that waits for them, or as coroutines of asyncio.
//!
//! The module owns one runtime, made at the first use. Whoever waits does so without the interpreter's lock and looks for
//! Ctrl-C fifty times a second. A coroutine begins when it is first awaited; cancelling its task drops the future, which
//! every operation of the libraries bears. Finished coroutines are handed to their event loops by one thread, in
//! batches: a thousand that end at once cost no thousand threads that want the interpreter's lock.

use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use tokio::runtime::{Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

use crate::give::Later;

/// How often a waiting call looks for Ctrl-C; a fifth of what the user may notice, for machines that are busy.
const LOOK: Duration = Duration::from_millis(20);

struct Home {
    runtime: Runtime,
    finished: Sender<Delivery>,
    /// The process it was made in.
    process: u32,
}

/// What a coroutine ended with, on its way to the event loop that waits for it.
struct Delivery {
    event_loop: Py<PyAny>,
    future: Py<PyAny>,
    outcome: Later,
}

type Work = Pin<Box<dyn Future<Output = Later> + Send>>;

/// Returns the module's runtime.
///
/// # Errors
/// In a process that was forked off after the first use: none of the runtime's threads lives there.
pub(crate) fn runtime() -> PyResult<&'static Runtime> {
    home().map(|home| &home.runtime)
}

/// Runs `work` to its end while the interpreter does other things. Ctrl-C drops it.
pub(crate) fn wait<T, F>(py: Python<'_>, work: F) -> PyResult<T>
where
    F: Future<Output = PyResult<T>> + Send,
    T: Send,
{
    let runtime = runtime()?;
    if Handle::try_current().is_ok() {
        return Err(PyRuntimeError::new_err(
            "a callback of civitai_rs cannot wait for civitai_rs: let it return first",
        ));
    }
    py.detach(|| {
        runtime.block_on(async {
            tokio::select! {
                outcome = work => outcome,
                interrupted = interruption() => Err(interrupted),
            }
        })
    })
}

/// Ends when the interpreter has a signal whose handler raises, Ctrl-C above all.
pub(crate) async fn interruption() -> PyErr {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        if let Some(raised) = Python::attach(|py| py.check_signals().err()) {
            return raised;
        }
    }
}

/// Makes a coroutine of `work`.
pub(crate) fn coroutine<T, F>(work: F) -> Coroutine
where
    F: Future<Output = PyResult<T>> + Send + 'static,
    T: for<'py> IntoPyObject<'py> + Send + 'static,
{
    Coroutine::new(State::New(Box::pin(work.map(Later::outcome))))
}

/// Makes a coroutine that ends at once, without a turn of the event loop.
pub(crate) fn ready(value: Py<PyAny>) -> Coroutine {
    Coroutine::new(State::Ready(value))
}

/// A coroutine for asyncio.
#[pyclass(frozen, module = "civitai_rs")]
pub(crate) struct Coroutine(Mutex<State>);

enum State {
    New(Work),
    Ready(Py<PyAny>),
    Waiting {
        /// Iterates over the event loop's future.
        turns: Py<PyAny>,
        /// Ends the work when the coroutine goes, however it goes.
        _task: AbortOnDropHandle<()>,
    },
    Over,
}

impl Coroutine {
    fn new(state: State) -> Self {
        Self(Mutex::new(state))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> State {
        std::mem::replace(&mut self.state(), State::Over)
    }

    /// Asks the event loop's future, and stays with it as long as that has no answer.
    fn turn(&self, state: State, ask: impl FnOnce() -> PyResult<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let answer = ask();
        if answer.is_ok() {
            *self.state() = state;
        }
        answer
    }
}

#[pymethods]
impl Coroutine {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.send(py, py.None())
    }

    fn send(&self, py: Python<'_>, value: Py<PyAny>) -> PyResult<Py<PyAny>> {
        let state = match self.take() {
            State::New(work) => start(py, work)?,
            State::Ready(value) => return Err(PyStopIteration::new_err((value,))),
            State::Over => {
                return Err(PyRuntimeError::new_err(
                    "cannot reuse already awaited coroutine",
                ));
            }
            waiting @ State::Waiting { .. } => waiting,
        };
        let State::Waiting { turns, .. } = &state else {
            unreachable!("every other state has returned")
        };
        let turns = turns.clone_ref(py);
        self.turn(state, || turns.call_method1(py, "send", (value,)))
    }

    #[pyo3(signature = (raised, value = None, traceback = None))]
    fn throw(
        &self,
        py: Python<'_>,
        raised: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let state = self.take();
        let State::Waiting { turns, .. } = &state else {
            return Err(PyErr::from_value(match value {
                Some(value) if !value.is_none() => value,
                _ => raised,
            }));
        };
        let turns = turns.clone_ref(py);
        self.turn(state, || match value {
            Some(value) => turns.call_method1(py, "throw", (raised, value, traceback)),
            None => turns.call_method1(py, "throw", (raised,)),
        })
    }

    fn close(&self) {
        drop(self.take());
    }
}

/// Begins the work on the runtime and has the running event loop wait for it.
fn start(py: Python<'_>, work: Work) -> PyResult<State> {
    let home = home()?;
    let event_loop = running_loop(py)?;
    let future = event_loop.call_method0("create_future")?;
    let turns = future.call_method0("__await__")?.unbind();
    let (event_loop, future) = (event_loop.unbind(), future.unbind());
    let finished = home.finished.clone();
    let task = home.runtime.spawn(async move {
        // A future that is never settled would hang its event loop.
        let outcome = AssertUnwindSafe(work).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| {
            let problem = "civitai_rs panicked; please report what it printed";
            Later::outcome::<()>(Err(PyRuntimeError::new_err(problem)))
        });
        // Nobody receives only when the interpreter has gone.
        let _ = finished.send(Delivery {
            event_loop,
            future,
            outcome,
        });
    });
    Ok(State::Waiting {
        turns,
        _task: AbortOnDropHandle::new(task),
    })
}

fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    RUNNING.import(py, "asyncio", "get_running_loop")?.call0()
}

fn home() -> PyResult<&'static Home> {
    static HOME: OnceLock<io::Result<Home>> = OnceLock::new();
    let home = HOME.get_or_init(Home::new).as_ref().map_err(|error| {
        PyRuntimeError::new_err(format!("the runtime cannot be set up: {error}"))
    })?;
    if home.process == process::id() {
        return Ok(home);
    }
    Err(PyRuntimeError::new_err(
        "civitai_rs was used before this process was forked off: start processes with `spawn` or `forkserver`",
    ))
}

impl Home {
    fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("civitai-rs")
            .enable_all()
            .build()?;
        let (finished, to_deliver) = channel();
        std::thread::Builder::new()
            .name("civitai-rs-loop".to_owned())
            .spawn(move || deliver_all(&to_deliver))?;
        Ok(Self {
            runtime,
            finished,
            process: process::id(),
        })
    }
}

/// Hands what has finished to the event loops, as long as there is an interpreter.
fn deliver_all(finished: &Receiver<Delivery>) {
    while let Ok(first) = finished.recv() {
        let delivered = Python::try_attach(|py| {
            for delivery in std::iter::once(first).chain(finished.try_iter()) {
                deliver(py, delivery);
            }
        });
        if delivered.is_none() {
            return;
        }
    }
}

fn deliver(py: Python<'_>, delivery: Delivery) {
    let (value, is_error) = match delivery.outcome.into_py_any(py) {
        Ok(value) => (value, false),
        Err(error) => (error.into_value(py).into_any(), true),
    };
    // The loop may have been closed meanwhile; then nobody waits any more.
    let _ = wrap_pyfunction!(settle, py).and_then(|settle| {
        let call = (settle, delivery.future, value, is_error);
        delivery
            .event_loop
            .call_method1(py, "call_soon_threadsafe", call)
    });
}

/// Ends a future on its own event loop, unless it was cancelled.
#[pyfunction]
fn settle(future: &Bound<'_, PyAny>, value: Py<PyAny>, is_error: bool) -> PyResult<()> {
    if future.call_method0("done")?.is_truthy()? {
        return Ok(());
    }
    let method = if is_error {
        "set_exception"
    } else {
        "set_result"
    };
    future.call_method1(method, (value,)).map(drop)
}
