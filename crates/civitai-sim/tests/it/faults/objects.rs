//! Knobs that spoil what the storage holds or how it understands ranges.

use std::io::Read;

use civitai_sim::Sim;
use civitai_sim::fault::{Disposition, Knob, Offset};

use crate::world::{B2, LEN, R2, Raw, bytes_of, fetch, start};

async fn with(knob: Knob, headers: &[(&str, &str)]) -> (Sim, Raw) {
    let sim = start().await;
    sim.faults().add(knob);
    let answer = fetch(&sim.sign(R2).unwrap(), headers).await;
    (sim, answer)
}

#[tokio::test]
async fn corrupt_changes_one_byte_wherever_a_range_covers_it() {
    let (sim, answer) = with(
        Knob::Corrupt {
            offset: Offset::At(500),
            xor: 0x81,
        },
        &[],
    )
    .await;
    let mut expected = bytes_of(&sim, R2);
    expected[500] ^= 0x81;
    assert!(answer.body == expected);
    let part = fetch(&sim.sign(R2).unwrap(), &[("Range", "bytes=500-509")]).await;
    assert!(part.body == expected[500..510]);
    let other = fetch(&sim.sign(R2).unwrap(), &[("Range", "bytes=501-509")]).await;
    assert!(other.body == expected[501..510]);
}

#[tokio::test]
async fn swap_file_and_content_change_serve_other_bytes_of_the_same_length() {
    let (sim, swapped) = with(Knob::SwapFile, &[]).await;
    let truth = bytes_of(&sim, R2);
    assert_eq!(swapped.body.len() as u64, LEN);
    assert!(swapped.body != truth);
    let (_, changed) = with(Knob::ContentChange, &[]).await;
    assert_eq!(changed.body.len() as u64, LEN);
    assert!(changed.body != truth && changed.body != swapped.body);
    sim.faults().clear();
    let original = fetch(&sim.sign(R2).unwrap(), &[]).await;
    assert_ne!(changed.header("etag"), original.header("etag"));
}

#[tokio::test]
async fn etag_change_keeps_the_bytes_and_fails_conditions() {
    let sim = start().await;
    let url = sim.sign(R2).unwrap();
    let etag = fetch(&url, &[]).await.header("etag").unwrap().to_owned();
    sim.faults().add(Knob::EtagChange);
    let changed = fetch(&url, &[]).await;
    assert_ne!(changed.header("etag"), Some(etag.as_str()));
    assert!(changed.body == bytes_of(&sim, R2));
    assert_eq!(fetch(&url, &[("If-Match", &etag)]).await.status(), 412);
    assert_eq!(
        fetch(&url, &[("If-Range", &etag), ("Range", "bytes=1-")])
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn prepend_puts_foreign_bytes_first() {
    let (sim, answer) = with(
        Knob::Prepend {
            text: "<html>".to_owned(),
        },
        &[],
    )
    .await;
    assert!(answer.body.starts_with(b"<html>"));
    assert!(answer.body[6..] == bytes_of(&sim, R2));
    assert_eq!(answer.header("content-length"), Some("100006"));
}

#[tokio::test]
async fn no_range_answers_ranges_with_everything() {
    let (_, answer) = with(Knob::NoRange, &[("Range", "bytes=10-19")]).await;
    assert_eq!((answer.status(), answer.body.len() as u64), (200, LEN));
    assert_eq!(answer.header("accept-ranges"), None);
    assert_eq!(answer.header("content-range"), None);
}

#[tokio::test]
async fn range_off_by_serves_the_neighbours_and_says_so() {
    let (sim, answer) = with(Knob::RangeOffBy { bytes: -3 }, &[("Range", "bytes=10-19")]).await;
    assert_eq!(answer.header("content-range"), Some("bytes 7-16/100000"));
    assert!(answer.body == bytes_of(&sim, R2)[7..17]);
}

#[tokio::test]
async fn range_416_refuses_what_could_be_served() {
    let (sim, answer) = with(Knob::Range416, &[("Range", "bytes=10-19")]).await;
    assert_eq!(
        (answer.status(), answer.header("content-range")),
        (416, Some("bytes */100000"))
    );
    assert_eq!(fetch(&sim.sign(R2).unwrap(), &[]).await.status(), 200);
}

#[tokio::test]
async fn multipart_range_wraps_the_range_in_a_document() {
    let (sim, answer) = with(Knob::MultipartRange, &[("Range", "bytes=10-19")]).await;
    assert_eq!(answer.status(), 206);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("multipart/byteranges; boundary=")
    );
    let length = answer
        .header("content-length")
        .unwrap()
        .parse::<usize>()
        .unwrap();
    assert_eq!(length, answer.body.len());
    assert!(
        answer
            .body
            .windows(10)
            .any(|ten| ten == &bytes_of(&sim, R2)[10..20])
    );
}

#[tokio::test]
async fn gzip_file_compresses_though_identity_was_asked() {
    let (sim, answer) = with(Knob::GzipFile, &[("Accept-Encoding", "identity")]).await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert!(answer.body != bytes_of(&sim, R2));
    let client = reqwest::Client::builder().gzip(true).build().unwrap();
    let decoded = client
        .get(sim.sign(R2).unwrap())
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert!(decoded == bytes_of(&sim, R2));
    let mut reader = &answer.body[..];
    let mut magic = [0; 2];
    reader.read_exact(&mut magic).unwrap();
    assert_eq!(magic, [0x1f, 0x8b]);
}

#[tokio::test]
async fn bad_disposition_names_the_file_badly() {
    for (how, expected) in [
        (Disposition::Missing, None),
        (
            Disposition::Quotes,
            Some(r#"attachment; filename="a \"quoted\"; name=b\\c.safetensors""#),
        ),
        (
            Disposition::Traversal,
            Some(r#"attachment; filename="../../../outside.safetensors""#),
        ),
        (
            Disposition::Utf8,
            Some("attachment; filename*=UTF-8''%E6%B0%B4%E5%BD%A9%20%E2%9C%A8.safetensors"),
        ),
    ] {
        let sim = start().await;
        sim.faults().add(Knob::BadDisposition(how));
        for file in [R2, B2] {
            let answer = fetch(&sim.sign(file).unwrap(), &[]).await;
            assert_eq!(answer.header("content-disposition"), expected);
        }
    }
}
