//! The ways in which an answer is spoilt.

use std::time::Duration;

use super::reply::{Framing, Reply, Request};
use super::server::Step;
use crate::draw::Draw;

mod body;
mod head;

/// The answer as it stands, on a connection that is kept.
pub(super) fn plainly(reply: &Reply) -> Vec<Step> {
    vec![Step::Send(reply.head()), Step::Send(reply.body.clone())]
}

/// Fails without a lie about the file's bytes.
pub(super) fn clumsily(draw: &mut Draw, mut reply: Reply) -> Vec<Step> {
    match draw.below(8) {
        0 => {
            let status = *draw.pick(&[
                "500 Oops",
                "502 Bad Gateway",
                "503 Busy",
                "504 Late",
                "520 x",
            ]);
            let mut reply = Reply::new(status, "<html>the origin is unwell");
            if draw.one_in(2) {
                let after = *draw.pick(&["0", "soon", "-1", "Wed, 21 Oct 2015 07:28:00 GMT"]);
                reply.set("Retry-After", after);
            }
            return plainly(&reply);
        }
        1 => {
            return vec![if draw.one_in(2) {
                Step::Reset
            } else {
                Step::Close
            }];
        }
        2 => reply.framing = Framing::Chunked,
        3 => head::decorate(draw, &mut reply),
        _ => {}
    }
    let mut bytes = reply.head();
    bytes.extend(reply.framed_body(draw));
    if draw.one_in(6) {
        bytes.splice(
            0..0,
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
                .iter()
                .copied(),
        );
    }
    let mut steps = in_pieces(draw, bytes, 4, 20);
    if draw.one_in(2) {
        break_off(draw, &mut steps);
    }
    steps
}

/// Lies and breaks rules, from one to three of them at a time.
pub(super) fn hostilely(
    draw: &mut Draw,
    request: &Request,
    mut reply: Reply,
    port: u16,
) -> Vec<Step> {
    if draw.one_in(12) {
        return vec![if draw.one_in(2) {
            Step::Reset
        } else {
            Step::Close
        }];
    }
    if draw.one_in(8) {
        reply = head::elsewhere(draw, port);
    }
    for _ in 0..draw.within(0..=2) {
        match draw.below(3) {
            0 => head::lie(draw, request, &mut reply),
            1 => head::decorate(draw, &mut reply),
            _ => body::spoil(draw, &mut reply),
        }
    }
    let mut head = reply.head();
    if draw.one_in(4) {
        head::break_rules(draw, &mut head);
    }
    let mut bytes = head;
    bytes.extend(if reply.framing == Framing::Chunked && draw.one_in(2) {
        body::bad_chunks(draw, &reply.body)
    } else {
        reply.framed_body(draw)
    });
    if draw.one_in(10) {
        // A second answer to a request that nobody has sent.
        let evil = Reply::new("200 OK", vec![0xee; reply.body.len().min(4096)]);
        bytes.extend(evil.head());
        bytes.extend(evil.body);
    }
    let mut steps = in_pieces(draw, bytes, 5, 30);
    match draw.below(5) {
        0 => break_off(draw, &mut steps),
        1 => stall(draw, &mut steps),
        2 => steps.push(Step::Close),
        _ => {}
    }
    if reply.framing == Framing::Unsaid {
        steps.push(Step::Close);
    }
    steps
}

/// Cuts what is sent into some pieces with short pauses between them.
fn in_pieces(draw: &mut Draw, mut bytes: Vec<u8>, most: u64, pause: u64) -> Vec<Step> {
    let mut steps = Vec::new();
    for _ in 0..draw.below(most) {
        let at = draw.below(bytes.len() as u64 + 1);
        let rest = bytes.split_off(usize::try_from(at).expect("answers are small"));
        steps.push(Step::Send(std::mem::replace(&mut bytes, rest)));
        if draw.one_in(2) {
            steps.push(Step::Pause(draw.millis(0..=pause)));
        }
    }
    steps.push(Step::Send(bytes));
    steps
}

/// Ends the connection somewhere.
fn break_off(draw: &mut Draw, steps: &mut Vec<Step>) {
    let keep = draw.below(steps.len() as u64);
    steps.truncate(usize::try_from(keep).expect("few steps") + 1);
    if let Some(Step::Send(bytes)) = steps.last_mut() {
        let keep = draw.below(bytes.len() as u64 + 1);
        bytes.truncate(usize::try_from(keep).expect("answers are small"));
    }
    steps.push(if draw.one_in(2) {
        Step::Reset
    } else {
        Step::Close
    });
}

/// Falls silent somewhere, for longer than anybody waits.
fn stall(draw: &mut Draw, steps: &mut Vec<Step>) {
    let at = usize::try_from(draw.below(steps.len() as u64)).expect("few steps");
    if let Step::Send(bytes) = &mut steps[at] {
        let keep = draw.below(bytes.len() as u64 + 1);
        bytes.truncate(usize::try_from(keep).expect("answers are small"));
    }
    steps.truncate(at + 1);
    steps.push(Step::Pause(SILENCE));
    steps.push(Step::Close);
}

/// Longer than a transfer against a hostile script waits.
const SILENCE: Duration = Duration::from_millis(600);

/// Names that servers and uploaders give to files.
pub(super) const NAMES: &[&str] = &[
    "model.safetensors",
    "model.gguf",
    "a.zip",
    "config.json",
    "page.html",
    "../../escape.bin",
    "/etc/passwd",
    "..\\..\\escape.bin",
    "C:\\windows\\system32\\x.dll",
    "\\\\host\\share\\x",
    "file:x",
    "a:b",
    "CON",
    "nul.txt",
    "COM1.safetensors",
    "aux.",
    "name ",
    "name.",
    "\0\n\u{1b}[2J\u{7f}\u{202e}\u{200b}",
    "-rf",
    ".ssh",
    ".bashrc",
    "~x",
    "$(x)",
    "%s%n",
    "*",
    "",
    ".",
    "..",
    "%2e%2e%2fescape",
    "x.part",
    "x.part.json",
    ".quarantine",
    "ｆｕｌｌ／ｗｉｄｔｈ",
    "a\u{2215}b\u{2044}c",
    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀.bin",
];
