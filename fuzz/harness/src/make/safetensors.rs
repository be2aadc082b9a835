//! Safetensors files.

use super::Fields;
use crate::random::Random;

pub(crate) const WORDS: &[&[u8]] = &[
    b"\"dtype\":\"F32\"",
    b"\"shape\":[",
    b"\"data_offsets\":[0,4]",
    b"\"__metadata__\":{",
    b"\"F8_E8M0\"",
    b"\"F4\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"\\u0061",
    b"\\ud800",
    b"null",
    b"1e1",
    b"-0",
    b" ",
    b"\n",
    b"18446744073709551615",
];

/// A header with a few tensors, and as many bytes as they take.
pub(crate) fn safetensors(random: &mut Random) -> Vec<u8> {
    let mut entries = Vec::new();
    if random.one_in(3) {
        entries.push(metadata(random).to_owned());
    }
    let mut end = 0;
    for number in 0..random.below(6) {
        let (dtype, bits) = *random.pick(&[
            &("F32", 32),
            &("F16", 16),
            &("BF16", 16),
            &("U8", 8),
            &("BOOL", 8),
            &("I64", 64),
            &("F8_E4M3", 8),
            &("F4", 4),
            &("F6_E2M3", 6),
            &("C64", 64),
            &("X", 8),
        ]);
        let shape: Vec<u64> = (0..random.below(4))
            .map(|_| random.below(5) as u64)
            .collect();
        let bytes = shape.iter().product::<u64>() * bits / 8;
        let name = match random.below(12) {
            0 => "__metadata__".to_owned(),
            1 => "\\u0061".to_owned(),
            _ => format!(
                "model.{}.weight",
                number - usize::from(number > 0 && random.one_in(20))
            ),
        };
        let shape: Vec<_> = shape
            .iter()
            .map(|&side| random.lie(side).to_string())
            .collect();
        entries.push(format!(
            "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
            shape.join(","),
            random.lie(end),
            random.lie(end + bytes)
        ));
        end += bytes;
    }
    if random.one_in(6) {
        entries.reverse();
    }
    let (before, after) = *random.pick(&[
        &("", ""),
        &("", "   "),
        &("", ""),
        &("", "\n"),
        &(" ", ""),
        &("", "x"),
    ]);
    let header = format!("{before}{{{}}}{after}", entries.join(","));
    let length = usize::try_from(end).unwrap_or_default().min(4096);
    Fields::default()
        .u64(random.lie(header.len() as u64))
        .bytes(header)
        .bytes(vec![0; length])
        .0
}

fn metadata(random: &mut Random) -> &'static str {
    random.pick(&[
        r#""__metadata__":{"format":"pt"}"#,
        r#""__metadata__":{"format":"pt","modelspec.title":"\u65e5\u672c"}"#,
        r#""__metadata__":{"k":1}"#,
        r#""__metadata__":{"k":"1","k":"2"}"#,
        r#""__metadata__":null"#,
        r#""__metadata__":{"chat_template":"{{ ''.__class__ }}"}"#,
    ])
}
