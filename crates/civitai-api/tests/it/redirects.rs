//! Where redirects may lead, and what they may take along. No packet leaves loopback.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use civitai_api::{Client, Error, ErrorKind, RedirectProblem, Secret};
use civitai_security::UnsafeAddress;
use url::Url;

use crate::canned::{Canned, json, redirect};
use crate::site::{client_at, hurried};

const TOKEN: &str = "canary-5eed0123456789abcdef";

fn with_token(origin: &Url) -> Client {
    client_at(origin)
        .token(Secret::new(TOKEN.to_owned()))
        .build()
        .expect("a client")
}

async fn refusal(location: &str) -> Error {
    let server = Canned::start(vec![redirect("302 Found", location)]).await;
    let error = with_token(server.url()).me().await.expect_err(location);
    assert_eq!(server.seen().len(), 1, "{location}");
    error
}

#[tokio::test]
async fn the_token_stays_behind_when_host_or_port_changes() {
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let last = Canned::start(vec![json(r#"{"id":1}"#)]).await;
        let other = Canned::start_at(
            Ipv4Addr::new(127, 0, 0, 2),
            vec![redirect(status, last.url().as_str())],
        )
        .await;
        let start = Canned::start(vec![redirect(status, other.url().as_str())]).await;
        with_token(start.url()).me().await.expect("an account");
        assert!(start.seen()[0].contains(TOKEN), "{status}");
        assert!(
            !other.seen()[0].contains(TOKEN) && !other.seen()[0].contains("authorization"),
            "{status}"
        );
        assert!(!last.seen()[0].contains(TOKEN), "{status}");
    }
}

#[tokio::test]
async fn a_way_back_to_the_first_origin_stays_without_the_token() {
    let away = Canned::reserve(Ipv4Addr::new(127, 0, 0, 2)).await;
    let home = Canned::start(vec![
        redirect("307 Temporary Redirect", away.url().as_str()),
        json(r#"{"id":1}"#),
    ])
    .await;
    let away = away.answering(vec![redirect(
        "307 Temporary Redirect",
        home.url().as_str(),
    )]);
    with_token(home.url()).me().await.expect("an account");
    let (heads, between) = (home.seen(), away.seen());
    assert_eq!((heads.len(), between.len()), (2, 1));
    assert!(
        heads[0].contains(TOKEN) && !between[0].contains(TOKEN) && !heads[1].contains(TOKEN),
        "{heads:?}"
    );
}

#[tokio::test]
async fn redirects_on_the_same_origin_keep_the_token() {
    let server = Canned::start(vec![
        redirect("308 Permanent Redirect", "/moved"),
        json(r#"{"id":1}"#),
    ])
    .await;
    with_token(server.url()).me().await.expect("an account");
    assert!(server.seen().iter().all(|head| head.contains(TOKEN)));
}

#[tokio::test]
async fn other_schemes_credentials_and_special_addresses_are_refused_before_a_packet_is_sent() {
    let locations = [
        "file:///etc/passwd",
        "ftp://example.com/x",
        "data:text/plain,x",
        "gopher://example.com/",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://[fc00::1]/",
        "http://0.0.0.0/",
        "http://[::ffff:10.0.0.1]/",
        "http://167772161/",
        "http://0xa.1/",
        "http://user:secret@127.0.0.1/",
    ];
    for location in locations {
        let error = refusal(location).await;
        assert_eq!(error.code(), "unsafe_address", "{location}");
        assert!(
            matches!(error.kind(), ErrorKind::Redirect { .. }),
            "{location}"
        );
        assert!(
            !format!("{error} {error:?}").contains("secret"),
            "{location}"
        );
    }
}

#[tokio::test]
async fn endless_redirects_stop_at_ten() {
    let server = Canned::start(vec![redirect("302 Found", "/again")]).await;
    let error = with_token(server.url()).me().await.expect_err("endless");
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Redirect {
                problem: RedirectProblem::TooMany(10),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(server.seen().len(), 11);
}

#[tokio::test]
async fn a_redirect_too_long_to_be_one_is_an_error() {
    let long = format!("/{}", "a".repeat(2 << 20));
    let server = Canned::start(vec![redirect("302 Found", &long)]).await;
    let client = client_at(server.url())
        .retry(hurried().with_retries(0))
        .build()
        .expect("a client");
    assert_eq!(client.enums().await.expect_err("2 MB").code(), "network");
    let server = Canned::start(vec![redirect("302 Found", &long[..100_000])]).await;
    let error = client_at(server.url())
        .build()
        .expect("a client")
        .enums()
        .await
        .expect_err("100 kB");
    assert!(
        matches!(error.kind(), ErrorKind::HeadersTooLarge { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_name_is_judged_by_the_address_that_is_connected_to() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let client = Client::builder(reqwest::ClientBuilder::new())
        .origin("https://civitai.com".parse().expect("a URL"))
        .retry(hurried())
        .lookup(move |_| {
            counter.fetch_add(1, Ordering::SeqCst);
            async { Ok(vec![([10, 0, 0, 1], 0).into()]) }
        })
        .build()
        .expect("a client");
    let error = client.enums().await.expect_err("a private address");
    assert_eq!(error.code(), "unsafe_address");
    assert!(
        matches!(error.kind(), ErrorKind::UnsafeAddress { host } if &**host == "civitai.com"),
        "{error:?}"
    );
    assert!(!error.is_transient());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// The first answer may be connected to and the second may not: a second lookup for the same connection, by whoever
/// connects, would be refused or go astray.
#[tokio::test]
async fn h06_the_address_that_was_judged_is_the_one_connected_to() {
    let server = Canned::start_at(Ipv4Addr::new(127, 0, 0, 2), vec![json("{}")]).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let port = server.url().port().expect("a port");
    let origin: Url = format!("http://localhost:{port}").parse().expect("a URL");
    let client = client_at(&origin)
        .token(Secret::new(TOKEN.to_owned()))
        .lookup(move |_| {
            let address = match counter.fetch_add(1, Ordering::SeqCst) {
                0 => [127, 0, 0, 2],
                _ => [10, 0, 0, 1],
            };
            async move { Ok(vec![(address, 0).into()]) }
        })
        .build()
        .expect("a client");
    client.enums().await.expect("the judged address answers");
    let error = client.enums().await.expect_err("a private address");
    assert_eq!(error.code(), "unsafe_address", "{error}");
    assert!(
        matches!(UnsafeAddress::find(&error), Some(UnsafeAddress::Special { ip, .. }) if ip.to_string() == "10.0.0.1"),
        "{error:?}"
    );
    assert_eq!((asked.load(Ordering::SeqCst), server.seen().len()), (2, 1));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_from_a_refused_connection() {
    let client = Client::builder(reqwest::ClientBuilder::new())
        .origin("https://civitai.com".parse().expect("a URL"))
        .without_fallback()
        .retry(hurried().with_retries(0))
        .lookup(|_| async { Err(std::io::Error::other("no such name")) })
        .build()
        .expect("a client");
    let error = client.enums().await.expect_err("no such name");
    assert_eq!(error.code(), "network");
    assert!(
        error
            .to_string()
            .starts_with("the name cannot be resolved: civitai.com"),
        "{error}"
    );
}

#[test]
fn origins_that_tokens_must_not_go_to_are_refused() {
    for origin in [
        "http://civitai.com",
        "http://10.0.0.1",
        "https://192.168.0.1",
        "ftp://civitai.com",
    ] {
        let error = client_at(&origin.parse().expect("a URL"))
            .build()
            .expect_err(origin);
        assert_eq!(error.code(), "usage", "{origin}");
    }
    let private: Url = "http://10.0.0.1".parse().expect("a URL");
    assert!(client_at(&private).allow_private_network().build().is_ok());
}
