//! The exchange of a version for a signed URL in the site's file storage.

use std::time::{Duration, SystemTime};

use civitai_security::RedactedUrl;
use reqwest::Method;
use reqwest::header::{self, HeaderMap};
use url::Url;

use crate::call;
use crate::client::{Client, Core};
use crate::error::{Error, Route};
use crate::file::{FileFormat, FileSize, FileType, Precision, QuantType};
use crate::id::{FileId, VaultItemId, VersionId};
use crate::query::Parameters;
use crate::transport::Request;

/// What a URL that names no end is taken to be good for.
const UNSTATED_LIFE: Duration = Duration::from_hours(1);
/// How long before its end a URL is no longer used.
const MARGIN: Duration = Duration::from_mins(10);
/// No S3 signature lives longer.
const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);

/// Which file to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadRequest {
    subject: Subject,
    parameters: Parameters,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Version(VersionId),
    Vault(VaultItemId),
}

/// What to fetch of an entry of the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VaultPart {
    /// One of its model files.
    Model(FileId),
    /// Its pictures.
    Images,
    /// Its description.
    Details,
}

impl DownloadRequest {
    /// Asks for the file that the site takes for the version's best. Accounts have preferences, so this is not always the
    /// file that is marked primary: name the file wherever it is known.
    pub fn of_version(version: VersionId) -> Self {
        Self {
            subject: Subject::Version(version),
            parameters: Parameters::default(),
        }
    }

    /// Asks for exactly this file of the version.
    pub fn of_file(version: VersionId, file: FileId) -> Self {
        Self {
            subject: Subject::Version(version),
            parameters: Parameters::default().with("fileId", file),
        }
    }

    /// Asks for a part of an entry of the signed-in user's vault.
    pub fn of_vault(item: VaultItemId, part: VaultPart) -> Self {
        let parameters = match part {
            VaultPart::Model(file) => Parameters::default()
                .with("type", "model")
                .with("fileId", file),
            VaultPart::Images => Parameters::default().with("type", "images"),
            VaultPart::Details => Parameters::default().with("type", "details"),
        };
        Self {
            subject: Subject::Vault(item),
            parameters,
        }
    }

    /// Prefers files of this role.
    #[must_use]
    pub fn with_type(mut self, kind: &FileType) -> Self {
        self.parameters = self.parameters.with("type", kind);
        self
    }

    /// Prefers files of this format. A version that has none answers "not found".
    #[must_use]
    pub fn with_format(mut self, format: &FileFormat) -> Self {
        self.parameters = self.parameters.with("format", format);
        self
    }

    /// Prefers full or pruned files.
    #[must_use]
    pub fn with_size(mut self, size: &FileSize) -> Self {
        self.parameters = self.parameters.with("size", size);
        self
    }

    /// Prefers files of this precision.
    #[must_use]
    pub fn with_precision(mut self, precision: &Precision) -> Self {
        self.parameters = self.parameters.with("fp", precision);
        self
    }

    /// Prefers files of this quantisation.
    #[must_use]
    pub fn with_quant(mut self, quant: &QuantType) -> Self {
        self.parameters = self.parameters.with("quantType", quant);
        self
    }

    fn to_request(&self) -> Request {
        let (path, route) = match self.subject {
            Subject::Version(version) => {
                (format!("/api/download/models/{version}"), Route::Download)
            }
            Subject::Vault(item) => (format!("/api/download/vault/{item}"), Route::VaultDownload),
        };
        Request {
            method: Method::GET,
            path,
            query: self.parameters.encoded(),
            body: None,
            route,
        }
    }
}

/// Where a file is, for a while.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SignedUrl {
    /// Where to fetch the bytes. Send no token there: the storage refuses it.
    pub url: RedactedUrl,
    /// When the URL says that it ends, by this machine's clock; `None` if it does not say.
    pub expires: Option<SystemTime>,
    received: SystemTime,
}

impl SignedUrl {
    fn new(url: Url, headers: &HeaderMap) -> Self {
        let received = SystemTime::now();
        let expires = remaining(&url, server_time(headers, received))
            .and_then(|left| received.checked_add(left));
        Self {
            url: RedactedUrl::new(url),
            expires,
            received,
        }
    }

    /// Returns when to ask for a new one: ten minutes before its end, or after an hour if it names none. A URL that lives
    /// for less than twenty minutes is used for half of that.
    pub fn good_until(&self) -> SystemTime {
        let end = self.expires.unwrap_or(self.received + UNSTATED_LIFE);
        let life = end.duration_since(self.received).unwrap_or_default();
        self.received + life.saturating_sub(MARGIN).max(life / 2)
    }
}

impl Client {
    /// Exchanges a version or a vault entry for a signed URL.
    ///
    /// Each success counts against the account's daily quota: keep the URL for all segments and retries of a transfer.
    /// This tries once; the transfer that needs the URL owns the retries, and [`Error::is_transient`] tells it which are
    /// worth it. A stand-in site is asked if the configured one does not have the file.
    pub async fn exchange(&self, request: &DownloadRequest) -> Result<SignedUrl, Error> {
        let Core { transport, retry } = self.core();
        let location = call::locate(transport, *retry, &request.to_request()).await?;
        Ok(SignedUrl::new(location.url, &location.headers))
    }
}

/// Returns the server's own time, so that a wrong clock on either side does not shorten or stretch a URL's life.
fn server_time(headers: &HeaderMap, now: SystemTime) -> SystemTime {
    headers
        .get(header::DATE)
        .and_then(|date| date.to_str().ok())
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
        .map_or(now, |date| SystemTime::from(date.timestamp()))
}

/// Returns how much of an S3-style signature's life is left.
fn remaining(url: &Url, now: SystemTime) -> Option<Duration> {
    let parameter = |name: &str| {
        url.query_pairs()
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then(|| value.into_owned()))
    };
    let life = Duration::from_secs(parameter("X-Amz-Expires")?.parse().ok()?).min(LONGEST_LIFE);
    let signed =
        jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", parameter("X-Amz-Date")?).ok()?;
    let signed = SystemTime::from(signed.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp());
    // Signed a moment in the future means signed now by a clock that is ahead.
    let age = now.duration_since(signed).unwrap_or_default();
    Some(life.saturating_sub(age))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<jiff::Timestamp>().expect(text).into()
    }

    #[test]
    fn an_s3_signature_says_how_long_it_lives() {
        let url: Url =
            "https://s.example/k?X-Amz-Expires=86400&X-Amz-Date=20260126T001329Z&X-Amz-Signature=x"
                .parse()
                .expect("url");
        assert_eq!(
            remaining(&url, at("2026-01-26T00:13:29Z")),
            Some(Duration::from_hours(24))
        );
        assert_eq!(
            remaining(&url, at("2026-01-26T00:00:00Z")),
            Some(Duration::from_hours(24))
        );
        assert_eq!(
            remaining(&url, at("2026-01-26T12:13:29Z")),
            Some(Duration::from_hours(12))
        );
        assert_eq!(
            remaining(&url, at("2026-02-26T00:00:00Z")),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn what_is_not_a_signature_says_nothing() {
        for query in [
            "",
            "Authorization=abc",
            "X-Amz-Expires=60",
            "X-Amz-Expires=x&X-Amz-Date=20260126T001329Z",
            "X-Amz-Expires=1&X-Amz-Date=now",
        ] {
            let url: Url = format!("https://s.example/k?{query}").parse().expect("url");
            assert_eq!(remaining(&url, SystemTime::UNIX_EPOCH), None, "{query}");
        }
    }

    #[test]
    fn a_url_is_given_up_before_its_end_by_the_servers_clock() {
        let mut headers = HeaderMap::new();
        headers.insert(
            header::DATE,
            "Mon, 26 Jan 2026 00:13:29 GMT".parse().expect("date"),
        );
        let url: Url = "https://s.example/k?X-Amz-Expires=3600&X-Amz-Date=20260126T001329Z"
            .parse()
            .expect("url");
        let signed = SignedUrl::new(url, &headers);
        let left = |until: SystemTime| until.duration_since(signed.received).expect("later");
        assert_eq!(
            left(signed.expires.expect("stated")),
            Duration::from_hours(1)
        );
        assert_eq!(left(signed.good_until()), Duration::from_mins(50));

        let unstated = SignedUrl::new("https://s.example/k".parse().expect("url"), &headers);
        assert_eq!(unstated.expires, None);
        assert_eq!(
            unstated.good_until().duration_since(unstated.received).ok(),
            Some(Duration::from_mins(50))
        );
    }
}
