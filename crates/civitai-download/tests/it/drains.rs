//! Servers that would keep a transfer busy for ever, fill the disk, or leave it with bytes that are good for nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use civitai_download::{
    Connections, Error, ErrorKind, Expected, Fetched, How, Redirects, Target, Transfer,
};

use crate::hostile::Place;
use crate::server::{Server, answer, serve};
use crate::world::{chain, names, quick, run, storage};

/// A fetch of which the length is promised, too.
async fn fetch_promised(place: &Place, server: &Server, bytes: u64) -> Result<Fetched, Error> {
    let expected = Expected::default()
        .with_sha256(place.digests().sha256)
        .with_bytes(Some(bytes));
    let target = Target::new(place.path(), "file").with_expected(expected);
    let source = Arc::new(Redirects::new(server.url.clone()));
    let transfer = Transfer::new(storage(), source, target).retry(quick());
    run(transfer.connections(Connections::AtMost(2))).await
}

fn whole(file: &[u8]) -> Vec<u8> {
    answer(&format!("200 OK\r\nContent-Length: {}", file.len()), file)
}

#[tokio::test]
async fn a_server_that_gives_a_byte_at_a_time_is_asked_for_all_at_once() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, _| match request.range() {
        None => whole(&file),
        Some((first, _)) => {
            let at = usize::try_from(first).expect("small");
            let range = format!("Content-Range: bytes {first}-{first}/{}", file.len());
            answer(
                &format!("206 Partial Content\r\nContent-Length: 1\r\n{range}"),
                &file[at..=at],
            )
        }
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
    let requests = server.requests().len();
    assert!(requests < 100, "{requests} requests");
}

#[tokio::test]
async fn ranges_that_are_ignored_now_and_then_are_given_up_for_good() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    // Each range brings enough to count as progress, and the next request throws it away.
    let server = Server::start(move |request, count| match request.range() {
        Some(_) if count % 2 == 1 => {
            let mut bytes = serve(&file, request, "");
            bytes.truncate(90_000 * count);
            bytes
        }
        _ => whole(&file),
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
    let requests = server.requests();
    assert!(requests.len() < 12, "{} requests", requests.len());
}

#[tokio::test]
async fn a_file_beyond_every_promise_is_not_begun() {
    let claims = [
        "200 OK\r\nContent-Length: 1125899906842624",
        "206 Partial Content\r\nContent-Length: 1000\r\nContent-Range: bytes 0-999/1125899906842624",
        "206 Partial Content\r\nContent-Length: 1000\r\nContent-Range: bytes 0-999/18446744073709551615",
    ];
    for claim in claims {
        let place = Place::new();
        let server = Server::start(move |_, _| answer(claim, &[0; 1000])).await;
        let error = fetch_promised(&place, &server, 3_000_000)
            .await
            .expect_err("a petabyte");
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Excess {
                    promised: 3_000_000,
                    ..
                }
            ),
            "{claim}: {}",
            chain(&error)
        );
        // The same length again is the answer.
        assert_eq!((error.code(), server.requests().len()), ("server", 2));
        place.assert_nothing();
    }
}

#[tokio::test]
async fn a_length_that_lies_once_is_asked_for_again() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, count| {
        if count == 1 {
            answer("200 OK\r\nContent-Length: 1125899906842624", &[0; 1000])
        } else {
            serve(&file, request, "")
        }
    })
    .await;
    place.assert_whole(&fetch_promised(&place, &server, 3_000_000).await);
}

#[tokio::test]
async fn a_whole_that_ends_before_the_promised_length_is_fetched_anew() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |_, count| {
        if count == 1 {
            whole(&file[..1_000_000])
        } else {
            whole(&file)
        }
    })
    .await;
    place.assert_whole(&fetch_promised(&place, &server, 3_000_000).await);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_whole_that_is_always_too_short_goes_to_quarantine_after_the_second_time() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |_, _| whole(&file[..1_000_000])).await;
    let error = fetch_promised(&place, &server, 3_000_000)
        .await
        .expect_err("a third of it");
    assert_eq!(
        (error.code(), server.requests().len()),
        ("integrity", 2),
        "{}",
        chain(&error)
    );
    assert_eq!(names(place.folder.path()), [".quarantine"]);
}

#[tokio::test]
async fn wrong_bytes_of_an_earlier_run_are_fetched_anew() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let honest = Arc::new(AtomicBool::new(false));
    let reformed = Arc::clone(&honest);
    let wrong = vec![0xee; file.len()];
    let server = Server::start(move |request, count| {
        if reformed.load(Ordering::SeqCst) {
            return serve(&file, request, "");
        }
        let mut bytes = serve(&wrong, request, "");
        bytes.truncate(if count == 1 { 2_000_000 } else { 0 });
        bytes
    })
    .await;
    let error = fetch_promised(&place, &server, 3_000_000)
        .await
        .expect_err("it breaks off");
    assert_eq!(error.code(), "network", "{}", chain(&error));
    honest.store(true, Ordering::SeqCst);
    let result = fetch_promised(&place, &server, 3_000_000).await;
    place.assert_whole(&result);
    assert_eq!(result.expect("checked above").how, How::Resumed);
}

#[tokio::test]
async fn a_length_below_what_has_come_begins_the_file_again() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, count| match count {
        // No length, more than a mebibyte of it, then an end that is none.
        1 => {
            let mut body = b"16e360\r\n".to_vec();
            body.extend_from_slice(&file[..1_500_000]);
            body.extend_from_slice(b"\r\nzz\r\n");
            answer("200 OK\r\nTransfer-Encoding: chunked", &body)
        }
        2 => answer(
            "206 Partial Content\r\nContent-Length: 1000\r\nContent-Range: bytes 0-999/1000",
            &file[..1000],
        ),
        _ => serve(&file, request, ""),
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
}
