//! Articles.

use crate::creator::User;
use crate::id::ArticleId;
use crate::image::Image;
use crate::model::{Availability, Stats};
use crate::nsfw::NsfwLevel;
use crate::open_enum::open_enum;
use crate::tag::Tag;
use crate::time::Timestamp;
use crate::wire::wire;

open_enum! {
    /// Where an article stands on its way to the public.
    pub enum ArticleStatus {
        Draft = "Draft",
        Published = "Published",
        Unpublished = "Unpublished",
        UnpublishedViolation = "UnpublishedViolation",
        Processing = "Processing",
    }
}

wire! {
    /// An article.
    pub struct Article {
        /// Its id.
        pub id: ArticleId => "id",
        /// Its title.
        pub title: String => "title",
        /// Its text, HTML; only in its own description.
        pub content: Option<String> => "content",
        /// When it was published; absent for drafts.
        pub published_at: Option<Timestamp> => "publishedAt",
        /// When it was begun.
        pub created_at: Option<Timestamp> => "createdAt",
        /// When it last changed.
        pub updated_at: Option<Timestamp> => "updatedAt",
        /// The levels that occur in it.
        pub nsfw_level: Option<NsfwLevel> => "nsfwLevel",
        /// Who may see it.
        pub availability: Option<Availability> => "availability",
        /// Where it stands.
        pub status: Option<ArticleStatus> => "status",
        /// Counters.
        pub stats: Option<Stats> => "stats",
        /// Its author.
        pub user: Option<User> => "user",
        /// Its tags.
        pub tags: Vec<Tag> => "tags",
        /// Its cover picture.
        pub cover_image: Option<Image> => "coverImage",
    }
}
