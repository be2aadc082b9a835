//! ComfyUI: the canvas as it is saved, and the prompt as it is run.

mod canvas;
mod field;
mod graph;
mod prompt;

use serde_json::{Map, Value};

pub(super) use canvas::read as read_canvas;
pub(super) use prompt::read as read_prompt;

/// Says whether an object is a saved canvas: nodes that have a type, and are no invocations of InvokeAI.
pub(super) fn is_canvas(object: &Map<String, Value>) -> bool {
    let Some(nodes) = object.get("nodes").and_then(Value::as_array) else {
        return false;
    };
    let is_other = nodes
        .iter()
        .any(|node| node.get("data").is_some_and(Value::is_object));
    let is_ours = |node: &Value| node.get("type").is_some_and(Value::is_string);
    !is_other && (nodes.iter().any(is_ours) || (nodes.is_empty() && object.contains_key("links")))
}

/// Says whether an object is a prompt for the API: nodes by id, each with its class.
pub(super) fn is_prompt(object: &Map<String, Value>) -> bool {
    object.values().any(is_api_node)
}

fn is_api_node(value: &Value) -> bool {
    value.get("class_type").is_some_and(Value::is_string)
}
