//! Attributes that stand in front of a member and replace those of its header.

use super::super::frame::{Scan, Stop};
use super::super::input::Input;
use super::TAR_RECORD;

/// The attribute that is a member's name.
pub(super) const NAME: &[u8] = b"path";
/// The attribute that is a link's target.
pub(super) const LINK: &[u8] = b"linkpath";
const SIZE: &[u8] = b"size";
const SPARSE_NAME: &[u8] = b"GNU.sparse.name";
const KEYS: [&[u8]; 4] = [NAME, LINK, SIZE, SPARSE_NAME];

/// The attributes that change what a member is; of each the last, which is the one that counts.
#[derive(Debug, Default)]
pub(super) struct Records {
    values: [Option<Vec<u8>>; KEYS.len()],
    has_several: bool,
    is_sparse: bool,
}

impl Records {
    /// Reads records of the form `LENGTH KEY=VALUE\n`.
    pub(super) fn read_pax(
        &mut self,
        scan: &mut Scan<'_>,
        input: &mut Input<'_>,
        at: u64,
        size: u64,
    ) -> Result<(), Stop> {
        let bytes = bounded(scan, input, at, size)?;
        let mut rest = bytes.as_slice();
        // Some writers fill up with zeros.
        while rest.first().is_some_and(|&byte| byte != 0) {
            let Some((key, value, following)) = record(rest) else {
                scan.find(&TAR_RECORD, at, "");
                break;
            };
            self.note(key, value.to_vec());
            rest = following;
        }
        Ok(())
    }

    /// Reads a name in GNU's form: the data of a member of its own.
    pub(super) fn read_long(
        &mut self,
        scan: &mut Scan<'_>,
        input: &mut Input<'_>,
        at: u64,
        size: u64,
        key: &[u8],
    ) -> Result<(), Stop> {
        let mut value = bounded(scan, input, at, size)?;
        let end = value.iter().position(|&byte| byte == 0);
        value.truncate(end.unwrap_or(value.len()));
        self.note(key, value);
        Ok(())
    }

    fn note(&mut self, key: &[u8], value: Vec<u8>) {
        self.is_sparse |= key.starts_with(b"GNU.sparse.");
        let Some(place) = KEYS.iter().position(|known| *known == key) else {
            return;
        };
        let differs = |before: &Vec<u8>| *before != value && key != SPARSE_NAME;
        self.has_several |= self.values[place].as_ref().is_some_and(differs);
        self.values[place] = Some(value);
    }

    pub(super) fn name(&self) -> Option<&[u8]> {
        self.value(SPARSE_NAME).or_else(|| self.value(NAME))
    }

    pub(super) fn link(&self) -> Option<&[u8]> {
        self.value(LINK)
    }

    pub(super) fn size(&self) -> Option<u64> {
        str::from_utf8(self.value(SIZE)?).ok()?.parse().ok()
    }

    /// Whether name, link or size stand several times and differ.
    pub(super) fn has_several_names(&self) -> bool {
        self.has_several
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.is_sparse
    }

    fn value(&self, wanted: &[u8]) -> Option<&[u8]> {
        let mut known = KEYS.iter().zip(&self.values);
        let (_, value) = known.find(|(key, _)| **key == wanted)?;
        value.as_deref()
    }
}

/// The key and the value of the first record, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().position(|&byte| byte == b' ')?;
    let length: usize = str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let (record, following) = bytes.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&byte| byte == b'=')?;
    Some((&body[..equals], &body[equals + 1..], following))
}

/// The data of a member that describes another; what is longer than any writer makes it is cut.
fn bounded(
    scan: &mut Scan<'_>,
    input: &mut Input<'_>,
    at: u64,
    size: u64,
) -> Result<Vec<u8>, Stop> {
    if size > MOST_BYTES {
        scan.find(&TAR_RECORD, at, format!("{size} bytes"));
    }
    let count = usize::try_from(size.min(MOST_BYTES)).expect("it is less than a mebibyte");
    Ok(input.bytes_at(at, count)?)
}

const MOST_BYTES: u64 = 1 << 20;
