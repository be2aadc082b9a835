//! Objects in the configuration of a Keras model: what loading the model would import and create.
//!
//! `load_model` imports the `module` of each object and creates its `class_name` (CVE-2025-1550). The
//! configuration is JSON: `config.json` in a `.keras` archive, an attribute in HDF5.

use super::config::callable::{self, Callable};
use super::frame::Scan;
use super::onnx::leaves_folder;
use super::report::Finding;
use super::rule::{Rule, rule_table};

rule_table! { "Keras":
    KERAS_LAMBDA = "keras_lambda", Malicious,
        "a Lambda layer runs Python code that is stored in the model", "CVE-2024-3660, CVE-2025-9905";
    KERAS_UNSAFE = "keras_unsafe", Malicious,
        "a class or function of Keras loads code or files when it is created",
        "CVE-2025-9906, CVE-2026-1462 (TFSMLayer), GHSA-36rr-ww3j-vrjv (TorchModuleWrapper)";
    KERAS_MODULE = "keras_module", Malicious,
        "the model imports a module that runs code or a program, reads, writes or connects",
        "CVE-2025-1550";
    KERAS_UNLISTED = "keras_unlisted", Suspicious,
        "the model imports a module that is on no list", "CVE-2025-1550; fail closed";
    KERAS_FILE = "keras_file", Malicious,
        "a layer reads a file outside of the model", "CVE-2025-12058";
    KERAS_FILE_NAME = "keras_file_name", Suspicious,
        "a layer reads a file by its name", "CVE-2025-12058";
}

/// What an object says of itself; of equal keys all values.
pub(super) struct Object<C, M, I> {
    pub(super) at: u64,
    pub(super) class_names: C,
    pub(super) modules: M,
    /// The values of `config` that are texts: the names of functions.
    pub(super) configs: I,
}

/// Judges an object that has a class name and a configuration.
pub(super) fn judge<'o>(
    scan: &mut Scan<'_>,
    object: &Object<
        impl Iterator<Item = &'o str> + Clone,
        impl Iterator<Item = &'o str> + Clone,
        impl Iterator<Item = &'o str> + Clone,
    >,
) {
    for class in object.class_names.clone() {
        if class == "__lambda__" || class == "Lambda" || class.ends_with(">Lambda") {
            lambda(scan, object.at);
        }
        if UNSAFE_CLASSES.contains(&class.rsplit('>').next().unwrap_or(class)) {
            find(scan, &KERAS_UNSAFE, object.at, class);
        }
        for module in object.modules.clone() {
            if class == "function" {
                for function in object.configs.clone() {
                    judge_function(scan, object.at, module, function);
                }
            } else {
                judge_class(scan, object.at, module, class);
            }
        }
    }
}

/// Tells of a Lambda layer.
pub(super) fn lambda(scan: &mut Scan<'_>, at: u64) {
    scan.find(&KERAS_LAMBDA, at, "a Lambda layer");
}

/// Judges a file that a layer asks for by name.
pub(super) fn judge_file(scan: &mut Scan<'_>, at: u64, key: &str, path: &str) {
    let rule = if leaves_folder(path) {
        &KERAS_FILE
    } else if path.is_empty() {
        return;
    } else {
        &KERAS_FILE_NAME
    };
    scan.find(rule, at, format!("{key}: {path}"));
}

fn judge_class(scan: &mut Scan<'_>, at: u64, module: &str, class: &str) {
    let name = format!("{module}.{class}");
    match judge_module(module, &name) {
        Callable::Harmless => {}
        Callable::Runs => find(scan, &KERAS_MODULE, at, &name),
        Callable::Unlisted => find(scan, &KERAS_UNLISTED, at, &name),
    }
}

fn judge_function(scan: &mut Scan<'_>, at: u64, module: &str, function: &str) {
    let name = format!("{module}.{function}");
    let is_of_keras = module
        .split('.')
        .next()
        .is_some_and(|root| ROOTS.contains(&root));
    if is_of_keras && LOADING_MODULES.iter().any(|part| module.contains(part)) {
        find(scan, &KERAS_UNSAFE, at, &name);
    } else if module == "builtins" {
        // Keras looks such a name up among its own functions first, and in Python's last.
        if PYTHON_BUILTINS.contains(&function) {
            find(scan, &KERAS_MODULE, at, &name);
        }
    } else {
        judge_class(scan, at, module, function);
    }
}

fn judge_module(module: &str, name: &str) -> Callable {
    let root = module.split('.').next().unwrap_or_default();
    if ROOTS.contains(&root)
        || KERAS_IN_TENSORFLOW
            .iter()
            .any(|part| module.starts_with(part))
    {
        return match callable::judge(name) {
            Callable::Runs => Callable::Runs,
            Callable::Harmless | Callable::Unlisted => Callable::Harmless,
        };
    }
    match callable::judge(name) {
        Callable::Harmless if root == "tensorflow" => Callable::Unlisted,
        judged => judged,
    }
}

fn find(scan: &mut Scan<'_>, rule: &'static Rule, at: u64, name: &str) {
    scan.add(Finding::new(rule, at, name).with_callable(name));
}

/// Packages whose objects are layers, losses, metrics and the like.
const ROOTS: &[&str] = &[
    "keras",
    "keras_cv",
    "keras_hub",
    "keras_nlp",
    "keras_tuner",
    "tf_keras",
    "tensorflow_addons",
];
const KERAS_IN_TENSORFLOW: &[&str] = &[
    "tensorflow.keras",
    "tensorflow.python.framework",
    "tensorflow.python.keras",
    "tensorflow.python.trackable",
    "tensorflow.python.training",
];
/// Classes that load something other than their weights.
const UNSAFE_CLASSES: &[&str] = &[
    "FlaxLayer",
    "JaxLayer",
    "KerasLayer",
    "TFSMLayer",
    "TorchModuleWrapper",
];
/// Modules of Keras whose functions load, fetch, unpack or change what is safe.
const LOADING_MODULES: &[&str] = &[
    "keras.config",
    "keras.export",
    "keras.legacy",
    "keras.models",
    "keras.saving",
    "keras.src.export",
    "keras.src.legacy",
    "keras.src.models",
    "keras.src.saving",
    "keras.src.utils",
    "keras.utils",
    "keras_hub.utils",
];
/// Functions of Python that are not also a name in Keras.
const PYTHON_BUILTINS: &[&str] = &[
    "__build_class__",
    "__import__",
    "breakpoint",
    "compile",
    "delattr",
    "eval",
    "exec",
    "execfile",
    "exit",
    "getattr",
    "globals",
    "input",
    "locals",
    "open",
    "quit",
    "setattr",
    "vars",
];
