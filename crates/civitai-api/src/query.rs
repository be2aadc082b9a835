//! What can be asked of the listings, and how it is written into a URL.
//!
//! The structs carry only what the API honours; [`Search`](crate::Search) filters by the rest. A flag that is `false` is left
//! out, because several of the API's parsers take any text, `false` included, for true.

use std::fmt::{self, Display};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::base_model::BaseModel;
use crate::envelope::{ArticleSort, CollectionSort, ImageSort, ModelSort, Period, VaultSort};
use crate::file::FileFormat;
use crate::id::{ImageId, ModelId, PostId, TagId, UserId, VersionId};
use crate::image::MediaType;
use crate::model::{Availability, CheckpointType, CommercialUse, ModelType};
use crate::nsfw::NsfwLevel;
use crate::vault::VaultItem;

/// Which models to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the API's flags, each its own parameter"
)]
pub struct ModelQuery {
    /// Full text; the order is then by relevance.
    pub query: Option<String>,
    /// Only these models.
    pub ids: Vec<ModelId>,
    /// Only models with one of these versions, and of them only these versions.
    pub version_ids: Vec<VersionId>,
    /// One exact tag. A tag that the site does not know filters nothing.
    pub tag: Option<String>,
    /// Only this creator's.
    pub username: Option<String>,
    /// Any of these types.
    pub types: Vec<ModelType>,
    /// Any of these base models; versions for others are left out of the models, too.
    pub base_models: Vec<BaseModel>,
    /// How a checkpoint came to be. Models of other types are kept unless `types` says otherwise.
    pub checkpoint_type: Option<CheckpointType>,
    /// The order; the site's default is the highest rated first.
    pub sort: Option<ModelSort>,
    /// When the newest version must have been published; any time by default.
    pub period: Option<Period>,
    /// Lists models of any level instead of those that have a picture for everyone. Neither set holds the other: models
    /// flagged as depicting minors are missing from this one.
    pub nsfw: bool,
    /// Any of these uses permitted.
    pub commercial_use: Vec<CommercialUse>,
    /// Any of these file formats.
    pub file_formats: Vec<FileFormat>,
    /// Who may see them; `Private` needs a `username` and its token.
    pub availability: Option<Availability>,
    /// Includes archived models.
    pub archived: bool,
    /// Only what the site's generator runs.
    pub supports_generation: bool,
    /// Only what is in early access.
    pub early_access: bool,
    /// Only what was trained on the site.
    pub from_platform: bool,
    /// Only the signed-in user's bookmarks.
    pub favorites: bool,
    /// Only what the signed-in user has hidden.
    pub hidden: bool,
    /// Only each version's primary file.
    pub primary_file_only: bool,
    /// Items a request, 1 to 100; the most by default.
    pub page_size: Option<u32>,
}

/// Which pictures to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImageQuery {
    /// This picture alone.
    pub image: Option<ImageId>,
    /// Only this post's.
    pub post: Option<PostId>,
    /// Only this model's. Unless `version` is given too, the order is newest first whatever `sort` says.
    pub model: Option<ModelId>,
    /// Only this version's.
    pub version: Option<VersionId>,
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only this user's.
    pub username: Option<String>,
    /// The levels to include; the site's default is what everyone may see.
    pub levels: Option<NsfwLevel>,
    /// The order; the site's default is by reactions.
    pub sort: Option<ImageSort>,
    /// When it must have been published; any time by default.
    pub period: Option<Period>,
    /// Pictures, videos or sounds.
    pub kind: Option<MediaType>,
    /// Any of these tags.
    pub tags: Vec<TagId>,
    /// Any of these base models; the site refuses names it does not know.
    pub base_models: Vec<BaseModel>,
    /// With the generation data, which is left out otherwise.
    pub with_meta: bool,
    /// With tags, which are left out otherwise.
    pub with_tags: bool,
    /// Items a request, 1 to 200; the most by default.
    pub page_size: Option<u32>,
}

/// Which creators or tags to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NameQuery {
    /// Part of a creator's name, or the beginning of a tag's.
    pub query: Option<String>,
    /// Items a request, 1 to 200; the most by default.
    pub page_size: Option<u32>,
}

/// Which users to look up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum UserQuery {
    /// These users.
    Ids(Vec<UserId>),
    /// At most five users whose name begins like this.
    Prefix(String),
}

/// Which collections to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CollectionQuery {
    /// Full text, at most 100 characters.
    pub query: Option<String>,
    /// The order. By followers the site has no second page.
    pub sort: Option<CollectionSort>,
    /// Includes collections of any level.
    pub nsfw: bool,
    /// Items a request, 1 to 100; the most by default.
    pub page_size: Option<u32>,
}

/// Which articles to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ArticleQuery {
    /// Full text.
    pub query: Option<String>,
    /// Any of these tags.
    pub tags: Vec<TagId>,
    /// Only this author's.
    pub username: Option<String>,
    /// The order; the newest first by default.
    pub sort: Option<ArticleSort>,
    /// Includes articles of any level.
    pub nsfw: bool,
    /// Items a request, 1 to 100; the most by default.
    pub page_size: Option<u32>,
}

/// Which entries of the vault to list.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VaultQuery {
    /// Full text.
    pub query: Option<String>,
    /// The order; recently added first by default.
    pub sort: Option<VaultSort>,
    /// Any of these types. Filtered here: the site fails on a single value.
    pub types: Vec<ModelType>,
    /// Any of these categories. Filtered here.
    pub categories: Vec<String>,
    /// Any of these base models. Filtered here.
    pub base_models: Vec<BaseModel>,
    /// Items a request, 1 to 200; the most by default.
    pub page_size: Option<u32>,
}

impl ModelQuery {
    pub(crate) const LARGEST_PAGE: u32 = 100;

    pub(crate) fn parameters(&self) -> Parameters {
        let mut out = Parameters::default();
        out.maybe("query", self.query.as_ref());
        out.joined("ids", &self.ids);
        out.joined("modelVersionIds", &self.version_ids);
        out.maybe("tag", self.tag.as_ref());
        out.maybe("username", self.username.as_ref());
        // A comma list is refused for types, and taken as one name for base models.
        out.repeated("types", &self.types);
        out.repeated("baseModels", &self.base_models);
        out.maybe("checkpointType", self.checkpoint_type.as_ref());
        out.maybe("sort", self.sort.as_ref());
        out.maybe("period", self.period.as_ref());
        out.repeated("allowCommercialUse", &self.commercial_use);
        out.repeated("fileFormats", &self.file_formats);
        if let [only] = self.file_formats.as_slice() {
            // Refused unless it is a list, which it becomes by being there twice.
            out.push("fileFormats", only);
        }
        out.maybe("availability", self.availability.as_ref());
        out.flag("nsfw", self.nsfw);
        out.flag("archived", self.archived);
        out.flag("supportsGeneration", self.supports_generation);
        out.flag("earlyAccess", self.early_access);
        out.flag("fromPlatform", self.from_platform);
        out.flag("favorites", self.favorites);
        out.flag("hidden", self.hidden);
        out.flag("primaryFileOnly", self.primary_file_only);
        out
    }
}

impl ImageQuery {
    pub(crate) const LARGEST_PAGE: u32 = 200;

    pub(crate) fn parameters(&self) -> Parameters {
        let mut out = Parameters::default();
        out.maybe("imageId", self.image);
        out.maybe("postId", self.post);
        out.maybe("modelId", self.model);
        out.maybe("modelVersionId", self.version);
        out.maybe("userId", self.user);
        out.maybe("username", self.username.as_ref());
        out.maybe("browsingLevel", self.levels.map(NsfwLevel::bits));
        out.maybe("sort", self.sort.as_ref());
        out.maybe("period", self.period.as_ref());
        out.maybe("type", self.kind.as_ref());
        out.joined("tags", &self.tags);
        out.repeated("baseModels", &self.base_models);
        out.flag("withMeta", self.with_meta);
        // Without it the shape of the data depends on which of the site's paths answers.
        out.flag("flatMeta", self.with_meta);
        out.flag("withTags", self.with_tags);
        out
    }

    /// Says whether the site answers from the path whose cursors lose an item at each page boundary.
    pub(crate) fn loses_at_boundaries(&self) -> bool {
        self.model.is_some() && self.version.is_none()
    }
}

impl NameQuery {
    pub(crate) const LARGEST_PAGE: u32 = 200;

    pub(crate) fn parameters(&self) -> Parameters {
        let mut out = Parameters::default();
        out.maybe("query", self.query.as_ref());
        out
    }
}

impl UserQuery {
    pub(crate) fn parameters(&self) -> Parameters {
        let mut out = Parameters::default();
        match self {
            Self::Ids(ids) => out.joined("ids", ids),
            Self::Prefix(prefix) => out.push("query", prefix),
        }
        out
    }
}

impl CollectionQuery {
    pub(crate) const LARGEST_PAGE: u32 = 100;

    pub(crate) fn parameters(&self) -> Parameters {
        let mut out = Parameters::default();
        out.maybe("query", self.query.as_ref());
        out.maybe("sort", self.sort.as_ref());
        out.flag("nsfw", self.nsfw);
        out
    }
}

impl ArticleQuery {
    pub(crate) const LARGEST_PAGE: u32 = 100;

    pub(crate) fn parameters(&self) -> Parameters {
        let mut out = Parameters::default();
        out.maybe("query", self.query.as_ref());
        out.joined("tags", &self.tags);
        out.maybe("username", self.username.as_ref());
        out.maybe("sort", self.sort.as_ref());
        out.flag("nsfw", self.nsfw);
        out
    }
}

impl VaultQuery {
    pub(crate) const LARGEST_PAGE: u32 = 200;

    pub(crate) fn parameters(&self) -> Parameters {
        let mut out = Parameters::default();
        out.maybe("query", self.query.as_ref());
        out.maybe("sort", self.sort.as_ref());
        out
    }

    /// Applies the filters that the site cannot.
    pub(crate) fn accepts(&self, item: &VaultItem) -> bool {
        let is_any = |wanted: &[String], value: Option<&String>| {
            wanted.is_empty() || value.is_some_and(|v| wanted.contains(v))
        };
        (self.types.is_empty()
            || item
                .kind
                .as_ref()
                .is_some_and(|kind| self.types.contains(kind)))
            && (self.base_models.is_empty()
                || item
                    .base_model
                    .as_ref()
                    .is_some_and(|base| self.base_models.contains(base)))
            && is_any(&self.categories, item.category.as_ref())
    }
}

/// The parameters of a URL, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    pub(crate) fn push(&mut self, name: &'static str, value: impl Display) {
        self.0.push((name, value.to_string()));
    }

    pub(crate) fn maybe(&mut self, name: &'static str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.push(name, value);
        }
    }

    pub(crate) fn flag(&mut self, name: &'static str, set: bool) {
        if set {
            self.push(name, true);
        }
    }

    pub(crate) fn repeated(&mut self, name: &'static str, values: &[impl Display]) {
        for value in values {
            self.push(name, value);
        }
    }

    pub(crate) fn joined(&mut self, name: &'static str, values: &[impl Display]) {
        if !values.is_empty() {
            self.push(name, Commas(values));
        }
    }

    /// Replaces every value of `name`.
    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self.push(name, value);
        self
    }

    /// Percent-encodes everything but letters, digits and `-._~`: cursors hold bars, colons and spaces, and the site once
    /// failed on what other clients leave as it is.
    pub(crate) fn encoded(&self) -> Option<String> {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, STRICT)))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("&"))
    }
}

const STRICT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

struct Commas<'a, T>(&'a [T]);

impl<T: Display> Display for Commas<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, value) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            value.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_repeated_or_joined_as_each_parameter_needs_and_false_flags_left_out() {
        let query = ModelQuery {
            ids: [1, 2].into_iter().filter_map(ModelId::new).collect(),
            types: vec![ModelType::Lora, ModelType::Checkpoint],
            base_models: vec!["SD 1.5".into()],
            file_formats: vec!["GGUF".into()],
            nsfw: true,
            ..ModelQuery::default()
        };
        let expected = "ids=1%2C2&types=LORA&types=Checkpoint&baseModels=SD%201.5&fileFormats=GGUF&fileFormats=GGUF&nsfw=true";
        assert_eq!(query.parameters().encoded().as_deref(), Some(expected));
        assert_eq!(ModelQuery::default().parameters().encoded(), None);
    }

    #[test]
    fn cursors_and_foreign_letters_are_encoded_strictly() {
        let parameters = Parameters::default()
            .with("cursor", "2025-12-18 09:16|1+2%")
            .with("query", "某个");
        let expected = "cursor=2025-12-18%2009%3A16%7C1%2B2%25&query=%E6%9F%90%E4%B8%AA";
        assert_eq!(parameters.encoded().as_deref(), Some(expected));
    }
}
