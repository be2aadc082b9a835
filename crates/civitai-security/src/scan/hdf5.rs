//! HDF5, the container of Keras models (`.h5`) and of their weights.
//!
//! All objects of a file are walked, over both ways in which groups are stored. What matters is what a
//! loader takes from elsewhere, and the configuration of the model, which Keras keeps in attributes and
//! loads without its safe mode (CVE-2025-9905). The data of datasets are numbers and are not read.

mod attribute;
mod heap;
mod object;
mod source;
mod tree;

use std::collections::HashSet;
use std::io;

use super::format::{Format, Match};
use super::frame::{Role, Scan, Stop};
use super::input::Input;
use super::rule::rule_table;
use source::{Fields, File};

rule_table! { "HDF5":
    HDF5_SIGNATURE = "hdf5_signature", Malformed,
        "the name says HDF5, the bytes do not", "HDF5 File Format Specification";
    HDF5_BROKEN = "hdf5_broken", Malformed,
        "a structure of the file is cut off, points outside of it or is none", "HDF5 File Format Specification";
    HDF5_VERSION = "hdf5_version", Unscannable,
        "a structure of a version that the scanner does not know", "fail closed";
    HDF5_EXTERNAL_LINK = "hdf5_external_link", Malicious,
        "a group has an object of another file, which reading it opens", "HDF5: external links; CVE-2026-1669";
    HDF5_EXTERNAL_DATA = "hdf5_external_data", Malicious,
        "the numbers of a dataset are read from another file", "HDF5: external storage, virtual datasets; CVE-2026-1669";
    HDF5_SHARED = "hdf5_shared", Unscannable,
        "an attribute is kept in a table of shared messages, which the scanner does not follow", "fail closed";
    HDF5_LIMIT = "hdf5_limit", Unscannable,
        "more objects or bytes of structures than the scanner reads", "fail closed";
}

pub(super) const FORMAT: Format = Format {
    name: "hdf5",
    extensions: &["h5", "hdf5"],
    detect: |input| {
        let named = input.has_extension(FORMAT.extensions);
        Ok(Match::from(named || signature(input)?.is_some()))
    },
    scan,
};

/// Where the signature stands: at the start, or at 512 bytes or a doubling of it.
fn signature(input: &mut Input<'_>) -> io::Result<Option<u64>> {
    let mut at = 0;
    while at < input.len() {
        if input.bytes_at(at, SIGNATURE.len())? == SIGNATURE {
            return Ok(Some(at));
        }
        at = if at == 0 { FIRST_BLOCK } else { at * 2 };
    }
    Ok(None)
}

fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let Some(start) = signature(input)? else {
        return Err(Stop::at(&HDF5_SIGNATURE, 0, "no HDF5 signature"));
    };
    let walked = walk(scan, input, start);
    if matches!(walked, Err(Stop::Found(_))) {
        judge_texts(scan, input)?;
    }
    walked
}

/// Judges the configurations in a file whose structure could not be followed: another reader may find them.
fn judge_texts(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let bytes = input.bytes_at(0, TEXTS_BYTES)?;
    let texts = bytes.split(|byte| !matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..));
    for text in texts.filter(|text| text.len() >= TEXT_BYTES) {
        let Some(begin) = text.iter().position(|byte| *byte == b'{') else {
            continue;
        };
        let json = String::from_utf8_lossy(&text[begin..]);
        if json.contains("class_name") {
            let at = text.as_ptr().addr() - bytes.as_ptr().addr() + begin;
            let name = format!("(text at {at}).json");
            let mut json = io::Cursor::new(json.as_bytes());
            scan.member(&name, Role::Data, &mut Input::new(&name, &mut json)?)?;
        }
    }
    Ok(())
}

fn walk(scan: &mut Scan<'_>, input: &mut Input<'_>, start: u64) -> Result<(), Stop> {
    let (file, root) = superblock(input, start)?;
    let mut walk = Walk {
        file,
        scan,
        seen: HashSet::new(),
        waiting: Vec::new(),
        strings: heap::Strings::default(),
    };
    walk.visit(root)?;
    while let Some(object) = walk.waiting.pop() {
        walk.object(object)?;
    }
    Ok(())
}

/// Reads the superblock; gives the file and the address of its root object.
fn superblock<'r, 'a>(input: &'r mut Input<'a>, start: u64) -> Result<(File<'r, 'a>, u64), Stop> {
    let bytes = input.bytes_at(start, SUPERBLOCK_BYTES)?;
    let version = bytes.get(8).copied().unwrap_or_default();
    let (sizes, skipped) = match version {
        0 => (13, 8),
        1 => (13, 12),
        2 | 3 => (9, 1),
        _ => {
            let detail = format!("superblock of version {version}");
            return Err(Stop::at(&HDF5_VERSION, start, detail));
        }
    };
    let mut file = File::new(input);
    let mut fields = Fields::new(&bytes, start);
    fields.skip(sizes)?;
    file.offset_bytes = fields.size()?;
    file.length_bytes = fields.size()?;
    // The old ones have a reserved byte here that is not in `skipped`.
    fields.skip(skipped + usize::from(version < 2))?;
    file.base = fields.number(file.offset_bytes)?;
    fields.skip(file.offset_bytes)?;
    let end = fields.number(file.offset_bytes)?;
    // The one address that counts from the start of the file.
    if end > file.len() {
        let detail = format!("the file should have {end} bytes");
        return Err(Stop::at(&HDF5_BROKEN, start, detail));
    }
    if version < 2 {
        // The block of the driver, and the name in the entry of the root group.
        fields.skip(2 * file.offset_bytes)?;
    }
    let root = fields.number(file.offset_bytes)?;
    Ok((file, root))
}

/// The walk over all objects of a file.
struct Walk<'s, 'l, 'r, 'a> {
    file: File<'r, 'a>,
    scan: &'s mut Scan<'l>,
    /// Addresses of objects and nodes that are or will be read: a file may go in circles.
    seen: HashSet<u64>,
    waiting: Vec<u64>,
    strings: heap::Strings,
}

impl Walk<'_, '_, '_, '_> {
    /// Has an object read, once.
    fn visit(&mut self, address: u64) -> Result<(), Stop> {
        if self.enter(address)? {
            self.waiting.push(address);
        }
        Ok(())
    }

    /// Whether a structure is read for the first time.
    fn enter(&mut self, address: u64) -> Result<bool, Stop> {
        self.scan.budget().step()?;
        if self.seen.len() >= OBJECTS {
            return Err(Stop::at(
                &HDF5_LIMIT,
                address,
                format!("more than {OBJECTS} objects"),
            ));
        }
        Ok(self.seen.insert(address))
    }
}

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";
const FIRST_BLOCK: u64 = 512;
const SUPERBLOCK_BYTES: usize = 128;
/// Configurations stand before the weights.
const TEXTS_BYTES: usize = 64 << 20;
/// A shorter text is no object with a class and its configuration.
const TEXT_BYTES: usize = 24;
const OBJECTS: usize = 1 << 19;
