//! Giving a container other slots without touching its content.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};

use super::header::{AREA_BYTES, Header};
use super::key::{KeyId, Recipient, Unlocked};
use super::region::{NOTE_BYTES, NOTE_OFFSET, Opened, Region, State, note_of, place_offset};
use super::slot::{Slot, wrap};
use super::{CryptError, SlotKind};

/// What a re-wrap found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewrapped {
    /// The slots of the old key are now of the new one.
    Done,
    /// There was none of the old key and one of the new.
    Already,
    /// Neither key has a slot.
    NotConcerned,
}

/// Replaces each slot of the key `from` by one for `to`.
///
/// The new header is written to the free place and is durable before the old one is wiped, so the file can be opened
/// whenever this is interrupted; called again it finishes first what was begun. That a disk forgets the wiped header
/// cannot be promised: what makes a key worthless is its destruction.
///
/// # Errors
/// As for opening the file, which needs all keys that reading it needs. [`CryptError::Superfluous`] where `to` is of a
/// kind that does not go in the place of `from`.
pub fn rewrap(
    file: &mut File,
    keys: &Unlocked,
    from: KeyId,
    to: &Recipient,
) -> Result<Rewrapped, CryptError> {
    let region = Region::read(file)?;
    let opened = region.open(keys)?;
    if opened.state == State::Rewrapping {
        // The header that counts may be in the page cache alone.
        file.sync_data().map_err(CryptError::Io)?;
        write_all(file, settling(&opened))?;
    }
    let header = region.header(opened.place);
    let has = |key: KeyId| header.slots.iter().any(|slot| slot.key == key);
    if has(from) {
        write_all(file, replacing(header, &opened, from, to)?)?;
        Ok(Rewrapped::Done)
    } else if has(to.id()) {
        Ok(Rewrapped::Already)
    } else {
        Ok(Rewrapped::NotConcerned)
    }
}

/// A write that is durable before the next one begins.
struct Step {
    offset: u64,
    bytes: Vec<u8>,
}

/// Ends what was begun: the header that counts is whole, so the other goes, and then the note.
fn settling(opened: &Opened) -> Vec<Step> {
    vec![
        Step {
            offset: place_offset(1 - opened.place),
            bytes: vec![0; AREA_BYTES],
        },
        Step {
            offset: NOTE_OFFSET,
            bytes: vec![0; NOTE_BYTES],
        },
    ]
}

/// The note, the new header, the old one's end, the note's end.
fn replacing(
    header: &Header,
    opened: &Opened,
    from: KeyId,
    to: &Recipient,
) -> Result<Vec<Step>, CryptError> {
    let next = header.succeed(slots(header, opened, from, to)?, &opened.keys)?;
    let note = note_of(next.sequence, header.fixed.file, &opened.keys);
    Ok(vec![
        Step {
            offset: NOTE_OFFSET,
            bytes: note.to_vec(),
        },
        Step {
            offset: place_offset(1 - opened.place),
            bytes: next.bytes,
        },
        Step {
            offset: place_offset(opened.place),
            bytes: vec![0; header.bytes.len()],
        },
        Step {
            offset: NOTE_OFFSET,
            bytes: vec![0; NOTE_BYTES],
        },
    ])
}

fn slots(
    header: &Header,
    opened: &Opened,
    from: KeyId,
    to: &Recipient,
) -> Result<Vec<Slot>, CryptError> {
    let level = header.fixed.level;
    let mut out: Vec<Slot> = Vec::with_capacity(header.slots.len());
    for slot in &header.slots {
        if slot.key != from && slot.key != to.id() {
            out.push(slot.clone());
        } else if !goes_for(slot.kind, to.kind()) {
            return Err(CryptError::Superfluous {
                level,
                kind: to.kind(),
            });
        } else if out.iter().all(|other| other.key != to.id()) {
            let key = match &opened.file_keys.inner {
                Some(inner) if slot.kind.is_inner(level) => inner,
                _ => &opened.file_keys.outer,
            };
            out.push(wrap(key, header.fixed.file, to)?);
        }
    }
    Ok(out)
}

/// Whether keys of one kind take the place of keys of another: a second share may be gained or given up.
fn goes_for(old: SlotKind, new: SlotKind) -> bool {
    let is_pair = |kind| matches!(kind, SlotKind::Rsa | SlotKind::RsaMlKem);
    old == new || is_pair(old) && is_pair(new)
}

fn write_all(file: &mut File, steps: Vec<Step>) -> Result<(), CryptError> {
    for step in steps {
        file.seek(SeekFrom::Start(step.offset))
            .and_then(|_| file.write_all(&step.bytes))
            .and_then(|()| file.sync_data())
            .map_err(CryptError::Io)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::crypt::{
        ChunkSize, Level, Metadata, Reader, Recipe, WrappingKey, WrappingKind, Writer,
    };

    const CONTENT: &[u8] = b"weights";

    fn machine() -> WrappingKey {
        WrappingKey::random(WrappingKind::Machine).expect("a key is drawn")
    }

    fn container(to: &WrappingKey) -> Vec<u8> {
        let recipe = Recipe {
            level: Level::Basic,
            recipients: &[Recipient::Symmetric(to.clone())],
            metadata: Metadata::default(),
            chunk: ChunkSize::SMALLEST,
        };
        let mut writer = Writer::new(Vec::new(), &recipe).expect("a container begins");
        writer.write_all(CONTENT).expect("a vector takes it");
        writer.finish().expect("a container ends")
    }

    fn holding(keys: &[&WrappingKey]) -> Unlocked {
        Unlocked {
            symmetric: keys.iter().map(|key| (*key).clone()).collect(),
            private: Vec::new(),
        }
    }

    fn opens(bytes: &[u8], keys: &Unlocked) -> bool {
        let mut content = Vec::new();
        Reader::open(Cursor::new(bytes), keys)
            .and_then(|mut reader| reader.extract(&mut content))
            .is_ok_and(|_| content == CONTENT)
    }

    fn apply(bytes: &mut [u8], step: &Step) {
        let offset = usize::try_from(step.offset).expect("headers are at the beginning");
        bytes[offset..offset + step.bytes.len()].copy_from_slice(&step.bytes);
    }

    /// What a power cut may leave of a write: some of its sectors, in any order.
    fn torn(bytes: &[u8], step: &Step, kept: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut out = bytes.to_vec();
        let offset = usize::try_from(step.offset).expect("headers are at the beginning");
        for (index, byte) in step.bytes.iter().enumerate() {
            if kept((offset + index) / 512) {
                out[offset + index] = *byte;
            }
        }
        out
    }

    fn finishes(bytes: &[u8], keys: &Unlocked, old: &WrappingKey, new: &WrappingKey) {
        let mut file = tempfile::tempfile().expect("a file is made");
        file.write_all(bytes).expect("it is written");
        let to = Recipient::Symmetric(new.clone());
        rewrap(&mut file, keys, old.id(), &to).expect("it goes on");
        let again = rewrap(&mut file, keys, old.id(), &to).expect("nothing is left to do");
        assert_eq!(again, Rewrapped::Already);
        file.rewind().expect("it is sought in");
        let mut after = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut after).expect("it is read");
        assert!(opens(&after, &holding(&[new])));
        assert!(!opens(&after, &holding(&[old])));
        let region = Region::read(&mut Cursor::new(after)).expect("it is whole");
        let opened = region.open(keys).expect("it opens");
        assert_eq!(opened.state, State::Settled);
    }

    #[test]
    fn a_power_cut_at_any_write_leaves_a_file_that_opens_and_can_be_finished() {
        let (old, new) = (machine(), machine());
        let both = holding(&[&old, &new]);
        let mut bytes = container(&old);
        let region = Region::read(&mut Cursor::new(&bytes)).expect("it is whole");
        let opened = region.open(&both).expect("it opens");
        let header = region.header(opened.place);
        let to = Recipient::Symmetric(new.clone());
        let steps = replacing(header, &opened, old.id(), &to).expect("it is planned");
        for (index, step) in steps.iter().enumerate() {
            let cuts: [fn(usize) -> bool; 3] = [
                |_| false,
                |sector| sector % 2 == 0,
                |sector| sector % 2 == 1,
            ];
            for cut in cuts {
                let state = torn(&bytes, step, cut);
                assert!(opens(&state, &both), "in step {index}");
                finishes(&state, &both, &old, &new);
            }
            apply(&mut bytes, step);
            assert!(opens(&bytes, &both), "after step {index}");
        }
        finishes(&bytes, &both, &old, &new);
    }

    #[test]
    fn without_its_note_the_free_place_holds_nothing() {
        let (old, new) = (machine(), machine());
        let both = holding(&[&old, &new]);
        let bytes = container(&old);
        let region = Region::read(&mut Cursor::new(&bytes)).expect("it is whole");
        let opened = region.open(&both).expect("it opens");
        let to = Recipient::Symmetric(new.clone());
        let header = region.header(opened.place);
        let steps = replacing(header, &opened, old.id(), &to).expect("it is planned");
        let mut without = bytes.clone();
        apply(&mut without, &steps[1]);
        assert!(!opens(&without, &both), "two headers and no note");
        let mut forged = bytes;
        apply(&mut forged, &steps[0]);
        forged[usize::try_from(NOTE_OFFSET).expect("it is small") + 11] ^= 1;
        assert!(!opens(&forged, &both), "a note for another header");
    }
}
