//! What faults do to the site's JSON.

use serde_json::{Map, Value, json};

use crate::fault::Knob;
use crate::http::{Body, Request, Response};
use crate::interfere::Hits;

/// Applies the faults that concern a JSON answer's text. Anything else passes through.
pub(crate) fn scramble(response: Response, request: &Request, hits: &Hits) -> Response {
    let Body::Bytes(body) = &response.body else {
        return response;
    };
    if hits.0.is_empty() || !(200..300).contains(&response.status) {
        return response;
    }
    let Ok(mut document) = serde_json::from_slice::<Value>(body) else {
        return response;
    };
    let mut changed = false;
    for hit in &hits.0 {
        changed |= match hit.knob {
            Knob::CursorLoop => loop_cursor(&mut document, request),
            Knob::DupItems => repeat_items(&mut document),
            Knob::EmptyPage => empty_page(&mut document),
            Knob::JsonExtraFields => add_members(&mut document),
            Knob::JsonNullEverywhere => null_leaves(&mut document),
            Knob::UnknownEnum => rename_values(&mut document),
            _ => false,
        };
    }
    let mut body = if changed {
        document.to_string().into()
    } else {
        body.clone()
    };
    if hits.has(&Knob::JsonTruncated) {
        body.truncate(body.len() / 2);
    }
    Response {
        body: Body::Bytes(body),
        ..response
    }
}

/// Points a page's cursor at the page itself. The first page has no cursor of its own and stays as it is.
fn loop_cursor(document: &mut Value, request: &Request) -> bool {
    let Some(cursor) = request.query("cursor") else {
        return false;
    };
    let Some(metadata) = document.get_mut("metadata").and_then(Value::as_object_mut) else {
        return false;
    };
    metadata.insert("nextCursor".to_owned(), json!(cursor));
    if let Some(next) = metadata.get_mut("nextPage") {
        let host = request.header("host").unwrap_or_default();
        *next = json!(format!("http://{host}{}", request.target));
    }
    true
}

fn repeat_items(document: &mut Value) -> bool {
    let Some(items) = document.get_mut("items").and_then(Value::as_array_mut) else {
        return false;
    };
    *items = items
        .drain(..)
        .flat_map(|item| [item.clone(), item])
        .collect();
    true
}

/// Takes a page's items; the last page, which has no cursor, keeps them.
fn empty_page(document: &mut Value) -> bool {
    let more = document
        .pointer("/metadata/nextCursor")
        .is_some_and(|cursor| !cursor.is_null());
    let items = document
        .get_mut("items")
        .and_then(Value::as_array_mut)
        .filter(|_| more);
    items.map(Vec::clear).is_some()
}

fn add_members(value: &mut Value) -> bool {
    every_object(value, &mut |object| {
        object.insert(
            "unheardOf".to_owned(),
            json!({ "since": 2031, "list": [1, null, "two"] }),
        );
    });
    true
}

/// Objects and arrays stay, and ids and cursors in them: without those there would be nothing to hold on to.
fn null_leaves(value: &mut Value) -> bool {
    every_object(value, &mut |object| {
        for (name, member) in object.iter_mut() {
            if !member.is_object() && !member.is_array() && !KEPT.contains(&name.as_str()) {
                *member = Value::Null;
            }
        }
    });
    true
}

fn rename_values(value: &mut Value) -> bool {
    every_object(value, &mut |object| {
        for (name, member) in object.iter_mut() {
            if member.is_string() && ENUMERATIONS.contains(&name.as_str()) {
                *member = json!("Unheard Of 9000");
            }
        }
    });
    true
}

/// Calls `change` with every object, inner ones first.
fn every_object(value: &mut Value, change: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| every_object(item, change)),
        Value::Object(object) => {
            object
                .values_mut()
                .for_each(|member| every_object(member, change));
            change(object);
        }
        _ => {}
    }
}

const KEPT: [&str; 4] = ["id", "modelId", "modelVersionId", "nextCursor"];
const ENUMERATIONS: [&str; 13] = [
    "availability",
    "baseModel",
    "baseModelType",
    "format",
    "fp",
    "mode",
    "pickleScanResult",
    "size",
    "status",
    "type",
    "uploadType",
    "usageControl",
    "virusScanResult",
];
