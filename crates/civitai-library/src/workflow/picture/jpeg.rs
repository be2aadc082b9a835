//! JPEG: the segments before the pixels (EXIF, XMP, comments).

use std::collections::BTreeMap;
use std::io::{BufReader, Read};

use super::{ErrorKind, LARGEST, Promise, Text, decoded, tiff, xmp};

/// Walks the segments up to the first scan. What a cut-off file told before the cut stands.
pub(super) fn texts(file: &mut impl Read) -> Result<Vec<Text>, ErrorKind> {
    let mut segments = Segments {
        source: BufReader::new(file),
        at: 0,
    };
    let mut texts = Vec::new();
    let mut extended = Extended::default();
    segments.skip(2)?;
    loop {
        match segments.next() {
            Ok(Some(segment)) => read(&segment, &mut texts, &mut extended)?,
            Ok(None) => break,
            Err(ErrorKind::Damaged { .. }) if !texts.is_empty() => break,
            Err(error) => return Err(error),
        }
    }
    texts.extend(extended.texts());
    Ok(texts)
}

struct Segment {
    marker: u8,
    at: u64,
    data: Vec<u8>,
}

struct Segments<R> {
    source: BufReader<R>,
    at: u64,
}

impl<R: Read> Segments<R> {
    /// Returns the next segment that has data, or `None` where pixels begin.
    fn next(&mut self) -> Result<Option<Segment>, ErrorKind> {
        loop {
            let at = self.at;
            let [mut byte] = self.take()?;
            if byte != 0xff {
                return Err(damaged(at, "no segment begins here"));
            }
            while byte == 0xff {
                [byte] = self.take()?;
            }
            match byte {
                START_OF_SCAN | END => return Ok(None),
                // Markers that stand alone.
                0x00 | 0x01 | 0xd0..=0xd8 => {}
                marker => {
                    let length = u16::from_be_bytes(self.take()?);
                    let length = usize::from(length)
                        .checked_sub(2)
                        .ok_or_else(|| damaged(at, "a segment is shorter than its own length"))?;
                    if matches!(marker, EXIF_OR_XMP | COMMENT) {
                        let mut data = vec![0; length];
                        self.fill(&mut data)?;
                        return Ok(Some(Segment { marker, at, data }));
                    }
                    self.skip(length)?;
                }
            }
        }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], ErrorKind> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn skip(&mut self, bytes: usize) -> Result<(), ErrorKind> {
        let mut waste = vec![0; bytes];
        self.fill(&mut waste)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), ErrorKind> {
        self.source
            .read_exact(bytes)
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::UnexpectedEof => damaged(self.at, "it ends before the picture"),
                _ => ErrorKind::Io(error),
            })?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// XMP that did not fit into one segment: pieces by the digest of the whole, then by their place in it.
#[derive(Default)]
struct Extended {
    pieces: BTreeMap<[u8; 32], BTreeMap<u32, Vec<u8>>>,
    bytes: u64,
}

impl Extended {
    fn add(&mut self, data: &[u8]) -> Result<(), ErrorKind> {
        let Some((digest, rest)) = data.split_first_chunk::<32>() else {
            return Ok(());
        };
        let Some(([_, _, _, _, offset @ ..], piece)) = rest.split_first_chunk::<8>() else {
            return Ok(());
        };
        self.bytes += piece.len() as u64;
        if self.bytes > LARGEST {
            return Err(ErrorKind::TooLarge {
                part: "extended XMP".into(),
                limit: LARGEST,
            });
        }
        let pieces = self.pieces.entry(*digest).or_default();
        pieces.insert(u32::from_be_bytes(*offset), piece.to_vec());
        Ok(())
    }

    fn texts(self) -> Vec<Text> {
        let wholes = self.pieces.into_values().map(|pieces| {
            let bytes: Vec<u8> = pieces.into_values().flatten().collect();
            decoded(&bytes)
        });
        wholes.flat_map(|whole| xmp::texts(&whole)).collect()
    }
}

fn read(
    segment: &Segment,
    texts: &mut Vec<Text>,
    extended: &mut Extended,
) -> Result<(), ErrorKind> {
    let data = segment.data.as_slice();
    if segment.marker == COMMENT {
        let part = format!("comment at byte {}", segment.at);
        texts.push(Text::new(part, decoded(data), Promise::Possible));
    } else if let Some(exif) = data.strip_prefix(b"Exif\0\0") {
        texts.extend(tiff::texts(exif));
    } else if let Some(xmp) = data.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0") {
        texts.extend(xmp::texts(&decoded(xmp)));
    } else if let Some(piece) = data.strip_prefix(b"http://ns.adobe.com/xmp/extension/\0") {
        extended.add(piece)?;
    }
    Ok(())
}

fn damaged(offset: u64, problem: &'static str) -> ErrorKind {
    ErrorKind::Damaged {
        format: "JPEG",
        offset,
        problem,
    }
}

const START_OF_SCAN: u8 = 0xda;
const END: u8 = 0xd9;
const EXIF_OR_XMP: u8 = 0xe1;
const COMMENT: u8 = 0xfe;

#[cfg(test)]
mod tests {
    use super::*;

    fn jpeg(segments: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8];
        for (marker, data) in segments {
            bytes.extend([0xff, *marker]);
            let length = u16::try_from(data.len() + 2).expect("small");
            bytes.extend(length.to_be_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn segments_before_the_pixels_are_read() {
        let mut bytes = jpeg(&[(0xe0, &[1; 14]), (0xfe, b"hello"), (0xdb, &[2; 65])]);
        bytes.extend([0xff, 0xff, 0xda, 0, 8]);
        let texts = texts(&mut bytes.as_slice()).expect("a sound picture");
        assert_eq!(texts.len(), 1);
        assert_eq!(texts[0].content, "hello");
    }

    #[test]
    fn xmp_in_pieces_is_joined_in_their_order() {
        let piece = |offset: u32, text: &str| {
            let head = b"http://ns.adobe.com/xmp/extension/\0".as_slice();
            [
                head,
                &[b'0'; 32],
                &[0; 4],
                &offset.to_be_bytes(),
                text.as_bytes(),
            ]
            .concat()
        };
        let (first, second) = (piece(0, "<a>Steps: 1, Mod"), piece(16, "el: x</a>"));
        let mut bytes = jpeg(&[(0xe1, &second), (0xe1, &first)]);
        bytes.extend([0xff, 0xda]);
        let texts = texts(&mut bytes.as_slice()).expect("a sound picture");
        assert_eq!(texts[0].content, "Steps: 1, Model: x");
    }

    #[test]
    fn damage_is_named_with_its_place() {
        for (bytes, offset) in [
            (vec![0xff, 0xd8, 0xff], 3),
            (vec![0xff, 0xd8, 0x00], 2),
            (vec![0xff, 0xd8, 0xff, 0xe1, 0, 1], 2),
            (vec![0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff, 0], 6),
        ] {
            let error = texts(&mut bytes.as_slice()).expect_err("damaged");
            assert!(
                matches!(error, ErrorKind::Damaged { offset: at, .. } if at == offset),
                "{error}"
            );
        }
    }
}
