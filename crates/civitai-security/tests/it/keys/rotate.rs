//! A new key in the place of an old one.

use std::io::{Cursor, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use civitai_security::Secret;
use civitai_security::crypt::rotate::{FileError, Outcome, Root, Rotation, Successor, Sum, Wish};
use civitai_security::crypt::store::{Ask, Key, NewPair, State, StoreError};
use civitai_security::crypt::{
    ChunkSize, KeyId, Level, Metadata, Reader, Recipe, RsaSize, Share, SlotKind, Writer, peek,
};
use fs_err as fs;

use super::{Home, nobody, says, secret};

const CONTENT: &[u8] = b"weights";

fn encrypt(home: &Home, name: &str, level: Level) -> PathBuf {
    let path = home.path().join("files").join(name);
    fs::create_dir_all(path.parent().expect("it is below the home")).expect("it is made");
    let recipients = home.store().recipients(level, &mut says("a"));
    let recipe = Recipe {
        level,
        recipients: &recipients.expect("there are keys"),
        metadata: Metadata::default(),
        chunk: ChunkSize::default(),
    };
    let mut writer = Writer::new(Vec::new(), &recipe).expect("it begins");
    writer.write_all(CONTENT).expect("it is written");
    fs::write(&path, writer.finish().expect("it ends")).expect("it is written");
    path
}

fn decrypt(home: &Home, path: &Path, passphrase: &str) -> Result<Vec<u8>, StoreError> {
    let bytes = fs::read(path).expect("it is readable");
    let seen = peek(&mut Cursor::new(&bytes)).expect("it is a container");
    let keys = home.store().unlock(&seen.slots, &mut says(passphrase))?;
    let mut content = Vec::new();
    let mut reader = Reader::open(Cursor::new(bytes), &keys).map_err(|_| StoreError::Refused)?;
    reader.extract(&mut content).expect("it is whole");
    Ok(content)
}

fn keys_of(path: &Path) -> Vec<KeyId> {
    let mut file = fs::File::open(path).expect("it opens");
    let seen = peek(&mut file).expect("it is a container");
    seen.slots.iter().map(|(_, id)| *id).collect()
}

fn wish(home: &Home, old: &Key) -> Wish {
    Wish {
        old: old.id,
        successor: Successor::New,
        roots: vec![Root::Tree(home.path().join("files"))],
    }
}

fn rotate(home: &Home, old: &Key, passphrase: &str) -> (Sum, Key) {
    let mut store = home.store();
    let mut ask = says(passphrase);
    let rotation = Rotation::begin(&mut store, &wish(home, old), &mut ask).expect("it begins");
    let to = rotation.to().expect("it is there");
    let sum = rotation.run(&mut ask, &mut |_, _| ControlFlow::Continue(()));
    (sum.expect("it runs"), to)
}

#[test]
fn every_file_opens_with_the_new_key_alone_and_keeps_its_content() {
    let home = Home::new();
    let old = home.store().create_machine().expect("it is made");
    let paths = ["a.cke", "b.cke", "deep/c.cke"].map(|name| encrypt(&home, name, Level::Basic));
    fs::write(home.path().join("files/plain.bin"), b"x").expect("it is written");
    fs::write(home.path().join("files/other.cke"), b"not one of ours").expect("it is written");
    let content_of = |path: &Path| fs::read(path).expect("it is readable").split_off(64 * 1024);
    let before = paths.each_ref().map(|path| content_of(path));
    let (sum, new) = rotate(&home, &old, "");
    assert_eq!(
        (sum.rewrapped, sum.failed, sum.others, sum.is_finished),
        (3, 0, 1, true)
    );
    assert_eq!(before, paths.each_ref().map(|path| content_of(path)));
    let states: Vec<State> = home.store().keys().map(|key| key.state).collect();
    assert_eq!(states, [State::DecryptOnly, State::Active]);
    home.store()
        .destroy(old.id)
        .expect("nothing needs it any more");
    for path in &paths {
        assert_eq!(keys_of(path), [new.id]);
        assert_eq!(decrypt(&home, path, "").expect("it opens"), CONTENT);
    }
    assert_eq!(
        home.store().unfinished_rotation().expect("it is readable"),
        None
    );
}

#[test]
fn a_new_master_key_is_under_the_passphrase_of_the_old_one() {
    let home = Home::new();
    let old = home
        .store()
        .create_master(&secret("a"))
        .expect("it is made");
    let path = encrypt(&home, "a.cke", Level::Standard);
    let (_, new) = rotate(&home, &old, "a");
    home.store()
        .destroy(old.id)
        .expect("nothing needs it any more");
    assert_eq!(keys_of(&path), [new.id]);
    assert_eq!(decrypt(&home, &path, "a").expect("it opens"), CONTENT);
}

#[test]
fn with_a_wrong_passphrase_nothing_changes() {
    let home = Home::new();
    let old = home
        .store()
        .create_master(&secret("a"))
        .expect("it is made");
    let path = encrypt(&home, "a.cke", Level::Standard);
    let before = fs::read(&path).expect("it is readable");
    let mut store = home.store();
    let begun = Rotation::begin(&mut store, &wish(&home, &old), &mut says("b"));
    assert!(matches!(begun, Err(StoreError::Refused)));
    assert_eq!(fs::read(&path).expect("it is readable"), before);
    assert_eq!(home.store().keys().collect::<Vec<_>>(), [old]);
    assert_eq!(
        home.store().unfinished_rotation().expect("it is readable"),
        None
    );
}

/// Every custodian of a file of the highest level has a key of its own; either can be replaced while both are there.
#[test]
fn each_custodian_of_the_highest_level_can_be_replaced() {
    let home = Home::new();
    let master = home
        .store()
        .create_master(&secret("a"))
        .expect("it is made");
    let pair = NewPair {
        size: RsaSize::Rsa3072,
        share: Share::WithMlKem,
        name: Some("ops".to_owned()),
        passphrase: Some(secret("b")),
    };
    let pair = home.store().create_pair(pair).expect("it is drawn");
    let path = encrypt(&home, "a.cke", Level::Maximum);
    let mut both = |ask: &Ask| {
        let answer = if ask.key.kind == SlotKind::Master {
            "a"
        } else {
            "b"
        };
        (ask.attempt == 0).then(|| secret(answer))
    };
    let turn = |old: &Key, ask: &mut dyn FnMut(&Ask) -> Option<Secret>| {
        let mut store = home.store();
        let rotation = Rotation::begin(&mut store, &wish(&home, old), ask).expect("it begins");
        let to = rotation.to().expect("it is there");
        let mut failures = Vec::new();
        rotation
            .run(ask, &mut |_, outcome| {
                if let Outcome::Failed(error) = outcome {
                    failures.push(error.to_string());
                }
                ControlFlow::Continue(())
            })
            .expect("it runs");
        (to, failures)
    };
    // The other custodian is not there: the file waits, and still opens.
    let (second, failures) = turn(&master, &mut says("a"));
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(keys_of(&path).contains(&master.id));
    let (third, failures) = turn(&second, &mut both);
    assert_eq!(failures, [""; 0]);
    let (new_pair, failures) = turn(&pair, &mut both);
    assert_eq!(failures, [""; 0]);
    assert_eq!(
        (new_pair.name.as_deref(), new_pair.kind),
        (Some("ops"), SlotKind::RsaMlKem)
    );
    for id in [master.id, second.id, pair.id] {
        home.store().destroy(id).expect("nothing needs it any more");
    }
    let mut named = keys_of(&path);
    named.sort();
    let mut wanted = [third.id, new_pair.id];
    wanted.sort();
    assert_eq!(named, wanted);
    let slots = [
        (SlotKind::Master, third.id),
        (SlotKind::RsaMlKem, new_pair.id),
    ];
    let keys = home.store().unlock(&slots, &mut both).expect("both open");
    let mut content = Vec::new();
    let file = fs::File::open(&path).expect("it opens");
    let mut reader = Reader::open(file, &keys).expect("it opens");
    reader.extract(&mut content).expect("it is whole");
    assert_eq!(content, CONTENT);
}

#[test]
fn what_was_stopped_goes_on_and_nothing_else_begins_before() {
    let home = Home::new();
    let old = home.store().create_machine().expect("it is made");
    let paths = ["a.cke", "b.cke", "c.cke"].map(|name| encrypt(&home, name, Level::Basic));
    let mut store = home.store();
    let rotation = Rotation::begin(&mut store, &wish(&home, &old), &mut nobody).expect("it begins");
    let new = rotation.to().expect("it is there");
    let sum = rotation.run(&mut nobody, &mut |_, _| ControlFlow::Break(()));
    let sum = sum.expect("it runs");
    assert_eq!((sum.rewrapped, sum.is_finished), (1, false));
    for path in &paths {
        assert_eq!(decrypt(&home, path, "").expect("it opens"), CONTENT);
    }
    let unfinished = home.store().unfinished_rotation().expect("it is readable");
    let unfinished = unfinished.expect("it is not finished");
    assert_eq!(
        (&unfinished.from[..], unfinished.to),
        (&[old.id][..], new.id)
    );
    let begun = Rotation::begin(&mut store, &wish(&home, &new), &mut nobody);
    assert!(matches!(begun, Err(StoreError::Unfinished { to }) if to == new.id));
    let destroyed = home.store().destroy(old.id);
    assert!(
        matches!(destroyed, Err(StoreError::Unfinished { .. })),
        "{destroyed:?}"
    );
    let rotation = Rotation::resume(&mut store, Vec::new()).expect("it is readable");
    let sum = rotation
        .expect("there is one")
        .run(&mut nobody, &mut |_, _| ControlFlow::Continue(()));
    let sum = sum.expect("it runs");
    assert_eq!((sum.rewrapped, sum.already, sum.is_finished), (2, 1, true));
    assert!(
        Rotation::resume(&mut store, Vec::new())
            .expect("it is readable")
            .is_none()
    );
}

#[test]
fn a_journal_whose_key_was_never_made_is_of_no_rotation() {
    let home = Home::new();
    let old = home.store().create_machine().expect("it is made");
    let path = encrypt(&home, "a.cke", Level::Basic);
    let mut store = home.store();
    let rotation = Rotation::begin(&mut store, &wish(&home, &old), &mut nobody).expect("it begins");
    let new = rotation.to().expect("it is there");
    drop(rotation);
    // As if the machine had stopped before the new key was written.
    fs::remove_file(home.keys().join(format!("{}.key.json", new.id))).expect("it goes");
    assert_eq!(
        home.store().unfinished_rotation().expect("it is readable"),
        None
    );
    assert!(
        Rotation::resume(&mut home.store(), Vec::new())
            .expect("it is readable")
            .is_none()
    );
    let (sum, _) = rotate(&home, &old, "");
    assert_eq!(sum.rewrapped, 1);
    assert_eq!(decrypt(&home, &path, "").expect("it opens"), CONTENT);
}

#[test]
fn a_damaged_file_is_told_and_keeps_nobody_else_waiting() {
    let home = Home::new();
    let old = home.store().create_machine().expect("it is made");
    let damaged = encrypt(&home, "a.cke", Level::Basic);
    let good = encrypt(&home, "b.cke", Level::Basic);
    let mut bytes = fs::read(&damaged).expect("it is readable");
    let spoiled = bytes.clone();
    bytes[40..80].fill(0xff);
    fs::write(&damaged, &bytes).expect("it is written");
    let mut store = home.store();
    let rotation = Rotation::begin(&mut store, &wish(&home, &old), &mut nobody).expect("it begins");
    let mut told = Vec::new();
    let sum = rotation.run(&mut nobody, &mut |path, outcome| {
        let is_refused =
            matches!(outcome, Outcome::Failed(FileError::Crypt(error)) if error.is_refused());
        told.push((path.to_owned(), is_refused));
        ControlFlow::Continue(())
    });
    let sum = sum.expect("it runs");
    assert_eq!(told, [(damaged.clone(), true), (good, false)]);
    assert_eq!((sum.rewrapped, sum.failed, sum.is_finished), (1, 1, true));
    assert_eq!(fs::read(&damaged).expect("it is readable"), bytes);
    // Mended from a backup, it is brought along by the next rotation, two keys later.
    fs::write(&damaged, spoiled).expect("it is written");
    let current = home.store().newest(SlotKind::Machine).expect("it is there");
    let (sum, new) = rotate(&home, &current, "");
    assert_eq!(sum.rewrapped, 2);
    assert_eq!(keys_of(&damaged), [new.id]);
}

#[test]
fn files_that_were_away_are_brought_to_the_key_of_today() {
    let home = Home::new();
    let old = home.store().create_machine().expect("it is made");
    let path = encrypt(&home, "a.cke", Level::Basic);
    let away = home.path().join("away.cke");
    fs::rename(&path, &away).expect("it moves");
    let (sum, new) = rotate(&home, &old, "");
    assert_eq!(sum.rewrapped, 0);
    fs::rename(&away, &path).expect("it moves");
    let mut store = home.store();
    let again = Wish {
        successor: Successor::Active,
        ..wish(&home, &new)
    };
    let rotation = Rotation::begin(&mut store, &again, &mut nobody).expect("it begins");
    let sum = rotation
        .run(&mut nobody, &mut |_, _| ControlFlow::Continue(()))
        .expect("it runs");
    assert_eq!(sum.rewrapped, 1);
    assert_eq!(keys_of(&path), [new.id]);
    assert_eq!(home.store().keys().count(), 2);
}

#[test]
fn places_are_remembered_once() {
    let home = Home::new();
    home.store().create_machine().expect("it is made");
    let path = encrypt(&home, "a.cke", Level::Basic);
    let store = home.store();
    store.remember(&path).expect("it is noted");
    store
        .remember(&path.with_file_name("b.cke"))
        .expect("it is noted");
    let folder = fs::canonicalize(path.parent().expect("it has one")).expect("it is there");
    assert_eq!(store.remembered().expect("it is readable"), [folder]);
}

#[test]
fn the_audit_has_each_file() {
    let home = Home::new();
    let old = home.store().create_machine().expect("it is made");
    let path = encrypt(&home, "a.cke", Level::Basic);
    rotate(&home, &old, "");
    let (entries, broken) = home.store().audit().expect("it is readable");
    let steps: Vec<_> = entries
        .iter()
        .map(|entry| (entry.event.as_str(), entry.path.as_deref()))
        .collect();
    let path = fs::canonicalize(path).expect("it is there");
    let wanted = [
        ("created", None),
        ("rotation_begun", None),
        ("rewrapped", path.to_str()),
        ("rotation_ended", None),
    ];
    assert_eq!(steps, wanted);
    assert_eq!(broken, None);
}
