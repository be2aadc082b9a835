//! What an interface keeps in one folder.

use civitai_api::{FileFormat, FileType, ModelType};

use super::Subject;

/// A kind of file for which interfaces have a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Slot {
    /// A whole model: diffusion model, text encoders and VAE in one file.
    Checkpoint,
    /// The diffusion model alone, which needs its text encoders and VAE from elsewhere.
    DiffusionModel,
    /// `LoRA` and `DoRA`.
    Lora,
    /// `LoCon`, `LoHa` and their kin.
    Lycoris,
    /// Textual inversions.
    Embedding,
    /// Hypernetworks.
    Hypernetwork,
    /// Autoencoders.
    Vae,
    /// ControlNets and T2I adapters.
    ControlNet,
    /// Upscalers of the ESRGAN kind and all without a slot of their own.
    Upscaler,
    /// Real-ESRGAN, which A1111 keeps apart.
    RealEsrgan,
    /// SwinIR, which A1111 keeps apart.
    SwinIr,
    /// Restorers of faces.
    Gfpgan,
    /// CLIP, T5 and language models that encode prompts.
    TextEncoder,
    /// Encoders of pictures.
    ClipVision,
    /// Detectors of faces, hands and such.
    Detection,
    /// `AnimateDiff` and its kin.
    MotionModule,
    /// Lists of words.
    Wildcards,
    /// Poses for ControlNet.
    Poses,
    /// Workflows.
    Workflows,
    /// Aesthetic gradients.
    AestheticGradient,
    /// Language models that write.
    Llm,
    /// Everything else.
    Other,
}

impl Slot {
    /// The header of a file goes before its role in its version, and the role before the type of the model.
    pub(super) fn of(subject: &Subject) -> Self {
        let claimed = of_role(subject.role.as_ref())
            .or_else(|| of_type(subject.kind.as_ref()))
            .or_else(|| of_type(subject.header.as_ref()))
            .unwrap_or(Self::Other);
        match claimed {
            Self::Checkpoint | Self::DiffusionModel => weights(subject, claimed),
            Self::Upscaler => upscaler(subject.name.as_str()),
            Self::Lora if subject.header == Some(ModelType::LoCon) => Self::Lycoris,
            // What its uploader calls "Other" may still be known by its header.
            Self::Other => of_type(subject.header.as_ref()).unwrap_or(Self::Other),
            other => other,
        }
    }
}

/// A GGUF file never holds text encoders and VAE too.
fn weights(subject: &Subject, claimed: Slot) -> Slot {
    match &subject.header {
        Some(ModelType::UNet) => return Slot::DiffusionModel,
        Some(ModelType::Checkpoint) => return Slot::Checkpoint,
        _ => {}
    }
    let named_gguf = || {
        let extension = subject.name.extension();
        extension.is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
    };
    if subject.format == Some(FileFormat::Gguf) || named_gguf() {
        Slot::DiffusionModel
    } else {
        claimed
    }
}

fn upscaler(name: &str) -> Slot {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    BY_NAME
        .iter()
        .find(|(part, _)| plain.contains(part))
        .map_or(Slot::Upscaler, |(_, slot)| *slot)
}

fn of_role(role: Option<&FileType>) -> Option<Slot> {
    Some(match role? {
        FileType::Vae => Slot::Vae,
        FileType::TextEncoder => Slot::TextEncoder,
        FileType::VisionEncoder | FileType::ClipVision => Slot::ClipVision,
        FileType::UNet | FileType::DiffusionModel => Slot::DiffusionModel,
        FileType::ControlNet => Slot::ControlNet,
        FileType::Upscaler => Slot::Upscaler,
        FileType::EnhancementLora => Slot::Lora,
        FileType::Workflow => Slot::Workflows,
        FileType::Negative => Slot::Embedding,
        _ => return None,
    })
}

fn of_type(kind: Option<&ModelType>) -> Option<Slot> {
    Some(match kind? {
        ModelType::Checkpoint => Slot::Checkpoint,
        ModelType::UNet => Slot::DiffusionModel,
        ModelType::TextualInversion => Slot::Embedding,
        ModelType::Hypernetwork => Slot::Hypernetwork,
        ModelType::AestheticGradient => Slot::AestheticGradient,
        ModelType::Lora | ModelType::DoRa => Slot::Lora,
        ModelType::LoCon => Slot::Lycoris,
        ModelType::Controlnet => Slot::ControlNet,
        ModelType::Upscaler => Slot::Upscaler,
        ModelType::MotionModule => Slot::MotionModule,
        ModelType::Vae => Slot::Vae,
        ModelType::TextEncoder | ModelType::Clip => Slot::TextEncoder,
        ModelType::ClipVision => Slot::ClipVision,
        ModelType::Poses => Slot::Poses,
        ModelType::Wildcards => Slot::Wildcards,
        ModelType::Workflows | ModelType::ComfyWorkflows => Slot::Workflows,
        ModelType::Detection => Slot::Detection,
        ModelType::VisionLanguage | ModelType::Llm => Slot::Llm,
        ModelType::Miscellaneous => Slot::Other,
        _ => return None,
    })
}

const BY_NAME: [(&str, Slot); 5] = [
    ("realesrgan", Slot::RealEsrgan),
    ("realesr", Slot::RealEsrgan),
    ("swinir", Slot::SwinIr),
    ("gfpgan", Slot::Gfpgan),
    ("restoreformer", Slot::Gfpgan),
];
