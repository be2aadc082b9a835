use std::collections::HashMap;

use granit_parser::{Event, Parser, Tag};

use super::callable::{self, Callable};
use super::tree::{Node, Unlisted, Watch};
use super::{CONFIG_DEPTH, CONFIG_EXPANSION, YAML_OBJECT, YAML_TAG};
use crate::scan::budget::Clock;
use crate::scan::frame::Stop;
use crate::scan::jinja;
use crate::scan::report::Finding;

/// Why a text was not read to its end as YAML.
pub(super) enum YamlFault {
    NotYaml { offset: u64, reason: String },
    Stop(Stop),
}

/// A list or map that is open.
struct Open {
    kind: Kind,
    /// Its anchor, 0 for none.
    anchor: usize,
    /// The values in it, those behind aliases counted as often as they are named.
    values: u64,
}

enum Kind {
    List,
    /// A map, and whether its next value is a key.
    Map {
        key_next: bool,
    },
}

/// What an alias can stand for.
enum Anchored {
    Text(String),
    /// A list or map of so many values, or a long text.
    Values(u64),
}

/// Whether a text is YAML to its end, or for as long as there is time to look.
pub(super) fn is_yaml(text: &str, clock: Clock) -> bool {
    let mut events = Parser::new_from_str(text).enumerate();
    events.all(|(number, event)| {
        event.is_ok() && !(number.is_multiple_of(EVENTS) && clock.has_run_out())
    }) || clock.has_run_out()
}

/// Reads all documents of a text.
pub(super) fn read(text: &str, nesting: usize, watch: &mut Watch<'_, '_>) -> Result<(), YamlFault> {
    let mut around: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Anchored> = HashMap::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| YamlFault::NotYaml {
            offset: error.marker().byte_offset().unwrap_or_default() as u64,
            reason: error.to_string(),
        })?;
        watch.scan.budget().step().map_err(YamlFault::Stop)?;
        let at = span.start.byte_offset().unwrap_or_default() as u64;
        if let Some(tag) = tag(&event) {
            judge_tag(watch, at, tag);
        }
        let is_key = matches!(
            around.last(),
            Some(Open {
                kind: Kind::Map { key_next: true },
                ..
            })
        );
        let values = match event {
            Event::Scalar(text, _, anchor, _) => {
                if is_key {
                    watch.take(at, &Node::Key(&text));
                } else {
                    watch.take(at, &Node::Text(&text));
                }
                if anchor > 0 && text.len() <= ANCHORED_BYTES {
                    anchors.insert(anchor, Anchored::Text(text.into_owned()));
                } else if anchor > 0 {
                    // It may be used as one, and is too long to be judged at each place.
                    jinja::judge_value(watch.scan, at, "chat_template", &text);
                    anchors.insert(anchor, Anchored::Values(1));
                }
                1
            }
            Event::Alias(anchor) => match anchors.get(&anchor) {
                Some(Anchored::Text(text)) => {
                    let node = if is_key { Node::Key } else { Node::Text };
                    watch.take(at, &node(text));
                    1
                }
                known => {
                    watch.take(at, &Node::Other);
                    match known {
                        Some(Anchored::Values(values)) => *values,
                        _ => 1,
                    }
                }
            },
            Event::SequenceStart(_, anchor, _) => {
                watch.take(at, &Node::List);
                around.push(Open::new(Kind::List, anchor));
                check_depth(at, around.len(), nesting)?;
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                watch.take(at, &Node::Map);
                around.push(Open::new(Kind::Map { key_next: true }, anchor));
                check_depth(at, around.len(), nesting)?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                watch.take(at, &Node::End);
                let values = around.pop().map_or(1, |ended| {
                    if ended.anchor > 0 {
                        anchors.insert(ended.anchor, Anchored::Values(ended.values));
                    }
                    ended.values
                });
                check_values(watch, at, values);
                values
            }
            _ => continue,
        };
        if let Some(open) = around.last_mut() {
            open.complete(values);
        }
    }
    Ok(())
}

impl Open {
    fn new(kind: Kind, anchor: usize) -> Self {
        Self {
            kind,
            anchor,
            values: 1,
        }
    }

    /// Takes a complete value: in a map, what follows a key is its value and the other way round.
    fn complete(&mut self, values: u64) {
        self.values = self.values.saturating_add(values);
        if let Kind::Map { key_next } = &mut self.kind {
            *key_next = !*key_next;
        }
    }
}

/// Tells of a list or map that aliases blow up, once: what is around it is as large.
fn check_values(watch: &mut Watch<'_, '_>, at: u64, values: u64) {
    if values > VALUES && !watch.is_blown_up {
        watch.is_blown_up = true;
        let detail = format!("more than {VALUES} values");
        watch.scan.find(&CONFIG_EXPANSION, at, detail);
    }
}

fn check_depth(at: u64, depth: usize, nesting: usize) -> Result<(), YamlFault> {
    if depth <= nesting {
        return Ok(());
    }
    let detail = format!("more than {nesting} levels");
    Err(YamlFault::Stop(Stop::at(&CONFIG_DEPTH, at, detail)))
}

fn tag<'e>(event: &'e Event<'_>) -> Option<&'e Tag> {
    match event {
        Event::Scalar(_, _, _, tag)
        | Event::SequenceStart(_, _, tag)
        | Event::MappingStart(_, _, tag) => tag.as_deref(),
        _ => None,
    }
}

/// Judges the tag of a value: the constructor that a loader calls for it.
fn judge_tag(watch: &mut Watch<'_, '_>, at: u64, tag: &Tag) {
    let whole = format!("{}{}", tag.handle(), tag.suffix());
    let whole = percent_encoding::percent_decode_str(&whole).decode_utf8_lossy();
    if let Some(python) = whole.split_once("python/").and_then(|(before, python)| {
        (before.ends_with(':') || before.ends_with('!')).then_some(python)
    }) {
        return judge_python(watch, at, python);
    }
    if let Some((constructor, name)) = whole.trim_start_matches('!').split_once(':')
        && whole.starts_with('!')
        && CONSTRUCTORS.contains(&constructor)
    {
        return watch.judge_call(at, &format!("!{constructor}"), name, Unlisted::Counts);
    }
    if FOREIGN.iter().any(|foreign| whole.contains(foreign)) {
        watch.scan.find(&YAML_TAG, at, whole);
    }
}

fn judge_python(watch: &mut Watch<'_, '_>, at: u64, python: &str) {
    let (kind, name) = python.split_once(':').unwrap_or((python, ""));
    if DATA.contains(&kind) {
        return;
    }
    let rule = match (kind, callable::judge(name)) {
        (_, Callable::Harmless) => return,
        ("object/apply" | "object/new", _) | (_, Callable::Runs) => &YAML_OBJECT,
        _ => &YAML_TAG,
    };
    let finding = Finding::new(rule, at, format!("!!python/{python}"));
    watch.scan.add(finding.with_callable(name));
}

/// More than the longest text that is read has without aliases.
const VALUES: u64 = 1 << 24;
/// Events that are read between two looks at the clock.
const EVENTS: usize = 256;
/// The names of callables are shorter.
const ANCHORED_BYTES: usize = 1024;
/// Python's tags that make plain data.
const DATA: &[&str] = &[
    "bool", "bytes", "complex", "dict", "float", "int", "list", "long", "none", "str", "tuple",
    "unicode",
];
/// Tags of `HyperPyYAML` that import what they name.
const CONSTRUCTORS: &[&str] = &["apply", "module", "name", "new"];
/// Tags by which loaders of other languages make objects.
const FOREIGN: &[&str] = &[
    "ruby/",
    "javax.",
    "java.",
    "com.sun.",
    "org.apache.",
    "perl/",
    "php/",
];
