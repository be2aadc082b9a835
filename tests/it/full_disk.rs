//! A volume without room: what was written before stays as it was, and the words say what is wrong.
//!
//! The tests run themselves once more in a mount namespace, where the directory for temporary files, and so the home of
//! the user, is a volume of a few megabytes that is really full.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::user::{Site, User};

/// Set within the namespace to where the volume is.
const VOLUME: &str = "CIVITAI_TEST_VOLUME";
const BYTES: u64 = 24 << 20;

/// Free bytes at which a deed is tried, one after another until it succeeds: so it fails wherever it can.
const ROOM: [u64; 18] = [
    0, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024, 2048, 8192,
];

/// Where the volume is, within the namespace. Outside the test is run there, and what is left to say is returned.
fn volume(test: &str) -> Result<PathBuf, &'static str> {
    if let Some(volume) = std::env::var_os(VOLUME) {
        return Ok(volume.into());
    }
    let place = tempfile::tempdir().expect("the machine lets tests work");
    let enter = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c"]);
        command.arg(r#"mount -t tmpfs -o size=$0 tmpfs "$1" && shift && exec "$@""#);
        command.arg(BYTES.to_string()).arg(place.path()).args(words);
        command
    };
    if !enter(&["true"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        return Err("skipped: no mount namespace");
    }
    let own = std::env::current_exe().expect("a running test has a path");
    let own = own.to_str().expect("the path is Unicode");
    let ended = enter(&[own, "--exact", test, "--nocapture"])
        .env(VOLUME, place.path())
        .env("TMPDIR", place.path())
        .status();
    assert!(
        ended.is_ok_and(|ended| ended.success()),
        "it failed within the namespace"
    );
    Err("it was run in a mount namespace")
}

/// Fills the volume up to so many bytes until it is dropped.
struct Ballast(PathBuf);

impl Ballast {
    fn leaving(volume: &Path, free: u64) -> Self {
        use std::io::Write as _;
        let ballast = Self(volume.join("ballast"));
        let mut file = fs_err::File::create(&ballast.0).expect("there is room for a name");
        let block = [0; 4096];
        let mut length = 0;
        while file.write_all(&block).is_ok() {
            length += block.len() as u64;
        }
        file.set_len(length.saturating_sub(free))
            .expect("shorter always works");
        ballast
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        let _ = fs_err::remove_file(&self.0);
    }
}

/// What a user would miss or find strange: every file with its bytes, and what the catalogue tells. What may come and go
/// by itself is left out.
fn state(user: &User) -> BTreeMap<String, Vec<u8>> {
    let mut state = BTreeMap::new();
    let mut open = vec![user.home().to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs_err::read_dir(&folder).expect("it is there") {
            let path = entry.expect("it can be read").path();
            let name = path.strip_prefix(user.home()).expect("it is below");
            let name = name.to_str().expect("it is Unicode").to_owned();
            if path.is_dir() {
                open.push(path);
            } else if !COMES_AND_GOES.iter().any(|part| name.contains(part)) {
                state.insert(name, fs_err::read(&path).expect("it can be read"));
            }
        }
    }
    user.run(&["library", "check-db"]).exits(0);
    let told = user.run(&["library", "list", "--json"]).exits(0).stdout;
    state.insert("(list)".to_owned(), told.into());
    state
}

/// Databases are asked rather than compared; an unfinished transfer is kept on purpose, and so are hash trees, and the
/// backups that are made before an import and a restore.
const COMES_AND_GOES: [&str; 11] = [
    "catalogue.db",
    "catalogue.setup",
    "cache.db",
    "jobs.db",
    "jobs.setup",
    "operations.lock",
    ".part",
    "/trees/",
    "/running/",
    "-safety.db",
    "-replaced.db",
];

/// Does something on a full volume, with more and more room until it succeeds.
#[track_caller]
fn squeeze(user: &User, volume: &Path, words: &[&str]) {
    let before = state(user);
    for (failures, free) in ROOM.into_iter().enumerate() {
        let ran = {
            let _ballast = Ballast::leaving(volume, free << 10);
            user.run(words)
        };
        if ran.code == 0 {
            assert!(failures > 0, "nothing was written: {ran:#?}");
            return;
        }
        let ran = ran.exits(8);
        assert!(ran.stderr.contains("space"), "{free} KiB: {ran:#?}");
        let after = state(user);
        let names: Vec<_> = before.keys().chain(after.keys()).collect();
        for name in names {
            assert!(
                before.get(name) == after.get(name),
                "{words:?} with {free} KiB free changed {name}: {ran:#?}"
            );
        }
    }
    panic!("{words:?} never has enough room");
}

#[test]
fn a_full_disk_leaves_manifest_lock_and_library_as_they_were() {
    let volume =
        match volume("full_disk::a_full_disk_leaves_manifest_lock_and_library_as_they_were") {
            Ok(volume) => volume,
            Err(said) => return println!("{said}"),
        };
    let site = Site::start();
    let user = User::of(&site);
    user.run(&["init"]).exits(0);
    for words in [
        &["add", "1001"][..],
        &["add", "1002"],
        &["remove", "1002"],
        &["sync"],
        &["add", "1001", "--path", "own/name.safetensors"],
        &["sync"],
    ] {
        squeeze(&user, &volume, words);
    }
    user.run(&["sync", "--check"]).exits(0);
}

#[test]
fn a_full_disk_leaves_catalogue_sidecars_and_backups_as_they_were() {
    let volume =
        match volume("full_disk::a_full_disk_leaves_catalogue_sidecars_and_backups_as_they_were") {
            Ok(volume) => volume,
            Err(said) => return println!("{said}"),
        };
    let site = Site::start();
    let user = User::of(&site).with("CIVITAI_LIBRARY", "models");
    user.run(&["get", "1001", "1004"]).exits(0);
    user.write("models/loras/mine.safetensors", vec![7; 300_000]);
    let lora = "loras/watercolour_fields.safetensors";
    for words in [
        &["library", "scan", "--offline"][..],
        &["library", "sidecars", "--format", "swarm"],
        &["library", "move", lora, "mine/"],
        &["library", "export", "--to", "out.jsonl"],
        &["library", "import", "out.jsonl"],
        &["library", "backup"],
        &["library", "remove", "mine"],
        &["library", "undo"],
        &["library", "restore"],
    ] {
        squeeze(&user, &volume, words);
    }
    user.run(&["library", "verify", "--deep"]).exits(0);
}
