//! JSON as tools write it: bounded, and with the words that Python and JavaScript let slip in.

use std::borrow::Cow;

use serde_json::Value;

use super::ErrorKind;

/// Parses a text. Bare `NaN`, `Infinity` and `undefined` are read as if they were null.
pub(super) fn parse(text: &str, part: &str) -> Result<Value, ErrorKind> {
    let mended = mend(text).ok_or_else(|| ErrorKind::TooManyValues {
        part: part.to_owned(),
        limit: MOST_VALUES,
    })?;
    serde_json::from_slice(&mended).map_err(|source| ErrorKind::Json {
        part: part.to_owned(),
        source,
    })
}

/// Parses a text that may well be no JSON.
pub(super) fn guess(text: &str) -> Option<Value> {
    let is_likely = matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['));
    is_likely.then(|| parse(text, "").ok()).flatten()
}

/// Parses the JSON value that a text begins with, and returns the rest of the text.
pub(super) fn leading(text: &str) -> Option<(Value, &str)> {
    mend(text)?;
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    Some((value, &text[values.byte_offset()..]))
}

/// Replaces words that are no JSON by words of the same length that are, so that places in errors stay true.
///
/// `None` if the text has too many values to be held.
fn mend(text: &str) -> Option<Cow<'_, [u8]>> {
    let bytes = text.as_bytes();
    let mut mended = Cow::Borrowed(bytes);
    let (mut at, mut values) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_string(bytes, at),
            b',' | b'[' | b'{' => {
                values += 1;
                if values > MOST_VALUES {
                    return None;
                }
                at += 1;
            }
            b'-' | b'N' | b'I' | b'u' => match word(&bytes[at..]) {
                Some((word, instead)) => {
                    mended.to_mut()[at..at + word.len()].copy_from_slice(instead);
                    at += word.len();
                }
                None => at += 1,
            },
            _ => at += 1,
        }
    }
    Some(mended)
}

/// Returns the place after the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

fn word(bytes: &[u8]) -> Option<(&'static [u8], &'static [u8])> {
    const WORDS: [(&[u8], &[u8]); 4] = [
        (b"NaN", b"0  "),
        (b"Infinity", b"null    "),
        (b"-Infinity", b"null     "),
        (b"undefined", b"null     "),
    ];
    WORDS.into_iter().find(|(word, _)| bytes.starts_with(word))
}

/// A value takes up to 100 bytes of memory however short its text is. The largest real workflows have a tenth of this.
const MOST_VALUES: usize = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_of_other_languages_are_null_and_those_in_strings_stay() {
        let value = parse(
            r#"{"a":[NaN,-Infinity, Infinity],"b":undefined,"c":"NaN \" NaN"}"#,
            "it",
        );
        assert_eq!(
            value.ok(),
            Some(json!({"a":[0,null,null],"b":null,"c":"NaN \" NaN"}))
        );
    }

    #[test]
    fn an_error_names_its_place_in_the_text_as_it_was() {
        let error = parse("{\"a\": NaN,\n \"b\": nope}", "the text").expect_err("no JSON");
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let place = source.unwrap_or_default();
        assert!(place.ends_with("at line 2 column 8"), "{place}");
    }

    #[test]
    fn deep_and_wide_texts_are_refused() {
        let deep = "[".repeat(100_000);
        assert!(matches!(parse(&deep, "it"), Err(ErrorKind::Json { .. })));
        let wide = format!("[{}0]", "0,".repeat(MOST_VALUES));
        assert!(matches!(
            parse(&wide, "it"),
            Err(ErrorKind::TooManyValues { .. })
        ));
    }

    #[test]
    fn the_value_at_the_start_is_told_from_the_rest() {
        let (value, rest) = leading(r#"[{"a":"]"}], Steps: 3"#).expect("an array");
        assert_eq!((value, rest), (json!([{"a":"]"}]), ", Steps: 3"));
        assert!(leading("nothing").is_none());
    }
}
