//! Which path the transfers of a run take: what the user insists on, else what the last hour of all runs advises.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use civitai_download::jobs::{Error, Jobs};
use civitai_download::{Fetched, Hosts, How};
use civitai_reliability::Failsafe;
use civitai_reliability::failsafe::{Course, Ended, Limits, Outcome, Requests, Taken};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::exit::Kind;
use crate::features;
use crate::network;
use crate::printer::Printer;
use crate::session::Session;
use crate::text::{Bulk, Message};

/// The failsafe of a run, with the memory that all runs of the data directory share.
pub(crate) struct Safeguard {
    is_forced: bool,
    experiments: Vec<&'static str>,
    directory: std::path::PathBuf,
    printer: Arc<Printer>,
    state: Mutex<State>,
    hosts: Hosts,
    /// Shared by files on the fast path; a file on the safe one has it alone.
    lanes: RwLock<()>,
}

struct State {
    failsafe: Failsafe,
    /// What the shared memory does not know yet.
    new: Vec<Ended>,
    kept: Instant,
    /// The path that was taken last, to say when it changes.
    last: Way,
}

/// How a file is fetched, from the boldest way to the safest.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Way {
    /// With everything that is being tried out, if the user wants any of it.
    Experimental,
    /// With what has proved itself.
    Fast,
    /// One file at a time, one connection, HTTP/1.1.
    Safe,
}

impl Way {
    pub(crate) fn taken(self) -> Taken {
        match self {
            Self::Experimental | Self::Fast => Taken::Fast,
            Self::Safe => Taken::Sequential,
        }
    }
}

/// The leave to fetch a file, and on which path.
pub(crate) struct Lane<'a> {
    pub(crate) way: Way,
    _room: Room<'a>,
}

#[expect(dead_code, reason = "held, not read")]
enum Room<'a> {
    Shared(RwLockReadGuard<'a, ()>),
    Alone(RwLockWriteGuard<'a, ()>),
}

impl Safeguard {
    /// Begins with the shared memory, if there is one that can be read: it is advice, no condition.
    pub(crate) fn new(session: &Session) -> Self {
        let directory = session.settings.data_dir.clone();
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
            is_forced: session.settings.force_sync,
            experiments: features::experiments(&session.settings),
            directory,
            printer: Arc::clone(&session.printer),
            state: Mutex::new(State {
                failsafe,
                new: Vec::new(),
                kept: Instant::now(),
                last: Way::Experimental,
            }),
            hosts,
            lanes: RwLock::new(()),
        }
    }

    /// What is known of storage servers.
    pub(crate) fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Waits for room on the path that is to be taken now.
    pub(crate) async fn lane(&self) -> Lane<'_> {
        let way = self.choose();
        let room = match way {
            Way::Experimental | Way::Fast => Room::Shared(self.lanes.read().await),
            Way::Safe => Room::Alone(self.lanes.write().await),
        };
        Lane { way, _room: room }
    }

    fn choose(&self) -> Way {
        if self.is_forced {
            return Way::Safe;
        }
        let mut state = self.state();
        let course = state.failsafe.course(now());
        let bold = Limits::of_experiments();
        let way = match (course, state.failsafe.course_within(now(), &bold)) {
            (Course::Sequential { .. }, _) => Way::Safe,
            (Course::Fast, Course::Fast) => Way::Experimental,
            (Course::Fast, Course::Sequential { .. }) => Way::Fast,
        };
        let before = std::mem::replace(&mut state.last, way);
        drop(state);
        match course {
            _ if way <= before => {}
            Course::Sequential { why } => {
                self.printer.warn(&Message::Bulk(Bulk::SafePath { why }));
            }
            Course::Fast if self.experiments.is_empty() => {}
            Course::Fast => {
                let names = self.experiments.join(", ");
                self.printer
                    .warn(&Message::Bulk(Bulk::ExperimentalOff { names }));
            }
        }
        way
    }

    /// Notes how a transfer ended, where that says something about the way it was made.
    pub(crate) async fn ended(
        &self,
        taken: Taken,
        result: &Result<Fetched, civitai_download::Error>,
        requests: Requests,
    ) {
        let Some(outcome) = judge(result) else {
            return;
        };
        let at = now();
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
    pub(crate) async fn keep(&self) {
        let new = {
            let mut state = self.state();
            state.kept = Instant::now();
            std::mem::take(&mut state.new)
        };
        if new.is_empty() {
            return;
        }
        let (directory, hosts) = (self.directory.clone(), self.hosts.clone());
        let write = move || {
            let mut jobs = Jobs::open(&directory)?;
            jobs.remember_hosts(&hosts)?;
            jobs.remember(Limits::default(), &new)
        };
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(failsafe)) => {
                let mut state = self.state();
                let state = &mut *state;
                state.failsafe = failsafe;
                for ended in &state.new {
                    state.failsafe.record(*ended);
                }
            }
            Ok(Err(error)) => tracing::info!(%error, "the last hour is not shared"),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the end of a transfer says about the path it took: nothing, where the user, the content or this machine is the
/// reason, or where nothing was transferred.
fn judge(result: &Result<Fetched, civitai_download::Error>) -> Option<Outcome> {
    match result {
        Ok(fetched) => (fetched.how != How::Skipped).then_some(Outcome::Finished),
        Err(error) => match network::download_failure(error).kind {
            Kind::Timeout => Some(Outcome::TimedOut),
            Kind::Network | Kind::Server | Kind::StorageOutage => Some(Outcome::Failed),
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
