//! Real workflows and pictures against the list of what they refer to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use civitai_library::workflow::{self, Reference};

/// What the list names in each file: the list is made by a rule, strings that end like a model's file.
fn listed(folder: &Path) -> BTreeSet<(String, String)> {
    let list = fs_err::read_to_string(folder.join("refs.tsv")).expect("the corpus is whole");
    let rows = list.lines().skip(1).filter_map(|line| {
        let mut columns = line.split('\t');
        let (file, _place, name) = (columns.next()?, columns.next()?, columns.next()?);
        let name = name
            .strip_prefix("name=")
            .map_or(name, |named| named.split(';').next().unwrap_or(named));
        Some((file.to_owned(), name.to_owned()))
    });
    rows.collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter();
    files
        .map(|entry| entry.expect("the corpus can be read").into_path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json" || extension == "png")
        })
        .collect()
}

#[test]
fn every_listed_reference_is_found_and_hardly_anything_else() {
    let Some(corpus) = std::env::var_os("CIVITAI_CORPUS") else {
        eprintln!("skipped: no corpus");
        return;
    };
    let folder = PathBuf::from(corpus).join("workflows");
    let listed = listed(&folder);
    let mut found = BTreeSet::new();
    let mut unreadable = Vec::new();
    for path in files(&folder) {
        let Ok(file) = path.strip_prefix(&folder) else {
            continue;
        };
        let file = file.to_string_lossy().into_owned();
        let references: Vec<Reference> = match workflow::read(&path) {
            Ok(references) => references,
            Err(error) => {
                unreadable.push(format!("{error}: {}", error.kind()));
                continue;
            }
        };
        let names = references
            .into_iter()
            .filter_map(|reference| reference.name);
        found.extend(names.map(|name| (file.clone(), name)));
    }
    assert_eq!(unreadable, [""; 0]);
    let missed: Vec<_> = listed.difference(&found).collect();
    assert!(missed.is_empty(), "{missed:#?}");
    let is_listed_kind = |(file, _): &&(String, String)| !file.starts_with("images/");
    let beyond: Vec<_> = found.difference(&listed).filter(is_listed_kind).collect();
    assert!(beyond.len() * 100 <= found.len(), "{beyond:#?}");
}
