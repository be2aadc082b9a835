use jiff::Timestamp;
use serde_json::Value;

use super::file::epoch;

/// A picture, video or sound.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the site keeps independent flags"
)]
pub struct Image {
    /// Picture id.
    pub id: u32,
    /// Name on the picture host.
    pub uuid: String,
    /// `image`, `video` or `audio`.
    pub kind: String,
    /// The post it came with.
    pub post_id: u32,
    /// Who posted it.
    pub user_id: u32,
    /// One level bit; zero is unscanned.
    pub level: u32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `BlurHash`.
    pub hash: Option<String>,
    /// When it was posted.
    pub created_at: Timestamp,
    /// How it was made, in whatever shape the uploader left.
    pub meta: Option<Value>,
    /// The owner does not show [`Image::meta`].
    pub hide_meta: bool,
    /// Depicts minors.
    pub minor: bool,
    /// Depicts a real person.
    pub poi: bool,
    /// Made with the site's generator.
    pub on_site: bool,
    /// The picture it was made from.
    pub remix_of: Option<u32>,
    /// Versions that made it; for a showcase picture its own version counts besides these.
    pub resources: Vec<u32>,
    /// Tag ids with names.
    pub tags: Vec<(u32, String)>,
    /// Reactions.
    pub stats: ImageStats,
}

impl Image {
    /// A safe picture of user 1, 832 by 1216, in a post of the same number.
    pub fn new(id: u32) -> Self {
        Self {
            id,
            uuid: format!("00000000-0000-4000-8000-{id:012}"),
            kind: "image".to_owned(),
            post_id: id,
            user_id: 1,
            level: 1,
            width: 832,
            height: 1216,
            hash: Some("UEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned()),
            created_at: epoch(),
            meta: None,
            hide_meta: false,
            minor: false,
            poi: false,
            on_site: false,
            remix_of: None,
            resources: Vec::new(),
            tags: Vec::new(),
            stats: ImageStats::default(),
        }
    }

    /// Sets the level bit.
    #[must_use]
    pub fn with_level(mut self, bit: u32) -> Self {
        self.level = bit;
        self
    }

    /// Sets how it was made.
    #[must_use]
    pub fn with_meta(mut self, meta: Value) -> Self {
        self.meta = Some(meta);
        self
    }

    /// Sets the versions that made it.
    #[must_use]
    pub fn with_resources(mut self, versions: &[u32]) -> Self {
        self.resources = versions.to_vec();
        self
    }

    /// What a viewer may know of how it was made.
    pub fn visible_meta(&self) -> Option<&Value> {
        self.meta.as_ref().filter(|_| !self.hide_meta)
    }
}

/// Reactions to a picture.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "one counter a reaction, named for it")]
pub struct ImageStats {
    pub cry: u32,
    pub laugh: u32,
    pub like: u32,
    pub dislike: u32,
    pub heart: u32,
    pub comments: u32,
    pub collected: u32,
}

impl ImageStats {
    /// What `Most Reactions` sorts by.
    pub fn reactions(&self) -> u32 {
        self.cry + self.laugh + self.like + self.heart
    }
}
