//! What `https` protects stays protected: over a real TLS server, on one port with a plain one.

use civitai_api::select::{FileRequest, Variant};
use civitai_api::{Client, ErrorKind, RedirectProblem, Secret, VersionId};
use civitai_security::UnsafeAddress;

use crate::canned::{json, redirect};
use crate::dual::{Dual, Seen};
use crate::site::hurried;

const REDIRECTS: [&str; 5] = [
    "301 Moved Permanently",
    "302 Found",
    "303 See Other",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
];

fn client(server: &Dual, scheme: &str) -> civitai_api::Builder {
    Client::builder(server.trusting())
        .origin(server.url(scheme, "/"))
        .retry(hurried().with_retries(0))
        .token(Secret::new("canary-5eed0123456789abcdef".to_owned()))
}

/// Sends whoever asks for anything but `/moved` to `/moved` under the other scheme.
async fn crossing(status: &'static str) -> Dual {
    Dual::start(move |seen: &Seen| {
        if seen.head.starts_with("GET /moved ") {
            json(r#"{"id":1}"#)
        } else {
            redirect(status, &seen.other_scheme("/moved"))
        }
    })
    .await
}

#[tokio::test]
async fn h02_https_never_leads_to_http_not_even_to_a_trusted_origin() {
    for status in REDIRECTS {
        let server = crossing(status).await;
        for trusted in [false, true] {
            let mut builder = client(&server, "https");
            if trusted {
                builder = builder.fallback(server.url("http", "/"));
            }
            let client = builder.build().expect("a client");
            let error = client.me().await.expect_err("a downgrade");
            assert_eq!(error.code(), "unsafe_address", "{status}: {error}");
            let ErrorKind::Redirect { problem, .. } = error.kind() else {
                panic!("{status}: {error:?}")
            };
            assert_eq!(*problem, RedirectProblem::Unsafe, "{status}");
            assert!(
                matches!(
                    UnsafeAddress::find(&error),
                    Some(UnsafeAddress::Downgrade { .. })
                ),
                "{error:?}"
            );
        }
        let seen = server.seen();
        assert_eq!(server.schemes(), ["https", "https"], "{status}");
        assert!(seen.iter().all(Seen::has_authorization), "{seen:?}");
    }
}

#[tokio::test]
async fn h02_an_exchange_over_https_gives_no_cleartext_address() {
    let server = crossing("307 Temporary Redirect").await;
    let request = FileRequest {
        version: VersionId::new(1).expect("an id"),
        file: None,
        variant: Variant::default(),
    };
    let client = client(&server, "https").build().expect("a client");
    let error = client.exchange(&request).await.expect_err("a downgrade");
    assert_eq!(error.code(), "unsafe_address", "{error}");
    assert_eq!(server.schemes(), ["https"]);
}

#[tokio::test]
async fn h02_the_token_stays_behind_when_only_the_scheme_changes() {
    for status in REDIRECTS {
        let server = crossing(status).await;
        let client = client(&server, "http").build().expect("a client");
        client.me().await.expect("an account");
        let seen = server.seen();
        assert_eq!(server.schemes(), ["http", "https"], "{status}");
        assert!(
            seen[0].has_authorization() && !seen[1].has_authorization(),
            "{status}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn a_redirect_within_one_https_origin_keeps_the_token() {
    let server = Dual::start(|seen: &Seen| {
        if seen.head.starts_with("GET /moved ") {
            json(r#"{"id":1}"#)
        } else {
            redirect("308 Permanent Redirect", "/moved")
        }
    })
    .await;
    let client = client(&server, "https").build().expect("a client");
    client.me().await.expect("an account");
    let seen = server.seen();
    assert_eq!(server.schemes(), ["https", "https"]);
    assert!(seen.iter().all(Seen::has_authorization), "{seen:?}");
}

#[tokio::test]
async fn a_server_that_no_trusted_authority_vouches_for_is_told_nothing() {
    let (server, other) = (
        crossing("302 Found").await,
        Dual::start(|_| Vec::new()).await,
    );
    let client = Client::builder(other.trusting())
        .origin(server.url("https", "/"))
        .retry(hurried().with_retries(0))
        .build()
        .expect("a client");
    let error = client.enums().await.expect_err("an unknown authority");
    assert_eq!(error.code(), "network", "{error}");
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Network {
                failure: civitai_reliability::Failure::Tls,
                ..
            }
        ),
        "{error:?}"
    );
    assert!(server.seen().is_empty());
}
