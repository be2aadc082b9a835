//! Number formats: which one most bytes have, and the helpers that quantised files carry beside their weights.

use std::collections::BTreeMap;

use super::header::Header;
use super::{Format, Tensor};

/// How the names of tensors end that hold scales and the like.
const HELPERS: &[&str] = &[
    ".absmax",
    ".quant_map",
    ".nested_absmax",
    ".nested_quant_map",
    ".quant_state.bitsandbytes__nf4",
    ".quant_state.bitsandbytes__fp4",
    ".scale_weight",
    ".scale_input",
    ".weight_scale",
    ".weight_scale_2",
    ".weight_scale_inv",
    ".input_scale",
    ".output_scale",
    ".comfy_quant",
    ".SCB",
    ".weight_format",
    ".wscales",
    ".wtscale",
    ".wcscales",
    ".wzeros",
    ".smooth",
    ".smooth_orig",
    ".smooth_factor",
    ".smooth_factor_orig",
    ".lora_down",
    ".lora_up",
    ".proj_down",
    ".proj_up",
    ".qzeros",
    ".scales",
    ".g_idx",
];

/// Whether a tensor exists only because its neighbour is quantised.
pub(super) fn is_helper(name: &str) -> bool {
    name == "scaled_fp8"
        || name.ends_with(".scaled_fp8")
        || HELPERS.iter().any(|ending| name.ends_with(ending))
}

/// The number format of most numbers, in Civitai's words.
pub(super) fn of(header: &Header) -> Option<Box<str>> {
    if header.format == Format::Gguf {
        return gguf(header);
    }
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for tensor in &header.tensors {
        let count = numbers.entry(&tensor.dtype).or_default();
        *count = count.saturating_add(tensor.elements());
    }
    let (dtype, _) = numbers
        .into_iter()
        .filter(|(dtype, _)| !dtype.is_empty())
        .max_by_key(|(_, count)| *count)?;
    let has = |ending: &str| {
        header
            .tensors
            .iter()
            .any(|tensor| tensor.name.ends_with(ending))
    };
    let word = match dtype {
        "F64" => "fp64",
        "F32" => "fp32",
        "F16" => "fp16",
        "BF16" => "bf16",
        "F8_E4M3" | "F8_E5M2" | "F8_E4M3FN" | "F8_E8M0" => {
            if has("scale_weight") || has("weight_scale") || has("scaled_fp8") {
                "fp8_scaled"
            } else {
                "fp8"
            }
        }
        "U8" if has("bitsandbytes__nf4") => "nf4",
        "U8" if has("bitsandbytes__fp4") => "fp4",
        "U8" | "F4" if has("weight_scale_2") => "nvfp4",
        "U8" | "F4" if has("weight_scale") => "mxfp8",
        "I8" if has(".qweight") || has(".wscales") => svdquant(header),
        "I8" => "int8",
        "I32" if has(".qweight") => "int4",
        "I4" | "U4" => "int4",
        _ => return None,
    };
    Some(word.into())
}

/// Four-bit weights with a low-rank branch: whole numbers, or small floats where the scales are small floats.
fn svdquant(header: &Header) -> &'static str {
    let is_float =
        |tensor: &Tensor| tensor.name.ends_with(".wscales") && tensor.dtype.starts_with("F8");
    if header.tensors.iter().any(is_float) {
        "nvfp4"
    } else {
        "int4"
    }
}

/// The mixture that the file was quantised as, else the type of most numbers.
fn gguf(header: &Header) -> Option<Box<str>> {
    let mixture = header
        .metadata
        .get("general.file_type")
        .and_then(|kind| kind.parse().ok())
        .and_then(mixture);
    if let Some(mixture) = mixture {
        return Some(mixture.into());
    }
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for tensor in &header.tensors {
        let count = numbers.entry(&tensor.dtype).or_default();
        *count = count.saturating_add(tensor.elements());
    }
    let (dtype, _) = numbers.into_iter().max_by_key(|(_, count)| *count)?;
    (!dtype.is_empty()).then(|| match dtype {
        "F32" => "fp32".into(),
        "F16" => "fp16".into(),
        "BF16" => "bf16".into(),
        other => other.into(),
    })
}

/// The names of llama.cpp's file types.
fn mixture(kind: usize) -> Option<&'static str> {
    const NAMES: &[&str] = &[
        "fp32", "fp16", "Q4_0", "Q4_1", "", "", "", "Q8_0", "Q5_0", "Q5_1", "Q2_K", "Q3_K_S",
        "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "IQ2_XXS", "IQ2_XS",
        "Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ3_M", "IQ2_S", "IQ2_M",
        "IQ4_XS", "IQ1_M", "bf16", "", "", "", "TQ1_0", "TQ2_0",
    ];
    NAMES.get(kind).copied().filter(|name| !name.is_empty())
}
