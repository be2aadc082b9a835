//! Which tool's form a text has.

use serde_json::{Map, Value};

use super::picture::{Promise, Text};
use super::reference::References;
use super::{ErrorKind, comfy, infotext, invoke, json, tools};

/// Reads a text into what was found so far; false if it is nothing that tells about models.
pub(super) fn read(text: &Text, found: &mut References) -> Result<bool, ErrorKind> {
    let content = text
        .content
        .trim_matches(['\u{feff}', '\0', ' ', '\n', '\r', '\t']);
    let is_json = matches!(content.as_bytes().first(), Some(b'{' | b'['));
    if !is_json {
        return Ok(infotext::read(content, found));
    }
    match json::parse(content, &text.part) {
        Ok(value) => of_value(&value, found, 0),
        // A prompt may begin with a bracket too.
        Err(_) if infotext::read(content, found) => Ok(true),
        Err(error) if text.promise == Promise::Certain => Err(error),
        Err(_) => Ok(false),
    }
}

/// Reads a value of any known form, or one that wraps such values.
pub(super) fn of_value(
    value: &Value,
    found: &mut References,
    depth: usize,
) -> Result<bool, ErrorKind> {
    if depth > DEEPEST {
        return Ok(false);
    }
    match value {
        Value::Object(object) => of_object(object, found, depth),
        // A history, or a list of workflows.
        Value::Array(items) => {
            let mut understood = false;
            for item in items
                .iter()
                .filter(|item| item.is_object() || item.is_array())
            {
                understood |= of_value(item, found, depth + 1)?;
            }
            Ok(understood)
        }
        Value::String(text) => {
            let text = text.trim();
            match json::guess(text) {
                Some(inner) => of_value(&inner, found, depth + 1),
                None => Ok(depth > 0 && infotext::read(text, found)),
            }
        }
        _ => Ok(false),
    }
}

fn of_object(
    object: &Map<String, Value>,
    found: &mut References,
    depth: usize,
) -> Result<bool, ErrorKind> {
    if comfy::is_canvas(object) {
        comfy::read_canvas(object, found)?;
        return Ok(true);
    }
    if comfy::is_prompt(object) {
        comfy::read_prompt(object, found);
        // Civitai puts what it knows beside the nodes.
        wrapped(object, found, depth)?;
        return Ok(true);
    }
    if invoke::is_workflow(object) {
        invoke::read_workflow(object, found);
        return Ok(true);
    }
    let mut understood = tools::read(object, found) || invoke::read_metadata(object, found);
    understood |= wrapped(object, found, depth)?;
    Ok(understood)
}

/// Reads what stands in the places where wrappers keep it.
fn wrapped(
    object: &Map<String, Value>,
    found: &mut References,
    depth: usize,
) -> Result<bool, ErrorKind> {
    let mut understood = false;
    for key in WRAPPERS {
        if let Some(inner) = object.get(key) {
            understood |= of_value(inner, found, depth + 1)?;
        }
    }
    // A history has one object for each run, under the run's id.
    if !understood && depth < 2 && object.len() <= MOST_RUNS {
        for inner in object
            .values()
            .filter(|inner| inner.get("prompt").is_some())
        {
            understood |= of_value(inner, found, depth + 1)?;
        }
    }
    Ok(understood)
}

/// What was run stands before the canvas it came from, data before texts.
const WRAPPERS: [&str; 19] = [
    "prompt",
    "output",
    "api_prompt",
    "workflow_api",
    "workflow",
    "extra_data",
    "extra_pnginfo",
    "extra",
    "comfy",
    "graph",
    "invokeai_graph",
    "invokeai_metadata",
    "invokeai_workflow",
    "image",
    "metadata",
    "meta",
    "extraMetadata",
    "parameters",
    "infotexts",
];

const DEEPEST: usize = 8;
const MOST_RUNS: usize = 1000;
