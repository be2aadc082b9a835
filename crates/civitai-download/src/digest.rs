//! The digests Civitai publishes of a file, all from one pass over its bytes.
//!
//! | name | what is hashed | absent |
//! |---|---|---|
//! | SHA256 | the file | never |
//! | AutoV2 | the file; the first 10 hex of SHA256 | never |
//! | BLAKE3 | the file | never |
//! | CRC32 | the file; IEEE polynomial, printed low byte first | never |
//! | AutoV1 | 64 KiB from offset 1 MiB, SHA-256, first 8 hex | in files under 2 MiB |
//! | AutoV3 | what follows the safetensors header, SHA-256, first 12 hex | in files under 8 bytes |
//!
//! AutoV3 is computed for every file, as Civitai does: the first 8 bytes are a little-endian length, and that many
//! bytes are passed over when it is less than 16 MiB. For anything but safetensors the value says little. A file that
//! ends with its header has the AutoV3 of nothing (`e3b0c44298fc`), which must never be used to look a model up.

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;
use std::sync::Arc;

use crate::tree::Tree;

mod files;
mod hasher;
mod lanes;
mod sha256;

pub use files::{hash_file, hash_files};
pub use hasher::Hasher;

/// A digest of `N` bytes. [`Display`](fmt::Display) and [`FromStr`] use hex: lower case out, either case in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest<const N: usize>([u8; N]);

impl<const N: usize> Digest<N> {
    /// Wraps the bytes of a digest.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(bytes)
    }

    /// The bytes, first printed first.
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.0
    }

    /// Upper-case hex, the form in Civitai's answers.
    pub fn to_upper_hex(&self) -> String {
        self.to_string().to_ascii_uppercase()
    }

    /// The same bytes in the opposite order: CRC32 values are found in the wild in both.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        self.0.reverse();
        self
    }

    fn prefix<const M: usize>(&self) -> Digest<M> {
        let mut bytes = [0; M];
        bytes.copy_from_slice(&self.0[..M]);
        Digest(bytes)
    }
}

impl<const N: usize> fmt::Display for Digest<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Digest<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> FromStr for Digest<N> {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseDigestError {
            expected_digits: N * 2,
            found_characters: text.chars().count(),
        };
        let digits = text.as_bytes();
        if digits.len() != N * 2 {
            return Err(refuse());
        }
        let mut bytes = [0; N];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = hex_value(pair[0]).ok_or_else(refuse)?;
            let low = hex_value(pair[1]).ok_or_else(refuse)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

/// Text that is not the hex of a digest of the wanted length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not {expected_digits} hexadecimal digits (found {found_characters} characters)")]
pub struct ParseDigestError {
    expected_digits: usize,
    found_characters: usize,
}

/// Which digests to compute. Each costs CPU time: with SHA instructions SHA-256 and AutoV3 about 0.6 s/GB each alone and
/// 0.7 s/GB together, the others far less.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct DigestSet(u8);

impl DigestSet {
    /// No digest: only the bytes are counted.
    pub const NONE: Self = Self(0);
    /// SHA-256, and with it AutoV2.
    pub const SHA256: Self = Self(1);
    /// BLAKE3.
    pub const BLAKE3: Self = Self(1 << 1);
    /// CRC-32.
    pub const CRC32: Self = Self(1 << 2);
    /// AutoV1.
    pub const AUTO_V1: Self = Self(1 << 3);
    /// AutoV3.
    pub const AUTO_V3: Self = Self(1 << 4);
    /// Everything Civitai publishes.
    pub const ALL: Self = Self((1 << 5) - 1);
    /// BLAKE3, and its hash tree with it: up to 16 MiB of memory for a big file.
    pub const TREE: Self = Self(1 << 5 | Self::BLAKE3.0);

    /// True when every digest of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for DigestSet {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for DigestSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [
            (Self::SHA256, "SHA256"),
            (Self::BLAKE3, "BLAKE3"),
            (Self::CRC32, "CRC32"),
            (Self::AUTO_V1, "AutoV1"),
            (Self::AUTO_V3, "AutoV3"),
            (Self::TREE, "tree"),
        ];
        f.debug_set()
            .entries(
                names
                    .iter()
                    .filter(|(one, _)| self.contains(*one))
                    .map(|(_, name)| name),
            )
            .finish()
    }
}

/// What [`Hasher`] found. A digest is absent when it was not asked for or the file is too short to have it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Digests {
    /// Length of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: Option<Digest<32>>,
    /// BLAKE3 of the file.
    pub blake3: Option<Digest<32>>,
    /// CRC-32 of the file, low byte first as Civitai prints it.
    pub crc32: Option<Digest<4>>,
    /// AutoV1; absent in files under 2 MiB.
    pub auto_v1: Option<Digest<4>>,
    /// AutoV3 in full; absent in files under 8 bytes. Civitai stores the first 12 hex of it.
    pub auto_v3: Option<Digest<32>>,
    /// The hash tree whose root is the BLAKE3.
    pub tree: Option<Arc<Tree>>,
}

impl Digests {
    /// AutoV2: the first 10 hex of SHA-256.
    pub fn auto_v2(&self) -> Option<Digest<5>> {
        self.sha256.map(|digest| digest.prefix())
    }

    /// AutoV3 as Civitai stores it: the first 12 hex.
    pub fn auto_v3_short(&self) -> Option<Digest<6>> {
        self.auto_v3.map(|digest| digest.prefix())
    }
}

const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;

    fn sha256(bytes: &[u8]) -> Digest<32> {
        Digest(Sha256::digest(bytes).into())
    }

    /// The table at the top of the file, read literally from the whole file in memory.
    fn reference(file: &[u8]) -> Digests {
        let tensors = file.get(..8).map(|length| {
            let header = u64::from_le_bytes(length.try_into().expect("the slice has 8 bytes"));
            let start = if header < 16 << 20 { 8 + header } else { 8 };
            file.get(usize::try_from(start).expect("below 16 MiB")..)
                .unwrap_or_default()
        });
        Digests {
            bytes: file.len() as u64,
            sha256: Some(sha256(file)),
            blake3: Some(Digest(*blake3::hash(file).as_bytes())),
            crc32: Some(Digest(crc32fast::hash(file).to_le_bytes())),
            auto_v1: (file.len() >= 2_097_152)
                .then(|| sha256(&file[1_048_576..1_114_112]).prefix()),
            auto_v3: tensors.map(sha256),
            tree: None,
        }
    }

    fn hash_in_pieces(file: &[u8], set: DigestSet, cuts: &[usize]) -> Digests {
        let mut hasher = Hasher::new(set);
        let mut rest = file;
        for cut in cuts {
            let (piece, tail) = rest.split_at((*cut).min(rest.len()));
            hasher.update(piece);
            rest = tail;
        }
        hasher.update(rest);
        hasher.finish()
    }

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

    #[test]
    fn known_values_print_in_civitais_form() {
        let digests = hash_in_pieces(b"hello world", DigestSet::ALL, &[]);
        let upper = |digest: Option<Digest<32>>| digest.map(|digest| digest.to_upper_hex());
        assert_eq!(
            upper(digests.sha256).as_deref(),
            Some("B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9")
        );
        assert_eq!(
            upper(digests.blake3).as_deref(),
            Some("D74981EFA70A0C880B8D8C1985D075DBCBF679B99A5F9914E5AAF96B831A9E24")
        );
        assert_eq!(
            digests
                .auto_v2()
                .map(|digest| digest.to_upper_hex())
                .as_deref(),
            Some("B94D27B993")
        );
        assert_eq!(
            digests.crc32.map(|digest| digest.to_upper_hex()).as_deref(),
            Some("85114A0D")
        );
        assert_eq!(
            digests
                .crc32
                .map(|digest| digest.reversed().to_string())
                .as_deref(),
            Some("0d4a1185")
        );
        assert_eq!(digests.auto_v1, None);
        // "hello wo" read as a length is far over 16 MiB, so only the length itself is passed over.
        assert_eq!(digests.auto_v3, Some(sha256(b"rld")));
    }

    #[test]
    fn auto_v1_begins_at_two_mebibytes() {
        let file = noise(2 << 20, 7);
        assert_eq!(
            hash_in_pieces(&file[1..], DigestSet::ALL, &[]).auto_v1,
            None
        );
        let digests = hash_in_pieces(&file, DigestSet::ALL, &[]);
        assert_eq!(digests, reference(&file));
        assert!(digests.auto_v1.is_some());
    }

    #[test]
    fn only_what_was_asked_for_is_computed() {
        let digests = hash_in_pieces(
            &noise(3 << 20, 1),
            DigestSet::BLAKE3 | DigestSet::AUTO_V1,
            &[],
        );
        assert!(digests.blake3.is_some() && digests.auto_v1.is_some());
        assert_eq!(
            (digests.sha256, digests.crc32, digests.auto_v3),
            (None, None, None)
        );
        assert_eq!(digests.bytes, 3 << 20);
    }

    #[test]
    fn hex_is_read_in_either_case_and_refused_otherwise() {
        assert_eq!("0aFf".parse(), Ok(Digest([0x0a, 0xff])));
        for bad in ["", "0aF", "0aFf0", "0a g", "0aéa", "0x0a"] {
            assert!(bad.parse::<Digest<2>>().is_err(), "{bad:?} was read");
        }
    }

    #[test]
    fn a_file_is_hashed_as_its_bytes_are() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("file");
        let file = noise((2 << 20) + 12_345, 3);
        fs_err::write(&path, &file).expect("the file is written");
        assert_eq!(
            hash_file(&path, DigestSet::ALL).expect("the file is read"),
            reference(&file)
        );
        let missing =
            hash_file(&dir.path().join("nothing"), DigestSet::ALL).expect_err("nothing is there");
        assert!(missing.to_string().contains("nothing"), "{missing}");
    }

    proptest! {
        #[test]
        fn cuts_do_not_change_the_digests(
            header in prop_oneof![0_u64..64, Just(16 << 20), Just((16 << 20) - 1), any::<u64>()],
            len in 0_usize..4096,
            cuts in proptest::collection::vec(0_usize..600, 0..12),
            seed in any::<u64>(),
        ) {
            let mut file = header.to_le_bytes().to_vec();
            file.extend(noise(len, seed));
            file.truncate(len);
            prop_assert_eq!(hash_in_pieces(&file, DigestSet::ALL, &cuts), reference(&file));
        }
    }

    proptest! {
        // Each case hashes two megabytes twice.
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn cuts_around_the_auto_v1_window_do_not_matter(
            len in (2_usize << 20) - 2..(2 << 20) + 2,
            cut in (1_usize << 20) - 3..(1 << 20) + 3,
            window in 65_530_usize..65_542,
        ) {
            let file = noise(len, 11);
            prop_assert_eq!(hash_in_pieces(&file, DigestSet::ALL, &[cut, window]), reference(&file));
        }
    }
}
