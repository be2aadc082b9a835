use std::time::Duration;

use url::Url;

use crate::world::{B2, LEN, R2, ask, bytes_of, fetch, start};

#[tokio::test]
async fn both_storages_serve_the_bytes_of_the_file() {
    let sim = start().await;
    for file in [R2, B2] {
        let answer = fetch(&sim.sign(file).unwrap(), &[]).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.header("content-length"), Some("100000"));
        assert_eq!(answer.header("accept-ranges"), Some("bytes"));
        assert_eq!(
            answer.header("content-type"),
            Some("application/octet-stream")
        );
        assert!(answer.body == bytes_of(&sim, file));
    }
    sim.shutdown().await;
}

#[tokio::test]
async fn the_two_differ_in_tags_and_errors() {
    let sim = start().await;
    let r2 = fetch(&sim.sign(R2).unwrap(), &[]).await;
    assert!(
        r2.header("etag")
            .is_some_and(|tag| tag.len() == 34 && tag.starts_with('"'))
    );
    assert_eq!(
        r2.header("content-disposition"),
        Some("attachment; filename=\"water colour.safetensors\"")
    );
    let b2 = fetch(&sim.sign(B2).unwrap(), &[]).await;
    assert_eq!(b2.header("etag"), None);
    assert_eq!(b2.header("x-bz-content-sha1"), Some("none"));
    assert!(
        b2.header("x-bz-file-name")
            .is_some_and(|name| name.starts_with("model/1/oil-101."))
    );

    let refused = fetch(&sim.sign(R2).unwrap(), &[("Authorization", "Bearer x")]).await;
    assert_eq!(refused.status(), 400);
    assert!(
        refused
            .text()
            .contains("<Code>InvalidRequest</Code><Message>Missing x-amz-content-sha256</Message>")
    );
    let refused = fetch(&sim.sign(B2).unwrap(), &[("Authorization", "Bearer x")]).await;
    assert_eq!(refused.status(), 400);
    assert!(refused.text().contains(r#""code":"bad_request""#));
    assert_eq!(sim.log().summary().storage_authorization, 2);
}

#[tokio::test]
async fn signatures_expire_and_bear_no_change() {
    let sim = start().await;
    let (r2, b2) = (sim.sign(R2).unwrap(), sim.sign(B2).unwrap());
    let altered = Url::parse(&r2.as_str().replace("Expires=86400", "Expires=86401")).unwrap();
    let answer = fetch(&altered, &[]).await;
    assert_eq!(answer.status(), 403);
    assert!(
        answer.text().contains("<Code>SignatureDoesNotMatch</Code>"),
        "{}",
        answer.text()
    );
    let altered =
        Url::parse(&b2.as_str().replace("Authorization=3_", "Authorization=3_f")).unwrap();
    let answer = fetch(&altered, &[]).await;
    assert_eq!(answer.status(), 401);
    assert!(
        answer.text().contains(r#""code":"unauthorized""#),
        "{}",
        answer.text()
    );

    sim.clock().advance(Duration::from_secs(86_402));
    assert!(
        fetch(&r2, &[])
            .await
            .text()
            .contains("<Code>ExpiredRequest</Code>")
    );
    assert_eq!(fetch(&r2, &[]).await.status(), 403);
    assert_eq!(fetch(&b2, &[]).await.status(), 401);
    assert_eq!(fetch(&sim.sign(R2).unwrap(), &[]).await.status(), 200);
}

#[tokio::test]
async fn ranges_conditions_and_methods_are_those_of_the_real_ones() {
    let sim = start().await;
    let url = sim.sign(R2).unwrap();
    let whole = bytes_of(&sim, R2);
    let part = fetch(&url, &[("Range", "bytes=1000-1999")]).await;
    assert_eq!(
        (part.status(), part.header("content-range")),
        (206, Some("bytes 1000-1999/100000"))
    );
    assert!(part.body == whole[1000..2000]);
    let beyond = fetch(&url, &[("Range", "bytes=100000-")]).await;
    assert_eq!(
        (beyond.status(), beyond.header("content-range")),
        (416, Some("bytes */100000"))
    );

    let etag = part.header("etag").unwrap().to_owned();
    assert_eq!(fetch(&url, &[("If-Match", &etag)]).await.status(), 200);
    assert_eq!(
        fetch(&url, &[("If-Match", "\"other\"")]).await.status(),
        412
    );
    let fresh = fetch(&url, &[("Range", "bytes=5-"), ("If-Range", &etag)]).await;
    assert_eq!((fresh.status(), fresh.body.len() as u64), (206, LEN - 5));
    let stale = fetch(&url, &[("Range", "bytes=5-"), ("If-Range", "\"other\"")]).await;
    assert_eq!((stale.status(), stale.body.len() as u64), (200, LEN));

    let head = ask("HEAD", &url, &[]).await;
    assert_eq!((head.status(), head.body.len()), (403, 0));
    assert_eq!(sim.log().summary().heads, 1);
}

#[tokio::test]
async fn the_log_knows_what_was_served() {
    let sim = start().await;
    let url = sim.sign(R2).unwrap();
    fetch(
        &url,
        &[("Range", "bytes=0-59999"), ("Accept-Encoding", "identity")],
    )
    .await;
    fetch(
        &url,
        &[
            ("Range", "bytes=50000-"),
            ("Cookie", "a=b"),
            ("User-Agent", "Mozilla/5.0"),
        ],
    )
    .await;
    let summary = sim.log().summary();
    let file = &summary.files[&R2];
    assert_eq!(
        (file.bytes_sent, file.covered_bytes(), file.requests),
        (110_000, LEN, 2)
    );
    assert_eq!(file.ranges, [(0, 60_000), (50_000, LEN)]);
    assert_eq!(summary.storage_accept_encoding[""], 1);
    assert_eq!(summary.storage_accept_encoding["identity"], 1);
    assert_eq!(
        (
            summary.storage_cookies,
            summary.browser_user_agents,
            summary.without_user_agent
        ),
        (1, 1, 1)
    );
    assert_eq!(summary.requests_to("/{object}"), 2);
    let entries = sim.log().entries();
    assert!(
        entries
            .iter()
            .all(|entry| entry.complete && entry.status == 206)
    );
    assert!(
        entries[0].target.ends_with("X-Amz-Signature=***"),
        "{}",
        entries[0].target
    );
}
