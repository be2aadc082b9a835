use civitai_security::scan::Verdict;
use proptest::prelude::*;

use super::{assert_clean, judged, scan};

const CLEAN: &str = r#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Dense", "config": {"units": 3}}]}}"#;
const LAMBDA: &str = r#"{"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {"function": ["4wEA", null, null], "function_type": "lambda"}}]}}"#;

fn number(value: u64, bytes: usize) -> Vec<u8> {
    value.to_le_bytes()[..bytes].to_vec()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// A file as today's writers make it: one header, its messages in it.
fn new_style(messages: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut header = Vec::new();
    for (kind, content) in messages {
        header.push(*kind);
        header.extend(number(content.len() as u64, 2));
        header.push(0);
        header.extend(content);
    }
    let root = 48_u64;
    let end = root + 10 + header.len() as u64 + 4;
    let mut file = b"\x89HDF\r\n\x1a\n\x02\x08\x08\x00".to_vec();
    for address in [0, u64::MAX, end, root] {
        file.extend(number(address, 8));
    }
    file.extend([0; 4]);
    file.extend(b"OHDR\x02\x02");
    file.extend(number(header.len() as u64, 4));
    file.extend(header);
    file.extend([0; 4]);
    file
}

/// An attribute that holds a text of fixed length.
fn attribute(name: &str, text: &str) -> (u8, Vec<u8>) {
    let data_type = [vec![0x13, 0, 0, 0], number(text.len() as u64, 4)].concat();
    let mut content = vec![3, 0];
    content.extend(number(name.len() as u64 + 1, 2));
    content.extend(number(data_type.len() as u64, 2));
    content.extend(number(4, 2));
    content.push(0);
    content.extend(name.as_bytes());
    content.push(0);
    content.extend(data_type);
    content.extend([2, 0, 0, 0]);
    content.extend(text.as_bytes());
    (0x0c, content)
}

fn link(name: &str, kind: u8, target: &[u8]) -> (u8, Vec<u8>) {
    let mut content = vec![1, 8, kind, u8::try_from(name.len()).expect("short")];
    content.extend(name.as_bytes());
    content.extend(target);
    (0x06, content)
}

/// A file as writers make it that think of old readers: a group in a tree, a text in the common heap.
fn old_style(text: &str, child: u64) -> Vec<u8> {
    let heap = 512_u64;
    let message = |kind: u64, content: Vec<u8>| {
        [
            number(kind, 2),
            number(content.len() as u64, 2),
            vec![0; 4],
            content,
        ]
        .concat()
    };
    let group = [number(256, 8), number(400, 8)].concat();
    let body = [
        message(0x11, group),
        message(0x0c, attribute_v1(text, heap)),
    ]
    .concat();
    let strings = [
        b"GCOL\x01\0\0\0".to_vec(),
        number(16 + 16 + padded(text.as_bytes()).len() as u64, 8),
        number(1, 2),
        vec![0; 6],
        number(text.len() as u64, 8),
        padded(text.as_bytes()),
    ]
    .concat();
    let end = heap + strings.len() as u64;
    let mut file = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0".to_vec();
    for address in [0, u64::MAX, end, u64::MAX, 0, 96] {
        file.extend(number(address, 8));
    }
    file.resize(96, 0);
    file.extend(
        [
            vec![1, 0, 2, 0, 1, 0, 0, 0],
            number(body.len() as u64, 4),
            vec![0; 4],
            body,
        ]
        .concat(),
    );
    assert!(file.len() <= 256);
    file.resize(256, 0);
    file.extend(
        [
            b"TREE\0\0\x01\0".to_vec(),
            vec![0xff; 16],
            number(0, 8),
            number(320, 8),
        ]
        .concat(),
    );
    file.resize(320, 0);
    file.extend(
        [
            b"SNOD\x01\0\x01\0".to_vec(),
            number(0, 8),
            number(child, 8),
            vec![0; 24],
        ]
        .concat(),
    );
    file.resize(512, 0);
    file.extend(strings);
    file
}

fn attribute_v1(text: &str, heap: u64) -> Vec<u8> {
    let data_type = [
        vec![0x19, 1, 0, 0],
        number(16, 4),
        vec![0x13, 0, 0, 0, 1, 0, 0, 0],
    ]
    .concat();
    [
        vec![1, 0],
        number(2, 2),
        number(data_type.len() as u64, 2),
        number(8, 2),
        padded(b"c\0"),
        padded(&data_type),
        vec![1, 0, 0, 0, 0, 0, 0, 0],
        number(text.len() as u64, 4),
        number(heap, 8),
        number(1, 4),
    ]
    .concat()
}

#[test]
fn takes_models_of_both_kinds_of_writers() {
    let link_back = link("again", 0, &number(48, 8));
    let soft = link("soft", 1, &[&number(2, 2)[..], b"/x"].concat());
    let attributes = [
        attribute("model_config", CLEAN),
        attribute("backend", "tensorflow"),
        link_back,
        soft,
    ];
    for name in ["model.h5", "model.weights.hdf5", "renamed.bin"] {
        assert_clean(name, new_style(&attributes));
        assert_clean(name, old_style(CLEAN, 96));
    }
    // Before the file stand 512 bytes of something else; addresses count from there.
    let file = new_style(&attributes);
    let mut moved = [vec![0; 512], file].concat();
    moved[512 + 12..512 + 20].copy_from_slice(&number(512, 8));
    let end = moved.len() as u64;
    moved[512 + 28..512 + 36].copy_from_slice(&number(end, 8));
    assert_clean("model.h5", moved);
}

#[test]
fn code_in_the_configuration_is_found_in_every_attribute() {
    for file in [
        new_style(&[attribute("model_config", LAMBDA)]),
        new_style(&[attribute("other", LAMBDA)]),
        old_style(LAMBDA, 96),
    ] {
        let report = scan("model.h5", &file);
        assert_eq!(report.verdict, Verdict::Malicious);
        assert_eq!(report.findings[0].rule.id, "keras_lambda");
        assert!(
            report.findings[0].member.starts_with('@'),
            "{}",
            report.findings[0].member
        );
    }
}

#[test]
fn what_is_read_from_other_files_is_malicious() {
    let outside = link(
        "x",
        64,
        &[&number(14, 2)[..], b"\0/etc/passwd\0/\0"].concat(),
    );
    for (message, rule) in [
        (outside, "hdf5_external_link"),
        ((0x07, vec![1, 0, 0, 0, 1, 0, 1, 0]), "hdf5_external_data"),
        ((0x08, vec![4, 3, 0, 0]), "hdf5_external_data"),
    ] {
        assert_eq!(
            judged("model.h5", new_style(&[message])),
            (Verdict::Malicious, vec![rule])
        );
    }
}

#[test]
fn code_is_found_where_the_structure_is_broken() {
    let mut file = new_style(&[attribute("model_config", LAMBDA)]);
    file[48] = 0;
    for file in [
        file,
        [b"\x89HDF\r\n\x1a\n\0\0\0\0", LAMBDA.as_bytes(), &[0; 64]].concat(),
    ] {
        let (verdict, rules) = judged("model.h5", &file);
        assert_eq!(verdict, Verdict::Malicious);
        assert!(rules.contains(&"keras_lambda"), "{rules:?}");
    }
}

#[test]
fn broken_structures_are_named() {
    let file = new_style(&[attribute("model_config", CLEAN)]);
    assert_eq!(judged("model.h5", b"something else").1[0], "hdf5_signature");
    assert_eq!(
        judged("model.h5", &file[..file.len() - 5]),
        (Verdict::Malformed, vec!["hdf5_broken"])
    );
    assert_eq!(
        judged("model.h5", old_style(CLEAN, 1 << 40)),
        (Verdict::Malformed, vec!["hdf5_broken"])
    );
    let mut later = file;
    later[8] = 9;
    assert_eq!(
        judged("model.h5", later),
        (Verdict::Unscannable, vec!["hdf5_version"])
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn damage_never_panics(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        for mut file in [new_style(&[attribute("c", CLEAN), link("x", 0, &number(48, 8))]), old_style(CLEAN, 96)] {
            for (index, byte) in &damage {
                let at = index.index(file.len());
                file[at] = *byte;
            }
            scan("model.h5", &file);
        }
    }
}
