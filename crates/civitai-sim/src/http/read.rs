//! Reading requests from a connection that is kept open.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Request;

/// What came next on a connection.
pub(super) enum Arrival {
    /// A whole request, and whether the client wants the connection kept.
    Request(Request, KeepAlive),
    /// Something that is no request; answer with this status and close.
    Refused(u16),
    /// The client is done.
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeepAlive {
    Yes,
    No,
}

/// Bytes read and not yet used.
#[derive(Debug, Default)]
pub(super) struct Inbox(Vec<u8>);

struct Head {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    keep_alive: KeepAlive,
}

impl Inbox {
    pub(super) async fn next(
        &mut self,
        stream: &mut TcpStream,
        remote: SocketAddr,
    ) -> io::Result<Arrival> {
        let head = loop {
            match parse_head(&self.0) {
                Ok(Some((head, size))) => {
                    self.0.drain(..size);
                    break head;
                }
                Ok(None) if self.0.len() >= MAX_HEAD => return Ok(Arrival::Refused(431)),
                Ok(None) => {}
                Err(status) => return Ok(Arrival::Refused(status)),
            }
            if stream.read_buf(&mut self.0).await? == 0 {
                return Ok(Arrival::Closed);
            }
        };
        let header = |name: &str| super::find(&head.headers, name);
        if header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let chunked =
            header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
        let length = header("content-length").map(str::parse::<usize>);
        let body = match length {
            _ if chunked => self.chunked_body(stream).await?,
            Some(Ok(length)) if length <= MAX_BODY => self.take(stream, length).await?,
            Some(Ok(_)) => return Ok(Arrival::Refused(413)),
            Some(Err(_)) => return Ok(Arrival::Refused(400)),
            None => Some(Vec::new()),
        };
        let Some(body) = body else {
            return Ok(Arrival::Refused(400));
        };
        let request = Request::new(&head.method, &head.target, head.headers, body, remote);
        Ok(Arrival::Request(request, head.keep_alive))
    }

    /// The next `count` bytes, or none if the client stops before.
    async fn take(&mut self, stream: &mut TcpStream, count: usize) -> io::Result<Option<Vec<u8>>> {
        while self.0.len() < count {
            if stream.read_buf(&mut self.0).await? == 0 {
                return Ok(None);
            }
        }
        let rest = self.0.split_off(count);
        Ok(Some(std::mem::replace(&mut self.0, rest)))
    }

    async fn line(&mut self, stream: &mut TcpStream) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.0.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.0.drain(..end + 2).take(end).collect();
                return Ok(String::from_utf8(line).ok());
            }
            if self.0.len() > MAX_HEAD || stream.read_buf(&mut self.0).await? == 0 {
                return Ok(None);
            }
        }
    }

    async fn chunked_body(&mut self, stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.line(stream).await? else {
                return Ok(None);
            };
            let size = line.split(';').next().unwrap_or_default().trim();
            let Ok(size) = usize::from_str_radix(size, 16) else {
                return Ok(None);
            };
            if size > MAX_BODY - body.len() {
                return Ok(None);
            }
            if size == 0 {
                // Trailers end with an empty line.
                while let Some(line) = self.line(stream).await? {
                    if line.is_empty() {
                        return Ok(Some(body));
                    }
                }
                return Ok(None);
            }
            let Some(chunk) = self.take(stream, size).await? else {
                return Ok(None);
            };
            body.extend_from_slice(&chunk);
            if self.line(stream).await?.is_none_or(|line| !line.is_empty()) {
                return Ok(None);
            }
        }
    }
}

/// The request head and its size, none while it is not all there, or the status to refuse it with.
fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, u16> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_LINES];
    let mut request = httparse::Request::new(&mut headers);
    let size = match request.parse(bytes) {
        Ok(httparse::Status::Complete(size)) if size <= MAX_HEAD => size,
        Ok(httparse::Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => {
            return Err(431);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(400),
    };
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|header| {
            (
                header.name.to_owned(),
                String::from_utf8_lossy(header.value).into_owned(),
            )
        })
        .collect();
    let connection = super::find(&headers, "connection")
        .unwrap_or_default()
        .to_ascii_lowercase();
    let keep = if request.version == Some(1) {
        !connection.contains("close")
    } else {
        connection.contains("keep-alive")
    };
    let head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        headers,
        keep_alive: if keep { KeepAlive::Yes } else { KeepAlive::No },
    };
    Ok(Some((head, size)))
}

const MAX_HEAD: usize = 64 << 10;
const MAX_LINES: usize = 100;
/// Ten thousand quoted digests fit ten times over.
const MAX_BODY: usize = 8 << 20;
