//! The site and its storage, as transfers need them, and where things are kept that nobody says a place for.

use std::env;
use std::path::{Path, PathBuf};

use civitai_api::RetryPolicy;
use civitai_download::Storage;
use civitai_library::site::Site;
use civitai_security::address::{AllowPrivate, Policy, Resolver};
use etcetera::BaseStrategy as _;
use pyo3::prelude::*;
use url::Url;

use crate::errors::Failure;
use crate::settings::Settings;

impl Settings {
    /// Sets up the ways to the site and to its storage.
    pub(crate) fn site(&self) -> PyResult<Site> {
        let client = self.client()?;
        let allow = if self.allow_private_network {
            AllowPrivate::Yes
        } else {
            AllowPrivate::No
        };
        let policy = Policy::for_origin(client.origin(), allow)
            .map_err(|error| Failure::argument("base_url", &error))?;
        let proxy = self.proxy.as_ref().and_then(Url::host_str);
        let resolver = Resolver::new(policy.clone()).with_trusted(proxy.map(str::to_owned));
        let http = || Ok::<_, PyErr>(self.http()?.user_agent(USER_AGENT));
        let small = http()?;
        let storage = Storage::with_resolver(http()?, policy, resolver)
            .and_then(|storage| storage.with_small(small))
            .map_err(|error| Failure::new("network", &error.without_url()))?;
        let mut retry = RetryPolicy::default();
        if let Some(longest) = self.max_wait {
            retry = retry.with_max_wait(longest);
        }
        if let Some(retries) = self.retries {
            retry = retry.with_retries(retries);
        }
        Ok(Site {
            client,
            storage,
            retry,
        })
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

/// What this program calls itself to storage. It must not look like a browser.
const USER_AGENT: &str = concat!("civitai-dl/", env!("CARGO_PKG_VERSION"));
