//! The client: where it asks, as whom, how fast and how often.

mod catalogue;
mod community;
mod listings;
mod vault;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use civitai_reliability::{BreakerConfig, Breakers, RateConfig, RetryPolicy};
use civitai_security::address::Resolver;
use civitai_security::{AllowPrivate, Policy, Secret};
use reqwest::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::absent::Absent;
use crate::cache::{self, Cache, Tally};
use crate::call;
use crate::error::{Error, ErrorKind, Route};
use crate::host::{Hosts, Pace, SITES};
use crate::observe::{Observed, Observer};
use crate::query::Parameters;
use crate::transport::{Request, Transport};

pub use catalogue::TensorDetail;
pub(crate) use listings::{model_key, model_pass};

/// From the first byte sent to the last received: the site's edge gives up after some 30 s itself, the rest is for slow
/// lines.
const TIMEOUT: Duration = Duration::from_mins(2);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence for this long ends a request.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Civitai's public API. Cheap to clone; clones share connections, rates and breakers.
///
/// Every method is one operation with one budget of retries. All of them are cancel-safe: dropping the future stops the
/// request and changes nothing.
#[derive(Clone, Debug)]
pub struct Client(Arc<Core>);

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) transport: Transport,
    pub(crate) retry: RetryPolicy,
    pub(crate) absent: Absent,
    pub(crate) cache: Option<Cache>,
}

/// Settings of a [`Client`].
#[must_use]
pub struct Builder {
    http: reqwest::ClientBuilder,
    origin: Option<Url>,
    fallbacks: Option<Vec<Url>>,
    token: Option<Secret>,
    private: AllowPrivate,
    pace: Pace,
    retry: RetryPolicy,
    timeout: Duration,
    product: Option<String>,
    proxy_hosts: Vec<String>,
    observer: Observer,
    cache: Option<Cache>,
    resolver: Box<dyn FnOnce(Policy) -> Resolver + Send>,
}

impl Client {
    /// Starts from an HTTP client's settings: proxies, roots of trust, pool sizes.
    ///
    /// Redirects, retries, name resolution, timeouts and the user agent are set here and override what `http` says.
    /// Proxies named by the environment are not used; add those that should be to `http`.
    pub fn builder(http: reqwest::ClientBuilder) -> Builder {
        Builder {
            http,
            origin: None,
            fallbacks: None,
            token: None,
            private: AllowPrivate::No,
            pace: Pace::Polite,
            retry: RetryPolicy::default(),
            timeout: TIMEOUT,
            product: None,
            proxy_hosts: Vec::new(),
            observer: Observer::default(),
            cache: None,
            resolver: Box::new(Resolver::new),
        }
    }

    /// Returns the configured site's root.
    pub fn origin(&self) -> &Url {
        self.0.transport.hosts.primary().root()
    }

    /// Says whether requests to the site carry a token.
    pub fn has_token(&self) -> bool {
        self.0.transport.token.is_some()
    }

    /// Where answers came from so far, if any are kept.
    pub fn kept(&self) -> Option<Tally> {
        self.0.cache.as_ref().map(Cache::tally)
    }

    pub(crate) fn core(&self) -> &Core {
        &self.0
    }

    pub(crate) async fn get<T: DeserializeOwned + Send>(
        &self,
        path: String,
        parameters: &Parameters,
        expected: &'static str,
    ) -> Result<T, Error> {
        self.call(&Request::get(path, parameters), expected, &mut 0)
            .await
    }

    pub(crate) async fn post<T: DeserializeOwned + Send>(
        &self,
        path: &str,
        body: &(impl Serialize + Sync),
        expected: &'static str,
    ) -> Result<T, Error> {
        let body = serde_json::to_vec(body)
            .map_err(|error| Error::new(ErrorKind::Setup).with_source(error))?;
        let request = Request {
            method: Method::POST,
            path: format!("{API}/{path}"),
            query: None,
            body: Some(Bytes::from(body)),
            route: Route::Api,
        };
        self.call(&request, expected, &mut 0).await
    }

    /// Makes one operation of `request`, unless its answer is kept, and counts into `sent` what it sends.
    pub(crate) async fn call<T: DeserializeOwned + Send>(
        &self,
        request: &Request,
        expected: &'static str,
        sent: &mut u32,
    ) -> Result<T, Error> {
        let Core {
            transport,
            retry,
            cache,
            ..
        } = self.core();
        let key = cache.as_ref().and_then(|_| cache::key(transport, request));
        // Boxed: it is handed on, and would stand in every future on the way.
        let ask = Box::pin(call::fetch(transport, *retry, request, expected, sent));
        let (Some(cache), Some(key)) = (cache, key) else {
            return Ok(ask.await?.0);
        };
        let read = |body: &Bytes| crate::json::read(body, expected).ok();
        cache.answer(key, read, ask).await
    }
}

/// Where the API's routes begin.
const API: &str = "/api/v1";

impl Request {
    /// Asks an API route, named from behind `/api/v1/`.
    pub(crate) fn get(path: impl fmt::Display, parameters: &Parameters) -> Self {
        Self {
            method: Method::GET,
            path: format!("{API}/{path}"),
            query: parameters.encoded(),
            body: None,
            route: Route::Api,
        }
    }
}

impl Builder {
    /// Sets the site's origin, `https://civitai.com` by default. A path in it comes before every route.
    pub fn origin(mut self, origin: Url) -> Self {
        self.origin = Some(origin);
        self
    }

    /// Adds a site to ask once, in this order, when the configured one does not have something or fails.
    ///
    /// Without any, `civitai.com` and `civitai.red` stand in for each other and other origins have no stand-in. The token
    /// is sent to these, too.
    pub fn fallback(mut self, origin: Url) -> Self {
        self.fallbacks.get_or_insert_default().push(origin);
        self
    }

    /// Asks no site but the configured one.
    pub fn without_fallback(mut self) -> Self {
        self.fallbacks = Some(Vec::new());
        self
    }

    /// Sets the token. It is sent to the configured origins, `civitai.com` and `civitai.red`, and nowhere else.
    pub fn token(mut self, token: Secret) -> Self {
        self.token = Some(token);
        self
    }

    /// Allows origins and redirects in private networks, and plain `http` to such an origin.
    pub fn allow_private_network(mut self) -> Self {
        self.private = AllowPrivate::Yes;
        self
    }

    /// Sets the request rate, for the API and the download exchange each. Two a second by default; none on loopback.
    pub fn rate(mut self, rate: RateConfig) -> Self {
        self.pace = Pace::At(rate);
        self
    }

    /// Sends requests as fast as they are asked for.
    pub fn without_rate(mut self) -> Self {
        self.pace = Pace::Unlimited;
        self
    }

    /// Sets how often and how long each operation may try.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets how long one request may take in all, two minutes by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Puts the name and version of an application in front of the user agent.
    pub fn product(mut self, product: impl Into<String>) -> Self {
        self.product = Some(product.into());
        self
    }

    /// Names the host of a proxy that was added to the HTTP client's settings, and which may be in a private network.
    pub fn proxy_host(mut self, host: impl Into<String>) -> Self {
        self.proxy_hosts.push(host.into());
        self
    }

    /// Tells `observer` of every request that ends and every retry. It is called on the task that asks and must not block.
    pub fn observe(mut self, observer: impl Fn(&Observed<'_>) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observer);
        self
    }

    /// Keeps answers in `cache` and takes them from there while they are fresh. Without one every answer is new.
    pub fn cache(mut self, cache: Cache) -> Self {
        self.cache = Some(cache);
        self
    }

    /// Resolves names by `lookup` instead of the operating system. Its answers are judged all the same.
    pub fn lookup<F, Fut>(mut self, lookup: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        self.resolver = Box::new(|policy| Resolver::with_lookup(policy, lookup));
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    /// [`ErrorKind::Origin`] for an origin that is refused, [`ErrorKind::Argument`] for a token that no header can carry
    /// or a product name that the site would take for a browser, [`ErrorKind::Setup`] if TLS cannot be set up.
    pub fn build(self) -> Result<Client, Error> {
        let origin = match self.origin {
            Some(origin) => origin,
            None => Url::parse(SITES[0])
                .map_err(|error| Error::new(ErrorKind::Setup).with_source(error))?,
        };
        let hosts = Hosts::new(origin, self.fallbacks, self.private, self.pace)?;
        if let Some(token) = &self.token {
            check_token(token)?;
        }
        let resolver = (self.resolver)(hosts.policy().clone()).with_trusted(self.proxy_hosts);
        let http = self
            .http
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .dns_resolver(resolver)
            .user_agent(user_agent(self.product.as_deref())?)
            // Having any proxy at all keeps reqwest from reading the environment; this one never applies.
            .proxy(reqwest::Proxy::custom(|_| None::<Url>))
            .build()
            .map_err(|error| Error::new(ErrorKind::Setup).with_source(error.without_url()))?;
        let transport = Transport {
            http,
            hosts,
            token: self.token,
            timeout: self.timeout,
            breakers: Breakers::new(BreakerConfig::default()),
            observer: self.observer,
        };
        Ok(Client(Arc::new(Core {
            transport,
            retry: self.retry,
            absent: Absent::default(),
            cache: self.cache,
        })))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("origin", &self.origin.as_ref().map(Url::origin))
            .field("token", &self.token)
            .field("private", &self.private)
            .field("pace", &self.pace)
            .field("retry", &self.retry)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

fn check_token(token: &Secret) -> Result<(), Error> {
    let is_sendable =
        !token.expose().is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if is_sendable {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Argument {
        name: "token",
        problem: "is empty or holds characters that no token has",
    }))
}

/// Says who asks. The site treats as a browser whoever has a browser's name anywhere in this, and then answers with pages.
fn user_agent(product: Option<&str>) -> Result<String, Error> {
    const BROWSERS: [&str; 6] = ["mozilla", "chrome", "safari", "firefox", "opera", "edge"];
    let contact = match env!("CARGO_PKG_REPOSITORY") {
        "" => String::new(),
        repository => format!(" (+{repository})"),
    };
    let prefix = product
        .map(|product| format!("{product} "))
        .unwrap_or_default();
    let agent = format!("{prefix}civitai-dl/{}{contact}", env!("CARGO_PKG_VERSION"));
    let lower = agent.to_ascii_lowercase();
    if BROWSERS.iter().any(|name| lower.contains(name)) {
        return Err(Error::new(ErrorKind::Argument {
            name: "product",
            problem: "holds a browser's name, such as `opera` in `operator`",
        }));
    }
    if !agent
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    {
        return Err(Error::new(ErrorKind::Argument {
            name: "product",
            problem: "holds characters that no header can carry",
        }));
    }
    Ok(agent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_agent_names_the_program_and_never_a_browser() {
        let plain = user_agent(None).expect("plain");
        assert!(plain.starts_with("civitai-dl/"), "{plain}");
        assert!(
            user_agent(Some("gallery/1.0"))
                .is_ok_and(|agent| agent.starts_with("gallery/1.0 civitai-dl/"))
        );
        for bad in [
            "Operator/1",
            "knowledge/2",
            "Mozilla/5.0",
            "new\nline",
            "ünïcode",
        ] {
            assert!(user_agent(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn tokens_that_cannot_be_sent_are_refused_without_being_shown() {
        for bad in ["", "a b", "a\r\nX: y", "é"] {
            let error = check_token(&Secret::new(bad.to_owned())).expect_err(bad);
            assert_eq!(error.code(), "usage");
            assert!(bad.is_empty() || !error.to_string().contains(bad));
        }
    }
}
