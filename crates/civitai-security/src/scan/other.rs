//! Formats that are known by their first bytes and not read further: pictures, programs, and models
//! and containers that the scanner cannot judge.

mod compound;

use std::io;

use super::format::Format;
use super::frame::{Scan, Stop};
use super::input::Input;
use super::rule::rule_table;
use super::text::MODELS;

rule_table! { "Other formats":
    OTHER_PROGRAM = "other_program", Suspicious,
        "the bytes are a program, and a model is none", "ELF, PE, Mach-O, WebAssembly, compiled Python";
    OTHER_MEDIA = "other_media", Malformed,
        "the name says a model, the bytes are a picture, a film or a sound", "downloads that a site mixed up";
    OTHER_UNREAD = "other_unread", Unscannable,
        "a format that the scanner knows by name only", "fail closed";
}

pub(super) const FORMAT: Format = Format {
    name: "other",
    extensions: &[],
    detect: |input| Ok(known(input)?.is_some().into()),
    scan,
};

/// What bytes that begin in a certain way are.
struct Magic {
    what: &'static str,
    kind: Kind,
    at: usize,
    bytes: &'static [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Media,
    Program,
    Unread,
}

fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let is_model = input.has_extension(MODELS);
    match known(input)? {
        Some((Kind::Media, what)) if is_model => scan.find(&OTHER_MEDIA, 0, what),
        Some((Kind::Program, what)) => scan.find(&OTHER_PROGRAM, 0, what),
        Some((Kind::Unread, what)) => scan.find(&OTHER_UNREAD, 0, what),
        Some((Kind::Media, _)) | None => {}
    }
    Ok(())
}

fn known(input: &mut Input<'_>) -> io::Result<Option<(Kind, &'static str)>> {
    if compound::holds_thumbnails(input)? {
        return Ok(Some((Kind::Media, "what Windows keeps of a folder")));
    }
    let head = input.head()?;
    let magic = MAGICS.iter().find(|magic| {
        head.get(magic.at..)
            .is_some_and(|rest| rest.starts_with(magic.bytes))
    });
    Ok(magic
        .map(|magic| (magic.kind, magic.what))
        .or_else(|| is_bitmap(head).then_some((Kind::Media, "a bitmap")))
        .or_else(|| is_font(head).then_some((Kind::Media, "a font")))
        .or_else(|| is_pe(head).then_some((Kind::Program, "a Windows program")))
        .or_else(|| is_compiled_python(head).then_some((Kind::Program, "compiled Python"))))
}

/// Two letters, a size, nothing, where the pixels begin, and the length of one of the headers in use.
fn is_bitmap(head: &[u8]) -> bool {
    head.starts_with(b"BM")
        && head.get(6..10) == Some(&[0; 4])
        && matches!(
            head.get(14..18),
            Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])
        )
}

/// The number of tables, the numbers for a binary search that follow from it, and the tag of the first table.
fn is_font(head: &[u8]) -> bool {
    let [0, 1, 0, 0, rest @ ..] = head else {
        return false;
    };
    let Some((search, tables)) = rest.split_first_chunk::<8>() else {
        return false;
    };
    let number = |at: usize| u32::from(u16::from_be_bytes([search[at], search[at + 1]]));
    let (count, range, steps, left) = (number(0), number(2), number(4), number(6));
    let is_tag = |byte: &u8| matches!(byte, b' '..=b'~');
    (1..=4096).contains(&count)
        && steps == count.ilog2()
        && range == 16 << steps
        && left == count * 16 - range
        && tables.get(..4).is_some_and(|tag| tag.iter().all(is_tag))
}

fn is_pe(head: &[u8]) -> bool {
    let header = head.get(0x3c..0x40).map(|at| {
        let at = [at[0], at[1], at[2], at[3]];
        usize::try_from(u32::from_le_bytes(at)).unwrap_or(usize::MAX)
    });
    head.starts_with(b"MZ")
        && header
            .and_then(|at| head.get(at..))
            .is_some_and(|header| header.starts_with(b"PE\0\0"))
}

/// A version number with a line end, as Python 3 has, and flags of which two are in use.
fn is_compiled_python(head: &[u8]) -> bool {
    matches!(head, [_, 0x0b..=0x0f, b'\r', b'\n', 0..=3, 0, 0, 0, ..])
}

const fn media(what: &'static str, at: usize, bytes: &'static [u8]) -> Magic {
    Magic {
        what,
        kind: Kind::Media,
        at,
        bytes,
    }
}

const fn program(what: &'static str, bytes: &'static [u8]) -> Magic {
    Magic {
        what,
        kind: Kind::Program,
        at: 0,
        bytes,
    }
}

const fn unread(what: &'static str, at: usize, bytes: &'static [u8]) -> Magic {
    Magic {
        what,
        kind: Kind::Unread,
        at,
        bytes,
    }
}

const MAGICS: &[Magic] = &[
    media("a PNG picture", 0, b"\x89PNG\r\n\x1a\n"),
    media("a JPEG picture", 0, b"\xff\xd8\xff"),
    media("a GIF picture", 0, b"GIF8"),
    media("a WebP picture", 8, b"WEBP"),
    media("a JPEG XL picture", 0, b"\0\0\0\x0cJXL "),
    media("a TIFF picture", 0, b"II*\0"),
    media("a TIFF picture", 0, b"MM\0*"),
    media("a Photoshop picture", 0, b"8BPS"),
    media("an OpenEXR picture", 0, b"\x76\x2f\x31\x01"),
    media(
        "what a Mac keeps beside a file",
        0,
        b"\0\x05\x16\x07\0\x02\0\0",
    ),
    media("what a Mac keeps of a folder", 0, b"\0\0\0\x01Bud1"),
    media("an icon", 0, b"\0\0\x01\0\x01\0"),
    media("an MP4 film or AVIF picture", 4, b"ftyp"),
    media("a Matroska or WebM film", 0, b"\x1a\x45\xdf\xa3"),
    media("an AVI film", 8, b"AVI LIST"),
    media("a WAVE sound", 8, b"WAVEfmt "),
    media("an Ogg sound", 0, b"OggS"),
    media("a FLAC sound", 0, b"fLaC"),
    media("an MP3 sound", 0, b"ID3"),
    media("a font", 0, b"wOFF"),
    media("a font", 0, b"wOF2"),
    media("a font", 0, b"OTTO"),
    media("a font", 0, b"true\0"),
    media("fonts", 0, b"ttcf\0"),
    program("an ELF program", b"\x7fELF"),
    program("a Mach-O program", b"\xcf\xfa\xed\xfe"),
    program("a Mach-O program", b"\xce\xfa\xed\xfe"),
    program("a Mach-O program", b"\xfe\xed\xfa\xcf"),
    program("a Mach-O program", b"\xfe\xed\xfa\xce"),
    program("a Mach-O program or Java class", b"\xca\xfe\xba\xbe"),
    program("a WebAssembly program", b"\0asm"),
    program("an Android program", b"dex\n0"),
    program("a Lua program", b"\x1bLua"),
    program("a Windows shortcut", b"\x4c\0\0\0\x01\x14\x02\0"),
    program("an actually portable program", b"MZqFpD"),
    unread(
        "an encrypted container, which `decrypt` opens",
        0,
        b"CKE\x01",
    ),
    unread(
        "an age file, which `decrypt` opens",
        0,
        b"age-encryption.org/v1\n",
    ),
    unread("Zstandard", 0, b"\x28\xb5\x2f\xfd"),
    unread("LZ4", 0, b"\x04\x22\x4d\x18"),
    unread("RAR", 0, b"Rar!\x1a\x07"),
    unread("a cabinet", 0, b"MSCF\0\0\0\0"),
    unread("lzip", 0, b"LZIP\x01"),
    unread("Snappy", 0, b"\xff\x06\0\0sNaPpY"),
    unread("an archive of objects", 0, b"!<arch>\n"),
    unread("a TensorFlow Lite model", 4, b"TFL3"),
    unread("an ONNX Runtime model", 4, b"ORTM"),
    unread("a PyTorch mobile model", 4, b"PTMF"),
    unread("an ExecuTorch model", 4, b"ET12"),
    unread("a TensorRT engine", 0, b"ptrt"),
    unread("a TensorRT engine", 0, b"ftrt"),
    unread("R data", 0, b"RDX2\n"),
    unread("R data", 0, b"RDX3\n"),
    unread("MATLAB data", 0, b"MATLAB 5.0 MAT-file"),
    unread("a SQLite database", 0, b"SQLite format 3\0"),
    unread("Parquet", 0, b"PAR1"),
    unread("Arrow", 0, b"ARROW1\0\0"),
    unread("a PDF document", 0, b"%PDF-"),
    unread("an Office document", 0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::{Limits, Verdict, scan_bytes};

    #[test]
    fn a_picture_is_clean_unless_it_is_named_a_model() {
        let picture = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
        let verdict = |name| scan_bytes(name, picture, &Limits::default()).verdict;
        assert_eq!(verdict("preview.png"), Verdict::Clean);
        assert_eq!(verdict("model.ckpt"), Verdict::Malformed);
    }

    #[test]
    fn what_other_systems_put_into_archives_is_clean() {
        let mut bitmap = b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        bitmap.resize(70, 0);
        for bytes in [
            &b"\0\x05\x16\x07\0\x02\0\0Mac OS X        "[..],
            b"\0\0\0\x01Bud1\0\0",
            &bitmap,
        ] {
            let report = scan_bytes("a", bytes, &Limits::default());
            assert_eq!(report.verdict, Verdict::Clean, "{report:?}");
        }
    }

    #[test]
    fn a_font_has_the_numbers_that_follow_from_its_tables() {
        let font = |count: u16, range: u16, steps: u16, left: u16| {
            let numbers = [count, range, steps, left].map(u16::to_be_bytes).concat();
            let mut bytes = [&b"\0\x01\0\0"[..], &numbers, b"cmap"].concat();
            bytes.resize(200, 0);
            scan_bytes("a.ttf", &bytes, &Limits::default()).verdict
        };
        assert_eq!(font(9, 128, 3, 16), Verdict::Clean);
        assert_eq!(font(9, 64, 3, 16), Verdict::Unscannable);
        assert_eq!(font(0, 0, 0, 0), Verdict::Unscannable);
    }

    #[test]
    fn a_program_is_suspicious_under_any_name() {
        let mut pe = b"MZ".to_vec();
        pe.resize(0x3c, 0);
        pe.extend(64_u32.to_le_bytes());
        pe.extend(b"PE\0\0");
        for bytes in [&b"\x7fELF\x02\x01\x01\0"[..], &pe, b"\xcb\x0d\r\n\0\0\0\0"] {
            let report = scan_bytes("model", bytes, &Limits::default());
            assert_eq!(
                report.verdict,
                Verdict::Suspicious,
                "{}",
                bytes.escape_ascii()
            );
            assert_eq!(report.findings[0].rule.id, OTHER_PROGRAM.id);
        }
    }

    #[test]
    fn what_cannot_be_judged_is_named() {
        let report = scan_bytes("a.tflite", b"\x1c\0\0\0TFL3\0\0\0\0", &Limits::default());
        assert_eq!(report.verdict, Verdict::Unscannable);
        assert_eq!(report.findings[0].detail, "a TensorFlow Lite model");
    }
}
