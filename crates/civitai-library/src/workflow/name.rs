//! Names of model files as tools write them.

use std::ops::ControlFlow;

use civitai_security::RedactedUrl;

/// Returns the model files that a value names: one, or a list that names nothing else.
pub(super) fn files_in(text: &str) -> Vec<&str> {
    let text = text.trim();
    if text.len() > LONGEST_LIST || !has_extension(text) {
        return Vec::new();
    }
    for separator in ['\n', ';', ','] {
        if let Some(list) = list(text, separator) {
            return list;
        }
    }
    if is_file(text) {
        vec![text]
    } else {
        Vec::new()
    }
}

/// Says whether a text is the name of a model file, with or without folders, and no sentence that ends in one.
pub(super) fn is_file(text: &str) -> bool {
    let base = base_name(text);
    has_extension(text)
        && !stem(base).is_empty()
        && text.len() <= LONGEST_NAME
        && text.matches(' ').count() <= MOST_SPACES
        && !text.contains(": ")
        && !text.contains(|c: char| c.is_control() || matches!(c, '<' | '>' | '|' | '"' | '*'))
        && !base.contains('?')
}

/// Returns a name as it may be shown: addresses lose their credentials.
pub(super) fn shown(name: &str) -> String {
    match url::Url::parse(name) {
        Ok(url) if name.contains("://") => RedactedUrl::from(url).to_string(),
        _ => name.to_owned(),
    }
}

/// Returns the part after the last folder, whichever way the tool's system separates them.
pub(super) fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

/// Returns a base name without the extension of a model file. Other dots belong to names, as in `v1.5`.
pub(super) fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension)) if is_extension(extension) => stem,
        _ => name,
    }
}

/// What two spellings of the same file's name have in common.
pub(super) fn key(name: &str) -> String {
    stem(base_name(name.trim())).to_lowercase()
}

/// Says whether a tool writes this where a model could stand but none does.
pub(super) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    text.is_empty()
        || PLACEHOLDERS
            .iter()
            .any(|placeholder| placeholder.eq_ignore_ascii_case(text))
}

fn list(text: &str, separator: char) -> Option<Vec<&str>> {
    let parts = text
        .split(separator)
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let parts = parts
        .take(MOST_IN_LIST)
        .try_fold(Vec::new(), |mut list, part| {
            list.push(part);
            if is_file(part) {
                ControlFlow::Continue(list)
            } else {
                ControlFlow::Break(())
            }
        });
    parts.continue_value().filter(|list| list.len() > 1)
}

fn has_extension(text: &str) -> bool {
    text.rsplit_once('.')
        .is_some_and(|(_, extension)| is_extension(extension))
}

fn is_extension(text: &str) -> bool {
    EXTENSIONS
        .iter()
        .any(|extension| extension.eq_ignore_ascii_case(text))
}

const EXTENSIONS: [&str; 10] = [
    "bin",
    "ckpt",
    "gguf",
    "onnx",
    "pkl",
    "pt",
    "pt2",
    "pth",
    "safetensors",
    "sft",
];

const PLACEHOLDERS: [&str; 15] = [
    "[none]",
    "automatic",
    "baked vae",
    "built-in",
    "default",
    "default (model)",
    "disabled",
    "none",
    "no lora",
    "null",
    "same as base",
    "undefined",
    "unknown",
    "use same checkpoint",
    "use same vae",
];

/// Longer than any file system's paths.
const LONGEST_NAME: usize = 1024;
const LONGEST_LIST: usize = 64 * 1024;
const MOST_IN_LIST: usize = 1000;
/// Model names have words in them, sentences have more.
const MOST_SPACES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_sentences() {
        for name in [
            "x.safetensors",
            "SDXL\\details\\add detail v2.SAFETENSORS",
            "lcm/SDXL/pytorch_lora_weights.safetensors",
            "v1.5-pruned, no ema.ckpt",
            "https://huggingface.co/a/b/resolve/main/x.gguf",
            "モデル.pth",
        ] {
            assert_eq!(files_in(name), [name], "{name}");
        }
        for text in [
            "",
            ".safetensors",
            "ComfyUI",
            "masterpiece, best quality",
            "Make sure to put these files:\nclip_g.safetensors",
            "Download it here: x.safetensors",
            "this one goes into the folder for checkpoints beside the other x.safetensors",
            "x.safetensors.png",
        ] {
            assert_eq!(files_in(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_list_of_nothing_but_names_is_several() {
        assert_eq!(files_in("a.pt; b.pt"), ["a.pt", "b.pt"]);
        assert_eq!(files_in("a.pt\nb.safetensors\n"), ["a.pt", "b.safetensors"]);
        assert_eq!(files_in("style,b.pt"), ["style,b.pt"]);
    }

    #[test]
    fn a_stem_keeps_the_dots_that_are_no_extension() {
        assert_eq!(key("SD/Model_v1.5"), "model_v1.5");
        assert_eq!(key("SD\\Model_v1.5.safetensors"), "model_v1.5");
    }

    #[test]
    fn credentials_in_addresses_are_not_shown() {
        let shown = shown(
            "https://civitai.com/api/download/models/1?token=abcdef0123456789&x=y.safetensors",
        );
        assert!(!shown.contains("abcdef"), "{shown}");
    }
}
