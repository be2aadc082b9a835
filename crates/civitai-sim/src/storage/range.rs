//! Ranges and the conditions on them.

use std::ops::Range;

use bytes::Bytes;

use super::object::LAST_MODIFIED;

/// What a `Range` header comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// No range, several, or none that makes sense: the whole file.
    Whole,
    Part(Range<u64>),
    Unsatisfiable,
}

pub(super) fn parse(header: &str, len: u64) -> Asked {
    let Some((first, last)) = header
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Asked::Whole;
    };
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), _) if last.is_empty() => part(first, len, len),
        (Ok(first), Ok(last)) if first <= last => part(first, last.saturating_add(1), len),
        (Err(_), Ok(count)) if first.is_empty() => {
            if count == 0 || len == 0 {
                Asked::Unsatisfiable
            } else {
                Asked::Part(len.saturating_sub(count)..len)
            }
        }
        _ => Asked::Whole,
    }
}

fn part(first: u64, end: u64, len: u64) -> Asked {
    if first < len {
        Asked::Part(first..end.min(len))
    } else {
        Asked::Unsatisfiable
    }
}

/// Whether an `If-Match` list names the entity tag.
pub(super) fn matches_any(header: &str, etag: &str) -> bool {
    header.trim() == "*" || header.split(',').any(|tag| tag.trim() == etag)
}

/// Whether an `If-Range` still lets a range through. Without an entity tag nothing but the date can match.
pub(super) fn is_fresh(if_range: Option<&str>, etag: Option<&str>) -> bool {
    if_range.is_none_or(|condition| {
        let condition = condition.trim();
        etag.is_some_and(|etag| condition == etag || condition == LAST_MODIFIED)
    })
}

/// What stands before and after a range in a multipart document of one part.
pub(super) fn multipart(content_range: &str) -> (Bytes, Bytes) {
    let before = format!(
        "\r\n--{BOUNDARY}\r\nContent-Type: application/octet-stream\r\nContent-Range: {content_range}\r\n\r\n"
    );
    (before.into(), format!("\r\n--{BOUNDARY}--\r\n").into())
}

pub(super) const MULTIPART: &str = "multipart/byteranges; boundary=00000000000000000042";
const BOUNDARY: &str = "00000000000000000042";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (header, expected) in [
            ("bytes=0-0", Asked::Part(0..1)),
            ("bytes=5-", Asked::Part(5..10)),
            ("bytes=-3", Asked::Part(7..10)),
            ("bytes=-30", Asked::Part(0..10)),
            ("bytes=8-100", Asked::Part(8..10)),
            ("bytes=10-", Asked::Unsatisfiable),
            ("bytes=-0", Asked::Unsatisfiable),
            ("bytes=3-2", Asked::Whole),
            ("bytes=0-1,4-5", Asked::Whole),
            ("items=0-1", Asked::Whole),
            ("bytes=99999999999999999999-", Asked::Whole),
        ] {
            assert_eq!(parse(header, 10), expected, "{header}");
        }
        assert_eq!(parse("bytes=0-0", 0), Asked::Unsatisfiable);
    }

    #[test]
    fn conditions_compare_strongly() {
        assert!(matches_any("\"a\", \"b\"", "\"b\""));
        assert!(matches_any("*", "\"b\""));
        assert!(!matches_any("W/\"b\"", "\"b\""));
        assert!(is_fresh(None, None));
        assert!(is_fresh(Some("\"b\""), Some("\"b\"")));
        assert!(!is_fresh(Some("\"a\""), Some("\"b\"")));
        assert!(!is_fresh(Some("\"b\""), None));
    }
}
