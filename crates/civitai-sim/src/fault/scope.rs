//! Which requests a fault concerns.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One of the addresses the simulator listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Listener {
    /// The storage that signs as B2 does.
    B2,
    /// The storage that signs as R2 does.
    R2,
    /// The same site under another origin.
    SecondSite,
    /// The site: API, pages and downloads.
    Site,
}

impl Listener {
    /// Both origins of the site.
    pub const SITES: [Self; 2] = [Self::Site, Self::SecondSite];
    /// Both storages.
    pub const STORAGE: [Self; 2] = [Self::R2, Self::B2];

    /// Whether files are served here.
    pub fn is_storage(self) -> bool {
        Self::STORAGE.contains(&self)
    }
}

/// A condition on requests; every member that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Scope {
    /// Only on these listeners; empty is all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<Listener>,
    /// Only paths of this pattern, in which `*` stands for any text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Only requests about this version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Only requests about this file. A download that names no file is about none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<u32>,
    /// Only the first to the last of these requests, counted from 1 for each file, or each path where there is no
    /// file, among the requests that the members above let through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<(u64, u64)>,
    /// Only so often in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// Only with this chance, `0.0..=1.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Only this long from when the fault was added, on the simulator's clock.
    #[serde(
        rename = "lasts_ms",
        with = "super::knob::optional_millis",
        skip_serializing_if = "Option::is_none"
    )]
    pub lasts: Option<Duration>,
}

impl Scope {
    /// Everything on these listeners.
    pub fn on(listeners: impl IntoIterator<Item = Listener>) -> Self {
        Self {
            listeners: listeners.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Everything the storages serve.
    pub fn storage() -> Self {
        Self::on(Listener::STORAGE)
    }

    /// Everything both origins of the site answer.
    pub fn site() -> Self {
        Self::on(Listener::SITES)
    }

    /// See [`Scope::route`].
    #[must_use]
    pub fn route(mut self, pattern: impl Into<String>) -> Self {
        self.route = Some(pattern.into());
        self
    }

    /// See [`Scope::version`].
    #[must_use]
    pub fn version(mut self, id: u32) -> Self {
        self.version = Some(id);
        self
    }

    /// See [`Scope::file`].
    #[must_use]
    pub fn file(mut self, id: u32) -> Self {
        self.file = Some(id);
        self
    }

    /// See [`Scope::attempts`].
    #[must_use]
    pub fn attempts(mut self, range: RangeInclusive<u64>) -> Self {
        self.attempts = Some(range.into_inner());
        self
    }

    /// See [`Scope::times`].
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.times = Some(count);
        self
    }

    /// See [`Scope::probability`].
    #[must_use]
    pub fn probability(mut self, chance: f64) -> Self {
        self.probability = Some(chance);
        self
    }

    /// See [`Scope::lasts`].
    #[must_use]
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.lasts = Some(duration);
        self
    }

    pub(super) fn covers(&self, subject: &Subject<'_>) -> bool {
        (self.listeners.is_empty() || self.listeners.contains(&subject.listener))
            && self.version.is_none_or(|id| subject.version == Some(id))
            && self.file.is_none_or(|id| subject.file == Some(id))
            && self
                .route
                .as_deref()
                .is_none_or(|pattern| is_match(pattern, subject.path))
    }

    pub(super) fn allows_attempt(&self, nth: u64) -> bool {
        self.attempts
            .is_none_or(|(first, last)| (first..=last).contains(&nth))
    }
}

/// What a fault may know of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) listener: Listener,
    pub(crate) path: &'a str,
    pub(crate) version: Option<u32>,
    pub(crate) file: Option<u32>,
}

/// How often a scope has matched, by file or path.
#[derive(Debug, Default)]
pub(super) struct Matches {
    total: u64,
    files: HashMap<u32, u64>,
    paths: HashMap<String, u64>,
}

impl Matches {
    /// Counts one more and returns the count for the subject's file or path.
    pub(super) fn count(&mut self, subject: &Subject<'_>) -> u64 {
        self.total += 1;
        let count = match subject.file {
            Some(file) => self.files.entry(file).or_default(),
            None => match self.paths.get_mut(subject.path) {
                Some(count) => count,
                None => self.paths.entry(subject.path.to_owned()).or_default(),
            },
        };
        *count += 1;
        *count
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }
}

/// Whether the whole of `text` fits `pattern`, in which `*` stands for any text.
fn is_match(pattern: &str, text: &str) -> bool {
    let Some((prefix, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(prefix) else {
        return false;
    };
    if rest.is_empty() {
        return true;
    }
    (0..=text.len())
        .filter(|&at| text.is_char_boundary(at))
        .any(|at| is_match(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, expected) in [
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("/a*", "/ab/c", true),
            ("*/c", "/ab/c", true),
            (
                "/api/*/by-hash/*",
                "/api/v1/model-versions/by-hash/AB",
                true,
            ),
            ("/a*c", "/ab", false),
            ("*", "", true),
        ] {
            assert_eq!(is_match(pattern, text), expected, "{pattern} {text}");
        }
    }
}
