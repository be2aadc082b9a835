//! Knobs that spoil how a body is delivered.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use civitai_sim::Sim;
use civitai_sim::fault::{Knob, Offset, Scope};

use crate::world::{R2, Raw, bytes_of, fetch, start};

async fn with(knob: Knob, headers: &[(&str, &str)]) -> (Sim, Raw) {
    let sim = start().await;
    sim.faults().add(knob.within(Scope::storage()));
    let answer = fetch(&sim.sign(R2).unwrap(), headers).await;
    (sim, answer)
}

#[tokio::test]
async fn reset_at_breaks_the_connection_before_the_length_is_reached() {
    let (sim, answer) = with(
        Knob::ResetAt {
            offset: Offset::At(70_000),
        },
        &[],
    )
    .await;
    assert_eq!(
        answer.error.map(|error| error.kind()),
        Some(ErrorKind::ConnectionReset)
    );
    assert!(answer.body.len() <= 70_000);
    assert_eq!(answer.head.lines().next(), Some("HTTP/1.1 200 OK"));
    let entry = &sim.log().entries()[0];
    assert_eq!((entry.bytes_sent, entry.complete), (70_000, false));

    let resumed = fetch(&sim.sign(R2).unwrap(), &[("Range", "bytes=70000-")]).await;
    assert!(resumed.error.is_none(), "whoever resumes there gets on");
    assert_eq!(resumed.body.len(), 30_000);
}

#[tokio::test]
async fn fin_at_closes_cleanly_before_the_length_is_reached() {
    let (sim, answer) = with(
        Knob::FinAt {
            offset: Offset::After(1234),
        },
        &[("Range", "bytes=50000-")],
    )
    .await;
    assert!(answer.error.is_none());
    assert_eq!(answer.header("content-length"), Some("50000"));
    assert!(answer.body == bytes_of(&sim, R2)[50_000..51_234]);
}

#[tokio::test]
async fn random_offsets_follow_from_the_seed() {
    let mut lengths = Vec::new();
    for _ in 0..2 {
        let (sim, first) = with(
            Knob::FinAt {
                offset: Offset::Random,
            },
            &[],
        )
        .await;
        let second = fetch(&sim.sign(R2).unwrap(), &[]).await;
        assert_ne!(first.body.len(), second.body.len());
        lengths.push((first.body.len(), second.body.len()));
    }
    assert_eq!(lengths[0], lengths[1]);
}

#[tokio::test]
async fn stall_at_keeps_silent_for_a_while_and_goes_on() {
    let duration = Duration::from_millis(150);
    let started = Instant::now();
    let (sim, answer) = with(
        Knob::StallAt {
            offset: Offset::At(5),
            duration,
        },
        &[],
    )
    .await;
    assert!(started.elapsed() >= duration);
    assert!(answer.body == bytes_of(&sim, R2));
}

#[tokio::test]
async fn throttle_takes_the_time_that_the_rate_says() {
    let started = Instant::now();
    let (sim, answer) = with(
        Knob::Throttle {
            bytes_per_second: 500_000,
        },
        &[],
    )
    .await;
    assert!(started.elapsed() >= Duration::from_millis(190));
    assert!(answer.body == bytes_of(&sim, R2));
}

#[tokio::test]
async fn latency_and_slow_headers_delay_the_head() {
    for knob in [
        Knob::Latency {
            duration: Duration::from_millis(120),
        },
        Knob::SlowHeaders {
            duration: Duration::from_millis(120),
        },
    ] {
        let started = Instant::now();
        let (sim, answer) = with(knob, &[]).await;
        assert!(started.elapsed() >= Duration::from_millis(120));
        assert_eq!(answer.status(), 200);
        assert!(answer.body == bytes_of(&sim, R2));
    }
}

#[tokio::test]
async fn truncate_shortens_the_body_and_the_head_agrees() {
    let (sim, answer) = with(Knob::Truncate { bytes: 10 }, &[]).await;
    assert_eq!(answer.header("content-length"), Some("99990"));
    assert!(answer.body == bytes_of(&sim, R2)[..99_990]);
}

#[tokio::test]
async fn wrong_length_says_more_or_less_than_comes() {
    for (by, said) in [(10, "100010"), (-10, "99990")] {
        let (sim, answer) = with(Knob::WrongLength { by }, &[]).await;
        assert_eq!(answer.header("content-length"), Some(said));
        assert!(answer.body == bytes_of(&sim, R2));
    }
}

#[tokio::test]
async fn no_length_sends_chunks() {
    let (sim, _) = with(Knob::NoLength, &[]).await;
    let answer = reqwest::get(sim.sign(R2).unwrap()).await.unwrap();
    assert_eq!(answer.content_length(), None);
    assert_eq!(answer.headers()["transfer-encoding"], "chunked");
    assert!(answer.bytes().await.unwrap() == bytes_of(&sim, R2));
}
