//! What files are, told by their headers.

use std::path::{Path, PathBuf};

use civitai_library::identify::{Family, Header, Identity, Learned, identify, identify_header};

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
