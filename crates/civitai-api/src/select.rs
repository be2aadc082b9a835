//! Which files of a version are meant, and how to ask for one.

use serde_json::{Map, Value};
use url::Url;

use crate::file::{File, FileFormat, FileSize, FileType, Precision, QuantType};
use crate::id::{FileId, VersionId};
use crate::model::ModelType;
use crate::version::Version;

/// Properties that tell the files of a version apart. An absent one does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Variant {
    /// The role in the version.
    pub kind: Option<FileType>,
    /// How the tensors are stored.
    pub format: Option<FileFormat>,
    /// Full or pruned.
    pub size: Option<FileSize>,
    /// The number format.
    pub fp: Option<Precision>,
    /// The quantisation.
    pub quant: Option<QuantType>,
}

impl Variant {
    /// Says whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        self.pairs().is_empty()
    }

    /// Returns what was asked for, by the names of the download route's parameters.
    pub fn pairs(&self) -> Vec<(&'static str, &str)> {
        let pairs = [
            ("type", self.kind.as_ref().map(FileType::as_str)),
            ("format", self.format.as_ref().map(FileFormat::as_str)),
            ("size", self.size.as_ref().map(FileSize::as_str)),
            ("fp", self.fp.as_ref().map(Precision::as_str)),
            ("quantType", self.quant.as_ref().map(QuantType::as_str)),
        ];
        pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// Returns what was asked for as JSON, under the same names.
    pub fn to_json(&self) -> Map<String, Value> {
        self.pairs()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .collect()
    }

    /// Reads parameters of the download route; names it does not know are left alone.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut variant = Self::default();
        for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            match name {
                "type" => variant.kind = Some(value.into()),
                "format" => variant.format = Some(value.into()),
                "size" => variant.size = Some(value.into()),
                "fp" => variant.fp = Some(value.into()),
                "quantType" => variant.quant = Some(value.into()),
                _ => {}
            }
        }
        variant
    }

    /// Returns what a file says of itself.
    pub fn of(file: &File) -> Self {
        Self {
            kind: file.kind.clone(),
            format: file.format(),
            size: file.size(),
            fp: file.fp(),
            quant: file.quant(),
        }
    }

    /// Says whether a file has every property asked for.
    pub fn matches(&self, file: &File) -> bool {
        fn meets<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        let found = Self::of(file);
        meets(self.kind.as_ref(), found.kind.as_ref())
            && meets(self.format.as_ref(), found.format.as_ref())
            && meets(self.size.as_ref(), found.size.as_ref())
            && meets(self.fp.as_ref(), found.fp.as_ref())
            && meets(self.quant.as_ref(), found.quant.as_ref())
    }
}

/// Which files of a version somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Choice {
    /// Every listed file.
    All,
    /// The best file that has these properties; with none, the version's main file.
    Best(Variant),
    /// This file.
    File(FileId),
}

impl Default for Choice {
    fn default() -> Self {
        Self::Best(Variant::default())
    }
}

/// Why no file could be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SelectError {
    /// The version lists no file at all: it was archived, or its files are not public.
    #[error("version {version} lists no files")]
    NoFiles {
        /// The version asked for.
        version: VersionId,
    },
    /// The file is not one of the version.
    #[error("version {version} has no file {file}, only {}", available.join("; "))]
    NoSuchFile {
        /// The version asked for.
        version: VersionId,
        /// The file asked for.
        file: FileId,
        /// What the version does have, a line for each file.
        available: Vec<String>,
    },
    /// No file has the properties asked for.
    #[error("version {version} has no file with {asked}, only {}", available.join("; "))]
    NoSuchVariant {
        /// The version asked for.
        version: VersionId,
        /// The properties asked for.
        asked: String,
        /// What the version does have, a line for each file.
        available: Vec<String>,
    },
}

/// Returns the files that are wanted; never none.
///
/// `model` is the type of the model, which decides what its main files are where the site marks none as primary. A main
/// file in pickle format gives way to one in SafeTensor format with the same role.
pub fn select<'v>(
    version: &'v Version,
    choice: &Choice,
    model: Option<&ModelType>,
) -> Result<Vec<&'v File>, SelectError> {
    if version.files.is_empty() {
        return Err(SelectError::NoFiles {
            version: version.id,
        });
    }
    match choice {
        Choice::All => Ok(version.files.iter().collect()),
        Choice::File(id) => match version.files.iter().find(|file| file.id == *id) {
            Some(file) => Ok(vec![file]),
            None => Err(SelectError::NoSuchFile {
                version: version.id,
                file: *id,
                available: described(&version.files),
            }),
        },
        Choice::Best(variant) => {
            let matching = version.files.iter().filter(|file| variant.matches(file));
            // The first of equals wins, as on the site: the order is reversed because the last maximum is taken.
            let ranked = matching.rev().max_by_key(|file| rank(file, variant, model));
            ranked
                .map(|file| vec![file])
                .ok_or_else(|| SelectError::NoSuchVariant {
                    version: version.id,
                    asked: variant
                        .pairs()
                        .iter()
                        .map(|(name, value)| format!("{name} {value}"))
                        .collect::<Vec<_>>()
                        .join(", "),
                    available: described(&version.files),
                })
        }
    }
}

/// How good a file is as an answer: role, then safety of the format, then the site's own mark, then the site's defaults.
fn rank(file: &File, asked: &Variant, model: Option<&ModelType>) -> (u8, bool, bool, u32) {
    let role = if asked.kind.is_some() {
        0
    } else {
        role_rank(file, model)
    };
    let format = file.format();
    let is_pickle = format == Some(FileFormat::PickleTensor);
    (
        role,
        !(is_pickle && file.is_weights()),
        file.is_primary(),
        likeness_to_defaults(file),
    )
}

fn role_rank(file: &File, model: Option<&ModelType>) -> u8 {
    let is_main = match (&file.kind, main_types(model)) {
        (Some(kind), Some(main)) => main.contains(kind),
        (Some(_), None) => file.is_weights(),
        // A file without a role is more likely the model than a part of it.
        (None, _) => true,
    };
    match &file.kind {
        Some(FileType::TrainingData) => 0,
        // The site's mark counts for a role, too: it may know better which kind of file a model consists of.
        _ if is_main || file.is_primary() => 2,
        _ => 1,
    }
}

/// Returns the roles that a type of model consists of, or `None` where weights of any role will do.
fn main_types(model: Option<&ModelType>) -> Option<&'static [FileType]> {
    Some(match model? {
        ModelType::Clip => &[FileType::TextEncoder, FileType::VisionEncoder],
        ModelType::Miscellaneous => &[FileType::Archive, FileType::Config, FileType::Model],
        ModelType::Poses
        | ModelType::Wildcards
        | ModelType::Workflows
        | ModelType::ComfyWorkflows => &[FileType::Archive, FileType::Config],
        _ => return None,
    })
}

/// Scores a file as the site does for somebody without preferences of their own: format, then size, precision, quantisation.
fn likeness_to_defaults(file: &File) -> u32 {
    fn agreement<T: PartialEq>(found: Option<&T>, preferred: &T, weight: u32) -> u32 {
        match found {
            Some(found) if found == preferred => 2 * weight,
            Some(_) => 0,
            None => weight,
        }
    }
    // Weights are the site's 100, 10, 1 and 0.5, doubled.
    agreement(file.format().as_ref(), &FileFormat::SafeTensor, 200)
        + agreement(file.size().as_ref(), &FileSize::Pruned, 20)
        + agreement(file.fp().as_ref(), &Precision::Fp16, 2)
        + agreement(file.quant().as_ref(), &QuantType::Q4KM, 1)
}

fn described(files: &[File]) -> Vec<String> {
    // More than anybody reads; a version of the public site rarely has ten.
    const MOST: usize = 40;
    let line = |file: &File| {
        let variant = Variant::of(file);
        let properties: Vec<&str> = variant
            .pairs()
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        format!(
            "{} {} ({})",
            file.id,
            file.display_name(),
            properties.join(", ")
        )
    };
    let mut lines: Vec<String> = files.iter().take(MOST).map(line).collect();
    if files.len() > MOST {
        lines.push(format!("{} more", files.len() - MOST));
    }
    lines
}

/// What to ask the download route for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileRequest {
    /// The version, which the route's path names.
    pub version: VersionId,
    /// The exact file. With it the server looks at nothing else.
    pub file: Option<FileId>,
    /// Properties for the server to choose by where no file is named.
    pub variant: Variant,
}

impl FileRequest {
    /// Returns how to ask for a listed file: by its id, except for the file of a linked VAE, whose id belongs to another
    /// version and which the server finds by its role.
    ///
    /// The address that the API lists beside the file is not used: its host may be wrong and its properties may lead to
    /// another file or to none.
    pub fn new(version: &Version, file: &File) -> Self {
        let is_linked = version.vae_id.is_some() && file.kind == Some(FileType::Vae);
        if is_linked {
            return Self {
                version: version.id,
                file: None,
                variant: listed_variant(file),
            };
        }
        Self {
            version: version.id,
            file: Some(file.id),
            variant: Variant::default(),
        }
    }

    /// Returns another way to ask for the same file, worth one try where the first is not found.
    ///
    /// Only listings tell that a component is linked, so one found elsewhere is first asked for by id and then by role.
    pub fn alternative(&self, file: &File) -> Option<Self> {
        match (self.file, &file.kind) {
            (None, _) => Some(Self {
                version: self.version,
                file: Some(file.id),
                variant: Variant::default(),
            }),
            (
                Some(_),
                Some(
                    FileType::Vae
                    | FileType::TextEncoder
                    | FileType::ClipVision
                    | FileType::ControlNet,
                ),
            ) => Some(Self {
                version: self.version,
                file: None,
                variant: listed_variant(file),
            }),
            _ => None,
        }
    }

    /// Returns the address on a site, whose path may have a prefix.
    pub fn url(&self, origin: &Url) -> Url {
        let mut url = origin.clone();
        url.set_fragment(None);
        url.set_path(&format!(
            "{}/api/download/models/{}",
            origin.path().trim_end_matches('/'),
            self.version
        ));
        let file = self.file.map(|file| file.to_string());
        let pairs: Vec<(&str, &str)> = match &file {
            Some(file) => vec![("fileId", file)],
            None => self.variant.pairs(),
        };
        if pairs.is_empty() {
            url.set_query(None);
        } else {
            // Spaces as %20, as the site itself writes them.
            let encode = |text| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
            };
            let query: Vec<String> = pairs
                .iter()
                .map(|(name, value)| format!("{name}={}", encode(value)))
                .collect();
            url.set_query(Some(&query.join("&")));
        }
        url
    }
}

/// Returns the properties in the address that the API lists beside a file, or else its role.
fn listed_variant(file: &File) -> Variant {
    let listed = file
        .download_url
        .as_deref()
        .and_then(|url| Url::parse(url).ok())
        .map(|url| {
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            Variant::from_pairs(
                pairs
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            )
        });
    listed
        .filter(|variant| variant.kind.is_some())
        .unwrap_or_else(|| Variant {
            kind: file.kind.clone(),
            ..Variant::default()
        })
}
