//! The text that A1111 and its kin write: a prompt, a negative prompt, and a line of settings.

use serde_json::Value;

use super::kind::Kind;
use super::name;
use super::reference::{Reference, References};
use super::{json, prompt};

/// Reads a text; false if it is none of this form.
pub(super) fn read(text: &str, found: &mut References) -> bool {
    if text.len() > LONGEST {
        return false;
    }
    let (prompts, settings) = split(text);
    let settings = pairs(settings);
    let tagged = prompt::references(prompts);
    let is_settings = settings
        .iter()
        .any(|(key, _)| key.eq_ignore_ascii_case("steps"))
        || settings
            .iter()
            .filter(|(key, _)| SURE_KEYS.iter().any(|sure| sure.eq_ignore_ascii_case(key)))
            .count()
            > 1;
    if !is_settings && tagged.is_empty() {
        return false;
    }
    let mut used = Used::default();
    used.read(&settings);
    for reference in tagged {
        used.add(reference);
    }
    found.add(used.0);
    true
}

/// Parts prompts from settings: these begin with the last line that begins with the number of steps, else with the
/// last line.
fn split(text: &str) -> (&str, &str) {
    let mut at = 0;
    let mut begin = None;
    let mut last = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        if trimmed
            .get(..6)
            .is_some_and(|start| start.eq_ignore_ascii_case("steps:"))
        {
            begin = Some(at);
        }
        if !trimmed.trim_end().is_empty() {
            last = at;
        }
        at += line.len();
    }
    text.split_at(begin.unwrap_or(last))
}

/// Reads `Key: value, Key: "quoted, value", Key: {json}`.
fn pairs(settings: &str) -> Vec<(String, Setting)> {
    let mut pairs = Vec::new();
    let mut rest = settings;
    while pairs.len() < MOST {
        rest = rest.trim_start_matches([',', ' ', '\n', '\r', '\t']);
        let Some((key, after)) = rest.split_once(':') else {
            break;
        };
        // Text that a tool put in between without a key belongs to no pair.
        let key = key.rsplit([',', '\n']).next().unwrap_or(key).trim();
        let (value, after) = value(after.trim_start_matches([' ', '\t']));
        if !key.is_empty() && key.len() <= LONGEST_KEY {
            pairs.push((key.to_owned(), value));
        }
        rest = after;
    }
    pairs
}

#[derive(Debug, PartialEq)]
enum Setting {
    Text(String),
    Json(Value),
}

fn value(text: &str) -> (Setting, &str) {
    if text.starts_with(['"', '{', '['])
        && let Some((value, rest)) = json::leading(text)
    {
        let is_whole = matches!(
            rest.trim_start_matches([' ', '\t']).chars().next(),
            None | Some(',' | '\n' | '\r')
        );
        match value {
            Value::String(text) => return (Setting::Text(text), rest),
            value if is_whole => return (Setting::Json(value), rest),
            _ => {}
        }
    }
    let end = text.find([',', '\n']).unwrap_or(text.len());
    (Setting::Text(text[..end].trim().to_owned()), &text[end..])
}

/// The models that settings name, each once: settings tell of the same model in several places.
#[derive(Default)]
struct Used(Vec<Reference>);

impl Used {
    fn read(&mut self, settings: &[(String, Setting)]) {
        let text = |wanted: &str| {
            settings.iter().find_map(|(key, value)| match value {
                Setting::Text(text) if key.eq_ignore_ascii_case(wanted) => Some(text.as_str()),
                _ => None,
            })
        };
        for (kind, name, hash) in NAMED {
            if let Some(reference) = with_bracket(text(name).unwrap_or_default(), kind, text(hash))
            {
                self.add(reference);
            }
        }
        for (key, value) in settings {
            match value {
                Setting::Text(value) => self.read_text(key, value, settings),
                Setting::Json(value) => self.read_json(key, value),
            }
        }
    }

    fn read_text(&mut self, key: &str, value: &str, settings: &[(String, Setting)]) {
        let key = key.to_ascii_lowercase();
        match key.as_str() {
            "lora hashes" => self.read_hashes(value, Kind::Lora),
            "ti hashes" => self.read_hashes(value, Kind::Embedding),
            "used embeddings" => self.read_list(value, Kind::Embedding),
            "refiner" | "hires checkpoint" | "adetailer checkpoint" => {
                self.read_list(value, Kind::Checkpoint);
            }
            "adetailer vae" => self.read_list(value, Kind::Vae),
            _ if key.ends_with("prompt") => {
                for reference in prompt::references(value) {
                    self.add(reference);
                }
            }
            _ if key.starts_with("controlnet ") => self.read_control(value),
            _ if key.starts_with("adetailer controlnet model") => {
                self.read_list(value, Kind::Controlnet);
            }
            _ if key.starts_with("adetailer model") => self.read_list(value, Kind::Detector),
            _ if key.starts_with("addnet model") => self.read_network(&key, value, settings),
            _ if key.ends_with("upscaler") => self.read_upscaler(value),
            _ if is_module(&key) => {
                let kind = Kind::of_words(value).unwrap_or(Kind::Other);
                let kind = if value.eq_ignore_ascii_case("ae") || value.starts_with("ae.") {
                    Kind::Vae
                } else if value.starts_with("clip") {
                    Kind::TextEncoder
                } else {
                    kind
                };
                self.read_list(value, kind);
            }
            _ => {}
        }
    }

    fn read_json(&mut self, key: &str, value: &Value) {
        match (key.to_ascii_lowercase().as_str(), value) {
            ("hashes", Value::Object(hashes)) => {
                for (key, hash) in hashes.iter().take(MOST) {
                    let (kind, name) = key.split_once(':').unwrap_or((key, ""));
                    let kind = Kind::of_word(kind).unwrap_or_default();
                    if let Some(hash) = hash.as_str() {
                        self.hash(kind, name, hash);
                    }
                }
            }
            ("civitai resources", Value::Array(resources)) => {
                for resource in resources.iter().take(MOST) {
                    self.resource(resource);
                }
            }
            (_, Value::Object(inner)) if key.to_ascii_lowercase().starts_with("controlnet") => {
                if let Some(model) = inner
                    .get("Model")
                    .or_else(|| inner.get("model"))
                    .and_then(Value::as_str)
                {
                    self.read_list(model, Kind::Controlnet);
                }
            }
            _ => {}
        }
    }

    /// `name: hash, other name: hash`
    fn read_hashes(&mut self, value: &str, kind: Kind) {
        for pair in value.split([',', '\n']).take(MOST) {
            if let Some((name, hash)) = pair.rsplit_once(':') {
                self.hash(kind, name.trim(), hash.trim());
            }
        }
    }

    /// `name [hash], other name [hash]`
    fn read_list(&mut self, value: &str, kind: Kind) {
        for name in value.split(',').take(MOST) {
            if let Some(reference) = with_bracket(name, kind, None) {
                self.add(reference);
            }
        }
    }

    /// `Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 1`
    fn read_control(&mut self, value: &str) {
        for (key, value) in pairs(value) {
            if let ("model", Setting::Text(model)) = (key.to_ascii_lowercase().as_str(), value) {
                self.read_list(&model, Kind::Controlnet);
            }
        }
    }

    /// `AddNet Module 1: LoRA, AddNet Model 1: name(hash)`
    fn read_network(&mut self, key: &str, value: &str, settings: &[(String, Setting)]) {
        let module = key.replace("model", "module");
        let is_lora = settings.iter().any(|(key, value)| {
            key.eq_ignore_ascii_case(&module)
                && matches!(value, Setting::Text(text) if text.eq_ignore_ascii_case("lora"))
        });
        let kind = if is_lora { Kind::Lora } else { Kind::Other };
        let value = value.trim();
        let (name, hash) = match value
            .strip_suffix(')')
            .and_then(|value| value.rsplit_once('('))
        {
            Some((name, hash)) => (name, hash),
            None => (value, ""),
        };
        self.add(Reference::named(name, kind).with_hash(hash));
    }

    fn read_upscaler(&mut self, value: &str) {
        let is_arithmetic = [
            "latent", "lanczos", "nearest", "bicubic", "bilinear", "area", "none",
        ]
        .iter()
        .any(|start| {
            value
                .get(..start.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(start))
        });
        if !is_arithmetic {
            self.add(Reference::named(value, Kind::Upscaler));
        }
    }

    /// A resource of the site's own generator: the most reliable of all.
    fn resource(&mut self, resource: &Value) {
        let text = |key: &str| resource.get(key).and_then(Value::as_str);
        let id = |key: &str| resource.get(key).and_then(Value::as_u64);
        let kind = text("type").and_then(Kind::of_word).unwrap_or_default();
        let mut reference = Reference {
            kind,
            model: id("modelId").and_then(civitai_api::ModelId::new),
            version: id("modelVersionId").and_then(civitai_api::VersionId::new),
            ..Reference::default()
        };
        if let Some(air) = text("air") {
            reference.take_link(air);
        }
        reference.name = text("modelName")
            .or_else(|| text("name"))
            .map(str::to_owned);
        if reference.version.is_some() {
            self.add(reference);
        }
    }

    fn hash(&mut self, kind: Kind, name: &str, hash: &str) {
        let reference = Reference {
            kind,
            name: (!name::is_placeholder(name)).then(|| name.to_owned()),
            ..Reference::default()
        };
        self.add(reference.with_hash(hash));
    }

    /// Adds a reference, or what it tells beyond the same one found before. Tools cut the same digest to different
    /// lengths, and write a checkpoint's digest with and without its name.
    fn add(&mut self, reference: Reference) {
        if reference.is_empty() {
            return;
        }
        let known = self.0.iter_mut().find(|known| is_same(known, &reference));
        let Some(known) = known else {
            self.0.push(reference);
            return;
        };
        let is_longer = match (&known.hash, &reference.hash) {
            (Some(ours), Some(theirs)) => theirs.as_str().len() > ours.as_str().len(),
            (ours, _) => ours.is_none(),
        };
        if is_longer {
            known.hash = reference.hash;
        }
        known.name = known.name.take().or(reference.name);
        known.version = known.version.or(reference.version);
        known.model = known.model.or(reference.model);
    }
}

fn is_same(known: &Reference, new: &Reference) -> bool {
    if known.kind != new.kind {
        return false;
    }
    if let (Some(ours), Some(theirs)) = (&known.hash, &new.hash) {
        let (ours, theirs) = (ours.as_str(), theirs.as_str());
        if ours.starts_with(theirs) || theirs.starts_with(ours) {
            return true;
        }
    }
    match (&known.name, &new.name) {
        (Some(ours), Some(theirs)) => name::key(ours) == name::key(theirs),
        // There is one checkpoint and one VAE.
        _ => {
            matches!(known.kind, Kind::Checkpoint | Kind::Vae)
                && known.version.is_none()
                && new.version.is_none()
        }
    }
}

/// Reads `name [hash]`.
fn with_bracket(text: &str, kind: Kind, hash: Option<&str>) -> Option<Reference> {
    let text = text.trim();
    let (name, bracket) = match text
        .strip_suffix(']')
        .and_then(|text| text.rsplit_once('['))
    {
        Some((name, bracket)) if !name.trim().is_empty() => (name.trim(), Some(bracket)),
        _ => (text, None),
    };
    let reference = if name::is_placeholder(name) {
        Reference {
            kind,
            ..Reference::default()
        }
    } else {
        Reference::named(name, kind)
    };
    let reference = reference
        .with_hash(bracket.unwrap_or_default())
        .with_hash(hash.unwrap_or_default());
    (!reference.is_empty()).then_some(reference)
}

/// Forge names what it loads beside the checkpoint `Module 1`, `Hires Module 1`.
fn is_module(key: &str) -> bool {
    let key = key.strip_prefix("hires ").unwrap_or(key);
    key.strip_prefix("module ")
        .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Settings that name one model, with the setting that has its digest.
const NAMED: [(Kind, &str, &str); 3] = [
    (Kind::Checkpoint, "Model", "Model hash"),
    (Kind::Vae, "VAE", "VAE hash"),
    (Kind::Hypernetwork, "Hypernet", "Hypernet hash"),
];

/// Two of these make a line of settings even where the number of steps was taken out.
const SURE_KEYS: [&str; 8] = [
    "Sampler",
    "CFG scale",
    "Seed",
    "Model",
    "Model hash",
    "Lora hashes",
    "Civitai resources",
    "Hashes",
];

const LONGEST: usize = 8 << 20;
const LONGEST_KEY: usize = 80;
const MOST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Vec<Reference> {
        let mut found = References::default();
        assert!(read(text, &mut found), "{text}");
        found.into_vec()
    }

    fn told(text: &str) -> Vec<(Kind, String, String)> {
        let text_of = |text: Option<String>| text.unwrap_or_default();
        read_all(text)
            .into_iter()
            .map(|reference| {
                let hash = reference
                    .hash
                    .map(|hash| hash.as_str().to_ascii_lowercase());
                (reference.kind, text_of(reference.name), text_of(hash))
            })
            .collect()
    }

    #[test]
    fn everything_a_settings_line_names_is_found() {
        let text = "a cat <lora:add_detail:0.8> <lora:sub/Style v2:1>\nNegative prompt: easynegative, bad: hands\n\
            Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1, Size: 512x512, Model hash: 4726d3bab1, \
            Model: dreamshaper_8, VAE hash: 735e4c3a44, VAE: vae-ft-mse.safetensors, Denoising strength: 0.4, \
            Refiner: sd_xl_refiner_1.0 [7440042bbd], Refiner switch at: 0.8, \
            ControlNet 0: \"Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 1\", \
            ADetailer model: face_yolov8n.pt, ADetailer model 2nd: hand_yolov8n.pt, ADetailer prompt: \"<lora:face:1>\", \
            Hires upscaler: 4x-UltraSharp, \
            Lora hashes: \"add_detail: 7c6bad76eb54, Style v2: 0123456789ab\", TI hashes: \"easynegative: c74b4e810b03\", \
            AddNet Module 1: LoRA, AddNet Model 1: extra(aabbccddeeff), Version: v1.9.4";
        let expected = [
            (Kind::Checkpoint, "dreamshaper_8", "4726d3bab1"),
            (Kind::Vae, "vae-ft-mse.safetensors", "735e4c3a44"),
            (Kind::Checkpoint, "sd_xl_refiner_1.0", "7440042bbd"),
            (Kind::Controlnet, "control_v11p_sd15_canny", "d14c016b"),
            (Kind::Detector, "face_yolov8n.pt", ""),
            (Kind::Detector, "hand_yolov8n.pt", ""),
            (Kind::Lora, "face", ""),
            (Kind::Upscaler, "4x-UltraSharp", ""),
            (Kind::Lora, "add_detail", "7c6bad76eb54"),
            (Kind::Lora, "Style v2", "0123456789ab"),
            (Kind::Embedding, "easynegative", "c74b4e810b03"),
            (Kind::Lora, "extra", "aabbccddeeff"),
        ];
        let expected = expected.map(|(kind, name, hash)| (kind, name.to_owned(), hash.to_owned()));
        assert_eq!(told(text), expected);
    }

    #[test]
    fn digests_as_json_complete_what_the_line_says() {
        let text = "cat <lora:x:1>\nSteps: 3, Model: m, Model hash: 4726d3bab1, \
            Hashes: {\"model\": \"4726d3bab1\", \"lora:x\": \"0x762fc19032\", \"embed:neg\": \"c74b4e810b\", \"vae\": \"735e4c3a44\"}";
        let expected = [
            (Kind::Checkpoint, "m", "4726d3bab1"),
            (Kind::Lora, "x", "762fc19032"),
            (Kind::Embedding, "neg", "c74b4e810b"),
            (Kind::Vae, "", "735e4c3a44"),
        ];
        let expected = expected.map(|(kind, name, hash)| (kind, name.to_owned(), hash.to_owned()));
        assert_eq!(told(text), expected);
    }

    #[test]
    fn resources_of_the_site_are_versions() {
        let text = "cat\nSteps: 30, CFG scale: 7, Civitai resources: [{\"type\":\"checkpoint\",\"modelVersionId\":691639,\
            \"modelName\":\"FLUX\",\"modelVersionName\":\"Dev, \\\"1\\\"\"},{\"type\":\"lora\",\"weight\":0.5,\"modelVersionId\":7}], \
            Civitai metadata: {\"remixOfId\":1}";
        let found = read_all(text);
        let versions: Vec<_> = found
            .iter()
            .map(|reference| {
                (
                    reference.kind,
                    reference.version.map(civitai_api::VersionId::get),
                )
            })
            .collect();
        assert_eq!(
            versions,
            [(Kind::Checkpoint, Some(691_639)), (Kind::Lora, Some(7))]
        );
    }

    #[test]
    fn forge_names_its_modules() {
        let text = "cat\nSteps: 4, Model: flux1-dev-bnb-nf4-v2, Module 1: ae, Module 2: clip_l, Module 3: t5xxl_fp16";
        let kinds: Vec<_> = told(text)
            .into_iter()
            .map(|(kind, name, _)| (kind, name))
            .collect();
        assert_eq!(
            kinds,
            [
                (Kind::Checkpoint, "flux1-dev-bnb-nf4-v2".to_owned()),
                (Kind::Vae, "ae".into()),
                (Kind::TextEncoder, "clip_l".into()),
                (Kind::TextEncoder, "t5xxl_fp16".into()),
            ]
        );
    }

    #[test]
    fn other_texts_are_told_apart() {
        for text in [
            "",
            "hello",
            "a: b, c: d",
            "A photo, f/2.8: yes",
            "url: https://x.org, model: car",
        ] {
            assert!(!read(text, &mut References::default()), "{text}");
        }
    }

    #[test]
    fn broken_settings_are_read_as_far_as_they_go() {
        let text = "cat\nSteps: 20, Model: \"unclosed, Model hash: 4726d3bab1, Hashes: {\"model\": , Lora hashes: \"x: 0123456789ab";
        let found = read_all(text);
        assert!(
            found.iter().any(|reference| reference.hash.is_some()),
            "{found:?}"
        );
    }
}
