//! A project: wishes in civitai.toml, files in civitai.lock, and a library that is what the lock says.

use std::collections::BTreeMap;
use std::path::Path;

use civitai_sim::seed;

use crate::user::{Site, User};

/// Every file below a directory, with its bytes.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs_err::read_dir(&directory).expect("the folder is there") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).expect("it is below the root");
                let bytes = fs_err::read(&path).expect("the file can be read");
                found.insert(name.to_string_lossy().into_owned(), bytes);
            }
        }
    }
    found
}

fn project(site: &Site) -> User {
    let user = User::of(site);
    user.run(&["init"]).exits(0);
    user
}

#[test]
fn a_fresh_machine_gets_the_same_tree_from_the_lock_alone_twice() {
    let site = Site::start();
    let first = project(&site);
    first.run(&["add", "1001", "1002", "1004"]).exits(0);
    first.run(&["sync"]).exits(0);
    let expected = tree(&first.path("models"));
    assert_eq!(expected.len(), 3, "{:?}", expected.keys());
    let lock = fs_err::read(first.path("civitai.lock")).expect("it was written");
    for _ in 0..2 {
        let other = User::of(&site);
        other.write("civitai.lock", &lock);
        site.sim.log().clear();
        other.run(&["sync", "--frozen"]).exits(0);
        assert!(tree(&other.path("models")) == expected, "the trees differ");
        let requests = site.sim.log().summary().requests;
        assert!(
            requests.keys().all(|route| !route.contains("/api/v1/")),
            "the lock says everything: {requests:?}"
        );
        site.sim.log().clear();
        let again = other.run(&["sync", "--frozen", "--json"]).exits(0);
        assert_eq!(again.line("summary")["downloaded"], 0);
        assert!(site.sim.log().summary().requests.is_empty());
        assert_eq!(
            fs_err::read(other.path("civitai.lock")).expect("still there"),
            lock
        );
    }
}

#[test]
fn drift_fails_locked_and_frozen_and_is_told_by_check() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["add", "1001"]).exits(0);
    user.run(&["sync", "--check"]).exits(9);
    user.run(&["sync"]).exits(0);
    user.run(&["sync", "--check"]).exits(0);
    user.run(&["sync", "--locked"]).exits(0);
    let manifest = fs_err::read_to_string(user.path("civitai.toml")).expect("it is there");
    let lock = fs_err::read(user.path("civitai.lock")).expect("it is there");
    user.write(
        "civitai.toml",
        format!("{manifest}\n[[model]]\nlink = \"model:1002\"\n"),
    );
    site.sim.log().clear();
    for flag in ["--locked", "--frozen"] {
        let ran = user.run(&["sync", flag, "--json"]).exits(2);
        assert!(ran.stderr.contains("model:1002"), "{ran:#?}");
    }
    user.run(&["lock", "--check"]).exits(2);
    user.run(&["sync", "--check"]).exits(9);
    assert!(site.sim.log().summary().requests.is_empty());
    assert_eq!(fs_err::read(user.path("civitai.lock")).ok(), Some(lock));
    user.run(&["sync"]).exits(0);
    user.run(&["sync", "--frozen"]).exits(0);
}

#[test]
fn what_no_lock_placed_is_never_touched() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["add", "1001", "1004"]).exits(0);
    let own = user.write("models/loras/watercolour_fields.safetensors", "mine");
    let ran = user.run(&["sync"]);
    assert_eq!(ran.code, 9, "{ran:#?}");
    assert!(
        ran.stderr.contains("no lock of this project has placed"),
        "{ran:#?}"
    );
    assert_eq!(fs_err::read(&own).expect("still there"), b"mine");
    user.run(&["remove", "1001"]).exits(0);
    user.run(&["sync"]).exits(0);
    assert_eq!(fs_err::read(&own).expect("still there"), b"mine");
}

#[test]
fn a_file_that_was_there_before_is_used_and_stays() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["get", "1001", "--to", "models/loras", "--no-sidecars"])
        .exits(0);
    user.run(&["add", "1001"]).exits(0);
    let before = site.sim.log().summary().storage_bytes;
    user.run(&["sync"]).exits(0);
    assert_eq!(site.sim.log().summary().storage_bytes, before);
    user.run(&["remove", "1001"]).exits(0);
    user.run(&["sync"]).exits(0);
    assert!(
        user.path("models/loras/watercolour_fields.safetensors")
            .is_file()
    );
}

#[test]
fn what_leaves_the_lock_goes_to_the_trash_and_what_moves_is_moved() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["add", "1001", "1004"]).exits(0);
    user.run(&["sync"]).exits(0);
    let placed = user.path("models/loras/watercolour_fields.safetensors");
    assert!(placed.is_file());
    let before = site.sim.log().summary().storage_bytes;
    user.run(&["add", "1001", "--path", "loras/own/name.safetensors"])
        .exits(0);
    let plan = user.run(&["sync", "--dry-run", "--json"]).exits(0);
    assert_eq!(plan.line("planned")["action"], "move");
    user.run(&["sync"]).exits(0);
    assert!(!placed.exists() && user.path("models/loras/own/name.safetensors").is_file());
    assert_eq!(site.sim.log().summary().storage_bytes, before);
    let listed = user.run(&["library", "list", "--json"]).exits(0).lines();
    let paths: Vec<_> = listed
        .iter()
        .filter_map(|line| line["path"].as_str())
        .collect();
    assert!(paths.contains(&"loras/own/name.safetensors"), "{paths:?}");
    assert!(
        !paths.contains(&"loras/watercolour_fields.safetensors"),
        "{paths:?}"
    );
    user.run(&["library", "verify"]).exits(0);

    user.run(&["remove", "1001"]).exits(0);
    let plan = user.run(&["sync", "--check", "--json"]).exits(9);
    assert_eq!(plan.line("planned")["action"], "trash");
    let moved = user.path("models/loras/own/name.safetensors");
    let bytes = fs_err::read(&moved).expect("it is there");
    let done = user.run(&["sync", "--json"]).exits(0);
    assert!(!moved.exists());
    assert_eq!(done.line("operation")["verb"], "sync");
    assert_eq!(
        done.line("operation")["paths"][0],
        "loras/own/name.safetensors"
    );
    let id = done.line("operation")["id"].to_string();
    user.run(&["library", "undo", &id]).exits(0);
    assert!(fs_err::read(&moved).expect("it is back") == bytes);
    // Nobody wants it any more, so nobody takes it away again.
    user.run(&["sync"]).exits(0);
    assert!(moved.exists() && !user.path("models/.trash").exists());
}

#[test]
fn a_file_that_changed_is_fetched_again_and_what_it_was_can_be_had_back() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["add", "1001"]).exits(0);
    user.run(&["sync"]).exits(0);
    let path = user.path("models/loras/watercolour_fields.safetensors");
    let right = fs_err::read(&path).expect("it is there");
    let mut mine = right.clone();
    mine[right.len() / 2] ^= 1;
    fs_err::write(&path, &mine).expect("the machine lets tests work");
    user.run(&["sync", "--check"]).exits(9);
    let done = user.run(&["sync", "--frozen", "--json"]).exits(0);
    assert!(fs_err::read(&path).expect("it is there") == right);
    let id = done.line("operation")["id"].to_string();
    user.run(&["library", "undo", &id]).exits(0);
    assert!(fs_err::read(&path).expect("it is there") == mine);
    user.run(&["sync", "--check"]).exits(9);
}

#[test]
fn what_a_lock_holds_is_moved_and_removed_by_its_project_alone() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["add", "1001"]).exits(0);
    user.run(&["sync"]).exits(0);
    user.run(&["get", "1004"]).exits(0);
    let held = "loras/watercolour_fields.safetensors";
    for words in [
        &["library", "move", held, "mine/"][..],
        &["library", "move", "loras", "mine/"],
        &["library", "rename", held, "meadow"],
        &["library", "remove", held],
    ] {
        let ran = user.run(words).exits(2);
        assert!(ran.stderr.contains(held), "{ran:#?}");
        assert!(ran.stderr.contains("civitai-dl remove"), "{ran:#?}");
        assert!(user.path("models").join(held).is_file());
    }
    // What nobody named stays without a word.
    user.run(&["library", "move", "--all", "--layout", "flat"])
        .exits(0);
    assert!(user.path("models").join(held).is_file());
    user.run(&["sync", "--check"]).exits(0);
    user.run(&["remove", "1001"]).exits(0);
    user.run(&["library", "remove", held]).exits(0);
    user.run(&["sync"]).exits(0);
}

#[test]
fn a_policy_refuses_with_its_reason_before_anything_is_fetched() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["add", "1001"]).exits(0);
    user.write("civitai.toml", "[policy]\ncommercial-use = [\"Sell\"]\n");
    let reason =
        "the policy needs the commercial use Sell, and the creator permits Image, RentCivit";
    for words in [
        &["add", "1001"][..],
        &["get", "1001"],
        &["get", "version:10010"],
    ] {
        let ran = user.run(words).exits(10);
        assert!(ran.stderr.contains(reason), "{ran:#?}");
    }
    user.write(
        "civitai.toml",
        "[policy]\ncommercial-use = [\"Sell\"]\n[[model]]\nlink = \"model:1001\"\n",
    );
    fs_err::write(
        user.path("civitai.lock"),
        fs_err::read_to_string(user.path("civitai.lock"))
            .expect("it is there")
            .replace(", layout = \"comfyui\"", ""),
    )
    .expect("the machine lets tests work");
    let ran = user.run(&["sync"]).exits(10);
    assert!(ran.stderr.contains(reason), "{ran:#?}");
    assert_eq!(site.sim.log().summary().storage_bytes, 0);
}

#[test]
fn a_model_of_a_real_person_needs_consent() {
    let site = Site::start();
    let owner = User::of(&site).with("CIVITAI_TOKEN", &site.token("owner"));
    let link = format!("version:{}", seed::REAL_PERSON.version(0));
    let ran = owner.run(&["get", &link, "--to", "."]).exits(10);
    assert!(ran.stderr.contains("--consent-real-person"), "{ran:#?}");
    assert_eq!(site.sim.log().summary().storage_bytes, 0);
    owner
        .run(&["get", &link, "--to", ".", "--consent-real-person"])
        .exits(0);

    owner.run(&["init"]).exits(0);
    owner.run(&["add", &link]).exits(0);
    owner.run(&["sync"]).exits(10);
    let manifest = fs_err::read_to_string(owner.path("civitai.toml")).expect("it is there");
    owner.write(
        "civitai.toml",
        manifest.replace("real-person = \"ask\"", "real-person = \"allow\""),
    );
    owner.run(&["sync"]).exits(0);
}

#[test]
fn files_that_cannot_be_right_are_named_and_left_alone() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["add", "1001"]).exits(0);
    for (name, text) in [
        ("civitai.toml", "[polizy]\n"),
        ("civitai.lock", "version = 1\n<<<<<<< ours\n"),
    ] {
        let good = fs_err::read(user.path(name)).expect("it is there");
        user.write(name, text);
        for words in [
            &["sync"][..],
            &["add", "1002"],
            &["remove", "1001"],
            &["tree"],
        ] {
            if name == "civitai.toml" && words == ["tree"] {
                continue;
            }
            let ran = user.run(words).exits(2);
            assert!(ran.stderr.contains(name), "{ran:#?}");
            assert_eq!(
                fs_err::read_to_string(user.path(name)).expect("still there"),
                text
            );
        }
        user.write(name, good);
    }
}

#[test]
fn an_export_is_the_same_each_time_and_holds_no_token() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["add", "1001", "1002"]).exits(0);
    for form in ["sh", "aria2", "cyclonedx"] {
        let first = user.run(&["export", "--format", form]).exits(0);
        assert_eq!(first.stdout, user.run(&["export", "--format", form]).stdout);
        assert!(
            first.stdout.contains("watercolour_fields.safetensors"),
            "{form}"
        );
        assert!(!first.stdout.contains(&site.token("plain")), "{form}");
    }
    user.run(&["export", "--format", "zip"]).exits(2);
}

/// Runs a tool in somebody's home; none if there is no such tool.
fn tool(user: &User, site: &Site, words: &[&str]) -> Option<std::process::Output> {
    let ran = std::process::Command::new(words[0])
        .args(&words[1..])
        .current_dir(user.home())
        .env("CIVITAI_TOKEN", site.token("plain"))
        .env("HOME", user.home())
        .output();
    ran.ok()
}

#[test]
fn other_tools_fetch_what_is_exported() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["add", "1001", "1004"]).exits(0);
    user.run(&["sync"]).exits(0);
    let wanted = tree(&user.path("models"));
    // What needs a login is beyond aria2, as its list says.
    site.sim.state().switches.anonymous_downloads = true;
    let aria2 = [
        "aria2c",
        "--no-conf",
        "--dir=.",
        "--input-file=list",
        "--quiet",
    ];
    let curl = ["sh", "fetch.sh"];
    for (form, name, words, needs) in [
        ("aria2", "list", &aria2[..], "aria2c"),
        ("sh", "fetch.sh", &curl[..], "curl"),
    ] {
        let other = User::of(&site);
        let text = user.run(&["export", "--format", form]).exits(0).stdout;
        other.write(name, text);
        if tool(&other, &site, &[needs, "--version"]).is_none() {
            println!("skipped: no {needs}");
            continue;
        }
        let ran = tool(&other, &site, words).expect("it was there just now");
        assert!(ran.status.success(), "{words:?}: {ran:?}");
        fs_err::remove_file(other.path(name)).expect("it is there");
        assert!(tree(other.home()) == wanted, "{form} makes another tree");
    }
}

#[test]
fn a_bill_of_materials_is_valid() {
    let site = Site::start();
    let user = project(&site);
    user.run(&["add", "1001", "1002", "1004"]).exits(0);
    // The same file in two places.
    user.run(&["add", "1001@10010", "--path", "own/name.safetensors"])
        .exits(0);
    let bom = user
        .run(&["export", "--format", "cyclonedx"])
        .exits(0)
        .stdout;
    let parsed: serde_json::Value = serde_json::from_str(&bom).expect("it is JSON");
    let components = parsed["components"].as_array().expect("a list");
    let names: std::collections::BTreeSet<_> = components
        .iter()
        .map(|one| one["bom-ref"].as_str())
        .collect();
    assert_eq!(names.len(), components.len(), "{bom}");
    user.write("bom.json", bom);
    let python = std::env::var("CIVITAI_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let needed = "import cyclonedx.validation.json, jsonschema";
    if tool(&user, &site, &[&python, "-c", needed]).is_some_and(|ran| ran.status.success()) {
        let ran = tool(&user, &site, &[&python, "-c", VALIDATE]);
        let ran = ran.expect("it was there just now");
        assert!(ran.status.success(), "{ran:?}");
    } else {
        println!("skipped: no python3 with cyclonedx-python-lib[json-validation]");
    }
}

/// The published schema, which refuses keys that it does not know.
const VALIDATE: &str = "
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open('bom.json').read())
sys.exit(None if error is None else repr(error))
";
