//! ONNX models: protocol buffers, message by message.

use crate::random::Random;

pub(crate) const WORDS: &[&[u8]] = &[
    b"\x08\x08",
    b"\x12\x06pytorch",
    b"location",
    b"offset",
    b"length",
    b"checksum",
    b"../../etc/passwd",
    b"weights.data",
    b"\x70\x01",
    b"\x3a",
    b"\x6a",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"ai.onnx.contrib",
    b"PyOp",
    b"\x0b",
    b"\x0c",
    b"\x0d",
    b"\x09",
];

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

/// A field that holds a number.
fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

/// A field that holds bytes.
fn bytes(random: &mut Random, field: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = random.lie(content.len() as u64);
    [&varint(field << 3 | 2)[..], &varint(length), content].concat()
}

/// A model with a graph.
pub(crate) fn onnx(random: &mut Random) -> Vec<u8> {
    let graph = graph(random, 3);
    let operators = number(2, 17);
    let mut parts = vec![
        number(1, random.lie(8)),
        bytes(random, 2, "pytorch"),
        bytes(random, 7, graph),
        bytes(random, 8, operators),
    ];
    if random.one_in(4) {
        let entry = [bytes(random, 1, "key"), bytes(random, 2, "value")].concat();
        parts.push(bytes(random, 14, entry));
    }
    if random.one_in(6) {
        let node = node(random, 1);
        let function = [bytes(random, 1, "f"), bytes(random, 7, node)].concat();
        parts.push(bytes(random, 25, function));
    }
    if random.one_in(10) {
        parts.push(number(random.below(30) as u64, random.bits()));
    }
    parts.concat()
}

fn graph(random: &mut Random, depth: usize) -> Vec<u8> {
    let mut parts = vec![bytes(random, 2, "g")];
    for _ in 0..random.below(4) {
        let node = node(random, depth);
        parts.push(bytes(random, 1, node));
    }
    for _ in 0..random.below(4) {
        let tensor = tensor(random);
        parts.push(bytes(random, 5, tensor));
    }
    if random.one_in(5) {
        let tensor = tensor(random);
        let values = bytes(random, 1, tensor);
        parts.push(bytes(random, 15, values));
    }
    parts.concat()
}

fn node(random: &mut Random, depth: usize) -> Vec<u8> {
    let operator = random.pick(&["Conv", "If", "Loop", "Constant", "PyOp", "Cast"]);
    let mut parts = vec![
        bytes(random, 1, "x"),
        bytes(random, 2, "y"),
        bytes(random, 4, operator),
    ];
    if random.one_in(5) {
        let domain = random.pick(&["ai.onnx.ml", "ai.onnx.contrib", "com.microsoft", "x"]);
        parts.push(bytes(random, 7, domain));
    }
    for _ in 0..random.below(3) {
        let name = bytes(random, 1, "a");
        let value = match random.below(3) {
            0 if depth > 0 => {
                let graph = graph(random, depth - 1);
                bytes(random, 6, graph)
            }
            1 => {
                let tensor = tensor(random);
                bytes(random, 5, tensor)
            }
            _ => number(3, random.bits()),
        };
        let attribute = [name, value, number(20, random.below(12) as u64)].concat();
        parts.push(bytes(random, 5, attribute));
    }
    parts.concat()
}

fn tensor(random: &mut Random) -> Vec<u8> {
    let sides: Vec<u64> = (0..random.below(4))
        .map(|_| random.below(5) as u64)
        .collect();
    let count: u64 = sides.iter().product();
    let mut parts: Vec<_> = sides
        .iter()
        .map(|&side| number(1, random.lie(side)))
        .collect();
    parts.push(number(2, random.lie(1)));
    parts.push(bytes(random, 8, "w"));
    if random.one_in(2) {
        let data = vec![0; usize::try_from(count * 4).unwrap_or_default()];
        parts.push(bytes(random, 9, data));
        return parts.concat();
    }
    for _ in 0..random.below(4) {
        let key = random.pick(&["location", "offset", "length", "checksum", "basepath"]);
        let value = random.pick(&[
            "weights.data",
            "0",
            "4096",
            "../x",
            "/etc/passwd",
            "18446744073709551615",
        ]);
        let entry = [bytes(random, 1, key), bytes(random, 2, value)].concat();
        parts.push(bytes(random, 13, entry));
    }
    parts.push(number(14, random.lie(1)));
    parts.concat()
}
