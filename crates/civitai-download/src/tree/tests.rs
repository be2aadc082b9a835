use std::ops::{ControlFlow, Range};

use proptest::prelude::*;

use super::*;

/// Bytes without a pattern that a wrong offset could hide in.
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    (0..len)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        })
        .collect()
}

fn grow(bytes: &[u8]) -> (Tree, Vec<u8>) {
    let mut growing = Growing::default();
    for piece in bytes.chunks(40_009) {
        growing.update(piece);
    }
    let tree = growing.finish();
    let mut outboard = Vec::new();
    tree.write_to(&mut outboard).expect("memory takes it");
    (tree, outboard)
}

fn look(bytes: &[u8], outboard: &[u8], tree: &Tree) -> Survey {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("file");
    fs_err::write(&path, bytes).expect("the file is written");
    let file = fs_err::File::open(&path).expect("the file is there");
    survey(&file, outboard, (tree.root(), tree.bytes()), &|_| {
        ControlFlow::Continue(())
    })
    .expect("both can be read")
}

fn only(survey: &Survey) -> Range<u64> {
    let [range] = &survey.ranges()[..] else {
        panic!("one range was damaged: {survey:?}");
    };
    range.clone()
}

fn group_of(offset: usize, len: usize) -> Range<u64> {
    let start = offset as u64 / MIN_GROUP * MIN_GROUP;
    start..(start + MIN_GROUP).min(len as u64)
}

#[test]
fn the_root_is_the_blake3_of_the_file() {
    for len in [
        0,
        1,
        1024,
        16_384,
        16_385,
        32_768,
        100_000,
        16_384 * 1025 + 1,
    ] {
        let bytes = noise(len, 5);
        let (tree, outboard) = grow(&bytes);
        assert_eq!(
            tree.root().as_bytes(),
            blake3::hash(&bytes).as_bytes(),
            "{len} bytes"
        );
        let nodes = node_count(len as u64, MIN_GROUP);
        assert_eq!(outboard.len() as u64, 8 + 64 * nodes, "{len} bytes");
        let survey = look(&bytes, &outboard, &tree);
        assert!(
            survey.is_whole() && survey.is_tree_whole,
            "{len} bytes: {survey:?}"
        );
    }
}

#[test]
fn a_tree_takes_less_than_half_a_percent() {
    for bytes in [1 << 20, 6 << 30, 8 << 30, (8 << 30) + 1, 3 << 40_u64] {
        let len = group_len(bytes);
        assert!(bytes.div_ceil(len) <= MAX_GROUPS as u64);
        assert!(
            node_count(bytes, len) * 64 + 8 <= bytes / 200,
            "{bytes} bytes"
        );
    }
    assert_eq!(group_len(6 << 30), MIN_GROUP);
}

#[test]
fn groups_double_when_they_become_too_many() {
    let group = vec![0; usize::try_from(MIN_GROUP).expect("16 KiB")];
    let mut growing = Growing::default();
    let mut whole = blake3::Hasher::new();
    // The values of groups that are not there: only their number matters for when they are joined.
    let bytes = (MAX_GROUPS as u64 + 3) * MIN_GROUP + 5;
    let mut left = bytes;
    while left > 0 {
        let len = usize::try_from(left.min(MIN_GROUP)).expect("a group");
        growing.update(&group[..len]);
        whole.update(&group[..len]);
        left -= len as u64;
    }
    let tree = growing.finish();
    assert_eq!(tree.root().as_bytes(), whole.finalize().as_bytes());
    assert_eq!(tree.groups.len() as u64, bytes.div_ceil(group_len(bytes)));
}

#[test]
fn what_is_missing_or_too_much_is_a_range() {
    let bytes = noise(100_000, 3);
    let (tree, outboard) = grow(&bytes);
    let short = look(&bytes[..50_000], &outboard, &tree);
    assert_eq!(only(&short), 49_152..100_000);
    let long = [&bytes[..], b"more"].concat();
    let long = look(&long, &outboard, &tree);
    assert_eq!(only(&long), 100_000..100_004);
    assert!(!long.is_whole() && long.damaged.is_empty());
}

#[test]
fn a_tree_of_another_length_is_refused() {
    let (tree, mut outboard) = grow(&noise(100_000, 3));
    outboard[0] ^= 1;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = fs_err::File::create(dir.path().join("file")).expect("created");
    let error = survey(&file, &outboard[..], (tree.root(), tree.bytes()), &|_| {
        ControlFlow::Continue(())
    })
    .expect_err("the header contradicts");
    assert!(
        matches!(
            error,
            SurveyError::OtherLength {
                expected: 100_000,
                ..
            }
        ),
        "{error}"
    );
}

proptest! {
    #[test]
    fn every_flipped_byte_is_found_and_proved_mended(
        len in 1_usize..700_000,
        seed in any::<u64>(),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let bytes = noise(len, seed);
        let (tree, outboard) = grow(&bytes);
        let mut damaged = bytes.clone();
        let mut groups: Vec<_> = places.iter().map(|place| {
            let offset = place.index(len);
            damaged[offset] = !bytes[offset];
            group_of(offset, len)
        }).collect();
        groups.sort_by_key(|range| range.start);
        groups.dedup();
        let survey = look(&damaged, &outboard, &tree);
        let found: Vec<_> = survey.damaged.iter().map(|piece| piece.range.clone()).collect();
        prop_assert_eq!(&found, &groups);
        for piece in &survey.damaged {
            let range = usize::try_from(piece.range.start)?..usize::try_from(piece.range.end)?;
            prop_assert!(piece.proves(&bytes[range.clone()]));
            prop_assert!(!piece.proves(&damaged[range]));
        }
    }

    #[test]
    fn a_damaged_tree_is_noticed_and_accuses_no_whole_file(
        len in 20_000_usize..700_000,
        place in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let bytes = noise(len, 1);
        let (tree, mut outboard) = grow(&bytes);
        let place = 8 + place.index(outboard.len() - 8);
        if is_cut {
            outboard.truncate(place);
        } else {
            outboard[place] ^= 0x10;
        }
        let survey = look(&bytes, &outboard, &tree);
        prop_assert!(survey.is_whole());
        prop_assert!(!survey.is_tree_whole);
    }
}
