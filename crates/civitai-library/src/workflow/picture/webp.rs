//! WebP: the `EXIF` and `XMP ` chunks of the RIFF container.

use std::io::{Read, Seek, SeekFrom};

use super::{ErrorKind, LARGEST, Text, bounded, decoded, tiff, xmp};

/// Walks the chunks; those that hold pixels are skipped over. What a cut-off file told before the cut stands.
pub(super) fn texts(file: &mut (impl Read + Seek)) -> Result<Vec<Text>, ErrorKind> {
    let end = file.seek(SeekFrom::End(0)).map_err(ErrorKind::Io)?;
    let mut at = RIFF;
    let mut left = LARGEST;
    let mut texts = Vec::new();
    while at + HEAD <= end {
        file.seek(SeekFrom::Start(at)).map_err(ErrorKind::Io)?;
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(ErrorKind::Io)?;
        let [kind @ .., a, b, c, d] = head;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        if at + HEAD + length > end {
            if texts.is_empty() {
                return Err(ErrorKind::Damaged {
                    format: "WebP",
                    offset: at,
                    problem: "a chunk goes past the end of the file",
                });
            }
            break;
        }
        if matches!(&kind, b"EXIF" | b"XMP ") {
            let part = format!("chunk {} at byte {at}", String::from_utf8_lossy(&kind));
            let data = bounded(&mut file.take(length), left, part.trim())?;
            left = left.saturating_sub(length);
            if &kind == b"EXIF" {
                // Some writers keep the prefix that only JPEG needs.
                texts.extend(tiff::texts(data.strip_prefix(b"Exif\0\0").unwrap_or(&data)));
            } else {
                texts.extend(xmp::texts(&decoded(&data)));
            }
        }
        at += HEAD + length + length % 2;
    }
    Ok(texts)
}

const RIFF: u64 = 12;
const HEAD: u64 = 8;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn webp(chunks: &[(&[u8; 4], &[u8])]) -> Cursor<Vec<u8>> {
        let mut bytes = b"RIFF\0\0\0\0WEBP".to_vec();
        for (kind, data) in chunks {
            bytes.extend(*kind);
            bytes.extend(u32::try_from(data.len()).expect("small").to_le_bytes());
            bytes.extend(*data);
            bytes.resize(bytes.len().next_multiple_of(2), 0);
        }
        Cursor::new(bytes)
    }

    #[test]
    fn chunks_of_odd_length_are_padded() {
        let mut file = webp(&[(b"VP8 ", &[1; 7]), (b"XMP ", b"<a>Steps: 1</a>")]);
        let texts = texts(&mut file).expect("a sound picture");
        assert_eq!(texts[0].content, "Steps: 1");
    }

    #[test]
    fn a_chunk_past_the_end_is_damage() {
        let mut file = webp(&[(b"EXIF", &[0; 40])]);
        file.get_mut().truncate(30);
        let error = texts(&mut file).expect_err("cut off");
        assert!(
            matches!(error, ErrorKind::Damaged { offset: 12, .. }),
            "{error}"
        );
    }
}
