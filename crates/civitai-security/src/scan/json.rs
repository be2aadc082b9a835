//! A reader of JSON that gives one event at a time, with the byte where it begins.
//!
//! The scanner has its own because it must see what a tree of values hides: both of two equal keys, and
//! where each value stood. It keeps no tree, does not recurse, and borrows every string that has no
//! escapes.

use std::borrow::Cow;

/// One piece of a JSON text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event<'a> {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Key(Cow<'a, str>),
    String(Cow<'a, str>),
    /// As it is written.
    Number(&'a str),
    Bool(bool),
    Null,
}

impl Event<'_> {
    /// What it is called in a finding.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::ObjectStart | Self::ObjectEnd => "an object",
            Self::ArrayStart | Self::ArrayEnd => "a list",
            Self::Key(_) => "a key",
            Self::String(_) => "a string",
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Null => "null",
        }
    }
}

/// Why a text is not JSON, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JsonFault {
    pub(super) offset: usize,
    pub(super) reason: &'static str,
    /// The text may be JSON, but it is nested more deeply than was asked for.
    pub(super) too_deep: bool,
}

/// Whose JSON is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// RFC 8259 and nothing else.
    Strict,
    /// What `json.loads` of Python takes: also `NaN`, `Infinity` and half surrogate pairs.
    Python,
    /// What people write: beyond Python's also comments, a comma after the last value, and tabs and line ends in texts.
    Loose,
}

/// Reads one value and gives its events; what follows the value is left to the caller.
#[derive(Debug)]
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
    dialect: Dialect,
    nesting: usize,
    open: Vec<Open>,
    expect: Expect,
    is_loose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Object,
    Array,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    FirstKeyOrEnd,
    FirstValueOrEnd,
    CommaOrEnd,
    Nothing,
}

impl<'a> Json<'a> {
    /// Reads `text` from its first byte, values at most `nesting` levels deep.
    pub(super) fn new(text: &'a str, dialect: Dialect, nesting: usize) -> Self {
        Self {
            text,
            at: 0,
            dialect,
            nesting,
            open: Vec::new(),
            expect: Expect::Value,
            is_loose: false,
        }
    }

    /// The byte after what was read; after the value, where the rest of the text begins.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Passes over what may stand after a value, and gives the byte where something else begins.
    pub(super) fn end(&mut self) -> usize {
        self.skip_space();
        self.at
    }

    /// Whether something was read that only [`Dialect::Loose`] takes.
    pub(super) fn is_loose(&self) -> bool {
        self.is_loose
    }

    /// How many objects and lists are open.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The next event and the byte where it begins; `None` once the value is complete.
    pub(super) fn next_event(&mut self) -> Result<Option<(usize, Event<'a>)>, JsonFault> {
        if self.expect == Expect::Nothing {
            return Ok(None);
        }
        self.skip_space();
        match (self.expect, self.peek()) {
            (Expect::CommaOrEnd, Some(b',')) => {
                self.at += 1;
                self.skip_space();
                let ends = matches!(self.peek(), Some(b'}' | b']'));
                if ends && self.dialect == Dialect::Loose {
                    self.is_loose = true;
                    self.next_event_at_end()
                } else if self.open.last() == Some(&Open::Object) {
                    self.key()
                } else {
                    self.value()
                }
            }
            (Expect::CommaOrEnd | Expect::FirstKeyOrEnd, Some(b'}')) => {
                self.close(Open::Object, Event::ObjectEnd)
            }
            (Expect::CommaOrEnd | Expect::FirstValueOrEnd, Some(b']')) => {
                self.close(Open::Array, Event::ArrayEnd)
            }
            (Expect::CommaOrEnd, _) => Err(self.fault("a comma or the end is missing")),
            (Expect::FirstKeyOrEnd, _) => self.key(),
            (Expect::Value | Expect::FirstValueOrEnd | Expect::Nothing, _) => self.value(),
        }
        .map(Some)
    }

    /// The event of the bracket that closes what is open.
    fn next_event_at_end(&mut self) -> Result<(usize, Event<'a>), JsonFault> {
        match self.peek() {
            Some(b'}') => self.close(Open::Object, Event::ObjectEnd),
            _ => self.close(Open::Array, Event::ArrayEnd),
        }
    }

    /// Reads on to the end of the value whose first event was just given.
    pub(super) fn skip(&mut self, first: &Event<'_>) -> Result<(), JsonFault> {
        if !matches!(first, Event::ObjectStart | Event::ArrayStart) {
            return Ok(());
        }
        let depth = self.depth();
        while self.depth() >= depth {
            self.next_event()?;
        }
        Ok(())
    }

    fn key(&mut self) -> Result<(usize, Event<'a>), JsonFault> {
        let start = self.at;
        if self.peek() != Some(b'"') {
            return Err(self.fault("a key is missing"));
        }
        let key = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.fault("a colon is missing"));
        }
        self.at += 1;
        self.expect = Expect::Value;
        Ok((start, Event::Key(key)))
    }

    fn value(&mut self) -> Result<(usize, Event<'a>), JsonFault> {
        let start = self.at;
        let event = match self.peek() {
            Some(b'{') => return self.enter(Open::Object, Event::ObjectStart),
            Some(b'[') => return self.enter(Open::Array, Event::ArrayStart),
            Some(b'"') => Event::String(self.string()?),
            Some(b't') => self.word("true", Event::Bool(true))?,
            Some(b'f') => self.word("false", Event::Bool(false))?,
            Some(b'n') => self.word("null", Event::Null)?,
            Some(b'N') => self.python_number("NaN")?,
            Some(b'I') => self.python_number("Infinity")?,
            Some(b'-') if self.rest().starts_with("-I") => self.python_number("-Infinity")?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => return Err(self.fault("a value is missing")),
            None => return Err(self.fault("the text ends early")),
        };
        self.after_value();
        Ok((start, event))
    }

    fn enter(&mut self, open: Open, event: Event<'a>) -> Result<(usize, Event<'a>), JsonFault> {
        if self.open.len() >= self.nesting {
            return Err(JsonFault {
                too_deep: true,
                ..self.fault("nested too deeply")
            });
        }
        let start = self.at;
        self.open.push(open);
        self.expect = match open {
            Open::Object => Expect::FirstKeyOrEnd,
            Open::Array => Expect::FirstValueOrEnd,
        };
        self.at += 1;
        Ok((start, event))
    }

    fn close(&mut self, open: Open, event: Event<'a>) -> Result<(usize, Event<'a>), JsonFault> {
        if self.open.last() != Some(&open) {
            return Err(self.fault("the wrong bracket closes"));
        }
        let start = self.at;
        self.open.pop();
        self.at += 1;
        self.after_value();
        Ok((start, event))
    }

    fn after_value(&mut self) {
        self.expect = if self.open.is_empty() {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
    }

    fn word(&mut self, word: &str, event: Event<'a>) -> Result<Event<'a>, JsonFault> {
        if !self.rest().starts_with(word) {
            return Err(self.fault("a value is missing"));
        }
        self.at += word.len();
        Ok(event)
    }

    fn python_number(&mut self, word: &'static str) -> Result<Event<'a>, JsonFault> {
        match self.dialect {
            Dialect::Strict => Err(self.fault("a value is missing")),
            Dialect::Python | Dialect::Loose => self.word(word, Event::Number(word)),
        }
    }

    fn number(&mut self) -> Result<Event<'a>, JsonFault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Event::Number(&self.text[start..self.at]))
    }

    fn digits(&mut self) -> Result<(), JsonFault> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return Err(self.fault("a digit is missing"));
        }
        self.at += count;
        Ok(())
    }

    /// Reads a string whose opening quote is next.
    fn string(&mut self) -> Result<Cow<'a, str>, JsonFault> {
        self.at += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let run = self.rest();
            let len = run
                .bytes()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
                .ok_or_else(|| self.fault("a string has no end"))?;
            if text.is_empty() {
                text = Cow::Borrowed(&run[..len]);
            } else {
                text.to_mut().push_str(&run[..len]);
            }
            self.at += len;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let char = self.escape()?;
                    text.to_mut().push(char);
                }
                Some(space @ (b'\t' | b'\n' | b'\r')) if self.dialect == Dialect::Loose => {
                    self.is_loose = true;
                    self.at += 1;
                    text.to_mut().push(char::from(space));
                }
                _ => return Err(self.fault("a control character in a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonFault> {
        let char = match self.text.as_bytes().get(self.at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return Err(self.fault("an unknown escape")),
        };
        self.at += 2;
        Ok(char)
    }

    fn unicode_escape(&mut self) -> Result<char, JsonFault> {
        let first = self
            .unit(self.at)
            .ok_or_else(|| self.fault("an escape without its four digits"))?;
        let second = self
            .unit(self.at + 6)
            .filter(|unit| (0xdc00..0xe000).contains(unit));
        if let (0xd800..0xdc00, Some(second)) = (first, second) {
            self.at += 12;
            let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            return Ok(char::from_u32(code).expect("a surrogate pair is a character"));
        }
        match (char::from_u32(first), self.dialect) {
            (Some(char), _) => {
                self.at += 6;
                Ok(char)
            }
            (None, Dialect::Python | Dialect::Loose) => {
                self.at += 6;
                Ok(char::REPLACEMENT_CHARACTER)
            }
            (None, Dialect::Strict) => Err(self.fault("half a surrogate pair")),
        }
    }

    /// The number of a `\uXXXX` at `at`.
    fn unit(&self, at: usize) -> Option<u32> {
        let escape = self.text.as_bytes().get(at..at + 6)?;
        let digits = escape.strip_prefix(b"\\u")?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
    }

    fn skip_space(&mut self) {
        let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        loop {
            self.at += self
                .rest()
                .as_bytes()
                .iter()
                .take_while(|byte| space(byte))
                .count();
            match self.comment() {
                Some(length) if self.dialect == Dialect::Loose => {
                    self.is_loose = true;
                    self.at += length;
                }
                _ => return,
            }
        }
    }

    /// The length of a comment that is next.
    fn comment(&self) -> Option<usize> {
        let rest = self.rest();
        if rest.starts_with("//") || rest.starts_with('#') {
            Some(rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|end| end + 2)
        } else {
            None
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn fault(&self, reason: &'static str) -> JsonFault {
        JsonFault {
            offset: self.at,
            reason,
            too_deep: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str, dialect: Dialect) -> Result<Vec<(usize, Event<'_>)>, JsonFault> {
        let mut json = Json::new(text, dialect, 64);
        let mut events = Vec::new();
        while let Some(event) = json.next_event()? {
            events.push(event);
        }
        match text[json.offset()..].trim() {
            "" => Ok(events),
            _ => Err(json.fault("text after the value")),
        }
    }

    #[test]
    fn gives_both_of_two_equal_keys_and_where_they_stand() {
        let events = read(r#"{"a":1, "\u0061":[true,null]}"#, Dialect::Strict).expect("it is JSON");
        assert_eq!(
            events,
            [
                (0, Event::ObjectStart),
                (1, Event::Key("a".into())),
                (5, Event::Number("1")),
                (8, Event::Key("a".into())),
                (17, Event::ArrayStart),
                (18, Event::Bool(true)),
                (23, Event::Null),
                (27, Event::ArrayEnd),
                (28, Event::ObjectEnd),
            ]
        );
    }

    #[test]
    fn takes_what_python_writes_only_when_asked() {
        for text in ["[NaN]", "[-Infinity]", r#"["\ud800"]"#] {
            assert!(read(text, Dialect::Python).is_ok(), "{text}");
            assert!(read(text, Dialect::Strict).is_err(), "{text}");
        }
    }

    #[test]
    fn stops_at_the_nesting_that_was_asked_for() {
        let text = "[".repeat(65);
        let fault = read(&text, Dialect::Strict).expect_err("it is too deep");
        assert!(fault.too_deep);
        assert_eq!(fault.offset, 64);
    }

    proptest! {
        /// The reference is `serde_json`: what one takes, the other takes.
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}:,"0-9eE.+\- a\\u/tn]{0,12}|\{"a":[-0-9.eE]{1,6}\}|\["(\\u[0-9a-fA-F]{4}|\\[a-z]|[a-z])*"\]"#) {
            let reference = serde_json::from_str::<serde_json::Value>(&text);
            // Numbers too large for a double are the only thing on which they may differ.
            let overflow = reference.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
            prop_assert!(overflow || reference.is_ok() == read(&text, Dialect::Strict).is_ok(), "{text}");
        }
    }
}
