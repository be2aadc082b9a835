//! Files that are packed streams, and the decoders that archives share with them.

mod gzip;
mod streams;
mod unpack;

use std::io::{self, BufReader, Read};

use streams::{Flaw, Streams, Wrapper};

pub(super) use unpack::{Codec, Ending, Unpack};

use super::format::{Format, Match};
use super::frame::{Role, Scan, Stop};
use super::input::Input;
use super::rule::{LIMIT_TIME, Rule, rule_table};

rule_table! { "Compressed streams":
    PACKED_DAMAGED = "packed_damaged", Malformed,
        "the packed data is not of its method, or its own checksum differs", "RFC 1951, bzip2, xz";
    PACKED_HEADER = "packed_header", Malformed,
        "the header has bits that are reserved, or a checksum that is not its own", "RFC 1952 2.3.1";
    PACKED_CHECKSUM = "packed_checksum", Malformed,
        "length or checksum of the unpacked data are not those stated", "RFC 1952 2.3.1";
    PACKED_TRUNCATED = "packed_truncated", Malformed,
        "the file ends inside a packed stream", "fail closed";
    PACKED_TRAILING = "packed_trailing", Malformed,
        "bytes follow the packed stream that readers ignore", "polyglots";
    PACKED_STREAMS = "packed_streams", Unscannable,
        "there are more streams in a row than any packer writes", "files made to keep scanners busy";
}

pub(super) const GZIP: Format = Format {
    name: "gzip",
    extensions: &["gz", "tgz"],
    detect: |input| begins(input, &gzip::MAGIC),
    scan: |scan, input| unpack(scan, input, Wrapper::Gzip),
};

pub(super) const BZIP2: Format = Format {
    name: "bzip2",
    extensions: &["bz2", "tbz", "tbz2"],
    detect: |input| {
        let head = input.head()?;
        let is_stream = head.starts_with(b"BZh")
            && head
                .get(3)
                .is_some_and(|level| (b'1'..=b'9').contains(level))
            && (head[4..].starts_with(&BZIP2_BLOCK) || head[4..].starts_with(&BZIP2_END));
        Ok(is_stream.into())
    },
    scan: |scan, input| unpack(scan, input, Wrapper::Bzip2),
};

pub(super) const XZ: Format = Format {
    name: "xz",
    extensions: &["xz", "txz"],
    detect: |input| begins(input, b"\xfd7zXZ\0"),
    scan: |scan, input| unpack(scan, input, Wrapper::Xz),
};

pub(super) const LZMA: Format = Format {
    name: "lzma",
    extensions: &["lzma"],
    detect: |input| {
        let is_header = is_lzma_header(input.head()?);
        Ok(maybe(is_header && unpacks(input, Wrapper::Lzma)?))
    },
    scan: |scan, input| unpack(scan, input, Wrapper::Lzma),
};

pub(super) const ZLIB: Format = Format {
    name: "zlib",
    extensions: &["z", "zlib"],
    detect: |input| {
        let is_header = is_zlib_header(input.head()?);
        Ok(maybe(is_header && unpacks(input, Wrapper::Zlib)?))
    },
    scan: |scan, input| unpack(scan, input, Wrapper::Zlib),
};

fn begins(input: &mut Input<'_>, mark: &[u8]) -> io::Result<Match> {
    Ok(input.head()?.starts_with(mark).into())
}

fn maybe(matches: bool) -> Match {
    if matches { Match::Maybe } else { Match::No }
}

/// Whether a zlib stream could begin so: its two bytes say little, so what follows has to unpack.
fn is_zlib_header(head: &[u8]) -> bool {
    let Some(&[method, flags]) = head.first_chunk() else {
        return false;
    };
    let uses_dictionary = flags & (1 << 5) != 0;
    method & 15 == 8
        && method >> 4 <= 7
        && !uses_dictionary
        && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

/// Whether the old `lzma` tool or one of its kind wrote this: there is no mark, so the numbers have to be
/// those that are written.
fn is_lzma_header(head: &[u8]) -> bool {
    let Some(header) = head.first_chunk::<13>() else {
        return false;
    };
    let (properties, rest) = (header[0], &header[1..]);
    let (dictionary, size) = rest.split_at(4);
    let dictionary = u32::from_le_bytes(*dictionary.first_chunk().expect("it was split at four"));
    let size = u64::from_le_bytes(*size.first_chunk().expect("eight of thirteen are left"));
    let is_usual = dictionary == u32::MAX
        || dictionary.is_power_of_two()
        || (dictionary % 3 == 0 && (dictionary / 3).is_power_of_two());
    properties < 9 * 5 * 5
        && is_usual
        && dictionary >= 1 << 12
        && (size == u64::MAX || size < 1 << 38)
}

/// Whether the beginning unpacks to something.
fn unpacks(input: &mut Input<'_>, wrapper: Wrapper) -> io::Result<bool> {
    let mut first = [0; 64];
    let head = input.head()?;
    let is_whole = head.len() < super::input::HEAD_BYTES;
    let mut streams = Streams::new(wrapper, head);
    let count = streams.read(&mut first)?;
    Ok(count > 0 || (is_whole && streams.flaw().is_none()))
}

fn unpack(scan: &mut Scan<'_>, input: &mut Input<'_>, wrapper: Wrapper) -> Result<(), Stop> {
    let packed = input.len();
    let name = unpacked_name(input.name()).to_owned();
    let source = BufReader::with_capacity(BUFFER_BYTES, &mut *input);
    let clock = scan.budget().clock();
    let mut streams = Streams::new(wrapper, source).within(clock);
    scan.decoded(&name, Role::Content, packed, &mut streams)?;
    let Some((flaw, at)) = streams.flaw() else {
        return Ok(());
    };
    scan.find(flaw.rule(), at, flaw.rule().reason);
    if flaw == Flaw::Trailing {
        let mut trailing = input.window(at, packed - at);
        scan.member("(behind the stream)", Role::Data, &mut trailing)?;
    }
    Ok(())
}

/// The name without the ending that the packer gave it.
fn unpacked_name(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, ending))
            if PACKED_ENDINGS
                .iter()
                .any(|known| known.eq_ignore_ascii_case(ending)) =>
        {
            stem
        }
        _ => name,
    }
}

impl Flaw {
    fn rule(self) -> &'static Rule {
        match self {
            Self::Header => &PACKED_HEADER,
            Self::Data => &PACKED_DAMAGED,
            Self::Truncated => &PACKED_TRUNCATED,
            Self::Checksum => &PACKED_CHECKSUM,
            Self::Trailing => &PACKED_TRAILING,
            Self::Count => &PACKED_STREAMS,
            Self::Time => &LIMIT_TIME,
        }
    }
}

static PACKED_ENDINGS: &[&str] = &["gz", "bz2", "xz", "lzma", "z", "zlib"];
const BZIP2_BLOCK: [u8; 6] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
const BZIP2_END: [u8; 6] = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90];
const BUFFER_BYTES: usize = 64 << 10;
