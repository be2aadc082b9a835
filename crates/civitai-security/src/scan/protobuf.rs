//! The wire form of protocol buffers, read as a stream: no message is held, no length is believed.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::input::Input;

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    /// Where its tag begins.
    pub(super) at: u64,
    pub(super) number: u64,
    pub(super) value: Value,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Varint(u64),
    Fixed32,
    Fixed64,
    /// Bytes that are still to be read or skipped: the reader stands at their first.
    Bytes {
        len: u64,
    },
}

/// Why bytes are no message.
#[derive(Debug)]
pub(super) enum WireFault {
    Io(io::Error),
    Broken { at: u64, reason: &'static str },
}

impl From<io::Error> for WireFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads messages from an input.
pub(super) struct Wire<'r, 'a> {
    input: BufReader<&'r mut Input<'a>>,
    at: u64,
}

impl<'r, 'a> Wire<'r, 'a> {
    pub(super) fn new(input: &'r mut Input<'a>) -> io::Result<Self> {
        input.seek(SeekFrom::Start(0))?;
        Ok(Self {
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            at: 0,
        })
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// The next field of a message that ends at `end`; `None` at its end.
    ///
    /// The bytes of the field before must have been read or skipped.
    pub(super) fn field(&mut self, end: u64) -> Result<Option<Field>, WireFault> {
        let at = self.at;
        if at == end {
            return Ok(None);
        }
        let tag = self.varint(end)?;
        let number = tag >> 3;
        if number == 0 || tag > u64::from(u32::MAX) {
            return Err(broken(at, "a field has no number"));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint(end)?),
            1 => self.fixed(8, end, Value::Fixed64)?,
            2 => {
                let len = self.varint(end)?;
                if len > end - self.at {
                    return Err(broken(at, "a field goes on past its message"));
                }
                Value::Bytes { len }
            }
            5 => self.fixed(4, end, Value::Fixed32)?,
            _ => return Err(broken(at, "a field of a type that is not used")),
        };
        Ok(Some(Field { at, number, value }))
    }

    /// Reads the next `len` bytes, which `field` announced; `None` where they are more than `most`, and
    /// then they are skipped.
    pub(super) fn bytes(&mut self, len: u64, most: u64) -> Result<Option<Vec<u8>>, WireFault> {
        if len > most {
            self.skip(len)?;
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let read = (&mut self.input).take(len).read_to_end(&mut bytes)?;
        self.at += read as u64;
        if (read as u64) < len {
            return Err(broken(self.at, "the file ends early"));
        }
        Ok(Some(bytes))
    }

    pub(super) fn skip(&mut self, len: u64) -> Result<(), WireFault> {
        let distance = i64::try_from(len).map_err(|_| broken(self.at, "too long"))?;
        self.input.seek_relative(distance)?;
        self.at += len;
        Ok(())
    }

    fn fixed(&mut self, len: u64, end: u64, value: Value) -> Result<Value, WireFault> {
        if end - self.at < len {
            return Err(broken(self.at, "a field goes on past its message"));
        }
        self.skip(len)?;
        Ok(value)
    }

    pub(super) fn varint(&mut self, end: u64) -> Result<u64, WireFault> {
        let at = self.at;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            if self.at >= end {
                return Err(broken(at, "a number goes on past its message"));
            }
            let mut byte = [0];
            self.input.read_exact(&mut byte)?;
            self.at += 1;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(broken(at, "a number has more than ten bytes"))
    }
}

fn broken(at: u64, reason: &'static str) -> WireFault {
    WireFault::Broken { at, reason }
}

const BUFFER_BYTES: usize = 64 << 10;
