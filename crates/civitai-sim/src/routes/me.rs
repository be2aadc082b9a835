//! `GET /me`: who a token belongs to.

use serde_json::json;

use crate::http::{Request, Response};
use crate::routes::body::object;
use crate::routes::{Site, credentials, error, ok};

pub(super) fn me(site: &mut Site<'_>, request: &Request, _: u32) -> Response {
    let Some((user, token)) = credentials(site.state, request) else {
        return error(401, "Unauthorized");
    };
    let mut body = object(json!({ "id": user.id, "username": user.username }));
    if let Some(tier) = &user.tier {
        body.insert("tier".to_owned(), tier.as_str().into());
    }
    let subscriptions: &[&str] = if user.is_member() { &["yellow"] } else { &[] };
    body.extend(object(json!({
        "status": user.standing.as_str(),
        "isMember": user.is_member(),
        "subscriptions": subscriptions,
    })));
    if let Some(email) = &user.email {
        body.insert("email".to_owned(), email.as_str().into());
        body.insert("emailVerified".to_owned(), true.into());
    }
    body.extend(object(json!({
        "tokenScope": token.scope,
        "buzzLimit": null,
        "subject": { "type": "apiKey", "id": user.id },
    })));
    ok(&body.into())
}
