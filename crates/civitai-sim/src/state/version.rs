use jiff::Timestamp;

use super::file::epoch;
use super::{Availability, File, Image, Status};

/// One release of a model, with its files and its showcase.
#[derive(Debug, Clone)]
pub struct Version {
    /// Version id.
    pub id: u32,
    /// Place in the creator's order.
    pub index: Option<i32>,
    /// As typed.
    pub name: String,
    /// HTML.
    pub description: Option<String>,
    /// Only published versions are shown.
    pub status: Status,
    /// Free text, so that tests can add one the site has not invented yet.
    pub base_model: String,
    /// `Standard`, `Inpainting`, `Refiner`, `Pix2Pix`.
    pub base_model_type: Option<String>,
    /// Who can find it.
    pub availability: Availability,
    /// What may be done with it at all.
    pub usage_control: UsageControl,
    /// Downloads need a session even where the site does not ask for one.
    pub require_auth: bool,
    /// The gate, open or shut; a past `ends_at` makes it vanish from answers.
    pub paid_access: Option<PaidAccess>,
    /// Levels present in its pictures, as a mask. Zero is unscanned.
    pub nsfw_level: u32,
    /// As typed, commas and all.
    pub trained_words: Vec<String>,
    /// When the draft was made.
    pub created_at: Timestamp,
    /// Last edit.
    pub updated_at: Timestamp,
    /// When it went public.
    pub published_at: Option<Timestamp>,
    /// The site's generator can run it.
    pub covered: bool,
    /// Bits without documented meaning.
    pub flags: u32,
    /// A version whose model file is offered along with this one's as its VAE.
    pub linked_vae: Option<u32>,
    /// `Created` or `Trained`.
    pub upload_type: String,
    /// Counters.
    pub stats: VersionStats,
    /// In database order, hidden and replaced ones included.
    pub files: Vec<File>,
    /// The showcase.
    pub images: Vec<Image>,
}

impl Version {
    /// A published, safe, downloadable SDXL version without a file.
    pub fn new(id: u32, name: &str) -> Self {
        Self {
            id,
            index: None,
            name: name.to_owned(),
            description: None,
            status: Status::Published,
            base_model: "SDXL 1.0".to_owned(),
            base_model_type: Some("Standard".to_owned()),
            availability: Availability::Public,
            usage_control: UsageControl::Download,
            require_auth: false,
            paid_access: None,
            nsfw_level: 1,
            trained_words: Vec::new(),
            created_at: epoch(),
            updated_at: epoch(),
            published_at: Some(epoch()),
            covered: true,
            flags: 0,
            linked_vae: None,
            upload_type: "Created".to_owned(),
            stats: VersionStats::default(),
            files: Vec::new(),
            images: Vec::new(),
        }
    }

    /// Appends a file.
    #[must_use]
    pub fn with_file(mut self, file: File) -> Self {
        self.files.push(file);
        self
    }

    /// Appends a picture to the showcase.
    #[must_use]
    pub fn with_image(mut self, image: Image) -> Self {
        self.images.push(image);
        self
    }

    /// Sets the base model.
    #[must_use]
    pub fn with_base_model(mut self, name: &str) -> Self {
        name.clone_into(&mut self.base_model);
        self
    }

    /// Sets what may be done with it.
    #[must_use]
    pub fn with_usage_control(mut self, usage_control: UsageControl) -> Self {
        self.usage_control = usage_control;
        self
    }

    /// Puts a gate before it.
    #[must_use]
    pub fn with_paid_access(mut self, gate: PaidAccess) -> Self {
        self.paid_access = Some(gate);
        self
    }

    /// Sets the trained words.
    #[must_use]
    pub fn with_trained_words(mut self, words: &[&str]) -> Self {
        self.trained_words = words.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Sets when it was made and went public.
    #[must_use]
    pub fn with_date(mut self, published_at: Timestamp) -> Self {
        self.created_at = published_at;
        self.updated_at = published_at;
        self.published_at = Some(published_at);
        self
    }

    /// The gate, if it is shut at this moment.
    pub fn gate(&self, now: Timestamp) -> Option<&PaidAccess> {
        self.paid_access.as_ref().filter(|gate| gate.is_shut(now))
    }
}

/// A gate that only buyers pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaidAccess {
    /// When it opens for everybody; `None` is never.
    pub ends_at: Option<Timestamp>,
}

impl PaidAccess {
    /// A gate that opens at a moment.
    pub fn until(ends_at: Timestamp) -> Self {
        Self {
            ends_at: Some(ends_at),
        }
    }

    /// A gate that never opens.
    pub fn permanent() -> Self {
        Self { ends_at: None }
    }

    /// Whether the gate has no end.
    pub fn is_permanent(&self) -> bool {
        self.ends_at.is_none()
    }

    /// Whether the gate keeps non-buyers out at this moment.
    pub fn is_shut(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|ends_at| ends_at > now)
    }
}

/// What may be done with a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    missing_docs,
    reason = "the site's own names; only the first can be downloaded"
)]
pub enum UsageControl {
    #[default]
    Download,
    Generation,
    InternalGeneration,
    ExternalGeneration,
}

impl UsageControl {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Download => "Download",
            Self::Generation => "Generation",
            Self::InternalGeneration => "InternalGeneration",
            Self::ExternalGeneration => "ExternalGeneration",
        }
    }
}

/// Counters of a version.
#[derive(Debug, Clone, Default)]
pub struct VersionStats {
    /// `null` in answers where the model hides its counters.
    pub downloads: u32,
    /// Likes.
    pub thumbs_up: u32,
    /// Dislikes.
    pub thumbs_down: u32,
}
