//! Somebody keeps models encrypted, and works with them as with any others.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::user::{Ran, Site, User};

const LEVELS: [&str; 4] = ["basic", "standard", "high", "maximum"];
const MODELS: &str = ".local/share/civitai-dl/models";
const NAME: &str = "loras/watercolour_fields.safetensors";

/// Somebody with a key of every kind.
fn somebody(site: &Site) -> User {
    let user = User::of(site);
    user.write("pass", "correct horse battery\n");
    run(&user, &["keys", "init"]).exits(0);
    run(&user, &["keys", "create", "rsa", "--bits", "3072"]).exits(0);
    user
}

/// Runs with the passphrase at hand.
fn run(user: &User, words: &[&str]) -> Ran {
    user.run(&[words, &["--passphrase-file", "pass", "--json"]].concat())
}

fn get(user: &User, level: &str) -> Ran {
    run(user, &["get", "1001", "--encrypt", level])
}

fn container(user: &User) -> PathBuf {
    user.path(&format!("{MODELS}/{NAME}.cke"))
}

/// Every file below `folder`, without its path.
fn files(folder: &Path) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for entry in fs_err::read_dir(folder).expect("it is there") {
        let path = entry.expect("it is readable").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let name = path.file_name().expect("it has a name");
            found.push(name.to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

fn sha256(path: &Path) -> String {
    let sum = Sha256::digest(fs_err::read(path).expect("the file is there"));
    let digits = sum.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<Vec<_>>().concat()
}

fn entry(user: &User) -> Value {
    user.run(&["library", "list", "--json"])
        .exits(0)
        .line("entry")
}

#[test]
fn a_model_comes_encrypted_and_is_read_as_what_is_in_it() {
    for level in LEVELS {
        let site = Site::start();
        let user = somebody(&site);
        let ran = get(&user, level).exits(0);
        let (planned, got) = (ran.line("planned"), ran.line("file"));
        let place = container(&user);
        assert_eq!(got["status"], "downloaded", "{level}");
        assert_eq!(got["scan"], "clean", "{got}");
        for line in [&planned, &got] {
            assert_eq!(line["path"], place.to_str().expect("UTF-8"));
        }
        assert_eq!(
            files(&user.path(MODELS)),
            [
                "watercolour_fields.civitai.info",
                "watercolour_fields.safetensors.cke"
            ]
        );
        let again = get(&user, level).exits(0);
        assert_eq!(again.line("planned")["action"], "skip", "{level}");
        assert_eq!(again.line("file")["status"], "skipped");

        let listed = entry(&user);
        assert_eq!(listed["path"], format!("{NAME}.cke"));
        assert_eq!(listed["sha256"], got["sha256"]);
        assert_eq!(listed["modelId"], 1001);
        let checked = user.run(&["library", "verify", "--json"]).exits(0);
        assert_eq!(checked.line("verify")["status"], "ok");
        let checked = run(&user, &["library", "verify", "--deep"]).exits(0);
        assert_eq!(checked.line("verify")["status"], "ok", "{level}");
        let path = place.to_str().expect("UTF-8");
        let hashes = run(&user, &["hash", path]).exits(0).line("hashes");
        let sum = hashes["SHA256"]
            .as_str()
            .expect("it is there")
            .to_lowercase();
        assert_eq!(sum, got["sha256"]);
        let identity = run(&user, &["identify", path]).exits(0).line("identity");
        assert_eq!(identity["format"], "safetensors");
        let seen = run(&user, &["scan", path]).exits(0).line("scan");
        assert_eq!(seen["verdict"], "clean", "{seen}");
        assert_eq!(seen["path"], path);

        run(&user, &["decrypt", path]).exits(0);
        let plain = user.path(&format!("{MODELS}/{NAME}"));
        assert_eq!(sha256(&plain), got["sha256"]);
    }
}

#[test]
fn a_scan_of_the_library_finds_what_is_encrypted_once_it_has_the_key() {
    let site = Site::start();
    let user = somebody(&site);
    run(&user, &["get", "1001", "--no-sidecars", "--to", "here"]).exits(0);
    let plain = "here/watercolour_fields.safetensors";
    let sum = sha256(&user.path(plain));
    fs_err::create_dir_all(user.path(&format!("{MODELS}/loras"))).expect("made");
    let folder = user.path(&format!("{MODELS}/loras"));
    let folder = folder.to_str().expect("UTF-8");
    run(&user, &["encrypt", plain, "--to", folder]).exits(0);

    let closed = user.run(&["library", "scan", "--json"]).exits(3);
    assert_eq!(closed.line("error")["error"]["kind"], "no_access");
    assert_eq!(entry(&user)["sha256"], Value::Null);
    let opened = run(&user, &["library", "scan"]).exits(0);
    let found = opened.line("entry");
    assert_eq!(
        (&found["sha256"], &found["modelId"]),
        (&sum.into(), &1001.into())
    );
    assert_eq!(opened.line("summary")["hashed"], 1);
    // What is known needs no key.
    let again = user.run(&["library", "scan", "--json"]).exits(0);
    assert_eq!(again.line("summary")["hashed"], 0);
}

#[test]
fn damage_is_seen_by_a_deep_look_and_nothing_is_repaired_wrongly() {
    let site = Site::start();
    let user = somebody(&site);
    get(&user, "standard").exits(0);
    let place = container(&user);
    let times = fs_err::metadata(&place)
        .and_then(|there| there.modified())
        .expect("it is there");
    let mut bytes = fs_err::read(&place).expect("it is there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(&place, &bytes).expect("it is written");
    let file = fs_err::OpenOptions::new()
        .write(true)
        .open(&place)
        .expect("opened");
    file.file().set_modified(times).expect("set back");
    user.run(&["library", "verify", "--json"]).exits(0);
    let deep = run(&user, &["library", "verify", "--deep"]).exits(7);
    assert_eq!(deep.line("verify")["status"], "changed");
    let path = place.to_str().expect("UTF-8");
    user.run(&["library", "repair", path, "--json"]).exits(2);
    assert!(fs_err::read(&place).expect("it is there") == bytes);
    // Fetched anew it is whole.
    run(&user, &["get", "1001", "--encrypt", "standard", "--force"]).exits(0);
    run(&user, &["library", "verify", "--deep"]).exits(0);
}

#[test]
fn who_encrypts_for_others_need_not_be_able_to_decrypt() {
    let site = Site::start();
    let owner = somebody(&site);
    let keys = owner.run(&["keys", "list", "--json"]).exits(0).lines();
    let pair = keys.iter().find(|key| key["kind"] == "rsa");
    let pair = pair.expect("there is a pair")["id"]
        .as_str()
        .expect("an id");
    let pem = owner.run(&["keys", "export-public", pair]).exits(0).stdout;
    let server = User::of(&site);
    server.write("public.pem", pem);
    server.run(&["keys", "import", "public.pem"]).exits(0);
    let words = ["get", "1001", "--encrypt", "high", "--json"];
    let got = server.run(&words).exits(0).line("file");
    assert_eq!(
        server.run(&words).exits(0).line("file")["status"],
        "skipped"
    );
    let place = container(&server);
    let path = place.to_str().expect("UTF-8");
    let refused = server.run(&["decrypt", path, "--json"]).exits(3);
    assert_eq!(refused.line("error")["error"]["kind"], "no_access");
    owner.write("theirs.cke", fs_err::read(&place).expect("it is there"));
    run(&owner, &["decrypt", "theirs.cke"]).exits(0);
    assert_eq!(sha256(&owner.path("theirs")), got["sha256"]);
}

#[test]
fn without_keys_nothing_is_fetched() {
    let site = Site::start();
    let user = User::of(&site);
    for level in LEVELS {
        let ran = user.run(&["get", "1001", "--encrypt", level, "--json"]);
        assert_eq!(ran.exits(3).line("error")["error"]["kind"], "no_access");
    }
    assert_eq!(site.sim.log().summary().storage_bytes, 0);
    assert!(!user.path(MODELS).exists());
}

#[test]
fn what_is_not_taken_is_kept_as_it_came_for_its_owner_alone() {
    let site = Site::start();
    let user = somebody(&site);
    let words = ["get", "1020", "--to", "out", "--encrypt", "basic"];
    assert_eq!(
        run(&user, &words).exits(7).line("file")["status"],
        "quarantined"
    );
    let listed = user.run(&["quarantine", "list", "--json"]).exits(0);
    let kept = listed.line("quarantined");
    let path = Path::new(kept["path"].as_str().expect("a path"));
    assert_eq!(sha256(path), kept["sha256"].as_str().expect("a digest"));
    let mode = fs_err::metadata(path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // Whoever lets it out knows what it is.
    let id = kept["id"].to_string();
    let freed = user.run(&["quarantine", "release", &id, "--json"]).exits(0);
    let path = freed.line("released")["path"].as_str().map(PathBuf::from);
    let path = path.expect("a path");
    assert_eq!(sha256(&path), kept["sha256"].as_str().expect("a digest"));
    assert_eq!(path.extension().expect("it has one"), "safetensors");
}

#[test]
fn what_was_encrypted_is_as_it_was_after_its_key_was_replaced() {
    let site = Site::start();
    let user = somebody(&site);
    get(&user, "standard").exits(0);
    let rotated = run(&user, &["keys", "rotate"]).exits(0).lines();
    let sum = rotated.last().expect("there is a sum");
    assert_eq!(sum["rewrapped"], 1, "{rotated:?}");
    user.run(&["library", "verify", "--json"]).exits(0);
    run(&user, &["library", "verify", "--deep"]).exits(0);
    assert_eq!(
        get(&user, "standard").exits(0).line("file")["status"],
        "skipped"
    );
}

#[test]
fn what_is_encrypted_anew_is_another_container_of_the_same() {
    let site = Site::start();
    let user = somebody(&site);
    for level in ["basic", "maximum"] {
        get(&user, level).exits(0);
        let place = container(&user);
        let before = fs_err::read(&place).expect("it is there");
        let ran = run(&user, &["keys", "renew"]).exits(0);
        assert_eq!(ran.line("summary")["renewed"], 1, "{ran:#?}");
        let after = fs_err::read(&place).expect("it is there");
        // The content is encrypted under another key: nothing of it is as it was.
        assert_eq!(before.len(), after.len());
        assert!(before[70_000..90_000] != after[70_000..90_000]);
        user.run(&["library", "verify", "--json"]).exits(0);
        run(&user, &["library", "verify", "--deep"]).exits(0);
        assert_eq!(files(&user.path(MODELS)).len(), 2);
        fs_err::remove_file(place).expect("it is there");
    }
    // Without its key a file stays as it is.
    get(&user, "basic").exits(0);
    let before = fs_err::read(container(&user)).expect("it is there");
    fs_err::rename(
        user.path(".local/share/civitai-dl/keys"),
        user.path("elsewhere"),
    )
    .expect("moved");
    let place = container(&user);
    let path = place.to_str().expect("UTF-8");
    run(&user, &["keys", "renew", "--in", path]).exits(3);
    assert!(fs_err::read(&place).expect("it is there") == before);
}
