//! ONNX: a protocol buffer that holds a graph, its subgraphs and its tensors.
//!
//! The message is walked to its last byte, however deep a tensor lies in it. What matters is what a
//! loader does beside computing: tensors whose bytes it takes from another file, and operators that run
//! Python.

mod schema;
mod tensor;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::format::{Format, Match};
use super::frame::{Scan, Stop};
use super::input::Input;
use super::protobuf::{Field, Value, Wire, WireFault};
use super::report::Finding;
use super::rule::rule_table;
use schema::{Kind, Message};
pub(super) use tensor::leaves_folder;

rule_table! { "ONNX":
    ONNX_WIRE = "onnx_wire", Malformed,
        "the bytes are not one whole protocol buffer, or a field is of another type than its own",
        "onnx.proto";
    ONNX_DEPTH = "onnx_depth", Unscannable,
        "graphs are nested more deeply than the limit", "fail closed";
    ONNX_EXTERNAL_PATH = "onnx_external_path", Malicious,
        "the bytes of a tensor are taken from a place outside of the model's folder",
        "CVE-2024-27318, CVE-2025-51480, CVE-2024-5187";
    ONNX_EXTERNAL_LINK = "onnx_external_link", Malicious,
        "the file with the bytes of a tensor is a link to a place outside of the model's folder",
        "CVE-2026-27489";
    ONNX_EXTERNAL_ATTRIBUTE = "onnx_external_attribute", Malicious,
        "a key of external data sets an attribute of the loader's own object", "CVE-2026-34445";
    ONNX_EXTERNAL_KEY = "onnx_external_key", Malformed,
        "a key of external data is unknown or there twice, or the place is missing",
        "onnx.proto: external_data; CVE-2026-34445";
    ONNX_EXTERNAL_RANGE = "onnx_external_range", Malformed,
        "the offset or the length of external data is no number that fits the tensor",
        "CVE-2026-34446";
    ONNX_TENSOR = "onnx_tensor", Malformed,
        "the size of a tensor is negative, overflows, or is not that of its bytes", "onnx.checker";
    ONNX_DTYPE = "onnx_dtype", Unscannable,
        "a tensor is of a type that the scanner does not know", "onnx.proto: DataType";
    ONNX_LIMIT = "onnx_limit", Unscannable,
        "the tensors lie in more files than the scanner looks for", "fail closed";
    ONNX_PYTHON = "onnx_python", Malicious,
        "an operator runs Python code", "ONNX Runtime: PythonOp, PyOp";
}

pub(super) const FORMAT: Format = Format {
    name: "onnx",
    extensions: &["onnx"],
    detect,
    scan,
};

/// There is no mark to know ONNX by: a model is what has the fields of one, up to the last byte.
fn detect(input: &mut Input<'_>) -> io::Result<Match> {
    if input.has_extension(FORMAT.extensions) {
        return Ok(Match::Yes);
    }
    let first = input.head()?.first().copied();
    if !first.is_some_and(|tag| FIRST_TAGS.contains(&tag)) {
        return Ok(Match::No);
    }
    let end = input.len();
    match looks_like_model(&mut Wire::new(input)?, end) {
        Ok(fits) => Ok(fits.into()),
        Err(WireFault::Broken { .. }) => Ok(Match::No),
        Err(WireFault::Io(error)) => Err(error),
    }
}

fn looks_like_model(wire: &mut Wire<'_, '_>, end: u64) -> Result<bool, WireFault> {
    let (mut version, mut graph) = (false, false);
    while let Some(Field { number, value, .. }) = wire.field(end)? {
        let Some(kind) = Message::Model.field(number) else {
            return Ok(false);
        };
        if !kind.takes(value) {
            return Ok(false);
        }
        version |= number == 1;
        graph |= number == 7;
        if let Value::Bytes { len } = value {
            wire.skip(len)?;
        }
    }
    Ok(version && graph)
}

fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let end = input.len();
    let nesting = scan.limits().nesting;
    let folders = input.path().map(folders).unwrap_or_default();
    let mut walk = Walk {
        folders,
        locations: HashSet::new(),
        wire: Wire::new(input)?,
        scan,
        nesting,
    };
    walk.message(Message::Model, end, 0)
}

/// The walk over all messages of a model.
struct Walk<'s, 'l, 'r, 'a> {
    wire: Wire<'r, 'a>,
    scan: &'s mut Scan<'l>,
    nesting: usize,
    /// Where the model is, where it was opened and where it lies if that was a link; empty unless it is
    /// a file on the disk.
    folders: Vec<PathBuf>,
    /// The files that tensors were found to lie in.
    locations: HashSet<String>,
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let beside = path.parent().map(|folder| {
        if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        }
    });
    let beside = beside.and_then(|folder| fs_err::canonicalize(folder).ok());
    let linked = fs_err::canonicalize(path)
        .ok()
        .and_then(|path| path.parent().map(Path::to_owned));
    beside.into_iter().chain(linked).collect()
}

impl Walk<'_, '_, '_, '_> {
    /// Reads a message that ends at `end`.
    fn message(&mut self, message: Message, end: u64, level: usize) -> Result<(), Stop> {
        if level > self.nesting {
            let detail = format!("more than {} levels", self.nesting);
            return Err(Stop::at(&ONNX_DEPTH, self.wire.at(), detail));
        }
        let mut attribute = (String::new(), String::new());
        while let Some(field) = self.wire.field(end)? {
            self.scan.budget().step()?;
            // Writers of later versions have fields that are not known here; readers skip them.
            let kind = message.field(field.number).unwrap_or(Kind::Any);
            if !kind.takes(field.value) {
                let detail = format!("field {} is of another type", field.number);
                return Err(Stop::at(&ONNX_WIRE, field.at, detail));
            }
            let Value::Bytes { len } = field.value else {
                continue;
            };
            let ends = self.wire.at() + len;
            match (kind, message, field.number) {
                (Kind::Message(Message::Tensor), ..) => self.tensor(field.at, ends)?,
                (Kind::Message(inner), ..) => self.message(inner, ends, level + 1)?,
                (_, Message::Node, OP_TYPE) => self.operator(field.at, len)?,
                (_, Message::Attribute, ATTRIBUTE_NAME) => attribute.0 = self.text(len)?,
                (_, Message::Attribute, ATTRIBUTE_STRING) => attribute.1 = self.text(len)?,
                _ => self.wire.skip(len)?,
            }
        }
        if attribute.0 == CONTEXT_PATH && leaves_folder(&attribute.1) {
            self.scan.find(&ONNX_EXTERNAL_PATH, end, attribute.1);
        }
        Ok(())
    }

    fn operator(&mut self, at: u64, len: u64) -> Result<(), Stop> {
        let name = self.text(len)?;
        if PYTHON_OPERATORS
            .iter()
            .any(|python| name.starts_with(python))
        {
            let finding = Finding::new(&ONNX_PYTHON, at, format!("operator {name}"));
            self.scan.add(finding.with_callable(&name));
        }
        Ok(())
    }

    /// Reads a text; a very long one is skipped and empty.
    fn text(&mut self, len: u64) -> Result<String, Stop> {
        let bytes = self.wire.bytes(len, TEXT_BYTES)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl From<WireFault> for Stop {
    fn from(fault: WireFault) -> Self {
        match fault {
            WireFault::Io(error) => Self::Io(error),
            WireFault::Broken { at, reason } => Self::at(&ONNX_WIRE, at, reason),
        }
    }
}

/// The tags with which the fields of a model can begin, as writers order them.
const FIRST_TAGS: &[u8] = &[0x08, 0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42];
const OP_TYPE: u64 = 4;
const ATTRIBUTE_NAME: u64 = 1;
const ATTRIBUTE_STRING: u64 = 4;
/// The attribute by which a compiled part of a graph names the file it lies in.
const CONTEXT_PATH: &str = "ep_cache_context";
const PYTHON_OPERATORS: &[&str] = &["PyCustomOp", "PyOp", "PythonOp"];
const TEXT_BYTES: u64 = 4096;
