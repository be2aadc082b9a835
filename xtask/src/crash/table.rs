//! What the experiments add up to.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

/// The sums of one experiment. Every number but the first two and the bytes must be zero.
#[derive(Debug)]
pub(super) struct Row {
    name: String,
    started: Instant,
    took: Duration,
    /// What must not be, and here must: the experiment shows that the others could fail.
    is_control: bool,
    /// What a blow may cost in the median.
    most_again: Option<u64>,
    sums: Mutex<Sums>,
}

#[derive(Debug, Default)]
struct Sums {
    runs: u64,
    struck: u64,
    corrupt: u64,
    lost: u64,
    falsely_finished: u64,
    stuck: u64,
    wrong_error: u64,
    fetched_again: Vec<u64>,
    stories: Vec<String>,
}

/// How one run of an experiment went.
#[derive(Debug, Default)]
pub(super) struct Run {
    /// Whether the blow fell before the program had ended.
    pub(super) struck: bool,
    /// Final names with wrong bytes after the blow.
    pub(super) corrupt: Vec<String>,
    /// Files that were said to be there and are not.
    pub(super) lost: Vec<String>,
    /// It ended as if all was done, and not all was there.
    pub(super) falsely_finished: bool,
    /// Why the next run did not end with every file right and nothing else.
    pub(super) stuck: Vec<String>,
    /// A panic, or an error that does not say what happened.
    pub(super) wrong_error: Option<String>,
    /// Bytes that came more than once.
    pub(super) fetched_again: Option<u64>,
    /// Where it can be looked at, if there is something to see.
    pub(super) kept: Option<PathBuf>,
}

impl Run {
    pub(super) fn is_clean(&self) -> bool {
        self.corrupt.is_empty()
            && self.lost.is_empty()
            && !self.falsely_finished
            && self.stuck.is_empty()
            && self.wrong_error.is_none()
    }
}

impl Sums {
    fn take(&mut self, other: &Self) {
        self.runs += other.runs;
        self.struck += other.struck;
        self.corrupt += other.corrupt;
        self.lost += other.lost;
        self.falsely_finished += other.falsely_finished;
        self.stuck += other.stuck;
        self.wrong_error += other.wrong_error;
        self.fetched_again.extend(&other.fetched_again);
    }
}

impl Row {
    pub(super) fn begin(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            started: Instant::now(),
            took: Duration::ZERO,
            is_control: false,
            most_again: None,
            sums: Mutex::default(),
        }
    }

    /// All kills of the same work, which together cost only what was on its way; none if there were no experiments.
    ///
    /// At a call of the disk most is on its way that can be, at a random time hardly anything.
    pub(super) fn of_kills(work: &str, rows: &[Self]) -> Option<Self> {
        let mut all = Self {
            most_again: Some(MOST_AGAIN),
            took: rows.iter().map(|row| row.took).sum(),
            ..Self::begin(format!("every SIGKILL, {work}"))
        };
        let sums = all.sums.get_mut().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            sums.take(&row.sums());
        }
        (!rows.is_empty()).then_some(all)
    }

    /// Begins an experiment that has to find bad states.
    pub(super) fn begin_control(name: impl Into<String>) -> Self {
        Self {
            is_control: true,
            ..Self::begin(name)
        }
    }

    /// Adds a run; `what` names the point at which it was struck.
    pub(super) fn add(&self, what: &str, run: &Run) {
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        if !run.is_clean() && sums.stories.len() < MOST_STORIES {
            sums.stories.push(format!("{what}: {run:?}"));
        }
        sums.runs += 1;
        sums.struck += u64::from(run.struck);
        sums.corrupt += u64::from(!run.corrupt.is_empty());
        sums.lost += u64::from(!run.lost.is_empty());
        sums.falsely_finished += u64::from(run.falsely_finished);
        sums.stuck += u64::from(!run.stuck.is_empty());
        sums.wrong_error += u64::from(run.wrong_error.is_some());
        sums.fetched_again.extend(run.fetched_again);
    }

    /// Ends the experiment and says on standard error how it went.
    pub(super) fn end(mut self) -> Result<Self> {
        self.took = self.started.elapsed();
        let mut out = std::io::stderr().lock();
        let verdict = if self.holds() { "ok" } else { "BAD" };
        let runs = self.sums().runs;
        writeln!(
            out,
            "{verdict:>4}  {}: {runs} runs in {:.1} s",
            self.name,
            self.took.as_secs_f64()
        )?;
        if !self.is_control {
            for story in &self.sums().stories {
                writeln!(out, "      {story}")?;
            }
        }
        Ok(self)
    }

    /// Nothing was lost or faked; in a control, something was.
    pub(super) fn holds(&self) -> bool {
        let sums = self.sums();
        let bad = sums.corrupt + sums.lost + sums.falsely_finished;
        if self.is_control {
            return bad > 0;
        }
        let median = spread(&sums.fetched_again).map(|(median, _)| median);
        let is_known = sums.fetched_again.len() >= TELLING;
        let is_cheap = !is_known || self.most_again.is_none_or(|most| median <= Some(most));
        sums.runs > 0 && bad + sums.stuck + sums.wrong_error == 0 && is_cheap
    }

    fn sums(&self) -> std::sync::MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cells(&self) -> [String; 10] {
        let sums = self.sums();
        let (median, most) = match spread(&sums.fetched_again) {
            Some((median, most)) => (kib(median), kib(most)),
            None => Default::default(),
        };
        [
            self.name.clone(),
            sums.runs.to_string(),
            sums.struck.to_string(),
            sums.corrupt.to_string(),
            sums.falsely_finished.to_string(),
            sums.lost.to_string(),
            sums.stuck.to_string(),
            sums.wrong_error.to_string(),
            median,
            most,
        ]
    }
}

/// The rows as a table in Markdown.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut line = |cells: &[String]| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(&HEADINGS.map(str::to_owned));
    line(&HEADINGS.map(|heading| "-".repeat(if heading.is_empty() { 1 } else { 3 })));
    for row in rows {
        line(&row.cells());
    }
    text
}

/// Median and maximum.
fn spread(values: &[u64]) -> Option<(u64, u64)> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    Some((*sorted.get(sorted.len() / 2)?, *sorted.last()?))
}

fn kib(bytes: u64) -> String {
    format!("{} KiB", bytes.div_ceil(1 << 10))
}

const HEADINGS: [&str; 10] = [
    "experiment",
    "runs",
    "struck",
    "corrupt",
    "falsely finished",
    "acknowledged but lost",
    "not resumed",
    "wrong error",
    "fetched again, median",
    "at most",
];
/// A fault shows itself many times; the first are enough to find it.
const MOST_STORIES: usize = 5;
/// The median of fewer runs depends on where the few points lie.
const TELLING: usize = 50;
/// What a kill may cost in the median.
const MOST_AGAIN: u64 = 1 << 20;
