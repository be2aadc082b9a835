//! `GET /articles`: texts, by counters or by date.

use std::cmp::Reverse;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::routes::body::{portrait, zoned};
use crate::routes::params::{Params, in_period, next_page, path_id, refused};
use crate::routes::{Site, error, message, ok, rate_limited};
use crate::state::{Article, State};
use crate::vocabulary::{ARTICLE_SORTS, PERIODS};

pub(super) fn list(site: &mut Site<'_>, request: &Request, user: Option<u32>) -> Response {
    if let Some(refusal) = rate_limited(site, request, user, "articles") {
        return refusal;
    }
    let mut params = Params::new(request);
    let limit = params.whole("limit", 1, 100).unwrap_or(100);
    let cursor = params.filled("cursor");
    let query = params.filled("query").map(str::to_lowercase);
    let tags = params.ids("tags");
    let username = params.filled("username");
    let sort = params.choice("sort", &ARTICLE_SORTS).unwrap_or("Newest");
    let period = params.choice("period", &PERIODS).unwrap_or("AllTime");
    let nsfw = params.strict("nsfw").unwrap_or(false);
    if let Err(issues) = params.finish() {
        return refused(&issues);
    }
    let from = match cursor.map(parse_cursor) {
        None => None,
        Some(Some(from)) => Some(from),
        Some(None) => return error(400, "Invalid cursor"),
    };
    let author = match username.map(|name| site.state.user_named(name)) {
        None => None,
        Some(Some(user)) => Some(user.id),
        Some(None) => return message(404, "User not found"),
    };
    let key = |article: &Article| match sort {
        "Newest" | "Recently Updated" => article.published_at.map_or(0, Timestamp::as_second),
        _ => i64::from(article.favorites),
    };
    let mut rows: Vec<&Article> = published(site.state, nsfw)
        .filter(|article| {
            query
                .as_ref()
                .is_none_or(|query| article.title.to_lowercase().contains(query))
        })
        .filter(|article| author.is_none_or(|author| article.user_id == author))
        .filter(|article| {
            tags.as_ref()
                .is_none_or(|tags| article.tags.iter().any(|(id, _)| tags.contains(id)))
        })
        .filter(|article| {
            article
                .published_at
                .is_some_and(|date| in_period(period, date, site.now))
        })
        .filter(|article| from.is_none_or(|(value, id)| (key(article), article.id) <= (value, id)))
        .collect();
    rows.sort_by_key(|article| Reverse((key(article), article.id)));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut metadata = json!({});
    if let Some(next) = rows.get(limit) {
        let cursor = format!("{}|{}", key(next), next.id);
        metadata["nextPage"] = next_page(site, request, "cursor", &cursor).into();
        metadata["nextCursor"] = cursor.into();
    }
    let items: Vec<Value> = rows
        .into_iter()
        .take(limit)
        .map(|article| body(site.state, article))
        .collect();
    ok(&json!({ "items": items, "metadata": metadata }))
}

pub(super) fn single(
    site: &mut Site<'_>,
    request: &Request,
    user: Option<u32>,
    id: &str,
) -> Response {
    if let Some(refusal) = rate_limited(site, request, user, "articles") {
        return refusal;
    }
    let id = match path_id(id) {
        Ok(id) => id,
        Err(refusal) => return refusal,
    };
    match published(site.state, true).find(|article| article.id == id) {
        Some(article) => ok(&body(site.state, article)),
        None => error(404, &format!("No article with id {id}")),
    }
}

fn published(state: &State, nsfw: bool) -> impl Iterator<Item = &Article> {
    state
        .articles
        .values()
        .filter(|article| article.published_at.is_some())
        .filter(move |article| nsfw || article.nsfw_level & 1 != 0)
}

fn parse_cursor(cursor: &str) -> Option<(i64, u32)> {
    let (value, id) = cursor.split_once('|').filter(|_| cursor.len() <= 100)?;
    Some((value.parse().ok()?, id.parse().ok()?))
}

fn body(state: &State, article: &Article) -> Value {
    let date = article.published_at.map(zoned);
    let tags: Vec<Value> = article
        .tags
        .iter()
        .map(|(id, name)| json!({ "id": id, "name": name, "isCategory": false }))
        .collect();
    let user = state.user(article.user_id);
    let count = article.favorites;
    json!({
        "id": article.id,
        "title": article.title,
        "publishedAt": date,
        "createdAt": date,
        "updatedAt": date,
        "nsfwLevel": article.nsfw_level,
        "availability": "Public",
        "status": "Published",
        "stats": {
            "favoriteCount": count,
            "collectedCount": count / 2,
            "commentCount": count / 4,
            "likeCount": count,
            "heartCount": count / 3,
            "viewCount": u64::from(count) * 60,
            "tippedAmountCount": 0,
        },
        "user": {
            "id": article.user_id,
            "username": user.and_then(|user| user.username.as_deref()),
            "image": user.and_then(|user| portrait(user.image.as_deref())),
        },
        "tags": tags,
        "coverImage": null,
    })
}
