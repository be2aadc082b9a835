//! Reading JSON that nobody vouches for: bounded before anything is built from it.

use std::fmt;

use serde::de::DeserializeOwned;

/// The largest body that is read, counted after decompression.
pub(crate) const LARGEST_BODY_BYTES: u64 = 64 * 1024 * 1024;
/// The deepest nesting that is read; the real answers stay below 12.
const DEEPEST: usize = 128;
/// The most values that are built from one body. Civitai's largest known answers have some 300,000.
const MOST_VALUES: usize = 2_000_000;
/// An object costs about as much memory as this many numbers.
const OBJECT_WEIGHT: usize = 4;

/// Why an answer cannot be read. Offsets are bytes from the start of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// Not UTF-8.
    Encoding {
        /// Where the first bad byte is.
        offset: usize,
    },
    /// Nested deeper than 128 levels.
    TooDeep {
        /// Where the level is passed.
        offset: usize,
    },
    /// More values than any real answer has.
    TooMany {
        /// Where the count is passed.
        offset: usize,
    },
    /// It ends too early.
    Truncated {
        /// Its length.
        length: usize,
    },
    /// Not JSON.
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// JSON, and not what this endpoint answers.
    Shape {
        /// What was expected.
        expected: &'static str,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding { offset } => write!(f, "it is not UTF-8 at byte {offset}"),
            Self::TooDeep { offset } => write!(
                f,
                "it is nested deeper than {DEEPEST} levels at byte {offset}"
            ),
            Self::TooMany { offset } => {
                write!(f, "it holds too many values, passed at byte {offset}")
            }
            Self::Truncated { length } => write!(f, "it ends too early, after {length} bytes"),
            Self::Syntax { line, column } => {
                write!(f, "it is not JSON at line {line}, column {column}")
            }
            Self::Shape { expected } => write!(f, "it is not {expected}"),
        }
    }
}

/// Reads `body` as a `T`, whose memory stays within a small multiple of what [`scan`] lets through.
pub(crate) fn read<T: DeserializeOwned>(
    body: &[u8],
    expected: &'static str,
) -> Result<T, (Malformed, Option<serde_json::Error>)> {
    let text = scan(body).map_err(|problem| (problem, None))?;
    serde_json::from_str(text).map_err(|error| {
        let problem = match error.classify() {
            serde_json::error::Category::Eof => Malformed::Truncated { length: body.len() },
            serde_json::error::Category::Data => Malformed::Shape { expected },
            _ => Malformed::Syntax {
                line: error.line(),
                column: error.column(),
            },
        };
        (problem, Some(error))
    })
}

/// Checks encoding, nesting and the number of values in one pass that allocates nothing.
pub(crate) fn scan(body: &[u8]) -> Result<&str, Malformed> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = std::str::from_utf8(body).map_err(|error| match error.error_len() {
        Some(_) => Malformed::Encoding {
            offset: error.valid_up_to(),
        },
        None => Malformed::Truncated { length: body.len() },
    })?;
    let (mut depth, mut weight, mut in_string, mut escaped) = (0_usize, 1_usize, false, false);
    for (offset, byte) in text.bytes().enumerate() {
        if in_string {
            (in_string, escaped) = match byte {
                _ if escaped => (true, false),
                b'\\' => (true, true),
                b'"' => (false, false),
                _ => (true, false),
            };
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                weight += if byte == b'{' { OBJECT_WEIGHT } else { 1 };
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => weight += 1,
            _ => {}
        }
        if depth > DEEPEST {
            return Err(Malformed::TooDeep { offset });
        }
        if weight > MOST_VALUES {
            return Err(Malformed::TooMany { offset });
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn problem(body: &[u8]) -> Malformed {
        read::<Value>(body, "a list").expect_err("malformed").0
    }

    #[test]
    fn each_kind_of_damage_is_told_with_its_place() {
        assert_eq!(
            problem(b"{\"a\":\"\xff\"}"),
            Malformed::Encoding { offset: 6 }
        );
        assert_eq!(problem(b"{\"a\":[1,2"), Malformed::Truncated { length: 9 });
        assert_eq!(
            problem("\"é".as_bytes().split_last().expect("bytes").1),
            Malformed::Truncated { length: 2 }
        );
        assert_eq!(problem(b""), Malformed::Truncated { length: 0 });
        assert_eq!(problem(b"[NaN]"), Malformed::Syntax { line: 1, column: 2 });
        assert!(matches!(
            problem(b"[1e999]"),
            Malformed::Syntax { line: 1, .. }
        ));
        assert_eq!(
            problem("[".repeat(100_000).as_bytes()),
            Malformed::TooDeep { offset: 128 }
        );
        assert!(matches!(
            problem(format!("[{}0]", "0,".repeat(10_000_000)).as_bytes()),
            Malformed::TooMany { .. }
        ));
        assert_eq!(
            read::<Vec<u8>>(b"{}", "a list").expect_err("an object").0,
            Malformed::Shape { expected: "a list" }
        );
    }

    #[test]
    fn brackets_and_commas_inside_strings_do_not_count() {
        let body = format!("[\"{}\\\"{}\"]", "[".repeat(1000), ",".repeat(MOST_VALUES));
        assert_eq!(scan(body.as_bytes()), Ok(body.as_str()));
    }

    #[test]
    fn the_deepest_allowed_nesting_is_read_or_refused_and_never_overflows() {
        let body = format!("{}{}", "[".repeat(DEEPEST), "]".repeat(DEEPEST));
        assert!(scan(body.as_bytes()).is_ok());
        assert!(matches!(
            read::<Value>(body.as_bytes(), "a list"),
            Ok(_) | Err((Malformed::Syntax { .. }, _))
        ));
    }

    #[test]
    fn odd_numbers_and_repeated_keys_are_tolerated() {
        let read: Value =
            read(br#"{"a":-0,"a":9223372036854775808,"b":"1"}"#, "an object").expect("valid JSON");
        assert_eq!(read["a"], 9_223_372_036_854_775_808_u64);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Value>(&body, "anything");
        }
    }
}
