//! PNG: text chunks (`tEXt`, `zTXt`, `iTXt`) and `eXIf`.

use std::io::{Read, Seek, SeekFrom};

use flate2::read::ZlibDecoder;

use super::{ErrorKind, LARGEST, Promise, Text, bounded, decoded, tiff, xmp};

/// Walks the chunks; those that hold pixels are skipped over. What a cut-off file told before the cut stands.
pub(super) fn texts(file: &mut (impl Read + Seek)) -> Result<Vec<Text>, ErrorKind> {
    let end = file.seek(SeekFrom::End(0)).map_err(ErrorKind::Io)?;
    let mut at = file
        .seek(SeekFrom::Start(SIGNATURE))
        .map_err(ErrorKind::Io)?;
    let mut texts = Vec::new();
    let mut left = LARGEST;
    while at < end {
        let chunk = match Chunk::at(file, at, end) {
            Ok(chunk) => chunk,
            Err(ErrorKind::Damaged { .. }) if !texts.is_empty() => break,
            Err(error) => return Err(error),
        };
        if &chunk.kind == b"IEND" {
            break;
        }
        if matches!(&chunk.kind, b"tEXt" | b"zTXt" | b"iTXt" | b"eXIf") {
            let data = chunk.data(file, left)?;
            let before = texts.len();
            read(&chunk, &data, left, &mut texts)?;
            let taken: usize = texts[before..].iter().map(|text| text.content.len()).sum();
            left = left.saturating_sub(taken.max(data.len()) as u64);
        }
        at = chunk.next;
        file.seek(SeekFrom::Start(at)).map_err(ErrorKind::Io)?;
    }
    Ok(texts)
}

struct Chunk {
    kind: [u8; 4],
    at: u64,
    length: u64,
    next: u64,
}

impl Chunk {
    fn at(file: &mut impl Read, at: u64, end: u64) -> Result<Self, ErrorKind> {
        let damaged = |problem| ErrorKind::Damaged {
            format: "PNG",
            offset: at,
            problem,
        };
        if end - at < HEAD + CHECKSUM {
            return Err(damaged("it ends inside a chunk"));
        }
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(ErrorKind::Io)?;
        let [a, b, c, d, kind @ ..] = head;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(damaged("no chunk begins here"));
        }
        let next = at + HEAD + length + CHECKSUM;
        if next > end {
            return Err(damaged("a chunk goes past the end of the file"));
        }
        Ok(Self {
            kind,
            at,
            length,
            next,
        })
    }

    fn data(&self, file: &mut impl Read, left: u64) -> Result<Vec<u8>, ErrorKind> {
        bounded(&mut file.take(self.length), left, &self.part(b""))
    }

    fn part(&self, keyword: &[u8]) -> String {
        let kind = String::from_utf8_lossy(&self.kind);
        if keyword.is_empty() {
            return format!("chunk {kind} at byte {}", self.at);
        }
        let keyword = decoded(&keyword[..keyword.len().min(LONGEST_KEYWORD)]);
        format!("chunk {kind} {:?} at byte {}", keyword, self.at)
    }
}

fn read(chunk: &Chunk, data: &[u8], left: u64, texts: &mut Vec<Text>) -> Result<(), ErrorKind> {
    if &chunk.kind == b"eXIf" {
        texts.extend(tiff::texts(data));
        return Ok(());
    }
    let damaged = |problem| ErrorKind::Damaged {
        format: "PNG",
        offset: chunk.at,
        problem,
    };
    let (keyword, rest) = cut(data).ok_or_else(|| damaged("a text chunk has no keyword"))?;
    let part = chunk.part(keyword);
    let inflated = |packed: &[u8]| inflate(packed, left, &part, chunk.at);
    let content = match &chunk.kind {
        b"tEXt" => rest.to_vec(),
        b"zTXt" => match rest {
            [0, packed @ ..] => inflated(packed)?,
            _ => return Err(damaged("a text chunk is packed in an unknown way")),
        },
        _ => {
            let missing = || damaged("a text chunk ends before its text");
            let ([packed, method], rest) = rest.split_first_chunk().ok_or_else(missing)?;
            let (_language, rest) = cut(rest).ok_or_else(missing)?;
            let (_translated, rest) = cut(rest).ok_or_else(missing)?;
            match (packed, method) {
                (0, _) => rest.to_vec(),
                (1, 0) => inflated(rest)?,
                _ => return Err(damaged("a text chunk is packed in an unknown way")),
            }
        }
    };
    let content = decoded(&content);
    if keyword == b"XML:com.adobe.xmp" {
        texts.extend(xmp::texts(&content));
    } else {
        texts.push(Text::new(part, content, promise(keyword)));
    }
    Ok(())
}

/// Splits at the first zero byte.
fn cut(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = data.iter().position(|byte| *byte == 0)?;
    Some((&data[..at], &data[at + 1..]))
}

fn inflate(packed: &[u8], left: u64, part: &str, offset: u64) -> Result<Vec<u8>, ErrorKind> {
    bounded(&mut ZlibDecoder::new(packed), left, part).map_err(|error| match error {
        ErrorKind::Io(_) => ErrorKind::Damaged {
            format: "PNG",
            offset,
            problem: "a text chunk cannot be unpacked",
        },
        other => other,
    })
}

fn promise(keyword: &[u8]) -> Promise {
    if KEYWORDS
        .iter()
        .any(|known| known.as_bytes().eq_ignore_ascii_case(keyword))
    {
        Promise::Certain
    } else {
        Promise::Possible
    }
}

/// The keywords that tools use for nothing but generation data. `Comment` and `Description` belong to everybody.
const KEYWORDS: [&str; 8] = [
    "invokeai_graph",
    "invokeai_metadata",
    "invokeai_workflow",
    "parameters",
    "parameters-json",
    "prompt",
    "sd-metadata",
    "workflow",
];

const SIGNATURE: u64 = 8;
const HEAD: u64 = 8;
const CHECKSUM: u64 = 4;
/// The format allows 79 bytes.
const LONGEST_KEYWORD: usize = 79;

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write as _};

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;

    fn png(chunks: &[(&[u8; 4], &[u8])]) -> Cursor<Vec<u8>> {
        let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
        for (kind, data) in chunks {
            bytes.extend(u32::try_from(data.len()).expect("small").to_be_bytes());
            bytes.extend(*kind);
            bytes.extend(*data);
            bytes.extend([0; 4]);
        }
        Cursor::new(bytes)
    }

    fn zlib(data: &[u8]) -> Vec<u8> {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
        packed.write_all(data).expect("memory");
        packed.finish().expect("memory")
    }

    fn contents(file: &mut Cursor<Vec<u8>>) -> Vec<String> {
        let texts = texts(file).expect("a sound picture");
        texts.into_iter().map(|text| text.content).collect()
    }

    #[test]
    fn every_kind_of_text_chunk_is_read() {
        let packed = [b"prompt\0\0".as_slice(), &zlib(b"{\"b\":2}")].concat();
        let unicode = [
            b"parameters\0\x01\0en\0\0".as_slice(),
            &zlib("空".as_bytes()),
        ]
        .concat();
        let mut file = png(&[
            (b"IHDR", &[0; 13]),
            (b"tEXt", b"workflow\0{\"a\":1}"),
            (b"zTXt", &packed),
            (b"iTXt", &unicode),
            (b"iTXt", b"note\0\0\0\0\0plain"),
            (b"IDAT", &[7; 5000]),
            (b"tEXt", b"late\0too"),
            (b"IEND", b""),
            (b"tEXt", b"after\0the end"),
        ]);
        assert_eq!(
            contents(&mut file),
            ["{\"a\":1}", "{\"b\":2}", "空", "plain", "too"]
        );
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = [b"prompt\0\0".as_slice(), &zlib(&vec![b' '; 65 << 20])].concat();
        let error = texts(&mut png(&[(b"zTXt", &bomb)])).expect_err("too large");
        assert!(
            matches!(error, ErrorKind::TooLarge { limit: LARGEST, .. }),
            "{error}"
        );
    }

    #[test]
    fn damage_is_named_with_its_place_and_what_came_before_stands() {
        let mut cut = png(&[(b"IHDR", &[0; 13]), (b"tEXt", b"prompt\0{}")]);
        let length = cut.get_ref().len();
        cut.get_mut().truncate(length - 6);
        let error = texts(&mut cut).expect_err("cut off");
        assert_eq!(
            error.to_string(),
            "damaged PNG at byte 33: a chunk goes past the end of the file"
        );
        let mut cut = png(&[(b"tEXt", b"prompt\0{}"), (b"IDAT", &[0; 100])]);
        let length = cut.get_ref().len();
        cut.get_mut().truncate(length - 60);
        assert_eq!(contents(&mut cut), ["{}"]);
        for data in [
            b"no keyword".as_slice(),
            b"a\0\x07packed",
            b"a\0\0not packed",
        ] {
            let error = texts(&mut png(&[(b"zTXt", data)])).expect_err("damaged");
            assert!(
                matches!(error, ErrorKind::Damaged { offset: 8, .. }),
                "{error}"
            );
        }
        assert!(texts(&mut png(&[(b"iTXt", b"a\0\x01\0en\0")])).is_err());
    }
}
