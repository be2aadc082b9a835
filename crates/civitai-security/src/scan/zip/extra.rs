//! The extra fields of a member: zip64 sizes and another name. All others are padding to a reader.

use super::record::Fields;

const ZIP64: u16 = 0x0001;
const UNICODE_PATH: u16 = 0x7075;
/// Number and length of a field.
const HEAD_BYTES: usize = 4;

/// What the extra fields say beside sizes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extra {
    /// A second name that some readers use in place of the first.
    pub(super) unicode_name: Option<Vec<u8>>,
    /// Sizes of 64 bits that are missing where the header refers to them, stand where it does not and differ, or stand twice.
    pub(super) is_wide_inconsistent: bool,
    /// A field is said to be longer than what is left.
    pub(super) is_cut: bool,
}

/// The numbers of a header, all ones where they are in the extra field.
#[derive(Clone, Copy)]
pub(super) struct Narrow {
    pub(super) size: u32,
    pub(super) packed: u32,
    pub(super) header: Option<u32>,
    pub(super) disk: Option<u16>,
}

/// The numbers of a member, widened.
pub(super) struct Wide {
    pub(super) size: u64,
    pub(super) packed: u64,
    pub(super) header: u64,
    pub(super) disk: u32,
    pub(super) extra: Extra,
}

/// Reads the fields; bytes too few for one are ignored, because writers pad with them.
pub(super) fn read(bytes: &[u8], narrow: Narrow, name: &[u8]) -> Wide {
    let mut wide = Wide {
        size: narrow.size.into(),
        packed: narrow.packed.into(),
        header: narrow.header.unwrap_or(0).into(),
        disk: narrow.disk.unwrap_or(0).into(),
        extra: Extra::default(),
    };
    let mut widened = false;
    let mut rest = bytes;
    while let Some((id, body)) = field(&mut rest) {
        match id {
            ZIP64 => {
                wide.extra.is_wide_inconsistent |= widened || !widen(&mut wide, narrow, body);
                widened = true;
            }
            UNICODE_PATH => wide.extra.unicode_name = unicode_name(body, name),
            _ => {}
        }
    }
    wide.extra.is_cut = rest.len() >= HEAD_BYTES;
    wide.extra.is_wide_inconsistent |= !widened
        && (narrow.size == u32::MAX
            || narrow.packed == u32::MAX
            || narrow.header == Some(u32::MAX));
    wide
}

/// Takes the next field; none where what is left is no whole one.
fn field<'b>(bytes: &mut &'b [u8]) -> Option<(u16, &'b [u8])> {
    let (head, rest) = bytes.split_at_checked(HEAD_BYTES)?;
    let body = rest.get(..usize::from(Fields(head).u16(2)))?;
    *bytes = &rest[body.len()..];
    Some((Fields(head).u16(0), body))
}

/// Takes the numbers that the header refers to, in their fixed order. Numbers it does not refer to may stand there all the
/// same, in which case they have to be those of the header.
fn widen(wide: &mut Wide, narrow: Narrow, body: &[u8]) -> bool {
    let mut at = 0;
    let mut next = |is_referred: bool, value: &mut u64| {
        if !is_referred {
            return true;
        }
        let is_there = body.len() >= at + 8;
        if is_there {
            *value = Fields(body).u64(at);
            at += 8;
        }
        is_there
    };
    let mut complete = next(narrow.size == u32::MAX, &mut wide.size);
    complete &= next(narrow.packed == u32::MAX, &mut wide.packed);
    complete &= next(narrow.header == Some(u32::MAX), &mut wide.header);
    if narrow.disk == Some(u16::MAX) {
        complete &= body.len() >= at + 4;
        wide.disk = Fields(body).u32(at);
    }
    // Writers repeat the offset in the header in front of the data, where nobody looks for it.
    complete && (at > 0 || narrow.header.is_none() || is_repetition(narrow, body))
}

/// Whether a field that nothing refers to repeats the header's own sizes.
fn is_repetition(narrow: Narrow, body: &[u8]) -> bool {
    let same =
        |at: usize, value: u32| body.len() < at + 8 || Fields(body).u64(at) == u64::from(value);
    same(0, narrow.size) && same(8, narrow.packed)
}

/// Info-ZIP's second name, which holds only while the first is the one it was made for.
fn unicode_name(body: &[u8], name: &[u8]) -> Option<Vec<u8>> {
    let (head, second) = body.split_at_checked(5)?;
    let is_current = head[0] == 1 && Fields(head).u32(1) == crc32fast::hash(name);
    is_current.then(|| second.to_vec())
}
