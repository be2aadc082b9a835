//! Readers of single values. Each says what it wanted, so that the message can.

use std::num::{NonZeroU64, NonZeroUsize};
use std::str::FromStr as _;
use std::time::Duration;

use bytesize::ByteSize;
use civitai_library::layout::{Layout, LayoutError};
use civitai_security::scan::Action;
use url::Url;

use crate::text::{Lang, nearest};

/// Why a value cannot be used.
#[derive(Clone, Debug)]
pub(crate) enum Bad {
    NotOneOf {
        text: String,
        known: &'static [&'static str],
        nearest: Option<&'static str>,
    },
    NotANumber {
        text: String,
    },
    NotARate {
        text: String,
    },
    NotATime {
        text: String,
    },
    NotAnOrigin {
        text: String,
    },
    NotAProxy {
        text: String,
    },
    /// A template of which something else is wrong.
    NotALayout {
        problem: String,
    },
    UnknownVariable {
        name: String,
        nearest: Option<&'static str>,
    },
}

/// A number, or as many as are good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Amount {
    Auto,
    Exactly(NonZeroUsize),
}

/// When to colour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum When {
    Auto,
    Always,
    Never,
}

pub(super) fn site(text: &str) -> Result<Url, Bad> {
    let bad = || Bad::NotAnOrigin { text: masked(text) };
    let url = Url::parse(text).map_err(|_| bad())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let anonymous = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && bare && anonymous {
        Ok(url)
    } else {
        Err(bad())
    }
}

pub(super) fn proxy(text: &str) -> Result<Option<Url>, Bad> {
    if text.is_empty() {
        return Ok(None);
    }
    match Url::parse(text) {
        Ok(url)
            if matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h")
                && url.has_host() =>
        {
            Ok(Some(url))
        }
        _ => Err(Bad::NotAProxy { text: masked(text) }),
    }
}

pub(super) fn amount(text: &str) -> Result<Amount, Bad> {
    if text == "auto" {
        return Ok(Amount::Auto);
    }
    match text.parse::<NonZeroUsize>() {
        Ok(count) if count.get() <= MOST_PARALLEL => Ok(Amount::Exactly(count)),
        _ => Err(Bad::NotANumber {
            text: text.to_owned(),
        }),
    }
}

pub(super) fn rate(text: &str) -> Result<Option<NonZeroU64>, Bad> {
    if text.is_empty() || text == "none" {
        return Ok(None);
    }
    let plain = text.strip_suffix("/s").unwrap_or(text);
    match ByteSize::from_str(plain)
        .ok()
        .and_then(|size| NonZeroU64::new(size.as_u64()))
    {
        Some(rate) => Ok(Some(rate)),
        None => Err(Bad::NotARate {
            text: text.to_owned(),
        }),
    }
}

/// Whole seconds, or numbers with units like `90s`, `2m`, `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, Bad> {
    let bad = || Bad::NotATime {
        text: text.to_owned(),
    };
    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }
    let span: jiff::SignedDuration = text.parse().map_err(|_| bad())?;
    Duration::try_from(span).map_err(|_| bad())
}

/// A time that is worth waiting for: seconds, also broken ones, or what [`duration`] reads, but no less than 100 ms.
pub(super) fn interval(text: &str) -> Result<Duration, Bad> {
    let seconds = text.parse().ok().map(Duration::try_from_secs_f64);
    match seconds.unwrap_or_else(|| Ok(duration(text).unwrap_or_default())) {
        Ok(interval) if interval >= SHORTEST_INTERVAL => Ok(interval),
        _ => Err(Bad::NotATime {
            text: text.to_owned(),
        }),
    }
}

pub(super) fn switch(text: &str) -> Result<bool, Bad> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(not_one_of(text, &["true", "false"])),
    }
}

/// What becomes of a file that is not clean.
pub(super) fn action(text: &str) -> Result<Action, Bad> {
    Action::of_word(text).ok_or_else(|| not_one_of(text, Action::WORDS))
}

/// The same where no file of settings may say that it is taken: that needs the flag each time.
pub(super) fn strict_action(text: &str) -> Result<Action, Bad> {
    match action(text) {
        Ok(action) if action > Action::Allow => Ok(action),
        _ => Err(not_one_of(text, &["quarantine", "refuse"])),
    }
}

/// What becomes of a file that has not been fetched.
pub(super) fn refusal(text: &str) -> Result<Action, Bad> {
    match text {
        "allow" => Ok(Action::Allow),
        "refuse" => Ok(Action::Refuse),
        _ => Err(not_one_of(text, &["allow", "refuse"])),
    }
}

pub(super) fn lang(text: &str) -> Result<Lang, Bad> {
    Lang::of_tag(text).ok_or_else(|| not_one_of(text, Lang::TAGS))
}

pub(super) fn when(text: &str) -> Result<When, Bad> {
    match text {
        "auto" => Ok(When::Auto),
        "always" => Ok(When::Always),
        "never" => Ok(When::Never),
        _ => Err(not_one_of(text, &["auto", "always", "never"])),
    }
}

/// A known layout, or a template whose variables are all known.
pub(super) fn layout(text: &str) -> Result<Layout, Bad> {
    text.parse().map_err(|error| match error {
        LayoutError::UnknownName { name, .. } => not_one_of(&name, Layout::NAMES),
        LayoutError::UnknownVariable { name, nearest } => Bad::UnknownVariable { name, nearest },
        error => Bad::NotALayout {
            problem: error.to_string(),
        },
    })
}

fn not_one_of(text: &str, known: &'static [&'static str]) -> Bad {
    Bad::NotOneOf {
        text: text.to_owned(),
        known,
        nearest: nearest(text, known.iter().copied()),
    }
}

/// A URL that did not parse may still hold a password.
fn masked(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("****@{rest}"),
        None => civitai_security::redact_text(text).into_owned(),
    }
}

/// More often than this nobody can read, and no rate can be told.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(100);

/// Beyond this a number is a typing error, not a wish.
const MOST_PARALLEL: usize = 64;
