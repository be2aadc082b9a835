//! What was kept from its name: seen, let out, deleted.

use std::path::{Path, PathBuf};

use crate::user::{Site, User};

/// Somebody to whom a file came that is not what was promised, and where it would have gone.
fn shelved(site: &Site) -> (User, PathBuf) {
    let user = User::of(site);
    let ran = user.run(&["get", "1020", "--to", "out", "--json"]).exits(7);
    let line = ran.line("file");
    (user, PathBuf::from(line["path"].as_str().expect("a path")))
}

fn is_empty(folder: &Path) -> bool {
    fs_err::read_dir(folder)
        .expect("it is there")
        .next()
        .is_none()
}

#[test]
fn what_is_in_quarantine_is_listed_wherever_it_is_and_let_out_once() {
    let site = Site::start();
    let (user, target) = shelved(&site);
    let ran = user.run(&["quarantine", "list", "--json"]).exits(0);
    let line = ran.line("quarantined");
    assert_eq!(line["target"], target.to_str().unwrap());
    assert_eq!(line["reason"]["kind"], "integrity");
    assert_eq!(line["reason"]["got"], line["sha256"]);
    assert_eq!(ran.line("summary")["count"], 1);
    let id = line["id"].to_string();

    let shown = user.run(&["quarantine", "show", &id, "--json"]).exits(0);
    let scan = &shown.line("quarantined")["scan"];
    assert!(scan["verdict"].is_string(), "{shown:#?}");

    fs_err::write(&target, "mine").unwrap();
    let taken = user.run(&["quarantine", "release", &id, "--json"]).exits(8);
    assert_eq!(taken.line("error")["error"]["kind"], "io");
    assert_eq!(fs_err::read(&target).unwrap(), b"mine");
    fs_err::remove_file(&target).unwrap();

    let freed = user.run(&["quarantine", "release", &id, "--json"]).exits(0);
    assert_eq!(freed.line("released")["path"], target.to_str().unwrap());
    assert_eq!(
        fs_err::metadata(&target).unwrap().len(),
        line["bytes"].as_u64().unwrap()
    );
    user.run(&["quarantine", "release", &id]).exits(4);
    let ran = user.run(&["quarantine", "list", "--json"]).exits(0);
    assert_eq!(ran.line("summary")["count"], 0);
}

#[test]
fn what_is_deleted_leaves_nothing_and_its_number_is_not_given_again() {
    let site = Site::start();
    let (user, _) = shelved(&site);
    let id = |user: &User| {
        let ran = user.run(&["quarantine", "list", "--json"]).exits(0);
        ran.line("quarantined")["id"].to_string()
    };
    let first = id(&user);
    user.run(&["quarantine", "delete", &first]).exits(0);
    assert!(is_empty(&user.path("out")));
    user.run(&["quarantine", "delete", &first]).exits(4);
    user.run(&["get", "1020", "--to", "out"]).exits(7);
    assert_ne!(id(&user), first);
    // Of several, those that can be dealt with are.
    user.run(&["quarantine", "delete", &first, &id(&user)])
        .exits(9);
    assert!(is_empty(&user.path("out")));
}

#[test]
fn what_somebody_else_took_away_is_not_listed_any_more() {
    let site = Site::start();
    let (user, _) = shelved(&site);
    fs_err::remove_dir_all(user.path("out/.quarantine")).unwrap();
    let ran = user.run(&["quarantine", "list"]).exits(0);
    assert!(ran.stdout.is_empty(), "{ran:#?}");
    assert!(ran.stderr.contains("nothing"), "{ran:#?}");
}

#[test]
fn both_languages_say_what_is_there() {
    let site = Site::start();
    let (user, _) = shelved(&site);
    for (lang, word) in [("en", "was promised"), ("ja", "約束された")] {
        let ran = user.run(&["quarantine", "list", "--lang", lang]).exits(0);
        assert!(ran.stdout.contains(word), "{ran:#?}");
        let ran = user
            .run(&["quarantine", "show", "1", "--lang", lang])
            .exits(0);
        assert!(ran.stdout.contains(word), "{ran:#?}");
    }
}
