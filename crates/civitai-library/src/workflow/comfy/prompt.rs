//! The prompt for the API: exactly what a run uses, so every value counts.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::field::{self, Node};
use super::graph::id;
use crate::workflow::kind::Kind;
use crate::workflow::reference::{Activity, Reference, References};

/// Reads a prompt.
pub(in crate::workflow) fn read(prompt: &Map<String, Value>, found: &mut References) {
    let mut references = Vec::new();
    let mut fields: HashMap<String, Kind> = HashMap::new();
    for (path, node) in prompt.iter().take(MOST_NODES) {
        let Some(class) = node.get("class_type").and_then(Value::as_str) else {
            continue;
        };
        let node = (
            path.as_str(),
            class,
            node.get("inputs").and_then(Value::as_object),
        );
        read_node(node, prompt, &mut fields, &mut references);
    }
    for reference in references
        .iter_mut()
        .filter(|reference| reference.kind == Kind::Other)
    {
        let used = reference.node.as_ref().and_then(|node| fields.get(node));
        reference.kind = used.copied().unwrap_or_default();
    }
    found.add(references);
}

fn read_node(
    (path, class, inputs): (&str, &str, Option<&Map<String, Value>>),
    prompt: &Map<String, Value>,
    producers: &mut HashMap<String, Kind>,
    references: &mut Vec<Reference>,
) {
    let node = Node {
        id: path.to_owned(),
        class,
        activity: Activity::Active,
        fallback: None,
    };
    let Some(inputs) = inputs.filter(|_| !node.is_note()) else {
        return;
    };
    let fields: HashMap<&str, &Value> = inputs
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let idle = field::idle(&fields);
    for (name, value) in inputs {
        if let Some(origin) = origin(value, prompt) {
            if let Some(kind) = Kind::of_field(class, name).filter(|_| is_field(name)) {
                producers.entry(origin).or_insert(kind);
            }
            continue;
        }
        let row = Node {
            activity: if idle.contains(&name.as_str()) {
                Activity::Muted
            } else {
                Activity::Active
            },
            ..node.clone()
        };
        row.read(name, value, references);
    }
}

/// Returns the node that a value is linked to: `[id, slot]`.
fn origin(value: &Value, prompt: &Map<String, Value>) -> Option<String> {
    let [origin, slot] = value.as_array()?.as_slice() else {
        return None;
    };
    let origin = id(origin)?;
    (slot.is_u64() && prompt.contains_key(&origin)).then_some(origin)
}

/// Fields that hold a file's name say so; `vae` and `model` are the things themselves.
fn is_field(name: &str) -> bool {
    name.contains("name") || name.contains("path") || name.contains("file")
}

const MOST_NODES: usize = 100_000;
