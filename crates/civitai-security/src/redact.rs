//! URLs and texts without the credentials in them.
//!
//! Two rules find a credential, each on its own: the name of the parameter (`token`, `X-Amz-Signature`,
//! `Authorization`, …) and the look of the value (an API key, a JSON web token, a long random word).
//! The second also catches the signatures of storages whose parameter names nobody foresaw.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;
use url::{Url, form_urlencoded};

mod text;

pub use text::{redact_causes, redact_text};

/// A URL that prints without credentials.
///
/// `Display` and `Debug` mask the userinfo and the values of credential-like and signed parameters, in
/// the query and in the fragment; the rest is shown byte for byte. [`expose`](Self::expose) returns the
/// URL as it must be sent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RedactedUrl(Url);

impl RedactedUrl {
    /// Takes the URL over, unchanged.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// Returns the URL with its credentials, to be asked and never to be shown.
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// Gives the URL back, with its credentials.
    pub fn into_exposed(self) -> Url {
        self.0
    }
}

impl From<Url> for RedactedUrl {
    fn from(url: Url) -> Self {
        Self::new(url)
    }
}

impl fmt::Display for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.0;
        let text = url.as_str();
        let path_end = text.find(['?', '#']).unwrap_or(text.len());
        if url.username().is_empty() && url.password().is_none() {
            f.write_str(&text[..path_end])?;
        } else {
            // The serialization has exactly one unescaped `@` in front of the path.
            let (front, after) = text[..path_end].split_once('@').unwrap_or((text, ""));
            let scheme = front.split_once("//").map_or("", |(scheme, _)| scheme);
            write!(f, "{scheme}//{MASK}@{after}")?;
        }
        if let Some(query) = url.query() {
            f.write_str("?")?;
            write_pairs(f, query)?;
        }
        if let Some(fragment) = url.fragment() {
            f.write_str("#")?;
            write_pairs(f, fragment)?;
        }
        Ok(())
    }
}

impl fmt::Debug for RedactedUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedactedUrl({self})")
    }
}

/// Writes `name=value&…`, values masked where they must be, everything else as it stands.
fn write_pairs(f: &mut impl fmt::Write, pairs: &str) -> fmt::Result {
    for (index, pair) in pairs.split('&').enumerate() {
        if index > 0 {
            f.write_char('&')?;
        }
        let hides_name = readings(pair).any(|(name, _)| looks_random(&name));
        let hides_value = readings(pair)
            .any(|(name, value)| is_credential_name(&name) || holds_credential(&value));
        match pair.split_once('=') {
            _ if hides_name => f.write_str(MASK)?,
            Some((name, _)) if hides_value => write!(f, "{name}={MASK}")?,
            _ => f.write_str(pair)?,
        }
    }
    Ok(())
}

/// The decoded names and values in a pair: `;` separates parameters for some servers and is data for others.
fn readings(pair: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    std::iter::once(pair)
        .chain(pair.split(';'))
        .flat_map(|part| form_urlencoded::parse(part.as_bytes()))
}

/// Whether a value is a credential, or is itself a URL or a text that names one, even encoded twice more.
fn holds_credential(value: &str) -> bool {
    let decoded = || {
        let once = percent_decode_str(value).decode_utf8_lossy();
        percent_decode_str(&once).decode_utf8_lossy().into_owned()
    };
    looks_random(value)
        || names_credential(value)
        || (value.contains('%') && names_credential(&decoded()))
}

/// A flat look at nested text: reading it in earnest would let a server choose how deep we go.
fn names_credential(text: &str) -> bool {
    let has_userinfo = text.contains("://") && text.contains('@');
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    has_userinfo
        || text.contains(['=', ':'])
            && text
                .split(|c| !is_word(c))
                .any(|word| is_credential_name(word) || looks_random(word))
}

/// Whether a parameter, header or JSON member of this name holds a credential.
fn is_credential_name(name: &str) -> bool {
    let name = name.trim().to_ascii_lowercase().replace('_', "-");
    // Every second model comes with one, and what follows its name is no secret.
    let name = name.replace("tokenizer", "");
    name.starts_with("x-amz-")
        || name.starts_with("x-goog-")
        || CREDENTIAL_WORDS.iter().any(|word| name.contains(word))
        || CREDENTIAL_NAMES.contains(&name.as_str())
}

/// Whether a word is an API key, an access token or a JSON web token by its looks alone.
fn looks_secret(word: &str) -> bool {
    let is_api_key = word.len() == 32
        && word
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && word.bytes().any(|byte| byte.is_ascii_digit());
    let is_web_token = word.starts_with("eyJ") && word.split('.').count() == 3;
    let is_access_token = word.len() > 16 && word.starts_with("civitai_");
    is_api_key || is_web_token || is_access_token
}

/// Whether a parameter value looks drawn at random: long, without a gap, letters and digits mixed.
fn looks_random(value: &str) -> bool {
    let is_alphabet =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-');
    looks_secret(value)
        || (value.len() >= 32
            && value.bytes().all(is_alphabet)
            && value.bytes().any(|byte| byte.is_ascii_digit())
            && value.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

const MASK: &str = "***";

/// Words that make any name they are in a credential's.
const CREDENTIAL_WORDS: [&str; 15] = [
    "access-key",
    "accesskey",
    "api-key",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "session",
    "signature",
    "token",
];

/// Names that are a credential's as a whole; inside other words they are harmless.
const CREDENTIAL_NAMES: [&str; 14] = [
    "auth",
    "bearer",
    "code",
    "hdnea",
    "hdnts",
    "hmac",
    "key",
    "key-pair-id",
    "policy",
    "pwd",
    "se",
    "sig",
    "verify",
    "x-auth",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(url: &str) -> String {
        RedactedUrl::new(Url::parse(url).expect("the test's URL is valid")).to_string()
    }

    #[test]
    fn masks_what_is_signed_and_keeps_the_rest_to_the_byte() {
        let table = [
            (
                "https://civitai.com/api/v1/models?limit=5&query=a%20b+c&cursor=1%7C2",
                "https://civitai.com/api/v1/models?limit=5&query=a%20b+c&cursor=1%7C2",
            ),
            (
                "https://civitai.com/api/download/models/9?type=Model&token=hunter2#top",
                "https://civitai.com/api/download/models/9?type=Model&token=***#top",
            ),
            (
                "https://bucket.example/u/model/a.b.safetensors?X-Amz-Expires=86400&x-amz-signature=ab&response-content-disposition=attachment%3B%20filename%3D%22N.safetensors%22",
                "https://bucket.example/u/model/a.b.safetensors?X-Amz-Expires=***&x-amz-signature=***&response-content-disposition=attachment%3B%20filename%3D%22N.safetensors%22",
            ),
            (
                "https://b2.example/file/m/x?Authorization=3_2026_ab&b2ContentDisposition=inline",
                "https://b2.example/file/m/x?Authorization=***&b2ContentDisposition=inline",
            ),
            ("https://user:pw@host/p?q=1", "https://***@host/p?q=1"),
            ("https://user@host:8443/", "https://***@host:8443/"),
            ("https://host/p@q?sig=1", "https://host/p@q?sig=***"),
            ("https://host/?to%6ben=x&a", "https://host/?to%6ben=***&a"),
            (
                "https://host/#access_token=x&state=y",
                "https://host/#access_token=***&state=y",
            ),
            (
                "https://host/?md5=q8Zr1pLk0aW2sXc4vB6nM9qwErTyUiOp&x=1",
                "https://host/?md5=***&x=1",
            ),
            (
                "https://host/?0123456789abcdef0123456789abcdef",
                "https://host/?***",
            ),
            (
                "https://host/?0123456789abcdef0123456789abcdef=1",
                "https://host/?***",
            ),
            (
                "https://host/login?returnUrl=https%3A%2F%2Fhost%2Fx%3Ftoken%3Dhunter2",
                "https://host/login?returnUrl=***",
            ),
            (
                "https://host/?next=https%253A%252F%252Fhost%252Fx%253Fsig%253Dhunter2",
                "https://host/?next=***",
            ),
            (
                "https://host/?next=https%3A%2F%2Fu:hunter2@host",
                "https://host/?next=***",
            ),
            (
                "https://host/?a=1;token=hunter2&b=2",
                "https://host/?a=***&b=2",
            ),
        ];
        for (url, expected) in table {
            assert_eq!(shown(url), expected);
        }
    }

    #[test]
    fn debug_is_as_discreet_as_display_and_the_url_itself_is_untouched() {
        let url = Url::parse("https://u:p@host/x?token=hunter2").expect("a valid URL");
        let redacted = RedactedUrl::new(url.clone());
        assert_eq!(
            format!("{redacted:?}"),
            "RedactedUrl(https://***@host/x?token=***)"
        );
        assert_eq!(redacted.expose(), &url);
        assert_eq!(redacted.into_exposed(), url);
    }
}
