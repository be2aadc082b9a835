//! 7z archives, with the checksums of their headers put right.

use super::{Fields, content};
use crate::random::{Random, low32};

pub(crate) const WORDS: &[&[u8]] = &[
    b"7z\xbc\xaf\x27\x1c\0\x04",
    b"\x01\x04\x06",
    b"\x07\x0b",
    b"\x0c",
    b"\x0a\x01",
    b"\x05",
    b"\x11",
    b"\x15",
    b"\x0e",
    b"\x0f",
    b"\x19",
    b"\x17\x06",
    b"\x03\x01\x01",
    b"\x21\x21",
    b"\x04\x01\x08",
    b"\x04\x02\x02",
    b"\x06\xf1\x07\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
];

/// A number as the format writes it.
fn number(value: u64) -> Vec<u8> {
    for extra in 0..8_u32 {
        if value < 1 << (7 * (extra + 1)) {
            let high = value >> (8 * extra);
            let mask = !(0xff_u64 >> extra) & 0xff;
            let mut bytes = vec![(mask | high).to_le_bytes()[0]];
            bytes.extend(&value.to_le_bytes()[..extra as usize]);
            return bytes;
        }
    }
    [&[0xff][..], &value.to_le_bytes()].concat()
}

/// An archive with one folder of a few members.
pub(crate) fn sevenz(random: &mut Random) -> Vec<u8> {
    let members: Vec<_> = (0..=random.below(3)).map(|_| content(random)).collect();
    let data = members.concat();
    let (method, packed): (&[u8], _) = match random.below(3) {
        0 => (&[4, 2, 2], super::packed::bzip2(&data)),
        _ => (&[0], data.clone()),
    };
    let mut streams = vec![6];
    streams.extend(number(random.lie(0)));
    streams.extend(number(random.lie(1)));
    streams.push(9);
    streams.extend(number(random.lie(packed.len() as u64)));
    streams.extend([0, 7, 0x0b]);
    streams.extend(number(random.lie(1)));
    streams.push(0);
    streams.extend(number(random.lie(1)));
    streams.push(low32(method.len() as u64).to_le_bytes()[0]);
    streams.extend(method);
    streams.push(0x0c);
    streams.extend(number(random.lie(data.len() as u64)));
    if members.len() == 1 {
        streams.extend([0x0a, 1]);
        streams.extend(crc32fast::hash(&data).to_le_bytes());
    }
    streams.push(0);
    streams.extend(substreams(random, &members));
    streams.push(0);

    let mut header = [&[1, 4][..], &streams].concat();
    header.extend(files(random, members.len()));
    header.push(0);
    let length = header.len();
    let start = Fields::default()
        .u64(random.lie(packed.len() as u64))
        .u64(random.lie(length as u64))
        .u32(low32(random.lie(crc32fast::hash(&header).into())));
    Fields::of(b"7z\xbc\xaf\x27\x1c\0\x04")
        .u32(crc32fast::hash(&start.0))
        .bytes(start.0)
        .bytes(packed)
        .bytes(header)
        .0
}

fn substreams(random: &mut Random, members: &[Vec<u8>]) -> Vec<u8> {
    if members.len() == 1 {
        return vec![8, 0];
    }
    let mut bytes = vec![8, 0x0d];
    bytes.extend(number(random.lie(members.len() as u64)));
    bytes.push(9);
    for member in &members[1..] {
        bytes.extend(number(random.lie(member.len() as u64)));
    }
    bytes.extend([0x0a, 1]);
    for member in members {
        bytes.extend(crc32fast::hash(member).to_le_bytes());
    }
    bytes.push(0);
    bytes
}

fn files(random: &mut Random, count: usize) -> Vec<u8> {
    let mut bytes = vec![5];
    bytes.extend(number(random.lie(count as u64)));
    let mut names = vec![0];
    for _ in 0..count {
        let name = random.pick(&["a.pkl", "data.pkl", "../a", "model.safetensors", "a/b.npy"]);
        names.extend(name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
    }
    bytes.push(0x11);
    bytes.extend(number(random.lie(names.len() as u64)));
    bytes.extend(names);
    if random.one_in(3) {
        bytes.push(0x15);
        bytes.extend(number(2 + 4 * count as u64));
        bytes.extend([1, 0]);
        bytes.extend(vec![0x20; 4 * count]);
    }
    bytes.push(0);
    bytes
}
