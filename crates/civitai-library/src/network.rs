//! The two ways to the network, set up alike: a client for the site, which may carry the token, and one for storage, which
//! never does. Both take the same proxy and trust the same authorities; neither reads the environment.

use std::io;
use std::path::PathBuf;

use civitai_download::Storage;
use civitai_security::address::{AllowPrivate, Policy, Resolver};
use civitai_security::{RedactedUrl, UnsafeAddress};
use fs_err as fs;
use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};
use url::Url;

/// What both clients are set up with.
#[derive(Clone, Debug)]
pub struct Network {
    /// The site.
    pub origin: Url,
    /// Whether origins, redirects and storage may be in private networks.
    pub private: AllowPrivate,
    /// The proxy for everything but what `no_proxy` excepts.
    pub proxy: Option<Url>,
    /// Hosts that are reached directly, in the form of the variable `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// Certificate authorities beyond the platform's, PEM.
    pub ca_file: Option<PathBuf>,
}

/// Why a way to the network cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The proxy's address is none that a proxy can have.
    #[error("{proxy} cannot be a proxy")]
    Proxy {
        /// The address.
        proxy: RedactedUrl,
        /// What is wrong with it.
        source: reqwest::Error,
    },
    /// The file of authorities cannot be read.
    #[error("the certificate authorities cannot be read")]
    Unreadable(#[source] io::Error),
    /// The file of authorities holds something else than certificates.
    #[error("{} does not hold certificates", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: reqwest::Error,
    },
    /// The file of authorities holds none.
    #[error("{} holds no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Neither `https` nor loopback, or in a private network.
    #[error(transparent)]
    Origin(#[from] UnsafeAddress),
    /// The client could not be set up.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
}

impl Network {
    /// The straight way to a site: no proxy, the platform's authorities, no private networks.
    pub fn to(origin: Url) -> Self {
        Self {
            origin,
            private: AllowPrivate::No,
            proxy: None,
            no_proxy: None,
            ca_file: None,
        }
    }

    /// What every HTTP client here starts from: the proxy and the authorities, nothing from the environment.
    pub fn http(&self) -> Result<ClientBuilder, Error> {
        let mut builder = ClientBuilder::new().no_proxy();
        if let Some(url) = &self.proxy {
            let proxy = Proxy::all(url.clone()).map_err(|source| Error::Proxy {
                proxy: RedactedUrl::new(url.clone()),
                source: source.without_url(),
            })?;
            let exceptions = self.no_proxy.as_deref().and_then(NoProxy::from_string);
            builder = builder.proxy(proxy.no_proxy(exceptions));
        }
        Ok(match self.authorities()? {
            Some(roots) => builder.tls_certs_merge(roots),
            None => builder,
        })
    }

    fn authorities(&self) -> Result<Option<Vec<Certificate>>, Error> {
        let Some(path) = &self.ca_file else {
            return Ok(None);
        };
        let pem = fs::read(path).map_err(Error::Unreadable)?;
        let roots = Certificate::from_pem_bundle(&pem).map_err(|source| Error::Certificates {
            path: path.clone(),
            source,
        })?;
        if roots.is_empty() {
            return Err(Error::NoCertificate { path: path.clone() });
        }
        Ok(Some(roots))
    }

    /// Begins the client for the site, still without a token.
    pub fn site(&self) -> Result<civitai_api::Builder, Error> {
        let mut client = civitai_api::Client::builder(self.http()?).origin(self.origin.clone());
        if self.private == AllowPrivate::Yes {
            client = client.allow_private_network();
        }
        if let Some(host) = self.proxy.as_ref().and_then(Url::host_str) {
            client = client.proxy_host(host);
        }
        Ok(client)
    }

    /// The client for storage, allowed to contact what `policy` allows.
    pub fn storage(&self, policy: Policy) -> Result<Storage, Error> {
        let resolver = self.resolver(policy.clone());
        let begin = || Ok::<_, Error>(self.http()?.user_agent(USER_AGENT));
        let small = begin()?;
        Storage::with_resolver(begin()?, policy, resolver)
            .and_then(|storage| storage.with_small(small))
            .map_err(|error| Error::Setup(error.without_url()))
    }

    /// Which addresses may be contacted for what begins at `origin`.
    pub fn policy(&self, origin: &Url) -> Result<Policy, Error> {
        Ok(Policy::for_origin(origin, self.private)?)
    }

    /// A resolver that hands on allowed addresses only. A proxy may be anywhere: the user named it.
    pub fn resolver(&self, policy: Policy) -> Resolver {
        let proxy = self.proxy.as_ref().and_then(Url::host_str);
        Resolver::new(policy).with_trusted(proxy.map(str::to_owned))
    }

    /// Where a token may be sent: the two hosts of Civitai and the configured site.
    pub fn token_origins(&self) -> Vec<url::Origin> {
        let known = ["https://civitai.com", "https://civitai.red"]
            .into_iter()
            .filter_map(|site| Url::parse(site).ok());
        known
            .chain([self.origin.clone()])
            .map(|site| site.origin())
            .collect()
    }
}

impl Error {
    /// Returns the word for the reason that the command line and its scripts use.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(error) if error.kind() == io::ErrorKind::PermissionDenied => "io",
            Self::Setup(_) => "network",
            _ => "usage",
        }
    }
}

/// What a client calls itself that is not the API's. It must not look like a browser to the site.
pub const USER_AGENT: &str = concat!("civitai-dl/", env!("CARGO_PKG_VERSION"));
