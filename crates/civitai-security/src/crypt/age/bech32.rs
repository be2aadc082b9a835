//! Bech32 (BIP 173) without its limit of length.

use std::fmt::Write as _;

/// Writes `prefix`, `1`, the bytes and a check sum, in lower case.
pub(super) fn encode(prefix: &str, bytes: &[u8]) -> String {
    let mut values: Vec<u8> = regroup(bytes, 8, 5, Rest::Filled).expect("bytes have 8 bits");
    let sum = polymod(
        &expanded(prefix)
            .chain(values.iter().copied())
            .chain([0; 6])
            .collect::<Vec<_>>(),
    ) ^ 1;
    values.extend((0..6).map(|index| ((sum >> (5 * (5 - index))) & 31) as u8));
    let mut text = format!("{prefix}1");
    for value in values {
        let _ = text.write_char(ALPHABET[usize::from(value)].into());
    }
    text
}

/// Reads what [`encode`] writes, all in lower or all in upper case; gives the prefix in lower case.
pub(super) fn decode(text: &str) -> Option<(String, Vec<u8>)> {
    let lower = text.to_ascii_lowercase();
    if lower != text && text.to_ascii_uppercase() != text {
        return None;
    }
    let (prefix, data) = lower.rsplit_once('1')?;
    let is_plain = prefix.bytes().all(|byte| (33..=126).contains(&byte));
    if prefix.is_empty() || !is_plain || data.len() < 6 {
        return None;
    }
    let values = data
        .bytes()
        .map(|byte| ALPHABET.iter().position(|known| *known == byte))
        .map(|value| value.and_then(|value| u8::try_from(value).ok()))
        .collect::<Option<Vec<_>>>()?;
    let all: Vec<u8> = expanded(prefix).chain(values.iter().copied()).collect();
    if polymod(&all) != 1 {
        return None;
    }
    let bytes = regroup(&values[..values.len() - 6], 5, 8, Rest::Zero)?;
    Some((prefix.to_owned(), bytes))
}

/// What becomes of bits that fill no group.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Filled,
    /// They must be zero, and fewer than a group of the input.
    Zero,
}

fn regroup(input: &[u8], from: u32, to: u32, rest: Rest) -> Option<Vec<u8>> {
    let (mut held, mut bits) = (0_u32, 0);
    let mut out = Vec::with_capacity(input.len() * 2);
    for value in input {
        held = (held << from | u32::from(*value)) & 0xfff;
        bits += from;
        while bits >= to {
            bits -= to;
            out.push(u8::try_from(held >> bits & ((1 << to) - 1)).ok()?);
        }
    }
    let left = held & ((1 << bits) - 1);
    match rest {
        Rest::Filled if bits > 0 => out.push(u8::try_from(left << (to - bits)).ok()?),
        Rest::Zero if bits >= from || left != 0 => return None,
        Rest::Filled | Rest::Zero => {}
    }
    Some(out)
}

fn expanded(prefix: &str) -> impl Iterator<Item = u8> {
    let high = prefix.bytes().map(|byte| byte >> 5);
    high.chain([0]).chain(prefix.bytes().map(|byte| byte & 31))
}

fn polymod(values: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [
        0x3b6a_57b2,
        0x2650_8e6d,
        0x1ea1_19fa,
        0x3d42_33dd,
        0x2a14_62b3,
    ];
    values.iter().fold(1, |sum, value| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ u32::from(*value);
        GENERATOR
            .iter()
            .enumerate()
            .filter(|(bit, _)| top >> bit & 1 == 1)
            .fold(next, |sum, (_, term)| sum ^ term)
    })
}

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bip_173_and_back() {
        for text in [
            "A12UEL5L",
            "a12uel5l",
            "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        ] {
            let (prefix, bytes) = decode(text).expect("it is valid");
            assert!(bytes.is_empty());
            assert_eq!(encode(&prefix, &bytes), text.to_lowercase());
        }
        for text in [
            "",
            "1",
            "A12uEL5L",
            "a12uel5m",
            "1qzzfhee",
            "li1dgmt3",
            "a1b2uel5l",
            "a12uel5",
        ] {
            assert_eq!(decode(text), None, "{text}");
        }
        for length in 0..70 {
            let bytes: Vec<u8> = (0..length)
                .map(|index: u8| index.wrapping_mul(37))
                .collect();
            assert_eq!(
                decode(&encode("age", &bytes)),
                Some(("age".to_owned(), bytes))
            );
        }
    }
}
