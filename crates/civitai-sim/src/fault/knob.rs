//! The ways in which an answer can go wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Listener;

/// What happens to an answer. In JSON the variants and members are in snake case and durations are milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Knob {
    /// Each successful resolve answers with the other storage than the one before.
    BackendFlip,
    /// Storage names the file in an unfortunate way.
    BadDisposition(Disposition),
    /// The redirect points where no connection comes about.
    BadTarget(Outage),
    /// The object was replaced: other bytes and another entity tag from now on.
    ContentChange,
    /// One byte of the file arrives with this mask over it.
    Corrupt {
        /// Where in the file.
        offset: Offset,
        /// A mask of zero changes nothing.
        xor: u8,
    },
    /// A page's cursor leads back to the page itself.
    CursorLoop,
    /// A page repeats its items.
    DupItems,
    /// A page has no items, but a cursor.
    EmptyPage,
    /// The object keeps its bytes and changes its entity tag.
    EtagChange,
    /// Signed URLs stop working, whatever their signature says.
    ExpireUrl {
        /// When a URL has had enough.
        after: Expiry,
        /// Whether a transfer that is under way ends then, too.
        #[serde(default)]
        cut: bool,
    },
    /// The connection closes cleanly in the middle of the body.
    FinAt {
        /// Where.
        offset: Offset,
    },
    /// The file arrives gzipped. Ranges above 64 MiB are left alone.
    GzipFile,
    /// This origin of the site knows nothing of what the other serves. Give it a listener.
    HostSplit,
    /// A page for people, with status 200.
    HtmlInstead,
    /// Objects have members nobody has heard of.
    JsonExtraFields,
    /// Every member that is not an id is null.
    JsonNullEverywhere,
    /// The document ends in the middle.
    JsonTruncated,
    /// Nothing is heard before the head.
    Latency {
        /// How long.
        #[serde(rename = "for_ms", with = "millis")]
        duration: Duration,
    },
    /// The answer to a ranged request is a multipart document.
    MultipartRange,
    /// The body comes in chunks, without a length.
    NoLength,
    /// Ranges are ignored.
    NoRange,
    /// Foreign bytes stand before the file's own.
    Prepend {
        /// What they say.
        text: String,
    },
    /// The download quota counts as used up after this many resolves.
    QuotaAt {
        /// Resolves that still work.
        resolves: u64,
    },
    /// A satisfiable range is refused.
    #[serde(rename = "range_416")]
    Range416,
    /// Another range than the one asked for is served, and said to be.
    RangeOffBy {
        /// How far the start is shifted; kept within the file.
        bytes: i64,
    },
    /// The site asks for a login although the client is no browser.
    RedirectLogin,
    /// More than so many requests at once are refused.
    RejectParallel {
        /// How many are served.
        limit: u64,
        /// 429 or 503.
        status: u16,
    },
    /// The connection is reset in the middle of the body. Bytes before it may be lost with it.
    ResetAt {
        /// Where.
        offset: Offset,
    },
    /// The storage resolver and the worker behind it fail: 404 with `private, no-store`.
    ResolveFailed {
        /// How often.
        times: u64,
    },
    /// The head comes piece by piece.
    SlowHeaders {
        /// Over how long.
        #[serde(rename = "for_ms", with = "millis")]
        duration: Duration,
    },
    /// Lists show what was true a while ago while downloads know better.
    StaleCache {
        /// How old an answer may be, on the simulator's clock.
        #[serde(rename = "for_ms", with = "millis")]
        duration: Duration,
    },
    /// Nothing more is heard in the middle of the body for a while.
    StallAt {
        /// Where.
        offset: Offset,
        /// How long.
        #[serde(rename = "for_ms", with = "millis")]
        duration: Duration,
    },
    /// Any answer at all.
    Status {
        /// The status.
        code: u16,
        /// Headers, `Content-Type` among them if there is to be one.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// The bytes of another file.
    SwapFile,
    /// The body comes no faster than this.
    Throttle {
        /// Speed of one connection.
        bytes_per_second: u64,
    },
    /// Tokens open no session after so many requests that carried one.
    TokenRevokedMidway {
        /// Requests that still work.
        requests: u64,
    },
    /// The end of the body is missing and the head agrees.
    Truncate {
        /// How much is missing.
        bytes: u64,
    },
    /// Enumerations have values nobody has heard of.
    UnknownEnum,
    /// The head's length is not the body's.
    WrongLength {
        /// What is added to the true length; kept at zero or more.
        by: i64,
    },
}

impl Knob {
    /// The knob's name, as in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BackendFlip => "backend_flip",
            Self::BadDisposition(_) => "bad_disposition",
            Self::BadTarget(_) => "bad_target",
            Self::ContentChange => "content_change",
            Self::Corrupt { .. } => "corrupt",
            Self::CursorLoop => "cursor_loop",
            Self::DupItems => "dup_items",
            Self::EmptyPage => "empty_page",
            Self::EtagChange => "etag_change",
            Self::ExpireUrl { .. } => "expire_url",
            Self::FinAt { .. } => "fin_at",
            Self::GzipFile => "gzip_file",
            Self::HostSplit => "host_split",
            Self::HtmlInstead => "html_instead",
            Self::JsonExtraFields => "json_extra_fields",
            Self::JsonNullEverywhere => "json_null_everywhere",
            Self::JsonTruncated => "json_truncated",
            Self::Latency { .. } => "latency",
            Self::MultipartRange => "multipart_range",
            Self::NoLength => "no_length",
            Self::NoRange => "no_range",
            Self::Prepend { .. } => "prepend",
            Self::QuotaAt { .. } => "quota_at",
            Self::Range416 => "range_416",
            Self::RangeOffBy { .. } => "range_off_by",
            Self::RedirectLogin => "redirect_login",
            Self::RejectParallel { .. } => "reject_parallel",
            Self::ResetAt { .. } => "reset_at",
            Self::ResolveFailed { .. } => "resolve_failed",
            Self::SlowHeaders { .. } => "slow_headers",
            Self::StaleCache { .. } => "stale_cache",
            Self::StallAt { .. } => "stall_at",
            Self::Status { .. } => "status",
            Self::SwapFile => "swap_file",
            Self::Throttle { .. } => "throttle",
            Self::TokenRevokedMidway { .. } => "token_revoked_midway",
            Self::Truncate { .. } => "truncate",
            Self::UnknownEnum => "unknown_enum",
            Self::WrongLength { .. } => "wrong_length",
        }
    }

    /// Whether the knob means anything on a listener; where it does not, a request is no attempt.
    pub(super) fn can_apply(&self, listener: Listener) -> bool {
        match self {
            Self::BadDisposition(_)
            | Self::ContentChange
            | Self::Corrupt { .. }
            | Self::EtagChange
            | Self::ExpireUrl { .. }
            | Self::GzipFile
            | Self::MultipartRange
            | Self::NoRange
            | Self::Prepend { .. }
            | Self::Range416
            | Self::RangeOffBy { .. }
            | Self::SwapFile => listener.is_storage(),
            Self::BackendFlip
            | Self::BadTarget(_)
            | Self::CursorLoop
            | Self::DupItems
            | Self::EmptyPage
            | Self::HostSplit
            | Self::JsonExtraFields
            | Self::JsonNullEverywhere
            | Self::JsonTruncated
            | Self::QuotaAt { .. }
            | Self::RedirectLogin
            | Self::ResolveFailed { .. }
            | Self::StaleCache { .. }
            | Self::TokenRevokedMidway { .. }
            | Self::UnknownEnum => !listener.is_storage(),
            Self::FinAt { .. }
            | Self::HtmlInstead
            | Self::Latency { .. }
            | Self::NoLength
            | Self::RejectParallel { .. }
            | Self::ResetAt { .. }
            | Self::SlowHeaders { .. }
            | Self::StallAt { .. }
            | Self::Status { .. }
            | Self::Throttle { .. }
            | Self::Truncate { .. }
            | Self::WrongLength { .. } => true,
        }
    }
}

/// Where in a body something happens. An answer that does not get there is not touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Offset {
    /// After this many bytes of every body.
    After(u64),
    /// At this offset of the file, or of the body where it is no file. A range that starts exactly there is past it,
    /// so a client that resumes gets on; only zero is met by whoever starts at zero.
    At(u64),
    /// Anywhere in the body, drawn anew each time.
    Random,
}

impl Offset {
    /// Where that is in a body of `len` bytes that starts at `start` of the file.
    pub(crate) fn within(self, start: u64, len: u64, draw: u64) -> Option<u64> {
        match self {
            Self::After(bytes) => (bytes < len).then_some(bytes),
            Self::At(0) => (start == 0).then_some(0),
            Self::At(offset) => offset.checked_sub(start).filter(|&at| at > 0 && at < len),
            Self::Random => draw.checked_rem(len),
        }
    }
}

/// When a signed URL stops working.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// Once it has served this many bytes.
    Bytes(u64),
    /// This long after it was issued, on the simulator's clock.
    #[serde(rename = "elapsed_ms", with = "millis")]
    Elapsed(Duration),
}

/// An unfortunate `Content-Disposition`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// None at all.
    Missing,
    /// Quotes and semicolons inside the quoted name.
    Quotes,
    /// A name that climbs out of its folder.
    Traversal,
    /// Only the extended form, in UTF-8.
    Utf8,
}

/// Why a connection does not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// Nobody listens on the port.
    ConnectRefused,
    /// A host name under `.invalid`.
    DnsFail,
    /// `https` at a port that speaks plain HTTP.
    TlsFail,
}

pub(super) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

pub(super) mod optional_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "the signature is serde's")]
    pub(crate) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::millis::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(deserializer)?.map(Duration::from_millis))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_met_only_by_a_body_that_passes_over_it() {
        assert_eq!(Offset::At(100).within(0, 1000, 0), Some(100));
        assert_eq!(Offset::At(100).within(100, 900, 0), None);
        assert_eq!(Offset::At(0).within(0, 10, 0), Some(0));
        assert_eq!(Offset::At(0).within(1, 10, 0), None);
        assert_eq!(Offset::After(10).within(500, 10, 0), None);
        assert_eq!(Offset::Random.within(0, 0, 5), None);
        assert_eq!(Offset::Random.within(0, 4, 5), Some(1));
    }

    #[test]
    fn names_are_those_of_the_json() {
        let knobs = [
            Knob::Range416,
            Knob::BadDisposition(Disposition::Utf8),
            Knob::Latency {
                duration: Duration::from_millis(3),
            },
            Knob::JsonNullEverywhere,
        ];
        for knob in knobs {
            let value = serde_json::to_value(&knob).unwrap();
            let name = value
                .as_str()
                .or_else(|| value.as_object()?.keys().next().map(String::as_str));
            assert_eq!(name, Some(knob.name()));
        }
    }
}
