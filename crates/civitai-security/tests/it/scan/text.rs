use civitai_security::scan::Verdict;

use super::{assert_clean, judged};

#[test]
fn text_is_clean_where_text_belongs() {
    for (name, text) in [
        ("README.md", &b"# A model\n\nTrigger words: **x**\n"[..]),
        ("page.html", b"<!doctype html><title>notes</title>"),
        ("archive/version", b"3\n"),
        ("archive/byteorder", b"little"),
        ("merges.txt", b"#version: 0.2\ni n\n"),
        ("empty.txt", b""),
        // Shift JIS.
        ("説明.txt", b"\x90\xe0\x96\xbe\x8f\x91\r\n"),
        ("train.log", b"\x1b[32mINFO\x1b[0m loss=0.1\n"),
    ] {
        assert_clean(name, text);
    }
}

#[test]
fn text_in_the_place_of_a_model_is_named() {
    for (text, rule) in [
        (
            &b"<!DOCTYPE html><html><body>Sign in</body></html>"[..],
            "text_html",
        ),
        (b"\r\n  <html lang=en>", "text_html"),
        (
            b"\xef\xbb\xbf<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>",
            "text_html",
        ),
        (
            b"{\"error\":\"Unauthorized\",\"message\":\"log in\"}",
            "text_error",
        ),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
            "text_pointer",
        ),
    ] {
        for name in ["model.ckpt", "model.pt", "MODEL.BIN", "model.npz"] {
            assert_eq!(
                judged(name, text),
                (Verdict::Malformed, vec![rule]),
                "{name}"
            );
        }
        let (verdict, rules) = judged("model.safetensors", text);
        assert_eq!(verdict, Verdict::Malformed);
        assert!(rules.contains(&rule), "{rules:?}");
    }
    // The name asks for a pickle, and as one it breaks at its second byte.
    assert_eq!(judged("model.ckpt", b"Not found\n").0, Verdict::Malformed);
    assert_eq!(judged("model.ckpt", b"").0, Verdict::Unscannable);
}

#[test]
fn what_only_begins_as_text_is_not_text() {
    let bytes = [&b"word ".repeat(2000)[..], b"\0\x01\x02"].concat();
    assert_eq!(judged("notes.txt", &bytes).0, Verdict::Unscannable);
    assert_eq!(judged("notes", &bytes).0, Verdict::Unscannable);
}

#[test]
fn the_test_file_of_scanners_is_found() {
    let eicar = [
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}$",
        "EICAR-STANDARD-",
        "ANTIVIRUS-TEST-FILE!$H+H*",
    ]
    .concat();
    for name in ["a.bin", "a.com", "a.txt"] {
        assert_eq!(
            judged(name, &eicar),
            (Verdict::Malicious, vec!["text_eicar"]),
            "{name}"
        );
    }
    assert_clean("a.txt", format!("The file begins: {eicar}"));
}
