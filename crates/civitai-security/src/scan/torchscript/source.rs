//! The names that a program in Python's notation uses.

use super::super::rule::Rule;
use super::{TORCHSCRIPT_EFFECT, TORCHSCRIPT_OPERATOR, TORCHSCRIPT_PYTHON};

/// A dotted name, where it is used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Used<'t> {
    pub(super) offset: u64,
    parts: Vec<&'t str>,
    /// What stands in front: `import` or `from` make it the name of a module.
    is_import: bool,
    /// Whether it is called, or a part of it is taken.
    is_active: bool,
}

impl Used<'_> {
    pub(super) fn name(&self) -> String {
        self.parts.join(".")
    }
}

/// All dotted names outside of text in quotes and comments, in their order.
pub(super) fn names(text: &[u8]) -> impl Iterator<Item = Used<'_>> {
    let mut at = 0;
    let mut is_import = false;
    std::iter::from_fn(move || {
        while let Some(&byte) = text.get(at) {
            match byte {
                b'#' => at = end_of_line(text, at),
                b'\'' | b'"' => at = end_of_text(text, at),
                b'0'..=b'9' => at = end_of_name(text, at),
                b'\n' | b';' => {
                    is_import = false;
                    at += 1;
                }
                _ if byte == b'.' || is_name_byte(byte) => {
                    let (used, end) = dotted(text, at, is_import);
                    at = end.max(at + 1);
                    if !matches!(used.parts.as_slice(), ["import" | "from"]) {
                        return Some(used);
                    }
                    is_import = true;
                }
                _ => at += 1,
            }
        }
        None
    })
}

/// The rule that the use of a name breaks.
pub(super) fn judge(used: &Used<'_>) -> Option<&'static Rule> {
    match used.parts.as_slice() {
        ["__torch__", "torch", "classes", namespace, ..] | ["torch", "classes", namespace, ..] => {
            (!CLASSES.contains(namespace)).then_some(&TORCHSCRIPT_OPERATOR)
        }
        ["__torch__", ..] => None,
        ["torch", "ops", namespace, name, ..] | ["ops", namespace, name, ..] => {
            operator(namespace, name)
        }
        ["torch", name] if EFFECTS.contains(name) => Some(&TORCHSCRIPT_EFFECT),
        ["torch", module, _, ..] if TORCH_MODULES.contains(module) => Some(&TORCHSCRIPT_EFFECT),
        [first, ..] if used.is_import && PYTHON_MODULES.contains(first) => {
            Some(&TORCHSCRIPT_PYTHON)
        }
        [first, _, ..] if used.is_active && PYTHON_MODULES.contains(first) => {
            Some(&TORCHSCRIPT_PYTHON)
        }
        [only] if used.is_active && PYTHON_FUNCTIONS.contains(only) => Some(&TORCHSCRIPT_PYTHON),
        parts if parts.iter().any(|part| PYTHON_ATTRIBUTES.contains(part)) => {
            Some(&TORCHSCRIPT_PYTHON)
        }
        _ => None,
    }
}

fn operator(namespace: &str, name: &str) -> Option<&'static Rule> {
    if EFFECTS.contains(&name) {
        Some(&TORCHSCRIPT_EFFECT)
    } else if NAMESPACES.contains(&namespace) {
        None
    } else {
        Some(&TORCHSCRIPT_OPERATOR)
    }
}

/// Reads names joined by dots; the first is empty for an attribute of what a call or an index gave.
fn dotted(text: &[u8], start: usize, is_import: bool) -> (Used<'_>, usize) {
    let mut parts = Vec::new();
    let mut at = start;
    let end = loop {
        let end = end_of_name(text, at);
        // Names of other alphabets fold to those of this one; no program needs them.
        parts.push(str::from_utf8(&text[at..end]).unwrap_or("?"));
        match text.get(end) {
            Some(b'.') if text.get(end + 1).is_some_and(|&byte| is_name_byte(byte)) => at = end + 1,
            _ => break end,
        }
    };
    let following = text[end..].iter().find(|&&byte| byte != b' ');
    let used = Used {
        offset: start as u64,
        is_active: parts.len() > 1 || following == Some(&b'('),
        parts,
        is_import,
    };
    (used, end)
}

fn is_name_byte(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

fn end_of_name(text: &[u8], start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let length = rest.iter().position(|&byte| !is_name_byte(byte));
    start + length.unwrap_or(rest.len())
}

fn end_of_line(text: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |length| start + length)
}

/// Where text in quotes ends; text that does not end ends with its line, or with the file if its quotes
/// are tripled.
fn end_of_text(text: &[u8], start: usize) -> usize {
    let quote = text[start];
    let is_long = text[start..].starts_with(&[quote; 3]);
    let mut at = start + if is_long { 3 } else { 1 };
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' => at += 2,
            b'\n' if !is_long => return at,
            _ if is_long && text[at..].starts_with(&[quote; 3]) => return at + 3,
            _ if !is_long && byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Operators that do more than compute, under whatever namespace.
static EFFECTS: &[&str] = &[
    "save",
    "load",
    "from_file",
    "read_file",
    "write_file",
    "save_to_file",
    "load_from_file",
    "sox_io_load_audio_file",
    "sox_io_save_audio_file",
    "sox_effects_apply_effects_file",
    "rpc_async",
    "rpc_sync",
    "rpc_remote",
    "load_library",
    "compile_file",
    "system",
];

/// Namespaces of operators that compute.
static NAMESPACES: &[&str] = &[
    "aten",
    "prim",
    "prims",
    "quantized",
    "_quantized",
    "quantized_decomposed",
    "sparse",
    "mkldnn",
    "mkldnn_prepacked",
    "prepacked",
    "xnnpack",
    "metal_prepacked",
    "vulkan_prepacked",
    "onednn",
    "torchvision",
    "image",
    "torch_scatter",
    "torch_sparse",
    "torch_cluster",
];

/// Namespaces of classes that hold numbers.
static CLASSES: &[&str] = &[
    "quantized",
    "sparse",
    "rnn",
    "xnnpack",
    "mkldnn",
    "metal",
    "vulkan",
];

/// Modules of `PyTorch` whose functions load, compile or run.
static TORCH_MODULES: &[&str] = &[
    "hub",
    "package",
    "serialization",
    "distributed",
    "multiprocessing",
    "_inductor",
    "_dynamo",
    "os",
    "sys",
];

/// Modules whose names no program uses for something else.
static PYTHON_MODULES: &[&str] = &[
    "os",
    "sys",
    "subprocess",
    "socket",
    "shutil",
    "pty",
    "posix",
    "ctypes",
    "importlib",
    "runpy",
    "builtins",
    "__builtin__",
    "__builtins__",
    "pickle",
    "marshal",
    "codeop",
    "multiprocessing",
    "threading",
    "asyncio",
    "urllib",
    "ftplib",
    "requests",
    "webbrowser",
    "tempfile",
    "pathlib",
    "fcntl",
    "pip",
    "zipimport",
    "pkgutil",
];

static PYTHON_FUNCTIONS: &[&str] = &[
    "eval",
    "exec",
    "execfile",
    "compile",
    "open",
    "__import__",
    "globals",
    "locals",
    "vars",
    "input",
    "breakpoint",
    "setattr",
    "delattr",
];

/// Attributes that lead from any object to everything.
static PYTHON_ATTRIBUTES: &[&str] = &[
    "__globals__",
    "__builtins__",
    "__subclasses__",
    "__mro__",
    "__bases__",
    "__base__",
    "__code__",
    "__loader__",
    "__reduce__",
    "__reduce_ex__",
    "__getattribute__",
    "__import__",
];
