//! Files of every kind, made here in the forms that tools write.

use std::io::Write as _;
use std::path::PathBuf;

use civitai_library::workflow::{self, Kind, Reference};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde_json::json;
use tempfile::TempDir;

/// A folder with files to read.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(TempDir::new().expect("there is room"))
    }

    pub(super) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs_err::write(&path, bytes).expect("there is room");
        path
    }

    pub(super) fn read(&self, bytes: &[u8]) -> Vec<Reference> {
        let path = self.file("file", bytes);
        workflow::read(&path).unwrap_or_else(|error| panic!("{error}: {}", error.kind()))
    }
}

/// Kind and name of each.
pub(super) fn told(references: &[Reference]) -> Vec<(Kind, &str)> {
    let name = |reference: &'_ Reference| reference.name.is_some();
    assert!(references.iter().all(name), "{references:?}");
    references
        .iter()
        .map(|reference| {
            (
                reference.kind,
                reference.name.as_deref().unwrap_or_default(),
            )
        })
        .collect()
}

pub(super) fn png(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in chunks {
        bytes.extend(u32::try_from(data.len()).expect("small").to_be_bytes());
        bytes.extend(*kind);
        bytes.extend(data);
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(*kind);
        checksum.update(data);
        bytes.extend(checksum.finalize().to_be_bytes());
    }
    bytes
}

pub(super) fn webp(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (kind, data) in chunks {
        body.extend(*kind);
        body.extend(u32::try_from(data.len()).expect("small").to_le_bytes());
        body.extend(data);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    let length = u32::try_from(body.len()).expect("small").to_le_bytes();
    [b"RIFF".as_slice(), &length, &body].concat()
}

pub(super) fn jpeg(segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    for (marker, data) in segments {
        bytes.extend([0xff, *marker]);
        bytes.extend(u16::try_from(data.len() + 2).expect("small").to_be_bytes());
        bytes.extend(data);
    }
    bytes.extend([0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xd9]);
    bytes
}

/// An EXIF block with text fields in its first directory, and a user comment in the one below.
pub(super) fn exif(fields: &[(u16, &[u8])], comment: &[u8]) -> Vec<u8> {
    let word = |number: usize| u32::try_from(number).expect("small").to_le_bytes();
    let count = u16::try_from(fields.len() + 1).expect("small");
    let below = 8 + 2 + 12 * usize::from(count) + 4;
    let mut place = below + 2 + 12 + 4;
    let mut directory = count.to_le_bytes().to_vec();
    let mut data = Vec::new();
    let mut entry = |tag: u16, kind: u16, bytes: &[u8], out: &mut Vec<u8>| {
        out.extend(tag.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(word(bytes.len()));
        out.extend(word(place));
        place += bytes.len();
        data.extend(bytes);
    };
    for (tag, bytes) in fields {
        entry(*tag, 2, bytes, &mut directory);
    }
    let mut inner = 1_u16.to_le_bytes().to_vec();
    entry(0x9286, 7, comment, &mut inner);
    directory.extend(0x8769_u16.to_le_bytes());
    directory.extend(4_u16.to_le_bytes());
    directory.extend(word(1));
    directory.extend(word(below));
    let end = [0; 4].as_slice();
    [
        b"II*\0\x08\0\0\0",
        directory.as_slice(),
        end,
        &inner,
        end,
        &data,
    ]
    .concat()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(data).expect("memory");
    packed.finish().expect("memory")
}

fn utf16_be(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

const PROMPT: &str = r#"{"4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "SD/base.safetensors"}, "is_changed": [NaN]},
    "5": {"class_type": "LoraLoader", "inputs": {"lora_name": "x.safetensors", "strength_model": 1.0, "model": ["4", 0]}}}"#;
const INFOTEXT: &str = "空 <lora:x:1>\nNegative prompt: bad\nSteps: 20, Sampler: Euler, Model hash: 4726d3bab1, Model: base, Lora hashes: \"x: 0123456789ab\"";

fn base_and_lora() -> Vec<(Kind, &'static str)> {
    vec![
        (Kind::Checkpoint, "SD/base.safetensors"),
        (Kind::Lora, "x.safetensors"),
    ]
}

#[test]
fn a_png_keeps_texts_in_three_kinds_of_chunks() {
    let folder = Folder::new();
    let prompt = PROMPT.as_bytes();
    for chunk in [
        (b"tEXt", [b"prompt\0", prompt].concat()),
        (b"zTXt", [b"prompt\0\0".as_slice(), &zlib(prompt)].concat()),
        (b"iTXt", [b"prompt\0\0\0\0\0", prompt].concat()),
        (
            b"iTXt",
            [b"prompt\0\x01\0en\0\0".as_slice(), &zlib(prompt)].concat(),
        ),
        (
            b"eXIf",
            exif(&[(0x0110, format!("prompt:{PROMPT}\0").as_bytes())], b""),
        ),
    ] {
        let found = folder.read(&png(&[
            (b"IHDR", vec![0; 13]),
            chunk,
            (b"IEND", Vec::new()),
        ]));
        assert_eq!(told(&found), base_and_lora());
    }
}

#[test]
fn what_was_run_the_canvas_and_the_text_are_one_description() {
    let folder = Folder::new();
    let canvas = json!({"nodes": [
        {"id": 4, "type": "CheckpointLoaderSimple", "mode": 0, "widgets_values": ["SD/base.safetensors"]},
        {"id": 9, "type": "LoraLoader", "mode": 2, "widgets_values": ["off.safetensors", 1, 1]},
    ], "links": []});
    let found = folder.read(&png(&[
        (
            b"tEXt",
            [b"parameters\0".as_slice(), INFOTEXT.as_bytes()].concat(),
        ),
        (
            b"tEXt",
            [b"workflow\0", canvas.to_string().as_bytes()].concat(),
        ),
        (b"tEXt", [b"prompt\0", PROMPT.as_bytes()].concat()),
        (b"IEND", Vec::new()),
    ]));
    let mut expected = base_and_lora();
    expected.push((Kind::Lora, "off.safetensors"));
    assert_eq!(told(&found), expected);
    let hash = |at: usize| found[at].hash.as_ref().map(|hash| hash.as_str().to_owned());
    assert_eq!(hash(0).as_deref(), Some("4726D3BAB1"));
    assert_eq!(hash(1).as_deref(), Some("0123456789AB"));
}

#[test]
fn exif_of_jpeg_and_webp_is_read_in_every_way_tools_write_it() {
    let folder = Folder::new();
    let unicode = [b"UNICODE\0".as_slice(), &utf16_be(INFOTEXT)].concat();
    let ascii = [b"ASCII\0\0\0", INFOTEXT.replace('空', "sky").as_bytes()].concat();
    let workflow = format!("Workflow: {PROMPT}\0");
    for exif in [
        exif(&[], &unicode),
        exif(&[], &ascii),
        exif(&[(0x010e, INFOTEXT.as_bytes())], b""),
        exif(&[(0x010f, workflow.as_bytes()), (0x0110, b"Camera\0")], b""),
        exif(&[(0x010e, workflow.as_bytes())], b"not about models"),
    ] {
        let in_jpeg = jpeg(&[
            (0xe0, vec![0; 14]),
            (0xe1, [b"Exif\0\0", exif.as_slice()].concat()),
        ]);
        let in_webp = webp(&[(b"VP8 ", vec![0; 9]), (b"EXIF", exif.clone())]);
        let prefixed = webp(&[(b"EXIF", [b"Exif\0\0", exif.as_slice()].concat())]);
        for picture in [in_jpeg, in_webp, prefixed] {
            let kinds: Vec<Kind> = folder
                .read(&picture)
                .iter()
                .map(|found| found.kind)
                .collect();
            assert_eq!(kinds, [Kind::Checkpoint, Kind::Lora]);
        }
    }
}

#[test]
fn xmp_is_read() {
    let folder = Folder::new();
    let escaped = INFOTEXT
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    let xmp = format!("<x:xmpmeta><rdf:li xml:lang='x-default'>{escaped}</rdf:li></x:xmpmeta>");
    let segment = [b"http://ns.adobe.com/xap/1.0/\0", xmp.as_bytes()].concat();
    for picture in [
        jpeg(&[(0xe1, segment)]),
        webp(&[(b"XMP ", xmp.clone().into_bytes())]),
        png(&[(
            b"iTXt",
            [b"XML:com.adobe.xmp\0\0\0\0\0", xmp.as_bytes()].concat(),
        )]),
    ] {
        assert_eq!(
            told(&folder.read(&picture)),
            [(Kind::Checkpoint, "base"), (Kind::Lora, "x")]
        );
    }
}

#[test]
fn invokeai_names_models_by_objects() {
    let folder = Folder::new();
    let model = |name: &str, kind: &str| {
        json!({"key": "k", "hash": "blake3:e52fdbee46a484ebe9b3b20ea0aac0a35a453ab6d0d353da00acfd35ce7a91ed",
            "name": name, "base": "sdxl", "type": kind})
    };
    let metadata = json!({"app_version": "5.0", "generation_mode": "sdxl_txt2img", "model": model("Juggernaut", "main"),
        "vae": model("fix", "vae"), "loras": [{"model": model("Detail", "lora"), "weight": 0.5}],
        "controlnets": [{"control_model": model("Canny", "controlnet")}],
        "ipAdapters": [{"ip_adapter_model": {"model_name": "old", "base_model": "sdxl", "model_type": "ip_adapter"}}]});
    let found = folder.read(&png(&[(
        b"tEXt",
        [b"invokeai_metadata\0", metadata.to_string().as_bytes()].concat(),
    )]));
    let expected = [
        (Kind::Checkpoint, "Juggernaut"),
        (Kind::Vae, "fix"),
        (Kind::Lora, "Detail"),
        (Kind::Controlnet, "Canny"),
        (Kind::IpAdapter, "old"),
    ];
    assert_eq!(told(&found), expected);
    assert!(found[0].hash.is_some() && found[4].hash.is_none());
    let graph = json!({"id": "g", "nodes": {"a": {"id": "a", "type": "main_model_loader", "model": model("M", "main")},
        "b": {"id": "b", "type": "lora_loader", "lora": model("L", "lora")}},
        "edges": [{"source": {"node_id": "a", "field": "lora"}, "destination": {"node_id": "b", "field": "lora"}}]});
    assert_eq!(
        told(&folder.read(graph.to_string().as_bytes())),
        [(Kind::Checkpoint, "M")]
    );
}

#[test]
fn a_history_and_a_request_are_unwrapped() {
    let folder = Folder::new();
    let prompt: serde_json::Value =
        serde_json::from_str(&PROMPT.replace("NaN", "null")).expect("JSON");
    for wrapped in [
        json!({"client_id": "x", "prompt": prompt, "extra_data": {"extra_pnginfo": {}}}),
        json!({"0b1c": {"prompt": [3, "0b1c", prompt, {"extra_pnginfo": {}}, ["9"]], "outputs": {}}}),
        json!({"meta": {"comfy": json!({"prompt": prompt, "workflow": {"nodes": [], "links": []}}).to_string()}}),
    ] {
        assert_eq!(
            told(&folder.read(wrapped.to_string().as_bytes())),
            base_and_lora(),
            "{wrapped}"
        );
    }
}

#[test]
fn data_of_the_site_names_versions() {
    let folder = Folder::new();
    let meta = json!({"prompt": "cat <lora:y:1>", "civitaiResources": [{"type": "lora", "modelVersionId": 7, "weight": 1}],
        "hashes": {"model": "4726d3bab1"}, "Model": "base"});
    let found = folder.read(meta.to_string().as_bytes());
    assert_eq!(found[0].version.map(civitai_api::VersionId::get), Some(7));
    assert!(found.iter().any(|reference| reference.hash.is_some()));
    assert!(
        found
            .iter()
            .any(|reference| reference.name.as_deref() == Some("y"))
    );
}

#[test]
fn text_with_a_mark_or_in_utf16_is_read() {
    let folder = Folder::new();
    let marked = [b"\xef\xbb\xbf", INFOTEXT.as_bytes()].concat();
    let wide = [b"\xfe\xff".as_slice(), &utf16_be(INFOTEXT)].concat();
    for bytes in [marked, wide] {
        assert_eq!(
            told(&folder.read(&bytes)),
            [(Kind::Checkpoint, "base"), (Kind::Lora, "x")]
        );
    }
}
