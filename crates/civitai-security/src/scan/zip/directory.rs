//! Finds the directories of an archive: every one that some reader would take for the directory.

use std::io::{self, Seek, SeekFrom};
use std::ops::Range;

use super::super::frame::Stop;
use super::super::input::Input;
use super::super::path::Names;
use super::record::{CENTRAL, Central, Claim, END, END_BYTES, End, read_at};

/// Where a directory is, in the eyes of one kind of reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The first byte of the directory.
    pub(super) start: u64,
    /// Where it ends: in front of the records that end the archive, or where its claimed length ends.
    pub(super) limit: u64,
    /// What has to be added to the offsets in it.
    pub(super) base: u64,
    /// Records that it is said to have.
    pub(super) entries: u64,
    /// Bytes that it is said to have.
    pub(super) bytes: u64,
}

/// A directory that was read.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) place: Place,
    pub(super) records: Vec<Central>,
    /// Where the last record ends.
    pub(super) end: u64,
}

impl Directory {
    /// Whether count and length are what the end of the archive says.
    pub(super) fn is_as_claimed(&self) -> bool {
        self.records.len() as u64 == self.place.entries
            && self.end - self.place.start == self.place.bytes
    }

    pub(super) fn span(&self) -> Range<u64> {
        self.place.start..self.end
    }
}

/// The records that end an archive, the last in the file first, as far back as readers look for one.
pub(super) fn ends(input: &mut Input<'_>) -> io::Result<Vec<End>> {
    let first = input.len().saturating_sub(END_BYTES + MOST_COMMENT_BYTES);
    let tail = read_at(input, first, END_BYTES + MOST_COMMENT_BYTES)?;
    let mut ends = Vec::new();
    for at in memchr::memmem::rfind_iter(&tail, &END) {
        if let Some(end) = End::read(input, first + at as u64)? {
            ends.push(end);
        }
    }
    Ok(ends)
}

/// The places at which readers look for the directory that belongs to an end.
///
/// Some count from the start of the file, as the record says; others take the directory to be right in
/// front of the end and so find archives that have something in front of them. Some prefer the zip64
/// numbers, others use them only where the plain ones are all ones.
pub(super) fn places(input: &mut Input<'_>, end: &End) -> io::Result<Vec<Place>> {
    let mut claims = vec![end.claim];
    if let Some(wide) = &end.wide {
        claims.insert(0, wide.claim);
        if end.agrees() {
            claims.truncate(1);
        }
    }
    let mut places = Vec::new();
    for claim in claims {
        for place in both_places(claim, end.first()).into_iter().flatten() {
            let same = |known: &Place| known.start == place.start && known.base == place.base;
            if !places.iter().any(same) && begins_directory(input, &place)? {
                places.push(place);
            }
        }
    }
    Ok(places)
}

fn both_places(claim: Claim, first_end: u64) -> [Option<Place>; 2] {
    let place = |start: u64, base: u64| Place {
        start,
        limit: first_end,
        base,
        entries: claim.entries,
        bytes: claim.bytes,
    };
    let adjacent = first_end
        .checked_sub(claim.bytes)
        .and_then(|start| Some(place(start, start.checked_sub(claim.start)?)));
    let counted = (claim.start < first_end || claim.entries == 0).then(|| place(claim.start, 0));
    [adjacent, counted]
}

fn begins_directory(input: &mut Input<'_>, place: &Place) -> io::Result<bool> {
    if place.entries == 0 && place.bytes == 0 {
        return Ok(place.start == place.limit);
    }
    Ok(read_at(input, place.start, 4)? == CENTRAL)
}

/// Reads a directory as far as there are records, at most `most` of them: neither the count nor the
/// length that the end claims is the word of all readers.
pub(super) fn read(
    input: &mut Input<'_>,
    place: Place,
    most: u64,
    names: &mut Names,
) -> Result<Directory, Stop> {
    let mut records = Vec::new();
    let mut end = place.start;
    let mut buffered = io::BufReader::with_capacity(DIRECTORY_BUFFER_BYTES, input);
    buffered.seek(SeekFrom::Start(place.start))?;
    while end < place.limit && records.len() as u64 <= most {
        let Some(record) = Central::read(&mut buffered, end, place.limit)? else {
            break;
        };
        buffered.seek_relative(record.comment.cast_signed())?;
        end = record.end;
        names.keep(&record.entry.name, record.at)?;
        records.push(record);
    }
    Ok(Directory {
        place,
        records,
        end,
    })
}

/// The longest comment: its length has 16 bits.
const MOST_COMMENT_BYTES: u64 = 0xffff;
const DIRECTORY_BUFFER_BYTES: usize = 64 << 10;
