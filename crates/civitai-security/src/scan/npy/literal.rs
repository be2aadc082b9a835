//! The part of Python's notation that headers are written in.

/// A value of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Number(u64),
    Bool,
    Tuple(Vec<Self>),
    List(Vec<Self>),
    /// In the order in which they stand, repetitions kept.
    Dict(Vec<(String, Self)>),
}

/// Reads one value that fills the text; `None` for everything else, and for more than `nesting` levels.
pub(super) fn parse(text: &[u8], nesting: usize) -> Option<Value> {
    let mut rest = Rest { bytes: text };
    let value = rest.value(nesting)?;
    rest.skip_spaces();
    rest.bytes.is_empty().then_some(value)
}

struct Rest<'t> {
    bytes: &'t [u8],
}

impl Rest<'_> {
    fn value(&mut self, nesting: usize) -> Option<Value> {
        let inner = nesting.checked_sub(1)?;
        self.skip_spaces();
        match *self.bytes.first()? {
            quote @ (b'\'' | b'"') => self.text(quote).map(Value::Text),
            b'0'..=b'9' => self.number().map(Value::Number),
            b'(' => self
                .items(b'(', b')', inner)
                .map(|(mut items, has_comma)| match items.len() {
                    1 if !has_comma => items.remove(0),
                    _ => Value::Tuple(items),
                }),
            b'[' => self
                .items(b'[', b']', inner)
                .map(|(items, _)| Value::List(items)),
            b'{' => self.dict(inner).map(Value::Dict),
            _ => ["True", "False"]
                .iter()
                .any(|word| self.take(word.as_bytes()))
                .then_some(Value::Bool),
        }
    }

    /// Values between brackets, and whether a comma follows the last.
    fn items(&mut self, open: u8, close: u8, nesting: usize) -> Option<(Vec<Value>, bool)> {
        self.take(&[open]).then_some(())?;
        let mut items = Vec::new();
        let mut has_comma = true;
        loop {
            self.skip_spaces();
            if self.take(&[close]) {
                return Some((items, has_comma));
            }
            has_comma.then_some(())?;
            items.push(self.value(nesting)?);
            self.skip_spaces();
            has_comma = self.take(b",");
        }
    }

    fn dict(&mut self, nesting: usize) -> Option<Vec<(String, Value)>> {
        self.take(b"{").then_some(())?;
        let mut entries = Vec::new();
        let mut has_comma = true;
        loop {
            self.skip_spaces();
            if self.take(b"}") {
                return Some(entries);
            }
            has_comma.then_some(())?;
            let Value::Text(key) = self.value(nesting)? else {
                return None;
            };
            self.skip_spaces();
            self.take(b":").then_some(())?;
            entries.push((key, self.value(nesting)?));
            self.skip_spaces();
            has_comma = self.take(b",");
        }
    }

    /// Text without any escape: writers need none for the names of types, and for those of fields hardly.
    fn text(&mut self, quote: u8) -> Option<String> {
        let body = &self.bytes[1..];
        let end = body.iter().position(|&byte| byte == quote)?;
        let text = str::from_utf8(&body[..end]).ok()?;
        let is_plain = !text.contains(['\\', '\n', '\r', '\0']);
        self.bytes = &body[end + 1..];
        is_plain.then(|| text.to_owned())
    }

    /// A number, with the `L` that Python 2 wrote behind long ones.
    fn number(&mut self) -> Option<u64> {
        let end = self
            .bytes
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(self.bytes.len());
        let (digits, rest) = self.bytes.split_at(end);
        self.bytes = rest;
        self.take(b"L");
        str::from_utf8(digits).ok()?.parse().ok()
    }

    fn take(&mut self, text: &[u8]) -> bool {
        let rest = self.bytes.strip_prefix(text);
        self.bytes = rest.unwrap_or(self.bytes);
        rest.is_some()
    }

    fn skip_spaces(&mut self) {
        self.bytes = self.bytes.trim_ascii_start();
    }
}
