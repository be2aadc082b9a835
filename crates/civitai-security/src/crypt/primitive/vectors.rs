//! Vectors of the RFCs and of NIST, and those of Wycheproof where `CIVITAI_CORPUS` has them: each must come out as it says, or be
//! refused for a parameter that is not taken, and the refusals are counted by reason.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ml_kem::{DecapsulationKey as Seeded, MlKem768};
use serde_json::Value;

use super::*;

#[test]
fn rfc_5869_hkdf() {
    // A.1, A.2 and A.3: basic, long, and without salt and info.
    let cases = [
        (
            vec![0x0b; 22],
            (0..=0x0c).collect::<Vec<u8>>(),
            (0xf0..=0xf9).collect::<Vec<u8>>(),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            (0..=0x4f).collect(),
            (0x60..=0xaf).collect(),
            (0xb0..=0xff).collect(),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            vec![0x0b; 22],
            Vec::new(),
            Vec::new(),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ];
    for (secret, salt, info, expected) in cases {
        let expected = hex(expected);
        let mut out = vec![0; expected.len()];
        hkdf_sha256(&secret, &salt, &info, &mut out).expect("it is short");
        assert_eq!(out, expected);
    }
}

#[test]
fn rfc_4231_hmac() {
    let cases = [
        (
            "0b".repeat(20),
            "4869205468657265".to_owned(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            "4a656665".to_owned(),
            "7768617420646f2079612077616e7420666f72206e6f7468696e673f".to_owned(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        (
            "aa".repeat(20),
            "dd".repeat(50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            "0102030405060708090a0b0c0d0e0f10111213141516171819".to_owned(),
            "cd".repeat(50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
        // A key longer than a block is hashed first.
        (
            "aa".repeat(131),
            "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374".to_owned(),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ];
    for (key, message, expected) in cases {
        let tag = hmac_sha256(&hmac_key(&hex(&key)), &[&hex(&message)]);
        assert_eq!(tag.as_slice(), hex(expected));
    }
}

#[test]
fn gcm_specification_and_rfc_8439() {
    // Test cases 2 and 14 of the GCM specification: one block of zeros under a key of zeros.
    let cases = [
        (
            16,
            "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf",
        ),
        (
            32,
            "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
        ),
    ];
    for (length, expected) in cases {
        let mut bytes = [0; 16];
        let aead = Aead::gcm(&vec![0; length]).expect("it is a length of AES");
        let tag = aead.seal(&[0; 12], &[], &mut bytes).expect("it encrypts");
        assert_eq!([bytes, tag].concat(), hex(expected));
    }
    // RFC 8439, 2.8.2: its tag.
    let key: [u8; 32] = std::array::from_fn(|index| 0x80 + u8::try_from(index).expect("below 32"));
    let mut bytes = *b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    let nonce = hex("070000004041424344454647");
    let tag = Aead::chacha20_poly1305(&key)
        .and_then(|aead| aead.seal(&nonce, &hex("50515253c0c1c2c3c4c5c6c7"), &mut bytes))
        .expect("it encrypts");
    assert_eq!(tag.as_slice(), hex("1ae10b594f09e26a7e902ecbd0600691"));
}

#[test]
fn nist_gcm() {
    let mut counts = [0; 2];
    for vector in include_str!("gcm.rsp").split("\n\n").skip(1) {
        let field = |name: &str| {
            let lines = vector.lines().filter_map(|line| line.split_once(" ="));
            let value = lines
                .filter(|(found, _)| *found == name)
                .map(|(_, value)| value);
            value.map(str::trim).map(hex).next()
        };
        let always = |name| field(name).unwrap_or_else(|| panic!("no {name} in {vector}"));
        let aead = Aead::gcm(&always("Key")).expect("it is a length of AES");
        let (nonce, data, tag) = (always("IV"), always("AAD"), always("Tag"));
        let mut bytes = always("CT");
        let opened = aead.open(&nonce, &data, &mut bytes, &tag);
        let Some(plain) = field("PT") else {
            assert!(matches!(opened, Err(CryptError::Refused)), "{vector}");
            counts[1] += 1;
            continue;
        };
        opened.expect("the tag is right");
        assert_eq!(bytes, plain, "{vector}");
        let again = aead.seal(&nonce, &data, &mut bytes).expect("it encrypts");
        assert_eq!((bytes, again.to_vec()), (always("CT"), tag), "{vector}");
        counts[0] += 1;
    }
    assert_eq!(counts, [24, 6]);
}

#[test]
fn rfc_5649_key_wrap_with_padding() {
    // The RFC's own examples are of AES-192, which is not taken; what is wrapped is unwrapped at every length.
    let key = hex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
    assert!(matches!(
        kwp_wrap(&key, &[1; 20]),
        Err(CryptError::Unsupported(Unsupported::KeyBytes(24)))
    ));
    for length in 1..80 {
        let plain = vec![7; length];
        let wrapped = kwp_wrap(&[3; 32], &plain).expect("it wraps");
        assert_eq!(wrapped.len(), length.next_multiple_of(8) + 8);
        assert_eq!(*kwp_unwrap(&[3; 32], &wrapped).expect("it unwraps"), plain);
    }
}

#[test]
fn wycheproof_aes_gcm() {
    run("aes_gcm_test.json", |_, test| {
        let mut bytes = field(test, "ct");
        Aead::gcm(&field(test, "key"))?.open(
            &field(test, "iv"),
            &field(test, "aad"),
            &mut bytes,
            &field(test, "tag"),
        )?;
        assert_eq!(bytes, field(test, "msg"));
        let tag = Aead::gcm(&field(test, "key"))?.seal(
            &field(test, "iv"),
            &field(test, "aad"),
            &mut bytes,
        )?;
        assert_eq!(
            (bytes, tag.to_vec()),
            (field(test, "ct"), field(test, "tag"))
        );
        Ok(())
    });
}

#[test]
fn wycheproof_aes_kwp() {
    run("aes_kwp_test.json", |_, test| {
        let key = field(test, "key");
        let plain = kwp_unwrap(&key, &field(test, "ct"))?;
        assert_eq!(*plain, field(test, "msg"));
        assert_eq!(kwp_wrap(&key, &plain)?, field(test, "ct"));
        Ok(())
    });
}

#[test]
fn wycheproof_hkdf() {
    run("hkdf_sha256_test.json", |_, test| {
        let size = test["size"].as_u64().expect("it has a size");
        let mut out = vec![0; usize::try_from(size).expect("it is small")];
        hkdf_sha256(
            &field(test, "ikm"),
            &field(test, "salt"),
            &field(test, "info"),
            &mut out,
        )?;
        assert_eq!(out, field(test, "okm"));
        Ok(())
    });
}

#[test]
fn wycheproof_hmac() {
    run("hmac_sha256_test.json", |_, test| {
        let key = hmac_key(&field(test, "key"));
        check_mac(
            &hmac_sha256(&key, &[&field(test, "msg")]),
            &field(test, "tag"),
        )
    });
}

#[test]
fn wycheproof_rsa_oaep() {
    for file in [
        "rsa_oaep_3072_sha256_mgf1sha256_test.json",
        "rsa_oaep_4096_sha256_mgf1sha256_test.json",
        "rsa_oaep_misc_test.json",
    ] {
        run(file, |group, test| {
            let other = |name: &str| group[name].as_str().is_some_and(|hash| hash != "SHA-256");
            // The formats have no field for a hash: another one is unsupported before there is a byte to read.
            if other("sha") || other("mgfSha") {
                return Err(CryptError::Refused);
            }
            let pkcs8 = field(group, "privateKeyPkcs8");
            let key = super::super::PrivateKey::from_parts(&pkcs8, None).map_err(|_| TOO_SHORT)?;
            let plain = oaep_decrypt(key.rsa(), &field(test, "label"), &field(test, "ct"))?;
            assert_eq!(*plain, field(test, "msg"));
            Ok(())
        });
    }
}

#[test]
fn wycheproof_mlkem_768() {
    run("mlkem_768_test.json", |_, test| {
        let seed = field(test, "seed");
        let seed = seed
            .as_slice()
            .try_into()
            .map_err(|_| Unsupported::KeyBytes(seed.len()))?;
        let key = Seeded::<MlKem768>::from_seed(seed);
        #[expect(deprecated, reason = "aws-lc-rs takes keys in no other form")]
        let expanded = ml_kem::ExpandedKeyEncoding::to_expanded_bytes(&key);
        let secret = mlkem_decapsulate(&expanded, &field(test, "c"))?;
        assert_eq!(*secret, field(test, "K"));
        Ok(())
    });
}

/// Runs a file of vectors. A valid one must succeed or be unsupported, an invalid one must fail.
fn run(name: &str, check: impl Fn(&Value, &Value) -> Result<(), CryptError>) {
    let Some(corpus) = std::env::var_os("CIVITAI_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: no corpus");
        return;
    };
    let text = fs_err::read(corpus.join("vectors/wycheproof").join(name)).expect("it is there");
    let file: Value = serde_json::from_slice(&text).expect("it is JSON");
    let mut counts = BTreeMap::<String, usize>::new();
    let mut total = 0;
    for group in list(&file, "testGroups") {
        for test in list(group, "tests") {
            total += 1;
            let outcome = check(group, test);
            let (id, result) = (&test["tcId"], test["result"].as_str());
            let is_unsupported = |error: &CryptError| {
                matches!(error, CryptError::Unsupported(_)) || is_other_hash(group)
            };
            let word = match &outcome {
                Ok(()) => "as expected: accepted".to_owned(),
                Err(error) if is_unsupported(error) => reason(group, error),
                Err(_) => "as expected: refused".to_owned(),
            };
            match (&outcome, result) {
                (Ok(()), Some("valid" | "acceptable"))
                | (Err(_), Some("invalid" | "acceptable")) => {}
                (Err(error), Some("valid")) if is_unsupported(error) => {}
                _ => panic!("{name} {id}: {outcome:?} but {}", test["result"]),
            }
            *counts.entry(word).or_default() += 1;
        }
    }
    assert_eq!(total, counts.values().sum::<usize>());
    eprintln!("{name}: {total} vectors, {counts:?}");
}

fn reason(group: &Value, error: &CryptError) -> String {
    if is_other_hash(group) {
        format!(
            "unsupported: {} with MGF1 of {}",
            group["sha"], group["mgfSha"]
        )
    } else {
        format!("unsupported: {error}")
    }
}

fn is_other_hash(group: &Value) -> bool {
    ["sha", "mgfSha"]
        .iter()
        .any(|name| group[*name].as_str().is_some_and(|hash| hash != "SHA-256"))
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().expect("it is a list")
}

fn field(value: &Value, name: &str) -> Vec<u8> {
    hex(value[name].as_str().unwrap_or_default())
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("it is hex");
    (0..text.len()).step_by(2).map(digit).collect()
}

const TOO_SHORT: CryptError = CryptError::Unsupported(Unsupported::KeyBytes(256));
