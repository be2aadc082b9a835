//! The way to storage servers: an HTTP client set up for big bodies from strangers, and one for many small ones.

use std::error::Error as StdError;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use civitai_reliability::Failure;
use civitai_security::address::Resolver;
use civitai_security::{Policy, RedactedUrl, UnsafeAddress};
use reqwest::header;
use url::Url;

use crate::error::{Error, ErrorKind};
use crate::host::Hosts;
use crate::intake::Pairs;
use crate::lease::Lease;
use crate::queue::is_small;

use self::contacts::{Contacts, First};

mod contacts;

/// A client for transfers and the addresses it may talk to. Clones share their connections, and
/// what they learn of servers: how many connections one bears, how many pay, whether it knows ranges.
///
/// Redirects are followed by the transfer itself: at most ten, never from https to http, never to an address that the
/// policy refuses, and a credential never leaves the origin it is for.
#[derive(Debug, Clone)]
pub struct Storage {
    http: reqwest::Client,
    small: Option<Small>,
    policy: Policy,
    resolver: Resolver,
    hosts: Hosts,
    pairs: Pairs,
}

/// A client whose requests may share a connection.
#[derive(Debug, Clone)]
struct Small {
    http: reqwest::Client,
    contacts: Arc<Contacts>,
}

impl Storage {
    /// Finishes a client that the frontend began (proxy, extra CA, user agent).
    ///
    /// It sets: no automatic redirects, no decompression, no referer, HTTP/1.1 only (with HTTP/2 all segments would
    /// share one TCP connection), ten seconds to connect, and a resolver that hands on only addresses the policy
    /// allows. A proxy resolves names by itself; then only literal addresses are checked here.
    pub fn new(builder: reqwest::ClientBuilder, policy: Policy) -> reqwest::Result<Self> {
        let resolver = Resolver::new(policy.clone());
        Self::with_resolver(builder, policy, resolver)
    }

    /// Does the same with a resolver of the caller's, which should judge by the same policy: for one that trusts the
    /// host of a proxy.
    pub fn with_resolver(
        builder: reqwest::ClientBuilder,
        policy: Policy,
        resolver: Resolver,
    ) -> reqwest::Result<Self> {
        let http = finish(builder, &resolver).http1_only().build()?;
        Ok(Self {
            http,
            small: None,
            policy,
            resolver,
            hosts: Hosts::default(),
            pairs: Pairs::default(),
        })
    }

    /// Adds a second client, of the same beginnings, for files that are promised to be at most 1 MiB long: over https
    /// it speaks HTTP/2 with servers that do. Their requests share a connection instead of each waiting for one; a file
    /// that takes a fraction of a round trip needs nothing else. Without this all files come over HTTP/1.1.
    pub fn with_small(self, builder: reqwest::ClientBuilder) -> reqwest::Result<Self> {
        let http = finish(builder, &self.resolver)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build()?;
        let small = Some(Small {
            http,
            contacts: Arc::default(),
        });
        Ok(Self { small, ..self })
    }

    /// Shares what is known of servers with everyone who has the same memory.
    #[must_use]
    pub fn with_hosts(self, hosts: Hosts) -> Self {
        Self { hosts, ..self }
    }

    /// Takes the second client away again: every file comes over HTTP/1.1.
    #[must_use]
    pub fn without_small(self) -> Self {
        Self {
            small: None,
            ..self
        }
    }

    /// The way to a file of which such a length is promised.
    pub(crate) fn for_size(&self, bytes: Option<u64>) -> Self {
        let small = self.small.clone().filter(|_| bytes.is_some_and(is_small));
        Self {
            http: small
                .as_ref()
                .map_or_else(|| self.http.clone(), |small| small.http.clone()),
            small,
            ..self.clone()
        }
    }

    /// Waits until a request to this server may be sent; what is returned is held until its answer has come.
    pub(crate) async fn first_contact(&self, url: &Url) -> Option<First> {
        let small = self.small.as_ref().filter(|_| url.scheme() == "https")?;
        small.contacts.first(url).await
    }

    /// The request for a range of what `url` names, with the lease's credential only at the lease's own origin.
    pub(crate) fn request(
        &self,
        url: &Url,
        credential: Option<&Lease>,
        range: Option<&Range<u64>>,
    ) -> reqwest::RequestBuilder {
        let mut request = self
            .http
            .get(url.clone())
            .header(header::ACCEPT_ENCODING, "identity");
        if let Some(range) = range {
            request = request.header(header::RANGE, range_header(range));
        }
        match credential.and_then(|lease| lease.credential.as_ref()) {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    /// What was learnt of the servers.
    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Where the files that arrive at a time are hashed together.
    pub(crate) fn pairs(&self) -> &Pairs {
        &self.pairs
    }

    /// Refuses schemes and literal addresses that must not be contacted.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Error> {
        self.policy
            .check_url(url)
            .map_err(|source| unsafe_address(url, source).into())
    }

    /// Where a redirect from `from` leads, if it may be followed.
    pub(crate) fn next_hop(&self, from: &Url, location: Option<&str>) -> Result<Url, Error> {
        let next = location
            .filter(|location| location.len() <= MAX_LOCATION)
            .and_then(|location| from.join(location).ok())
            // A name and a password in it would be sent as a credential of ours.
            .filter(|next| next.username().is_empty() && next.password().is_none())
            .ok_or_else(|| {
                Error::from(ErrorKind::BadRedirect {
                    url: RedactedUrl::new(from.clone()),
                })
            })?;
        self.policy
            .check_redirect(from, &next)
            .map_err(|source| Error::from(unsafe_address(from, source)))?;
        Ok(next)
    }
}

fn finish(builder: reqwest::ClientBuilder, resolver: &Resolver) -> reqwest::ClientBuilder {
    builder
        .redirect(reqwest::redirect::Policy::none())
        .no_gzip()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .dns_resolver(resolver.clone())
}

fn unsafe_address(url: &Url, source: UnsafeAddress) -> ErrorKind {
    ErrorKind::UnsafeAddress {
        url: RedactedUrl::new(url.clone()),
        source,
    }
}

fn range_header(range: &Range<u64>) -> String {
    if range.end == u64::MAX {
        format!("bytes={}-", range.start)
    } else {
        format!("bytes={}-{}", range.start, range.end - 1)
    }
}

/// What a failed request or body means, and the error to report if it stays.
pub(crate) fn failure(error: reqwest::Error, url: &Url) -> (Failure, Error) {
    let error = error.without_url();
    if let Some(refused) = UnsafeAddress::find(&error) {
        return (
            Failure::Protocol,
            unsafe_address(url, refused.clone()).into(),
        );
    }
    let url = RedactedUrl::new(url.clone());
    let failure = if error.is_timeout() {
        Failure::Timeout
    } else if error.is_connect() && is_refused_handshake(&error) {
        Failure::Tls
    } else if error.is_connect() {
        Failure::Connect
    } else if error.is_builder() {
        Failure::Protocol
    } else {
        Failure::Interrupted
    };
    (failure, ErrorKind::Network { url, source: error }.into())
}

/// Whether the other side is not whom the system trusts. The TLS library reports that as invalid data, hidden in an
/// `io::Error` or two; a plain connection never does.
fn is_refused_handshake(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = cause {
        let io = current.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::InvalidData) {
            return true;
        }
        cause = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => current.source(),
        };
    }
    false
}

/// What a link of 1 Gbit/s and 100 ms holds: the files on their way together never wait for the window.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// A whole small file.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// No real signed URL comes near it.
const MAX_LOCATION: usize = 16 << 10;
