//! `GET /models`: the catalogue, its filters and its cursors.

mod filter;
mod order;

use std::cmp::Reverse;

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::routes::body::{Shape, View};
use crate::routes::params::{next_page, refused, request_origin};
use crate::routes::{Site, busy, error, message, ok};
use crate::state::{Model, State};

use self::filter::{Filter, PUBLIC_LEVELS, Scope};
use self::order::{Key, Sort};

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

const MOST_PAGED: u64 = 1000;
