//! Textual inversions: a handful of vectors whose width tells the text encoder they are for.

use civitai_api::ModelType;

use super::header::{Header, Tensor};
use super::kind::Family;
use super::verdict::Answer;

/// More tensors than these are no embedding.
const MOST_TENSORS: usize = 8;
/// More vectors than these are a layer of something.
const MOST_VECTORS: u64 = 512;

/// The answer for an embedding, or `None` where `header` is none.
pub(super) fn find(header: &Header) -> Option<Answer> {
    let few = !header.tensors.is_empty() && header.tensors.len() <= MOST_TENSORS;
    if !few || !header.tensors.iter().all(is_vectors) {
        return None;
    }
    let at = |wanted: &str| header.tensors.iter().find(|tensor| tensor.name == wanted);
    let mut answer = Answer {
        model_type: Some(ModelType::TextualInversion),
        kind: Some("embedding".into()),
        type_trust: 0.97,
        ..Answer::default()
    };
    let width = header.tensors.iter().find_map(width);
    let first = at("clip_l").or_else(|| at("text_encoders_0"));
    let second = at("clip_g").or_else(|| at("text_encoders_1"));
    let t5 = at("t5xxl").or_else(|| at("t5"));
    let (family, trust) = match (first, second, width) {
        (Some(_), Some(_), _) if t5.is_some() && at("llama").is_some() => {
            (Some(Family::HiDream), 0.95)
        }
        (Some(_), Some(_), _) if t5.is_some() => (Some(Family::Sd3), 0.95),
        (_, Some(_), _) => (Some(Family::Sdxl), 0.98),
        (Some(_), None, _) if at("llama").is_some() => (Some(Family::HunyuanVideo), 0.95),
        (Some(_), None, _) if t5.is_some() => (Some(Family::Flux1), 0.95),
        (_, None, Some(768)) => (Some(Family::Sd1), 0.96),
        (_, None, Some(1024)) => (Some(Family::Sd2), 0.96),
        (_, None, Some(1280)) => (Some(Family::Sdxl), 0.9),
        _ => (None, 0.0),
    };
    answer.family = family;
    answer.family_trust = trust;
    let names: Vec<&str> = header
        .tensors
        .iter()
        .map(|tensor| tensor.name.as_str())
        .collect();
    let width = width.map_or_else(
        || "an unknown number of".to_owned(),
        |width| width.to_string(),
    );
    answer.evidence.push(format!(
        "embedding: {} of vectors with {width} numbers",
        names.join(" and ")
    ));
    Some(answer)
}

/// Whether a tensor has a name that embeddings use and the shape of a few vectors.
fn is_vectors(tensor: &Tensor) -> bool {
    let name = tensor.name.as_str();
    let known = matches!(
        name,
        "emb_params"
            | "clip_l"
            | "clip_g"
            | "t5xxl"
            | "t5"
            | "llama"
            | "text_embeds"
            | "text_embeddings"
            | "text_encoders_0"
            | "text_encoders_1"
    ) || name == "*"
        || name.starts_with("string_to_param.")
        || name.starts_with("bundle_emb.")
        || (name.starts_with('<') && name.ends_with('>'))
        || name.ends_with("_embedding") && !name.contains('.');
    let vectors = match tensor.shape.as_deref() {
        None => true,
        Some([width]) => *width >= 512,
        Some([count, width]) => *count <= MOST_VECTORS && *width >= 512,
        Some(_) => false,
    };
    known && vectors
}

fn width(tensor: &Tensor) -> Option<u64> {
    tensor.shape.as_ref()?.last().copied()
}
