//! The simulator: a Civitai of one's own on loopback, for as long as a `with` block.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use civitai_security::Secret;
use civitai_sim::fault::Fault;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use serde_json::Value;

use crate::client::Client;
use crate::errors::Failure;
use crate::give::Give as _;
use crate::runtime::{Coroutine, coroutine, wait};
use crate::settings::Settings;
use crate::take;

/// A faithful Civitai on loopback, with faults.
#[pyclass(frozen, module = "civitai_rs")]
pub(crate) struct Sim {
    seed: u64,
    port: u16,
    payloads: Option<PathBuf>,
    running: Running,
}

type Running = Arc<RwLock<Option<civitai_sim::Sim>>>;

#[pymethods]
impl Sim {
    #[new]
    #[pyo3(signature = (*, seed = 0, port = 0, payloads = None))]
    fn new(seed: u64, port: u16, payloads: Option<PathBuf>) -> Self {
        Self {
            seed,
            port,
            payloads,
            running: Running::default(),
        }
    }

    fn __enter__(slf: Py<Self>, py: Python<'_>) -> PyResult<Py<Self>> {
        wait(py, slf.get().start())?;
        Ok(slf)
    }

    #[pyo3(signature = (*_raised))]
    fn __exit__(&self, py: Python<'_>, _raised: &Bound<'_, PyTuple>) -> PyResult<()> {
        wait(py, self.end())
    }

    fn __aenter__(slf: Py<Self>) -> Coroutine {
        let started = slf.get().start();
        coroutine(async move {
            started.await?;
            Ok(slf)
        })
    }

    #[pyo3(signature = (*_raised))]
    fn __aexit__(&self, _raised: &Bound<'_, PyTuple>) -> Coroutine {
        coroutine(self.end())
    }

    /// Returns a client for the site, signed in as the user of this name.
    #[pyo3(signature = (user = Some("plain")))]
    fn client(&self, user: Option<&str>) -> PyResult<Client> {
        let settings = self.with(|sim| {
            let token = user.map(|user| {
                sim.token(user).map(Secret::new).ok_or_else(|| {
                    Failure::saying("usage", format!("user: {user:?} has no token here"))
                })
            });
            Ok(Settings {
                origin: Some(sim.site_url().clone()),
                token: token.transpose()?,
                ..Settings::default()
            })
        })?;
        Client::with(settings)
    }

    /// Makes something go wrong from now on: `{"knob": …, "scope": …}`.
    #[pyo3(signature = (*faults))]
    fn inject(&self, py: Python<'_>, faults: &Bound<'_, PyTuple>) -> PyResult<()> {
        let text: String = py
            .import("json")?
            .call_method1("dumps", (faults,))?
            .extract()?;
        let faults: Vec<Fault> = take::json(&text)?;
        self.with(|sim| {
            for fault in faults {
                sim.faults().add(fault);
            }
            Ok(())
        })
    }

    /// Lets everything go well again.
    fn clear_faults(&self) -> PyResult<()> {
        self.with(|sim| {
            sim.faults().clear();
            Ok(())
        })
    }

    /// Goes back to the beginning: state, faults and log.
    fn reset(&self) -> PyResult<()> {
        self.with(|sim| {
            sim.reset();
            Ok(())
        })
    }

    /// Returns what clients did, in numbers.
    fn summary<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let summary = self.with(|sim| Ok(sim.log().summary()))?;
        serde_json::to_value(summary)
            .map_err(|error| Failure::new("internal", &error))?
            .give(py)
    }

    /// The site's root.
    #[getter]
    fn site(&self) -> PyResult<String> {
        self.told("site")
    }

    /// The same site under another origin.
    #[getter]
    fn second_site(&self) -> PyResult<String> {
        self.told("second_site")
    }

    /// Where faults, clock and log can be had over HTTP.
    #[getter]
    fn control(&self) -> PyResult<String> {
        self.told("control")
    }

    /// The roots of the two storages.
    #[getter]
    fn storage(&self) -> PyResult<Vec<String>> {
        self.with(|sim| {
            let urls = sim.storage_urls().iter();
            Ok(urls.map(|url| url.origin().ascii_serialization()).collect())
        })
    }

    /// The tokens by the names of their users.
    #[getter]
    fn tokens(&self) -> PyResult<BTreeMap<String, String>> {
        self.with(|sim| {
            let announced = sim.announce();
            let tokens = announced["tokens"].as_object();
            let pair =
                |(user, token): (&String, &Value)| Some((user.clone(), token.as_str()?.to_owned()));
            Ok(tokens.into_iter().flatten().filter_map(pair).collect())
        })
    }

    fn __repr__(&self) -> String {
        match self.site() {
            Ok(site) => format!("Sim(seed={}, site={site:?})", self.seed),
            Err(_) => format!("Sim(seed={})", self.seed),
        }
    }
}

impl Sim {
    fn start(&self) -> impl Future<Output = PyResult<()>> + Send + use<> {
        let mut builder = civitai_sim::Sim::builder().seed(self.seed).port(self.port);
        if let Some(folder) = &self.payloads {
            builder = builder.payloads(folder);
        }
        let running = Arc::clone(&self.running);
        async move {
            if read(&running).is_some() {
                return Err(PyRuntimeError::new_err("the simulator runs already"));
            }
            let sim = builder
                .start()
                .await
                .map_err(|error| Failure::new("io", &error))?;
            *running.write().unwrap_or_else(PoisonError::into_inner) = Some(sim);
            Ok(())
        }
    }

    fn end(&self) -> impl Future<Output = PyResult<()>> + Send + use<> {
        let running = Arc::clone(&self.running);
        async move {
            let sim = running
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(sim) = sim {
                sim.shutdown().await;
            }
            Ok(())
        }
    }

    fn with<T>(&self, ask: impl FnOnce(&civitai_sim::Sim) -> PyResult<T>) -> PyResult<T> {
        match &*read(&self.running) {
            Some(sim) => ask(sim),
            None => Err(PyRuntimeError::new_err(
                "the simulator runs inside `with Sim() as sim:` only",
            )),
        }
    }

    fn told(&self, name: &str) -> PyResult<String> {
        self.with(|sim| {
            let announced = sim.announce();
            Ok(announced[name].as_str().unwrap_or_default().to_owned())
        })
    }
}

fn read(running: &Running) -> RwLockReadGuard<'_, Option<civitai_sim::Sim>> {
    running.read().unwrap_or_else(PoisonError::into_inner)
}
