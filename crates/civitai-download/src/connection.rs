//! One request and the bytes that answer it, written where they belong.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use civitai_reliability::classify::is_transient;
use civitai_security::RedactedUrl;
use reqwest::Response;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::error::{Error, ErrorKind, Slow};
use crate::journal::Source;
use crate::lease::Lease;
use crate::limit::Limit;
use crate::part::Part;
use crate::response::{self, Answer, Page, Refusal, Validators};
use crate::segment::{Plan, SegmentId};
use crate::storage::{self, Storage};

/// What all connections of a transfer share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) storage: Storage,
    pub(crate) part: Part,
    pub(crate) target: Box<Path>,
    pub(crate) plan: Mutex<Plan>,
    pub(crate) limit: Option<Arc<Limit>>,
    pub(crate) patience: Patience,
    /// Bytes taken from the network, wanted or not.
    pub(crate) fetched: AtomicU64,
    /// A body went beyond its announced end.
    pub(crate) surplus: AtomicBool,
    /// A connection learnt something that may allow more of them.
    pub(crate) opened: Notify,
}

impl Shared {
    pub(crate) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a silent or dripping server is borne.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Patience {
    /// From the request to its answer. Default 30 s.
    pub headers: Duration,
    /// Without any byte. Default 30 s.
    pub idle: Duration,
    /// Time over which the rate is judged. Default 30 s.
    pub window: Duration,
    /// The fewest bytes that must come in each such window. Default 30 KiB.
    pub window_bytes: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            headers: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            window: Duration::from_secs(30),
            window_bytes: 30 << 10,
        }
    }
}

/// A lease in use, and where it led.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) lease: Lease,
    pub(crate) granted: SystemTime,
    landing: OnceLock<Landing>,
}

#[derive(Debug, Clone)]
struct Landing {
    url: Url,
    with_credential: bool,
}

impl Held {
    pub(crate) fn new(lease: Lease) -> Self {
        Self {
            lease,
            granted: SystemTime::now(),
            landing: OnceLock::new(),
        }
    }

    /// True when a new one is due. One that was never used is tried first: the server may see its end otherwise.
    pub(crate) fn is_over(&self) -> bool {
        self.has_landed() && self.lease.is_over(SystemTime::now(), self.granted)
    }

    /// True once a request found the file through it.
    pub(crate) fn has_landed(&self) -> bool {
        self.landing.get().is_some()
    }
}

/// What a connection is to do.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) id: SegmentId,
    pub(crate) range: Range<u64>,
    /// Whether to ask for the range, or for the file.
    pub(crate) ranged: bool,
    pub(crate) held: Arc<Held>,
    pub(crate) stop: CancellationToken,
}

/// Why a connection ended before its end.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// An answer to a range request that contradicts it, and the file's size by that answer.
    BadRange {
        error: Error,
        size: Option<u64>,
    },
    /// The file is not the one that was begun.
    Changed(Error),
    Fatal(Error),
    /// The server sent the whole file although a part is there, or others fetch parts.
    IgnoresRange,
    /// Something else than the file.
    Page(Error),
    /// A status other than success; `expired` when the server says that it is about time.
    Status {
        error: Error,
        status: u16,
        retry_after: Option<Duration>,
        expired: bool,
    },
    /// A failure that may pass.
    Transient(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

/// Fetches a segment until its end, which may move, or until `stop`. What arrived is written in every case.
pub(crate) async fn fetch(shared: Arc<Shared>, task: Task) -> (Task, Result<(), Trouble>) {
    let result = match open(&shared, &task).await {
        Ok(Some(body)) => body.copy(&shared, &task).await,
        Ok(None) => Ok(()),
        Err(trouble) => Err(trouble),
    };
    shared.plan().release(task.id);
    (task, result)
}

/// Sends the request and takes the answer for what it is. `None` when stopped, or when there are no bytes to read.
async fn open(shared: &Arc<Shared>, task: &Task) -> Result<Option<Body>, Trouble> {
    let (response, answer, landing) = tokio::select! {
        biased;
        () = task.stop.cancelled() => return Ok(None),
        asked = ask(shared, task) => asked?,
    };
    let validators = Validators::read(response.headers());
    let source = |size| Source {
        size,
        place: place(&landing.url),
        etag: validators.etag.clone(),
        modified: validators.modified.clone(),
    };
    let (offset, announced) = match answer {
        Answer::Empty => {
            settle(shared, source(Some(0)), &landing.url).await?;
            shared.plan().open(task.id, Some(0), 0);
            return Ok(None);
        }
        Answer::Partial { range, size } => {
            settle(shared, source(Some(size)), &landing.url).await?;
            shared.plan().open(task.id, Some(size), range.end);
            (range.start, Some(range.end))
        }
        // Bytes that are there already may not be mixed with a body that begins anew.
        Answer::Whole { .. } if shared.plan().len() > 1 || shared.part.bytes() > 0 => {
            return Err(Trouble::IgnoresRange);
        }
        Answer::Whole { size } => {
            settle(shared, source(size), &landing.url).await?;
            shared.plan().open_whole(task.id, size);
            (0, size)
        }
    };
    let url = landing.url.clone();
    // A second connection that lands at the same time has found the same place.
    let _ = task.held.landing.set(landing);
    shared.opened.notify_one();
    let pace = Pace::new(shared.patience.clone());
    Ok(Some(Body {
        response,
        url,
        offset,
        announced,
        pace,
        buffer: Vec::new(),
        buffered: 0,
    }))
}

/// Requests the range where the lease leads, following redirects while it is not known where that is.
async fn ask(shared: &Shared, task: &Task) -> Result<(Response, Answer, Landing), Trouble> {
    let lease = &task.held.lease;
    let known = task.held.landing.get();
    let mut landing = known.cloned().unwrap_or_else(|| Landing {
        url: lease.url.expose().clone(),
        with_credential: true,
    });
    let asked = task.ranged.then_some(&task.range);
    for _ in 0..=MAX_REDIRECTS {
        shared.storage.check(&landing.url)?;
        let credential = landing.with_credential.then_some(lease);
        let request = shared
            .storage
            .request(&landing.url, credential, asked)
            .send();
        let response = match timeout(shared.patience.headers, request).await {
            Ok(sent) => sent.map_err(|error| network(error, &landing.url))?,
            Err(_) => return Err(slow(&landing.url, Slow::Headers(shared.patience.headers))),
        };
        let location =
            match response::judge(response.status(), response.headers(), asked, &shared.target) {
                Ok(answer) => return Ok((response, answer, landing)),
                Err(Refusal::Redirect { location }) if known.is_none() => location,
                Err(refusal) => return Err(explain(refusal, response, &landing.url).await),
            };
        let next = shared.storage.next_hop(&landing.url, location.as_deref())?;
        tracing::debug!(from = %RedactedUrl::new(landing.url.clone()), to = %RedactedUrl::new(next.clone()), "redirected");
        landing = Landing {
            with_credential: landing.with_credential && next.origin() == landing.url.origin(),
            url: next,
        };
    }
    let url = lease.url.clone();
    Err(Error::from(ErrorKind::TooManyRedirects {
        url,
        limit: MAX_REDIRECTS,
    })
    .into())
}

/// Compares the answer with what is known of the file, and remembers it.
async fn settle(shared: &Arc<Shared>, source: Source, url: &Url) -> Result<(), Trouble> {
    if shared
        .part
        .source()
        .is_some_and(|known| contradicts(&known, &source))
    {
        let url = RedactedUrl::new(url.clone());
        return Err(Trouble::Changed(ErrorKind::Changing { url }.into()));
    }
    let shared = Arc::clone(shared);
    blocking(move || shared.part.settle(source))
        .await
        .map_err(Trouble::Fatal)
}

/// Validators are compared only within one place: two stores of the same bytes name them differently.
fn contradicts(known: &Source, new: &Source) -> bool {
    let differ = |one: &Option<String>, other: &Option<String>| {
        one.is_some() && other.is_some() && one != other
    };
    let other_size = known.size.is_some() && new.size.is_some() && known.size != new.size;
    let same_place = known.place == new.place;
    other_size
        || same_place && (differ(&known.etag, &new.etag) || differ(&known.modified, &new.modified))
}

/// The URL without its signature.
fn place(url: &Url) -> String {
    let mut place = url.clone();
    place.set_query(None);
    place.set_fragment(None);
    // Only URLs that cannot carry them refuse; then there are none.
    let _ = place.set_username("");
    let _ = place.set_password(None);
    place.into()
}

/// Reads the beginning of a refusal's body to say what it is.
async fn explain(refusal: Refusal, response: Response, url: &Url) -> Trouble {
    let url = RedactedUrl::new(url.clone());
    match refusal {
        Refusal::BadRange(source) => {
            let size = source.size();
            Trouble::BadRange {
                error: ErrorKind::Range { url, source }.into(),
                size,
            }
        }
        Refusal::Redirect { .. } => {
            let status = response.status().as_u16();
            refused(url, status, None, "")
        }
        Refusal::Page(page @ Page::Encoded { .. }) => {
            Trouble::Page(ErrorKind::NotAFile { url, page }.into())
        }
        Refusal::Page(page) => {
            let page = page.read(&beginning(response).await);
            Trouble::Page(ErrorKind::NotAFile { url, page }.into())
        }
        Refusal::Status {
            status,
            retry_after,
        } => refused(url, status, retry_after, &beginning(response).await),
    }
}

fn refused(url: RedactedUrl, status: u16, retry_after: Option<Duration>, body: &str) -> Trouble {
    let expired = body.to_ascii_lowercase().contains("expired");
    let said = response::excerpt(body);
    let error = ErrorKind::Server {
        url,
        status,
        retry_after,
        said,
    }
    .into();
    Trouble::Status {
        error,
        status,
        retry_after,
        expired,
    }
}

/// The first kilobytes of a body, or what of them comes in time.
async fn beginning(mut response: Response) -> String {
    let mut body = Vec::new();
    let read = async {
        while body.len() < MAX_EXPLANATION
            && let Ok(Some(chunk)) = response.chunk().await
        {
            body.extend_from_slice(&chunk[..chunk.len().min(MAX_EXPLANATION)]);
        }
    };
    // What came until then is explanation enough.
    let _ = timeout(EXPLANATION_TIMEOUT, read).await;
    String::from_utf8_lossy(&body).into_owned()
}

/// A body and where its bytes go.
struct Body {
    response: Response,
    url: Url,
    offset: u64,
    /// Where the answer said it would end.
    announced: Option<u64>,
    pace: Pace,
    buffer: Vec<Bytes>,
    buffered: u64,
}

impl Body {
    /// Copies the body to the part file, as far as it belongs to the segment.
    async fn copy(mut self, shared: &Arc<Shared>, task: &Task) -> Result<(), Trouble> {
        self.note_surplus(shared, self.response.content_length().unwrap_or(0));
        let ended = self.receive(shared, task).await;
        self.write(shared).await?;
        ended
    }

    async fn receive(&mut self, shared: &Arc<Shared>, task: &Task) -> Result<(), Trouble> {
        loop {
            let chunk = tokio::select! {
                biased;
                () = task.stop.cancelled() => return Ok(()),
                chunk = self.pace.next(&mut self.response) => chunk.map_err(|end| end.on(&self.url))?,
            };
            let Some(mut chunk) = chunk else {
                return self.end(shared, task);
            };
            let len = chunk.len() as u64;
            shared.fetched.fetch_add(len, Ordering::Relaxed);
            self.note_surplus(shared, self.buffered.saturating_add(len));
            let (kept, done) = shared.plan().advance(task.id, len);
            chunk.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
            self.buffered += kept;
            self.buffer.push(chunk);
            if done {
                return Ok(());
            }
            if self.buffered >= WRITE_LEN {
                self.write(shared).await?;
            }
            if let Some(limit) = &shared.limit {
                tokio::select! {
                    biased;
                    () = task.stop.cancelled() => return Ok(()),
                    () = limit.take(len) => {}
                }
            }
        }
    }

    /// Notes whether `len` bytes from the present offset on are more than the answer said it has.
    fn note_surplus(&self, shared: &Shared, len: u64) {
        if self
            .announced
            .is_some_and(|end| self.offset.saturating_add(len) > end)
        {
            shared.surplus.store(true, Ordering::Relaxed);
        }
    }

    /// The body ended by itself.
    fn end(&self, shared: &Shared, task: &Task) -> Result<(), Trouble> {
        let mut plan = shared.plan();
        match (plan.size(), plan.missing(task.id)) {
            (None, _) => {
                plan.end_of_file(self.offset + self.buffered);
                Ok(())
            }
            (Some(_), 0) => Ok(()),
            (Some(_), missing) => {
                let url = RedactedUrl::new(self.url.clone());
                Err(Trouble::Transient(
                    ErrorKind::ShortBody { url, missing }.into(),
                ))
            }
        }
    }

    async fn write(&mut self, shared: &Arc<Shared>) -> Result<(), Error> {
        if self.buffered == 0 {
            return Ok(());
        }
        let (offset, chunks) = (self.offset, std::mem::take(&mut self.buffer));
        self.offset += std::mem::take(&mut self.buffered);
        let shared = Arc::clone(shared);
        blocking(move || shared.part.write(offset, &chunks)).await
    }
}

/// Judges how fast a body comes, by the time spent waiting for it: a cap on our side is not the server's slowness.
struct Pace {
    patience: Patience,
    waited: Duration,
    bytes: u64,
}

enum EarlyEnd {
    Broken(reqwest::Error),
    Slow(Slow),
}

impl EarlyEnd {
    fn on(self, url: &Url) -> Trouble {
        match self {
            Self::Broken(error) => network(error, url),
            Self::Slow(limit) => slow(url, limit),
        }
    }
}

impl Pace {
    fn new(patience: Patience) -> Self {
        Self {
            patience,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    async fn next(&mut self, response: &mut Response) -> Result<Option<Bytes>, EarlyEnd> {
        let asked = Instant::now();
        let chunk = match timeout(self.patience.idle, response.chunk()).await {
            Ok(chunk) => chunk.map_err(EarlyEnd::Broken)?,
            Err(_) => return Err(EarlyEnd::Slow(Slow::Idle(self.patience.idle))),
        };
        self.waited += asked.elapsed();
        self.bytes += chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
        if self.waited >= self.patience.window {
            if self.bytes < self.patience.window_bytes {
                let (bytes, over) = (self.bytes, self.waited);
                return Err(EarlyEnd::Slow(Slow::Rate { bytes, over }));
            }
            (self.waited, self.bytes) = (Duration::ZERO, 0);
        }
        Ok(chunk)
    }
}

/// Runs disk or CPU work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => panic!("blocking work is never aborted: {error}"),
        },
    }
}

fn network(error: reqwest::Error, url: &Url) -> Trouble {
    let (failure, error) = storage::failure(error, url);
    if is_transient(failure) {
        Trouble::Transient(error)
    } else {
        Trouble::Fatal(error)
    }
}

fn slow(url: &Url, slow: Slow) -> Trouble {
    Trouble::Transient(
        ErrorKind::Timeout {
            url: RedactedUrl::new(url.clone()),
            slow,
        }
        .into(),
    )
}

const MAX_REDIRECTS: usize = 10;
/// Enough to find the words that tell a login page from an error, little enough to be worth it.
const MAX_EXPLANATION: usize = 8 << 10;
const EXPLANATION_TIMEOUT: Duration = Duration::from_secs(2);
/// One system call moves this much: larger ones only delay the record of what arrived.
const WRITE_LEN: u64 = 256 << 10;
