//! Tar archives, and the models that `PyTorch` once kept in them.
//!
//! A tar has no directory: what comes later under a name replaces what came before, records in front of a
//! member change its name and size, and readers differ in which of those they obey and where they stop.

mod header;
mod records;

use std::collections::{HashMap, HashSet};
use std::io;

use header::{BLOCK_BYTES, Header, Kind};
use records::Records;

use super::format::{Format, Match};
use super::frame::{Role, Scan, Stop};
use super::input::Input;
use super::path;
use super::rule::rule_table;

rule_table! { "Tar":
    TAR_CHECKSUM = "tar_checksum", Malformed,
        "a header's checksum is not its own: some readers stop there, others search on", "POSIX pax";
    TAR_NUMBER = "tar_number", Malformed,
        "a number of a header is none, or negative", "POSIX pax";
    TAR_TRUNCATED = "tar_truncated", Malformed,
        "the archive ends inside a member", "fail closed";
    TAR_END = "tar_end", Malformed,
        "bytes follow the end of the archive: readers told to go on find more members", "tarfile ignore_zeros";
    TAR_RECORD = "tar_record", Malformed,
        "a record of extended attributes breaks its form", "POSIX pax";
    TAR_RECORDS_DISAGREE = "tar_records_disagree", Malformed,
        "name or size stand in several places and differ: readers see different archives",
        "CVE-2025-62518";
    TAR_SPARSE = "tar_sparse", Unscannable,
        "a member is stored with holes, which the scanner does not fill", "fail closed";
    TAR_KIND = "tar_kind", Unscannable,
        "a member is of a kind that the scanner does not know", "fail closed";
}

pub(super) const FORMAT: Format = Format {
    name: "tar",
    extensions: &["tar"],
    detect: |input| Ok(detect(input.head()?)),
    scan,
};

/// A header is known by its checksum; old archives have no mark beside it.
fn detect(head: &[u8]) -> Match {
    let Some(block) = head.first_chunk::<BLOCK_BYTES>() else {
        return Match::No;
    };
    let has_mark = block[257..].starts_with(b"ustar");
    match (Header::checksum_fits(block), has_mark) {
        (true, _) => Match::Yes,
        (false, true) => Match::Maybe,
        (false, false) => Match::No,
    }
}

/// A member whose header and records were read.
struct Member {
    /// Where its header is.
    header: u64,
    /// Where its data begins.
    data: u64,
    /// Bytes of its data.
    size: u64,
    name: Vec<u8>,
    link: Vec<u8>,
    kind: Kind,
}

fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let (members, end) = read(scan, input)?;
    check_names(scan, &members)?;
    for member in &members {
        let name = String::from_utf8_lossy(&member.name);
        // A link, or a folder, has no data, whatever its size says; not all readers know that.
        let role = if member.kind.is_bare() {
            Role::Data
        } else {
            Role::Content
        };
        if member.size > 0 {
            scan.member(&name, role, &mut input.window(member.data, member.size))?;
        }
    }
    judge_rest(scan, input, end)
}

/// Reads the headers up to the two empty blocks that end an archive, and gives where it stopped.
fn read(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(Vec<Member>, u64), Stop> {
    let mut members = Vec::new();
    let mut records = Records::default();
    let mut global = Records::default();
    let mut at = 0;
    let most = scan.limits().members;
    let mut names = path::Names::default();
    while members.len() as u64 <= most {
        scan.budget().check_time()?;
        let block = input.bytes_at(at, BLOCK_BYTES)?;
        let Some(block) = block.first_chunk::<BLOCK_BYTES>() else {
            if !block.is_empty() {
                scan.find(&TAR_TRUNCATED, at, "inside a header");
            }
            break;
        };
        if block.iter().all(|&byte| byte == 0) {
            break;
        }
        let header = match Header::read(block) {
            Ok(header) => header,
            Err(rule) => {
                scan.find(rule, at, "");
                break;
            }
        };
        let data = at + BLOCK_BYTES as u64;
        let size = records.size().or(global.size()).unwrap_or(header.size);
        let stored = match header.kind {
            kind if kind.is_records() => header.size,
            kind if kind.is_bare() => 0,
            _ => size,
        };
        if stored > input.len().saturating_sub(data) {
            scan.find(&TAR_TRUNCATED, at, format!("{stored} bytes"));
        }
        match header.kind {
            Kind::Pax => records.read_pax(scan, input, data, header.size)?,
            Kind::GlobalPax => global.read_pax(scan, input, data, header.size)?,
            Kind::LongName => records.read_long(scan, input, data, header.size, records::NAME)?,
            Kind::LongLink => records.read_long(scan, input, data, header.size, records::LINK)?,
            _ => {
                let taken = std::mem::take(&mut records);
                check_records(scan, at, &header, &taken);
                let name = taken.name().or(global.name()).unwrap_or(&header.name);
                let link = taken.link().or(global.link()).unwrap_or(&header.link);
                names.keep(name, at)?;
                names.keep(link, at)?;
                members.push(Member {
                    header: at,
                    data,
                    size,
                    name: name.to_vec(),
                    link: link.to_vec(),
                    kind: header.kind,
                });
            }
        }
        at = padded(data.saturating_add(stored));
        if at > input.len() {
            scan.find(&TAR_TRUNCATED, data, "inside a member's last block");
            break;
        }
    }
    Ok((members, at))
}

fn padded(end: u64) -> u64 {
    end.checked_next_multiple_of(BLOCK_BYTES as u64)
        .unwrap_or(u64::MAX)
}

/// Looks for what readers take differently: a size in the records that is not the header's, and records of
/// two families that name two things.
fn check_records(scan: &mut Scan<'_>, at: u64, header: &Header, records: &Records) {
    // Sizes above 8 GiB do not fit the header, which has 0 or the lower digits then.
    let fits = |size: u64| size >= 1 << 33;
    if let Some(size) = records.size()
        && size != header.size
        && !fits(size)
    {
        let detail = format!("size {size} and {}", header.size);
        scan.find(&TAR_RECORDS_DISAGREE, at, detail);
    }
    if header.kind.is_bare() && records.size().unwrap_or(header.size) > 0 {
        scan.find(&TAR_RECORDS_DISAGREE, at, "a size where no data can be");
    }
    if records.has_several_names() {
        scan.find(&TAR_RECORDS_DISAGREE, at, "two names");
    }
    if records.is_sparse() || header.kind == Kind::Sparse {
        scan.find(&TAR_SPARSE, at, String::from_utf8_lossy(&header.name));
    } else if header.kind == Kind::Unknown {
        scan.find(&TAR_KIND, at, String::from_utf8_lossy(&header.name));
    }
}

fn check_names(scan: &mut Scan<'_>, members: &[Member]) -> Result<(), Stop> {
    let mut names: HashMap<Vec<u8>, Kind> = HashMap::new();
    let mut links = HashSet::new();
    for member in members {
        scan.budget().check_time()?;
        let name = String::from_utf8_lossy(&member.name);
        let key = path::key(&member.name);
        if let Some(rule) = path::flaw(&member.name) {
            scan.find(rule, member.header, &name);
        }
        if let Some(link) = path::link_on_way(&member.name, &links) {
            let detail = format!("{name} through {}", String::from_utf8_lossy(link));
            scan.find(&path::PATH_THROUGH_LINK, member.header, detail);
        }
        // The same folder may be named again.
        let known = names.insert(key.clone(), member.kind);
        if known.is_some_and(|known| known != Kind::Folder || member.kind != Kind::Folder) {
            scan.find(&path::PATH_DUPLICATE, member.header, &name);
        }
        let escapes = match member.kind {
            Kind::SymbolicLink => path::escapes(&member.name, &member.link),
            // A hard link is named from the folder that the archive is unpacked in.
            Kind::HardLink => path::escapes(b"", &member.link),
            Kind::Device => {
                scan.find(&path::PATH_DEVICE, member.header, &name);
                continue;
            }
            _ => continue,
        };
        let rule = if escapes {
            &path::PATH_LINK_ESCAPES
        } else {
            &path::PATH_LINK
        };
        let detail = format!("{name} -> {}", String::from_utf8_lossy(&member.link));
        scan.find(rule, member.header, detail);
        links.insert(key);
    }
    Ok(())
}

/// Judges what follows the end: zeros up to a full record are usual, everything else is hidden.
///
/// Readers that go on look for the next header, so what it is in front of is judged by itself, and so is
/// what stands behind a header that is broken.
fn judge_rest(scan: &mut Scan<'_>, input: &mut Input<'_>, end: u64) -> Result<(), Stop> {
    let Some(first) = first_byte(input, end)? else {
        return Ok(());
    };
    scan.find(&TAR_END, first, format!("{} bytes", input.len() - end));
    let block = first - first % BLOCK_BYTES as u64;
    let header = next_header(input, block)?;
    let behind = (header != Some(block)).then(|| block + BLOCK_BYTES as u64);
    for start in [Some(block), behind, header.filter(|&at| at > block)]
        .into_iter()
        .flatten()
    {
        let rest = input.len().saturating_sub(start);
        let name = format!("(bytes {start} to {})", input.len());
        scan.member(&name, Role::Data, &mut input.window(start, rest))?;
    }
    Ok(())
}

/// The first block from `at` that is a header by its checksum.
fn next_header(input: &mut Input<'_>, mut at: u64) -> io::Result<Option<u64>> {
    loop {
        let bytes = input.bytes_at(at, CHUNK_BYTES)?;
        let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
        if let Some(found) = blocks.iter().position(Header::checksum_fits) {
            return Ok(Some(at + (found * BLOCK_BYTES) as u64));
        }
        if bytes.len() < CHUNK_BYTES {
            return Ok(None);
        }
        at += CHUNK_BYTES as u64;
    }
}

/// The first byte from `at` that is not zero.
fn first_byte(input: &mut Input<'_>, mut at: u64) -> io::Result<Option<u64>> {
    loop {
        let bytes = input.bytes_at(at, CHUNK_BYTES)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        if let Some(found) = bytes.iter().position(|&byte| byte != 0) {
            return Ok(Some(at + found as u64));
        }
        at += bytes.len() as u64;
    }
}

const CHUNK_BYTES: usize = 1 << 20;
