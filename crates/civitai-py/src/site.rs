//! The site and its storage, as transfers need them, and where things are kept that nobody says a place for.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use civitai_library::Library;
use civitai_library::site::Site;
use etcetera::BaseStrategy as _;
use pyo3::prelude::*;

use crate::errors::Failure;
use crate::settings::Settings;

impl Settings {
    /// Sets up the ways to the site and to its storage.
    pub(crate) fn site(&self) -> PyResult<Site> {
        let network = self.network()?;
        let policy = network.policy(&network.origin).map_err(Failure::from)?;
        Ok(Site {
            client: self.client(&network)?,
            storage: network.storage(policy).map_err(Failure::from)?,
            retry: self.retry(),
        })
    }
}

/// The way to the site, which is set up when it is first needed.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// What it is set up with; nothing means the environment.
    settings: Option<Settings>,
    made: Arc<OnceLock<Site>>,
}

impl Way {
    pub(crate) fn new(settings: Option<Settings>) -> Self {
        Self {
            settings,
            made: Arc::default(),
        }
    }

    pub(crate) fn site(&self) -> PyResult<Site> {
        if let Some(site) = self.made.get() {
            return Ok(site.clone());
        }
        let settings = match &self.settings {
            Some(settings) => settings.clone(),
            None => Settings::default().or_environment()?,
        };
        let site = settings.site()?;
        Ok(self.made.get_or_init(|| site).clone())
    }
}

/// A library, with the way to the site for work that may need it.
#[derive(Clone, Debug)]
pub(crate) struct Reach {
    pub(crate) place: Library,
    pub(crate) way: Way,
}

impl Reach {
    pub(crate) fn site(&self) -> PyResult<Site> {
        self.way.site()
    }

    pub(crate) fn site_unless(&self, offline: bool) -> PyResult<Option<Site>> {
        (!offline).then(|| self.site()).transpose()
    }
}

/// Where this program's own state is: as given, else where the command line keeps it.
pub(crate) fn data_dir(given: Option<PathBuf>) -> PyResult<PathBuf> {
    let named = given.or_else(|| env::var_os("CIVITAI_DATA_DIR").map(PathBuf::from));
    if let Some(named) = named {
        return absolute(named);
    }
    let base = etcetera::choose_base_strategy();
    let base = base.map_err(|error| Failure::argument("data_dir", &error))?;
    Ok(base.data_dir().join("civitai-dl"))
}

/// Where the models are: as given, else where the command line keeps them outside of any project.
pub(crate) fn library_root(given: Option<PathBuf>, data_dir: &Path) -> PyResult<PathBuf> {
    let named = given.or_else(|| env::var_os("CIVITAI_LIBRARY").map(PathBuf::from));
    let root = absolute(named.unwrap_or_else(|| data_dir.join("models")))?;
    // One path for one place, however it was written; what is not there stays as it was written.
    match fs_err::canonicalize(&root) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(root),
        real => Ok(real.map_err(Failure::from)?),
    }
}

fn absolute(path: PathBuf) -> PyResult<PathBuf> {
    Ok(std::path::absolute(path).map_err(Failure::from)?)
}
