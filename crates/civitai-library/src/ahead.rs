//! What a file of the site is, told by its header before the rest of it is fetched: some places depend on it.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use civitai_api::ModelType;
use civitai_download::lease::source_fn;
use civitai_download::{Error, Lease, Mend, Taken, UrlSource};
use civitai_security::FileName;
use tokio_util::sync::CancellationToken;

use crate::blocking;
use crate::identify::{Header, Learned, READ_BUDGET, identify_header};

/// Asks for the header of a safetensors file of so many bytes and says what it is; nothing where that is no such file or
/// says nothing. Two ranges of the file are fetched at most, 8 MiB together; nobody proves them, so that only a folder
/// may depend on them.
///
/// # Cancel safety
/// As [`Mend::run`].
pub async fn model_type(
    mend: &Mend,
    bytes: u64,
    cancel: &CancellationToken,
) -> Result<Option<ModelType>, Error> {
    let mut start = fetch(mend, 0..FIRST.min(bytes), cancel).await?;
    let Some(needed) = Header::length_at_start(&start) else {
        return Ok(None);
    };
    let got = start.len() as u64;
    let needed = needed.min(bytes).min(READ_BUDGET);
    if needed > got {
        start.extend(fetch(mend, got..needed, cancel).await?);
    }
    // What breaks its format is the transfer's and the scan's to tell.
    let header = Header::of_start(&start).ok();
    Ok(header.and_then(|header| identify_header(&header, &Learned::default()).model_type))
}

async fn fetch(
    mend: &Mend,
    range: Range<u64>,
    cancel: &CancellationToken,
) -> Result<Vec<u8>, Error> {
    let mut came = Vec::new();
    if range.is_empty() {
        return Ok(came);
    }
    mend.run(&[range], cancel, |_, bytes| {
        came = bytes;
        Ok(Taken::Kept)
    })
    .await?;
    Ok(came)
}

/// The place of two at which something stands already, whole or in part: nobody need ask where the file belongs then.
pub async fn standing(places: [(PathBuf, FileName); 2]) -> Option<(PathBuf, FileName)> {
    blocking(move || {
        places.into_iter().find(|(directory, name)| {
            let file = directory.join(name.as_str());
            let part = directory.join(format!("{name}.part"));
            file.symlink_metadata().is_ok() || part.symlink_metadata().is_ok()
        })
    })
    .await
}

/// A source that keeps what it gives for the next one to give first: an address serves both.
pub fn once(source: Arc<dyn UrlSource>) -> (Arc<dyn UrlSource>, Arc<dyn UrlSource>) {
    let kept: Arc<Mutex<Option<Lease>>> = Arc::default();
    let (keeps, asked) = (Arc::clone(&kept), Arc::clone(&source));
    let asking = source_fn(move || {
        let (keeps, source) = (Arc::clone(&keeps), Arc::clone(&asked));
        async move {
            let lease = source.lease().await?;
            *keeps.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.clone());
            Ok(lease)
        }
    });
    let left = source_fn(move || {
        let (kept, source) = (Arc::clone(&kept), Arc::clone(&source));
        async move {
            let first = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            match first {
                Some(lease) => Ok(lease),
                None => source.lease().await,
            }
        }
    });
    (Arc::new(asking), Arc::new(left))
}

/// As much as most headers have: they name each tensor in some hundred bytes.
const FIRST: u64 = 256 << 10;
