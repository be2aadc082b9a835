//! What a model is used as.

use std::fmt;

use civitai_api::ModelType;

/// What a model is used as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// An encoder for sound.
    AudioEncoder,
    /// A whole model: diffusion model, text encoders and VAE, or as many of them as it has.
    Checkpoint,
    /// An encoder for pictures.
    ClipVision,
    /// A control network or adapter that is applied like one.
    Controlnet,
    /// Something that finds things in pictures.
    Detector,
    /// A bare diffusion model.
    DiffusionModel,
    /// Words learnt from pictures.
    Embedding,
    /// Something that mends faces.
    FaceRestore,
    /// Something that places things named in a prompt.
    Gligen,
    /// A hypernetwork.
    Hypernetwork,
    /// An adapter for pictures as prompts.
    IpAdapter,
    /// A LoRA or one of its kin.
    Lora,
    /// A change to another model.
    ModelPatch,
    /// What makes pictures move.
    MotionModule,
    /// The file does not say, or this program does not know it.
    #[default]
    Other,
    /// A model that cuts things out.
    Segmentation,
    /// A style model.
    StyleModel,
    /// An encoder for prompts.
    TextEncoder,
    /// Something that makes pictures larger, or puts pictures between pictures.
    Upscaler,
    /// A decoder from latents to pictures.
    Vae,
}

impl Kind {
    /// Returns the kind in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AudioEncoder => "audio_encoder",
            Self::Checkpoint => "checkpoint",
            Self::ClipVision => "clip_vision",
            Self::Controlnet => "controlnet",
            Self::Detector => "detector",
            Self::DiffusionModel => "diffusion_model",
            Self::Embedding => "embedding",
            Self::FaceRestore => "face_restore",
            Self::Gligen => "gligen",
            Self::Hypernetwork => "hypernetwork",
            Self::IpAdapter => "ip_adapter",
            Self::Lora => "lora",
            Self::ModelPatch => "model_patch",
            Self::MotionModule => "motion_module",
            Self::Other => "other",
            Self::Segmentation => "segmentation",
            Self::StyleModel => "style_model",
            Self::TextEncoder => "text_encoder",
            Self::Upscaler => "upscaler",
            Self::Vae => "vae",
        }
    }

    /// Returns the site's types under which such a model is published; none if it may be any. Encoders are as often
    /// published as `Other` as under their own type.
    pub fn model_types(self) -> &'static [ModelType] {
        match self {
            Self::Checkpoint | Self::DiffusionModel => &[ModelType::Checkpoint, ModelType::UNet],
            Self::Controlnet => &[ModelType::Controlnet, ModelType::Lora],
            Self::Embedding => &[ModelType::TextualInversion],
            Self::Hypernetwork => &[ModelType::Hypernetwork],
            Self::Lora => &[ModelType::Lora, ModelType::LoCon, ModelType::DoRa],
            Self::MotionModule => &[ModelType::MotionModule],
            Self::Upscaler => &[ModelType::Upscaler],
            Self::Vae => &[ModelType::Vae],
            _ => &[],
        }
    }

    /// Judges by the class of a node and the name of the field that a model stands in.
    pub(super) fn of_field(class: &str, field: &str) -> Option<Self> {
        let by_class = Self::of_words(class);
        let Some(by_field) = Self::of_words(field) else {
            return by_class;
        };
        // Loaders of all kinds call what they load a checkpoint or a clip.
        let is_narrower = match by_field {
            Self::Checkpoint => matches!(
                by_class,
                Some(
                    Self::ClipVision
                        | Self::Controlnet
                        | Self::Detector
                        | Self::FaceRestore
                        | Self::IpAdapter
                        | Self::MotionModule
                        | Self::Segmentation
                        | Self::Upscaler
                )
            ),
            Self::TextEncoder => by_class == Some(Self::ClipVision),
            _ => false,
        };
        if is_narrower {
            by_class
        } else {
            Some(by_field)
        }
    }

    /// Judges by the words in a name that a tool's author gave: a class, a field, a folder, a type.
    pub(super) fn of_words(name: &str) -> Option<Self> {
        let name: String = name
            .chars()
            .filter(|c| c.is_alphanumeric())
            .map(|c| c.to_ascii_lowercase())
            .collect();
        WORDS
            .iter()
            .find(|(word, _)| name.contains(word))
            .map(|(_, kind)| *kind)
    }

    /// Judges by a short name of a kind: what InvokeAI, Civitai and A1111 call their types.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase();
        match word.as_str() {
            "main" | "model" | "onnx" | "refiner" => Some(Self::Checkpoint),
            "embed" | "embedding" | "textualinversion" | "ti" => Some(Self::Embedding),
            "lyco" | "locon" | "loha" | "dora" => Some(Self::Lora),
            "hypernet" => Some(Self::Hypernetwork),
            "clip" | "clip_embed" | "t5" => Some(Self::TextEncoder),
            "motion" => Some(Self::MotionModule),
            _ => Self::of_words(&word),
        }
    }

    /// Judges by what a node takes in and gives out.
    pub(super) fn of_slots(inputs: &[&str], outputs: &[&str]) -> Option<Self> {
        let gives = |kind: &str| {
            outputs
                .iter()
                .any(|output| output.eq_ignore_ascii_case(kind))
        };
        let takes = |kind: &str| inputs.iter().any(|input| input.eq_ignore_ascii_case(kind));
        match () {
            () if gives("MODEL") && takes("MODEL") => Some(Self::Lora),
            () if gives("MODEL") && (gives("VAE") || gives("CLIP")) => Some(Self::Checkpoint),
            () if gives("MODEL") => Some(Self::DiffusionModel),
            () => outputs.iter().find_map(|output| {
                let output = output.to_ascii_uppercase();
                match output.as_str() {
                    "CLIP" => Some(Self::TextEncoder),
                    "IMAGE" | "LATENT" | "MASK" | "STRING" | "CONDITIONING" => None,
                    _ => Self::of_words(&output),
                }
            }),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Words in names, joined and in lower case; the first that occurs decides, so the narrower stand before the wider.
const WORDS: [(&str, Kind); 67] = [
    ("clipvision", Kind::ClipVision),
    ("siglip", Kind::ClipVision),
    ("imageencoder", Kind::ClipVision),
    ("visionmodel", Kind::ClipVision),
    ("audioencoder", Kind::AudioEncoder),
    ("wav2vec", Kind::AudioEncoder),
    ("whisper", Kind::AudioEncoder),
    ("ipadapter", Kind::IpAdapter),
    ("instantid", Kind::IpAdapter),
    ("pulid", Kind::IpAdapter),
    ("photomaker", Kind::IpAdapter),
    ("controllora", Kind::Controlnet),
    ("controlnet", Kind::Controlnet),
    ("t2iadapter", Kind::Controlnet),
    ("cnet", Kind::Controlnet),
    ("uni3c", Kind::Controlnet),
    ("animatediff", Kind::MotionModule),
    ("motionmodule", Kind::MotionModule),
    ("motionmodel", Kind::MotionModule),
    ("motionlora", Kind::MotionModule),
    ("hypernetwork", Kind::Hypernetwork),
    ("hypernet", Kind::Hypernetwork),
    ("gligen", Kind::Gligen),
    ("stylemodel", Kind::StyleModel),
    ("redux", Kind::StyleModel),
    ("modelpatch", Kind::ModelPatch),
    ("lora", Kind::Lora),
    ("lycoris", Kind::Lora),
    ("textualinversion", Kind::Embedding),
    ("facerestore", Kind::FaceRestore),
    ("facedetail", Kind::Detector),
    ("gfpgan", Kind::FaceRestore),
    ("codeformer", Kind::FaceRestore),
    ("reactor", Kind::FaceRestore),
    ("faceswap", Kind::FaceRestore),
    ("upscal", Kind::Upscaler),
    ("esrgan", Kind::Upscaler),
    ("spandrel", Kind::Upscaler),
    ("supir", Kind::Upscaler),
    ("rifevfi", Kind::Upscaler),
    ("filmvfi", Kind::Upscaler),
    ("frameinterpolation", Kind::Upscaler),
    ("ultralytics", Kind::Detector),
    ("yolo", Kind::Detector),
    ("detector", Kind::Detector),
    ("poseestimator", Kind::Detector),
    ("adetailer", Kind::Detector),
    ("groundingdino", Kind::Detector),
    ("bbox", Kind::Detector),
    ("samloader", Kind::Segmentation),
    ("sammodel", Kind::Segmentation),
    ("sam2", Kind::Segmentation),
    ("segment", Kind::Segmentation),
    ("vae", Kind::Vae),
    ("textencoder", Kind::TextEncoder),
    ("cliploader", Kind::TextEncoder),
    ("clipname", Kind::TextEncoder),
    ("clipembed", Kind::TextEncoder),
    ("t5", Kind::TextEncoder),
    ("qwen3encoder", Kind::TextEncoder),
    ("embedding", Kind::Embedding),
    ("unet", Kind::DiffusionModel),
    ("diffusionmodel", Kind::DiffusionModel),
    ("videomodelloader", Kind::DiffusionModel),
    ("checkpoint", Kind::Checkpoint),
    ("ckpt", Kind::Checkpoint),
    ("stablediffusion", Kind::Checkpoint),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_and_field_decide_together() {
        for (class, field, kind) in [
            (
                "CheckpointLoaderSimple",
                "ckpt_name",
                Some(Kind::Checkpoint),
            ),
            ("ImageOnlyCheckpointLoader", "", Some(Kind::Checkpoint)),
            ("CLIPVisionLoader", "clip_name", Some(Kind::ClipVision)),
            ("DualCLIPLoaderGGUF", "clip_name2", Some(Kind::TextEncoder)),
            ("UnetLoaderGGUF", "unet_name", Some(Kind::DiffusionModel)),
            ("DiffControlNetLoader", "", Some(Kind::Controlnet)),
            ("Efficient Loader", "ckpt_name", Some(Kind::Checkpoint)),
            ("Efficient Loader", "lora_name", Some(Kind::Lora)),
            ("Efficient Loader", "vae_name", Some(Kind::Vae)),
            (
                "Checkpoint Loader with LoRA",
                "ckpt_name",
                Some(Kind::Checkpoint),
            ),
            ("RIFE VFI", "ckpt_name", Some(Kind::Upscaler)),
            (
                "ADE_AnimateDiffLoaderGen1",
                "model_name",
                Some(Kind::MotionModule),
            ),
            (
                "UltralyticsDetectorProvider",
                "model_name",
                Some(Kind::Detector),
            ),
            ("SAMLoader", "model_name", Some(Kind::Segmentation)),
            ("Unheard Of", "file", None),
        ] {
            assert_eq!(Kind::of_field(class, field), kind, "{class} {field}");
        }
    }

    #[test]
    fn slots_decide_where_names_do_not() {
        assert_eq!(
            Kind::of_slots(&[], &["MODEL", "CLIP", "VAE"]),
            Some(Kind::Checkpoint)
        );
        assert_eq!(
            Kind::of_slots(&["MODEL", "CLIP"], &["MODEL", "CLIP"]),
            Some(Kind::Lora)
        );
        assert_eq!(Kind::of_slots(&[], &["MODEL"]), Some(Kind::DiffusionModel));
        assert_eq!(
            Kind::of_slots(&[], &["CLIP_VISION"]),
            Some(Kind::ClipVision)
        );
        assert_eq!(
            Kind::of_slots(&[], &["UPSCALE_MODEL"]),
            Some(Kind::Upscaler)
        );
        assert_eq!(Kind::of_slots(&["IMAGE"], &["IMAGE"]), None);
    }
}
