//! Heads of answers that are too long, too many, contradictory, or not those of a file.

use std::sync::Arc;

use civitai_download::{ErrorKind, Redirects};
use civitai_security::Secret;

use crate::hostile::Place;
use crate::server::{Server, answer, serve};
use crate::world::chain;

#[tokio::test]
async fn h27_endless_heads_are_not_read() {
    let bombs: Vec<(&str, Vec<u8>)> = vec![
        (
            "a thousand lines",
            [
                b"HTTP/1.1 200 OK\r\n".to_vec(),
                b"X-Line: 1\r\n".repeat(1000),
                b"Content-Length: 0\r\n\r\n".to_vec(),
            ]
            .concat(),
        ),
        (
            "a line of ten megabytes",
            [
                b"HTTP/1.1 200 OK\r\nX-Long: ".to_vec(),
                vec![b'x'; 10_000_000],
                b"\r\n\r\n".to_vec(),
            ]
            .concat(),
        ),
        (
            "no end",
            [b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(50)].concat(),
        ),
        (
            "a reason of ten megabytes",
            [b"HTTP/1.1 200 ".to_vec(), vec![b'x'; 10_000_000]].concat(),
        ),
        ("no HTTP", vec![b'\xff'; 100_000]),
        ("nothing", Vec::new()),
    ];
    for (name, bytes) in bombs {
        let place = Place::new();
        let server = Server::start(move |_, _| bytes.clone()).await;
        let error = place.fetch(server.url.clone()).await.expect_err(name);
        assert_eq!(error.code(), "network", "{name}: {}", chain(&error));
        place.assert_nothing();
    }
}

#[tokio::test]
async fn h27_a_head_beyond_64_kib_is_refused_even_where_it_could_be_read() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, _| {
        let long = format!("\r\nX-Long: {}", "x".repeat(70 << 10));
        serve(&file, request, &long)
    })
    .await;
    let error = place.fetch(server.url.clone()).await.expect_err("too long");
    assert!(
        matches!(error.kind(), ErrorKind::LongHead { bytes, .. } if *bytes > 64 << 10),
        "{}",
        chain(&error)
    );
    assert_eq!((error.code(), server.requests().len()), ("server", 1));
    place.assert_nothing();
}

#[tokio::test]
async fn interim_answers_are_passed_over_however_many() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, _| {
        let early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        [early.repeat(2000), serve(&file, request, "")].concat()
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
}

#[tokio::test]
async fn of_two_ranges_in_one_head_neither_is_believed() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, _| match request.range() {
        None => serve(&file, request, ""),
        Some((first, _)) => {
            let other = format!("\r\nContent-Range: bytes {}-{}/9", first + 1, first + 2);
            serve(&file, request, &other)
        }
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
    let last = server.requests().pop().expect("a request");
    assert_eq!(last.header("range"), None, "ranges were given up");
}

/// Where two lengths contradict each other, or a length and chunks, intermediaries disagree about where a body ends.
#[tokio::test]
async fn contradictory_lengths_never_end_in_wrong_bytes() {
    for extra in [
        "Content-Length: 5",
        "Content-Length: -1",
        "Content-Length: +5",
        "Content-Length: 18446744073709551616",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
    ] {
        let place = Place::new();
        let file = Arc::clone(&place.file);
        let server =
            Server::start(move |request, _| serve(&file, request, &format!("\r\n{extra}"))).await;
        match place.fetch(server.url.clone()).await {
            Ok(fetched) => place.assert_whole(&Ok(fetched)),
            Err(error) => {
                assert_eq!(error.code(), "network", "{extra}: {}", chain(&error));
                assert!(!place.path().exists(), "{extra}");
            }
        }
    }
}

#[tokio::test]
async fn h24_one_encoding_among_several_is_enough() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, _| {
        serve(
            &file,
            request,
            "\r\nContent-Encoding: identity\r\nContent-Encoding: br",
        )
    })
    .await;
    let error = place.fetch(server.url.clone()).await.expect_err("encoded");
    assert!(
        matches!(error.kind(), ErrorKind::NotAFile { .. }),
        "{}",
        chain(&error)
    );
    place.assert_nothing();
}

#[tokio::test]
async fn answers_that_are_no_file_leave_none() {
    for status in [
        "201 Created",
        "202 Accepted",
        "204 No Content",
        "205 Reset Content",
        "226 IM Used",
        "300 Multiple Choices",
        "304 Not Modified",
        "305 Use Proxy",
        "402 Payment Required",
        "407 Proxy Authentication Required",
        "412 Precondition Failed",
        "418 I'm a teapot",
        "421 Misdirected Request",
        "501 Not Implemented",
        "505 HTTP Version Not Supported",
        "511 Network Authentication Required",
        "999 Denied",
    ] {
        let place = Place::new();
        let server =
            Server::start(move |_, _| answer(&format!("{status}\r\nContent-Length: 0"), b"")).await;
        let error = place.fetch(server.url.clone()).await.expect_err(status);
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Server { .. } | ErrorKind::LeaseRefused { .. }
            ),
            "{status}: {}",
            chain(&error)
        );
        place.assert_nothing();
    }
}

#[tokio::test]
async fn h07_a_location_of_two_megabytes_is_an_error() {
    let place = Place::new();
    let server = Server::start(|_, _| {
        let long = "x".repeat(2 << 20);
        answer(
            &format!("302 Found\r\nLocation: /{long}\r\nContent-Length: 0"),
            b"",
        )
    })
    .await;
    let error = place.fetch(server.url.clone()).await.expect_err("too long");
    assert_eq!(error.code(), "network", "{}", chain(&error));
    place.assert_nothing();
}

#[tokio::test]
async fn redirects_without_a_readable_place_are_errors() {
    for location in [
        "\r\nX-None: 1",
        "\r\nLocation: http://",
        "\r\nLocation: http://[",
        "\r\nLocation: http://127.0.0.1:99999/x",
        "\r\nLocation: http://user:pass@127.0.0.1:1/x",
        "\r\nLocation: javascript:alert(1)",
        "\r\nLocation: \\\\10.0.0.1\\x",
        "\r\nLocation: //10.0.0.1/x",
    ] {
        let place = Place::new();
        let head = format!("302 Found{location}\r\nContent-Length: 0");
        let server = Server::start(move |_, _| answer(&head, b"")).await;
        let error = place.fetch(server.url.clone()).await.expect_err(location);
        assert!(
            matches!(
                error.kind(),
                ErrorKind::BadRedirect { .. } | ErrorKind::UnsafeAddress { .. }
            ),
            "{location:?}: {}",
            chain(&error)
        );
        assert!(!chain(&error).contains("pass"), "{}", chain(&error));
        assert_eq!(server.requests().len(), 1, "{location:?}");
        place.assert_nothing();
    }
}

#[tokio::test]
async fn h01_a_redirect_without_a_scheme_to_another_port_leaves_the_token_behind() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let other = Server::start(move |request, _| serve(&file, request, "")).await;
    let port = other.url.port().expect("a port");
    let origin = Server::start(move |_, _| {
        answer(
            &format!(
                "307 Temporary Redirect\r\nLocation: //127.0.0.1:{port}/x\r\nContent-Length: 0"
            ),
            b"",
        )
    })
    .await;
    let token = Secret::new("t0ken".to_owned());
    let source = Redirects::new(origin.url.clone())
        .with_credential(token, &[origin.url.origin(), other.url.origin()]);
    place.assert_whole(&place.fetch_from(source).await);
    let shown = |server: &Server| {
        let requests = server.requests();
        requests
            .iter()
            .filter(|request| request.header("authorization").is_some())
            .count()
    };
    assert_eq!((shown(&origin), shown(&other)), (1, 0));
}
