//! ZIP archives: those that `torch.save` writes, and others by the names of their members.

use std::io::Read;

use super::header::{Header, Source, Stop};
use super::{Flaw, Format, READ_BUDGET, pickle};

/// The end record and the longest comment it may carry.
const TAIL_BYTES: u64 = 22 + 0xffff;
/// Longest directory that is read; each member takes at least 46 bytes of it.
const MOST_DIRECTORY_BYTES: u64 = 2 << 20;
/// Most member names that are kept.
const MOST_MENTIONS: usize = 256;

/// Where the directory of an archive lies.
struct Directory {
    offset: u64,
    length: u64,
}

/// A member as the directory lists it.
struct Member {
    name: String,
    method: u16,
    packed: u64,
    offset: u64,
}

pub(super) fn read(source: &mut Source) -> Result<Header, Stop> {
    let directory = directory(source)?;
    source.seek(directory.offset, "the archive's directory")?;
    let readable = directory.length.min(MOST_DIRECTORY_BYTES);
    let bytes = source.bytes(readable, "the archive's directory")?;
    let members = members(&bytes);
    let mut header = Header::new(Format::Zip);
    header.complete = readable == directory.length;
    let model = members
        .iter()
        .find(|member| member.name == "data.pkl" || member.name.ends_with("/data.pkl"));
    if let Some(member) = model {
        header.format = Format::Pickle;
        let (stream, whole) = unpack(source, member)?;
        pickle::read_stream(&stream, whole, &mut header)?;
    } else {
        header.mentions = members
            .into_iter()
            .take(MOST_MENTIONS)
            .map(|member| member.name)
            .collect();
    }
    Ok(header)
}

/// Finds the end record, of the large form where there is one.
fn directory(source: &mut Source) -> Result<Directory, Stop> {
    let start = source.length().saturating_sub(TAIL_BYTES);
    source.seek(start, "the end of the archive")?;
    let tail = source.bytes(source.length() - start, "the end of the archive")?;
    let end = tail
        .windows(4)
        .rposition(|window| window == b"PK\x05\x06")
        .ok_or(Flaw::Ends {
            what: "the archive's end record",
            at: source.length(),
        })?;
    let small = Directory {
        offset: number(&tail, end + 16, 4).unwrap_or_default(),
        length: number(&tail, end + 12, 4).unwrap_or_default(),
    };
    if small.offset != 0xffff_ffff && small.length != 0xffff_ffff {
        return Ok(small);
    }
    // The locator of the large form stands right before the end record.
    let record = end
        .checked_sub(20)
        .filter(|at| tail.get(*at..at + 4) == Some(b"PK\x06\x07"))
        .and_then(|at| number(&tail, at + 8, 8))
        .ok_or(Flaw::Ends {
            what: "the archive's large end record",
            at: source.length(),
        })?;
    source.seek(record, "the archive's large end record")?;
    let record = source.array::<56>("the archive's large end record")?;
    Ok(Directory {
        offset: number(&record, 48, 8).unwrap_or_default(),
        length: number(&record, 40, 8).unwrap_or_default(),
    })
}

fn members(directory: &[u8]) -> Vec<Member> {
    let mut members = Vec::new();
    let mut at = 0;
    while let Some((member, next)) = member(directory, at) {
        members.push(member);
        at = next;
    }
    members
}

/// The member whose entry begins at `at`, and where the next entry begins.
fn member(directory: &[u8], at: usize) -> Option<(Member, usize)> {
    (directory.get(at..at + 4)? == b"PK\x01\x02").then_some(())?;
    let field = |offset, width| number(directory, at + offset, width);
    let length = |offset| field(offset, 2).and_then(|length| usize::try_from(length).ok());
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let name_at = at + 46;
    let extra_at = name_at + name;
    let mut member = Member {
        name: String::from_utf8_lossy(directory.get(name_at..extra_at)?).into_owned(),
        method: u16::try_from(field(10, 2)?).ok()?,
        packed: field(20, 4)?,
        offset: field(42, 4)?,
    };
    let unpacked = field(24, 4)?;
    widen(
        &mut member,
        unpacked,
        directory.get(extra_at..extra_at + extra)?,
    );
    Some((member, extra_at + extra + comment))
}

/// Takes the sizes that did not fit into 32 bits from the extra field, where they stand in a fixed order.
fn widen(member: &mut Member, unpacked: u64, extra: &[u8]) {
    let mut at = 0;
    while let (Some(id), Some(length)) = (number(extra, at, 2), number(extra, at + 2, 2)) {
        let mut value = at + 4;
        if id == 1 {
            if unpacked == 0xffff_ffff {
                value += 8;
            }
            for field in [&mut member.packed, &mut member.offset] {
                if *field == 0xffff_ffff {
                    *field = number(extra, value, 8).unwrap_or(*field);
                    value += 8;
                }
            }
            return;
        }
        at += 4 + usize::try_from(length).unwrap_or(usize::MAX >> 1);
    }
}

/// The contents of `member`, cut at the budget, and whether they are whole.
fn unpack(source: &mut Source, member: &Member) -> Result<(Vec<u8>, bool), Stop> {
    source.seek(member.offset, "the member data.pkl")?;
    let local = source.array::<30>("the member data.pkl")?;
    let names =
        number(&local, 26, 2).unwrap_or_default() + number(&local, 28, 2).unwrap_or_default();
    source.skip(names, "the member data.pkl")?;
    let readable = member.packed.min(source.budget());
    let bytes = source.bytes(readable, "the member data.pkl")?;
    let whole = readable == member.packed;
    match member.method {
        0 => Ok((bytes, whole)),
        8 => {
            let mut stream = Vec::new();
            let read = flate2::read::DeflateDecoder::new(bytes.as_slice())
                .take(READ_BUDGET)
                .read_to_end(&mut stream);
            let bounded = (stream.len() as u64) < READ_BUDGET;
            Ok((stream, whole && bounded && read.is_ok()))
        }
        method => Err(Flaw::Value {
            what: "the packing of data.pkl",
            value: method.into(),
        }
        .into()),
    }
}

/// A little-endian number of `width` bytes at `at`.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)),
    )
}
