//! Files as JSON.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Shape, View, bare_url, object, zoned};
use crate::choice;
use crate::file_name::{computed_name, download_name};
use crate::routes::params::encode;
use crate::state::{File, Mode, Model, ScanResult, Version};

impl View<'_> {
    pub(super) fn files(
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

fn pickle_message(file: &File) -> Option<&str> {
    let unremarkable = (file.pickle_scan == ScanResult::Success).then_some("No Pickle imports");
    file.pickle_message.as_deref().or(unremarkable)
}

/// A moment as the database prints it inside JSON: no zone, no trailing zeros.
fn naive(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.f").to_string()
}
