//! `SafeTensors`: a length, a JSON header and the tensors' bytes, nothing else.
//!
//! Stricter than the reference reader, which takes two things that the format's text forbids: equal keys
//! and a header that begins with a space. A file that passes has each of its bytes in the header or in
//! exactly one tensor. The tensors' bytes are numbers to every loader and are not looked at.

use std::borrow::Cow;
use std::collections::HashSet;
use std::io;

use super::format::{Format, Match};
use super::frame::{Scan, Stop};
use super::input::Input;
use super::json::{Dialect, Event, Json, JsonFault};
use super::rule::{Rule, rule_table};

rule_table! { "SafeTensors":
    SAFETENSORS_LENGTH = "safetensors_length", Malformed,
        "the length of the header is missing, over 100 MB or past the end of the file",
        "safetensors: format text";
    SAFETENSORS_START = "safetensors_start", Malformed,
        "the header does not begin with `{`, so that other readers may see another format",
        "safetensors: format text";
    SAFETENSORS_JSON = "safetensors_json", Malformed,
        "the header is not strict JSON in UTF-8, or is nested more deeply than a header is",
        "safetensors: format text";
    SAFETENSORS_PADDING = "safetensors_padding", Malformed,
        "something else than spaces follows the JSON of the header",
        "safetensors: format text";
    SAFETENSORS_DUPLICATE = "safetensors_duplicate", Malformed,
        "a key is there twice, and readers disagree about which one counts",
        "safetensors: format text";
    SAFETENSORS_METADATA = "safetensors_metadata", Malformed,
        "`__metadata__` is not a map from strings to strings",
        "safetensors: format text";
    SAFETENSORS_ENTRY = "safetensors_entry", Malformed,
        "the entry of a tensor is not exactly a dtype, a shape and two offsets",
        "safetensors: format text and schema";
    SAFETENSORS_LIMIT = "safetensors_limit", Unscannable,
        "more tensors or entries of metadata than the scanner reads", "fail closed";
    SAFETENSORS_DTYPE = "safetensors_dtype", Malformed,
        "the dtype is none of the format's, so the size of the tensor cannot be checked",
        "safetensors: Dtype of the reference reader 0.8";
    SAFETENSORS_SIZE = "safetensors_size", Malformed,
        "the shape times the dtype overflows, or is not what the offsets span",
        "safetensors: format text";
    SAFETENSORS_OFFSETS = "safetensors_offsets", Malformed,
        "the tensors overlap or leave a hole, where other data can hide",
        "safetensors: format text";
    SAFETENSORS_END = "safetensors_end", Malformed,
        "the file does not end where its last tensor does",
        "safetensors: format text";
}

pub(super) const FORMAT: Format = Format {
    name: "safetensors",
    extensions: &["safetensors", "sft"],
    detect,
    scan,
};

fn detect(input: &mut Input<'_>) -> io::Result<Match> {
    if input.has_extension(FORMAT.extensions) {
        return Ok(Match::Yes);
    }
    let len = input.len();
    let head = input.head()?;
    let Some((length, header)) = head.split_first_chunk() else {
        return Ok(Match::No);
    };
    let length = u64::from_le_bytes(*length);
    let fits = (2..=HEADER_BYTES).contains(&length) && length <= len - LENGTH_BYTES;
    Ok((fits && header.trim_ascii_start().starts_with(b"{")).into())
}

fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let length = input.bytes_at(0, LENGTH_BYTES_USIZE)?;
    let Ok(length) = <[u8; LENGTH_BYTES_USIZE]>::try_from(length) else {
        let detail = format!("{} bytes are shorter than the length", input.len());
        return Err(Stop::at(&SAFETENSORS_LENGTH, 0, detail));
    };
    let length = u64::from_le_bytes(length);
    let data = (input.len() - LENGTH_BYTES).checked_sub(length);
    let Some(data) = data.filter(|_| length <= HEADER_BYTES) else {
        let detail = format!("a header of {length} bytes in a file of {}", input.len());
        return Err(Stop::at(&SAFETENSORS_LENGTH, 0, detail));
    };
    let length = usize::try_from(length).expect("it is at most 100 MB");
    let header = input.bytes_at(LENGTH_BYTES, length)?;
    if header.first() != Some(&b'{') {
        let begin = header[..header.len().min(8)].escape_ascii();
        let detail = format!("the header begins {begin}");
        return Err(Stop::at(&SAFETENSORS_START, LENGTH_BYTES, detail));
    }
    let header = str::from_utf8(&header).map_err(|error| {
        let offset = LENGTH_BYTES + error.valid_up_to() as u64;
        Stop::at(&SAFETENSORS_JSON, offset, "the header is not UTF-8")
    })?;
    Header {
        scan,
        json: Json::new(header, Dialect::Strict, NESTING),
        names: HashSet::new(),
        tensors: Vec::new(),
        whole: true,
    }
    .read(header, data)
}

/// The header while it is read.
struct Header<'s, 'l, 'h> {
    scan: &'s mut Scan<'l>,
    json: Json<'h>,
    names: HashSet<Cow<'h, str>>,
    tensors: Vec<Span>,
    /// Whether each tensor could be placed; where one could not, a hole is no news.
    whole: bool,
}

/// Where a tensor lies in the data, and where its name stands in the file.
struct Span {
    begin: u64,
    end: u64,
    entry: u64,
}

/// What an entry says of a tensor.
#[derive(Default)]
struct Entry<'h> {
    dtype: Option<Cow<'h, str>>,
    elements: Option<Elements>,
    offsets: Option<[u64; 2]>,
}

/// The product of a shape.
#[derive(Clone, Copy)]
enum Elements {
    Count(u64),
    Overflow,
}

impl<'h> Header<'_, '_, 'h> {
    fn read(mut self, text: &str, data: u64) -> Result<(), Stop> {
        self.json.next_event().map_err(not_json)?;
        while let Some((at, Event::Key(name))) = self.json.next_event().map_err(not_json)? {
            let entry = file_offset(at);
            check_count(&self.names, entry)?;
            if name == "__metadata__" {
                self.metadata()?;
            } else {
                self.tensor(entry, &name)?;
            }
            if let Some(twice) = self.names.replace(name) {
                self.find(
                    &SAFETENSORS_DUPLICATE,
                    entry,
                    format!("{twice} is there twice"),
                );
            }
        }
        let end = self.json.offset();
        if let Some(at) = text.as_bytes()[end..].iter().position(|byte| *byte != b' ') {
            let offset = file_offset(end + at);
            self.find(&SAFETENSORS_PADDING, offset, "not a space");
        }
        if self.whole {
            self.cover(data, file_offset(text.len()));
        }
        Ok(())
    }

    fn metadata(&mut self) -> Result<(), Stop> {
        let (at, first) = self.next()?;
        if first != Event::ObjectStart {
            let detail = format!("`__metadata__` is {}", first.kind());
            self.find(&SAFETENSORS_METADATA, file_offset(at), detail);
            return self.json.skip(&first).map_err(not_json);
        }
        let mut keys = HashSet::new();
        while let (at, Event::Key(key)) = self.next()? {
            check_count(&keys, file_offset(at))?;
            let (_, value) = self.next()?;
            if !matches!(value, Event::String(_)) {
                let detail = format!("`{key}` is {}", value.kind());
                self.find(&SAFETENSORS_METADATA, file_offset(at), detail);
                self.json.skip(&value).map_err(not_json)?;
            }
            if let Some(twice) = keys.replace(key) {
                let detail = format!("{twice} is there twice");
                self.find(&SAFETENSORS_DUPLICATE, file_offset(at), detail);
            }
        }
        Ok(())
    }

    fn tensor(&mut self, at: u64, name: &str) -> Result<(), Stop> {
        if let Entry {
            dtype: Some(dtype),
            elements: Some(elements),
            offsets: Some(offsets),
        } = self.entry(at, name)?
        {
            self.place(at, name, &dtype, elements, offsets);
        } else {
            self.whole = false;
            self.find(&SAFETENSORS_ENTRY, at, format!("{name} is not complete"));
        }
        Ok(())
    }

    fn entry(&mut self, at: u64, name: &str) -> Result<Entry<'h>, Stop> {
        let mut entry = Entry::default();
        let (_, first) = self.next()?;
        if first != Event::ObjectStart {
            self.json.skip(&first).map_err(not_json)?;
            return Ok(entry);
        }
        while let (key_at, Event::Key(key)) = self.next()? {
            let (_, value) = self.next()?;
            let twice = match (&*key, value) {
                ("dtype", Event::String(dtype)) => entry.dtype.replace(dtype).is_some(),
                ("shape", Event::ArrayStart) => {
                    let product = self.shape()?;
                    entry.elements.replace(product).is_some()
                }
                ("data_offsets", Event::ArrayStart) => {
                    let offsets = self.offsets()?;
                    entry.offsets.replace(offsets).is_some()
                }
                (_, value) => {
                    self.json.skip(&value).map_err(not_json)?;
                    let detail = format!("{name}: `{key}` is {}", value.kind());
                    self.find(&SAFETENSORS_ENTRY, file_offset(key_at), detail);
                    false
                }
            };
            if twice {
                let detail = format!("{name}: {key} is there twice");
                self.find(&SAFETENSORS_DUPLICATE, at, detail);
            }
        }
        Ok(entry)
    }

    fn shape(&mut self) -> Result<Elements, Stop> {
        let mut product = Some(1_u64);
        let mut is_empty = false;
        while let Some(size) = self.integer()? {
            // A size of nothing hides no overflow from readers that multiply in another order.
            is_empty |= size == 0;
            product = product.and_then(|product| product.checked_mul(size.max(1)));
        }
        Ok(match product {
            Some(_) if is_empty => Elements::Count(0),
            Some(count) => Elements::Count(count),
            None => Elements::Overflow,
        })
    }

    fn offsets(&mut self) -> Result<[u64; 2], Stop> {
        let at = self.json.offset();
        let (begin, end) = (self.integer()?, self.integer()?);
        match (begin, end) {
            (Some(begin), Some(end)) if self.integer()?.is_none() => Ok([begin, end]),
            _ => {
                let detail = "data_offsets are not two numbers";
                Err(Stop::at(&SAFETENSORS_ENTRY, file_offset(at), detail))
            }
        }
    }

    /// The next number of a list; `None` at its end.
    fn integer(&mut self) -> Result<Option<u64>, Stop> {
        let (at, event) = self.next()?;
        let number = match event {
            Event::ArrayEnd => return Ok(None),
            // `-0` and `1e2` are no integers to the reference reader, and none to `parse`.
            Event::Number(number) => number.parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| {
            let detail = format!("{} where a size or an offset belongs", event.kind());
            Stop::at(&SAFETENSORS_ENTRY, file_offset(at), detail)
        })
    }

    fn place(&mut self, at: u64, name: &str, dtype: &str, elements: Elements, offsets: [u64; 2]) {
        let [begin, end] = offsets;
        self.tensors.push(Span {
            begin,
            end,
            entry: at,
        });
        let Some((_, bits)) = DTYPES.iter().find(|(known, _)| *known == dtype) else {
            self.find(&SAFETENSORS_DTYPE, at, format!("{name} is of {dtype}"));
            return;
        };
        let size = match elements {
            Elements::Count(count) => count.checked_mul(*bits),
            Elements::Overflow => None,
        };
        let span = end.checked_sub(begin).and_then(|span| span.checked_mul(8));
        if size.is_none() || size != span {
            let size = size.map_or("too many".to_owned(), |bits| bits.to_string());
            let detail = format!("{name} has {size} bits in bytes {begin} to {end}");
            self.find(&SAFETENSORS_SIZE, at, detail);
        }
    }

    /// Checks that the tensors fill the `data` bytes, one after the other.
    fn cover(&mut self, data: u64, data_start: u64) {
        let mut tensors = std::mem::take(&mut self.tensors);
        tensors.sort_unstable_by_key(|span| (span.begin, span.end));
        let mut covered = 0;
        for Span { begin, end, entry } in tensors {
            if begin != covered {
                let what = if begin < covered {
                    "overlaps"
                } else {
                    "leaves a hole"
                };
                let detail = format!("data from {begin} {what}: {covered} was due");
                self.find(&SAFETENSORS_OFFSETS, entry, detail);
            }
            covered = covered.max(end);
        }
        if covered != data {
            let detail = format!("the tensors have {covered} bytes, the file has {data}");
            let offset = data_start + covered.min(data);
            self.find(&SAFETENSORS_END, offset, detail);
        }
    }

    fn next(&mut self) -> Result<(usize, Event<'h>), Stop> {
        self.scan.budget().step()?;
        let event = self.json.next_event().map_err(not_json)?;
        Ok(event.expect("an object or a list is open"))
    }

    fn find(&mut self, rule: &'static Rule, offset: u64, detail: impl AsRef<str>) {
        self.scan.find(rule, offset, detail);
    }
}

fn check_count(names: &HashSet<Cow<'_, str>>, offset: u64) -> Result<(), Stop> {
    if names.len() < NAMES {
        return Ok(());
    }
    let detail = format!("more than {NAMES} names");
    Err(Stop::at(&SAFETENSORS_LIMIT, offset, detail))
}

fn not_json(fault: JsonFault) -> Stop {
    Stop::at(&SAFETENSORS_JSON, file_offset(fault.offset), fault.reason)
}

fn file_offset(in_header: usize) -> u64 {
    LENGTH_BYTES + in_header as u64
}

const LENGTH_BYTES: u64 = 8;
const LENGTH_BYTES_USIZE: usize = 8;
/// What the reference reader takes at most.
const HEADER_BYTES: u64 = 100_000_000;
/// The largest models have some ten thousand tensors.
const NAMES: usize = 1 << 19;
/// A header has three levels; a fourth lets the finding name the entry that is wrong.
const NESTING: usize = 4;

/// The dtypes and their bits.
const DTYPES: &[(&str, u64)] = &[
    ("BF16", 16),
    ("BOOL", 8),
    ("C64", 64),
    ("F16", 16),
    ("F32", 32),
    ("F4", 4),
    ("F64", 64),
    ("F6_E2M3", 6),
    ("F6_E3M2", 6),
    ("F8_E4M3", 8),
    ("F8_E4M3FNUZ", 8),
    ("F8_E5M2", 8),
    ("F8_E5M2FNUZ", 8),
    ("F8_E8M0", 8),
    ("I16", 16),
    ("I32", 32),
    ("I64", 64),
    ("I8", 8),
    ("U16", 16),
    ("U32", 32),
    ("U64", 64),
    ("U8", 8),
];
