//! Files of a version.

use crate::UnknownName;
use crate::hash::HashKind;
use crate::id::FileId;
use crate::open_enum::open_enum;
use crate::time::Timestamp;
use crate::wire::wire;

open_enum! {
    /// The role of a file in its version. Stored as free text, so unknown values occur.
    pub enum FileType {
        Model = "Model",
        TextEncoder = "Text Encoder",
        VisionEncoder = "Vision Encoder",
        PrunedModel = "Pruned Model",
        Negative = "Negative",
        TrainingData = "Training Data",
        Vae = "VAE",
        Config = "Config",
        Archive = "Archive",
        UNet = "UNet",
        DiffusionModel = "Diffusion Model",
        ClipVision = "CLIPVision",
        ControlNet = "ControlNet",
        Workflow = "Workflow",
        Upscaler = "Upscaler",
        EnhancementLora = "Enhancement LoRA",
        Miscellaneous = "Other",
    }
}

open_enum! {
    /// How the tensors are stored.
    pub enum FileFormat {
        SafeTensor = "SafeTensor",
        PickleTensor = "PickleTensor",
        Gguf = "GGUF",
        Diffusers = "Diffusers",
        CoreMl = "Core ML",
        Onnx = "ONNX",
        Miscellaneous = "Other",
    }
}

impl FileFormat {
    /// Reads what a person calls a format: its name, a common short form or a file extension.
    pub fn named(text: &str) -> Result<Self, UnknownName> {
        match text.to_ascii_lowercase().as_str() {
            "safetensors" | "sft" => Ok(Self::SafeTensor),
            "pickle" | "ckpt" | "pt" | "pth" | "bin" => Ok(Self::PickleTensor),
            "mlmodel" | "mlpackage" => Ok(Self::CoreMl),
            _ => text.parse(),
        }
    }
}

open_enum! {
    /// Whether weights that inference does not need were left out.
    pub enum FileSize {
        Full = "full",
        Pruned = "pruned",
    }
}

open_enum! {
    /// The number format of the weights.
    pub enum Precision {
        Fp32 = "fp32",
        Fp16 = "fp16",
        Bf16 = "bf16",
        Mxfp8 = "mxfp8",
        Fp8Mixed = "fp8_mixed",
        Fp8Scaled = "fp8_scaled",
        Fp8 = "fp8",
        Int8 = "int8",
        Nf4 = "nf4",
        Nvfp4 = "nvfp4",
        Int4 = "int4",
    }
}

open_enum! {
    /// The quantisation of a GGUF file.
    pub enum QuantType {
        None = "None",
        Q8_0 = "Q8_0",
        Q6K = "Q6_K",
        Q5KM = "Q5_K_M",
        Q5KS = "Q5_K_S",
        Q5_1 = "Q5_1",
        Q5_0 = "Q5_0",
        Q4KXl = "Q4_K_XL",
        Q4KM = "Q4_K_M",
        Q4KS = "Q4_K_S",
        Q4_1 = "Q4_1",
        Q4_0 = "Q4_0",
        Q3KXl = "Q3_K_XL",
        Q3KL = "Q3_K_L",
        Q3KM = "Q3_K_M",
        Q3KS = "Q3_K_S",
        Q2KXl = "Q2_K_XL",
        Q2K = "Q2_K",
        Q2KS = "Q2_K_S",
        Iq4Xs = "IQ4_XS",
        Iq4Ks = "IQ4_KS",
        Iq4Nl = "IQ4_NL",
        Iq3M = "IQ3_M",
        Iq3S = "IQ3_S",
        Iq3Xs = "IQ3_XS",
        Iq3Xxs = "IQ3_XXS",
        Iq2Xs = "IQ2_XS",
        Iq2Xxs = "IQ2_XXS",
        Iq2S = "IQ2_S",
        Iq2M = "IQ2_M",
        Iq1S = "IQ1_S",
        Iq1M = "IQ1_M",
        Tq2_0 = "TQ2_0",
        Tq1_0 = "TQ1_0",
    }
}

open_enum! {
    /// What the site's scanners said.
    pub enum ScanResult {
        Pending = "Pending",
        Success = "Success",
        Danger = "Danger",
        Error = "Error",
    }
}

wire! {
    /// A file of a version. What it says of itself is a claim: sizes are advisory and digests decide.
    pub struct File {
        /// The file's id; with it a download names exactly this file.
        pub id: FileId => "id",
        /// The name it downloads under, as far as this endpoint knows; not yet safe for a disk.
        pub name: String => "name",
        /// The name its owner gave it instead; absent outside listings and by-hash.
        pub override_name: Option<String> => "overrideName",
        /// Its role.
        pub kind: Option<FileType> => "type",
        /// Size in KiB; see [`File::bytes`].
        pub size_kib: Option<f64> => "sizeKB",
        /// Format, precision and such; any part may be absent.
        pub metadata: Option<FileMetadata> => "metadata",
        /// The pickle scanner's verdict; absent for a file not yet looked at.
        pub pickle_scan_result: Option<ScanResult> => "pickleScanResult",
        /// What it found, as text or a Markdown list.
        pub pickle_scan_message: Option<String> => "pickleScanMessage",
        /// The virus scanner's verdict.
        pub virus_scan_result: Option<ScanResult> => "virusScanResult",
        /// What it found.
        pub virus_scan_message: Option<String> => "virusScanMessage",
        /// When it was scanned.
        pub scanned_at: Option<Timestamp> => "scannedAt",
        /// Digests; empty until it was scanned.
        pub hashes: Option<Hashes> => "hashes",
        /// Where the server says it is. The host is unreliable, and the query may name another file; see [`crate::select`].
        pub download_url: Option<String> => "downloadUrl",
        /// Whether it is the version's main file; absent or false otherwise.
        pub primary: Option<bool> => "primary",
    }
}

impl File {
    /// Returns the size in bytes that `sizeKB` stands for, or `None` if it is absent, negative or absurd.
    pub fn bytes(&self) -> Option<u64> {
        const LARGEST: f64 = 1e15;
        let bytes = (self.size_kib? * 1024.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the range is checked first"
        )]
        (0.0..=LARGEST).contains(&bytes).then_some(bytes as u64)
    }

    /// Says whether the site calls it the version's main file.
    pub fn is_primary(&self) -> bool {
        self.primary == Some(true)
    }

    /// Returns the name to save it under, before cleaning: the owner's choice, else the computed one.
    pub fn display_name(&self) -> &str {
        self.override_name
            .as_deref()
            .filter(|name| !name.is_empty())
            .unwrap_or(&self.name)
    }

    /// Returns its format, from the metadata or else from the name's extension.
    pub fn format(&self) -> Option<FileFormat> {
        let declared = self
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.format.clone());
        declared.or_else(|| {
            let (_, extension) = self.display_name().rsplit_once('.')?;
            FileFormat::named(extension).ok()
        })
    }

    /// Returns whether it was pruned, from the metadata or else from its role.
    pub fn size(&self) -> Option<FileSize> {
        let declared = self
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.size.clone());
        declared.or_else(|| (self.kind == Some(FileType::PrunedModel)).then_some(FileSize::Pruned))
    }

    /// Returns the number format of its weights.
    pub fn fp(&self) -> Option<Precision> {
        self.metadata
            .as_ref()
            .and_then(|metadata| metadata.fp.clone())
    }

    /// Returns its quantisation, from the metadata or, where the endpoint leaves that out, from the name of a GGUF file.
    pub fn quant(&self) -> Option<QuantType> {
        let declared = self
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.quant_type.clone());
        declared.or_else(|| {
            let stem = self.display_name().to_ascii_uppercase();
            let stem = stem.strip_suffix(".GGUF")?;
            let named = QuantType::KNOWN.iter().filter(|name| has_word(stem, name));
            named
                .max_by_key(|name| name.len())
                .map(|name| QuantType::from(*name))
        })
    }

    /// Says whether it holds a model's main weights rather than a part, a configuration or training data.
    pub fn is_weights(&self) -> bool {
        use FileType::{DiffusionModel, Model, PrunedModel, UNet};
        matches!(self.kind, Some(Model | PrunedModel | DiffusionModel | UNet))
    }

    /// Says whether one of the site's scanners found something dangerous.
    pub fn is_flagged(&self) -> bool {
        [&self.pickle_scan_result, &self.virus_scan_result]
            .into_iter()
            .any(|found| *found == Some(ScanResult::Danger))
    }

    /// Says whether both of the site's scanners have finished, whatever they found.
    pub fn is_scanned(&self) -> bool {
        use ScanResult::{Danger, Success};
        let results = [&self.pickle_scan_result, &self.virus_scan_result];
        results
            .into_iter()
            .all(|found| matches!(found, Some(Success | Danger)))
    }

    /// Returns the digest of one kind as sent.
    pub fn hash(&self, kind: HashKind) -> Option<&str> {
        self.hashes.as_ref()?.of(kind)
    }
}

/// Says whether `word` stands in `text` with no letter or digit right before or behind it.
fn has_word(text: &str, word: &str) -> bool {
    let is_edge = |neighbour: Option<char>| neighbour.is_none_or(|c| !c.is_alphanumeric());
    text.match_indices(word).any(|(start, _)| {
        is_edge(text[..start].chars().next_back())
            && is_edge(text[start + word.len()..].chars().next())
    })
}

wire! {
    /// What a file contains, as far as its uploader said.
    pub struct FileMetadata {
        /// How the tensors are stored.
        pub format: Option<FileFormat> => "format",
        /// Whether it was pruned.
        pub size: Option<FileSize> => "size",
        /// The number format.
        pub fp: Option<Precision> => "fp",
        /// The quantisation; only from `/models`.
        pub quant_type: Option<QuantType> => "quantType",
        /// Whether the version cannot be used without it; only from `/models`.
        pub is_required: Option<bool> => "isRequired",
    }
}

wire! {
    /// Digests of a file in hexadecimal, as sent. Further kinds are kept in `rest`.
    pub struct Hashes {
        /// SHA-256 of 64 KiB from the second mebibyte, first 8 digits; absent below 2 MiB. Collides among merges.
        pub auto_v1: Option<String> => "AutoV1",
        /// First 10 digits of the SHA-256.
        pub auto_v2: Option<String> => "AutoV2",
        /// SHA-256 of what follows the safetensors header, usually cut to 12 digits.
        pub auto_v3: Option<String> => "AutoV3",
        /// SHA-256 of the file.
        pub sha256: Option<String> => "SHA256",
        /// CRC-32 of the file, bytes in little-endian order.
        pub crc32: Option<String> => "CRC32",
        /// BLAKE3 of the file.
        pub blake3: Option<String> => "BLAKE3",
    }
}

impl Hashes {
    /// Returns the digest of one kind as sent.
    pub fn of(&self, kind: HashKind) -> Option<&str> {
        match kind {
            HashKind::AutoV1 => self.auto_v1.as_deref(),
            HashKind::AutoV2 => self.auto_v2.as_deref(),
            HashKind::AutoV3 => self.auto_v3.as_deref(),
            HashKind::Sha256 => self.sha256.as_deref(),
            HashKind::Crc32 => self.crc32.as_deref(),
            HashKind::Blake3 => self.blake3.as_deref(),
        }
    }

    /// Says whether no digest of a known kind is there.
    pub fn is_empty(&self) -> bool {
        HashKind::ALL.iter().all(|kind| self.of(*kind).is_none())
    }
}
