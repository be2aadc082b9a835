//! The header: which file it is, how it is encrypted, and the slots that open it.

use super::derive::{Keys, Purpose};
use super::key::{FileId, ID_BYTES, KeyId};
use super::metadata::Metadata;
use super::primitive::{MAC_BYTES, equal, hmac_sha256};
use super::slot::{Slot, SlotKind};
use super::suite::Suite;
use super::{CryptError, Level, metadata};

/// How many bytes of the file are encrypted at a time: a power of two from 64 KiB to 4 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSize(u8);

impl ChunkSize {
    /// The smallest: 64 KiB.
    pub const SMALLEST: Self = Self(16);

    /// Takes the exponent, 16 to 22.
    pub fn from_log2(log2: u8) -> Option<Self> {
        (16..=22).contains(&log2).then_some(Self(log2))
    }

    /// The size.
    pub fn bytes(self) -> usize {
        1 << self.0
    }
}

impl Default for ChunkSize {
    /// 1 MiB: a chunk fits the second-level cache, and its tag is no cost.
    fn default() -> Self {
        Self(20)
    }
}

/// What is set when a container is written and never changes.
#[derive(Clone, Debug)]
pub(crate) struct Fixed {
    pub(crate) level: Level,
    pub(crate) layer: Layer,
    pub(crate) chunk: ChunkSize,
    pub(crate) file: FileId,
}

/// Whether a container stands in a file or in another container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    Outer,
    /// Of level standard within one of level maximum, which has its slots.
    Inner,
}

impl Fixed {
    pub(crate) fn suite(&self) -> Suite {
        Suite::of(self.level)
    }

    fn encode(&self) -> [u8; FIXED_BYTES] {
        let mut out = [0; FIXED_BYTES];
        out[..3].copy_from_slice(MAGIC);
        out[3] = VERSION;
        out[4] = self.level.code();
        out[5] = self.level.code();
        out[6] = match self.layer {
            Layer::Outer => 0,
            Layer::Inner => SLOTS_OUTSIDE,
        };
        out[7] = self.chunk.0;
        out[8..].copy_from_slice(self.file.as_bytes());
        out
    }

    fn decode(bytes: &[u8; FIXED_BYTES]) -> Option<Self> {
        let level = Level::from_code(bytes[5])?;
        let layer = match (bytes[6], level) {
            (0, _) => Layer::Outer,
            (SLOTS_OUTSIDE, Level::Standard) => Layer::Inner,
            _ => return None,
        };
        let mut file = [0; ID_BYTES];
        file.copy_from_slice(&bytes[8..]);
        (bytes[4] == level.code()).then_some(Self {
            level,
            layer,
            chunk: ChunkSize::from_log2(bytes[7])?,
            file: FileId::from_bytes(file),
        })
    }
}

/// A header as it stands in the file: well formed, not yet believed.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) fixed: Fixed,
    pub(crate) sequence: u64,
    pub(crate) slots: Vec<Slot>,
    /// All of it.
    pub(crate) bytes: Vec<u8>,
    /// Where the part ends that a re-wrap leaves as it is: fixed fields, metadata, commitment.
    settled: usize,
}

/// What stands where a header may stand.
#[derive(Clone, Debug)]
pub(crate) enum Half {
    /// Zeros.
    Empty,
    Header(Header),
    /// The header of a later version.
    Future(u8),
    /// Something that begins like a header, or does not.
    Damaged {
        has_magic: bool,
    },
}

impl Half {
    pub(crate) fn parse(area: &[u8]) -> Self {
        if area.iter().all(|byte| *byte == 0) {
            return Self::Empty;
        }
        let has_magic = area.starts_with(MAGIC);
        match area.get(3) {
            Some(version) if has_magic && *version > VERSION => Self::Future(*version),
            _ => Header::parse(area).map_or(Self::Damaged { has_magic }, Self::Header),
        }
    }

    pub(crate) fn header(&self) -> Option<&Header> {
        match self {
            Self::Header(header) => Some(header),
            _ => None,
        }
    }
}

impl Header {
    /// Writes the first header of a container.
    pub(crate) fn create(
        fixed: Fixed,
        slots: Vec<Slot>,
        metadata: &Metadata,
        keys: &Keys,
    ) -> Result<Self, CryptError> {
        let mut sealed = metadata.encode()?;
        let tag = fixed
            .suite()
            .metadata(keys)?
            .seal(METADATA_NONCE, &mut sealed)?;
        sealed.extend_from_slice(tag.as_ref());
        let length = u16::try_from(sealed.len()).expect("metadata has a limit below 64 KiB");

        let mut bytes = fixed.encode().to_vec();
        bytes.extend(length.to_be_bytes());
        bytes.extend(sealed);
        bytes.extend(*keys.derive::<MAC_BYTES>(Purpose::Commitment));
        let settled = bytes.len();
        bytes.extend(sign(keys, &bytes));
        Self::finish(fixed, 1, slots, (bytes, settled), keys)
    }

    /// Writes the header that comes after this one: other slots, the rest unchanged.
    pub(crate) fn succeed(&self, slots: Vec<Slot>, keys: &Keys) -> Result<Self, CryptError> {
        let settled = self.bytes[..self.settled + MAC_BYTES].to_vec();
        Self::finish(
            self.fixed.clone(),
            self.sequence.checked_add(1).ok_or(CryptError::Refused)?,
            slots,
            (settled, self.settled),
            keys,
        )
    }

    fn finish(
        fixed: Fixed,
        sequence: u64,
        slots: Vec<Slot>,
        (mut bytes, settled): (Vec<u8>, usize),
        keys: &Keys,
    ) -> Result<Self, CryptError> {
        let too_many = CryptError::TooManyRecipients {
            count: slots.len(),
            limit: MAX_SLOTS,
        };
        bytes.extend(sequence.to_be_bytes());
        match u8::try_from(slots.len()) {
            Ok(count) if slots.len() <= MAX_SLOTS => bytes.push(count),
            _ => return Err(too_many),
        }
        for slot in &slots {
            let length = u16::try_from(slot.wrapped.len()).expect("RSA keys have a limit");
            bytes.push(slot.kind.code());
            bytes.extend(slot.key.as_bytes());
            bytes.extend(length.to_be_bytes());
            bytes.extend(&slot.wrapped);
        }
        bytes.extend(sign(keys, &bytes));
        if bytes.len() > AREA_BYTES {
            return Err(too_many);
        }
        Ok(Self {
            fixed,
            sequence,
            slots,
            bytes,
            settled,
        })
    }

    fn parse(area: &[u8]) -> Option<Self> {
        let mut input = Input(area);
        let fixed = input.array::<FIXED_BYTES>()?;
        if !fixed.starts_with(MAGIC) || fixed[3] != VERSION {
            return None;
        }
        let fixed = Fixed::decode(fixed)?;
        let metadata = input.number::<2>()?;
        let least = fixed.suite().tag_bytes();
        if !(least..=least + metadata::MAX_BYTES).contains(&metadata) {
            return None;
        }
        input.take(metadata)?;
        input.take(MAC_BYTES)?;
        let settled = area.len() - input.0.len();
        input.take(MAC_BYTES)?;
        let sequence = u64::from_be_bytes(*input.array()?);
        let count = input.number::<1>()?;
        if sequence == 0 || count > MAX_SLOTS {
            return None;
        }
        let slots = (0..count)
            .map(|_| input.slot())
            .collect::<Option<Vec<_>>>()?;
        input.take(MAC_BYTES)?;
        let length = area.len() - input.0.len();
        let fits = match fixed.layer {
            Layer::Outer => suits(fixed.level, &slots),
            Layer::Inner => slots.is_empty(),
        };
        (fits && input.0.iter().all(|byte| *byte == 0)).then(|| Self {
            fixed,
            sequence,
            slots,
            bytes: area[..length].to_vec(),
            settled,
        })
    }

    /// Whether it was written by somebody who knew the key: commitment first, then both MACs.
    pub(crate) fn is_of(&self, keys: &Keys) -> bool {
        let commitment = keys.derive::<MAC_BYTES>(Purpose::Commitment);
        let (settled, rest) = self.bytes.split_at(self.settled);
        let (signed, mac) = self.bytes.split_at(self.bytes.len() - MAC_BYTES);
        equal(&*commitment, &settled[settled.len() - MAC_BYTES..])
            && equal(&sign(keys, settled), &rest[..MAC_BYTES])
            && equal(&sign(keys, signed), mac)
    }

    /// The MAC over what never changes, which the trailer binds the content to.
    pub(crate) fn root(&self) -> &[u8] {
        &self.bytes[self.settled..self.settled + MAC_BYTES]
    }

    pub(crate) fn metadata(&self, keys: &Keys) -> Result<Metadata, CryptError> {
        let suite = self.fixed.suite();
        let sealed = &self.bytes[FIXED_BYTES + 2..self.settled - MAC_BYTES];
        let (body, tag) = sealed.split_at(sealed.len() - suite.tag_bytes());
        let mut body = body.to_vec();
        suite.metadata(keys)?.open(METADATA_NONCE, &mut body, tag)?;
        Metadata::decode(&body).ok_or(CryptError::Refused)
    }
}

/// Whether each of the keys that a level needs has a slot, and no other kind has one.
fn suits(level: Level, slots: &[Slot]) -> bool {
    let needs = level.needs();
    needs
        .iter()
        .all(|kinds| slots.iter().any(|slot| kinds.contains(&slot.kind)))
        && slots
            .iter()
            .all(|slot| needs.iter().any(|kinds| kinds.contains(&slot.kind)))
}

fn sign(keys: &Keys, bytes: &[u8]) -> [u8; MAC_BYTES] {
    hmac_sha256(&keys.mac(Purpose::Header), &[bytes])
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn number<const N: usize>(&mut self) -> Option<usize> {
        let bytes = self.take(N)?;
        Some(
            bytes
                .iter()
                .fold(0, |number, byte| number << 8 | usize::from(*byte)),
        )
    }

    fn slot(&mut self) -> Option<Slot> {
        let kind = SlotKind::from_code(self.array::<1>()?[0])?;
        let key = KeyId::from_bytes(*self.array()?);
        let length = self.number::<2>()?;
        Some(Slot {
            kind,
            key,
            wrapped: self.take(length)?.to_vec(),
        })
    }
}

pub(crate) const MAGIC: &[u8; 3] = b"CKE";
pub(crate) const VERSION: u8 = 1;
pub(crate) const MAX_SLOTS: usize = 16;
/// The room of a header; the page behind it is the note of a re-wrap.
pub(crate) const AREA_BYTES: usize = 28 * 1024;
const FIXED_BYTES: usize = 24;
const SLOTS_OUTSIDE: u8 = 1;
/// The metadata key seals once.
const METADATA_NONCE: [u8; 12] = [0; 12];
