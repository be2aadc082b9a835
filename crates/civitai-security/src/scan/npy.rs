//! Arrays of `NumPy`: a header in Python's own notation, then numbers, or a pickle where the elements are objects.

mod element;
mod literal;

use std::ops::ControlFlow;

use element::Element;
use literal::Value;

use super::format::Format;
use super::frame::{Role, Scan, Stop};
use super::input::Input;
use super::rule::{Rule, rule_table};

rule_table! { "NumPy":
    NPY_VERSION = "npy_version", Unscannable,
        "the file is of a version that is not known", "numpy.lib.format";
    NPY_HEADER = "npy_header", Malformed,
        "the header is not the dictionary of three entries that it has to be", "numpy.lib.format";
    NPY_ELEMENT = "npy_element", Malformed,
        "the type of the elements is none that is written to files", "numpy.lib.format";
    NPY_SIZE = "npy_size", Malformed,
        "shape and type of the elements do not give the bytes that are there", "numpy.lib.format";
    NPY_TRAILING = "npy_trailing", Malformed,
        "bytes follow the last array", "polyglots";
}

pub(super) const FORMAT: Format = Format {
    name: "npy",
    extensions: &["npy"],
    detect: |input| Ok(input.head()?.starts_with(MARK).into()),
    scan,
};

/// Arrays may be saved one behind the other.
fn scan(scan: &mut Scan<'_>, input: &mut Input<'_>) -> Result<(), Stop> {
    let mut at = 0;
    while at < input.len() {
        if input.bytes_at(at, MARK.len())? != MARK {
            scan.find(&NPY_TRAILING, at, format!("{} bytes", input.len() - at));
            let rest = input.len() - at;
            return scan.member(
                "(behind the array)",
                Role::Data,
                &mut input.window(at, rest),
            );
        }
        scan.budget().spend_member()?;
        match array(scan, input, at)? {
            ControlFlow::Continue(end) => at = end,
            ControlFlow::Break(()) => break,
        }
    }
    Ok(())
}

/// Judges the array at `at` and gives where it ends, or that this cannot be told.
fn array(
    scan: &mut Scan<'_>,
    input: &mut Input<'_>,
    at: u64,
) -> Result<ControlFlow<(), u64>, Stop> {
    let (header, data) = read_header(input, at)?;
    let rest = input.len() - data;
    let array = match Array::read(&header, scan.limits().nesting) {
        Ok(array) => array,
        Err(rule) => {
            scan.find(rule, at, String::from_utf8_lossy(&header));
            // A reader that takes the header may see objects here.
            scan.member("(data)", Role::Data, &mut input.window(data, rest))?;
            return Ok(ControlFlow::Break(()));
        }
    };
    if array.element.has_objects {
        let mut objects = input.window(data, rest);
        scan.member("(objects)", Role::Content, &mut objects)?;
        return Ok(ControlFlow::Break(()));
    }
    let bytes = array.bytes().filter(|&bytes| bytes <= rest);
    let bytes = bytes.ok_or_else(|| Stop::at(&NPY_SIZE, at, format!("{rest} bytes are there")))?;
    Ok(ControlFlow::Continue(data + bytes))
}

/// The header's text, and where the data begins.
fn read_header(input: &mut Input<'_>, at: u64) -> Result<(Vec<u8>, u64), Stop> {
    let start = input.bytes_at(at, 12)?;
    let broken = |rule: &'static Rule| Stop::at(rule, at, start.escape_ascii().to_string());
    let version = start.get(6..8).ok_or_else(|| broken(&NPY_HEADER))?;
    let wide = match version {
        [1, 0] => false,
        [2 | 3, 0] => true,
        _ => return Err(broken(&NPY_VERSION)),
    };
    let length = match (&start[8..], wide) {
        (&[a, b, ..], false) => u32::from(u16::from_le_bytes([a, b])),
        (&[a, b, c, d], true) => u32::from_le_bytes([a, b, c, d]),
        _ => return Err(broken(&NPY_HEADER)),
    };
    let text = at + if wide { 12 } else { 10 };
    let data = text + u64::from(length);
    if length > MOST_HEADER_BYTES || data > input.len() {
        return Err(broken(&NPY_HEADER));
    }
    let header = input.bytes_at(text, usize::try_from(length).unwrap_or_default())?;
    Ok((header, data))
}

/// What a header says.
struct Array {
    element: Element,
    shape: Vec<u64>,
}

impl Array {
    fn read(header: &[u8], nesting: usize) -> Result<Self, &'static Rule> {
        let value = literal::parse(header, nesting).ok_or(&NPY_HEADER)?;
        let Value::Dict(entries) = value else {
            return Err(&NPY_HEADER);
        };
        let entry = |wanted: &str| {
            let mut found = entries.iter().filter(|(key, _)| key == wanted);
            found
                .next()
                .map(|(_, value)| value)
                .filter(|_| found.next().is_none())
        };
        let (Some(descr), Some(Value::Bool), Some(shape), 3) = (
            entry("descr"),
            entry("fortran_order"),
            entry("shape"),
            entries.len(),
        ) else {
            return Err(&NPY_HEADER);
        };
        Ok(Self {
            element: Element::read(descr).ok_or(&NPY_ELEMENT)?,
            shape: element::shape(shape)
                .filter(|sides| sides.len() <= SIDES)
                .ok_or(&NPY_HEADER)?,
        })
    }

    fn bytes(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(self.element.bytes, |bytes, &side| bytes.checked_mul(side))
    }
}

const MARK: &[u8] = b"\x93NUMPY";
/// The most dimensions of an array, `NPY_MAXDIMS` of `NumPy` 2.
const SIDES: usize = 64;
/// Structures of thousands of fields have headers of some hundred KiB; readers refuse more than 10 KB
/// unless told otherwise.
const MOST_HEADER_BYTES: u32 = 1 << 20;
