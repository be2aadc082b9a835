//! What JSON and YAML have in common, watched for objects that a loader would turn into calls.

use super::callable::{self, Callable};
use super::{CONFIG_CALL, CONFIG_CODE_ELSEWHERE, CONFIG_DUPLICATE, CONFIG_PATH, CONFIG_UNRESOLVED};
use crate::scan::frame::Scan;
use crate::scan::jinja;
use crate::scan::keras;
use crate::scan::onnx::leaves_folder;
use crate::scan::report::Finding;
use crate::scan::rule::Rule;

/// One piece of a tree of values.
pub(super) enum Node<'n> {
    Map,
    List,
    /// Of the map or list opened last.
    End,
    Key(&'n str),
    Text(&'n str),
    /// A number, a truth value or nothing.
    Other,
}

/// Reads the pieces of a tree in their order and tells the scan what it finds.
pub(super) struct Watch<'s, 'l> {
    pub(super) scan: &'s mut Scan<'l>,
    open: Vec<Level>,
    /// Lists of a package and a class in it, right below the outermost map.
    components: Vec<(u64, String)>,
    /// It was told that aliases blow the tree up.
    pub(super) is_blown_up: bool,
}

/// A map or list that is open.
struct Level {
    at: u64,
    /// The key under which it stands in the map around it.
    name: String,
    /// The key read last, empty in a list.
    key: String,
    /// The values of the keys in [`KEPT`]; all of them where a key is there twice.
    kept: Vec<(&'static str, Kept)>,
    /// The first texts of a list, and the number of all its values.
    texts: Vec<String>,
    values: usize,
}

/// A value of a key in [`KEPT`].
#[derive(Debug)]
enum Kept {
    Text(String),
    Other,
}

impl<'s, 'l> Watch<'s, 'l> {
    pub(super) fn new(scan: &'s mut Scan<'l>) -> Self {
        Self {
            scan,
            open: Vec::new(),
            components: Vec::new(),
            is_blown_up: false,
        }
    }

    /// Takes the next piece, which begins at byte `at`.
    pub(super) fn take(&mut self, at: u64, node: &Node<'_>) {
        match node {
            Node::Key(key) => {
                if let Some(level) = self.open.last_mut() {
                    (*key).clone_into(&mut level.key);
                }
            }
            Node::Map | Node::List => {
                self.keep(Kept::Other);
                let name = self.key().to_owned();
                self.open.push(Level {
                    at,
                    name,
                    key: String::new(),
                    kept: Vec::new(),
                    texts: Vec::new(),
                    values: 0,
                });
            }
            Node::End => {
                if let Some(level) = self.open.pop() {
                    self.judge_object(&level);
                }
            }
            Node::Text(text) => {
                self.judge_text(at, text);
                self.keep(Kept::Text((*text).to_owned()));
            }
            Node::Other => self.keep(Kept::Other),
        }
    }

    fn key(&self) -> &str {
        self.open.last().map_or("", |level| &level.key)
    }

    /// Whether the value being read stands somewhere under this key.
    fn is_under(&self, key: &str) -> bool {
        self.key() == key || self.open.iter().any(|level| level.name == key)
    }

    fn keep(&mut self, value: Kept) {
        let Some(level) = self.open.last_mut() else {
            return;
        };
        level.values += 1;
        if let Kept::Text(text) = &value
            && level.key.is_empty()
            && level.texts.len() < COMPONENT.len()
        {
            level.texts.push(text.clone());
        }
        if let Some(key) = KEPT.iter().find(|key| **key == level.key) {
            let twice = !ALONE.contains(key) && level.kept.iter().any(|(known, _)| known == key);
            if level.kept.len() == KEPT_VALUES {
                return;
            }
            level.kept.push((key, value));
            if twice {
                let at = level.at;
                self.scan
                    .find(&CONFIG_DUPLICATE, at, format!("{key} is there twice"));
            }
        }
    }

    fn judge_text(&mut self, at: u64, text: &str) {
        let key = self.key().to_owned();
        match key.as_str() {
            "_target_" | "class_path" => self.judge_call(at, &key, text, Unlisted::Counts),
            "py/function" | "py/object" | "py/type" => {
                self.judge_call(at, &key, text, Unlisted::Passes);
            }
            "vocabulary" if self.is_under("config") => keras::judge_file(self.scan, at, &key, text),
            _ if self.is_under("auto_map") && text.contains("--") => {
                self.scan
                    .find(&CONFIG_CODE_ELSEWHERE, at, format!("{key}: {text}"));
            }
            _ if self.is_under("weight_map") && leaves_folder(text) => {
                self.scan.find(&CONFIG_PATH, at, format!("{key}: {text}"));
            }
            _ => {}
        }
        if self.is_under("chat_template") {
            jinja::judge_value(self.scan, at, "chat_template", text);
        }
    }

    /// Judges the dotted name of something that the loader calls.
    pub(super) fn judge_call(&mut self, at: u64, key: &str, name: &str, unlisted: Unlisted) {
        let rule: &Rule = match callable::judge(name) {
            Callable::Runs => &CONFIG_CALL,
            Callable::Unlisted if unlisted == Unlisted::Counts => &CONFIG_UNRESOLVED,
            Callable::Harmless | Callable::Unlisted => return,
        };
        let finding = Finding::new(rule, at, format!("{key}: {name}"));
        self.scan.add(finding.with_callable(name));
    }

    fn judge_object(&mut self, level: &Level) {
        let has = |key| level.kept.iter().any(|(known, _)| *known == key);
        if has("class_name") && (has("config") || has("spec_name")) {
            let object = keras::Object {
                at: level.at,
                class_names: level.texts("class_name"),
                modules: level.texts("module"),
                configs: level.texts("config"),
            };
            keras::judge(self.scan, &object);
        }
        for target in level.texts("target") {
            if has("params") || callable::is_unmistakable(target) {
                self.judge_call(level.at, "target", target, Unlisted::Passes);
            }
        }
        if level.texts("_target_").any(callable::resolves_path) {
            for path in level.texts("path") {
                self.judge_call(level.at, "path", path, Unlisted::Counts);
            }
        }
        self.judge_component(level);
        for module in level.texts("__module__") {
            for class in level.texts("__class__") {
                let name = format!("{module}.{class}");
                self.judge_call(level.at, "__class__", &name, Unlisted::Passes);
            }
        }
        if level.name == "config" && level.texts("function_type").any(|kind| kind == "lambda") {
            keras::lambda(self.scan, level.at);
        }
    }

    /// `model_index.json` of Diffusers: each component is a list of the package that is imported and the
    /// class that is taken from it.
    fn judge_component(&mut self, level: &Level) {
        if let [package, class] = level.texts.as_slice()
            && level.values == COMPONENT.len()
            && self.open.len() == 1
            && self.components.len() < COMPONENTS
        {
            self.components
                .push((level.at, format!("{package}.{class}")));
        }
        let has = |key: &str| level.kept.iter().any(|(known, _)| *known == key);
        if self.open.is_empty() && has("_class_name") {
            for (at, name) in std::mem::take(&mut self.components) {
                self.judge_call(at, "component", &name, Unlisted::Passes);
            }
        }
    }
}

impl Level {
    fn texts(&self, key: &'static str) -> impl Iterator<Item = &str> + Clone {
        self.kept
            .iter()
            .filter(move |(known, _)| *known == key)
            .filter_map(|(_, value)| match value {
                Kept::Text(text) => Some(text.as_str()),
                Kept::Other => None,
            })
    }
}

/// What a name on no list means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unlisted {
    /// It is one more thing that may run something.
    Counts,
    /// The key is used for much else.
    Passes,
}

/// The keys whose values decide what an object is.
const KEPT: &[&str] = &[
    "__class__",
    "__module__",
    "_class_name",
    "_target_",
    "class_name",
    "config",
    "function_type",
    "module",
    "params",
    "path",
    "spec_name",
    "target",
];
/// Those of them that decide by themselves: each value is judged wherever it stands.
const ALONE: &[&str] = &["_class_name", "_target_", "path"];
/// Enough for each key once and a few twice, which is a finding of its own.
const KEPT_VALUES: usize = 12;
/// The package and the class of a component.
const COMPONENT: [&str; 2] = ["package", "class"];
/// A pipeline has a dozen components.
const COMPONENTS: usize = 1000;
