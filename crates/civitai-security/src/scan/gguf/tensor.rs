use std::collections::HashSet;

use super::reader::Reader;
use super::{GGUF_COUNT, GGUF_DUPLICATE, GGUF_END, GGUF_OFFSET, GGUF_SIZE, GGUF_TYPE};
use crate::scan::frame::{Scan, Stop};

/// The tensors that a header describes.
pub(super) struct Table {
    spans: Vec<Span>,
    /// Whether the size of each tensor is known.
    whole: bool,
}

struct Span {
    /// From the start of the data.
    offset: u64,
    size: u64,
    /// Where the header describes the tensor.
    entry: u64,
}

pub(super) fn read(
    scan: &mut Scan<'_>,
    reader: &mut Reader<'_, '_>,
    count: u64,
) -> Result<Table, Stop> {
    let mut names = HashSet::new();
    let mut table = Table {
        spans: Vec::new(),
        whole: true,
    };
    for _ in 0..count {
        let entry = reader.at();
        let name = reader.name("a tensor's name", NAME_BYTES)?;
        let shape = read_shape(reader)?;
        let kind = reader.u32()?;
        let offset = reader.u64()?;
        let known = TYPES.iter().find(|known| known.0 == kind);
        let size = known.and_then(|(_, block, bytes)| size(&shape, *block, *bytes));
        if let Some(size) = size {
            table.spans.push(Span {
                offset,
                size,
                entry,
            });
        } else {
            table.whole = false;
            if known.is_none() {
                scan.find(&GGUF_TYPE, entry, format!("{name} is of type {kind}"));
            } else {
                scan.find(&GGUF_SIZE, entry, format!("{name} of shape {shape:?}"));
            }
        }
        if let Some(twice) = names.replace(name) {
            scan.find(&GGUF_DUPLICATE, entry, format!("tensor {twice}"));
        }
    }
    Ok(table)
}

fn read_shape(reader: &mut Reader<'_, '_>) -> Result<Vec<u64>, Stop> {
    let at = reader.at();
    let dimensions = reader.u32()?;
    if dimensions > DIMENSIONS {
        let detail = format!("{dimensions} dimensions");
        return Err(Stop::at(&GGUF_COUNT, at, detail));
    }
    (0..dimensions).map(|_| reader.u64()).collect()
}

/// The bytes of a tensor, `None` where they overflow or where a row is no whole number of blocks.
///
/// The bound is that of a signed 64-bit number: readers in C count elements and bytes with it.
fn size(shape: &[u64], block: u64, bytes: u64) -> Option<u64> {
    let row = shape.first().copied().unwrap_or(1);
    if !row.is_multiple_of(block) {
        return None;
    }
    let elements = shape
        .iter()
        .try_fold(1_u64, |product, size| product.checked_mul(*size))
        .filter(|elements| i64::try_from(*elements).is_ok())?;
    (elements / block)
        .checked_mul(bytes)
        .filter(|size| i64::try_from(*size).is_ok())
}

impl Table {
    /// Checks that the tensors lie one after the other, each aligned, and fill the rest of the file.
    pub(super) fn check(mut self, scan: &mut Scan<'_>, reader: &Reader<'_, '_>, alignment: u64) {
        let header = reader.at();
        let Some(start) = header.checked_next_multiple_of(alignment) else {
            scan.find(&GGUF_OFFSET, header, "the data begins past every file");
            return;
        };
        self.spans
            .sort_unstable_by_key(|span| (span.offset, span.size));
        // `due` is where the next tensor begins, `end` where the last one ends without its padding.
        let (mut due, mut end) = (0_u64, 0_u64);
        for Span {
            offset,
            size,
            entry,
        } in self.spans
        {
            let tensor_end = offset.checked_add(size);
            let file_end = tensor_end.and_then(|end| start.checked_add(end));
            if file_end.is_none_or(|end| end > reader.len()) {
                let detail = format!("{size} bytes at {offset} of the data end past the file");
                scan.find(&GGUF_OFFSET, entry, detail);
                return;
            }
            if offset != due && self.whole {
                let detail = format!("data at {offset}: {due} was due");
                scan.find(&GGUF_OFFSET, entry, detail);
            }
            end = tensor_end.expect("a tensor ends in the file");
            due = end.next_multiple_of(alignment);
        }
        // Writers pad the last tensor, or do not.
        let last = if end == 0 { start } else { start + due };
        if self.whole && reader.len() > last {
            let detail = format!("{} bytes follow the last tensor", reader.len() - last);
            scan.find(&GGUF_END, last, detail);
        }
    }
}

/// What builds for image models take; `gguf.md` says 64, and their tensors' names are longer.
const NAME_BYTES: u64 = 127;
/// One more than `ggml` computes with: the first convolution of video models has five.
const DIMENSIONS: u32 = 5;

/// Types of tensors: their number, elements to a block, bytes to a block.
const TYPES: &[(u32, u64, u64)] = &[
    (0, 1, 4),      // F32
    (1, 1, 2),      // F16
    (2, 32, 18),    // Q4_0
    (3, 32, 20),    // Q4_1
    (6, 32, 22),    // Q5_0
    (7, 32, 24),    // Q5_1
    (8, 32, 34),    // Q8_0
    (9, 32, 40),    // Q8_1
    (10, 256, 84),  // Q2_K
    (11, 256, 110), // Q3_K
    (12, 256, 144), // Q4_K
    (13, 256, 176), // Q5_K
    (14, 256, 210), // Q6_K
    (15, 256, 292), // Q8_K
    (16, 256, 66),  // IQ2_XXS
    (17, 256, 74),  // IQ2_XS
    (18, 256, 98),  // IQ3_XXS
    (19, 256, 50),  // IQ1_S
    (20, 32, 18),   // IQ4_NL
    (21, 256, 110), // IQ3_S
    (22, 256, 82),  // IQ2_S
    (23, 256, 136), // IQ4_XS
    (24, 1, 1),     // I8
    (25, 1, 2),     // I16
    (26, 1, 4),     // I32
    (27, 1, 8),     // I64
    (28, 1, 8),     // F64
    (29, 256, 56),  // IQ1_M
    (30, 1, 2),     // BF16
    (31, 32, 18),   // Q4_0_4_4, no longer written
    (32, 32, 18),   // Q4_0_4_8, no longer written
    (33, 32, 18),   // Q4_0_8_8, no longer written
    (34, 256, 54),  // TQ1_0
    (35, 256, 66),  // TQ2_0
    (36, 32, 18),   // IQ4_NL_4_4, no longer written
    (37, 32, 18),   // IQ4_NL_4_8, no longer written
    (38, 32, 18),   // IQ4_NL_8_8, no longer written
    (39, 32, 17),   // MXFP4
    (40, 64, 36),   // NVFP4
    (41, 128, 18),  // Q1_0
];
