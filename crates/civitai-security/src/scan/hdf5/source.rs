use super::{HDF5_BROKEN, HDF5_LIMIT};
use crate::scan::frame::Stop;
use crate::scan::input::Input;

/// The file, addressed as its structures address it.
pub(super) struct File<'r, 'a> {
    input: &'r mut Input<'a>,
    /// What addresses count from.
    pub(super) base: u64,
    pub(super) offset_bytes: usize,
    pub(super) length_bytes: usize,
    /// Bytes of structures that may still be read.
    left: u64,
}

impl<'r, 'a> File<'r, 'a> {
    pub(super) fn new(input: &'r mut Input<'a>) -> Self {
        Self {
            input,
            base: 0,
            offset_bytes: 8,
            length_bytes: 8,
            left: STRUCTURE_BYTES,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.input.len()
    }

    /// The byte of the file that an address means.
    pub(super) fn position(&self, address: u64) -> u64 {
        self.base.saturating_add(address)
    }

    /// Reads `len` bytes at an address; fails where the file ends before.
    pub(super) fn read(&mut self, address: u64, len: u64) -> Result<Vec<u8>, Stop> {
        let bytes = self.read_up_to(address, len)?;
        if bytes.len() as u64 == len {
            return Ok(bytes);
        }
        let detail = format!("{len} bytes at {address}");
        Err(Stop::at(&HDF5_BROKEN, self.position(address), detail))
    }

    /// Reads at most `len` bytes at an address, fewer where the file ends before.
    pub(super) fn read_up_to(&mut self, address: u64, len: u64) -> Result<Vec<u8>, Stop> {
        let position = self.position(address);
        let len = len.min(self.len().saturating_sub(position));
        let count = usize::try_from(len).unwrap_or(usize::MAX);
        let Some(left) = self.left.checked_sub(len + READ_BYTES) else {
            let detail = format!("more than {STRUCTURE_BYTES} bytes of structures");
            return Err(Stop::at(&HDF5_LIMIT, position, detail));
        };
        self.left = left;
        Ok(self.input.bytes_at(position, count)?)
    }

    /// Whether an address means that there is nothing.
    pub(super) fn is_none(&self, address: u64) -> bool {
        let bits = 8 * self.offset_bytes.min(8);
        address == u64::MAX >> (64 - bits)
    }
}

/// Numbers in a structure, read from front to back.
#[derive(Clone)]
pub(super) struct Fields<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Where the structure stands in the file, for findings.
    position: u64,
}

impl<'b> Fields<'b> {
    pub(super) fn new(bytes: &'b [u8], position: u64) -> Self {
        Self {
            bytes,
            at: 0,
            position,
        }
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn position(&self) -> u64 {
        self.position + self.at as u64
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'b [u8], Stop> {
        let taken = self
            .at
            .checked_add(count)
            .and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.broken("a structure is cut off"))?;
        self.at += count;
        Ok(taken)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), Stop> {
        self.take(count).map(|_| ())
    }

    /// Goes on to the next multiple of eight bytes from the start.
    pub(super) fn align(&mut self) -> Result<(), Stop> {
        self.skip(self.at.next_multiple_of(8) - self.at)
    }

    /// A little-endian number of at most eight bytes.
    pub(super) fn number(&mut self, bytes: usize) -> Result<u64, Stop> {
        let taken = self.take(bytes)?;
        Ok(taken
            .iter()
            .rev()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    pub(super) fn byte(&mut self) -> Result<u8, Stop> {
        self.take(1).map(|byte| byte[0])
    }

    /// A number of bytes for addresses or lengths.
    pub(super) fn size(&mut self) -> Result<usize, Stop> {
        match self.byte()? {
            size @ (2 | 4 | 8) => Ok(usize::from(size)),
            size => Err(self.broken(&format!("addresses of {size} bytes"))),
        }
    }

    pub(super) fn expect(&mut self, signature: &[u8]) -> Result<(), Stop> {
        if self.take(signature.len())? == signature {
            return Ok(());
        }
        Err(self.broken(&format!("no {}", signature.escape_ascii())))
    }

    pub(super) fn broken(&self, detail: &str) -> Stop {
        Stop::at(&HDF5_BROKEN, self.position(), detail)
    }
}

/// What a read costs beside its bytes, so that very many short ones end as well.
const READ_BYTES: u64 = 256;
/// Far more than the structures of the largest models take.
const STRUCTURE_BYTES: u64 = 256 << 20;
