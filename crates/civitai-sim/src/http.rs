//! The HTTP/1.1 the simulator speaks: plain requests in, responses out that say how they misbehave on the wire.
//!
//! An HTTP library would refuse to send most of what a fault needs (a `Content-Length` that lies, a reset in the
//! middle of a body), so the few pages it takes are written here.

mod read;
mod server;
mod write;

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::time::Instant;

use crate::content::Content;

pub(crate) use server::{Answer, serve};

/// One request, as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query exactly as sent: what a signature covers.
    pub(crate) target: String,
    /// The path as sent, still percent-encoded.
    pub(crate) path: String,
    /// The path's pieces between slashes, each decoded once; empty pieces are dropped.
    pub(crate) segments: Vec<String>,
    /// Decoded pairs in the order sent; a name may repeat.
    pub(crate) query: Vec<(String, String)>,
    /// Names as sent; look them up with [`Request::header`].
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) remote: SocketAddr,
}

impl Request {
    pub(crate) fn new(
        method: &str,
        target: &str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        remote: SocketAddr,
    ) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            path: path.to_owned(),
            segments: path
                .split('/')
                .filter(|piece| !piece.is_empty())
                .map(|piece| percent_decode_str(piece).decode_utf8_lossy().into_owned())
                .collect(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            headers,
            body,
            remote,
        }
    }

    /// The first header of that name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The first query value of exactly that name.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        find_exact(&self.query, name)
    }

    /// Every query value of exactly that name, in the order sent.
    pub(crate) fn query_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What is sent back, and how.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// `Content-Length`, `Transfer-Encoding` and `Connection` are the writer's business and not in here.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    pub(crate) delivery: Box<Delivery>,
}

impl Response {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Bytes(Bytes::new()),
            delivery: Box::default(),
        }
    }

    pub(crate) fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            body: Body::Bytes(body.into()),
            ..Self::empty(status)
        }
        .with_header("Content-Type", content_type)
    }

    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::bytes(
            status,
            "application/json; charset=utf-8",
            serde_json::to_vec(value).expect("a JSON value is writable"),
        )
    }

    pub(crate) fn text(status: u16, text: impl Into<String>) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", text.into())
    }

    pub(crate) fn html(status: u16, page: impl Into<String>) -> Self {
        Self::bytes(status, "text/html; charset=utf-8", page.into())
    }

    pub(crate) fn xml(status: u16, document: impl Into<String>) -> Self {
        Self::bytes(status, "application/xml", document.into())
    }

    /// A redirect as Next's helper writes it: the target's text as a chunked body without a `Content-Type`.
    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self {
            body: Body::Bytes(Bytes::copy_from_slice(location.as_bytes())),
            ..Self::empty(status)
        }
        .with_length(Length::Chunked)
        .with_header("Location", location)
    }

    /// Sets a header, replacing any of the same name.
    #[must_use]
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    #[must_use]
    pub(crate) fn with_length(mut self, length: Length) -> Self {
        self.delivery.length = length;
        self
    }

    /// Says when it was made, unless it says so already.
    #[must_use]
    pub(crate) fn dated(self, now: Timestamp) -> Self {
        if self.header("date").is_some() {
            return self;
        }
        let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        self.with_header("Date", &date)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }
}

fn find_exact<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// The bytes of a response.
#[derive(Debug)]
pub(crate) enum Body {
    Bytes(Bytes),
    /// A piece of a synthetic file, made up while it is sent.
    File(Box<FileBody>),
}

impl Body {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.len(),
        }
    }
}

/// A range of a file, with what a fault does to its bytes.
#[derive(Debug)]
pub(crate) struct FileBody {
    pub(crate) content: Content,
    /// Offsets in the file.
    pub(crate) range: Range<u64>,
    /// Sent before the range, counted in the length.
    pub(crate) prefix: Bytes,
    /// Sent after the range, counted in the length.
    pub(crate) suffix: Bytes,
    /// Offset in the file and the mask put over the byte there.
    pub(crate) flip: Option<(u64, u8)>,
}

impl FileBody {
    /// All of a file.
    pub(crate) fn of(content: Content) -> Self {
        let range = 0..content.len();
        Self {
            content,
            range,
            prefix: Bytes::new(),
            suffix: Bytes::new(),
            flip: None,
        }
    }

    fn len(&self) -> u64 {
        self.prefix.len() as u64 + (self.range.end - self.range.start) + self.suffix.len() as u64
    }
}

/// How a response goes over the wire. The default is a well-behaved one.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    /// Silence before the first byte of the head.
    pub(crate) latency: Duration,
    /// The head is spread over this long, piece by piece.
    pub(crate) slow_head: Duration,
    pub(crate) length: Length,
    /// Where in the body, from its first byte, the connection ends, and how.
    pub(crate) stop: Option<(u64, Stop)>,
    /// Where in the body nothing happens for a while.
    pub(crate) stall: Option<(u64, Duration)>,
    pub(crate) bytes_per_second: Option<u64>,
    /// When the connection closes wherever the body is.
    pub(crate) deadline: Option<Instant>,
    pub(crate) meter: Option<Meter>,
}

/// Counts body bytes over several responses.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) used: Arc<AtomicU64>,
    /// Once this many are counted the connection closes wherever the body is.
    pub(crate) limit: Option<u64>,
}

/// What the head says about the body's length.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    #[default]
    True,
    /// A `Content-Length` of this, whatever is sent; the connection is closed after the body.
    Claimed(u64),
    Chunked,
}

/// How a connection ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// TCP RST.
    Reset,
    /// TCP FIN.
    Close,
}
