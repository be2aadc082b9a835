//! What an answer can say: formats, families, and the places a name can stand in.

use std::fmt;

/// How a file holds its tensors, told by its first bytes and never by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A length, a JSON header, raw tensors.
    Safetensors,
    /// The single file of llama.cpp and its kin.
    Gguf,
    /// Python's own serialisation: `torch.save`, as a ZIP or as a bare stream.
    Pickle,
    /// An archive that holds no pickled model.
    Zip,
    /// An ONNX graph.
    Onnx,
    /// A folder of components with a `model_index.json` or a `config.json`.
    Diffusers,
    /// Nothing of the above.
    Unknown,
}

impl Format {
    /// The word that the command line prints.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Gguf => "gguf",
            Self::Pickle => "pickle",
            Self::Zip => "zip",
            Self::Onnx => "onnx",
            Self::Diffusers => "diffusers",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Declares the families with their words.
macro_rules! families {
    ( $( $(#[$meta:meta])* $variant:ident = $word:literal, )* ) => {
        /// A line of models that share an architecture, coarser than Civitai's base models.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Family { $( $(#[$meta])* $variant, )* }

        impl Family {
            /// Every family, in the order of the documentation.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The word that the command line prints.
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }

            /// Reads the word that [`Family::as_str`] writes.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $( $word => Some(Self::$variant), )* _ => None }
            }
        }
    };
}

families! {
    /// Stable Diffusion 1.x.
    Sd1 = "sd1",
    /// Stable Diffusion 2.x.
    Sd2 = "sd2",
    /// Stable Diffusion 3 and 3.5.
    Sd3 = "sd3",
    /// SDXL, its refiner and its children.
    Sdxl = "sdxl",
    /// Stable Cascade.
    Cascade = "cascade",
    /// Stable Video Diffusion.
    Svd = "svd",
    /// Flux.1 in all its forms.
    Flux1 = "flux1",
    /// Flux.2 and its Klein models.
    Flux2 = "flux2",
    /// Chroma.
    Chroma = "chroma",
    /// Qwen-Image.
    Qwen = "qwen",
    /// Z-Image.
    ZImage = "zimage",
    /// Wan video.
    Wan = "wan",
    /// Hunyuan Video.
    HunyuanVideo = "hunyuanvideo",
    /// Hunyuan-DiT and Hunyuan Image.
    Hunyuan = "hunyuan",
    /// LTX Video.
    Ltx = "ltx",
    /// HiDream.
    HiDream = "hidream",
    /// PixArt alpha and sigma.
    PixArt = "pixart",
    /// Lumina.
    Lumina = "lumina",
    /// Kolors.
    Kolors = "kolors",
    /// AuraFlow and Pony V7.
    AuraFlow = "auraflow",
    /// Krea 2.
    Krea2 = "krea2",
    /// Anima.
    Anima = "anima",
    /// Mochi.
    Mochi = "mochi",
    /// CogVideoX.
    CogVideoX = "cogvideox",
    /// MiniMax.
    MiniMax = "minimax",
    /// A recognised line that has no word of its own here.
    Other = "other",
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
