//! Servers that lie byte by byte, and redirects that lead astray.

use std::path::PathBuf;
use std::sync::Arc;

use civitai_download::digest::{DigestSet, Digests, Hasher};
use civitai_download::{
    Connections, Error, ErrorKind, Expected, Fetched, Redirects, Target, Transfer, Unproved,
    Warning,
};
use civitai_security::Secret;
use tempfile::TempDir;
use url::Url;

use crate::server::{Request, Server, answer, serve};
use crate::world::{chain, names, quick, run, storage};

/// A folder, and a file of three megabytes that belongs in it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) file: Arc<Vec<u8>>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let file = (0..3_000_000_u32)
            .map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[0])
            .collect();
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            file: Arc::new(file),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("file.bin")
    }

    pub(crate) fn digests(&self) -> Digests {
        let mut hasher = Hasher::new(DigestSet::SHA256);
        hasher.update(&self.file);
        hasher.finish()
    }

    pub(crate) async fn fetch(&self, url: Url) -> Result<Fetched, Error> {
        self.fetch_from(Redirects::new(url)).await
    }

    pub(crate) async fn fetch_from(&self, source: Redirects) -> Result<Fetched, Error> {
        let expected = Expected::default().with_sha256(self.digests().sha256);
        let target = Target::new(self.path(), "file").with_expected(expected);
        let transfer = Transfer::new(storage(), Arc::new(source), target).retry(quick());
        run(transfer.connections(Connections::AtMost(2))).await
    }

    pub(crate) fn assert_whole(&self, result: &Result<Fetched, Error>) {
        if let Err(error) = result {
            panic!("{}", chain(error));
        }
        assert!(
            fs_err::read(self.path()).expect("there") == *self.file,
            "the bytes are wrong"
        );
        assert_eq!(names(self.folder.path()), ["file.bin"]);
    }

    pub(crate) fn assert_nothing(&self) {
        assert_eq!(names(self.folder.path()), Vec::<String>::new());
    }
}

#[tokio::test]
async fn h15_a_body_shorter_than_announced_is_continued_where_it_ended() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, _| {
        let mut bytes = serve(&file, request, "");
        bytes.truncate(bytes.len().min(700_000));
        bytes
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
    let starts: Vec<u64> = server
        .requests()
        .iter()
        .filter_map(|request| Some(request.range()?.0))
        .collect();
    assert!(
        starts.iter().filter(|start| **start == 0).count() == 1,
        "begun again: {starts:?}"
    );
}

#[tokio::test]
async fn h15_a_body_that_always_ends_at_once_is_an_error() {
    let place = Place::new();
    let server = Server::start(|_, _| {
        answer(
            "206 Partial Content\r\nContent-Length: 100\r\nContent-Range: bytes 0-99/100",
            b"",
        )
    })
    .await;
    let error = place.fetch(server.url.clone()).await.expect_err("no bytes");
    assert_eq!(
        (error.code(), error.retries()),
        ("network", 5),
        "{}",
        chain(&error)
    );
    assert!(!chain(&error).contains("s3cr3t"), "{}", chain(&error));
    place.assert_nothing();
}

#[tokio::test]
async fn h16_bytes_beyond_the_announced_length_are_dropped() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, _| {
        let mut bytes = serve(&file, request, "");
        bytes.extend_from_slice(b"and some more that nobody asked for");
        bytes
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
}

#[tokio::test]
async fn h16_a_body_beyond_its_range_is_cut_and_told() {
    for surplus in [&b""[..], b"and some more"] {
        let place = Place::new();
        let file = Arc::clone(&place.file);
        let server = Server::start(move |request, _| {
            let (first, last) = request.range().expect("a range");
            let (first, last) = (first, last.min(file.len() as u64 - 1));
            let at = |offset| usize::try_from(offset).expect("small");
            let body = [&file[at(first)..=at(last)], surplus].concat();
            let head = format!(
                "206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{last}/{}",
                body.len(),
                file.len()
            );
            answer(&head, &body)
        })
        .await;
        let result = place.fetch(server.url.clone()).await;
        place.assert_whole(&result);
        let warnings = result.expect("checked above").warnings;
        assert_eq!(warnings.contains(&Warning::Surplus), !surplus.is_empty());
    }
}

#[tokio::test]
async fn h17_a_range_that_is_not_the_asked_one_is_not_written() {
    type Lie = fn(u64, u64, u64) -> String;
    let lies: [Lie; 4] = [
        |first, last, size| format!("bytes {}-{}/{size}", first + 1, last + 1),
        |first, last, size| format!("chars {first}-{last}/{size}"),
        |first, last, _| format!("bytes {first}-{last}/*"),
        |first, last, _| format!("bytes {first}-{last}/{last}"),
    ];
    for lie in lies {
        let place = Place::new();
        let file = Arc::clone(&place.file);
        let server = Server::start(move |request, _| match request.range() {
            None => serve(&file, request, ""),
            Some((first, last)) => {
                let (size, last) = (file.len() as u64, last.min(file.len() as u64 - 2));
                let body = vec![0xee; usize::try_from(last - first + 1).expect("small")];
                let head = format!("206 Partial Content\r\nContent-Length: {}", body.len());
                answer(
                    &format!("{head}\r\nContent-Range: {}", lie(first, last, size)),
                    &body,
                )
            }
        })
        .await;
        place.assert_whole(&place.fetch(server.url.clone()).await);
        let last = server.requests().pop().expect("a request");
        assert_eq!(
            last.header("range"),
            None,
            "the file was asked for whole in the end"
        );
    }
}

#[tokio::test]
async fn h18_a_whole_body_is_never_appended_to_a_part() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    // Ranges work until the first break, then they are ignored.
    let server = Server::start(move |request, count| {
        if count == 1 {
            let mut bytes = serve(&file, request, "");
            bytes.truncate(900_000);
            return bytes;
        }
        answer(&format!("200 OK\r\nContent-Length: {}", file.len()), &file)
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
}

#[tokio::test]
async fn h18_a_server_that_serves_ranges_only_to_beginners_gets_one_plain_request() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, _| match request.range() {
        Some((0, _)) => {
            let head = format!(
                "206 Partial Content\r\nContent-Length: 1000\r\nContent-Range: bytes 0-999/{}",
                file.len()
            );
            answer(&head, &file[..1000])
        }
        _ => answer(&format!("200 OK\r\nContent-Length: {}", file.len()), &file),
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
    assert!(
        server.requests().len() < 12,
        "{} requests",
        server.requests().len()
    );
}

#[tokio::test]
async fn h19_several_parts_are_refused() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, _| match request.range() {
        None => serve(&file, request, ""),
        Some(_) => answer(
            "206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=x",
            b"--x\r\nContent-Range: bytes 0-1/3000000\r\n\r\nab\r\n--x--\r\n",
        ),
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
}

#[tokio::test]
async fn h20_content_that_changes_is_begun_again() {
    for header in [
        "ETag: \"{}\"",
        "Last-Modified: Wed, 21 Oct 2015 07:28:0{} GMT",
    ] {
        let place = Place::new();
        let file = Arc::clone(&place.file);
        let old = vec![0x11; file.len()];
        let server = Server::start(move |request, count| {
            let state = format!(
                "\r\n{}",
                header.replace("{}", if count == 1 { "1" } else { "2" })
            );
            if count > 1 {
                return serve(&file, request, &state);
            }
            let mut bytes = serve(&old, request, &state);
            bytes.truncate(900_000);
            bytes
        })
        .await;
        place.assert_whole(&place.fetch(server.url.clone()).await);
    }
}

#[tokio::test]
async fn h20_content_that_changes_each_time_is_given_up() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, count| {
        let mut bytes = serve(&file, request, &format!("\r\nETag: \"{count}\""));
        bytes.truncate(900_000);
        bytes
    })
    .await;
    let error = place
        .fetch(server.url.clone())
        .await
        .expect_err("never the same");
    assert!(
        matches!(error.kind(), ErrorKind::Changing { .. }),
        "{}",
        chain(&error)
    );
}

#[tokio::test]
async fn h21_a_weak_tag_neither_continues_nor_restarts_anything() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, count| {
        let mut bytes = serve(&file, request, &format!("\r\nETag: W/\"{count}\""));
        bytes.truncate(bytes.len().min(900_000));
        bytes
    })
    .await;
    place.assert_whole(&place.fetch(server.url.clone()).await);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.header("if-range").is_none())
    );
}

#[tokio::test]
async fn h22_broken_chunks_are_not_success() {
    let chunked = "200 OK\r\nTransfer-Encoding: chunked";
    for body in [
        "5\r\nhello\r\n",
        "5\r\nhel",
        "zz\r\nhello\r\n0\r\n\r\n",
        "10000000000000000\r\nhello\r\n0\r\n\r\n",
    ] {
        let place = Place::new();
        let server = Server::start(move |_, _| answer(chunked, body.as_bytes())).await;
        let target = Target::new(place.path(), "file");
        let source = Arc::new(Redirects::new(server.url.clone()));
        let transfer = Transfer::new(storage(), source, target)
            .retry(quick())
            .unproved(Unproved::Accept);
        let error = run(transfer).await.expect_err("the end is missing");
        assert_eq!(error.code(), "network", "{body:?}: {}", chain(&error));
        assert!(!place.path().exists());
    }
}

#[tokio::test]
async fn h23_a_login_page_is_called_one() {
    let place = Place::new();
    let page = b"<!doctype html><title>Sign in | Civitai</title>";
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/login" => answer("200 OK\r\nContent-Type: text/html; charset=utf-8", page),
        _ => answer(
            "307 Temporary Redirect\r\nLocation: /login\r\nContent-Length: 0",
            b"",
        ),
    })
    .await;
    let error = place.fetch(server.url.clone()).await.expect_err("a page");
    assert_eq!(error.code(), "login_required");
    assert!(
        error.to_string().contains("login page") && error.hint().is_some(),
        "{}",
        chain(&error)
    );
    place.assert_nothing();
}

#[tokio::test]
async fn h24_an_encoded_range_is_refused() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let server = Server::start(move |request, _| {
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        serve(&file, request, "\r\nContent-Encoding: gzip")
    })
    .await;
    let error = place.fetch(server.url.clone()).await.expect_err("encoded");
    assert!(error.to_string().contains("gzip"), "{}", chain(&error));
    place.assert_nothing();
}

#[tokio::test]
async fn h25_an_endless_explanation_is_not_read() {
    let place = Place::new();
    let server = Server::start(|_, _| {
        answer(
            "404 Not Found\r\nContent-Type: text/plain",
            &vec![b'x'; 30_000_000],
        )
    })
    .await;
    let error = place
        .fetch(server.url.clone())
        .await
        .expect_err("not found");
    assert_eq!(error.code(), "not_found");
    assert!(error.to_string().len() < 1000);
}

#[tokio::test]
async fn h01_h03_a_token_stays_with_its_origin() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let file_again = Arc::clone(&place.file);
    let storage = Server::start_on("127.0.0.2", move |request, _| serve(&file, request, "")).await;
    let far = storage.url.clone();
    // a -> a (keeps it) -> b -> a (does not get it back) -> b
    let home = Arc::new(std::sync::Mutex::new(String::new()));
    let back = Arc::clone(&home);
    let middle = Server::start_on("127.0.0.3", move |_, _| {
        let back = back.lock().expect("no panic").clone();
        answer(
            &format!("302 Found\r\nLocation: {back}\r\nContent-Length: 0"),
            b"",
        )
    })
    .await;
    let away = middle.url.clone();
    let origin = Server::start(move |request, _| match request.path.as_str() {
        "/back" => answer(
            &format!("308 Permanent Redirect\r\nLocation: {far}\r\nContent-Length: 0"),
            b"",
        ),
        "/second" => answer(
            &format!("307 Temporary Redirect\r\nLocation: {away}\r\nContent-Length: 0"),
            b"",
        ),
        "/direct" => serve(&file_again, request, ""),
        _ => answer("302 Found\r\nLocation: /second\r\nContent-Length: 0", b""),
    })
    .await;
    *home.lock().expect("no panic") = origin.url.join("/back").expect("a URL").to_string();

    let token = || Secret::new("t0ken".to_owned());
    let origins = [origin.url.origin()];
    let source = Redirects::new(origin.url.clone()).with_credential(token(), &origins);
    place.assert_whole(&place.fetch_from(source).await);
    let shown = |server: &Server| -> Vec<bool> {
        server
            .requests()
            .iter()
            .map(|request| request.header("authorization").is_some())
            .collect()
    };
    assert_eq!(shown(&origin), [true, true, false]);
    assert_eq!(shown(&middle), [false]);
    assert!(shown(&storage).iter().all(|shown| !shown));

    // A token for elsewhere is not sent at all; one for a URL that serves by itself goes with each range.
    fs_err::remove_file(place.path()).expect("removed");
    let direct = origin.url.join("/direct").expect("a URL");
    let source = Redirects::new(direct.clone()).with_credential(token(), &[storage.url.origin()]);
    place.assert_whole(&place.fetch_from(source).await);
    assert!(
        origin
            .requests()
            .iter()
            .skip(3)
            .all(|request| request.header("authorization").is_none())
    );
    let before = origin.requests().len();
    fs_err::remove_file(place.path()).expect("removed");
    place.assert_whole(
        &place
            .fetch_from(Redirects::new(direct).with_credential(token(), &origins))
            .await,
    );
    assert!(
        origin
            .requests()
            .iter()
            .skip(before)
            .all(|request| request.header("authorization") == Some("Bearer t0ken"))
    );
}

#[tokio::test]
async fn h04_h05_redirects_to_special_addresses_are_not_followed() {
    for location in [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "data:text/plain,x",
        "http://10.0.0.1/x",
        "http://169.254.169.254/latest",
        "http://192.168.1.1/x",
        "http://[fc00::1]/x",
        "http://0.0.0.0/x",
        "https://[::ffff:10.0.0.1]/x",
    ] {
        let place = Place::new();
        let server = Server::start(move |_, _| {
            answer(
                &format!("302 Found\r\nLocation: {location}\r\nContent-Length: 0"),
                b"",
            )
        })
        .await;
        let error = place
            .fetch(server.url.clone())
            .await
            .expect_err("not followed");
        assert_eq!(
            error.code(),
            "unsafe_address",
            "{location}: {}",
            chain(&error)
        );
        assert_eq!(server.requests().len(), 1, "{location}");
        place.assert_nothing();
    }
}

#[tokio::test]
async fn h07_redirects_end_after_ten() {
    let place = Place::new();
    let server =
        Server::start(|_, _| answer("302 Found\r\nLocation: /again\r\nContent-Length: 0", b""))
            .await;
    let error = place.fetch(server.url.clone()).await.expect_err("endless");
    assert!(
        matches!(error.kind(), ErrorKind::TooManyRedirects { limit: 10, .. }),
        "{}",
        chain(&error)
    );
    assert_eq!(server.requests().len(), 11);
    let server = Server::start(|_, _| {
        answer(
            &format!(
                "302 Found\r\nLocation: /{}\r\nContent-Length: 0",
                "x".repeat(60_000)
            ),
            b"",
        )
    })
    .await;
    let error = place.fetch(server.url.clone()).await.expect_err("too long");
    assert!(
        matches!(error.kind(), ErrorKind::BadRedirect { .. }),
        "{}",
        chain(&error)
    );
    place.assert_nothing();
}

#[tokio::test]
async fn redirects_are_followed_once_for_all_connections() {
    let place = Place::new();
    let file = Arc::clone(&place.file);
    let storage = Server::start_on("127.0.0.2", move |request, _| serve(&file, request, "")).await;
    let location = storage.url.clone();
    let origin = Server::start(move |_: &Request, _| {
        answer(
            &format!("302 Found\r\nLocation: {location}\r\nContent-Length: 0"),
            b"",
        )
    })
    .await;
    let expected = Expected::default()
        .with_sha256(place.digests().sha256)
        .with_bytes(Some(place.file.len() as u64));
    let target = Target::new(place.path(), "file").with_expected(expected);
    let source = Arc::new(Redirects::new(origin.url.clone()));
    let result =
        run(Transfer::new(crate::world::storage(), source, target)
            .connections(Connections::AtMost(3)))
        .await;
    place.assert_whole(&result);
    assert_eq!((origin.requests().len(), storage.requests().len()), (1, 2));
}

#[tokio::test]
async fn a_source_that_refuses_is_not_asked_again() {
    for (status, code) in [
        ("401 Unauthorized", "login_required"),
        ("403 Forbidden", "no_access"),
        ("410 Gone", "archived"),
    ] {
        let place = Place::new();
        let server =
            Server::start(move |_, _| answer(&format!("{status}\r\nContent-Length: 0"), b"")).await;
        let error = place.fetch(server.url.clone()).await.expect_err("refused");
        assert_eq!(
            (error.code(), server.requests().len()),
            (code, 1),
            "{}",
            chain(&error)
        );
    }
}
