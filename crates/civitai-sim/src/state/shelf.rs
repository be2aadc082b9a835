use jiff::Timestamp;

use super::file::epoch;
use crate::content::Content;

/// A public list of models, pictures, posts or articles. The site tells what is in it to nobody.
#[derive(Debug, Clone)]
pub struct Collection {
    /// Collection id.
    pub id: u32,
    /// As typed.
    pub name: String,
    /// As typed.
    pub description: Option<String>,
    /// `Model`, `Article`, `Post`, `Image`, `Model3D`, or undecided.
    pub kind: Option<String>,
    /// Levels of its contents, as a mask.
    pub nsfw_level: u32,
    /// Who may look.
    pub read: CollectionRead,
    /// Number of things in it.
    pub items: u32,
    /// Number of followers: what `Most Followers` sorts by.
    pub followers: u32,
    /// Owner.
    pub user_id: u32,
    /// Tag ids with names.
    pub tags: Vec<(u32, String)>,
}

impl Collection {
    /// A public collection of models, of user 1, with nothing in it.
    pub fn new(id: u32, name: &str) -> Self {
        Self {
            id,
            name: name.to_owned(),
            description: None,
            kind: Some("Model".to_owned()),
            nsfw_level: 1,
            read: CollectionRead::Public,
            items: 0,
            followers: 0,
            user_id: 1,
            tags: Vec::new(),
        }
    }
}

/// Who may look at a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionRead {
    /// Nobody else.
    Private,
    /// Everybody; listed.
    Public,
    /// Whoever knows the id.
    Unlisted,
}

impl CollectionRead {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Private => "Private",
            Self::Public => "Public",
            Self::Unlisted => "Unlisted",
        }
    }
}

/// A text with pictures.
#[derive(Debug, Clone)]
pub struct Article {
    /// Article id.
    pub id: u32,
    /// As typed.
    pub title: String,
    /// When it went public; `None` keeps it out of every answer.
    pub published_at: Option<Timestamp>,
    /// Levels of its pictures, as a mask.
    pub nsfw_level: u32,
    /// Author.
    pub user_id: u32,
    /// Tag ids with names.
    pub tags: Vec<(u32, String)>,
    /// Bookmarks, and what every other counter is made from.
    pub favorites: u32,
}

impl Article {
    /// A published, safe article of user 1.
    pub fn new(id: u32, title: &str) -> Self {
        Self {
            id,
            title: title.to_owned(),
            published_at: Some(epoch()),
            nsfw_level: 1,
            user_id: 1,
            tags: Vec::new(),
            favorites: 0,
        }
    }
}

/// A file that hangs on an article or a bounty.
#[derive(Debug, Clone)]
pub struct Attachment {
    /// Attachment id.
    pub id: u32,
    /// As uploaded.
    pub name: String,
    /// What the bytes are.
    pub content: Content,
    /// The one account that may have it, as with the entry to a bounty that nobody has won yet; `None` is every account.
    pub only_for: Option<u32>,
}

/// A tag that the site lists.
#[derive(Debug, Clone)]
pub struct Tag {
    /// Tag id: what `/images?tags=` and `/articles?tags=` want.
    pub id: u32,
    /// What `/models?tag=` wants.
    pub name: String,
    /// Shown without a `query`.
    pub featured: bool,
}

/// The private store of a paying member.
#[derive(Debug, Clone)]
pub struct Vault {
    /// Room, in KiB.
    pub storage_kb: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What is in it.
    pub items: Vec<VaultItem>,
}

/// A version kept in a vault. It outlives the model it came from, so it repeats what it needs.
#[derive(Debug, Clone)]
pub struct VaultItem {
    /// Item id.
    pub id: u32,
    /// The version kept.
    pub version_id: u32,
    /// Its model.
    pub model_id: u32,
    /// Name at the time it was added.
    pub model_name: String,
    /// Name at the time it was added.
    pub version_name: String,
    /// `None` when the account is gone.
    pub creator_id: Option<u32>,
    /// Name at the time it was added.
    pub creator_name: String,
    /// Model type.
    pub kind: String,
    /// Base model.
    pub base_model: String,
    /// The model's category tag.
    pub category: String,
    /// `Pending`, `Stored` or `Failed`.
    pub status: String,
    /// When the version was made.
    pub created_at: Timestamp,
    /// When it went into the vault.
    pub added_at: Timestamp,
    /// The member's own words.
    pub notes: Option<String>,
    /// File ids, names shown, and sizes in KiB.
    pub files: Vec<(u32, String, f64)>,
}
