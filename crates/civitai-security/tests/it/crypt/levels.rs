//! The four levels: who can open what, and what is said to who cannot.

use std::io::Cursor;

use civitai_security::crypt::{
    ChunkSize, CryptError, Level, Metadata, Reader, Recipe, Share, SlotKind, Unlocked, Writer, peek,
};

use super::{CHUNK, Holder, content, extract, holder};

#[test]
fn what_is_written_is_read_at_every_level_and_around_every_border() {
    let keys = holder().keys();
    let edges = [
        0,
        1,
        15,
        16,
        17,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        2 * CHUNK,
        2 * CHUNK + 777,
    ];
    for level in Level::ALL {
        for length in edges {
            let plain = content(length);
            let container = holder().seal(level, &plain, Metadata::default());
            let (read, result) = extract(&container, &keys);
            assert_eq!(result.expect("it opens"), length as u64, "{level} {length}");
            assert!(read == plain, "{level} {length}");
        }
    }
}

#[test]
fn no_byte_of_the_content_or_the_metadata_shows() {
    let plain = b"a text that is long enough not to turn up by chance".to_vec();
    let metadata = Metadata {
        name: Some("a name that is long enough, too.safetensors".to_owned()),
        ..Metadata::default()
    };
    for level in Level::ALL {
        let container = holder().seal(level, &plain, metadata.clone());
        for secret in [plain.as_slice(), b"long enough, too"] {
            let shows = container
                .windows(secret.len())
                .any(|window| window == secret);
            assert!(!shows, "{level}");
        }
        let again = holder().seal(level, &plain, metadata.clone());
        let same = container
            .iter()
            .zip(&again)
            .skip(8)
            .take(100)
            .filter(|(a, b)| a == b);
        assert!(
            same.count() < 20,
            "{level}: two containers of one file look alike"
        );
    }
}

#[test]
fn metadata_comes_back_and_only_to_who_can_open_everything() {
    let metadata = Metadata {
        name: Some("モデル.safetensors".to_owned()),
        media: Some("safetensors".to_owned()),
        bytes: Some(5),
        sha256: Some([7; 32]),
    };
    for level in Level::ALL {
        let container = holder().seal(level, b"12345", metadata.clone());
        let reader = Reader::open(Cursor::new(&container), &holder().keys()).expect("it opens");
        assert_eq!(reader.metadata(), &metadata, "{level}");
        assert_eq!(reader.level(), level);
        assert_eq!(reader.len(), 5);
    }
}

#[test]
fn a_length_that_was_announced_must_come_true() {
    let recipe = Recipe {
        level: Level::Basic,
        recipients: &holder().recipients(Level::Basic),
        metadata: Metadata {
            bytes: Some(3),
            ..Metadata::default()
        },
        chunk: ChunkSize::default(),
    };
    let writer = Writer::new(Vec::new(), &recipe).expect("a container begins");
    assert!(matches!(
        writer.finish(),
        Err(CryptError::LengthDiffers {
            promised: 3,
            found: 0
        })
    ));
}

#[test]
fn a_level_takes_its_own_recipients_and_all_of_them() {
    for level in Level::ALL {
        for recipients_of in Level::ALL {
            let recipe = Recipe {
                level,
                recipients: &holder().recipients(recipients_of),
                metadata: Metadata::default(),
                chunk: ChunkSize::default(),
            };
            let result = Writer::new(Vec::new(), &recipe).map(|_| ());
            let is_refused = matches!(
                result,
                Err(CryptError::Unsuitable { .. } | CryptError::Superfluous { .. })
            );
            assert_eq!(is_refused, level != recipients_of, "{level}: {result:?}");
            assert_eq!(
                result.is_ok(),
                level == recipients_of,
                "{level}: {result:?}"
            );
        }
    }
}

#[test]
fn no_key_and_a_wrong_key_are_told_apart_and_nothing_more_is() {
    let other = Holder::new(Share::RsaOnly);
    for level in Level::ALL {
        let container = holder().seal(level, b"content", Metadata::default());
        let (none, result) = extract(&container, &Unlocked::default());
        assert!(
            matches!(result, Err(CryptError::NoKey { .. })),
            "{level}: {result:?}"
        );
        let (wrong, result) = extract(&container, &other.keys());
        assert!(
            matches!(result, Err(CryptError::Refused)),
            "{level}: {result:?}"
        );
        assert_eq!((none, wrong), (Vec::new(), Vec::new()));
    }
}

#[test]
fn maximum_needs_both_custodians() {
    let container = holder().seal(Level::Maximum, b"content", Metadata::default());
    let needed = |keys: &Unlocked| match extract(&container, keys).1 {
        Err(CryptError::NoKey { kind }) => kind,
        result => panic!("{result:?}"),
    };
    let mut first = holder().keys();
    first.private.clear();
    assert_eq!(needed(&first), SlotKind::Rsa);
    let mut second = holder().keys();
    second.symmetric.clear();
    assert_eq!(needed(&second), SlotKind::Master);
}

#[test]
fn a_pair_with_a_second_share_opens_with_both_shares_alone() {
    let holder = Holder::new(Share::WithMlKem);
    for level in [Level::High, Level::Maximum] {
        let container = holder.seal(level, b"content", Metadata::default());
        assert_eq!(extract(&container, &holder.keys()).0, b"content");
        let der = holder.pair.pkcs8_der().expect("it is written");
        let half = civitai_security::crypt::PrivateKey::from_parts(&der, None).expect("it is read");
        let keys = Unlocked {
            symmetric: vec![holder.master.clone()],
            private: vec![half],
        };
        let result = extract(&container, &keys).1;
        assert!(
            matches!(result, Err(CryptError::Refused)),
            "{level}: {result:?}"
        );
    }
}

#[test]
fn what_is_seen_without_a_key_is_which_keys_are_needed() {
    for level in Level::ALL {
        let container = holder().seal(level, b"content", Metadata::default());
        let seen = peek(&mut Cursor::new(&container)).expect("it is a container");
        assert_eq!((seen.level, seen.sequence), (level, 1));
        let expected: Vec<_> = holder()
            .recipients(level)
            .iter()
            .map(|to| (to.kind(), to.id()))
            .collect();
        assert_eq!(seen.slots, expected);
    }
}

#[test]
fn any_of_several_recipients_opens() {
    let other = Holder::new(Share::WithMlKem);
    for level in Level::ALL {
        let recipients = [holder().recipients(level), other.recipients(level)].concat();
        let recipe = Recipe {
            level,
            recipients: &recipients,
            metadata: Metadata::default(),
            chunk: ChunkSize::default(),
        };
        let container = Writer::new(Vec::new(), &recipe)
            .and_then(Writer::finish)
            .expect("it is written");
        for keys in [holder().keys(), other.keys()] {
            assert!(extract(&container, &keys).1.is_ok(), "{level}");
        }
    }
    let recipe = Recipe {
        level: Level::Basic,
        recipients: &vec![holder().recipients(Level::Basic).remove(0); 17],
        metadata: Metadata::default(),
        chunk: ChunkSize::default(),
    };
    assert!(matches!(
        Writer::new(Vec::new(), &recipe),
        Err(CryptError::TooManyRecipients { count: 17, .. })
    ));
}
