//! Versions of a model.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::base_model::BaseModel;
use crate::creator::Creator;
use crate::file::{File, FileFormat, FileType, Hashes};
use crate::id::{ModelId, UserId, VersionId};
use crate::image::Image;
use crate::model::{Availability, ModelMode, ModelStatus, ModelType, Stats};
use crate::nsfw::NsfwLevel;
use crate::open_enum::open_enum;
use crate::time::Timestamp;
use crate::wire::wire;

open_enum! {
    /// What a base model was prepared for.
    pub enum BaseModelType {
        Standard = "Standard",
        Inpainting = "Inpainting",
        Refiner = "Refiner",
        Pix2Pix = "Pix2Pix",
    }
}

open_enum! {
    /// What a creator lets others do with a version; only `Download` can be downloaded.
    pub enum UsageControl {
        Download = "Download",
        Generation = "Generation",
        InternalGeneration = "InternalGeneration",
        ExternalGeneration = "ExternalGeneration",
    }
}

open_enum! {
    /// Whether a version was made elsewhere or trained on the site.
    pub enum UploadType {
        Created = "Created",
        Trained = "Trained",
    }
}

open_enum! {
    /// How far training on the site has come.
    pub enum TrainingStatus {
        Pending = "Pending",
        Submitted = "Submitted",
        Paused = "Paused",
        Denied = "Denied",
        Processing = "Processing",
        InReview = "InReview",
        Failed = "Failed",
        Approved = "Approved",
        Expired = "Expired",
    }
}

wire! {
    /// A version of a model, as any endpoint describes it.
    ///
    /// Endpoints differ in what they tell: `model_id`, `usage_control` and `air` come only from `/model-versions`,
    /// `index` only from `/models`. Merge readings with [`crate::wire::Wire::absorb`].
    pub struct Version {
        /// The version's id, by which downloads are asked for.
        pub id: VersionId => "id",
        /// The model it belongs to; absent inside a model.
        pub model_id: Option<ModelId> => "modelId",
        /// The creator's name for it; empty if the server left it out.
        pub name: String => "name",
        /// The creator's rank for it, 0 first; absent outside models.
        pub index: Option<i64> => "index",
        /// Absent in listings, where everything is published.
        pub status: Option<ModelStatus> => "status",
        /// The model it runs on; names change weekly.
        pub base_model: Option<BaseModel> => "baseModel",
        /// What the base model was prepared for.
        pub base_model_type: Option<BaseModelType> => "baseModelType",
        /// When it was created; absent in listings.
        pub created_at: Option<Timestamp> => "createdAt",
        /// When it last changed; absent in listings.
        pub updated_at: Option<Timestamp> => "updatedAt",
        /// When it was published; the only date that listings have.
        pub published_at: Option<Timestamp> => "publishedAt",
        /// Who may see it; absent from `/model-versions`.
        pub availability: Option<Availability> => "availability",
        /// The levels that occur in its pictures.
        pub nsfw_level: Option<NsfwLevel> => "nsfwLevel",
        /// The creator's notes, HTML; see .
        pub description: Option<String> => "description",
        /// Words that call the trained idea, as typed by the creator; see [`crate::words::clean`].
        pub trained_words: Vec<String> => "trainedWords",
        /// The version whose VAE goes with it; its file is listed here too, under its own id. Absent outside listings.
        pub vae_id: Option<VersionId> => "vaeId",
        /// When a timed gate ends; absent without one, and outside listings.
        pub early_access_deadline: Option<Timestamp> => "earlyAccessDeadline",
        /// The gate that is active now, if any.
        pub paid_access: Option<PaidAccess> => "paidAccess",
        /// What others may do with it; absent in listings.
        pub usage_control: Option<UsageControl> => "usageControl",
        /// How it was made; absent in listings.
        pub upload_type: Option<UploadType> => "uploadType",
        /// How far training came; absent for versions made elsewhere.
        pub training_status: Option<TrainingStatus> => "trainingStatus",
        /// The version's resource name; absent in listings.
        pub air: Option<String> => "air",
        /// Whether it runs on the site's generator; in listings.
        pub supports_generation: Option<bool> => "supportsGeneration",
        /// The same, as `/models/{id}` calls it.
        pub covered: Option<bool> => "covered",
        /// Counters.
        pub stats: Option<Stats> => "stats",
        /// A summary of its model; absent inside a model.
        pub model: Option<VersionModel> => "model",
        /// The creator; only in bodies relayed by other tools.
        pub creator: Option<Creator> => "creator",
        /// The downloadable files; may be empty, and none need be primary.
        pub files: Vec<File> => "files",
        /// Sample pictures, at most 20.
        pub images: Vec<Image> => "images",
        /// Where the server says the default file is. Its host is unreliable; use [`crate::select`].
        pub download_url: Option<String> => "downloadUrl",
    }
}

impl Version {
    /// Returns the model's id from whichever field tells it.
    pub fn owner(&self) -> Option<ModelId> {
        self.model_id
            .or_else(|| self.model.as_ref().and_then(|model| model.id))
    }

    /// Says whether downloads are switched off for everyone; `None` where the endpoint does not tell.
    pub fn is_download_disabled(&self) -> Option<bool> {
        self.usage_control
            .as_ref()
            .map(|control| *control != UsageControl::Download)
    }

    /// Returns the gate that keeps it from being downloaded without buying, as far as this reading tells.
    pub fn gate(&self) -> Option<Gate> {
        if let Some(paid) = &self.paid_access {
            return Some(match paid.ends_at {
                Some(ends_at) if paid.permanent != Some(true) => Gate::Until(ends_at),
                _ => Gate::Permanent,
            });
        }
        if let Some(ends_at) = self.early_access_deadline {
            return Some(Gate::Until(ends_at));
        }
        (self.availability == Some(Availability::EarlyAccess)).then_some(Gate::Unknown)
    }

    /// Says whether the site has not looked at it yet: no hash known for any file.
    pub fn is_unscanned(&self) -> bool {
        !self.files.is_empty()
            && self
                .files
                .iter()
                .all(|file| file.hashes.as_ref().is_none_or(Hashes::is_empty))
    }
}

/// Why and until when a version must be bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gate {
    /// Free for everyone from this moment on.
    Until(Timestamp),
    /// Never free.
    Permanent,
    /// Gated by the old flag, which names no end.
    Unknown,
}

wire! {
    /// An active gate in front of a version.
    pub struct PaidAccess {
        /// Whether the gate never ends.
        pub permanent: Option<bool> => "permanent",
        /// When it ends; absent for permanent gates.
        pub ends_at: Option<Timestamp> => "endsAt",
    }
}

wire! {
    /// What a version says of its model.
    pub struct VersionModel {
        /// Absent from `/model-versions`, which has `modelId` beside it instead.
        pub id: Option<ModelId> => "id",
        /// The model's title.
        pub name: String => "name",
        /// What the model is.
        pub kind: Option<ModelType> => "type",
        /// The creator's own flag.
        pub nsfw: Option<bool> => "nsfw",
        /// Whether it depicts a real person.
        pub poi: Option<bool> => "poi",
        /// A restriction; absent for normal models.
        pub mode: Option<ModelMode> => "mode",
        /// The model's text, HTML; only in bodies relayed by other tools.
        pub description: Option<String> => "description",
        /// Tag names; only in bodies relayed by other tools.
        pub tags: Vec<String> => "tags",
    }
}

wire! {
    /// One row of a bulk lookup by SHA-256.
    pub struct HashMatch {
        /// The version that holds the file.
        pub version_id: VersionId => "modelVersionId",
        /// Its model; absent before 2025.
        pub model_id: Option<ModelId> => "modelId",
        /// The SHA-256 that matched, upper case.
        pub hash: String => "hash",
    }
}

impl HashMatch {
    /// Returns every version among `matches` that holds a file with this SHA-256, each once, in the order received.
    ///
    /// The same file is often published several times; a lookup of a single hash shows only the oldest place.
    pub fn candidates<'m>(matches: &'m [Self], sha256: &str) -> Vec<&'m Self> {
        let mut seen = HashSet::new();
        let same = matches
            .iter()
            .filter(|found| found.hash.eq_ignore_ascii_case(sha256));
        same.filter(|found| seen.insert(found.version_id)).collect()
    }
}

wire! {
    /// What the generator needs to know of a version; `/model-versions/mini/{id}`.
    pub struct MiniVersion {
        /// The resource name, with the file id if one was asked for.
        pub air: String => "air",
        /// The version's name.
        pub version_name: String => "versionName",
        /// The model's title.
        pub model_name: String => "modelName",
        /// The creator.
        pub user_id: Option<UserId> => "userId",
        /// The model it runs on.
        pub base_model: Option<BaseModel> => "baseModel",
        /// Who may see it.
        pub availability: Option<Availability> => "availability",
        /// When it was published; absent for drafts of one's own.
        pub published_at: Option<Timestamp> => "publishedAt",
        /// Size of the chosen file in KiB.
        pub size_kib: Option<f64> => "size",
        /// Role of the chosen file.
        pub file_type: Option<FileType> => "fileType",
        /// Stored name of the chosen file, not the name it downloads under.
        pub file_name: Option<String> => "fileName",
        /// Digests of the chosen file, which need not be a public one.
        pub hashes: Option<Hashes> => "hashes",
        /// Where it can be downloaded; one entry.
        pub download_urls: Vec<String> => "downloadUrls",
        /// Format of the chosen file.
        pub format: Option<FileFormat> => "format",
        /// Whether the site's generator runs it.
        pub can_generate: Option<bool> => "canGenerate",
        /// Whether the creator asks for a login; the site may ask for one anyway.
        pub require_auth: Option<bool> => "requireAuth",
        /// Whether access must be checked per user.
        pub check_permission: Option<bool> => "checkPermission",
        /// When a gate ends; absent without one.
        pub early_access_ends_at: Option<Timestamp> => "earlyAccessEndsAt",
        /// Whether the model was flagged as depicting minors.
        pub minor: Option<bool> => "minor",
        /// Whether it may be used for safe content only.
        pub sfw_only: Option<bool> => "sfwOnly",
        /// Fees of generating with it, as sent.
        pub fees: Vec<Map<String, Value>> => "fees",
    }
}
