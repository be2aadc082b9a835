//! Knobs that answer something else instead.

use std::time::Duration;

use civitai_sim::Sim;
use civitai_sim::fault::{Knob, Listener, Offset, Scope};
use url::Url;

use crate::world::{R2, fetch, start};

fn model(sim: &Sim) -> Url {
    sim.site_url().join("/api/v1/models/1").unwrap()
}

#[tokio::test]
async fn status_answers_anything_and_the_log_judges_patience() {
    let sim = start().await;
    let headers = vec![
        ("Retry-After".to_owned(), "3600".to_owned()),
        ("Content-Type".to_owned(), "text/plain".to_owned()),
    ];
    let knob = Knob::Status {
        code: 429,
        headers,
        body: "slow down".to_owned(),
    };
    sim.faults().add(knob.within(Scope::site().times(1)));
    let answer = fetch(&model(&sim), &[]).await;
    assert_eq!(
        (answer.status(), answer.text().as_str()),
        (429, "slow down")
    );
    assert_eq!(answer.header("retry-after"), Some("3600"));
    assert_eq!(fetch(&model(&sim), &[]).await.status(), 200);
    let patience = sim.log().summary().retry_after;
    assert_eq!(patience.len(), 1);
    assert_eq!(patience[0].asked, Duration::from_hours(1));
    assert!(!patience[0].is_kept());
}

#[tokio::test]
async fn retry_after_as_a_date_counts_and_garbage_does_not() {
    let sim = start().await;
    sim.clock().freeze();
    sim.clock().set("2026-08-08T08:08:08Z".parse().unwrap());
    for (value, expected) in [("Sat, 08 Aug 2026 08:09:08 GMT", 1), ("soon", 1)] {
        let headers = vec![("Retry-After".to_owned(), value.to_owned())];
        sim.faults().add(
            Knob::Status {
                code: 503,
                headers,
                body: String::new(),
            }
            .within(Scope::site().times(1)),
        );
        fetch(&model(&sim), &[]).await;
        fetch(&model(&sim), &[]).await;
        let patience = sim.log().summary().retry_after;
        assert_eq!(patience.len(), expected, "{value}");
        assert_eq!(patience[0].asked, Duration::from_mins(1));
    }
}

#[tokio::test]
async fn html_instead_is_a_page_with_status_200() {
    let sim = start().await;
    sim.faults().add(Knob::HtmlInstead);
    for url in [model(&sim), sim.sign(R2).unwrap()] {
        let answer = fetch(&url, &[]).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        assert!(answer.text().contains("Just a moment"));
    }
}

#[tokio::test]
async fn redirect_login_sends_programs_to_a_page() {
    let sim = start().await;
    sim.faults()
        .add(Knob::RedirectLogin.within(Scope::default().route("/api/download/*")));
    let answer = fetch(
        &sim.site_url().join("/api/download/models/10").unwrap(),
        &[],
    )
    .await;
    assert_eq!(answer.status(), 307);
    assert!(
        answer
            .header("location")
            .unwrap()
            .starts_with("/login?returnUrl=%2Fapi%2Fdownload")
    );
}

#[tokio::test]
async fn host_split_hides_on_one_origin_what_the_other_serves() {
    let sim = start().await;
    sim.faults()
        .add(Knob::HostSplit.within(Scope::on([Listener::Site])));
    assert_eq!(fetch(&model(&sim), &[]).await.status(), 404);
    let second = sim.second_site_url().join("/api/v1/models/1").unwrap();
    assert_eq!(fetch(&second, &[]).await.status(), 200);
}

#[tokio::test]
async fn reject_parallel_refuses_beyond_the_limit() {
    let sim = start().await;
    let url = sim.sign(R2).unwrap();
    let stall = Knob::StallAt {
        offset: Offset::At(1),
        duration: Duration::from_mins(1),
    };
    sim.faults().add(stall.within(Scope::storage().times(2)));
    sim.faults().add(
        Knob::RejectParallel {
            limit: 2,
            status: 503,
        }
        .within(Scope::storage()),
    );
    let client = reqwest::Client::new();
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(client.get(url.clone()).send().await.unwrap());
    }
    assert_eq!(fetch(&url, &[]).await.status(), 503);
    assert_eq!(sim.log().summary().storage_peak, 3);
    assert!(held.iter().all(|answer| answer.status() == 200));
}
