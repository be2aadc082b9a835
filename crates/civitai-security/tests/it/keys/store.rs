//! Creating, finding, opening, retiring.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;

use civitai_security::crypt::store::{Key, Place, State, Store, StoreError};
use civitai_security::crypt::{KeyId, Level, Recipient, SlotKind};
use fs_err as fs;

use super::{CHEAP, Home, Ring, nobody, says, secret};

fn only_file(home: &Home, key: &Key) -> std::path::PathBuf {
    home.keys().join(format!("{}.key.json", key.id))
}

#[test]
fn a_key_is_there_for_the_next_process_and_nobody_else() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    assert_eq!(made.kind, SlotKind::Machine);
    assert_eq!((made.state, made.place), (State::Active, Place::File));
    let found: Vec<Key> = home.store().keys().collect();
    assert_eq!(found, std::slice::from_ref(&made));
    let rights = |path: &std::path::Path| {
        let meta = fs::metadata(path).expect("it is there");
        meta.permissions().mode() & 0o777
    };
    assert_eq!(rights(&home.keys()), 0o700);
    assert_eq!(rights(&only_file(&home, &made)), 0o600);
    assert_eq!(rights(&home.keys().join("audit.jsonl")), 0o600);
}

#[test]
fn the_master_key_opens_with_its_passphrase_only() {
    let home = Home::new();
    let made = home.store().create_master(&secret("correct horse"));
    let made = made.expect("it is made");
    assert_eq!(made.place, Place::Passphrase);
    let store = home.store();
    let slots = [(SlotKind::Master, made.id)];
    let unlocked = store.unlock(&slots, &mut says("correct horse"));
    assert_eq!(unlocked.expect("it opens").symmetric[0].id(), made.id);
    let wrong = store.unlock(&slots, &mut says("Correct horse"));
    assert!(matches!(wrong, Err(StoreError::Refused)), "{wrong:?}");
    let unasked = store.unlock(&slots, &mut nobody);
    assert!(matches!(unasked, Err(StoreError::NoPassphrase { .. })));
}

#[test]
fn a_passphrase_is_asked_for_until_it_is_right() {
    let home = Home::new();
    let made = home
        .store()
        .create_master(&secret("third"))
        .expect("it is made");
    let mut answers = ["first", "second", "third"].map(secret).into_iter();
    let mut attempts = Vec::new();
    let unlocked = home
        .store()
        .unlock(&[(SlotKind::Master, made.id)], &mut |ask| {
            attempts.push(ask.attempt);
            answers.next()
        });
    assert!(unlocked.is_ok());
    assert_eq!(attempts, [0, 1, 2]);
}

#[test]
fn a_passphrase_is_one_however_its_letters_are_composed() {
    let home = Home::new();
    let made = home
        .store()
        .create_master(&secret("caf\u{e9} \u{304c}"))
        .expect("it is made");
    let slots = [(SlotKind::Master, made.id)];
    let typed_elsewhere = home
        .store()
        .unlock(&slots, &mut says("cafe\u{301} \u{304b}\u{3099}"));
    assert!(typed_elsewhere.is_ok());
}

#[test]
fn no_key_is_told_from_a_key_that_does_not_fit() {
    let home = Home::new();
    let elsewhere = KeyId::from_bytes([7; 16]);
    let none = home
        .store()
        .unlock(&[(SlotKind::Machine, elsewhere)], &mut nobody);
    let needed = |kind| move |error: &StoreError| matches!(error, StoreError::NoKey { kind: of } if *of == kind);
    assert!(
        none.as_ref().is_err_and(needed(SlotKind::Machine)),
        "{none:?}"
    );
    home.store().create_machine().expect("it is made");
    let other = home
        .store()
        .unlock(&[(SlotKind::Machine, elsewhere)], &mut nobody);
    assert!(matches!(other, Err(StoreError::Refused)), "{other:?}");
    let both = [(SlotKind::Machine, elsewhere), (SlotKind::Rsa, elsewhere)];
    let custodian = home.store().unlock(&both[1..], &mut nobody);
    assert!(
        custodian.as_ref().is_err_and(needed(SlotKind::Rsa)),
        "{custodian:?}"
    );
}

#[test]
fn every_level_says_what_it_lacks_before_it_asks() {
    let home = Home::new();
    let lacks = |level, kind| {
        let recipients = home
            .store()
            .recipients(level, &mut |_| panic!("nobody is to be asked"));
        assert!(
            matches!(&recipients, Err(StoreError::NoKey { kind: of }) if *of == kind),
            "{level:?}: {recipients:?}"
        );
    };
    lacks(Level::Basic, SlotKind::Machine);
    lacks(Level::Standard, SlotKind::Master);
    lacks(Level::High, SlotKind::Rsa);
    home.store()
        .create_master(&secret("a"))
        .expect("it is made");
    lacks(Level::Maximum, SlotKind::Rsa);
    let standard = home.store().recipients(Level::Standard, &mut says("a"));
    assert!(
        matches!(standard.as_deref(), Ok([Recipient::Symmetric(_)])),
        "{standard:?}"
    );
}

#[test]
fn there_is_one_active_machine_key_at_a_time() {
    let home = Home::new();
    let first = home.store().create_machine().expect("it is made");
    let second = home.store().create_machine();
    assert!(matches!(second, Err(StoreError::Exists { id, .. }) if id == first.id));
    home.store().revoke(first.id).expect("it is revoked");
    let next = home
        .store()
        .create_machine()
        .expect("another may take its place");
    assert_ne!(next.id, first.id);
}

#[test]
fn a_revoked_key_encrypts_nothing_and_still_opens() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    let mut store = home.store();
    assert_eq!(
        store.revoke(made.id).expect("it is revoked").state,
        State::Revoked
    );
    let to = store.recipients(Level::Basic, &mut nobody);
    assert!(matches!(to, Err(StoreError::NoKey { .. })), "{to:?}");
    assert!(
        store
            .unlock(&[(SlotKind::Machine, made.id)], &mut nobody)
            .is_ok()
    );
}

#[test]
fn of_a_destroyed_key_nothing_is_left_but_its_name() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    let path = only_file(&home, &made);
    let before = fs::read_to_string(&path).expect("it is readable");
    let key = before
        .split('"')
        .find(|part| part.len() == 64)
        .expect("the key stands in it")
        .to_owned();
    let mut store = home.store();
    let destroyed = store.destroy(made.id).expect("it is destroyed");
    assert_eq!(
        (destroyed.state, destroyed.place),
        (State::Destroyed, Place::Nowhere)
    );
    for entry in fs::read_dir(home.keys()).expect("it is readable") {
        let path = entry.expect("it is readable").path();
        let text = fs::read_to_string(&path).expect("it is text");
        assert!(!text.contains(&key), "{}", path.display());
    }
    let opened = home
        .store()
        .unlock(&[(SlotKind::Machine, made.id)], &mut nobody);
    assert!(
        matches!(opened, Err(StoreError::NoKey { .. })),
        "{opened:?}"
    );
    let revoked = home.store().revoke(made.id);
    assert!(
        matches!(revoked, Err(StoreError::WrongState { .. })),
        "{revoked:?}"
    );
}

#[test]
fn the_old_bytes_of_a_replaced_file_are_overwritten() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    let path = only_file(&home, &made);
    // Holds the old file after it has lost its name.
    let held = fs::File::open(&path).expect("it opens");
    home.store().destroy(made.id).expect("it is destroyed");
    let mut old = Vec::new();
    std::io::Read::read_to_end(&mut &held, &mut old).expect("it is readable");
    assert!(!old.is_empty() && old.iter().all(|byte| *byte == 0));
}

#[test]
fn with_a_keyring_no_file_holds_the_machine_key() {
    let home = Home::new();
    let ring = Arc::new(Ring::default());
    let store = || home.store().with_vault(Arc::<Ring>::clone(&ring));
    let made = store().create_machine().expect("it is made");
    assert_eq!((made.place, ring.len()), (Place::Keyring, 1));
    let text = fs::read_to_string(only_file(&home, &made)).expect("it is readable");
    assert!(text.contains(r#""secret": "keyring""#), "{text}");
    assert!(
        store()
            .unlock(&[(SlotKind::Machine, made.id)], &mut nobody)
            .is_ok()
    );
    let without = home
        .store()
        .unlock(&[(SlotKind::Machine, made.id)], &mut nobody);
    assert!(
        matches!(without, Err(StoreError::NoKey { .. })),
        "{without:?}"
    );
    store().destroy(made.id).expect("it is destroyed");
    assert_eq!(ring.len(), 0);
}

#[test]
fn another_passphrase_takes_the_place_of_the_first() {
    let home = Home::new();
    let made = home
        .store()
        .create_master(&secret("old"))
        .expect("it is made");
    let change = |old: &'static str| {
        let mut store = home.store();
        store.change_passphrase(made.id, &mut says(old), &mut || Some(secret("new")))
    };
    assert!(matches!(change("wrong"), Err(StoreError::Refused)));
    assert_eq!(change("old").expect("it is changed").id, made.id);
    let slots = [(SlotKind::Master, made.id)];
    assert!(home.store().unlock(&slots, &mut says("new")).is_ok());
    assert!(home.store().unlock(&slots, &mut says("old")).is_err());
}

#[test]
fn what_others_could_read_is_closed_to_them_and_told() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    let path = only_file(&home, &made);
    fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("it is set");
    fs::set_permissions(home.keys(), std::fs::Permissions::from_mode(0o755)).expect("it is set");
    assert_eq!(home.store().repaired(), [home.keys(), path.clone()]);
    assert!(home.store().repaired().is_empty());
    assert_eq!(
        fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
}

#[test]
fn a_link_in_the_place_of_a_key_or_of_the_store_is_refused() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    let path = only_file(&home, &made);
    let aside = home.path().join("aside");
    fs::rename(&path, &aside).expect("it moves");
    symlink(&aside, &path).expect("it links");
    let opened = Store::open(&home.keys());
    assert!(
        matches!(&opened, Err(StoreError::NotOurs { path: at }) if *at == path),
        "{opened:?}"
    );
    fs::remove_file(&path).expect("it goes");
    fs::rename(home.keys(), aside.with_extension("d")).expect("it moves");
    symlink(aside.with_extension("d"), home.keys()).expect("it links");
    let opened = Store::open(&home.keys());
    assert!(
        matches!(&opened, Err(StoreError::NotOurs { path: at }) if *at == home.keys()),
        "{opened:?}"
    );
}

#[test]
fn a_file_that_cannot_be_understood_is_named_and_left_alone() {
    let home = Home::new();
    let good = home.store().create_machine().expect("it is made");
    let path = only_file(&home, &good);
    let text = fs::read_to_string(&path).expect("it is readable");
    for (bad, future) in [
        (text.replace("\"version\": 1", "\"version\": 2"), true),
        (text.replace("machine", "engine"), false),
        (text.replace("\"active\"", "\"destroyed\""), false),
        (text[..text.len() / 2].to_owned(), false),
        (String::new(), false),
        ("[]".to_owned(), false),
        (text.replace("\"kind\"", "\"kin\""), false),
        ("x".repeat(100_000), false),
    ] {
        fs::write(&path, &bad).expect("it is written");
        let store = Store::open(&home.keys());
        let store = store.expect("the others are good");
        let [error] = store.unreadable() else {
            panic!("{:?}", store.unreadable());
        };
        assert_eq!(
            matches!(error, StoreError::FutureVersion { version: 2, .. }),
            future,
            "{error:?}"
        );
        assert!(error.to_string().contains(&good.id.to_string()), "{error}");
        let opened = store.unlock(&[(SlotKind::Machine, good.id)], &mut nobody);
        assert_eq!(
            matches!(opened, Err(StoreError::FutureVersion { .. })),
            future,
            "{opened:?}"
        );
        assert!(matches!(
            opened,
            Err(StoreError::FutureVersion { .. } | StoreError::Damaged { .. })
        ));
        assert_eq!(fs::read_to_string(&path).expect("it is readable"), bad);
    }
}

#[test]
fn a_key_under_the_name_of_another_is_not_believed() {
    let home = Home::new();
    let one = home.store().create_machine().expect("it is made");
    home.store().revoke(one.id).expect("it is revoked");
    let other = home.store().create_machine().expect("it is made");
    let text = fs::read_to_string(only_file(&home, &one)).expect("it is readable");
    let swapped = text.replace(&one.id.to_string(), &other.id.to_string());
    fs::write(only_file(&home, &other), swapped).expect("it is written");
    let opened = home
        .store()
        .unlock(&[(SlotKind::Machine, other.id)], &mut nobody);
    assert!(matches!(opened, Err(StoreError::Refused)), "{opened:?}");
}

#[test]
fn keys_are_found_by_the_beginning_of_their_ids() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    let id = made.id.to_string();
    let store = home.store();
    assert_eq!(store.find(&id[..4]).expect("it is found"), made);
    assert_eq!(store.find(&id.to_uppercase()).expect("it is found"), made);
    assert!(matches!(store.find("zz"), Err(StoreError::Unknown { .. })));
    home.store()
        .create_master(&secret("a"))
        .expect("it is made");
    assert!(matches!(
        home.store().find(""),
        Err(StoreError::Ambiguous { .. })
    ));
}

#[test]
fn only_one_process_changes_the_store_at_a_time() {
    let home = Home::new();
    home.store().create_machine().expect("it is made");
    let held = fs::File::open(home.keys()).expect("it opens");
    held.file().lock().expect("it is free");
    let made = home.store().create_master(&secret("a"));
    assert!(matches!(made, Err(StoreError::Busy { .. })), "{made:?}");
    drop(held);
    assert!(home.store().create_master(&secret("a")).is_ok());
}

#[test]
fn every_step_stands_in_the_audit_and_a_changed_line_shows() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    home.store().revoke(made.id).expect("it is revoked");
    home.store().destroy(made.id).expect("it is destroyed");
    let (entries, broken) = home.store().audit().expect("it is readable");
    let events: Vec<_> = entries.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["created", "revoked", "destroyed"]);
    assert_eq!(
        entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(broken, None);
    let path = home.keys().join("audit.jsonl");
    let text = fs::read_to_string(&path).expect("it is readable");
    let place = |text: &str| {
        fs::write(&path, text).expect("it is written");
        let (_, broken) = home.store().audit().expect("it is readable");
        broken.map(|broken| broken.line)
    };
    assert_eq!(place(&text.replace("revoked", "created")), Some(3));
    let without_second: Vec<_> = text
        .lines()
        .enumerate()
        .filter(|(line, _)| *line != 1)
        .collect();
    let without_second: String = without_second
        .iter()
        .flat_map(|(_, line)| [*line, "\n"])
        .collect();
    assert_eq!(place(&without_second), Some(2));
    assert_eq!(place(&format!("{text}nonsense\n")), Some(4));
    // What a crash cut off in the middle of a line goes when the next is written.
    assert_eq!(place(&format!("{text}{{\"seq\":4,\"ti")), Some(4));
    home.store().create_machine().expect("it is made");
    let (entries, broken) = home.store().audit().expect("it is readable");
    assert_eq!((entries.len(), broken), (4, None));
}

#[test]
fn a_draft_that_a_crash_left_is_no_key_and_does_not_stay_in_the_way() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    let draft = home.keys().join(format!("{}.key.json.new", made.id));
    fs::write(&draft, "{").expect("it is written");
    let mut store = home.store();
    assert_eq!(store.keys().count(), 1);
    assert!(store.unreadable().is_empty());
    store.revoke(made.id).expect("it is revoked");
    assert!(!draft.exists());
}

#[test]
fn the_default_cost_of_a_passphrase_is_what_is_promised() {
    let home = Home::new();
    let mut store = Store::open(&home.keys()).expect("the store opens");
    let made = store.create_master(&secret("a")).expect("it is made");
    let text = fs::read_to_string(only_file(&home, &made)).expect("it is readable");
    for part in [r#""memoryKib": 65536"#, r#""passes": 3"#, r#""lanes": 1"#] {
        assert!(text.contains(part), "{text}");
    }
    assert_ne!(CHEAP, civitai_security::crypt::store::Cost::default());
}
