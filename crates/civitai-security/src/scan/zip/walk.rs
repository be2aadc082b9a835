//! Reads an archive from its front, header by header, as readers of streams do.

use std::io;
use std::ops::Range;

use super::super::frame::{Scan, Stop};
use super::super::input::Input;
use super::super::path;
use super::members::{self, Data};
use super::record::{LOCAL, Local};

/// Judges every member that has a header, whatever lies between them.
pub(super) fn members(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let mut at = 0;
    while let Some(header) = next_header(input, at..input.len())? {
        // The mark alone, at the end of the file or in the middle of other bytes.
        let Some(local) = Local::read(input, header)? else {
            at = header + 1;
            continue;
        };
        if let Some(rule) = path::flaw(&local.entry.name) {
            scan.find(rule, header, String::from_utf8_lossy(&local.entry.name));
        }
        at = judge(scan, input, &local)?.max(header + 1);
    }
    Ok(())
}

/// Judges a member and gives where its data ends.
fn judge(scan: &mut Scan<'_>, input: &mut Input<'_>, local: &Local) -> Result<u64, Stop> {
    let name = String::from_utf8_lossy(&local.entry.name);
    let rest = local.data..input.len();
    let packed = if !local.entry.has_descriptor() || local.entry.packed > 0 {
        Some(local.entry.packed)
    } else if local.entry.method == members::STORED {
        let next = next_header(input, rest.clone())?.unwrap_or(rest.end);
        Some(next.saturating_sub(rest.start))
    } else {
        None
    };
    let data = Data::streamed(&name, local, packed);
    let taken = members::judge_data(scan, input, &data)?;
    Ok(local.data.saturating_add(packed.unwrap_or(taken)))
}

/// Where the next header begins.
pub(super) fn next_header(input: &mut Input<'_>, range: Range<u64>) -> io::Result<Option<u64>> {
    let mut at = range.start;
    // Mostly it is right here.
    let mut chunk = LOCAL.len();
    while at.saturating_add(LOCAL.len() as u64) <= range.end {
        let left = usize::try_from(range.end - at).unwrap_or(usize::MAX);
        let bytes = input.bytes_at(at, chunk.min(left))?;
        if let Some(found) = memchr::memmem::find(&bytes, &LOCAL) {
            return Ok(Some(at + found as u64));
        }
        if bytes.len() < LOCAL.len() {
            break;
        }
        // A mark may lie across two chunks.
        at += (bytes.len() - (LOCAL.len() - 1)) as u64;
        chunk = (chunk * 16).min(MOST_CHUNK_BYTES);
    }
    Ok(None)
}

const MOST_CHUNK_BYTES: usize = 1 << 20;
