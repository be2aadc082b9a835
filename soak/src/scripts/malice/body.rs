//! Bodies that are not the file's bytes, or not framed as they should be.

use super::super::reply::{Framing, Reply};
use crate::draw::Draw;

/// Changes what is sent as the body.
pub(super) fn spoil(draw: &mut Draw, reply: &mut Reply) {
    let len = reply.body.len() as u64;
    match draw.below(9) {
        0 if len > 0 => {
            let at = usize::try_from(draw.below(len)).expect("files are small");
            reply.body[at] ^= 1 << draw.below(8);
        }
        1 => {
            let more = draw.within(1..=5000);
            reply.body.extend((0..more).map(|_| 0xee));
        }
        2 => {
            let keep = draw.below(len + 1);
            reply
                .body
                .truncate(usize::try_from(keep).expect("files are small"));
        }
        3 => reply.body.clear(),
        4 => reply.body = b"<!doctype html><title>Sign in</title>log in, please".to_vec(),
        5 => reply.body = b"{\"error\":\"no \x1b[31m\xff such file\",\"token\":\"abc\"}".to_vec(),
        6 => {
            let part = b"--x\r\nContent-Type: a\r\nContent-Range: bytes 0-1/2\r\n\r\n";
            reply.body.splice(0..0, part.iter().copied()).for_each(drop);
            reply.set("Content-Type", "multipart/byteranges; boundary=x");
        }
        7 => reply.framing = Framing::Chunked,
        _ => reply.framing = Framing::Unsaid,
    }
}

/// The body in chunks that are not quite chunks.
pub(super) fn bad_chunks(draw: &mut Draw, body: &[u8]) -> Vec<u8> {
    let len = body.len();
    let size = match draw.below(14) {
        0 => format!("{:x}", len + 100),
        1 => format!("{:x}", len / 2),
        2 => "10000000000000000".to_owned(),
        3 => "ffffffffffffffff".to_owned(),
        4 => "-1".to_owned(),
        5 => format!("0x{len:x}"),
        6 => "zz".to_owned(),
        7 => String::new(),
        8 => format!(
            "{len:x};{}",
            "e=1;".repeat(usize::try_from(draw.within(1..=20_000)).expect("small"))
        ),
        9 => format!("{len:x};a=\"b\r\nc\""),
        10 => format!(" {len:x} "),
        11 => format!("{:0>60}", format!("{len:x}")),
        12 => format!("+{len:x}"),
        _ => format!("{len:x}"),
    };
    let end: &[u8] = match draw.below(5) {
        0 => b"",
        1 => b"\n0\n\n",
        2 => b"\r\n0\r\nContent-Range: bytes 0-0/1\r\nContent-Length: 5\r\n\r\n",
        3 => b"\r\n0\r\n",
        _ => b"\r\n0\r\n\r\n",
    };
    let mut framed = format!("{size}\r\n").into_bytes();
    framed.extend_from_slice(body);
    framed.extend_from_slice(end);
    if draw.one_in(12) {
        // Trailers without end.
        framed = body.to_vec();
        framed
            .splice(0..0, format!("{len:x}\r\n").into_bytes())
            .for_each(drop);
        framed.extend_from_slice(b"\r\n0\r\n");
        framed.extend(
            b"X-Trailer: 1\r\n".repeat(usize::try_from(draw.within(1..=5000)).expect("small")),
        );
    }
    framed
}
