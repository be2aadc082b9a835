//! Files that are broken, endless or made to harm: an error with its place, never a crash.

use std::error::Error as _;

use civitai_library::workflow::{self, ErrorKind};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::files::{Folder, exif, jpeg, png, webp};

fn error(bytes: &[u8]) -> String {
    let folder = Folder::new();
    let path = folder.file("bad.json", bytes);
    let error = workflow::read(&path).expect_err("it is broken");
    assert_eq!(error.path(), path);
    let source = error.kind().source().map(ToString::to_string);
    match source {
        Some(source) => format!("{}: {source}", error.kind()),
        None => error.kind().to_string(),
    }
}

#[test]
fn every_error_says_what_is_wrong_and_where() {
    for (bytes, text) in [
        (
            b"{\"nodes\": [\n{]".as_slice(),
            "the file is no JSON: key must be a string at line 2 column 2",
        ),
        (b"", "it holds no workflow and no generation data"),
        (b"{}", "it holds no workflow and no generation data"),
        (b"just words", "it holds no workflow and no generation data"),
        (
            b"GIF89a\0\0\0",
            "it is neither a workflow nor a PNG, JPEG or WebP picture",
        ),
        (
            b"\x89PNG\r\n\x1a\nrubbish",
            "damaged PNG at byte 8: it ends inside a chunk",
        ),
        (
            b"\xff\xd8\xff\xe1",
            "damaged JPEG at byte 4: it ends before the picture",
        ),
    ] {
        assert_eq!(error(bytes), text);
    }
    let chunk = (b"tEXt", b"workflow\0{\"nodes\": [".to_vec());
    let text = error(&png(&[chunk, (b"IEND", Vec::new())]));
    assert_eq!(
        text,
        "chunk tEXt \"workflow\" at byte 8 is no JSON: EOF while parsing a list at line 1 column 11"
    );
    let missing =
        workflow::read(std::path::Path::new("/nowhere/at all.json")).expect_err("not there");
    assert!(matches!(missing.kind(), ErrorKind::Io(_)), "{missing}");
}

#[test]
fn nesting_is_bounded() {
    let deep = format!(
        "{}1{}",
        "{\"nodes\":[".repeat(100_000),
        "]}".repeat(100_000)
    );
    assert!(error(deep.as_bytes()).contains("no JSON"));
}

#[test]
fn subgraphs_that_contain_themselves_or_each_other_many_times_end() {
    let level = |id: usize, inside: &[usize]| -> Value {
        let nodes: Vec<Value> = inside
            .iter()
            .enumerate()
            .map(|(at, id)| json!({"id": at, "type": format!("sub-{id}")}))
            .collect();
        json!({"id": format!("sub-{id}"), "nodes": nodes, "links": []})
    };
    let endless = json!({"nodes": [{"id": 1, "type": "sub-0"}], "links": [],
        "definitions": {"subgraphs": [level(0, &[1]), level(1, &[0])]}});
    let many: Vec<Value> = (0..20).map(|id| level(id, &[id + 1; 10])).collect();
    let bomb = json!({"nodes": [{"id": 1, "type": "sub-0"}], "links": [], "definitions": {"subgraphs": many}});
    for canvas in [endless, bomb] {
        let text = error(canvas.to_string().as_bytes());
        assert!(
            text.starts_with("the subgraphs unfold to more than"),
            "{text}"
        );
    }
}

#[test]
fn links_in_a_circle_end() {
    let canvas = json!({"nodes": [
        {"id": 1, "type": "Reroute", "inputs": [{"link": 2}]},
        {"id": 2, "type": "Reroute", "inputs": [{"link": 1}]},
        {"id": 3, "type": "VAELoader", "widgets_values": ["v.pt"],
            "inputs": [{"name": "vae_name", "type": "COMBO", "link": 1, "widget": {"name": "vae_name"}}]},
    ], "links": [[1, 1, 0, 2, 0, "*"], [2, 2, 0, 1, 0, "*"]]});
    let found = Folder::new().read(canvas.to_string().as_bytes());
    assert_eq!(found.len(), 1);
}

fn samples() -> Vec<Vec<u8>> {
    let canvas = json!({"nodes": [{"id": 1, "type": "VAELoader", "widgets_values": ["v.pt"],
        "inputs": [{"name": "vae_name", "link": 1, "widget": {"name": "vae_name"}}]}],
        "links": [[1, 2, 0, 1, 0, "*"]], "definitions": {"subgraphs": []}});
    let prompt = json!({"1": {"class_type": "LoraLoader", "inputs": {"lora_name": "x.pt", "model": ["1", 0]}}});
    let infotext = "a <lora:b:1>\nSteps: 2, Model: c [aabbccdd], Hashes: {\"model\": \"aabbccddee\"}, ControlNet 0: \"Model: d [0123abcd]\"";
    let text = |keyword: &str, content: &str| format!("{keyword}\0{content}").into_bytes();
    let exif = exif(
        &[(0x010f, b"workflow:{\"nodes\":[]}\0")],
        &[b"UNICODE\0", infotext.as_bytes()].concat(),
    );
    vec![
        canvas.to_string().into_bytes(),
        prompt.to_string().into_bytes(),
        infotext.as_bytes().to_vec(),
        png(&[
            (b"tEXt", text("workflow", &canvas.to_string())),
            (b"iTXt", text("prompt", "\0\0\0\0{}")),
            (b"eXIf", exif.clone()),
        ]),
        jpeg(&[
            (0xe1, [b"Exif\0\0".as_slice(), &exif].concat()),
            (0xfe, infotext.as_bytes().to_vec()),
        ]),
        webp(&[
            (b"EXIF", exif),
            (b"XMP ", b"<a b='Steps: 1, Model: &lt;'>&#x41;</a>".to_vec()),
        ]),
    ]
}

proptest! {
    #[test]
    fn no_change_of_a_file_makes_it_crash(
        sample in 0_usize..6,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = samples().swap_remove(sample);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let folder = Folder::new();
        let _ = workflow::read(&folder.file("changed", &bytes));
    }

    #[test]
    fn no_text_makes_it_crash(text in "\\PC{0,60}(Steps: [0-9], )?(Model|Lora hashes|Hashes|Module 1)?: ?[\"{\\[<:,a-f0-9 ]{0,40}\\PC{0,40}") {
        let folder = Folder::new();
        let _ = workflow::read(&folder.file("text", text.as_bytes()));
    }
}
