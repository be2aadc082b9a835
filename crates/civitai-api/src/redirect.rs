//! Redirects, followed by hand: what may be followed, and what is left behind on the way.

use bytes::Bytes;
use civitai_security::RedactedUrl;
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::error::{Error, ErrorKind, Page, RedirectProblem};
use crate::host::Hosts;
use crate::transport::{Request, login};

const MOST_REDIRECTS: u32 = 10;

/// A request on its way through redirects.
pub(crate) struct Trail {
    url: Url,
    method: Method,
    body: Option<Bytes>,
    /// Lost for good when the trail leaves the trusted origins.
    keeps_credentials: bool,
    hops: u32,
    was_relative: bool,
}

impl Trail {
    pub(crate) fn new(url: Url, request: &Request) -> Self {
        let (method, body) = (request.method.clone(), request.body.clone());
        Self {
            url,
            method,
            body,
            keeps_credentials: true,
            hops: 0,
            was_relative: false,
        }
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn into_url(self) -> Url {
        self.url
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    pub(crate) fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    pub(crate) fn may_carry_credentials(&self, hosts: &Hosts) -> bool {
        self.keeps_credentials && hosts.trusts(&self.url)
    }

    /// Moves on to where a redirect points.
    ///
    /// # Errors
    /// After ten redirects, from `https` to anything else, and to what the address rules refuse. Names are checked again
    /// when they are resolved.
    pub(crate) fn follow(
        &mut self,
        hosts: &Hosts,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<(), Error> {
        let location = headers
            .get(header::LOCATION)
            .map(header::HeaderValue::as_bytes)
            .unwrap_or_default();
        let location =
            std::str::from_utf8(location).map_err(|_| self.refused(RedirectProblem::Unreadable))?;
        let target = self
            .url
            .join(location)
            .map_err(|error| self.refused(RedirectProblem::Unreadable).with_source(error))?;
        if self.hops >= MOST_REDIRECTS {
            return Err(refused(&target, RedirectProblem::TooMany(self.hops)));
        }
        if has_userinfo(&target) {
            return Err(refused(&target, RedirectProblem::Credentials));
        }
        hosts
            .policy()
            .check_redirect(&self.url, &target)
            .map_err(|unsafe_address| {
                refused(&target, RedirectProblem::Unsafe).with_source(unsafe_address)
            })?;
        if !matches!(
            status,
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT
        ) && self.method != Method::GET
        {
            self.method = Method::GET;
            self.body = None;
        }
        self.keeps_credentials &= hosts.trusts(&target);
        self.hops += 1;
        self.was_relative = Url::parse(location).is_err();
        self.url = target;
        Ok(())
    }

    /// Says whether the site sends us to its login form.
    pub(crate) fn leads_to_login(&self, hosts: &Hosts) -> bool {
        hosts.trusts(&self.url) && self.path_begins_with("/login")
    }

    /// Says, for a download, whether this is the file's URL; if not, it is another step on the site.
    ///
    /// # Errors
    /// When the site leads to one of its pages instead.
    pub(crate) fn has_arrived(&self, hosts: &Hosts, token_was_sent: bool) -> Result<bool, Error> {
        if !hosts.trusts(&self.url) {
            return Ok(true);
        }
        if self.leads_to_login(hosts) {
            return Err(login(token_was_sent));
        }
        if self.path_begins_with("/model-versions") {
            return Err(Error::new(ErrorKind::EarlyAccess { until: None }));
        }
        if self.path_begins_with("/api") {
            return Ok(false);
        }
        if self.was_relative {
            return Err(Error::new(ErrorKind::Page {
                status: 307,
                page: Page::Unknown,
            }));
        }
        Ok(true)
    }

    fn path_begins_with(&self, first: &str) -> bool {
        self.url
            .path()
            .strip_prefix(first)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn refused(&self, problem: RedirectProblem) -> Error {
        refused(&self.url, problem)
    }
}

fn refused(target: &Url, problem: RedirectProblem) -> Error {
    Error::new(ErrorKind::Redirect {
        to: RedactedUrl::from(target.clone()),
        problem,
    })
}

/// Credentials in a redirect would become an `Authorization` header of the server's choosing.
fn has_userinfo(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

#[cfg(test)]
mod tests {
    use civitai_security::AllowPrivate;

    use super::*;
    use crate::error::Route;
    use crate::host::Pace;

    fn hosts() -> Hosts {
        let origin = "https://civitai.com".parse().expect("a URL");
        Hosts::new(origin, None, AllowPrivate::No, Pace::Unlimited).expect("a public origin")
    }

    fn trail() -> Trail {
        let request = Request {
            method: Method::POST,
            path: "/api/v1/x".to_owned(),
            query: None,
            body: Some(Bytes::from_static(b"[]")),
            route: Route::Api,
        };
        Trail::new(
            "https://civitai.com/api/v1/x".parse().expect("a URL"),
            &request,
        )
    }

    fn follow(trail: &mut Trail, status: StatusCode, location: &str) -> Result<(), Error> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, location.parse().expect("a header"));
        trail.follow(&hosts(), status, &headers)
    }

    #[test]
    fn credentials_stay_with_the_trusted_origins_and_never_come_back() {
        let cases: [(&[&str], bool); 6] = [
            (&["/elsewhere"], true),
            (&["https://civitai.red/api/v1/x"], true),
            (&["https://civitai.com:8443/"], false),
            (&["https://www.civitai.com/"], false),
            (&["https://civitai.com.example.net/"], false),
            (
                &["https://example.net/", "https://civitai.com/api/v1/x"],
                false,
            ),
        ];
        for (locations, keeps) in cases {
            let mut trail = trail();
            for location in locations {
                follow(&mut trail, StatusCode::PERMANENT_REDIRECT, location).expect("allowed");
            }
            assert_eq!(
                trail.may_carry_credentials(&hosts()),
                keeps,
                "{locations:?}"
            );
        }
    }

    #[test]
    fn a_public_origin_leads_neither_to_cleartext_nor_to_special_addresses() {
        let refused = [
            "http://civitai.com/",
            "http://civitai.com:443/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://localhost/",
            "https://169.254.169.254/",
            "https://10.1.2.3/",
            "https://[::ffff:192.168.0.1]/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0.0.0.0/",
        ];
        for location in refused {
            let error = follow(&mut trail(), StatusCode::FOUND, location).expect_err(location);
            let is_unsafe = matches!(
                error.kind(),
                ErrorKind::Redirect {
                    problem: RedirectProblem::Unsafe,
                    ..
                }
            );
            assert!(is_unsafe, "{location}: {error:?}");
        }
    }

    #[test]
    fn a_body_is_sent_again_only_where_the_status_says_so() {
        for (status, method, has_body) in [
            (StatusCode::TEMPORARY_REDIRECT, Method::POST, true),
            (StatusCode::SEE_OTHER, Method::GET, false),
        ] {
            let mut trail = trail();
            follow(&mut trail, status, "/elsewhere").expect("allowed");
            assert_eq!(
                (trail.method(), trail.body().is_some()),
                (&method, has_body)
            );
        }
    }
}
