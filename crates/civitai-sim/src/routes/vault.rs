//! The vault of a paying member: kept versions that outlive their models.

use std::cmp::Reverse;

use serde_json::{Value, json};

use crate::file_name::download_name;
use crate::http::{Request, Response};
use crate::routes::body::zoned;
use crate::routes::params::{Params, error_object, refused};
use crate::routes::{Site, ok};
use crate::state::{State, Vault, VaultItem};
use crate::vocabulary::VAULT_SORTS;

/// The member's vault, made on the first look; null for everybody else.
pub(super) fn get(site: &mut Site<'_>, _: &Request, user: u32) -> Response {
    let vault = opened(site, user).map(|vault| {
        json!({
            "userId": user,
            "storageKb": vault.storage_kb,
            "usedStorageKb": vault.items.iter().map(model_size_kb).sum::<u64>(),
            "meta": {},
            "updatedAt": zoned(vault.updated_at),
            "createdAt": zoned(vault.created_at),
        })
    });
    ok(&json!({ "vault": vault }))
}

pub(super) fn all(site: &mut Site<'_>, request: &Request, user: u32) -> Response {
    let mut params = Params::new(request);
    for name in LISTS {
        if request.query_all(name).count() == 1 {
            params.complain(name, "invalid_type", "Invalid input: received string");
        }
    }
    for name in DATES {
        params.refuse(name);
    }
    let limit = params.whole("limit", 1, 200).unwrap_or(60);
    let page = params.whole("page", 1, u32::MAX).unwrap_or(1);
    let query = params.filled("query").map(str::to_lowercase);
    let sort = params
        .choice("sort", &VAULT_SORTS)
        .unwrap_or("Recently Added");
    // Nobody catches what this validator throws.
    if let Err(issues) = params.finish() {
        return unexpected(&error_object(&issues));
    }
    let Some(vault) = opened(site, user) else {
        return failed("Vault not found");
    };
    let fits = |item: &&VaultItem| {
        query
            .as_ref()
            .is_none_or(|query| item.model_name.to_lowercase().contains(query))
            && is_among(request, "types", &item.kind)
            && is_among(request, "categories", &item.category)
            && is_among(request, "baseModels", &item.base_model)
    };
    let mut items: Vec<&VaultItem> = vault.items.iter().filter(fits).collect();
    sort_items(&mut items, sort);
    let total = items.len();
    let per_page = usize::try_from(limit).unwrap_or(usize::MAX);
    let first = usize::try_from(page - 1)
        .unwrap_or(usize::MAX)
        .saturating_mul(per_page);
    let shown: Vec<Value> = items
        .into_iter()
        .skip(first)
        .take(per_page)
        .map(|item| body(user, item))
        .collect();
    ok(&json!({
        "items": shown,
        "totalItems": total,
        "currentPage": page,
        "pageSize": limit,
        "totalPages": total.div_ceil(per_page).max(1),
    }))
}

fn is_among(request: &Request, name: &str, value: &str) -> bool {
    let mut options = request.query_all(name).peekable();
    options.peek().is_none() || options.any(|option| option == value)
}

fn sort_items(items: &mut [&VaultItem], sort: &str) {
    match sort {
        "Model Name" => items.sort_by(|a, b| a.model_name.cmp(&b.model_name)),
        "Model Size" => items.sort_by_key(|item| Reverse(model_size_kb(item))),
        "Recently Created" => items.sort_by_key(|item| Reverse(item.created_at)),
        _ => items.sort_by_key(|item| Reverse(item.added_at)),
    }
}

/// What the vault holds of some versions, in the order asked.
pub(super) fn check(site: &mut Site<'_>, request: &Request, user: u32) -> Response {
    let mut params = Params::new(request);
    let ids = params.ids("modelVersionIds");
    if ids.is_none() {
        params.complain(
            "modelVersionIds",
            "invalid_type",
            "Invalid input: expected string, received undefined",
        );
    }
    if let Err(issues) = params.finish() {
        return refused(&issues);
    }
    let vault = opened(site, user);
    let held = |id: u32| {
        vault
            .as_ref()?
            .items
            .iter()
            .find(|item| item.version_id == id)
    };
    let rows: Vec<Value> = ids
        .unwrap_or_default()
        .into_iter()
        .map(|id| json!({ "modelVersionId": id, "vaultItem": held(id).map(|item| body(user, item)) }))
        .collect();
    ok(&rows.into())
}

/// Puts a version into the vault, or takes it out if it is there.
pub(super) fn toggle(site: &mut Site<'_>, request: &Request, user: u32) -> Response {
    let Some(id) = request
        .query("modelVersionId")
        .and_then(|id| id.parse::<u32>().ok())
    else {
        return failed("Invalid input");
    };
    let now = site.now;
    let item = kept(site, id);
    let (Some(vault), Some(mut item)) = (opened(site, user), item) else {
        return failed("Unable to toggle the vault item");
    };
    vault.updated_at = now;
    let before = vault.items.len();
    vault.items.retain(|item| item.version_id != id);
    if vault.items.len() == before {
        item.id = vault.items.iter().map(|item| item.id).max().unwrap_or(0) + 1;
        vault.items.push(item);
    }
    ok(&json!({ "success": true, "vaultId": user }))
}

fn opened<'a>(site: &'a mut Site<'_>, user: u32) -> Option<&'a mut Vault> {
    let now = site.now;
    let user = site.state.user_mut(user)?;
    user.is_member().then_some(())?;
    Some(user.vault.get_or_insert_with(|| Vault {
        storage_kb: MEMBER_ROOM_KB,
        created_at: now,
        updated_at: now,
        items: Vec::new(),
    }))
}

/// A version as a vault remembers it.
fn kept(site: &Site<'_>, version_id: u32) -> Option<VaultItem> {
    let state: &State = site.state;
    let (model, version) = state.find_version(version_id)?;
    let creator = state.user(model.user_id);
    Some(VaultItem {
        id: 0,
        version_id,
        model_id: model.id,
        model_name: model.name.clone(),
        version_name: version.name.clone(),
        creator_id: creator.map(|user| user.id),
        creator_name: creator
            .and_then(|user| user.username.clone())
            .unwrap_or_default(),
        kind: model.kind.clone(),
        base_model: version.base_model.clone(),
        category: model.tags.first().cloned().unwrap_or_default(),
        status: "Stored".to_owned(),
        created_at: version.created_at,
        added_at: site.now,
        notes: None,
        files: version
            .files
            .iter()
            .map(|file| (file.id, download_name(model, version, file), file.size_kb()))
            .collect(),
    })
}

fn body(user: u32, item: &VaultItem) -> Value {
    let files: Vec<Value> = item
        .files
        .iter()
        .map(|(id, name, size_kb)| {
            json!({ "id": id, "sizeKB": size_kb, "url": format!("https://storage.invalid/vault/{id}"), "displayName": name })
        })
        .collect();
    json!({
        "id": item.id,
        "vaultId": user,
        "status": item.status,
        "files": files,
        "modelVersionId": item.version_id,
        "modelId": item.model_id,
        "modelName": item.model_name,
        "versionName": item.version_name,
        "creatorId": item.creator_id,
        "creatorName": item.creator_name,
        "type": item.kind,
        "baseModel": item.base_model,
        "category": item.category,
        "createdAt": zoned(item.created_at),
        "addedAt": zoned(item.added_at),
        "refreshedAt": null,
        "modelSizeKb": model_size_kb(item),
        "detailsSizeKb": 12,
        "imagesSizeKb": 4096,
        "notes": item.notes,
        "meta": { "failures": 0 },
        "coverImageUrl": null,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are positive and far below the limit"
)]
fn model_size_kb(item: &VaultItem) -> u64 {
    item.files
        .iter()
        .map(|(_, _, size_kb)| *size_kb as u64)
        .sum()
}

fn failed(detail: &str) -> Response {
    unexpected(&json!({ "message": detail }))
}

fn unexpected(error: &Value) -> Response {
    Response::json(
        500,
        &json!({ "message": "An unexpected error occurred", "error": error }),
    )
}

const LISTS: [&str; 3] = ["types", "categories", "baseModels"];
const DATES: [&str; 4] = [
    "dateCreatedFrom",
    "dateCreatedTo",
    "dateAddedFrom",
    "dateAddedTo",
];
const MEMBER_ROOM_KB: u64 = 100 << 20;
