use jiff::Timestamp;
use serde::Serialize;

use crate::fault::Listener;
use crate::http::Request;

/// One request and its answer. Secrets are counted, not kept.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// When it arrived, on the simulator's clock.
    pub at: Timestamp,
    /// Where it arrived.
    pub listener: Listener,
    /// Its method.
    pub method: String,
    /// Path and query as sent, with the values of `token` and of signatures replaced by `***`.
    pub target: String,
    /// The path with its ids replaced by names: `/api/v1/models/{id}`.
    pub route: String,
    /// The `User-Agent`.
    pub user_agent: Option<String>,
    /// The `Accept-Encoding`.
    pub accept_encoding: Option<String>,
    /// The `Range`.
    pub range: Option<String>,
    /// The `If-Match` or `If-Range`.
    pub condition: Option<String>,
    /// What it carried to be recognised by.
    pub credentials: Vec<Credential>,
    /// The version it is about, where the path says so or the file is known.
    pub version: Option<u32>,
    /// The file it is about, where the path says so or the storage knows the object.
    pub file: Option<u32>,
    /// The faults that took part in the answer, by name.
    pub faults: Vec<&'static str>,
    /// The status of the answer; zero if none was begun.
    pub status: u16,
    /// Bytes of the body handed to the socket.
    pub bytes_sent: u64,
    /// The offset in the file of the first byte of the body, for file bodies.
    pub start: Option<u64>,
    /// Whether the answer went out in full and the connection stood.
    pub complete: bool,
}

/// Something a client is recognised by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// An `Authorization` header.
    Authorization,
    /// A `Cookie` header.
    Cookie,
    /// A `token` in the query.
    UrlToken,
}

impl Entry {
    pub(crate) fn new(at: Timestamp, listener: Listener, request: &Request) -> Self {
        let header = |name| request.header(name).map(str::to_owned);
        let mut credentials = Vec::new();
        for (credential, carried) in [
            (
                Credential::Authorization,
                request.header("authorization").is_some(),
            ),
            (Credential::Cookie, request.header("cookie").is_some()),
            (Credential::UrlToken, request.query("token").is_some()),
        ] {
            if carried {
                credentials.push(credential);
            }
        }
        Self {
            at,
            listener,
            method: request.method.clone(),
            target: mask(&request.target),
            route: route_of(listener, &request.segments),
            user_agent: header("user-agent"),
            accept_encoding: header("accept-encoding"),
            range: header("range"),
            condition: header("if-match").or_else(|| header("if-range")),
            credentials,
            version: None,
            file: None,
            faults: Vec::new(),
            status: 0,
            bytes_sent: 0,
            start: None,
            complete: false,
        }
    }

    /// Whether the agent would be taken for a browser.
    pub(crate) fn looks_like_browser(&self) -> bool {
        self.user_agent.as_deref().is_some_and(is_browser)
    }
}

/// The site's own test: these words, anywhere, in any case.
pub(crate) fn is_browser(user_agent: &str) -> bool {
    let agent = user_agent.to_ascii_lowercase();
    ["mozilla", "chrome", "safari", "firefox", "opera", "edge"]
        .iter()
        .any(|word| agent.contains(word))
}

/// The target without what must not be written down.
fn mask(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let masked: Vec<_> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _))
                if SECRET_NAMES
                    .iter()
                    .any(|secret| name.eq_ignore_ascii_case(secret)) =>
            {
                format!("{name}=***")
            }
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", masked.join("&"))
}

fn route_of(listener: Listener, segments: &[String]) -> String {
    if listener.is_storage() {
        return "/{object}".to_owned();
    }
    let mut route = String::new();
    let mut previous = "";
    for segment in segments {
        let name = match segment.as_str() {
            hash if previous == "by-hash" && hash != "ids" => "{hash}",
            number if number.bytes().all(|byte| byte.is_ascii_digit()) => "{id}",
            word => word,
        };
        route.push('/');
        route.push_str(name);
        previous = segment;
    }
    if route.is_empty() {
        "/".to_owned()
    } else {
        route
    }
}

const SECRET_NAMES: [&str; 3] = ["token", "X-Amz-Signature", "Authorization"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_targets_are_masked() {
        assert_eq!(
            mask("/a?token=abc&x=1&X-Amz-Signature=ff"),
            "/a?token=***&x=1&X-Amz-Signature=***"
        );
        assert_eq!(
            mask("/file/b?Authorization=3_x&b2ContentDisposition=y"),
            "/file/b?Authorization=***&b2ContentDisposition=y"
        );
    }

    #[test]
    fn routes_name_what_varies() {
        let route = |path: &str| {
            let segments: Vec<_> = path
                .split('/')
                .filter(|piece| !piece.is_empty())
                .map(str::to_owned)
                .collect();
            route_of(Listener::Site, &segments)
        };
        assert_eq!(route("/api/v1/models/12"), "/api/v1/models/{id}");
        assert_eq!(
            route("/api/v1/model-versions/by-hash/ABCDEF"),
            "/api/v1/model-versions/by-hash/{hash}"
        );
        assert_eq!(
            route("/api/v1/model-versions/by-hash/ids"),
            "/api/v1/model-versions/by-hash/ids"
        );
        assert_eq!(route("/"), "/");
    }

    #[test]
    fn browser_words_count_inside_other_words() {
        assert!(is_browser("knowledge-base/1"));
        assert!(is_browser("Operator/2"));
        assert!(!is_browser("civitai-dl/0.1.0"));
    }
}
