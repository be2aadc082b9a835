//! Where a client asks, as whom, and by which way; what is left out comes from the variables the command line reads, too.

use std::env;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use civitai_api::{Builder, Cache, RateConfig, RetryPolicy, Secret};
use fs_err as fs;
use pyo3::prelude::*;
use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};
use url::Url;

use crate::errors::Failure;

/// What a client is made with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) origin: Option<Url>,
    pub(crate) token: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) max_wait: Option<Duration>,
    pub(crate) retries: Option<u32>,
    /// Requests a second.
    pub(crate) rate: Option<f64>,
    pub(crate) proxy: Option<Url>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) product: Option<String>,
    pub(crate) allow_private_network: bool,
}

impl Settings {
    /// Fills what is left out from the environment. An empty token means none at all.
    pub(crate) fn or_environment(mut self) -> PyResult<Self> {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        if self.origin.is_none()
            && let Some(text) = set("CIVITAI_BASE_URL")
        {
            self.origin = Some(crate::take::one("CIVITAI_BASE_URL", &text)?);
        }
        if self.proxy.is_none()
            && let Some(text) = set("HTTPS_PROXY").or_else(|| set("https_proxy"))
        {
            self.proxy = Some(crate::take::one("HTTPS_PROXY", &text)?);
        }
        self.token = match self.token {
            None => TOKENS.iter().find_map(|name| set(name)),
            given => given.filter(|token| !token.is_empty()),
        };
        Ok(self)
    }

    /// Sets up the client for the site.
    pub(crate) fn client(&self) -> PyResult<civitai_api::Client> {
        let mut client = self.limits(civitai_api::Client::builder(self.http()?))?;
        if let Some(origin) = &self.origin {
            client = client.origin(origin.clone());
        }
        if let Some(token) = &self.token {
            client = client.token(Secret::new(token.clone()));
        }
        if let Some(host) = self.proxy.as_ref().and_then(Url::host_str) {
            client = client.proxy_host(host);
        }
        if let Some(product) = &self.product {
            client = client.product(product);
        }
        if self.allow_private_network {
            client = client.allow_private_network();
        }
        if let Some(folder) = &self.cache_dir {
            let cache = Cache::open(folder).map_err(|error| Failure::new("io", &error))?;
            client = client.cache(cache);
        }
        Ok(client.build().map_err(Failure::from)?)
    }

    fn limits(&self, client: Builder) -> PyResult<Builder> {
        let mut retry = RetryPolicy::default();
        if let Some(longest) = self.max_wait {
            retry = retry.with_max_wait(longest);
        }
        if let Some(retries) = self.retries {
            retry = retry.with_retries(retries);
        }
        let mut client = client.retry(retry);
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

    pub(crate) fn http(&self) -> PyResult<ClientBuilder> {
        let mut http = ClientBuilder::new().no_proxy();
        if let Some(url) = &self.proxy {
            let proxy = Proxy::all(url.clone())
                .map_err(|error| Failure::argument("proxy", &error.without_url()))?;
            http = http.proxy(proxy.no_proxy(NoProxy::from_env()));
        }
        if let Some(path) = &self.ca_file {
            let pem = fs::read(path).map_err(|error| Failure::new("io", &error))?;
            let roots = Certificate::from_pem_bundle(&pem)
                .map_err(|error| Failure::argument("ca_file", &error))?;
            http = http.tls_certs_merge(roots);
        }
        Ok(http)
    }
}

/// The variables that may hold a token, the first that is set wins.
const TOKENS: [&str; 3] = ["CIVITAI_TOKEN", "CIVITAI_API_TOKEN", "CIVITAI_API_KEY"];
