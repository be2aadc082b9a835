//! One public operation: tries, waits and stand-in sites under a single budget.

use std::time::Duration;

use bytes::Bytes;
use civitai_reliability::{Budget, RetryPolicy};
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tracing::debug;

use crate::error::{Error, ErrorKind};
use crate::host::Site;
use crate::json;
use crate::observe::Observed;
use crate::transport::{Location, Request, Transport};

/// Asks until there is an answer, which is returned with its text, a final refusal, or nothing left of the budget.
///
/// When the configured site does not have something or fails, each stand-in is asked once. Unless one of them knows more,
/// what the configured site said decides.
pub(crate) async fn fetch<T: DeserializeOwned + Send>(
    transport: &Transport,
    policy: RetryPolicy,
    request: &Request,
    expected: &'static str,
    sent: &mut u32,
) -> Result<(T, Bytes), Error> {
    let started = Instant::now();
    let before = *sent;
    let mut budget = Budget::new(policy);
    let mut standins = transport.hosts.fallbacks().iter();
    loop {
        let error = match attempt(
            transport,
            transport.hosts.primary(),
            policy.max_wait,
            request,
            expected,
            sent,
        )
        .await
        {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let mut error = error;
        if may_be_elsewhere(&error) {
            for site in standins.by_ref() {
                debug!(reason = error.code(), "asking a stand-in site");
                match attempt(transport, site, policy.max_wait, request, expected, sent).await {
                    Ok(value) => return Ok(value),
                    Err(other) if may_be_elsewhere(&other) => {}
                    Err(telling) => error = telling,
                }
            }
        }
        let error = error.with_effort(*sent - before, started.elapsed());
        if !error.is_transient() {
            return Err(error);
        }
        let Ok(pause) = budget.next(error.retry_after()) else {
            return Err(error);
        };
        debug!(reason = error.code(), ?pause, "trying again");
        let retry = Observed::Retry { wait: pause };
        transport.observer.tell(&retry);
        tokio::time::sleep(pause).await;
    }
}

/// Asks once where a file is, and each stand-in once if the configured site does not have it or fails.
pub(crate) async fn locate(
    transport: &Transport,
    policy: RetryPolicy,
    request: &Request,
) -> Result<Location, Error> {
    let started = Instant::now();
    let mut sent = 0;
    let mut said: Option<Error> = None;
    for site in std::iter::once(transport.hosts.primary()).chain(transport.hosts.fallbacks()) {
        let outcome = match hold(site, policy.max_wait, request) {
            Some(error) => Err(error),
            None => transport.locate(request, site, &mut sent).await,
        };
        match (outcome, &said) {
            (Ok(location), _) => return Ok(location),
            (Err(error), _) if !may_be_elsewhere(&error) => {
                return Err(error.with_effort(sent, started.elapsed()));
            }
            (Err(error), None) => said = Some(error),
            (Err(_), Some(_)) => {}
        }
    }
    let error = said.unwrap_or_else(|| Error::new(ErrorKind::NotFound { message: None }));
    Err(error.with_effort(sent, started.elapsed()))
}

async fn attempt<T: DeserializeOwned>(
    transport: &Transport,
    site: &Site,
    max_wait: Duration,
    request: &Request,
    expected: &'static str,
    sent: &mut u32,
) -> Result<(T, Bytes), Error> {
    if let Some(error) = hold(site, max_wait, request) {
        return Err(error);
    }
    let body: Bytes = transport.fetch(request, site, sent).await?;
    let value = json::read(&body, expected).map_err(|(problem, source)| {
        let error = Error::new(ErrorKind::Malformed(problem))
            .with_url(&site.url(&request.path, request.query.as_deref()));
        match source {
            Some(source) => error.with_source(source),
            None => error,
        }
    })?;
    Ok((value, body))
}

/// Returns an error if an earlier `Retry-After` still holds requests back for longer than anybody wants to wait.
fn hold(site: &Site, max_wait: Duration, request: &Request) -> Option<Error> {
    let held = site
        .rate(request.route)?
        .held_for()
        .filter(|held| *held > max_wait)?;
    Some(Error::new(ErrorKind::RateLimited).with_retry_after(Some(held)))
}

/// Says whether another name of the same site may do better.
fn may_be_elsewhere(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::NotFound { .. }
        | ErrorKind::Network { .. }
        | ErrorKind::Timeout { .. }
        | ErrorKind::CircuitOpen { .. } => true,
        ErrorKind::Server { status, .. } | ErrorKind::Page { status, .. } => *status >= 500,
        _ => false,
    }
}
