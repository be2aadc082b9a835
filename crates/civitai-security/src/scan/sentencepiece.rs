//! `SentencePiece` vocabularies (`tokenizer.model`, `spiece.model`), which lie beside language models.
//!
//! A protocol buffer of pieces and settings: nothing in it runs. It has no mark, so it is what has the
//! fields of one, from its first piece to the last byte.

use std::io;

use super::format::{Format, Match};
use super::input::Input;
use super::protobuf::{Value, Wire, WireFault};

pub(super) const FORMAT: Format = Format {
    name: "sentencepiece",
    extensions: &[],
    detect,
    // Whatever matches was read to its end.
    scan: |_, _| Ok(()),
};

fn detect(input: &mut Input<'_>) -> io::Result<Match> {
    if input.head()?.first() != Some(&FIRST_TAG) || input.len() > MODEL_BYTES {
        return Ok(Match::No);
    }
    let end = input.len();
    match is_model(&mut Wire::new(input)?, end) {
        Ok(fits) => Ok(fits.into()),
        Err(WireFault::Broken { .. }) => Ok(Match::No),
        Err(WireFault::Io(error)) => Err(error),
    }
}

fn is_model(wire: &mut Wire<'_, '_>, end: u64) -> Result<bool, WireFault> {
    let mut pieces = 0_u64;
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (PIECE, Value::Bytes { len }) => {
                let piece_end = wire.at() + len;
                if !is_piece(wire, piece_end)? {
                    return Ok(false);
                }
                pieces += 1;
            }
            // The trainer's settings, two normalizers' and the model's test of itself.
            (2..=5, Value::Bytes { len }) => wire.skip(len)?,
            _ => return Ok(false),
        }
    }
    Ok(pieces > 0)
}

/// A text, its score and its type.
fn is_piece(wire: &mut Wire<'_, '_>, end: u64) -> Result<bool, WireFault> {
    while let Some(field) = wire.field(end)? {
        match (field.number, field.value) {
            (1, Value::Bytes { len }) => wire.skip(len)?,
            (2, Value::Fixed32) | (3, Value::Varint(1..=6)) => {}
            _ => return Ok(false),
        }
    }
    Ok(true)
}

const PIECE: u64 = 1;
/// The tag of a piece: vocabularies begin with one.
const FIRST_TAG: u8 = 0x0a;
/// The largest vocabularies have some 15 MB.
const MODEL_BYTES: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use crate::scan::{Limits, Verdict, scan_bytes};

    #[test]
    fn a_vocabulary_is_clean_to_its_last_byte_only() {
        let piece = b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02";
        let verdict =
            |bytes: &[u8]| scan_bytes("tokenizer.model", bytes, &Limits::default()).verdict;
        assert_eq!(verdict(piece), Verdict::Clean);
        assert_eq!(
            verdict(&[&piece[..], b"\x12\0\x1a\x02xx"].concat()),
            Verdict::Clean
        );
        assert_eq!(
            verdict(&[&piece[..], b"\x30\x01"].concat()),
            Verdict::Unscannable
        );
        assert_eq!(verdict(&piece[..15]), Verdict::Unscannable);
    }
}
