use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::entry::{Credential, Entry};
use crate::fault::Listener;

/// The sums over a run.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Requests by method and route: `GET /api/v1/models/{id}`; storage requests are `GET /{object}`.
    pub requests: BTreeMap<String, u64>,
    /// `Authorization` headers seen by a storage. A good client sends none.
    pub storage_authorization: u64,
    /// `Cookie` headers seen by a storage. A good client sends none.
    pub storage_cookies: u64,
    /// `token` parameters seen by a storage. A good client sends none.
    pub storage_tokens: u64,
    /// `token` parameters seen by the site, where they reach logs and caches.
    pub site_url_tokens: u64,
    /// `HEAD` requests, anywhere. A good client sends none.
    pub heads: u64,
    /// Requests without a `User-Agent`.
    pub without_user_agent: u64,
    /// Requests whose agent would be taken for a browser.
    pub browser_user_agents: u64,
    /// Most storage requests in flight at once.
    pub storage_peak: u64,
    /// Values of `Accept-Encoding` on storage requests; absent ones count under the empty text.
    pub storage_accept_encoding: BTreeMap<String, u64>,
    /// Bytes of file bodies handed to sockets.
    pub storage_bytes: u64,
    /// By file id.
    pub files: BTreeMap<u32, FileUse>,
    /// For each answer that asked for patience, how much the next request to that listener had.
    pub retry_after: Vec<Obedience>,
}

/// What was done with one file.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct FileUse {
    /// Its length; zero while it was neither resolved nor served.
    pub size_bytes: u64,
    /// Signed URLs handed out. One is enough unless it expired.
    pub resolves: u64,
    /// Requests to a storage.
    pub requests: u64,
    /// Bytes handed to sockets.
    pub bytes_sent: u64,
    /// The pieces served, as offsets of first byte and end, in the order they finished.
    pub ranges: Vec<(u64, u64)>,
}

impl FileUse {
    /// Bytes sent for each byte of the file; 1.0 is ideal. An empty file wastes nothing.
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people and bounds")]
    pub fn waste(&self) -> f64 {
        if self.size_bytes == 0 {
            1.0
        } else {
            self.bytes_sent as f64 / self.size_bytes as f64
        }
    }

    /// How many different bytes of the file were served at least once.
    pub fn covered_bytes(&self) -> u64 {
        let mut ranges = self.ranges.clone();
        ranges.sort_unstable();
        let mut end = 0;
        let mut covered = 0;
        for (start, stop) in ranges {
            covered += stop.saturating_sub(start.max(end));
            end = end.max(stop);
        }
        covered
    }
}

/// What became of a `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Obedience {
    /// Who asked.
    pub listener: Listener,
    /// For how long.
    pub asked: Duration,
    /// Until the next request came.
    pub waited: Duration,
}

impl Obedience {
    /// Whether the wait was as long as asked.
    pub fn is_kept(&self) -> bool {
        self.waited >= self.asked
    }
}

impl Summary {
    /// Requests to a route, whatever the method.
    pub fn requests_to(&self, route: &str) -> u64 {
        let of_route = |key: &str| key.split_once(' ').is_some_and(|(_, known)| known == route);
        self.requests
            .iter()
            .filter(|(key, _)| of_route(key))
            .map(|(_, count)| count)
            .sum()
    }

    pub(super) fn count_arrival(&mut self, entry: &Entry) {
        *self
            .requests
            .entry(format!("{} {}", entry.method, entry.route))
            .or_default() += 1;
        let carried = |credential| u64::from(entry.credentials.contains(&credential));
        if entry.listener.is_storage() {
            self.storage_authorization += carried(Credential::Authorization);
            self.storage_cookies += carried(Credential::Cookie);
            self.storage_tokens += carried(Credential::UrlToken);
            let encoding = entry.accept_encoding.clone().unwrap_or_default();
            *self.storage_accept_encoding.entry(encoding).or_default() += 1;
        } else {
            self.site_url_tokens += carried(Credential::UrlToken);
        }
        self.heads += u64::from(entry.method == "HEAD");
        self.without_user_agent += u64::from(entry.user_agent.is_none());
        self.browser_user_agents += u64::from(entry.looks_like_browser());
    }

    pub(super) fn count_answer(&mut self, entry: &Entry) {
        if !entry.listener.is_storage() {
            return;
        }
        let Some(file) = entry.file else { return };
        let file = self.files.entry(file).or_default();
        file.requests += 1;
        if let Some(start) = entry.start {
            self.storage_bytes += entry.bytes_sent;
            file.bytes_sent += entry.bytes_sent;
            if entry.bytes_sent > 0 {
                file.ranges.push((start, start + entry.bytes_sent));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_served_twice_are_waste_and_cover_once() {
        let file = FileUse {
            size_bytes: 100,
            bytes_sent: 150,
            ranges: vec![(50, 100), (0, 60), (20, 60)],
            ..FileUse::default()
        };
        assert_eq!(file.covered_bytes(), 100);
        assert!((file.waste() - 1.5).abs() < f64::EPSILON);
    }
}
