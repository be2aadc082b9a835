//! The texts a file holds: the file itself, or what a picture carries beside its pixels, which are never read.

mod jpeg;
mod png;
mod tiff;
mod webp;
mod xmp;

use std::io::{Read, Seek, SeekFrom};

use super::ErrorKind;

/// A text that may tell which models were used.
#[derive(Debug)]
pub(super) struct Text {
    /// Where it stands, for errors.
    pub(super) part: String,
    pub(super) content: String,
    pub(super) promise: Promise,
}

/// What the place of a text says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// It is where tools put generation data: if it is broken, that is an error.
    Certain,
    /// It may be anything.
    Possible,
}

impl Text {
    fn new(part: impl Into<String>, content: String, promise: Promise) -> Self {
        Self {
            part: part.into(),
            content,
            promise,
        }
    }
}

/// Returns the texts in a file, what was run before what is only for people.
pub(super) fn texts(file: &mut (impl Read + Seek)) -> Result<Vec<Text>, ErrorKind> {
    let mut magic = Vec::with_capacity(MAGIC);
    file.take(MAGIC as u64)
        .read_to_end(&mut magic)
        .map_err(ErrorKind::Io)?;
    file.seek(SeekFrom::Start(0)).map_err(ErrorKind::Io)?;
    let mut texts = match magic.as_slice() {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => png::texts(file)?,
        [0xff, 0xd8, 0xff, ..] => jpeg::texts(file)?,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => webp::texts(file)?,
        _ => vec![whole(file)?],
    };
    texts.sort_by_key(|text| rank(&text.part));
    Ok(texts)
}

/// Decodes text of unknown encoding: UTF-8, with a mark UTF-16, else every byte a character of Latin-1.
fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => std::str::from_utf8(bytes).map_or_else(
            |_| bytes.iter().copied().map(char::from).collect(),
            str::to_owned,
        ),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn whole(file: &mut impl Read) -> Result<Text, ErrorKind> {
    let bytes = bounded(file, LARGEST, "the file")?;
    let is_utf16 = matches!(bytes.as_slice(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    if !is_utf16 && (bytes.contains(&0) || std::str::from_utf8(&bytes).is_err()) {
        return Err(ErrorKind::Foreign);
    }
    Ok(Text::new("the file", decoded(&bytes), Promise::Certain))
}

/// Reads to the end, or fails once there is more than `limit`.
fn bounded(source: &mut impl Read, limit: u64, part: &str) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    source
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(ErrorKind::Io)?;
    if bytes.len() as u64 > limit {
        return Err(ErrorKind::TooLarge {
            part: part.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// What was run tells more truth than the canvas, and this more than a text for people.
fn rank(part: &str) -> u8 {
    let part = part.to_ascii_lowercase();
    let has = |word: &str| part.contains(word);
    match () {
        () if has("prompt") || has("graph") => 0,
        () if has("workflow") => 1,
        () if has("metadata") => 2,
        () => 3,
    }
}

const MAGIC: usize = 12;
/// The most that is read of one text; pictures pasted into a workflow make the largest.
const LARGEST: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_by_its_mark() {
        assert_eq!(decoded(b"\xef\xbb\xbfab"), "ab");
        assert_eq!(decoded(b"\xff\xfea\0b\0"), "ab");
        assert_eq!(decoded(b"\xfe\xff\0a\0b"), "ab");
        assert_eq!(decoded("日本".as_bytes()), "日本");
        assert_eq!(decoded(b"caf\xe9"), "café");
    }

    #[test]
    fn what_is_no_text_is_foreign() {
        let mut gif = std::io::Cursor::new(b"GIF89a\0\0\xff".to_vec());
        assert!(matches!(texts(&mut gif), Err(ErrorKind::Foreign)));
    }
}
