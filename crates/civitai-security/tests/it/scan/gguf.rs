use civitai_security::scan::Verdict;
use proptest::prelude::*;

use super::{assert_clean, judged, scan};

/// A GGUF file in the making; each part is written as it is given, right or wrong.
#[derive(Clone)]
pub(super) struct Gguf {
    version: u32,
    values: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
    data: Vec<u8>,
    alignment: usize,
}

pub(super) fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

impl Gguf {
    pub(super) fn new() -> Self {
        Self {
            version: 3,
            values: Vec::new(),
            tensors: Vec::new(),
            data: Vec::new(),
            alignment: 32,
        }
        .value("general.architecture", 8, &string("llama"))
    }

    pub(super) fn value(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.values
            .push([&string(key), &kind.to_le_bytes()[..], value].concat());
        self
    }

    pub(super) fn tensor(mut self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        let shape_bytes = shape.iter().flat_map(|size| size.to_le_bytes());
        let count = u32::try_from(shape.len()).expect("few");
        let mut tensor = [&string(name), &count.to_le_bytes()[..]].concat();
        tensor.extend(shape_bytes);
        tensor.extend(kind.to_le_bytes());
        tensor.extend(offset.to_le_bytes());
        self.tensors.push(tensor);
        self
    }

    fn data(mut self, len: usize) -> Self {
        self.data = vec![0; len];
        self
    }

    /// The header, padded to where the data begins.
    pub(super) fn header(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.values.len() as u64).to_le_bytes());
        bytes.extend(self.values.concat());
        bytes.extend(self.tensors.concat());
        bytes.resize(bytes.len().next_multiple_of(self.alignment), 0);
        bytes
    }

    fn bytes(&self) -> Vec<u8> {
        [self.header(), self.data.clone()].concat()
    }
}

fn broken(gguf: &Gguf) -> Vec<&'static str> {
    let (verdict, rules) = judged("model.gguf", gguf.bytes());
    assert_eq!(verdict, Verdict::Malformed);
    rules
}

#[test]
fn takes_what_writers_write() {
    let long = "conditioner.embedders.0.transformer.text_model.encoder.layers.10.self_attn.out_proj.weight";
    let list = |kind: u32, count: u64, items: &[u8]| {
        [&kind.to_le_bytes()[..], &count.to_le_bytes(), items].concat()
    };
    let plain = Gguf::new().tensor("w", &[32], 0, 0).data(128);
    for gguf in [
        Gguf::new(),
        plain.clone(),
        plain.clone().value("b", 7, &[1]).value("n", 12, &[0; 8]),
        plain.clone().value(
            "list",
            9,
            &list(8, 2, &[string("{{"), string("</s>")].concat()),
        ),
        plain
            .clone()
            .value("lists", 9, &list(9, 1, &list(5, 2, &[0; 8]))),
        plain.clone().tensor("empty", &[0], 0, 128),
        Gguf::new().tensor(long, &[256, 2], 12, 0).data(288),
        // The last tensor is not padded.
        Gguf::new()
            .tensor("a", &[1], 0, 0)
            .tensor("b", &[3], 24, 32)
            .data(35),
        Gguf::new()
            .tensor("patch_embedding.weight", &[2, 2, 1, 2, 4], 0, 0)
            .data(128),
        // In another order than that of the data.
        Gguf::new()
            .tensor("b", &[8], 0, 32)
            .tensor("a", &[8], 0, 0)
            .data(64),
    ] {
        assert_clean("model.gguf", gguf.bytes());
        assert_clean("renamed", gguf.bytes());
    }
    let mut aligned = Gguf::new().value("general.alignment", 4, &64_u32.to_le_bytes());
    aligned.alignment = 64;
    assert_clean(
        "model.gguf",
        aligned
            .tensor("a", &[1], 0, 0)
            .tensor("b", &[1], 0, 64)
            .data(68)
            .bytes(),
    );
}

#[test]
fn reads_numbers_of_the_other_byte_order() {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(3_u32.to_be_bytes());
    bytes.extend(1_u64.to_be_bytes());
    bytes.extend(1_u64.to_be_bytes());
    bytes.extend(4_u64.to_be_bytes());
    bytes.extend(b"name");
    bytes.extend(4_u32.to_be_bytes());
    bytes.extend(7_u32.to_be_bytes());
    bytes.extend(1_u64.to_be_bytes());
    bytes.extend(b"w");
    bytes.extend(1_u32.to_be_bytes());
    bytes.extend(2_u64.to_be_bytes());
    bytes.extend(0_u32.to_be_bytes());
    bytes.extend(0_u64.to_be_bytes());
    bytes.resize(bytes.len().next_multiple_of(32) + 8, 0);
    assert_clean("model.gguf", &bytes);
    bytes.extend([0; 64]);
    assert_eq!(
        judged("model.gguf", &bytes),
        (Verdict::Malformed, vec!["gguf_end"])
    );
}

#[test]
fn names_what_is_wrong_with_a_header() {
    let number = |n: u64| n.to_le_bytes();
    let plain = Gguf::new().tensor("w", &[32], 0, 0).data(128);
    let tensor =
        |shape: &[u64], kind, offset| Gguf::new().tensor("w", shape, kind, offset).data(128);
    let text_of = |len: u64| plain.clone().value("text", 8, &number(len));
    let list_of = |kind: u32, count: u64| {
        plain.clone().value(
            "list",
            9,
            &[&kind.to_le_bytes()[..], &number(count)].concat(),
        )
    };
    for (gguf, rules) in [
        (text_of(u64::MAX), "gguf_length"),
        (text_of(1 << 20), "gguf_length"),
        (list_of(5, 1 << 62), "gguf_count"),
        (list_of(8, 1 << 61), "gguf_count"),
        (list_of(9, 1 << 61), "gguf_count"),
        (list_of(13, 1), "gguf_type"),
        (plain.clone().value("x", 13, &[0; 8]), "gguf_type"),
        (plain.clone().value("x", u32::MAX, &[0; 8]), "gguf_type"),
        (plain.clone().value("x", 7, &[2]), "gguf_bool"),
        (plain.clone().value("", 7, &[1]), "gguf_name"),
        (
            plain.clone().value("x", 7, &[1]).value("x", 7, &[1]),
            "gguf_duplicate",
        ),
        (
            plain.clone().value("general.alignment", 4, &[0; 4]),
            "gguf_alignment",
        ),
        (
            plain.clone().value("general.alignment", 4, &[3, 0, 0, 0]),
            "gguf_alignment",
        ),
        (
            plain.clone().value("general.alignment", 10, &number(32)),
            "gguf_alignment",
        ),
        (
            plain.clone().value("general.alignment", 8, &string("32")),
            "gguf_alignment",
        ),
        (plain.clone().tensor("w", &[0], 0, 128), "gguf_duplicate"),
        (tensor(&[1; 6], 0, 0), "gguf_count"),
        (tensor(&[1 << 40, 1 << 40], 0, 0), "gguf_size"),
        (tensor(&[u64::MAX / 4], 0, 0), "gguf_size"),
        (tensor(&[u64::MAX], 24, 0), "gguf_size"),
        (tensor(&[31], 2, 0), "gguf_size"),
        (tensor(&[32], 42, 0), "gguf_type"),
        (tensor(&[32], 4, 0), "gguf_type"),
        (tensor(&[32], 0, 32), "gguf_offset"),
        (tensor(&[16], 0, 1), "gguf_offset"),
        (tensor(&[32], 0, u64::MAX), "gguf_offset"),
        (tensor(&[1 << 40], 0, 0), "gguf_offset"),
        (plain.clone().tensor("v", &[16], 0, 64), "gguf_offset"),
        (
            plain.clone().tensor(&"n".repeat(128), &[0], 0, 128),
            "gguf_name",
        ),
        (tensor(&[16], 0, 0), "gguf_end"),
    ] {
        assert_eq!(broken(&gguf)[0], rules);
    }
}

#[test]
fn says_which_versions_it_does_not_know() {
    for version in [0, 1, 4, 0x0001_0003] {
        let gguf = Gguf {
            version,
            ..Gguf::new()
        };
        let expected = (Verdict::Unscannable, vec!["gguf_version"]);
        assert_eq!(judged("model.gguf", gguf.bytes()), expected, "{version}");
    }
    let expected = (Verdict::Unscannable, vec!["gguf_old"]);
    assert_eq!(judged("model.bin", b"tjgg\x03\0\0\0"), expected);
    assert_eq!(judged("model.gguf", b"something").1[0], "gguf_magic");
}

#[test]
fn judges_the_templates_among_the_values() {
    let template = |key: &str| {
        Gguf::new()
            .value(key, 8, &string("{{ ''.__class__ }}"))
            .bytes()
    };
    for key in [
        "tokenizer.chat_template",
        "tokenizer.chat_template.tool_use",
        "other",
    ] {
        let expected = (Verdict::Malicious, vec!["template_internals"]);
        assert_eq!(judged("model.gguf", template(key)), expected, "{key}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn damage_never_panics(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>()) {
        let list = [&8_u32.to_le_bytes()[..], &1_u64.to_le_bytes(), &string("a")].concat();
        let mut bytes = Gguf::new().value("l", 9, &list).tensor("w", &[32], 0, 0).data(128).bytes();
        for (index, byte) in damage {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        scan("model.gguf", &bytes);
        scan("model.gguf", &bytes[..cut.index(bytes.len())]);
    }
}
