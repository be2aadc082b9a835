//! Files that cannot be right: each is named, none is written over, and the exit code says whose they are.

use crate::user::{Ran, Site, User};

/// Runs commands over a file with these contents: each ends with `code`, names the file and leaves it alone.
#[track_caller]
fn refuses(user: &User, name: &str, contents: &[u8], commands: &[&[&str]], code: i32) {
    let path = user.write(name, contents);
    for words in commands {
        let ran: Ran = user.run(words);
        assert_eq!(ran.code, code, "{ran:#?}");
        let file = path.file_name().expect("it has one").to_string_lossy();
        assert!(ran.stderr.contains(&*file), "{ran:#?}");
        assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
        let now = fs_err::read(&path).expect("still there");
        assert!(now == contents, "{words:?} wrote over it");
    }
}

/// Somebody with a project of one model, which is there.
fn keeper(site: &Site) -> User {
    let user = User::of(site).with("CIVITAI_DATA_DIR", "data");
    user.run(&["init"]).exits(0);
    user.run(&["add", "1001"]).exits(0);
    user.run(&["sync"]).exits(0);
    user
}

#[test]
fn a_catalogue_that_is_none_is_named_and_left_alone() {
    let site = Site::start();
    let user = keeper(&site);
    let good = fs_err::read(user.path("data/catalogue.db")).expect("it is there");
    let mut newer = good.clone();
    // The number of the tables' version, where SQLite keeps it.
    newer[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    let mut garbled = good.clone();
    let pages = garbled.len() / 4096;
    for page in 1..pages {
        garbled[page * 4096..(page + 1) * 4096].fill(0x5a);
    }
    let cut = good[..good.len() / 2 + 100].to_vec();
    let commands: &[&[&str]] = &[
        &["library", "list"],
        &["library", "scan", "--offline"],
        &["library", "backup"],
        &["library", "undo"],
        &["get", "1004"],
        &["sync", "--check"],
    ];
    for (what, contents) in [
        (
            "text",
            b"this is no database, whatever its name says".to_vec(),
        ),
        ("newer", newer),
        ("garbled", garbled),
        ("cut", cut),
    ] {
        for suffix in ["-wal", "-shm"] {
            let _ = fs_err::remove_file(user.path(&format!("data/catalogue.db{suffix}")));
        }
        println!("{what}");
        refuses(&user, "data/catalogue.db", &contents, commands, 8);
    }
    assert!(!user.path("models/loras/x").exists());
    user.write("data/catalogue.db", good);
    user.run(&["library", "check-db"]).exits(0);
}

#[test]
fn a_manifest_or_a_lock_that_cannot_be_right_is_named_and_left_alone() {
    let site = Site::start();
    let user = keeper(&site);
    let commands: &[&[&str]] = &[&["sync"], &["add", "1002"], &["remove", "1001"], &["lock"]];
    for name in ["civitai.toml", "civitai.lock"] {
        let good = fs_err::read(user.path(name)).expect("it is there");
        let text = String::from_utf8(good.clone()).expect("it is text");
        let spoiled = [
            text.replacen("link", "link = \"1\"\nlink", 1),
            text.replacen("path", "path = \"a.gguf\"\npath", 1),
            format!("{text}<<<<<<< ours\n=======\n>>>>>>> theirs\n"),
            format!("{text}\0"),
            format!("{text}= 1\n"),
            format!("{text}[[model]\n"),
        ];
        for contents in spoiled.iter().filter(|spoiled| **spoiled != text) {
            refuses(&user, name, contents.as_bytes(), commands, 2);
        }
        let latin = [good.as_slice(), b"# \xe9\n"].concat();
        refuses(&user, name, &latin, commands, 2);
        user.write(name, &good);
    }
    // What some editors put before a text is no error.
    for name in ["civitai.toml", "civitai.lock"] {
        let good = fs_err::read(user.path(name)).expect("it is there");
        user.write(name, [b"\xef\xbb\xbf", good.as_slice()].concat());
    }
    user.run(&["sync", "--check"]).exits(0);
}

#[test]
fn a_sidecar_that_cannot_be_read_is_named_and_left_alone() {
    let site = Site::start();
    let user = User::of(&site).with("CIVITAI_LIBRARY", "models");
    user.run(&["get", "1001", "--no-sidecars"]).exits(0);
    let stem = "models/loras/watercolour_fields";
    let deep = "[".repeat(100_000);
    for (form, suffix) in [
        ("civitai-info", ".civitai.info"),
        ("a1111", ".json"),
        ("cm-info", ".cm-info.json"),
        ("metadata-json", ".metadata.json"),
        ("swarm", ".swarm.json"),
    ] {
        for contents in [
            &b"{\"id\": 1"[..],
            b"[1]",
            b"\0\0\0\0",
            b"\xff\xfe{}",
            deep.as_bytes(),
        ] {
            let name = format!("{stem}{suffix}");
            let words = ["library", "sidecars", "--format", form];
            refuses(&user, &name, contents, &[&words], 8);
            fs_err::remove_file(user.path(&name)).expect("the machine lets tests work");
        }
    }
}
