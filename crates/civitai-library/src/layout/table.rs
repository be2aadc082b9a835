//! The folders of the known interfaces.

use super::{Slot, Subject};
use crate::sidecar::Form;

/// An interface.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Which cell of a row is its own; none for the one without folders.
    cell: Option<usize>,
    pub(super) forms: &'static [Form],
}

impl Column {
    /// The folder of a slot. `{base}` in a cell is the interface's own word for the base model.
    pub(super) fn folder(&self, slot: Slot, subject: &Subject) -> String {
        let cell = self.cell(slot);
        if cell.contains(BASE) {
            let base = subject.base_model.as_ref().and_then(|base| {
                let ecosystem = base.lineage()?.air_ecosystem;
                BASES.iter().find(|(name, _)| *name == ecosystem)
            });
            cell.replace(BASE, base.map_or("any", |(_, word)| word))
        } else {
            cell.to_owned()
        }
    }

    pub(super) fn fixed_folder(&self, slot: Slot) -> Option<&'static str> {
        let cell = self.cell(slot);
        (!cell.is_empty() && !cell.contains(BASE)).then_some(cell)
    }

    fn cell(&self, slot: Slot) -> &'static str {
        let row = ROWS.iter().find(|(of, _)| *of == slot);
        match (self.cell, row) {
            (Some(cell), Some((_, cells))) => cells[cell],
            _ => "",
        }
    }
}

const BASE: &str = "{base}";

pub(super) const NAMES: [&str; 7] = [
    "comfyui",
    "a1111",
    "forge",
    "invokeai",
    "swarmui",
    "stabilitymatrix",
    "flat",
];

pub(super) static COLUMNS: [Column; 7] = [
    column(0, &[Form::CivitaiInfo]),
    column(1, &[Form::CivitaiInfo, Form::A1111]),
    column(2, &[Form::CivitaiInfo, Form::A1111]),
    column(3, &[Form::CivitaiInfo]),
    column(4, &[Form::CivitaiInfo, Form::Swarm]),
    column(5, &[Form::CivitaiInfo, Form::CmInfo]),
    Column {
        name: NAMES[6],
        cell: None,
        forms: &[Form::CivitaiInfo],
    },
];

const fn column(cell: usize, forms: &'static [Form]) -> Column {
    Column {
        name: NAMES[cell],
        cell: Some(cell),
        forms,
    }
}

/// Cells in the order of the names: ComfyUI, A1111, Forge, InvokeAI, SwarmUI, StabilityMatrix. Where an interface knows no
/// such folder, the file stands in one of ours that it does not look into.
const ROWS: [(Slot, [&str; 6]); 22] = [
    (
        Slot::Checkpoint,
        [
            "checkpoints",
            "models/Stable-diffusion",
            "models/Stable-diffusion",
            "{base}/main",
            "Stable-Diffusion",
            "StableDiffusion",
        ],
    ),
    (
        Slot::DiffusionModel,
        [
            "diffusion_models",
            "models/Stable-diffusion",
            "models/Stable-diffusion",
            "{base}/main",
            "diffusion_models",
            "DiffusionModels",
        ],
    ),
    (
        Slot::Lora,
        [
            "loras",
            "models/Lora",
            "models/Lora",
            "{base}/lora",
            "Lora",
            "Lora",
        ],
    ),
    (
        Slot::Lycoris,
        [
            "loras",
            "models/Lora",
            "models/Lora",
            "{base}/lora",
            "Lora",
            "LyCORIS",
        ],
    ),
    (
        Slot::Embedding,
        [
            "embeddings",
            "embeddings",
            "embeddings",
            "{base}/embedding",
            "Embeddings",
            "Embeddings",
        ],
    ),
    (
        Slot::Hypernetwork,
        [
            "hypernetworks",
            "models/hypernetworks",
            "models/hypernetworks",
            "other/hypernetwork",
            "Other/Hypernetwork",
            "Hypernetwork",
        ],
    ),
    (
        Slot::Vae,
        [
            "vae",
            "models/VAE",
            "models/VAE",
            "{base}/vae",
            "VAE",
            "VAE",
        ],
    ),
    (
        Slot::ControlNet,
        [
            "controlnet",
            "models/ControlNet",
            "models/ControlNet",
            "{base}/controlnet",
            "controlnet",
            "ControlNet",
        ],
    ),
    (
        Slot::Upscaler,
        [
            "upscale_models",
            "models/ESRGAN",
            "models/ESRGAN",
            "any/spandrel_image_to_image",
            "upscale_models",
            "ESRGAN",
        ],
    ),
    (
        Slot::RealEsrgan,
        [
            "upscale_models",
            "models/RealESRGAN",
            "models/RealESRGAN",
            "any/spandrel_image_to_image",
            "upscale_models",
            "RealESRGAN",
        ],
    ),
    (
        Slot::SwinIr,
        [
            "upscale_models",
            "models/SwinIR",
            "models/SwinIR",
            "any/spandrel_image_to_image",
            "upscale_models",
            "SwinIR",
        ],
    ),
    (
        Slot::Gfpgan,
        [
            "upscale_models",
            "models/GFPGAN",
            "models/GFPGAN",
            "any/spandrel_image_to_image",
            "upscale_models",
            "GFPGAN",
        ],
    ),
    (
        Slot::TextEncoder,
        [
            "text_encoders",
            "models/text_encoder",
            "models/text_encoder",
            "any/text_encoder",
            "clip",
            "TextEncoders",
        ],
    ),
    (
        Slot::ClipVision,
        [
            "clip_vision",
            "models/clip_vision",
            "models/clip_vision",
            "any/clip_vision",
            "clip_vision",
            "ClipVision",
        ],
    ),
    (
        Slot::Detection,
        [
            "detection",
            "models/adetailer",
            "models/adetailer",
            "other/detection",
            "Other/Detection",
            "AfterDetailer",
        ],
    ),
    (
        Slot::MotionModule,
        [
            "animatediff_models",
            "extensions/sd-webui-animatediff/model",
            "extensions/sd-webui-animatediff/model",
            "other/motion_module",
            "Other/MotionModule",
            "Other/MotionModule",
        ],
    ),
    (
        Slot::Wildcards,
        [
            "wildcards",
            "extensions/sd-dynamic-prompts/wildcards",
            "extensions/sd-dynamic-prompts/wildcards",
            "other/wildcards",
            "Data/Wildcards",
            "Other/Wildcards",
        ],
    ),
    (
        Slot::Poses,
        [
            "poses",
            "models/Poses",
            "models/Poses",
            "other/poses",
            "Other/Poses",
            "Other/Poses",
        ],
    ),
    (
        Slot::Workflows,
        [
            "workflows",
            "models/Workflows",
            "models/Workflows",
            "other/workflows",
            "Other/Workflows",
            "Other/Workflows",
        ],
    ),
    (
        Slot::AestheticGradient,
        [
            "embeddings",
            "extensions/stable-diffusion-webui-aesthetic-gradients/aesthetic_embeddings",
            "extensions/stable-diffusion-webui-aesthetic-gradients/aesthetic_embeddings",
            "other/aesthetic_gradient",
            "Other/AestheticGradient",
            "Other/AestheticGradient",
        ],
    ),
    (
        Slot::Llm,
        [
            "LLM",
            "models/LLM",
            "models/LLM",
            "other/llm",
            "Other/LLM",
            "Other/LLM",
        ],
    ),
    (
        Slot::Other,
        [
            "other",
            "models/other",
            "models/other",
            "other",
            "Other",
            "Other",
        ],
    ),
];

/// InvokeAI's words for base models, by the ecosystem of resource names.
const BASES: [(&str, &str); 10] = [
    ("sd1", "sd-1"),
    ("sd2", "sd-2"),
    ("sdxl", "sdxl"),
    ("sdxldistilled", "sdxl"),
    ("sd3", "sd-3"),
    ("sd3_5m", "sd-3"),
    ("flux1", "flux"),
    ("fluxkrea", "flux"),
    ("flux1kontext", "flux"),
    ("flux2", "flux2"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_missing_or_leads_out() {
        for (slot, cells) in ROWS {
            for cell in cells {
                let fine =
                    !cell.is_empty() && cell.split('/').all(|part| !matches!(part, "" | ".."));
                assert!(fine, "{slot:?}: {cell:?}");
            }
        }
        for (index, (slot, _)) in ROWS.iter().enumerate() {
            assert!(
                ROWS[..index].iter().all(|(other, _)| other != slot),
                "{slot:?} twice"
            );
        }
    }
}
