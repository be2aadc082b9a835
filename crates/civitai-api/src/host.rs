//! Which sites may be asked, in which order, and which of them may see the token.

use civitai_reliability::{Rate, RateConfig};
use civitai_security::RedactedUrl;
use civitai_security::{AllowPrivate, Policy};
use url::{Origin, Url};

use crate::error::{Error, ErrorKind, Route};

/// The two names of the one site. They share accounts, data and tokens, and now and then one has what the other lost.
pub(crate) const SITES: [&str; 2] = ["https://civitai.com", "https://civitai.red"];

/// The sites that are asked, by preference, and the rules that go with them.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// Never empty; the first is the configured origin.
    sites: Vec<Site>,
    /// Every origin that may see the token, compared by scheme, host and port.
    trusted: Vec<Origin>,
    policy: Policy,
}

/// One site, by the URL of its root, and how fast it is asked.
#[derive(Debug)]
pub(crate) struct Site {
    root: Url,
    api: Option<Rate>,
    /// Apart from the rest: every exchange counts against a daily quota, and a burst of searches must not delay a transfer.
    downloads: Option<Rate>,
}

/// How fast a site is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// At the default rate, and without one on loopback.
    Polite,
    Unlimited,
    At(RateConfig),
}

impl Hosts {
    /// Arranges `origin` and its stand-ins. Civitai's own names stand in for each other unless `fallbacks` says otherwise.
    pub(crate) fn new(
        origin: Url,
        fallbacks: Option<Vec<Url>>,
        private: AllowPrivate,
        pace: Pace,
    ) -> Result<Self, Error> {
        let policy = policy(&origin, private)?;
        let fallbacks = match fallbacks {
            Some(fallbacks) => fallbacks,
            None => twin(&origin).into_iter().collect(),
        };
        for fallback in &fallbacks {
            policy
                .check_url(fallback)
                .map_err(|unsafe_address| refused(fallback).with_source(unsafe_address))?;
        }
        let mut sites: Vec<Site> = Vec::new();
        for root in std::iter::once(origin).chain(fallbacks) {
            if !sites.iter().any(|site| site.root.origin() == root.origin()) {
                sites.push(Site::new(root, pace));
            }
        }
        let known = SITES.iter().filter_map(|site| Url::parse(site).ok());
        let trusted = known
            .chain(sites.iter().map(|site| site.root.clone()))
            .map(|url| url.origin())
            .collect();
        Ok(Self {
            sites,
            trusted,
            policy,
        })
    }

    /// Returns the configured site.
    pub(crate) fn primary(&self) -> &Site {
        &self.sites[0]
    }

    /// Returns the sites to ask when the configured one does not have something or fails.
    pub(crate) fn fallbacks(&self) -> &[Site] {
        &self.sites[1..]
    }

    /// Says whether a request to `url` may carry the token.
    pub(crate) fn trusts(&self, url: &Url) -> bool {
        self.trusted.contains(&url.origin())
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }
}

impl Site {
    fn new(root: Url, pace: Pace) -> Self {
        let config = match pace {
            Pace::Polite if is_loopback(&root) => None,
            Pace::Polite => Some(RateConfig::default()),
            Pace::Unlimited => None,
            Pace::At(config) => Some(config),
        };
        Self {
            root,
            api: config.map(Rate::new),
            downloads: config.map(Rate::new),
        }
    }

    /// Returns the URL of a route, whose `path` begins with a slash and is encoded. A path of the root comes before it.
    pub(crate) fn url(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("{}{path}", self.root.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    pub(crate) fn root(&self) -> &Url {
        &self.root
    }

    pub(crate) fn rate(&self, route: Route) -> Option<&Rate> {
        if route.is_download() {
            self.downloads.as_ref()
        } else {
            self.api.as_ref()
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn twin(origin: &Url) -> Option<Url> {
    let known: Vec<Url> = SITES
        .iter()
        .filter_map(|site| Url::parse(site).ok())
        .collect();
    let is_known = known.iter().any(|site| site.origin() == origin.origin());
    known
        .into_iter()
        .find(|site| is_known && site.origin() != origin.origin())
}

fn policy(origin: &Url, private: AllowPrivate) -> Result<Policy, Error> {
    Policy::for_origin(origin, private)
        .map_err(|unsafe_address| refused(origin).with_source(unsafe_address))
}

fn refused(origin: &Url) -> Error {
    Error::new(ErrorKind::Origin {
        origin: RedactedUrl::from(origin.clone()),
    })
}
