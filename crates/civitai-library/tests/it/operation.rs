//! Changes of a library: planned, carried out, taken back, undone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use civitai_download::digest::{DigestSet, hash_file};
use civitai_library::Library;
use civitai_library::layout::Layout;
use civitai_library::operation::{Company, Destination, Error, OrphanKind, Same, Step, Verb};
use civitai_library::path::LibraryPath;
use civitai_library::scan;
use civitai_library::sidecar::Form;

struct Place {
    dir: tempfile::TempDir,
    library: Library,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let library = Library {
            root: dir.path().join("models"),
            data_dir: dir.path().join("data"),
            layout: Layout::default(),
        };
        let place = Self { dir, library };
        for (path, contents) in files {
            place.write(path, contents);
        }
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.library.root.join(path)
    }

    fn write(&self, path: &str, contents: &str) {
        let at = self.at(path);
        fs_err::create_dir_all(at.parent().expect("a folder")).expect("made");
        fs_err::write(at, contents).expect("written");
    }

    /// Every file of the library with its contents, the trash included.
    fn files(&self) -> BTreeMap<String, String> {
        let entries = walkdir::WalkDir::new(&self.library.root).into_iter();
        let files = entries.map(|entry| entry.expect("it can be read"));
        files
            .filter(|entry| !entry.file_type().is_dir())
            .map(|entry| {
                let path = entry
                    .path()
                    .strip_prefix(&self.library.root)
                    .expect("below");
                let contents = fs_err::read_to_string(entry.path()).expect("text");
                (path.to_str().expect("Unicode").to_owned(), contents)
            })
            .collect()
    }

    fn scan(&self) {
        let mut catalogue = self.library.catalogue().expect("a catalogue");
        let walk = scan::walk(&self.library.root, &[]).expect("walked");
        catalogue
            .take_stock(&walk, SystemTime::now())
            .expect("noted");
        let unhashed = catalogue.unhashed().expect("read").into_iter();
        let hashed: Vec<_> = unhashed
            .map(|file| {
                let digests = hash_file(&self.at(&file.path), DigestSet::ALL).expect("hashed");
                (file, digests)
            })
            .collect();
        catalogue
            .note_digests(&hashed, SystemTime::now())
            .expect("noted");
    }

    fn known(&self) -> Vec<(String, bool)> {
        let catalogue = self.library.catalogue().expect("a catalogue");
        let entries = catalogue.entries().expect("read");
        entries
            .into_iter()
            .map(|entry| (entry.path, entry.missing.is_none()))
            .collect()
    }
}

fn texts(paths: &[&str]) -> Vec<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

const LORA: &[(&str, &str)] = &[
    ("loras/rain.safetensors", "weights"),
    (
        "loras/rain.civitai.info",
        r#"{"id": 2, "modelId": 1, "model": {"type": "LORA"}}"#,
    ),
    ("loras/rain.preview.png", "picture"),
    ("loras/rainbow.safetensors", "others"),
];

#[test]
fn a_model_moves_with_its_files_and_back() {
    let place = Place::new(LORA);
    place.scan();
    let before = place.files();
    let to = Destination::Folder("loras/weather".to_owned());
    let plan = place
        .library
        .plan_move(&texts(&["loras/rain.safetensors"]), &to, Company::Together)
        .expect("planned");
    assert_eq!((plan.verb, plan.steps.len()), (Verb::Move, 3));
    assert_eq!(place.files(), before, "a plan changes nothing");
    let done = place.library.apply(&plan).expect("done");
    assert_eq!(done.paths, ["loras/weather/rain.safetensors"]);
    let names: Vec<_> = place.files().into_keys().collect();
    assert_eq!(
        names,
        [
            "loras/rainbow.safetensors",
            "loras/weather/rain.civitai.info",
            "loras/weather/rain.preview.png",
            "loras/weather/rain.safetensors",
        ]
    );
    assert!(
        place
            .known()
            .contains(&("loras/weather/rain.safetensors".to_owned(), true))
    );
    assert_eq!(place.known().len(), 2);
    let undo = place.library.plan_undo(Some(done.id)).expect("planned");
    let undone = place.library.apply(&undo).expect("undone");
    assert_eq!((undone.verb, undone.undoable), (Verb::Undo, false));
    assert_eq!(undone.paths, ["loras/rain.safetensors"]);
    assert_eq!(place.files(), before);
    let again = place
        .library
        .plan_undo(Some(done.id))
        .expect_err("once is enough");
    assert!(matches!(again, Error::NotUndoable { .. }), "{again}");
}

#[test]
fn a_rename_keeps_the_extension_and_takes_the_sidecars_along() {
    let place = Place::new(LORA);
    let rename = |name: &str| {
        place
            .library
            .plan_rename("loras/rain.safetensors", name, Company::Together)
    };
    let plan = rename("drizzle v1.5").expect("planned");
    assert_eq!(plan.paths, ["loras/drizzle v1.5.safetensors"]);
    place.library.apply(&plan).expect("done");
    assert!(place.at("loras/drizzle v1.5.civitai.info").exists());
    assert!(!place.at("loras/rain.preview.png").exists());
    let place = Place::new(LORA);
    let rename = |name: &str| {
        place
            .library
            .plan_rename("loras/rain.safetensors", name, Company::Together)
    };
    assert!(matches!(rename("x.ckpt"), Err(Error::Extension { .. })));
    assert!(matches!(rename("../x"), Err(Error::Path(_))));
    assert!(matches!(rename("a/x"), Err(Error::Path(_))));
    assert!(matches!(rename("rainbow"), Err(Error::Taken { .. })));
}

#[test]
fn what_is_removed_lies_in_the_trash_until_it_is_wanted_again() {
    let place = Place::new(LORA);
    place.scan();
    let before = place.files();
    let files = texts(&["loras/rain.safetensors"]);
    let plan = place
        .library
        .plan_remove(&files, Company::Together)
        .expect("planned");
    let done = place.library.apply(&plan).expect("done");
    assert!(!place.at("loras/rain.safetensors").exists());
    let trash = format!(".trash/{}/loras/rain.safetensors", done.id);
    assert_eq!(place.files()[&trash], "weights");
    assert!(
        place
            .known()
            .contains(&("loras/rain.safetensors".to_owned(), false))
    );
    let undo = place.library.plan_undo(None).expect("planned");
    place.library.apply(&undo).expect("undone");
    assert_eq!(place.files(), before);
    assert!(
        place
            .known()
            .contains(&("loras/rain.safetensors".to_owned(), true))
    );
    assert!(!place.at(".trash").exists());
}

#[test]
fn what_is_in_the_trash_goes_when_it_is_emptied_and_cannot_be_had_back() {
    let place = Place::new(LORA);
    place.scan();
    let remove = |file: &str| {
        let plan = place
            .library
            .plan_remove(&texts(&[file]), Company::Together);
        place
            .library
            .apply(&plan.expect("planned"))
            .expect("done")
            .id
    };
    let [first, second] = ["loras/rain.safetensors", "loras/rainbow.safetensors"].map(remove);
    // What others keep there is none of ours.
    place.write(".trash/notes.md", "mine");
    place.write(".trash/007/x", "mine");
    let trashed = place.library.trash(&[]).expect("listed");
    let ids: Vec<_> = trashed
        .iter()
        .map(|one| (one.id, one.verb, one.files))
        .collect();
    let verb = Some(Verb::Remove);
    assert_eq!(ids, [(first, verb, 3), (second, verb, 1)]);
    assert_eq!(trashed[1].bytes, 6);
    let error = place
        .library
        .trash(&[second, 77])
        .expect_err("there is none");
    assert!(matches!(error, Error::NoTrash { id: 77 }), "{error}");

    place.library.empty_trash(&trashed[..1]).expect("emptied");
    let left: Vec<_> = place.files().into_keys().collect();
    let rest = format!(".trash/{second}/loras/rainbow.safetensors");
    assert_eq!(left, [".trash/007/x", &rest, ".trash/notes.md"]);
    let error = place
        .library
        .plan_undo(Some(first))
        .expect_err("it is gone");
    assert!(error.to_string().contains("final"), "{error}");
    // The last operation is the last that can be undone.
    let undo = place.library.plan_undo(None).expect("planned");
    assert_eq!(undo.paths, ["loras/rainbow.safetensors"]);
    place.library.apply(&undo).expect("undone");
    assert_eq!(place.library.trash(&[]).expect("listed"), []);
}

/// A kill between the note and the last file: what is left is listed, cannot be undone, and goes the next time.
#[test]
fn a_trash_that_was_emptied_half_is_emptied_the_next_time() {
    let place = Place::new(LORA);
    let plan = place
        .library
        .plan_remove(&texts(&["loras"]), Company::Together);
    let id = place
        .library
        .apply(&plan.expect("planned"))
        .expect("done")
        .id;
    let trashed = place.library.trash(&[id]).expect("listed");
    let kept = place.dir.path().join("kept");
    fs_err::rename(place.at(".trash"), &kept).expect("moved");
    place
        .library
        .empty_trash(&trashed)
        .expect("nothing is there any more");
    fs_err::rename(&kept, place.at(".trash")).expect("moved");
    assert!(place.library.plan_undo(Some(id)).is_err());
    let again = place.library.trash(&[]).expect("listed");
    assert_eq!(again, trashed);
    place.library.empty_trash(&again).expect("emptied");
    assert!(place.files().is_empty() && !place.at(".trash").exists());
}

#[test]
fn twins_keep_their_files_until_the_last_one_goes() {
    let place = Place::new(&[("a.safetensors", ""), ("a.ckpt", ""), ("a.json", "{}")]);
    let steps = |files: &[&str]| {
        let plan = place.library.plan_remove(&texts(files), Company::Together);
        plan.expect("planned").steps.len()
    };
    assert_eq!(steps(&["a.ckpt"]), 1);
    assert_eq!(steps(&["a.ckpt", "a.safetensors"]), 3);
}

#[test]
fn a_step_that_fails_takes_the_others_back() {
    let place = Place::new(&[("a.pt", "a"), ("b.pt", "b")]);
    let to = Destination::Folder("x".to_owned());
    let files = texts(&["a.pt", "b.pt"]);
    let plan = place
        .library
        .plan_move(&files, &to, Company::Together)
        .expect("planned");
    place.write("x/b.pt", "somebody was faster");
    let before = place.files();
    let error = place.library.apply(&plan).expect_err("the name is taken");
    assert!(matches!(error, Error::Taken { .. }), "{error}");
    assert_eq!(place.files(), before);
}

/// Carries a plan out up to each of its steps and stops there, as a kill does; the next operation finds the old state again.
#[test]
fn what_a_killed_process_left_is_taken_back() {
    for steps in 0..=3 {
        let place = Place::new(LORA);
        let before = place.files();
        let to = Destination::Folder("x".to_owned());
        let files = texts(&["loras/rain.safetensors"]);
        let plan = place
            .library
            .plan_move(&files, &to, Company::Together)
            .expect("planned");
        let done = place.library.apply(&plan).expect("done");
        // The journal as it was before the end, and the disk as it was after some steps.
        let database =
            rusqlite::Connection::open(place.dir.path().join("data/catalogue.db")).expect("opened");
        database
            .execute(
                "UPDATE operation SET state = 'applying' WHERE number = ?1",
                [done.id.cast_signed()],
            )
            .expect("set back");
        for step in plan.steps.iter().skip(steps) {
            let Step::Move { from, to } = step else {
                panic!("a move moves");
            };
            fs_err::rename(place.at(to), place.at(from)).expect("moved back");
        }
        place.library.recover().expect("recovered");
        assert_eq!(place.files(), before, "after {steps} steps");
        place
            .library
            .apply(&plan)
            .expect("and it can be done again");
    }
}

#[test]
fn equal_files_share_one_content_and_part_again() {
    let place = Place::new(&[("a.pt", "same"), ("b.pt", "same"), ("c.pt", "other")]);
    place.scan();
    let found = place.library.duplicates().expect("looked");
    assert_eq!((found.groups.len(), found.unknown), (1, 0));
    assert!(matches!(&found.groups[0].same, Same::Content(_)));
    assert_eq!(found.groups[0].paths, ["a.pt", "b.pt"]);
    let plan = place.library.plan_share(&found);
    let done = place.library.apply(&plan).expect("done");
    let is_one = |a: &str, b: &str| {
        civitai_library::link::is_one_file(&place.at(a), &place.at(b)).expect("both are there")
    };
    assert!(is_one("a.pt", "b.pt"));
    assert!(
        place
            .library
            .duplicates()
            .expect("looked")
            .groups
            .is_empty()
    );
    let undo = place.library.plan_undo(Some(done.id)).expect("planned");
    place.library.apply(&undo).expect("undone");
    assert!(!is_one("a.pt", "b.pt"));
    assert_eq!(place.library.duplicates().expect("looked").groups.len(), 1);
}

#[test]
fn files_that_only_seemed_equal_are_left_alone() {
    let place = Place::new(&[("a.pt", "same"), ("b.pt", "same")]);
    place.scan();
    let plan = place
        .library
        .plan_share(&place.library.duplicates().expect("looked"));
    fs_err::write(place.at("b.pt"), "SAME").expect("changed");
    let error = place.library.apply(&plan).expect_err("they differ");
    assert!(matches!(error, Error::Changed { .. }), "{error}");
    assert_eq!(place.files()["b.pt"], "SAME");
}

#[test]
fn orphans_are_what_no_model_explains() {
    let place = Place::new(&[
        ("a.safetensors", ""),
        ("a.civitai.info", ""),
        ("b.civitai.info", ""),
        ("b.preview.png", ""),
        ("notes.json", ""),
        ("picture.png", ""),
        ("c.safetensors.part", ""),
        ("d.safetensors.part", ""),
        ("d.safetensors.part.json", ""),
        ("e.pt.part.json", ""),
    ]);
    std::os::unix::fs::symlink("nowhere", place.at("f.pt")).expect("linked");
    let orphans = place.library.orphans().expect("looked");
    let found: Vec<_> = orphans
        .iter()
        .map(|orphan| (orphan.path.as_str(), orphan.kind))
        .collect();
    assert_eq!(
        found,
        [
            ("b.civitai.info", OrphanKind::Sidecar),
            ("b.preview.png", OrphanKind::Preview),
            ("c.safetensors.part", OrphanKind::Partial),
            ("e.pt.part.json", OrphanKind::Partial),
            ("f.pt", OrphanKind::Link),
        ]
    );
    let plan = place.library.plan_discard(&orphans);
    place.library.apply(&plan).expect("done");
    assert!(place.library.orphans().expect("looked").is_empty());
    let undo = place.library.plan_undo(None).expect("planned");
    place.library.apply(&undo).expect("undone");
    assert_eq!(place.library.orphans().expect("looked"), orphans);
}

#[test]
fn sidecars_are_written_from_what_is_there_and_unwritten_again() {
    let place = Place::new(LORA);
    place.write("loras/rain.json", r#"{"preferred weight": 0.5}"#);
    place.write("loras/broken.pt", "");
    place.write("loras/broken.json", "no JSON");
    let before = place.files();
    let translation = place
        .library
        .plan_sidecars(Form::A1111, &[])
        .expect("planned");
    assert_eq!(translation.plan.paths, ["loras/rain.json"]);
    let unwritten: Vec<_> = translation
        .unwritten
        .iter()
        .map(|unwritten| (unwritten.path.as_str(), unwritten.broken.is_some()))
        .collect();
    assert_eq!(
        unwritten,
        [
            ("loras/broken.pt", true),
            ("loras/rainbow.safetensors", false)
        ]
    );
    place.library.apply(&translation.plan).expect("done");
    let written = fs_err::read_to_string(place.at("loras/rain.json")).expect("there");
    assert!(
        written.contains("0.5") && written.contains("modelPageURL"),
        "{written}"
    );
    let again = place
        .library
        .plan_sidecars(Form::A1111, &[])
        .expect("planned");
    assert!(again.plan.is_empty() && again.unchanged == 1, "{again:?}");
    let undo = place.library.plan_undo(None).expect("planned");
    place.library.apply(&undo).expect("undone");
    assert_eq!(place.files(), before);
}

#[test]
fn a_layout_places_what_is_there() {
    let place = Place::new(LORA);
    let layout: Layout = "swarmui".parse().expect("known");
    let placements = place.library.placements(&layout).expect("placed");
    let targets: Vec<_> = placements
        .iter()
        .map(|placement| placement.target.as_str())
        .collect();
    assert_eq!(
        targets,
        ["Lora/rain.safetensors", "Other/rainbow.safetensors"]
    );
    let plan = place
        .library
        .plan_move(&[], &Destination::Layout(layout), Company::Together)
        .expect("planned");
    place.library.apply(&plan).expect("done");
    assert!(place.at("Lora/rain.preview.png").exists());
}

#[test]
fn a_path_of_its_own_is_for_one_file() {
    let place = Place::new(LORA);
    let path = LibraryPath::parse("x/y.safetensors").expect("a path");
    let to = Destination::Path(path);
    let plan = |files: &[&str]| place.library.plan_move(&texts(files), &to, Company::Alone);
    assert!(matches!(plan(&["loras"]), Err(Error::Taken { .. })));
    assert_eq!(
        plan(&["loras/rain.safetensors"])
            .expect("planned")
            .steps
            .len(),
        1
    );
    assert!(
        matches!(plan(&["nowhere.pt"]), Err(Error::Missing { path }) if path == Path::new("nowhere.pt"))
    );
}
