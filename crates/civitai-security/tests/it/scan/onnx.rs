use civitai_security::scan::Verdict;
use proptest::prelude::*;

use super::{assert_clean, judged, scan};

/// A field that holds bytes.
fn bytes(number: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    [&tag(number, 2)[..], &varint(content.len() as u64), content].concat()
}

/// A field that holds a number.
fn number(number: u8, value: u64) -> Vec<u8> {
    [tag(number, 0), varint(value)].concat()
}

fn tag(number: u8, kind: u64) -> Vec<u8> {
    varint(u64::from(number) << 3 | kind)
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let seven = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if value == 0 {
            bytes.push(seven);
            break;
        }
        bytes.push(seven | 0x80);
    }
    bytes
}

fn entry(key: &str, value: &str) -> Vec<u8> {
    bytes(13, [bytes(1, key), bytes(2, value)].concat())
}

/// A tensor of four floats whose bytes lie where the entries say.
fn external(entries: &[Vec<u8>]) -> Vec<u8> {
    [
        number(1, 4),
        number(2, 1),
        bytes(8, "w"),
        entries.concat(),
        number(14, 1),
    ]
    .concat()
}

fn tensor(dims: &[u64], data_type: u64, raw: usize) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|size| number(1, *size)).collect();
    [
        dims,
        number(2, data_type),
        bytes(8, "w"),
        bytes(9, vec![0; raw]),
    ]
    .concat()
}

fn graph(content: &[u8]) -> Vec<u8> {
    [
        number(1, 8),
        bytes(2, "writer"),
        bytes(7, [&bytes(2, "g")[..], content].concat()),
        bytes(8, number(2, 17)),
    ]
    .concat()
}

fn initializer(tensor: &[u8]) -> Vec<u8> {
    graph(&bytes(5, tensor))
}

#[test]
fn takes_what_writers_write() {
    let node = |op: &str, attributes: &[u8]| {
        bytes(
            1,
            [bytes(1, "x"), bytes(4, op), attributes.to_vec()].concat(),
        )
    };
    let inner = bytes(
        5,
        [bytes(1, "body"), bytes(6, bytes(2, "inner")), number(20, 5)].concat(),
    );
    for model in [
        initializer(&tensor(&[2, 3], 1, 24)),
        initializer(&tensor(&[], 1, 4)),
        initializer(&tensor(&[5], 22, 3)),
        initializer(&[bytes(1, [2, 3]), number(2, 10), bytes(9, [0; 12])].concat()),
        initializer(&external(&[entry("location", "weights.bin")])),
        initializer(&external(&[
            entry("location", "./data/model.onnx_data"),
            entry("offset", "4096"),
            entry("length", "16"),
        ])),
        initializer(&external(&[
            entry("location", "w"),
            entry("checksum", "00"),
            entry("prepacked_0", "k|0|16|0"),
        ])),
        graph(&[node("Loop", &inner), node("Conv", &[])].concat()),
        // A field that a later version might add.
        [graph(&[]), bytes(99, "new")].concat(),
    ] {
        assert_clean("model.onnx", &model);
    }
    assert_clean("renamed.bin", initializer(&tensor(&[2, 3], 1, 24)));
}

#[test]
fn external_data_stays_in_the_folder_of_the_model() {
    for location in [
        "../../../etc/passwd",
        "/etc/passwd",
        "a/../../b",
        "..\\b",
        "C:\\b",
        "\\\\host\\b",
        "~/b",
        "file:///b",
        "*/_ORT_MEM_ADDR_/*",
        "a\0b",
        "..",
    ] {
        let model = initializer(&external(&[entry("location", location)]));
        let expected = (Verdict::Malicious, vec!["onnx_external_path"]);
        assert_eq!(judged("model.onnx", &model), expected, "{location}");
        assert_eq!(judged("renamed", &model), expected, "{location}");
    }
}

#[cfg(unix)]
#[test]
fn external_data_is_not_reached_over_links() {
    use std::os::unix::fs::symlink;

    let limits = civitai_security::scan::Limits::default();
    let folder = tempfile::tempdir().expect("a folder");
    let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
    fs_err::create_dir(&inside).expect("a folder");
    fs_err::create_dir(&outside).expect("a folder");
    fs_err::write(outside.join("weights"), [0; 16]).expect("a file");
    fs_err::write(inside.join("weights"), [0; 16]).expect("a file");
    let model = inside.join("model.onnx");
    let verdict = |location: &str| {
        fs_err::write(
            &model,
            initializer(&external(&[entry("location", location)])),
        )
        .expect("a file");
        civitai_security::scan::scan(&model, &limits).verdict
    };
    symlink("../out/weights", inside.join("away")).expect("a link");
    symlink("weights", inside.join("near")).expect("a link");
    symlink("../out", inside.join("folder")).expect("a link");
    assert_eq!(verdict("weights"), Verdict::Clean);
    assert_eq!(verdict("near"), Verdict::Clean);
    assert_eq!(verdict("not-there"), Verdict::Clean);
    assert_eq!(verdict("away"), Verdict::Malicious);
    assert_eq!(verdict("folder/weights"), Verdict::Malicious);

    // A cache that keeps model and data under other names, and links to both.
    let cached = folder.path().join("cached.onnx");
    fs_err::write(
        outside.join("blob"),
        initializer(&external(&[entry("location", "data")])),
    )
    .expect("a file");
    symlink("out/blob", &cached).expect("a link");
    symlink("out/weights", folder.path().join("data")).expect("a link");
    assert_eq!(
        civitai_security::scan::scan(&cached, &limits).verdict,
        Verdict::Clean
    );
}

#[test]
fn finds_external_data_wherever_a_tensor_can_be() {
    let tensor = external(&[entry("location", "../w")]);
    let attribute = bytes(
        5,
        [bytes(1, "value"), bytes(5, &tensor), number(20, 4)].concat(),
    );
    let node = bytes(1, [bytes(4, "Constant"), attribute.clone()].concat());
    let subgraph = bytes(
        1,
        [
            bytes(4, "If"),
            bytes(5, [bytes(1, "then"), bytes(6, &node)].concat()),
        ]
        .concat(),
    );
    for (place, model) in [
        ("node", graph(&node)),
        ("subgraph", graph(&subgraph)),
        ("sparse", graph(&bytes(15, bytes(1, &tensor)))),
        ("list", graph(&bytes(1, bytes(5, bytes(10, &tensor))))),
        (
            "function",
            [graph(&[]), bytes(25, bytes(7, attribute))].concat(),
        ),
        (
            "training",
            [graph(&[]), bytes(20, bytes(2, bytes(5, &tensor)))].concat(),
        ),
        (
            "second graph",
            [graph(&[]), bytes(7, bytes(5, &tensor))].concat(),
        ),
    ] {
        assert_eq!(
            judged("model.onnx", &model).0,
            Verdict::Malicious,
            "{place}"
        );
    }
}

#[test]
fn names_what_is_wrong_with_a_tensor() {
    let location = entry("location", "w");
    let with = |more: &[Vec<u8>]| external(&[std::slice::from_ref(&location), more].concat());
    for (tensor, rules) in [
        (external(&[]), "onnx_external_key"),
        (external(&[entry("location", "")]), "onnx_external_key"),
        (with(std::slice::from_ref(&location)), "onnx_external_key"),
        (with(&[entry("colour", "red")]), "onnx_external_key"),
        (with(&[entry("offset", "-1")]), "onnx_external_range"),
        (with(&[entry("offset", "1e3")]), "onnx_external_range"),
        (with(&[entry("length", "15")]), "onnx_external_range"),
        (
            with(&[entry("length", "99999999999999999999")]),
            "onnx_external_range",
        ),
        (
            with(&[
                entry("offset", "9223372036854775807"),
                entry("length", "16"),
            ]),
            "onnx_external_range",
        ),
        (tensor(&[u64::MAX], 1, 0), "onnx_tensor"),
        (tensor(&[1 << 40, 1 << 40], 1, 0), "onnx_tensor"),
        (tensor(&[1 << 62], 11, 0), "onnx_tensor"),
        (tensor(&[4], 1, 15), "onnx_tensor"),
    ] {
        assert_eq!(
            judged("model.onnx", initializer(&tensor)),
            (Verdict::Malformed, vec![rules])
        );
    }
    let key = external(&[location.clone(), entry("__class__", "x")]);
    assert_eq!(
        judged("model.onnx", initializer(&key)),
        (Verdict::Malicious, vec!["onnx_external_attribute"])
    );
    let unknown = initializer(&tensor(&[4], 77, 0));
    assert_eq!(
        judged("model.onnx", unknown),
        (Verdict::Unscannable, vec!["onnx_dtype"])
    );
}

#[test]
fn operators_that_run_python_are_malicious() {
    let node = bytes(
        1,
        [bytes(4, "PythonOp"), bytes(7, "com.microsoft")].concat(),
    );
    let report = scan("model.onnx", graph(&node));
    assert_eq!(report.verdict, Verdict::Malicious);
    assert_eq!(report.findings[0].callable.as_deref(), Some("PythonOp"));
}

#[test]
fn compiled_parts_stay_in_the_folder_of_the_model() {
    let context = bytes(
        5,
        [bytes(1, "ep_cache_context"), bytes(4, "../../x.bin")].concat(),
    );
    let node = bytes(1, [bytes(4, "EPContext"), context].concat());
    assert_eq!(
        judged("model.onnx", graph(&node)),
        (Verdict::Malicious, vec!["onnx_external_path"])
    );
}

#[test]
fn bytes_that_are_no_message_are_malformed() {
    let model = initializer(&tensor(&[4], 1, 16));
    for broken in [
        &b"something else"[..],
        &model[..model.len() - 1],
        &[model.clone(), vec![0]].concat(),
        &[model.clone(), tag(9, 3)].concat(),
        &[model.clone(), number(7, 1)].concat(),
        &[model.clone(), bytes(5, "")].concat(),
    ] {
        let expected = (Verdict::Malformed, vec!["onnx_wire"]);
        assert_eq!(
            judged("model.onnx", broken),
            expected,
            "{}",
            broken.escape_ascii()
        );
    }
}

#[test]
fn deep_graphs_end_at_the_limit() {
    let deep = (0..3000).fold(Vec::new(), |inner, _| bytes(1, bytes(5, bytes(6, inner))));
    assert_eq!(
        judged("model.onnx", graph(&deep)),
        (Verdict::Unscannable, vec!["onnx_depth"])
    );
}

proptest! {
    #[test]
    fn damage_never_panics(damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut model = initializer(&external(&[entry("location", "w"), entry("length", "16")]));
        for (index, byte) in damage {
            let at = index.index(model.len());
            model[at] = byte;
        }
        scan("model.onnx", &model);
        scan("model", &model);
    }
}
