//! Backups and exports: what comes back is what was there, and what is damaged changes nothing.

use std::io::BufReader;
use std::time::{Duration, SystemTime};

use civitai_api::{FileId, Model, ModelId, VersionId};
use civitai_library::Library;
use civitai_library::backup::{self, Reason};
use civitai_library::catalogue::{Attempt, Origin, Sought, Subject, Trouble};
use civitai_library::exchange;
use civitai_library::layout::Layout;
use civitai_library::scan::walk;
use fs_err as fs;
use serde_json::json;
use tempfile::TempDir;

fn library(dir: &TempDir) -> Library {
    let root = dir.path().join("models");
    fs::create_dir_all(&root).expect("created");
    Library {
        root,
        data_dir: dir.path().join("data"),
        layout: Layout::default(),
    }
}

/// A library of which something of each kind is known.
fn furnished() -> (TempDir, Library) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let library = library(&dir);
    fs::write(library.root.join("a.safetensors"), "a").expect("written");
    let mut catalogue = library.catalogue().expect("opens");
    let walk = walk(&library.root, &[]).expect("walked");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    catalogue.take_stock(&walk, now).expect("taken");
    let model: Model = serde_json::from_value(json!({
        "id": 1, "name": "鳥", "type": "LORA", "tags": ["a", "b"], "creator": { "username": "u" },
        "allowNoCredit": true,
        "modelVersions": [{
            "id": 2, "name": "v1", "files": [{ "id": 3, "name": "a.safetensors" }],
            "images": [{ "url": "https://image.example/1.png" }],
        }],
    }))
    .expect("a model");
    catalogue.note_model(&model, now).expect("noted");
    let gone = Subject::Model(ModelId::new(9).expect("not 0"));
    catalogue.note_gone(gone, now).expect("noted");
    let life = Duration::from_hours(1);
    catalogue
        .note_absent(Sought::Sha256, ["00"], now, life)
        .expect("noted");
    let attempt = Attempt {
        origin: Origin {
            model: ModelId::new(1),
            version: VersionId::new(2).expect("not 0"),
            file: FileId::new(3),
        },
        link: "1".to_owned(),
        path: library.root.join("a.safetensors"),
    };
    let trouble = Trouble {
        kind: "network".to_owned(),
        message: "reset".to_owned(),
    };
    catalogue
        .record_failure(&attempt, &trouble, now)
        .expect("recorded");
    (dir, library)
}

/// Everything the catalogue holds, as text, without the order of its rows.
fn everything(library: &Library) -> Vec<String> {
    let mut text = Vec::new();
    let catalogue = library.catalogue().expect("opens");
    exchange::export(&catalogue, &mut text).expect("written");
    let text = String::from_utf8(text).expect("Unicode");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_restore_brings_back_what_a_backup_has_kept() {
    let (_dir, library) = furnished();
    let before = everything(&library);
    let mut catalogue = library.catalogue().expect("opens");
    let made = backup::make(&catalogue, &library.data_dir, Reason::Manual, 3).expect("made");
    let id = Subject::Model(ModelId::new(1).expect("not 0"));
    catalogue.note_gone(id, SystemTime::now()).expect("noted");
    drop(catalogue);
    assert_ne!(everything(&library), before);
    let (from, kept) = backup::restore(&library.data_dir, None).expect("restored");
    assert_eq!(from, made.path);
    assert_eq!(everything(&library), before);
    assert_eq!(
        library.catalogue().expect("opens").check().expect("read"),
        Vec::<String>::new()
    );
    // What the restore has replaced is not what a second one goes back to.
    let (from, _) = backup::restore(&library.data_dir, None).expect("restored");
    assert_eq!((from, everything(&library)), (made.path, before.clone()));
    // But whoever names it can go back to it.
    backup::restore(&library.data_dir, kept.as_deref()).expect("restored");
    assert_ne!(everything(&library), before);
}

#[test]
fn a_damaged_catalogue_is_moved_aside_and_a_damaged_backup_is_passed_over() {
    let (_dir, library) = furnished();
    let before = everything(&library);
    let catalogue = library.catalogue().expect("opens");
    let good = backup::make(&catalogue, &library.data_dir, Reason::Manual, 3).expect("made");
    let bad = backup::make(&catalogue, &library.data_dir, Reason::Scheduled, 3).expect("made");
    drop(catalogue);
    let mut bytes = fs::read(&bad.path).expect("there");
    bytes.truncate(bytes.len() / 2);
    fs::write(&bad.path, bytes).expect("written");
    let newer = bad
        .path
        .with_file_name("catalogue-20990101T000000Z-manual.db");
    fs::rename(&bad.path, &newer).expect("renamed");
    let database = library.data_dir.join("catalogue.db");
    let garbage = vec![7_u8; 100_000];
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(library.data_dir.join(format!("catalogue.db{suffix}")));
    }
    fs::write(&database, &garbage).expect("written");
    let error = backup::restore(&library.data_dir, Some(&newer)).expect_err("it is damaged");
    assert_eq!(error.code(), "integrity", "{error}");
    assert_eq!(fs::read(&database).expect("there"), garbage);
    let (from, kept) = backup::restore(&library.data_dir, None).expect("restored");
    assert_eq!(from, good.path);
    assert_eq!(fs::read(kept.expect("kept")).expect("there"), garbage);
    assert_eq!(everything(&library), before);
}

#[test]
fn backups_are_made_when_due_and_the_oldest_make_room() {
    let (_dir, library) = furnished();
    let catalogue = library.catalogue().expect("opens");
    let data_dir = &library.data_dir;
    let day = Duration::from_hours(24);
    let made = backup::make_if_due(&catalogue, data_dir, day, 2).expect("looked");
    assert!(made.is_some_and(|made| made.reason == Reason::Scheduled));
    let again = backup::make_if_due(&catalogue, data_dir, day, 2).expect("looked");
    assert_eq!(again, None);
    // As a killed process leaves it.
    for draft in [".draft.db", ".draft.db-wal"] {
        fs::write(data_dir.join("backups").join(draft), "half").expect("written");
    }
    for _ in 0..3 {
        backup::make(&catalogue, data_dir, Reason::Manual, 2).expect("made");
    }
    let reasons: Vec<_> = backup::list(data_dir)
        .expect("listed")
        .into_iter()
        .map(|backup| backup.reason)
        .collect();
    let manual = reasons.iter().filter(|reason| **reason == Reason::Manual);
    assert_eq!((manual.count(), reasons.len()), (2, 3));
    let left = fs::read_dir(data_dir.join("backups"))
        .expect("there")
        .count();
    assert_eq!(left, 4, "nothing else is left but the lock");
}

#[test]
fn an_import_into_nothing_makes_the_same_catalogue() {
    let (_dir, library) = furnished();
    let mut text = Vec::new();
    let catalogue = library.catalogue().expect("opens");
    let rows = exchange::export(&catalogue, &mut text).expect("written");
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let other = Library {
        data_dir: elsewhere.path().join("data"),
        ..library.clone()
    };
    let taken = exchange::import(&other, &mut BufReader::new(text.as_slice())).expect("taken");
    assert_eq!(taken, rows);
    assert_eq!(everything(&other), everything(&library));
    // Taking the same in again changes nothing.
    exchange::import(&other, &mut BufReader::new(text.as_slice())).expect("taken");
    assert_eq!(everything(&other), everything(&library));
}

#[test]
fn what_was_asked_later_counts_and_what_is_on_this_disk_stays() {
    let (_dir, library) = furnished();
    let mut text = Vec::new();
    exchange::export(&library.catalogue().expect("opens"), &mut text).expect("written");
    let mut catalogue = library.catalogue().expect("opens");
    let newer: Model = serde_json::from_value(json!({ "id": 1, "name": "new" })).expect("a model");
    catalogue
        .note_model(&newer, SystemTime::now())
        .expect("noted");
    fs::write(library.root.join("b.safetensors"), "b").expect("written");
    let walk = walk(&library.root, &[]).expect("walked");
    catalogue
        .take_stock(&walk, SystemTime::now())
        .expect("taken");
    let before = everything(&library);
    exchange::import(&library, &mut BufReader::new(text.as_slice())).expect("taken");
    assert_eq!(everything(&library), before);
}

#[test]
fn a_text_that_is_no_export_is_refused_by_line_and_changes_nothing() {
    let (_dir, library) = furnished();
    let before = everything(&library);
    let head =
        |rows| format!("{{\"type\":\"catalogue\",\"schema\":1,\"version\":1,\"rows\":{rows}}}");
    let row = |table: &str, values: &str| {
        format!("{{\"type\":\"row\",\"table\":\"{table}\",\"values\":{values}}}")
    };
    let cases = [
        (String::new(), 1),
        ("hello".to_owned(), 1),
        (
            "{\"type\":\"catalogue\",\"schema\":1,\"version\":9999,\"rows\":0}".to_owned(),
            1,
        ),
        (format!("{}\n{{}}", head(1)), 2),
        (
            format!("{}\n{}", head(1), row("sqlite_schema", "{\"sql\":\"x\"}")),
            2,
        ),
        (
            format!("{}\n{}", head(1), row("creator", "{\"nothing\":1}")),
            2,
        ),
        (
            format!("{}\n{}", head(1), row("creator", "{\"username\":[]}")),
            2,
        ),
        (
            format!(
                "{}\n{}",
                head(1),
                row("creator", "{\"username\":{\"hex\":\"0\"}}")
            ),
            2,
        ),
        (
            format!(
                "{}\n{}",
                head(1),
                row("model", "{\"id\":\"x\",\"name\":\"n\",\"asked\":1}")
            ),
            2,
        ),
        (
            format!("{}\n{}", head(5), row("creator", "{\"username\":\"x\"}")),
            3,
        ),
    ];
    for (text, line) in cases {
        let error =
            exchange::import(&library, &mut BufReader::new(text.as_bytes())).expect_err(&text);
        let exchange::Error::Line { line: found, .. } = &error else {
            panic!("{text}: {error:?}");
        };
        assert_eq!(*found, line, "{text}: {error}");
    }
    let dangling = format!(
        "{}\n{}",
        head(1),
        row("tag", "{\"model\":77,\"position\":0,\"name\":\"x\"}")
    );
    let error = exchange::import(&library, &mut BufReader::new(dangling.as_bytes()))
        .expect_err("it refers to nothing");
    assert!(
        matches!(error, exchange::Error::Unsound { .. }),
        "{error:?}"
    );
    assert_eq!(everything(&library), before);
}
