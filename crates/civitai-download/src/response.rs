//! What an answer of a storage server says it is, read from its status and headers alone.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, SystemTime};

use reqwest::StatusCode;
use reqwest::header::{self, HeaderMap, HeaderName};

/// An answer that carries bytes of the file.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    /// 206: these bytes of a file of this size.
    Partial { range: Range<u64>, size: u64 },
    /// 200: the file from its first byte, of this size if the server says so.
    Whole { size: Option<u64> },
    /// 416 to a request for everything: the file has no bytes.
    Empty,
}

/// An answer that does not.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    BadRange(BadRange),
    /// The media type of something that is not a file, or an encoding that hides it.
    Page(Page),
    Redirect {
        location: Option<String>,
    },
    Status {
        status: u16,
        retry_after: Option<Duration>,
    },
}

/// A contradiction in an answer to a range request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRange {
    /// No `Content-Range`, or one that cannot be read.
    #[error("no readable Content-Range in the answer")]
    Unreadable,
    /// The whole file, though a range was asked for.
    #[error("the whole file where a range was asked for")]
    Ignored,
    /// Several parts, though one was asked for.
    #[error("several parts where one was asked for")]
    Multipart,
    /// A few bytes at a time, again and again.
    #[error("a few bytes at a time")]
    Crumbs,
    /// Other bytes than those asked for.
    #[error("bytes {}-{} where {}-{} were asked for", got.start, got.end.saturating_sub(1), asked.start, asked.end.saturating_sub(1))]
    Shifted {
        /// Asked for; the end is not included.
        asked: Range<u64>,
        /// Announced; the end is not included.
        got: Range<u64>,
    },
    /// No byte of the range is there, in a file said to be longer.
    #[error("no bytes from {start} on")]
    Unsatisfiable {
        /// First byte asked for.
        start: u64,
        /// Length of the file by this answer.
        size: Option<u64>,
    },
}

impl BadRange {
    /// The length of the file by an answer without bytes.
    pub(crate) fn size(&self) -> Option<u64> {
        match self {
            Self::Unsatisfiable { size, .. } => *size,
            _ => None,
        }
    }
}

/// What came in the place of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Page {
    /// A bot check of the server's front.
    Challenge,
    /// A compressed form of the file, though none was asked for.
    Encoded {
        /// The `Content-Encoding`.
        encoding: String,
    },
    /// A page that asks to log in.
    Login,
    /// Another page or message.
    Other {
        /// Its media type; absent when only the first bytes told.
        media_type: Option<String>,
        /// The beginning of it, masked.
        said: Option<String>,
    },
    /// Bytes that do not begin as the target's extension demands.
    WrongFormat {
        /// The extension of the target.
        extension: String,
    },
}

impl Page {
    pub(crate) fn is_login(&self) -> bool {
        matches!(self, Self::Login)
    }

    /// Reads the beginning of a page to say more precisely what it is.
    pub(crate) fn read(self, body: &str) -> Self {
        let Self::Other {
            media_type,
            said: None,
        } = self
        else {
            return self;
        };
        let text = body.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&[
            "just a moment",
            "cf-challenge",
            "cf_chl",
            "challenge-platform",
            "captcha",
        ]) {
            Self::Challenge
        } else if says(&["log in", "login", "sign in", "signin"]) {
            Self::Login
        } else {
            Self::Other {
                media_type,
                said: excerpt(body),
            }
        }
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Challenge => f.write_str("a challenge page that asks for a browser"),
            Self::Encoded { encoding } => write!(f, "an encoded form of it ({encoding})"),
            Self::Login => f.write_str("a login page"),
            Self::Other { media_type, said } => {
                write!(
                    f,
                    "a page ({})",
                    media_type.as_deref().unwrap_or("by its first bytes")
                )?;
                said.as_ref()
                    .map_or(Ok(()), |said| write!(f, " that says {said:?}"))
            }
            Self::WrongFormat { extension } => {
                write!(f, "something that does not begin like a .{extension} file")
            }
        }
    }
}

/// What the server calls the state of the file it sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Validators {
    pub(crate) etag: Option<String>,
    pub(crate) modified: Option<String>,
}

impl Validators {
    /// A weak entity tag promises the same meaning, not the same bytes: it is not kept.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let own = |name| text(headers, name).map(str::to_owned);
        Self {
            etag: own(header::ETAG).filter(|etag| !etag.starts_with("W/")),
            modified: own(header::LAST_MODIFIED),
        }
    }
}

/// Bounds the headers of an answer; fails with their length.
pub(crate) fn check_headers(headers: &HeaderMap) -> Result<(), usize> {
    let lines = headers.iter();
    let bytes = lines
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    if bytes > MAX_HEADERS {
        Err(bytes)
    } else {
        Ok(())
    }
}

/// Judges the answer to a request for `asked`, or for the whole file without a `Range` header when that is absent.
pub(crate) fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    asked: Option<&Range<u64>>,
    target: &Path,
) -> Result<Answer, Refusal> {
    match (status, asked) {
        (StatusCode::OK, _) => {
            refuse_page(headers, target)?;
            Ok(Answer::Whole {
                size: content_length(headers),
            })
        }
        (StatusCode::PARTIAL_CONTENT, Some(asked)) => {
            refuse_page(headers, target)?;
            partial(headers, asked).map_err(Refusal::BadRange)
        }
        (StatusCode::PARTIAL_CONTENT, None) => Err(Refusal::BadRange(BadRange::Unreadable)),
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(asked)) => {
            let size = text(headers, header::CONTENT_RANGE)
                .and_then(|value| value.strip_prefix("bytes */")?.parse().ok());
            if asked.start == 0 && size == Some(0) {
                return Ok(Answer::Empty);
            }
            Err(Refusal::BadRange(BadRange::Unsatisfiable {
                start: asked.start,
                size,
            }))
        }
        _ if matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) => Err(Refusal::Redirect {
            location: location(headers),
        }),
        _ => Err(Refusal::Status {
            status: status.as_u16(),
            retry_after: retry_after(headers),
        }),
    }
}

fn partial(headers: &HeaderMap, asked: &Range<u64>) -> Result<Answer, BadRange> {
    if media_type(headers).is_some_and(|media_type| media_type.starts_with("multipart/")) {
        return Err(BadRange::Multipart);
    }
    let mut values = headers.get_all(header::CONTENT_RANGE).iter();
    let value = text(headers, header::CONTENT_RANGE).ok_or(BadRange::Unreadable)?;
    // One of two that differ would have to be believed.
    if values.any(|other| other.as_bytes().trim_ascii() != value.as_bytes()) {
        return Err(BadRange::Unreadable);
    }
    let (got, size) = content_range(value).ok_or(BadRange::Unreadable)?;
    if got.start != asked.start || got.end > asked.end {
        return Err(BadRange::Shifted {
            asked: asked.clone(),
            got,
        });
    }
    Ok(Answer::Partial { range: got, size })
}

/// `bytes FIRST-LAST/SIZE` of RFC 9110 §14.4, with every number in its place.
fn content_range(value: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size) = (number(first)?, number(last)?, number(size)?);
    (first <= last && last < size).then(|| (first..last + 1, size))
}

/// Digits only: `parse` would take a sign.
fn number(digits: &str) -> Option<u64> {
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

fn refuse_page(headers: &HeaderMap, target: &Path) -> Result<(), Refusal> {
    for encoding in headers.get_all(header::CONTENT_ENCODING) {
        let encoding = String::from_utf8_lossy(encoding.as_bytes());
        let encoding = encoding.trim();
        if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
            return Err(Refusal::Page(Page::Encoded {
                encoding: encoding.to_owned(),
            }));
        }
    }
    match media_type(headers) {
        Some(media_type) if is_page(&media_type) && !is_wanted(&media_type, target) => {
            Err(Refusal::Page(Page::Other {
                media_type: Some(media_type),
                said: None,
            }))
        }
        _ => Ok(()),
    }
}

fn is_page(media_type: &str) -> bool {
    matches!(
        media_type,
        "text/html" | "application/xhtml+xml" | "application/json" | "application/problem+json"
    ) || matches!(media_type, "application/xml" | "text/xml")
}

/// A caller who names the target `config.json` does want JSON.
fn is_wanted(media_type: &str, target: &Path) -> bool {
    let extension = extension(target).unwrap_or_default();
    let wanted: &[&str] = match extension.as_str() {
        "json" => &["application/json"],
        "html" | "htm" | "xhtml" => &["text/html", "application/xhtml+xml"],
        "xml" => &["application/xml", "text/xml"],
        _ => &[],
    };
    wanted.contains(&media_type)
}

/// Judges the first bytes of a file that no digest vouches for.
pub(crate) fn sniff(head: &[u8], target: &Path) -> Result<(), Page> {
    let extension = extension(target).unwrap_or_default();
    let text_wanted = matches!(
        extension.as_str(),
        "json" | "html" | "htm" | "xhtml" | "xml" | "svg" | "txt" | "md" | "yaml" | "yml"
    );
    let start = head.trim_ascii_start();
    if !text_wanted && (start.starts_with(b"<") || start.starts_with(b"{\"error\"")) {
        let page = Page::Other {
            media_type: None,
            said: None,
        };
        return Err(page.read(&String::from_utf8_lossy(head)));
    }
    let fits = match extension.as_str() {
        "safetensors" => head.get(8) == Some(&b'{'),
        "gguf" => head.starts_with(b"GGUF"),
        "zip" => head.starts_with(b"PK"),
        _ => true,
    };
    if fits {
        Ok(())
    } else {
        Err(Page::WrongFormat { extension })
    }
}

fn extension(target: &Path) -> Option<String> {
    Some(target.extension()?.to_str()?.to_ascii_lowercase())
}

/// The `Location`, as sent: servers also send raw UTF-8.
fn location(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::LOCATION)?.as_bytes();
    std::str::from_utf8(value).ok().map(str::to_owned)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    civitai_reliability::retry_after::parse(text(headers, header::RETRY_AFTER)?, SystemTime::now())
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    number(text(headers, header::CONTENT_LENGTH)?)
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = text(headers, header::CONTENT_TYPE)?;
    Some(
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
    )
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The beginning of a server's message, on one line, without control characters, URLs and tokens masked.
pub(crate) fn excerpt(body: &str) -> Option<String> {
    let line: String = body
        .chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .take(EXCERPT_CHARS)
        .collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then(|| civitai_security::redact::redact_text(&line).into_owned())
}

const EXCERPT_CHARS: usize = 300;
/// Real ones are below 4 KiB.
const MAX_HEADERS: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(
        status: u16,
        headers: &[(&'static str, &str)],
        asked: Option<&Range<u64>>,
    ) -> Result<Answer, Refusal> {
        let headers = headers
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    value.parse().expect("a header value"),
                )
            })
            .collect();
        let status = StatusCode::from_u16(status).expect("a status");
        judge(status, &headers, asked, Path::new("model.safetensors"))
    }

    fn bad_range(value: &str) -> BadRange {
        match answer(206, &[("content-range", value)], Some(&(100..200))) {
            Err(Refusal::BadRange(bad)) => bad,
            other => panic!("{value:?} was taken for {other:?}"),
        }
    }

    #[test]
    fn a_range_is_taken_only_where_it_was_asked() {
        let ok = |range, size| Ok(Answer::Partial { range, size });
        assert_eq!(
            answer(
                206,
                &[("content-range", "bytes 100-199/1000")],
                Some(&(100..200))
            ),
            ok(100..200, 1000)
        );
        // Less than asked is allowed; the rest is asked for again.
        assert_eq!(
            answer(
                206,
                &[("content-range", "bytes 100-150/1000")],
                Some(&(100..200))
            ),
            ok(100..151, 1000)
        );
        for shifted in [
            "bytes 99-199/1000",
            "bytes 101-199/1000",
            "bytes 100-200/1000",
            "bytes 0-99/1000",
        ] {
            assert!(
                matches!(bad_range(shifted), BadRange::Shifted { .. }),
                "{shifted}"
            );
        }
        for unreadable in [
            "",
            "items 100-199/1000",
            "bytes 100-199",
            "bytes 100-199/*",
            "bytes 100-199/199",
            "bytes 199-100/1000",
            "bytes +100-199/1000",
            "bytes 100-199/18446744073709551616",
            "bytes */1000",
        ] {
            assert_eq!(bad_range(unreadable), BadRange::Unreadable, "{unreadable}");
        }
        let parts = [
            ("content-type", "multipart/byteranges; boundary=x"),
            ("content-range", "bytes 100-199/1000"),
        ];
        assert_eq!(
            answer(206, &parts, Some(&(100..200))),
            Err(Refusal::BadRange(BadRange::Multipart))
        );
    }

    #[test]
    fn an_empty_file_is_not_an_error() {
        assert_eq!(
            answer(416, &[("content-range", "bytes */0")], Some(&(0..10))),
            Ok(Answer::Empty)
        );
        let past = BadRange::Unsatisfiable {
            start: 10,
            size: Some(10),
        };
        assert_eq!(
            answer(416, &[("content-range", "bytes */10")], Some(&(10..20))),
            Err(Refusal::BadRange(past))
        );
    }

    #[test]
    fn pages_and_encodings_are_not_the_file() {
        for media_type in [
            "text/html; charset=utf-8",
            "Application/JSON",
            "application/xml",
        ] {
            let refused = answer(200, &[("content-type", media_type)], None);
            assert!(
                matches!(refused, Err(Refusal::Page(Page::Other { .. }))),
                "{media_type}"
            );
        }
        let gzip = answer(
            206,
            &[
                ("content-encoding", "gzip"),
                ("content-range", "bytes 0-9/10"),
            ],
            Some(&(0..10)),
        );
        assert_eq!(
            gzip,
            Err(Refusal::Page(Page::Encoded {
                encoding: "gzip".to_owned()
            }))
        );
        let plain = answer(
            200,
            &[("content-encoding", "identity"), ("content-length", "7")],
            None,
        );
        assert_eq!(plain, Ok(Answer::Whole { size: Some(7) }));
    }

    #[test]
    fn a_json_target_may_be_json() {
        let headers = HeaderMap::from_iter([(
            header::CONTENT_TYPE,
            "application/json".parse().expect("a value"),
        )]);
        assert!(judge(StatusCode::OK, &headers, None, Path::new("a/config.JSON")).is_ok());
    }

    #[test]
    fn a_page_is_named_by_what_it_says() {
        let page = || Page::Other {
            media_type: Some("text/html".to_owned()),
            said: None,
        };
        assert_eq!(page().read("<title>Sign in | Civitai</title>"), Page::Login);
        assert_eq!(
            page().read("<title>Just a moment...</title>"),
            Page::Challenge
        );
        let said = page()
            .read("<p>\u{1b}[31mclosed\r\n for   maintenance")
            .to_string();
        assert_eq!(
            said,
            "a page (text/html) that says \"<p> [31mclosed for maintenance\""
        );
    }

    #[test]
    fn weak_entity_tags_validate_nothing() {
        let headers =
            |etag: &str| HeaderMap::from_iter([(header::ETAG, etag.parse().expect("a value"))]);
        assert_eq!(Validators::read(&headers("W/\"1\"")).etag, None);
        assert_eq!(
            Validators::read(&headers("\"1\"")).etag.as_deref(),
            Some("\"1\"")
        );
    }

    #[test]
    fn first_bytes_must_suit_the_name() {
        let sniffed =
            |head: &[u8], name: &str| sniff(head, Path::new(name)).map_err(|page| page.to_string());
        assert_eq!(sniffed(b"\x02\0\0\0\0\0\0\0{}", "a.safetensors"), Ok(()));
        assert_eq!(sniffed(b"GGUF\x03", "a.gguf"), Ok(()));
        assert_eq!(sniffed(b"anything", "a.bin"), Ok(()));
        assert!(sniffed(b"GGUX\x03", "a.gguf").is_err());
        assert_eq!(
            sniffed(b" <html>please log in", "a.bin"),
            Err("a login page".to_owned())
        );
        assert!(sniffed(b"{\"error\":\"no\"}", "a.pt").is_err());
        assert_eq!(sniffed(b"{\"error\":\"no\"}", "a.json"), Ok(()));
    }
}
