//! `GET /creators`: who has models, in no order worth relying on.

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::routes::body::{object, portrait};
use crate::routes::params::{Params, next_page, request_origin};
use crate::routes::{Site, ok};
use crate::state::{Status, User};

pub(super) fn list(site: &mut Site<'_>, request: &Request) -> Response {
    let mut params = Params::new(request);
    let (limit, page) = paging(&mut params);
    let query = params.filled("query").map(str::to_lowercase);
    if let Err(issues) = params.finish() {
        return Response::json(400, &Value::from(issues));
    }
    let named = |user: &&User| {
        let name = user.username.as_deref().unwrap_or_default().to_lowercase();
        !name.is_empty() && query.as_ref().is_none_or(|query| name.contains(query))
    };
    let creators: Vec<&User> = site.state.users.values().filter(named).collect();
    let first = page.saturating_sub(1).saturating_mul(limit);
    let origin = request_origin(site, request);
    let items: Vec<Value> = creators
        .iter()
        .skip(first)
        .take(limit)
        .map(|user| creator(site, &origin, user))
        .collect();

    let has_more = creators.len() > first.saturating_add(limit);
    // A search stops counting one item after the page.
    let total = if query.is_some() {
        creators.len().min(first.saturating_add(limit) + 1)
    } else {
        creators.len()
    };
    let pages = total.div_ceil(limit).max(1);
    let mut metadata = object(json!({
        "totalItems": total, "currentPage": page, "pageSize": limit, "totalPages": pages,
    }));
    if query.is_some() {
        metadata.insert("hasMore".to_owned(), has_more.into());
    }
    if page < pages {
        metadata.insert(
            "nextPage".to_owned(),
            next_page(site, request, "page", &(page + 1).to_string()).into(),
        );
    }
    if pages > 1 && page > 1 {
        metadata.insert(
            "prevPage".to_owned(),
            next_page(site, request, "page", &(page - 1).to_string()).into(),
        );
    }
    ok(&json!({ "items": items, "metadata": metadata }))
}

/// `limit` and `page` as creators and tags read them.
pub(super) fn paging(params: &mut Params<'_>) -> (usize, usize) {
    let limit = params.whole("limit", 1, 200).unwrap_or(20);
    let page = params.whole("page", 0, u32::MAX).unwrap_or(1);
    (
        usize::try_from(limit).unwrap_or(20),
        usize::try_from(page).unwrap_or(1),
    )
}

fn creator(site: &Site<'_>, origin: &str, user: &User) -> Value {
    let name = user.username.as_deref().unwrap_or_default();
    let owns = |model: &&crate::state::Model| {
        model.user_id == user.id && model.status == Status::Published
    };
    let models = site.state.models.values().filter(owns).count();
    let mut item = object(json!({ "username": name }));
    if models > 0 {
        item.insert("modelCount".to_owned(), models.into());
    }
    item.insert(
        "link".to_owned(),
        format!("{origin}/api/v1/models?username={name}").into(),
    );
    if let Some(image) = portrait(user.image.as_deref()) {
        item.insert("image".to_owned(), image.into());
    }
    item.into()
}
