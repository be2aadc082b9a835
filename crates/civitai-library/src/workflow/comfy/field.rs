//! The values of one node's fields: which models they name, and which of them count.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::workflow::kind::Kind;
use crate::workflow::reference::{Activity, Reference};
use crate::workflow::{json, name, prompt};

/// What a node is, as far as its fields cannot tell.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    pub(super) id: String,
    pub(super) class: &'a str,
    pub(super) activity: Activity,
    /// What the models in it are used as if neither class nor field say.
    pub(super) fallback: Option<Kind>,
}

impl Node<'_> {
    /// Adds what a field's value names.
    pub(super) fn read(&self, field: &str, value: &Value, found: &mut Vec<Reference>) {
        let place = Place {
            node: self,
            field,
            activity: self.activity,
        };
        place.read(value, found, 0);
    }

    /// Says whether the node only shows or says things.
    pub(super) fn is_note(&self) -> bool {
        is_note(self.class)
    }

    /// Judges what a field's model is used as.
    pub(super) fn kind(&self, field: &str) -> Kind {
        Kind::of_field(self.class, field)
            .or(self.fallback)
            .unwrap_or_default()
    }
}

/// Says whether nodes of a class show or say things, so that names in them are not used: notes, and nodes that keep the
/// text they displayed last.
fn is_note(class: &str) -> bool {
    let class: String = class
        .chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let is_listed = NOTES.iter().any(|word| class.contains(word));
    is_listed || class.starts_with("note") || class.starts_with("label")
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    node: &'a Node<'a>,
    field: &'a str,
    activity: Activity,
}

impl<'a> Place<'a> {
    fn read(self, value: &'a Value, found: &mut Vec<Reference>, depth: usize) {
        if depth > DEEPEST || found.len() > MOST {
            return;
        }
        match value {
            Value::String(text) => self.read_text(text, found, depth),
            Value::Array(items) => {
                for item in items {
                    self.read(item, found, depth + 1);
                }
            }
            Value::Object(object) => self.read_object(object, found, depth),
            _ => {}
        }
    }

    fn read_text(self, text: &str, found: &mut Vec<Reference>, depth: usize) {
        let files = name::files_in(text);
        if !files.is_empty() {
            found.extend(files.into_iter().map(|file| self.reference(file)));
        } else if let Some(reference) = self.link(text) {
            found.push(reference);
        } else if prompt::is_likely(text) {
            let references = prompt::references(text).into_iter();
            found.extend(references.map(|reference| self.placed(reference)));
        } else if depth == 0
            && let Some(inner) = json::guess(text)
        {
            // Some nodes keep their rows as text.
            self.read(&inner, found, depth + 1);
        }
    }

    fn read_object(self, object: &'a Map<String, Value>, found: &mut Vec<Reference>, depth: usize) {
        let place = if is_off(object) {
            Self {
                activity: self.activity.max(Activity::Muted),
                ..self
            }
        } else {
            self
        };
        if let Some(row) = place.row(object) {
            found.push(row);
            return;
        }
        for (key, value) in object {
            // `content` and the like say less than the field around them.
            let field = match Kind::of_words(key) {
                Some(_) => key.as_str(),
                None => place.field,
            };
            Self { field, ..place }.read(value, found, depth + 1);
        }
    }

    /// Reads a row of a list of `LoRA`s, which may name them without extension.
    fn row(self, object: &Map<String, Value>) -> Option<Reference> {
        let written = object.get("name").and_then(Value::as_str)?;
        let has_weight = ["strength", "weight", "model_strength", "clipStrength"]
            .iter()
            .any(|key| object.contains_key(*key));
        let kind = self.node.kind(self.field);
        (has_weight && kind == Kind::Lora && !name::is_placeholder(written))
            .then(|| self.reference(written))
    }

    /// Reads the name of a version on the site: a resource name or an address, or in a field that says so a bare
    /// `MODEL@VERSION`.
    fn link(self, text: &str) -> Option<Reference> {
        if text.len() > LONGEST_LINK || text.trim().contains(char::is_whitespace) {
            return None;
        }
        let mut reference = Reference {
            kind: self.node.kind(self.field),
            ..Reference::default()
        };
        let is_named = self.field.to_ascii_lowercase().ends_with("air");
        let bare = text.trim();
        let is_bare = is_named && bare.contains('@');
        let prefixed = format!("civitai:{bare}");
        let is_link = reference.take_link(bare) || (is_bare && reference.take_link(&prefixed));
        is_link.then(|| self.placed(reference))
    }

    fn reference(self, written: &str) -> Reference {
        self.placed(Reference::named(written, self.node.kind(self.field)))
    }

    fn placed(self, reference: Reference) -> Reference {
        Reference {
            node: Some(self.node.id.clone()),
            activity: self.activity,
            ..reference
        }
    }
}

/// Gives a node's values the names of its fields, where they can be known.
pub(super) fn names<'a>(node: &'a Value, class: &str, values: &[Value]) -> Vec<Option<&'a str>> {
    let listed = |names: &'static [&'static str]| {
        (0..values.len())
            .map(|index| names.get(index).copied())
            .collect()
    };
    if let Some((_, names)) = FIELDS.iter().find(|(known, _)| *known == class) {
        return listed(names);
    }
    let widgets: Vec<&str> = widgets(node).collect();
    // What is done to a seed after each run stands beside it and is no field.
    let is_control = |index: usize| {
        index > 0
            && values[index - 1].is_number()
            && values[index]
                .as_str()
                .is_some_and(|text| CONTROLS.contains(&text))
    };
    let fields: Vec<usize> = (0..values.len())
        .filter(|index| !is_control(*index))
        .collect();
    let mut names = vec![None; values.len()];
    if widgets.len() == values.len() {
        names = widgets.into_iter().map(Some).collect();
    } else if widgets.len() == fields.len() {
        for (index, name) in fields.into_iter().zip(widgets) {
            names[index] = Some(name);
        }
    }
    names
}

/// Returns the names of the inputs that stand for fields.
fn widgets(node: &Value) -> impl Iterator<Item = &str> {
    let inputs = node.get("inputs").and_then(Value::as_array);
    inputs
        .into_iter()
        .flatten()
        .filter_map(|input| input.get("widget")?.get("name")?.as_str())
}

/// Returns the rows of a stack that are switched off or beyond its count, where fields have names.
pub(super) fn idle<'a>(fields: &HashMap<&'a str, &'a Value>) -> Vec<&'a str> {
    let count = ["lora_count", "num_loras"]
        .iter()
        .find_map(|name| fields.get(name)?.as_u64());
    let is_idle = |name: &str| {
        let number = number(name)?;
        let is_beyond = count.is_some_and(|count| number > count);
        let switch = fields.get(format!("switch_{number}").as_str());
        let is_off = switch.is_some_and(|switch| {
            switch
                .as_str()
                .is_some_and(|text| text.eq_ignore_ascii_case("off"))
        });
        Some(is_beyond || is_off)
    };
    fields
        .keys()
        .copied()
        .filter(|name| is_idle(name) == Some(true))
        .collect()
}

/// Returns the number of a row, as in `lora_name_3` or `lora_3_name`.
fn number(field: &str) -> Option<u64> {
    let is_row = Kind::of_words(field).is_some();
    is_row
        .then(|| field.split('_').rev().find_map(|part| part.parse().ok()))
        .flatten()
}

fn is_off(object: &Map<String, Value>) -> bool {
    ["on", "active", "enabled", "enable"]
        .iter()
        .any(|key| object.get(*key) == Some(&Value::Bool(false)))
}

const CONTROLS: [&str; 4] = ["fixed", "increment", "decrement", "randomize"];

const NOTES: [&str; 9] = [
    "markdownnote",
    "workflownote",
    "noteplus",
    "showtext",
    "showanything",
    "displaytext",
    "displayany",
    "previewany",
    "previewtext",
];

/// The fields, in order, of nodes with several models of different kinds, for canvases that do not name them.
const FIELDS: [(&str, &[&str]); 10] = [
    ("CheckpointLoader", &["config_name", "ckpt_name"]),
    ("DualCLIPLoader", &["clip_name1", "clip_name2", "type"]),
    ("DualCLIPLoaderGGUF", &["clip_name1", "clip_name2", "type"]),
    (
        "TripleCLIPLoader",
        &["clip_name1", "clip_name2", "clip_name3"],
    ),
    (
        "QuadrupleCLIPLoader",
        &["clip_name1", "clip_name2", "clip_name3", "clip_name4"],
    ),
    (
        "Efficient Loader",
        &["ckpt_name", "vae_name", "clip_skip", "lora_name"],
    ),
    (
        "Eff. Loader SDXL",
        &[
            "base_ckpt_name",
            "base_clip_skip",
            "refiner_ckpt_name",
            "refiner_clip_skip",
            "positive_ascore",
            "negative_ascore",
            "vae_name",
        ],
    ),
    (
        "easy fullLoader",
        &[
            "ckpt_name",
            "config_name",
            "vae_name",
            "clip_skip",
            "lora_name",
        ],
    ),
    (
        "easy a1111Loader",
        &["ckpt_name", "vae_name", "clip_skip", "lora_name"],
    ),
    (
        "easy comfyLoader",
        &["ckpt_name", "vae_name", "clip_skip", "lora_name"],
    ),
];

const DEEPEST: usize = 16;
const LONGEST_LINK: usize = 2048;
const MOST: usize = 10_000;
