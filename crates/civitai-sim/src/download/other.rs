//! The download routes beside the one for models.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::content::{Content, Kind};
use crate::http::{Body, FileBody, Length, Request, Response};
use crate::routes::session;
use crate::sign;
use crate::site::World;
use crate::state::{Backend, State, UsageControl, User, Vault, VaultItem};
use crate::storage::Object;

pub(super) fn answer(world: &World, request: &Request, rest: &[&str]) -> Response {
    let state = world.lock();
    let user = session(&state, request);
    match rest {
        ["attachments", id] => match user {
            None => sign_in(request),
            Some(user) => attached(world, &state, request, user, id),
        },
        ["training", version] => training(&state, request, user, version),
        ["vault", item] => vault(world, &state, request, user, item),
        key => match user {
            None => sign_in(request),
            Some(_) if key.is_empty() || key.contains(&"..") => {
                Response::json(400, &json!({ "error": "Invalid download key" }))
            }
            Some(_) => Response::json(404, &json!({ "error": "Not found" })),
        },
    }
}

/// These routes tell programs from browsers by the content type of a request that has no content.
fn wants_json(request: &Request) -> bool {
    request.header("content-type") == Some("application/json")
}

fn sign_in(request: &Request) -> Response {
    if wants_json(request) {
        Response::json(401, &json!({ "error": "Unauthorized" }))
    } else {
        Response::redirect(
            307,
            &format!("/login?returnUrl={}", sign::encode(&request.path)),
        )
    }
}

fn by_content_type(request: &Request, status: u16, words: &str) -> Response {
    if wants_json(request) {
        Response::json(status, &json!({ "error": words }))
    } else {
        Response::text(status, words)
    }
}

/// A file of an article or a bounty.
fn attached(world: &World, state: &State, request: &Request, user: &User, id: &str) -> Response {
    let found = id.parse().ok().and_then(|id| state.attachments.get(&id));
    let Some(attachment) = found else {
        return by_content_type(request, 404, "File not found");
    };
    if attachment.only_for.is_some_and(|only| only != user.id) {
        return by_content_type(request, 403, "Forbidden");
    }
    let object = Object {
        file: None,
        version: None,
        owner: user.id,
        name: format!("{}-{}", attachment.id, attachment.name),
        content: attachment.content.clone(),
    };
    Response::redirect(
        307,
        &world.storage.sign(Backend::R2, object, &attachment.name),
    )
}

/// One epoch of a training run, streamed through the site itself: no redirect, no ranges, no length.
fn training(state: &State, request: &Request, user: Option<&User>, version: &str) -> Response {
    let Some(user) = user else {
        return error(401, "Unauthorized");
    };
    let Some((model, version)) = version.parse().ok().and_then(|id| state.find_version(id)) else {
        return error(404, "Model version not found");
    };
    if model.user_id != user.id {
        return error(403, "Forbidden");
    }
    let Some(epoch) = request
        .query("epochNumber")
        .and_then(|text| text.parse::<u32>().ok())
    else {
        return error(400, "Invalid epoch number");
    };
    let seed = u64::from(version.id) << 32 | u64::from(epoch);
    let content = Content::new(Kind::SafeTensors, seed, EPOCH_BYTES);
    let mut response = Response::empty(200)
        .with_header("Content-Type", "application/octet-stream")
        .with_header(
            "Content-Disposition",
            &sign::attachment(&format!("{}_epoch_{epoch}.safetensors", model.name)),
        )
        .with_length(Length::Chunked);
    response.body = Body::File(Box::new(FileBody::of(content)));
    response
}

/// What a member keeps. It can be had after the model is gone.
fn vault(
    world: &World,
    state: &State,
    request: &Request,
    user: Option<&User>,
    item: &str,
) -> Response {
    let Some(user) = user else {
        return error(401, "Unauthorized");
    };
    let file = request.query("fileId").map(str::parse::<u32>).transpose();
    let (Ok(id), Ok(file), Some(kind @ ("model" | "images" | "details"))) =
        (item.parse::<u32>(), file, request.query("type"))
    else {
        return error(400, "Invalid request");
    };
    let own = user
        .vault
        .as_ref()
        .and_then(|vault| Some((vault, vault.items.iter().find(|item| item.id == id)?)));
    let Some((vault, item)) = own else {
        let foreign = state
            .users
            .values()
            .filter_map(|user| user.vault.as_ref())
            .any(|vault| has(vault, id));
        return if foreign {
            error(503, "You do not have permission to download this model.")
        } else {
            error(404, "Vault item not found")
        };
    };
    if is_long_overfull(vault, world.storage.clock.now()) {
        return error(403, "Your vault has exceeded its storage limit.");
    }
    let allowed = state
        .find_version(item.version_id)
        .is_none_or(|(_, version)| version.usage_control == UsageControl::Download);
    if !allowed {
        return error(503, "This model does not allow downloads.");
    }
    match vault_object(state, item, kind, file) {
        Some((object, name)) => {
            Response::redirect(307, &world.storage.sign(Backend::R2, object, &name))
        }
        None => error(404, "File not found"),
    }
}

fn vault_object(
    state: &State,
    item: &VaultItem,
    kind: &str,
    wanted: Option<u32>,
) -> Option<(Object, String)> {
    let object = |file, name: &str, content| Object {
        file,
        version: Some(item.version_id),
        owner: item.creator_id.unwrap_or_default(),
        name: name.to_owned(),
        content,
    };
    let kept = |name: &str, kind| {
        let content = Content::new(kind, u64::from(item.id), KEPT_BYTES);
        Some((
            object(None, &format!("{}-{name}", item.id), content),
            name.to_owned(),
        ))
    };
    match kind {
        "images" => kept("images.zip", Kind::Zip),
        "details" => kept("details.pdf", Kind::Raw),
        _ => {
            let (id, name, _) = item
                .files
                .iter()
                .find(|(id, ..)| wanted.is_none_or(|wanted| wanted == *id))?;
            let content = match state.find_file(*id) {
                Some((_, _, file)) => file.content.clone(),
                // The bytes outlive the database row they came from.
                None => crate::state::File::new(*id, name, KEPT_BYTES).content,
            };
            Some((object(Some(*id), name, content), name.clone()))
        }
    }
}

fn has(vault: &Vault, id: u32) -> bool {
    vault.items.iter().any(|item| item.id == id)
}

fn is_long_overfull(vault: &Vault, now: Timestamp) -> bool {
    let used: f64 = vault
        .items
        .iter()
        .flat_map(|item| &item.files)
        .map(|(_, _, size_kb)| size_kb)
        .sum();
    let room = u32::try_from(vault.storage_kb).unwrap_or(u32::MAX);
    used > f64::from(room) && now.duration_since(vault.updated_at).unsigned_abs() > GRACE
}

fn error(status: u16, words: &str) -> Response {
    Response::json(status, &json!({ "error": words }))
}

const EPOCH_BYTES: u64 = 3 << 20;
const KEPT_BYTES: u64 = 256 << 10;
const GRACE: Duration = Duration::from_hours(30 * 24);
