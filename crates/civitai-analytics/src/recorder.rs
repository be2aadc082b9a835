//! Who counts.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::latency::Latencies;
use crate::performance::{Connections, Performance, Rates, Requests, Transfers};
use crate::rate::{Windows, per_second};
use crate::sample::{Ending, Failing, Peer, Sample, Usage};
use crate::series::Series;

/// Names a transfer within its recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransferId(u64);

/// Counts samples, for every transfer under way and for all together.
///
/// Times are since the recorder began, at zero; one that goes back counts as the last one. What a transfer told counts
/// for the whole at once, and the transfer itself is forgotten when it ends, so the memory used depends on how many
/// run at a time and not on how long.
#[derive(Debug)]
pub struct Recorder {
    whole: Tally,
    running: BTreeMap<TransferId, Standing>,
    next: TransferId,
    transfers: Transfers,
    reported: Reported,
}

/// A transfer under way.
#[derive(Debug)]
struct Standing {
    tally: Tally,
    /// Bytes on the disk, those included that nobody had to bring.
    on_disk: u64,
}

/// When the last report was, and what had come by then.
#[derive(Debug, Default)]
struct Reported {
    at: Duration,
    fetched: u64,
}

impl Recorder {
    /// Begins, at time zero, with what the process had used by then.
    pub fn new(usage: Usage) -> Self {
        Self {
            whole: Tally::new(Duration::ZERO, usage),
            running: BTreeMap::new(),
            next: TransferId(0),
            transfers: Transfers::default(),
            reported: Reported::default(),
        }
    }

    /// Begins a transfer.
    pub fn begin(&mut self, at: Duration, usage: Usage) -> TransferId {
        let id = self.next;
        self.next = TransferId(id.0 + 1);
        let standing = Standing {
            tally: Tally::new(at, usage),
            on_disk: 0,
        };
        self.running.insert(id, standing);
        id
    }

    /// Counts a sample, of a transfer or of none. What only a transfer can tell ([`Sample::Started`],
    /// [`Sample::Received`], [`Sample::Progress`]) counts for nothing without one that is under way.
    pub fn take(&mut self, at: Duration, of: Option<TransferId>, sample: Sample) {
        let Some(standing) = of.and_then(|id| self.running.get_mut(&id)) else {
            self.whole.count(sample);
            return;
        };
        standing.tally.count(sample);
        self.whole.count(sample);
        match sample {
            Sample::Started { bytes } => standing.on_disk = bytes,
            Sample::Received { bytes } => {
                let more = bytes.saturating_sub(standing.tally.fetched);
                standing.tally.receive(at, more);
                self.whole.receive(at, more);
            }
            Sample::Progress { bytes, connections } => {
                let more = bytes.saturating_sub(standing.on_disk);
                standing.on_disk += more;
                standing.tally.kept += more;
                self.whole.kept += more;
                standing.tally.connections.set(at, connections);
                self.count_connections(at);
            }
            _ => {}
        }
    }

    /// Ends a transfer and says how it went. One that is not under way took nothing.
    pub fn end(
        &mut self,
        id: TransferId,
        at: Duration,
        usage: Usage,
        ending: Ending,
    ) -> Performance {
        let Some(mut standing) = self.running.remove(&id) else {
            return Tally::new(at, usage).report(at, usage);
        };
        *match ending {
            Ending::Cancelled => &mut self.transfers.cancelled,
            Ending::Failed => &mut self.transfers.failed,
            Ending::Finished => &mut self.transfers.finished,
        } += 1;
        self.count_connections(at);
        standing.tally.connections.set(at, 0);
        standing.tally.report(at, usage)
    }

    /// Says how everything went so far.
    pub fn report(&mut self, at: Duration, usage: Usage) -> Performance {
        let report = self.whole.report(at, usage);
        let since = at.saturating_sub(self.reported.at);
        let came = self.whole.fetched - self.reported.fetched;
        let now = if since.is_zero() {
            report.bytes_per_second.avg
        } else {
            per_second(came, since)
        };
        self.reported = Reported {
            at,
            fetched: self.whole.fetched,
        };
        Performance {
            bytes_per_second: Rates {
                now: Some(now),
                ..report.bytes_per_second
            },
            transfers: Some(Transfers {
                running: self.running.len() as u64,
                ..self.transfers
            }),
            api: Some(self.whole.api.requests()),
            api_latency: Some(self.whole.api.latencies.quantiles()),
            ..report
        }
    }

    fn count_connections(&mut self, at: Duration) {
        let open = self.running.values();
        let open = open.map(|standing| standing.tally.connections.level());
        self.whole.connections.set(at, open.sum());
    }
}

/// The sums over a transfer or over everything.
#[derive(Debug)]
struct Tally {
    began: Duration,
    usage: Usage,
    api: Counts,
    leases: Counts,
    storage: Counts,
    fetched: u64,
    kept: u64,
    windows: Windows,
    connections: Series,
}

impl Tally {
    fn new(at: Duration, usage: Usage) -> Self {
        Self {
            began: at,
            usage,
            api: Counts::default(),
            leases: Counts::default(),
            storage: Counts::default(),
            fetched: 0,
            kept: 0,
            windows: Windows::default(),
            connections: Series::new(at),
        }
    }

    fn count(&mut self, sample: Sample) {
        match sample {
            Sample::Asked(peer) => self.of(peer).requests += 1,
            Sample::Answered { peer, elapsed } => self.of(peer).latencies.record(elapsed),
            Sample::Failed { peer, failing } => {
                let counts = self.of(peer);
                counts.failed += 1;
                counts.timeouts += u64::from(failing == Failing::Timeout);
            }
            Sample::Retried(peer) => self.of(peer).retries += 1,
            Sample::Started { .. } | Sample::Received { .. } | Sample::Progress { .. } => {}
        }
    }

    fn receive(&mut self, at: Duration, bytes: u64) {
        self.fetched += bytes;
        self.windows.add(at, bytes);
    }

    fn of(&mut self, peer: Peer) -> &mut Counts {
        match peer {
            Peer::Api => &mut self.api,
            Peer::Leases => &mut self.leases,
            Peer::Storage => &mut self.storage,
        }
    }

    fn report(&mut self, at: Duration, usage: Usage) -> Performance {
        self.connections.advance(at);
        let elapsed = at.saturating_sub(self.began);
        let avg = per_second(self.fetched, elapsed);
        let extremes = self.windows.extremes();
        Performance {
            seconds: elapsed.as_secs_f64(),
            bytes: self.kept,
            fetched_bytes: self.fetched,
            waste: share(self.fetched, self.kept),
            bytes_per_second: Rates {
                avg,
                max: extremes.map_or(avg, |extremes| extremes.most.max(avg)),
                min: extremes.map_or(avg, |extremes| extremes.fewest.min(avg)),
                now: None,
            },
            transfers: None,
            api: None,
            api_latency: None,
            leases: self.leases.requests(),
            lease_latency: self.leases.latencies.quantiles(),
            storage: self.storage.requests(),
            first_byte: self.storage.latencies.quantiles(),
            connections: Connections {
                now: self.connections.level(),
                avg: self.connections.mean(),
                max: self.connections.most(),
                step_seconds: self.connections.step().as_secs_f64(),
                series: self.connections.means(),
            },
            cpu_seconds: usage.cpu.saturating_sub(self.usage.cpu).as_secs_f64(),
            rss_bytes: usage.rss_bytes,
            peak_rss_bytes: usage.peak_rss_bytes,
        }
    }
}

/// The requests to one peer.
#[derive(Debug, Default)]
struct Counts {
    requests: u64,
    failed: u64,
    timeouts: u64,
    retries: u64,
    latencies: Latencies,
}

impl Counts {
    fn requests(&self) -> Requests {
        Requests {
            requests: self.requests,
            failed: self.failed,
            timeouts: self.timeouts,
            retries: self.retries,
            success_rate: share(self.requests.saturating_sub(self.failed), self.requests),
            timeout_rate: share(self.timeouts, self.requests),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share for people and bounds")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
