//! The block in front of a member of a tar.

use super::super::rule::Rule;
use super::{TAR_CHECKSUM, TAR_NUMBER};

/// Everything in a tar begins at a multiple of this.
pub(super) const BLOCK_BYTES: usize = 512;

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    HardLink,
    SymbolicLink,
    Folder,
    /// A device, or a pipe.
    Device,
    /// Attributes of the next member.
    Pax,
    /// Attributes of all members that follow.
    GlobalPax,
    /// The name of the next member.
    LongName,
    /// The link target of the next member.
    LongLink,
    Sparse,
    Unknown,
}

impl Kind {
    fn of(byte: u8, name: &[u8]) -> Self {
        match byte {
            // Before there were folders, a slash made them.
            0 if name.ends_with(b"/") => Self::Folder,
            b'0' | 0 | b'7' => Self::File,
            b'1' => Self::HardLink,
            b'2' => Self::SymbolicLink,
            b'3' | b'4' | b'6' => Self::Device,
            b'5' => Self::Folder,
            b'x' | b'X' => Self::Pax,
            b'g' => Self::GlobalPax,
            b'L' => Self::LongName,
            b'K' => Self::LongLink,
            b'S' => Self::Sparse,
            _ => Self::Unknown,
        }
    }

    /// Whether no data follows, whatever the size says.
    pub(super) fn is_bare(self) -> bool {
        matches!(
            self,
            Self::HardLink | Self::SymbolicLink | Self::Folder | Self::Device
        )
    }

    /// Whether it describes what follows.
    pub(super) fn is_records(self) -> bool {
        matches!(
            self,
            Self::Pax | Self::GlobalPax | Self::LongName | Self::LongLink
        )
    }
}

/// What a block says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) size: u64,
    pub(super) kind: Kind,
}

impl Header {
    /// Reads a block; the rule is the one that it breaks.
    pub(super) fn read(block: &[u8; BLOCK_BYTES]) -> Result<Self, &'static Rule> {
        if !Self::checksum_fits(block) {
            return Err(&TAR_CHECKSUM);
        }
        let mut name = text(&block[..100]).to_vec();
        let prefix = text(&block[345..500]);
        // The prefix is there in the standard's form only; GNU has times in its place.
        if block[257..].starts_with(b"ustar\0") && !prefix.is_empty() {
            name = [prefix, &name].join(&b'/');
        }
        let kind = Kind::of(block[156], &name);
        Ok(Self {
            kind,
            link: text(&block[157..257]).to_vec(),
            size: number(&block[124..136]).ok_or(&TAR_NUMBER)?,
            name,
        })
    }

    /// Whether the sum of the bytes is the one that is stated; old writers added the bytes up with a sign.
    pub(super) fn checksum_fits(block: &[u8; BLOCK_BYTES]) -> bool {
        let Some(stated) = number(&block[148..156]).and_then(|sum| i64::try_from(sum).ok()) else {
            return false;
        };
        let others = || block[..148].iter().chain(&block[156..]).copied();
        let spaces = i64::from(b' ') * 8;
        let plain = others().map(i64::from).sum::<i64>() + spaces;
        let signed = others()
            .map(|byte| i64::from(byte.cast_signed()))
            .sum::<i64>()
            + spaces;
        // A block of zeros ends an archive.
        stated != spaces && (stated == plain || stated == signed)
    }
}

/// A field up to its first zero byte.
fn text(field: &[u8]) -> &[u8] {
    let end = field
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(field.len());
    &field[..end]
}

/// A number in octal, or in binary where the first bit is set; empty is 0.
fn number(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // The second bit is the sign.
        let leading = u64::from(first & 0x3f);
        let is_positive = first & 0x40 == 0;
        return rest
            .iter()
            .try_fold(leading, |number, &byte| {
                Some(number.checked_mul(256)? | u64::from(byte))
            })
            .filter(|_| is_positive);
    }
    let digits = text(field).trim_ascii();
    digits.iter().try_fold(0_u64, |number, &digit| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 8)?;
        number.checked_mul(8)?.checked_add(digit.into())
    })
}
