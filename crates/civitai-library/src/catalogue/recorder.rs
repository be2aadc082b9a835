//! Recording what many transfers bring. Those that end while another one is being written share the next transaction,
//! and its flush.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use civitai_api::{Found, Model, Version};
use civitai_download::digest::Digests;
use civitai_download::tree::Tree;
use rusqlite::Transaction;
use tracing::warn;

use super::history::{self, Attempt, Trouble};
use super::{Catalogue, Error, Fault, Place, millis, site};
use crate::Library;
use crate::sealing;
use crate::trees::Trees;

/// The catalogue, for the transfers of a run.
#[derive(Debug)]
pub struct Recorder {
    catalogue: Mutex<Catalogue>,
    /// What is to be written next. Locked after `catalogue` where both are.
    waiting: Mutex<Vec<Job>>,
    trees: Trees,
}

/// What the site said on the way to a file.
#[derive(Clone, Debug)]
pub enum Learnt {
    /// Of a model and all its versions.
    Model(Box<Model>),
    /// Of a version alone.
    Version(Box<Version>),
}

impl Learnt {
    /// What following a link has told: `owner` is the model of the version that was found.
    pub fn on_the_way(found: &Found, owner: Option<&Model>) -> Vec<Self> {
        let mut learnt: Vec<Self> = Vec::new();
        learnt.extend(owner.map(|model| Self::Model(Box::new(model.clone()))));
        match found {
            Found::Model(model) => learnt.push(Self::Model(model.clone())),
            // A version without the name of its model was taken from what the model tells, which has it.
            Found::Version { version, .. } if version.owner().is_some() => {
                learnt.push(Self::Version(version.clone()));
            }
            _ => {}
        }
        learnt
    }
}

#[derive(Debug)]
struct Job {
    work: Work,
    at: SystemTime,
    /// Where somebody waits for the outcome.
    outcome: Option<Arc<Outcome>>,
}

/// How a job ended, once it has.
#[derive(Debug, Default)]
struct Outcome(Mutex<Option<Result<(), Error>>>);

#[derive(Debug)]
enum Work {
    Fetched(Attempt, Digests),
    Failed(Attempt, Trouble),
    Learnt(Learnt),
}

impl Recorder {
    /// Opens the catalogue of `library`. Blocks.
    pub fn open(library: &Library) -> Result<Self, Error> {
        Ok(Self {
            catalogue: Mutex::new(library.catalogue()?),
            waiting: Mutex::new(Vec::new()),
            trees: Trees::of(&library.data_dir),
        })
    }

    /// Records that a file was fetched and verified and has its name now, and keeps its hash tree. Blocks until that is
    /// durable.
    pub fn record(&self, attempt: Attempt, mut digests: Digests) -> Result<(), Error> {
        if let Some(tree) = tree_of(&attempt, &mut digests) {
            self.trees.keep(&tree)?;
        }
        let outcome = Arc::<Outcome>::default();
        self.push(Work::Fetched(attempt, digests), Some(Arc::clone(&outcome)));
        let mut catalogue = lock(&self.catalogue);
        if let Some(outcome) = lock(&outcome.0).take() {
            return outcome;
        }
        // Nobody else takes what waits while the catalogue is locked.
        if let Err(error) = self.write(&mut catalogue) {
            warn!(%error, "something about another file could not be recorded");
        }
        lock(&outcome.0).take().unwrap_or(Ok(()))
    }

    /// Notes that a file was found to be there already, verified. It is written with what comes next. Blocks while its
    /// hash tree is written, if there is none yet.
    pub fn found(&self, attempt: Attempt, mut digests: Digests) {
        if let Some(tree) = tree_of(&attempt, &mut digests)
            && let Err(error) = self.trees.keep(&tree)
        {
            warn!(%error, "a hash tree could not be kept");
        }
        self.push(Work::Fetched(attempt, digests), None);
    }

    /// Notes that a file could not be had. It is written with what comes next.
    pub fn failed(&self, attempt: Attempt, trouble: Trouble) {
        self.push(Work::Failed(attempt, trouble), None);
    }

    /// Notes what the site said. It is written with what comes next.
    pub fn learn(&self, learnt: Learnt) {
        self.push(Work::Learnt(learnt), None);
    }

    /// Says whether so much waits that it should be [written](Self::flush) now rather than with what comes next.
    pub fn is_full(&self) -> bool {
        lock(&self.waiting).len() >= MOST_WAITING
    }

    /// Writes what waits. Blocks.
    pub fn flush(&self) -> Result<(), Error> {
        self.write(&mut lock(&self.catalogue))
    }

    fn push(&self, work: Work, outcome: Option<Arc<Outcome>>) {
        let at = SystemTime::now();
        lock(&self.waiting).push(Job { work, at, outcome });
    }

    /// Writes what waits in one transaction; if that fails, each by itself, so that one does not take the others along.
    /// The error is that of a job for whose outcome nobody waits.
    fn write(&self, catalogue: &mut Catalogue) -> Result<(), Error> {
        let jobs = std::mem::take(&mut *lock(&self.waiting));
        if jobs.is_empty() {
            return Ok(());
        }
        let place = catalogue.place();
        let all = catalogue.write(|transaction| {
            jobs.iter()
                .try_for_each(|job| job.write(transaction, &place))
        });
        let mut first = Ok(());
        for job in jobs {
            let result = match all {
                Ok(()) => Ok(()),
                Err(_) => catalogue.write(|transaction| job.write(transaction, &place)),
            };
            match (job.outcome, result) {
                (Some(outcome), result) => *lock(&outcome.0) = Some(result),
                (None, Err(error)) if first.is_ok() => first = Err(error),
                (None, _) => {}
            }
        }
        first
    }
}

/// The hash tree of what was fetched, unless it has become a container: that cannot be mended by groups.
fn tree_of(attempt: &Attempt, digests: &mut Digests) -> Option<Arc<Tree>> {
    let tree = digests.tree.take()?;
    let name = attempt.path.to_string_lossy();
    (!sealing::is_sealed(&name)).then_some(tree)
}

impl Job {
    fn write(&self, transaction: &Transaction<'_>, place: &Place) -> Result<(), Fault> {
        match &self.work {
            Work::Fetched(attempt, digests) => {
                history::record(transaction, place, attempt, digests, self.at)
            }
            Work::Failed(attempt, trouble) => {
                history::record_failure(transaction, attempt, trouble, self.at)
            }
            Work::Learnt(Learnt::Model(model)) => {
                site::note_model(transaction, model, millis(self.at))
            }
            Work::Learnt(Learnt::Version(version)) => {
                site::note_version(transaction, version, None, millis(self.at))
            }
        }
    }
}

/// A model and its versions may take some 100 KiB.
const MOST_WAITING: usize = 64;

/// What panicked while it held a lock had no transaction open: those end with the call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
