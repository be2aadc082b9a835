//! Name resolution that hands on only addresses worth connecting to.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::Policy;

/// A resolver for `reqwest` that keeps a [`Policy`].
///
/// The addresses that were judged are the addresses that are connected to: each connection asks anew,
/// and what it is given is what was judged, so a name that changes its answer gains nothing.
///
/// One refused address refuses the whole answer. A public name with a private address among its
/// addresses is how an attack by rebinding looks, and a client that tries all addresses of an answer
/// would come to the private one as soon as the public one fails.
///
/// `reqwest` does not ask a resolver for a literal address: [`Policy::check_url`] must have judged the URL.
/// Behind a proxy only the proxy's own name is resolved here.
#[derive(Clone)]
pub struct Resolver {
    policy: Arc<Policy>,
    trusted: Arc<[Box<str>]>,
    lookup: Arc<Lookup>,
}

type Lookup = dyn Fn(String) -> LookingUp + Send + Sync;
type LookingUp = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

impl Resolver {
    /// Resolves as the operating system does.
    pub fn new(policy: Policy) -> Self {
        Self::with_lookup(policy, |host| async move {
            Ok(tokio::net::lookup_host((host, 0)).await?.collect())
        })
    }

    /// Resolves by `lookup`, which is given the host and returns its addresses with port 0.
    pub fn with_lookup<F, Fut>(policy: Policy, lookup: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self {
            policy: Arc::new(policy),
            trusted: Arc::default(),
            lookup: Arc::new(move |host| Box::pin(lookup(host))),
        }
    }

    /// Exempts hosts that the user named: the proxies, which are often in a private network.
    #[must_use]
    pub fn with_trusted(self, hosts: impl IntoIterator<Item = String>) -> Self {
        let trusted = hosts.into_iter().map(String::into_boxed_str).collect();
        Self { trusted, ..self }
    }

    /// Returns the judged addresses of a host.
    ///
    /// # Errors
    /// What the lookup reports, or an error that wraps [`UnsafeAddress`](super::UnsafeAddress), which
    /// [`UnsafeAddress::find`](super::UnsafeAddress::find) finds under whatever `reqwest` wraps round it.
    pub async fn addresses(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        let addresses = (self.lookup)(host.to_owned()).await?;
        if addresses.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the host has no address",
            ));
        }
        if !self
            .trusted
            .iter()
            .any(|trusted| trusted.eq_ignore_ascii_case(host))
        {
            for address in &addresses {
                self.policy
                    .check_resolved(host, address.ip())
                    .map_err(io::Error::other)?;
            }
        }
        Ok(addresses)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.addresses(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("policy", &self.policy)
            .field("trusted", &self.trusted)
            .finish_non_exhaustive()
    }
}
