//! The exchange of a version for a signed URL in the site's file storage.

use std::time::{Duration, SystemTime};

use civitai_security::RedactedUrl;
use reqwest::Method;
use reqwest::header::{self, HeaderMap};
use url::Url;

use crate::call;
use crate::client::{Client, Core};
use crate::error::{Error, Route};
use crate::id::{FileId, VaultItemId};
use crate::query::Parameters;
use crate::select::FileRequest;
use crate::transport::Request;

/// What a URL that names no end is taken to be good for.
const UNSTATED_LIFE: Duration = Duration::from_hours(1);
/// How long before its end a URL is no longer used.
const MARGIN: Duration = Duration::from_mins(10);
/// No S3 signature lives longer.
const LONGEST_LIFE: Duration = Duration::from_hours(7 * 24);

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
    /// Exchanges a version, or one of its files, for a signed URL.
    ///
    /// Each success counts against the account's daily quota: keep the URL for all segments and retries of a transfer.
    /// This tries once; the transfer that needs the URL owns the retries, and [`Error::is_transient`] tells it which are
    /// worth it. A stand-in site is asked if the configured one does not have the file.
    ///
    /// Where the request names no file the site chooses, by the account's preferences too, and not always the file that
    /// is marked primary.
    pub async fn exchange(&self, file: &FileRequest) -> Result<SignedUrl, Error> {
        let mut parameters = Parameters::default();
        match file.file {
            Some(id) => parameters.push("fileId", id),
            None => {
                for (name, value) in file.variant.pairs() {
                    parameters.push(name, value);
                }
            }
        }
        let path = format!("/api/download/models/{}", file.version);
        self.locate(path, &parameters, Route::Download).await
    }

    /// Exchanges a part of an entry of the token's vault for a signed URL, under the same rules.
    pub async fn exchange_vault(
        &self,
        item: VaultItemId,
        part: VaultPart,
    ) -> Result<SignedUrl, Error> {
        let mut parameters = Parameters::default();
        match part {
            VaultPart::Model(file) => {
                parameters.push("type", "model");
                parameters.push("fileId", file);
            }
            VaultPart::Images => parameters.push("type", "images"),
            VaultPart::Details => parameters.push("type", "details"),
        }
        let path = format!("/api/download/vault/{item}");
        self.locate(path, &parameters, Route::VaultDownload).await
    }

    async fn locate(
        &self,
        path: String,
        parameters: &Parameters,
        route: Route,
    ) -> Result<SignedUrl, Error> {
        let Core {
            transport, retry, ..
        } = self.core();
        let request = Request {
            method: Method::GET,
            path,
            query: parameters.encoded(),
            body: None,
            route,
        };
        let location = call::locate(transport, *retry, &request).await?;
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
