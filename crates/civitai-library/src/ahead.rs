//! What a file of the site is, told by its header before the rest of it is fetched: some places depend on it.

use std::ops::Range;

use civitai_api::ModelType;
use civitai_download::{Error, Mend, Taken};
use tokio_util::sync::CancellationToken;

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

/// As much as most headers have: they name each tensor in some hundred bytes.
const FIRST: u64 = 256 << 10;
