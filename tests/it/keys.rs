//! Somebody makes keys, writes them down, loses them and gets them back.

use serde_json::Value;

use crate::secrets::base64;
use crate::user::{Ran, User};

fn somebody() -> User {
    let user = User::new();
    user.write("pass", "correct horse battery\n");
    user.write("other", "staple staple staple\n");
    user
}

fn keys(user: &User, words: &[&str]) -> Ran {
    user.run(&[&["keys"], words].concat())
}

fn made(user: &User) -> Vec<Value> {
    let ran = keys(user, &["init", "--passphrase-file", "pass", "--json"]);
    ran.exits(0).lines()
}

fn id(key: &Value) -> &str {
    key["id"].as_str().expect("a key has an id")
}

#[test]
fn init_makes_what_is_missing_and_says_so_the_second_time() {
    let user = somebody();
    let first = made(&user);
    let kinds: Vec<_> = first.iter().map(|key| key["kind"].clone()).collect();
    assert_eq!(kinds, ["machine", "master"]);
    for key in &first {
        assert_eq!((&key["type"], &key["schema"]), (&"key".into(), &1.into()));
        assert_eq!(key["state"], "active");
        assert!(key["created"].is_string());
    }
    assert_eq!(made(&user), first);
    let list = keys(&user, &["list", "--json"]).exits(0).lines();
    assert_eq!(list[..2], first);
    assert_eq!(list[2]["count"], 2);
}

#[test]
fn without_a_passphrase_and_without_a_terminal_nothing_is_made() {
    let user = somebody();
    let ran = keys(&user, &["init", "--json"]).exits(3);
    assert_eq!(ran.lines()[0]["error"]["kind"], "no_access");
    assert!(keys(&user, &["list"]).exits(0).stdout.is_empty());
    keys(&user, &["init", "--passphrase-file", "nowhere"]).exits(2);
    user.write("empty", "\n");
    keys(&user, &["init", "--passphrase-file", "empty"]).exits(2);
}

#[test]
fn a_passphrase_comes_from_a_descriptor() {
    let user = somebody();
    let words = ["keys", "init", "--passphrase-fd", "0"];
    user.run_with_input(&words, "correct horse battery\n")
        .exits(0);
    keys(&user, &["backup", "--passphrase-file", "pass"]).exits(0);
}

#[test]
fn the_words_bring_the_key_back_on_another_machine() {
    let user = somebody();
    let master = made(&user).remove(1);
    keys(&user, &["backup", "--passphrase-file", "other"]).exits(7);
    let shown = keys(&user, &["backup", "--passphrase-file", "pass"]).exits(0);
    let json = keys(&user, &["backup", "--passphrase-file", "pass", "--json"]).exits(0);
    let words = json.lines()[0]["words"]
        .as_array()
        .expect("there are words")
        .clone();
    assert_eq!(words.len(), 24);
    let other = somebody();
    other.write("words", &shown.stdout);
    let back = keys(
        &other,
        &["restore", "words", "--passphrase-file", "other", "--json"],
    );
    assert_eq!(id(&back.exits(0).lines()[0]), id(&master));
    let again = keys(&other, &["backup", "--passphrase-file", "other"]).exits(0);
    assert_eq!(again.stdout, shown.stdout);
    other.write(
        "wrong",
        shown
            .stdout
            .replacen(words[0].as_str().unwrap_or("?"), "zoo", 1),
    );
    let wrong = keys(&other, &["restore", "wrong", "--passphrase-file", "other"]);
    assert!(!wrong.exits(2).stderr.contains("zoo"));
}

#[test]
fn a_backup_is_readable_by_its_owner_alone_and_replaces_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let user = somebody();
    made(&user);
    let backup = ["backup", "--passphrase-file", "pass", "--output", "paper"];
    keys(&user, &backup).exits(0);
    let meta = fs_err::metadata(user.path("paper")).expect("it is there");
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    keys(&user, &backup).exits(8);
}

#[test]
fn a_pair_goes_to_others_as_its_public_half() {
    let user = somebody();
    let words = [
        "create",
        "rsa",
        "--bits",
        "3072",
        "--name",
        "ops",
        "--passphrase-file",
        "pass",
    ];
    let pair = keys(&user, &[&words[..], &["--json"]].concat())
        .exits(0)
        .lines()
        .remove(0);
    assert_eq!(
        (&pair["kind"], &pair["bits"], &pair["name"]),
        (&"rsa".into(), &3072.into(), &"ops".into())
    );
    let pem = keys(&user, &["export-public", id(&pair)]).exits(0).stdout;
    assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{pem}");
    let other = somebody();
    let words = ["keys", "import", "-", "--json"];
    let taken = other
        .run_with_input(&words, &pem)
        .exits(0)
        .lines()
        .remove(0);
    assert_eq!(
        (id(&taken), &taken["place"]),
        (id(&pair), &"elsewhere".into())
    );
    let file = keys(&user, &["backup", id(&pair)]);
    file.exits(2);
    keys(&user, &["backup", id(&pair), "--output", "pair"]).exits(0);
    let file = fs_err::read(user.path("pair")).expect("it is readable");
    other.write("pair", file);
    keys(&other, &["restore", "pair", "--passphrase-file", "other"]).exits(7);
    let back = keys(
        &other,
        &["restore", "pair", "--passphrase-file", "pass", "--json"],
    );
    assert_eq!(back.exits(0).lines()[0]["place"], "passphrase");
}

#[test]
fn a_key_of_openssl_is_taken_over() {
    let user = somebody();
    let made = std::process::Command::new("openssl")
        .args([
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:3072",
        ])
        .output();
    let Ok(made) = made else {
        eprintln!("skipped: no openssl");
        return;
    };
    user.write("key.pem", made.stdout);
    let taken = keys(
        &user,
        &["import", "key.pem", "--passphrase-file", "pass", "--json"],
    );
    let taken = taken.exits(0).lines().remove(0);
    assert_eq!(
        (&taken["kind"], &taken["place"]),
        (&"rsa".into(), &"passphrase".into())
    );
    user.write(
        "junk.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    keys(&user, &["import", "junk.pem"]).exits(2);
}

#[test]
fn what_is_destroyed_needs_a_yes_and_does_not_come_back() {
    let user = somebody();
    let machine = made(&user).remove(0);
    keys(&user, &["destroy", id(&machine)]).exits(2);
    keys(&user, &["destroy", "0123456789abcdef", "--yes"]).exits(4);
    let gone = keys(&user, &["destroy", id(&machine), "--yes", "--json"]).exits(0);
    assert_eq!(gone.lines()[0]["state"], "destroyed");
    keys(&user, &["revoke", id(&machine)]).exits(2);
    let list = keys(&user, &["list", "--json"]).exits(0).lines();
    assert_eq!(list[0]["state"], "destroyed");
    let audit = keys(&user, &["audit", "--json"]).exits(0).lines();
    let events: Vec<_> = audit
        .iter()
        .filter_map(|line| line["event"].as_str())
        .collect();
    assert_eq!(events, ["created", "created", "destroyed"]);
}

#[test]
fn a_changed_audit_is_told() {
    let user = somebody();
    made(&user);
    let path = user.path(".local/share/civitai-dl/keys/audit.jsonl");
    let text = fs_err::read_to_string(&path).expect("it is readable");
    fs_err::write(&path, text.replacen("created", "revoked", 1)).expect("it is written");
    let ran = keys(&user, &["audit"]).exits(7);
    assert!(ran.stderr.contains("line 2"), "{}", ran.stderr);
}

#[test]
fn a_forgotten_passphrase_is_replaced_by_one_that_is_known() {
    let user = somebody();
    made(&user);
    let words = [
        "passphrase",
        "--passphrase-file",
        "pass",
        "--new-passphrase-file",
        "other",
    ];
    keys(&user, &words).exits(0);
    keys(&user, &["backup", "--passphrase-file", "pass"]).exits(7);
    keys(&user, &["backup", "--passphrase-file", "other"]).exits(0);
}

#[test]
fn a_store_that_others_could_change_is_not_used() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let user = somebody();
    made(&user);
    let keys_dir = user.path(".local/share/civitai-dl/keys");
    let wide = std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(&keys_dir, wide).expect("it is set");
    let ran = keys(&user, &["list"]).exits(0);
    assert!(ran.stderr.contains("others could read"), "{}", ran.stderr);
    assert!(keys(&user, &["list"]).exits(0).stderr.is_empty());
    fs_err::rename(&keys_dir, user.path("aside")).expect("it moves");
    symlink(user.path("aside"), &keys_dir).expect("it links");
    keys(&user, &["list"]).exits(10);
}

#[test]
fn sentences_exist_in_japanese() {
    let user = somebody();
    let ran = keys(
        &user,
        &["init", "--passphrase-file", "pass", "--lang", "ja"],
    )
    .exits(0);
    assert!(ran.stderr.contains("マスター鍵"), "{}", ran.stderr);
    let table = keys(&user, &["list", "--lang", "ja"]).exits(0);
    assert!(table.stdout.contains("有効"), "{}", table.stdout);
}

/// Every passphrase, word and key that there is, searched for in all that the verbs print and write.
#[test]
fn no_verb_of_keys_tells_a_secret() {
    let user = somebody();
    user.write("pass", "ca9a2f7e57 passphrase\n");
    user.write("other", "0the2ca9a2f7e57 passphrase\n");
    let both = ["ca9a2f7e57 passphrase", "0the2ca9a2f7e57 passphrase"];
    let mut needles: Vec<Vec<u8>> = both.iter().flat_map(|text| spellings(text)).collect();
    let ids: Vec<String> = made(&user).iter().map(|key| id(key).to_owned()).collect();
    let store = user.path(".local/share/civitai-dl/keys");
    let machine_file = store.join(format!("{}.key.json", ids[0]));
    let text = fs_err::read_to_string(&machine_file).expect("it is readable");
    let machine = text
        .split('"')
        .find(|part| part.len() == 64)
        .expect("the key stands in its file")
        .to_owned();
    let backup = ["keys", "backup", "--passphrase-file", "pass", "--json"];
    let words = user.run(&backup).exits(0).lines().remove(0)["words"].clone();
    let words: Vec<&str> = words
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    user.write("words", words.join(" "));
    needles.push(words[..3].join(" ").into_bytes());
    needles.push(words[..3].join("\",\"").into_bytes());
    needles.extend(spellings(&machine));
    let matrix: &[&[&str]] = &[
        &["list"],
        &["audit"],
        &["init", "--passphrase-file", "pass"],
        &["create", "master", "--passphrase-file", "pass"],
        &[
            "create",
            "rsa",
            "--bits",
            "3072",
            "--passphrase-file",
            "pass",
        ],
        &[
            "passphrase",
            "--passphrase-file",
            "pass",
            "--new-passphrase-file",
            "other",
        ],
        &[
            "passphrase",
            "--passphrase-file",
            "pass",
            "--new-passphrase-file",
            "other",
        ],
        &["restore", "words", "--passphrase-file", "other"],
        &["restore", "pass", "--passphrase-file", "other"],
        &["import", "pass"],
        &["backup", "--passphrase-file", "pass"],
        &["rotate", "--in", ".", "--passphrase-file", "other"],
        &["rotate", "--in", ".", "--passphrase-file", "pass"],
        &["rotate", "machine"],
        &["revoke", &ids[0]],
        &["export-public", &ids[1]],
        &["destroy", &ids[1], "--yes"],
    ];
    let search = |place: &str, bytes: &[u8]| {
        for needle in &needles {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(
                !found,
                "{:?} stands in {place}",
                String::from_utf8_lossy(needle)
            );
        }
    };
    for words in matrix {
        for form in ["-vv", "--json"] {
            let ran = keys(&user, &[*words, &[form]].concat());
            search(&ran.words, ran.stdout.as_bytes());
            search(&ran.words, ran.stderr.as_bytes());
        }
    }
    for entry in fs_err::read_dir(&store).expect("it is readable") {
        let path = entry.expect("it is readable").path();
        if path != machine_file {
            search(
                &path.display().to_string(),
                &fs_err::read(&path).expect("it is readable"),
            );
        }
    }
    let machine_file = fs_err::read(machine_file).expect("it is readable");
    assert!(needles.iter().any(|needle| {
        machine_file
            .windows(needle.len())
            .any(|part| part == needle)
    }));
}

fn spellings(text: &str) -> Vec<Vec<u8>> {
    let digits: Vec<_> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let hex = digits.concat();
    let mut all = vec![
        text.as_bytes().to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    all.extend((0..3).map(|phase| base64(text, phase)));
    all
}
