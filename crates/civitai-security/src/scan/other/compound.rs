//! Compound files, a file system in a file: Office documents, and the small pictures that Windows keeps of a folder.
//!
//! Documents can carry programs, and are not read further. A `Thumbs.db` has nothing but a catalogue and pictures, which
//! the names of its streams tell.

use std::io;

use crate::scan::input::Input;

/// Whether the input is a compound file of small pictures and nothing else.
pub(super) fn holds_thumbnails(input: &mut Input<'_>) -> io::Result<bool> {
    let Some(header) = Header::of(input.head()?) else {
        return Ok(false);
    };
    let mut sector = header.directory;
    let mut pictures = 0_u32;
    // A chain of sectors that goes in a circle ends here as well.
    for _ in 0..MOST_SECTORS {
        let bytes = header.sector(input, sector)?;
        if bytes.len() >> header.shift == 0 {
            return Ok(false);
        }
        for entry in bytes.chunks_exact(ENTRY) {
            match Entry::of(entry) {
                Entry::Unused | Entry::Root => {}
                Entry::Picture => pictures += 1,
                Entry::Else => return Ok(false),
            }
        }
        match header.next(input, sector)? {
            Some(END_OF_CHAIN) => return Ok(pictures > 0),
            Some(next) => sector = next,
            None => return Ok(false),
        }
    }
    Ok(false)
}

/// Where the parts of a compound file lie.
struct Header {
    shift: u32,
    directory: u32,
    /// The sectors with the table of the chains, as far as the header lists them.
    tables: Vec<u32>,
}

impl Header {
    fn of(head: &[u8]) -> Option<Self> {
        let head = head.get(..512).filter(|head| head.starts_with(MAGIC))?;
        let shift = u32::from(u16::from_le_bytes([head[0x1e], head[0x1f]]));
        matches!(shift, 9 | 12).then(|| Self {
            shift,
            directory: word(head, 0x30).unwrap_or(END_OF_CHAIN),
            tables: (0x4c..512)
                .step_by(4)
                .map_while(|at| word(head, at))
                .take_while(|sector| *sector <= MOST_REGULAR)
                .collect(),
        })
    }

    fn sector(&self, input: &mut Input<'_>, sector: u32) -> io::Result<Vec<u8>> {
        // The header takes the place of a sector before the first.
        let offset = (u64::from(sector) + 1) << self.shift;
        input.bytes_at(offset, 1 << self.shift)
    }

    /// The sector after `sector` in its chain.
    fn next(&self, input: &mut Input<'_>, sector: u32) -> io::Result<Option<u32>> {
        let per_sector = 1_u32 << (self.shift - 2);
        let place = usize::try_from(sector / per_sector).unwrap_or(usize::MAX);
        let Some(table) = self.tables.get(place) else {
            return Ok(None);
        };
        let bytes = self.sector(input, *table)?;
        let at = usize::try_from(sector % per_sector).unwrap_or(usize::MAX);
        Ok(word(&bytes, at.saturating_mul(4)))
    }
}

enum Entry {
    Unused,
    Root,
    /// The catalogue, or a picture: a number, or a width and the digest of a path.
    Picture,
    Else,
}

impl Entry {
    fn of(entry: &[u8]) -> Self {
        match entry[66] {
            0 => Self::Unused,
            5 => Self::Root,
            2 if is_thumbnail(&name(entry)) => Self::Picture,
            _ => Self::Else,
        }
    }
}

/// The name of an entry, of which the length in bytes is kept with the mark at its end.
fn name(entry: &[u8]) -> String {
    let bytes = usize::from(u16::from_le_bytes([entry[64], entry[65]])).clamp(2, 64) - 2;
    let units: Vec<u16> = entry[..bytes]
        .as_chunks()
        .0
        .iter()
        .map(|unit| u16::from_le_bytes(*unit))
        .collect();
    String::from_utf16_lossy(&units)
}

fn is_thumbnail(name: &str) -> bool {
    let (number, digest) = name.split_once('_').unwrap_or((name, "0"));
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let is_digest = !digest.is_empty() && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    name == "Catalog" || (is_number && is_digest)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
const ENTRY: usize = 128;
const END_OF_CHAIN: u32 = 0xffff_fffe;
/// Numbers above stand for something else than a sector.
const MOST_REGULAR: u32 = 0xffff_fffa;
/// As many sectors of the directory as 65,536 pictures need.
const MOST_SECTORS: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use crate::scan::{Limits, Verdict, scan_bytes};

    /// A compound file with streams of these names, its directory in one sector.
    fn compound(names: &[&str]) -> Vec<u8> {
        let mut bytes = super::MAGIC.to_vec();
        bytes.resize(512, 0xff);
        bytes[0x1e..0x20].copy_from_slice(&9_u16.to_le_bytes());
        bytes[0x30..0x34].copy_from_slice(&1_u32.to_le_bytes());
        bytes[0x4c..0x50].copy_from_slice(&0_u32.to_le_bytes());
        let mut table = vec![0xff; 512];
        table[4..8].copy_from_slice(&super::END_OF_CHAIN.to_le_bytes());
        bytes.extend(table);
        let mut directory = Vec::new();
        for (name, kind) in [("Root Entry", 5)]
            .into_iter()
            .chain(names.iter().map(|name| (*name, 2)))
        {
            let mut entry: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let length = u16::try_from(entry.len() + 2).expect("short");
            entry.resize(super::ENTRY, 0);
            entry[64..66].copy_from_slice(&length.to_le_bytes());
            entry[66] = kind;
            directory.extend(entry);
        }
        directory.resize(512, 0);
        bytes.extend(directory);
        bytes
    }

    fn verdict(bytes: &[u8]) -> Verdict {
        scan_bytes("Thumbs.db", bytes, &Limits::default()).verdict
    }

    #[test]
    fn small_pictures_are_clean_and_documents_are_not_judged() {
        assert_eq!(
            verdict(&compound(&["Catalog", "1", "256_8b3ae8b9a8c5d1f2"])),
            Verdict::Clean
        );
        for names in [&["Catalog", "1", "VBA"][..], &["WordDocument"], &[]] {
            assert_eq!(verdict(&compound(names)), Verdict::Unscannable, "{names:?}");
        }
    }

    #[test]
    fn no_cut_and_no_circle_makes_it_clean() {
        let whole = compound(&["Catalog", "1"]);
        for cut in 8..whole.len() {
            assert_ne!(verdict(&whole[..cut]), Verdict::Clean, "{cut}");
        }
        let mut circle = whole;
        circle[512 + 4..512 + 8].copy_from_slice(&1_u32.to_le_bytes());
        assert_eq!(verdict(&circle), Verdict::Unscannable);
    }
}
