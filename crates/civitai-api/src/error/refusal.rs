//! From an answer that is not a success to its reason.
//!
//! Civitai words its refusals in about a dozen shapes. `error` may be a text, an object or a list, `message` may stand
//! beside it or alone, a validation report may be JSON inside a string, and some layers answer with plain text.

use civitai_security::redact_text;
use serde_json::Value;

use super::{ErrorKind, Page};
use crate::time::Timestamp;

/// Which part of the site was asked: the same status means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/api/v1`.
    Api,
    /// The report on a file's tensors, which is guarded like a download.
    Tensors,
    /// The exchange of a version for a signed URL.
    Download,
    /// The same for an entry of the vault.
    VaultDownload,
}

impl Route {
    pub(crate) fn is_download(self) -> bool {
        matches!(self, Self::Download | Self::VaultDownload)
    }
}

/// What the server said when it refused.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    /// The value of `error`, or a text in its place.
    title: Option<String>,
    message: Option<String>,
    code: Option<String>,
    deadline: Option<Timestamp>,
}

impl Refusal {
    pub(crate) fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => Self::from_json(&value),
            Err(_) => Self {
                title: plain(body),
                ..Self::default()
            },
        }
    }

    fn from_json(value: &Value) -> Self {
        let Value::Object(object) = value else {
            return Self {
                title: text(value),
                ..Self::default()
            };
        };
        let member = |name| object.get(name).and_then(text);
        Self {
            title: member("error"),
            message: member("message").or_else(|| member("error_description")),
            code: member("code"),
            deadline: object
                .get("deadline")
                .and_then(Value::as_str)
                .and_then(|at| at.parse().ok()),
        }
    }

    /// Returns the most telling sentence, shortened and without secrets.
    fn sentence(&self) -> Option<Box<str>> {
        // "Unauthorized" and "An unexpected error occurred" say less than what stands beside them.
        let said = match (self.title.as_deref(), self.message.as_deref()) {
            (Some(title), Some("An unexpected error occurred")) => Some(title),
            (_, Some(message)) => Some(message),
            (title, None) => title,
        };
        said.map(shorten).filter(|said| !said.is_empty())
    }

    fn says(&self, phrase: &str) -> bool {
        [&self.title, &self.message]
            .into_iter()
            .flatten()
            .any(|said| said.to_ascii_lowercase().contains(phrase))
    }

    /// Returns the reason for `status`, which is not a success and not a redirect.
    pub(crate) fn judge(
        &self,
        route: Route,
        status: u16,
        is_private: bool,
        token_was_sent: bool,
    ) -> ErrorKind {
        let login = || {
            if token_was_sent {
                ErrorKind::BadToken
            } else {
                ErrorKind::LoginRequired
            }
        };
        let message = || self.sentence();
        match status {
            401 | 403 if self.says("disabled downloads") => ErrorKind::DownloadsDisabled,
            401 => login(),
            403 if self.says("early access") => ErrorKind::EarlyAccess {
                until: self.deadline,
            },
            403 if self.says("to be logged in") => login(),
            403 => ErrorKind::NoAccess { message: message() },
            404 if route == Route::Download && is_private => ErrorKind::StorageOutage,
            410 if self.says("archived") || route != Route::Api => ErrorKind::Archived,
            404 | 410 => ErrorKind::NotFound { message: message() },
            422 if route == Route::Tensors => ErrorKind::StorageOutage,
            429 if self.says("too many pages") => ErrorKind::DeepPaging,
            429 if self.says("unusual amount of downloading") => ErrorKind::Quota,
            429 => ErrorKind::RateLimited,
            451 => ErrorKind::RegionBlocked { message: message() },
            _ if self.code.as_deref() == Some("REGION_BLOCKED") => {
                ErrorKind::RegionBlocked { message: message() }
            }
            // The vault answers 503 where it means 403; the wording is all there is to tell them apart.
            503 if route == Route::VaultDownload && self.says("does not allow downloads") => {
                ErrorKind::DownloadsDisabled
            }
            503 if route == Route::VaultDownload && self.says("permission") => {
                ErrorKind::NoAccess { message: message() }
            }
            408 | 425 | 499 | 500.. => ErrorKind::Server {
                status,
                message: message(),
            },
            _ => ErrorKind::Rejected {
                status,
                message: message(),
            },
        }
    }
}

impl Page {
    /// Recognises a web page by its declared type or its first characters.
    pub(crate) fn detect(content_type: Option<&str>, body: &[u8]) -> Option<Self> {
        const LOOKED_AT: usize = 16 * 1024;
        let start = body.trim_ascii_start();
        let is_page = content_type
            .is_some_and(|kind| kind.starts_with("text/html") || kind.contains("xhtml"))
            || (start.starts_with(b"<") && !start.starts_with(b"<?xml"));
        if !is_page {
            return None;
        }
        let text =
            String::from_utf8_lossy(&start[..start.len().min(LOOKED_AT)]).to_ascii_lowercase();
        let has = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));
        Some(
            if has(&[
                "just a moment",
                "cf-chl",
                "challenge-platform",
                "attention required",
                "cf-error",
            ]) {
                Self::Challenge
            } else if has(&["adjusting a few things", "maintenance", "be back in"]) {
                Self::Maintenance
            } else if has(&[
                "<title>login",
                "<title>sign in",
                "<title>log in",
                "action=\"/login",
                "/login?returnurl",
            ]) {
                Self::Login
            } else {
                Self::Unknown
            },
        )
    }
}

/// Returns the beginning of a body for a log: at most 300 bytes, one line, without secrets.
pub(crate) fn excerpt(body: &[u8]) -> Option<Box<str>> {
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * SHORT)]);
    let short = shorten(&text);
    (!short.is_empty()).then_some(short)
}

/// What is kept of a server's words.
const SHORT: usize = 300;

fn shorten(text: &str) -> Box<str> {
    // Masked before it is cut: half a token would no longer be recognised as one.
    let masked = redact_text(text);
    let clean: String = masked
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !is_invisible(*c))
        .collect();
    let words = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = words.floor_char_boundary(SHORT);
    words[..cut].into()
}

/// Says whether a character could reorder or hide what a terminal shows.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn plain(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    (!text.is_empty() && !text.starts_with('<')).then(|| text.to_owned())
}

/// Returns the words in a JSON value: its text, or what a validation report complains about.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(said) => Some(issues_in(said).unwrap_or_else(|| said.clone())),
        Value::Array(issues) => issues_text(issues),
        Value::Object(object) => object
            .get("message")
            .or_else(|| object.get("error"))
            .and_then(|inner| match inner {
                Value::String(said) => Some(issues_in(said).unwrap_or_else(|| said.clone())),
                Value::Array(issues) => issues_text(issues),
                _ => None,
            }),
        _ => None,
    }
}

/// Reads a validation report that was written as JSON inside a text.
fn issues_in(said: &str) -> Option<String> {
    said.trim_start()
        .starts_with('[')
        .then(|| serde_json::from_str::<Vec<Value>>(said).ok())
        .flatten()
        .as_deref()
        .and_then(issues_text)
}

fn issues_text(issues: &[Value]) -> Option<String> {
    let complaints: Vec<String> = issues.iter().take(5).filter_map(issue_text).collect();
    (!complaints.is_empty()).then(|| complaints.join("; "))
}

fn issue_text(issue: &Value) -> Option<String> {
    let message = issue.get("message")?.as_str()?;
    let path: Vec<String> = issue
        .get("path")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|part| {
            part.as_str()
                .map_or_else(|| part.to_string(), str::to_owned)
        })
        .collect();
    Some(if path.is_empty() {
        message.to_owned()
    } else {
        format!("{}: {message}", path.join("."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(body: &str) -> Option<String> {
        Refusal::read(body.as_bytes()).sentence().map(String::from)
    }

    #[test]
    fn every_shape_of_refusal_yields_its_words() {
        let cases = [
            (r#"{"error":"No model with id 0"}"#, "No model with id 0"),
            (
                r#"{"error":{"name":"ZodError","message":"[{\"path\":[\"sort\"],\"message\":\"Invalid option\"}]"}}"#,
                "sort: Invalid option",
            ),
            (
                "{\"error\":\"✖ Invalid input\\n  → at id\"}",
                "✖ Invalid input → at id",
            ),
            (
                r#"{"name":"ZodError","message":"[{\"path\":[\"ids\",0],\"message\":\"Expected number\"}]"}"#,
                "ids.0: Expected number",
            ),
            (
                r#"[{"path":["limit"],"message":"Too big"},{"message":"Bad"}]"#,
                "limit: Too big; Bad",
            ),
            (r#"{"message":"User not found"}"#, "User not found"),
            (
                r#"{"message":"An unexpected error occurred","error":"db is gone"}"#,
                "db is gone",
            ),
            (r#"{"error":"text","code":"BAD_REQUEST"}"#, "text"),
            (
                r#"{"error":"Early Access","message":"This asset is in Early Access."}"#,
                "This asset is in Early Access.",
            ),
            ("File not found", "File not found"),
            (
                r#"{"error":"insufficient_scope","error_description":"needs UserRead"}"#,
                "needs UserRead",
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(sentence(body).as_deref(), Some(expected), "{body}");
        }
        for silent in [
            "",
            "{}",
            "[]",
            "null",
            "<html></html>",
            r#"{"error":null}"#,
            r#"{"error":{"x":[]}}"#,
        ] {
            assert_eq!(sentence(silent), None, "{silent}");
        }
    }

    #[test]
    fn what_is_kept_is_short_printable_and_cut_between_characters() {
        let long = "é".repeat(400);
        assert_eq!(shorten(&long).len(), 300);
        assert_eq!(&*shorten("a\u{1b}[31mb\u{202e}c\r\nd"), "a [31mbc d");
        assert_eq!(
            excerpt(&[0xff; 2000]).map(|kept| kept.len() <= SHORT),
            Some(true)
        );
    }

    #[test]
    fn pages_are_recognised_by_type_or_by_their_first_character() {
        let html = Some("text/html; charset=utf-8");
        assert_eq!(
            Page::detect(html, b"<title>Just a moment...</title>"),
            Some(Page::Challenge)
        );
        assert_eq!(
            Page::detect(None, b"\n <!DOCTYPE html>We're adjusting a few things"),
            Some(Page::Maintenance)
        );
        assert_eq!(Page::detect(html, b""), Some(Page::Unknown));
        assert_eq!(Page::detect(Some("application/json"), b"{}"), None);
    }
}
