//! The test kit of the format, where `CIVITAI_CORPUS` has it: every file has an outcome.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};

use super::*;

#[test]
fn every_file_of_the_kit_comes_out_as_it_says() {
    let Some(corpus) = std::env::var_os("CIVITAI_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: no corpus");
        return;
    };
    let folder = fs_err::read_dir(corpus.join("vectors/age")).expect("it is there");
    let mut counts = BTreeMap::<&str, usize>::new();
    for entry in folder {
        let path = entry.expect("it is readable").path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let name = name.expect("a file has a name");
        let word = run(&name, &fs_err::read(&path).expect("it is readable"));
        *counts.entry(word).or_default() += 1;
    }
    eprintln!("{} files, {counts:?}", counts.values().sum::<usize>());
}

/// Runs one file; gives how it came out, which is as it says or the refusal of a kind of key.
fn run(name: &str, file: &[u8]) -> &'static str {
    let end = file
        .windows(2)
        .position(|pair| pair == b"\n\n")
        .expect("it has a head");
    let head = std::str::from_utf8(&file[..end]).expect("the head is text");
    let values = |key: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(found, _)| *found == key)
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
    };
    let mut body = file[end + 2..].to_vec();
    if values("compressed") == ["zlib"] {
        let mut plain = Vec::new();
        let mut packed = flate2::read::ZlibDecoder::new(body.as_slice());
        packed.read_to_end(&mut plain).expect("it is packed");
        body = plain;
    }
    let identities = values("identity")
        .into_iter()
        .map(str::parse::<AgeIdentity>);
    let identities: Result<Vec<_>, _> = identities.collect();
    let mut keys = match identities {
        Ok(identities) => identities
            .into_iter()
            .map(AgeKey::Identity)
            .collect::<Vec<_>>(),
        Err(AgeError::UnsupportedKey { prefix }) if prefix == "age-secret-key-pq-" => {
            return "unsupported: identity of ML-KEM-768 with X25519";
        }
        Err(error) => panic!("{name}: {error}"),
    };
    let passphrases = values("passphrase").into_iter();
    keys.extend(passphrases.map(|text| AgeKey::Passphrase(Secret::new(text.to_owned()))));
    let mut out = Vec::new();
    let result = decrypt_age(body.as_slice(), &keys, &mut out);
    let expected = values("expect")[0];
    let is_as_said = match (&result, expected) {
        (Ok(_), "success")
        | (Err(AgeError::NoMatch), "no match")
        | (Err(AgeError::HeaderMac), "HMAC failure")
        | (Err(AgeError::Header), "header failure")
        | (Err(AgeError::Payload), "payload failure")
        | (Err(AgeError::Armor), "armor failure") => true,
        // Text before the armor is no armor at all.
        (Err(AgeError::Header), "armor failure") => {
            name.contains("garbage") || name.contains("header")
        }
        _ => false,
    };
    assert!(is_as_said, "{name}: {expected}, but {result:?}");
    if result.is_ok() {
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<Vec<_>>()
                .concat()
        };
        assert_eq!(
            vec![hex(digest(&SHA256, &out).as_ref()).as_str()],
            values("payload"),
            "{name}"
        );
    }
    match expected {
        "success" => "as expected: opened",
        _ => "as expected: refused",
    }
}

#[test]
fn what_is_written_is_read() {
    let identity = AgeIdentity::random().expect("a pair is drawn");
    let text = identity.to_text();
    let again: AgeIdentity = text.expose().parse().expect("it is read");
    assert_eq!(again.recipient(), identity.recipient());
    let recipient: AgeRecipient = identity
        .recipient()
        .to_string()
        .parse()
        .expect("it is read");
    let other = AgeIdentity::random().expect("a pair is drawn");
    let keys = [AgeKey::Identity(other), AgeKey::Identity(again)];
    for length in [0, 1, 65_535, 65_536, 65_537, 200_000] {
        let plain = vec![7; length];
        let mut writer =
            encrypt_age(Vec::new(), &AgeTo::Recipients(&[recipient])).expect("it begins");
        writer.write_all(&plain).expect("it is written");
        let file = writer.finish().expect("it ends");
        assert!(is_age(&file));
        let mut out = Vec::new();
        let count = decrypt_age(file.as_slice(), &keys, &mut out).expect("it opens");
        assert_eq!((count, out), (length as u64, plain));
        let alone = decrypt_age(file.as_slice(), &keys[..1], &mut Vec::new());
        assert!(matches!(alone, Err(AgeError::NoMatch)));
    }
    assert!(matches!(
        encrypt_age(Vec::new(), &AgeTo::Recipients(&[])),
        Err(AgeError::Header)
    ));
}

#[test]
fn a_passphrase_opens_what_it_closed() {
    let secret = |text: &str| AgeKey::Passphrase(Secret::new(text.to_owned()));
    let file_key: FileKey = random().expect("there is randomness");
    // The usual cost takes a second of a release build.
    let stanza = wrap_scrypt(&file_key, &Secret::new("right".to_owned()), 2).expect("it is made");
    let opened = unwrap(&stanza, &secret("right")).expect("it is well formed");
    assert_eq!(opened.map(|key| *key), Some(*file_key));
    let refused = unwrap(&stanza, &secret("wrong")).expect("it is well formed");
    assert!(refused.is_none());
}
