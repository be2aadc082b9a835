//! Plain text: what it is where a model should be, and text that is known to be a test of scanners.

use std::io;

use super::format::{Format, Match};
use super::frame::{Scan, Stop};
use super::input::Input;
use super::jinja;
use super::rule::{Rule, rule_table};

rule_table! { "Text":
    TEXT_EICAR = "text_eicar", Malicious,
        "the test file that every scanner of malware must find", "EICAR anti-malware test file";
    TEXT_HTML = "text_html", Malformed,
        "the name says a model, the bytes are a web page: a login or an error saved as a file",
        "downloads that a site answers with a page";
    TEXT_ERROR = "text_error", Malformed,
        "the name says a model, the bytes are the error message of a server",
        "downloads that a site answers with JSON";
    TEXT_POINTER = "text_pointer", Malformed,
        "the name says a model, the bytes only point to where Git LFS keeps it", "Git LFS pointer files";
    TEXT_BINARY = "text_binary", Unscannable,
        "the bytes begin as text and go on as something else", "fail closed";
    TEXT_LENGTH = "text_length", Unscannable,
        "the text is longer than the scanner reads", "fail closed";
}

pub(super) const FORMAT: Format = Format {
    name: "text",
    extensions: PROSE,
    detect,
    scan,
};

/// The content of an input as text.
pub(super) enum Text {
    Read(String),
    /// Of an encoding of its own, but without bytes that no text has.
    Foreign,
    Binary,
    TooLong,
}

fn detect(input: &mut Input<'_>) -> io::Result<Match> {
    let is_model = input.has_extension(MODELS);
    let text = is_text(input)?;
    let head = input.head()?;
    if head.starts_with(EICAR) || (text && is_model && misplaced(head).is_some()) {
        return Ok(Match::Yes);
    }
    // A model of no bytes is none; beside it, an empty file is harmless.
    Ok(match (text || head.is_empty(), is_model) {
        (true, false) => Match::Maybe,
        _ => Match::No,
    })
}

fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let is_model = input.has_extension(MODELS);
    let head = input.head()?;
    if head.starts_with(EICAR) {
        scan.find(&TEXT_EICAR, 0, "the EICAR test file");
        return Ok(());
    }
    if let Some(rule) = misplaced(head).filter(|_| is_model) {
        let begin: String = String::from_utf8_lossy(head)
            .trim_start()
            .chars()
            .take(40)
            .collect();
        return Err(Stop::at(rule, 0, format!("begins {begin}")));
    }
    match read(input)? {
        Text::Read(text) => {
            if input.has_extension(TEMPLATES) {
                jinja::judge_value(scan, 0, "chat_template", &text);
            }
            Ok(())
        }
        Text::Foreign => Ok(()),
        Text::Binary => Err(Stop::at(&TEXT_BINARY, 0, "not text to the end")),
        Text::TooLong => {
            let detail = format!("{} bytes", input.len());
            Err(Stop::at(&TEXT_LENGTH, 0, detail))
        }
    }
}

/// What a text is that has no business under the name of a model.
fn misplaced(head: &[u8]) -> Option<&'static Rule> {
    let head = head
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(head)
        .trim_ascii_start();
    let head = &head[..head.len().min(512)];
    let begin = head.to_ascii_lowercase();
    if PAGES.iter().any(|page| begin.starts_with(page)) {
        Some(&TEXT_HTML)
    } else if head.starts_with(POINTER) {
        Some(&TEXT_POINTER)
    } else if head.starts_with(b"{") && ERRORS.iter().any(|key| contains(&begin, key)) {
        Some(&TEXT_ERROR)
    } else {
        None
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Whether the first bytes are text; of an empty input it is false.
pub(super) fn is_text(input: &mut Input<'_>) -> io::Result<bool> {
    let whole = input.len() <= input.head()?.len() as u64;
    let prose = input.has_extension(PROSE);
    let head = input.head()?;
    Ok(match decode(head, whole) {
        Text::Read(text) => !text.is_empty(),
        Text::Foreign => prose,
        Text::Binary | Text::TooLong => false,
    })
}

/// Reads the whole input as text.
pub(super) fn read(input: &mut Input<'_>) -> io::Result<Text> {
    if input.len() > TEXT_BYTES {
        return Ok(Text::TooLong);
    }
    let bytes = input.bytes_at(0, usize::try_from(TEXT_BYTES).expect("it is small"))?;
    Ok(match decode(&bytes, true) {
        Text::Foreign if !input.has_extension(PROSE) => Text::Binary,
        text => text,
    })
}

/// Decodes UTF-8 or, with a byte order mark, UTF-16; a part of a text may end within a character.
fn decode(bytes: &[u8], whole: bool) -> Text {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks().0.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => match str::from_utf8(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)) {
            Ok(text) => text.to_owned(),
            Err(error) if !whole && error.error_len().is_none() => {
                String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned()
            }
            Err(_) if bytes.iter().any(|byte| is_binary(char::from(*byte))) => {
                return Text::Binary;
            }
            Err(_) => return Text::Foreign,
        },
    };
    if text.chars().any(is_binary) {
        Text::Binary
    } else {
        Text::Read(text)
    }
}

/// Control characters that no text has; an escape colours the logs that trainers save.
fn is_binary(char: char) -> bool {
    matches!(char, '\0'..='\x08' | '\x0e'..='\x1a' | '\x1c'..='\x1f' | '\x7f')
}

/// The first part of the EICAR test file, split so that no scanner finds it in here.
const EICAR: &[u8] = concat!(
    r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-",
    "ANTIVIRUS-TEST-FILE!$H+H*"
)
.as_bytes();
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const PAGES: &[&[u8]] = &[
    b"<!doctype html",
    b"<!doctype>",
    b"<html",
    b"<head",
    b"<body",
    b"<script",
    b"<title",
    b"<?xml",
    b"<!--",
    b"<meta",
    b"<svg",
];
const ERRORS: &[&[u8]] = &[
    b"\"error\"",
    b"\"errors\"",
    b"\"message\"",
    b"\"detail\"",
    b"\"statuscode\"",
];
/// Longer texts are read by nothing that reads texts: the largest tokenizers have some 35 MB.
const TEXT_BYTES: u64 = 64 << 20;
/// Names of text that may be in an encoding of its own.
const PROSE: &[&str] = &[
    "bat", "cfg", "csv", "htm", "html", "ini", "info", "json", "jsonl", "log", "md", "nfo", "rst",
    "rtf", "toml", "tsv", "txt", "xml", "yaml", "yml",
];
const TEMPLATES: &[&str] = &["j2", "jinja", "jinja2"];
/// Names that promise a model, or an archive of some.
pub(super) const MODELS: &[&str] = &[
    "7z",
    "bin",
    "bz2",
    "ckpt",
    "engine",
    "ggml",
    "gguf",
    "gz",
    "h5",
    "hdf5",
    "joblib",
    "keras",
    "lzma",
    "mlmodel",
    "model",
    "msgpack",
    "nemo",
    "npy",
    "npz",
    "onnx",
    "ort",
    "pb",
    "pickle",
    "pkl",
    "pt",
    "pt2",
    "pth",
    "ptl",
    "safetensors",
    "sft",
    "tar",
    "tflite",
    "tgz",
    "xz",
    "zip",
];
