//! Bytes that are not those that were written: refused, and nothing handed out past the damage.

use std::io::Cursor;

use civitai_security::crypt::{CryptError, Level, Metadata, Share, peek};
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::{CHUNK, Holder, REGION, content, extract, holder};

#[test]
fn ten_thousand_bit_flips_are_refused_and_nothing_past_them_is_released() {
    let seed = [7; 32];
    eprintln!("seed {seed:?}");
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let keys = holder().keys();
    let plain = content(2 * CHUNK + 1000);
    for level in Level::ALL {
        let good = holder().seal(level, &plain, Metadata::default());
        for turn in 0..2500 {
            // Half of them anywhere, half where the header really is.
            let range = if turn % 2 == 0 { good.len() } else { 1200 };
            let at =
                usize::try_from(random.next_u64() % range as u64).expect("it is below the length");
            let bit = 1 << (random.next_u32() % 8);
            let mut bad = good.clone();
            bad[at] ^= bit;
            let (released, result) = extract(&bad, &keys);
            assert!(result.is_err(), "{level}: byte {at} bit {bit:#x}");
            assert!(
                plain.starts_with(&released),
                "{level}: byte {at} bit {bit:#x}"
            );
            // A trailer stands behind everything; what stands before a chunk is whole.
            let before = match at.checked_sub(REGION) {
                Some(_) if at >= good.len() - 32 => plain.len(),
                Some(within) => within / (CHUNK + 16) * CHUNK,
                None => 0,
            };
            assert!(released.len() <= before, "{level}: byte {at} bit {bit:#x}");
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let keys = holder().keys();
    let plain = content(100);
    for level in Level::ALL {
        let good = holder().seal(level, &plain, Metadata::default());
        // Behind the first header of level maximum stands the second, and each try costs an RSA operation.
        let is_tried = |length: &usize| {
            *length <= REGION + 200 || length.is_multiple_of(499) || length + 200 > good.len()
        };
        for length in (0..good.len()).filter(is_tried) {
            let (released, result) = extract(&good[..length], &keys);
            assert!(result.is_err(), "{level}: cut to {length}");
            assert!(
                released.is_empty() || length >= good.len() - 32,
                "{level}: cut to {length}"
            );
        }
    }
}

#[test]
fn chunks_have_their_place() {
    let keys = holder().keys();
    let plain = content(3 * CHUNK);
    for (level, tag) in [(Level::Basic, 16), (Level::Standard, 16), (Level::High, 32)] {
        let good = holder().seal(level, &plain, Metadata::default());
        let other = holder().seal(level, &plain, Metadata::default());
        let chunk = |container: &[u8], index: usize| {
            let start = REGION + index * (CHUNK + tag);
            container[start..start + CHUNK + tag].to_vec()
        };
        let (header, trailer) = (good[..REGION].to_vec(), good[good.len() - 32..].to_vec());
        let build =
            |chunks: &[Vec<u8>]| [header.clone(), chunks.concat(), trailer.clone()].concat();
        let [first, second, third] = [0, 1, 2].map(|index| chunk(&good, index));
        let strange = chunk(&other, 1);
        assert_eq!(build(&[first.clone(), second.clone(), third.clone()]), good);
        for (what, chunks) in [
            (
                "swapped",
                vec![second.clone(), first.clone(), third.clone()],
            ),
            ("without the first", vec![second.clone(), third.clone()]),
            ("without the last", vec![first.clone(), second.clone()]),
            ("without one", vec![first.clone(), third.clone()]),
            (
                "twice",
                vec![first.clone(), first.clone(), second.clone(), third.clone()],
            ),
            (
                "after the last",
                vec![first.clone(), second.clone(), third.clone(), third.clone()],
            ),
            (
                "of another file",
                vec![first.clone(), strange, third.clone()],
            ),
            (
                "with more behind",
                vec![first.clone(), second.clone(), third.clone(), vec![0; 40]],
            ),
            ("none", vec![]),
        ] {
            let (released, result) = extract(&build(&chunks), &keys);
            assert!(
                matches!(result, Err(CryptError::Refused)),
                "{level}: {what}: {result:?}"
            );
            assert!(plain.starts_with(&released), "{level}: {what}");
        }
        // Each chunk authentic and in its place, and yet not what was written as a whole.
        let mut cut = good.clone();
        let last = cut.len() - 1;
        cut[last] ^= 1;
        assert!(
            matches!(extract(&cut, &keys).1, Err(CryptError::Refused)),
            "{level}"
        );
    }
}

#[test]
fn a_header_belongs_to_its_content() {
    let keys = holder().keys();
    for level in Level::ALL {
        let [one, two] =
            [b"one", b"two"].map(|plain| holder().seal(level, plain, Metadata::default()));
        let mixed = [&one[..REGION], &two[REGION..]].concat();
        assert!(
            matches!(extract(&mixed, &keys).1, Err(CryptError::Refused)),
            "{level}"
        );
        let mut doubled = one.clone();
        doubled.copy_within(..REGION / 2, REGION / 2);
        assert!(
            matches!(extract(&doubled, &keys).1, Err(CryptError::Refused)),
            "{level}"
        );
        let mut other_place = vec![0; REGION / 2];
        other_place.extend(&one[..REGION / 2]);
        other_place.extend(&one[REGION..]);
        assert!(
            extract(&other_place, &keys).1.is_ok(),
            "{level}: either place will do"
        );
    }
}

#[test]
fn no_level_can_be_had_for_another() {
    let keys = holder().keys();
    for level in Level::ALL {
        let good = holder().seal(level, b"content", Metadata::default());
        for code in 0..=255 {
            for at in [4, 5] {
                let mut bad = good.clone();
                if bad[at] != code {
                    bad[at] = code;
                    assert!(
                        extract(&bad, &keys).1.is_err(),
                        "{level}: byte {at} is {code}"
                    );
                }
            }
            let mut bad = good.clone();
            if bad[4] != code {
                (bad[4], bad[5]) = (code, code);
                assert!(extract(&bad, &keys).1.is_err(), "{level} as {code}");
            }
        }
    }
}

#[test]
fn later_versions_and_other_files_are_named() {
    let keys = holder().keys();
    let mut later = holder().seal(Level::Basic, b"content", Metadata::default());
    later[3] = 2;
    assert!(matches!(
        extract(&later, &keys).1,
        Err(CryptError::FutureVersion { version: 2 })
    ));
    assert!(matches!(
        peek(&mut Cursor::new(&later)),
        Err(CryptError::FutureVersion { version: 2 })
    ));
    for strange in [
        Vec::new(),
        b"CK".to_vec(),
        vec![0; 100_000],
        content(100_000),
    ] {
        assert!(matches!(
            extract(&strange, &keys).1,
            Err(CryptError::NotContainer)
        ));
    }
}

#[test]
fn bytes_of_strangers_never_panic() {
    let seed = [3; 32];
    eprintln!("seed {seed:?}");
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let holder = Holder::new(Share::WithMlKem);
    let keys = holder.keys();
    for level in Level::ALL {
        let good = holder.seal(level, b"content", Metadata::default());
        for _ in 0..500 {
            let mut bad = good.clone();
            // Lengths are in the first few hundred bytes; each gets the values that break arithmetic.
            let at = usize::try_from(random.next_u64() % 700).expect("it is small");
            let value = [0_u8, 1, 0x7f, 0x80, 0xff][random.next_u32() as usize % 5];
            let run = 1 + random.next_u32() as usize % 4;
            let is_changed = bad[at..at + run].iter().any(|byte| *byte != value);
            bad[at..at + run].fill(value);
            if is_changed {
                assert!(
                    extract(&bad, &keys).1.is_err(),
                    "{level}: {run} bytes at {at}"
                );
            }
            // Whatever it says, it says it.
            let _ = peek(&mut Cursor::new(&bad));
        }
    }
}
