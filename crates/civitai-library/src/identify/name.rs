//! Tensor names in one spelling: which part of a model they belong to, and the path inside of it.
//!
//! Trainers and interfaces write the same module as `double_blocks.0.img_attn.qkv`,
//! `model.diffusion_model.double_blocks.0.img_attn.qkv` or `lora_unet_double_blocks_0_img_attn_qkv`. What stands around
//! the path tells the part; the path itself becomes words joined by `_`, with every number replaced by `#`.

/// A part of a model that can stand alone in a file or beside others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    /// The denoiser: a UNet or a transformer.
    Diffusion,
    /// An image, video or audio autoencoder.
    Vae,
    /// A text encoder, by its place among several (0 where there is one).
    Text(u8),
    /// A ControlNet inside a checkpoint of its own.
    Control,
    /// Not told by the name.
    Bare,
}

/// A name taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The part that the wrapping names.
    pub(super) part: Part,
    /// Whether the wrapping is one that whole checkpoints have.
    pub(super) is_wrapped: bool,
    /// The path without wrapping, as it was spelled.
    pub(super) path: String,
}

/// What a wrapping says of what is inside.
enum Says {
    /// It names a part.
    Part(Part),
    /// It names a part in the way whole checkpoints do.
    Wrapped(Part),
    /// Nothing: a leftover of how the file was saved.
    Nothing,
}

use Says::{Nothing, Wrapped};

/// Wrappings, longer ones before those they begin with.
const WRAPPINGS: &[(&str, Says)] = &[
    ("model.diffusion_model.", Wrapped(Part::Diffusion)),
    ("diffusion_model.", Says::Part(Part::Diffusion)),
    ("unet.", Says::Part(Part::Diffusion)),
    ("transformer_2.", Says::Part(Part::Diffusion)),
    ("prior.", Says::Part(Part::Diffusion)),
    ("lora_unet_", Says::Part(Part::Diffusion)),
    ("lora_prior_unet_", Says::Part(Part::Diffusion)),
    ("lora_transformer_", Says::Part(Part::Diffusion)),
    ("lora_prior_te_", Says::Part(Part::Text(0))),
    ("lora_te1_", Says::Part(Part::Text(1))),
    ("lora_te2_", Says::Part(Part::Text(2))),
    ("lora_te3_", Says::Part(Part::Text(3))),
    ("lora_te4_", Says::Part(Part::Text(4))),
    ("lora_te_", Says::Part(Part::Text(0))),
    ("lycoris_", Says::Part(Part::Diffusion)),
    ("lllite_unet_", Says::Part(Part::Diffusion)),
    ("lllite_dit_", Says::Part(Part::Diffusion)),
    ("first_stage_model.", Wrapped(Part::Vae)),
    ("audio_vae.", Wrapped(Part::Vae)),
    ("vocoder.", Wrapped(Part::Vae)),
    ("vae.", Wrapped(Part::Vae)),
    ("cond_stage_model.", Wrapped(Part::Text(0))),
    ("conditioner.embedders.0.", Wrapped(Part::Text(1))),
    ("conditioner.embedders.1.", Wrapped(Part::Text(2))),
    ("text_encoders.", Wrapped(Part::Text(0))),
    ("text_encoder_2.", Says::Part(Part::Text(2))),
    ("text_encoder_3.", Says::Part(Part::Text(3))),
    ("text_encoder.", Says::Part(Part::Text(0))),
    ("text_encoder_1.", Says::Part(Part::Text(1))),
    ("te1.", Says::Part(Part::Text(1))),
    ("te2.", Says::Part(Part::Text(2))),
    ("control_model.", Says::Part(Part::Control)),
    ("base_model.model.", Nothing),
    ("base_model.", Nothing),
    ("state_dict.", Nothing),
    ("params_ema.", Nothing),
    ("params.", Nothing),
    ("_orig_mod.", Nothing),
    ("module.", Nothing),
    ("net.", Nothing),
    ("pipe.", Nothing),
    ("language_model.", Nothing),
    ("dit.", Nothing),
    ("model.", Nothing),
    ("clip_l.", Nothing),
    ("clip_g.", Nothing),
    ("t5xxl.", Nothing),
];

/// What begins a text model inside of something that calls itself `transformer`.
const TEXT_BEGINNINGS: &[&str] = &[
    "text_model.",
    "resblocks.",
    "encoder.",
    "embedding.",
    "shared.",
    "h.",
    "wte.",
];

/// Deepest nesting of wrappings seen is four.
const MOST_WRAPPINGS: usize = 6;

/// Takes the wrapping off `name`.
pub(super) fn place(name: &str) -> Place {
    let mut place = Place {
        part: Part::Bare,
        is_wrapped: false,
        path: String::new(),
    };
    let mut rest = name;
    for _ in 0..MOST_WRAPPINGS {
        let Some((inside, says)) = unwrapped(rest) else {
            break;
        };
        match says {
            Says::Part(part) if place.part == Part::Bare => place.part = *part,
            Says::Wrapped(part) if place.part == Part::Bare => {
                place.part = *part;
                place.is_wrapped = true;
            }
            _ => {}
        }
        rest = inside;
    }
    rest.clone_into(&mut place.path);
    place
}

/// What is inside of the outermost wrapping of `name`.
fn unwrapped(name: &str) -> Option<(&str, &'static Says)> {
    if let Some(inside) = name.strip_prefix("transformer.") {
        if inside.starts_with("resblocks.") || inside.starts_with("h.") {
            return None;
        }
        let is_text = TEXT_BEGINNINGS.iter().any(|text| inside.starts_with(text));
        let says = if is_text {
            &Nothing
        } else {
            &Says::Part(Part::Diffusion)
        };
        return Some((inside, says));
    }
    WRAPPINGS.iter().find_map(|(wrapping, says)| {
        let inside = name.strip_prefix(wrapping)?;
        (!inside.is_empty()).then_some((inside, says))
    })
}

/// The spelling without numbers, and the numbers: `blocks.3.attn` becomes `blocks_#_attn` and `[3]`.
pub(super) fn canonical(path: &str) -> (String, Vec<u32>) {
    let mut group = String::with_capacity(path.len());
    let mut numbers = Vec::new();
    for word in path.split(['.', '_']).filter(|word| !word.is_empty()) {
        if !group.is_empty() {
            group.push('_');
        }
        match number(word) {
            Some(number) => {
                numbers.push(number);
                group.push('#');
            }
            None => group.push_str(word),
        }
    }
    (group, numbers)
}

/// A word that is nothing but digits.
pub(super) fn number(word: &str) -> Option<u32> {
    word.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| word.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_module_become_one_path() {
        for name in [
            "double_blocks.3.img_attn.qkv",
            "model.diffusion_model.double_blocks.3.img_attn.qkv",
            "transformer.double_blocks.3.img_attn.qkv",
            "base_model.model.double_blocks.3.img_attn.qkv",
            "lora_unet_double_blocks_3_img_attn_qkv",
        ] {
            let (group, numbers) = canonical(&place(name).path);
            assert_eq!(
                (group.as_str(), numbers.as_slice()),
                ("double_blocks_#_img_attn_qkv", [3].as_slice()),
                "{name}"
            );
        }
    }

    #[test]
    fn a_text_model_called_transformer_is_no_denoiser() {
        let text = place("cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1");
        assert_eq!(text.part, Part::Text(0));
        assert_eq!(text.path, "text_model.encoder.layers.0.mlp.fc1");
        assert_eq!(place("transformer.resblocks.0.ln_1").part, Part::Bare);
        assert_eq!(
            place("transformer.transformer_blocks.0.attn.to_q").path,
            "transformer_blocks.0.attn.to_q"
        );
    }
}
