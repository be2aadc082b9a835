//! The name a file gets when it is downloaded.

use crate::state::{File, Model, Version};
use crate::vocabulary::FILE_ROLES;

/// The download name of a file: an override, the stored name, or one made of model and version.
pub(crate) fn download_name(model: &Model, version: &Version, file: &File) -> String {
    match &file.override_name {
        Some(name) => name.clone(),
        None => computed_name(model, version, file),
    }
}

/// The download name as endpoints compute it that do not know overrides.
pub(crate) fn computed_name(model: &Model, version: &Version, file: &File) -> String {
    let stored = file.name.clone();
    let model_part = condense(&model.name);
    let keeps_name = matches!(model.kind.as_str(), "LORA" | "LoCon") || model_part.is_empty();
    if keeps_name || !FILE_ROLES.contains(&file.kind.as_str()) {
        return stored;
    }
    let version_part = condense(&without(&version.name, &model_part));
    let extension = stored.rsplit('.').next().unwrap_or_default();
    match (file.kind.as_str(), model.kind.as_str()) {
        ("Training Data", _) => format!("{model_part}_{version_part}_trainingData.zip"),
        (role, "TextualInversion") => match version.trained_words.first() {
            Some(word) if !word.is_empty() => {
                let suffix = if role == "Negative" { "-neg" } else { "" };
                format!("{word}{suffix}.{extension}")
            }
            _ => stored,
        },
        ("VAE", _) => stored,
        (role, _) => format!(
            "{model_part}_{version_part}{}.{extension}",
            suffix(&stored, role)
        ),
    }
}

fn suffix(stored: &str, role: &str) -> &'static str {
    let stored = stored.to_lowercase();
    if stored.contains("-inpainting") {
        "-inpainting"
    } else if stored.contains(".instruct-pix2pix") {
        ".instruct-pix2pix"
    } else if role == "Text Encoder" {
        "_txt"
    } else {
        ""
    }
}

/// Squeezes a title into camel case of ASCII letters and digits, cut at a word near twenty characters.
fn condense(title: &str) -> String {
    let mut flat = String::with_capacity(title.len());
    for character in title.chars().filter(|&character| character != '\'') {
        if character.is_ascii_alphanumeric() {
            flat.push(character);
        } else {
            // The site counts UTF-16 units, so an emoji makes two underscores.
            flat.extend(std::iter::repeat_n('_', character.len_utf16()));
        }
    }
    let mut words = truncated(&flat).split('_').filter(|word| !word.is_empty());
    let Some(first) = words.next() else {
        return String::new();
    };
    let mut camel = first.to_ascii_lowercase();
    for word in words {
        if word.bytes().any(|byte| byte.is_ascii_lowercase()) {
            camel.push_str(&word[..1].to_ascii_uppercase());
            camel.push_str(&word[1..].to_ascii_lowercase());
        } else {
            camel.push_str(word);
        }
    }
    camel
}

/// Cuts ASCII text to twenty characters beside its underscores, then back to the last underscore unless the cut fell
/// before one.
fn truncated(flat: &str) -> &str {
    let limit = 20 + flat.bytes().filter(|&byte| byte == b'_').count();
    if flat.len() <= limit {
        return flat;
    }
    let cut = &flat[..limit];
    if flat[limit..].starts_with('_') {
        return cut;
    }
    cut.rfind('_').map_or(cut, |end| &cut[..end])
}

/// The text without any occurrence, in any case, of an ASCII word.
fn without(text: &str, word: &str) -> String {
    // ASCII lower-casing keeps every byte offset.
    let (lower, word) = (text.to_ascii_lowercase(), word.to_ascii_lowercase());
    let mut rest = String::with_capacity(text.len());
    let mut at = 0;
    for (start, found) in lower.match_indices(&word) {
        rest.push_str(&text[at..start]);
        at = start + found.len();
    }
    rest.push_str(&text[at..]);
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: &str, model: &str, version: &str, file: &File) -> String {
        download_name(&Model::new(1, model, kind), &Version::new(2, version), file)
    }

    fn checkpoint(model: &str, version: &str, extension: &str) -> String {
        name(
            "Checkpoint",
            model,
            version,
            &File::new(3, &format!("stored.{extension}"), 1),
        )
    }

    #[test]
    fn names_are_made_of_model_and_version() {
        for (model, version, extension, expected) in [
            (
                "WAI-illustrious-SDXL",
                "v16.0",
                "safetensors",
                "waiIllustriousSDXL_v160.safetensors",
            ),
            (
                "DreamShaper",
                "8",
                "safetensors",
                "dreamshaper_8.safetensors",
            ),
            (
                "Realistic Vision V6.0 B1",
                "V5.1 Hyper (VAE)",
                "safetensors",
                "realisticVisionV60B1_v51HyperVAE.safetensors",
            ),
            (
                "4x-Ultrasharp",
                "4x-UltraSharp V1.0",
                "pt",
                "4xUltrasharp_4xUltrasharpV10.pt",
            ),
            (
                "Pony Diffusion V6 XL",
                "V6 (start with this one)",
                "safetensors",
                "ponyDiffusionV6XL_v6StartWithThisOne.safetensors",
            ),
            ("某个模型", "v1", "safetensors", "stored.safetensors"),
            (
                "CyberRealistic Pony - Semi Realistic Extra Long Model Name",
                "v1.0 FP16 CyberRealistic",
                "safetensors",
                "cyberrealisticPonySemi_v10FP16.safetensors",
            ),
            (
                "GonzaLomo Krea 2",
                "v2.0",
                "gguf",
                "gonzalomoKrea2_v20.gguf",
            ),
            (
                "epiCRealism",
                "Natural Sin RC1 VAE",
                "safetensors",
                "epicrealism_naturalSinRC1VAE.safetensors",
            ),
            (
                "It's a TEST",
                "it's a test 2",
                "ckpt",
                "itsATEST_itsATest2.ckpt",
            ),
        ] {
            assert_eq!(checkpoint(model, version, extension), expected);
        }
    }

    #[test]
    fn the_model_name_is_taken_out_of_the_version_name() {
        assert_eq!(
            checkpoint("Dream", "DREAM v2 dream", "ckpt"),
            "dream_v2.ckpt"
        );
    }

    #[test]
    fn an_override_wins_and_low_rank_models_keep_the_stored_name() {
        let file = File::new(3, "My File.safetensors", 1);
        assert_eq!(name("LORA", "Dream", "v1", &file), "My File.safetensors");
        assert_eq!(name("LoCon", "Dream", "v1", &file), "My File.safetensors");
        let file = File {
            override_name: Some("own.safetensors".to_owned()),
            ..file
        };
        assert_eq!(name("Checkpoint", "Dream", "v1", &file), "own.safetensors");
    }

    #[test]
    fn roles_decide_suffix_and_extension() {
        let file = |stored: &str, role: &str| File::new(3, stored, 1).with_kind(role);
        let named = |stored, role| name("Checkpoint", "Dream", "v1", &file(stored, role));
        assert_eq!(
            named("a.safetensors", "Training Data"),
            "dream_v1_trainingData.zip"
        );
        assert_eq!(named("kl-f8.safetensors", "VAE"), "kl-f8.safetensors");
        assert_eq!(
            named("a.safetensors", "Text Encoder"),
            "dream_v1_txt.safetensors"
        );
        assert_eq!(
            named("a-Inpainting.ckpt", "Model"),
            "dream_v1-inpainting.ckpt"
        );
        assert_eq!(
            named("a.instruct-pix2pix.ckpt", "Model"),
            "dream_v1.instruct-pix2pix.ckpt"
        );
        assert_eq!(named("a.bin", "Something New"), "a.bin");
    }

    #[test]
    fn embeddings_are_named_for_their_first_trained_word() {
        let model = Model::new(1, "Bad Hands", "TextualInversion");
        let version = Version::new(2, "v1").with_trained_words(&["badhand", "other"]);
        let file = File::new(3, "x.pt", 1);
        assert_eq!(download_name(&model, &version, &file), "badhand.pt");
        assert_eq!(
            download_name(&model, &version, &file.clone().with_kind("Negative")),
            "badhand-neg.pt"
        );
        assert_eq!(download_name(&model, &Version::new(2, "v1"), &file), "x.pt");
    }
}
