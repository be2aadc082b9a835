//! Models, versions, files and pictures as JSON.
//!
//! The same thing looks different on every endpoint: members are absent here and null there, a date loses its zone, a
//! flag is `true` or missing. [`Shape`] names the four looks; everything that differs is decided in this file.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::choice;
use crate::file_name::{computed_name, download_name};
use crate::routes::params::encode;
use crate::state::{
    Availability, CommercialUseForm, File, FilePreferences, Image, Mode, Model, State, Status,
    Version,
};
use crate::vocabulary::{air_ecosystem, air_type};

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
        let images: Vec<Value> = self
            .images(model, version, 10)
            .map(|image| full_image(image))
            .collect();
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

    fn files(
        &self,
        model: &Model,
        version: &Version,
        primary: &File,
        primary_only: bool,
    ) -> Vec<Value> {
        if model.mode == Some(Mode::Archived) {
            return Vec::new();
        }
        let own = version
            .files
            .iter()
            .filter(|file| {
                file.is_public() && (self.shape == Shape::Version || file.replaced_at.is_none())
            })
            .filter(|file| !primary_only || file.id == primary.id)
            .map(|file| self.file(model, version, file, file.id == primary.id));
        let mut files: Vec<Value> = own.collect();
        if self.shape != Shape::ByHash
            && !primary_only
            && let Some((_, _, lent)) = choice::linked_vae(self.state, version)
        {
            let lent = File {
                kind: "VAE".to_owned(),
                ..lent.clone()
            };
            files.push(self.file(model, version, &lent, false));
        }
        files
    }

    fn file(&self, model: &Model, version: &Version, file: &File, primary: bool) -> Value {
        let name = match self.shape {
            Shape::Version => computed_name(model, version, file),
            Shape::Listed | Shape::Single | Shape::ByHash => download_name(model, version, file),
        };
        let mut body = object(json!({ "id": file.id, "sizeKB": file.size_kb(), "name": name }));
        let override_name = file
            .override_name
            .as_deref()
            .map_or(Value::Null, Value::from);
        if self.shape == Shape::Listed || (self.shape == Shape::Single && !override_name.is_null())
        {
            body.insert("overrideName".to_owned(), override_name.clone());
        }
        let rest = object(json!({
            "type": file.kind,
            "pickleScanResult": file.pickle_scan.as_str(),
            "pickleScanMessage": pickle_message(file),
            "virusScanResult": file.virus_scan.as_str(),
            "virusScanMessage": file.virus_message,
            "scannedAt": file.scanned_at.map(if self.shape == Shape::Version { naive } else { zoned }),
            "metadata": self.metadata(file),
            "hashes": file.hashes().into_iter().map(|(kind, hash)| (kind, hash.into())).collect::<Map<_, _>>(),
        }));
        body.extend(rest);
        let url = if primary {
            bare_url(self.origin, version)
        } else {
            typed_url(self.origin, version, file)
        };
        match self.shape {
            Shape::Listed | Shape::Single => {
                body.insert("downloadUrl".to_owned(), url.into());
                if primary {
                    body.insert("primary".to_owned(), true.into());
                }
            }
            Shape::Version | Shape::ByHash => {
                body.insert("primary".to_owned(), primary.into());
                body.insert("downloadUrl".to_owned(), url.into());
            }
        }
        if self.shape == Shape::ByHash {
            body.insert("overrideName".to_owned(), override_name);
        }
        Value::Object(body)
    }

    fn metadata(&self, file: &File) -> Value {
        let Some(metadata) = &file.metadata else {
            return Value::Null;
        };
        let weights = choice::is_weights(&file.kind);
        let mut body = Map::new();
        if let Some(format) = &metadata.format {
            body.insert("format".to_owned(), format.as_str().into());
        }
        // Uploads of weights went through a form that writes what was left open as null.
        for (name, known) in [("size", &metadata.size), ("fp", &metadata.fp)] {
            if known.is_some() || (weights && self.shape != Shape::Single) {
                body.insert(
                    name.to_owned(),
                    known.as_deref().map_or(Value::Null, Value::from),
                );
            }
        }
        if matches!(self.shape, Shape::Listed | Shape::Single) {
            if let Some(quant_type) = &metadata.quant_type {
                body.insert("quantType".to_owned(), quant_type.as_str().into());
            }
            if let Some(is_required) = metadata.is_required {
                body.insert("isRequired".to_owned(), is_required.into());
            }
        }
        Value::Object(body)
    }

    fn images<'v>(
        &self,
        model: &Model,
        version: &'v Version,
        most: usize,
    ) -> impl Iterator<Item = &'v Image> {
        let shown = model.mode != Some(Mode::TakenDown);
        let levels = self.levels;
        version
            .images
            .iter()
            .filter(move |image| shown && image.level & levels != 0)
            .take(most)
    }

    fn brief_image(&self, image: &Image) -> Value {
        let mut body = Map::new();
        if self.shape == Shape::Listed {
            body.insert("id".to_owned(), image.id.into());
        }
        body.extend(object(json!({
            "url": image_url(image, &image.id.to_string()),
            "nsfwLevel": image.level,
            "width": image.width,
            "height": image.height,
            "hash": image.hash,
            "type": image.kind,
            "minor": image.minor,
            "poi": image.poi,
        })));
        body.extend(provenance(image));
        Value::Object(body)
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

/// Where the picture host keeps the upload.
pub(super) fn image_url(image: &Image, name: &str) -> String {
    let extension = match image.kind.as_str() {
        "video" => "mp4",
        "audio" => "mp3",
        _ => "jpeg",
    };
    format!(
        "{IMAGE_HOST}/{}/original=true/{name}.{extension}",
        image.uuid
    )
}

/// The owner of a model, as far as listings name one.
pub(super) fn creator(state: &State, user_id: u32) -> Option<Value> {
    let user = state.user(user_id)?;
    if user.username.as_deref() == Some("civitai") {
        return None;
    }
    Some(json!({ "username": user.username, "image": portrait(user.image.as_deref()) }))
}

/// Where the picture host keeps a user's portrait.
pub(super) fn portrait(path: Option<&str>) -> Option<String> {
    path.map(|path| format!("{IMAGE_HOST}/{path}"))
}

/// A moment as the site's own code prints it.
pub(super) fn zoned(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A moment as the database prints it inside JSON: no zone, no trailing zeros.
fn naive(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.f").to_string()
}

/// The members of a JSON object written in place.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn typed_url(origin: &str, version: &Version, file: &File) -> String {
    let metadata = file.metadata.clone().unwrap_or_default();
    let format = metadata.format.filter(|_| file.kind != "Training Data");
    let members = [
        ("type", Some(file.kind.clone())),
        ("format", format),
        ("size", metadata.size),
        ("fp", metadata.fp),
        ("quantType", metadata.quant_type),
    ];
    let query: Vec<String> = members
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", encode(&value?))))
        .collect();
    format!("{}?{}", bare_url(origin, version), query.join("&"))
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

fn pickle_message(file: &File) -> Option<&str> {
    let unremarkable =
        (file.pickle_scan == crate::state::ScanResult::Success).then_some("No Pickle imports");
    file.pickle_message.as_deref().or(unremarkable)
}

fn provenance(image: &Image) -> Map<String, Value> {
    let prompt = image.meta.as_ref().and_then(|meta| meta.get("prompt"));
    object(json!({
        "hasMeta": image.visible_meta().is_some(),
        "hasPositivePrompt": prompt.is_some(),
        "onSite": image.on_site,
        "remixOfId": image.remix_of,
    }))
}

fn full_image(image: &Image) -> Value {
    let mut body = object(json!({
        "url": image_url(image, &image.id.to_string()),
        "nsfwLevel": image.level,
        "width": image.width,
        "height": image.height,
        "hash": image.hash,
        "type": image.kind,
        "metadata": {
            "hash": image.hash,
            "size": u64::from(image.width) * u64::from(image.height),
            "width": image.width,
            "height": image.height,
        },
        "minor": image.minor,
        "poi": image.poi,
        "meta": image.visible_meta(),
        "availability": "Public",
    }));
    body.extend(provenance(image));
    Value::Object(body)
}

/// Takes nulls and empty lists out of a version.
fn without_empty(body: &mut Map<String, Value>) {
    body.retain(|_, value| {
        !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
    });
}

const IMAGE_HOST: &str = "https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA";
