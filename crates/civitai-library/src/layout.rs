//! Where a file belongs: the folders of each user interface, as one table, and templates.
//!
//! A layout turns what is known of a file into a path relative to the root of a library. It is pure: nothing is looked up,
//! nothing on the disk changes, the same [`Subject`] gives the same path. The root is the folder that the interface calls
//! `models` (ComfyUI), `Models` (SwarmUI) or `Data/Models` (StabilityMatrix), and the installation itself for A1111 and
//! Forge, which keep embeddings beside `models`. InvokeAI manages its own folder: the tree made for it is one to install
//! from in place, a folder a base and type.
//!
//! What an interface keeps in one folder is a [`Slot`]. A new interface is a new column of the table in `table.rs`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use civitai_api::open_enum::nearest;
use civitai_api::{
    BaseModel, File, FileFormat, FileId, FileType, Model, ModelId, ModelType, Version, VersionId,
};
use civitai_security::FileName;

use crate::identify::Family;
use crate::sidecar::Form;

pub mod extra_paths;
mod slot;
mod table;
mod template;

pub use slot::Slot;
use table::{COLUMNS, Column};
use template::Template;

/// The folders of one interface, or a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Known(&'static Column),
    Template(Template),
}

impl Layout {
    /// The names of the layouts that are no templates.
    pub const NAMES: &'static [&'static str] = &table::NAMES;

    /// The variables of templates.
    pub const VARIABLES: &'static [&'static str] = &template::NAMES;

    /// Returns where the file goes, relative to the root.
    ///
    /// Every component is a [`FileName`], so the path stays below the root whatever a server sent. What a template asks for
    /// and nobody knows reads `unknown`.
    pub fn place(&self, subject: &Subject) -> PathBuf {
        match &self.0 {
            Kind::Known(column) => {
                let mut path = PathBuf::from(column.folder(subject.slot(), subject));
                path.push(subject.name.as_str());
                path
            }
            Kind::Template(template) => template.place(subject),
        }
    }

    /// Returns the folder of a slot; `None` where files do not stand by slots: `flat`, templates and InvokeAI.
    pub fn folder(&self, slot: Slot) -> Option<&'static str> {
        match &self.0 {
            Kind::Known(column) => column.fixed_folder(slot),
            Kind::Template(_) => None,
        }
    }

    /// Returns the sidecars that its interface reads, besides the preview.
    pub fn forms(&self) -> &'static [Form] {
        match &self.0 {
            Kind::Known(column) => column.forms,
            Kind::Template(_) => &[Form::CivitaiInfo],
        }
    }

    /// Returns the layout that keeps all files in the root.
    pub fn flat() -> Self {
        "flat".parse().expect("`flat` stands in the table")
    }
}

impl Default for Layout {
    /// ComfyUI.
    fn default() -> Self {
        "comfyui".parse().expect("`comfyui` stands in the table")
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        if text.contains(['{', '}']) {
            return text.parse().map(Kind::Template).map(Self);
        }
        let column = COLUMNS.iter().find(|column| column.name == text);
        column
            .map(|column| Self(Kind::Known(column)))
            .ok_or_else(|| LayoutError::UnknownName {
                name: text.to_owned(),
                nearest: nearest(text, Self::NAMES),
            })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Known(column) => f.pad(column.name),
            Kind::Template(template) => f.pad(template.text()),
        }
    }
}

/// Why a text names no layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// No interface of this name is known.
    #[error("no layout is called {name:?}")]
    UnknownName {
        /// What was given.
        name: String,
        /// The known name most like it.
        nearest: Option<&'static str>,
    },
    /// A template asks for something that no file has.
    #[error("a template has no variable {name:?}")]
    UnknownVariable {
        /// The name between the braces.
        name: String,
        /// The known name most like it.
        nearest: Option<&'static str>,
    },
    /// A brace has no partner.
    #[error("a brace is not closed at byte {at} of the template")]
    Brace {
        /// Where the brace stands.
        at: usize,
    },
    /// A part of a template is empty, `.`, `..`, absolute or has a backslash.
    #[error("the part {part:?} of the template is no name of a folder")]
    Part {
        /// The part.
        part: String,
    },
}

/// What is known of a file when its place is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subject {
    /// The name it has, or is to have.
    pub name: FileName,
    /// The type of its model.
    pub kind: Option<ModelType>,
    /// What it is within its version.
    pub role: Option<FileType>,
    /// How its tensors are stored.
    pub format: Option<FileFormat>,
    /// What its header says it is; a bare diffusion model is a [`ModelType::UNet`].
    pub header: Option<ModelType>,
    /// What it runs on.
    pub base_model: Option<BaseModel>,
    /// Who published it.
    pub creator: Option<String>,
    /// The title of its model.
    pub model: Option<String>,
    /// The name of its version.
    pub version: Option<String>,
    /// The first tag of its model.
    pub first_tag: Option<String>,
    /// Its model.
    pub model_id: Option<ModelId>,
    /// Its version.
    pub version_id: Option<VersionId>,
    /// Itself.
    pub file_id: Option<FileId>,
}

impl Subject {
    /// A file of which only the name is known.
    pub fn named(name: FileName) -> Self {
        Self {
            name,
            kind: None,
            role: None,
            format: None,
            header: None,
            base_model: None,
            creator: None,
            model: None,
            version: None,
            first_tag: None,
            model_id: None,
            version_id: None,
            file_id: None,
        }
    }

    /// A file as Civitai describes it. Without `model` the version's own summary of it is used.
    pub fn of_file(model: Option<&Model>, version: &Version, file: &File) -> Self {
        let summary = version.model.as_ref();
        let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let creator = model
            .and_then(|model| model.creator.as_ref())
            .or(version.creator.as_ref());
        let tags = model
            .map(|model| &model.tags)
            .or_else(|| summary.map(|summary| &summary.tags));
        Self {
            name: FileName::clean(file.display_name(), &file.id.to_string()),
            kind: model
                .and_then(|model| model.kind.clone())
                .or_else(|| summary.and_then(|summary| summary.kind.clone())),
            role: file.kind.clone(),
            format: file.format(),
            header: None,
            base_model: version.base_model.clone(),
            creator: creator.and_then(|creator| creator.username.clone()),
            model: model
                .and_then(|model| known(&model.name))
                .or_else(|| summary.and_then(|summary| known(&summary.name))),
            version: known(&version.name),
            first_tag: tags.and_then(|tags| tags.first().cloned()),
            model_id: model.map(|model| model.id).or_else(|| version.owner()),
            version_id: Some(version.id),
            file_id: Some(file.id),
        }
    }

    /// Takes over what the header of the file says.
    #[must_use]
    pub fn with_header(mut self, header: Option<ModelType>) -> Self {
        self.header = header;
        self
    }

    /// Says whether its place depends on what only its header tells: interfaces keep bare diffusion models apart from
    /// whole checkpoints, and the site calls both checkpoints. Those of SD 1, 2 and SDXL come whole.
    pub fn depends_on_header(&self) -> bool {
        let extension = self.name.extension().map(str::to_ascii_lowercase);
        let has_header = matches!(extension.as_deref(), Some("safetensors" | "sft"));
        let family = self.base_model.as_ref().map(Family::of);
        let comes_whole = matches!(family, Some(Family::Sd1 | Family::Sd2 | Family::Sdxl));
        self.header.is_none() && has_header && !comes_whole && self.slot() == Slot::Checkpoint
    }

    /// Returns the slot it belongs to.
    pub fn slot(&self) -> Slot {
        Slot::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(name: &str, kind: ModelType) -> Subject {
        Subject {
            kind: Some(kind),
            ..Subject::named(FileName::clean(name, ""))
        }
    }

    #[track_caller]
    fn places(subject: &Subject, expected: [&str; 7]) {
        let placed = Layout::NAMES.iter().map(|name| {
            let layout: Layout = name.parse().expect("a name of the table");
            layout.place(subject).to_string_lossy().into_owned()
        });
        assert_eq!(placed.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn each_interface_has_its_folders() {
        let mut lora = subject("x.safetensors", ModelType::Lora);
        lora.base_model = Some(BaseModel::Illustrious);
        places(
            &lora,
            [
                "loras/x.safetensors",
                "models/Lora/x.safetensors",
                "models/Lora/x.safetensors",
                "sdxl/lora/x.safetensors",
                "Lora/x.safetensors",
                "Lora/x.safetensors",
                "x.safetensors",
            ],
        );
        places(
            &subject("x.pt", ModelType::TextualInversion),
            [
                "embeddings/x.pt",
                "embeddings/x.pt",
                "embeddings/x.pt",
                "any/embedding/x.pt",
                "Embeddings/x.pt",
                "Embeddings/x.pt",
                "x.pt",
            ],
        );
    }

    #[test]
    fn the_header_goes_before_what_the_uploader_said() {
        let comfy = Layout::default();
        let place = |subject: &Subject| comfy.place(subject).to_string_lossy().into_owned();
        let whole = subject("flux.safetensors", ModelType::Checkpoint);
        assert_eq!(place(&whole), "checkpoints/flux.safetensors");
        let bare = whole.clone().with_header(Some(ModelType::UNet));
        assert_eq!(place(&bare), "diffusion_models/flux.safetensors");
        let whole_after_all = Subject {
            role: Some(FileType::DiffusionModel),
            ..whole.clone().with_header(Some(ModelType::Checkpoint))
        };
        assert_eq!(place(&whole_after_all), "checkpoints/flux.safetensors");
        let vae = Subject {
            role: Some(FileType::Vae),
            ..whole
        };
        assert_eq!(place(&vae), "vae/flux.safetensors");
        let gguf = subject("flux-Q4_0.gguf", ModelType::Checkpoint);
        assert_eq!(place(&gguf), "diffusion_models/flux-Q4_0.gguf");
    }

    #[test]
    fn upscalers_are_told_apart_by_name() {
        let a1111: Layout = "a1111".parse().expect("known");
        let place = |name: &str| {
            let subject = subject(name, ModelType::Upscaler);
            a1111.place(&subject).to_string_lossy().into_owned()
        };
        assert_eq!(
            place("4x-UltraSharp.pth"),
            "models/ESRGAN/4x-UltraSharp.pth"
        );
        assert_eq!(
            place("RealESRGAN_x4plus.pth"),
            "models/RealESRGAN/RealESRGAN_x4plus.pth"
        );
        assert_eq!(place("GFPGANv1.4.pth"), "models/GFPGAN/GFPGANv1.4.pth");
        assert_eq!(place("SwinIR_4x.pth"), "models/SwinIR/SwinIR_4x.pth");
    }

    #[test]
    fn what_is_not_known_is_named_with_what_is_like_it() {
        let error = "comfyu".parse::<Layout>().expect_err("no such layout");
        assert_eq!(
            error,
            LayoutError::UnknownName {
                name: "comfyu".to_owned(),
                nearest: Some("comfyui")
            }
        );
    }
}
