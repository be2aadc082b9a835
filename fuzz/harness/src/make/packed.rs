//! Packed streams.

use std::io::Write;

use super::{Fields, content};
use crate::random::{Random, low32};

pub(crate) const WORDS: &[&[u8]] = &[
    b"\x1f\x8b\x08\0",
    b"\x1f\x8b\x08\x1f",
    b"BZh9",
    b"BZh11AY&SY",
    b"\x17\x72\x45\x38\x50\x90",
    XZ,
    LZMA,
    b"\x78\x9c",
    b"YZ",
    b"\x5d\0\0\x80\0",
    b"\x03\0\0\0\0\0\0\0\0\0",
];

/// A stream, or a row of them.
pub(crate) fn packed(random: &mut Random) -> Vec<u8> {
    let mut bytes = stream(random);
    while random.one_in(4) {
        bytes.extend(if random.one_in(3) {
            vec![0; random.below(9)]
        } else {
            stream(random)
        });
    }
    if random.one_in(12) {
        bytes.extend(random.bytes(30));
    }
    bytes
}

fn stream(random: &mut Random) -> Vec<u8> {
    let kind = random.below(8);
    match kind {
        0 => return XZ.to_vec(),
        1 => return LZMA.to_vec(),
        _ => {}
    }
    let data = match random.below(8) {
        0 => Vec::new(),
        1 => vec![0; 1 << random.below(18)],
        _ => content(random),
    };
    match kind {
        2 | 3 => bzip2(&data),
        4 => zlib(&data),
        _ => gzip(random, &data),
    }
}

/// The stream of bzip2.
pub(crate) fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packer.write_all(data).expect("a vector takes everything");
    packer.finish().expect("a vector takes everything")
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(data).expect("a vector takes everything");
    packer.finish().expect("a vector takes everything")
}

fn gzip(random: &mut Random, data: &[u8]) -> Vec<u8> {
    let flags = if random.one_in(3) { random.byte() } else { 0 };
    let mut head = Fields::of(b"\x1f\x8b\x08").u8(flags).bytes([0; 6]);
    if flags & 4 != 0 {
        head = head.u16(random.lie16(3)).bytes("abc");
    }
    for _ in 0..(flags & 0b1_1000).count_ones() {
        head = head.bytes("name\0");
    }
    if flags & 2 != 0 {
        let checksum = low32(random.lie((crc32fast::hash(&head.0) & 0xffff).into()));
        head = head.u16(crate::random::low16(checksum.into()));
    }
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(data).expect("a vector takes everything");
    head.bytes(packer.finish().expect("a vector takes everything"))
        .u32(low32(random.lie(crc32fast::hash(data).into())))
        .u32(random.lie32(data.len()))
        .0
}

/// A pickle, packed by `xz`.
const XZ: &[u8] = b"\xfd\x37\x7a\x58\x5a\x00\x00\x01\x69\x22\xde\x36\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5\xa3\x01\x00\x18\x80\x02\x63\x6f\x73\x0a\x73\x79\x73\x74\x65\x6d\x0a\x58\x04\x00\x00\x00\x74\x72\x75\x65\x85\x52\x2e\x00\x00\x00\x00\xeb\x09\xde\x8a\x00\x01\x2d\x19\x04\x47\xc7\x64\x90\x42\x99\x0d\x01\x00\x00\x00\x00\x01\x59\x5a";
/// The same, packed by `lzma`.
const LZMA: &[u8] = b"\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00\x40\x00\x88\x03\xbc\x30\xbd\x34\xde\x2f\x5e\x26\xd0\x69\xfb\x36\x17\xfd\x87\x45\x8b\x55\x73\x34\x53\x95\xfc\xfa\x71\xff\xff\xdd\x47\x00\x00";
