//! `GET /model-versions/{id}`: one version, whatever its model's state.

use crate::http::{Request, Response};
use crate::routes::body::{Shape, View};
use crate::routes::params::{MAX_ID, path_id, request_origin};
use crate::routes::{Site, error, ok};
use crate::state::{Status, Version};

pub(super) fn single(site: &Site<'_>, request: &Request, id: &str) -> Response {
    if id.parse::<f64>().is_ok_and(|id| id > f64::from(MAX_ID)) {
        // The schema lets it pass and the database does not.
        return error(500, FAILED);
    }
    let id = match path_id(id) {
        Ok(id) => id,
        Err(refusal) => return refusal,
    };
    let Some((model, version)) = site
        .state
        .find_version(id)
        .filter(|(_, version)| is_shown(version))
    else {
        return error(404, "Model not found");
    };
    if version.files.iter().any(|file| file.metadata.is_none()) {
        return error(500, FAILED);
    }
    let view = View {
        state: site.state,
        shape: Shape::Version,
        origin: &request_origin(site, request),
        now: site.now,
        preferences: None,
        levels: u32::MAX,
    };
    view.version(model, version)
        .map_or_else(|| error(404, "Missing model file"), |body| ok(&body))
}

fn is_shown(version: &Version) -> bool {
    version.status == Status::Published && !matches!(version.nsfw_level, 0 | BLOCKED)
}

const BLOCKED: u32 = 32;
const FAILED: &str = "Failed to fetch model version details";
