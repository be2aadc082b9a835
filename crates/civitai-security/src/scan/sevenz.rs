//! 7z archives: no loader of models opens them, but unpackers do, and what is in them hides from scanners.

mod coder;
mod header;

use std::collections::HashSet;
use std::io::{self, Read};
use std::ops::Range;

use coder::Unreadable;
use header::{File, Folder, Header, Streams};

use super::format::Format;
use super::frame::{Role, Scan, Stop};
use super::input::Input;
use super::path;
use super::report::Finding;
use super::rule::rule_table;

rule_table! { "7z":
    SEVENZ_HEADER = "sevenz_header", Malformed,
        "the header breaks its form, or contradicts itself", "7zFormat.txt";
    SEVENZ_CHECKSUM = "sevenz_checksum", Malformed,
        "a checksum of the archive is not its own", "7zFormat.txt";
    SEVENZ_ENCRYPTED = "sevenz_encrypted", Unscannable,
        "the archive, or its list of members, is encrypted", "fail closed";
    SEVENZ_METHOD = "sevenz_method", Unscannable,
        "members are packed by a method that the scanner does not unpack", "fail closed";
    SEVENZ_DAMAGED = "sevenz_damaged", Malformed,
        "packed members are not of their method, or shorter than stated", "fail closed";
    SEVENZ_UNCLAIMED = "sevenz_unclaimed", Malformed,
        "bytes belong to no member and no header", "polyglots";
}

pub(super) const FORMAT: Format = Format {
    name: "7z",
    extensions: &["7z"],
    detect: |input| Ok(input.head()?.starts_with(&MARK).into()),
    scan,
};

fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let mut claims: Vec<Range<u64>> = std::iter::once(0..START_BYTES).collect();
    let Some(header) = read_header(scan, input, &mut claims)? else {
        return judge_unclaimed(scan, input, claims);
    };
    check_names(scan, &header.files);
    let mut files = header.files.iter().filter(|file| file.has_stream);
    let mut pack = 0;
    for folder in &header.streams.folders {
        let spans = header.streams.packs.get(pack..pack + folder.packs.len());
        pack += folder.packs.len();
        let Some(spans) = spans else {
            return Err(Stop::at(
                &SEVENZ_HEADER,
                0,
                "fewer packed streams than are used",
            ));
        };
        claims.extend(spans.iter().cloned());
        judge_folder(scan, input, folder, spans, &mut files)?;
    }
    if files.next().is_some() {
        scan.find(&SEVENZ_HEADER, 0, "more members than streams");
    }
    judge_unclaimed(scan, input, claims)
}

/// Reads the list of members, which may itself be packed, even several times.
fn read_header(
    scan: &mut Scan<'_>,
    input: &mut Input<'_>,
    claims: &mut Vec<Range<u64>>,
) -> Result<Option<Header>, Stop> {
    let start = input.bytes_at(0, 32)?;
    let Some(place) = header::place(&start) else {
        return Err(Stop::at(&SEVENZ_HEADER, 0, "no start header"));
    };
    if !place.is_intact {
        scan.find(&SEVENZ_CHECKSUM, 8, "start header");
    }
    let Some(Range { start: at, end }) = place.span(input.len()) else {
        return Err(Stop::at(
            &SEVENZ_HEADER,
            12,
            "the header ends behind the file",
        ));
    };
    if at == end {
        return Ok(None);
    }
    let length = usize::try_from(end - at).unwrap_or(MOST_HEADER_BYTES);
    let mut bytes = input.bytes_at(at, length.min(MOST_HEADER_BYTES))?;
    if crc32fast::hash(&bytes) != place.checksum {
        scan.find(&SEVENZ_CHECKSUM, at, "header");
    }
    claims.push(at..end);
    for _ in 0..scan.limits().depth {
        let broken = || Stop::at(&SEVENZ_HEADER, at, "the list of members");
        match header::read(&bytes, scan.limits().members).ok_or_else(broken)? {
            header::Either::Header(header) => return Ok(Some(header)),
            header::Either::Packed(streams) => {
                bytes = unpack_header(scan, input, &streams)?;
                claims.extend(streams.packs);
            }
        }
    }
    Err(Stop::at(&SEVENZ_HEADER, at, "packed too many times"))
}

fn unpack_header(
    scan: &mut Scan<'_>,
    input: &mut Input<'_>,
    streams: &Streams,
) -> Result<Vec<u8>, Stop> {
    let (Some(folder), Some(pack)) = (streams.folders.first(), streams.packs.first()) else {
        return Err(Stop::at(
            &SEVENZ_HEADER,
            0,
            "the packed header has no stream",
        ));
    };
    let size = folder.size();
    scan.budget()
        .spend_decoded(size.min(MOST_HEADER_BYTES as u64))?;
    let mut bytes = Vec::new();
    let window = input.window(pack.start, pack.end - pack.start);
    let reader = coder::chain(folder, window)
        .map_err(|unreadable| Stop::Found(unreadable.finding(pack.start)))?;
    reader
        .take(size.min(MOST_HEADER_BYTES as u64))
        .read_to_end(&mut bytes)?;
    let substream = folder.substreams.first();
    if substream
        .and_then(|stream| stream.checksum)
        .is_some_and(|stated| stated != crc32fast::hash(&bytes))
    {
        scan.find(&SEVENZ_CHECKSUM, pack.start, "packed header");
    }
    Ok(bytes)
}

/// Unpacks the members that are packed together, and judges each.
fn judge_folder<'f>(
    scan: &mut Scan<'_>,
    input: &mut Input<'_>,
    folder: &Folder,
    spans: &[Range<u64>],
    files: &mut impl Iterator<Item = &'f File>,
) -> Result<(), Stop> {
    let at = spans.first().map_or(0, |span| span.start);
    let packed = spans.iter().map(|span| span.end - span.start).sum();
    let files: Vec<_> = files.take(folder.substreams.len()).collect();
    let unreadable = match coder::chain(folder, input.window(at, packed)) {
        Ok(mut reader) => return judge_streams(scan, folder, at..at + packed, &files, &mut reader),
        Err(unreadable) => unreadable,
    };
    scan.add(unreadable.finding(at));
    scan.member("(packed)", Role::Data, &mut input.window(at, packed))
}

fn judge_streams(
    scan: &mut Scan<'_>,
    folder: &Folder,
    pack: Range<u64>,
    files: &[&File],
    reader: &mut dyn Read,
) -> Result<(), Stop> {
    let (at, packed) = (pack.start, pack.end - pack.start);
    for (stream, file) in folder.substreams.iter().zip(files) {
        let mut counted = Counted {
            source: (&mut *reader).take(stream.size),
            count: 0,
            checksum: crc32fast::Hasher::new(),
        };
        let mut head = Vec::new();
        if file.is_link {
            counted
                .by_ref()
                .take(MOST_TARGET_BYTES)
                .read_to_end(&mut head)?;
            check_link(scan, at, file, &head);
        }
        if stream.size > 0 {
            // Readers that know no links take the target for the content.
            let role = if file.is_link {
                Role::Data
            } else {
                Role::Content
            };
            scan.decoded(
                &file.name,
                role,
                packed,
                &mut head.as_slice().chain(&mut counted),
            )?;
        }
        if counted.count < stream.size {
            // Where a limit stopped it, that is found, too; where the next member begins is not known.
            scan.find(&SEVENZ_DAMAGED, at, &file.name);
            break;
        }
        let checksum = counted.checksum.finalize();
        if stream.checksum.is_some_and(|stated| stated != checksum) {
            scan.find(&SEVENZ_CHECKSUM, at, &file.name);
        }
    }
    Ok(())
}

fn check_link(scan: &mut Scan<'_>, at: u64, file: &File, target: &[u8]) {
    let escapes = path::escapes(file.name.as_bytes(), target);
    let rule = if escapes {
        &path::PATH_LINK_ESCAPES
    } else {
        &path::PATH_LINK
    };
    let detail = format!("{} -> {}", file.name, String::from_utf8_lossy(target));
    scan.find(rule, at, detail);
}

fn check_names(scan: &mut Scan<'_>, files: &[File]) {
    let mut names = HashSet::new();
    let is_link = |file: &&File| file.is_link;
    let links: HashSet<_> = files
        .iter()
        .filter(is_link)
        .map(|file| path::key(file.name.as_bytes()))
        .collect();
    for file in files {
        let name = file.name.as_bytes();
        if let Some(rule) = path::flaw(name) {
            scan.find(rule, 0, &file.name);
        }
        if !names.insert(path::key(name)) {
            scan.find(&path::PATH_DUPLICATE, 0, &file.name);
        }
        if path::link_on_way(name, &links).is_some() {
            scan.find(&path::PATH_THROUGH_LINK, 0, &file.name);
        }
    }
}

/// Finds bytes that nothing claims, and judges them.
fn judge_unclaimed(
    scan: &mut Scan<'_>,
    input: &mut Input<'_>,
    mut claims: Vec<Range<u64>>,
) -> Result<(), Stop> {
    claims.sort_by_key(|claim| claim.start);
    claims.push(input.len()..input.len());
    let mut reached = 0;
    for claim in claims {
        if claim.start > reached {
            let length = claim.start - reached;
            scan.find(&SEVENZ_UNCLAIMED, reached, format!("{length} bytes"));
            let name = format!("(bytes {reached} to {})", claim.start);
            scan.member(&name, Role::Data, &mut input.window(reached, length))?;
        }
        reached = reached.max(claim.end);
    }
    Ok(())
}

/// Counts and sums up what is read.
struct Counted<R> {
    source: R,
    count: u64,
    checksum: crc32fast::Hasher,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.count += count as u64;
        self.checksum.update(&buffer[..count]);
        Ok(count)
    }
}

impl Unreadable {
    fn finding(&self, at: u64) -> Finding {
        let (rule, detail) = match self {
            Self::Encrypted => (&SEVENZ_ENCRYPTED, "AES".to_owned()),
            Self::Method(id) => (&SEVENZ_METHOD, format!("method {}", id.escape_ascii())),
            Self::Broken => (&SEVENZ_HEADER, "the chain of methods".to_owned()),
        };
        Finding::new(rule, at, detail)
    }
}

const MARK: [u8; 6] = *b"7z\xbc\xaf\x27\x1c";
/// Bytes in front of the packed streams.
const START_BYTES: u64 = 32;
/// A list of 100,000 members with long names is smaller.
const MOST_HEADER_BYTES: usize = 32 << 20;
/// The longest path of the usual systems.
const MOST_TARGET_BYTES: u64 = 4096;
