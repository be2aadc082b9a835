use super::schema::Message;
use super::{
    ONNX_DTYPE, ONNX_EXTERNAL_ATTRIBUTE, ONNX_EXTERNAL_KEY, ONNX_EXTERNAL_LINK, ONNX_EXTERNAL_PATH,
    ONNX_EXTERNAL_RANGE, ONNX_LIMIT, ONNX_TENSOR, ONNX_WIRE, TEXT_BYTES, Walk,
};
use crate::scan::frame::Stop;
use crate::scan::protobuf::Value;

/// What the walk keeps of a tensor.
#[derive(Default)]
struct Tensor {
    name: String,
    /// `None` after a size that is negative or a product that overflows.
    elements: Option<u64>,
    data_type: u64,
    raw_bytes: Option<u64>,
    external: bool,
    /// Keys and values of its external data.
    entries: Vec<(String, String)>,
}

impl Walk<'_, '_, '_, '_> {
    /// Reads a tensor that ends at `end` and judges it; `at` is where it began.
    pub(super) fn tensor(&mut self, at: u64, end: u64) -> Result<(), Stop> {
        let mut tensor = Tensor {
            elements: Some(1),
            ..Tensor::default()
        };
        while let Some(field) = self.wire.field(end)? {
            let kind = Message::Tensor.field(field.number);
            if kind.is_some_and(|kind| !kind.takes(field.value)) {
                let detail = format!("field {} of a tensor is of another type", field.number);
                return Err(Stop::at(&ONNX_WIRE, field.at, detail));
            }
            match (field.number, field.value) {
                (DIMS, Value::Varint(size)) => tensor.multiply(size),
                (DIMS, Value::Bytes { len }) => {
                    let packed_end = self.wire.at() + len;
                    while self.wire.at() < packed_end {
                        tensor.multiply(self.wire.varint(packed_end)?);
                    }
                }
                (DATA_TYPE, Value::Varint(data_type)) => tensor.data_type = data_type,
                (DATA_LOCATION, Value::Varint(location)) => tensor.external = location == EXTERNAL,
                (NAME, Value::Bytes { len }) => tensor.name = self.text(len)?,
                (RAW_DATA, Value::Bytes { len }) => {
                    tensor.raw_bytes = Some(len);
                    self.wire.skip(len)?;
                }
                (EXTERNAL_DATA, Value::Bytes { len }) => {
                    let entry_end = self.wire.at() + len;
                    let entry = self.entry(entry_end)?;
                    if tensor.entries.len() == ENTRIES {
                        let detail = format!("more than {ENTRIES} entries");
                        return Err(Stop::at(&ONNX_EXTERNAL_KEY, field.at, detail));
                    }
                    tensor.entries.push(entry);
                }
                (_, Value::Bytes { len }) => self.wire.skip(len)?,
                _ => {}
            }
        }
        self.judge(at, &tensor);
        Ok(())
    }

    /// Reads a key and its value.
    fn entry(&mut self, end: u64) -> Result<(String, String), Stop> {
        let (mut key, mut value) = (String::new(), String::new());
        while let Some(field) = self.wire.field(end)? {
            match (field.number, field.value) {
                (1, Value::Bytes { len }) => key = self.whole_text(field.at, len)?,
                (2, Value::Bytes { len }) => value = self.whole_text(field.at, len)?,
                (1 | 2, _) => {
                    return Err(Stop::at(
                        &ONNX_WIRE,
                        field.at,
                        "a key or value that is no text",
                    ));
                }
                (_, Value::Bytes { len }) => self.wire.skip(len)?,
                _ => {}
            }
        }
        Ok((key, value))
    }

    /// Reads a text that must not be cut.
    fn whole_text(&mut self, at: u64, len: u64) -> Result<String, Stop> {
        let bytes = self.wire.bytes(len, TEXT_BYTES)?;
        bytes
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| {
                let detail = format!("{len} bytes that are no path and no number");
                Stop::at(&ONNX_EXTERNAL_KEY, at, detail)
            })
    }

    fn judge(&mut self, at: u64, tensor: &Tensor) {
        let name = &tensor.name;
        let Some(elements) = tensor.elements else {
            self.scan
                .find(&ONNX_TENSOR, at, format!("the shape of {name}"));
            return self.judge_external(at, tensor, None);
        };
        let bits = BITS.iter().find(|(known, _)| *known == tensor.data_type);
        let bytes = bits.and_then(|(_, bits)| Some(elements.checked_mul(*bits)?.div_ceil(8)));
        match (bits, bytes, tensor.raw_bytes) {
            (None, ..) if tensor.data_type != STRING && tensor.data_type != UNDEFINED => {
                let detail = format!("{name} is of type {}", tensor.data_type);
                self.scan.find(&ONNX_DTYPE, at, detail);
            }
            (Some(_), None, _) => {
                self.scan
                    .find(&ONNX_TENSOR, at, format!("the size of {name}"));
            }
            (_, Some(size), Some(raw)) if raw != size && !tensor.external => {
                let detail = format!("{name} needs {size} bytes and has {raw}");
                self.scan.find(&ONNX_TENSOR, at, detail);
            }
            _ => {}
        }
        self.judge_external(at, tensor, bytes);
    }

    fn judge_external(&mut self, at: u64, tensor: &Tensor, bytes: Option<u64>) {
        if !tensor.external && tensor.entries.is_empty() {
            return;
        }
        let name = &tensor.name;
        let number = |text: &str| {
            text.parse::<u64>()
                .ok()
                .filter(|n| i64::try_from(*n).is_ok())
        };
        let mut seen: Vec<&str> = Vec::new();
        let (mut offset, mut length) = (Some(0), None);
        for (key, value) in &tensor.entries {
            match key.as_str() {
                "location" => self.judge_location(at, name, value),
                "offset" => offset = number(value),
                "length" => {
                    length = number(value);
                    if length.is_none() || bytes.is_some_and(|bytes| length != Some(bytes)) {
                        let detail = format!("{name}: length {value}");
                        self.scan.find(&ONNX_EXTERNAL_RANGE, at, detail);
                    }
                }
                "checksum" | "basepath" => {}
                _ if key.starts_with(PREPACKED) => {}
                _ if key.starts_with('_') => {
                    self.scan
                        .find(&ONNX_EXTERNAL_ATTRIBUTE, at, format!("{name}: {key}"));
                }
                _ => self
                    .scan
                    .find(&ONNX_EXTERNAL_KEY, at, format!("{name}: {key}")),
            }
            if key == "basepath" && leaves_folder(value) {
                self.scan
                    .find(&ONNX_EXTERNAL_PATH, at, format!("{name}: {value}"));
            }
            if seen.contains(&key.as_str()) && !key.starts_with(PREPACKED) {
                let detail = format!("{name}: {key} is there twice");
                self.scan.find(&ONNX_EXTERNAL_KEY, at, detail);
            }
            seen.push(key);
        }
        if !seen.contains(&"location") {
            self.scan
                .find(&ONNX_EXTERNAL_KEY, at, format!("{name} has no location"));
        }
        let end = offset.and_then(|offset| offset.checked_add(length.unwrap_or(0)));
        if end.is_none_or(|end| i64::try_from(end).is_err()) {
            self.scan.find(
                &ONNX_EXTERNAL_RANGE,
                at,
                format!("{name}: offset and length"),
            );
        }
    }

    /// Whether there is a file at the place, and links lead out of the folder to it.
    fn is_linked_away(&self, location: &str) -> bool {
        let Some(folder) = self.folders.first() else {
            return false;
        };
        fs_err::canonicalize(folder.join(location))
            .is_ok_and(|file| !self.folders.iter().any(|folder| file.starts_with(folder)))
    }

    fn judge_location(&mut self, at: u64, name: &str, location: &str) {
        if location.trim().is_empty() {
            let detail = format!("{name} has an empty location");
            self.scan.find(&ONNX_EXTERNAL_KEY, at, detail);
        } else if leaves_folder(location) {
            self.scan
                .find(&ONNX_EXTERNAL_PATH, at, format!("{name}: {location}"));
        } else if self.locations.len() == LOCATIONS {
            let detail = format!("more than {LOCATIONS} files");
            self.scan.find(&ONNX_LIMIT, at, detail);
        } else if self.locations.insert(location.to_owned()) && self.is_linked_away(location) {
            self.scan
                .find(&ONNX_EXTERNAL_LINK, at, format!("{name}: {location}"));
        }
    }
}

impl Tensor {
    fn multiply(&mut self, size: u64) {
        let size = i64::try_from(size).ok().map(i64::cast_unsigned);
        self.elements = self
            .elements
            .zip(size)
            .and_then(|(elements, size)| elements.checked_mul(size));
    }
}

/// Whether a path leads out of the folder it is relative to, or is no relative path, on any system.
pub(in crate::scan) fn leaves_folder(path: &str) -> bool {
    let absolute = path.starts_with(['/', '\\', '~']) || path.as_bytes().get(1) == Some(&b':');
    absolute
        || path.contains("://")
        || path.contains(['\0', '*'])
        || path.split(['/', '\\']).any(|part| part.trim() == "..")
}

const DIMS: u64 = 1;
const DATA_TYPE: u64 = 2;
const NAME: u64 = 8;
const RAW_DATA: u64 = 9;
const EXTERNAL_DATA: u64 = 13;
const DATA_LOCATION: u64 = 14;
const EXTERNAL: u64 = 1;
const UNDEFINED: u64 = 0;
const STRING: u64 = 8;
/// Files that are looked for; the largest models have one a tensor.
const LOCATIONS: usize = 1 << 16;
/// Five keys are known; more are of packed weights.
const ENTRIES: usize = 64;
/// Keys with which ONNX Runtime keeps weights that it packed.
const PREPACKED: &str = "prepacked";

/// Data types and the bits of an element.
const BITS: &[(u64, u64)] = &[
    (1, 32),   // FLOAT
    (2, 8),    // UINT8
    (3, 8),    // INT8
    (4, 16),   // UINT16
    (5, 16),   // INT16
    (6, 32),   // INT32
    (7, 64),   // INT64
    (9, 8),    // BOOL
    (10, 16),  // FLOAT16
    (11, 64),  // DOUBLE
    (12, 32),  // UINT32
    (13, 64),  // UINT64
    (14, 64),  // COMPLEX64
    (15, 128), // COMPLEX128
    (16, 16),  // BFLOAT16
    (17, 8),   // FLOAT8E4M3FN
    (18, 8),   // FLOAT8E4M3FNUZ
    (19, 8),   // FLOAT8E5M2
    (20, 8),   // FLOAT8E5M2FNUZ
    (21, 4),   // UINT4
    (22, 4),   // INT4
    (23, 4),   // FLOAT4E2M1
    (24, 8),   // FLOAT8E8M0
    (25, 2),   // UINT2
    (26, 2),   // INT2
    (27, 6),   // FLOAT6E2M3
    (28, 6),   // FLOAT6E3M2
];
