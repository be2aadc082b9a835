//! Generation data of the site itself, and of tools that write theirs as one flat object: SwarmUI, Fooocus.

use civitai_api::meta::{GenerationMeta, ReferenceBy};
use serde_json::{Map, Value};

use super::kind::Kind;
use super::reference::{Reference, References};
use super::{name, prompt};

/// Reads an object; false if it is of none of these tools.
pub(super) fn read(object: &Map<String, Value>, found: &mut References) -> bool {
    if let Some(Value::Object(parameters)) = object.get("sui_image_params") {
        found.add(swarm(parameters, object.get("sui_models")));
        return true;
    }
    if object.contains_key("base_model")
        && (object.contains_key("base_model_hash") || object.contains_key("lora_combined_1"))
    {
        found.add(fooocus(object));
        return true;
    }
    let is_ours = MARKS.iter().any(|mark| object.contains_key(*mark));
    if is_ours {
        found.add(civitai(object));
    }
    is_ours
}

/// What the site keeps of a picture.
fn civitai(object: &Map<String, Value>) -> Vec<Reference> {
    let references = GenerationMeta::new(object).references().into_iter();
    let mut all: Vec<Reference> = references
        .map(|told| {
            let kind = told
                .kind
                .as_deref()
                .and_then(Kind::of_word)
                .unwrap_or_default();
            let mut reference = Reference {
                kind,
                name: told.name,
                ..Reference::default()
            };
            match told.by {
                ReferenceBy::Version(version) => reference.version = Some(version),
                ReferenceBy::Hash(hash) => reference.hash = Some(hash),
                ReferenceBy::Name => {}
            }
            reference
        })
        .collect();
    for text in ["prompt", "negativePrompt"]
        .iter()
        .filter_map(|key| object.get(*key)?.as_str())
    {
        let is_new = |reference: &Reference| {
            let key = reference.name.as_deref().map(name::key);
            !all.iter()
                .any(|known| known.name.as_deref().map(name::key) == key)
        };
        let new: Vec<_> = prompt::references(text)
            .into_iter()
            .filter(is_new)
            .collect();
        all.extend(new);
    }
    all
}

/// SwarmUI: parameters that name models, and beside them the digests of the same.
fn swarm(parameters: &Map<String, Value>, models: Option<&Value>) -> Vec<Reference> {
    let mut all = Vec::new();
    for (key, value) in parameters {
        let kind = match key.as_str() {
            "model" | "refinermodel" | "segmentmodel" => Kind::Checkpoint,
            "vae" | "refinervae" => Kind::Vae,
            "loras" => Kind::Lora,
            "controlnetmodel" | "controlnettwomodel" | "controlnetthreemodel" => Kind::Controlnet,
            "ipadaptermodel" => Kind::IpAdapter,
            "clipvisionmodel" => Kind::ClipVision,
            "t5xxlmodel" | "cliplmodel" | "clipgmodel" | "llamamodel" | "qwenmodel" => {
                Kind::TextEncoder
            }
            "refinerupscalemethod" => Kind::Upscaler,
            "prompt" | "negativeprompt" => {
                all.extend(value.as_str().map(prompt::references).unwrap_or_default());
                continue;
            }
            _ => continue,
        };
        let one = value.as_str().into_iter();
        let many = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        for written in one.chain(many).take(MOST) {
            // A method of upscaling is a model only if it says so.
            let written = match (kind, written.split_once('-')) {
                (Kind::Upscaler, Some(("model", file))) => file,
                (Kind::Upscaler, _) => continue,
                _ => written,
            };
            all.push(Reference::named(written, kind));
        }
    }
    for model in models
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(MOST)
    {
        let text = |key: &str| model.get(key).and_then(Value::as_str);
        let (Some(written), Some(hash)) = (text("name"), text("hash")) else {
            continue;
        };
        let known = all
            .iter_mut()
            .find(|known| known.name.as_deref().map(name::key) == Some(name::key(written)));
        if let Some(known) = known {
            *known = known.clone().with_hash(hash);
        } else {
            let kind = text("param").and_then(Kind::of_word).unwrap_or_default();
            all.push(Reference::named(written, kind).with_hash(hash));
        }
    }
    all
}

/// Fooocus: one model, perhaps a refiner, `LoRA`s as `name : weight`.
fn fooocus(object: &Map<String, Value>) -> Vec<Reference> {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let mut all = Vec::new();
    for (kind, name, hash) in [
        (Kind::Checkpoint, "base_model", "base_model_hash"),
        (Kind::Checkpoint, "refiner_model", "refiner_model_hash"),
        (Kind::Vae, "vae", ""),
    ] {
        if let Some(name) = text(name) {
            all.push(Reference::named(name, kind).with_hash(text(hash).unwrap_or_default()));
        }
    }
    for (key, value) in object
        .iter()
        .filter(|(key, _)| key.starts_with("lora_combined_"))
    {
        let hash = key.replace("combined", "hash");
        if let Some((name, _weight)) = value.as_str().and_then(|value| value.rsplit_once(" : ")) {
            all.push(Reference::named(name, Kind::Lora).with_hash(text(&hash).unwrap_or_default()));
        }
    }
    for lora in object
        .get("loras")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(MOST)
    {
        let part = |index: usize| lora.get(index).and_then(Value::as_str);
        if let Some(name) = part(0) {
            all.push(Reference::named(name, Kind::Lora).with_hash(part(2).unwrap_or_default()));
        }
    }
    all
}

/// Fields that only the site's generation data has.
const MARKS: [&str; 6] = [
    "civitaiResources",
    "additionalResources",
    "resources",
    "hashes",
    "Model hash",
    "negativePrompt",
];

const MOST: usize = 1000;
