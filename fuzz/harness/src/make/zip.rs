//! Zip archives whose every field may lie.

use std::io::Write;

use super::{Fields, content};
use crate::random::{Random, low32};

pub(crate) const WORDS: &[&[u8]] = &[
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
    b"PK\x07\x08",
    b"PK00PK\x03\x04",
    b"../",
    b"\\",
    b"archive/data.pkl",
    b"data.pkl",
    b"version",
    b"\x01\0\x10\0",
    b"\x75\x70",
    b"\x08\0",
    b"\x0c\0",
    b"\x0e\0",
    b"\x5f\0",
    b"\x63\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff",
    b"\x01\x99\x07\0",
];

const NAMES: &[&str] = &[
    "archive/data.pkl",
    "archive/data/0",
    "archive/data/1",
    "archive/version",
    "archive/byteorder",
    "archive/.data/x",
    "archive/code/__torch__.py",
    "archive/constants.pkl",
    "a.npy",
    "model.safetensors",
    "config.json",
    "weights.h5",
    "metadata.json",
    "../a",
    "/a",
    "a/",
    "A.npy",
    "C:\\a",
    "a\u{301}.npy",
    "x.zip",
];

struct Member {
    name: Vec<u8>,
    packed: Vec<u8>,
    method: u16,
    flags: u16,
    checksum: u32,
    size: usize,
    extra: Vec<u8>,
    header: usize,
}

/// An archive of a few members.
pub(crate) fn zip(random: &mut Random) -> Vec<u8> {
    let mut bytes = match random.below(12) {
        0 => random.bytes(40),
        1 => b"PK00".to_vec(),
        _ => Vec::new(),
    };
    let mut members: Vec<_> = (0..random.below(5)).map(|_| member(random)).collect();
    for member in &mut members {
        member.header = bytes.len();
        bytes.extend(local(random, member));
        if random.one_in(30) {
            bytes.extend(random.bytes(9));
        }
    }
    if random.one_in(20) {
        members.reverse();
    }
    let start = bytes.len();
    for member in &members {
        bytes.extend(central(random, member));
    }
    if random.one_in(30) {
        bytes.extend(random.bytes(9));
    }
    let length = bytes.len() - start;
    if random.one_in(3) {
        bytes.extend(wide_end(random, members.len(), length, start));
    }
    let comment = if random.one_in(8) {
        random.bytes(60)
    } else {
        Vec::new()
    };
    bytes.extend(end(random, members.len(), length, start, &comment));
    if random.one_in(16) {
        bytes.extend(random.bytes(30));
    }
    bytes
}

fn member(random: &mut Random) -> Member {
    let name = NAMES[random.below(NAMES.len())].as_bytes().to_vec();
    let data = if random.one_in(6) {
        random.bytes(32)
    } else {
        content(random)
    };
    let (method, packed) = match random.below(5) {
        0 | 1 => (8, deflate(&data)),
        2 => (12, super::packed::bzip2(&data)),
        _ => (0, data.clone()),
    };
    let flags = match random.below(20) {
        0 => 1,
        1 => 1 << 11,
        2 => 1 << random.below(16),
        3..8 => 8,
        _ => 0,
    };
    Member {
        name,
        method: if random.one_in(60) {
            random.lie16(method.into())
        } else {
            method
        },
        packed,
        flags,
        checksum: low32(random.lie(crc32fast::hash(&data).into())),
        size: data.len(),
        extra: extra(random),
        header: 0,
    }
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(data).expect("a vector takes everything");
    packer.finish().expect("a vector takes everything")
}

fn extra(random: &mut Random) -> Vec<u8> {
    match random.below(12) {
        0 => {
            Fields::default()
                .u16(1)
                .u16(random.lie16(16))
                .u64(random.number())
                .u64(random.number())
                .0
        }
        1 => {
            Fields::default()
                .u16(0x7075)
                .u16(random.lie16(9))
                .u8(1)
                .u32(low32(random.bits()))
                .bytes("evil")
                .0
        }
        2 => Fields::of(b"FB").u16(random.lie16(6)).bytes([0; 6]).0,
        3 => random.bytes(20),
        _ => Vec::new(),
    }
}

fn local(random: &mut Random, member: &Member) -> Vec<u8> {
    let streamed = member.flags & 8 != 0;
    let kept = |number: usize| if streamed { 0 } else { number };
    let checksum = if streamed { 0 } else { member.checksum };
    let head = Fields::of(b"PK\x03\x04")
        .u16(20)
        .u16(random.lie16(member.flags.into()))
        .u16(random.lie16(member.method.into()))
        .u32(0x0021_0000)
        .u32(checksum)
        .u32(random.lie32(kept(member.packed.len())))
        .u32(random.lie32(kept(member.size)))
        .u16(random.lie16(member.name.len()))
        .u16(random.lie16(member.extra.len()))
        .bytes(&member.name)
        .bytes(&member.extra)
        .bytes(&member.packed);
    if !streamed {
        return head.0;
    }
    head.bytes(if random.one_in(3) {
        &b""[..]
    } else {
        b"PK\x07\x08"
    })
    .u32(member.checksum)
    .u32(random.lie32(member.packed.len()))
    .u32(random.lie32(member.size))
    .0
}

fn central(random: &mut Random, member: &Member) -> Vec<u8> {
    let mode = [0o100_644, 0, 0o120_777, 0o020_666][random.below(40).saturating_sub(36)];
    Fields::of(b"PK\x01\x02")
        .u16(0x0314)
        .u16(random.lie16(20))
        .u16(random.lie16(member.flags.into()))
        .u16(random.lie16(member.method.into()))
        .u32(0x0021_0000)
        .u32(member.checksum)
        .u32(random.lie32(member.packed.len()))
        .u32(random.lie32(member.size))
        .u16(random.lie16(member.name.len()))
        .u16(random.lie16(member.extra.len()))
        .u16(random.lie16(0))
        .u16(random.lie16(0))
        .u16(0)
        .u32(mode << 16)
        .u32(random.lie32(member.header))
        .bytes(&member.name)
        .bytes(&member.extra)
        .0
}

fn end(random: &mut Random, count: usize, length: usize, start: usize, comment: &[u8]) -> Vec<u8> {
    let count = random.lie16(count);
    Fields::of(b"PK\x05\x06")
        .u32(0)
        .u16(count)
        .u16(random.lie16(count.into()))
        .u32(random.lie32(length))
        .u32(random.lie32(start))
        .u16(random.lie16(comment.len()))
        .bytes(comment)
        .0
}

fn wide_end(random: &mut Random, count: usize, length: usize, start: usize) -> Vec<u8> {
    Fields::of(b"PK\x06\x06")
        .u64(random.lie(44))
        .u32(0x002d_031e)
        .u64(0)
        .u64(random.lie(count as u64))
        .u64(random.lie(count as u64))
        .u64(random.lie(length as u64))
        .u64(random.lie(start as u64))
        .bytes(b"PK\x06\x07")
        .u32(0)
        .u64(random.lie((start + length) as u64))
        .u32(1)
        .0
}
