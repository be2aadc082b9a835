//! `GET /permissions/check`: whether a version may be generated with. It answers no question about downloads.

use serde_json::{Map, Value, json};

use crate::http::{Request, Response};
use crate::routes::params::{Params, refused};
use crate::routes::{Site, ok};
use crate::state::Status;

pub(super) fn check(site: &mut Site<'_>, request: &Request) -> Response {
    let mut params = Params::new(request);
    let ids = params.ids("entityIds");
    params.choice("entityType", &["ModelVersion"]);
    params.choice("permission", &["Generate"]);
    params.id("userId");
    if ids.is_none() {
        params.complain(
            "entityIds",
            "invalid_type",
            "Invalid input: expected string, received undefined",
        );
    }
    if let Err(issues) = params.finish() {
        return refused(&issues);
    }
    let ids = ids.unwrap_or_default();
    if ids.is_empty() {
        return ok(&json!([]));
    }
    let may = |id: u32| {
        site.state.find_version(id).is_some_and(|(model, version)| {
            model.is_public()
                && version.status == Status::Published
                && version.covered
                && version.gate(site.now).is_none()
        })
    };
    let answers: Map<String, Value> = ids
        .into_iter()
        .map(|id| (id.to_string(), may(id).into()))
        .collect();
    ok(&answers.into())
}
