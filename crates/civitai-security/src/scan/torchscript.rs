//! What `PyTorch` keeps in a zip: pickles, numbers, and for `TorchScript` the source of a program.
//!
//! `TorchScript` source is not Python: it is run by an interpreter of its own, which has no imports and no
//! builtins of Python, but hundreds of operators, and some of those read and write files or call other
//! machines. The Python source of `torch.package` is run as it is.

mod source;

use std::path::Path;

use super::frame::{Scan, Stop};
use super::input::Input;
use super::rule::rule_table;

rule_table! { "TorchScript":
    TORCHSCRIPT_EFFECT = "torchscript_effect", Malicious,
        "the program calls an operator that reads or writes files, loads code or connects",
        "aten::save and aten::from_file are open to programs";
    TORCHSCRIPT_OPERATOR = "torchscript_operator", Suspicious,
        "the program calls an operator, or uses a class, of an extension that is not on the allow list",
        "torch.ops, torch.classes";
    TORCHSCRIPT_PYTHON = "torchscript_python", Malicious,
        "the source uses a function or a module of Python that can run code, read, write or connect",
        "no compiler of TorchScript writes that";
    TORCHSCRIPT_SIZE = "torchscript_size", Unscannable,
        "the source is longer than the scanner reads", "fail closed";
    TORCH_PACKAGE = "torch_package", Suspicious,
        "the archive is one whose Python source is run when it is loaded",
        "torch.package.PackageImporter, TorchServe";
}

/// Where in an archive `PyTorch` keeps what.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Folders that hold a `data.pkl`, with the slash.
    roots: Vec<String>,
    /// Folders that hold the source of a package.
    packages: Vec<String>,
}

/// What a member is to `PyTorch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The numbers of a tensor, which loaders copy and never interpret.
    Numbers,
    /// Source that is run when the archive is loaded.
    Source,
    Other,
}

impl Layout {
    pub(super) fn of(names: &[&[u8]]) -> Self {
        let folders = |ending: &'static str| {
            names
                .iter()
                .filter_map(move |name| str::from_utf8(name).ok()?.strip_suffix(ending))
                .filter(|folder| folder.is_empty() || folder.ends_with('/'))
                .map(str::to_owned)
                .take(MOST_ROOTS)
        };
        Self {
            roots: folders("data.pkl").collect(),
            packages: PACKAGE_MARKS.iter().copied().flat_map(folders).collect(),
        }
    }

    pub(super) fn part(&self, name: &str) -> Part {
        let within = |folder: &String| name.strip_prefix(folder.as_str());
        let is_python = Path::new(name)
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("py"));
        let is_code = |name: &str| is_python && name.starts_with("code/");
        let is_source = self.roots.iter().filter_map(within).any(is_code)
            || (is_python
                && self
                    .packages
                    .iter()
                    .any(|folder| name.starts_with(folder.as_str())));
        if is_source {
            Part::Source
        } else if self
            .roots
            .iter()
            .chain(&self.packages)
            .filter_map(within)
            .any(is_storage)
        {
            Part::Numbers
        } else {
            Part::Other
        }
    }

    /// The folder in which the numbers are that a pickle refers to.
    pub(super) fn numbers_of(&self, name: &str) -> Option<String> {
        let is_root = |root: &&String| {
            let file = name.strip_prefix(root.as_str());
            file.is_some_and(|file| matches!(file, "data.pkl" | "constants.pkl"))
        };
        self.roots.iter().find(is_root)?;
        Some(format!("{}/", name.strip_suffix(".pkl")?))
    }

    /// Tells what the layout alone says.
    pub(super) fn judge(&self, scan: &mut Scan<'_>) {
        if let Some(folder) = self.packages.first() {
            scan.find(&TORCH_PACKAGE, 0, folder);
        }
    }
}

fn is_storage(name: &str) -> bool {
    let is_number = |key: &str| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    let folders = ["data/", "constants/", ".data/"];
    folders
        .iter()
        .filter_map(|folder| name.strip_prefix(folder))
        .any(|key| is_number(key.strip_suffix(".storage").unwrap_or(key)))
}

/// Judges the source of a program.
pub(super) fn judge_source(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    if input.len() > MOST_SOURCE_BYTES as u64 {
        scan.find(&TORCHSCRIPT_SIZE, 0, format!("{} bytes", input.len()));
    }
    let text = input.bytes_at(0, MOST_SOURCE_BYTES)?;
    for used in source::names(&text) {
        let Some(rule) = source::judge(&used) else {
            continue;
        };
        let finding = super::report::Finding::new(rule, used.offset, used.name());
        scan.add(finding.with_callable(&used.name()));
    }
    Ok(())
}

/// Files by which archives of Python source are known.
static PACKAGE_MARKS: &[&str] = &[
    ".data/extern_modules",
    ".data/python_version",
    "MAR-INF/MANIFEST.json",
];
/// `PyTorch` writes one root; more of them are no reason to compare every name with each.
const MOST_ROOTS: usize = 16;
/// Large programs have some MiB.
const MOST_SOURCE_BYTES: usize = 16 << 20;
