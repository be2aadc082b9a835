//! Pickles: all of a file's, each run on values of which only the kind is known.

mod call;
mod contain;
mod machine;
mod name;
mod opcode;
mod read;
mod rule;
mod stack;
mod torch;
mod value;

use std::borrow::Cow;
use std::io;
use std::mem;
use std::rc::Rc;

use super::format::{Format, Match};
use super::frame::{Role, Scan, Stop};
use super::input::Input;
use super::report::Verdict;
use machine::{Machine, Nested};
use read::{Operations, Span};
use value::{Value, Written};

pub(super) use rule::RULES;
pub(super) use torch::check_storages;
pub(super) use value::Storage;

pub(super) const FORMAT: Format = Format {
    name: "pickle",
    extensions: &[
        "pkl", "pickle", "pt", "pth", "ckpt", "bin", "p", "pk", "model", "data", "joblib", "dat",
    ],
    detect,
    scan,
};

fn detect(input: &mut Input<'_>) -> io::Result<Match> {
    Ok(match input.head()? {
        [opcode::PROTO, 0..=5, next, ..] if opcode::argument(*next).is_some() => Match::Yes,
        [first, ..] if opcode::begins(*first) => Match::Maybe,
        _ => Match::No,
    })
}

/// Reads pickle after pickle: loaders differ in how many they load.
fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let mut certain = detect(input)? == Match::Yes;
    let mut operations = Operations::new(input);
    loop {
        let begin = operations.position();
        match read(scan, &mut operations, certain) {
            Ok(pickle) if begin == 0 && matches!(pickle.value, Value::TorchMagic) => {
                return torch::legacy(scan, &mut operations);
            }
            Ok(_) if operations.position() == operations.len() => return Ok(()),
            Ok(_) => {}
            Err(Stop::Found(_) | Stop::Io(_)) if begin > 0 && !certain => {
                let detail = format!("{} bytes follow", operations.len() - begin);
                return Err(Stop::at(&rule::TRAILING, begin, detail));
            }
            Err(stop) => return Err(stop),
        }
        // What follows may be a pickle without a header.
        certain = matches!(operations.peek(2)?, [opcode::PROTO, 0..=5]);
    }
}

/// What a pickle makes, and what it refers to.
struct Pickle {
    value: Value,
    storages: Vec<Storage>,
    /// Texts in its lists, in order.
    listed: Vec<Rc<str>>,
}

/// Runs the pickle that begins at the next byte, and tells what it would do.
///
/// Bytes that only may be a pickle (`certain` is false) are blamed for names only where these are real
/// ones and are denied, or called, or where the pickle comes to its end.
fn read(
    scan: &mut Scan<'_>,
    operations: &mut Operations<'_, '_>,
    certain: bool,
) -> Result<Pickle, Stop> {
    let begin = operations.position();
    let mut machine = Machine::new(scan.limits());
    let run = machine.run(operations, scan.budget());
    let real = certain || machine.has_real_names();
    let counts = certain || real && (run.is_ok() || machine.called());
    let nested = mem::take(&mut machine.nested);
    let storages: Vec<_> = machine
        .storages
        .drain()
        .map(|(_, known)| (*known).clone())
        .collect();
    let listed = mem::take(&mut machine.listed);
    for finding in machine.into_findings() {
        if counts || finding.verdict() == Verdict::Malicious {
            scan.add(finding);
        }
    }
    for nested in nested {
        judge_nested(scan, operations, nested)?;
    }
    scan.set_storages(&storages);
    if !real {
        return Err(Stop::at(&rule::VALUE, begin, "its names are no names"));
    }
    run.map(|value| Pickle {
        value,
        storages,
        listed,
    })
}

/// Judges bytes that the pickle has loaded as a file of their own.
fn judge_nested(
    scan: &mut Scan<'_>,
    operations: &mut Operations<'_, '_>,
    nested: Nested,
) -> Result<(), Stop> {
    let (offset, bytes) = match nested {
        Nested::Bytes(Span { offset, len }) => {
            let mut window = operations.input().window(offset, len);
            return scan.member(&format!("bytes at {offset}"), Role::Content, &mut window);
        }
        Nested::Latin1(Span { offset, len }, _) if len > scan.limits().memory as u64 => {
            scan.find(&rule::NESTED_SIZE, offset, format!("{len} bytes"));
            return Ok(());
        }
        Nested::Latin1(Span { offset, len }, written) => {
            let len = usize::try_from(len).expect("it is at most the limit of memory");
            let text = operations.input().bytes_at(offset, len)?;
            (offset, latin1_bytes(&text, written))
        }
        Nested::ShortLatin1(text, offset) => (offset, one_byte_each(&text)),
    };
    let Some(bytes) = bytes else {
        scan.find(&rule::VALUE, offset, "the text is not one byte a character");
        return Ok(());
    };
    let name = format!("bytes at {offset}");
    let mut source = io::Cursor::new(bytes);
    scan.member(&name, Role::Content, &mut Input::new(&name, &mut source)?)
}

fn latin1_bytes(text: &[u8], written: Written) -> Option<Vec<u8>> {
    let text = match written {
        Written::Utf8 => Cow::Borrowed(str::from_utf8(text).ok()?),
        Written::Line => Cow::Owned(read::raw_unicode(text, &mut None)),
    };
    one_byte_each(&text)
}

fn one_byte_each(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .map(|char| u8::try_from(u32::from(char)).ok())
        .collect()
}
