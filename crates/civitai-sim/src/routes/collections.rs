//! `GET /collections`: lists of things, never the things in them.

use std::cmp::Reverse;

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::routes::body::object;
use crate::routes::params::{Params, next_page, path_id, refused};
use crate::routes::{Site, error, message, ok, rate_limited};
use crate::state::{Collection, CollectionRead, State};
use crate::vocabulary::COLLECTION_SORTS;

pub(super) fn list(site: &mut Site<'_>, request: &Request, user: Option<u32>) -> Response {
    if let Some(refusal) = rate_limited(site, request, user, "collections") {
        return refusal;
    }
    match Filter::read(request) {
        Err(issues) => refused(&issues),
        Ok(filter) if filter.by_followers && filter.cursor.is_some() => {
            message(400, "Cursor pagination is not supported for this sort")
        }
        Ok(filter) => page(site, request, &filter),
    }
}

pub(super) fn single(
    site: &mut Site<'_>,
    request: &Request,
    user: Option<u32>,
    id: &str,
) -> Response {
    if let Some(refusal) = rate_limited(site, request, user, "collections") {
        return refusal;
    }
    let id = match path_id(id) {
        Ok(id) => id,
        Err(refusal) => return refusal,
    };
    let visible = |collection: &&Collection| collection.read != CollectionRead::Private;
    let Some(collection) = site.state.collections.get(&id).filter(visible) else {
        return error(404, &format!("No collection with id {id}"));
    };
    let mut body = object(summary(site.state, collection, None));
    let tags: Vec<Value> = collection
        .tags
        .iter()
        .map(|(id, name)| json!({ "id": id, "name": name }))
        .collect();
    body.insert("tags".to_owned(), tags.into());
    ok(&body.into())
}

/// The query string, read.
#[derive(Debug)]
struct Filter {
    limit: u32,
    cursor: Option<u32>,
    query: Option<String>,
    by_followers: bool,
    nsfw: bool,
}

impl Filter {
    fn read(request: &Request) -> Result<Self, Vec<Value>> {
        let mut params = Params::new(request);
        let query = params.filled("query");
        if query.is_some_and(|query| query.chars().count() > 100) {
            params.complain(
                "query",
                "too_big",
                "Too big: expected string to have <=100 characters",
            );
        }
        let filter = Self {
            limit: params.whole("limit", 1, 100).unwrap_or(100),
            cursor: params.id("cursor"),
            query: query.map(str::to_lowercase),
            by_followers: params.choice("sort", &COLLECTION_SORTS) == Some("Most Followers"),
            nsfw: params.strict("nsfw").unwrap_or(false),
        };
        params.finish().map(|()| filter)
    }

    fn fits(&self, collection: &Collection) -> bool {
        let named = |query: &String| collection.name.to_lowercase().contains(query);
        collection.read == CollectionRead::Public
            && (self.nsfw || collection.nsfw_level & 1 != 0)
            && self.query.as_ref().is_none_or(named)
            && self.cursor.is_none_or(|cursor| collection.id <= cursor)
    }

    /// Both descend; among the newest only the id counts.
    fn key(&self, collection: &Collection) -> (u32, u32) {
        (
            if self.by_followers {
                collection.followers
            } else {
                0
            },
            collection.id,
        )
    }
}

fn page(site: &Site<'_>, request: &Request, filter: &Filter) -> Response {
    let mut rows: Vec<&Collection> = site
        .state
        .collections
        .values()
        .filter(|row| filter.fits(row))
        .collect();
    rows.sort_by_key(|row| Reverse(filter.key(row)));
    let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let mut metadata = json!({});
    // Newest first, the cursor is the first collection of the next page, as a number.
    if let Some(next) = rows.get(limit).filter(|_| !filter.by_followers) {
        metadata["nextCursor"] = next.id.into();
        metadata["nextPage"] = next_page(site, request, "cursor", &next.id.to_string()).into();
    }
    let items: Vec<Value> = rows
        .into_iter()
        .take(limit)
        .map(|row| summary(site.state, row, Some(row.items)))
        .collect();
    ok(&json!({ "items": items, "metadata": metadata }))
}

fn summary(state: &State, collection: &Collection, items: Option<u32>) -> Value {
    let user = state.user(collection.user_id);
    let mut body = object(json!({
        "id": collection.id,
        "name": collection.name,
        "description": collection.description,
        "type": collection.kind,
        "nsfwLevel": collection.nsfw_level,
        "read": collection.read.as_str(),
        "isPublic": collection.read == CollectionRead::Public,
    }));
    if let Some(items) = items {
        body.insert("itemCount".to_owned(), items.into());
    }
    body.insert("coverImageUrl".to_owned(), Value::Null);
    let owner = json!({ "id": user.map(|user| user.id), "username": user.and_then(|user| user.username.as_deref()) });
    body.insert("user".to_owned(), owner);
    body.into()
}
