//! Heads that lie, distract, lead away or break the rules of HTTP.

use super::super::reply::{Framing, Reply, Request};
use crate::draw::Draw;

/// A redirect to somewhere.
pub(super) fn elsewhere(draw: &mut Draw, port: u16) -> Reply {
    let long = format!(
        "/{}",
        "x".repeat(usize::try_from(draw.within(1..=70_000)).expect("small"))
    );
    let own = format!("http://127.0.0.1:{port}/other?signature=t");
    let relative = format!("//127.0.0.1:{port}/other");
    let named = format!("http://storage.example:{port}/other");
    let private = format!("http://private.example:{port}/other");
    let credentials = format!("http://user:pass@127.0.0.1:{port}/other");
    let places = [
        "/again",
        "?",
        "",
        "other",
        &own,
        &relative,
        &named,
        &private,
        &credentials,
        &long,
        "http://10.0.0.1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]:1/x",
        "http://[::ffff:10.0.0.1]/x",
        "http://2130706433:1/x",
        "http://0x7f.1:1/x",
        "http://0.0.0.0/x",
        "http://127.0.0.1:1/closed",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "data:text/plain,x",
        "gopher://127.0.0.1/x",
        "javascript:alert(1)",
        "http://",
        "http:///x",
        "http://[",
        "\\\\127.0.0.1\\x",
        "http://127.0.0.1:99999/x",
        "%00",
        "ht\ttp://127.0.0.1/",
    ];
    let place = *draw.pick(&places);
    let status = *draw.pick(&[
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
        "300 Choices",
        "304 Not Modified",
        "305 Use Proxy",
        "306 x",
        "399 x",
    ]);
    let reply = Reply::new(status, "");
    match draw.below(8) {
        0 => reply,
        1 => reply.with("Location", place).with("Location", "/second"),
        2 => reply.with("Refresh", &format!("0; url={place}")),
        _ => reply.with("Location", place),
    }
}

/// Says something about the body that is not so.
pub(super) fn lie(draw: &mut Draw, request: &Request, reply: &mut Reply) {
    match draw.below(10) {
        0 => reply.status = draw.within(100..=999).to_string(),
        1 => {
            reply.status = (*draw.pick(&[
                "200 OK",
                "206 Partial Content",
                "204 No Content",
                "205 Reset",
                "201 Created",
                "202 Accepted",
                "203 Changed",
                "101 Switching Protocols",
                "416 Range Not Satisfiable",
                "401 Unauthorized",
                "403 Forbidden",
                "404 Not Found",
                "408 Timeout",
                "410 Gone",
                "412 Failed",
                "418 Teapot",
                "421 Misdirected",
                "425 Early",
                "429 Slow down",
                "451 Law",
                "500 Oops",
                "503 Busy",
            ]))
            .to_owned();
        }
        2 | 3 => content_range(draw, request, reply),
        4 | 5 => length(draw, reply),
        6 => {
            let encoding = *draw.pick(&[
                "gzip",
                "br",
                "deflate",
                "zstd",
                "identity",
                "GZIP, gzip",
                "x",
                "",
            ]);
            reply.set("Content-Encoding", encoding);
        }
        7 => {
            let media_type = *draw.pick(&[
                "text/html",
                "TEXT/HTML; charset=x",
                "application/json",
                "application/xml",
                "multipart/byteranges; boundary=x",
                "multipart/byteranges",
                "multipart/mixed; boundary=\"",
                ";",
                "",
            ]);
            reply.set("Content-Type", media_type);
        }
        8 => {
            let tag = draw.number();
            let tag = match draw.below(5) {
                0 => format!("W/\"{tag}\""),
                1 => format!("\"{tag}"),
                2 => "*".to_owned(),
                3 => "\"honest\"".to_owned(),
                _ => format!("\"{tag}\""),
            };
            reply.set("ETag", &tag);
        }
        _ => {
            let day = draw.within(1..=31);
            reply.set(
                "Last-Modified",
                &format!("Wed, {day:02} Oct 2015 07:28:00 GMT"),
            );
        }
    }
}

fn content_range(draw: &mut Draw, request: &Request, reply: &mut Reply) {
    let (first, end) = request.range.unwrap_or((0, u64::MAX));
    let last = end.saturating_sub(1);
    let len = reply.body.len() as u64;
    if draw.one_in(8) && len > 0 {
        // True, and next to nothing.
        let size = reply.size.unwrap_or(len);
        reply.body.truncate(1);
        reply.set("Content-Range", &format!("bytes {first}-{first}/{size}"));
        return;
    }
    let value = match draw.below(14) {
        0 => format!("bytes {}-{}/{}", first + 1, first + len, first + len + 1),
        1 => format!("bytes {first}-{}/*", first + len.saturating_sub(1)),
        2 => format!("bytes {first}-{last}/{}", u64::MAX),
        3 => format!("bytes {first}-{}/{}", first + len, 1_u64 << 62),
        4 => format!("bytes */{len}"),
        5 => "bytes */0".to_owned(),
        6 => format!("bytes {len}-{first}/{len}"),
        7 => format!("items {first}-{last}/{len}"),
        8 => format!("bytes={first}-{last}/{len}"),
        9 => format!("bytes -1-{last}/{len}"),
        10 => "bytes 0-18446744073709551615/18446744073709551616".to_owned(),
        11 => format!(
            "bytes {first}-{}/{}",
            first + len.saturating_sub(1),
            first + len + draw.within(1..=1000)
        ),
        12 => format!("bytes {first} - {last} / {len}"),
        _ => format!("bytes {first}-{first}/{}", first + 1),
    };
    if draw.one_in(5) {
        // Twice, and not the same.
        *reply = reply.clone().with("Content-Range", &value);
    } else {
        reply.set("Content-Range", &value);
    }
}

fn length(draw: &mut Draw, reply: &mut Reply) {
    let true_len = reply.body.len() as u64;
    let value = match draw.below(14) {
        0 => (true_len + draw.within(1..=5000)).to_string(),
        1 => true_len.saturating_sub(draw.within(1..=5000)).to_string(),
        2 => "-1".to_owned(),
        3 => format!("+{true_len}"),
        4 => format!("{true_len}, {true_len}"),
        5 => format!("{true_len}, {}", true_len + 1),
        6 => u64::MAX.to_string(),
        7 => "18446744073709551616".to_owned(),
        8 => i64::MAX.to_string(),
        9 => format!("0x{true_len:x}"),
        10 => format!(" {true_len} "),
        11 => format!("{true_len}.0"),
        12 => (1_u64 << 50).to_string(),
        _ => String::new(),
    };
    match draw.below(4) {
        // Beside the true one, or beside chunks.
        0 => {}
        1 => reply.framing = Framing::Chunked,
        _ => reply.framing = Framing::Unsaid,
    }
    reply.headers.push(("Content-Length".to_owned(), value));
}

/// Adds headers that mean nothing, or not what they seem to.
pub(super) fn decorate(draw: &mut Draw, reply: &mut Reply) {
    let (name, value) = *draw.pick(&[
        (
            "Content-Disposition",
            "attachment; filename=\"../../../escape.bin\"",
        ),
        (
            "Content-Disposition",
            "attachment; filename*=UTF-8''..%2F..%2Fescape.bin",
        ),
        ("Content-Disposition", "inline; filename=/etc/cron.d/x"),
        ("Content-Disposition", "\u{1f600}"),
        ("Set-Cookie", "session=1; Domain=example; Path=/"),
        ("Accept-Ranges", "none"),
        ("Accept-Ranges", "bytes"),
        ("Connection", "keep-alive"),
        ("Keep-Alive", "timeout=99999999999999999999"),
        ("Retry-After", "0"),
        ("Trailer", "Content-Range"),
        ("X-Empty", ""),
        ("Alt-Svc", "h3=\":443\"; ma=99999"),
        ("Strict-Transport-Security", "max-age=99999"),
        ("Digest", "sha-256=AAAA"),
        ("Content-Language", "\u{fffd}\u{202e}"),
        ("Date", "yesterday"),
        ("Age", "-1"),
        ("Content-Location", "/other"),
    ]);
    reply.headers.push((name.to_owned(), value.to_owned()));
}

/// Changes the bytes of a head so that it is none, or a strange one.
pub(super) fn break_rules(draw: &mut Draw, head: &mut Vec<u8>) {
    let first_line = head
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    match draw.below(18) {
        0 => {
            *head = String::from_utf8_lossy(head)
                .replace("\r\n", "\n")
                .into_bytes();
        }
        1 => head
            .splice(0..0, b"\r\n\r\n\r\n".iter().copied())
            .for_each(drop),
        2 => replace_start(head, b"HTTP/0.9"),
        3 => replace_start(head, b"HTTP/2.0"),
        4 => replace_start(head, b"ICY/1.1 "),
        5 => replace_start(head, b"http/1.1"),
        6 => {
            let garbage: Vec<u8> = (0..draw.within(1..=3000))
                .map(|_| draw.number().to_le_bytes()[0])
                .collect();
            *head = garbage;
        }
        7 => insert(
            head,
            first_line,
            &b"X-Bomb: 1\r\n".repeat(usize::try_from(draw.within(90..=2000)).expect("small")),
        ),
        8 => {
            let line = format!(
                "X-Long: {}\r\n",
                "y".repeat(usize::try_from(draw.within(1000..=600_000)).expect("small"))
            );
            insert(head, first_line, line.as_bytes());
        }
        9 => insert(head, first_line, b"No colon here\r\n"),
        10 => insert(head, first_line, b": no name\r\n"),
        11 => insert(head, first_line, b"X-Nul: a\0b\r\n"),
        12 => insert(head, first_line, b"X-Folded: a\r\n b\r\n\tc\r\n"),
        13 => insert(head, first_line, b"Content-Length : 5\r\n"),
        14 => {
            let early = b"HTTP/1.1 100 Continue\r\n\r\n"
                .repeat(usize::try_from(draw.within(1..=3000)).expect("small"));
            insert(head, 0, &early);
        }
        15 => insert(head, first_line, b"Transfer-Encoding: chunked\r\n"),
        16 => insert(
            head,
            first_line,
            b"Transfer-Encoding: gzip, chunked\r\nTransfer-Encoding: identity\r\n",
        ),
        _ => {
            // No end of the head.
            head.truncate(head.len().saturating_sub(2));
        }
    }
}

fn insert(head: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    head.splice(at..at, bytes.iter().copied()).for_each(drop);
}

fn replace_start(head: &mut [u8], with: &[u8]) {
    if let Some(start) = head.get_mut(..with.len()) {
        start.copy_from_slice(with);
    }
}
