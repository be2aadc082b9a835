//! Reads the operations of a pickle, one after the other, without running them.

use std::io::{Read, Seek, SeekFrom};
use std::rc::Rc;

use super::opcode::{self, Argument, Content};
use super::rule;
use crate::scan::frame::Stop;
use crate::scan::input::Input;

/// An opcode with its argument.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) offset: u64,
    pub(super) code: u8,
    pub(super) operand: Operand,
    /// The argument was not written as it should be; loaders differ in what they make of it.
    pub(super) odd: Option<&'static str>,
}

/// The argument of an opcode, as far as the interpreter needs it.
#[derive(Debug)]
pub(super) enum Operand {
    None,
    Bool(bool),
    Int(i128),
    /// A number of which the value does not matter.
    Number,
    /// Text that is short enough to be a name.
    Text(Rc<str>),
    /// Longer text, UTF-8.
    LongText(Span),
    /// Longer text in a line, with escapes.
    LongLine(Span),
    Bytes(Span),
    ByteArray,
    Name {
        module: Rc<str>,
        name: Rc<str>,
    },
}

/// Bytes of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// The operations of an input.
pub(super) struct Operations<'a, 'i> {
    input: &'a mut Input<'i>,
    buffer: Vec<u8>,
    /// The next byte in `buffer`.
    at: usize,
    /// Where in the input `buffer` begins.
    base: u64,
}

impl<'a, 'i> Operations<'a, 'i> {
    pub(super) fn new(input: &'a mut Input<'i>) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            at: 0,
            base: 0,
        }
    }

    /// Goes on at another byte of the input.
    pub(super) fn seek(&mut self, offset: u64) {
        self.buffer.clear();
        self.at = 0;
        self.base = offset;
    }

    pub(super) fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    pub(super) fn len(&self) -> u64 {
        self.input.len()
    }

    pub(super) fn input(&mut self) -> &mut Input<'i> {
        self.input
    }

    /// The next operation; fails where no loader could go on.
    pub(super) fn next(&mut self) -> Result<Operation, Stop> {
        let offset = self.position();
        let code = self.bytes(1)?[0];
        let Some(argument) = opcode::argument(code) else {
            let detail = format!("0x{code:02x} is no opcode");
            return Err(Stop::at(&rule::OPCODE, offset, detail));
        };
        let mut odd = None;
        let operand = self.operand(argument, &mut odd)?;
        Ok(Operation {
            offset,
            code,
            operand,
            odd,
        })
    }

    fn operand(
        &mut self,
        argument: Argument,
        odd: &mut Option<&'static str>,
    ) -> Result<Operand, Stop> {
        Ok(match argument {
            Argument::None => Operand::None,
            Argument::Unsigned(size) => Operand::Int(self.unsigned(size)?.into()),
            Argument::Signed4 => {
                let bytes = self
                    .bytes(4)?
                    .try_into()
                    .expect("four bytes were asked for");
                Operand::Int(i32::from_le_bytes(bytes).into())
            }
            Argument::Double => {
                self.bytes(8)?;
                Operand::Number
            }
            Argument::Counted(size, content) => self.counted(size, content, odd)?,
            Argument::NameLines => Operand::Name {
                module: self.name(odd)?,
                name: self.name(odd)?,
            },
            Argument::IndexLine => {
                let index = parse_int(&self.line()?, Base::Ten);
                if index.is_none() {
                    *odd = Some("the line is no number");
                }
                index.map_or(Operand::Number, Operand::Int)
            }
            Argument::IntLine => int_line(&self.line()?, odd),
            Argument::LongLine => {
                let line = self.line()?;
                let digits = line.strip_suffix(b"L").unwrap_or(&line);
                long_line(digits, odd)
            }
            Argument::FloatLine => {
                let line = self.line()?;
                let text = String::from_utf8_lossy(&line);
                if text.trim().replace('_', "").parse::<f64>().is_err() {
                    *odd = Some("the line is no number");
                }
                Operand::Number
            }
            Argument::StringLine => {
                let line = self.line()?;
                string_line(&line, odd)
            }
            Argument::UnicodeLine => {
                let offset = self.position();
                let line = self.line()?;
                let text = raw_unicode(&line, odd);
                let len = line.len() as u64;
                if text.len() > NAME_BYTES {
                    Operand::LongLine(Span { offset, len })
                } else {
                    Operand::Text(text.into())
                }
            }
            Argument::IdLine => {
                let line = self.line()?;
                Operand::Text(String::from_utf8_lossy(&line).into())
            }
        })
    }

    fn counted(
        &mut self,
        size: u8,
        content: Content,
        odd: &mut Option<&'static str>,
    ) -> Result<Operand, Stop> {
        let begin = self.position();
        let len = self.unsigned(size)?;
        let offset = self.position();
        if len > self.len().saturating_sub(offset) {
            let left = self.len().saturating_sub(offset);
            let detail = format!("{len} bytes announced, {left} are left");
            return Err(Stop::at(&crate::scan::rule::TRUNCATED, begin, detail));
        }
        let span = Span { offset, len };
        Ok(match content {
            Content::Bytes => {
                self.seek_over(len);
                Operand::Bytes(span)
            }
            Content::ByteArray => {
                self.seek_over(len);
                Operand::ByteArray
            }
            Content::Long if len <= 16 => {
                let bytes = self.bytes(usize::try_from(len).expect("at most 16"))?;
                Operand::Int(little_endian(bytes))
            }
            Content::Long => {
                self.seek_over(len);
                Operand::Number
            }
            Content::String | Content::Unicode if len <= NAME_BYTES as u64 => {
                let bytes = self.bytes(usize::try_from(len).expect("at most a name"))?;
                if let Ok(text) = std::str::from_utf8(bytes) {
                    Operand::Text(text.into())
                } else {
                    if content == Content::Unicode && !is_utf8_with_surrogates(bytes) {
                        *odd = Some("the text is not UTF-8");
                    }
                    Operand::LongText(span)
                }
            }
            Content::String => {
                self.seek_over(len);
                Operand::LongText(span)
            }
            Content::Unicode => {
                if !self.unicode(len)? {
                    *odd = Some("the text is not UTF-8");
                }
                Operand::LongText(span)
            }
        })
    }

    /// Passes over text, and tells whether it is UTF-8, surrogates allowed.
    fn unicode(&mut self, len: u64) -> Result<bool, Stop> {
        let end = self.position() + len;
        let mut valid = true;
        while self.position() < end {
            let left = usize::try_from(end - self.position()).unwrap_or(usize::MAX);
            let part = self.bytes(left.min(CHUNK_BYTES))?;
            let mut whole = part.len();
            if left > whole {
                // The next part begins with the character that is cut here.
                let tail = &part[whole - 4..];
                let last = tail.iter().rposition(|byte| byte & 0xc0 != 0x80);
                whole -= 4 - last.unwrap_or(4);
            }
            valid = valid && is_utf8_with_surrogates(&part[..whole]);
            self.at -= left.min(CHUNK_BYTES) - whole;
        }
        Ok(valid)
    }

    fn name(&mut self, odd: &mut Option<&'static str>) -> Result<Rc<str>, Stop> {
        let line = self.line()?;
        if let Ok(text) = std::str::from_utf8(&line) {
            return Ok(text.into());
        }
        *odd = Some("the name is not UTF-8");
        Ok(String::from_utf8_lossy(&line).into())
    }

    fn unsigned(&mut self, size: u8) -> Result<u64, Stop> {
        let mut wide = [0; 8];
        wide[..usize::from(size)].copy_from_slice(self.bytes(size.into())?);
        Ok(u64::from_le_bytes(wide))
    }

    /// The bytes up to the next line feed, which is passed over.
    fn line(&mut self) -> Result<Vec<u8>, Stop> {
        let begin = self.position();
        let mut line = Vec::new();
        loop {
            let rest = &self.buffer[self.at..];
            if let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                line.extend_from_slice(&rest[..end]);
                self.at += end + 1;
                return Ok(line);
            }
            line.extend_from_slice(rest);
            self.at = self.buffer.len();
            if line.len() > LINE_BYTES || !self.fill()? {
                let detail = "the line does not end";
                return Err(Stop::at(&crate::scan::rule::TRUNCATED, begin, detail));
            }
        }
    }

    /// The next bytes, all of them; `count` is at most [`CHUNK_BYTES`].
    pub(super) fn bytes(&mut self, count: usize) -> Result<&[u8], Stop> {
        while self.buffer.len() - self.at < count {
            if !self.fill()? {
                let detail = "the pickle ends in an operation";
                return Err(Stop::at(&crate::scan::rule::TRUNCATED, self.len(), detail));
            }
        }
        self.at += count;
        Ok(&self.buffer[self.at - count..self.at])
    }

    /// The next bytes, which stay the next; fewer only where the input ends.
    pub(super) fn peek(&mut self, count: usize) -> Result<&[u8], Stop> {
        while self.buffer.len() - self.at < count && self.fill()? {}
        let end = self.buffer.len().min(self.at + count);
        Ok(&self.buffer[self.at..end])
    }

    fn seek_over(&mut self, len: u64) {
        match usize::try_from(len) {
            Ok(len) if len <= self.buffer.len() - self.at => self.at += len,
            _ => self.seek(self.position() + len),
        }
    }

    /// Reads on; false at the end of the input.
    fn fill(&mut self) -> Result<bool, Stop> {
        self.base = self.position();
        self.buffer.drain(..self.at);
        self.at = 0;
        let next = self.base + self.buffer.len() as u64;
        self.input.seek(SeekFrom::Start(next))?;
        let before = self.buffer.len();
        self.input
            .by_ref()
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut self.buffer)?;
        Ok(self.buffer.len() > before)
    }
}

fn int_line(line: &[u8], odd: &mut Option<&'static str>) -> Operand {
    match line {
        b"00" => Operand::Bool(false),
        b"01" => Operand::Bool(true),
        _ => long_line(line, odd),
    }
}

fn long_line(digits: &[u8], odd: &mut Option<&'static str>) -> Operand {
    if let Some(value) = parse_int(digits, Base::Prefix) {
        return Operand::Int(value);
    }
    let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
    if digits.is_empty() || !digits.iter().all(is_digit) {
        *odd = Some("the line is no number");
    }
    Operand::Number
}

/// Which notations Python takes for a number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    Ten,
    /// `0x`, `0o` and `0b` count.
    Prefix,
}

/// An integer as `int()` of Python reads it: blanks around it, a sign, single underscores.
fn parse_int(line: &[u8], base: Base) -> Option<i128> {
    let text = std::str::from_utf8(line).ok()?.trim();
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let prefix = digits.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match prefix.as_deref() {
        Some("0x") if base == Base::Prefix => (16, &digits[2..]),
        Some("0o") if base == Base::Prefix => (8, &digits[2..]),
        Some("0b") if base == Base::Prefix => (2, &digits[2..]),
        _ => (10, digits),
    };
    if !digits.starts_with(|char: char| char.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    Some(if negative { -value } else { value })
}

fn string_line(line: &[u8], odd: &mut Option<&'static str>) -> Operand {
    let line = line.trim_ascii_end();
    let quote = line.first().copied().unwrap_or_default();
    if line.len() < 2 || !matches!(quote, b'\'' | b'"') || line.last() != Some(&quote) {
        *odd = Some("the string is not in quotes");
        return Operand::Text(String::from_utf8_lossy(line).into());
    }
    let bytes = unescape(&line[1..line.len() - 1]);
    match String::from_utf8(bytes) {
        Ok(text) if text.len() <= NAME_BYTES => Operand::Text(text.into()),
        _ => Operand::Number,
    }
}

/// Resolves the escapes of a Python string.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'\n') | None => {}
            Some(b'a') => bytes.push(7),
            Some(b'b') => bytes.push(8),
            Some(b'f') => bytes.push(12),
            Some(b'n') => bytes.push(b'\n'),
            Some(b'r') => bytes.push(b'\r'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'v') => bytes.push(11),
            Some(b'x') => {
                let mut value = 0_u8;
                for _ in 0..2 {
                    if let Some(digit) = rest.next_if(u8::is_ascii_hexdigit) {
                        value = value.wrapping_mul(16) | hex(digit);
                    }
                }
                bytes.push(value);
            }
            Some(digit @ b'0'..=b'7') => {
                let mut value = digit - b'0';
                for _ in 0..2 {
                    if let Some(digit) = rest.next_if(|byte| matches!(byte, b'0'..=b'7')) {
                        value = value.wrapping_mul(8) | (digit - b'0');
                    }
                }
                bytes.push(value);
            }
            Some(quoted @ (b'\\' | b'\'' | b'"')) => bytes.push(quoted),
            Some(other) => bytes.extend([b'\\', other]),
        }
    }
    bytes
}

fn hex(digit: u8) -> u8 {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
        .unwrap_or_default()
}

/// Decodes Latin-1 with `\uXXXX` and `\UXXXXXXXX`.
pub(super) fn raw_unicode(line: &[u8], odd: &mut Option<&'static str>) -> String {
    let mut text = String::with_capacity(line.len());
    let mut at = 0;
    while at < line.len() {
        let digits = match line.get(at..at + 2) {
            Some(b"\\u") => 4,
            Some(b"\\U") => 8,
            Some(b"\\\\") => {
                text.push_str("\\\\");
                at += 2;
                continue;
            }
            _ => 0,
        };
        if digits == 0 {
            text.push(char::from(line[at]));
            at += 1;
            continue;
        }
        let value = line
            .get(at + 2..at + 2 + digits)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match value {
            Some(value) if value <= 0x10_ffff => {
                text.push(char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER));
                at += 2 + digits;
            }
            _ => {
                *odd = Some("an escape in the text is cut");
                text.push('\\');
                at += 1;
            }
        }
    }
    text
}

/// UTF-8 as Python writes it with `surrogatepass`.
fn is_utf8_with_surrogates(mut bytes: &[u8]) -> bool {
    loop {
        let Err(error) = std::str::from_utf8(bytes) else {
            return true;
        };
        bytes = &bytes[error.valid_up_to()..];
        match bytes {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, rest @ ..] => bytes = rest,
            _ => return false,
        }
    }
}

fn little_endian(bytes: &[u8]) -> i128 {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 16];
    wide[..bytes.len()].copy_from_slice(bytes);
    i128::from_le_bytes(wide)
}

/// Text that may be a name is kept; Python itself knows none that is longer.
pub(super) const NAME_BYTES: usize = 512;
const LINE_BYTES: usize = 64 << 20;
const CHUNK_BYTES: usize = 64 << 10;
