//! The wrapper of a gzip member, RFC 1952.

use std::io::{self, BufRead, Read};

/// What stands in front of a member's data.
pub(super) enum Header {
    /// A header of so many bytes; flawed where it has reserved bits, or a checksum that is not its own.
    Whole { length: u64, is_flawed: bool },
    /// The file ends inside it.
    Truncated,
    /// Something else.
    None,
}

/// Reads a member's header.
pub(super) fn read_header(source: &mut impl BufRead) -> io::Result<Header> {
    let mut fields = Fields {
        source,
        length: 0,
        checksum: crc32fast::Hasher::new(),
    };
    match fields.header() {
        Ok(is_flawed) => Ok(Header::Whole {
            length: fields.length,
            is_flawed,
        }),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Header::Truncated),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Header::None),
        Err(error) => Err(error),
    }
}

struct Fields<'r, R> {
    source: &'r mut R,
    length: u64,
    checksum: crc32fast::Hasher,
}

impl<R: BufRead> Fields<'_, R> {
    /// Gives whether the header is flawed; `InvalidData` where it is none.
    fn header(&mut self) -> io::Result<bool> {
        for expected in MAGIC {
            if self.byte()? != expected {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        let flags = self.byte()?;
        let mut is_flawed = flags & RESERVED != 0;
        for _ in 0..6 {
            self.byte()?;
        }
        if flags & EXTRA != 0 {
            let length = u16::from_le_bytes([self.byte()?, self.byte()?]);
            for _ in 0..length {
                self.byte()?;
            }
        }
        for _ in 0..(flags & (NAME | COMMENT)).count_ones() {
            while self.byte()? != 0 {}
        }
        if flags & HEADER_CHECKSUM != 0 {
            let checksum = self.checksum.clone().finalize().to_le_bytes();
            is_flawed |= [self.byte()?, self.byte()?] != checksum[..2];
        }
        Ok(is_flawed)
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.source.read_exact(&mut byte)?;
        self.checksum.update(&byte);
        self.length += 1;
        Ok(byte[0])
    }
}

/// What stands behind a member's data.
pub(super) struct Trailer([u8; TRAILER_BYTES]);

impl Trailer {
    /// Whether it belongs to data of this checksum and length.
    pub(super) fn is_of(&self, checksum: u32, length: u64) -> bool {
        let (stated_checksum, stated_length) = self.0.split_at(4);
        stated_checksum == checksum.to_le_bytes() && *stated_length == length.to_le_bytes()[..4]
    }
}

/// Reads what stands behind a member's data; `None` where the file ends.
pub(super) fn read_trailer(source: &mut impl Read) -> io::Result<Option<Trailer>> {
    let mut trailer = [0; TRAILER_BYTES];
    match source.read_exact(&mut trailer) {
        Ok(()) => Ok(Some(Trailer(trailer))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

/// Length of what stands behind a member's data.
pub(super) const TRAILER_BYTES: usize = 8;
/// The mark, and deflate, which is the only method there is.
pub(super) const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
const HEADER_CHECKSUM: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;
