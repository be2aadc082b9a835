//! Keys that leave the store and come back.

use civitai_security::crypt::phrase::{Phrase, PhraseProblem};
use civitai_security::crypt::store::{State, StoreError};
use civitai_security::crypt::{SlotKind, WrappingKind};

use super::{Home, nobody, says, secret};

#[test]
fn who_forgets_the_passphrase_comes_back_by_the_words() {
    let home = Home::new();
    let made = home
        .store()
        .create_master(&secret("forgotten"))
        .expect("it is made");
    let phrase = home.store().backup_phrase(made.id, &mut says("forgotten"));
    let words = phrase.expect("it is written down").words();
    assert_eq!(words.expose().split(' ').count(), 24);
    let read = Phrase::parse(&words).expect("it is a phrase");
    let restored = home
        .store()
        .restore_phrase(&read, WrappingKind::Master, Some(&secret("new")));
    let restored = restored.expect("it is brought back");
    assert_eq!((restored.key.id, restored.was_known), (made.id, true));
    assert_eq!(restored.key.state, State::Active);
    let slots = [(SlotKind::Master, made.id)];
    assert!(home.store().unlock(&slots, &mut says("new")).is_ok());
    assert!(home.store().unlock(&slots, &mut says("forgotten")).is_err());
}

#[test]
fn another_machine_gets_the_same_key_from_the_words() {
    let (one, other) = (Home::new(), Home::new());
    let made = one.store().create_master(&secret("a")).expect("it is made");
    let phrase = one
        .store()
        .backup_phrase(made.id, &mut says("a"))
        .expect("it is written down");
    let newer = other
        .store()
        .create_master(&secret("b"))
        .expect("it is made");
    let restored = other
        .store()
        .restore_phrase(&phrase, WrappingKind::Master, Some(&secret("b")));
    let restored = restored.expect("it is brought back");
    assert_eq!(restored.key.id, made.id);
    assert!(!restored.was_known);
    // Files are encrypted to the key that was there.
    assert_eq!(restored.key.state, State::DecryptOnly);
    assert_eq!(
        other
            .store()
            .newest(SlotKind::Master)
            .expect("it is there")
            .id,
        newer.id
    );
}

#[test]
fn a_destroyed_key_comes_back_to_decrypt_only() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    let phrase = home
        .store()
        .backup_phrase(made.id, &mut nobody)
        .expect("it is written down");
    home.store().destroy(made.id).expect("it is destroyed");
    let restored = home
        .store()
        .restore_phrase(&phrase, WrappingKind::Machine, None);
    assert_eq!(
        restored.expect("it is brought back").key.state,
        State::DecryptOnly
    );
    assert!(
        home.store()
            .unlock(&[(SlotKind::Machine, made.id)], &mut nobody)
            .is_ok()
    );
}

#[test]
fn words_mean_another_key_as_master_than_as_machine() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    let phrase = home
        .store()
        .backup_phrase(made.id, &mut nobody)
        .expect("it is written down");
    let restored = home
        .store()
        .restore_phrase(&phrase, WrappingKind::Master, Some(&secret("a")));
    assert_ne!(restored.expect("it is brought back").key.id, made.id);
}

#[test]
fn a_master_key_does_not_come_back_without_a_passphrase() {
    let home = Home::new();
    let phrase = Phrase::of_key(&[3; 32]);
    let restored = home
        .store()
        .restore_phrase(&phrase, WrappingKind::Master, None);
    assert!(
        matches!(restored, Err(StoreError::NoPassphrase { .. })),
        "{restored:?}"
    );
    assert_eq!(home.store().keys().count(), 0);
}

#[test]
fn a_file_of_a_key_comes_back_with_its_passphrase() {
    let (one, other) = (Home::new(), Home::new());
    let made = one.store().create_master(&secret("a")).expect("it is made");
    let file = one.store().backup_file(made.id).expect("it is written");
    let path = std::path::Path::new("master.backup");
    let wrong = other.store().restore_file(&file, path, &mut says("b"));
    assert!(matches!(wrong, Err(StoreError::Refused)), "{wrong:?}");
    assert_eq!(other.store().keys().count(), 0);
    let restored = other
        .store()
        .restore_file(&file, path, &mut says("a"))
        .expect("it is back");
    assert_eq!(restored.key.id, made.id);
    let damaged = String::from_utf8_lossy(&file).replace("\"wrapped\": \"", "\"wrapped\": \"00");
    let damaged = other
        .store()
        .restore_file(damaged.as_bytes(), path, &mut says("a"));
    assert!(damaged.is_err_and(|error| error.to_string().contains("master.backup")));
}

#[test]
fn an_open_key_has_no_file_to_carry_around() {
    let home = Home::new();
    let made = home.store().create_machine().expect("it is made");
    let file = home.store().backup_file(made.id);
    assert!(
        matches!(file, Err(StoreError::NoPassphrase { .. })),
        "{file:?}"
    );
}

#[test]
fn nothing_of_a_phrase_stands_in_its_error() {
    let text = "abandon ".repeat(23) + "hunter2";
    let problem = Phrase::parse(&secret(&text)).expect_err("it is no phrase");
    assert_eq!(problem, PhraseProblem::Word { place: 24 });
    assert!(!format!("{problem} {problem:?}").contains("hunter2"));
}

/// Whatever a crash, a bad disk or a stranger makes of a key file, it is the key or it is refused.
#[test]
fn no_change_of_a_file_makes_another_key_of_it() {
    let home = Home::new();
    let made = home
        .store()
        .create_master(&secret("a"))
        .expect("it is made");
    let file = home.store().backup_file(made.id).expect("it is written");
    let path = std::path::Path::new("backup");
    let other = Home::new();
    let mut refused = 0;
    let mut bring = |bytes: &[u8]| {
        let restored = other.store().restore_file(bytes, path, &mut says("a"));
        match restored {
            Ok(restored) => assert_eq!(restored.key.id, made.id),
            Err(_) => refused += 1,
        }
    };
    for len in 0..file.len() {
        bring(&file[..len]);
    }
    for index in 0..file.len() {
        let mut changed = file.to_vec();
        changed[index] ^= 1 << (index % 7);
        bring(&changed);
    }
    assert!(refused > file.len() + file.len() / 2, "{refused}");
}
