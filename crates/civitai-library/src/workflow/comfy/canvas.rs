//! A saved canvas: what its nodes would use if it were run now.
//!
//! A field that was turned into an input keeps its last value, which nothing uses any more; what counts is what is
//! linked to it. A subgraph is a node whose class is the id of a definition, and each such node has the definition's
//! nodes inside, with the values that are given to it from outside.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::field::{self, Node};
use super::graph::{Graph, Source, array, class};
use crate::workflow::ErrorKind;
use crate::workflow::kind::Kind;
use crate::workflow::name;
use crate::workflow::reference::{Activity, Reference, References, digest};

/// Reads a canvas.
pub(in crate::workflow) fn read(
    canvas: &Map<String, Value>,
    found: &mut References,
) -> Result<(), ErrorKind> {
    let mut reader = Reader::of(canvas);
    let level = Graph::new(canvas, String::new());
    reader.read_level(&level, &[], Activity::Active, 0)?;
    let mut references = reader.finish();
    let models = array(canvas.get("models"));
    for reference in &mut references {
        enrich(reference, models);
    }
    found.add(references);
    Ok(())
}

/// A reference that stands only if the node linked to its field names no model.
struct Fallback {
    linked: String,
    reference: Reference,
}

struct Reader<'a> {
    subgraphs: HashMap<&'a str, &'a Map<String, Value>>,
    groups: Option<&'a Map<String, Value>>,
    found: Vec<Reference>,
    fallbacks: Vec<Fallback>,
    /// What the fields are for that a node's value goes to.
    uses: HashMap<String, Kind>,
    visited: usize,
}

impl<'a> Reader<'a> {
    fn of(canvas: &'a Map<String, Value>) -> Self {
        let definitions = canvas.get("definitions");
        let subgraphs = array(definitions.and_then(|all| all.get("subgraphs")));
        let subgraphs = subgraphs
            .iter()
            .filter_map(|subgraph| Some((subgraph.get("id")?.as_str()?, subgraph.as_object()?)));
        Self {
            subgraphs: subgraphs.collect(),
            groups: canvas
                .get("extra")
                .and_then(|extra| extra.get("groupNodes")?.as_object()),
            found: Vec::new(),
            fallbacks: Vec::new(),
            uses: HashMap::new(),
            visited: 0,
        }
    }

    fn read_level(
        &mut self,
        level: &Graph<'a>,
        given: &[Source<'a>],
        around: Activity,
        depth: usize,
    ) -> Result<(), ErrorKind> {
        for node in level.nodes().iter().filter(|node| node.is_object()) {
            self.visited += 1;
            if self.visited > MOST_NODES || depth > DEEPEST {
                return Err(ErrorKind::TooManyNodes {
                    node: level.path(node),
                    limit: MOST_NODES,
                });
            }
            let activity = around.max(activity(node));
            match self.subgraphs.get(class(node)).copied() {
                Some(inside) => {
                    self.read_subgraph(level, node, inside, (given, activity, depth))?;
                }
                None => self.read_node(level, node, given, activity),
            }
        }
        Ok(())
    }

    fn read_subgraph(
        &mut self,
        level: &Graph<'a>,
        node: &'a Value,
        inside: &'a Map<String, Value>,
        (given, activity, depth): (&[Source<'a>], Activity, usize),
    ) -> Result<(), ErrorKind> {
        let path = level.path(node);
        let values = array(node.get("widgets_values"));
        let mut own = values.iter();
        let inputs = array(node.get("inputs")).iter().map(|input| {
            // Each field on the outside has a value, whether a link overrides it or not.
            let value = input.get("widget").and_then(|_| own.next());
            match (input.get("link").filter(|link| !link.is_null()), value) {
                (Some(link), _) => level.source(link, given),
                (None, Some(value)) => Source::Value(value),
                (None, None) => Source::Nowhere,
            }
        });
        let inputs: Vec<Source<'a>> = inputs.collect();
        let before = self.found.len();
        let level = Graph::new(inside, format!("{path}:"));
        self.read_level(&level, &inputs, activity, depth + 1)?;
        self.read_outside(node, path, activity, before);
        Ok(())
    }

    /// Adds what fields on the outside of a subgraph name and none of its nodes does.
    fn read_outside(&mut self, node: &'a Value, path: String, activity: Activity, before: usize) {
        let values = array(node.get("widgets_values"));
        let proxies = array(
            node.get("properties")
                .and_then(|all| all.get("proxyWidgets")),
        );
        let mut names = field::names(node, "", values);
        if proxies.len() == values.len() {
            names = proxies.iter().map(|proxy| proxy.get(1)?.as_str()).collect();
        }
        let linked: HashSet<&str> = linked_fields(node).map(|(name, _)| name).collect();
        let outside = Node {
            id: path,
            class: "",
            activity,
            fallback: None,
        };
        let mut found = Vec::new();
        for (value, name) in values.iter().zip(names) {
            if !name.is_some_and(|name| linked.contains(name)) {
                outside.read(name.unwrap_or_default(), value, &mut found);
            }
        }
        let inside: HashSet<_> = self.found[before..]
            .iter()
            .map(|inner| inner.name.clone())
            .collect();
        found.retain(|outer| !inside.contains(&outer.name));
        self.found.append(&mut found);
    }

    fn read_node(
        &mut self,
        level: &Graph<'a>,
        value: &'a Value,
        given: &[Source<'a>],
        activity: Activity,
    ) {
        let class = class(value);
        let node = Node {
            id: level.path(value),
            class,
            activity,
            fallback: Kind::of_slots(&types(value, "inputs"), &types(value, "outputs")),
        };
        if node.is_note() || PLUMBING.contains(&class) {
            return;
        }
        let mut links = Links::default();
        for (name, link) in linked_fields(value) {
            match level.source(link, given) {
                Source::Value(value) => links.values.push((name, value)),
                Source::Node(path) => {
                    if let Some(kind) = Kind::of_field(class, name) {
                        self.uses.entry(path.clone()).or_insert(kind);
                    }
                    links.nodes.push((name, path));
                }
                Source::Nowhere => {}
            }
        }
        let mut found = Vec::new();
        self.read_fields(&node, value, links, &mut found);
        self.name_group(class, &mut found);
        let models = array(value.get("properties").and_then(|all| all.get("models")));
        for reference in &mut found {
            enrich(reference, models);
        }
        self.found.append(&mut found);
    }

    fn read_fields(
        &mut self,
        node: &Node<'_>,
        value: &'a Value,
        mut links: Links<'a>,
        found: &mut Vec<Reference>,
    ) {
        let fields = fields(value, node.class);
        let named: HashMap<&str, &Value> = fields
            .iter()
            .filter_map(|(name, value)| Some((name.as_deref()?, *value)))
            .collect();
        let idle = field::idle(&named);
        let mut is_off = false;
        for (name, value) in &fields {
            let row = Node {
                activity: match name {
                    Some(name) if idle.contains(&name.as_str()) => Activity::Muted,
                    None if is_off => Activity::Muted.max(node.activity),
                    _ => node.activity,
                },
                ..node.clone()
            };
            is_off = value
                .as_str()
                .is_some_and(|text| text.eq_ignore_ascii_case("off"));
            match links.take(name.as_deref(), value, &fields, node.class) {
                Some(Link::Value(name, linked)) => row.read(name, linked, found),
                Some(Link::Node(name, linked)) => {
                    let mut kept = Vec::new();
                    row.read(name, value, &mut kept);
                    let kept = kept.into_iter().map(|reference| Fallback {
                        linked: linked.clone(),
                        reference,
                    });
                    self.fallbacks.extend(kept);
                }
                None => row.read(name.as_deref().unwrap_or_default(), value, found),
            }
        }
        for (name, linked) in links.values {
            node.read(name, linked, found);
        }
    }

    /// An old kind of group keeps the fields of all its nodes in a row. What each is for, the nodes of its template say.
    fn name_group(&self, class: &str, found: &mut [Reference]) {
        let Some(name) = class
            .strip_prefix("workflow/")
            .or_else(|| class.strip_prefix("workflow>"))
        else {
            return;
        };
        let Some(template) = self.groups.and_then(|groups| groups.get(name)?.as_object()) else {
            return;
        };
        let mut kinds = Vec::new();
        for inner in array(template.get("nodes")) {
            let node = Node {
                id: String::new(),
                class: super::graph::class(inner),
                activity: Activity::Active,
                fallback: None,
            };
            for (name, value) in fields(inner, node.class) {
                node.read(name.as_deref().unwrap_or_default(), value, &mut kinds);
            }
        }
        if kinds.len() == found.len() {
            for (reference, template) in found.iter_mut().zip(kinds) {
                reference.kind = template.kind;
            }
        }
    }

    fn finish(self) -> Vec<Reference> {
        let mut found = self.found;
        let telling: HashSet<String> = found
            .iter()
            .filter_map(|reference| reference.node.clone())
            .collect();
        let fallbacks = self.fallbacks.into_iter();
        found.extend(
            fallbacks
                .filter(|fallback| !telling.contains(&fallback.linked))
                .map(|fallback| fallback.reference),
        );
        for reference in found
            .iter_mut()
            .filter(|reference| reference.kind == Kind::Other)
        {
            let used = reference.node.as_ref().and_then(|node| self.uses.get(node));
            reference.kind = used.copied().unwrap_or_default();
        }
        found
    }
}

/// The fields of one node that links override.
#[derive(Default)]
struct Links<'a> {
    values: Vec<(&'a str, &'a Value)>,
    nodes: Vec<(&'a str, String)>,
}

enum Link<'a> {
    Value(&'a str, &'a Value),
    Node(&'a str, String),
}

impl<'a> Links<'a> {
    /// Takes the link that overrides a field. A field without a name is the one meant if no other can be.
    fn take(
        &mut self,
        name: Option<&str>,
        value: &Value,
        fields: &[Field<'_>],
        class: &str,
    ) -> Option<Link<'a>> {
        let is_meant = |linked: &str| match name {
            Some(name) => name == linked,
            None => is_only_choice(linked, value, fields, class),
        };
        if let Some(at) = self.values.iter().position(|(linked, _)| is_meant(linked)) {
            let (name, value) = self.values.remove(at);
            return Some(Link::Value(name, value));
        }
        let at = self.nodes.iter().position(|(linked, _)| is_meant(linked))?;
        let (name, path) = self.nodes.remove(at);
        Some(Link::Node(name, path))
    }
}

fn is_only_choice(linked: &str, value: &Value, fields: &[Field<'_>], class: &str) -> bool {
    let is_model = Kind::of_field(class, linked).is_some() && !TEXTS.contains(&linked);
    let fits = |value: &Value| {
        value
            .as_str()
            .is_some_and(|text| is_model != name::files_in(text).is_empty())
    };
    let candidates = fields
        .iter()
        .filter(|(name, value)| name.is_none() && fits(value));
    fits(value) && candidates.count() == 1
}

type Field<'a> = (Option<String>, &'a Value);

/// Returns the fields of a node, with their names where those can be known.
fn fields<'a>(node: &'a Value, class: &str) -> Vec<Field<'a>> {
    match node.get("widgets_values") {
        Some(Value::Array(values)) => {
            let names = field::names(node, class, values).into_iter();
            let names = names.map(|name| name.map(str::to_owned));
            names.zip(values).collect()
        }
        Some(Value::Object(values)) => values
            .iter()
            .map(|(name, value)| (Some(name.clone()), value))
            .collect(),
        _ => Vec::new(),
    }
}

/// Returns the fields of a node that are linked, with their links.
fn linked_fields(node: &Value) -> impl Iterator<Item = (&str, &Value)> {
    array(node.get("inputs")).iter().filter_map(|input| {
        let link = input.get("link").filter(|link| !link.is_null())?;
        let name = input.get("widget").and_then(|widget| widget.get("name"));
        let is_text = input
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(|kind| matches!(kind, "STRING" | "COMBO" | "*"));
        let name = name.or_else(|| input.get("name").filter(|_| is_text))?;
        Some((name.as_str()?, link))
    })
}

fn types<'a>(node: &'a Value, slots: &str) -> Vec<&'a str> {
    let slots = array(node.get(slots)).iter();
    slots
        .filter_map(|slot| slot.get("type")?.as_str())
        .collect()
}

fn activity(node: &Value) -> Activity {
    match node.get("mode").and_then(Value::as_u64) {
        Some(2) => Activity::Muted,
        Some(4) => Activity::Bypassed,
        _ => Activity::Active,
    }
}

/// Completes a reference by what a template's list of models says about the file of this name.
fn enrich(reference: &mut Reference, models: &[Value]) {
    let Some(written) = reference.name.as_deref() else {
        return;
    };
    let base = name::base_name(written);
    let text =
        |model: &'_ Value, key: &str| model.get(key).and_then(Value::as_str).map(str::to_owned);
    let Some(model) = models
        .iter()
        .find(|model| text(model, "name").as_deref() == Some(base))
    else {
        return;
    };
    if reference.kind == Kind::Other {
        let folder = text(model, "directory");
        reference.kind = folder
            .and_then(|folder| Kind::of_words(&folder))
            .unwrap_or_default();
    }
    let is_sha256 = text(model, "hash_type").is_none_or(|kind| kind.eq_ignore_ascii_case("sha256"));
    if reference.hash.is_none() && is_sha256 {
        reference.hash = text(model, "hash").as_deref().and_then(digest);
    }
    if reference.url.is_none() {
        let url = text(model, "url")
            .filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        reference.url = url.map(|url| name::shown(&url));
    }
}

/// Nodes that only pass values on.
const PLUMBING: [&str; 4] = ["Reroute", "PrimitiveNode", "SetNode", "GetNode"];
/// Fields that hold texts whatever their node is for.
const TEXTS: [&str; 4] = ["text", "prompt", "positive", "negative"];
/// The largest real canvases have a few thousand.
const MOST_NODES: usize = 100_000;
const DEEPEST: usize = 32;
