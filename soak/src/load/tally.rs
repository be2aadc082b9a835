//! The sums of a run, their bounds, and what is left behind.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use civitai_sim::record::Summary;

use super::bring::Ended;
use super::case::Job;
use super::judge::Judged;
use super::knobs::{End, Price};

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Tally {
    rounds: u64,
    lasted: Duration,
    can: Share,
    cannot: Share,
    struck: Share,
    killed: Share,
    listings: Share,
    kills: u64,
    timeouts: u64,
    jobs: u64,
    hung: u64,
    crashed: u64,
    /// Files whose simulator still runs.
    came: Vec<Came>,
    fair: Waste,
    costly: Waste,
    after_kills: Waste,
    /// Of files that met one fault, and one that spares what arrived.
    of_one: BTreeMap<&'static str, Waste>,
    slowest: f64,
    peak_rss: u64,
    /// The job that took it.
    hungriest: String,
    credentials: u64,
    before: Own,
    after: Own,
    wrong: Vec<String>,
}

/// A file that came or was to come.
#[derive(Debug)]
struct Came {
    id: u32,
    size: u64,
    kind: Kind,
    /// The only fault it met, if there was but one.
    fault: Option<&'static str>,
}

/// Why bytes of a file may have been served twice.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Fair,
    Costly,
    Killed,
}

/// How many of how many.
#[derive(Debug, Default, Clone, Copy)]
struct Share {
    good: u64,
    all: u64,
}

impl Share {
    fn add(&mut self, good: bool) {
        self.all += 1;
        self.good += u64::from(good);
    }

    fn is_whole(self) -> bool {
        self.good == self.all
    }
}

impl fmt::Display for Share {
    #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = 100.0 * self.good as f64 / self.all.max(1) as f64;
        write!(f, "{percent:.2} % ({} of {})", self.good, self.all)
    }
}

/// Bytes served for bytes wanted.
#[derive(Debug, Default, Clone, Copy)]
struct Waste {
    served: u64,
    size: u64,
    files: u64,
}

impl Waste {
    fn add(&mut self, served: u64, size: u64) {
        self.served += served;
        self.size += size;
        self.files += 1;
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a ratio for people and one bound"
    )]
    fn ratio(self) -> f64 {
        self.served as f64 / self.size.max(1) as f64
    }
}

impl fmt::Display for Waste {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.3} ({} files, {} MiB)",
            self.ratio(),
            self.files,
            self.size >> 20
        )
    }
}

/// What this process holds.
#[derive(Debug, Default, Clone, Copy)]
struct Own {
    descriptors: usize,
    threads: u64,
    rss: u64,
}

impl Own {
    fn now() -> Self {
        let status = fs_err::read_to_string("/proc/self/status").unwrap_or_default();
        let threads = status
            .lines()
            .find_map(|line| line.strip_prefix("Threads:")?.trim().parse().ok());
        Self {
            descriptors: fs_err::read_dir("/proc/self/fd").map_or(0, Iterator::count),
            threads: threads.unwrap_or(0),
            rss: super::field(&status, "VmRSS:").unwrap_or(0),
        }
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            rounds: 0,
            lasted: Duration::ZERO,
            can: Share::default(),
            cannot: Share::default(),
            struck: Share::default(),
            killed: Share::default(),
            listings: Share::default(),
            kills: 0,
            timeouts: 0,
            jobs: 0,
            hung: 0,
            crashed: 0,
            came: Vec::new(),
            fair: Waste::default(),
            costly: Waste::default(),
            after_kills: Waste::default(),
            of_one: BTreeMap::new(),
            slowest: 0.0,
            peak_rss: 0,
            hungriest: String::new(),
            credentials: 0,
            before: Own::now(),
            after: Own::now(),
            wrong: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, seed: u64, job: &Job, ended: &Ended, judged: Vec<Judged>) {
        self.jobs += 1;
        self.hung += u64::from(ended.hung);
        self.crashed += u64::from(ended.crashed);
        self.kills += ended.kills;
        if ended.peak_rss > self.peak_rss {
            self.peak_rss = ended.peak_rss;
            let faults: Vec<_> = job.cases.iter().map(|case| &case.faults).collect();
            self.hungriest = format!("seed {seed}, {:?} over {faults:?}", job.way);
        }
        self.slowest = self.slowest.max(ended.seconds);
        let timed_out = ended.kinds.iter().flatten().any(|kind| kind == "timeout");
        self.timeouts += u64::from(ended.hung || timed_out);
        for (case, judged) in job.cases.iter().zip(judged) {
            let good = judged.wrong.is_none();
            match case.end {
                End::Right => self.can.add(good),
                End::Refused(_) => self.cannot.add(good),
            }
            if case.end == End::Right && judged.hits > 0 {
                self.struck.add(good);
            }
            if ended.kills > 0 {
                self.killed.add(good);
            }
            if case.end == End::Right {
                let kind = match case.price {
                    _ if ended.kills > 0 => Kind::Killed,
                    Price::Nothing => Kind::Fair,
                    Price::Bytes => Kind::Costly,
                };
                let fault = match case.faults[..] {
                    [fault] => Some(fault),
                    _ => None,
                };
                self.came.push(Came {
                    id: case.id,
                    size: case.content.len(),
                    kind,
                    fault,
                });
            }
            if let Some(wrong) = judged.wrong {
                let (way, faults, bytes) = (job.way, &case.faults, case.content.len());
                let kills = ended.kills;
                self.wrong.push(format!(
                    "seed {seed}, {way:?} of {bytes} bytes over {faults:?} with {kills} kills: {wrong}\n{}",
                    indented(&ended.said)
                ));
            }
        }
    }

    pub(crate) fn listing(&mut self, knob: &str, wrong: Option<String>) {
        self.listings.add(wrong.is_none());
        self.wrong
            .extend(wrong.map(|wrong| format!("search over {knob}: {wrong}")));
    }

    /// Takes over what the simulator of the last jobs saw.
    pub(crate) fn simulator_over(&mut self, seen: &Summary) {
        self.credentials +=
            seen.storage_authorization + seen.storage_cookies + seen.storage_tokens + seen.heads;
        for came in self.came.drain(..) {
            let served = seen.files.get(&came.id).map_or(0, |file| file.bytes_sent);
            let waste = match came.kind {
                Kind::Fair => &mut self.fair,
                Kind::Costly => &mut self.costly,
                Kind::Killed => &mut self.after_kills,
            };
            waste.add(served, came.size);
            if let (Kind::Fair, Some(fault)) = (came.kind, came.fault) {
                self.of_one.entry(fault).or_default().add(served, came.size);
            }
        }
    }

    pub(crate) fn round_over(&mut self) {
        self.rounds += 1;
        self.after = Own::now();
        if self.rounds == 1 {
            // The first round starts threads and opens what every later one uses again.
            self.before = self.after;
        }
    }

    pub(crate) fn lasted(&mut self, lasted: Duration) {
        self.lasted = lasted;
    }

    /// What broke a bound.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints = self.wrong.clone();
        let mut check = |holds: bool, what: &str| {
            if !holds {
                complaints.push(what.to_owned());
            }
        };
        check(self.can.is_whole(), "a file that can come did not");
        check(
            self.cannot.is_whole(),
            "a file that cannot come ended otherwise than it must",
        );
        check(self.listings.is_whole(), "a listing went wrong");
        check(self.hung == 0, "something hung");
        check(self.crashed == 0, "something crashed");
        check(
            self.timeouts * 100 < self.jobs.max(1),
            "1 % or more ended by a timeout",
        );
        check(
            self.credentials == 0,
            "a storage saw a credential, or somebody sent HEAD",
        );
        check(
            self.peak_rss <= MOST_RSS,
            "the program took too much memory",
        );
        check(
            self.fair.ratio() <= MOST_WASTE,
            "more bytes were wasted than faults excuse",
        );
        for (fault, waste) in &self.of_one {
            let holds = waste.ratio() <= MOST_WASTE || waste.size < TELLING;
            check(holds, &format!("{fault} alone costs {waste}"));
        }
        check(
            self.after.descriptors <= self.before.descriptors + SLACK,
            "descriptors leak",
        );
        check(
            self.after.threads <= self.before.threads + SLACK as u64,
            "threads leak",
        );
        complaints
    }

    /// The table for people.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        let mut row = |what: &str, figure: &dyn fmt::Display| {
            writeln!(table, "| {what} | {figure} |").expect("memory takes any text");
        };
        row("what", &"figure");
        row("---", &"---");
        row(
            "time, rounds, jobs",
            &format_args!(
                "{} s, {}, {}",
                self.lasted.as_secs(),
                self.rounds,
                self.jobs
            ),
        );
        row("files that can come: there and right", &self.can);
        row(
            "files that cannot: nothing under the name, the right error",
            &self.cannot,
        );
        row("recovered of those that a fault struck", &self.struck);
        row(
            "recovered of those that were killed",
            &format_args!("{}, {} kills", self.killed, self.kills),
        );
        row("listings right", &self.listings);
        row(
            "ended by a timeout",
            &format_args!("{} of {} jobs", self.timeouts, self.jobs),
        );
        row(
            "hung, crashed, in need of a person",
            &format_args!("{}, {}, 0", self.hung, self.crashed),
        );
        row(
            "bytes served for each byte: faults that spare what arrived",
            &self.fair,
        );
        row(
            "bytes served for each byte: faults that spoil what arrived",
            &self.costly,
        );
        row("bytes served for each byte: after kills", &self.after_kills);
        row("slowest job", &format_args!("{:.1} s", self.slowest));
        row(
            "peak memory of the program",
            &format_args!("{} MiB ({})", self.peak_rss >> 20, self.hungriest),
        );
        row("credentials at a storage", &self.credentials);
        let own = |own: Own| {
            format!(
                "{} descriptors, {} threads, {} MiB",
                own.descriptors,
                own.threads,
                own.rss >> 20
            )
        };
        row("this process after the first round", &own(self.before));
        row("this process after the last", &own(self.after));
        table
    }

    /// What each fault costs by itself.
    pub(crate) fn waste_table(&self) -> String {
        let mut table = "| fault, alone | bytes served for each byte |\n| --- | --- |\n".to_owned();
        for (fault, waste) in &self.of_one {
            writeln!(table, "| {fault} | {waste} |").expect("memory takes any text");
        }
        table
    }
}

fn indented(text: &str) -> String {
    let skip = text.len().saturating_sub(SAID);
    let skip = (skip..text.len())
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0);
    let mut lines = String::new();
    for line in text[skip..].lines() {
        lines.push_str("    ");
        lines.push_str(line);
        lines.push('\n');
    }
    lines
}

/// The tail of a job's output tells why.
const SAID: usize = 2000;
/// What the documentation promises, for up to 16 connections.
const MOST_RSS: u64 = 64 << 20;
/// Bytes served for each byte of files whose faults spare what arrived.
const MOST_WASTE: f64 = 1.05;
/// Of less, what is on its way in a few sockets is too large a share.
const TELLING: u64 = 16 << 20;
/// The runtime starts and ends threads for blocking work as it likes.
const SLACK: usize = 24;
