//! Pictures and videos, in listings and as samples of versions.

use serde_json::{Map, Value};

use crate::base_model::BaseModel;
use crate::id::{ImageId, PostId, VersionId};
use crate::meta::{GenerationMeta, unwrapped};
use crate::model::{Availability, Stats};
use crate::nsfw::NsfwLevel;
use crate::open_enum::open_enum;
use crate::tag::Tag;
use crate::time::Timestamp;
use crate::wire::wire;

open_enum! {
    /// What kind of medium it is.
    pub enum MediaType {
        Image = "image",
        Video = "video",
        Audio = "audio",
    }
}

wire! {
    /// A picture or video.
    pub struct Image by Image::number {
        /// Its id; absent in samples of `/models/{id}` and `/model-versions`, see [`Image::id_from_any`].
        pub id: Option<ImageId> => "id",
        /// Where it is shown; `original=true` in it means the stored upload, whatever the extension says.
        pub url: String => "url",
        /// `BlurHash` of the picture, not a digest of the file.
        pub blur_hash: Option<String> => "hash",
        /// Width in pixels.
        pub width: Option<u64> => "width",
        /// Height in pixels.
        pub height: Option<u64> => "height",
        /// What kind of medium it is; absent before 2024.
        pub kind: Option<MediaType> => "type",
        /// Whether it is above PG; in listings.
        pub nsfw: Option<bool> => "nsfw",
        /// Its level. Listings write a word here that does not tell X from XXX: use [`Image::level`].
        pub nsfw_level: Option<NsfwLevel> => "nsfwLevel",
        /// Its exact level; in listings.
        pub browsing_level: Option<NsfwLevel> => "browsingLevel",
        /// When it was published; in listings.
        pub created_at: Option<Timestamp> => "createdAt",
        /// The post it belongs to; in listings.
        pub post_id: Option<PostId> => "postId",
        /// Reactions; in listings.
        pub stats: Option<Stats> => "stats",
        /// How it was made: flat, or wrapped as `{id, meta}`; absent when hidden or not asked for. See [`Image::generation`].
        pub meta: Option<Map<String, Value>> => "meta",
        /// What is known of the file itself; in samples of `/model-versions`.
        pub metadata: Option<Map<String, Value>> => "metadata",
        /// Who published it; absent in samples and for deleted users.
        pub username: Option<String> => "username",
        /// The model it was made with; in listings.
        pub base_model: Option<BaseModel> => "baseModel",
        /// The versions it was made with, as the server worked them out; in listings.
        pub version_ids: Vec<VersionId> => "modelVersionIds",
        /// Tags; only when asked for.
        pub tags: Vec<Tag> => "tags",
        /// Who may see it.
        pub availability: Option<Availability> => "availability",
        /// Whether it was flagged as depicting minors.
        pub minor: Option<bool> => "minor",
        /// Whether it depicts a real person.
        pub poi: Option<bool> => "poi",
        /// Whether `meta` would have content if asked for.
        pub has_meta: Option<bool> => "hasMeta",
        /// Whether `meta` would have a prompt.
        pub has_positive_prompt: Option<bool> => "hasPositivePrompt",
        /// Whether it was made on the site.
        pub on_site: Option<bool> => "onSite",
        /// The picture it was derived from.
        pub remix_of_id: Option<ImageId> => "remixOfId",
    }
}

impl Image {
    /// Returns the id, taken from the URL's last segment where the field is absent.
    pub fn id_from_any(&self) -> Option<ImageId> {
        self.id.or_else(|| {
            let path = self.url.split(['?', '#']).next()?;
            let (stem, _) = path.rsplit('/').next()?.split_once('.')?;
            stem.parse().ok()
        })
    }

    fn number(&self) -> Option<u64> {
        self.id_from_any().map(u64::from)
    }

    /// Returns how mature it is, from the most exact field there is.
    pub fn level(&self) -> Option<NsfwLevel> {
        // Bodies of 2023 have a word in `nsfw`, which is kept in `rest` because a flag was expected.
        let old_label = || {
            let (level, _) = <NsfwLevel as crate::wire::Wire>::read(self.rest.get("nsfw")?.clone());
            level
        };
        self.browsing_level.or(self.nsfw_level).or_else(old_label)
    }

    /// Reads how it was made, whether `meta` came flat or wrapped.
    pub fn generation(&self) -> Option<GenerationMeta<'_>> {
        self.meta
            .as_ref()
            .and_then(unwrapped)
            .map(GenerationMeta::new)
    }
}
