//! EXIF: a TIFF whose text fields hold what tools found no better place for.

use std::cmp::Ordering;

use exif::{Exif, In, Reader, Tag, Value};

use super::{Promise, Text, decoded, utf16};

/// Returns the text fields that tools use. EXIF that cannot be read is camera data as likely as not, and is passed over.
///
/// ComfyUI writes `prompt:{…}` into the camera's model and `workflow:{…}` into its maker; A1111 a user comment in UTF-16.
pub(super) fn texts(bytes: &[u8]) -> Vec<Text> {
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    let read = reader.read_raw(bytes.to_vec()).or_else(|error| {
        let mut whole = Err(exif::Error::InvalidFormat("broken"));
        let _ = error
            .distill_partial_result(|_| ())
            .map(|exif| whole = Ok(exif));
        whole
    });
    let Ok(exif) = read else {
        return Vec::new();
    };
    FIELDS
        .iter()
        .filter_map(|(tag, name)| Some((name, field(&exif, *tag)?)))
        .map(|(name, content)| labelled(name, content))
        .collect()
}

fn field(exif: &Exif, tag: Tag) -> Option<String> {
    let text = match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(lines) => decoded(&lines.join(&b'\n')),
        Value::Undefined(bytes, _) => comment(bytes, exif.little_endian()),
        // The fields that Windows defines are UTF-16 whatever the file's byte order.
        Value::Byte(bytes) => utf16(bytes, u16::from_le_bytes),
        _ => return None,
    };
    let text = text.trim_matches(['\0', ' ', '\n', '\r', '\t']).to_owned();
    (!text.is_empty()).then_some(text)
}

/// Decodes a user comment: eight bytes name the encoding. UTF-16 should have the file's byte order, but most writers
/// always use the same.
fn comment(bytes: &[u8], is_little: bool) -> String {
    if let Some(text) = bytes.strip_prefix(b"UNICODE\0") {
        if matches!(text, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            return decoded(text);
        }
        // The text is mostly ASCII, so its zero bytes tell.
        let zeros = |first: usize| {
            text.iter()
                .skip(first)
                .step_by(2)
                .take(2048)
                .filter(|byte| **byte == 0)
                .count()
        };
        let little = match zeros(1).cmp(&zeros(0)) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal => is_little,
        };
        return utf16(
            text,
            if little {
                u16::from_le_bytes
            } else {
                u16::from_be_bytes
            },
        );
    }
    for prefix in [b"ASCII\0\0\0", b"JIS\0\0\0\0\0", &[0; 8]] {
        if let Some(text) = bytes.strip_prefix(prefix) {
            return decoded(text);
        }
    }
    decoded(bytes)
}

/// A label in front of the JSON says what it is.
fn labelled(field: &str, content: String) -> Text {
    let label = content.split_once(':').filter(|(label, rest)| {
        rest.trim_start().starts_with('{')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    match label {
        Some((label, rest)) if !label.is_empty() => {
            let part = format!("EXIF {field} {}", label.to_ascii_lowercase());
            Text::new(part, rest.to_owned(), Promise::Certain)
        }
        _ => Text::new(format!("EXIF {field}"), content, Promise::Possible),
    }
}

const FIELDS: [(Tag, &str); 9] = [
    (Tag::UserComment, "UserComment"),
    (Tag::ImageDescription, "ImageDescription"),
    (Tag::Make, "Make"),
    (Tag::Model, "Model"),
    (Tag::Software, "Software"),
    (Tag::Artist, "Artist"),
    (Tag::Copyright, "Copyright"),
    (Tag(exif::Context::Tiff, 0x9c9c), "XPComment"),
    (Tag(exif::Context::Tiff, 0x9c9e), "XPKeywords"),
];
