//! `GET /images`: pictures, by two different ways through the site.
//!
//! A picture asked for by its own id, or a model's pictures, come from the database: newest id first, an id as cursor,
//! `meta` in a wrapper. Everything else comes from the search index: any sort, an offset with a moment as cursor,
//! `meta` flat.

mod cursor;

use std::cmp::Reverse;
use std::collections::HashSet;

use serde_json::{Value, json};

use crate::content::mix;
use crate::http::{Request, Response};
use crate::routes::body::{image_url, object, zoned};
use crate::routes::params::{MAX_ID, Params, in_period, next_page, refused};
use crate::routes::{Site, busy, error, ok};
use crate::state::{Image, State, Version};
use crate::vocabulary::{BASE_MODELS, IMAGE_SORTS, MEDIA_TYPES, PERIODS};

use self::cursor::Place;

pub(super) fn list(site: &mut Site<'_>, request: &Request) -> Response {
    let filter = match Filter::read(request) {
        Ok(filter) => filter,
        Err(issues) => return refused(&issues),
    };
    let switches = &site.state.switches;
    if switches.images_saturated {
        return busy(503, "Server busy, please retry shortly.", 2);
    }
    if switches.search_overloaded && !filter.asks_database() {
        return busy(
            503,
            "Image search is temporarily overloaded — please retry.",
            2,
        );
    }
    page(site, request, &filter).unwrap_or_else(|refusal| refusal)
}

fn page(site: &Site<'_>, request: &Request, filter: &Filter<'_>) -> Result<Response, Response> {
    let paging = filter.page.filter(|_| filter.cursor.is_none());
    if paging.is_some_and(|page| u64::from(page) * u64::from(filter.limit) > MOST_PAGED) {
        return Err(error(
            429,
            "You've requested too many pages, please use cursors instead",
        ));
    }
    let rows = filter.rows(site)?;
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let (rows, next) = if filter.asks_database() {
        filter.by_id(rows, limit)?
    } else {
        filter.by_rank(rows, limit, site)?
    };
    let wrapped = !filter.flat_meta.unwrap_or(!filter.asks_database());
    let items: Vec<Value> = rows
        .into_iter()
        .map(|row| row.item(site.state, filter, wrapped))
        .collect();

    let mut metadata = json!({});
    if let Some(cursor) = next {
        // A caller who counts pages is sent on counting.
        metadata["nextPage"] = match paging {
            Some(page) => next_page(site, request, "page", &(page + 1).to_string()),
            None => next_page(site, request, "cursor", &cursor),
        }
        .into();
        metadata["nextCursor"] = cursor.into();
    }
    if let Some(page) = paging {
        metadata["currentPage"] = page.into();
        metadata["pageSize"] = filter.limit.into();
    }
    Ok(ok(&json!({ "items": items, "metadata": metadata })))
}

/// The query string, read.
#[derive(Debug)]
struct Filter<'a> {
    limit: u32,
    cursor: Option<&'a str>,
    page: Option<u32>,
    post_id: Option<u32>,
    model_id: Option<u32>,
    version_id: Option<u32>,
    image_id: Option<u32>,
    user_id: Option<u32>,
    username: Option<&'a str>,
    levels: u32,
    sort: &'a str,
    period: &'a str,
    kind: Option<&'a str>,
    tags: Option<Vec<u32>>,
    base_models: Vec<&'a str>,
    with_meta: bool,
    flat_meta: Option<bool>,
    with_tags: bool,
}

impl<'a> Filter<'a> {
    fn read(request: &'a Request) -> Result<Self, Vec<Value>> {
        let mut params = Params::new(request);
        let username = params.filled("username");
        if username.is_some_and(|name| {
            !name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        }) {
            params.complain(
                "username",
                "invalid_format",
                "Invalid string: must match pattern /^[A-Za-z0-9_]*$/",
            );
        }
        let base_models: Vec<&str> = params
            .many("baseModels")
            .into_iter()
            .flat_map(|names| names.split(','))
            .collect();
        if base_models
            .iter()
            .any(|name| BASE_MODELS.iter().all(|known| known.name != *name))
        {
            params.complain("baseModels", "invalid_value", "Invalid option");
        }
        let asked = params.whole("browsingLevel", 0, MAX_ID);
        let named = params.choice("nsfw", &NSFW_NAMES);
        let filter = Self {
            limit: params.whole("limit", 0, 200).unwrap_or(100),
            cursor: params.filled("cursor"),
            page: params.whole("page", 1, u32::MAX),
            post_id: params.id("postId"),
            model_id: params.id("modelId"),
            version_id: params.id("modelVersionId"),
            image_id: params.id("imageId"),
            user_id: params.id("userId"),
            username,
            levels: asked.unwrap_or_else(|| named.map_or(1, levels_named)),
            sort: params
                .choice("sort", &IMAGE_SORTS)
                .unwrap_or("Most Reactions"),
            period: params.choice("period", &PERIODS).unwrap_or("AllTime"),
            kind: params.choice("type", &MEDIA_TYPES),
            tags: params.ids("tags"),
            base_models,
            with_meta: params.strict("withMeta").unwrap_or(false),
            flat_meta: params.strict("flatMeta"),
            with_tags: params.strict("withTags").unwrap_or(false),
        };
        params.finish().map(|()| filter)
    }

    fn asks_database(&self) -> bool {
        self.image_id.is_some() || (self.model_id.is_some() && self.version_id.is_none())
    }

    fn rows<'s>(&self, site: &'s Site<'_>) -> Result<Vec<Row<'s>>, Response> {
        if self.sort == "Random" && self.asks_database() {
            return Err(coded(
                400,
                "Random sort requires a collectionId",
                "BAD_REQUEST",
            ));
        }
        let state: &State = site.state;
        let named = match self.username {
            Some(name) => Some(
                state
                    .user_named(name)
                    .ok_or_else(|| coded(404, "User not found", "NOT_FOUND"))?
                    .id,
            ),
            None => None,
        };
        let of_model: Option<HashSet<u32>> = self.model_id.map(|id| {
            state
                .model(id)
                .into_iter()
                .flat_map(|model| &model.versions)
                .map(|version| version.id)
                .collect()
        });
        let rows = Row::all(state)
            .filter(|row| row.image.level & self.levels != 0)
            .filter(|row| self.image_id.is_none_or(|id| row.image.id == id))
            .filter(|row| self.post_id.is_none_or(|id| row.image.post_id == id))
            .filter(|row| {
                self.user_id
                    .or(named)
                    .is_none_or(|id| row.image.user_id == id)
            })
            .filter(|row| self.version_id.is_none_or(|id| row.uses(id)))
            .filter(|row| {
                of_model
                    .as_ref()
                    .is_none_or(|ids| ids.iter().any(|&id| row.uses(id)))
            })
            .filter(|row| self.kind.is_none_or(|kind| row.image.kind == kind))
            .filter(|row| in_period(self.period, row.image.created_at, site.now))
            .filter(|row| {
                let tags = self.tags.as_ref();
                tags.is_none_or(|tags| row.image.tags.iter().any(|(id, _)| tags.contains(id)))
            })
            .filter(|row| {
                self.base_models.is_empty()
                    || row
                        .base_model(state)
                        .is_some_and(|name| self.base_models.contains(&name))
            });
        Ok(rows.collect())
    }

    /// The database's page. The cursor is the first id left out, and the next page starts below it: that picture is
    /// on no page.
    fn by_id<'s>(&self, mut rows: Vec<Row<'s>>, limit: usize) -> Result<Page<'s>, Response> {
        let below = self.cursor.map(str::parse::<u32>).transpose();
        let below = below.map_err(|_| coded(400, "Invalid cursor", "BAD_REQUEST"))?;
        rows.retain(|row| below.is_none_or(|below| row.image.id < below));
        rows.sort_by_key(|row| Reverse(row.image.id));
        let pages = self.page.filter(|_| self.cursor.is_none()).unwrap_or(1) - 1;
        let skipped = limit.saturating_mul(usize::try_from(pages).unwrap_or(usize::MAX));
        let mut rows = rows.split_off(skipped.min(rows.len()));
        let next = rows
            .get(limit)
            .filter(|_| limit > 0)
            .map(|row| row.image.id.to_string());
        rows.truncate(limit);
        Ok((rows, next))
    }

    /// The index's page, of what had been posted when the walk began.
    fn by_rank<'s>(
        &self,
        mut rows: Vec<Row<'s>>,
        limit: usize,
        site: &Site<'_>,
    ) -> Result<Page<'s>, Response> {
        let form = site.state.switches.image_cursors;
        let place = match self.cursor {
            Some(cursor) => Place::parse(cursor, form)
                .ok_or_else(|| coded(400, "Invalid cursor", "BAD_REQUEST"))?,
            None => Place::first(site.now),
        };
        rows.retain(|row| row.image.created_at.as_millisecond() <= place.moment);
        rows.sort_by_key(|row| (self.rank(row.image), Reverse(row.image.id)));
        let next = place.after(limit);
        let more = limit > 0 && rows.len() > next.offset;
        let page = rows.into_iter().skip(place.offset).take(limit).collect();
        Ok((page, more.then(|| next.spelled(form))))
    }

    fn rank(&self, image: &Image) -> i64 {
        let stats = &image.stats;
        match self.sort {
            "Most Comments" => -i64::from(stats.comments),
            "Most Collected" => -i64::from(stats.collected),
            "Newest" => -image.created_at.as_millisecond(),
            "Oldest" => image.created_at.as_millisecond(),
            "Random" => mix(0, image.id.into()).cast_signed(),
            _ => -i64::from(stats.reactions()),
        }
    }
}

type Page<'s> = (Vec<Row<'s>>, Option<String>);

/// A picture with the version whose showcase it is in.
#[derive(Debug, Clone, Copy)]
struct Row<'s> {
    image: &'s Image,
    version: Option<&'s Version>,
}

impl<'s> Row<'s> {
    fn all(state: &'s State) -> impl Iterator<Item = Self> {
        let shown = state.versions().filter(|(model, _)| model.is_public());
        let showcase = shown.flat_map(|(_, version)| {
            version.images.iter().map(move |image| Row {
                image,
                version: Some(version),
            })
        });
        showcase.chain(state.gallery.iter().map(|image| Row {
            image,
            version: None,
        }))
    }

    fn uses(&self, version_id: u32) -> bool {
        self.version.is_some_and(|version| version.id == version_id)
            || self.image.resources.contains(&version_id)
    }

    fn version_ids(&self) -> Vec<u32> {
        let own = self.version.map(|version| version.id);
        let mut ids: Vec<u32> = own
            .into_iter()
            .chain(self.image.resources.iter().copied())
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    fn base_model(&self, state: &'s State) -> Option<&'s str> {
        let lent = || {
            self.image
                .resources
                .iter()
                .find_map(|&id| state.find_version(id))
                .map(|(_, version)| version)
        };
        self.version
            .or_else(lent)
            .map(|version| version.base_model.as_str())
    }

    fn item(&self, state: &State, filter: &Filter<'_>, wrapped: bool) -> Value {
        let image = self.image;
        let label = level_label(image.level);
        let meta = match image.visible_meta() {
            _ if !filter.with_meta => Value::Null,
            meta if wrapped => json!({ "id": image.id, "meta": meta }),
            meta => json!(meta),
        };
        let reactions = &image.stats;
        let mut item = object(json!({
            "id": image.id,
            "url": image_url(image, &image.uuid),
            "hash": image.hash,
            "width": image.width,
            "height": image.height,
            "nsfwLevel": label,
            "type": image.kind,
            "nsfw": label != "None",
            "browsingLevel": image.level,
            "createdAt": zoned(image.created_at),
            "postId": image.post_id,
            "stats": {
                "cryCount": reactions.cry,
                "laughCount": reactions.laugh,
                "likeCount": reactions.like,
                "dislikeCount": reactions.dislike,
                "heartCount": reactions.heart,
                "commentCount": reactions.comments,
            },
            "meta": meta,
            "username": state.user(image.user_id).and_then(|user| user.username.as_deref()),
            "baseModel": self.base_model(state),
        }));
        let version_ids = self.version_ids();
        if !version_ids.is_empty() {
            item.insert("modelVersionIds".to_owned(), version_ids.into());
        }
        if filter.with_tags {
            let tags: Vec<Value> = image
                .tags
                .iter()
                .map(|(id, name)| json!({ "id": id, "name": name }))
                .collect();
            item.insert("tags".to_owned(), tags.into());
        }
        item.into()
    }
}

/// Levels behind the old words. `true` leaves the safe pictures out.
fn levels_named(name: &str) -> u32 {
    match name {
        "Soft" => 3,
        "Mature" => 7,
        "X" => 31,
        "Blocked" => 32,
        "true" => 60,
        _ => 1,
    }
}

fn level_label(level: u32) -> &'static str {
    match level {
        2 => "Soft",
        4 => "Mature",
        8 | 16 => "X",
        32 => "Blocked",
        _ => "None",
    }
}

fn coded(status: u16, message: &str, code: &str) -> Response {
    Response::json(status, &json!({ "error": message, "code": code }))
}

const NSFW_NAMES: [&str; 7] = ["None", "Soft", "Mature", "X", "Blocked", "true", "false"];
const MOST_PAGED: u64 = 1000;
