//! Whether the bytes are the ones that were promised.

use std::fmt;

use crate::digest::{Digest, DigestSet, Digests};

/// What is promised about a file. Absent means nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Expected {
    /// Its length. Advisory: where a digest proves the bytes, another length is only a [`Warning`].
    pub bytes: Option<u64>,
    /// SHA-256.
    pub sha256: Option<Digest<32>>,
    /// BLAKE3.
    pub blake3: Option<Digest<32>>,
    /// CRC-32, in either byte order.
    pub crc32: Option<Digest<4>>,
}

impl Expected {
    /// Sets the length.
    #[must_use]
    pub fn with_bytes(self, bytes: Option<u64>) -> Self {
        Self { bytes, ..self }
    }

    /// Sets the SHA-256.
    #[must_use]
    pub fn with_sha256(self, sha256: Option<Digest<32>>) -> Self {
        Self { sha256, ..self }
    }

    /// Sets the BLAKE3.
    #[must_use]
    pub fn with_blake3(self, blake3: Option<Digest<32>>) -> Self {
        Self { blake3, ..self }
    }

    /// Sets the CRC-32.
    #[must_use]
    pub fn with_crc32(self, crc32: Option<Digest<4>>) -> Self {
        Self { crc32, ..self }
    }

    /// The strongest digest that is promised, which is the one that decides.
    pub fn proof(&self) -> Verified {
        if self.sha256.is_some() {
            Verified::Sha256
        } else if self.blake3.is_some() {
            Verified::Blake3
        } else if self.crc32.is_some() {
            Verified::Crc32
        } else {
            Verified::None
        }
    }

    /// The digests needed to check the promises.
    pub(crate) fn digests(&self) -> DigestSet {
        match self.proof() {
            Verified::Sha256 => DigestSet::SHA256,
            Verified::Blake3 => DigestSet::BLAKE3,
            Verified::Crc32 => DigestSet::CRC32,
            Verified::None => DigestSet::NONE,
        }
    }

    /// Compares. The strongest promise decides; the weaker ones that do not hold are warnings.
    pub(crate) fn check(&self, got: &Digests) -> Result<Vec<Warning>, Mismatch> {
        let crc32 = self.crc32.zip(got.crc32);
        let checks = [
            check("SHA256", self.sha256.zip(got.sha256)),
            check("BLAKE3", self.blake3.zip(got.blake3)),
            // The scanner's print order is low byte first, other tools print the number.
            check(
                "CRC32",
                crc32.filter(|(promised, got)| promised.reversed() != *got),
            ),
        ];
        let decider = match self.proof() {
            Verified::Sha256 => 0,
            Verified::Blake3 => 1,
            Verified::Crc32 => 2,
            Verified::None => checks.len(),
        };
        let mut warnings = Vec::new();
        for (index, mismatch) in checks.into_iter().enumerate() {
            match mismatch {
                Some(mismatch) if index == decider => return Err(mismatch),
                Some(mismatch) => warnings.push(Warning::Digest(mismatch)),
                None => {}
            }
        }
        warnings.extend(
            self.bytes
                .filter(|promised| *promised != got.bytes)
                .map(|promised| Warning::Size {
                    promised,
                    got: got.bytes,
                }),
        );
        Ok(warnings)
    }
}

fn check<const N: usize>(
    algorithm: &'static str,
    pair: Option<(Digest<N>, Digest<N>)>,
) -> Option<Mismatch> {
    pair.filter(|(promised, got)| promised != got)
        .map(|(promised, got)| Mismatch {
            algorithm,
            expected: promised.to_string(),
            got: got.to_string(),
        })
}

/// A digest that is not the promised one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// Its name in Civitai's answers.
    pub algorithm: &'static str,
    /// The promise, lower-case hex.
    pub expected: String,
    /// What the bytes give, lower-case hex.
    pub got: String,
}

/// Which promise the bytes were proved by. [`Display`](fmt::Display) gives the word of the JSON lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verified {
    /// SHA-256.
    Sha256,
    /// BLAKE3.
    Blake3,
    /// CRC-32, which proves the absence of accidents, not of malice.
    Crc32,
    /// Nothing was promised, and the caller accepted that.
    None,
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "sha256",
            Self::Blake3 => "blake3",
            Self::Crc32 => "crc32",
            Self::None => "none",
        })
    }
}

/// Something that does not fit, about a file that a stronger promise proves.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A weaker digest differs.
    Digest(Mismatch),
    /// The length differs.
    Size {
        /// The promise.
        promised: u64,
        /// The length of the verified file.
        got: u64,
    },
    /// A server sent more bytes than it had said it would. They were dropped.
    Surplus,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(Mismatch {
                algorithm,
                expected,
                got,
            }) => {
                write!(f, "{algorithm} is {got} where {expected} was promised")
            }
            Self::Size { promised, got } => {
                write!(f, "the file has {got} bytes where {promised} were promised")
            }
            Self::Surplus => f.write_str("the server sent more bytes than it had announced"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Hasher;

    fn hello() -> Digests {
        let mut hasher = Hasher::new(DigestSet::ALL);
        hasher.update(b"hello world");
        hasher.finish()
    }

    #[test]
    fn the_strongest_promise_decides() {
        let got = hello();
        let wrong = Digest::new([7; 32]);
        let expected = Expected::default()
            .with_sha256(got.sha256)
            .with_blake3(Some(wrong))
            .with_bytes(Some(12));
        let warnings = expected.check(&got).expect("SHA-256 holds");
        assert!(
            matches!(
                warnings[..],
                [
                    Warning::Digest(_),
                    Warning::Size {
                        promised: 12,
                        got: 11
                    }
                ]
            ),
            "{warnings:?}"
        );
        let expected = Expected::default()
            .with_sha256(Some(wrong))
            .with_blake3(got.blake3);
        assert_eq!(
            expected
                .check(&got)
                .expect_err("SHA-256 does not hold")
                .algorithm,
            "SHA256"
        );
    }

    #[test]
    fn crc32_holds_in_either_byte_order() {
        let got = hello();
        for promised in ["85114A0D", "0d4a1185"] {
            let expected = Expected::default().with_crc32(promised.parse().ok());
            assert_eq!(expected.check(&got), Ok(Vec::new()), "{promised}");
        }
        let expected = Expected::default().with_crc32("11111111".parse().ok());
        assert!(expected.check(&got).is_err());
    }
}
