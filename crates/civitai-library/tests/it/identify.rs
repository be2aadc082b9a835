//! What files are, told by their headers.

mod kin;

use std::path::{Path, PathBuf};

use civitai_api::{BaseModel, ModelType};
use civitai_library::identify::{
    Error, Family, Format, Header, Identity, Learned, Truth, identify, identify_header,
};

fn corpus() -> Option<PathBuf> {
    std::env::var_os("CIVITAI_CORPUS").map(PathBuf::from)
}

fn answer(path: &Path) -> Identity {
    if path.extension().is_some_and(|ext| ext == "json") {
        let text = fs_err::read(path).expect("a header");
        let header = Header::from_json(&text).expect("sound JSON");
        identify_header(&header, &Learned::default())
    } else {
        identify(path).expect("a sound file")
    }
}

/// The types that a label of the corpus allows.
fn types(label: &str) -> &'static [&'static str] {
    match label {
        "LORA" | "LORA (control)" => &["LORA"],
        "LoCon/LyCORIS" => &["LoCon"],
        "DoRA" => &["DoRA"],
        "Checkpoint" => &["Checkpoint"],
        "Checkpoint (diffusion model)" => &["Checkpoint", "UNet"],
        "Controlnet" => &["Controlnet"],
        "IPAdapter" => &["Other"],
        "VAE" => &["VAE"],
        "TextEncoder" => &["TextEncoder"],
        "TextualInversion" => &["TextualInversion"],
        other => panic!("a label this test does not know: {other}"),
    }
}

/// The family that a label's base model belongs to.
fn family(label: &str) -> &'static str {
    let families = [
        ("Flux.1", "flux1"),
        ("Flux.2", "flux2"),
        ("Anima", "anima"),
        ("Z-Image", "zimage"),
        ("Krea 2", "krea2"),
        ("Qwen-Image", "qwen"),
        ("SDXL", "sdxl"),
        ("SSD-1B", "sdxl"),
        ("Segmind", "sdxl"),
        ("SD 2", "sd2"),
        ("SD", "sd1"),
    ];
    let known = families.iter().find(|(start, _)| label.starts_with(start));
    known.expect("a label this test knows").1
}

#[test]
fn real_headers_are_what_their_labels_say() {
    let Some(corpus) = corpus() else {
        println!("skipped: no corpus");
        return;
    };
    let folder = corpus.join("headers");
    let labels = fs_err::read_to_string(folder.join("labels.tsv")).expect("labels");
    let mut wrong = Vec::new();
    for line in labels.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let found = answer(&folder.join(fields[0]));
        let is_type = found
            .model_type
            .as_ref()
            .is_some_and(|found| types(fields[1]).contains(&found.as_str()));
        let is_family = found.family.map(Family::as_str) == Some(family(fields[2]));
        if !is_type || !is_family {
            wrong.push(format!("{}: {found:#?}", fields[0]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Writes `bytes` to a file and asks what it is.
fn of_bytes(bytes: &[u8]) -> Result<Identity, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file.bin");
    fs_err::write(&path, bytes).expect("written");
    identify(&path)
}

fn safetensors(header: &str) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes()].concat()
}

/// A GGUF file with texts as values and tensors of one type.
fn gguf(pairs: &[(&str, &str)], tensors: &[(&str, &[u64])]) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
    let mut bytes = b"GGUF\x03\0\0\0".to_vec();
    bytes.extend((tensors.len() as u64).to_le_bytes());
    bytes.extend((pairs.len() as u64).to_le_bytes());
    for (key, value) in pairs {
        bytes.extend(text(key));
        bytes.extend(8_u32.to_le_bytes());
        bytes.extend(text(value));
    }
    for (name, shape) in tensors {
        bytes.extend(text(name));
        bytes.extend(u32::try_from(shape.len()).expect("few").to_le_bytes());
        for side in shape.iter().rev() {
            bytes.extend(side.to_le_bytes());
        }
        bytes.extend(12_u32.to_le_bytes());
        bytes.extend(0_u64.to_le_bytes());
    }
    bytes
}

/// The stream that `torch.save` makes of a dictionary of tensors, as far as it matters here.
fn pickle(tensors: &[(&str, &[u8])]) -> Vec<u8> {
    let text = |text: &str| {
        let length = u32::try_from(text.len()).expect("short").to_le_bytes();
        [b"X", &length[..], text.as_bytes()].concat()
    };
    let mut bytes = b"\x80\x02}(".to_vec();
    for (name, shape) in tensors {
        bytes.extend(text(name));
        bytes.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        bytes.extend(text("storage"));
        bytes.extend(b"ctorch\nHalfStorage\n");
        bytes.extend(text("0"));
        bytes.extend(text("cpu"));
        bytes.extend(b"K\x01tQK\0(");
        for side in *shape {
            bytes.extend([b'K', *side]);
        }
        bytes.extend(b"tt");
        bytes.extend(b"R");
    }
    bytes.extend(b"u.");
    bytes
}

/// An archive with one stored member.
fn archive(name: &str, contents: &[u8]) -> Vec<u8> {
    let size = u32::try_from(contents.len()).expect("small").to_le_bytes();
    let name_size = u16::try_from(name.len()).expect("short").to_le_bytes();
    let common = [
        &[10, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0; 4][..],
        &size,
        &size,
        &name_size,
        &[0, 0],
    ]
    .concat();
    let mut bytes = [b"PK\x03\x04", &common[..], name.as_bytes(), contents].concat();
    let offset = u32::try_from(bytes.len()).expect("small").to_le_bytes();
    let entry = [b"PK\x01\x02\x0a\0", &common[..], &[0; 14], name.as_bytes()].concat();
    let entry_size = u32::try_from(entry.len()).expect("small").to_le_bytes();
    bytes.extend(entry);
    bytes.extend(
        [
            b"PK\x05\x06\0\0\0\0\x01\0\x01\0",
            &entry_size[..],
            &offset,
            &[0, 0],
        ]
        .concat(),
    );
    bytes
}

const FLUX: &[(&str, &[u64])] = &[
    ("double_blocks.0.img_attn.qkv.weight", &[9216, 3072]),
    ("double_blocks.0.img_mlp.0.weight", &[12288, 3072]),
    ("double_blocks.0.txt_mod.lin.weight", &[18432, 3072]),
    ("single_blocks.0.linear1.weight", &[21504, 3072]),
    ("guidance_in.in_layer.weight", &[3072, 256]),
    ("img_in.weight", &[3072, 64]),
    ("txt_in.weight", &[3072, 4096]),
    ("final_layer.linear.weight", &[64, 3072]),
];

#[test]
fn gguf_shapes_are_turned_round() {
    let found = of_bytes(&gguf(&[("general.architecture", "flux")], FLUX)).expect("sound");
    assert_eq!(found.format, Format::Gguf);
    assert_eq!(found.family, Some(Family::Flux1), "{found:#?}");
    assert_eq!(found.model_type, Some(ModelType::UNet));
    assert_eq!(found.precision.as_deref(), Some("Q4_K"));
}

#[test]
fn a_pickle_is_read_as_data() {
    let embedding = pickle(&[("emb_params", &[4, 200])]);
    for bytes in [embedding.clone(), archive("archive/data.pkl", &embedding)] {
        let found = of_bytes(&bytes).expect("sound");
        assert_eq!(
            (found.format, found.tensors),
            (Format::Pickle, 1),
            "{found:#?}"
        );
    }
    let hostile = b"\x80\x02cposix\nsystem\n(X\x02\0\0\0idtR.";
    let found = of_bytes(hostile).expect("read, not run");
    assert_eq!(found.model_type, None, "{found:#?}");
}

#[test]
fn a_folder_speaks_through_its_index() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = r#"{"_class_name": "StableDiffusionXLPipeline", "unet": ["diffusers", "UNet2DConditionModel"]}"#;
    fs_err::write(folder.path().join("model_index.json"), index).expect("written");
    let found = identify(folder.path()).expect("sound");
    assert_eq!(found.format, Format::Diffusers);
    assert_eq!(found.family, Some(Family::Sdxl), "{found:#?}");
    assert_eq!(found.model_type, Some(ModelType::Checkpoint));
}

#[test]
fn what_breaks_its_format_is_named() {
    let mut long = safetensors("{}");
    long[..8].copy_from_slice(&1_000_000_u64.to_le_bytes());
    let error = of_bytes(&long).expect_err("longer than the file");
    let source = std::error::Error::source(&error)
        .expect("a cause")
        .to_string();
    assert_eq!(
        source,
        "the header's length claims 1000000 where at most 2 can be"
    );

    let error = of_bytes(&safetensors("{\"a\": [1,}")).expect_err("no JSON");
    let source = std::error::Error::source(&error)
        .expect("a cause")
        .to_string();
    assert_eq!(
        source,
        "the header is not the JSON it should be, line 1 column 10"
    );

    for bytes in [&b""[..], b"\0\0\0", b"MZ not a model at all"] {
        let found = of_bytes(bytes).expect("merely unknown");
        assert_eq!((found.format, found.model_type), (Format::Unknown, None));
    }
}

#[test]
fn no_cut_and_no_flip_breaks_the_reader() {
    let sound = [
        safetensors(
            r#"{"__metadata__": {"a": "b"}, "x.lora_A.weight": {"dtype": "F16", "shape": [4, 8], "data_offsets": [0, 64]}}"#,
        ),
        gguf(&[("general.architecture", "flux")], &FLUX[..2]),
        pickle(&[("a.b", &[2, 3]), ("c", &[4])]),
        archive("archive/data.pkl", &pickle(&[("a.b", &[2, 3])])),
        b"\x08\x07\x12\x02pt\x3a\x0c\x2a\x0a\x08\x02\x08\x03\x10\x01\x42\x02ab".to_vec(),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("file");
    let ask = |bytes: &[u8]| {
        fs_err::write(&path, bytes).expect("written");
        drop(identify(&path));
    };
    for bytes in sound {
        for cut in 0..bytes.len() {
            ask(&bytes[..cut]);
        }
        for at in 0..bytes.len() {
            for flip in [0x01, 0xff] {
                let mut broken = bytes.clone();
                broken[at] ^= flip;
                ask(&broken);
            }
        }
    }
}

#[test]
fn a_second_table_learns_what_the_first_does_not_know() {
    let header = |width: u64| {
        let tensors: Vec<String> = (0..6)
            .map(|at| {
                format!(r#""novel_stage.{at}.mixer.w{at}.weight": {{"dtype": "F16", "shape": [{width}, 96], "data_offsets": [0, 0]}}"#)
            })
            .collect();
        Header::from_json(format!("{{{}}}", tensors.join(",")).as_bytes()).expect("sound")
    };
    let truth = Truth {
        model_type: ModelType::UNet,
        base_model: BaseModel::from("Lens"),
    };
    let mut learned = Learned::default();
    assert_eq!(identify_header(&header(640), &learned).model_type, None);
    learned.observe(&header(640), &truth);
    assert_eq!(
        identify_header(&header(640), &learned).model_type,
        None,
        "one file is no pattern"
    );
    learned.observe(&header(640), &truth);
    let found = identify_header(&header(640), &learned);
    assert_eq!(found.model_type, Some(ModelType::UNet), "{found:#?}");
    assert_eq!(found.base_model.as_ref(), Some(&truth.base_model));
    assert!(found.confidence < 0.9, "{}", found.confidence);

    let kept = Learned::new(learned.observations().to_vec());
    assert_eq!(identify_header(&header(640), &kept), found);
}
