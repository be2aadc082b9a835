//! What can go wrong, told apart as far as the server's answer allows.

mod refusal;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use civitai_reliability::classify::{self, Failure};
use civitai_security::RedactedUrl;

use crate::json::Malformed;
use crate::time::Timestamp;

pub(crate) use refusal::{Refusal, Route, excerpt};

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// An operation that failed: why, at which address, and how hard it was tried.
///
/// Neither `Display` nor `Debug` ever shows a token or the signature of a URL.
pub struct Error(Box<Context>);

struct Context {
    kind: ErrorKind,
    url: Option<RedactedUrl>,
    attempts: u32,
    elapsed: Duration,
    retry_after: Option<Duration>,
    body: Option<Box<str>>,
    source: Option<BoxError>,
}

/// The reason of an [`Error`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller asked for something that the API refuses always; no request was made.
    #[error("`{name}` {problem}")]
    Argument {
        /// The parameter.
        name: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An origin that tokens and requests must not be sent to: neither `https` nor loopback, or private.
    #[error("{origin} cannot be used as the site's origin")]
    Origin {
        /// The refused origin.
        origin: RedactedUrl,
    },
    /// The server found the request faulty (400 and the other client errors that have no meaning of their own).
    #[error("the site rejected the request ({status}){}", Said(message.as_deref()))]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The server's explanation.
        message: Option<Box<str>>,
    },
    /// Civitai's public API has no way to answer this.
    #[error("the public API cannot {what}")]
    Unsupported {
        /// The wish, as a verb phrase.
        what: &'static str,
    },
    /// `page` times `limit` went over 1000; cursors have no such end.
    #[error("the site serves no pages that deep")]
    DeepPaging,
    /// Only signed-in users may do this, and no token was sent.
    #[error("the site asks for a login")]
    LoginRequired,
    /// A token was sent and the site did not accept it: mistyped, revoked, expired, or of a banned user.
    #[error("the site does not accept the token")]
    BadToken,
    /// The creator allows no downloads of this file, to anybody.
    #[error("the creator has disabled downloads of this file")]
    DownloadsDisabled,
    /// The version must be bought while its early access lasts.
    #[error("the version is in early access{}", Until(*until))]
    EarlyAccess {
        /// When it becomes free; `None` if the server did not say or it never will.
        until: Option<Timestamp>,
    },
    /// The signed-in user, or anybody from this address, may not have this.
    #[error("access is denied{}", Said(message.as_deref()))]
    NoAccess {
        /// The server's explanation.
        message: Option<Box<str>>,
    },
    /// The site does not serve this region (451).
    #[error("the site does not serve this region{}", Said(message.as_deref()))]
    RegionBlocked {
        /// The server's explanation.
        message: Option<Box<str>>,
    },
    /// No such thing, or not for the public.
    #[error("not found{}", Said(message.as_deref()))]
    NotFound {
        /// The server's explanation.
        message: Option<Box<str>>,
    },
    /// The model is archived: it can be looked at and not downloaded (410).
    #[error("the model is archived and cannot be downloaded")]
    Archived,
    /// The file exists, and the site cannot reach its storage at present.
    #[error("the site cannot reach its file storage")]
    StorageOutage,
    /// The server failed (5xx, 499, 408).
    #[error("the site failed with status {status}{}", Said(message.as_deref()))]
    Server {
        /// The HTTP status.
        status: u16,
        /// The server's explanation.
        message: Option<Box<str>>,
    },
    /// A web page came where data was asked for.
    #[error("the site answered with {page} (status {status})")]
    Page {
        /// The HTTP status.
        status: u16,
        /// What kind of page it seems to be.
        page: Page,
    },
    /// A body that is neither JSON nor a web page.
    #[error("the site answered with {} instead of JSON (status {status})", content_type.as_deref().unwrap_or("an untyped body"))]
    Content {
        /// The HTTP status.
        status: u16,
        /// The declared media type.
        content_type: Option<Box<str>>,
    },
    /// JSON that cannot be read, or not safely.
    #[error("the site's answer cannot be read: {0}")]
    Malformed(Malformed),
    /// A body above the limit, counted after decompression.
    #[error("the site's answer is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// Response headers above the limit.
    #[error("the site's answer has more than {limit_bytes} bytes of headers")]
    HeadersTooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// A redirect that must not be followed.
    #[error("the site redirects to {to}, which is refused: {problem}")]
    Redirect {
        /// Where it pointed.
        to: RedactedUrl,
        /// Why it is not followed.
        problem: RedirectProblem,
    },
    /// An address in a special range, by name resolution or literally; nothing was sent to it.
    #[error("{host} is at an address that is refused")]
    UnsafeAddress {
        /// The host asked for.
        host: Box<str>,
    },
    /// The connection failed or broke.
    #[error("{} {host}", network_phrase(*failure))]
    Network {
        /// The host asked for.
        host: Box<str>,
        /// In which phase.
        failure: Failure,
    },
    /// The answer took too long.
    #[error("{host} did not answer in time")]
    Timeout {
        /// The host asked for.
        host: Box<str>,
    },
    /// The daily download quota of the account or address is used up.
    #[error("the daily download quota is used up")]
    Quota,
    /// Too many requests (429).
    #[error("the site asks to slow down")]
    RateLimited,
    /// So many requests to this host failed lately that none is sent for a while.
    #[error("{host} keeps failing; no request is sent for {} s", retry_in.as_secs_f32().ceil())]
    CircuitOpen {
        /// The host.
        host: Box<str>,
        /// When one request will be let through.
        retry_in: Duration,
    },
    /// The HTTP client could not be set up.
    #[error("the HTTP client cannot be set up")]
    Setup,
}

/// A web page that came instead of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Page {
    /// A check that only browsers pass.
    Challenge,
    /// The site is being worked on.
    Maintenance,
    /// The login form.
    Login,
    /// Any other page.
    Unknown,
}

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectProblem {
    /// There were this many before.
    TooMany(u32),
    /// Its target carries a user name or password.
    Credentials,
    /// Its target is not a URL.
    Unreadable,
    /// The scheme or the literal address of its target is refused, or it leaves `https`.
    Unsafe,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        let context = Context {
            kind,
            url: None,
            attempts: 0,
            elapsed: Duration::ZERO,
            retry_after: None,
            body: None,
            source: None,
        };
        Self(Box::new(context))
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_url(mut self, url: &url::Url) -> Self {
        self.0.url = Some(RedactedUrl::from(url.clone()));
        self
    }

    pub(crate) fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry_after = wait;
        self
    }

    pub(crate) fn with_body(mut self, body: Option<Box<str>>) -> Self {
        self.0.body = body;
        self
    }

    pub(crate) fn with_effort(mut self, attempts: u32, elapsed: Duration) -> Self {
        self.0.attempts = attempts;
        self.0.elapsed = elapsed;
        self
    }

    /// Returns the reason and its details.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Returns the word for the reason that the command line and its scripts use.
    pub fn code(&self) -> &'static str {
        match self.kind() {
            ErrorKind::Argument { .. } | ErrorKind::Origin { .. } | ErrorKind::Rejected { .. } => {
                "usage"
            }
            ErrorKind::Unsupported { .. } => "unsupported",
            ErrorKind::DeepPaging => "deep_paging",
            ErrorKind::LoginRequired
            | ErrorKind::Page {
                page: Page::Login, ..
            } => "login_required",
            ErrorKind::BadToken => "bad_token",
            ErrorKind::DownloadsDisabled => "downloads_disabled",
            ErrorKind::EarlyAccess { .. } => "early_access",
            ErrorKind::NoAccess { .. } => "no_access",
            ErrorKind::RegionBlocked { .. } => "region_blocked",
            ErrorKind::NotFound { .. } => "not_found",
            ErrorKind::Archived => "archived",
            ErrorKind::StorageOutage => "storage_outage",
            ErrorKind::Server { .. }
            | ErrorKind::Page { .. }
            | ErrorKind::Content { .. }
            | ErrorKind::Malformed(_)
            | ErrorKind::TooLarge { .. }
            | ErrorKind::HeadersTooLarge { .. }
            | ErrorKind::CircuitOpen { .. } => "server",
            ErrorKind::Redirect { .. } | ErrorKind::UnsafeAddress { .. } => "unsafe_address",
            ErrorKind::Network { .. } => "network",
            ErrorKind::Timeout { .. } => "timeout",
            ErrorKind::Quota => "quota",
            ErrorKind::RateLimited => "rate_limited",
            ErrorKind::Setup => "internal",
        }
    }

    /// Says whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self.kind() {
            ErrorKind::StorageOutage
            | ErrorKind::RateLimited
            | ErrorKind::Timeout { .. }
            | ErrorKind::CircuitOpen { .. }
            | ErrorKind::Malformed(Malformed::Truncated { .. }) => true,
            ErrorKind::Server { status, .. } => classify::is_transient(Failure::Status(*status)),
            // A page with a success status is a stand-in for an answer; one with 403 is what the edge wants to say.
            ErrorKind::Page { status, page } => {
                *page != Page::Login
                    && (*status < 300 || classify::is_transient(Failure::Status(*status)))
            }
            ErrorKind::Network { failure, .. } => classify::is_transient(*failure),
            _ => false,
        }
    }

    /// Says whether the thing asked for does not exist, or not for this user.
    pub fn is_not_found(&self) -> bool {
        matches!(self.kind(), ErrorKind::NotFound { .. })
    }

    /// Returns how long the server asked to wait, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.kind() {
            ErrorKind::CircuitOpen { retry_in, .. } => Some(*retry_in),
            _ => self.0.retry_after,
        }
    }

    /// Returns what the user can do about it, as one sentence without a full stop.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.kind() {
            ErrorKind::DeepPaging => "follow cursors instead of page numbers",
            ErrorKind::LoginRequired
            | ErrorKind::Page {
                page: Page::Login, ..
            } => {
                "most downloads need an API key: create one in your Civitai account settings and set it as the token"
            }
            ErrorKind::BadToken => {
                "the API key may be mistyped or revoked: create a new one in your Civitai account settings"
            }
            ErrorKind::DownloadsDisabled => {
                "no token changes this; the model can only be used on the site"
            }
            ErrorKind::EarlyAccess { until: Some(_) } => {
                "wait until then, or buy access on the site"
            }
            ErrorKind::EarlyAccess { until: None } => "access can only be bought on the site",
            ErrorKind::RegionBlocked { .. } => "trying again from the same network does not help",
            ErrorKind::StorageOutage => "the file exists; try again in a few minutes",
            ErrorKind::Quota => {
                "pause downloads for some hours; the quota counts the last 24 hours"
            }
            ErrorKind::RateLimited => "try again later, with fewer requests at a time",
            ErrorKind::Page {
                page: Page::Challenge,
                ..
            } => {
                "the site's protection stopped the request: try again later or from another network"
            }
            ErrorKind::Page {
                page: Page::Maintenance,
                ..
            } => "the site is under maintenance: try again later",
            ErrorKind::Origin { .. } => {
                "use https, or a loopback address; private networks must be allowed explicitly"
            }
            ErrorKind::Network {
                failure: Failure::Dns,
                ..
            } => "check the network connection and the host's name",
            ErrorKind::Network {
                failure: Failure::Tls,
                ..
            } => "check the system's clock and certificates",
            ErrorKind::Network { .. } | ErrorKind::Timeout { .. } => {
                "check the network connection and try again"
            }
            ErrorKind::Server { .. } | ErrorKind::CircuitOpen { .. } => {
                "the site has trouble: try again later"
            }
            _ => return None,
        })
    }

    /// Returns the address that was asked, if a request was made.
    pub fn url(&self) -> Option<&RedactedUrl> {
        self.0.url.as_ref()
    }

    /// Returns how many requests were made for this operation.
    pub fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// Returns how long the operation took in all.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// Returns the beginning of the server's answer, at most 300 bytes and with secrets masked, for logs.
    pub fn body(&self) -> Option<&str> {
        self.0.body.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.kind.fmt(f)?;
        if self.0.attempts > 1 {
            write!(
                f,
                " after {} attempts in {:.1} s",
                self.0.attempts,
                self.0.elapsed.as_secs_f32()
            )?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("url", &self.0.url)
            .field("attempts", &self.0.attempts)
            .field("elapsed", &self.0.elapsed)
            .field("retry_after", &self.0.retry_after)
            .field("body", &self.0.body)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Challenge => "a browser check",
            Self::Maintenance => "a maintenance page",
            Self::Login => "its login page",
            Self::Unknown => "a web page",
        })
    }
}

impl fmt::Display for RedirectProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(hops) => write!(f, "there were {hops} redirects before"),
            Self::Credentials => f.write_str("it carries credentials"),
            Self::Unreadable => f.write_str("it is not a URL"),
            Self::Unsafe => f.write_str("its scheme or address is unsafe"),
        }
    }
}

struct Said<'a>(Option<&'a str>);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |text| write!(f, ": {text}"))
    }
}

struct Until(Option<Timestamp>);

impl fmt::Display for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |until| write!(f, " until {until}"))
    }
}

fn network_phrase(failure: Failure) -> &'static str {
    match failure {
        Failure::Dns => "the name cannot be resolved:",
        Failure::Tls => "no trusted connection to",
        Failure::Connect => "no connection to",
        _ => "the connection broke to",
    }
}
