//! `GET /models/{id}`: one model, with nulls and empty lists left out of its versions.

use crate::http::Response;
use crate::routes::body::{Shape, Trim, View};
use crate::routes::params::path_id;
use crate::routes::{Site, error, ok};

pub(super) fn single(site: &Site<'_>, id: &str) -> Response {
    let id = match path_id(id) {
        Ok(id) => id,
        Err(refusal) => return refusal,
    };
    let found = site
        .state
        .model(id)
        .filter(|model| model.is_public() && model.nsfw_level != 0 && !model.poi);
    let Some(model) = found else {
        return error(404, &format!("No model with id {id}"));
    };
    let view = View {
        state: site.state,
        shape: Shape::Single,
        origin: site
            .state
            .switches
            .configured_origin
            .as_deref()
            .unwrap_or(site.origin),
        now: site.now,
        preferences: None,
        levels: u32::MAX,
    };
    ok(&view.model(
        model,
        &Trim {
            unsearchable_too: true,
            ..Trim::default()
        },
    ))
}
