//! The threat model names tests that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every Rust source of the workspace, build output aside.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder).expect("the folder is part of the sources") {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_test_that_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs_err::read_to_string(root.join("docs/threat-model.md")).expect("the page exists");
    // A word of four parts or more is a test's name; nothing else on the page is written like that.
    let named: BTreeSet<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.matches('_').count() >= 3)
        .collect();
    assert!(named.len() > 40, "the page names {} tests", named.len());

    let code: String = ["crates", "fuzz/harness", "soak", "tests"]
        .iter()
        .flat_map(|folder| sources(&root.join(folder)))
        .map(|path| fs_err::read_to_string(path).expect("a source is text"))
        .collect();
    let missing: Vec<&str> = named
        .into_iter()
        .filter(|name| !code.contains(&format!("fn {name}(")))
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:?}");
}
