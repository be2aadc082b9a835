//! Writing responses, well-behaved or not.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};

use super::read::KeepAlive;
use super::{Body, Delivery, FileBody, Length, Meter, Response, Stop};
use crate::record::Ticket;

/// Whether a body follows the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    HeadOnly,
    Whole,
}

/// Writes a response and says how the connection ends, if it does.
///
/// The ticket's count of body bytes is kept up while they are handed to the socket, and the ticket is settled before
/// the last of them: a client that has the whole answer finds it in the log.
pub(super) async fn write(
    stream: &mut TcpStream,
    outbox: &mut Outbox,
    (response, ticket): (Response, Option<Ticket>),
    part: Part,
    keep_alive: KeepAlive,
) -> io::Result<Option<Stop>> {
    let delivery = &response.delivery;
    let must_close = keep_alive == KeepAlive::No || matches!(delivery.length, Length::Claimed(_));
    if !delivery.latency.is_zero() {
        sleep(delivery.latency).await;
    }
    let head = head(&response, must_close);
    if delivery.slow_head.is_zero() {
        outbox.push(&head);
    } else {
        write_slowly(stream, &head, delivery.slow_head).await?;
    }
    let mut writer = BodyWriter {
        stream,
        body: &response.body,
        delivery,
        outbox,
        sent: 0,
        end: response.body.len(),
        ticket,
    };
    let outcome = match part {
        Part::HeadOnly => writer.finish().await?,
        Part::Whole => writer.write_before_deadline().await?,
    };
    Ok(match outcome {
        ControlFlow::Break(stop) => Some(stop),
        ControlFlow::Continue(()) => must_close.then_some(Stop::Close),
    })
}

/// Bytes on their way to the socket. A connection keeps the room, so that a long body neither allocates nor clears it
/// again for every piece.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    room: Vec<u8>,
    filled: usize,
}

impl Outbox {
    fn push(&mut self, bytes: &[u8]) {
        self.extend(bytes.len()).copy_from_slice(bytes);
    }

    /// Room for so many more bytes, with whatever was in it.
    fn extend(&mut self, size: usize) -> &mut [u8] {
        let start = self.filled;
        self.filled += size;
        if self.room.len() < self.filled {
            self.room.resize(self.filled, 0);
        }
        &mut self.room[start..self.filled]
    }

    async fn empty_into(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(&self.room[..self.filled]).await?;
        self.filled = 0;
        Ok(())
    }
}

struct BodyWriter<'a> {
    stream: &'a mut TcpStream,
    body: &'a Body,
    delivery: &'a Delivery,
    /// Starts with the head, so that head and first bytes travel together.
    outbox: &'a mut Outbox,
    sent: u64,
    end: u64,
    ticket: Option<Ticket>,
}

impl BodyWriter<'_> {
    async fn write_before_deadline(&mut self) -> io::Result<ControlFlow<Stop>> {
        match self.delivery.deadline {
            Some(deadline) => timeout_at(deadline, self.write())
                .await
                .unwrap_or(Ok(ControlFlow::Break(Stop::Close))),
            None => self.write().await,
        }
    }

    async fn write(&mut self) -> io::Result<ControlFlow<Stop>> {
        let mut stall = self.delivery.stall.filter(|(at, _)| *at < self.end);
        let stop = self.delivery.stop.filter(|(at, _)| *at < self.end);
        let last = stop.map_or(self.end, |(at, _)| at);
        let mut pace = self.delivery.bytes_per_second.map(Pace::new);
        loop {
            let at = self.sent;
            if let Some((_, duration)) = stall.take_if(|(from, _)| *from == at) {
                self.flush().await?;
                sleep(duration).await;
            }
            if at == last {
                break;
            }
            if self.delivery.meter.as_ref().is_some_and(Meter::is_used_up) {
                self.flush().await?;
                return Ok(ControlFlow::Break(Stop::Close));
            }
            let next = stall.map_or(last, |(from, _)| from.min(last));
            let size = usize::try_from(next - at).unwrap_or(usize::MAX).min(CHUNK);
            let size = pace.as_ref().map_or(size, |pace| size.min(pace.slice()));
            let size = self
                .delivery
                .meter
                .as_ref()
                .map_or(size, |meter| meter.clip(size));
            self.write_piece(at, size).await?;
            if let Some(pace) = &mut pace {
                pace.wait(self.sent).await;
            }
        }
        if let Some((_, stop)) = stop {
            self.flush().await?;
            // A reset discards what the kernel has not delivered yet; give it the chance.
            sleep(SETTLE).await;
            return Ok(ControlFlow::Break(stop));
        }
        if self.delivery.length == Length::Chunked {
            self.outbox.push(b"0\r\n\r\n");
        }
        self.finish().await
    }

    async fn write_piece(&mut self, at: u64, size: usize) -> io::Result<()> {
        let chunked = self.delivery.length == Length::Chunked;
        if chunked {
            self.outbox.push(format!("{size:x}\r\n").as_bytes());
        }
        self.body.fill(at, self.outbox.extend(size));
        if chunked {
            self.outbox.push(b"\r\n");
        }
        // The last piece goes out with what ends the response, after it is in the log.
        if at + (size as u64) < self.end {
            self.flush().await?;
        }
        self.sent += size as u64;
        if let Some(meter) = &self.delivery.meter {
            meter.used.fetch_add(size as u64, Ordering::Relaxed);
        }
        if let Some(ticket) = &mut self.ticket {
            ticket.entry.bytes_sent = self.sent;
        }
        Ok(())
    }

    async fn finish(&mut self) -> io::Result<ControlFlow<Stop>> {
        if let Some(mut ticket) = self.ticket.take() {
            ticket.entry.complete = true;
        }
        self.flush().await?;
        Ok(ControlFlow::Continue(()))
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.outbox.empty_into(self.stream).await
    }
}

impl Meter {
    fn is_used_up(&self) -> bool {
        self.limit
            .is_some_and(|limit| self.used.load(Ordering::Relaxed) >= limit)
    }

    /// How many of the next bytes fit under the limit.
    fn clip(&self, size: usize) -> usize {
        let left = self
            .limit
            .map(|limit| limit.saturating_sub(self.used.load(Ordering::Relaxed)));
        left.and_then(|left| usize::try_from(left).ok())
            .map_or(size, |left| size.min(left.max(1)))
    }
}

impl Body {
    /// Fills `buf` with the body from `at`; the caller stays within the body.
    fn fill(&self, at: u64, buf: &mut [u8]) {
        match self {
            Self::Bytes(bytes) => copy(bytes, at, buf),
            Self::File(file) => file.fill(at, buf),
        }
    }
}

impl FileBody {
    pub(crate) fn fill(&self, at: u64, buf: &mut [u8]) {
        let prefix = self.prefix.len() as u64;
        let suffix = prefix + (self.range.end - self.range.start);
        let (head, rest) = split(buf, prefix.saturating_sub(at));
        copy(&self.prefix, at, head);
        let at = at + head.len() as u64;
        let (middle, tail) = split(rest, suffix.saturating_sub(at));
        let offset = self.range.start + at.saturating_sub(prefix);
        self.content.read_at(offset, middle);
        if let Some((position, mask)) = self.flip
            && let Some(index) = position
                .checked_sub(offset)
                .and_then(|index| usize::try_from(index).ok())
            && let Some(byte) = middle.get_mut(index)
        {
            *byte ^= mask;
        }
        let at = at + middle.len() as u64;
        copy(&self.suffix, at.saturating_sub(suffix), tail);
    }
}

fn split(buf: &mut [u8], at: u64) -> (&mut [u8], &mut [u8]) {
    let at = usize::try_from(at).unwrap_or(usize::MAX).min(buf.len());
    buf.split_at_mut(at)
}

fn copy(source: &[u8], at: u64, buf: &mut [u8]) {
    if !buf.is_empty() {
        let start = usize::try_from(at).expect("positions in literal bytes fit memory");
        buf.copy_from_slice(&source[start..start + buf.len()]);
    }
}

/// Keeps a connection at a steady rate, in steps of a twentieth of a second.
struct Pace {
    bytes_per_second: u64,
    started: Instant,
}

impl Pace {
    fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: bytes_per_second.max(1),
            started: Instant::now(),
        }
    }

    fn slice(&self) -> usize {
        usize::try_from(self.bytes_per_second / 20)
            .unwrap_or(usize::MAX)
            .max(1)
    }

    async fn wait(&self, sent: u64) {
        let micros = u128::from(sent) * 1_000_000 / u128::from(self.bytes_per_second);
        let due = Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
        tokio::time::sleep_until(self.started + due).await;
    }
}

async fn write_slowly(stream: &mut TcpStream, head: &[u8], over: Duration) -> io::Result<()> {
    let pieces = head.chunks(head.len().div_ceil(HEAD_PIECES).max(1));
    let pause = over / u32::try_from(HEAD_PIECES).expect("a small number");
    for piece in pieces {
        sleep(pause).await;
        stream.write_all(piece).await?;
    }
    Ok(())
}

fn head(response: &Response, must_close: bool) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    let status = response.status;
    write!(head, "HTTP/1.1 {status} {}\r\n", reason(status)).expect("memory takes any bytes");
    for (name, value) in &response.headers {
        // A line break in a value would be somebody else's header.
        let value = value.replace(['\r', '\n'], " ");
        write!(head, "{name}: {value}\r\n").expect("memory takes any bytes");
    }
    match response.delivery.length {
        Length::Chunked => head.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Length::Claimed(length) => {
            write!(head, "Content-Length: {length}\r\n").expect("memory takes any bytes");
        }
        Length::True if status == 204 || status == 304 => {}
        Length::True => write!(head, "Content-Length: {}\r\n", response.body.len())
            .expect("memory takes any bytes"),
    }
    head.extend_from_slice(if must_close {
        b"Connection: close\r\n\r\n"
    } else {
        b"\r\n"
    });
    head
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

/// Large enough that a system call costs little beside the bytes, small enough to stay in the cache.
const CHUNK: usize = 256 << 10;
const HEAD_PIECES: usize = 10;
const SETTLE: Duration = Duration::from_millis(5);
