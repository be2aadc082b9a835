//! Resource names: `urn:air:ECOSYSTEM:TYPE:SOURCE:ID@VERSION+FILE.FORMAT`, everything but source and id optional.

use std::fmt;
use std::str::FromStr;

use crate::base_model::BaseModel;
use crate::file::FileType;
use crate::id::{FileId, ModelId, VersionId};
use crate::model::ModelType;

/// A resource name. Every part keeps its case.
///
/// Only those of source `civitai` name something that this crate can look up. Ecosystem and type vary with the age of the
/// name and say nothing reliable; ignore them when resolving.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Air {
    /// The ecosystem of the base model.
    pub ecosystem: Option<String>,
    /// The type of the model.
    pub kind: Option<String>,
    /// Who keeps the resource.
    pub source: String,
    /// The resource's id there; may carry a file extension.
    pub id: String,
    /// Its version there; may carry a file extension.
    pub version: Option<String>,
    /// A file of the version.
    pub file: Option<FileId>,
    /// The file's format; only after a file.
    pub format: Option<String>,
}

/// A text that is no resource name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a resource name of the form urn:air:ECOSYSTEM:TYPE:SOURCE:ID@VERSION")]
pub struct InvalidAir;

impl Air {
    /// Returns the name of a version of a Civitai model.
    ///
    /// `primary_file` is the role of its main file, which decides the type for bare diffusion models.
    pub fn of_version(
        (model, version): (ModelId, VersionId),
        base: Option<&BaseModel>,
        kind: Option<&ModelType>,
        primary_file: Option<&FileType>,
    ) -> Self {
        Self {
            ecosystem: Some(
                base.map_or_else(|| "other".to_owned(), BaseModel::air_ecosystem)
                    .replace(' ', ""),
            ),
            kind: Some(type_of(kind, primary_file).to_owned()),
            source: "civitai".to_owned(),
            id: model.to_string(),
            version: Some(version.to_string()),
            file: None,
            format: None,
        }
    }

    /// Says whether Civitai keeps the resource.
    pub fn is_civitai(&self) -> bool {
        self.source.eq_ignore_ascii_case("civitai")
    }

    /// Returns the model, if Civitai keeps it: the leading digits of the id.
    pub fn model_id(&self) -> Option<ModelId> {
        self.is_civitai()
            .then(|| leading_digits(&self.id).parse().ok())
            .flatten()
    }

    /// Returns the version, if Civitai keeps it and the name has one: the leading digits.
    pub fn version_id(&self) -> Option<VersionId> {
        let version = self.version.as_deref().filter(|_| self.is_civitai())?;
        leading_digits(version).parse().ok()
    }
}

fn type_of(kind: Option<&ModelType>, primary_file: Option<&FileType>) -> &'static str {
    match primary_file {
        Some(FileType::DiffusionModel) => return "diffusionmodel",
        Some(FileType::UNet) => return "unet",
        _ => {}
    }
    match kind {
        Some(ModelType::AestheticGradient) => "ag",
        Some(ModelType::Checkpoint) => "checkpoint",
        Some(ModelType::Clip) => "clip",
        Some(ModelType::ClipVision) => "clipvision",
        Some(ModelType::Controlnet) => "controlnet",
        Some(ModelType::DoRa) => "dora",
        Some(ModelType::Hypernetwork) => "hypernet",
        Some(ModelType::LoCon) => "lycoris",
        Some(ModelType::Lora) => "lora",
        Some(ModelType::MotionModule) => "motion",
        Some(ModelType::TextEncoder) => "text_encoders",
        Some(ModelType::TextualInversion) => "embedding",
        Some(ModelType::UNet) => "unet",
        Some(ModelType::Upscaler) => "upscaler",
        Some(ModelType::Vae) => "vae",
        Some(ModelType::VisionLanguage) => "visionlanguage",
        _ => "unknown",
    }
}

impl FromStr for Air {
    type Err = InvalidAir;

    fn from_str(text: &str) -> Result<Self, InvalidAir> {
        let rest = without_prefix(without_prefix(text, "urn:"), "air:");
        let mut parts: Vec<&str> = rest.splitn(5, ':').collect();
        let resource = parts.pop().ok_or(InvalidAir)?;
        let source = parts
            .pop()
            .filter(|source| is_made_of(source, "/"))
            .ok_or(InvalidAir)?;
        let (ecosystem, kind) = match parts[..] {
            [] => (None, None),
            [ecosystem] => (Some(ecosystem), None),
            [ecosystem, kind] => (Some(ecosystem), Some(kind)),
            _ => return Err(InvalidAir),
        };
        if [ecosystem, kind]
            .into_iter()
            .flatten()
            .any(|part| !is_made_of(part, "/"))
        {
            return Err(InvalidAir);
        }
        let (named, file) = match resource.split_once('+') {
            Some((named, file)) => (named, Some(file)),
            None => (resource, None),
        };
        let (id, version) = match named.split_once('@') {
            Some((id, version)) => (id, Some(version)),
            None => (named, None),
        };
        if !is_made_of(id, "/.") || version.is_some_and(|version| !is_made_of(version, "/.")) {
            return Err(InvalidAir);
        }
        let (file, format) = match file.map(|file| {
            file.split_once('.')
                .map_or((file, None), |(id, f)| (id, Some(f)))
        }) {
            Some((file, format)) => (Some(file.parse().map_err(|_| InvalidAir)?), format),
            None => (None, None),
        };
        if format.is_some_and(|format| !is_made_of(format, "")) {
            return Err(InvalidAir);
        }
        let owned = |part: Option<&str>| part.map(str::to_owned);
        Ok(Self {
            ecosystem: owned(ecosystem),
            kind: owned(kind),
            source: source.to_owned(),
            id: id.to_owned(),
            version: owned(version),
            file,
            format: owned(format),
        })
    }
}

impl fmt::Display for Air {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("urn:air:")?;
        for part in [&self.ecosystem, &self.kind].into_iter().flatten() {
            write!(f, "{part}:")?;
        }
        write!(f, "{}:{}", self.source, self.id)?;
        if let Some(version) = &self.version {
            write!(f, "@{version}")?;
        }
        if let Some(file) = self.file {
            write!(f, "+{file}")?;
        }
        match &self.format {
            Some(format) => write!(f, ".{format}"),
            None => Ok(()),
        }
    }
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> &'a str {
    match text.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => &text[prefix.len()..],
        _ => text,
    }
}

/// Says whether `part` is not empty and has only ASCII letters, digits, `_`, `-` and the further characters given.
fn is_made_of(part: &str, further: &str) -> bool {
    !part.is_empty()
        && part
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-' || further.contains(c))
}

fn leading_digits(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins id, version, file and format, `-` for an absent one.
    fn parts(text: &str) -> Option<String> {
        let air: Air = text.parse().ok()?;
        let or_dash = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
        let file = or_dash(air.file.map(|file| file.to_string()));
        Some([air.id, or_dash(air.version), file, or_dash(air.format)].join(" "))
    }

    #[test]
    fn a_format_is_split_off_only_after_a_file() {
        let expected = |text: &str| Some(text.to_owned());
        assert_eq!(
            parts("urn:air:sdxl:lora:civitai:1@2.safetensor"),
            expected("1 2.safetensor - -")
        );
        assert_eq!(
            parts("urn:air:sdxl:lora:civitai:1@2+77.safetensor"),
            expected("1 2 77 safetensor")
        );
        assert_eq!(
            parts("urn:air:sdxl:lora:civitai:1.ckpt"),
            expected("1.ckpt - - -")
        );
    }

    #[test]
    fn prefix_ecosystem_and_type_may_be_left_out() {
        assert!(parts("sdxl:lora:civitai:1@2").is_some());
        assert!(parts("civitai:827184@2514310").is_some());
        assert!(parts("URN:AIR:civitai:1").is_some());
        assert_eq!(parts("827184@2514310"), None);
        assert_eq!(parts("urn:air:multi:wan:video:civitai:1@2"), None);
        assert_eq!(parts("urn:air:sdxl:lora:civitai:"), None);
        assert_eq!(parts("urn:air:sdxl:lora:civitai:1@2+x"), None);
    }

    #[test]
    fn case_is_kept_and_the_leading_digits_count() {
        let air: Air = "urn:air:SDXL:Lora:Civitai:12x@34.ckpt"
            .parse()
            .expect("well formed");
        assert_eq!(
            (air.ecosystem.as_deref(), air.kind.as_deref()),
            (Some("SDXL"), Some("Lora"))
        );
        assert_eq!(
            (air.model_id(), air.version_id()),
            (ModelId::new(12), VersionId::new(34))
        );
        let elsewhere: Air = "urn:air:flux1:checkpoint:huggingface:org/repo@main"
            .parse()
            .expect("well formed");
        assert_eq!((elsewhere.model_id(), elsewhere.version_id()), (None, None));
    }

    #[test]
    fn a_name_is_made_as_the_site_makes_it() {
        let ids = (
            ModelId::new(1).expect("positive"),
            VersionId::new(2).expect("positive"),
        );
        let air = |base: &str, kind: ModelType, file: Option<FileType>| {
            Air::of_version(
                ids,
                Some(&BaseModel::from(base)),
                Some(&kind),
                file.as_ref(),
            )
            .to_string()
        };
        assert_eq!(
            air("Illustrious", ModelType::Lora, None),
            "urn:air:sdxl:lora:civitai:1@2"
        );
        assert_eq!(
            air("SD 1.5", ModelType::LoCon, None),
            "urn:air:sd1:lycoris:civitai:1@2"
        );
        assert_eq!(
            air("Pony V7", ModelType::Wildcards, None),
            "urn:air:auraflow:unknown:civitai:1@2"
        );
        let diffusion = Some(FileType::DiffusionModel);
        assert_eq!(
            air("Flux.1 D", ModelType::Checkpoint, diffusion),
            "urn:air:flux1:diffusionmodel:civitai:1@2"
        );
    }
}
