//! The reading of locks, which come from strangers like everything else in a repository.

use std::collections::HashSet;
use std::path::Path;

use civitai_api::model::CommercialUse;
use civitai_api::{FileId, ModelId, Timestamp, VersionId};
use toml_edit::Item;

use super::{About, Lock, Locked};
use crate::document::{BadFile, Fields, Problem, Source};
use crate::licence::{EarlyUntil, Licence};
use crate::manifest::Want;
use crate::manifest::library_path;

pub(super) fn lock(path: &Path, text: &str) -> Result<Lock, BadFile> {
    let source = Source { path, text };
    let document = source.parse()?;
    let top = Fields::of_table(
        source,
        "the top of the file",
        &document,
        &["version", "file"],
    )?;
    let found = top.integer("version")?;
    let found = top.required("version", found)?;
    if found != FORMAT {
        let known = FORMAT;
        return Err(top.bad("version", Problem::NewerFormat { found, known }));
    }
    let mut files = Vec::new();
    let mut taken = HashSet::new();
    match top.item("file") {
        None => {}
        Some(Item::ArrayOfTables(tables)) => {
            for table in tables {
                let fields = Fields::of_table(source, "[[file]]", table, KEYS)?;
                let file = locked(&fields)?;
                if !taken.insert(file.path.collision_key()) {
                    let path = file.path.to_string();
                    return Err(fields.bad("path", Problem::Twice { path }));
                }
                files.push(file);
            }
        }
        Some(_) => return Err(top.bad_value("file", "one or more tables [[file]]")),
    }
    // A merge may have put them in any order.
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(Lock { files })
}

fn locked(fields: &Fields<'_>) -> Result<Locked, BadFile> {
    let wanted = fields.fields("wanted", Want::KEYS)?;
    let wanted = fields.required("wanted", wanted)?;
    Ok(Locked {
        path: fields.required("path", library_path(fields, "path")?)?,
        wanted: Want::read(&wanted)?,
        model: fields.id("model", ModelId::new)?,
        version: fields.required("version", fields.id("version", VersionId::new)?)?,
        file: fields.required("file", fields.id("file", FileId::new)?)?,
        name: fields.required("name", fields.text("name")?)?.to_owned(),
        bytes: fields.read("bytes", "a number of bytes", |item| {
            u64::try_from(item.as_integer()?).ok()
        })?,
        sha256: digest(fields, "sha256")?,
        blake3: digest(fields, "blake3")?,
        about: about(fields)?,
    })
}

fn about(fields: &Fields<'_>) -> Result<About, BadFile> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Ok(About {
        model_type: fields.text("type")?.map(Into::into),
        base: fields.text("base")?.map(Into::into),
        title: owned(fields.text("title")?),
        version_name: owned(fields.text("version-name")?),
        creator: owned(fields.text("creator")?),
        role: fields.text("role")?.map(Into::into),
        format: fields.text("format")?.map(Into::into),
        real_person: fields.switch("real-person")?.unwrap_or(false),
        early_access: fields.read("early-access", "a time, or \"always\"", |item| {
            let end = match item.as_str()? {
                "always" => None,
                text => Some(text.parse::<Timestamp>().ok()?),
            };
            Some(EarlyUntil(end))
        })?,
        licence: licence(fields)?,
    })
}

fn licence(fields: &Fields<'_>) -> Result<Licence, BadFile> {
    let Some(fields) = fields.fields("licence", LICENCE_KEYS)? else {
        return Ok(Licence::default());
    };
    let uses = fields.texts("allowCommercialUse")?;
    Ok(Licence {
        no_credit: fields.switch("allowNoCredit")?,
        commercial_use: uses.map(|uses| uses.into_iter().map(CommercialUse::from).collect()),
        derivatives: fields.switch("allowDerivatives")?,
        different_license: fields.switch("allowDifferentLicense")?,
    })
}

fn digest(
    fields: &Fields<'_>,
    key: &'static str,
) -> Result<Option<civitai_download::digest::Digest<32>>, BadFile> {
    fields.read(key, "64 hexadecimal digits", |item| {
        item.as_str()?.parse().ok()
    })
}

/// The format that this version writes.
pub(super) const FORMAT: i64 = 1;

/// Every key of a file, in the order in which they are written.
pub(super) const KEYS: &[&str] = &[
    "path",
    "wanted",
    "model",
    "version",
    "file",
    "name",
    "bytes",
    "sha256",
    "blake3",
    "type",
    "base",
    "title",
    "version-name",
    "creator",
    "role",
    "format",
    "real-person",
    "early-access",
    "licence",
];

const LICENCE_KEYS: &[&str] = &[
    "allowNoCredit",
    "allowCommercialUse",
    "allowDerivatives",
    "allowDifferentLicense",
];
