//! Which way the files of a run take: what is insisted on, else what the last hour of all runs advises.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use civitai_download::jobs::{Error, Jobs};
use civitai_download::{Fetched, Hosts, How};
use civitai_reliability::Failsafe;
use civitai_reliability::failsafe::{Course, Ended, Limits, Outcome, Requests, Taken};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Audience, Fetch, Pace, Told, told};
use crate::blocking;

/// The failsafe of a run, with the memory that all runs of the data directory share.
pub(super) struct Lanes {
    directory: PathBuf,
    state: Mutex<State>,
    hosts: Hosts,
    /// Shared by files on the fast way; a file on the safe one has it alone.
    room: RwLock<()>,
}

struct State {
    failsafe: Failsafe,
    /// What the shared memory does not know yet.
    new: Vec<Ended>,
    kept: Instant,
    /// The way that was taken last, to say when it changes.
    last: Way,
}

/// How a file is fetched, from the boldest way to the safest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Way {
    /// With everything that is being tried out, if somebody wants any of it.
    Bold,
    /// With what has proved itself.
    Fast,
    /// One file at a time, one connection, HTTP/1.1.
    Safe,
}

/// The leave to fetch a file, and on which way.
pub(super) struct Lane<'a> {
    pub(super) way: Way,
    _room: Room<'a>,
}

#[expect(dead_code, reason = "held, not read")]
enum Room<'a> {
    Shared(RwLockReadGuard<'a, ()>),
    Alone(RwLockWriteGuard<'a, ()>),
}

impl Lanes {
    /// Begins with the shared memory, if there is one that can be read: it is advice, no condition. Blocks.
    pub(super) fn of(directory: PathBuf) -> Self {
        let read = || -> Result<_, Error> {
            let Some(jobs) = Jobs::open_if_there(&directory)? else {
                return Ok(Default::default());
            };
            Ok((jobs.failsafe(Limits::default())?, jobs.hosts()?))
        };
        let (failsafe, hosts) = read().unwrap_or_else(|error| {
            tracing::info!(%error, "the last hour is not known");
            Default::default()
        });
        Self {
            directory,
            state: Mutex::new(State {
                failsafe,
                new: Vec::new(),
                kept: Instant::now(),
                last: Way::Bold,
            }),
            hosts,
            room: RwLock::new(()),
        }
    }

    /// What is known of storage servers.
    pub(super) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Waits for room on the way that is to be taken now.
    pub(super) async fn lane(&self, fetch: &Fetch, audience: &dyn Audience) -> Lane<'_> {
        let way = self.choose(fetch, audience);
        let room = match way {
            Way::Bold | Way::Fast => Room::Shared(self.room.read().await),
            Way::Safe => Room::Alone(self.room.write().await),
        };
        Lane { way, _room: room }
    }

    fn choose(&self, fetch: &Fetch, audience: &dyn Audience) -> Way {
        if fetch.rules.pace == Pace::Safe {
            return Way::Safe;
        }
        let mut state = self.state();
        let course = state.failsafe.course(now());
        let bold = Limits::of_experiments();
        let way = match (course, state.failsafe.course_within(now(), &bold)) {
            (Course::Sequential { .. }, _) => Way::Safe,
            (Course::Fast, Course::Fast) => Way::Bold,
            (Course::Fast, Course::Sequential { .. }) => Way::Fast,
        };
        let before = std::mem::replace(&mut state.last, way);
        drop(state);
        match course {
            _ if way <= before => {}
            Course::Sequential { why } => audience.hear(Told::Safe { why }),
            Course::Fast => audience.hear(Told::Plain),
        }
        way
    }

    /// Notes how a transfer ended, where that says something about the way it was made.
    pub(super) async fn ended(
        &self,
        way: Way,
        result: &Result<Fetched, civitai_download::Error>,
        requests: Requests,
    ) {
        let Some(outcome) = judge(result) else {
            return;
        };
        let at = now();
        let taken = match way {
            Way::Bold | Way::Fast => Taken::Fast,
            Way::Safe => Taken::Sequential,
        };
        let ended = Ended {
            at,
            taken,
            outcome,
            requests,
        };
        let is_due = {
            let mut state = self.state();
            state.failsafe.record(ended);
            state.new.push(ended);
            state.kept.elapsed() > PERIOD
        };
        if is_due {
            self.keep().await;
        }
    }

    /// Shares what this run has learnt, and learns what others have.
    pub(super) async fn keep(&self) {
        let new = {
            let mut state = self.state();
            state.kept = Instant::now();
            std::mem::take(&mut state.new)
        };
        if new.is_empty() {
            return;
        }
        let (directory, hosts) = (self.directory.clone(), self.hosts.clone());
        let written = blocking(move || {
            let mut jobs = Jobs::open(&directory)?;
            jobs.remember_hosts(&hosts)?;
            jobs.remember(Limits::default(), &new)
        });
        match written.await {
            Ok(failsafe) => {
                let mut state = self.state();
                let state = &mut *state;
                state.failsafe = failsafe;
                for ended in &state.new {
                    state.failsafe.record(*ended);
                }
            }
            Err(error) => tracing::info!(%error, "the last hour is not shared"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the end of a transfer says about the way it took: nothing, where the user, the content or this machine is the
/// reason, or where nothing was transferred.
fn judge(result: &Result<Fetched, civitai_download::Error>) -> Option<Outcome> {
    match result {
        Ok(fetched) => (fetched.how != How::Skipped).then_some(Outcome::Finished),
        Err(error) => match told::code_of(error) {
            "timeout" => Some(Outcome::TimedOut),
            "network" | "server" | "storage_outage" => Some(Outcome::Failed),
            _ => None,
        },
    }
}

fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// How long a run keeps what it learns to itself.
const PERIOD: Duration = Duration::from_secs(30);
