//! `GET /users`: people by id or by the start of their name.

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::routes::params::{Params, error_object};
use crate::routes::{Site, busy, ok};
use crate::state::User;

pub(super) fn list(site: &mut Site<'_>, request: &Request) -> Response {
    let mut params = Params::new(request);
    let ids = params.ids("ids");
    let query = params.filled("query").map(str::to_lowercase);
    if let Err(issues) = params.finish() {
        return Response::json(400, &error_object(&issues));
    }
    if query.is_some() && site.state.switches.search_overloaded {
        return busy(
            503,
            "User search is temporarily overloaded — please retry.",
            2,
        );
    }
    let starts = |user: &&User| {
        let name = user.username.as_deref().unwrap_or_default().to_lowercase();
        query.as_ref().is_none_or(|query| name.starts_with(query))
    };
    let most = if ids.is_some() {
        usize::MAX
    } else {
        MOST_WITHOUT_IDS
    };
    let items: Vec<Value> = site
        .state
        .users
        .values()
        .filter(|user| ids.as_ref().is_none_or(|ids| ids.contains(&user.id)))
        .filter(starts)
        .filter_map(|user| {
            Some(json!({ "id": user.id, "username": user.username.as_deref()?, "avatarNsfw": "None" }))
        })
        .take(most)
        .collect();
    ok(&json!({ "items": items }))
}

const MOST_WITHOUT_IDS: usize = 5;
