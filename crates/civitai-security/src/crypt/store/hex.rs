//! Bytes in JSON, as hexadecimal digits.

use std::fmt::Write as _;

use serde::{Deserialize as _, Deserializer, Serializer, de};
use zeroize::Zeroizing;

/// Lower-case digits.
pub(in crate::crypt) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Reads digits of either case; `None` when there is anything else, or half a byte.
pub(in crate::crypt) fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks_exact(2);
    if !digits.remainder().is_empty() {
        return None;
    }
    digits
        .map(|pair| {
            let high = char::from(pair[0]).to_digit(16)?;
            let low = char::from(pair[1]).to_digit(16)?;
            u8::try_from(high << 4 | low).ok()
        })
        .collect()
}

pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&Zeroizing::new(text(bytes)))
}

pub(super) fn deserialize<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: From<Vec<u8>>,
{
    let text = Zeroizing::new(String::deserialize(deserializer)?);
    let bytes = bytes(&text).ok_or_else(|| de::Error::custom("not hexadecimal"))?;
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_go_there_and_back_and_nothing_else_is_read() {
        assert_eq!(text(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(bytes("00ABff"), Some(vec![0, 0xab, 0xff]));
        for wrong in ["0", "0g", "+1", "é", " 00"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
