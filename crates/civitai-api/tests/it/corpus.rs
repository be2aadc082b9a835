//! Recorded payloads through the type that they are. `CIVITAI_CORPUS` names the folder that holds them as `api/*.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use civitai_api::article::Article;
use civitai_api::collection::Collection;
use civitai_api::creator::{Creator, Me, User};
use civitai_api::envelope::{Enums, ErrorBody, Page};
use civitai_api::tag::Tag;
use civitai_api::vault::{VaultAnswer, VaultCheck, VaultItem, VaultToggle};
use civitai_api::version::{HashMatch, MiniVersion};
use civitai_api::wire::List;
use civitai_api::{File, Image, Model, Version};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::leaves::{differing, leaves};
use crate::round_trip::through;

/// Sends a member of another program's record through `T` and puts it back. Such programs trim what they quote: a member
/// that is missing or names nothing is none of the API's objects and stays as it is.
fn embedded<T: DeserializeOwned + Serialize>(record: &Value, key: &str) -> Option<Value> {
    let mut record = record.clone();
    if let Some(member) = record
        .get_mut(key)
        .filter(|member| member.is_array() || member.get("id").is_some())
    {
        *member = through::<T>(member)?;
    }
    Some(record)
}

/// Sends a payload through the type that its kind and shape name.
fn round_trip(kind: &str, value: &Value) -> Option<Value> {
    let has = |key: &str| value.get(key).is_some();
    match kind {
        "model" => through::<Model>(value),
        "model_version" if value.is_array() => through::<List<Version>>(value),
        "model_version" => through::<Version>(value),
        "models_list" if value.is_array() => through::<List<Model>>(value),
        "models_list" => through::<Page<Model>>(value),
        "images" => through::<Page<Image>>(value),
        "tags" => through::<Page<Tag>>(value),
        "creators" => through::<Page<Creator>>(value),
        "articles" if has("items") => through::<Page<Article>>(value),
        "articles" => through::<Article>(value),
        "collections" if has("items") => through::<Page<Collection>>(value),
        "collections" => through::<Collection>(value),
        "users" if has("items") => through::<Page<User>>(value),
        "users" => through::<Me>(value),
        "vault" if value.is_array() => through::<List<VaultCheck>>(value),
        "vault" if has("items") => through::<Page<VaultItem>>(value),
        "vault" if has("vault") => through::<VaultAnswer>(value),
        "vault" => through::<VaultToggle>(value),
        "enums" => through::<Enums>(value),
        "error" if value.is_array() => through::<List<Value>>(value),
        "error" => through::<ErrorBody>(value),
        "model_version_part" if has("air") => through::<MiniVersion>(value),
        "model_version_part" if has("sizeKB") => through::<File>(value),
        "model_version_part" => match value.get(0) {
            Some(Value::String(_)) => through::<List<String>>(value),
            Some(first) if first.get("hash").is_some() => through::<List<HashMatch>>(value),
            _ => through::<List<Version>>(value),
        },
        // Generation data, where a picture carries it.
        "image_meta" => through::<Image>(&serde_json::json!({"meta": value}))?
            .get("meta")
            .cloned(),
        // Another program's record of a file, with Civitai's version inside.
        "lm_metadata" => embedded::<Version>(value, "civitai"),
        // An archive's record of a model, with a version in Civitai's shape inside.
        "civarchive_model" => embedded::<Version>(value, "version"),
        // Another program's record of a picture; its models are named by version and hash, as in a bulk lookup.
        "recipe" => embedded::<List<HashMatch>>(value, "loras"),
        _ => None,
    }
}

/// Returns the kind that the index of the corpus gives each file.
fn kinds(corpus: &Path) -> BTreeMap<String, String> {
    let index = fs_err::read_to_string(corpus.join("api/INDEX.tsv")).unwrap_or_default();
    let row = |line: &str| {
        let mut cells = line.split('\t');
        Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
    };
    index.lines().skip(1).filter_map(row).collect()
}

#[test]
fn every_recorded_payload_survives_its_type() {
    let Some(corpus) = std::env::var_os("CIVITAI_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: no corpus");
        return;
    };
    let kinds = kinds(&corpus);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut total, mut compared) = (0, 0);
    let mut failures = Vec::new();
    for entry in fs_err::read_dir(corpus.join("api")).expect("the corpus has a folder api") {
        let path = entry.expect("readable folder").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path
            .file_name()
            .expect("listed")
            .to_string_lossy()
            .into_owned();
        // A file's name begins with its kind, too.
        let from_name = || name.split("__").next().unwrap_or_default().to_owned();
        let kind = kinds.get(&name).cloned().unwrap_or_else(from_name);
        let value: Value =
            serde_json::from_slice(&fs_err::read(&path).expect("readable file")).expect("JSON");
        total += 1;
        compared += leaves(&value).len();
        match round_trip(&kind, &value) {
            None => failures.push(format!("{name}: not readable as {kind}")),
            Some(after) => {
                let lost = differing(&value, &after);
                if !lost.is_empty() {
                    failures.push(format!(
                        "{name}: {} leaves differ, first {}",
                        lost.len(),
                        lost[0]
                    ));
                }
                *counts.entry(kind).or_default() += 1;
            }
        }
    }
    let read: usize = counts.values().sum();
    eprintln!(
        "{read} of {total} payloads read, {compared} leaves compared, {} failures: {counts:?}",
        failures.len()
    );
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(total > 0, "no payloads in {}", corpus.display());
}
