//! Pickles, written opcode by opcode; every payload is inert.

use std::time::Duration;

use civitai_security::scan::{Limits, Verdict, scan_bytes};

use super::{assert_verdict, scan};

/// A pickle of protocol 4 that begins with its header.
pub(super) fn pickle(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"\x80\x04".to_vec();
    bytes.extend(parts.concat());
    bytes.push(b'.');
    bytes
}

pub(super) fn text(text: &str) -> Vec<u8> {
    let len = u8::try_from(text.len()).expect("names are short");
    [&[0x8c, len], text.as_bytes()].concat()
}

pub(super) fn name(module: &str, name: &str) -> Vec<u8> {
    [text(module), text(name), vec![0x93]].concat()
}

pub(super) fn call(module: &str, callee: &str, arguments: &[u8]) -> Vec<u8> {
    [&name(module, callee), &b"("[..], arguments, b"tR"].concat()
}

fn int(value: i32) -> Vec<u8> {
    [b"J", &value.to_le_bytes()[..]].concat()
}

fn ints(values: &[i32]) -> Vec<u8> {
    let items: Vec<u8> = values.iter().flat_map(|&value| int(value)).collect();
    [b"(", &items[..], b"t"].concat()
}

/// A float tensor over a storage of so many elements.
fn tensor(elements: i32, offset: i32, sizes: &[i32], strides: &[i32]) -> Vec<u8> {
    let id = [
        b"(",
        &text("storage")[..],
        &name("torch", "FloatStorage"),
        &text("0"),
        &text("cpu"),
        &int(elements),
        b"tQ",
    ]
    .concat();
    let hooks = [&name("collections", "OrderedDict")[..], b")R"].concat();
    let arguments = [
        id,
        int(offset),
        ints(sizes),
        ints(strides),
        vec![0x89],
        hooks,
    ]
    .concat();
    call("torch._utils", "_rebuild_tensor_v2", &arguments)
}

#[test]
fn plain_values_are_clean() {
    for bytes in [
        &b"N."[..],
        b"\x80\x02]q\x00(K\x01K\x02e.",
        b"\x80\x05\x95\x03\x00\x00\x00\x00\x00\x00\x00}\x94.",
    ] {
        assert_verdict("a.pkl", bytes, Verdict::Clean);
    }
}

#[test]
fn a_refused_name_says_where_and_with_what() {
    let bytes = pickle(&[&call("os", "system", &text("echo"))]);
    let report = assert_verdict("a.pkl", &bytes, Verdict::Malicious);
    let finding = &report.findings[0];
    assert_eq!(finding.rule.id, "pickle_denied");
    assert_eq!(finding.callable.as_deref(), Some("os.system"));
    assert_eq!(finding.detail, r#"called with ("echo")"#);
    assert_eq!(finding.offset, 14);
    assert_eq!(report.formats, ["pickle"]);
}

#[test]
fn a_name_is_found_through_the_memo_in_any_order() {
    let bytes = pickle(&[
        &text("system"),
        b"\x94\x30",
        &text("os"),
        b"r\x70\x11\x01\x000",
        b"j\x70\x11\x01\x00h\x00\x93)R",
    ]);
    assert_verdict("a.pkl", &bytes, Verdict::Malicious);
}

#[test]
fn unknown_names_are_suspicious_even_when_nothing_calls_them() {
    let bytes = pickle(&[&name("mine", "Thing")]);
    assert_verdict("a.pkl", &bytes, Verdict::Suspicious);
    let bytes = pickle(&[&text("a"), b"\x94", b"h\x00", b"K\x01\x93"]);
    assert_verdict("a.pkl", &bytes, Verdict::Suspicious);
}

#[test]
fn a_payload_before_the_end_stays_found() {
    let payload = call("os", "system", &text("echo"));
    for tail in [&b"\xff\xff"[..], b"", b"X\xff\xff\xff\xff", b"R"] {
        let bytes = [b"\x80\x04", &payload[..], tail].concat();
        assert_verdict("a.pkl", &bytes, Verdict::Malicious);
    }
}

#[test]
fn every_pickle_of_a_row_is_read() {
    let good = pickle(&[b"}"]);
    let bad = pickle(&[&call("os", "system", &text("echo"))]);
    assert_verdict(
        "a.pkl",
        &[&good[..], &good, &bad].concat(),
        Verdict::Malicious,
    );
    assert_verdict("a.pkl", &[&good[..], &good].concat(), Verdict::Clean);
    // The second has no header, nor have those after it.
    assert_verdict(
        "a.pkl",
        &[&b"N."[..], b"N.N.N.", &bad].concat(),
        Verdict::Malicious,
    );
    assert_verdict(
        "a.pkl",
        &[&good[..], b"garbage"].concat(),
        Verdict::Malformed,
    );
    let old = b"cos\nsystem\n(S'echo'\ntR.";
    assert_verdict("a.pkl", &[&good[..], old].concat(), Verdict::Malicious);
}

#[test]
fn names_of_python_2_are_those_of_python_3_in_old_protocols_only() {
    assert_verdict("a.pkl", b"c__builtin__\nset\n(]tR.", Verdict::Clean);
    assert_verdict(
        "a.pkl",
        b"\x80\x03c__builtin__\nset\n(]tR.",
        Verdict::Suspicious,
    );
    for header in [&b""[..], b"\x80\x02", b"\x80\x04"] {
        let bytes = [header, b"c__builtin__\neval\n(tR."].concat();
        assert_verdict("a.pkl", &bytes, Verdict::Malicious);
        let bytes = [header, b"ccommands\ngetoutput\n."].concat();
        assert_verdict("a.pkl", &bytes, Verdict::Malicious);
    }
}

#[test]
fn getattr_is_followed_only_on_allowed_names() {
    let followed = pickle(&[&call(
        "builtins",
        "getattr",
        &[name("datetime", "timezone"), text("utc")].concat(),
    )]);
    assert_verdict("a.pkl", &followed, Verdict::Clean);
    let unknown = pickle(&[&call(
        "builtins",
        "getattr",
        &[name("datetime", "timezone"), text("mine")].concat(),
    )]);
    assert_verdict("a.pkl", &unknown, Verdict::Suspicious);
    let of_a_value = pickle(&[&call("builtins", "getattr", &[int(1), text("x")].concat())]);
    assert_verdict("a.pkl", &of_a_value, Verdict::Malicious);
    let handed_on = pickle(&[&name("builtins", "getattr"), b"\x85"]);
    assert_verdict("a.pkl", &handed_on, Verdict::Malicious);
    let kept = pickle(&[&name("builtins", "getattr")]);
    assert_verdict("a.pkl", &kept, Verdict::Malicious);
}

#[test]
fn allowed_callables_take_only_what_picklers_give_them() {
    for (module, callee, arguments) in [
        ("builtins", "bytearray", int(1 << 30)),
        ("builtins", "type", [text("A"), b")}".to_vec()].concat()),
        ("_codecs", "encode", [text("x"), text("rot13")].concat()),
        ("collections", "defaultdict", text("x")),
        ("torch", "float32", int(1)),
        ("builtins", "list", call("builtins", "range", &int(1 << 30))),
        ("numpy", "ndarray", ints(&[1 << 20, 1 << 20])),
        ("torch", "FloatTensor", int(1 << 30)),
        (
            "torch.nn.modules.linear",
            "Linear",
            [int(1 << 16), int(1 << 16)].concat(),
        ),
    ] {
        let report = scan("a.pkl", pickle(&[&call(module, callee, &arguments)]));
        assert_eq!(
            report.verdict,
            Verdict::Suspicious,
            "{module}.{callee}: {report:#?}"
        );
    }
}

#[test]
fn what_a_call_gives_is_not_called() {
    let object = call("collections", "OrderedDict", b"");
    assert_verdict("a.pkl", &pickle(&[&object, b")R"]), Verdict::Suspicious);
}

#[test]
fn state_is_set_on_objects_and_never_on_names() {
    let object = call("collections", "OrderedDict", b"");
    assert_verdict("a.pkl", &pickle(&[&object, b"}b"]), Verdict::Clean);
    let class = name("collections", "OrderedDict");
    assert_verdict("a.pkl", &pickle(&[&class, b"}b"]), Verdict::Malicious);
}

#[test]
fn items_go_only_into_what_holds_items() {
    assert_verdict("a.pkl", &pickle(&[b"]K\x00K\x01s"]), Verdict::Suspicious);
    assert_verdict("a.pkl", &pickle(&[b"}K\x00a"]), Verdict::Suspicious);
    let tensor = tensor(4, 0, &[4], &[1]);
    assert_verdict(
        "a.pkl",
        &pickle(&[&tensor, b"K\x00K\x01s"]),
        Verdict::Malicious,
    );
}

#[test]
fn tensors_stay_in_their_storage() {
    for (offset, sizes, strides, verdict) in [
        (0, &[2, 2][..], &[2, 1][..], Verdict::Clean),
        (0, &[], &[], Verdict::Clean),
        (4, &[0], &[1], Verdict::Clean),
        (1, &[4], &[1], Verdict::Malformed),
        (-1, &[1], &[1], Verdict::Malformed),
        (0, &[2], &[-1], Verdict::Malformed),
        (
            0,
            &[i32::MAX, i32::MAX, i32::MAX],
            &[i32::MAX; 3],
            Verdict::Malformed,
        ),
        (0, &[2, 2], &[2], Verdict::Malformed),
    ] {
        let report = scan("a.pkl", pickle(&[&tensor(4, offset, sizes, strides)]));
        assert_eq!(
            report.verdict, verdict,
            "{offset} {sizes:?} {strides:?}: {report:#?}"
        );
    }
}

#[test]
fn bytes_that_are_loaded_are_judged_as_a_file() {
    let inner = |bytes: &[u8]| {
        let len = u8::try_from(bytes.len()).expect("the pickle is short");
        let bytes = [&[b'C', len], bytes].concat();
        pickle(&[&call("torch.storage", "_load_from_bytes", &bytes)])
    };
    assert_verdict("a.pkl", &inner(b"\x80\x02N."), Verdict::Clean);
    let report = assert_verdict(
        "a.pkl",
        &inner(b"\x80\x02cos\nsystem\n)R."),
        Verdict::Malicious,
    );
    assert!(report.findings[0].member.starts_with("bytes at "));
    // The oldest protocol writes bytes as text in a line; it has to be long, or it is no file.
    let line = format!("(lp0\\u000acos\\u000asystem\\u000a)R.{}", " ".repeat(600));
    let bytes =
        format!("ctorch.storage\n_load_from_bytes\n(c_codecs\nencode\n(V{line}\nVlatin1\ntRtR.");
    assert_verdict("a.pkl", bytes.as_bytes(), Verdict::Malicious);
    let short = [text("\u{80}\u{2}cos\nsystem\n)R."), text("latin1")].concat();
    for encoder in [("_codecs", "encode"), ("builtins", "bytes")] {
        let bytes = call(
            "torch.storage",
            "_load_from_bytes",
            &call(encoder.0, encoder.1, &short),
        );
        assert_verdict("a.pkl", &pickle(&[&bytes]), Verdict::Malicious);
    }
    let other = pickle(&[&call("torch.storage", "_load_from_bytes", &text("x"))]);
    assert_verdict("a.pkl", &other, Verdict::Suspicious);
}

#[test]
fn other_texts_are_not_taken_for_pickles() {
    for text in [
        &b"config\nvalues\n"[..],
        b"(import os)\n",
        b"Some notes\nof mine.\n",
        b"Personal\nnotes.\n",
        b"clean up\nthe rest\n.",
    ] {
        let report = scan("notes.txt", text);
        assert!(
            report
                .findings
                .iter()
                .all(|finding| !finding.rule.id.starts_with("pickle")),
            "{report:#?}"
        );
    }
}

#[test]
fn what_is_shared_is_counted_as_often_as_it_is_reached() {
    // Each of 40 tuples holds the one before twice.
    let doubled = b"2\x86".repeat(40);
    let report = scan("a.pkl", pickle(&[b"N", &doubled]));
    assert_eq!(
        report.findings[0].rule.id, "pickle_expansion",
        "{report:#?}"
    );
}

#[test]
fn limits_end_in_unscannable() {
    let mut limits = Limits::default();
    limits.time = Duration::ZERO;
    let report = scan_bytes("a.pkl", b"\x80\x02N.", &limits);
    assert_eq!(report.findings[0].rule.id, "limit_time", "{report:#?}");
    let mut limits = Limits::default();
    limits.stack = 100;
    limits.memo = 100;
    limits.opcodes = 10_000;
    for (bytes, rule) in [
        (b"N".repeat(200), "pickle_limit_stack"),
        (b"(".repeat(200), "pickle_limit_stack"),
        (
            [&b"N"[..], &b"\x94".repeat(200)].concat(),
            "pickle_limit_memo",
        ),
        ([&b"N"[..], &b"N0".repeat(20_000)].concat(), "limit_opcodes"),
        (
            [&b")"[..], &b"\x85".repeat(100)].concat(),
            "pickle_limit_nesting",
        ),
        (
            [b"]".repeat(90), b"a".repeat(89)].concat(),
            "pickle_limit_nesting",
        ),
    ] {
        let bytes = pickle(&[&bytes]);
        let report = scan_bytes("a.pkl", &bytes, &limits);
        assert_eq!(report.verdict, Verdict::Unscannable, "{report:#?}");
        assert_eq!(report.findings[0].rule.id, rule);
    }
}

#[test]
fn numbers_are_read_as_python_reads_them() {
    // Memo numbers with blanks, signs and underscores are the same as without.
    let bytes = b"\x80\x02Vos\np1_0\n0Vsystem\np 7\n0g+10\ng7\n\x93)R.";
    assert_verdict("a.pkl", bytes, Verdict::Malicious);
    let bytes = b"\x80\x02V\\u006fs\nV\\U00000073ystem\n\x93)R.";
    assert_verdict("a.pkl", bytes, Verdict::Malicious);
    let bytes = b"\x80\x02S'\\157\\x73'\nS\"system\"\n\x93)R.";
    assert_verdict("a.pkl", bytes, Verdict::Malicious);
}

#[test]
fn broken_pickles_are_malformed_in_a_file_named_so() {
    for bytes in [
        &b"\x80\x04."[..],
        b"\x80\x04}h\x05.",
        b"Np-1\n.",
        b"Ng-1\n.",
        b"\x80\x04}",
        b"\x80\x04}}.",
        b"\x80\x04t.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc",
        b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N.",
        b"\x80\x04\x95\x01\x00\x00\x00\x00\x00\x00\x00K\x01.",
    ] {
        let report = scan("a.pkl", bytes);
        assert_eq!(
            report.verdict,
            Verdict::Malformed,
            "{} {report:#?}",
            bytes.escape_ascii()
        );
    }
}
