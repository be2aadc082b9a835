//! `GET /tags`: names of tags, without ids, counts or a total.

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::routes::creators::paging;
use crate::routes::params::{Params, request_origin};
use crate::routes::{Site, ok};

pub(super) fn list(site: &mut Site<'_>, request: &Request) -> Response {
    let mut params = Params::new(request);
    let (limit, page) = paging(&mut params);
    let query = params.filled("query").map(str::to_lowercase);
    if let Err(issues) = params.finish() {
        return Response::json(400, &Value::from(issues));
    }
    let origin = request_origin(site, request);
    let items: Vec<Value> = site
        .state
        .tags
        .iter()
        .filter(|tag| match &query {
            Some(query) => tag.name.to_lowercase().starts_with(query),
            None => tag.featured,
        })
        .skip(page.saturating_sub(1).saturating_mul(limit))
        .take(limit)
        // The name goes into the link as it is, spaces and all.
        .map(|tag| json!({ "name": tag.name, "link": format!("{origin}/api/v1/models?tag={}", tag.name) }))
        .collect();
    // The site does not count tags, so it never sees a next page either.
    let metadata =
        json!({ "totalItems": 0, "currentPage": page, "pageSize": limit, "totalPages": 1 });
    ok(&json!({ "items": items, "metadata": metadata }))
}
