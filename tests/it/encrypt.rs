//! Somebody encrypts files, and comes back to them with and without the keys.

use serde_json::Value;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use crate::user::User;

const LEVELS: [&str; 4] = ["basic", "standard", "high", "maximum"];
const PASS: [&str; 2] = ["--passphrase-file", "pass"];

/// Somebody with a key of every kind and a file.
fn somebody() -> User {
    let user = User::new();
    user.write("pass", "correct horse battery\n");
    user.write("model.bin", "a".repeat(3_000_000) + "end");
    run(&user, &["keys", "init"], 0);
    run(&user, &["keys", "create", "rsa", "--bits", "3072"], 0);
    user
}

/// Runs with the passphrase at hand; gives what JSON it printed, without how far it had come meanwhile.
fn run(user: &User, words: &[&str], code: i32) -> Vec<Value> {
    let words = [words, &PASS, &["--json"]].concat();
    let mut lines = user.run(&words).exits(code).lines();
    lines.retain(|line| line["type"] != "progress");
    lines
}

fn bytes(user: &User, name: &str) -> Vec<u8> {
    fs_err::read(user.path(name)).expect("it is there")
}

#[test]
fn a_file_is_encrypted_at_each_level_and_comes_back() {
    let user = somebody();
    for level in LEVELS {
        let lines = run(&user, &["encrypt", "model.bin", "--level", level], 0);
        assert_eq!(lines[0]["type"], "encrypted");
        assert_eq!(lines[0]["path"], "model.bin");
        assert_eq!(lines[0]["level"], level);
        let output = lines[0]["output"].as_str().expect("it is named");
        assert!(output.ends_with("/model.bin.cke"), "{output}");
        let same = run(&user, &["decrypt", "model.bin.cke"], 0);
        assert_eq!(same[0]["type"], "decrypted");
        run(&user, &["decrypt", "model.bin.cke", "-o", "back.bin"], 0);
        assert!(
            bytes(&user, "back.bin") == bytes(&user, "model.bin"),
            "{level}"
        );
        for name in ["back.bin", "model.bin.cke"] {
            fs_err::remove_file(user.path(name)).expect("it is there");
        }
    }
}

#[test]
fn the_folder_that_is_named_need_not_be_there() {
    let user = somebody();
    run(&user, &["encrypt", "model.bin", "--to", "sealed/here"], 0);
    let words = ["decrypt", "sealed/here/model.bin.cke", "--to", "open"];
    run(&user, &words, 0);
    assert!(bytes(&user, "open/model.bin") == bytes(&user, "model.bin"));
}

#[test]
fn the_level_is_standard_and_nothing_is_overwritten() {
    let user = somebody();
    assert_eq!(
        run(&user, &["encrypt", "model.bin"], 0)[0]["level"],
        "standard"
    );
    let before = bytes(&user, "model.bin.cke");
    let lines = run(&user, &["encrypt", "model.bin"], 2);
    assert_eq!(lines[0]["error"]["kind"], "usage");
    assert!(bytes(&user, "model.bin.cke") == before);
    user.write("model.bin", "something else");
    run(&user, &["decrypt", "model.bin.cke"], 2);
    assert_eq!(bytes(&user, "model.bin"), b"something else");
    run(&user, &["encrypt", "missing.bin"], 2);
    for (lang, told) in [("en", "does not exist"), ("ja", "存在しません")] {
        for words in [
            &["encrypt", "missing.bin", PASS[0], PASS[1]][..],
            &["decrypt", "missing.bin.cke", PASS[0], PASS[1]],
            &["hash", "missing.bin"],
            &["identify", "missing.bin"],
        ] {
            let ran = user.run(&[words, &["--lang", lang]].concat()).exits(2);
            assert!(ran.stderr.contains(told), "{ran:#?}");
        }
    }
    run(
        &user,
        &["encrypt", "missing.bin", "model.bin", "--to", "."],
        2,
    );
    run(&user, &["decrypt", "pass"], 2);
}

#[test]
fn a_wrong_key_and_damage_are_seven_no_key_is_three_and_a_later_version_two() {
    let user = somebody();
    let other = somebody();
    let keyless = User::new();
    keyless.write("pass", "correct horse battery\n");
    for level in LEVELS {
        run(&user, &["encrypt", "model.bin", "--level", level], 0);
        let good = bytes(&user, "model.bin.cke");
        fs_err::remove_file(user.path("model.bin.cke")).expect("it is there");
        let check = |at: &User, content: &[u8], code: i32, kind: &str| {
            at.write("file.cke", content);
            let lines = run(at, &["decrypt", "file.cke"], code);
            assert_eq!(lines[0]["error"]["kind"], kind, "{level}");
            assert!(!at.path("file").exists(), "{level}");
        };
        check(&other, &good, 7, "integrity");
        check(&keyless, &good, 3, "no_access");
        for at in [0, 10, 40, 100, 200, 70_000, good.len() - 1] {
            let mut damaged = good.clone();
            damaged[at] ^= 0x10;
            check(&user, &damaged, 7, "integrity");
        }
        check(&user, &good[..good.len() - 1], 7, "integrity");
        check(&user, &good[..1000], 7, "integrity");
        let mut later = good.clone();
        later[3] = 2;
        check(&user, &later, 2, "unsupported");
    }
}

#[test]
fn a_wrong_passphrase_opens_nothing() {
    let user = somebody();
    run(&user, &["encrypt", "model.bin"], 0);
    user.write("wrong", "not the passphrase\n");
    let words = [
        "decrypt",
        "model.bin.cke",
        "-o",
        "back",
        "--passphrase-file",
        "wrong",
        "--json",
    ];
    let ran = user.run(&words).exits(7);
    assert_eq!(ran.lines()[0]["error"]["kind"], "integrity");
    assert_eq!(
        ran.stderr
            .lines()
            .filter(|line| line.contains("error"))
            .count(),
        1
    );
    user.run(&["decrypt", "model.bin.cke", "-o", "back", "--json"])
        .exits(3);
    assert!(!user.path("back").exists());
}

#[test]
fn maximum_needs_both_custodians() {
    let user = User::new();
    user.write("pass", "correct horse battery\n");
    user.write("model.bin", "content");
    run(&user, &["keys", "init"], 0);
    let lines = run(&user, &["encrypt", "model.bin", "--level", "maximum"], 3);
    assert_eq!(lines[0]["error"]["kind"], "no_access");
    assert!(!user.path("model.bin.cke").exists());
}

#[test]
fn hash_and_identify_read_what_is_in_a_container() {
    let user = somebody();
    let header = r#"{"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight":{"dtype":"F16","shape":[4,320,1,1],"data_offsets":[0,2560]}}"#;
    let length = u64::try_from(header.len()).expect("it is short");
    let file = [&length.to_le_bytes(), header.as_bytes(), &[0; 2560]].concat();
    user.write("lora.safetensors", &file);
    let about = |verb: &str, name: &str| {
        let mut line = run(&user, &[verb, name], 0).remove(0);
        line["path"].take();
        line
    };
    for level in LEVELS {
        run(&user, &["encrypt", "lora.safetensors", "--level", level], 0);
        for verb in ["hash", "identify"] {
            let plain = about(verb, "lora.safetensors");
            assert_eq!(about(verb, "lora.safetensors.cke"), plain, "{level}");
        }
        let words = ["hash", "lora.safetensors.cke", "lora.safetensors"];
        let lines = run(&user, &words, 0);
        assert_eq!(lines[0]["SHA256"], lines[1]["SHA256"]);
        fs_err::remove_file(user.path("lora.safetensors.cke")).expect("it is there");
    }
}

#[test]
fn a_rotation_finds_what_was_encrypted() {
    let user = somebody();
    fs_err::create_dir(user.path("vault")).expect("it is made");
    run(&user, &["encrypt", "model.bin", "--to", "vault"], 0);
    let lines = run(&user, &["keys", "rotate"], 0);
    let sum = lines.last().expect("there is a sum");
    assert_eq!(sum["rewrapped"], 1, "{lines:?}");
    run(
        &user,
        &["decrypt", "vault/model.bin.cke", "-o", "back.bin"],
        0,
    );
    assert!(bytes(&user, "back.bin") == bytes(&user, "model.bin"));
}

/// A pair of `age`, drawn for these tests.
const IDENTITY: &str = "AGE-SECRET-KEY-1EQPVKASAZMMGR28NVVQH26406W4Y56THV8EVMAX0UT9XJ96G43NS3CLZJ2";
const RECIPIENT: &str = "age1tgykna0afq5jms53rkljc9ykd2z2pylf4uwtfvupf2x5rzm75y9s4mtzxw";

#[test]
fn files_go_to_people_with_age_and_come_back() {
    let user = User::new();
    user.write("model.bin", "a".repeat(300_000));
    user.write("identity", format!("# made today\n{IDENTITY}\n"));
    user.write("friends", format!("# us\n\n{RECIPIENT}\n"));
    for words in [
        ["--age-recipient", RECIPIENT],
        ["--age-recipients-file", "friends"],
    ] {
        let words = [&["encrypt", "model.bin", "--json"], &words[..]].concat();
        let line = user.run(&words).exits(0).line("encrypted");
        assert_eq!(
            (&line["format"], &line["level"]),
            (&"age".into(), &Value::Null)
        );
        assert!(bytes(&user, "model.bin.age").starts_with(b"age-encryption.org/v1\n"));
        user.run(&["decrypt", "model.bin.age", "-o", "back", "--json"])
            .exits(3);
        let words = [
            "decrypt",
            "model.bin.age",
            "-o",
            "back",
            "--identity",
            "identity",
        ];
        user.run(&words).exits(0);
        assert!(bytes(&user, "back") == bytes(&user, "model.bin"));
        for name in ["back", "model.bin.age"] {
            fs_err::remove_file(user.path(name)).expect("it is there");
        }
    }
}

#[test]
fn an_age_file_under_a_passphrase_opens_with_it_alone() {
    let user = User::new();
    user.write("pass", "correct horse battery\n");
    user.write("wrong", "something else again\n");
    user.write("model.bin", "content");
    run(&user, &["encrypt", "model.bin", "--age-passphrase"], 0);
    let words = ["decrypt", "model.bin.age", "-o", "back", "--json"];
    let wrong = [&words[..], &["--passphrase-file", "wrong"]].concat();
    let refused = user.run(&wrong).exits(7);
    assert_eq!(refused.lines()[0]["error"]["kind"], "integrity");
    assert!(!user.path("back").exists());
    run(&user, &["decrypt", "model.bin.age", "-o", "back"], 0);
    assert_eq!(bytes(&user, "back"), b"content");
}

#[test]
fn what_is_encrypted_goes_from_one_form_to_the_other() {
    let user = somebody();
    user.write("identity", IDENTITY);
    run(&user, &["encrypt", "model.bin"], 0);
    let plain = bytes(&user, "model.bin");
    fs_err::remove_file(user.path("model.bin")).expect("it is there");
    let words = ["encrypt", "model.bin.cke", "--age-recipient", RECIPIENT];
    let line = run(&user, &words, 0).remove(0);
    let output = line["output"].as_str().expect("it is named");
    assert!(output.ends_with("/model.bin.age"), "{output}");
    let words = [
        "encrypt",
        "model.bin.age",
        "--identity",
        "identity",
        "--level",
        "high",
        "--to",
        "again",
    ];
    run(&user, &words, 0);
    assert!(!user.path("model.bin").exists());
    run(&user, &["decrypt", "again/model.bin.cke"], 0);
    assert!(bytes(&user, "again/model.bin") == plain);
    // To another level.
    let words = [
        "encrypt",
        "model.bin.cke",
        "--level",
        "maximum",
        "--to",
        "more",
    ];
    assert_eq!(run(&user, &words, 0)[0]["level"], "maximum");
    run(&user, &["decrypt", "more/model.bin.cke"], 0);
    assert!(bytes(&user, "more/model.bin") == plain);
}

#[test]
fn keys_of_age_that_are_none_are_told_without_being_repeated() {
    let user = User::new();
    user.write("model.bin", "content");
    let mistyped = IDENTITY.replace("EQPV", "EQPW");
    user.write("identity", format!("{mistyped}\n"));
    user.run(&["encrypt", "model.bin", "--age-recipient", RECIPIENT])
        .exits(0);
    let words = [
        "decrypt",
        "model.bin.age",
        "-o",
        "back",
        "--identity",
        "identity",
    ];
    let refused = user.run(&words).exits(2);
    assert!(!refused.stderr.contains("1EQPW"), "{}", refused.stderr);
    user.run(&["encrypt", "model.bin", "--age-recipient", "age1nonsense"])
        .exits(2);
    let both = [
        "encrypt",
        "model.bin",
        "--age-recipient",
        RECIPIENT,
        "--level",
        "high",
    ];
    user.run(&both).exits(2);
    assert!(!user.path("back").exists());
}

#[test]
fn every_refusal_is_one_line_in_either_language() {
    let user = somebody();
    let (other, keyless) = (somebody(), User::new());
    run(&user, &["encrypt", "model.bin", "--level", "maximum"], 0);
    let good = bytes(&user, "model.bin.cke");
    let mut later = good.clone();
    later[3] = 9;
    let mut damaged = good.clone();
    damaged[70_000] ^= 1;
    let mut header = good.clone();
    header[20] ^= 1;
    let mut level = good.clone();
    level[4..6].fill(2);
    // One custodian without the other.
    let half = User::new();
    half.write("pass", "correct horse battery\n");
    let words = ["keys", "backup", "master", PASS[0], PASS[1]];
    half.write("words", user.run(&words).exits(0).stdout);
    half.run(&["keys", "restore", "words", PASS[0], PASS[1]])
        .exits(0);
    let cases: [(&User, &[u8], i32); 7] = [
        (&other, &good, 7),
        (&keyless, &good, 3),
        (&half, &good, 3),
        (&user, &later, 2),
        (&user, &damaged, 7),
        (&user, &header, 7),
        (&user, &level, 7),
    ];
    for (at, content, code) in cases {
        at.write("pass", "correct horse battery\n");
        fs_err::set_permissions(at.path("pass"), Permissions::from_mode(0o600)).expect("set");
        at.write("file.cke", content);
        let mut told = Vec::new();
        for lang in ["en", "ja"] {
            let words = ["decrypt", "file.cke", "--lang", lang, PASS[0], PASS[1]];
            let ran = at.run(&words).exits(code);
            let mut lines = ran.stderr.lines();
            let first = lines.next().unwrap_or_default().to_owned();
            assert!(!first.is_empty(), "{ran:#?}");
            // At most a hint follows.
            assert!(lines.count() <= 1, "{ran:#?}");
            assert!(lang == "en" || !is_english(&first), "{first}");
            assert!(ran.stdout.is_empty() && !at.path("file").exists());
            told.push(first);
        }
        assert_ne!(told[0], told[1]);
    }
}

/// Whether a sentence has no more of another language than its headline.
fn is_english(sentence: &str) -> bool {
    let told = sentence.rsplit(": ").next().unwrap_or(sentence);
    told.is_ascii()
}
