//! Where a client asks, as whom, and by which way; what is left out comes from the variables the command line reads, too.

use std::env;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use civitai_api::{Builder, Cache, Client, RateConfig, RetryPolicy, Secret};
use civitai_library::network::{self, Network};
use civitai_security::AllowPrivate;
use pyo3::prelude::*;
use url::Url;

use crate::errors::Failure;
use crate::take;

/// What a client is made with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) origin: Option<Url>,
    pub(crate) token: Option<Secret>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) retries: Option<u32>,
    /// Requests a second.
    pub(crate) rate: Option<f64>,
    pub(crate) proxy: Option<Url>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) product: Option<String>,
    pub(crate) private: AllowPrivate,
}

impl Settings {
    /// Fills what is left out from the environment. An empty token means none at all.
    pub(crate) fn or_environment(mut self) -> PyResult<Self> {
        if self.origin.is_none() {
            self.origin = take::maybe(ORIGIN, variable(ORIGIN).as_deref())?;
        }
        if self.proxy.is_none() {
            let given = PROXIES.iter().find_map(|name| variable(name));
            self.proxy = take::maybe(PROXIES[0], given.as_deref())?;
        }
        let token = self.token.or_else(|| {
            TOKENS
                .iter()
                .find_map(|name| variable(name))
                .map(Secret::new)
        });
        self.token = token.filter(|token| !token.expose().is_empty());
        Ok(self)
    }

    /// The way to the site and to storage.
    pub(crate) fn network(&self) -> PyResult<Network> {
        let origin = match &self.origin {
            Some(origin) => origin.clone(),
            None => take::one("base_url", SITE)?,
        };
        Ok(Network {
            private: self.private,
            proxy: self.proxy.clone(),
            no_proxy: EXCEPTIONS.iter().find_map(|name| variable(name)),
            ca_file: self.ca_file.clone(),
            ..Network::to(origin)
        })
    }

    /// Sets up the client for the site.
    pub(crate) fn client(&self, network: &Network) -> PyResult<Client> {
        let mut client = self.limits(network.site().map_err(Failure::from)?)?;
        if let Some(token) = &self.token {
            client = client.token(token.clone());
        }
        if let Some(product) = &self.product {
            client = client.product(product);
        }
        if let Some(folder) = &self.cache_dir {
            let cache = Cache::open(folder).map_err(|error| Failure::new("io", &error))?;
            client = client.cache(cache);
        }
        Ok(client.build().map_err(Failure::from)?)
    }

    /// How often and how long what fails for the moment is tried again.
    pub(crate) fn retry(&self) -> RetryPolicy {
        let mut retry = RetryPolicy::default();
        if let Some(longest) = self.max_wait {
            retry = retry.with_max_wait(longest);
        }
        if let Some(retries) = self.retries {
            retry = retry.with_retries(retries);
        }
        retry
    }

    fn limits(&self, client: Builder) -> PyResult<Builder> {
        let mut client = client.retry(self.retry());
        if let Some(timeout) = self.timeout {
            client = client.timeout(timeout);
        }
        if let Some(per_second) = self.rate {
            let rate = RateConfig::new(per_second, NonZeroU32::MIN)
                .map_err(|error| Failure::argument("rate", &error))?;
            client = client.rate(rate);
        }
        Ok(client)
    }
}

impl From<network::Error> for Failure {
    fn from(error: network::Error) -> Self {
        Self::new(error.code(), &error)
    }
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

const SITE: &str = "https://civitai.com";
const ORIGIN: &str = "CIVITAI_BASE_URL";
/// The first that is set wins, here and below.
const TOKENS: [&str; 3] = ["CIVITAI_TOKEN", "CIVITAI_API_TOKEN", "CIVITAI_API_KEY"];
const PROXIES: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];
