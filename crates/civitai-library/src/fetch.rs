//! Files of the site, fetched into their places several at a time: planned, shared with a content that is at hand or
//! transferred, judged, recorded, described.
//!
//! What happens is [`Told`] as it happens; what became of each file is returned in the order in which the files were
//! wanted. No file stops the others, but a failure that every further one would share does.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use civitai_download::digest::DigestSet;
use civitai_download::{
    Commits, Connections, Existing, Fetched, Jobs, Limit, Mode, Place, Queue, Standing, Target,
    Transfer, Unproved, Wait,
};
use civitai_security::{FileName, redact_causes};
use futures::stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;

use crate::catalogue::{Attempt, Recorder, Trouble};
use crate::find::{Unfound, Wanted};
use crate::judge::{Judge, Judged};
use crate::reuse::Holdings;
use crate::site::Site;
use crate::{Library, blocking};

mod beside;
mod held;
mod sync;
mod told;

use self::beside::Gallery;
pub use self::sync::{SyncFetch, Synced};
pub use self::told::{Action, Ended, FetchError, Landed, Told};

/// The fetching of files, as somebody wants it.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The library that knows of them.
    pub library: Library,
    /// Where they come from.
    pub site: Site,
    /// Who looks into each before it gets its name.
    pub judge: Judge,
    /// Who writes down what becomes of them, if anybody does.
    pub recorder: Option<Arc<Recorder>>,
    /// How they are treated.
    pub rules: Rules,
}

/// How files are treated.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// What happens to another file that has the name.
    pub existing: Existing,
    /// Whether a file of which no digest is promised is taken.
    pub unproved: Unproved,
    /// Whether to wait for another process that works on the same file.
    pub wait: Wait,
    /// How much of the machine a transfer takes.
    pub mode: Mode,
    /// How many files at a time.
    pub jobs: Jobs,
    /// How many connections a file.
    pub connections: Connections,
    /// How fast all of them together, if not as fast as they can.
    pub limit: Option<Arc<Limit>>,
    /// Only say what would be done.
    pub only_plan: bool,
}

/// Who is told what happens.
pub type Tell = Arc<dyn Fn(Told) + Send + Sync>;

impl Fetch {
    /// Fetches what is wanted. Whoever comes first chooses its name first.
    ///
    /// # Cancel safety
    /// `cancel` stops it as soon as the transfers have flushed what they have; dropping the future stops it at once. Either
    /// way running it again goes on from there.
    pub async fn run(
        &self,
        wanted: impl Stream<Item = Result<Wanted, Unfound>> + Send,
        cancel: &CancellationToken,
        tell: Tell,
    ) -> Vec<Arc<Ended>> {
        let tasks = wanted.map(|wanted| wanted.map(Task::of_link));
        let run = Run::new(self, cancel.clone(), tell).await;
        let ended = run.all(tasks).await;
        self.keep().await;
        ended
    }

    /// Writes what was only noted. That it cannot be written takes nothing from the files, and the next scan sees them.
    async fn keep(&self) {
        let Some(recorder) = self.recorder.clone() else {
            return;
        };
        if let Err(error) = blocking(move || recorder.flush()).await {
            tracing::warn!(%error, "the catalogue does not know all that was fetched");
        }
    }
}

/// A file that is to be fetched.
struct Task {
    wanted: Arc<Wanted>,
    /// How it treats what is there, for a file whose place is settled: it goes to its own name or nowhere.
    pinned: Option<Existing>,
}

impl Task {
    fn of_link(wanted: Wanted) -> Self {
        Self {
            wanted: Arc::new(wanted),
            pinned: None,
        }
    }
}

/// One run of a [`Fetch`].
struct Run<'a> {
    fetch: &'a Fetch,
    cancel: CancellationToken,
    tell: Tell,
    queue: Queue,
    commits: Commits,
    /// Which content has which name within this run.
    names: Mutex<HashMap<(PathBuf, String), String>>,
    holdings: Option<Arc<Holdings>>,
    gallery: Gallery,
    /// A failure that every further file would share.
    general: Mutex<Option<(&'static str, String)>>,
}

/// A file with its place.
struct Placed {
    task: Task,
    path: PathBuf,
    standing: Standing,
    /// Where its content is already.
    held: Vec<PathBuf>,
}

/// Whose a name is within a run.
#[derive(Clone, Copy)]
enum Claim {
    Ours,
    Twice,
    Taken,
}

/// What is there for a file: its place, nothing for one that another link has led to, or why it has none.
type Found = Result<Option<Placed>, Ended>;

impl<'a> Run<'a> {
    async fn new(fetch: &'a Fetch, cancel: CancellationToken, tell: Tell) -> Self {
        let library = fetch.library.clone();
        let holdings = blocking(move || Holdings::of(&library)).await;
        let holdings = holdings.unwrap_or_else(|error| {
            // The files are fetched instead.
            tracing::warn!(%error, "what the library has already is not known");
            None
        });
        Self {
            fetch,
            cancel,
            tell,
            queue: Queue::new(fetch.rules.jobs),
            commits: Commits::default(),
            names: Mutex::default(),
            holdings: holdings.map(Arc::new),
            gallery: Gallery::default(),
            general: Mutex::default(),
        }
    }

    async fn all(&self, tasks: impl Stream<Item = Result<Task, Unfound>>) -> Vec<Arc<Ended>> {
        let mut ended: Vec<(usize, Arc<Ended>)> = tasks
            .take_until(self.cancel.cancelled())
            .map(|task| {
                let claim = task
                    .as_ref()
                    .map(|task| self.claim(task, &task.wanted.name));
                let claim = claim.unwrap_or(Claim::Taken);
                (task, claim)
            })
            .map(|(task, claim)| self.place(task, claim))
            .buffered(LOOKERS)
            .filter_map(|found| std::future::ready(found.transpose()))
            .enumerate()
            .map(|(index, found)| {
                let place = found
                    .as_ref()
                    .ok()
                    .map(|placed| self.queue.place(placed.task.wanted.expected.bytes));
                async move { (index, self.end(found, place).await) }
            })
            .buffer_unordered(AHEAD)
            .collect()
            .await;
        ended.sort_by_key(|(index, _)| *index);
        ended.into_iter().map(|(_, ended)| ended).collect()
    }

    /// Says where a file goes and what is there.
    async fn place(&self, task: Result<Task, Unfound>, claim: Claim) -> Found {
        let task = match task {
            Ok(task) => task,
            Err(unfound) => return Err(Ended::unfound(unfound)),
        };
        let first = task.wanted.name.clone();
        let second = task.wanted.origin.file.filter(|_| task.pinned.is_none());
        let second = second.map(|id| first.with_id(id.into()));
        for (name, claim) in [(Some(first), Some(claim)), (second, None)] {
            let Some(name) = name else { continue };
            let claim = claim.unwrap_or_else(|| self.claim(&task, &name));
            let path = task.wanted.directory.join(name.as_str());
            match claim {
                Claim::Twice => {
                    let link = task.wanted.link.clone();
                    (self.tell)(Told::Same { link });
                    return Ok(None);
                }
                Claim::Taken => continue,
                Claim::Ours => {}
            }
            let transfer = self.transfer(&task, &path);
            match blocking(move || transfer.look()).await {
                Ok(Standing::Taken) => self.release(&task, &name),
                Ok(standing) => {
                    let held = self.held(&task, &standing).await;
                    return Ok(Some(Placed {
                        task,
                        path,
                        standing,
                        held,
                    }));
                }
                Err(error) => return Err(Ended::of(&task.wanted, path, Err(error.into()))),
            }
        }
        let path = task.wanted.directory.join(task.wanted.name.as_str());
        let error = FetchError::NameTaken { path: path.clone() };
        Err(Ended::of(&task.wanted, path, Err(error)))
    }

    fn claim(&self, task: &Task, name: &FileName) -> Claim {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (task.wanted.directory.clone(), name.collision_key());
        let identity = task.wanted.identity();
        match names.get(&key) {
            Some(there) if *there == identity => Claim::Twice,
            Some(_) => Claim::Taken,
            None => {
                names.insert(key, identity);
                Claim::Ours
            }
        }
    }

    fn release(&self, task: &Task, name: &FileName) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(&(task.wanted.directory.clone(), name.collision_key()));
    }

    /// Carries out what was planned, and tells how it ended.
    async fn end(&self, found: Result<Placed, Ended>, place: Option<Place>) -> Arc<Ended> {
        let ended = match (found, place) {
            (Ok(placed), Some(place)) => self.carry_out(placed, place).await,
            (Ok(placed), None) => {
                Ended::of(&placed.task.wanted, placed.path, Err(FetchError::Stopped))
            }
            (Err(ended), _) => ended,
        };
        self.note(&ended).await;
        let ended = Arc::new(ended);
        (self.tell)(Told::Ended(Arc::clone(&ended)));
        ended
    }

    async fn carry_out(&self, placed: Placed, place: Place) -> Ended {
        let Placed {
            task,
            path,
            standing,
            held,
        } = placed;
        let wanted = &task.wanted;
        let action = match &standing {
            Standing::There(_) => Action::Skip,
            Standing::Partial => Action::Resume,
            _ if held.is_empty() => Action::Download,
            _ => Action::Link,
        };
        (self.tell)(Told::Planned {
            file: Arc::clone(wanted),
            path: path.clone(),
            action,
        });
        if self.fetch.rules.only_plan {
            return Ended::of(wanted, path, Ok(Landed::Planned(action)));
        }
        if let Standing::There(fetched) = standing {
            self.found(wanted, &fetched);
            self.describe(wanted, &path, beside::Knowledge::Old).await;
            self.illustrate(wanted, &path).await;
            return Ended::of(wanted, path, Ok(Landed::Fetched(fetched)));
        }
        let turn = place.turn().await;
        let judged = Judged::default();
        let outcome = if let Some(error) = self.why_not(wanted) {
            Err(error)
        } else if let Some(linked) = self.link(&task, &path, held, &judged).await {
            linked
        } else {
            let transfer = self.transfer(&task, &path).turn(turn);
            self.fetch(transfer, &task, &path, &judged).await
        };
        if outcome.is_ok() {
            self.describe(wanted, &path, beside::Knowledge::New).await;
            self.illustrate(wanted, &path).await;
        }
        Ended {
            judgement: judged.get().cloned(),
            ..Ended::of(wanted, path, outcome)
        }
    }

    /// Why a file is not even begun.
    fn why_not(&self, wanted: &Wanted) -> Option<FetchError> {
        if self.cancel.is_cancelled() {
            return Some(FetchError::Stopped);
        }
        let general = self.general.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, problem)) = &*general {
            return Some(FetchError::Spared {
                code,
                problem: problem.clone(),
            });
        }
        let foreseen = self.fetch.judge.foresee(wanted.site_scan.as_ref());
        foreseen.err().map(FetchError::from)
    }

    async fn fetch(
        &self,
        transfer: Transfer,
        task: &Task,
        path: &Path,
        judged: &Judged,
    ) -> Result<Landed, FetchError> {
        let (tell, file, at) = (
            Arc::clone(&self.tell),
            Arc::clone(&task.wanted),
            Arc::<Path>::from(path),
        );
        let transfer = self
            .fetch
            .judge
            .hook(judged, transfer)
            .events(move |event| {
                tell(Told::Moved {
                    file: Arc::clone(&file),
                    path: Arc::clone(&at),
                    event,
                });
            });
        let fetched = transfer.run(self.cancel.clone()).await?;
        Ok(Landed::Fetched(Box::new(fetched)))
    }

    fn transfer(&self, task: &Task, path: &Path) -> Transfer {
        let (rules, wanted) = (&self.fetch.rules, &task.wanted);
        let target = Target::new(path, wanted.identity()).with_expected(wanted.expected.clone());
        let storage = self.fetch.site.storage.clone();
        let transfer = Transfer::new(storage, Arc::clone(&wanted.source), target)
            .digests(DigestSet::ALL | DigestSet::TREE)
            .mode(rules.mode)
            .connections(rules.connections)
            .retry(
                self.fetch
                    .site
                    .retry
                    .with_max_elapsed(std::time::Duration::MAX),
            )
            .existing(task.pinned.unwrap_or(rules.existing))
            .unproved(rules.unproved)
            .wait(rules.wait)
            .quarantine_root(&wanted.root)
            .commits(&self.commits);
        let transfer = match &rules.limit {
            Some(limit) => transfer.limit(Arc::clone(limit)),
            None => transfer,
        };
        let Some(recorder) = self.fetch.recorder.clone() else {
            return transfer;
        };
        let wanted = Arc::clone(wanted);
        transfer.record(move |candidate| {
            let attempt = attempt(&wanted, candidate.target);
            Ok(recorder.record(attempt, candidate.digests.clone())?)
        })
    }

    /// Tells the catalogue of a file that was there already.
    fn found(&self, wanted: &Wanted, fetched: &Fetched) {
        if let Some(recorder) = &self.fetch.recorder
            && fetched.digests.sha256.is_some()
        {
            recorder.found(attempt(wanted, &fetched.path), fetched.digests.clone());
        }
    }

    /// Tells the catalogue of a file that could not be had, and lists what went to quarantine.
    async fn note(&self, ended: &Ended) {
        let Err(error) = &ended.outcome else {
            return;
        };
        if error.is_general() {
            let mut general = self.general.lock().unwrap_or_else(PoisonError::into_inner);
            general.get_or_insert_with(|| (error.code(), redact_causes(error)));
        }
        // That the user stopped is no failure of the file.
        let is_told = error.code() != "interrupted";
        if let (Some(recorder), Some(origin), Some(path), true) =
            (&self.fetch.recorder, ended.origin, &ended.path, is_told)
        {
            let trouble = Trouble {
                kind: error.code().to_owned(),
                message: redact_causes(error),
            };
            let attempt = Attempt {
                origin,
                link: ended.link.clone(),
                path: path.clone(),
            };
            recorder.failed(attempt, trouble);
        }
        if let Some(path) = error.quarantined().map(Path::to_owned) {
            let library = self.fetch.library.clone();
            let noted = blocking(move || crate::quarantine::note(&library, &path)).await;
            if let Err(error) = noted {
                // The file is found there all the same.
                tracing::warn!(%error, "the catalogue does not list what is in quarantine");
            }
        }
    }
}

fn attempt(wanted: &Wanted, path: &Path) -> Attempt {
    Attempt {
        origin: wanted.origin,
        link: wanted.link.clone(),
        path: path.to_owned(),
    }
}

/// Threads that look what is there: that has to be hashed.
const LOOKERS: usize = 2;
/// Files that stand in the queue. Big ones before them hold small ones up only when they are more than that.
const AHEAD: usize = 1024;
