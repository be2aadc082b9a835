//! The two kinds of heaps: of strings, and of messages of which an object has many.

use std::collections::HashMap;
use std::ops::Range;

use super::object::unknown;
use super::source::{Fields, File};
use super::tree::bytes_for;
use super::{HDF5_BROKEN, HDF5_VERSION, Walk};
use crate::scan::frame::Stop;

/// A heap of messages ("fractal"): blocks that double in size, row by row.
pub(super) struct Heap {
    address: u64,
    offset_bytes: usize,
    length_bytes: usize,
    width: u64,
    start_bytes: u64,
    direct_bytes: u64,
    root: u64,
    rows: u64,
}

impl Heap {
    pub(super) fn open(file: &mut File<'_, '_>, address: u64) -> Result<Self, Stop> {
        let (offset, length) = (file.offset_bytes, file.length_bytes);
        let len = 14 + 12 * length + 3 * offset + 8;
        let bytes = file.read(address, len as u64)?;
        let mut fields = Fields::new(&bytes, file.position(address));
        fields.expect(b"FRHP")?;
        let version = fields.byte()?;
        if version != 0 {
            return Err(unknown(fields.position(), "heap", version));
        }
        fields.skip(2)?;
        let filters = fields.number(2)?;
        fields.skip(1)?;
        let most = fields.number(4)?;
        // Huge and tiny objects, free space and the counts of managed objects.
        fields.skip(10 * length + 2 * offset)?;
        let width = fields.number(2)?;
        let start_bytes = fields.number(length)?;
        let direct_bytes = fields.number(length)?;
        let heap_bits = fields.number(2)?;
        fields.skip(2)?;
        let root = fields.number(offset)?;
        let rows = fields.number(2)?;
        if filters != 0 {
            let detail = "a heap of filtered messages";
            return Err(Stop::at(&HDF5_VERSION, fields.position(), detail));
        }
        let powers = start_bytes.is_power_of_two() && direct_bytes.is_power_of_two();
        if width == 0 || !powers || start_bytes > direct_bytes || heap_bits > 64 {
            return Err(fields.broken("a heap of impossible sizes"));
        }
        let offset_bytes = usize::try_from(heap_bits).expect("at most 64").div_ceil(8);
        Ok(Self {
            address,
            offset_bytes,
            length_bytes: bytes_for(most.min(direct_bytes)),
            width,
            start_bytes,
            direct_bytes,
            root,
            rows,
        })
    }

    /// The message of an id, and where it stands in the file.
    pub(super) fn get(&self, file: &mut File<'_, '_>, id: &[u8]) -> Result<(u64, Vec<u8>), Stop> {
        let mut fields = Fields::new(id, 0);
        let kind = fields.byte()? >> 4 & 3;
        if kind != 0 {
            let detail = "a message outside of its heap's blocks";
            return Err(Stop::at(&HDF5_VERSION, file.position(self.address), detail));
        }
        let offset = fields.number(self.offset_bytes)?;
        let len = fields.number(self.length_bytes)?;
        let (block, within) = if self.rows == 0 {
            (self.root, offset)
        } else {
            self.block(file, self.root, self.rows, offset, 0)?
        };
        let address = block.saturating_add(within);
        Ok((file.position(address), file.read(address, len)?))
    }

    /// The block that has a byte of the heap, and the byte in it.
    fn block(
        &self,
        file: &mut File<'_, '_>,
        indirect: u64,
        rows: u64,
        offset: u64,
        level: usize,
    ) -> Result<(u64, u64), Stop> {
        let head = 5 + file.offset_bytes + self.offset_bytes;
        let bytes = file.read(indirect, head as u64)?;
        let mut fields = Fields::new(&bytes, file.position(indirect));
        fields.expect(b"FHIB")?;
        if level > LEVELS {
            return Err(fields.broken("a heap that goes in circles"));
        }
        let mut before = 0_u64;
        let mut entries = 0_u64;
        for row in 0..rows.min(ROWS) {
            let doublings = u32::try_from(row.saturating_sub(1)).expect("few rows");
            let Some(size) = self
                .start_bytes
                .checked_shl(doublings)
                .filter(|size| *size > 0)
            else {
                break;
            };
            let row_bytes = size.saturating_mul(self.width);
            if offset < before.saturating_add(row_bytes) {
                let column = (offset - before) / size;
                let within = (offset - before) % size;
                let entry = (entries + column) * file.offset_bytes as u64;
                let at = indirect.saturating_add(head as u64).saturating_add(entry);
                let child = file.read(at, file.offset_bytes as u64)?;
                let child = Fields::new(&child, 0).number(file.offset_bytes)?;
                if size <= self.direct_bytes {
                    return Ok((child, within));
                }
                let child_rows = self.rows_of(size);
                return self.block(file, child, child_rows, within, level + 1);
            }
            before = before.saturating_add(row_bytes);
            entries += self.width;
        }
        Err(fields.broken("a message past the end of its heap"))
    }

    /// The rows of an indirect block that stands for `size` bytes.
    fn rows_of(&self, size: u64) -> u64 {
        let first_row = self.start_bytes.saturating_mul(self.width);
        u64::from((size / first_row.max(1)).max(1).ilog2()) + 1
    }
}

/// The collection of strings that was read last: an object has its strings in few of them.
#[derive(Default)]
pub(super) struct Strings {
    address: Option<u64>,
    bytes: Vec<u8>,
    /// Where the strings of a number stand in `bytes`.
    places: HashMap<u64, Range<usize>>,
}

impl Walk<'_, '_, '_, '_> {
    /// A string of the heap that all objects of the file share.
    pub(super) fn shared_string(&mut self, collection: u64, index: u64) -> Result<&[u8], Stop> {
        if self.strings.address != Some(collection) {
            self.strings = self.collection(collection)?;
        }
        let place = self.strings.places.get(&index).cloned();
        let place = place.ok_or_else(|| {
            let detail = "a string that is not in its heap";
            Stop::at(&HDF5_BROKEN, self.file.position(collection), detail)
        })?;
        Ok(&self.strings.bytes[place])
    }

    fn collection(&mut self, address: u64) -> Result<Strings, Stop> {
        let length_bytes = self.file.length_bytes;
        let head = self.file.read(address, 8 + length_bytes as u64)?;
        let mut fields = Fields::new(&head, self.file.position(address));
        fields.expect(b"GCOL")?;
        fields.skip(4)?;
        let len = fields.number(length_bytes)?;
        let bytes = self.file.read(address, len)?;
        let mut fields = Fields::new(&bytes, self.file.position(address));
        fields.skip(head.len().min(bytes.len()))?;
        let mut places = HashMap::new();
        while fields.left() >= 8 + length_bytes {
            let index = fields.number(2)?;
            fields.skip(6)?;
            let len = usize::try_from(fields.number(length_bytes)?).unwrap_or(usize::MAX);
            // Number 0 is the free space at the end.
            if index == 0 {
                break;
            }
            let start = bytes.len() - fields.left();
            fields.skip(len)?;
            places.insert(index, start..start + len);
            fields.skip((len.next_multiple_of(8) - len).min(fields.left()))?;
        }
        Ok(Strings {
            address: Some(address),
            bytes,
            places,
        })
    }
}

const LEVELS: usize = 16;
const ROWS: u64 = 64;
