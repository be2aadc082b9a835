//! Where the requests of a transfer may go: over which scheme, and to which address of a name.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use civitai_download::{
    Connections, Error, ErrorKind, Expected, Fetched, Redirects, Storage, Target, Transfer,
};
use civitai_security::address::Resolver;
use civitai_security::{AllowPrivate, Policy, Secret, UnsafeAddress};
use url::Url;

use crate::dual::{Dual, Seen};
use crate::hostile::Place;
use crate::server::{Request, Server, answer, serve};
use crate::world::{chain, quick, run};

async fn fetch(place: &Place, storage: Storage, source: Redirects) -> Result<Fetched, Error> {
    let expected = Expected::default().with_sha256(place.digests().sha256);
    let target = Target::new(place.path(), "file").with_expected(expected);
    let transfer = Transfer::new(storage, Arc::new(source), target).retry(quick());
    run(transfer.connections(Connections::AtMost(2))).await
}

fn policy(origin: &str) -> Policy {
    let origin = Url::parse(origin).expect("a URL");
    Policy::for_origin(&origin, AllowPrivate::No).expect("its own origin")
}

/// Gives the file at `/file`, and sends whoever asks for anything else there under the other scheme.
async fn crossing(place: &Place, status: &'static str) -> Dual {
    let file = Arc::clone(&place.file);
    Dual::start(move |seen: &Seen| {
        if seen.head.starts_with("GET /file ") {
            serve(&file, &Request::new(seen.head.clone()), "")
        } else {
            let location = seen.other_scheme("/file");
            answer(
                &format!("{status}\r\nLocation: {location}\r\nContent-Length: 0"),
                b"",
            )
        }
    })
    .await
}

fn with_token(url: Url) -> Redirects {
    let origins = [url.origin()];
    Redirects::new(url).with_credential(Secret::new("t0ken".to_owned()), &origins)
}

const REDIRECTS: [&str; 3] = [
    "302 Found",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
];

#[tokio::test]
async fn h02_https_never_leads_to_http() {
    for status in REDIRECTS {
        let place = Place::new();
        let server = crossing(&place, status).await;
        let storage = Storage::new(server.trusting(), policy("http://127.0.0.1/")).expect("TLS");
        let source = with_token(server.url("https", "/start"));
        let error = fetch(&place, storage, source)
            .await
            .expect_err("a downgrade");
        assert_eq!(error.code(), "unsafe_address", "{}", chain(&error));
        assert!(
            matches!(
                error.kind(),
                ErrorKind::UnsafeAddress {
                    source: UnsafeAddress::Downgrade { .. },
                    ..
                }
            ),
            "{status}: {}",
            chain(&error)
        );
        assert_eq!(server.schemes(), ["https"], "{status}");
        place.assert_nothing();
    }
}

#[tokio::test]
async fn h02_the_token_stays_behind_when_only_the_scheme_changes() {
    for status in REDIRECTS {
        let place = Place::new();
        let server = crossing(&place, status).await;
        let storage = Storage::new(server.trusting(), policy("http://127.0.0.1/")).expect("TLS");
        let source = with_token(server.url("http", "/start"));
        place.assert_whole(&fetch(&place, storage, source).await);
        let seen = server.seen();
        assert!(
            seen.iter()
                .all(|seen| seen.has_authorization() == (seen.scheme == "http")),
            "{status}: {seen:?}"
        );
        assert!(
            server.schemes().starts_with(&["http", "https"]),
            "{status}: {seen:?}"
        );
    }
}

#[tokio::test]
async fn a_file_comes_over_https_with_the_token_of_its_origin() {
    let place = Place::new();
    let server = crossing(&place, REDIRECTS[0]).await;
    let storage = Storage::new(server.trusting(), policy("https://127.0.0.1/")).expect("TLS");
    let source = with_token(server.url("https", "/file"));
    place.assert_whole(&fetch(&place, storage, source).await);
    let seen = server.seen();
    assert!(
        seen.iter()
            .all(|seen| seen.scheme == "https" && seen.has_authorization()),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_storage_that_no_trusted_authority_vouches_for_gives_nothing() {
    let place = Place::new();
    let (server, other) = (
        crossing(&place, REDIRECTS[0]).await,
        Dual::start(|_| Vec::new()).await,
    );
    let storage = Storage::new(other.trusting(), policy("https://127.0.0.1/")).expect("TLS");
    let error = fetch(&place, storage, with_token(server.url("https", "/file")))
        .await
        .expect_err("an unknown authority");
    assert_eq!(error.code(), "network", "{}", chain(&error));
    assert!(server.seen().is_empty());
    place.assert_nothing();
}

/// The first answer may be connected to and the second may not: a second lookup for the same connection, by whoever
/// connects, would be refused or go astray.
#[tokio::test]
async fn h06_the_address_that_was_judged_is_the_one_connected_to() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start_on("127.0.0.2", move |request, _| {
        let mut bytes = serve(&file, request, "");
        bytes.truncate(bytes.len().min(900_000));
        bytes
    })
    .await;
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let policy = policy("http://127.0.0.1/");
    let resolver = Resolver::with_lookup(policy.clone(), move |_| {
        let nth = count.fetch_add(1, Ordering::SeqCst);
        let address = if nth == 0 {
            [127, 0, 0, 2]
        } else {
            [10, 0, 0, 1]
        };
        async move { Ok(vec![SocketAddr::from((address, 0))]) }
    });
    let storage = Storage::with_resolver(reqwest::Client::builder().no_proxy(), policy, resolver)
        .expect("a client");
    let port = server.url.port().expect("a port");
    let url = Url::parse(&format!("http://rebound.example:{port}/x")).expect("a URL");
    let error = fetch(&place, storage, Redirects::new(url))
        .await
        .expect_err("the name moved to a private network");
    let ErrorKind::UnsafeAddress {
        source: UnsafeAddress::Special { host, ip, .. },
        ..
    } = error.kind()
    else {
        panic!("{}", chain(&error))
    };
    assert_eq!(
        (&**host, ip.to_string().as_str()),
        ("rebound.example", "10.0.0.1")
    );
    // One connection for the first answer, none for any other.
    assert_eq!(server.requests().len(), 1);
    assert!(asked.load(Ordering::SeqCst) >= 2);
    assert!(!place.path().exists());
}

#[tokio::test]
async fn h05_h06_a_public_origin_never_leads_home() {
    let asked = Arc::new(AtomicUsize::new(0));
    let server = Server::start(|_, _| answer("200 OK", b"secret")).await;
    let port = server.url.port().expect("a port");
    let policy = Policy::for_origin(
        &Url::parse("https://civitai.com").expect("a URL"),
        AllowPrivate::No,
    )
    .expect("public");
    let count = Arc::clone(&asked);
    let resolver = Resolver::with_lookup(policy.clone(), move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async move { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]) }
    });
    let storage = Storage::with_resolver(reqwest::Client::builder().no_proxy(), policy, resolver)
        .expect("a client");
    for url in [
        format!("https://rebound.example:{port}/x"),
        format!("https://127.0.0.1:{port}/x"),
        format!("https://2130706433:{port}/x"),
        format!("https://0x7f.1:{port}/x"),
    ] {
        let place = Place::new();
        let source = Redirects::new(Url::parse(&url).expect("a URL"));
        let error = fetch(&place, storage.clone(), source)
            .await
            .expect_err("private");
        assert!(
            matches!(
                error.kind(),
                ErrorKind::UnsafeAddress {
                    source: UnsafeAddress::Special { .. },
                    ..
                }
            ),
            "{url}: {}",
            chain(&error)
        );
        place.assert_nothing();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(server.requests().len(), 0, "a packet was sent");
}
