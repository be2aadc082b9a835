//! A folder of recorded JSON documents, served as they are.
//!
//! What a document answers follows from what it is: a model its id, a version its id and the hashes of its files, a
//! list of models `/api/v1/models` and each of its models alone. Other lists answer the route that their file name
//! begins with (`tags__….json` answers `/api/v1/tags`). Of several for one route the first by file name answers. Each
//! document also answers `/NAME.json`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use crate::http::{Request, Response};

/// Documents by the path that they answer.
#[derive(Debug, Default)]
pub(crate) struct Payloads(BTreeMap<String, Bytes>);

impl Payloads {
    /// Reads every `.json` file of a folder. A file that is no JSON answers its name only.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let mut names = Vec::new();
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                names.push(path);
            }
        }
        names.sort_unstable();
        let mut payloads = Self::default();
        // What stands in a list is only a stand-in for a document of its own.
        let mut listed = Vec::new();
        for path in names {
            let bytes = Bytes::from(fs_err::read(&path)?);
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            payloads.add(format!("/{name}"), &bytes);
            if let Ok(document) = serde_json::from_slice::<Value>(&bytes) {
                for route in routes(&name, &document) {
                    payloads.add(route, &bytes);
                }
                listed.extend(
                    document
                        .get("items")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .cloned(),
                );
            }
        }
        for model in listed.iter().filter(|item| is_model(item)) {
            let bytes = Bytes::from(model.to_string());
            payloads.add(format!("/api/v1/models/{}", model["id"]), &bytes);
        }
        Ok(payloads)
    }

    /// The document that answers this request. Queries are not looked at.
    pub(crate) fn answer(&self, request: &Request) -> Option<Response> {
        if request.method != "GET" {
            return None;
        }
        let path = format!("/{}", request.segments.join("/"));
        let by_hash = path
            .strip_prefix(BY_HASH)
            .map(|hash| format!("{BY_HASH}{}", hash.to_ascii_uppercase()));
        let body = self.0.get(by_hash.as_ref().unwrap_or(&path))?;
        let response = Response::bytes(200, "application/json; charset=utf-8", body.clone());
        Some(response.with_header(
            "Cache-Control",
            "public, s-maxage=300, stale-while-revalidate=150",
        ))
    }

    fn add(&mut self, path: String, bytes: &Bytes) {
        self.0.entry(path).or_insert_with(|| bytes.clone());
    }
}

fn routes(name: &str, document: &Value) -> Vec<String> {
    let subject = name.split("__").next().unwrap_or_default();
    if is_model(document) {
        vec![format!("/api/v1/models/{}", document["id"])]
    } else if is_version(document) {
        let hashes = document["files"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|file| file.get("hashes")?.as_object())
            .flat_map(|hashes| hashes.values().filter_map(Value::as_str))
            .map(|hash| format!("{BY_HASH}{}", hash.to_ascii_uppercase()));
        let own = format!("/api/v1/model-versions/{}", document["id"]);
        std::iter::once(own).chain(hashes).collect()
    } else if document.pointer("/items/0").is_some_and(is_model) {
        vec!["/api/v1/models".to_owned()]
    } else if LISTS.contains(&subject) {
        vec![format!("/api/v1/{subject}")]
    } else {
        Vec::new()
    }
}

fn is_model(document: &Value) -> bool {
    document.get("id").is_some_and(Value::is_u64)
        && document.get("modelVersions").is_some_and(Value::is_array)
}

fn is_version(document: &Value) -> bool {
    document.get("id").is_some_and(Value::is_u64)
        && document.get("files").is_some_and(Value::is_array)
}

const BY_HASH: &str = "/api/v1/model-versions/by-hash/";
const LISTS: [&str; 7] = [
    "articles",
    "collections",
    "creators",
    "enums",
    "images",
    "tags",
    "users",
];
