//! RSA and ML-KEM pairs, drawn and imported.

use std::sync::LazyLock;

use civitai_security::crypt::store::{NewPair, PemProblem, Place, State, StoreError};
use civitai_security::crypt::{Level, Recipient, RsaSize, Share, SlotKind, UnusableKey};

use super::{Home, nobody, says, secret};

fn pair(share: Share, passphrase: Option<&str>) -> NewPair {
    NewPair {
        size: RsaSize::Rsa3072,
        share,
        name: Some("ops".to_owned()),
        passphrase: passphrase.map(secret),
    }
}

/// A store with two pairs; drawing them takes seconds.
static DRAWN: LazyLock<Home> = LazyLock::new(|| {
    let home = Home::new();
    home.store()
        .create_pair(pair(Share::RsaOnly, Some("a")))
        .expect("it is drawn");
    home.store()
        .create_pair(pair(Share::WithMlKem, None))
        .expect("it is drawn");
    home
});

#[test]
fn a_pair_opens_with_its_passphrase_or_without_one() {
    let store = DRAWN.store();
    let keys: Vec<_> = store.keys().collect();
    assert_eq!(keys[0].kind, SlotKind::Rsa);
    assert_eq!(keys[1].kind, SlotKind::RsaMlKem);
    assert_eq!(
        (keys[0].place, keys[1].place),
        (Place::Passphrase, Place::File)
    );
    assert_eq!(
        (keys[0].bits, keys[0].name.as_deref()),
        (Some(3072), Some("ops"))
    );
    let slots: Vec<_> = keys.iter().map(|key| (key.kind, key.id)).collect();
    assert!(store.unlock(&slots[..1], &mut says("b")).is_err());
    let opened = store.unlock(&slots[..1], &mut says("a")).expect("it opens");
    assert_eq!(opened.private[0].id(), keys[0].id);
    // One is enough, and the one that asks nobody is taken.
    let opened = store.unlock(&slots, &mut nobody).expect("it opens");
    assert_eq!(opened.private[0].id(), keys[1].id);
}

#[test]
fn every_active_pair_is_a_recipient() {
    let recipients = DRAWN
        .store()
        .recipients(Level::High, &mut nobody)
        .expect("there are some");
    let ids: Vec<_> = recipients.iter().map(Recipient::id).collect();
    let keys: Vec<_> = DRAWN.store().keys().map(|key| key.id).collect();
    assert_eq!(ids, keys);
}

#[test]
fn the_public_half_travels_and_encrypts_where_the_private_one_is_not() {
    for key in DRAWN.store().keys() {
        let pem = DRAWN.store().export_public(key.id).expect("it is written");
        assert!(!pem.contains("PRIVATE"), "{pem}");
        let other = Home::new();
        let taken = other
            .store()
            .import(&secret(&pem), Some("them".to_owned()), None);
        let taken = taken.expect("it is taken over").key;
        assert_eq!(
            (taken.id, taken.kind, taken.place),
            (key.id, key.kind, Place::Elsewhere)
        );
        assert_eq!(
            other
                .store()
                .recipients(Level::High, &mut nobody)
                .map(|all| all.len())
                .ok(),
            Some(1)
        );
        let opened = other.store().unlock(&[(key.kind, key.id)], &mut nobody);
        assert!(
            matches!(opened, Err(StoreError::NoKey { .. })),
            "{opened:?}"
        );
    }
}

#[test]
fn a_private_key_joins_its_public_half() {
    let file = DRAWN.store().keys().next().expect("there are two");
    let other = Home::new();
    let pem = DRAWN.store().export_public(file.id).expect("it is written");
    other
        .store()
        .import(&secret(&pem), None, None)
        .expect("it is taken over");
    let backup = DRAWN.store().backup_file(file.id).expect("it is written");
    let restored = other
        .store()
        .restore_file(&backup, "x".as_ref(), &mut says("a"));
    let restored = restored.expect("it is brought back");
    assert!(restored.was_known);
    assert_eq!(
        (restored.key.place, restored.key.state),
        (Place::Passphrase, State::Active)
    );
    let again = other
        .store()
        .import(&secret(&pem), None, None)
        .expect("it is known");
    assert!(again.was_known);
    assert_eq!(again.key.place, Place::Passphrase);
}

#[test]
fn a_pair_has_no_words() {
    let key = DRAWN.store().keys().next().expect("there are two");
    let phrase = DRAWN.store().backup_phrase(key.id, &mut says("a"));
    assert!(
        matches!(phrase, Err(StoreError::WrongKind { .. })),
        "{phrase:?}"
    );
}

#[test]
fn what_is_no_key_is_refused_with_its_reason() {
    let home = Home::new();
    let mut store = home.store();
    let mut problem = |text: &str| match store.import(&secret(text), None, None) {
        Err(StoreError::BadPem(problem)) => problem,
        other => panic!("{other:?}"),
    };
    assert_eq!(problem(""), PemProblem::NoKey);
    assert_eq!(
        problem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        PemProblem::NoKey
    );
    let block = |tag: &str| format!("-----BEGIN {tag}-----\nAAAA\n-----END {tag}-----\n");
    assert_eq!(
        problem(&block("ENCRYPTED PRIVATE KEY")),
        PemProblem::Encrypted
    );
    assert_eq!(
        problem(&block("PUBLIC KEY")),
        PemProblem::Unusable(UnusableKey::Rsa)
    );
    assert_eq!(
        problem(&block("PRIVATE KEY").repeat(2)),
        PemProblem::Several
    );
    assert_eq!(
        problem(SHORT),
        PemProblem::Unusable(UnusableKey::TooShort { bits: 2048 })
    );
    assert_eq!(store.keys().count(), 0);
}

/// `openssl genrsa 2048 | openssl rsa -pubout`
const SHORT: &str = "\
-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0dKSDpSSwMrIlaZBcRl+
oPGolCZmfovi+VkLfbRP4CvH8M3XM1GofBNiJlZa4YGfw1ZuFVf3fg3Yy+nffGWO
z+5petRKtvAUA8VFlLfSuknRyrHCmC9C8LoYDK8QXtIBJ9mGQ3xRyfIozmWNwklZ
C0soiU1a/yfSP6XmrJgd5Ej9DOt8+8scnEJyC4DXbro0V/666ZKHGDyBPgsFyOiR
g+LLEWf9iluzzfdJiNkGsG0BPjF3gC9APtGUKPy5//PRDOd9Uj9Ec2Ia1AgQhMNL
cG8sxTRP0YrAxayKpw1fYWKrvYryIQLpj+FMBT21BNq/BaKU0HVBdyZ/n71wPwAb
EwIDAQAB
-----END PUBLIC KEY-----
";
