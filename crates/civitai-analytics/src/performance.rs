//! How it went, as a report.

use serde::Serialize;

use crate::latency::Quantiles;

/// What a transfer, or everything since a recorder began, took and achieved. Times are in seconds, sizes in bytes.
///
/// As JSON the fields are in camel case, and what is not known is `null`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Performance {
    /// From the beginning to this report.
    pub seconds: f64,
    /// Bytes that were brought to the disk, those of earlier runs not counted.
    pub bytes: u64,
    /// Bytes that came from storage, thrown away ones included.
    pub fetched_bytes: u64,
    /// `fetched_bytes` for each of `bytes`: 1 is ideal. While transfers run it is a little high, because of bytes that
    /// are not yet written. Absent before the first byte is written.
    pub waste: Option<f64>,
    /// How fast the fetched bytes came.
    pub bytes_per_second: Rates,
    /// How the transfers fared; absent in the report of one transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfers: Option<Transfers>,
    /// Requests to the site's API; absent in the report of one transfer, which makes none by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Requests>,
    /// How long the API took to begin its answers; absent like `api`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_latency: Option<Quantiles>,
    /// Leases asked for.
    pub leases: Requests,
    /// How long a lease took; where it is an exchange with the site, that is part of it.
    pub lease_latency: Quantiles,
    /// Requests to storage.
    pub storage: Requests,
    /// How long storage took to the first byte of its answers, the opening of connections included.
    pub first_byte: Quantiles,
    /// Connections that received bytes.
    pub connections: Connections,
    /// Time on processors, over all threads of the process. That of a transfer holds what others used at the same time.
    pub cpu_seconds: f64,
    /// Memory that the process has resident now.
    pub rss_bytes: Option<u64>,
    /// The most that the process ever had.
    pub peak_rss_bytes: Option<u64>,
}

/// Bytes a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Rates {
    /// All fetched bytes over the whole time.
    pub avg: u64,
    /// The best whole second between the first and the last byte, or `avg` where that is more: no second may have been
    /// whole.
    pub max: u64,
    /// The worst such second, which may have seen no byte at all, or `avg` where that is less.
    pub min: u64,
    /// Since the report before this one; absent in the report of one transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<u64>,
}

/// Counts of requests to one peer, and what share of them went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Requests {
    /// Sent, retries and redirects included.
    pub requests: u64,
    /// Refused, broken or not answered in time.
    pub failed: u64,
    /// Those of `failed` that a limit on time ended.
    pub timeouts: u64,
    /// How often something was asked for again because it had failed.
    pub retries: u64,
    /// The share that did not fail; absent while there is none.
    pub success_rate: Option<f64>,
    /// The share that a limit on time ended; absent while there is none.
    pub timeout_rate: Option<f64>,
}

/// Transfers by how they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Transfers {
    /// Under way.
    pub running: u64,
    /// With their file in place.
    pub finished: u64,
    /// Given up.
    pub failed: u64,
    /// Stopped.
    pub cancelled: u64,
}

/// Connections over time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Connections {
    /// Now.
    pub now: u64,
    /// The mean over the whole time.
    pub avg: f64,
    /// The most at a time.
    pub max: u64,
    /// How long each number of `series` stands for.
    pub step_seconds: f64,
    /// The mean in each stretch of that length, at most 120 of them; the last may be a shorter one.
    pub series: Vec<f64>,
}
