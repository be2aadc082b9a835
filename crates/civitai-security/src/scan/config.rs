//! Configuration files: JSON and YAML, which loaders turn into objects.
//!
//! Nothing in them is a program, but loaders call what they name: Hydra a `_target_`, `PyYAML` a tag,
//! Keras a class and its module. The name of a file does not decide what it is read as.

pub(super) mod callable;
mod tree;
mod yaml;

use std::io;

use super::format::{Format, Match};
use super::frame::{Scan, Stop};
use super::input::Input;
use super::json::{Dialect, Event, Json, JsonFault};
use super::rule::rule_table;
use super::text::{self, Text};
use tree::{Node, Watch};
use yaml::YamlFault;

rule_table! { "Configuration files":
    CONFIG_CALL = "config_call", Malicious,
        "a loader would call something that runs code or a program, reads, writes or connects",
        "CVE-2025-23304 (NeMo), hydra.utils.instantiate, LightningCLI, jsonpickle";
    CONFIG_UNRESOLVED = "config_unresolved", Suspicious,
        "a loader would call something that is on no list", "hydra.utils.instantiate; fail closed";
    YAML_OBJECT = "yaml_object", Malicious,
        "a tag makes the loader call a function or create an object", "CVE-2017-18342, CVE-2020-14343 (PyYAML)";
    YAML_TAG = "yaml_tag", Suspicious,
        "a tag makes a loader import something that is on no list", "PyYAML; SnakeYAML; Psych";
    CONFIG_CODE_ELSEWHERE = "config_code_elsewhere", Suspicious,
        "the code of the model comes from another repository", "transformers: auto_map";
    CONFIG_PATH = "config_path", Suspicious,
        "an index names a file outside of the model's folder", "path traversal";
    CONFIG_DUPLICATE = "config_duplicate", Suspicious,
        "a key that decides what is created is there twice, and readers disagree about which one counts",
        "RFC 8259, section 4";
    CONFIG_DEPTH = "config_depth", Unscannable,
        "values are nested more deeply than the limit", "fail closed";
    CONFIG_EXPANSION = "config_expansion", Suspicious,
        "aliases make a small text a huge value", "exponential entities, billion laughs";
    CONFIG_LENGTH = "config_length", Unscannable,
        "the YAML is longer than the scanner reads", "fail closed";
    CONFIG_BROKEN = "config_broken", Malformed,
        "the name says JSON, and no reader of JSON takes it, with comments or without", "RFC 8259; fail closed";
    CONFIG_UNREADABLE = "config_unreadable", Suspicious,
        "the text has signs of tags that construct objects, but cannot be read as YAML", "fail closed";
}

pub(super) const FORMAT: Format = Format {
    name: "config",
    extensions: JSON_EXTENSIONS,
    detect,
    scan,
};

fn detect(input: &mut Input<'_>) -> io::Result<Match> {
    if !text::is_text(input)? {
        return Ok(Match::No);
    }
    if input.has_extension(JSON_EXTENSIONS) || input.has_extension(YAML_EXTENSIONS) {
        return Ok(Match::Yes);
    }
    let Ok(Text::Read(text)) = text::read(input) else {
        // The text format tells why it cannot be read.
        return Ok(Match::No);
    };
    let begins = text.trim_start().starts_with(['{', '[']);
    let fits = (begins && is_json(&text)) || MARKS.iter().any(|mark| text.contains(mark));
    Ok(fits.into())
}

fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let Text::Read(text) = text::read(input)? else {
        return Ok(());
    };
    if text.trim().is_empty() {
        return Ok(());
    }
    let named = input.has_extension(JSON_EXTENSIONS) || input.has_extension(YAML_EXTENSIONS);
    let named_yaml = input.has_extension(YAML_EXTENSIONS);
    let mut broken = None;
    if !named_yaml || text.trim_start().starts_with(['{', '[']) {
        match read_json(scan, &text) {
            Ok(Written::Plainly) => return Ok(()),
            // Another reader of such a text may be one of YAML.
            Ok(Written::Loosely) => {}
            Err(Unread::Stop(stop)) => return Err(stop),
            Err(Unread::NotJson(fault)) if fault.too_deep => {
                return Err(Stop::at(&CONFIG_DEPTH, fault.offset as u64, fault.reason));
            }
            Err(Unread::NotJson(fault)) => {
                broken = input.has_extension(JSON_EXTENSIONS).then_some(fault);
            }
        }
    }
    let is_yaml = read_yaml(scan, &text, named)?;
    // Any line of text is YAML; what should have been JSON is so only where it begins like it.
    let is_like_json = text.trim_start().starts_with(['{', '[']);
    if let Some(fault) = broken.filter(|_| !(is_yaml && is_like_json)) {
        scan.find(&CONFIG_BROKEN, fault.offset as u64, fault.reason);
    }
    Ok(())
}

fn is_json(text: &str) -> bool {
    let mut json = Json::new(text, Dialect::Python, usize::MAX);
    loop {
        match json.next_event() {
            Ok(Some(_)) => {}
            Ok(None) => return text[json.offset()..].trim().is_empty(),
            Err(_) => return false,
        }
    }
}

/// How a text that is JSON is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// As JSON, or as Python writes it.
    Plainly,
    /// With comments or commas that JSON does not have.
    Loosely,
}

/// Why a text was not read to its end as JSON.
enum Unread {
    NotJson(JsonFault),
    Stop(Stop),
}

/// Reads a text that is one JSON value, or one a line.
fn read_json(scan: &mut Scan<'_>, text: &str) -> Result<Written, Unread> {
    let nesting = scan.limits().nesting;
    let mut watch = Watch::new(scan);
    let mut written = Written::Plainly;
    let mut start = 0;
    loop {
        let mut json = Json::new(&text[start..], Dialect::Loose, nesting);
        let fault = |fault: JsonFault| {
            let offset = start + fault.offset;
            Unread::NotJson(JsonFault { offset, ..fault })
        };
        while let Some((at, event)) = json.next_event().map_err(fault)? {
            let node = match &event {
                Event::ObjectStart => Node::Map,
                Event::ArrayStart => Node::List,
                Event::ObjectEnd | Event::ArrayEnd => Node::End,
                Event::Key(key) => Node::Key(key),
                Event::String(text) => Node::Text(text),
                Event::Number(_) | Event::Bool(_) | Event::Null => Node::Other,
            };
            watch.take((start + at) as u64, &node);
            watch.scan.budget().step().map_err(Unread::Stop)?;
        }
        start += json.end();
        start += text[start..].len() - text[start..].trim_start().len();
        if json.is_loose() {
            written = Written::Loosely;
        }
        if start == text.len() {
            return Ok(written);
        }
    }
}

/// Says whether the text is YAML to its end; one that is too long to be read counts as such.
fn read_yaml(scan: &mut Scan<'_>, text: &str, named: bool) -> Result<bool, Stop> {
    if text.len() > YAML_BYTES {
        if named || OBJECT_MARKS.iter().any(|mark| text.contains(mark)) {
            scan.find(&CONFIG_LENGTH, 0, format!("{} bytes", text.len()));
        }
        return Ok(true);
    }
    // Prose about objects is no YAML, though it may begin like it.
    if !named && !yaml::is_yaml(text, scan.budget().clock()) {
        return Ok(false);
    }
    let nesting = scan.limits().nesting;
    match yaml::read(text, nesting, &mut Watch::new(scan)) {
        Ok(()) => Ok(true),
        Err(YamlFault::Stop(stop)) => Err(stop),
        Err(YamlFault::NotYaml { offset, reason }) => {
            // Readers differ in what they take.
            if OBJECT_MARKS.iter().any(|mark| text.contains(mark)) {
                scan.find(&CONFIG_UNREADABLE, offset, reason);
            }
            Ok(false)
        }
    }
}

/// YAML takes ten times as long to read as JSON, and no configuration is as long.
const YAML_BYTES: usize = 8 << 20;
const JSON_EXTENSIONS: &[&str] = &["json"];
const YAML_EXTENSIONS: &[&str] = &["yaml", "yml"];
/// What makes a text of another name worth reading as a configuration.
const MARKS: &[&str] = &[
    "!!",
    "!<",
    "%TAG",
    "_target_",
    "chat_template",
    "class_path",
];
/// Without one of these nothing in a text makes a loader import anything.
const OBJECT_MARKS: &[&str] = &[
    "!!python/",
    ":python/",
    "python%2",
    "%TAG",
    "!<",
    "!new:",
    "!apply:",
    "!name:",
    "_target_",
];
