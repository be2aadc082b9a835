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
    match Filter::read(request) {
        Err(issues) => refused(&issues),
        Ok(filter) => page(site, request, &filter).unwrap_or_else(|refusal| refusal),
    }
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

/// The query string, read.
#[derive(Debug)]
struct Filter<'a> {
    limit: u32,
    cursor: Option<&'a str>,
    query: Option<String>,
    tags: Option<Vec<u32>>,
    username: Option<&'a str>,
    sort: &'a str,
    period: &'a str,
    nsfw: bool,
}

impl<'a> Filter<'a> {
    fn read(request: &'a Request) -> Result<Self, Vec<Value>> {
        let mut params = Params::new(request);
        let filter = Self {
            limit: params.whole("limit", 1, 100).unwrap_or(100),
            cursor: params.filled("cursor"),
            query: params.filled("query").map(str::to_lowercase),
            tags: params.ids("tags"),
            username: params.filled("username"),
            sort: params.choice("sort", &ARTICLE_SORTS).unwrap_or("Newest"),
            period: params.choice("period", &PERIODS).unwrap_or("AllTime"),
            nsfw: params.strict("nsfw").unwrap_or(false),
        };
        params.finish().map(|()| filter)
    }

    fn fits(&self, article: &Article, now: Timestamp) -> bool {
        let titled = |query: &String| article.title.to_lowercase().contains(query);
        let tagged = |tags: &Vec<u32>| article.tags.iter().any(|(id, _)| tags.contains(id));
        self.query.as_ref().is_none_or(titled)
            && self.tags.as_ref().is_none_or(tagged)
            && article
                .published_at
                .is_some_and(|date| in_period(self.period, date, now))
    }

    /// Where an article stands: a value and, among equals, its id. Both descend.
    fn key(&self, article: &Article) -> (i64, u32) {
        let value = match self.sort {
            "Newest" | "Recently Updated" => article.published_at.map_or(0, Timestamp::as_second),
            _ => i64::from(article.favorites),
        };
        (value, article.id)
    }
}

fn page(site: &Site<'_>, request: &Request, filter: &Filter<'_>) -> Result<Response, Response> {
    let from = filter
        .cursor
        .map(|cursor| parse_cursor(cursor).ok_or_else(|| error(400, "Invalid cursor")));
    let from = from.transpose()?;
    let author = filter.username.map(|name| {
        let user = site.state.user_named(name);
        user.map(|user| user.id)
            .ok_or_else(|| message(404, "User not found"))
    });
    let author = author.transpose()?;
    let mut rows: Vec<&Article> = published(site.state, filter.nsfw)
        .filter(|article| author.is_none_or(|author| article.user_id == author))
        .filter(|article| filter.fits(article, site.now))
        .filter(|article| from.is_none_or(|from| filter.key(article) <= from))
        .collect();
    rows.sort_by_key(|article| Reverse(filter.key(article)));
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let mut metadata = json!({});
    if let Some((value, id)) = rows.get(limit).map(|next| filter.key(next)) {
        let cursor = format!("{value}|{id}");
        metadata["nextPage"] = next_page(site, request, "cursor", &cursor).into();
        metadata["nextCursor"] = cursor.into();
    }
    let items: Vec<Value> = rows
        .into_iter()
        .take(limit)
        .map(|article| body(site.state, article))
        .collect();
    Ok(ok(&json!({ "items": items, "metadata": metadata })))
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
