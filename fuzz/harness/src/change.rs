//! Changes that know nothing of a format but its words.

use crate::random::{Random, low16, low32};

/// Changes `bytes` in a few places; `words` are what the format is made of, `other` is another input to take from.
pub(crate) fn change(bytes: &mut Vec<u8>, random: &mut Random, words: &[&[u8]], other: &[u8]) {
    for _ in 0..=random.below(4) {
        once(bytes, random, words, other);
        bytes.truncate(MOST_BYTES);
    }
    if random.one_in(400) {
        swell(bytes, random);
    }
}

fn once(bytes: &mut Vec<u8>, random: &mut Random, words: &[&[u8]], other: &[u8]) {
    let at = place(bytes, random);
    let end = at + random.below((bytes.len() - at).min(64) + 1);
    match random.below(14) {
        0 => bytes.truncate(at),
        1 => _ = bytes.drain(at..end),
        2 => {
            let part = bytes[at..end].to_vec();
            let to = place(bytes, random);
            bytes.splice(to..to, part);
        }
        3 => {
            let from = random.below(other.len() + 1);
            let to = from + random.below(other.len() - from + 1).min(256);
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        4 | 5 if !words.is_empty() => {
            let word = random.pick(words);
            let replaced = if random.one_in(2) { at..at } else { at..end };
            bytes.splice(replaced, word.iter().copied());
        }
        6 | 7 => number(&mut bytes[at..], random),
        8 => digits(bytes, at, random),
        9 => bytes.splice(at..at, random.bytes(8)).for_each(drop),
        _ => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = match random.below(4) {
                    0 => 0,
                    1 => 0xff,
                    2 => byte.wrapping_add(1),
                    _ => *byte ^ 1 << random.below(8),
                };
            }
        }
    }
}

/// Where to change something: often near the beginning, where headers are, and rather where something stands.
fn place(bytes: &[u8], random: &mut Random) -> usize {
    let end = if random.one_in(2) {
        bytes.len().min(512)
    } else {
        bytes.len()
    };
    let mut at = random.below(end + 1);
    for _ in 0..4 {
        if bytes.get(at).is_some_and(|&byte| byte != 0) {
            break;
        }
        at = random.below(end + 1);
    }
    at
}

/// Writes a binary number over what begins `bytes`.
fn number(bytes: &mut [u8], random: &mut Random) {
    let value = random.number();
    let (mut little, width) = match random.below(4) {
        0 => (u64::from(low16(value)).to_le_bytes(), 2),
        1 | 2 => (u64::from(low32(value)).to_le_bytes(), 4),
        _ => (value.to_le_bytes(), 8),
    };
    if random.one_in(4) {
        little[..width].reverse();
    }
    for (byte, new) in bytes.iter_mut().zip(&little[..width]) {
        *byte = *new;
    }
}

/// Writes another number over the decimal one that comes next.
fn digits(bytes: &mut Vec<u8>, at: usize, random: &mut Random) {
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let Some(start) = bytes[at..].iter().position(is_digit) else {
        return;
    };
    let start = at + start;
    let count = bytes[start..]
        .iter()
        .take_while(|byte| is_digit(byte))
        .count();
    let number = random.number().to_string().into_bytes();
    bytes.splice(start..start + count, number);
}

/// Repeats a part until the input is large: what costs more than its length shows.
fn swell(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = place(bytes, random);
    let end = at + random.below((bytes.len() - at).min(4096) + 1);
    let part = bytes[at..end].to_vec();
    let most = 1 << (12 + random.below(9));
    let times = most / part.len().max(1);
    bytes.splice(end..end, part.repeat(times));
}

/// Larger inputs are made by [`swell`] alone.
const MOST_BYTES: usize = 96 << 10;
