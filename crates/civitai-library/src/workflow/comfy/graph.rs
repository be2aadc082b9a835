//! Nodes and the links between them, on one level of a canvas.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// One level: the canvas itself, or the inside of a subgraph.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    /// What stands in front of the ids of its nodes.
    prefix: String,
    list: &'a [Value],
    nodes: HashMap<String, &'a Value>,
    /// The node and the slot that each link comes from.
    origins: HashMap<String, (String, usize)>,
    /// The id that stands for what comes in from outside.
    border: String,
}

/// Where the value of a linked field comes from.
#[derive(Clone, Debug)]
pub(super) enum Source<'a> {
    /// It is known.
    Value(&'a Value),
    /// A node makes it when it runs; this is its path.
    Node(String),
    /// Nothing: the link leads nowhere.
    Nowhere,
}

impl<'a> Graph<'a> {
    pub(super) fn new(level: &'a Map<String, Value>, prefix: String) -> Self {
        let list = array(level.get("nodes"));
        let nodes = list
            .iter()
            .filter_map(|node| Some((id(node.get("id")?)?, node)));
        let border = level.get("inputNode").and_then(|node| id(node.get("id")?));
        Self {
            prefix,
            list,
            nodes: nodes.collect(),
            origins: array(level.get("links"))
                .iter()
                .filter_map(origin)
                .collect(),
            border: border.unwrap_or_else(|| "-10".to_owned()),
        }
    }

    pub(super) fn nodes(&self) -> &'a [Value] {
        self.list
    }

    pub(super) fn path(&self, node: &Value) -> String {
        let id = node.get("id").and_then(id).unwrap_or_default();
        format!("{}{id}", self.prefix)
    }

    /// Follows a link to where its value comes from, through the points that only pass it on.
    pub(super) fn source(&self, link: &Value, given: &[Source<'a>]) -> Source<'a> {
        let mut link = id(link);
        for _ in 0..MOST_HOPS {
            let Some((origin, slot)) = link.and_then(|link| self.origins.get(&link)) else {
                return Source::Nowhere;
            };
            if *origin == self.border {
                return given.get(*slot).cloned().unwrap_or(Source::Nowhere);
            }
            let Some(node) = self.nodes.get(origin) else {
                return Source::Nowhere;
            };
            match class(node) {
                "Reroute" => {
                    link = array(node.get("inputs"))
                        .first()
                        .and_then(|input| id(input.get("link")?));
                }
                "PrimitiveNode" => {
                    let value = array(node.get("widgets_values")).first();
                    return value.map_or(Source::Nowhere, Source::Value);
                }
                _ => return Source::Node(self.path(node)),
            }
        }
        Source::Nowhere
    }
}

/// Returns the class of a node on a canvas.
pub(super) fn class(node: &Value) -> &str {
    node.get("type").and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn array(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Ids are numbers or texts, depending on the age of the file.
pub(super) fn id(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.len() <= LONGEST_ID => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Links are lists `[id, from, slot, to, slot, type]`, or objects.
fn origin(link: &Value) -> Option<(String, (String, usize))> {
    let (link, from, slot) = match link {
        Value::Array(parts) => (parts.first()?, parts.get(1)?, parts.get(2)?),
        Value::Object(parts) => (
            parts.get("id")?,
            parts.get("origin_id")?,
            parts.get("origin_slot")?,
        ),
        _ => return None,
    };
    let slot = usize::try_from(slot.as_u64()?).ok()?;
    Some((id(link)?, (id(from)?, slot)))
}

const MOST_HOPS: usize = 256;
const LONGEST_ID: usize = 256;
