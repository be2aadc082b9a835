//! Heads of answers to a request for a range, a line a header.

use std::ops::Range;

use crate::random::Random;

pub(crate) const WORDS: &[&[u8]] = &[
    b"bytes ",
    b"bytes */",
    b"-",
    b"/",
    b"*",
    b"\n",
    b"+",
    b" ",
    b"100-199/1000",
    b"18446744073709551615",
    b"Bytes",
    b"\t",
    b",",
];

/// What was asked for.
pub(crate) const ASKED: Range<u64> = 100..200;

/// One line, sometimes two.
pub(crate) fn content_range(random: &mut Random) -> Vec<u8> {
    let mut lines = line(random);
    if random.one_in(6) {
        lines.push('\n');
        lines += &line(random);
    }
    lines.into_bytes()
}

fn line(random: &mut Random) -> String {
    let unit = random.pick(&["bytes", "bytes", "bytes", "items", "BYTES", ""]);
    let size = match random.below(8) {
        0 => "*".to_owned(),
        _ => random.lie(1000).to_string(),
    };
    if random.one_in(8) {
        return format!("{unit} */{size}");
    }
    format!("{unit} {}-{}/{size}", random.lie(100), random.lie(199))
}
