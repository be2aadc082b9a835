//! The arrows between the crates point down only.

use std::collections::BTreeSet;
use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Each crate of the workspace and the crates that it may stand on.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("civitai-analytics", &[]),
    ("civitai-reliability", &[]),
    ("civitai-security", &[]),
    ("civitai-sim", &[]),
    ("civitai-api", &["civitai-reliability", "civitai-security"]),
    (
        "civitai-download",
        &["civitai-reliability", "civitai-security"],
    ),
    (
        "civitai-library",
        &[
            "civitai-api",
            "civitai-download",
            "civitai-reliability",
            "civitai-security",
        ],
    ),
    (
        "civitai-cli",
        &[
            "civitai-analytics",
            "civitai-api",
            "civitai-download",
            "civitai-library",
            "civitai-reliability",
            "civitai-security",
            "civitai-sim",
        ],
    ),
    (
        "civitai-py",
        &[
            "civitai-api",
            "civitai-download",
            "civitai-library",
            "civitai-reliability",
            "civitai-security",
            "civitai-sim",
        ],
    ),
    (
        "civitai-examples",
        &[
            "civitai-api",
            "civitai-download",
            "civitai-reliability",
            "civitai-security",
            "civitai-sim",
        ],
    ),
    // Measured through the binary, like the end-to-end tests, and compared as `bench ab` compares.
    ("civitai-benches", &["civitai-analytics", "civitai-sim"]),
    // Reads hostile bytes with whatever reads bytes from outside.
    (
        "civitai-fuzz",
        &["civitai-api", "civitai-download", "civitai-security"],
    ),
    (
        "civitai-soak",
        &[
            "civitai-download",
            "civitai-reliability",
            "civitai-security",
            "civitai-sim",
        ],
    ),
    ("civitai-tests", &[]),
    // Strikes the binary while the simulator serves it, and opens what it leaves of keys and encrypted files.
    ("xtask", &["civitai-security", "civitai-sim"]),
];

/// What tests may use beyond that: the simulator depends on nothing here, so no circle can come of it.
const FOR_TESTS: &str = "civitai-sim";

fn members() -> Vec<Package> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let metadata = MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo describes the workspace");
    metadata.packages
}

fn allowed(package: &str) -> &'static [&'static str] {
    let place = ALLOWED.iter().find(|(name, _)| *name == package);
    let Some((_, below)) = place else {
        panic!("{package} has no place in the table of arrows");
    };
    below
}

#[test]
fn every_crate_stands_only_on_the_crates_below_it() {
    let members = members();
    let names: BTreeSet<&str> = members
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    for package in &members {
        let below = allowed(&package.name);
        let inside = package
            .dependencies
            .iter()
            .filter(|dependency| names.contains(dependency.name.as_str()));
        for dependency in inside {
            let is_for_tests =
                dependency.kind == DependencyKind::Development && dependency.name == FOR_TESTS;
            assert!(
                below.contains(&dependency.name.as_str()) || is_for_tests,
                "{} must not depend on {} ({:?})",
                package.name,
                dependency.name,
                dependency.kind
            );
        }
    }
}

#[test]
fn the_table_names_the_workspace_as_it_is_and_has_no_circle() {
    let members = members();
    let names: BTreeSet<&str> = members
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let placed: BTreeSet<&str> = ALLOWED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, placed);
    for (index, (name, below)) in ALLOWED.iter().enumerate() {
        for lower in *below {
            assert!(
                ALLOWED[..index].iter().any(|(name, _)| name == lower),
                "{name} points up to {lower}"
            );
        }
    }
}
