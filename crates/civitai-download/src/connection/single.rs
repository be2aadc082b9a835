//! A range fetched into memory, outside of any transfer.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use civitai_security::RedactedUrl;

use super::body::Pace;
use super::request::{Way, ask};
use super::{Held, Patience, Trouble};
use crate::error::{Error, ErrorKind};
use crate::event::Listener;
use crate::limit::Limit;
use crate::response::Answer;
use crate::storage::Storage;

/// What requests for ranges of one file have in common.
#[derive(Debug)]
pub(crate) struct Single<'a> {
    pub(crate) storage: &'a Storage,
    pub(crate) patience: &'a Patience,
    pub(crate) limit: Option<&'a Limit>,
    /// The file's name, which tells a page from a file.
    pub(crate) target: &'a Path,
    /// The file's length.
    pub(crate) bytes: u64,
    /// Bytes taken from the network, wanted or not.
    pub(crate) fetched: &'a AtomicU64,
}

/// Fetches exactly `range`, which is not empty and fits in memory.
pub(crate) async fn fetch_single(
    single: &Single<'_>,
    held: &Held,
    range: Range<u64>,
) -> Result<Vec<u8>, Trouble> {
    let events = Listener::default();
    let way = Way {
        storage: single.storage,
        patience: single.patience,
        events: &events,
        target: single.target,
    };
    let (mut response, answer, landing, _) = ask(way, held, Some(&range)).await?;
    let url = landing.url.clone();
    // A second request that lands at the same time has found the same place.
    let _ = held.landing.set(landing);
    match answer {
        Answer::Partial { size, .. } if size != single.bytes => {
            let url = RedactedUrl::new(url);
            return Err(Trouble::Changed(ErrorKind::Changing { url }.into()));
        }
        Answer::Partial { range: got, .. } if got.start == range.start => {}
        _ => return Err(Trouble::IgnoresRange),
    }
    let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(wanted);
    let mut pace = Pace::new(single.patience.clone());
    while bytes.len() < wanted {
        let Some(chunk) = pace.next(&mut response).await.map_err(|end| end.on(&url))? else {
            let (url, missing) = (RedactedUrl::new(url), (wanted - bytes.len()) as u64);
            let error = Error::from(ErrorKind::ShortBody { url, missing });
            return Err(Trouble::Transient(error));
        };
        let len = chunk.len() as u64;
        single.fetched.fetch_add(len, Ordering::Relaxed);
        bytes.extend_from_slice(&chunk[..chunk.len().min(wanted - bytes.len())]);
        if let Some(limit) = single.limit {
            limit.take(len).await;
        }
    }
    Ok(bytes)
}
