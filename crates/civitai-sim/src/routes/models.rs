//! `GET /models`: the catalogue, its filters and its cursors.

use std::cmp::Reverse;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::routes::body::{Shape, Trim, View};
use crate::routes::params::{Params, next_page, refused, request_origin};
use crate::routes::{Site, busy, error, message, ok};
use crate::state::{Availability, Mode, Model, State, Status};
use crate::vocabulary::{
    AVAILABILITIES, COMMERCIAL_USES, FILE_FORMATS, MODEL_SORTS, MODEL_TYPES, PERIODS,
};

pub(super) fn list(site: &mut Site<'_>, request: &Request, user: Option<u32>) -> Response {
    if user.is_none() && (request.query("favorites").is_some() || request.query("hidden").is_some())
    {
        return error(401, "Unauthorized");
    }
    match Filter::read(request) {
        Err(issues) => refused(&issues),
        Ok(filter) => page(site, request, &filter, user).unwrap_or_else(|refusal| refusal),
    }
}

fn page(
    site: &Site<'_>,
    request: &Request,
    filter: &Filter<'_>,
    user: Option<u32>,
) -> Result<Response, Response> {
    let paging = filter.page.filter(|_| filter.cursor.is_none());
    if paging.is_some_and(|page| u64::from(page) * u64::from(filter.limit) > MOST_PAGED) {
        return Err(error(
            429,
            "You've requested too many pages, please use cursors instead",
        ));
    }
    if filter.query.is_some() && filter.page.is_some() {
        return Err(error(
            400,
            "Cannot use page param with query search. Use cursor-based pagination.",
        ));
    }
    if filter.query.is_some() && site.state.switches.search_overloaded {
        return Err(busy(
            503,
            "Model search is temporarily overloaded — please retry.",
            2,
        ));
    }
    let scope = Scope::new(site.state, filter, user)?;
    let (models, next) = match filter.query {
        Some(query) => searched(site, filter, &scope, query)?,
        None => sorted(site, filter, &scope)?,
    };

    let origin = request_origin(site, request);
    let view = View {
        state: site.state,
        shape: Shape::Listed,
        origin: &origin,
        now: site.now,
        preferences: user
            .and_then(|id| site.state.user(id))
            .map(|user| &user.preferences),
        levels: if filter.nsfw { u32::MAX } else { PUBLIC_LEVELS },
    };
    let trim = filter.trim();
    let items: Vec<Value> = models
        .into_iter()
        .map(|model| view.model(model, &trim))
        .collect();
    let mut metadata = json!({});
    if let Some(cursor) = next {
        metadata["nextPage"] = next_page(site, request, "cursor", &cursor).into();
        metadata["nextCursor"] = cursor.into();
    }
    if let Some(page) = paging {
        metadata["currentPage"] = page.into();
        metadata["pageSize"] = filter.limit.into();
    }
    Ok(ok(&json!({ "items": items, "metadata": metadata })))
}

/// A page in the order of a sort, and the key of the first model that did not fit.
///
/// Whether that model appears on the next page depends on the direction of the keys: see [`Key::admits`].
fn sorted<'s>(
    site: &'s Site<'_>,
    filter: &Filter<'_>,
    scope: &Scope<'_>,
) -> Result<(Vec<&'s Model>, Option<String>), Response> {
    let sort = Sort::named(filter.sort);
    let from = filter
        .cursor
        .map(|cursor| Key::parse(cursor, sort))
        .transpose()?;
    let mut rows: Vec<(Key, &Model)> = site
        .state
        .models
        .values()
        .map(|model| (sort.key(model), model))
        .filter(|(key, _)| from.is_none_or(|from| from.admits(*key)))
        .filter(|(_, model)| scope.pushed(filter, model) && scope.keeps(filter, model, site.now))
        .collect();
    rows.sort_by_key(|(key, _)| key.rank());
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    if limit == 0 {
        return Ok((
            rows.into_iter().take(1).map(|(_, model)| model).collect(),
            None,
        ));
    }
    let next = rows.get(limit).map(|(key, _)| key.to_string());
    Ok((
        rows.into_iter()
            .take(limit)
            .map(|(_, model)| model)
            .collect(),
        next,
    ))
}

/// A page of search hits. Whatever the search engine does not know is taken away afterwards, so that a page may be
/// short or empty though more hits follow.
fn searched<'s>(
    site: &'s Site<'_>,
    filter: &Filter<'_>,
    scope: &Scope<'_>,
    query: &str,
) -> Result<(Vec<&'s Model>, Option<String>), Response> {
    let offset: usize = filter
        .cursor
        .map_or(Ok(0), str::parse)
        .map_err(|_| message(400, "Invalid cursor: expected an offset for a search"))?;
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let mut hits: Vec<(u32, &Model)> = site
        .state
        .models
        .values()
        .filter(|model| scope.pushed(filter, model))
        .filter_map(|model| Some((relevance(site.state, model, &words)?, model)))
        .collect();
    hits.sort_by_key(|(points, model)| {
        (Reverse(*points), Reverse(model.stats.thumbs_up), model.id)
    });
    let limit = usize::try_from(filter.limit.max(1)).unwrap_or(usize::MAX);
    let end = offset.saturating_add(limit);
    let next = (filter.limit > 0 && hits.len() > end).then(|| end.to_string());
    let models = hits
        .into_iter()
        .skip(offset)
        .take(limit)
        .map(|(_, model)| model)
        .filter(|model| scope.keeps(filter, model, site.now))
        .collect();
    Ok((models, next))
}

/// How well a model answers a search; `None` if some word is nowhere in its name, tags or creator.
fn relevance(state: &State, model: &Model, words: &[String]) -> Option<u32> {
    let name = model.name.to_lowercase();
    let mut points = 0;
    for word in words {
        let tagged = || {
            model
                .tags
                .iter()
                .any(|tag| tag.to_lowercase().contains(word))
        };
        let made = || {
            let maker = state
                .user(model.user_id)
                .and_then(|user| user.username.as_deref());
            maker.is_some_and(|maker| maker.to_lowercase().contains(word))
        };
        points += match name.find(word) {
            Some(0) => 4,
            Some(_) => 3,
            None if tagged() => 2,
            None if made() => 1,
            None => return None,
        };
    }
    Some(points)
}

/// The query string, read.
#[derive(Debug)]
struct Filter<'a> {
    limit: u32,
    cursor: Option<&'a str>,
    page: Option<u32>,
    query: Option<&'a str>,
    ids: Option<Vec<u32>>,
    version_ids: Option<Vec<u32>>,
    tag: Option<&'a str>,
    username: Option<String>,
    types: Vec<&'a str>,
    base_models: Vec<&'a str>,
    checkpoint_type: Option<&'a str>,
    sort: &'a str,
    period: &'a str,
    nsfw: bool,
    flags: Flags,
    commercial_use: Vec<&'a str>,
    file_formats: Vec<&'a str>,
    availability: Option<&'a str>,
}

/// The query string's booleans.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one a query parameter")]
struct Flags {
    supports_generation: bool,
    early_access: bool,
    from_platform: bool,
    archived: bool,
    favorites: bool,
    hidden: bool,
    primary_file_only: bool,
}

impl<'a> Filter<'a> {
    fn read(request: &'a Request) -> Result<Self, Vec<Value>> {
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

    fn trim(&self) -> Trim<'a> {
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
struct Scope<'a> {
    user: Option<&'a crate::state::User>,
    owner: Option<u32>,
    /// In lower case; a tag nobody knows filters nothing.
    tag: Option<String>,
    nothing: bool,
    types: Vec<&'a str>,
}

impl<'a> Scope<'a> {
    fn new(state: &'a State, filter: &Filter<'a>, user: Option<u32>) -> Result<Self, Response> {
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
    fn pushed(&self, filter: &Filter<'_>, model: &Model) -> bool {
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
    fn keeps(&self, filter: &Filter<'_>, model: &Model, now: Timestamp) -> bool {
        !self.nothing
            && !model.poi
            && !(filter.nsfw && model.minor)
            && self.may_see(filter, model)
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
    let any = |test: &dyn Fn(&crate::state::Version) -> bool| model.versions.iter().any(test);
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

/// Whether a date lies in the last day, week, month or year.
pub(super) fn in_period(period: &str, date: Timestamp, now: Timestamp) -> bool {
    let days = match period {
        "Day" => 1,
        "Week" => 7,
        "Month" => 30,
        "Year" => 365,
        _ => return true,
    };
    now.duration_since(date) <= SignedDuration::from_hours(24 * days)
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

/// The orders of a listing; several names of the API are one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Collected,
    Discussed,
    Downloaded,
    Images,
    Newest,
    Oldest,
    Rated,
}

impl Sort {
    fn named(name: &str) -> Self {
        match name {
            "Most Collected" => Self::Collected,
            "Most Discussed" => Self::Discussed,
            "Most Downloaded" => Self::Downloaded,
            "Most Images" => Self::Images,
            "Newest" => Self::Newest,
            "Oldest" => Self::Oldest,
            _ => Self::Rated,
        }
    }

    fn key(self, model: &Model) -> Key {
        let stats = &model.stats;
        let counts = |first, second| Key::Counts(first, second, model.id);
        match self {
            Self::Collected => counts(stats.collected, stats.thumbs_up),
            Self::Discussed => counts(stats.comments, stats.thumbs_up),
            Self::Downloaded => counts(stats.downloads, stats.thumbs_up),
            Self::Images => counts(stats.images, stats.thumbs_up),
            Self::Newest => Key::Newest(model.last_version_at, model.id),
            Self::Oldest => Key::Oldest(model.last_version_at, model.id),
            Self::Rated => counts(stats.thumbs_up, stats.downloads),
        }
    }

    fn arity(self) -> usize {
        match self {
            Self::Newest | Self::Oldest => 2,
            Self::Collected | Self::Discussed | Self::Downloaded | Self::Images | Self::Rated => 3,
        }
    }
}

/// Where a model stands in an order. What a cursor spells out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    /// Two counts descending, then the id ascending.
    Counts(u32, u32, u32),
    /// Date and id, both descending.
    Newest(Timestamp, u32),
    /// Date and id, both ascending.
    Oldest(Timestamp, u32),
}

impl Key {
    fn parse(cursor: &str, sort: Sort) -> Result<Self, Response> {
        let pieces: Vec<&str> = cursor.split('|').collect();
        let (expected, received) = (sort.arity(), pieces.len());
        if received != expected {
            let complaint = format!(
                "Invalid cursor: expected {expected} value(s) for this sort, received {received}"
            );
            return Err(message(400, &complaint));
        }
        Self::read(&pieces, sort)
            .ok_or_else(|| message(400, "Invalid cursor: a value does not fit this sort"))
    }

    fn read(pieces: &[&str], sort: Sort) -> Option<Self> {
        match *pieces {
            [first, second, id] => Some(Self::Counts(
                first.parse().ok()?,
                second.parse().ok()?,
                id.parse().ok()?,
            )),
            [date, id] if sort == Sort::Newest => {
                Some(Self::Newest(moment(date)?, id.parse().ok()?))
            }
            [date, id] => Some(Self::Oldest(moment(date)?, id.parse().ok()?)),
            _ => None,
        }
    }

    /// Whether a page that starts at this cursor may hold a model of that key.
    ///
    /// The site compares descending keys with "less than" and ascending ones with "at least". So the counted orders
    /// go on exactly where they stopped; the newest-first order loses the very model the cursor names; and the
    /// oldest-first order starts again with every model of the cursor's date.
    fn admits(self, other: Self) -> bool {
        match (self, other) {
            (Self::Counts(a, b, id), Self::Counts(x, y, other)) => {
                x < a || (x == a && y < b) || (x == a && y == b && other >= id)
            }
            (Self::Newest(date, id), Self::Newest(when, other)) => {
                when < date || (when == date && other < id)
            }
            (Self::Oldest(date, _), Self::Oldest(when, _)) => when >= date,
            _ => false,
        }
    }

    fn rank(self) -> (Reverse<i128>, Reverse<u32>, i64) {
        match self {
            Self::Counts(first, second, id) => (Reverse(first.into()), Reverse(second), id.into()),
            Self::Newest(date, id) => (Reverse(date.as_nanosecond()), Reverse(id), 0),
            Self::Oldest(date, id) => (Reverse(-date.as_nanosecond()), Reverse(0), id.into()),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Counts(first, second, id) => write!(f, "{first}|{second}|{id}"),
            Self::Newest(date, id) | Self::Oldest(date, id) => {
                write!(f, "{}|{id}", date.strftime("%Y-%m-%d %H:%M:%S%.f"))
            }
        }
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let zoned = || text.parse::<Timestamp>().ok();
    let naive = || {
        TimeZone::UTC
            .to_timestamp(text.parse::<DateTime>().ok()?)
            .ok()
    };
    zoned().or_else(naive)
}

const PUBLIC_LEVELS: u32 = 1;
const ALL_LEVELS: u32 = 31;
const MOST_PAGED: u64 = 1000;

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
