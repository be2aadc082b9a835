//! Listings: one object that is an iterator and an asynchronous iterator, of things or of pages, and that becomes a table.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use civitai_api::Error;
use civitai_api::wire::Wire;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use tokio::sync::Mutex;

use crate::errors::Failure;
use crate::give::Later;
use crate::runtime::{self, Coroutine, coroutine, wait};
use crate::table::{Columns, Table};

/// A listing of the site. Pages are asked for as they are needed; nothing comes twice.
#[pyclass(frozen, generic, module = "civitai_rs")]
pub(crate) struct Listing(Shared);

/// The pages of a listing, as lists.
#[pyclass(frozen, generic, module = "civitai_rs")]
pub(crate) struct Pages(Shared);

#[derive(Clone)]
struct Shared {
    source: Arc<Mutex<Box<dyn Source>>>,
    told: Arc<StdMutex<Told>>,
}

/// What the listing says of itself, as of the last answer.
#[derive(Clone, Default)]
struct Told {
    complete: bool,
    gap: Option<String>,
    requests: u32,
}

/// What a listing can list: a class and its columns.
pub(crate) trait Listed: Wire + Columns + Send + 'static {
    type Class: From<Self> + for<'py> IntoPyObject<'py> + Send + 'static;
}

/// A listing, whatever it lists.
trait Source: Send {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Later, Error>>>;
    /// What came with the last answer and is still here.
    fn next_ready(&mut self) -> Option<Later>;
    fn rest(&mut self) -> BoxFuture<'_, PyResult<Table>>;
    fn told(&self) -> Told;
}

fn item<T: Listed>(thing: T) -> Later {
    Later::new(T::Class::from(thing))
}

impl<T: Listed> Source for civitai_api::Listing<T> {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Later, Error>>> {
        StreamExt::next(self)
            .map(|next| next.map(|thing| thing.map(item)))
            .boxed()
    }

    fn next_ready(&mut self) -> Option<Later> {
        Self::next_ready(self).map(item)
    }

    fn rest(&mut self) -> BoxFuture<'_, PyResult<Table>> {
        async {
            let mut things = Vec::new();
            while let Some(thing) = StreamExt::next(self).await {
                things.push(thing.map_err(Failure::from)?);
            }
            Table::of(&things)
        }
        .boxed()
    }

    fn told(&self) -> Told {
        let completeness = self.completeness();
        Told {
            complete: completeness.is_complete(),
            gap: completeness.gap().map(ToString::to_string),
            requests: self.requests(),
        }
    }
}

impl Shared {
    async fn next(self) -> PyResult<Option<Later>> {
        let mut source = self.source.lock().await;
        let next = source.next().await;
        self.note(&**source);
        Ok(next.transpose().map_err(Failure::from)?)
    }

    async fn next_page(self) -> PyResult<Option<Vec<Later>>> {
        let mut source = self.source.lock().await;
        let first = source.next().await;
        let page = first.map(|first| {
            let rest = std::iter::from_fn(|| source.next_ready());
            first.map(|first| std::iter::once(first).chain(rest).collect())
        });
        self.note(&**source);
        Ok(page.transpose().map_err(Failure::from)?)
    }

    async fn table(self) -> PyResult<Table> {
        let mut source = self.source.lock().await;
        let table = source.rest().await;
        self.note(&**source);
        table
    }

    /// Returns the next thing if that takes no request and nobody else is asking.
    fn next_ready(&self) -> Option<Later> {
        let mut source = self.source.try_lock().ok()?;
        let item = source.next_ready();
        self.note(&**source);
        item
    }

    fn note(&self, source: &dyn Source) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = source.told();
    }

    fn told(&self) -> Told {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Listing {
    pub(crate) fn new<T: Listed>(listing: civitai_api::Listing<T>) -> Self {
        let told = Arc::new(StdMutex::new(Source::told(&listing)));
        let source: Box<dyn Source> = Box::new(listing);
        Self(Shared {
            source: Arc::new(Mutex::new(source)),
            told,
        })
    }
}

#[pymethods]
impl Listing {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let item = match self.0.next_ready() {
            Some(item) => Some(item),
            None => wait(py, self.0.clone().next())?,
        };
        item.map(|item| item.into_py_any(py)).transpose()
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__(&self, py: Python<'_>) -> PyResult<Coroutine> {
        match self.0.next_ready() {
            Some(item) => item.into_py_any(py).map(runtime::ready),
            None => Ok(coroutine(or_stop(self.0.clone().next()))),
        }
    }

    /// Iterates over the pages instead, as lists.
    fn pages(&self) -> Pages {
        Pages(self.0.clone())
    }

    /// Reads what is left into a table.
    fn to_arrow(&self, py: Python<'_>) -> PyResult<Table> {
        wait(py, self.0.clone().table())
    }

    /// Reads what is left into a table.
    fn to_arrow_async(&self) -> Coroutine {
        coroutine(self.0.clone().table())
    }

    /// Reads what is left into a data frame of pandas.
    fn to_pandas<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.to_arrow(py)?.to_pandas(py)
    }

    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        self.to_arrow(py)?.__arrow_c_stream__(py, requested_schema)
    }

    /// Whether the site itself has ended the listing and nothing is known to be missing.
    #[getter]
    fn complete(&self) -> bool {
        self.0.told().complete
    }

    /// What is missing, or may be.
    #[getter]
    fn gap(&self) -> Option<String> {
        self.0.told().gap
    }

    /// How many requests were sent so far, retries included.
    #[getter]
    fn requests(&self) -> u32 {
        self.0.told().requests
    }

    fn __repr__(&self) -> String {
        let told = self.0.told();
        let complete = if told.complete { "True" } else { "False" };
        format!("Listing(complete={complete}, requests={})", told.requests)
    }
}

#[pymethods]
impl Pages {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let page = wait(py, self.0.clone().next_page())?;
        page.map(|page| page.into_py_any(py)).transpose()
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__(&self) -> Coroutine {
        coroutine(or_stop(self.0.clone().next_page()))
    }
}

/// Ends an asynchronous iteration where there is nothing more.
pub(crate) async fn or_stop<T>(
    next: impl Future<Output = PyResult<Option<T>>> + Send,
) -> PyResult<T> {
    next.await?.ok_or_else(|| PyStopAsyncIteration::new_err(()))
}
