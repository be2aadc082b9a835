//! The file name in a `Content-Disposition` header (RFC 6266, RFC 8187).

use percent_encoding::percent_decode;

/// Returns the name as the server meant it, decoded once and otherwise untouched.
///
/// The extended form wins where it can be read. Bytes that are no UTF-8 become U+FFFD.
pub(super) fn file_name(header: &[u8]) -> Option<String> {
    let mut plain = None;
    let mut extended = None;
    for (name, value) in parameters(header) {
        if name.eq_ignore_ascii_case(b"filename*") {
            extended = extended.or_else(|| decode_extended(&value));
        } else if name.eq_ignore_ascii_case(b"filename") {
            plain = plain.or_else(|| Some(String::from_utf8_lossy(&value).into_owned()));
        }
    }
    extended.or(plain)
}

/// The parameters after the disposition type, values unquoted.
fn parameters(header: &[u8]) -> Vec<(&[u8], Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = after(header, b';');
    while let Some(parameter) = rest {
        let parameter = parameter.trim_ascii_start();
        let end = parameter
            .iter()
            .position(|byte| matches!(byte, b'=' | b';'));
        let Some((end, b'=')) = end.map(|end| (end, parameter[end])) else {
            rest = after(parameter, b';');
            continue;
        };
        let name = parameter[..end].trim_ascii();
        let value = parameter[end + 1..].trim_ascii_start();
        let (value, remainder) = if let Some(quoted) = value.strip_prefix(b"\"") {
            unquote(quoted)
        } else {
            let end = value.iter().position(|&byte| byte == b';');
            let (value, remainder) = value.split_at(end.unwrap_or(value.len()));
            (value.trim_ascii_end().to_vec(), remainder)
        };
        found.push((name, value));
        rest = after(remainder, b';');
    }
    found
}

/// Reads up to the closing quote, or to the end if there is none.
///
/// Only `\"` and `\\` are taken for escapes: servers that write `..\x` mean the backslash.
fn unquote(quoted: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut rest = quoted;
    loop {
        match rest {
            [] => return (value, rest),
            [b'"', rest @ ..] => return (value, rest),
            [b'\\', escaped @ (b'"' | b'\\'), after @ ..] | [escaped, after @ ..] => {
                value.push(*escaped);
                rest = after;
            }
        }
    }
}

/// `charset'language'percent-encoded`; of the charsets the two that a server may use.
fn decode_extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |&byte| byte == b'\'');
    let (charset, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = percent_decode(encoded);
    if charset.eq_ignore_ascii_case(b"utf-8") {
        Some(bytes.decode_utf8_lossy().into_owned())
    } else if charset.eq_ignore_ascii_case(b"iso-8859-1") {
        Some(bytes.map(char::from).collect())
    } else {
        None
    }
}

fn after(bytes: &[u8], separator: u8) -> Option<&[u8]> {
    let at = bytes.iter().position(|&byte| byte == separator)?;
    Some(&bytes[at + 1..])
}
