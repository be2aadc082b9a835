//! Attributes that stand in front of a member and replace those of its header.

use super::super::frame::{Scan, Stop};
use super::super::input::Input;
use super::TAR_RECORD;

/// The attribute that is a member's name.
pub(super) const NAME: &[u8] = b"path";
/// The attribute that is a link's target.
pub(super) const LINK: &[u8] = b"linkpath";
const SIZE: &[u8] = b"size";

/// Attributes in the order in which they stood, all repetitions kept.
#[derive(Debug, Default)]
pub(super) struct Records {
    attributes: Vec<(Vec<u8>, Vec<u8>)>,
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
            self.attributes.push((key.to_vec(), value.to_vec()));
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
        self.attributes.push((key.to_vec(), value));
        Ok(())
    }

    pub(super) fn name(&self) -> Option<&[u8]> {
        self.last(b"GNU.sparse.name").or_else(|| self.last(NAME))
    }

    pub(super) fn link(&self) -> Option<&[u8]> {
        self.last(LINK)
    }

    pub(super) fn size(&self) -> Option<u64> {
        str::from_utf8(self.last(SIZE)?).ok()?.parse().ok()
    }

    /// Whether the name stands twice and differs.
    pub(super) fn has_several_names(&self) -> bool {
        [NAME, LINK, SIZE].iter().any(|key| {
            let mut values = self.values(key);
            let first = values.next();
            values.any(|value| Some(value) != first)
        })
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.attributes
            .iter()
            .any(|(key, _)| key.starts_with(b"GNU.sparse."))
    }

    fn last(&self, key: &[u8]) -> Option<&[u8]> {
        self.values(key).last()
    }

    fn values(&self, wanted: &[u8]) -> impl Iterator<Item = &[u8]> {
        let attributes = self.attributes.iter();
        attributes.filter_map(move |(key, value)| (key == wanted).then_some(value.as_slice()))
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
