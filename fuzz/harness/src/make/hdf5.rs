//! HDF5 files, as Keras writes them.

use super::Fields;
use crate::random::{Random, low16, low32};

pub(crate) const WORDS: &[&[u8]] = &[
    b"\x89HDF\r\n\x1a\n",
    b"OHDR\x02",
    b"OCHK",
    b"TREE",
    b"SNOD",
    b"HEAP",
    b"GCOL",
    b"FRHP",
    b"FHDB",
    b"FHIB",
    b"BTHD",
    b"BTLF",
    b"BTIN",
    b"SMTB",
    b"model_config",
    b"layer_names",
    b"{\"class_name\": \"Lambda\"}",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x10\0",
    b"\x11\0",
    b"\x0c\0",
    b"\x06\0",
];

const CONFIG: &str = r#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {"function": "x"}}]}}"#;

/// A file of today's layout, or one of the old with a tree of names.
pub(crate) fn hdf5(random: &mut Random) -> Vec<u8> {
    if random.one_in(3) {
        old(random)
    } else {
        new(random)
    }
}

fn new(random: &mut Random) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..random.below(5) {
        let (kind, content) = message(random);
        let length = random.lie16(content.len());
        body.extend(
            Fields::default()
                .u8(kind)
                .u16(length)
                .u8(0)
                .bytes(content)
                .0,
        );
    }
    let root = 48_u64;
    let end = root + 10 + body.len() as u64 + 4;
    Fields::of(b"\x89HDF\r\n\x1a\n\x02\x08\x08\0")
        .u64(0)
        .u64(u64::MAX)
        .u64(random.lie(end))
        .u64(random.lie(root))
        .u32(0)
        .bytes(b"OHDR\x02\x02")
        .u32(random.lie32(body.len()))
        .bytes(body)
        .u32(0)
        .0
}

fn message(random: &mut Random) -> (u8, Vec<u8>) {
    match random.below(5) {
        0 => {
            let to = random.number() % 512;
            (0x10, Fields::default().u64(to).u64(random.number() % 512).0)
        }
        1 => {
            let kind = [0, 1, 64][random.below(3)];
            let target = match kind {
                0 => random.lie(48).to_le_bytes().to_vec(),
                _ => Fields::default().u16(random.lie16(5)).bytes("\0a\0b\0").0,
            };
            (6, Fields::of(&[1, 8, kind, 1]).bytes("w").bytes(target).0)
        }
        2 => (
            0x0a,
            Fields::of(&[0, 0])
                .u64(random.number() % 512)
                .u64(random.number() % 512)
                .0,
        ),
        _ => {
            let name = random.pick(&["model_config", "training_config", "keras_version"]);
            (0x0c, attribute(random, name))
        }
    }
}

fn attribute(random: &mut Random, name: &str) -> Vec<u8> {
    let text = random.pick(&[CONFIG, "{}", "2.11"]);
    let size = random.lie32(text.len());
    let kind = Fields::of(&[if random.one_in(6) { 0x19 } else { 0x13 }, 0, 0, 0]).u32(size);
    let space = [2, 0, 0, 0];
    let version = low16(random.lie(3)).to_le_bytes()[0];
    Fields::of(&[version, 0])
        .u16(random.lie16(name.len() + 1))
        .u16(random.lie16(kind.len()))
        .u16(random.lie16(space.len()))
        .u8(0)
        .bytes(name)
        .u8(0)
        .bytes(kind.0)
        .bytes(space)
        .bytes(text)
        .0
}

/// A superblock of version 0, a root with a tree of one leaf, a node of names and their heap.
fn old(random: &mut Random) -> Vec<u8> {
    let (root, tree, node, heap) = (96_u64, 160_u64, 256_u64, 320_u64);
    let table = Fields::default()
        .u64(random.lie(tree))
        .u64(random.lie(heap))
        .0;
    let mut file = Fields::of(b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0")
        .u16(4)
        .u16(16)
        .u32(0)
        .u64(0)
        .u64(u64::MAX)
        .u64(random.lie(420))
        .u64(u64::MAX)
        .u64(0)
        .u64(random.lie(root))
        .u32(random.lie32(1))
        .u32(0)
        .bytes(&table);
    file.0.resize(96, 0);
    file = file
        .bytes([1, 0])
        .u16(random.lie16(1))
        .u32(1)
        .u32(random.lie32(24))
        .u32(0)
        .u16(0x11)
        .u16(random.lie16(16))
        .u32(0)
        .bytes(&table);
    file.0.resize(160, 0);
    file = file
        .bytes(b"TREE\0")
        .u8(low32(random.lie(0)).to_le_bytes()[0])
        .u16(random.lie16(1))
        .u64(u64::MAX)
        .u64(u64::MAX)
        .u64(0)
        .u64(random.lie(node))
        .u64(8);
    file.0.resize(256, 0);
    file = file
        .bytes(b"SNOD\x01\0")
        .u16(random.lie16(1))
        .u64(random.lie(8))
        .u64(random.lie(root))
        .u32(random.lie32(0))
        .u32(0)
        .bytes(&table);
    file.0.resize(320, 0);
    file = file
        .bytes(b"HEAP\0\0\0\0")
        .u64(random.lie(32))
        .u64(random.lie(16))
        .u64(random.lie(352));
    file.bytes([0; 8]).bytes("weights\0").bytes([0; 52]).0
}
