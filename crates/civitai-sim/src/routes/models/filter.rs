//! What a listing asks for, and which models fit.

use jiff::Timestamp;
use serde_json::Value;

use crate::http::{Request, Response};
use crate::routes::body::Trim;
use crate::routes::message;
use crate::routes::params::{Params, in_period};
use crate::state::{Availability, Mode, Model, State, Status, User, Version};
use crate::vocabulary::{
    AVAILABILITIES, COMMERCIAL_USES, FILE_FORMATS, MODEL_SORTS, MODEL_TYPES, PERIODS,
};

/// The query string, read.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    pub(super) limit: u32,
    pub(super) cursor: Option<&'a str>,
    pub(super) page: Option<u32>,
    pub(super) query: Option<&'a str>,
    pub(super) ids: Option<Vec<u32>>,
    pub(super) version_ids: Option<Vec<u32>>,
    pub(super) tag: Option<&'a str>,
    pub(super) username: Option<String>,
    pub(super) types: Vec<&'a str>,
    pub(super) base_models: Vec<&'a str>,
    pub(super) checkpoint_type: Option<&'a str>,
    pub(super) sort: &'a str,
    pub(super) period: &'a str,
    pub(super) nsfw: bool,
    pub(super) flags: Flags,
    pub(super) commercial_use: Vec<&'a str>,
    pub(super) file_formats: Vec<&'a str>,
    pub(super) availability: Option<&'a str>,
}

/// The query string's booleans.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one a query parameter")]
pub(super) struct Flags {
    pub(super) supports_generation: bool,
    pub(super) early_access: bool,
    pub(super) from_platform: bool,
    pub(super) archived: bool,
    pub(super) favorites: bool,
    pub(super) hidden: bool,
    pub(super) primary_file_only: bool,
}

impl<'a> Filter<'a> {
    pub(super) fn read(request: &'a Request) -> Result<Self, Vec<Value>> {
        let mut params = Params::new(request);
        let username = params.filled("username").map(slug);
        let file_formats = params.choices("fileFormats", &FILE_FORMATS);
        if file_formats.len() == 1 {
            params.complain(
                "fileFormats",
                "invalid_type",
                "Invalid input: expected array, received string",
            );
        }
        for name in UNREACHABLE {
            params.refuse(name);
        }
        params.strict("newCreators");
        let filter = Self {
            limit: params.whole("limit", 0, 100).unwrap_or(100),
            cursor: params.filled("cursor"),
            page: params.whole("page", 1, u32::MAX),
            query: params.filled("query"),
            ids: params.ids("ids"),
            version_ids: params.ids("modelVersionIds"),
            tag: params.filled("tag").or(params.filled("tagname")),
            username: username.or(params.filled("user").map(str::to_lowercase)),
            types: params.choices("types", &MODEL_TYPES),
            base_models: params.many("baseModels"),
            checkpoint_type: params.choice("checkpointType", &["Trained", "Merge"]),
            sort: params
                .choice("sort", &MODEL_SORTS)
                .unwrap_or("Highest Rated"),
            period: params.choice("period", &PERIODS).unwrap_or("AllTime"),
            nsfw: params.strict("nsfw").unwrap_or(false),
            flags: Flags {
                supports_generation: params.coerced("supportsGeneration"),
                early_access: params.coerced("earlyAccess"),
                from_platform: params.coerced("fromPlatform"),
                archived: params.coerced("archived"),
                favorites: params.strict("favorites").unwrap_or(false),
                hidden: params.strict("hidden").unwrap_or(false),
                primary_file_only: params.strict("primaryFileOnly").unwrap_or(false),
            },
            commercial_use: params.choices("allowCommercialUse", &COMMERCIAL_USES),
            file_formats,
            availability: params.choice("availability", &AVAILABILITIES),
        };
        params.finish().map(|()| filter)
    }

    pub(super) fn trim(&self) -> Trim<'a> {
        Trim {
            base_models: self.base_models.clone(),
            version_ids: self.version_ids.clone(),
            covered_only: self.flags.supports_generation,
            primary_file_only: self.flags.primary_file_only,
            unsearchable_too: self.ids.is_some() || self.version_ids.is_some(),
        }
    }
}

/// What a filter's names mean in this database, for this caller.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) user: Option<&'a User>,
    pub(super) owner: Option<u32>,
    /// In lower case; a tag nobody knows filters nothing.
    pub(super) tag: Option<String>,
    pub(super) nothing: bool,
    pub(super) types: Vec<&'a str>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(
        state: &'a State,
        filter: &Filter<'a>,
        user: Option<u32>,
    ) -> Result<Self, Response> {
        let owner = match &filter.username {
            Some(name) => Some(
                state
                    .user_named(name)
                    .ok_or_else(|| message(404, "User not found"))?
                    .id,
            ),
            None => None,
        };
        if filter.availability == Some("Private") && owner.is_none() {
            return Err(message(
                401,
                "You are not authorized to perform this action",
            ));
        }
        let tag = filter.tag.map(str::to_lowercase);
        let nothing = tag
            .as_ref()
            .is_some_and(|tag| state.switches.blocked_tags.contains(tag));
        Ok(Self {
            user: user.and_then(|id| state.user(id)),
            owner,
            tag: tag.filter(|tag| is_known_tag(state, tag)),
            nothing,
            types: filter.types.clone(),
        })
    }

    /// What the search engine can filter by itself: types and levels of published models.
    pub(super) fn pushed(&self, filter: &Filter<'_>, model: &Model) -> bool {
        let levels = if filter.nsfw {
            ALL_LEVELS
        } else {
            PUBLIC_LEVELS
        };
        model.status == Status::Published
            && model.nsfw_level & levels != 0
            && (self.types.is_empty() || self.types.contains(&model.kind.as_str()))
    }

    /// Everything else.
    pub(super) fn keeps(&self, filter: &Filter<'_>, model: &Model, now: Timestamp) -> bool {
        if self.nothing || model.poi || (filter.nsfw && model.minor) {
            return false;
        }
        self.may_see(filter, model)
            && (filter.flags.archived || model.mode != Some(Mode::Archived))
            && self.owner.is_none_or(|owner| model.user_id == owner)
            && self
                .tag
                .as_ref()
                .is_none_or(|tag| model.tags.iter().any(|known| known.to_lowercase() == *tag))
            && filter
                .ids
                .as_ref()
                .is_none_or(|ids| ids.contains(&model.id))
            && in_period(filter.period, model.last_version_at, now)
            && fits_versions(filter, model, now)
            && fits_licence(filter, model)
            && self.is_shelved(filter, model)
    }

    fn may_see(&self, filter: &Filter<'_>, model: &Model) -> bool {
        let own = self
            .user
            .is_some_and(|user| user.id == model.user_id || user.moderator);
        let visible = match model.availability {
            Availability::Public | Availability::EarlyAccess => true,
            Availability::Unsearchable => {
                own || filter.ids.is_some() || filter.version_ids.is_some()
            }
            Availability::Private => own,
        };
        visible
            && filter
                .availability
                .is_none_or(|asked| asked == model.availability.as_str())
    }

    fn is_shelved(&self, filter: &Filter<'_>, model: &Model) -> bool {
        let Some(user) = self.user else { return true };
        (!filter.flags.favorites || user.bookmarks.contains(&model.id))
            && (!filter.flags.hidden || user.hidden.contains(&model.id))
    }
}

fn fits_versions(filter: &Filter<'_>, model: &Model, now: Timestamp) -> bool {
    let any = |test: &dyn Fn(&Version) -> bool| model.versions.iter().any(test);
    (filter.base_models.is_empty()
        || any(&|version| filter.base_models.contains(&version.base_model.as_str())))
        && filter
            .version_ids
            .as_ref()
            .is_none_or(|ids| any(&|version| ids.contains(&version.id)))
        && (!filter.flags.supports_generation || model.covered())
        && (!filter.flags.early_access || any(&|version| version.gate(now).is_some()))
        && (filter.file_formats.is_empty()
            || any(&|version| {
                let formats = version
                    .files
                    .iter()
                    .filter_map(|file| file.metadata.as_ref()?.format.as_deref());
                formats
                    .into_iter()
                    .any(|format| filter.file_formats.contains(&format))
            }))
}

fn fits_licence(filter: &Filter<'_>, model: &Model) -> bool {
    let uses = &filter.commercial_use;
    (uses.is_empty()
        || model
            .allow_commercial_use
            .iter()
            .any(|allowed| uses.contains(&allowed.as_str())))
        && (!filter.flags.from_platform || model.from_platform)
        && match (filter.checkpoint_type, model.kind.as_str()) {
            (Some(_), kind) if kind != "Checkpoint" => filter.types.is_empty(),
            (Some(asked), _) => model.checkpoint_type.as_deref() == Some(asked),
            (None, _) => true,
        }
}

fn is_known_tag(state: &State, tag: &str) -> bool {
    state
        .tags
        .iter()
        .any(|known| known.name.to_lowercase() == tag)
        || state
            .models
            .values()
            .flat_map(|model| &model.tags)
            .any(|known| known.to_lowercase() == tag)
}

/// A name as it stands in the address of a profile page.
fn slug(name: &str) -> String {
    let name = name.to_lowercase().replacen(' ', "_", 1);
    name.chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '_')
        .collect()
}

/// Levels shown without `nsfw=true`.
pub(super) const PUBLIC_LEVELS: u32 = 1;
const ALL_LEVELS: u32 = 31;

/// Parameters that the schema types as something no query string can carry, so that naming one is always an error.
const UNREACHABLE: [&str; 15] = [
    "allowNoCredit",
    "allowDerivatives",
    "allowDifferentLicense",
    "browsingLevel",
    "collectionId",
    "collectionTagId",
    "disableMinor",
    "disablePoi",
    "excludedIds",
    "excludedImageIds",
    "excludedImageTagIds",
    "excludedTagIds",
    "excludedUserIds",
    "isFeatured",
    "pending",
];
