//! A bill of materials: `CycloneDX` 1.6.

use std::collections::HashSet;

use civitai_api::link::Air;
use civitai_api::model::CommercialUse;
use civitai_download::digest::Digest;
use serde_json::{Map, Value, json};

use super::{Setting, download, page};
use crate::licence::Licence;
use crate::lock::{Lock, Locked};

pub(super) fn write(lock: &Lock, setting: &Setting<'_>) -> String {
    let mut taken = HashSet::new();
    let components: Vec<Value> = lock
        .files()
        .iter()
        .map(|file| {
            let mut name = reference(file);
            // One file may have several places, and a reference must be one in the bill.
            if !taken.insert(name.clone()) {
                name = format!("{name}#{}", file.path);
            }
            component(file, name, setting)
        })
        .collect();
    let bom = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(lock),
        "version": 1,
        "metadata": {
            "tools": { "components": [{
                "type": "application",
                "name": "civitai-dl",
                "version": setting.version,
            }] },
        },
        "components": components,
    });
    let text = serde_json::to_string_pretty(&bom).expect("JSON values can be written");
    text + "\n"
}

fn component(file: &Locked, reference: String, setting: &Setting<'_>) -> Value {
    let about = &file.about;
    let mut component = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            component.insert(key.to_owned(), value);
        }
    };
    put("type", Some("machine-learning-model".into()));
    put("bom-ref", Some(reference.into()));
    put(
        "name",
        Some(about.title.as_deref().unwrap_or(&file.name).into()),
    );
    put("version", about.version_name.as_deref().map(Into::into));
    put(
        "authors",
        about.creator.as_ref().map(|name| json!([{ "name": name }])),
    );
    let hashes = [
        ("SHA-256", file.sha256.map(|digest| digest.to_string())),
        ("BLAKE3", file.blake3.map(|digest| digest.to_string())),
    ];
    let hashes: Vec<Value> = hashes
        .into_iter()
        .filter_map(|(alg, content)| Some(json!({ "alg": alg, "content": content? })))
        .collect();
    put("hashes", (!hashes.is_empty()).then(|| hashes.into()));
    put(
        "licenses",
        (!about.licence.is_unknown()).then(|| json!([{ "license": licence(&about.licence) }])),
    );
    put("modelCard", model_card(file));
    let mut references =
        vec![json!({ "type": "distribution", "url": download(file, setting).as_str() })];
    references
        .extend(page(file, setting).map(|url| json!({ "type": "website", "url": url.as_str() })));
    put("externalReferences", Some(references.into()));
    put("properties", Some(properties(file)));
    component.into()
}

/// The resource name of the file, which is one in the world.
fn reference(file: &Locked) -> String {
    let about = &file.about;
    let Some(model) = file.model else {
        return file.identity();
    };
    let mut air = Air::of_version(
        (model, file.version),
        about.base.as_ref(),
        about.model_type.as_ref(),
        about.role.as_ref(),
    );
    air.file = Some(file.file);
    air.to_string()
}

/// The four permissions, in words: no list of licences has a name for them.
fn licence(licence: &Licence) -> Value {
    let said = |name: &str, given: Option<bool>| {
        let given = given?;
        Some(format!("{name}={given}"))
    };
    let uses = licence.commercial_use.as_ref().map(|uses| {
        let uses: Vec<_> = uses.iter().map(CommercialUse::as_str).collect();
        format!("allowCommercialUse={}", uses.join("+"))
    });
    let parts = [
        said("allowNoCredit", licence.no_credit),
        uses,
        said("allowDerivatives", licence.derivatives),
        said("allowDifferentLicense", licence.different_license),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    json!({ "name": format!("Permissions claimed by the creator: {}", parts.join(", ")) })
}

fn model_card(file: &Locked) -> Option<Value> {
    let base = file.about.base.as_ref()?;
    Some(json!({ "modelParameters": { "modelArchitecture": base.as_str() } }))
}

fn properties(file: &Locked) -> Value {
    let about = &file.about;
    let known = [
        ("civitai:path", Some(file.path.to_string())),
        ("civitai:modelId", file.model.map(|id| id.to_string())),
        ("civitai:versionId", Some(file.version.to_string())),
        ("civitai:fileId", Some(file.file.to_string())),
        (
            "civitai:modelType",
            about.model_type.as_ref().map(ToString::to_string),
        ),
        (
            "civitai:baseModel",
            about.base.as_ref().map(ToString::to_string),
        ),
        (
            "civitai:format",
            about.format.as_ref().map(ToString::to_string),
        ),
        ("civitai:bytes", file.bytes.map(|bytes| bytes.to_string())),
        (
            "civitai:realPerson",
            about.real_person.then(|| "true".to_owned()),
        ),
    ];
    let known = known.into_iter();
    known
        .filter_map(|(name, value)| Some(json!({ "name": name, "value": value? })))
        .collect()
}

/// A number that follows from what is in the lock, in the form of a UUID of version 8.
fn serial_number(lock: &Lock) -> String {
    let mut hasher = blake3::Hasher::new();
    for file in lock.files() {
        hasher.update(file.path.as_str().as_bytes());
        hasher.update(&[0]);
        hasher.update(file.content().as_bytes());
        hasher.update(&[0]);
    }
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = Digest::new(bytes).to_string();
    format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
