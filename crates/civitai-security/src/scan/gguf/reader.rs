use std::io::{BufReader, Read, Seek, SeekFrom};

use super::{
    GGUF_BOOL, GGUF_COUNT, GGUF_LENGTH, GGUF_LIMIT, GGUF_NAME, GGUF_TYPE, GGUF_VERSION,
    KNOWN_VERSIONS,
};
use crate::scan::frame::{Scan, Stop};
use crate::scan::input::Input;
use crate::scan::jinja;
use crate::scan::rule::TRUNCATED;

/// The header of a file, read from front to back; no length is used before it is checked.
pub(super) struct Reader<'r, 'a> {
    input: BufReader<&'r mut Input<'a>>,
    at: u64,
    len: u64,
    big_endian: bool,
}

/// What the scanner wants to know of a value.
pub(super) enum Value {
    Text(String),
    Unsigned(u32),
    Other,
}

impl<'r, 'a> Reader<'r, 'a> {
    pub(super) fn new(input: &'r mut Input<'a>, at: u64) -> Result<Self, Stop> {
        let len = input.len();
        input.seek(SeekFrom::Start(at))?;
        Ok(Self {
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            at,
            len,
            big_endian: false,
        })
    }

    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Reads the version; one whose low half is zero tells that all numbers are big-endian.
    pub(super) fn version(&mut self) -> Result<u32, Stop> {
        let at = self.at;
        let mut version = self.u32()?;
        if version.trailing_zeros() >= 16 {
            self.big_endian = true;
            version = version.swap_bytes();
        }
        if KNOWN_VERSIONS.contains(&version) {
            return Ok(version);
        }
        Err(Stop::at(&GGUF_VERSION, at, format!("version {version}")))
    }

    /// Reads a number of things that take at least `each` bytes, of which the scanner reads `most`.
    pub(super) fn count(&mut self, what: &str, each: u64, most: u64) -> Result<u64, Stop> {
        let at = self.at;
        let count = self.u64()?;
        if count > self.left() / each {
            let detail = format!("{count} {what} in {} bytes", self.left());
            return Err(Stop::at(&GGUF_COUNT, at, detail));
        }
        if count > most {
            return Err(Stop::at(&GGUF_LIMIT, at, format!("{count} {what}")));
        }
        Ok(count)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Stop> {
        let bytes = self.array()?;
        Ok(if self.big_endian {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    pub(super) fn u64(&mut self) -> Result<u64, Stop> {
        let bytes = self.array()?;
        Ok(if self.big_endian {
            u64::from_be_bytes(bytes)
        } else {
            u64::from_le_bytes(bytes)
        })
    }

    /// Reads a key or a tensor's name of at most `most` bytes.
    pub(super) fn name(&mut self, what: &str, most: u64) -> Result<String, Stop> {
        let at = self.at;
        let len = self.length()?;
        if len == 0 || len > most {
            let detail = format!("{what} of {len} bytes");
            return Err(Stop::at(&GGUF_NAME, at, detail));
        }
        String::from_utf8(self.bytes(len)?)
            .map_err(|_| Stop::at(&GGUF_NAME, at, format!("{what} is not UTF-8")))
    }

    pub(super) fn value(&mut self, scan: &mut Scan<'_>, key: &str) -> Result<Value, Stop> {
        let kind = self.u32()?;
        self.typed(scan, key, kind, 0)
    }

    fn typed(
        &mut self,
        scan: &mut Scan<'_>,
        key: &str,
        kind: u32,
        level: usize,
    ) -> Result<Value, Stop> {
        scan.budget().step()?;
        match kind {
            UINT32 => return self.u32().map(Value::Unsigned),
            BOOL => self.bools(scan, 1)?,
            STRING => {
                let len = self.length()?;
                if len > TEXT_BYTES {
                    let detail = format!("a text of {len} bytes in {key}");
                    return Err(Stop::at(&GGUF_LIMIT, self.at, detail));
                }
                let text = String::from_utf8_lossy(&self.bytes(len)?).into_owned();
                return Ok(Value::Text(text));
            }
            ARRAY => self.array_of(scan, key, level)?,
            _ => {
                let size = self.size_of(kind)?;
                self.skip(size)?;
            }
        }
        Ok(Value::Other)
    }

    fn array_of(&mut self, scan: &mut Scan<'_>, key: &str, level: usize) -> Result<(), Stop> {
        scan.budget().step()?;
        let at = self.at;
        let kind = self.u32()?;
        let each = match kind {
            STRING => 8,
            ARRAY => 12,
            BOOL => 1,
            _ => self.size_of(kind)?,
        };
        let count = self.count("elements", each, u64::MAX)?;
        match kind {
            BOOL => self.bools(scan, count),
            STRING if jinja::holds_templates(key) => {
                for _ in 0..count {
                    let at = self.at;
                    if let Value::Text(text) = self.typed(scan, key, STRING, level)? {
                        jinja::judge_value(scan, at, key, &text);
                    }
                }
                Ok(())
            }
            STRING => {
                for _ in 0..count {
                    let len = self.length()?;
                    self.skip(len)?;
                }
                Ok(())
            }
            ARRAY if level == LEVELS => Err(Stop::at(
                &GGUF_LIMIT,
                at,
                format!("lists in lists in {key}"),
            )),
            ARRAY => (0..count).try_for_each(|_| self.array_of(scan, key, level + 1)),
            // `count` made sure that there are as many bytes.
            _ => self.skip(count * each),
        }
    }

    fn bools(&mut self, scan: &mut Scan<'_>, count: u64) -> Result<(), Stop> {
        let mut wrong = None;
        for _ in 0..count {
            let [byte] = self.array()?;
            if byte > 1 {
                wrong.get_or_insert((self.at - 1, byte));
            }
        }
        if let Some((at, byte)) = wrong {
            scan.find(&GGUF_BOOL, at, format!("a boolean of {byte}"));
        }
        Ok(())
    }

    fn size_of(&self, kind: u32) -> Result<u64, Stop> {
        SIZES
            .iter()
            .find_map(|(known, size)| (*known == kind).then_some(*size))
            .ok_or_else(|| {
                let at = self.at.saturating_sub(4);
                Stop::at(&GGUF_TYPE, at, format!("value type {kind}"))
            })
    }

    /// Reads the length of a string, which the file has room for.
    fn length(&mut self) -> Result<u64, Stop> {
        let at = self.at;
        if at > HEADER_BYTES {
            let detail = format!("values past {HEADER_BYTES} bytes");
            return Err(Stop::at(&GGUF_LIMIT, at, detail));
        }
        let len = self.u64()?;
        if len > self.left() {
            let detail = format!("{len} bytes where {} are left", self.left());
            return Err(Stop::at(&GGUF_LENGTH, at, detail));
        }
        Ok(len)
    }

    fn left(&self) -> u64 {
        self.len.saturating_sub(self.at)
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, Stop> {
        let mut bytes = Vec::new();
        let read = (&mut self.input).take(count).read_to_end(&mut bytes)?;
        self.at += read as u64;
        if read as u64 == count {
            Ok(bytes)
        } else {
            Err(self.truncated())
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let mut bytes = [0; N];
        if self.left() < N as u64 {
            return Err(self.truncated());
        }
        self.input.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(bytes)
    }

    fn skip(&mut self, count: u64) -> Result<(), Stop> {
        let distance = i64::try_from(count).map_err(|_| self.truncated())?;
        if count > self.left() {
            return Err(self.truncated());
        }
        self.input.seek_relative(distance)?;
        self.at += count;
        Ok(())
    }

    fn truncated(&self) -> Stop {
        Stop::at(&TRUNCATED, self.at, "the header goes on past the end")
    }
}

const BUFFER_BYTES: usize = 64 << 10;
/// Values above this are no header any more: the largest tokenizers take some 30 MB.
const HEADER_BYTES: u64 = 512 << 20;
const TEXT_BYTES: u64 = 64 << 20;
const LEVELS: usize = 4;

const UINT32: u32 = 4;
const BOOL: u32 = 7;
const STRING: u32 = 8;
const ARRAY: u32 = 9;
/// The other types of values, all of a fixed size.
const SIZES: &[(u32, u64)] = &[
    (0, 1),
    (1, 1),
    (2, 2),
    (3, 2),
    (UINT32, 4),
    (5, 4),
    (6, 4),
    (10, 8),
    (11, 8),
    (12, 8),
];
