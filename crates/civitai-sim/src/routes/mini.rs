//! `GET /model-versions/mini/{id}`: what a generator needs to know of a version.

use serde_json::{Map, Value, json};

use crate::choice;
use crate::http::{Request, Response};
use crate::routes::body::{air, bare_url, object, zoned};
use crate::routes::params::{Params, path_id, refused, request_origin};
use crate::routes::{Site, error, ok};
use crate::state::{File, Model, Status, Version};

pub(super) fn mini(site: &Site<'_>, request: &Request, user: Option<u32>, id: &str) -> Response {
    let id = match path_id(id) {
        Ok(id) => id,
        Err(refusal) => return refusal,
    };
    let mut params = Params::new(request);
    let file_id = params.id("modelFileId");
    params.refuse("epoch");
    if let Err(issues) = params.finish() {
        return refused(&issues);
    }
    let found = site.state.find_version(id).filter(|(model, version)| {
        version.status == Status::Published && model.status == Status::Published
            || user == Some(model.user_id)
    });
    let Some((model, version)) = found else {
        return error(404, "Model not found");
    };
    // Whether the file may be shown is nobody's question here.
    let file = match file_id {
        Some(file_id) => version.files.iter().find(|file| file.id == file_id),
        None => choice::primary(version, None),
    };
    match (file, file_id) {
        (Some(file), _) => ok(&body(
            site,
            &request_origin(site, request),
            model,
            version,
            file,
            file_id.is_some(),
        )),
        (None, Some(file_id)) => error(
            404,
            &format!("Model file {file_id} not found in version {id}"),
        ),
        (None, None) => error(404, "Missing model file"),
    }
}

fn body(
    site: &Site<'_>,
    origin: &str,
    model: &Model,
    version: &Version,
    file: &File,
    by_file: bool,
) -> Value {
    let mut name = air(model, version, Some(file));
    let mut url = api_host(origin, &bare_url(origin, version));
    if by_file {
        name = format!("{name}+{}", file.id);
        url = format!("{url}?fileId={}", file.id);
    }
    let hashes: Map<String, Value> = file
        .hashes()
        .into_iter()
        .map(|(kind, hash)| (kind, hash.into()))
        .collect();
    let mut body = object(json!({
        "air": name,
        "versionName": version.name,
        "modelName": model.name,
        "userId": model.user_id,
        "baseModel": version.base_model,
        "availability": version.availability.as_str(),
        "publishedAt": version.published_at.map(zoned),
        "size": file.size_kb(),
        "fileType": file.kind,
        "fileName": file.name,
        "hashes": hashes,
        "downloadUrls": [url],
    }));
    if let Some(format) = file
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.format.as_deref())
    {
        body.insert("format".to_owned(), format.into());
    }
    let gate = version.gate(site.now);
    body.extend(object(json!({
        "canGenerate": version.covered,
        "isFeatured": false,
        "requireAuth": version.require_auth,
        "checkPermission": gate.is_some() || !model.is_public(),
    })));
    if let Some(ends_at) = gate.and_then(|gate| gate.ends_at) {
        body.insert("earlyAccessEndsAt".to_owned(), zoned(ends_at).into());
    }
    body.extend(object(json!({
        "additionalResourceCharge": false,
        "minor": model.minor,
        "sfwOnly": model.sfw_only,
        "fees": [],
        "payoutEnabled": true,
    })));
    Value::Object(body)
}

/// Asked on the API's own host, downloads lose the `/api` in their path.
fn api_host(origin: &str, url: &str) -> String {
    if origin.contains("api.") {
        url.replacen("/api/download/", "/download/", 1)
    } else {
        url.to_owned()
    }
}
