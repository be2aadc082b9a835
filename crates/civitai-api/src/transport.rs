//! The one place where a request is made.
//!
//! What holds here holds for every endpoint: the token goes only to trusted origins and only in a header, redirects are
//! followed by hand, bodies and headers are bounded, and a web page is never taken for data.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use civitai_reliability::classify::Failure;
use civitai_reliability::{Breakers, Rate, retry_after};
use civitai_security::Secret;
use civitai_security::UnsafeAddress;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio::time::Instant;
use tracing::debug;
use url::Url;

use crate::error::{BoxError, Error, ErrorKind, Page, Refusal, Route, excerpt};
use crate::host::{Hosts, Site};
use crate::json::LARGEST_BODY_BYTES;
use crate::observe::{Observed, Observer};
use crate::redirect::Trail;

/// More than any honest server sends; real answers have 1 to 3 KiB.
const LARGEST_HEADERS_BYTES: usize = 64 * 1024;
/// How much of a refusal is read: the reasons fit into the first lines.
const LARGEST_REFUSAL_BYTES: u64 = 64 * 1024;

/// What to ask, independent of the site that is asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Begins with a slash and is encoded.
    pub(crate) path: String,
    /// Encoded, without the question mark.
    pub(crate) query: Option<String>,
    /// JSON.
    pub(crate) body: Option<Bytes>,
    pub(crate) route: Route,
}

/// Sends requests to the sites of [`Hosts`], one at a time and without trying again.
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    pub(crate) hosts: Hosts,
    pub(crate) token: Option<Secret>,
    /// From the first byte sent to the last byte received.
    pub(crate) timeout: Duration,
    pub(crate) breakers: Breakers,
    pub(crate) observer: Observer,
}

/// Where a download route sends its client, and the headers it said so with.
pub(crate) struct Location {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

enum Hop {
    Answer(Answer),
    Redirect(StatusCode, HeaderMap),
}

impl Hop {
    fn status(&self) -> u16 {
        match self {
            Self::Answer(answer) => answer.status.as_u16(),
            Self::Redirect(status, _) => status.as_u16(),
        }
    }
}

impl Transport {
    /// Asks `site` and returns the JSON of the answer, wherever redirects led.
    pub(crate) async fn fetch(
        &self,
        request: &Request,
        site: &Site,
        sent: &mut u32,
    ) -> Result<Bytes, Error> {
        let mut trail = Trail::new(site.url(&request.path, request.query.as_deref()), request);
        loop {
            let token_was_sent = self.sends_token(&trail);
            let asked = trail.url().clone();
            let next = match self.hop(&trail, site, request.route, sent).await {
                Ok(Hop::Answer(answer)) => {
                    return judge(answer, site, request.route, token_was_sent, &asked);
                }
                Ok(Hop::Redirect(status, headers)) => trail.follow(&self.hosts, status, &headers),
                Err(error) => Err(error),
            };
            next.map_err(|error| error.with_url(&asked))?;
            if trail.leads_to_login(&self.hosts) {
                return Err(login(token_was_sent).with_url(&asked));
            }
        }
    }

    /// Asks `site` where something is: returns the URL to which it redirects away from itself, which is not asked.
    pub(crate) async fn locate(
        &self,
        request: &Request,
        site: &Site,
        sent: &mut u32,
    ) -> Result<Location, Error> {
        let mut trail = Trail::new(site.url(&request.path, request.query.as_deref()), request);
        loop {
            let token_was_sent = self.sends_token(&trail);
            let asked = trail.url().clone();
            let (status, headers) = match self.hop(&trail, site, request.route, sent).await {
                Ok(Hop::Redirect(status, headers)) => (status, headers),
                Ok(Hop::Answer(answer)) => {
                    let content_type = content_type(&answer.headers);
                    let status = answer.status.as_u16();
                    judge(answer, site, request.route, token_was_sent, &asked)?;
                    return Err(Error::new(ErrorKind::Content {
                        status,
                        content_type,
                    })
                    .with_url(&asked));
                }
                Err(error) => return Err(error.with_url(&asked)),
            };
            let arrived = trail
                .follow(&self.hosts, status, &headers)
                .and_then(|()| trail.has_arrived(&self.hosts, token_was_sent))
                .map_err(|error| error.with_url(&asked))?;
            if arrived {
                return Ok(Location {
                    url: trail.into_url(),
                    headers,
                });
            }
        }
    }

    fn sends_token(&self, trail: &Trail) -> bool {
        self.token.is_some() && trail.may_carry_credentials(&self.hosts)
    }

    /// Sends one request and reads its answer, paced and guarded by the site's rate and breaker.
    async fn hop(
        &self,
        trail: &Trail,
        site: &Site,
        route: Route,
        sent: &mut u32,
    ) -> Result<Hop, Error> {
        let url = trail.url();
        let host = url.host_str().unwrap_or_default();
        let permit = self.breakers.of(&authority(url)).check().map_err(|open| {
            Error::new(ErrorKind::CircuitOpen {
                host: host.into(),
                retry_in: open.retry_in,
            })
        })?;
        let rate = site.rate(route);
        if let Some(rate) = rate {
            rate.acquire().await;
        }
        *sent += 1;
        let started = Instant::now();
        let outcome = match tokio::time::timeout(self.timeout, self.send(trail, rate)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::new(ErrorKind::Timeout { host: host.into() })),
        };
        self.observer.tell(&Observed::Request {
            path: url.path(),
            status: outcome.as_ref().ok().map(Hop::status),
            elapsed: started.elapsed(),
            timed_out: matches!(&outcome, Err(error) if matches!(error.kind(), ErrorKind::Timeout { .. })),
        });
        match &outcome {
            Ok(Hop::Answer(answer)) if answer.status.is_server_error() => permit.failure(),
            Ok(_) => permit.success(),
            Err(error) if error.is_transient() => permit.failure(),
            Err(_) => drop(permit),
        }
        outcome
    }

    async fn send(&self, trail: &Trail, rate: Option<&Rate>) -> Result<Hop, Error> {
        let host = trail.url().host_str().unwrap_or_default();
        let mut builder = self
            .http
            .request(trail.method().clone(), trail.url().clone())
            .header(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(token) = self.token.as_ref().filter(|_| self.sends_token(trail)) {
            builder = builder.bearer_auth(token.expose());
        }
        if let Some(body) = trail.body() {
            builder = builder
                .header(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("application/json"),
                )
                .body(body.clone());
        }
        let started = Instant::now();
        let response = builder.send().await.map_err(|error| broken(error, host))?;
        let latency = started.elapsed();
        if let Some(rate) = rate {
            rate.observe(latency);
        }
        debug!(
            status = response.status().as_u16(),
            host,
            ?latency,
            "answered"
        );
        check_headers(response.headers())?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_redirection() && headers.contains_key(header::LOCATION) {
            return Ok(Hop::Redirect(status, headers));
        }
        let body = read_body(response, host).await?;
        Ok(Hop::Answer(Answer {
            status,
            headers,
            body,
        }))
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("hosts", &self.hosts)
            .field("token", &self.token)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Returns the error for an action that a login would allow.
pub(crate) fn login(token_was_sent: bool) -> Error {
    Error::new(if token_was_sent {
        ErrorKind::BadToken
    } else {
        ErrorKind::LoginRequired
    })
}

/// Decides whether an answer is data, and if not, what it says.
fn judge(
    answer: Answer,
    site: &Site,
    route: Route,
    token_was_sent: bool,
    asked: &Url,
) -> Result<Bytes, Error> {
    let Some(kind) = refusal(route, &answer, token_was_sent) else {
        return Ok(answer.body);
    };
    let error = Error::new(kind)
        .with_retry_after(wait(&answer.headers))
        .with_body(excerpt(&answer.body))
        .with_url(asked);
    if let (ErrorKind::RateLimited, Some(rate)) = (error.kind(), site.rate(route)) {
        rate.throttled(error.retry_after());
    }
    Err(error)
}

/// Returns why an answer is not data, or `None` if it is.
fn refusal(route: Route, answer: &Answer, token_was_sent: bool) -> Option<ErrorKind> {
    let (status, body) = (answer.status.as_u16(), &answer.body);
    let content_type = content_type(&answer.headers);
    let page = Page::detect(content_type.as_deref(), body);
    match page {
        Some(page) if answer.status.is_success() => Some(ErrorKind::Page { status, page }),
        None if answer.status.is_success() && is_json(content_type.as_deref(), body) => None,
        None if answer.status.is_success() => Some(ErrorKind::Content {
            status,
            content_type,
        }),
        // A web page says nothing about these that the status does not say.
        Some(_) if matches!(status, 401 | 404 | 410 | 429 | 451) => {
            Some(Refusal::default().judge(route, status, false, token_was_sent))
        }
        Some(page) => Some(ErrorKind::Page { status, page }),
        None => Some(Refusal::read(body).judge(
            route,
            status,
            is_private(&answer.headers),
            token_was_sent,
        )),
    }
}

fn content_type(headers: &HeaderMap) -> Option<Box<str>> {
    let declared = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(
        declared
            .chars()
            .take(100)
            .collect::<String>()
            .to_ascii_lowercase()
            .into(),
    )
}

fn is_json(content_type: Option<&str>, body: &[u8]) -> bool {
    match content_type {
        Some(kind) if kind.starts_with("application/json") || kind.contains("+json") => true,
        Some(kind) if !kind.starts_with("text/plain") => false,
        _ => matches!(body.trim_ascii_start().first(), Some(b'{' | b'[')),
    }
}

/// Says whether the answer is marked as a passing failure: permanent refusals of the download route are `no-store` alone.
fn is_private(headers: &HeaderMap) -> bool {
    let cached = headers
        .get(header::CACHE_CONTROL)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let has = |directive| {
        cached
            .split(',')
            .any(|part| part.trim().eq_ignore_ascii_case(directive))
    };
    has("private") && has("no-store")
}

fn wait(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    retry_after::parse(value, SystemTime::now())
}

fn check_headers(headers: &HeaderMap) -> Result<(), Error> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if bytes > LARGEST_HEADERS_BYTES {
        return Err(Error::new(ErrorKind::HeadersTooLarge {
            limit_bytes: LARGEST_HEADERS_BYTES,
        }));
    }
    Ok(())
}

/// Reads a body up to the limit. Of a refusal the beginning is enough.
async fn read_body(mut response: reqwest::Response, host: &str) -> Result<Bytes, Error> {
    let is_success = response.status().is_success();
    let limit_bytes = if is_success {
        LARGEST_BODY_BYTES
    } else {
        LARGEST_REFUSAL_BYTES
    };
    let too_large = || Error::new(ErrorKind::TooLarge { limit_bytes });
    if is_success
        && response
            .content_length()
            .is_some_and(|length| length > limit_bytes)
    {
        return Err(too_large());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| broken(error, host))?
    {
        let room = usize::try_from(limit_bytes).unwrap_or(usize::MAX) - body.len();
        if chunk.len() > room {
            if is_success {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk[..room]);
            break;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// Tells apart how a request broke. The URL is dropped from the source: it may hold what must not be shown.
fn broken(error: reqwest::Error, host: &str) -> Error {
    let error = error.without_url();
    let kind = if UnsafeAddress::find(&error).is_some() {
        ErrorKind::UnsafeAddress { host: host.into() }
    } else if error.is_timeout() {
        ErrorKind::Timeout { host: host.into() }
    } else {
        ErrorKind::Network {
            host: host.into(),
            failure: failure(&error),
        }
    };
    Error::new(kind).with_source(Box::new(error) as BoxError)
}

fn failure(error: &reqwest::Error) -> Failure {
    if !error.is_connect() {
        return Failure::Interrupted;
    }
    // The TLS library reports a refused handshake as invalid data; a plain connection never does.
    let is_tls = |cause: &(dyn StdError + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|io| io.kind() == io::ErrorKind::InvalidData)
    };
    if chain(error).any(is_tls) {
        Failure::Tls
    } else if chain(error).any(|cause| cause.to_string().contains("dns error")) {
        Failure::Dns
    } else {
        Failure::Connect
    }
}

/// Walks the causes, those included that an `io::Error` hides from its chain.
fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error = *error;
        match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

/// Returns host and port: two servers on one machine fail independently.
fn authority(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
}
