//! The records of a zip file, as APPNOTE.TXT 6.3.10 lays them out, read without believing any of them.

use std::io::{self, Read, Seek, SeekFrom};

use super::extra;

/// Signature of the header in front of each member's data.
pub(super) const LOCAL: [u8; 4] = *b"PK\x03\x04";
/// Signature of a record of the central directory.
pub(super) const CENTRAL: [u8; 4] = *b"PK\x01\x02";
/// Signature of the record that ends an archive.
pub(super) const END: [u8; 4] = *b"PK\x05\x06";
const END64: [u8; 4] = *b"PK\x06\x06";
const LOCATOR64: [u8; 4] = *b"PK\x06\x07";
const DESCRIPTOR: [u8; 4] = *b"PK\x07\x08";

/// Bytes of the fixed part of each record.
pub(super) const END_BYTES: u64 = 22;
const CENTRAL_BYTES: u64 = 46;
const LOCAL_BYTES: u64 = 30;
const END64_BYTES: u64 = 56;
const LOCATOR64_BYTES: u64 = 20;
/// Version 6.3, which most readers refuse to go beyond.
const LAST_VERSION: u8 = 63;

/// Reads `length` bytes at `at`; fewer where the source ends before that.
pub(super) fn read_at<R: Read + Seek + ?Sized>(
    source: &mut R,
    at: u64,
    length: u64,
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(at))?;
    source.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Little-endian numbers at fixed places of a record; 0 behind its end.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn u16(self, at: usize) -> u16 {
        self.bytes(at).map_or(0, u16::from_le_bytes)
    }

    pub(super) fn u32(self, at: usize) -> u32 {
        self.bytes(at).map_or(0, u32::from_le_bytes)
    }

    pub(super) fn u64(self, at: usize) -> u64 {
        self.bytes(at).map_or(0, u64::from_le_bytes)
    }

    fn bytes<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }
}

/// What the end of an archive says of its directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    /// Records in the directory.
    pub(super) entries: u64,
    /// Bytes of the directory.
    pub(super) bytes: u64,
    /// Where the directory begins, counted from where the archive begins.
    pub(super) start: u64,
    /// Whether a disk other than the first is named, or the counts of this disk and of all differ.
    pub(super) is_split: bool,
}

/// The record that ends an archive, with the zip64 records in front of it.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// Where the record is.
    pub(super) at: u64,
    /// Where its comment, and with it the archive, ends by its own word.
    pub(super) reach: u64,
    /// What the record itself says.
    pub(super) claim: Claim,
    /// The zip64 record, if a locator in front of this one leads to it.
    pub(super) wide: Option<End64>,
    /// A zip64 locator that leads to no zip64 record.
    pub(super) is_locator_loose: bool,
}

/// The zip64 record in front of an end.
#[derive(Clone, Debug)]
pub(super) struct End64 {
    /// Where the record is.
    pub(super) at: u64,
    /// Where it ends by its own word.
    pub(super) end: u64,
    /// Whether it is where the locator says; readers that look in front of the locator find it all the same.
    pub(super) is_located: bool,
    /// What it says.
    pub(super) claim: Claim,
}

impl End {
    /// Reads the record whose signature is at `at`.
    pub(super) fn read<R: Read + Seek + ?Sized>(
        source: &mut R,
        at: u64,
    ) -> io::Result<Option<Self>> {
        let bytes = read_at(source, at, END_BYTES)?;
        if bytes.len() as u64 != END_BYTES || !bytes.starts_with(&END) {
            return Ok(None);
        }
        let fields = Fields(&bytes);
        let entries = fields.u16(10);
        let claim = Claim {
            entries: entries.into(),
            bytes: fields.u32(12).into(),
            start: fields.u32(16).into(),
            is_split: is_split(fields.u16(4).into(), fields.u16(6).into(), u16::MAX.into())
                || fields.u16(8) != entries,
        };
        let (wide, is_locator_loose) = read_wide(source, at)?;
        Ok(Some(Self {
            at,
            reach: at + END_BYTES + u64::from(fields.u16(20)),
            claim,
            wide,
            is_locator_loose,
        }))
    }

    /// Where the records that end the archive begin.
    pub(super) fn first(&self) -> u64 {
        match &self.wide {
            Some(wide) => wide.at,
            None => self.at,
        }
    }

    /// Whether each number that fits is the same in the zip64 record.
    pub(super) fn agrees(&self) -> bool {
        let Some(wide) = &self.wide else { return true };
        let same = |narrow: u64, all_ones: u64, wide: u64| narrow == all_ones || narrow == wide;
        same(self.claim.entries, u16::MAX.into(), wide.claim.entries)
            && same(self.claim.bytes, u32::MAX.into(), wide.claim.bytes)
            && same(self.claim.start, u32::MAX.into(), wide.claim.start)
    }
}

fn is_split(disk: u32, directory_disk: u32, elsewhere: u32) -> bool {
    [disk, directory_disk]
        .iter()
        .any(|&number| number != 0 && number != elsewhere)
}

fn read_wide<R: Read + Seek + ?Sized>(
    source: &mut R,
    end: u64,
) -> io::Result<(Option<End64>, bool)> {
    let Some(locator) = end.checked_sub(LOCATOR64_BYTES) else {
        return Ok((None, false));
    };
    let bytes = read_at(source, locator, LOCATOR64_BYTES)?;
    if !bytes.starts_with(&LOCATOR64) {
        return Ok((None, false));
    }
    let located = Fields(&bytes).u64(8);
    let adjacent = locator.checked_sub(END64_BYTES);
    for at in [Some(located), adjacent].into_iter().flatten() {
        if at >= locator {
            continue;
        }
        let bytes = read_at(source, at, END64_BYTES)?;
        if bytes.len() as u64 == END64_BYTES && bytes.starts_with(&END64) {
            let fields = Fields(&bytes);
            let entries = fields.u64(32);
            let wide = End64 {
                at,
                end: at.saturating_add(12).saturating_add(fields.u64(4)),
                is_located: at == located,
                claim: Claim {
                    entries,
                    bytes: fields.u64(40),
                    start: fields.u64(48),
                    is_split: is_split(fields.u32(16), fields.u32(20), u32::MAX)
                        || fields.u64(24) != entries,
                },
            };
            return Ok((Some(wide), false));
        }
    }
    Ok((None, true))
}

/// What the header in front of a member and its record in the directory both say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name, in whatever bytes it was written.
    pub(super) name: Vec<u8>,
    /// The version of the format that a reader has to know, in tenths.
    pub(super) version: u8,
    /// General purpose bits.
    pub(super) flags: u16,
    /// How the data is packed.
    pub(super) method: u16,
    /// CRC-32 of the data once unpacked.
    pub(super) crc: u32,
    /// Bytes of the data as it is packed.
    pub(super) packed: u64,
    /// Bytes of the data once unpacked.
    pub(super) size: u64,
    /// What the extra fields say that matters here.
    pub(super) extra: extra::Extra,
}

impl Entry {
    /// Whether any of the three kinds of encryption is announced.
    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & (1 | 1 << 6 | 1 << 13) != 0 || self.method == 99
    }

    /// Whether the data is announced as a patch to other data.
    pub(super) fn is_patch(&self) -> bool {
        self.flags & (1 << 5) != 0
    }

    /// Whether sizes and checksum stand behind the data.
    pub(super) fn has_descriptor(&self) -> bool {
        self.flags & (1 << 3) != 0
    }

    /// Whether it asks for a later version of the format than there is.
    pub(super) fn is_later(&self) -> bool {
        self.version > LAST_VERSION
    }

    /// Whether it names a folder.
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with(b"/")
    }
}

/// A record of the central directory.
#[derive(Clone, Debug)]
pub(super) struct Central {
    /// Where the record is.
    pub(super) at: u64,
    /// Bytes of its comment.
    pub(super) comment: u64,
    /// Where the next one would be.
    pub(super) end: u64,
    /// What it says of the member.
    pub(super) entry: Entry,
    /// Where the member's own header is, counted from where the archive begins.
    pub(super) header: u64,
    /// Mode bits; unpackers obey them whatever system is said to have made the archive.
    pub(super) mode: u32,
    /// Whether the member is said to be on another disk.
    pub(super) is_elsewhere: bool,
}

impl Central {
    /// Reads the record that a source stands in front of, at `at` of the file; it may not reach behind `limit`.
    /// Leaves the source in front of the record's comment.
    pub(super) fn read<R: Read>(source: &mut R, at: u64, limit: u64) -> io::Result<Option<Self>> {
        let mut fixed = Vec::new();
        let left = limit.saturating_sub(at);
        source
            .take(CENTRAL_BYTES.min(left))
            .read_to_end(&mut fixed)?;
        if fixed.len() as u64 != CENTRAL_BYTES || !fixed.starts_with(&CENTRAL) {
            return Ok(None);
        }
        let fields = Fields(&fixed);
        let length = u64::from(fields.u16(28)) + u64::from(fields.u16(30));
        let comment = u64::from(fields.u16(32));
        let end = at + CENTRAL_BYTES + length + comment;
        if end > limit {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        source.take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Ok(None);
        }
        let (name, extra_bytes) = bytes.split_at(usize::from(fields.u16(28)));
        let narrow = extra::Narrow {
            size: fields.u32(24),
            packed: fields.u32(20),
            header: Some(fields.u32(42)),
            disk: Some(fields.u16(34)),
        };
        let read = extra::read(extra_bytes, narrow, name);
        Ok(Some(Self {
            at,
            comment,
            end,
            entry: Entry {
                name: name.to_vec(),
                version: fixed[6],
                flags: fields.u16(8),
                method: fields.u16(10),
                crc: fields.u32(16),
                packed: read.packed,
                size: read.size,
                extra: read.extra,
            },
            header: read.header,
            mode: fields.u32(38) >> 16,
            is_elsewhere: read.disk != 0,
        }))
    }
}

/// The header in front of a member's data.
#[derive(Clone, Debug)]
pub(super) struct Local {
    /// Where the header is.
    pub(super) at: u64,
    /// Where the data begins.
    pub(super) data: u64,
    /// What it says of the member.
    pub(super) entry: Entry,
}

impl Local {
    /// Reads the header at `at`.
    pub(super) fn read<R: Read + Seek + ?Sized>(
        source: &mut R,
        at: u64,
    ) -> io::Result<Option<Self>> {
        let fixed = read_at(source, at, LOCAL_BYTES)?;
        if fixed.len() as u64 != LOCAL_BYTES || !fixed.starts_with(&LOCAL) {
            return Ok(None);
        }
        let fields = Fields(&fixed);
        let length = u64::from(fields.u16(26)) + u64::from(fields.u16(28));
        let bytes = read_at(source, at + LOCAL_BYTES, length)?;
        if bytes.len() as u64 != length {
            return Ok(None);
        }
        let (name, extra_bytes) = bytes.split_at(usize::from(fields.u16(26)));
        let narrow = extra::Narrow {
            size: fields.u32(22),
            packed: fields.u32(18),
            header: None,
            disk: None,
        };
        let read = extra::read(extra_bytes, narrow, name);
        Ok(Some(Self {
            at,
            data: at + LOCAL_BYTES + length,
            entry: Entry {
                name: name.to_vec(),
                version: fixed[4],
                flags: fields.u16(6),
                method: fields.u16(8),
                crc: fields.u32(14),
                packed: read.packed,
                size: read.size,
                extra: read.extra,
            },
        }))
    }
}

/// Bytes of the descriptor at `at` that states these numbers: with its signature or without, in 32 or in 64 bits.
pub(super) fn descriptor<R: Read + Seek + ?Sized>(
    source: &mut R,
    at: u64,
    entry: &Entry,
) -> io::Result<Option<u64>> {
    let bytes = read_at(source, at, 24)?;
    let signature = if bytes.starts_with(&DESCRIPTOR) { 4 } else { 0 };
    // A checksum may by chance look like the signature: both readings are tried.
    for skipped in [signature, 0] {
        let body = bytes.get(skipped..).unwrap_or_default();
        let fields = Fields(body);
        if body.len() < 12 || fields.u32(0) != entry.crc {
            continue;
        }
        if body.len() >= 20 && fields.u64(4) == entry.packed && fields.u64(12) == entry.size {
            return Ok(Some(skipped as u64 + 20));
        }
        if u64::from(fields.u32(4)) == entry.packed && u64::from(fields.u32(8)) == entry.size {
            return Ok(Some(skipped as u64 + 12));
        }
    }
    Ok(None)
}
