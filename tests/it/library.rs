//! Somebody who keeps a library: changes to it can be taken back, and damage is found and mended.

use std::path::PathBuf;

use crate::user::{Site, User};

const MODEL: &str = "models/loras/watercolour_fields.safetensors";
const SIDECAR: &str = "models/loras/watercolour_fields.civitai.info";

/// Somebody who has fetched a model into the library.
fn owner(site: &Site) -> User {
    let user = User::of(site).with("CIVITAI_LIBRARY", "models");
    user.run(&["get", "1001"]).exits(0);
    assert!(user.path(MODEL).is_file() && user.path(SIDECAR).is_file());
    user
}

/// The model and what stands beside it, with their bytes.
fn both(user: &User) -> [Vec<u8>; 2] {
    [MODEL, SIDECAR].map(|path| fs_err::read(user.path(path)).expect("it is there"))
}

#[test]
fn what_is_moved_renamed_and_removed_comes_back_as_it_was() {
    let site = Site::start();
    let user = owner(&site);
    let before = both(&user);
    let gone = || [MODEL, SIDECAR].map(|path| user.path(path).exists()) == [false, false];
    let name = "loras/watercolour_fields.safetensors";
    for words in [
        &["library", "move", name, "mine/"][..],
        &["library", "rename", name, "meadow"],
        &["library", "remove", name],
    ] {
        let plan: Vec<&str> = words.iter().copied().chain(["--dry-run"]).collect();
        user.run(&plan).exits(0);
        assert!(
            both(&user) == before,
            "{words:?} --dry-run changed something"
        );
        let told: Vec<&str> = words.iter().copied().chain(["--json"]).collect();
        let done = user.run(&told).exits(0);
        let id = done.line("operation")["id"].to_string();
        assert!(gone(), "{words:?} left something in its old place");
        user.run(&["library", "undo", &id]).exits(0);
        assert!(both(&user) == before, "{words:?} was not taken back");
        user.run(&["library", "undo", &id]).exits(2);
    }
    user.run(&["library", "check-db"]).exits(0);
}

#[test]
fn the_trash_is_shown_and_emptied_when_that_is_asked_for() {
    let site = Site::start();
    let user = owner(&site);
    let words = [
        "library",
        "remove",
        "loras/watercolour_fields.safetensors",
        "--json",
    ];
    let id = user.run(&words).exits(0).line("operation")["id"].clone();
    let trashed = user.path(&format!("models/.trash/{id}"));
    // What was taken away on purpose is not missed.
    user.run(&["library", "verify"]).exits(0);
    user.run(&["library", "verify", "--deep"]).exits(0);
    user.run(&["library", "repair"]).exits(0);
    let plan = user
        .run(&["library", "empty-trash", "--dry-run", "--json"])
        .exits(0);
    assert_eq!(plan.line("trash")["verb"], "remove");
    assert_eq!(plan.line("trash")["status"], "planned");
    let shown = user.run(&["library", "empty-trash", "--dry-run"]).exits(0);
    assert!(
        shown.stdout.contains("remove") && trashed.is_dir(),
        "{shown:#?}"
    );
    let young = ["library", "empty-trash", "--older-than", "1d", "--json"];
    assert_eq!(user.run(&young).exits(0).line("summary")["count"], 0);
    assert!(trashed.is_dir());
    user.run(&["library", "empty-trash", "77"]).exits(4);
    user.run(&["library", "empty-trash", "--older-than", "soon"])
        .exits(2);

    let done = user.run(&["library", "empty-trash", "--json"]).exits(0);
    assert_eq!(done.line("trash")["id"], id);
    assert!(!user.path("models/.trash").exists());
    let gone = user.run(&["library", "undo", &id.to_string()]).exits(2);
    assert!(gone.stderr.contains("final"), "{gone:#?}");
    user.run(&["library", "empty-trash"]).exits(0);
    user.run(&["library", "check-db"]).exits(0);
    user.run(&["get", "1001"]).exits(0);
    fs_err::remove_file(user.path(MODEL)).expect("it is there");
    user.run(&["library", "verify"]).exits(4);
}

#[test]
fn damage_is_found_and_only_that_is_fetched_again() {
    let site = Site::start();
    let user = owner(&site);
    let before = both(&user);
    let mut bytes = before[0].clone();
    bytes[300_000] ^= 1;
    fs_err::write(user.path(MODEL), &bytes).expect("written");
    let found = user
        .run(&["library", "verify", "--deep", "--json"])
        .exits(7);
    assert_eq!(found.line("verify")["status"], "changed");
    let mended = user.run(&["library", "repair", "--json"]).exits(0);
    let fetched = mended.line("repair")["fetchedBytes"].as_u64();
    assert!(
        fetched.is_some_and(|bytes| bytes > 0 && bytes <= 16 << 10),
        "{fetched:?}"
    );
    assert!(both(&user) == before);
    user.run(&["library", "verify", "--deep"]).exits(0);
}

#[test]
fn what_the_library_has_not_is_named_with_what_to_do() {
    let site = Site::start();
    let user = owner(&site);
    for (words, hint) in [
        (
            &["library", "move", "nothing.safetensors", "x/"][..],
            "library scan",
        ),
        (
            &["library", "remove", "nothing.safetensors"],
            "library scan",
        ),
        (&["library", "show", "nothing.safetensors"], "library scan"),
        (&["library", "undo", "77"], "library undo"),
    ] {
        let ran = user.run(words).exits(4);
        assert!(ran.stderr.contains(hint), "{words:?}: {}", ran.stderr);
    }
    for verb in ["import", "restore"] {
        let ran = user.run(&["library", verb, "nothing.db"]).exits(2);
        assert!(ran.stderr.contains("nothing.db"), "{}", ran.stderr);
    }
    let there: PathBuf = user.path(MODEL);
    assert!(there.is_file());
}

#[test]
fn a_watch_finds_what_comes_and_goes_without_being_asked() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let site = Site::start();
    let user = owner(&site);
    let mut command = user.command(&["library", "scan", "--watch", "--json"]);
    let mut watch = command
        .stdout(Stdio::piped())
        .spawn()
        .expect("the machine lets tests work");
    let told = BufReader::new(watch.stdout.take().expect("it is piped"));
    let mut lines = told.lines().map(|line| {
        let line = line.expect("it goes on");
        serde_json::from_str::<serde_json::Value>(&line).expect("every line is JSON")
    });
    let mut until_summary = || {
        let mut entries = Vec::new();
        loop {
            let line = lines.next().expect("it goes on");
            match line["type"].as_str() {
                Some("summary") => return (entries, line),
                _ => entries.push(line["path"].as_str().unwrap_or_default().to_owned()),
            }
        }
    };
    let (entries, first) = until_summary();
    assert_eq!((entries.len(), &first["unchanged"]), (1, &1.into()));
    let copy = user.path("models/vae/copy.safetensors");
    user.write("models/vae/unfinished.safetensors.part", "bytes");
    fs_err::copy(user.path(MODEL), &copy).expect("copied");
    let (entries, second) = until_summary();
    assert_eq!(entries, ["vae/copy.safetensors"]);
    assert_eq!((&second["new"], &second["hashed"]), (&1.into(), &1.into()));
    fs_err::remove_file(copy).expect("removed");
    let (entries, third) = until_summary();
    assert_eq!((entries.len(), &third["missing"]), (0, &1.into()));
    let pid = rustix::process::Pid::from_child(&watch);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    assert_eq!(watch.wait().expect("it ends").code(), Some(130));
}

#[test]
fn a_file_that_was_damaged_and_scanned_is_repaired_as_what_it_was() {
    let site = Site::start();
    let user = owner(&site);
    let before = both(&user);
    let mut bytes = before[0].clone();
    bytes[300_000] ^= 1;
    fs_err::write(user.path(MODEL), &bytes).expect("written");
    let scanned = user.run(&["library", "scan", "--json"]).exits(0);
    assert_eq!(scanned.line("summary")["changed"], 1);
    let mended = user.run(&["library", "repair", "--json"]).exits(0);
    assert_eq!(mended.line("repair")["status"], "repaired");
    assert!(both(&user) == before);
    let listed = user.run(&["library", "list", "--json"]).exits(0);
    assert_eq!(listed.line("entry")["matchedBy"], "download");
    user.run(&["library", "verify", "--deep"]).exits(0);
}

#[test]
fn what_somebody_put_in_the_place_of_a_model_stays_unless_it_is_named() {
    let site = Site::start();
    let user = owner(&site);
    let before = both(&user);
    fs_err::write(user.path(MODEL), "mine").expect("written");
    user.run(&["library", "scan", "--offline"]).exits(0);
    let told = user.run(&["library", "repair", "--json"]).exits(0);
    assert_eq!(told.line("repair")["status"], "changed");
    assert_eq!(both(&user)[0], b"mine");
    let asked = user.run(&["library", "repair", MODEL, "--json"]).exits(0);
    assert_eq!(asked.line("repair")["status"], "fetched");
    assert!(both(&user) == before);
    let aside = user.path("models/.quarantine/watercolour_fields.safetensors");
    assert_eq!(fs_err::read(aside).expect("it is kept"), b"mine");
}
