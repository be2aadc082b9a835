//! Files to fetch, several at a time: what is planned, what became of each, and the sum. `get` and `fetch` share it.

mod description;
mod record;
mod report;
mod reuse;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use civitai_api::{FileId, ModelId};
use civitai_download::digest::DigestSet;
use civitai_download::{
    Commits, Connections, Error, Existing, Expected, Fetched, Limit, Mode, Place, Queue, Seal,
    Standing, Storage, Target, Transfer, Turn, Unproved, UrlSource, Wait,
};
use civitai_library::catalogue::Recorder;
use civitai_library::find;
use civitai_library::licence::Facts;
use civitai_library::reuse::Holdings;
use civitai_library::sealing::Sealing;
use civitai_security::FileName;
use futures::stream::{self, Stream, StreamExt as _};

use self::description::{Gallery, Knowledge};
use self::record::Records;
use self::report::{FileLine, Report};
use self::reuse::Placed;
use crate::commands::library;
use crate::exit::Kind;
use crate::failure::Failure;
use crate::features;
use crate::job::Side;
use crate::judge::{self, Judge, Judged, SiteScan};
use crate::network;
use crate::patience::{Borne, Patience};
use crate::progress::{Board, Running};
use crate::safeguard::{Safeguard, Way};
use crate::session::{Outcome, Session};
use crate::settings::{Amount, Settings};
use crate::text::{Guard, Hint, Message};

pub(crate) use self::report::{Action, Ids};

/// One file somebody asked for.
pub(crate) struct Wanted {
    /// The item of a job that led here.
    pub(crate) item: Option<u32>,
    /// The link or address it was asked for by, without any token.
    pub(crate) link: String,
    pub(crate) ids: Ids,
    /// The root of the tree it goes into.
    pub(crate) root: PathBuf,
    pub(crate) directory: PathBuf,
    pub(crate) name: FileName,
    /// Names the content across runs and addresses.
    pub(crate) identity: String,
    pub(crate) expected: Expected,
    pub(crate) source: Arc<dyn UrlSource>,
    pub(crate) storage: Storage,
    /// What is settled for a file whose place somebody else has chosen.
    pub(crate) pinned: Option<Pinned>,
    /// What is to stand beside it.
    pub(crate) description: Option<find::Description>,
    /// What is known of the terms it comes under; nothing for a file from elsewhere.
    pub(crate) terms: Option<Facts>,
    /// What the site's own scanners said of it.
    pub(crate) site_scan: Option<SiteScan>,
    /// Whether it may share its bytes with another file of the library.
    pub(crate) shares: bool,
}

/// A file that goes to its own name or nowhere.
pub(crate) struct Pinned {
    /// How it treats what is there.
    pub(crate) existing: Existing,
    /// The root of the tree it belongs to.
    pub(crate) root: PathBuf,
    /// Where it is written down that it is there.
    pub(crate) landed: Landed,
}

/// The paths of files that are in their place.
pub(crate) type Landed = Arc<Mutex<HashSet<PathBuf>>>;

impl Wanted {
    /// A file of the site that a link led to.
    pub(crate) fn of(found: find::Wanted, storage: Storage) -> Self {
        Self {
            item: None,
            identity: found.identity(),
            link: found.link,
            ids: Ids {
                model_id: found.origin.model.map(ModelId::get),
                version_id: Some(found.origin.version.get()),
                file_id: found.origin.file.map(FileId::get),
            },
            root: found.root,
            directory: found.directory,
            name: found.name,
            expected: found.expected,
            source: found.source,
            storage,
            pinned: None,
            description: found.description,
            terms: Some(found.terms),
            site_scan: found.site_scan,
            shares: found.shares,
        }
    }

    fn path(&self, name: &FileName) -> PathBuf {
        self.directory.join(name.as_str())
    }

    /// Notes that the file is in its place.
    fn landed(&self, path: &Path) {
        if let Some(pinned) = &self.pinned {
            let mut landed = pinned.landed.lock().unwrap_or_else(PoisonError::into_inner);
            landed.insert(path.to_owned());
        }
    }
}

/// A link that led to no file.
pub(crate) struct Unfound {
    /// The item of a job.
    pub(crate) item: Option<u32>,
    pub(crate) link: String,
    pub(crate) failure: Failure,
}

/// How a batch treats its files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) digests: DigestSet,
    pub(crate) existing: Existing,
    pub(crate) unproved: Unproved,
    pub(crate) wait: Wait,
    pub(crate) mode: Mode,
    pub(crate) dry_run: bool,
}

/// The fetching of many files.
pub(crate) struct Batch<'a> {
    session: &'a Session,
    rules: Rules,
    limit: Option<Arc<Limit>>,
    board: Arc<Board>,
    queue: Queue,
    commits: Commits,
    names: Mutex<HashMap<(PathBuf, String), String>>,
    report: Report<'a>,
    side: Option<Side>,
    guard: Safeguard,
    judge: Option<Judge>,
    records: Records,
    holdings: Option<Arc<Holdings>>,
    gallery: Gallery,
    sealing: Option<Arc<Sealing>>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(session: &'a Session, rules: Rules) -> Self {
        let settings = &session.settings;
        Self {
            session,
            rules,
            limit: settings
                .limit_rate
                .map(|rate| Arc::new(Limit::new(rate.get()))),
            board: Arc::new(Board::new(session)),
            queue: Queue::new(settings.jobs()),
            commits: Commits::default(),
            names: Mutex::new(HashMap::new()),
            report: Report::new(&session.printer),
            side: None,
            guard: Safeguard::new(session),
            judge: None,
            records: Records::default(),
            holdings: None,
            gallery: Gallery::default(),
            sealing: None,
        }
    }

    /// Works for a job: it is told what happens, and bears what it can.
    pub(crate) fn beside(mut self, side: Side) -> Self {
        self.report.beside(side.notes.clone());
        self.side = Some(side);
        self
    }

    /// Looks into each file before it gets its name.
    pub(crate) fn judging(mut self, judge: Judge) -> Self {
        self.judge = Some(judge);
        self
    }

    /// Has the catalogue remember what becomes of each file of the site.
    pub(crate) fn recording(mut self, recorder: Option<Arc<Recorder>>) -> Self {
        self.records = Records(recorder);
        self
    }

    /// Has contents linked that are in a library already.
    pub(crate) fn reusing(mut self, holdings: Option<Arc<Holdings>>) -> Self {
        self.holdings = holdings;
        self
    }

    /// Encrypts each file before it gets a name.
    pub(crate) fn sealing(mut self, sealing: Option<Arc<Sealing>>) -> Self {
        self.sealing = sealing;
        self
    }

    /// What has a name in the end where a file would be at `path`.
    fn named(&self, path: &Path) -> PathBuf {
        match &self.sealing {
            Some(sealing) => sealing.place(path),
            None => path.to_owned(),
        }
    }

    /// Plans what comes, in order, and fetches it as the queue lets it. Every item gets its line, and the last line is
    /// the sum.
    pub(crate) async fn run(self, wanted: impl Stream<Item = Result<Wanted, Unfound>>) -> Outcome {
        let all = wanted
            .take_until(self.session.cancel.cancelled())
            .map(|wanted| self.claimed(wanted))
            .ready_chunks(LOOKS)
            .map(|claimed| self.place(claimed))
            .buffered(LOOKERS)
            .flat_map(stream::iter)
            .filter_map(|placed| self.plan(placed))
            .map(|planned| {
                let place = self.queue.place(planned.wanted.expected.bytes);
                self.fetch(planned, place)
            })
            .buffer_unordered(AHEAD)
            .for_each(std::future::ready);
        tokio::select! {
            () = all => {}
            () = self.board.run() => unreachable!("the board never ends by itself"),
        }
        self.guard.keep().await;
        self.records.keep(&self.session.printer).await;
        if self.session.cancel.is_cancelled() {
            self.report.interrupted();
        }
        self.session.end_monitor();
        Ok(self.report.finish())
    }

    /// Claims a file's first name. That is done in order, so that those that come first choose first.
    fn claimed(&self, wanted: Result<Wanted, Unfound>) -> Result<(Wanted, Claim), Unfound> {
        wanted.map(|wanted| {
            let claim = self.claim(&wanted, &wanted.name);
            (wanted, claim)
        })
    }

    /// Looks where files can go.
    async fn place(&self, claimed: Vec<Result<(Wanted, Claim), Unfound>>) -> Vec<Placed> {
        let transfers = claimed.iter().map(|claimed| match claimed {
            Ok((wanted, Claim::Ours)) => {
                Some(self.transfer(wanted, &wanted.path(&wanted.name), Way::Fast))
            }
            _ => None,
        });
        let looked = look(transfers.collect()).await;
        let mut placed = Vec::with_capacity(claimed.len());
        for (claimed, looked) in claimed.into_iter().zip(looked) {
            placed.push(match claimed {
                Ok((wanted, claim)) => {
                    let found = self.find(&wanted, claim, looked).await;
                    Ok((wanted, found))
                }
                Err(unfound) => Err(unfound),
            });
        }
        self.held(placed).await
    }

    /// Says where a file goes. Nothing is left to do for what is there, fails, or is only planned.
    async fn plan(&self, placed: Placed) -> Option<Planned> {
        let (wanted, found, held) = match placed {
            Ok(placed) => placed,
            Err(unfound) => {
                self.report.unfound(&unfound);
                return None;
            }
        };
        match found {
            Ok(Some((path, standing))) => {
                let action = if held.is_empty() {
                    Action::of(&standing)
                } else {
                    Action::Link
                };
                let place = self.named(&path);
                self.report
                    .planned(&wanted, &place, action, self.rules.dry_run);
                match standing {
                    _ if self.rules.dry_run => None,
                    Standing::There(fetched) => {
                        self.records.found(&wanted, &fetched);
                        wanted.landed(&fetched.path);
                        self.describe(&wanted, &place, Knowledge::Old).await;
                        self.report.file(&FileLine::fetched(&wanted, &fetched));
                        self.illustrate(&wanted, &place).await;
                        None
                    }
                    _ => Some(Planned { wanted, path, held }),
                }
            }
            Ok(None) => {
                let path = self.named(&wanted.path(&wanted.name));
                self.report.same(&wanted, &path);
                None
            }
            Err(failure) => {
                let path = self.named(&wanted.path(&wanted.name));
                self.report
                    .file(&FileLine::failed(&wanted, &path, 0, failure));
                None
            }
        }
    }

    /// The first of its two names that no other file has; none for a file that is taken already by this run.
    async fn find(&self, wanted: &Wanted, claim: Claim, looked: Option<Looked>) -> Found {
        if let Some(found) = self.try_name(wanted, &wanted.name, claim, looked) {
            return found;
        }
        if let (Some(id), None) = (wanted.ids.file_id, &wanted.pinned) {
            let name = wanted.name.with_id(id.into());
            let claim = self.claim(wanted, &name);
            let transfer = matches!(claim, Claim::Ours)
                .then(|| self.transfer(wanted, &wanted.path(&name), Way::Fast));
            let looked = look(vec![transfer]).await.pop().flatten();
            if let Some(found) = self.try_name(wanted, &name, claim, looked) {
                return found;
            }
        }
        let path = self.named(&wanted.path(&wanted.name));
        Err(Failure::new(Kind::Io, Message::NameTaken { path }).with_hint(Hint::OtherName))
    }

    /// What a claim and a look at the disk say of a name; nothing when another file has it.
    fn try_name(
        &self,
        wanted: &Wanted,
        name: &FileName,
        claim: Claim,
        looked: Option<Looked>,
    ) -> Option<Found> {
        match (claim, looked) {
            (Claim::Twice, _) => Some(Ok(None)),
            (Claim::Taken, _) | (Claim::Ours, None) => None,
            (Claim::Ours, Some(Ok(Standing::Taken))) => {
                self.release(wanted, name);
                None
            }
            (Claim::Ours, Some(Ok(standing))) => Some(Ok(Some((wanted.path(name), standing)))),
            (Claim::Ours, Some(Err(error))) => Some(Err(network::download_failure(&error))),
        }
    }

    fn claim(&self, wanted: &Wanted, name: &FileName) -> Claim {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (wanted.directory.clone(), name.collision_key());
        match names.get(&key) {
            Some(identity) if *identity == wanted.identity => Claim::Twice,
            Some(_) => Claim::Taken,
            None => {
                names.insert(key, wanted.identity.clone());
                Claim::Ours
            }
        }
    }

    fn release(&self, wanted: &Wanted, name: &FileName) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(&(wanted.directory.clone(), name.collision_key()));
    }

    async fn fetch(&self, planned: Planned, place: Place) {
        let turn = place.turn().await;
        let Planned { wanted, path, held } = planned;
        let place = self.named(&path);
        let stopped = self.session.cancel.is_cancelled();
        let stopped = stopped.then(Failure::interrupted);
        let foreseen = self
            .judge
            .as_ref()
            .and_then(|judge| judge.foresee(wanted.site_scan.as_ref()).err())
            .map(judge::refused);
        if let Some(failure) = stopped.or_else(|| self.report.why_not()).or(foreseen) {
            self.report
                .file(&FileLine::failed(&wanted, &place, 0, failure));
            return;
        }
        if let Some(line) = self.link(&wanted, &path, held).await {
            self.report.file(&line);
            if line.failure().is_none() {
                self.illustrate(&wanted, &path).await;
            }
            return;
        }
        let name = place
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut turn = Some(turn);
        let judged = Judged::default();
        let (outcome, is_there) = loop {
            let turn = match turn.take() {
                Some(turn) => turn,
                None => self.queue.place(wanted.expected.bytes).turn().await,
            };
            // Taken after the turn and let go before the next one, so that nobody waits in a circle.
            let lane = self.guard.lane().await;
            let running = self.running(&wanted, &place, &name);
            let result = self
                .attempt(&wanted, &path, (lane.way, turn), (&running, &judged))
                .await;
            let (taken, requests) = (lane.way.taken(), running.requests());
            let fetched_bytes = running.fetched_bytes();
            drop(running);
            self.guard.ended(taken, &result, requests).await;
            drop(lane);
            let error = match result {
                Ok(fetched) => {
                    wanted.landed(&fetched.path);
                    self.describe(&wanted, &place, Knowledge::New).await;
                    self.tell_unsafe(&place, &judged);
                    break (FileLine::fetched(&wanted, &fetched), true);
                }
                Err(error) => error,
            };
            match self.bear(&error).await {
                None => {
                    let outcome = FileLine::error(&wanted, &place, fetched_bytes, &error);
                    break (outcome, false);
                }
                Some(Borne::Not(failure)) => {
                    let outcome = FileLine::failed(&wanted, &place, fetched_bytes, failure);
                    break (outcome, false);
                }
                Some(Borne::Over) => {}
            }
        };
        let outcome = outcome.judged(judged.get());
        self.records.ended(&wanted, &place, &outcome);
        self.shelve(&outcome).await;
        self.report.file(&outcome);
        if is_there {
            self.illustrate(&wanted, &place).await;
        }
    }

    /// The place on the board of a file that is about to be fetched.
    fn running(&self, wanted: &Wanted, path: &Path, name: &str) -> Running {
        let (id, bytes) = (wanted.ids.file_id, wanted.expected.bytes);
        self.board.start(id, path.to_owned(), name, bytes)
    }

    /// One transfer.
    async fn attempt(
        &self,
        wanted: &Wanted,
        path: &Path,
        (way, turn): (Way, Turn),
        (running, judged): (&Running, &Judged),
    ) -> Result<Fetched, Error> {
        let mut transfer = self.transfer(wanted, path, way).turn(turn);
        if let Some(judge) = &self.judge {
            transfer = judge.hook(judged, transfer);
        }
        let transfer = transfer.events(running.listener());
        transfer.run(self.session.cancel.clone()).await
    }

    /// Warns of a file that is in its place although it is not clean.
    fn tell_unsafe(&self, path: &Path, judged: &Judged) {
        if let Some(reason) = judged.get().and_then(|judged| judged.reason.as_ref()) {
            self.session.printer.warn(&Message::Guard(Guard::Taken {
                path: path.to_owned(),
                reason: reason.clone(),
            }));
        }
    }

    /// Has the catalogue list what went to quarantine. That it cannot takes nothing from the file, which is found there.
    async fn shelve(&self, line: &FileLine) {
        let Some(path) = line.quarantined().map(Path::to_owned) else {
            return;
        };
        let Ok(library) = library::of(self.session) else {
            return;
        };
        let note = move || civitai_library::quarantine::note(&library, &path);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(note).await {
            tracing::warn!(%error, "the catalogue does not list what is in quarantine");
        }
    }

    /// Waits, for a job, until the server will hear of it again.
    async fn bear(&self, error: &Error) -> Option<Borne> {
        let failure = network::download_failure(error);
        let side = self.side.as_ref().filter(|_| Patience::is_for(&failure))?;
        Some(side.patience.bear(failure, error.retry_after()).await)
    }

    /// Fetches one file as all are fetched, without a line about it, for who wants to know what that takes.
    pub(crate) async fn bring(&self, wanted: &Wanted, path: &Path) -> Result<Fetched, Error> {
        let (name, bytes) = (wanted.name.as_str(), wanted.expected.bytes);
        let running = self.board.start(None, path.to_owned(), name, bytes);
        let lane = self.guard.lane().await;
        let transfer = self.transfer(wanted, path, lane.way);
        let transfer = transfer.events(running.listener());
        tokio::select! {
            result = transfer.run(self.session.cancel.clone()) => result,
            () = self.board.run() => unreachable!("the board never ends by itself"),
        }
    }

    fn transfer(&self, wanted: &Wanted, path: &Path, way: Way) -> Transfer {
        let settings = &self.session.settings;
        let is_wide = way == Way::Experimental && features::WIDE.is_on(settings);
        let mode = match self.rules.mode {
            Mode::Adaptive if is_wide => Mode::Speed,
            mode => mode,
        };
        let (storage, connections) = match way {
            Way::Experimental | Way::Fast => (wanted.storage.clone(), connections(settings)),
            Way::Safe => (
                wanted.storage.clone().without_small(),
                Connections::AtMost(1),
            ),
        };
        let pinned = wanted.pinned.as_ref();
        let target =
            Target::new(path, wanted.identity.clone()).with_expected(wanted.expected.clone());
        let storage = storage.with_hosts(self.guard.hosts().clone());
        let transfer = Transfer::new(storage, Arc::clone(&wanted.source), target)
            .digests(self.rules.digests)
            .mode(mode)
            .connections(connections)
            .retry(network::retry(settings).with_max_elapsed(std::time::Duration::MAX))
            .existing(pinned.map_or(self.rules.existing, |pinned| pinned.existing))
            .unproved(self.rules.unproved)
            .wait(self.rules.wait)
            .quarantine_root(pinned.map_or(&wanted.root, |pinned| &pinned.root))
            .commits(&self.commits);
        let transfer = self.records.hook(wanted, transfer);
        let transfer = match &self.sealing {
            Some(sealing) => transfer.seal(Arc::clone(sealing) as Arc<dyn Seal>),
            None => transfer,
        };
        match &self.limit {
            Some(limit) => transfer.limit(Arc::clone(limit)),
            None => transfer,
        }
    }
}

/// A file that is to be fetched to a path that is its own.
struct Planned {
    wanted: Wanted,
    path: PathBuf,
    /// Where its content is already.
    held: Vec<PathBuf>,
}

/// Where a file goes and what is there; nothing for one that another item of this run has led to already.
type Found = Result<Option<(PathBuf, Standing)>, Failure>;

/// Whose a name is within this run.
enum Claim {
    Ours,
    Twice,
    Taken,
}

/// What is on the disk for a file.
type Looked = Result<Standing, Error>;

/// Looks at the disk for several transfers in one go.
async fn look(transfers: Vec<Option<Transfer>>) -> Vec<Option<Looked>> {
    let all = move || {
        let looked = transfers
            .iter()
            .map(|transfer| Some(transfer.as_ref()?.look()));
        looked.collect()
    };
    let looked = tokio::task::spawn_blocking(all).await;
    looked.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

fn connections(settings: &Settings) -> Connections {
    match settings.connections {
        Amount::Auto => Connections::Auto,
        Amount::Exactly(count) => {
            Connections::AtMost(u32::try_from(count.get()).unwrap_or(u32::MAX))
        }
    }
}

/// Files that are looked for by one thread in one go: finding nothing takes less than starting a thread does.
const LOOKS: usize = 16;
/// Threads that look: what is there already has to be hashed.
const LOOKERS: usize = 2;
/// Files that stand in the queue. Big ones before them hold small ones up only when they are more than that.
const AHEAD: usize = 1024;
