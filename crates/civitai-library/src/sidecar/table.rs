//! Which fact stands where in each form.

use serde_json::{Map, Value};

use super::coding::Coding::{
    self, Flag, Joined, LowerHex, Named, Nonzero, Number, Object, Plain, PrefixedHex, SdVersion,
    Text, Texts, Tips, UpperHex,
};
use super::{Fact, Form};

/// A field of a form.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) fact: Fact,
    /// The way to it: keys, numbers of elements, and [`FILE`].
    pub(super) at: &'static [&'static str],
    pub(super) coding: Coding,
    /// The fact it tells where its own is not known.
    pub(super) or: Option<Fact>,
}

/// Stands in a way for the element of `files` that the card is about.
pub(super) const FILE: &str = "*";

impl Field {
    /// Names the field within its form.
    pub(super) fn name(&self) -> String {
        self.at.join("/")
    }

    /// What stands in the field.
    pub(super) fn of<'m>(
        &self,
        document: &'m Map<String, Value>,
        file: usize,
    ) -> Option<&'m Value> {
        let (first, rest) = self.at.split_first().expect("every way has a first step");
        let mut value = document.get(*first)?;
        for step in rest {
            value = match value {
                Value::Object(map) => map.get(*step)?,
                Value::Array(list) => list.get(index(step, file)?)?,
                _ => return None,
            };
        }
        Some(value)
    }

    /// Puts a value into the field, with what is missing on the way. Where something else stands on the way, it stays.
    pub(super) fn put(&self, document: &mut Map<String, Value>, file: usize, new: Value) {
        let (first, rest) = self.at.split_first().expect("every way has a first step");
        let mut slot = document.entry(*first).or_insert(Value::Null);
        for step in rest {
            let index = index(step, file);
            if slot.is_null() {
                *slot = if index.is_some() {
                    Value::Array(Vec::new())
                } else {
                    Value::Object(Map::new())
                };
            }
            slot = match (slot, index) {
                (Value::Object(map), None) => map.entry(*step).or_insert(Value::Null),
                (Value::Array(list), Some(index)) => {
                    if index == list.len() {
                        list.push(Value::Null);
                    }
                    match list.get_mut(index) {
                        Some(slot) => slot,
                        None => return,
                    }
                }
                _ => return,
            };
        }
        *slot = new;
    }
}

fn index(step: &str, file: usize) -> Option<usize> {
    if step == FILE {
        Some(file)
    } else {
        step.parse().ok()
    }
}

const fn field(fact: Fact, at: &'static [&'static str], coding: Coding) -> Field {
    Field {
        fact,
        at,
        coding,
        or: None,
    }
}

const fn field_or(fact: Fact, or: Fact, at: &'static [&'static str], coding: Coding) -> Field {
    Field {
        fact,
        at,
        coding,
        or: Some(or),
    }
}

impl Form {
    pub(super) fn fields(self) -> &'static [Field] {
        match self {
            Self::CivitaiInfo => &CIVITAI_INFO,
            Self::A1111 => &A1111,
            Self::CmInfo => &CM_INFO,
            Self::MetadataJson => &METADATA_JSON,
            Self::Swarm => &SWARM,
        }
    }

    /// What a new sidecar says besides, because its reader expects it.
    pub(super) fn constants(self) -> &'static str {
        match self {
            Self::CivitaiInfo | Self::Swarm => "{}",
            Self::A1111 => {
                r#"{"description": "", "sd version": "Unknown", "activation text": "", "preferred weight": 0, "negative text": "", "notes": ""}"#
            }
            Self::CmInfo => {
                r#"{"ModelName": "", "ModelDescription": "", "Tags": [], "TrainedWords": [], "Source": "Civitai"}"#
            }
            Self::MetadataJson => {
                r#"{"file_name": "", "model_name": "", "file_path": "", "size": 0, "modified": 0.0, "sha256": "", "base_model": "Unknown", "preview_url": "", "preview_nsfw_level": 0, "notes": "", "from_civitai": true, "civitai": {}, "tags": [], "modelDescription": "", "civitai_deleted": false, "favorite": false, "exclude": false, "usage_tips": "{}"}"#
            }
        }
    }
}

static CIVITAI_INFO: [Field; 23] = [
    field(Fact::VersionId, &["id"], Number),
    field(Fact::ModelId, &["modelId"], Number),
    field(Fact::VersionName, &["name"], Text),
    field(Fact::BaseModel, &["baseModel"], Text),
    field(Fact::PublishedAt, &["publishedAt"], Text),
    field(Fact::VersionDescription, &["description"], Text),
    field(Fact::TrainedWords, &["trainedWords"], Texts),
    field(Fact::Stats, &["stats"], Object),
    field_or(Fact::ModelName, Fact::Title, &["model", "name"], Text),
    field(Fact::ModelType, &["model", "type"], Text),
    field(Fact::Nsfw, &["model", "nsfw"], Flag),
    field(Fact::ModelDescription, &["model", "description"], Text),
    field(Fact::Tags, &["model", "tags"], Texts),
    field(Fact::Creator, &["creator", "username"], Text),
    field(Fact::FileId, &["files", FILE, "id"], Number),
    field(Fact::FileName, &["files", FILE, "name"], Text),
    field(Fact::FileType, &["files", FILE, "type"], Text),
    field(Fact::FileMetadata, &["files", FILE, "metadata"], Object),
    field(Fact::Hashes, &["files", FILE, "hashes"], Object),
    field(Fact::Sha256, &["files", FILE, "hashes", "SHA256"], UpperHex),
    field(Fact::AutoV3, &["files", FILE, "hashes", "AutoV3"], UpperHex),
    field(Fact::Thumbnail, &["images", "0", "url"], Text),
    field(Fact::ThumbnailLevel, &["images", "0", "nsfwLevel"], Number),
];

static A1111: [Field; 6] = [
    field_or(
        Fact::ModelDescription,
        Fact::VersionDescription,
        &["description"],
        Plain,
    ),
    field(Fact::BaseModel, &["sd version"], SdVersion),
    field(Fact::TrainedWords, &["activation text"], Joined),
    field(Fact::Weight, &["preferred weight"], Nonzero),
    field(Fact::Notes, &["notes"], Text),
    field(Fact::PageUrl, &["modelPageURL"], Text),
];

static CM_INFO: [Field; 22] = [
    field(Fact::ModelId, &["ModelId"], Number),
    field_or(Fact::ModelName, Fact::Title, &["ModelName"], Text),
    field(Fact::ModelDescription, &["ModelDescription"], Text),
    field(Fact::Nsfw, &["Nsfw"], Flag),
    field(Fact::Tags, &["Tags"], Texts),
    field(Fact::ModelType, &["ModelType"], Text),
    field(Fact::VersionId, &["VersionId"], Number),
    field(Fact::VersionName, &["VersionName"], Text),
    field(Fact::VersionDescription, &["VersionDescription"], Text),
    field(Fact::BaseModel, &["BaseModel"], Text),
    field(Fact::FileName, &["RemoteFileName"], Text),
    field(Fact::FileId, &["RemoteFileId"], Number),
    field(Fact::FileMetadata, &["FileMetadata"], Object),
    field(Fact::ImportedAt, &["ImportedAt"], Text),
    field(Fact::Hashes, &["Hashes"], Object),
    field(Fact::Sha256, &["Hashes", "SHA256"], UpperHex),
    field(Fact::TrainedWords, &["TrainedWords"], Texts),
    field(Fact::Stats, &["Stats"], Object),
    field(Fact::Title, &["UserTitle"], Text),
    field(Fact::Thumbnail, &["ThumbnailImageUrl"], Text),
    field(Fact::PageUrl, &["SourceUrl"], Text),
    field(Fact::Creator, &["AuthorUsername"], Text),
];

static METADATA_JSON: [Field; 14] = [
    field(Fact::Stem, &["file_name"], Text),
    field_or(Fact::Title, Fact::ModelName, &["model_name"], Text),
    field(Fact::Path, &["file_path"], Text),
    field(Fact::Bytes, &["size"], Nonzero),
    field(Fact::Modified, &["modified"], Nonzero),
    field(Fact::Sha256, &["sha256"], LowerHex),
    field(Fact::AutoV3, &["autov3"], LowerHex),
    field(Fact::BaseModel, &["base_model"], Named),
    field(Fact::Preview, &["preview_url"], Text),
    field(Fact::ThumbnailLevel, &["preview_nsfw_level"], Nonzero),
    field(Fact::Notes, &["notes"], Text),
    field(Fact::Tags, &["tags"], Texts),
    field(Fact::ModelDescription, &["modelDescription"], Text),
    field(Fact::Weight, &["usage_tips"], Tips),
];

static SWARM: [Field; 7] = [
    field_or(Fact::Title, Fact::FullName, &["modelspec.title"], Text),
    field(Fact::Creator, &["modelspec.author"], Text),
    field_or(
        Fact::ModelDescription,
        Fact::VersionDescription,
        &["modelspec.description"],
        Text,
    ),
    field(Fact::TrainedWords, &["modelspec.trigger_phrase"], Joined),
    field(Fact::PublishedAt, &["modelspec.date"], Text),
    field(Fact::Tags, &["modelspec.tags"], Joined),
    field(Fact::TensorHash, &["modelspec.hash_sha256"], PrefixedHex),
];
