//! The site's closed lists of words, as they stood in August 2026.

/// One base model as the site knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BaseModel {
    pub(crate) name: &'static str,
    /// The ecosystem in an AIR.
    pub(crate) air: &'static str,
    /// Still on old content, no longer offered.
    pub(crate) hidden: bool,
}

/// The ecosystem that the site writes into an AIR; an unknown base model is its own, in lower case.
pub(crate) fn air_ecosystem(base_model: &str) -> String {
    BASE_MODELS
        .iter()
        .find(|known| known.name == base_model)
        .map_or_else(|| base_model.to_lowercase(), |known| known.air.to_owned())
}

/// The type that the site writes into an AIR: the primary file's role has the last word.
pub(crate) fn air_type(model_type: &str, primary_role: Option<&str>) -> &'static str {
    match (primary_role, model_type) {
        (Some("Diffusion Model"), _) => "diffusionmodel",
        (Some("UNet"), _) | (_, "UNet") => "unet",
        (_, "AestheticGradient") => "ag",
        (_, "Checkpoint") => "checkpoint",
        (_, "Hypernetwork") => "hypernet",
        (_, "TextualInversion") => "embedding",
        (_, "MotionModule") => "motion",
        (_, "Upscaler") => "upscaler",
        (_, "VAE") => "vae",
        (_, "LORA") => "lora",
        (_, "DoRA") => "dora",
        (_, "LoCon") => "lycoris",
        (_, "Controlnet") => "controlnet",
        (_, "TextEncoder") => "text_encoders",
        (_, "CLIPVision") => "clipvision",
        (_, "CLIP") => "clip",
        (_, "VisionLanguage") => "visionlanguage",
        _ => "unknown",
    }
}

/// `types` of models.
pub(crate) const MODEL_TYPES: [&str; 23] = [
    "Checkpoint",
    "TextualInversion",
    "Hypernetwork",
    "AestheticGradient",
    "LORA",
    "LoCon",
    "DoRA",
    "Controlnet",
    "Upscaler",
    "MotionModule",
    "VAE",
    "TextEncoder",
    "UNet",
    "CLIPVision",
    "Poses",
    "Wildcards",
    "Workflows",
    "ComfyWorkflows",
    "Detection",
    "VisionLanguage",
    "CLIP",
    "LLM",
    "Other",
];

/// `sort` of models.
pub(crate) const MODEL_SORTS: [&str; 8] = [
    "Highest Rated",
    "Most Downloaded",
    "Most Liked",
    "Most Discussed",
    "Most Collected",
    "Most Images",
    "Newest",
    "Oldest",
];

/// `sort` of pictures.
pub(crate) const IMAGE_SORTS: [&str; 6] = [
    "Most Reactions",
    "Most Comments",
    "Most Collected",
    "Newest",
    "Oldest",
    "Random",
];

/// `sort` of articles.
pub(crate) const ARTICLE_SORTS: [&str; 6] = [
    "Most Bookmarks",
    "Most Reactions",
    "Most Comments",
    "Most Collected",
    "Newest",
    "Recently Updated",
];

/// `sort` of collections.
pub(crate) const COLLECTION_SORTS: [&str; 2] = ["Most Followers", "Newest"];

/// `sort` of vaults.
pub(crate) const VAULT_SORTS: [&str; 4] = [
    "Recently Added",
    "Recently Created",
    "Model Name",
    "Model Size",
];

/// `period` everywhere.
pub(crate) const PERIODS: [&str; 5] = ["Day", "Week", "Month", "Year", "AllTime"];

/// `allowCommercialUse`.
pub(crate) const COMMERCIAL_USES: [&str; 5] = ["None", "Image", "RentCivit", "Rent", "Sell"];

/// `availability`.
pub(crate) const AVAILABILITIES: [&str; 4] = ["Public", "Unsearchable", "Private", "EarlyAccess"];

/// `type` of pictures.
pub(crate) const MEDIA_TYPES: [&str; 3] = ["image", "video", "audio"];

/// `type` of files. Stored as free text, so others occur; a file of any other keeps its stored name.
pub(crate) const FILE_ROLES: [&str; 17] = [
    "Model",
    "Text Encoder",
    "Vision Encoder",
    "Pruned Model",
    "Negative",
    "Training Data",
    "VAE",
    "Config",
    "Archive",
    "UNet",
    "Diffusion Model",
    "CLIPVision",
    "ControlNet",
    "Workflow",
    "Upscaler",
    "Enhancement LoRA",
    "Other",
];

/// `format` of files.
pub(crate) const FILE_FORMATS: [&str; 7] = [
    "SafeTensor",
    "PickleTensor",
    "GGUF",
    "Diffusers",
    "Core ML",
    "ONNX",
    "Other",
];

/// `baseModelType` of versions.
pub(crate) const BASE_MODEL_TYPES: [&str; 4] = ["Standard", "Inpainting", "Refiner", "Pix2Pix"];

/// Every base model, in the site's order.
pub(crate) const BASE_MODELS: [BaseModel; 99] = [
    BaseModel {
        name: "Anima",
        air: "anima",
        hidden: false,
    },
    BaseModel {
        name: "AuraFlow",
        air: "auraflow",
        hidden: false,
    },
    BaseModel {
        name: "Chroma",
        air: "chroma",
        hidden: false,
    },
    BaseModel {
        name: "CogVideoX",
        air: "cogvideox",
        hidden: false,
    },
    BaseModel {
        name: "Ernie",
        air: "ernie",
        hidden: false,
    },
    BaseModel {
        name: "Flux.1 S",
        air: "flux1",
        hidden: false,
    },
    BaseModel {
        name: "Flux.1 D",
        air: "flux1",
        hidden: false,
    },
    BaseModel {
        name: "Flux.1 Krea",
        air: "fluxkrea",
        hidden: false,
    },
    BaseModel {
        name: "Flux.1 Kontext",
        air: "flux1kontext",
        hidden: false,
    },
    BaseModel {
        name: "Flux.2 D",
        air: "flux2",
        hidden: false,
    },
    BaseModel {
        name: "Flux.2 Klein 9B",
        air: "flux2",
        hidden: false,
    },
    BaseModel {
        name: "Flux.2 Klein 9B-base",
        air: "flux2",
        hidden: false,
    },
    BaseModel {
        name: "Flux.2 Klein 4B",
        air: "flux2",
        hidden: false,
    },
    BaseModel {
        name: "Flux.2 Klein 4B-base",
        air: "flux2",
        hidden: false,
    },
    BaseModel {
        name: "Flux 3 Video",
        air: "flux3video",
        hidden: false,
    },
    BaseModel {
        name: "Grok",
        air: "grok",
        hidden: false,
    },
    BaseModel {
        name: "HappyHorse",
        air: "happyhorse",
        hidden: false,
    },
    BaseModel {
        name: "HiDream",
        air: "hidream",
        hidden: false,
    },
    BaseModel {
        name: "HiDream-O1",
        air: "hidream-o1",
        hidden: false,
    },
    BaseModel {
        name: "Hunyuan 1",
        air: "hydit1",
        hidden: false,
    },
    BaseModel {
        name: "Hunyuan Video",
        air: "hyv1",
        hidden: false,
    },
    BaseModel {
        name: "Ideogram 4.0",
        air: "ideogram",
        hidden: false,
    },
    BaseModel {
        name: "Boogu",
        air: "boogu",
        hidden: false,
    },
    BaseModel {
        name: "Illustrious",
        air: "sdxl",
        hidden: false,
    },
    BaseModel {
        name: "Imagen4",
        air: "imagen4",
        hidden: true,
    },
    BaseModel {
        name: "Kolors",
        air: "kolors",
        hidden: false,
    },
    BaseModel {
        name: "Krea 2",
        air: "krea2",
        hidden: false,
    },
    BaseModel {
        name: "LTXV",
        air: "ltxv",
        hidden: false,
    },
    BaseModel {
        name: "LTXV2",
        air: "ltxv2",
        hidden: false,
    },
    BaseModel {
        name: "LTXV 2.3",
        air: "ltxv23",
        hidden: false,
    },
    BaseModel {
        name: "Lens",
        air: "lens",
        hidden: false,
    },
    BaseModel {
        name: "Lumina",
        air: "lumina",
        hidden: false,
    },
    BaseModel {
        name: "MageFlow",
        air: "mageflow",
        hidden: false,
    },
    BaseModel {
        name: "MAI",
        air: "mai",
        hidden: false,
    },
    BaseModel {
        name: "Mochi",
        air: "mochi",
        hidden: false,
    },
    BaseModel {
        name: "Nano Banana",
        air: "nanobanana",
        hidden: true,
    },
    BaseModel {
        name: "NoobAI",
        air: "sdxl",
        hidden: false,
    },
    BaseModel {
        name: "ODOR",
        air: "odor",
        hidden: true,
    },
    BaseModel {
        name: "OpenAI",
        air: "openai",
        hidden: true,
    },
    BaseModel {
        name: "Upscaler",
        air: "other",
        hidden: false,
    },
    BaseModel {
        name: "Other",
        air: "other",
        hidden: false,
    },
    BaseModel {
        name: "PixArt a",
        air: "pixarta",
        hidden: false,
    },
    BaseModel {
        name: "PixArt E",
        air: "pixarte",
        hidden: false,
    },
    BaseModel {
        name: "Playground v2",
        air: "playgroundv2",
        hidden: true,
    },
    BaseModel {
        name: "Pony",
        air: "sdxl",
        hidden: false,
    },
    BaseModel {
        name: "Pony V7",
        air: "auraflow",
        hidden: false,
    },
    BaseModel {
        name: "Qwen",
        air: "qwen",
        hidden: false,
    },
    BaseModel {
        name: "Qwen 2",
        air: "qwen2",
        hidden: false,
    },
    BaseModel {
        name: "Qwen 3",
        air: "qwen3",
        hidden: false,
    },
    BaseModel {
        name: "Stable Cascade",
        air: "scascade",
        hidden: true,
    },
    BaseModel {
        name: "SD 1.4",
        air: "sd1",
        hidden: false,
    },
    BaseModel {
        name: "SD 1.5",
        air: "sd1",
        hidden: false,
    },
    BaseModel {
        name: "SD 1.5 LCM",
        air: "sd1",
        hidden: false,
    },
    BaseModel {
        name: "SD 1.5 Hyper",
        air: "sd1",
        hidden: false,
    },
    BaseModel {
        name: "SD 2.0",
        air: "sd2",
        hidden: false,
    },
    BaseModel {
        name: "SD 2.0 768",
        air: "sd2",
        hidden: true,
    },
    BaseModel {
        name: "SD 2.1",
        air: "sd2",
        hidden: false,
    },
    BaseModel {
        name: "SD 2.1 768",
        air: "sd2",
        hidden: true,
    },
    BaseModel {
        name: "SD 2.1 Unclip",
        air: "sd2",
        hidden: true,
    },
    BaseModel {
        name: "SD 3",
        air: "sd3",
        hidden: true,
    },
    BaseModel {
        name: "SD 3.5",
        air: "sd3",
        hidden: true,
    },
    BaseModel {
        name: "SD 3.5 Large",
        air: "sd3",
        hidden: true,
    },
    BaseModel {
        name: "SD 3.5 Large Turbo",
        air: "sd3",
        hidden: true,
    },
    BaseModel {
        name: "SD 3.5 Medium",
        air: "sd3_5m",
        hidden: true,
    },
    BaseModel {
        name: "SDXL 0.9",
        air: "sdxl",
        hidden: true,
    },
    BaseModel {
        name: "SDXL 1.0",
        air: "sdxl",
        hidden: false,
    },
    BaseModel {
        name: "SDXL 1.0 LCM",
        air: "sdxl",
        hidden: true,
    },
    BaseModel {
        name: "SDXL Lightning",
        air: "sdxl",
        hidden: false,
    },
    BaseModel {
        name: "SDXL Hyper",
        air: "sdxl",
        hidden: false,
    },
    BaseModel {
        name: "SDXL Turbo",
        air: "sdxl",
        hidden: true,
    },
    BaseModel {
        name: "SDXL Distilled",
        air: "sdxldistilled",
        hidden: true,
    },
    BaseModel {
        name: "Reve",
        air: "reve",
        hidden: false,
    },
    BaseModel {
        name: "Seedream",
        air: "seedream",
        hidden: true,
    },
    BaseModel {
        name: "SVD",
        air: "svd",
        hidden: true,
    },
    BaseModel {
        name: "SVD XT",
        air: "svd",
        hidden: true,
    },
    BaseModel {
        name: "Sora 2",
        air: "sora2",
        hidden: true,
    },
    BaseModel {
        name: "Veo 3",
        air: "veo3",
        hidden: true,
    },
    BaseModel {
        name: "Wan Video",
        air: "wanvideo",
        hidden: true,
    },
    BaseModel {
        name: "Wan Video 1.3B t2v",
        air: "wanvideo1_3b_t2v",
        hidden: false,
    },
    BaseModel {
        name: "Wan Video 14B t2v",
        air: "wanvideo14b_t2v",
        hidden: false,
    },
    BaseModel {
        name: "Wan Video 14B i2v 480p",
        air: "wanvideo14b_i2v_480p",
        hidden: false,
    },
    BaseModel {
        name: "Wan Video 14B i2v 720p",
        air: "wanvideo14b_i2v_720p",
        hidden: false,
    },
    BaseModel {
        name: "Wan Video 2.2 TI2V-5B",
        air: "wanvideo-22-ti2v-5b",
        hidden: false,
    },
    BaseModel {
        name: "Wan Video 2.2 I2V-A14B",
        air: "wanvideo-22-i2v-a14b",
        hidden: false,
    },
    BaseModel {
        name: "Wan Video 2.2 T2V-A14B",
        air: "wanvideo-22-t2v-a14b",
        hidden: false,
    },
    BaseModel {
        name: "Wan Video 2.5 T2V",
        air: "wanvideo-25-t2v",
        hidden: false,
    },
    BaseModel {
        name: "Wan Video 2.5 I2V",
        air: "wanvideo-25-i2v",
        hidden: false,
    },
    BaseModel {
        name: "Wan Image 2.7",
        air: "wanimage27",
        hidden: false,
    },
    BaseModel {
        name: "Wan Video 2.7",
        air: "wanvideo27",
        hidden: false,
    },
    BaseModel {
        name: "ZImageTurbo",
        air: "zimageturbo",
        hidden: false,
    },
    BaseModel {
        name: "ZImageBase",
        air: "zimagebase",
        hidden: false,
    },
    BaseModel {
        name: "Vidu Q1",
        air: "vidu",
        hidden: true,
    },
    BaseModel {
        name: "MiniMax H3",
        air: "minimaxh3",
        hidden: false,
    },
    BaseModel {
        name: "Kling",
        air: "kling",
        hidden: true,
    },
    BaseModel {
        name: "Seedance",
        air: "seedance",
        hidden: true,
    },
    BaseModel {
        name: "ACE Audio",
        air: "ace",
        hidden: false,
    },
    BaseModel {
        name: "PolyGen",
        air: "polygen",
        hidden: true,
    },
    BaseModel {
        name: "Tripo",
        air: "tripo",
        hidden: true,
    },
    BaseModel {
        name: "Hunyuan3D",
        air: "hunyuan3d",
        hidden: true,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ecosystems_are_those_of_the_root() {
        for (base_model, ecosystem) in [
            ("SD 1.5", "sd1"),
            ("SDXL 1.0", "sdxl"),
            ("Pony", "sdxl"),
            ("Illustrious", "sdxl"),
            ("NoobAI", "sdxl"),
            ("Pony V7", "auraflow"),
            ("Flux.2 Klein 4B-base", "flux2"),
            ("Upscaler", "other"),
            ("Not Invented Yet", "not invented yet"),
        ] {
            assert_eq!(air_ecosystem(base_model), ecosystem, "{base_model}");
        }
    }

    #[test]
    fn the_primary_files_role_overrides_the_model_type() {
        assert_eq!(air_type("Checkpoint", Some("Model")), "checkpoint");
        assert_eq!(
            air_type("Checkpoint", Some("Diffusion Model")),
            "diffusionmodel"
        );
        assert_eq!(air_type("Checkpoint", Some("UNet")), "unet");
        assert_eq!(air_type("LoCon", None), "lycoris");
        assert_eq!(air_type("Wildcards", None), "unknown");
    }
}
