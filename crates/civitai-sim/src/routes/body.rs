//! Models, versions, files and pictures as JSON.
//!
//! The same thing looks different on every endpoint: members are absent here and null there, a date loses its zone, a
//! flag is `true` or missing. [`Shape`] names the four looks; everything that differs is decided in this file.

mod file;
mod image;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::choice;
use crate::state::{
    Availability, CommercialUseForm, File, FilePreferences, Mode, Model, State, Status, Version,
};
use crate::vocabulary::{air_ecosystem, air_type};

use self::image::full_image;
pub(super) use self::image::{image_url, portrait};

/// Which endpoint a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An item of `/models`.
    Listed,
    /// `/models/{id}`.
    Single,
    /// `/model-versions/{id}`.
    Version,
    /// `/model-versions/by-hash`, one or many.
    ByHash,
}

/// What a body depends on besides the thing itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) state: &'a State,
    pub(super) shape: Shape,
    /// Before every download URL.
    pub(super) origin: &'a str,
    pub(super) now: Timestamp,
    /// The account whose taste picks the primary file.
    pub(super) preferences: Option<&'a FilePreferences>,
    /// Levels of the pictures shown.
    pub(super) levels: u32,
}

/// What a listing takes away from each of its models.
#[derive(Debug, Default)]
pub(super) struct Trim<'a> {
    /// Keep versions of these base models only; empty keeps all.
    pub(super) base_models: Vec<&'a str>,
    /// Keep these versions only.
    pub(super) version_ids: Option<Vec<u32>>,
    pub(super) covered_only: bool,
    pub(super) primary_file_only: bool,
    /// Keep versions that only their link makes known.
    pub(super) unsearchable_too: bool,
}

impl View<'_> {
    /// A model of `/models` or `/models/{id}`.
    pub(super) fn model(&self, model: &Model, trim: &Trim<'_>) -> Value {
        let versions = self.visible_versions(model, trim);
        let mut base_models: Vec<&str> = Vec::new();
        for version in &versions {
            if !base_models.contains(&version.base_model.as_str()) {
                base_models.push(&version.base_model);
            }
        }
        let mut body = object(json!({
            "id": model.id,
            "name": model.name,
            "description": model.description,
            "allowNoCredit": model.allow_no_credit,
            "allowCommercialUse": commercial_use(model, self.state.switches.commercial_use),
            "allowDerivatives": model.allow_derivatives,
            "allowDifferentLicense": model.allow_different_license,
            "type": model.kind,
            "minor": model.minor,
            "sfwOnly": model.sfw_only,
            "poi": model.poi,
            "nsfw": model.nsfw,
            "nsfwLevel": model.nsfw_level,
            "availability": model.availability.as_str(),
            "userId": model.user_id,
            "baseModels": base_models,
            "cosmetic": null,
            "supportsGeneration": model.covered(),
        }));
        if let Some(mode) = model.mode {
            body.insert("mode".to_owned(), mode.as_str().into());
        }
        body.insert("stats".to_owned(), model_stats(model));
        if let Some(creator) = creator(self.state, model.user_id) {
            body.insert("creator".to_owned(), creator);
        }
        body.insert("tags".to_owned(), json!(model.tags));
        let versions: Vec<Value> = versions
            .into_iter()
            .map(|version| self.model_version(model, version, trim.primary_file_only))
            .collect();
        body.insert("modelVersions".to_owned(), Value::from(versions));
        Value::Object(body)
    }

    /// The body of `/model-versions/{id}` and of hash look-ups. `None` when no file of the version is the primary one.
    pub(super) fn version(&self, model: &Model, version: &Version) -> Option<Value> {
        let primary = self.primary(version)?;
        let stats = json!({
            "downloadCount": counted(version.stats.downloads, model.stats.hidden),
            "thumbsUpCount": version.stats.thumbs_up,
        });
        let mut parent = object(json!({
            "name": model.name, "type": model.kind, "nsfw": model.nsfw, "poi": model.poi,
        }));
        if let Some(mode) = model.mode {
            parent.insert("mode".to_owned(), mode.as_str().into());
        }
        let mut body = object(json!({
            "id": version.id,
            "modelId": model.id,
            "name": version.name,
            "nsfwLevel": version.nsfw_level,
            "createdAt": zoned(version.created_at),
            "updatedAt": zoned(version.updated_at),
            "status": version.status.as_str(),
            "publishedAt": version.published_at.map(zoned),
            "trainedWords": version.trained_words,
            "trainingStatus": null,
            "trainingDetails": null,
            "baseModel": version.base_model,
            "baseModelType": version.base_model_type,
            "description": version.description,
            "uploadType": version.upload_type,
            "usageControl": version.usage_control.as_str(),
            "licensingFee": null,
            "paidAccess": self.paid_access(version),
            "air": air(model, version, Some(primary)),
            "stats": stats,
            "model": parent,
            "files": self.files(model, version, primary, false),
        }));
        let images: Vec<Value> = self.images(model, version, 10).map(full_image).collect();
        body.insert("images".to_owned(), Value::from(images));
        if model.mode != Some(Mode::Archived) {
            body.insert(
                "downloadUrl".to_owned(),
                bare_url(self.origin, version).into(),
            );
        }
        Some(Value::Object(body))
    }

    /// The primary file as this endpoint sees it: it counts replaced files only where it shows them.
    fn primary<'v>(&self, version: &'v Version) -> Option<&'v File> {
        if self.shape == Shape::Version {
            let preferences = choice::layered(self.preferences, &FilePreferences::default());
            choice::choose(&version.files, &preferences)
        } else {
            choice::primary(version, self.preferences)
        }
    }

    fn visible_versions<'m>(&self, model: &'m Model, trim: &Trim<'_>) -> Vec<&'m Version> {
        let mut versions: Vec<&Version> = model
            .versions
            .iter()
            .filter(|version| version.status == Status::Published)
            .filter(|version| self.primary(version).is_some())
            .filter(|version| match version.availability {
                Availability::Public | Availability::EarlyAccess => true,
                Availability::Unsearchable => trim.unsearchable_too,
                Availability::Private => false,
            })
            .filter(|version| {
                trim.base_models.is_empty()
                    || trim.base_models.contains(&version.base_model.as_str())
            })
            .filter(|version| {
                trim.version_ids
                    .as_ref()
                    .is_none_or(|ids| ids.contains(&version.id))
            })
            .filter(|version| version.covered || !trim.covered_only)
            .collect();
        versions.sort_by_key(|version| version.index.unwrap_or(i32::MAX));
        versions
    }

    fn model_version(&self, model: &Model, version: &Version, primary_only: bool) -> Value {
        let mut body = object(json!({
            "id": version.id,
            "index": version.index,
            "name": version.name,
            "baseModel": version.base_model,
            "baseModelType": version.base_model_type,
            "publishedAt": version.published_at.map(zoned),
            "flags": version.flags,
            "availability": version.availability.as_str(),
            "nsfwLevel": version.nsfw_level,
            "description": version.description,
            "trainedWords": version.trained_words,
            "vaeId": version.linked_vae,
            "paidAccess": self.paid_access(version),
        }));
        if let Some(ends_at) = version.gate(self.now).and_then(|gate| gate.ends_at) {
            body.insert("earlyAccessDeadline".to_owned(), zoned(ends_at).into());
        }
        body.insert(
            "stats".to_owned(),
            json!({
                "downloadCount": counted(version.stats.downloads, model.stats.hidden),
                "thumbsUpCount": version.stats.thumbs_up,
                "thumbsDownCount": version.stats.thumbs_down,
            }),
        );
        if self.shape == Shape::Listed {
            body.insert("supportsGeneration".to_owned(), version.covered.into());
        }
        let files = self
            .primary(version)
            .map(|primary| self.files(model, version, primary, primary_only));
        body.insert("files".to_owned(), files.unwrap_or_default().into());
        let images: Vec<Value> = self
            .images(model, version, 20)
            .map(|image| self.brief_image(image))
            .collect();
        body.insert("images".to_owned(), Value::from(images));
        if model.mode != Some(Mode::Archived) {
            body.insert(
                "downloadUrl".to_owned(),
                bare_url(self.origin, version).into(),
            );
        }
        if self.shape == Shape::Single {
            body.insert("status".to_owned(), version.status.as_str().into());
            body.insert("createdAt".to_owned(), zoned(version.created_at).into());
            body.insert("covered".to_owned(), version.covered.into());
            without_empty(&mut body);
        }
        Value::Object(body)
    }

    fn paid_access(&self, version: &Version) -> Value {
        version.gate(self.now).map_or(
            Value::Null,
            |gate| json!({ "permanent": gate.is_permanent(), "endsAt": gate.ends_at.map(zoned) }),
        )
    }
}

/// `urn:air:…` of a version.
pub(super) fn air(model: &Model, version: &Version, primary: Option<&File>) -> String {
    let ecosystem = air_ecosystem(&version.base_model);
    let kind = air_type(&model.kind, primary.map(|file| file.kind.as_str()));
    format!(
        "urn:air:{ecosystem}:{kind}:civitai:{}@{}",
        model.id, version.id
    )
}

/// The URL of a version's primary file.
pub(super) fn bare_url(origin: &str, version: &Version) -> String {
    format!("{origin}/api/download/models/{}", version.id)
}

/// The owner of a model, as far as listings name one.
pub(super) fn creator(state: &State, user_id: u32) -> Option<Value> {
    let user = state.user(user_id)?;
    if user.username.as_deref() == Some("civitai") {
        return None;
    }
    Some(json!({ "username": user.username, "image": portrait(user.image.as_deref()) }))
}

/// A moment as the site's own code prints it.
pub(super) fn zoned(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// The members of a JSON object written in place.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn commercial_use(model: &Model, form: CommercialUseForm) -> Value {
    match form {
        CommercialUseForm::Literal => {
            format!("{{{}}}", model.allow_commercial_use.join(",")).into()
        }
        CommercialUseForm::Array => json!(model.allow_commercial_use),
    }
}

fn model_stats(model: &Model) -> Value {
    let stats = &model.stats;
    json!({
        "downloadCount": counted(stats.downloads, stats.hidden),
        "thumbsUpCount": stats.thumbs_up,
        "thumbsDownCount": stats.thumbs_down,
        "commentCount": stats.comments,
        "tippedAmountCount": counted(stats.tipped, stats.hidden),
    })
}

fn counted(count: u32, hidden: bool) -> Option<u32> {
    (!hidden).then_some(count)
}

/// Takes nulls and empty lists out of a version.
fn without_empty(body: &mut Map<String, Value>) {
    body.retain(|_, value| {
        !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
    });
}
