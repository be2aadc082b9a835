//! InvokeAI: workflows, graphs and the metadata of pictures. All of them name models by objects of one form.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::kind::Kind;
use super::name;
use super::reference::{Reference, References};

/// Says whether an object is a workflow or a graph.
pub(super) fn is_workflow(object: &Map<String, Value>) -> bool {
    match object.get("nodes") {
        Some(Value::Array(nodes)) => {
            nodes
                .iter()
                .any(|node| node.get("data").is_some_and(Value::is_object))
                || (nodes.is_empty() && object.contains_key("edges"))
        }
        Some(Value::Object(nodes)) => {
            object.contains_key("edges") && nodes.values().all(|node| node.get("type").is_some())
        }
        _ => false,
    }
}

/// Reads a workflow or a graph.
pub(super) fn read_workflow(workflow: &Map<String, Value>, found: &mut References) {
    let edges = workflow.get("edges").and_then(Value::as_array);
    let linked: HashSet<(&str, &str)> = edges.into_iter().flatten().filter_map(target).collect();
    let mut references = Vec::new();
    match workflow.get("nodes") {
        Some(Value::Array(nodes)) => {
            for node in nodes {
                read_node(node, &linked, &mut references);
            }
        }
        Some(Value::Object(nodes)) => {
            for (id, node) in nodes {
                let fields = node.as_object().into_iter().flatten();
                let class = text(node, "type").unwrap_or_default();
                for (field, value) in
                    fields.filter(|(field, _)| !linked.contains(&(id.as_str(), field.as_str())))
                {
                    Place {
                        node: Some(id),
                        class,
                        field,
                    }
                    .read(value, &mut references, 0);
                }
            }
        }
        _ => {}
    }
    found.add(references);
}

/// Reads the metadata of a picture; false if the object is none.
pub(super) fn read_metadata(object: &Map<String, Value>, found: &mut References) -> bool {
    let is_ours = object.contains_key("app_version")
        || object.contains_key("generation_mode")
        || object.contains_key("model_weights")
        || object.get("model").is_some_and(is_model);
    if !is_ours {
        return false;
    }
    let mut references = Vec::new();
    // Before its third version there was one model, known by the name and digest of its weights.
    if let Some(weights) = object.get("model_weights").and_then(Value::as_str) {
        let hash = object.get("model_hash").and_then(Value::as_str);
        references
            .push(Reference::named(weights, Kind::Checkpoint).with_hash(hash.unwrap_or_default()));
    }
    for (field, value) in object {
        Place {
            node: None,
            class: "",
            field,
        }
        .read(value, &mut references, 0);
    }
    found.add(references);
    true
}

fn read_node(node: &Value, linked: &HashSet<(&str, &str)>, references: &mut Vec<Reference>) {
    let Some(data) = node.get("data") else {
        return;
    };
    let id = text(node, "id").or_else(|| text(data, "id"));
    let class = text(data, "type").unwrap_or_default();
    let inputs = data.get("inputs").and_then(Value::as_object);
    for (field, input) in inputs.into_iter().flatten() {
        let is_linked = id.is_some_and(|id| linked.contains(&(id, field.as_str())));
        // Early versions kept the value itself, later ones an object around it.
        let value = match input.as_object() {
            Some(input) if !is_model_object(input) => input.get("value"),
            _ => Some(input),
        };
        if let Some(value) = value.filter(|_| !is_linked) {
            Place {
                node: id,
                class,
                field,
            }
            .read(value, references, 0);
        }
    }
}

#[derive(Clone, Copy)]
struct Place<'a> {
    node: Option<&'a str>,
    class: &'a str,
    field: &'a str,
}

impl<'a> Place<'a> {
    fn read(self, value: &'a Value, found: &mut Vec<Reference>, depth: usize) {
        if depth > DEEPEST || found.len() > MOST {
            return;
        }
        match value {
            Value::Object(object) if is_model_object(object) => found.push(self.model(object)),
            Value::Object(object) => {
                for (field, value) in object {
                    // What wraps a model says less than the field around it.
                    let field = if matches!(field.as_str(), "model" | "value") {
                        self.field
                    } else {
                        field
                    };
                    Self { field, ..self }.read(value, found, depth + 1);
                }
            }
            Value::Array(items) => {
                for item in items {
                    self.read(item, found, depth + 1);
                }
            }
            Value::String(text) => {
                let files = name::files_in(text).into_iter();
                let kind = Kind::of_field(self.class, self.field).unwrap_or_default();
                found.extend(files.map(|file| self.placed(Reference::named(file, kind))));
            }
            _ => {}
        }
    }

    fn model(self, object: &Map<String, Value>) -> Reference {
        let text = |keys: [&str; 2]| keys.iter().find_map(|key| object.get(*key)?.as_str());
        let kind = text(["type", "model_type"]).and_then(Kind::of_word);
        let kind = kind.or_else(|| Kind::of_field(self.class, self.field));
        let name = text(["name", "model_name"]).unwrap_or_default();
        let reference = Reference::named(name, kind.unwrap_or_default());
        self.placed(reference.with_hash(text(["hash", "model_hash"]).unwrap_or_default()))
    }

    fn placed(self, reference: Reference) -> Reference {
        Reference {
            node: self.node.map(str::to_owned),
            ..reference
        }
    }
}

fn is_model(value: &Value) -> bool {
    value.as_object().is_some_and(is_model_object)
}

/// A model is named with its base and its type; the names of these fields changed once.
fn is_model_object(object: &Map<String, Value>) -> bool {
    let has = |keys: [&str; 2]| {
        keys.iter()
            .any(|key| object.get(*key).is_some_and(Value::is_string))
    };
    let is_named = has(["name", "model_name"]);
    let described: HashMap<&str, bool> = [
        ("base", has(["base", "base_model"])),
        ("type", has(["type", "model_type"])),
        ("key", has(["key", "hash"])),
    ]
    .into();
    is_named && described.values().filter(|is_there| **is_there).count() >= 2
        || (has(["model_name", "model_name"]) && has(["base_model", "base_model"]))
}

/// Returns the node and the field that an edge leads to: on a canvas by names of its own, in a graph by a pair.
fn target(edge: &Value) -> Option<(&str, &str)> {
    if let Some(field) = edge.get("targetHandle").and_then(Value::as_str) {
        return Some((text(edge, "target")?, field));
    }
    let destination = edge.get("destination")?;
    Some((text(destination, "node_id")?, text(destination, "field")?))
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

const DEEPEST: usize = 16;
const MOST: usize = 10_000;
