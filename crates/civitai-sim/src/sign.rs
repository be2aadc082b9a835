//! Signed storage URLs of both kinds, and their judgement.
//!
//! R2 signs host, path, date and the rest of the query exactly as they were handed out; a client that re-encodes any
//! of it has an altered URL. B2 hands out a token for a path and a time.

use std::fmt::Write;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

use crate::content::mix;
use crate::http::Request;

/// Holds the storages' secret.
#[derive(Clone)]
pub(crate) struct Signer {
    secret: [u8; 32],
}

/// Why a URL is not honoured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no signature.
    Unsigned,
    /// It is not ours, or not for this.
    Altered,
    Expired,
}

/// A signature that holds.
#[derive(Debug)]
pub(crate) struct Grant {
    /// Names the signed URL among others.
    pub(crate) id: String,
    pub(crate) issued: Timestamp,
}

impl Signer {
    pub(crate) fn new(seed: u64) -> Self {
        let mut secret = [0; 32];
        for (word, counter) in secret.as_chunks_mut::<8>().0.iter_mut().zip(0..) {
            *word = mix(!seed, counter).to_le_bytes();
        }
        Self { secret }
    }

    /// Path and query that R2 honours at `host` for [`VALIDITY`] from `now`.
    pub(crate) fn r2_target(
        &self,
        host: &str,
        path: &str,
        file_name: &str,
        now: Timestamp,
    ) -> String {
        let date = now.strftime(AMZ_DATE).to_string();
        let disposition = encode(&attachment(file_name));
        let query = format!(
            "X-Amz-Expires={}&response-content-disposition={disposition}&X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Credential={ACCESS_KEY}%2F{}%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date={date}&X-Amz-SignedHeaders=host",
            VALIDITY.as_secs(),
            &date[..8],
        );
        let signature = self.mac(&[host, path, &query]);
        format!("{path}?{query}&{R2_SIGNATURE}{signature}")
    }

    pub(crate) fn check_r2(&self, request: &Request, now: Timestamp) -> Result<Grant, Refusal> {
        let (path, query) = request.target.split_once('?').ok_or(Refusal::Unsigned)?;
        let (signed, signature) = query.rsplit_once(R2_SIGNATURE).ok_or(Refusal::Unsigned)?;
        let signed = signed.strip_suffix('&').ok_or(Refusal::Unsigned)?;
        let host = request.header("host").unwrap_or_default();
        self.verify(&[host, path, signed], signature)?;
        let issued = request
            .query("X-Amz-Date")
            .and_then(|date| DateTime::strptime(AMZ_DATE, date).ok())
            .and_then(|date| date.to_zoned(TimeZone::UTC).ok())
            .ok_or(Refusal::Altered)?
            .timestamp();
        let lasts = request
            .query("X-Amz-Expires")
            .and_then(|text| text.parse().ok())
            .ok_or(Refusal::Altered)?;
        grant(signature, issued, Duration::from_secs(lasts), now)
    }

    /// Path and query that B2 honours for [`VALIDITY`] from `now`.
    pub(crate) fn b2_target(&self, path: &str, file_name: &str, now: Timestamp) -> String {
        let stamp = format!("{:x}", now.as_second());
        let signature = self.mac(&[path, &stamp]);
        let disposition = encode(&attachment(file_name));
        format!("{path}?Authorization=3_{stamp}_{signature}&b2ContentDisposition={disposition}")
    }

    pub(crate) fn check_b2(&self, request: &Request, now: Timestamp) -> Result<Grant, Refusal> {
        let token = request.query("Authorization").ok_or(Refusal::Unsigned)?;
        let (stamp, signature) = token
            .strip_prefix("3_")
            .and_then(|token| token.split_once('_'))
            .ok_or(Refusal::Altered)?;
        self.verify(&[&request.path, stamp], signature)?;
        let issued = i64::from_str_radix(stamp, 16)
            .ok()
            .and_then(|second| Timestamp::from_second(second).ok());
        grant(signature, issued.ok_or(Refusal::Altered)?, VALIDITY, now)
    }

    fn mac(&self, parts: &[&str]) -> String {
        let mac = self.digest(parts).finalize().into_bytes();
        mac.iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                write!(text, "{byte:02x}").expect("a string takes any text");
                text
            })
    }

    fn verify(&self, parts: &[&str], signature: &str) -> Result<(), Refusal> {
        if self.mac(parts) == signature {
            Ok(())
        } else {
            Err(Refusal::Altered)
        }
    }

    fn digest(&self, parts: &[&str]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.secret).expect("a key of any length will do");
        for part in parts {
            mac.update(part.as_bytes());
            mac.update(b"\n");
        }
        mac
    }
}

fn grant(
    signature: &str,
    issued: Timestamp,
    lasts: Duration,
    now: Timestamp,
) -> Result<Grant, Refusal> {
    let expired = issued.saturating_add(lasts).is_ok_and(|end| end < now);
    if expired {
        Err(Refusal::Expired)
    } else {
        Ok(Grant {
            id: signature.to_owned(),
            issued,
        })
    }
}

/// The header that makes browsers save a file under this name. Characters that no header can carry are left out.
pub(crate) fn attachment(file_name: &str) -> String {
    let mut name = file_name.replace('\\', "\\\\").replace('"', "\\\"");
    name.retain(|c| !c.is_control());
    format!("attachment; filename=\"{name}\"")
}

pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// How long a signed URL is good for.
pub(crate) const VALIDITY: Duration = Duration::from_hours(24);
const ACCESS_KEY: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";
const AMZ_DATE: &str = "%Y%m%dT%H%M%SZ";
const R2_SIGNATURE: &str = "X-Amz-Signature=";
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str) -> Request {
        let headers = vec![("Host".to_owned(), "127.0.0.1:9".to_owned())];
        Request::new(
            "GET",
            target,
            headers,
            Vec::new(),
            ([127, 0, 0, 1], 1).into(),
        )
    }

    fn now() -> Timestamp {
        "2026-08-08T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_signed_url_holds_for_its_time_and_not_longer() {
        let signer = Signer::new(1);
        let r2 = request(&signer.r2_target(
            "127.0.0.1:9",
            "/1/model/a.x1y2.safetensors",
            "A b.safetensors",
            now(),
        ));
        let b2 = request(&signer.b2_target("/file/civitai-modelfiles/model/1/a", "A", now()));
        let last = now().saturating_add(VALIDITY).unwrap();
        let after = last.saturating_add(Duration::from_secs(1)).unwrap();
        assert_eq!(signer.check_r2(&r2, last).unwrap().issued, now());
        assert_eq!(signer.check_r2(&r2, after).unwrap_err(), Refusal::Expired);
        assert_eq!(signer.check_b2(&b2, last).unwrap().issued, now());
        assert_eq!(signer.check_b2(&b2, after).unwrap_err(), Refusal::Expired);
    }

    #[test]
    fn any_change_to_a_signed_url_is_noticed() {
        let signer = Signer::new(1);
        let r2 = signer.r2_target(
            "127.0.0.1:9",
            "/1/model/a.x1y2.safetensors",
            "A b.safetensors",
            now(),
        );
        for altered in [
            r2.replace("/1/model", "/2/model"),
            r2.replace("Expires=86400", "Expires=99999"),
            r2.replace("%20", "+"),
            r2.replace("X-Amz-SignedHeaders=host&", ""),
            format!("{r2}0"),
        ] {
            assert_eq!(
                signer.check_r2(&request(&altered), now()).unwrap_err(),
                Refusal::Altered,
                "{altered}"
            );
        }
        assert_eq!(
            signer.check_r2(&request("/1/model/a"), now()).unwrap_err(),
            Refusal::Unsigned
        );
        assert_eq!(
            Signer::new(2).check_r2(&request(&r2), now()).unwrap_err(),
            Refusal::Altered
        );
        let b2 = signer.b2_target("/file/x", "A", now());
        assert_eq!(
            signer
                .check_b2(&request(&b2.replace("/file/x", "/file/y")), now())
                .unwrap_err(),
            Refusal::Altered
        );
        assert_eq!(
            signer.check_b2(&request("/file/x"), now()).unwrap_err(),
            Refusal::Unsigned
        );
    }
}
