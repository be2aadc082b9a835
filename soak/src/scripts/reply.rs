//! An answer before it is written down, and the honest one.

use crate::draw::Draw;

/// A request as far as a storage looks at it.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// First byte asked for and the end, which is not included; absent without a `Range`.
    pub(super) range: Option<(u64, u64)>,
}

impl Request {
    pub(super) fn parse(head: &str) -> Self {
        let value = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("range").then(|| value.trim())
        });
        let range = value.and_then(|value| {
            let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
            let end = last
                .parse()
                .map_or(u64::MAX, |last: u64| last.saturating_add(1));
            Some((first.parse().ok()?, end))
        });
        Self { range }
    }
}

/// Status, headers and body, not yet bytes.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) framing: Framing,
    pub(super) body: Vec<u8>,
    /// Of the whole file, where it is one.
    pub(super) size: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked,
    /// A `Content-Length` that is the body's.
    Length,
    /// The body ends with the connection.
    Unsaid,
}

impl Reply {
    pub(super) fn new(status: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: status.to_owned(),
            headers: Vec::new(),
            framing: Framing::Length,
            body: body.into(),
            size: None,
        }
    }

    /// What an honest storage says.
    pub(super) fn honest(request: &Request, file: &[u8]) -> Self {
        let size = file.len() as u64;
        let Some((first, end)) = request.range else {
            return Self::new("200 OK", file).with("ETag", "\"honest\"");
        };
        let end = end.min(size);
        if first >= end {
            return Self::new("416 Range Not Satisfiable", "")
                .with("Content-Range", &format!("bytes */{size}"));
        }
        let at = |offset| usize::try_from(offset).expect("files are small");
        let range = format!("bytes {first}-{}/{size}", end - 1);
        let mut reply = Self::new("206 Partial Content", &file[at(first)..at(end)]);
        reply.size = Some(size);
        reply
            .with("Content-Range", &range)
            .with("ETag", "\"honest\"")
    }

    #[must_use]
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// The head with its empty line.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.headers {
            head += name;
            head += ": ";
            head += value;
            head += "\r\n";
        }
        match self.framing {
            Framing::Chunked => head += "Transfer-Encoding: chunked\r\n",
            Framing::Length => {
                head += "Content-Length: ";
                head += &self.body.len().to_string();
                head += "\r\n";
            }
            Framing::Unsaid => {}
        }
        head += "\r\n";
        head.into_bytes()
    }

    /// The body as it is framed, in chunks of drawn sizes.
    pub(super) fn framed_body(&self, draw: &mut Draw) -> Vec<u8> {
        if self.framing != Framing::Chunked {
            return self.body.clone();
        }
        let mut framed = Vec::with_capacity(self.body.len() + 64);
        let mut rest = &self.body[..];
        while !rest.is_empty() {
            let most = draw.within(1..=64 << 10);
            let len = usize::try_from(most).unwrap_or(1).min(rest.len());
            let (piece, after) = rest.split_at(len);
            framed.extend_from_slice(format!("{len:x}\r\n").as_bytes());
            framed.extend_from_slice(piece);
            framed.extend_from_slice(b"\r\n");
            rest = after;
        }
        framed.extend_from_slice(b"0\r\n\r\n");
        framed
    }
}
