//! GGUF: a header of typed values and tensor descriptions, then the tensors' bytes.
//!
//! The header is read as `llama.cpp` and the `gguf` Python package read it, with every count and length
//! checked against what is left of the file before it is used. Chat templates among the values are
//! programs, and are judged as such.

mod reader;
mod tensor;

use std::collections::HashSet;
use std::io;

use super::format::{Format, Match};
use super::frame::{Scan, Stop};
use super::input::Input;
use super::jinja;
use super::rule::rule_table;
use reader::{Reader, Value};

rule_table! { "GGUF":
    GGUF_MAGIC = "gguf_magic", Malformed,
        "the name says GGUF, the bytes do not", "gguf.md";
    GGUF_OLD = "gguf_old", Unscannable,
        "a format of the time before GGUF, which today's loaders refuse", "llama.cpp: GGML, GGMF, GGJT, GGLA";
    GGUF_VERSION = "gguf_version", Unscannable,
        "a version of GGUF whose layout the scanner does not know", "gguf.md";
    GGUF_COUNT = "gguf_count", Malformed,
        "more tensors, values, elements or dimensions than the file has room for",
        "CVE-2024-21802, CVE-2024-25664 and relatives";
    GGUF_LENGTH = "gguf_length", Malformed,
        "a string or list is longer than the rest of the file", "CVE-2024-25665, CVE-2024-21836";
    GGUF_TYPE = "gguf_type", Malformed,
        "a value or a tensor has a type that the format does not have", "gguf.md; ggml.h";
    GGUF_NAME = "gguf_name", Malformed,
        "a key or a tensor's name is empty, too long or not UTF-8", "gguf.md";
    GGUF_DUPLICATE = "gguf_duplicate", Malformed,
        "a key or a tensor's name is there twice, and readers disagree about which one counts",
        "llama.cpp: gguf.cpp";
    GGUF_BOOL = "gguf_bool", Malformed,
        "a boolean is neither 0 nor 1", "gguf.md";
    GGUF_ALIGNMENT = "gguf_alignment", Malformed,
        "the alignment is not a power of two, or not of the right type", "CVE-2025-53630; llama.cpp: gguf.cpp";
    GGUF_SIZE = "gguf_size", Malformed,
        "the size of a tensor overflows, or its rows are no whole blocks",
        "CVE-2025-53630, CVE-2026-27940, CVE-2026-33298";
    GGUF_OFFSET = "gguf_offset", Malformed,
        "a tensor is not aligned, overlaps another, leaves a hole or ends past the file",
        "llama.cpp: gguf.cpp";
    GGUF_END = "gguf_end", Malformed,
        "bytes follow the last tensor, where other data can hide", "llama.cpp: gguf.cpp";
    GGUF_LIMIT = "gguf_limit", Unscannable,
        "more tensors, values, levels or bytes of values than the scanner reads", "fail closed";
}

pub(super) const FORMAT: Format = Format {
    name: "gguf",
    extensions: &["gguf", "ggml"],
    detect,
    scan,
};

fn detect(input: &mut Input<'_>) -> io::Result<Match> {
    let named = input.has_extension(FORMAT.extensions);
    let head = input.head()?;
    let marked = head.starts_with(MAGIC) || OLD_MAGICS.iter().any(|magic| head.starts_with(*magic));
    Ok((named || marked).into())
}

fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let head = input.head()?;
    if OLD_MAGICS.iter().any(|magic| head.starts_with(*magic)) {
        return Err(Stop::at(&GGUF_OLD, 0, head[..4].escape_ascii().to_string()));
    }
    if !head.starts_with(MAGIC) {
        let begin = head[..head.len().min(8)].escape_ascii();
        return Err(Stop::at(&GGUF_MAGIC, 0, format!("begins {begin}")));
    }
    let mut reader = Reader::new(input, MAGIC.len() as u64)?;
    reader.version()?;
    let tensors = reader.count("tensors", TENSOR_BYTES, TENSORS)?;
    let values = reader.count("values", VALUE_BYTES, VALUES)?;
    let alignment = read_values(scan, &mut reader, values)?;
    let table = tensor::read(scan, &mut reader, tensors)?;
    let Some(alignment) = alignment else {
        // Nothing can be placed without it, and it is a finding already.
        return Ok(());
    };
    table.check(scan, &reader, alignment);
    Ok(())
}

/// Reads the key-value pairs and judges the templates among them; gives the alignment, unless it is wrong.
fn read_values(
    scan: &mut Scan<'_>,
    reader: &mut Reader<'_, '_>,
    count: u64,
) -> Result<Option<u64>, Stop> {
    let mut keys = HashSet::new();
    let mut alignment = Some(DEFAULT_ALIGNMENT);
    for _ in 0..count {
        let at = reader.at();
        let key = reader.name("a key", KEY_BYTES)?;
        let value_at = reader.at();
        match reader.value(scan, &key)? {
            Value::Text(text) if key != ALIGNMENT => {
                jinja::judge_value(scan, value_at, &key, &text);
            }
            Value::Unsigned(value) if key == ALIGNMENT => {
                alignment = value.is_power_of_two().then_some(u64::from(value));
            }
            _ if key == ALIGNMENT => alignment = None,
            _ => {}
        }
        if key == ALIGNMENT && alignment.is_none() {
            scan.find(&GGUF_ALIGNMENT, value_at, "general.alignment");
        }
        if let Some(twice) = keys.replace(key) {
            scan.find(&GGUF_DUPLICATE, at, format!("key {twice}"));
        }
    }
    Ok(alignment)
}

const MAGIC: &[u8] = b"GGUF";
const OLD_MAGICS: [&[u8; 4]; 4] = [b"lmgg", b"fmgg", b"tjgg", b"algg"];
const KNOWN_VERSIONS: std::ops::RangeInclusive<u32> = 2..=3;
const ALIGNMENT: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u64 = 32;
/// The least bytes of a tensor's description: name, dimensions, type and offset.
const TENSOR_BYTES: u64 = 8 + 4 + 4 + 8;
/// The least bytes of a pair: key, type and a value of one byte.
const VALUE_BYTES: u64 = 8 + 1 + 4 + 1;
const TENSORS: u64 = 1 << 18;
const VALUES: u64 = 1 << 18;
const KEY_BYTES: u64 = 65_535;
