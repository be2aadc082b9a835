//! The first 64 KiB: two places for a header, so that one is whole while the other is written.
//!
//! At rest one place holds a header and the rest is zero. A re-wrap first leaves a note under the file's own key that it is
//! on its way; only with that note may the other place hold anything, whole or torn. So a power cut costs nothing, and yet
//! no bit of a file at rest changes unnoticed.

use std::io::{Read, Seek, SeekFrom};

use super::derive::{Keys, Purpose};
use super::header::{AREA_BYTES, Half, Header, Layer, MAGIC, VERSION};
use super::key::{FileId, FileKey, KeyId, Unlocked};
use super::primitive::{MAC_BYTES, equal, hmac_sha256};
use super::slot::{Slot, SlotKind, unwrap};
use super::{CryptError, Level};

/// What can be known of a container without any key, and therefore may be a lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peek {
    /// Which container it is.
    pub file: FileId,
    /// How it is protected.
    pub level: Level,
    /// How often its slots were written.
    pub sequence: u64,
    /// The keys of which one of each kind is needed, see [`Level::needs`].
    pub slots: Vec<(SlotKind, KeyId)>,
}

/// Reads from a container what keys to unlock for it. The position in `file` is anywhere afterwards.
///
/// # Errors
/// [`CryptError::NotContainer`], [`CryptError::FutureVersion`], [`CryptError::Refused`] when no header is whole.
pub fn peek(file: &mut (impl Read + Seek)) -> Result<Peek, CryptError> {
    let region = Region::read(file)?;
    let headers = region.headers();
    let Some(newest) = headers.first() else {
        return Err(region.unusable());
    };
    let mut slots = Vec::new();
    for slot in headers.iter().flat_map(|header| &header.slots) {
        if !slots.contains(&(slot.kind, slot.key)) {
            slots.push((slot.kind, slot.key));
        }
    }
    Ok(Peek {
        file: newest.fixed.file,
        level: newest.fixed.level,
        sequence: newest.sequence,
        slots,
    })
}

/// Whether a file that begins with these bytes is a container, of whatever version.
pub fn is_container(beginning: &[u8]) -> bool {
    beginning.starts_with(MAGIC)
}

/// The two places and the note.
#[derive(Debug)]
pub(crate) struct Region {
    pub(crate) halves: [Half; 2],
    note: Vec<u8>,
    /// The page of the second place that nothing is written to.
    is_spare_zero: bool,
}

/// A region whose header is believed.
pub(crate) struct Opened {
    /// Which place holds the header that counts.
    pub(crate) place: usize,
    pub(crate) keys: Keys,
    pub(crate) file_keys: FileKeys,
    pub(crate) state: State,
}

/// What the slots of a container held.
pub(crate) struct FileKeys {
    pub(crate) outer: FileKey,
    /// Of the container within, for level maximum.
    pub(crate) inner: Option<FileKey>,
}

/// Whether anything is left to do in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Settled,
    /// The note stands, or did while the other place was written.
    Rewrapping,
}

impl Region {
    pub(crate) fn read(file: &mut (impl Read + Seek)) -> Result<Self, CryptError> {
        let mut bytes = vec![0; REGION_BYTES];
        file.seek(SeekFrom::Start(0)).map_err(CryptError::from_io)?;
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CryptError::from_io(error)),
            }
        }
        // A file that ends within the header has none that is whole, whatever its bytes say.
        if filled < bytes.len() {
            return Err(match bytes.get(3) {
                Some(version) if is_container(&bytes) && *version > VERSION => {
                    CryptError::FutureVersion { version: *version }
                }
                _ if is_container(&bytes) => CryptError::Refused,
                _ => CryptError::NotContainer,
            });
        }
        Ok(Self::parse(&bytes))
    }

    fn parse(bytes: &[u8]) -> Self {
        let (first, second) = bytes.split_at(PLACE_BYTES);
        Self {
            halves: [first, second].map(|place| Half::parse(&place[..AREA_BYTES])),
            note: first[AREA_BYTES..].to_vec(),
            is_spare_zero: second[AREA_BYTES..].iter().all(|byte| *byte == 0),
        }
    }

    /// The headers that are well formed, newest first.
    fn headers(&self) -> Vec<&Header> {
        let mut headers: Vec<_> = self.halves.iter().filter_map(Half::header).collect();
        headers.sort_by_key(|header| std::cmp::Reverse(header.sequence));
        headers
    }

    /// Why there is no header to be used.
    fn unusable(&self) -> CryptError {
        let version = self.halves.iter().find_map(|half| match half {
            Half::Future(version) => Some(*version),
            _ => None,
        });
        let is_ours =
            |half: &Half| !matches!(half, Half::Empty | Half::Damaged { has_magic: false });
        match version {
            Some(version) => CryptError::FutureVersion { version },
            None if self.halves.iter().any(is_ours) => CryptError::Refused,
            None => CryptError::NotContainer,
        }
    }

    /// Opens the slots and believes the newest header that the key vouches for.
    pub(crate) fn open(&self, keys: &Unlocked) -> Result<Opened, CryptError> {
        let mut why = self.unusable();
        for (tried, header) in self.headers().into_iter().enumerate() {
            match open_slots(header, keys) {
                Ok(keys) => return self.believe(keys, header.fixed.file),
                // The newest header says what is missing.
                Err(error) if tried == 0 => why = error,
                Err(_) => {}
            }
        }
        Err(why)
    }

    /// Opens the region of a container within another, whose key stands in the slots of that.
    pub(crate) fn open_inner(&self, key: FileKey) -> Result<Opened, CryptError> {
        let header = self.halves[0].header().ok_or(CryptError::Refused)?;
        if header.fixed.layer != Layer::Inner {
            return Err(CryptError::Refused);
        }
        let keys = FileKeys {
            outer: key,
            inner: None,
        };
        let opened = self.believe(keys, header.fixed.file)?;
        match opened.state {
            State::Settled => Ok(opened),
            State::Rewrapping => Err(CryptError::Refused),
        }
    }

    pub(crate) fn header(&self, place: usize) -> &Header {
        self.halves[place]
            .header()
            .expect("only a place with a header is believed")
    }

    fn believe(&self, file_keys: FileKeys, file: FileId) -> Result<Opened, CryptError> {
        let keys = Keys::new(&file_keys.outer, file);
        let is_true = |half: &Half| {
            half.header()
                .filter(|header| header.fixed.file == file && header.is_of(&keys))
                .map(|header| header.sequence)
        };
        let sequences = self.halves.each_ref().map(is_true);
        let (place, sequence) = match sequences {
            [Some(first), second] if second.is_none_or(|second| first > second) => (0, first),
            [_, Some(second)] => (1, second),
            _ => return Err(CryptError::Refused),
        };
        let state = self.state(place, sequence, file, &keys)?;
        Ok(Opened {
            place,
            keys,
            file_keys,
            state,
        })
    }

    fn state(
        &self,
        place: usize,
        sequence: u64,
        file: FileId,
        keys: &Keys,
    ) -> Result<State, CryptError> {
        if !self.is_spare_zero {
            return Err(CryptError::Refused);
        }
        let is_noted = |sequence: u64| {
            let (note, rest) = self.note.split_at(NOTE_BYTES);
            equal(note, &note_of(sequence, file, keys)) && rest.iter().all(|byte| *byte == 0)
        };
        if is_noted(sequence) || sequence.checked_add(1).is_some_and(is_noted) {
            return Ok(State::Rewrapping);
        }
        let is_empty = matches!(self.halves[1 - place], Half::Empty);
        if is_empty && self.note.iter().all(|byte| *byte == 0) {
            Ok(State::Settled)
        } else {
            Err(CryptError::Refused)
        }
    }
}

/// The note that the header of a sequence number is being written: one sector, which a disk writes whole or not at all.
pub(crate) fn note_of(sequence: u64, file: FileId, keys: &Keys) -> [u8; NOTE_BYTES] {
    let mut note = [0; NOTE_BYTES];
    note[..4].copy_from_slice(b"CKEN");
    note[4..12].copy_from_slice(&sequence.to_be_bytes());
    note[12..28].copy_from_slice(file.as_bytes());
    let mac = hmac_sha256(&keys.mac(Purpose::Note), &[&note[..28]]);
    note[28..].copy_from_slice(&mac);
    note
}

/// Where the header of a place begins.
pub(crate) fn place_offset(place: usize) -> u64 {
    if place == 0 { 0 } else { PLACE_BYTES as u64 }
}

fn open_slots(header: &Header, keys: &Unlocked) -> Result<FileKeys, CryptError> {
    if header.fixed.layer == Layer::Inner {
        return Err(CryptError::Refused);
    }
    let (file, level) = (header.fixed.file, header.fixed.level);
    let of_layer = |is_inner: bool| {
        let slots = header.slots.iter();
        open_any(
            slots.filter(move |slot| slot.kind.is_inner(level) == is_inner),
            file,
            keys,
        )
    };
    let outer = of_layer(false)?;
    let inner = match level {
        Level::Maximum => Some(of_layer(true)?),
        _ => None,
    };
    Ok(FileKeys { outer, inner })
}

fn open_any<'a>(
    slots: impl Iterator<Item = &'a Slot>,
    file: FileId,
    keys: &Unlocked,
) -> Result<FileKey, CryptError> {
    let mut missing = None;
    let mut was_refused = false;
    for slot in slots {
        match unwrap(slot, file, keys) {
            Ok(Some(key)) => return Ok(key),
            Ok(None) => missing = Some(slot.kind),
            Err(CryptError::Refused) => was_refused = true,
            Err(error) => return Err(error),
        }
    }
    match missing {
        Some(kind) if !was_refused && !holds(keys, kind) => Err(CryptError::NoKey { kind }),
        _ => Err(CryptError::Refused),
    }
}

/// Whether a key of this kind is there at all: then it is a wrong key, not a missing one.
fn holds(keys: &Unlocked, kind: SlotKind) -> bool {
    match kind {
        SlotKind::Machine | SlotKind::Master => keys
            .symmetric
            .iter()
            .any(|key| SlotKind::from(key.kind()) == kind),
        SlotKind::Rsa | SlotKind::RsaMlKem => !keys.private.is_empty(),
    }
}

/// Both places.
pub(crate) const REGION_BYTES: usize = 2 * PLACE_BYTES;
pub(crate) const NOTE_BYTES: usize = 28 + MAC_BYTES;
/// Behind the first header: a page of its own, so that no torn write of one reaches the other.
pub(crate) const NOTE_OFFSET: u64 = AREA_BYTES as u64;
const PLACE_BYTES: usize = 32 * 1024;
