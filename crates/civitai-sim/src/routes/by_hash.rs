//! Versions by the hash of one of their files: one at a time, a hundred whole, ten thousand as ids.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::http::{Request, Response};
use crate::routes::body::{Shape, View};
use crate::routes::params::request_origin;
use crate::routes::{Site, cached, error, ok};
use crate::state::{File, Model, State, Status, Version};

/// The version that was published first of all that have a file with this hash, of whatever type.
pub(super) fn single(site: &Site<'_>, request: &Request, hash: &str) -> Response {
    let found = published(site.state)
        .filter(|(_, _, file)| file.has_hash(hash))
        .min_by_key(|(_, version, _)| {
            let date = version.published_at;
            (date.is_none(), date, version.id)
        });
    let origin = request_origin(site, request);
    let body = found.and_then(|(model, version, _)| view(site, &origin).version(model, version));
    let response = body.map_or_else(|| error(404, "Model not found"), |body| ok(&body));
    cached(
        response,
        "public, s-maxage=3600, stale-while-revalidate=1800",
    )
}

/// One body for every file with one of the hashes: a version with two such files comes twice, one whose files were
/// all replaced comes as null, and the URLs are on a host called "undefined".
pub(super) fn bodies(site: &mut Site<'_>, request: &Request) -> Response {
    let Some(wanted) = hashes(request, MOST_BODIES) else {
        return error(
            400,
            "Request must include an array of SHA256 Hashes. Maximum array size is 100.",
        );
    };
    let view = view(site, "https://undefined");
    let bodies: Vec<Value> = matches(site.state, &wanted)
        .map(|(model, version, _)| view.version(model, version).unwrap_or(Value::Null))
        .collect();
    ok(&Value::from(bodies))
}

/// One row for every file with one of the hashes.
pub(super) fn ids(site: &mut Site<'_>, request: &Request) -> Response {
    let Some(wanted) = hashes(request, MOST_IDS) else {
        return error(
            400,
            "Request must include an array of SHA256 Hashes. Maximum array size is 10000.",
        );
    };
    let rows: Vec<Value> = matches(site.state, &wanted)
        .map(|(model, version, hash)| json!({ "modelVersionId": version.id, "modelId": model.id, "hash": hash }))
        .collect();
    ok(&Value::from(rows))
}

fn view<'a>(site: &'a Site<'_>, origin: &'a str) -> View<'a> {
    View {
        state: site.state,
        shape: Shape::ByHash,
        origin,
        now: site.now,
        preferences: None,
        levels: u32::MAX,
    }
}

fn matches<'a>(
    state: &'a State,
    wanted: &'a HashSet<String>,
) -> impl Iterator<Item = (&'a Model, &'a Version, String)> {
    published(state).filter_map(|(model, version, file)| {
        let (_, sha256) = file
            .hashes()
            .into_iter()
            .find(|(kind, _)| kind == "SHA256")?;
        wanted.contains(&sha256).then_some((model, version, sha256))
    })
}

fn published(state: &State) -> impl Iterator<Item = (&Model, &Version, &File)> {
    state.files().filter(|(model, version, _)| {
        model.status == Status::Published && version.status == Status::Published
    })
}

/// The hashes of a body, upper-case: none unless it is declared as JSON and is a list of as many SHA-256 as allowed.
fn hashes(request: &Request, most: usize) -> Option<HashSet<String>> {
    let declared = request
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"));
    let body: Vec<String> = serde_json::from_slice(&request.body)
        .ok()
        .filter(|_| declared)?;
    let fits = (1..=most).contains(&body.len())
        && body
            .iter()
            .all(|hash| hash.chars().count() == SHA256_DIGITS);
    fits.then(|| body.into_iter().map(|hash| hash.to_uppercase()).collect())
}

const MOST_BODIES: usize = 100;
const MOST_IDS: usize = 10_000;
const SHA256_DIGITS: usize = 64;
