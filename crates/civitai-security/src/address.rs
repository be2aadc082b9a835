//! Which URLs and addresses may be asked.
//!
//! A name that a server sends us to may resolve to a machine that only we can reach: a router, a
//! cloud's metadata service, a database on this host. So an address is judged where it is connected
//! to. [`Policy::check_url`] judges a URL before each request, and with it every address written
//! literally in it, for which no resolver is asked; [`Resolver`] judges the answers for names.

use std::error::Error;
use std::io;
use std::net::IpAddr;

use url::{Host, Url};

#[cfg(feature = "reqwest")]
mod resolver;
mod special;

#[cfg(feature = "reqwest")]
pub use resolver::Resolver;
pub use special::{Special, special};

/// Whether a person allowed addresses of private networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AllowPrivate {
    /// Public addresses only.
    #[default]
    No,
    /// Also addresses inside private networks, and plain `http` to an origin there.
    Yes,
}

/// What may be asked, given the origin that the user configured.
///
/// | | `https` | `http` | loopback | private |
/// |---|---|---|---|---|
/// | public origin | yes | no | no | no |
/// | loopback origin | yes | yes | yes | no |
/// | [`AllowPrivate::Yes`] | yes | to private addresses and to the origin's own host | only if the origin is | yes |
///
/// Addresses where no web server can be (multicast, unspecified, documentation, reserved, transition) are
/// refused always.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    allow_loopback: bool,
    allow_private: bool,
    /// The host to which plain `http` goes because it is private; its addresses must be.
    private_host: Option<Box<str>>,
}

impl Policy {
    /// Public addresses over `https`, nothing else.
    pub const PUBLIC: Self = Self {
        allow_loopback: false,
        allow_private: false,
        private_host: None,
    };

    /// Derives the policy from the origin, which is judged by it first.
    ///
    /// An origin is loopback when it is written so: `localhost`, a name below it, or a literal address.
    pub fn for_origin(origin: &Url, allow: AllowPrivate) -> Result<Self, UnsafeAddress> {
        let host = host(origin)?;
        let allow_private = allow == AllowPrivate::Yes;
        let policy = Self {
            allow_loopback: is_loopback(&host),
            allow_private,
            private_host: (allow_private && origin.scheme() == "http")
                .then(|| host.to_string().into()),
        };
        policy.check_url(origin)?;
        Ok(policy)
    }

    /// Judges the scheme, and the host if it is an address in any notation or a name for this machine.
    ///
    /// `Url` turns notations such as `2130706433` and `0x7f.1` into the address they mean.
    pub fn check_url(&self, url: &Url) -> Result<(), UnsafeAddress> {
        let host = host(url)?;
        let literal = literal(&host);
        if let Some(ip) = literal {
            self.check_ip(ip)?;
        } else if is_loopback(&host) && !self.allow_loopback {
            return Err(UnsafeAddress::Special {
                host: host.to_string().into(),
                ip: IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
                class: Special::Loopback,
            });
        }
        if url.scheme() == "https" || self.allow_loopback {
            return Ok(());
        }
        let is_private = literal.is_some_and(|ip| special(ip).is_some_and(Special::is_private));
        let is_origin = literal.is_none() && self.is_private_host(&host.to_string());
        if (self.allow_private && is_private) || is_origin {
            return Ok(());
        }
        Err(UnsafeAddress::Cleartext {
            host: host.to_string().into(),
        })
    }

    /// Judges a redirect: what [`check_url`](Self::check_url) refuses, and any step from `https` to `http`.
    pub fn check_redirect(&self, from: &Url, to: &Url) -> Result<(), UnsafeAddress> {
        self.check_url(to)?;
        if from.scheme() == "https" && to.scheme() == "http" {
            return Err(UnsafeAddress::Downgrade {
                host: to.host_str().unwrap_or_default().into(),
            });
        }
        Ok(())
    }

    /// Judges an address that is about to be connected to.
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), UnsafeAddress> {
        match special(ip) {
            None => Ok(()),
            Some(Special::Loopback) if self.allow_loopback => Ok(()),
            Some(class) if self.allow_private && class.is_private() => Ok(()),
            Some(class) => Err(UnsafeAddress::Special {
                host: ip.to_string().into(),
                ip,
                class,
            }),
        }
    }

    /// Judges an address that a name resolved to.
    ///
    /// Beyond [`check_ip`](Self::check_ip), an origin that is asked over plain `http` because it is
    /// private must not resolve to a public address.
    pub fn check_resolved(&self, host: &str, ip: IpAddr) -> Result<(), UnsafeAddress> {
        match self.check_ip(ip) {
            Ok(()) if special(ip).is_none() && self.is_private_host(host) => {
                Err(UnsafeAddress::Cleartext { host: host.into() })
            }
            Err(UnsafeAddress::Special { ip, class, .. }) => Err(UnsafeAddress::Special {
                host: host.into(),
                ip,
                class,
            }),
            judged => judged,
        }
    }

    fn is_private_host(&self, host: &str) -> bool {
        self.private_host
            .as_deref()
            .is_some_and(|private| private.eq_ignore_ascii_case(host))
    }
}

/// A URL or address that is not asked. No packet was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsafeAddress {
    /// Plain `http` where it is not allowed.
    #[error("`http` to {host} is refused, only `https` is allowed")]
    Cleartext {
        /// The host that would have been asked.
        host: Box<str>,
    },
    /// A redirect from `https` to `http`.
    #[error("redirect from `https` to `http` on {host} is refused")]
    Downgrade {
        /// The host that the redirect leads to.
        host: Box<str>,
    },
    /// The URL has no host.
    #[error("the URL has no host")]
    NoHost,
    /// Neither `http` nor `https`.
    #[error("scheme `{scheme}` is refused, only `https` is allowed")]
    Scheme {
        /// The scheme of the URL.
        scheme: Box<str>,
    },
    /// An address that is not for the public internet.
    #[error("{} is refused", Described(host, *ip, *class))]
    Special {
        /// The host as it stands in the URL.
        host: Box<str>,
        /// The address that it means or resolved to.
        ip: IpAddr,
        /// What that address is for.
        class: Special,
    },
}

impl UnsafeAddress {
    /// Finds the refusal in an error's chain of sources, wherever an HTTP client has put it.
    pub fn find<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            // `io::Error` leaves what it wraps out of the chain.
            next = match error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref)
            {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }
}

/// `storage.example (10.0.0.1, a private address)`, without saying a literal address twice.
struct Described<'a>(&'a str, IpAddr, Special);

impl std::fmt::Display for Described<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(host, ip, class) = self;
        let literal = ip.to_string();
        if host.trim_matches(['[', ']']) == literal {
            write!(f, "{ip} ({class} address)")
        } else {
            write!(f, "{host} ({ip}, {class} address)")
        }
    }
}

fn host(url: &Url) -> Result<Host<&str>, UnsafeAddress> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UnsafeAddress::Scheme {
            scheme: url.scheme().into(),
        });
    }
    url.host().ok_or(UnsafeAddress::NoHost)
}

fn literal(host: &Host<&str>) -> Option<IpAddr> {
    match *host {
        Host::Domain(_) => None,
        Host::Ipv4(ip) => Some(ip.into()),
        Host::Ipv6(ip) => Some(ip.into()),
    }
}

/// RFC 6761, section 6.3: names at and below `localhost` mean this machine.
/// Says whether a URL names this machine.
pub fn is_loopback_url(url: &Url) -> bool {
    url.host().is_some_and(|host| is_loopback(&host))
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost")
        }
        literal_host => literal(literal_host).and_then(special) == Some(Special::Loopback),
    }
}
