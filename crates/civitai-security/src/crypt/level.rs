//! The four levels of protection.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::SlotKind;

/// How a file is protected; the choice between convenience and who must come together to open it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Level {
    /// A machine key and AES-128-GCM: against a disk that is lost or thrown away.
    Basic,
    /// A master key under a passphrase and AES-256-GCM.
    Standard,
    /// RSA, where wanted with ML-KEM-768, and AES-256-CTR with HMAC-SHA-256: who encrypts cannot decrypt.
    High,
    /// A standard container within a high one, each with a key of its own: two custodians must agree.
    Maximum,
}

impl Level {
    /// All levels, weakest first.
    pub const ALL: [Self; 4] = [Self::Basic, Self::Standard, Self::High, Self::Maximum];

    /// The word of the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Standard => "standard",
            Self::High => "high",
            Self::Maximum => "maximum",
        }
    }

    /// Returns the kinds of slot of which each must have one that opens: any kind of the inner list.
    pub fn needs(self) -> &'static [&'static [SlotKind]] {
        match self {
            Self::Basic => &[&[SlotKind::Machine]],
            Self::Standard => &[&[SlotKind::Master]],
            Self::High => &[PUBLIC],
            Self::Maximum => &[PUBLIC, &[SlotKind::Master]],
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Basic => 1,
            Self::Standard => 2,
            Self::High => 3,
            Self::Maximum => 4,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.code() == code)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == text)
            .ok_or(UnknownLevel)
    }
}

/// A word that names no [`Level`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not one of basic, standard, high, maximum")]
pub struct UnknownLevel;

const PUBLIC: &[SlotKind] = &[SlotKind::Rsa, SlotKind::RsaMlKem];
