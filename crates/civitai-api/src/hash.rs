//! Digests as names: which kind a string of hexadecimal digits can be, and when two of them mean the same file.

use std::fmt;
use std::str::FromStr;

use crate::file::File;
use crate::version::Version;

/// A kind of digest that Civitai keeps of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HashKind {
    /// SHA-256 of the whole file.
    Sha256,
    /// BLAKE3 of the whole file.
    Blake3,
    /// SHA-256 of what follows the safetensors header; usually cut to 12 digits.
    AutoV3,
    /// The first 10 digits of the SHA-256.
    AutoV2,
    /// CRC-32 of the whole file.
    Crc32,
    /// SHA-256 of a 64 KiB sample, cut to 8 digits.
    AutoV1,
}

impl HashKind {
    /// Every kind, the most telling first.
    pub const ALL: [Self; 6] = [
        Self::Sha256,
        Self::Blake3,
        Self::AutoV3,
        Self::AutoV2,
        Self::Crc32,
        Self::AutoV1,
    ];

    /// Returns the key under which Civitai lists it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA256",
            Self::Blake3 => "BLAKE3",
            Self::AutoV3 => "AutoV3",
            Self::AutoV2 => "AutoV2",
            Self::Crc32 => "CRC32",
            Self::AutoV1 => "AutoV1",
        }
    }

    /// Says whether a match may be accepted without asking.
    ///
    /// AutoV1 sees 64 KiB of the file and is shared by merges; a CRC-32 is too short to identify anything.
    pub fn is_conclusive(self) -> bool {
        !matches!(self, Self::AutoV1 | Self::Crc32)
    }

    /// Says whether two spellings of a digest of this kind can belong to the same file.
    ///
    /// Case never counts. CRC-32 is compared in both byte orders, AutoV3 up to the shorter length of at least 12 digits.
    pub fn is_same(self, ours: &str, theirs: &str) -> bool {
        if !is_hex(ours) || !is_hex(theirs) {
            return false;
        }
        match self {
            Self::Sha256 | Self::Blake3 => ours.len() == 64 && ours.eq_ignore_ascii_case(theirs),
            Self::AutoV3 => {
                let length = ours.len().min(theirs.len());
                (12..=64).contains(&length)
                    && !is_of_nothing(ours)
                    && ours[..length].eq_ignore_ascii_case(&theirs[..length])
            }
            Self::AutoV2 => ours.len() == 10 && ours.eq_ignore_ascii_case(theirs),
            Self::AutoV1 => ours.len() == 8 && ours.eq_ignore_ascii_case(theirs),
            Self::Crc32 => {
                ours.len() == 8
                    && (ours.eq_ignore_ascii_case(theirs)
                        || bytes_reversed(ours).eq_ignore_ascii_case(theirs))
            }
        }
    }
}

impl fmt::Display for HashKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is no digest by which a file can be looked up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHash {
    /// It holds something else than hexadecimal digits.
    #[error("{given:?} is not hexadecimal")]
    NotHex {
        /// What was given, shortened.
        given: String,
    },
    /// No kind of digest has this length.
    #[error("a hash has 8, 10, 12 or 64 digits, not {digits}")]
    Length {
        /// The number of digits given.
        digits: usize,
    },
    /// It is the digest of nothing, which broken tools write into files and which therefore leads to an unrelated model.
    #[error("this is the hash of an empty file and identifies nothing")]
    OfNothing,
}

/// A digest by which files can be looked up: 8, 10, 12 or 64 hexadecimal digits, in upper case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HashKey {
    digits: Box<str>,
    was_prefixed: bool,
}

impl HashKey {
    /// Reads a digest from a picture's generation data, which may write `0x` in front.
    ///
    /// With the prefix a name cut to 12 characters has 10 digits left, which then are the start of an AutoV3.
    pub fn from_metadata(text: &str) -> Result<Self, InvalidHash> {
        let text = text.trim();
        let stripped = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let key: Self = stripped.unwrap_or(text).parse()?;
        Ok(Self {
            was_prefixed: stripped.is_some(),
            ..key
        })
    }

    /// Returns the digits in upper case.
    pub fn as_str(&self) -> &str {
        &self.digits
    }

    /// Returns the kinds it can be, judged by its length; the most likely first.
    pub fn kinds(&self) -> &'static [HashKind] {
        match self.digits.len() {
            8 => &[HashKind::AutoV1, HashKind::Crc32],
            10 if self.was_prefixed => &[HashKind::AutoV3],
            10 => &[HashKind::AutoV2],
            12 => &[HashKind::AutoV3],
            _ => &[HashKind::Sha256, HashKind::Blake3, HashKind::AutoV3],
        }
    }

    /// Says whether a match by it may be accepted without asking, whichever kind it is.
    pub fn is_conclusive(&self) -> bool {
        self.kinds().iter().all(|kind| kind.is_conclusive())
            && !(self.was_prefixed && self.digits.len() == 10)
    }

    /// Returns how it matches a file, or `None` if it does not. The site matches any file of a version, even hidden ones,
    /// so a version found by hash need not list the file that matched.
    pub fn matches(&self, file: &File) -> Option<HashKind> {
        self.kinds().iter().copied().find(|kind| {
            file.hash(*kind).is_some_and(|listed| {
                let is_cut = self.was_prefixed && self.digits.len() == 10 && is_hex(listed);
                let is_start = is_cut
                    && listed
                        .get(..10)
                        .is_some_and(|start| start.eq_ignore_ascii_case(&self.digits));
                is_start || kind.is_same(&self.digits, listed)
            })
        })
    }

    /// Returns the files of a version that it matches, with the kind of digest that did.
    pub fn files_of<'v>(&self, version: &'v Version) -> Vec<(&'v File, HashKind)> {
        version
            .files
            .iter()
            .filter_map(|file| Some((file, self.matches(file)?)))
            .collect()
    }
}

impl FromStr for HashKey {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        if !is_hex(text) {
            return Err(InvalidHash::NotHex {
                given: text.chars().take(80).collect(),
            });
        }
        if !matches!(text.len(), 8 | 10 | 12 | 64) {
            return Err(InvalidHash::Length { digits: text.len() });
        }
        if is_of_nothing(text) {
            return Err(InvalidHash::OfNothing);
        }
        Ok(Self {
            digits: text.to_ascii_uppercase().into(),
            was_prefixed: false,
        })
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.digits)
    }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Says whether these are at least the first ten digits of the SHA-256 of no bytes.
fn is_of_nothing(digits: &str) -> bool {
    const SHA256_OF_NOTHING: &str =
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855";
    digits.len() >= 10
        && SHA256_OF_NOTHING
            .get(..digits.len())
            .is_some_and(|nothing| nothing.eq_ignore_ascii_case(digits))
}

/// Returns eight hexadecimal digits with their four bytes in reverse order.
fn bytes_reversed(digits: &str) -> String {
    (0..digits.len() / 2)
        .rev()
        .map(|byte| &digits[2 * byte..2 * byte + 2])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA256: &str = "B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9";

    #[test]
    fn the_length_says_which_kinds_are_possible() {
        let kinds = |text: &str| text.parse::<HashKey>().map(|key| key.kinds().to_vec());
        assert_eq!(
            kinds("85114a0d"),
            Ok(vec![HashKind::AutoV1, HashKind::Crc32])
        );
        assert_eq!(kinds("b94d27b993"), Ok(vec![HashKind::AutoV2]));
        assert_eq!(kinds("b94d27b9934d"), Ok(vec![HashKind::AutoV3]));
        assert_eq!(
            kinds(SHA256),
            Ok(vec![HashKind::Sha256, HashKind::Blake3, HashKind::AutoV3])
        );
        assert_eq!(kinds("b94d27b99"), Err(InvalidHash::Length { digits: 9 }));
        assert_eq!(
            kinds("b94d27bg"),
            Err(InvalidHash::NotHex {
                given: "b94d27bg".into()
            })
        );
    }

    #[test]
    fn only_kinds_that_see_the_whole_file_are_conclusive() {
        assert!(!"85114A0D".parse::<HashKey>().expect("hex").is_conclusive());
        assert!(SHA256.parse::<HashKey>().expect("hex").is_conclusive());
        assert!(
            !HashKey::from_metadata("0x762fc19032")
                .expect("hex")
                .is_conclusive()
        );
    }

    #[test]
    fn crc32_is_compared_in_both_byte_orders() {
        assert!(HashKind::Crc32.is_same("0d4a1185", "85114A0D"));
        assert!(HashKind::Crc32.is_same("85114A0D", "85114A0D"));
        assert!(!HashKind::AutoV1.is_same("0d4a1185", "85114A0D"));
    }

    #[test]
    fn autov3_is_compared_up_to_the_stored_length() {
        assert!(HashKind::AutoV3.is_same(SHA256, &SHA256[..12]));
        assert!(!HashKind::AutoV3.is_same(SHA256, &SHA256[..11]));
        assert!(!HashKind::Sha256.is_same(SHA256, &SHA256[..12]));
    }

    #[test]
    fn the_digest_of_nothing_is_refused() {
        for text in [
            "e3b0c44298fc",
            "E3B0C44298",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert_eq!(
                text.parse::<HashKey>(),
                Err(InvalidHash::OfNothing),
                "{text}"
            );
        }
        assert!(!HashKind::AutoV3.is_same("E3B0C44298FC", "E3B0C44298FC"));
    }
}
