//! The catalogue: several processes, damage, versions, and what it remembers.

use std::path::Path;
use std::time::{Duration, SystemTime};

use civitai_library::catalogue::{Catalogue, Error, Sought};
use tempfile::TempDir;

fn fresh() -> (TempDir, Catalogue) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let catalogue = open(dir.path()).expect("a new catalogue");
    (dir, catalogue)
}

fn open(dir: &Path) -> Result<Catalogue, Error> {
    Catalogue::open(dir, &dir.join("models"))
}

#[test]
fn what_is_absent_is_forgotten_when_its_time_is_over() {
    let (_dir, mut catalogue) = fresh();
    let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365);
    catalogue
        .note_absent(Sought::Sha256, ["aa", "bb"], now, Duration::from_mins(10))
        .expect("noted");
    let absent = |catalogue: &Catalogue, minutes| {
        let at = now + Duration::from_mins(minutes);
        catalogue.absent(Sought::Sha256, at).expect("read").len()
    };
    assert_eq!(absent(&catalogue, 9), 2);
    assert_eq!(absent(&catalogue, 10), 0);
    let others = catalogue.absent(Sought::Model, now).expect("read");
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn a_damaged_database_is_named_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("catalogue.db");
    let garbage = b"no database at all, but somebody's text".repeat(100);
    fs_err::write(&path, &garbage).expect("written");
    let error = open(dir.path()).expect_err("that is no database");
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("catalogue.db"), "{error}");
    assert_eq!(fs_err::read(&path).expect("still there"), garbage);
}

#[test]
fn a_database_of_a_later_version_is_refused_and_left_as_it_is() {
    let (dir, catalogue) = fresh();
    drop(catalogue);
    let path = dir.path().join("catalogue.db");
    let connection = rusqlite::Connection::open(&path).expect("opens");
    connection
        .pragma_update(None, "user_version", 4711)
        .expect("changed");
    drop(connection);
    let error = open(dir.path()).expect_err("it is too new");
    assert!(
        matches!(error, Error::Newer { found: 4711, .. }),
        "{error:?}"
    );
}

#[test]
fn many_first_users_at_once_make_one_catalogue() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let opened: Vec<_> = std::thread::scope(|scope| {
        let users: Vec<_> = (0..8)
            .map(|number| {
                let dir = dir.path();
                scope.spawn(move || {
                    let mut catalogue = Catalogue::open(dir, &dir.join("models"))?;
                    let key = number.to_string();
                    let (now, life) = (SystemTime::now(), Duration::from_hours(1));
                    catalogue.note_absent(Sought::Model, [key.as_str()], now, life)
                })
            })
            .collect();
        users
            .into_iter()
            .map(|user| user.join().expect("nobody panics"))
            .collect()
    });
    assert!(opened.iter().all(Result::is_ok), "{opened:?}");
    let catalogue = open(dir.path()).expect("opens");
    let absent = catalogue
        .absent(Sought::Model, SystemTime::now())
        .expect("read");
    assert_eq!(absent.len(), 8);
    assert_eq!(catalogue.check().expect("read"), Vec::<String>::new());
}

mod recording {
    use std::collections::BTreeSet;

    use civitai_api::{FileId, Model, ModelId, VersionId};
    use civitai_download::digest::{DigestSet, hash_file};
    use civitai_library::Library;
    use civitai_library::catalogue::{
        Attempt, Ended, MatchedBy, Origin, Recorder, Subject, Trouble,
    };
    use civitai_library::layout::Layout;
    use serde_json::json;

    use super::*;

    fn library(dir: &Path) -> Library {
        let root = dir.join("models");
        fs_err::create_dir_all(&root).expect("created");
        Library {
            root,
            data_dir: dir.to_owned(),
            layout: Layout::default(),
        }
    }

    fn attempt(library: &Library, file: u64) -> Attempt {
        Attempt {
            origin: Origin {
                model: ModelId::new(1),
                version: VersionId::new(2).expect("not 0"),
                file: FileId::new(file),
            },
            link: format!("file:{file}"),
            path: library.root.join(format!("{file}.safetensors")),
        }
    }

    fn fetch(library: &Library, recorder: &Recorder, file: u64) -> Result<(), Error> {
        let attempt = attempt(library, file);
        fs_err::write(&attempt.path, file.to_string()).expect("written");
        let digests = hash_file(&attempt.path, DigestSet::ALL).expect("read");
        recorder.record(attempt, digests)
    }

    #[test]
    fn transfers_that_end_together_are_all_recorded() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let library = library(dir.path());
        let recorder = Recorder::open(&library).expect("opens");
        recorder.failed(
            attempt(&library, 1000),
            Trouble {
                kind: "early_access".to_owned(),
                message: "not yet".to_owned(),
            },
        );
        std::thread::scope(|scope| {
            for file in 1..=32 {
                let (library, recorder) = (&library, &recorder);
                scope.spawn(move || fetch(library, recorder, file).expect("recorded"));
            }
        });
        let catalogue = library.catalogue().expect("opens");
        let entries = catalogue.entries().expect("read");
        assert_eq!(entries.len(), 32);
        assert!(entries.iter().all(|entry| {
            entry.digests.is_some() && entry.matched.is_some_and(|of| of.by == MatchedBy::Download)
        }));
        let history = catalogue.history().expect("read");
        let files: BTreeSet<_> = history.iter().map(|past| past.origin.file).collect();
        assert_eq!((history.len(), files.len()), (33, 33));
        assert!(catalogue.unhashed().expect("read").is_empty());
    }

    #[test]
    fn one_that_cannot_be_recorded_does_not_take_the_others_along() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let library = library(dir.path());
        let recorder = Recorder::open(&library).expect("opens");
        let lost = attempt(&library, 7);
        let digests = civitai_download::digest::Digests::default();
        recorder.found(lost, digests);
        fetch(&library, &recorder, 8).expect("recorded");
        let history = library.catalogue().expect("opens").history().expect("read");
        let [past] = history.as_slice() else {
            panic!("{history:?}");
        };
        assert_eq!(past.origin.file, FileId::new(8));
    }

    #[test]
    fn history_has_one_row_a_file_and_knows_when_it_is_gone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let library = library(dir.path());
        let recorder = Recorder::open(&library).expect("opens");
        let trouble = Trouble {
            kind: "network".to_owned(),
            message: "reset".to_owned(),
        };
        recorder.failed(attempt(&library, 3), trouble.clone());
        recorder.flush().expect("written");
        let mut catalogue = library.catalogue().expect("opens");
        let past = |catalogue: &Catalogue| {
            let mut history = catalogue.history().expect("read");
            assert_eq!(history.len(), 1, "{history:?}");
            history.remove(0)
        };
        assert_eq!(past(&catalogue).trouble, Some(trouble));
        fetch(&library, &recorder, 3).expect("recorded");
        let fetched = past(&catalogue);
        assert_eq!(
            (fetched.ended, fetched.attempts, fetched.trouble),
            (Ended::Completed, 2, None)
        );
        fs_err::remove_file(attempt(&library, 3).path).expect("removed");
        assert_eq!(catalogue.review_history().expect("written"), 1);
        assert_eq!(past(&catalogue).ended, Ended::FileMissing);
        assert_eq!(catalogue.review_history().expect("written"), 0);
    }

    fn model(body: serde_json::Value) -> Model {
        serde_json::from_value(body).expect("a model")
    }

    #[test]
    fn what_the_site_says_over_time_is_kept_and_a_404_overwrites_nothing() {
        let (_dir, mut catalogue) = fresh();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let id = ModelId::new(1).expect("not 0");
        let first = model(json!({
            "id": 1, "name": "Old", "type": "LORA", "tags": ["a"], "creator": { "username": "u" },
            "allowNoCredit": true, "allowCommercialUse": "{Image,Rent}",
            "stats": { "downloadCount": 1 },
            "modelVersions": [{ "id": 2, "name": "v1", "baseModel": "SDXL 1.0" }],
        }));
        catalogue.note_model(&first, at(1)).expect("noted");
        let mut busier = first.clone();
        busier.stats = None;
        catalogue.note_model(&busier, at(2)).expect("noted");
        let subject = Subject::Model(id);
        assert_eq!(catalogue.snapshots(subject).expect("read").len(), 1);
        let sparse = model(json!({ "id": 1, "name": "New" }));
        catalogue.note_model(&sparse, at(3)).expect("noted");
        catalogue.note_gone(subject, at(4)).expect("noted");
        catalogue.note_gone(subject, at(5)).expect("noted");
        let snapshots = catalogue.snapshots(subject).expect("read");
        let told: Vec<_> = snapshots
            .iter()
            .map(|snapshot| (snapshot.taken, snapshot.body.is_some()))
            .collect();
        assert_eq!(told, [(at(1), true), (at(3), true), (at(4), false)]);
        let first = serde_json::to_value(&first).expect("JSON");
        assert_eq!(snapshots[0].body.as_ref(), Some(&first));
        let last = catalogue.last_known(subject).expect("read").expect("kept");
        assert_eq!(last["name"], "New");
    }
}
