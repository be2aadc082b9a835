//! The request for a range, and the answer taken for what it is.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use civitai_security::RedactedUrl;
use reqwest::Response;
use tokio::time::{Instant, timeout};
use url::Url;

use super::body::Body;
use super::{Held, Landing, Patience, Shared, Task, Trouble, blocking, network, slow};
use crate::error::{Error, ErrorKind, Slow};
use crate::event::{Event, Listener};
use crate::journal::Source;
use crate::queue::is_small;
use crate::response::{self, Answer, Page, Refusal, Validators};
use crate::segment::Answered;
use crate::storage::Storage;

/// Sends the request and takes the answer for what it is. `None` when stopped, or when there are no bytes to read.
pub(super) async fn open(shared: &Arc<Shared>, task: &Task) -> Result<Option<Body>, Trouble> {
    let way = Way {
        storage: &shared.storage,
        patience: &shared.patience,
        events: &shared.events,
        target: &shared.target,
    };
    let asked = task.ranged.then_some(&task.range);
    let (response, answer, landing, answered) = tokio::select! {
        biased;
        () = task.stop.cancelled() => return Ok(None),
        asked = ask(way, &task.held, asked) => asked?,
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
            shared.plan().open(task.id, Some(0), 0, answered);
            return Ok(None);
        }
        Answer::Partial { range, size } => {
            settle(shared, source(Some(size)), &landing.url).await?;
            shared.plan().open(task.id, Some(size), range.end, answered);
            (range.start, Some(range.end))
        }
        // Bytes that are there already may not be mixed with a body that begins anew.
        Answer::Whole { .. } if shared.plan().len() > 1 || shared.part.bytes() > 0 => {
            return Err(Trouble::IgnoresRange);
        }
        Answer::Whole { size } => {
            settle(shared, source(size), &landing.url).await?;
            shared.plan().open_whole(task.id, size, answered);
            (0, size)
        }
    };
    let url = landing.url.clone();
    // A second connection that lands at the same time has found the same place.
    let _ = task.held.landing.set(landing);
    shared.opened.notify_one();
    let patience = shared.patience.clone();
    Ok(Some(Body::new(response, url, offset, announced, patience)))
}

/// What a request needs of the transfer it is for.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub(super) storage: &'a Storage,
    pub(super) patience: &'a Patience,
    pub(super) events: &'a Listener,
    pub(super) target: &'a Path,
}

/// Requests the range where the lease leads, following redirects while it is not known where that is.
pub(super) async fn ask(
    way: Way<'_>,
    held: &Held,
    asked: Option<&Range<u64>>,
) -> Result<(Response, Answer, Landing, Answered), Trouble> {
    let lease = &held.lease;
    let known = held.landing.get();
    let mut landing = known.cloned().unwrap_or_else(|| Landing {
        url: lease.url.expose().clone(),
        with_credential: true,
    });
    for _ in 0..=MAX_REDIRECTS {
        way.storage.check(&landing.url)?;
        let credential = landing.with_credential.then_some(lease);
        let first = way.storage.first_contact(&landing.url).await;
        let request = way.storage.request(&landing.url, credential, asked).send();
        way.events.tell(Event::Asked);
        let sent = Instant::now();
        let response = match timeout(way.patience.headers, request).await {
            Ok(sent) => sent.map_err(|error| network(error, &landing.url))?,
            Err(_) => return Err(slow(&landing.url, Slow::Headers(way.patience.headers))),
        };
        drop(first);
        let answered = Answered {
            at: Instant::now(),
            took: sent.elapsed(),
        };
        way.events.tell(Event::Answered {
            status: response.status().as_u16(),
            elapsed: answered.took,
        });
        response::check_headers(response.headers()).map_err(|bytes| {
            let url = RedactedUrl::new(landing.url.clone());
            Error::from(ErrorKind::LongHead { url, bytes })
        })?;
        let location =
            match response::judge(response.status(), response.headers(), asked, way.target) {
                Ok(answer) => return Ok((response, answer, landing, answered)),
                Err(Refusal::Redirect { location }) if known.is_none() => location,
                Err(refusal) => return Err(explain(refusal, response, &landing.url).await),
            };
        let next = way.storage.next_hop(&landing.url, location.as_deref())?;
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
    let url = || RedactedUrl::new(url.clone());
    if let (Some(size), Some(promised)) = (source.size, shared.promised) {
        // A passing fault of a front, perhaps: the same length again is the answer.
        refuse_excess(size, promised, url).map_err(Trouble::Page)?;
    }
    let known = shared.part.source();
    let is_other = known.is_some_and(|known| contradicts(&known, &source));
    // Without a length more may have come than this answer says there is.
    let ends_early = source
        .size
        .is_some_and(|size| size < shared.part.written().end());
    if is_other || ends_early {
        return Err(Trouble::Changed(ErrorKind::Changing { url: url() }.into()));
    }
    if source.size.is_some_and(is_small) {
        // A line for the kernel's memory costs less than a thread that writes it.
        return shared.part.settle(source).map_err(Trouble::Fatal);
    }
    let shared = Arc::clone(shared);
    blocking(move || shared.part.settle(source))
        .await
        .map_err(Trouble::Fatal)
}

/// Refuses a file beyond anything that was promised. A promised length is advisory, but it bounds what a server can make
/// us reserve and write before the digest tells.
pub(super) fn refuse_excess(
    size: u64,
    promised: u64,
    url: impl FnOnce() -> RedactedUrl,
) -> Result<(), Error> {
    if size <= promised.saturating_mul(2).saturating_add(EXCESS) {
        return Ok(());
    }
    Err(ErrorKind::Excess {
        url: url(),
        size,
        promised,
    }
    .into())
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

/// More than any error in a catalogue explains.
const EXCESS: u64 = 1 << 30;
const MAX_REDIRECTS: usize = 10;
/// Enough to find the words that tell a login page from an error, little enough to be worth it.
const MAX_EXPLANATION: usize = 8 << 10;
const EXPLANATION_TIMEOUT: Duration = Duration::from_secs(2);
