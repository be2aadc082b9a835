use jiff::Timestamp;

use super::{Version, file::epoch};

/// A model: what versions belong to, and what may be done with them.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the site keeps independent flags"
)]
pub struct Model {
    /// Model id.
    pub id: u32,
    /// Title as typed.
    pub name: String,
    /// HTML.
    pub description: Option<String>,
    /// `type` of the API. Free text, so that tests can add a type the site has not invented yet.
    pub kind: String,
    /// Only published models are listed.
    pub status: Status,
    /// Archived, taken down, or neither.
    pub mode: Option<Mode>,
    /// Who can find it.
    pub availability: Availability,
    /// The creator's own flag, independent of [`Model::nsfw_level`].
    pub nsfw: bool,
    /// Levels present in its pictures, as a mask. Zero is unscanned and never listed.
    pub nsfw_level: u32,
    /// Depicts a real person.
    pub poi: bool,
    /// Depicts minors.
    pub minor: bool,
    /// May be used for safe pictures only.
    pub sfw_only: bool,
    /// Use without credit.
    pub allow_no_credit: bool,
    /// Commercial permissions: `Image`, `RentCivit`, `Rent`, `Sell`.
    pub allow_commercial_use: Vec<String>,
    /// Merges and fine-tunes.
    pub allow_derivatives: bool,
    /// Other permissions on derivatives.
    pub allow_different_license: bool,
    /// `Trained` or `Merge`, for checkpoints.
    pub checkpoint_type: Option<String>,
    /// Made with the site's own trainer.
    pub from_platform: bool,
    /// Owner. A user that does not exist, and the house account, make `creator` absent.
    pub user_id: u32,
    /// Names.
    pub tags: Vec<String>,
    /// Counters.
    pub stats: ModelStats,
    /// When first published.
    pub published_at: Option<Timestamp>,
    /// Date of the newest version: what `Newest`, `Oldest` and `period` look at.
    pub last_version_at: Timestamp,
    /// In the creator's order: the first is the default one, not the newest.
    pub versions: Vec<Version>,
}

impl Model {
    /// A published, public, safe model of user 1 without a version.
    pub fn new(id: u32, name: &str, kind: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            description: None,
            kind: kind.to_owned(),
            status: Status::Published,
            mode: None,
            availability: Availability::Public,
            nsfw: false,
            nsfw_level: 1,
            poi: false,
            minor: false,
            sfw_only: false,
            allow_no_credit: true,
            allow_commercial_use: vec!["Image".to_owned(), "RentCivit".to_owned()],
            allow_derivatives: true,
            allow_different_license: true,
            checkpoint_type: (kind == "Checkpoint").then(|| "Trained".to_owned()),
            from_platform: false,
            user_id: 1,
            tags: Vec::new(),
            stats: ModelStats::default(),
            published_at: Some(epoch()),
            last_version_at: epoch(),
            versions: Vec::new(),
        }
    }

    /// Appends a version and gives it the next place in the creator's order.
    #[must_use]
    pub fn with_version(mut self, version: Version) -> Self {
        let index = i32::try_from(self.versions.len()).unwrap_or(i32::MAX);
        self.versions.push(Version {
            index: version.index.or(Some(index)),
            ..version
        });
        self
    }

    /// Sets the owner.
    #[must_use]
    pub fn with_user(mut self, user_id: u32) -> Self {
        self.user_id = user_id;
        self
    }

    /// Sets the level mask of the model and of every version it has so far.
    #[must_use]
    pub fn with_level(mut self, mask: u32) -> Self {
        self.nsfw_level = mask;
        for version in &mut self.versions {
            version.nsfw_level = mask;
        }
        self
    }

    /// Adds tags.
    #[must_use]
    pub fn with_tags(mut self, tags: &[&str]) -> Self {
        self.tags.extend(tags.iter().map(|&tag| tag.to_owned()));
        self
    }

    /// Sets when the newest version appeared.
    #[must_use]
    pub fn with_date(mut self, last_version_at: Timestamp) -> Self {
        self.last_version_at = last_version_at;
        self
    }

    /// Whether the site's generator can run any of its versions.
    pub fn covered(&self) -> bool {
        self.versions.iter().any(|version| version.covered)
    }

    /// Whether this may be named to a caller who is not the owner.
    pub(crate) fn is_public(&self) -> bool {
        self.status == Status::Published && self.availability != Availability::Private
    }
}

/// Where a model or version stands between draft and grave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the site's own names say all there is")]
pub enum Status {
    Draft,
    Training,
    #[default]
    Published,
    Scheduled,
    Unpublished,
    UnpublishedViolation,
    GatherInterest,
    Deleted,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "Draft",
            Self::Training => "Training",
            Self::Published => "Published",
            Self::Scheduled => "Scheduled",
            Self::Unpublished => "Unpublished",
            Self::UnpublishedViolation => "UnpublishedViolation",
            Self::GatherInterest => "GatherInterest",
            Self::Deleted => "Deleted",
        }
    }
}

/// What remains visible of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Its files are gone, its page is not.
    Archived,
    /// Its pictures are gone.
    TakenDown,
}

impl Mode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Archived => "Archived",
            Self::TakenDown => "TakenDown",
        }
    }
}

/// Who can find a model or version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Availability {
    /// Everybody.
    #[default]
    Public,
    /// Whoever knows the id.
    Unsearchable,
    /// The owner and whoever was let in.
    Private,
    /// The old marker of a paid version; today see [`super::PaidAccess`].
    EarlyAccess,
}

impl Availability {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Public => "Public",
            Self::Unsearchable => "Unsearchable",
            Self::Private => "Private",
            Self::EarlyAccess => "EarlyAccess",
        }
    }
}

/// Counters of a model.
#[derive(Debug, Clone, Default)]
pub struct ModelStats {
    /// `null` in answers while [`ModelStats::hidden`].
    pub downloads: u32,
    /// What `Highest Rated` sorts by.
    pub thumbs_up: u32,
    /// Never sorted by.
    pub thumbs_down: u32,
    /// What `Most Discussed` sorts by.
    pub comments: u32,
    /// What `Most Collected` sorts by; never shown.
    pub collected: u32,
    /// What `Most Images` sorts by; never shown.
    pub images: u32,
    /// `null` in answers while [`ModelStats::hidden`].
    pub tipped: u32,
    /// The creator does not show how often it was downloaded or tipped.
    pub hidden: bool,
}
