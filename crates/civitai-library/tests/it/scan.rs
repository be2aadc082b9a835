//! Scanning: what a second look finds to be new, changed, moved or gone, and what it need not read again.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use civitai_library::Library;
use civitai_library::catalogue::{Answer, Catalogue, Changes};
use civitai_library::layout::Layout;
use civitai_library::scan::{Hashed, hash, identify, learn, walk};
use civitai_library::verify::{Status, quick};
use fs_err as fs;
use serde_json::json;
use tempfile::TempDir;

struct Folder {
    dir: TempDir,
    library: Library,
}

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = dir.path().join("models");
        fs::create_dir(&root).expect("created");
        let library = Library {
            root,
            data_dir: dir.path().join("data"),
            layout: Layout::default(),
        };
        let folder = Self { dir, library };
        for (path, text) in files {
            folder.write(path, text);
        }
        folder
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.library.root.join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("below the root")).expect("created");
        fs::write(path, text).expect("written");
    }

    fn catalogue(&self) -> Catalogue {
        self.library.catalogue().expect("opens")
    }

    fn scan(&self) -> Changes {
        self.scan_folders(&[])
    }

    fn scan_folders(&self, folders: &[&str]) -> Changes {
        let folders: Vec<String> = folders.iter().map(ToString::to_string).collect();
        let walk = walk(&self.library.root, &folders).expect("walked");
        let mut catalogue = self.catalogue();
        catalogue
            .take_stock(&walk, SystemTime::now())
            .expect("taken")
    }

    /// Hashes what is to be hashed; the paths that were read.
    fn hash(&self) -> Vec<String> {
        let mut catalogue = self.catalogue();
        let files = catalogue.unhashed().expect("read");
        let mut read = Vec::new();
        let (two, go) = (NonZeroUsize::MIN.saturating_add(1), AtomicBool::new(false));
        hash(&mut catalogue, files, two, &go, |hashed| match hashed {
            Hashed::Done { path, .. } => read.push(path),
            other => panic!("{other:?}"),
        })
        .expect("stored");
        read.sort();
        read
    }

    fn sha256(&self, path: &str) -> Option<String> {
        let entry = self.catalogue().entry(path).expect("read")?;
        Some(entry.digests?.sha256?.to_string())
    }
}

const SHA256_OF_A: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";

#[test]
fn a_second_scan_reads_nothing_again() {
    let folder = Folder::with(&[
        ("loras/a.safetensors", "a"),
        ("vae/b.pt", "b"),
        ("loras/a.civitai.info", "{}"),
        (".trash/1/c.safetensors", "c"),
        ("d.safetensors.part", "d"),
    ]);
    let changes = folder.scan();
    assert_eq!(changes.new, ["loras/a.safetensors", "vae/b.pt"]);
    assert_eq!(folder.hash(), ["loras/a.safetensors", "vae/b.pt"]);
    assert_eq!(
        folder.sha256("loras/a.safetensors").as_deref(),
        Some(SHA256_OF_A)
    );
    let again = folder.scan();
    assert!(again.is_empty() && again.unchanged == 2, "{again:?}");
    assert_eq!(folder.hash(), Vec::<String>::new());
}

#[test]
fn a_file_keeps_its_digests_when_it_moves_goes_or_gets_a_second_name() {
    let folder = Folder::with(&[("a.safetensors", "a"), ("b.safetensors", "b")]);
    folder.scan();
    folder.hash();
    fs::create_dir(folder.path("loras")).expect("created");
    fs::rename(
        folder.path("a.safetensors"),
        folder.path("loras/x.safetensors"),
    )
    .expect("moved");
    let changes = folder.scan();
    assert_eq!(
        changes.moved,
        [("a.safetensors".to_owned(), "loras/x.safetensors".to_owned())]
    );
    let aside = folder.dir.path().join("aside");
    fs::rename(folder.path("loras/x.safetensors"), &aside).expect("taken away");
    assert_eq!(folder.scan().missing, ["loras/x.safetensors"]);
    fs::rename(&aside, folder.path("loras/x.safetensors")).expect("brought back");
    assert_eq!(folder.scan().back, ["loras/x.safetensors"]);
    fs::hard_link(
        folder.path("loras/x.safetensors"),
        folder.path("y.safetensors"),
    )
    .expect("linked");
    assert_eq!(folder.scan().new, ["y.safetensors"]);
    assert_eq!(folder.hash(), Vec::<String>::new());
    for path in ["loras/x.safetensors", "y.safetensors"] {
        assert_eq!(folder.sha256(path).as_deref(), Some(SHA256_OF_A), "{path}");
    }
}

#[test]
fn a_changed_file_is_another_one() {
    let folder = Folder::with(&[("a.safetensors", "a")]);
    folder.scan();
    folder.hash();
    folder.write("a.safetensors", "other");
    let walked = walk(&folder.library.root, &[]).expect("walked");
    let entries = folder.catalogue().entries().expect("read");
    let checked = quick(&entries, &walked);
    assert_eq!(checked[0].status, Status::Changed);
    assert_eq!(folder.scan().changed, ["a.safetensors"]);
    assert_eq!(folder.sha256("a.safetensors"), None);
    assert_eq!(folder.hash(), ["a.safetensors"]);
}

#[test]
fn a_scan_of_one_folder_says_nothing_of_the_others() {
    let folder = Folder::with(&[("loras/a.safetensors", "a"), ("loras2/b.safetensors", "b")]);
    folder.scan();
    fs::remove_file(folder.path("loras/a.safetensors")).expect("removed");
    fs::remove_file(folder.path("loras2/b.safetensors")).expect("removed");
    assert_eq!(
        folder.scan_folders(&["loras"]).missing,
        ["loras/a.safetensors"]
    );
    assert_eq!(folder.scan().missing, ["loras2/b.safetensors"]);
}

#[test]
fn a_library_that_is_not_there_is_not_taken_for_an_empty_one() {
    let folder = Folder::with(&[("a.safetensors", "a")]);
    folder.scan();
    fs::rename(&folder.library.root, folder.dir.path().join("unplugged")).expect("moved");
    walk(&folder.library.root, &[]).expect_err("the folder is not there");
    let entry = folder.catalogue().entry("a.safetensors").expect("read");
    assert!(entry.is_some_and(|entry| entry.missing.is_none()));
}

#[test]
fn what_cannot_be_read_is_told_and_not_called_missing() {
    let folder = Folder::with(&[("loras/a.safetensors", "a"), ("b.safetensors", "b")]);
    folder.scan();
    let loop_to_the_root = folder.path("loras/again");
    std::os::unix::fs::symlink(&folder.library.root, &loop_to_the_root).expect("linked");
    let walked = walk(&folder.library.root, &[]).expect("walked");
    let [problem] = walked.problems.as_slice() else {
        panic!("{:?}", walked.problems);
    };
    assert_eq!(problem.path(), loop_to_the_root);
    assert_eq!(walked.files.len(), 2, "{:?}", walked.files);
}

#[test]
fn a_file_that_changes_while_it_is_read_is_left_for_the_next_scan() {
    let folder = Folder::with(&[("a.safetensors", "a")]);
    folder.scan();
    let mut catalogue = folder.catalogue();
    let files = catalogue.unhashed().expect("read");
    folder.write("a.safetensors", "longer");
    let mut told = Vec::new();
    let go = AtomicBool::new(false);
    hash(&mut catalogue, files, NonZeroUsize::MIN, &go, |hashed| {
        told.push(hashed);
    })
    .expect("stored");
    assert!(
        matches!(told.as_slice(), [Hashed::Changed { path }] if path == "a.safetensors"),
        "{told:?}"
    );
    assert_eq!(folder.sha256("a.safetensors"), None);
}

#[test]
fn a_stop_leaves_what_was_hashed() {
    let folder = Folder::with(&[("a.safetensors", "a"), ("b.safetensors", "bb")]);
    folder.scan();
    let mut catalogue = folder.catalogue();
    let files = catalogue.unhashed().expect("read");
    let stop = AtomicBool::new(true);
    hash(&mut catalogue, files, NonZeroUsize::MIN, &stop, |hashed| {
        panic!("nothing is begun: {hashed:?}");
    })
    .expect("stored");
    assert_eq!(catalogue.unhashed().expect("read").len(), 2);
    assert!(Path::new(catalogue.path()).exists());
}

/// A file of a layout that no table knows; `text` makes it another content.
fn unheard_of(text: &str) -> String {
    let tensors: Vec<String> = (0..6)
        .map(|at| {
            format!(
                r#""novel_stage.{at}.mixer.w{at}.weight":{{"dtype":"F16","shape":[640,96],"data_offsets":[0,0]}}"#
            )
        })
        .collect();
    let header = format!(
        r#"{{"__metadata__":{{"x":"{text}"}},{}}}"#,
        tensors.join(",")
    );
    let length = u64::try_from(header.len()).expect("it is short");
    String::from_utf8(length.to_le_bytes().to_vec()).expect("it is short") + &header
}

/// What the site answers where each of `digests` is a file of a model of its own.
fn answer(digests: &[String]) -> Answer {
    let mut answer = Answer::default();
    for (digest, id) in digests.iter().zip(1..) {
        let version = json!({"id": id * 10, "name": "v", "baseModel": "Lens"});
        let model =
            json!({"id": id, "name": "m", "type": "Checkpoint", "modelVersions": [version]});
        let of = json!({"modelVersionId": id * 10, "modelId": id, "hash": digest});
        answer
            .models
            .push(serde_json::from_value(model).expect("a model"));
        answer
            .matches
            .push(serde_json::from_value(of).expect("a match"));
    }
    answer
}

#[test]
fn what_the_site_knows_teaches_what_it_does_not() {
    let folder = Folder::with(&[
        ("a.safetensors", &unheard_of("a")),
        ("b.safetensors", &unheard_of("b")),
        ("mine.safetensors", &unheard_of("mine")),
    ]);
    folder.scan();
    folder.hash();
    let mut catalogue = folder.catalogue();
    let go = AtomicBool::new(false);
    let identified = |catalogue: &mut Catalogue| {
        let files = catalogue.unidentified().expect("read");
        identify(catalogue, files, &go).expect("noted");
        let entry = catalogue.entry("mine.safetensors").expect("read");
        entry.and_then(|entry| entry.identity).expect("identified")
    };
    assert_eq!(identified(&mut catalogue).model_type, None);
    assert_eq!(learn(&mut catalogue, &go).expect("noted"), 0);
    let digests = ["a", "b"].map(|name| {
        let sha256 = folder.sha256(&format!("{name}.safetensors"));
        sha256.expect("hashed")
    });
    catalogue
        .note_answer(
            &answer(&digests),
            SystemTime::now(),
            std::time::Duration::ZERO,
        )
        .expect("noted");
    assert_eq!(learn(&mut catalogue, &go).expect("noted"), 2);
    let found = identified(&mut catalogue);
    assert_eq!(found.model_type.as_deref(), Some("Checkpoint"), "{found:?}");
    assert_eq!(found.base_model.as_deref(), Some("Lens"), "{found:?}");
    assert!(found.confidence < 0.9, "{found:?}");
    let is_counted = |line: &String| line.contains("learned from 2 files");
    assert!(found.evidence.iter().any(is_counted), "{found:?}");
    // Each content counts once, however often it is scanned.
    assert_eq!(learn(&mut catalogue, &go).expect("noted"), 0);
    let [kept] = &catalogue.learned().expect("read")[..] else {
        panic!("one truth");
    };
    assert_eq!((kept.files, kept.agreed), (2, 0));
}
