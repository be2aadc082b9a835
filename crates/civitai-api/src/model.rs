//! Models: what a creator published under one title, with its versions.

use serde_json::Value;

use crate::creator::Creator;
use crate::id::{ModelId, UserId};
use crate::nsfw::NsfwLevel;
use crate::open_enum::open_enum;
use crate::version::Version;
use crate::wire::{Field, Wire, wire};

open_enum! {
    /// What a model is, which also decides where it belongs on disk.
    pub enum ModelType {
        Checkpoint = "Checkpoint",
        TextualInversion = "TextualInversion",
        Hypernetwork = "Hypernetwork",
        AestheticGradient = "AestheticGradient",
        Lora = "LORA",
        LoCon = "LoCon",
        DoRa = "DoRA",
        Controlnet = "Controlnet",
        Upscaler = "Upscaler",
        MotionModule = "MotionModule",
        Vae = "VAE",
        TextEncoder = "TextEncoder",
        UNet = "UNet",
        ClipVision = "CLIPVision",
        Poses = "Poses",
        Wildcards = "Wildcards",
        Workflows = "Workflows",
        ComfyWorkflows = "ComfyWorkflows",
        Detection = "Detection",
        VisionLanguage = "VisionLanguage",
        Clip = "CLIP",
        Llm = "LLM",
        Miscellaneous = "Other",
    }
}

open_enum! {
    /// Where a model or version stands on its way to the public.
    pub enum ModelStatus {
        Draft = "Draft",
        Training = "Training",
        Published = "Published",
        Scheduled = "Scheduled",
        Unpublished = "Unpublished",
        UnpublishedViolation = "UnpublishedViolation",
        GatherInterest = "GatherInterest",
        Deleted = "Deleted",
    }
}

open_enum! {
    /// A restriction put on a whole model; normal models have none.
    pub enum ModelMode {
        Archived = "Archived",
        TakenDown = "TakenDown",
    }
}

open_enum! {
    /// Who may see a model, version or picture.
    pub enum Availability {
        Public = "Public",
        Unsearchable = "Unsearchable",
        Private = "Private",
        EarlyAccess = "EarlyAccess",
    }
}

open_enum! {
    /// How a checkpoint came to be.
    pub enum CheckpointType {
        Trained = "Trained",
        Merge = "Merge",
    }
}

open_enum! {
    /// A commercial use that a creator permits.
    pub enum CommercialUse {
        None = "None",
        Image = "Image",
        RentCivit = "RentCivit",
        Rent = "Rent",
        Sell = "Sell",
    }
}

/// The commercial uses that a creator permits.
///
/// The API has written this as a list, as a Postgres array literal (`{Image,Rent}`) and as a single word; all three are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommercialUses(Vec<CommercialUse>);

impl CommercialUses {
    /// Says whether `wanted` is permitted.
    ///
    /// A stored `Sell` does not imply the other uses: the site lists each one that is granted.
    pub fn permits(&self, wanted: &CommercialUse) -> bool {
        self.0.contains(wanted)
    }

    /// Returns the uses in the order received, without `None`.
    pub fn iter(&self) -> impl Iterator<Item = &CommercialUse> {
        self.0
            .iter()
            .filter(|granted| **granted != CommercialUse::None)
    }

    fn from_literal(text: &str) -> Self {
        let inner = text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .unwrap_or(text);
        let words = inner
            .split(',')
            .map(|word| word.trim().trim_matches('"'))
            .filter(|word| !word.is_empty());
        Self(words.map(CommercialUse::from).collect())
    }
}

impl Wire for CommercialUses {
    fn read(value: Value) -> (Option<Self>, Option<Value>) {
        match value {
            Value::String(text) => (Some(Self::from_literal(&text)), Some(Value::String(text))),
            Value::Array(_) => {
                let (uses, remainder) = <Vec<CommercialUse> as Field>::read(value);
                (Some(Self(uses.unwrap_or_default())), remainder)
            }
            other => (None, Some(other)),
        }
    }

    fn write(&self) -> Value {
        Value::Array(self.0.iter().map(Wire::write).collect())
    }
}

wire! {
    /// A model, as listings and `/models/{id}` describe it.
    ///
    /// It carries no dates; the newest version's `published_at` tells when it last changed.
    pub struct Model {
        /// The model's id.
        pub id: ModelId => "id",
        /// The title; empty if the server left it out.
        pub name: String => "name",
        /// The creator's text, HTML; see  before showing it.
        pub description: Option<String> => "description",
        /// What the model is.
        pub kind: Option<ModelType> => "type",
        /// The creator's own "not safe for work" flag, independent of `nsfw_level`.
        pub nsfw: Option<bool> => "nsfw",
        /// The levels that occur in the model's pictures; absent before 2024.
        pub nsfw_level: Option<NsfwLevel> => "nsfwLevel",
        /// Whether it depicts a real person.
        pub poi: Option<bool> => "poi",
        /// Whether it was flagged as depicting minors; such models vanish from listings with mature content.
        pub minor: Option<bool> => "minor",
        /// Whether it may be used for safe content only; absent before 2025.
        pub sfw_only: Option<bool> => "sfwOnly",
        /// Who may see it; absent before 2024.
        pub availability: Option<Availability> => "availability",
        /// Whether it may be used without naming the creator.
        pub allow_no_credit: Option<bool> => "allowNoCredit",
        /// The permitted commercial uses.
        pub allow_commercial_use: Option<CommercialUses> => "allowCommercialUse",
        /// Whether merges and other derivatives may be shared.
        pub allow_derivatives: Option<bool> => "allowDerivatives",
        /// Whether derivatives may carry other permissions.
        pub allow_different_license: Option<bool> => "allowDifferentLicense",
        /// A restriction; absent for normal models.
        pub mode: Option<ModelMode> => "mode",
        /// The creator's id; absent before 2025.
        pub user_id: Option<UserId> => "userId",
        /// The base models of the visible versions; empty before 2026.
        pub base_models: Vec<String> => "baseModels",
        /// Whether any version runs on the site's own generator.
        pub supports_generation: Option<bool> => "supportsGeneration",
        /// Counters.
        pub stats: Option<Stats> => "stats",
        /// The creator; absent for the house account.
        pub creator: Option<Creator> => "creator",
        /// Tag names; the site's categories are among them.
        pub tags: Vec<String> => "tags",
        /// The published versions in the creator's order: the first is the default one, not always the newest.
        pub versions: Vec<Version> => "modelVersions",
    }
}

impl Model {
    /// Returns the version the site shows first, which a link without a version means.
    pub fn default_version(&self) -> Option<&Version> {
        self.versions.first()
    }

    /// Returns the version published last; versions without a date count as older than any.
    pub fn newest_version(&self) -> Option<&Version> {
        self.versions
            .iter()
            .max_by_key(|version| (version.published_at, version.id))
    }

    /// Returns the version that replaces an installed one: the newest of those for the same base model that were published
    /// later. The creator's order does not count.
    pub fn update_for(&self, installed: &Version) -> Option<&Version> {
        let since = installed.published_at?;
        let is_newer = |version: &&Version| {
            version.base_model == installed.base_model
                && version
                    .published_at
                    .is_some_and(|published| published > since)
        };
        self.versions
            .iter()
            .filter(is_newer)
            .max_by_key(|version| (version.published_at, version.id))
    }

    /// Says whether its files were withdrawn from download for good.
    pub fn is_archived(&self) -> bool {
        self.mode == Some(ModelMode::Archived)
    }
}

wire! {
    /// Counters of a model, version or picture. Each is absent where it does not apply or its owner hides it.
    pub struct Stats {
        /// Downloads; absent when the creator hides them.
        pub download_count: Option<u64> => "downloadCount",
        /// Thumbs up.
        pub thumbs_up_count: Option<u64> => "thumbsUpCount",
        /// Thumbs down.
        pub thumbs_down_count: Option<u64> => "thumbsDownCount",
        /// Comments.
        pub comment_count: Option<u64> => "commentCount",
        /// Tips in Buzz; absent when the creator hides them.
        pub tipped_amount_count: Option<u64> => "tippedAmountCount",
        /// Favourites; in bodies from before 2024.
        pub favorite_count: Option<u64> => "favoriteCount",
        /// Ratings; in bodies from before 2024.
        pub rating_count: Option<u64> => "ratingCount",
        /// Mean rating from 0 to 5; in bodies from before 2024.
        pub rating: Option<f64> => "rating",
        /// "Like" reactions; pictures and articles.
        pub like_count: Option<u64> => "likeCount",
        /// "Heart" reactions; pictures and articles.
        pub heart_count: Option<u64> => "heartCount",
        /// "Laugh" reactions; pictures.
        pub laugh_count: Option<u64> => "laughCount",
        /// "Cry" reactions; pictures.
        pub cry_count: Option<u64> => "cryCount",
        /// "Dislike" reactions; pictures.
        pub dislike_count: Option<u64> => "dislikeCount",
        /// Collections that hold it; articles.
        pub collected_count: Option<u64> => "collectedCount",
        /// Views; articles.
        pub view_count: Option<u64> => "viewCount",
    }
}
