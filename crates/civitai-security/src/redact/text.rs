//! Credentials inside prose: a server's error body, a header dump, a log line.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Write as _;

use url::Url;

use super::{MASK, RedactedUrl, is_credential_name, looks_secret, write_pairs};

/// Masks credentials in free text: in URLs, after names like `token=` or `"apiKey":`, after `Bearer`,
/// and words that look like a key. The text comes back borrowed when there is nothing to hide.
///
/// It rather hides a harmless word than show a secret one.
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut expecting = Expecting::Anything;
    for piece in pieces(text) {
        if !is_word(piece) {
            if expecting == Expecting::Separator {
                expecting = expecting.after_gap(piece);
            }
            shown.push_str(piece);
            continue;
        }
        let masked = match expecting {
            // The scheme of an `Authorization` value is no secret, what follows it is.
            Expecting::Secret if is_auth_scheme(piece) => None,
            Expecting::Secret => Some(MASK.to_owned()),
            Expecting::Anything | Expecting::Separator => redact_word(piece),
        };
        expecting = Expecting::after(piece);
        shown.push_str(masked.as_deref().unwrap_or(piece));
    }
    if shown == text {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(shown)
    }
}

/// Joins an error with its causes, leaving out a cause that the sentence before it has already told, and masks
/// credentials like [`redact_text`].
pub fn redact_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let next = cause.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = cause.source();
    }
    redact_text(&text).into_owned()
}

/// What the next word is, judged by the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expecting {
    Anything,
    /// A credential's name was read; a secret follows if `:` or `=` comes next.
    Separator,
    Secret,
}

impl Expecting {
    fn after(word: &str) -> Self {
        let name = word.trim_end_matches([':', '=']);
        if is_auth_scheme(word) {
            Self::Secret
        } else if !is_credential_name(name) || name.contains("://") {
            Self::Anything
        } else if name.len() < word.len() {
            Self::Secret
        } else {
            Self::Separator
        }
    }

    /// The characters between two words decide only while a separator is awaited.
    fn after_gap(self, gap: &str) -> Self {
        match gap {
            ":" | "=" => Self::Secret,
            "\"" | "'" | " " => self,
            _ => Self::Anything,
        }
    }
}

/// Cuts the text into words and the single characters between them.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = if is_gap(first) {
            first.len_utf8()
        } else {
            rest.find(is_gap).unwrap_or(rest.len())
        };
        // `"token": "x"` and `token = x`: a lone separator is no word.
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

fn is_gap(c: char) -> bool {
    c.is_whitespace()
        || matches!(
            c,
            '"' | '\'' | '`' | '<' | '>' | '{' | '}' | '[' | ']' | '(' | ')' | ','
        )
}

fn is_word(piece: &str) -> bool {
    !matches!(piece, ":" | "=") && !piece.chars().next().is_none_or(is_gap)
}

fn is_auth_scheme(word: &str) -> bool {
    ["bearer", "basic"]
        .iter()
        .any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Returns the word without its credentials, or `None` when it has none.
fn redact_word(word: &str) -> Option<String> {
    if let Some(scheme_end) = word.find("://") {
        let start = word[..scheme_end]
            .rfind(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '-' | '.'))
            .map_or(0, |at| {
                at + word[at..].chars().next().map_or(1, char::len_utf8)
            });
        let (before, url) = word.split_at(start);
        let shown = match Url::parse(url) {
            Ok(parsed) => {
                let redacted = RedactedUrl::new(parsed);
                // An untouched URL keeps its own spelling, which parsing may have normalised.
                if redacted.to_string() == redacted.expose().as_str() {
                    url.to_owned()
                } else {
                    redacted.to_string()
                }
            }
            Err(_) => redact_pairs(url),
        };
        let before = redact_pairs(before);
        return Some(before + &shown).filter(|shown| shown != word);
    }
    Some(redact_pairs(word)).filter(|shown| shown != word)
}

/// Masks `name=value` and `name:value` inside one word, and the word itself if it is a secret.
fn redact_pairs(word: &str) -> String {
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    if !bare.is_empty() && looks_secret(bare) {
        return word.replace(bare, MASK);
    }
    let mut shown = String::new();
    let (front, pairs) = match word.find(['?', '#']) {
        Some(at) => word.split_at(at + 1),
        None => ("", word),
    };
    shown.push_str(front);
    if pairs.contains('=') {
        write_pairs(&mut shown, pairs).expect("writing to a string never fails");
    } else if let Some((name, value)) = pairs.split_once(':')
        && !value.is_empty()
        && (is_credential_name(name) || looks_secret(value))
    {
        write!(shown, "{name}:{MASK}").expect("writing to a string never fails");
    } else {
        shown.push_str(pairs);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_credentials_in_the_shapes_servers_write_them() {
        let key = "0123456789abcdef0123456789abcdef";
        let table = [
            ("Bearer hunter2", "Bearer ***"),
            (
                "authorization: Bearer hunter2 was refused",
                "authorization: Bearer *** was refused",
            ),
            ("Authorization:hunter2", "Authorization:***"),
            (
                r#"{"token":"hunter2","limit":5}"#,
                r#"{"token":"***","limit":5}"#,
            ),
            (r#"{"apiKey" : "hunter2"}"#, r#"{"apiKey" : "***"}"#),
            ("api_key=hunter2", "api_key=***"),
            ("token = hunter2", "token = ***"),
            (
                "see https://host/x?token=hunter2, please",
                "see https://host/x?token=***, please",
            ),
            ("(https://u:hunter2@host/)", "(https://***@host/)"),
            (
                "url=https://host/x?a=1&sig=hunter2",
                "url=https://host/x?a=1&sig=***",
            ),
            ("/api/x?limit=1&token=hunter2", "/api/x?limit=1&token=***"),
            ("Cookie: hunter2", "Cookie: ***"),
        ];
        for (text, expected) in table {
            assert_eq!(redact_text(text), expected);
        }
        for text in [
            format!("bad key {key}."),
            format!("key:{key}"),
            format!("<k>{key}</k>"),
        ] {
            let shown = redact_text(&text);
            assert!(!shown.contains(key), "{shown}");
        }
    }

    #[test]
    fn leaves_harmless_text_alone_without_copying_it() {
        let harmless = [
            "",
            "The creator of this asset requires you to be logged in to download it",
            "Invalid cursor: expected 3 value(s) for this sort, received 1",
            "the token is missing",
            "expected SHA256 E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
            "https://civitai.com/models/1?modelVersionId=2",
            "HTTPS://Civitai.com/models?tag=é",
            "モデルが見つかりません: 12",
            "/models/tokenizer_config.json: it holds no workflow",
        ];
        for text in harmless {
            assert!(
                matches!(redact_text(text), Cow::Borrowed(same) if same == text),
                "{text}"
            );
        }
    }

    #[test]
    fn hostile_nesting_is_read_in_linear_time() {
        for unit in [
            "a=", "=", "%3D", "&;", ":", "?token", "://", "@", "\"", "%25",
        ] {
            let text = unit.repeat(50_000);
            let shown = redact_text(&text);
            assert!(shown.len() <= 2 * text.len(), "{unit}");
        }
    }
}
