//! Bodies that no honest site sends, and headers without end.

use civitai_api::query::ModelQuery;
use civitai_api::{Error, ErrorKind, Malformed, Page};
use futures::TryStreamExt;

use crate::canned::{Canned, answer, json};
use crate::site::{client_at, hurried};

async fn error_for(response: Vec<u8>) -> Error {
    let server = Canned::start(vec![response]).await;
    let client = client_at(server.url())
        .retry(hurried().with_retries(0))
        .build()
        .expect("a client");
    client.enums().await.expect_err("not an answer")
}

#[tokio::test]
async fn json_beyond_reason_is_refused_with_its_place() {
    let deep = error_for(json(&"[".repeat(100_000))).await;
    assert!(
        matches!(
            deep.kind(),
            ErrorKind::Malformed(Malformed::TooDeep { offset: 128 })
        ),
        "{deep}"
    );
    let many = error_for(json(&format!("[{}0]", "0,".repeat(10_000_000)))).await;
    assert!(
        matches!(many.kind(), ErrorKind::Malformed(Malformed::TooMany { .. })),
        "{many}"
    );
    let mut bad = json(r#"{"a":"?"}"#);
    let place = bad.iter().position(|byte| *byte == b'?').expect("there");
    bad[place] = 0xff;
    let bad = error_for(bad).await;
    assert_eq!(
        bad.to_string(),
        "the site's answer cannot be read: it is not UTF-8 at byte 6"
    );
    let cut = error_for(json(r#"{"ModelType":["Check"#)).await;
    assert!(
        matches!(
            cut.kind(),
            ErrorKind::Malformed(Malformed::Truncated { length: 20 })
        ),
        "{cut}"
    );
    assert!(cut.is_transient() && cut.code() == "server");
    let shape = error_for(json("[1]")).await;
    assert_eq!(
        shape.to_string(),
        "the site's answer cannot be read: it is not the enumerations"
    );
}

#[tokio::test]
async fn the_worst_body_that_is_let_through_fits_into_memory() {
    // As many objects as the count allows, in a list that is read as a page of models.
    let items = r#"{"id":1},"#.repeat(390_000);
    let server = Canned::start(vec![json(&format!(
        r#"{{"items":[{items}null],"metadata":{{}}}}"#
    ))])
    .await;
    let client = client_at(server.url()).build().expect("a client");
    let found: Vec<_> = client
        .models(&ModelQuery::default())
        .try_collect()
        .await
        .expect("a page");
    assert_eq!(found.len(), 1);
    let status = fs_err::read_to_string("/proc/self/status").expect("Linux");
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .expect("a peak");
    let peak_kib: u64 = peak
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number");
    assert!(peak_kib < 512 << 10, "{peak_kib} KiB");
}

#[tokio::test]
async fn a_body_is_bounded_as_declared_as_sent_and_as_unpacked() {
    let declared = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{";
    let error = error_for(declared.to_vec()).await;
    assert!(
        matches!(
            error.kind(),
            ErrorKind::TooLarge {
                limit_bytes: 67_108_864
            }
        ),
        "{error}"
    );
    let bomb = answer(
        "200 OK",
        "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
        &gzip_of_blanks(70 << 20),
    );
    let error = error_for(bomb).await;
    assert!(
        matches!(error.kind(), ErrorKind::TooLarge { .. }),
        "{error}"
    );
}

/// Returns the beginning of a gzip stream that unpacks to this many blanks, at 13 bits for each 258 of them.
fn gzip_of_blanks(bytes: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut pending, mut filled) = (0_u32, 0);
    let mut put = |bits: u32, width: u32| {
        pending |= bits << filled;
        filled += width;
        while filled >= 8 {
            out.push(pending.to_le_bytes()[0]);
            pending >>= 8;
            filled -= 8;
        }
    };
    // The last block, with the fixed code; a blank; then "258 times what was 1 before". Codes go in bit-reversed.
    put(0b011, 3);
    put(0b0000_1010, 8);
    for _ in 0..bytes / 258 {
        put(0b1010_0011, 8);
        put(0, 5);
    }
    put(0, 7);
    put(0, 8);
    out
}

#[tokio::test]
async fn headers_are_bounded_in_number_and_size() {
    let lines = "X: 1\r\n".repeat(1000);
    assert_eq!(
        error_for(answer("200 OK", &lines, b"{}")).await.code(),
        "network"
    );
    let line = format!("X-Long: {}\r\n", "a".repeat(10 << 20));
    assert_eq!(
        error_for(answer("200 OK", &line, b"{}")).await.code(),
        "network"
    );
    let line = format!("X-Long: {}\r\n", "a".repeat(70_000));
    let error = error_for(answer("200 OK", &line, b"{}")).await;
    assert!(
        matches!(
            error.kind(),
            ErrorKind::HeadersTooLarge {
                limit_bytes: 65_536
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_web_page_is_never_taken_for_data() {
    let html = "Content-Type: text/html; charset=utf-8\r\n";
    let cases: [(&str, &[u8], Page, &str); 4] = [
        (
            "200 OK",
            b"<html><title>Just a moment...</title>",
            Page::Challenge,
            "server",
        ),
        (
            "503 Service Unavailable",
            b"<p>We're adjusting a few things, be back in a few minutes",
            Page::Maintenance,
            "server",
        ),
        (
            "200 OK",
            b"<title>Login</title>",
            Page::Login,
            "login_required",
        ),
        (
            "403 Forbidden",
            b"<title>Attention Required! | Cloudflare</title>",
            Page::Challenge,
            "server",
        ),
    ];
    for (status, body, page, code) in cases {
        let error = error_for(answer(status, html, body)).await;
        assert!(
            matches!(error.kind(), ErrorKind::Page { page: found, .. } if *found == page),
            "{error}"
        );
        assert_eq!(error.code(), code, "{error}");
        assert!(error.hint().is_some());
    }
    let missing = error_for(answer("404 Not Found", html, b"<!DOCTYPE html>404")).await;
    assert_eq!(missing.code(), "not_found");
    let plain = error_for(answer("200 OK", "Content-Type: text/plain\r\n", b"ok")).await;
    assert_eq!(
        plain.to_string(),
        "the site answered with text/plain instead of JSON (status 200)"
    );
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_network_error() {
    let error = error_for(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
            .to_vec(),
    )
    .await;
    assert_eq!(error.code(), "network");
    assert!(error.is_transient());
    assert!(
        error
            .to_string()
            .starts_with("the connection broke to 127.0.0.1"),
        "{error}"
    );
    let empty = error_for(answer("499 ", "", b"")).await;
    assert!(
        matches!(
            empty.kind(),
            ErrorKind::Server {
                status: 499,
                message: None
            }
        ) && empty.is_transient()
    );
}
