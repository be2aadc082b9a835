//! A whole transfer, from what is on the disk to a verified file under its name.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use civitai_reliability::RetryPolicy;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::commit::{Candidate, Commit, Commits, Existing, Judge, Record, Refusal};
use crate::connection::{Patience, blocking};
use crate::digest::{DigestSet, Digests, hash_file};
use crate::disk::{self, Obstacle};
use crate::error::{BoxError, Error, ErrorKind};
use crate::event::{Event, Listener};
use crate::journal::{Header, Journal};
use crate::lease::UrlSource;
use crate::limit::Limit;
use crate::part::{Notes, Part};
use crate::queue::{Turn, is_small};
use crate::seal::{self, Seal};
use crate::storage::Storage;
use crate::tuning::Mode;
use crate::verify::{Expected, Verified, Warning};

mod fetched;
mod land;
mod look;
mod run;

pub use fetched::{Fetched, How};
pub use look::{Standing, is_unrecorded};

/// Which file goes where, and what is promised about it.
#[derive(Debug, Clone)]
pub struct Target {
    path: PathBuf,
    identity: String,
    expected: Expected,
}

impl Target {
    /// A file for `path`. `identity` names the content across URLs and runs, and never holds a secret: what an earlier
    /// run left of it is taken up only by a transfer of the same identity and the same promises.
    pub fn new(path: impl Into<PathBuf>, identity: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            identity: identity.into(),
            expected: Expected::default(),
        }
    }

    /// Sets what is promised.
    #[must_use]
    pub fn with_expected(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }
}

/// How many connections a file is fetched with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Connections {
    /// As many as the measured link repays, within what the [`Mode`] allows. A file of which nothing is known begins with
    /// one for each 8 MiB, at most four.
    #[default]
    Auto,
    /// Begins with so many and uses no more, at least one; none is used for less than 1 MiB.
    AtMost(u32),
}

/// What to do while another process works on the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// Fail with [`ErrorKind::Locked`].
    #[default]
    Never,
    /// Wait until it has ended, however it ends, and take up what it left.
    UntilFree,
}

/// Whether a file about which no digest is promised may be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unproved {
    /// No: [`ErrorKind::Unverified`], before any request.
    #[default]
    Refuse,
    /// Yes. A digest that is promised must hold all the same.
    Accept,
}

/// The fetching of one file: resumable after a kill, verified before the final name appears.
///
/// While it runs, the bytes are in `NAME.part` and the truth about them in `NAME.part.json`; both stay when it fails or
/// is cancelled, and the next transfer of the same [`Target`] goes on from there.
pub struct Transfer {
    storage: Storage,
    source: Arc<dyn UrlSource>,
    target: Target,
    digests: DigestSet,
    connections: Connections,
    mode: Mode,
    sequential: bool,
    retry: RetryPolicy,
    patience: Patience,
    limit: Option<Arc<Limit>>,
    existing: Existing,
    unproved: Unproved,
    wait: Wait,
    quarantine_root: Option<PathBuf>,
    judge: Option<Arc<Judge>>,
    record: Option<Arc<Record>>,
    sealed: Option<Sealed>,
    events: Listener,
    commits: Commits,
    turn: Mutex<Option<Turn>>,
}

impl Transfer {
    /// A transfer with the defaults that the other methods name.
    pub fn new(storage: Storage, source: Arc<dyn UrlSource>, target: Target) -> Self {
        Self {
            storage,
            source,
            target,
            digests: DigestSet::NONE,
            connections: Connections::default(),
            mode: Mode::default(),
            sequential: false,
            // A big file takes as long as it takes: only retries without progress are counted.
            retry: RetryPolicy::default().with_max_elapsed(Duration::MAX),
            patience: Patience::default(),
            limit: None,
            existing: Existing::default(),
            unproved: Unproved::default(),
            wait: Wait::default(),
            quarantine_root: None,
            judge: None,
            record: None,
            sealed: None,
            events: Listener::default(),
            commits: Commits::default(),
            turn: Mutex::default(),
        }
    }

    /// Computes these digests too; by default only the one that the strongest promise needs.
    #[must_use]
    pub fn digests(self, digests: DigestSet) -> Self {
        Self { digests, ..self }
    }

    /// Sets how many connections are used. Default: [`Connections::Auto`].
    #[must_use]
    pub fn connections(self, connections: Connections) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// Sets what is spent to be fast. Default: [`Mode::Adaptive`].
    #[must_use]
    pub fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// Takes the plain path, whatever else is set: one connection fetches from the first missing byte to the last, and
    /// nothing is tuned, dealt anew or taken over. Slower, with nothing left that a server could dislike.
    #[must_use]
    pub fn sequential(self) -> Self {
        Self {
            sequential: true,
            ..self
        }
    }

    /// Sets the retry budget. Default: that of [`RetryPolicy`], without a limit on the wall clock.
    #[must_use]
    pub fn retry(self, retry: RetryPolicy) -> Self {
        Self { retry, ..self }
    }

    /// Sets how long slow servers are borne.
    #[must_use]
    pub fn patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Shares a cap on the rate with other transfers. Default: none.
    #[must_use]
    pub fn limit(self, limit: Arc<Limit>) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// Sets what happens to other bytes under the target's name. Default: [`Existing::Keep`].
    #[must_use]
    pub fn existing(self, existing: Existing) -> Self {
        Self { existing, ..self }
    }

    /// Sets whether a file may come without a digest. Default: [`Unproved::Refuse`].
    #[must_use]
    pub fn unproved(self, unproved: Unproved) -> Self {
        Self { unproved, ..self }
    }

    /// Sets what happens while another process works on the target. Default: [`Wait::Never`].
    #[must_use]
    pub fn wait(self, wait: Wait) -> Self {
        Self { wait, ..self }
    }

    /// Sets the folder in which `.quarantine/` is, on the target's volume. Default: the target's folder.
    #[must_use]
    pub fn quarantine_root(self, root: impl Into<PathBuf>) -> Self {
        Self {
            quarantine_root: Some(root.into()),
            ..self
        }
    }

    /// Sets who sees the verified bytes before they get their name, and may refuse them. After an
    /// [`io::Error`](std::io::Error) they stay where they are, and the next run asks again. It may block.
    #[must_use]
    pub fn judge(
        self,
        judge: impl Fn(&Candidate<'_>) -> Result<(), Refusal> + Send + Sync + 'static,
    ) -> Self {
        Self {
            judge: Some(Arc::new(judge)),
            ..self
        }
    }

    /// Sets who writes down that the file is there, once it surely is. The journal is kept until it has succeeded, so
    /// it may be called again for the same file. It may block.
    #[must_use]
    pub fn record(
        self,
        record: impl Fn(&Candidate<'_>) -> Result<(), BoxError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            record: Some(Arc::new(record)),
            ..self
        }
    }

    /// Puts something else in the place of the file, under another name. Default: the file itself, under its own.
    ///
    /// Judged is the file, recorded what was made of it; the digests are those of the file in either case.
    #[must_use]
    pub fn seal(self, seal: Arc<dyn Seal>) -> Self {
        let place = seal.place(&self.target.path);
        Self {
            sealed: Some(Sealed { seal, place }),
            ..self
        }
    }

    /// Gives back its turn in a [`Queue`](crate::Queue) when all bytes have arrived: while they are flushed, the next
    /// file can use the link. Default: none.
    #[must_use]
    pub fn turn(self, turn: Turn) -> Self {
        let turn = Mutex::new(Some(turn));
        Self { turn, ..self }
    }

    /// Flushes the finished file together with those of other transfers. Default: by itself.
    #[must_use]
    pub fn commits(self, commits: &Commits) -> Self {
        Self {
            commits: commits.clone(),
            ..self
        }
    }

    /// Sets who is told what happens; see [`event`](crate::event) for the contract.
    #[must_use]
    pub fn events(self, listener: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self {
            events: Listener::new(listener),
            ..self
        }
    }

    /// Fetches, verifies and names the file.
    ///
    /// A file that is there already and proves to be the right one is left alone, without any request.
    ///
    /// # Cancel safety
    /// `cancel` stops it within about a second, with everything received flushed. Dropping the future is like a kill:
    /// what was written stays and is found again, but nothing is flushed and no event tells of the end.
    pub async fn run(self, cancel: CancellationToken) -> Result<Fetched, Error> {
        let this = Arc::new(self);
        let result = Self::run_to_end(&this, cancel).await;
        this.tell(match &result {
            Ok(fetched) => Event::Finished {
                bytes: fetched.bytes,
            },
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted) => Event::Cancelled,
            Err(error) => Event::Failed { code: error.code() },
        });
        result
    }

    async fn run_to_end(this: &Arc<Self>, cancel: CancellationToken) -> Result<Fetched, Error> {
        let started = Instant::now();
        if this.target.expected.proof() == Verified::None && this.unproved == Unproved::Refuse {
            return Err(ErrorKind::Unverified {
                path: this.target.path.clone(),
            }
            .into());
        }
        let part = match Self::take_up(this, &cancel).await? {
            Start::Part(part) => part,
            Start::There(digests, warnings) => {
                let mut fetched = this.fetched(How::Skipped, digests, warnings);
                fetched.elapsed = started.elapsed();
                return Ok(fetched);
            }
        };
        let resumed_bytes = part.bytes();
        let done = run::Run::new(this, part).finish(cancel.clone()).await?;
        let surplus = done.shared.surplus.load(Ordering::Relaxed);
        let part = Arc::clone(&done.shared.part);
        let mut warnings = this.verify(&part, &done.digests).await?;
        let room = this.commits.room().await;
        this.end_turn();
        this.land(part, &done.digests, cancel).await?;
        drop(room);
        warnings.extend(surplus.then_some(Warning::Surplus));
        let how = if resumed_bytes > 0 {
            How::Resumed
        } else {
            How::Downloaded
        };
        Ok(Fetched {
            resumed_bytes,
            fetched_bytes: done.fetched_bytes,
            leases: done.leases,
            retries: done.retries,
            connections: done.connections,
            link: done.link,
            elapsed: started.elapsed(),
            ..this.fetched(how, done.digests, warnings)
        })
    }

    /// Looks at what is on the disk, after another process that works on it if that is wanted.
    async fn take_up(this: &Arc<Self>, cancel: &CancellationToken) -> Result<Start, Error> {
        let mut is_told = false;
        loop {
            let prepare = Arc::clone(this);
            let taken = match this.target.expected.bytes {
                Some(bytes) if is_small(bytes) => {
                    this.commits.opening().run(move || prepare.prepare()).await
                }
                _ => blocking(move || prepare.prepare()).await,
            };
            let holder = match &taken {
                Err(error) if this.wait == Wait::UntilFree => match error.kind() {
                    ErrorKind::Locked { holder, .. } => *holder,
                    _ => return taken,
                },
                _ => return taken,
            };
            if !std::mem::replace(&mut is_told, true) {
                this.tell(Event::Waiting { holder });
            }
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(ErrorKind::Interrupted.into()),
                () = sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Looks at what is on the disk. Blocks.
    fn prepare(&self) -> Result<Start, Error> {
        let target = &self.target.path;
        disk::create_dirs(disk::parent(target))?;
        if let Some((digests, warnings)) = self.existing_file()? {
            return Ok(Start::There(digests, warnings));
        }
        let part = Part::open(target, &self.header(), self.notes())?;
        match self.prepare_with(&part) {
            Ok(None) => Ok(Start::Part(part)),
            Ok(Some((digests, warnings))) => Ok(Start::There(digests, warnings)),
            Err(error) => {
                part.remove_if_empty()?;
                Err(error)
            }
        }
    }

    /// Looks again, now that no other process can change anything.
    fn prepare_with(&self, part: &Part) -> Result<Option<(Digests, Vec<Warning>)>, Error> {
        if let Some(there) = self.existing_file_of(Some(part))? {
            return Ok(Some(there));
        }
        let size = part
            .source()
            .and_then(|source| source.size)
            .or(self.target.expected.bytes)
            .unwrap_or(0);
        // For a while the file and what is made of it are both there.
        let times = if self.sealed.is_some() { 2 } else { 1 };
        part.check_space(size.saturating_mul(times))?;
        Ok(None)
    }

    /// What has the target's name already, if it is the right file.
    fn existing_file(&self) -> Result<Option<(Digests, Vec<Warning>)>, Error> {
        let journal = Journal::path(&Part::path_for(&self.target.path));
        // A file under its name with a journal beside it was not recorded: the lock is needed to do so.
        if journal.try_exists()? {
            Ok(None)
        } else {
            self.existing_file_of(None)
        }
    }

    fn existing_file_of(
        &self,
        part: Option<&Part>,
    ) -> Result<Option<(Digests, Vec<Warning>)>, Error> {
        let path = self.place();
        match fs_err::metadata(path) {
            Ok(there) if there.is_file() && self.existing == Existing::Replace => return Ok(None),
            Ok(there) if there.is_file() => {}
            Ok(there) => {
                let obstacle = Obstacle::of(there.file_type());
                return Err(disk::in_the_way(path, obstacle));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let digests = match &self.sealed {
            Some(sealed) => seal::digests(&*sealed.seal, path, self.wanted())?,
            None => hash_file(path, self.wanted())?,
        };
        let expected = &self.target.expected;
        let unproved = expected.proof() == Verified::None && expected.bytes != Some(digests.bytes);
        let Ok(warnings) = expected.check(&digests) else {
            return Err(self.occupied());
        };
        if unproved {
            return Err(self.occupied());
        }
        if let Some(part) = part {
            // First, so that nothing is left of the bytes when nobody looks for them any more.
            disk::remove_if_there(part.path())?;
            let commit = self.commit();
            commit.record(&digests)?;
            commit.forget(part.journal())?;
        }
        Ok(Some((digests, warnings)))
    }

    fn occupied(&self) -> Error {
        let path = self.place().to_owned();
        ErrorKind::Occupied { path }.into()
    }

    fn commit(&self) -> Commit<'_> {
        Commit {
            target: &self.target.path,
            place: self.place(),
            identity: &self.target.identity,
            quarantine_root: self.quarantine_root.as_deref(),
            judge: self.judge.as_deref(),
            record: self.record.as_deref(),
        }
    }

    fn header(&self) -> Header {
        let expected = &self.target.expected;
        Header::new(&self.target.identity, expected.sha256, expected.blake3)
    }

    /// Who records the file may need to hear of it again: then the journal stays until that has succeeded. Of a file that
    /// something else takes the place of, it says that bytes are left.
    fn notes(&self) -> Notes {
        let bytes = self.target.expected.bytes;
        let is_brief = bytes.is_some_and(|bytes| bytes <= BRIEF);
        if is_brief && self.record.is_none() && self.sealed.is_none() {
            Notes::OnceNeeded
        } else {
            Notes::AtOnce
        }
    }

    fn wanted(&self) -> DigestSet {
        self.digests | self.target.expected.digests()
    }

    fn fetched(&self, how: How, digests: Digests, warnings: Vec<Warning>) -> Fetched {
        Fetched {
            path: self.place().to_owned(),
            how,
            bytes: digests.bytes,
            resumed_bytes: 0,
            fetched_bytes: 0,
            digests,
            verified: self.target.expected.proof(),
            warnings,
            elapsed: Duration::ZERO,
            leases: 0,
            retries: 0,
            connections: 0,
            link: None,
        }
    }

    fn tell(&self, event: Event) {
        self.events.tell(event);
    }

    /// Tells the queue how long the file is.
    fn learn(&self, bytes: u64) {
        if self.target.expected.bytes.is_none()
            && let Some(turn) = &*self.held_turn()
        {
            turn.learnt(bytes);
        }
    }

    fn end_turn(&self) {
        *self.held_turn() = None;
    }

    fn held_turn(&self) -> MutexGuard<'_, Option<Turn>> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self) -> &Path {
        &self.target.path
    }

    /// What has a name in the end.
    fn place(&self) -> &Path {
        self.sealed
            .as_ref()
            .map_or(&self.target.path, |sealed| &sealed.place)
    }
}

impl fmt::Debug for Transfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer")
            .field("target", &self.target)
            .field("digests", &self.digests)
            .field("connections", &self.connections)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// What is made of the file, and what that is called.
struct Sealed {
    seal: Arc<dyn Seal>,
    place: PathBuf,
}

enum Start {
    /// There is something to do.
    Part(Part),
    /// The right file is there.
    There(Digests, Vec<Warning>),
}

/// What comes in about a second on a common link: longer than that nothing goes unnoted.
const BRIEF: u64 = 8 << 20;
/// A wait inside the kernel could not be given up, so the lock is tried again and again: seldom enough to cost nothing,
/// often enough that nobody notices.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
