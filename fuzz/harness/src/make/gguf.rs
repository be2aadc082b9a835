//! GGUF files.

use super::Fields;
use crate::random::{Random, low32};

pub(crate) const WORDS: &[&[u8]] = &[
    b"GGUF",
    b"\x03\0\0\0",
    b"general.architecture",
    b"general.alignment",
    b"tokenizer.chat_template",
    b"{{ x }}",
    b"{% for m in messages %}",
    b"{{ ''.__class__.__mro__ }}",
    b"\x09\0\0\0",
    b"\x08\0\0\0",
    b"\0\0\0\0\0\0\0\x80",
];

fn string(random: &mut Random, text: &str) -> Vec<u8> {
    Fields::default()
        .u64(random.lie(text.len() as u64))
        .bytes(text)
        .0
}

/// A few values and tensors, and some data.
pub(crate) fn gguf(random: &mut Random) -> Vec<u8> {
    let version = random.lie32(3);
    let values = random.below(7);
    let tensors = random.below(4);
    let mut file = Fields::of(b"GGUF")
        .u32(version)
        .u64(random.lie(tensors as u64))
        .u64(random.lie(values as u64));
    for number in 0..values {
        let key = random.pick(&[
            "general.architecture",
            "general.alignment",
            "tokenizer.chat_template",
            "tokenizer.ggml.tokens",
            "general.name",
        ]);
        let key = if random.one_in(2) {
            format!("key.{number}")
        } else {
            key.to_owned()
        };
        let kind = random.below(13);
        file = file
            .bytes(string(random, &key))
            .u32(random.lie32(kind))
            .bytes(value(random, kind, 3));
    }
    let mut offset = 0_u64;
    for number in 0..tensors {
        let sides: Vec<u64> = (0..=random.below(4))
            .map(|_| 32 * (1 + random.below(3) as u64))
            .collect();
        let kind = random.below(32);
        file = file
            .bytes(string(random, &format!("blk.{number}.weight")))
            .u32(random.lie32(sides.len()));
        for side in &sides {
            file = file.u64(random.lie(*side));
        }
        file = file.u32(low32(kind as u64)).u64(random.lie(offset));
        let bytes = sides.iter().product::<u64>() * if kind == 0 { 4 } else { 2 };
        offset = (offset + bytes).next_multiple_of(32);
    }
    let data = usize::try_from(offset.min(8192)).unwrap_or_default();
    let padded = file.len().next_multiple_of(32);
    let mut bytes = file.0;
    bytes.resize(padded + data, 0);
    bytes
}

fn value(random: &mut Random, kind: usize, depth: usize) -> Vec<u8> {
    match kind {
        0 | 1 | 7 => vec![random.byte() & 1],
        2 | 3 => random.bits().to_le_bytes()[..2].to_vec(),
        4..=6 => Fields::default().u32(random.lie32(32)).0,
        8 => {
            let text = random.pick(&[
                "llama",
                "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}",
                "{{ ''.__class__ }}",
                "{% set x = namespace() %}{{ x|attr('__init__') }}",
                "",
            ]);
            string(random, text)
        }
        9 if depth > 0 => {
            let inner = random.below(13);
            let count = random.below(5);
            let mut list = Fields::default()
                .u32(random.lie32(inner))
                .u64(random.lie(count as u64));
            for _ in 0..count {
                list = list.bytes(value(random, inner, depth - 1));
            }
            list.0
        }
        _ => random.number().to_le_bytes().to_vec(),
    }
}
