//! What goes over the wire: how often, as whom, with which credentials.

use std::time::Duration;

use civitai_api::select::{FileRequest, Variant};
use civitai_api::{ErrorKind, ModelId, Secret, VersionId};
use civitai_sim::fault::{Knob, Listener, Scope};
use civitai_sim::record::Credential;
use civitai_sim::seed::{LORA, PLAIN};

use crate::canned::{Canned, answer, json};
use crate::site::{anonymous, client_at, client_of, hurried, signed_in, started};

pub(crate) fn lora() -> ModelId {
    ModelId::new(LORA.model.into()).expect("an id")
}

fn file_of_lora() -> FileRequest {
    FileRequest {
        version: VersionId::new(LORA.version(0).into()).expect("an id"),
        file: None,
        variant: Variant::default(),
    }
}

pub(crate) fn status(code: u16, headers: &[(&str, &str)], body: &str) -> Knob {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Knob::Status {
        code,
        headers,
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn a_request_names_the_program_and_asks_once() {
    let (sim, client) = anonymous().await;
    let enums = client.enums().await.expect("enums");
    assert!(enums.model_types.iter().any(|name| name == "Checkpoint"));
    let entries = sim.log().entries();
    assert_eq!(entries.len(), 1);
    assert!(
        entries[0]
            .user_agent
            .as_deref()
            .is_some_and(|agent| agent.starts_with("civitai-dl/"))
    );
    assert_eq!(sim.log().summary().browser_user_agents, 0);
}

#[tokio::test]
async fn the_token_goes_in_a_header_to_the_site_and_never_into_a_url_or_to_storage() {
    let (sim, client) = signed_in(PLAIN).await;
    client.model(lora()).await.expect("a model");
    let signed = client
        .exchange(&file_of_lora())
        .await
        .expect("a signed URL");
    assert_ne!(signed.url.expose().origin(), sim.site_url().origin());
    let entries = sim.log().entries();
    assert_eq!(entries.len(), 2, "the signed URL itself is not asked");
    for entry in entries {
        assert_eq!(
            entry.credentials,
            [Credential::Authorization],
            "{}",
            entry.target
        );
    }
    let summary = sim.log().summary();
    assert_eq!(
        (
            summary.site_url_tokens,
            summary.storage_authorization,
            summary.heads
        ),
        (0, 0, 0)
    );
}

#[tokio::test]
async fn nothing_shown_holds_the_token_or_a_signature() {
    let (sim, client) = signed_in(PLAIN).await;
    let signed = client
        .exchange(&file_of_lora())
        .await
        .expect("a signed URL");
    let echo = format!(r#"{{"error":"no access for token={} here"}}"#, PLAIN.token);
    sim.faults()
        .add(status(403, &[("Content-Type", "application/json")], &echo));
    let error = client.model(lora()).await.expect_err("denied");
    let shown = format!(
        "{client:?} {signed:?} {error:?} {error} {:?} {:?}",
        error.body(),
        error.url()
    );
    assert!(!shown.contains(PLAIN.token), "{shown}");
    let signature = signed
        .url
        .expose()
        .query_pairs()
        .find(|(name, _)| name == "X-Amz-Signature");
    let signature = signature.expect("signed").1.into_owned();
    assert!(!shown.contains(&signature), "{shown}");
}

#[tokio::test]
async fn a_token_for_one_site_is_not_sent_to_another_origin_of_the_same_host() {
    let sim = started().await;
    let other = Canned::start(vec![json(r#"{"id":1}"#)]).await;
    let redirect = status(
        308,
        &[("Location", &format!("{}api/v1/models/1", other.url()))],
        "",
    );
    sim.faults().add(redirect);
    let client = client_of(&sim)
        .token(Secret::new(PLAIN.token.to_owned()))
        .build()
        .expect("a client");
    client.model(lora()).await.expect("a model from elsewhere");
    let seen = other.seen();
    assert_eq!(seen.len(), 1);
    assert!(
        !seen[0].contains("authorization") && !seen[0].contains(PLAIN.token),
        "{}",
        seen[0]
    );
}

#[tokio::test]
async fn passing_failures_are_retried_and_lasting_ones_are_not() {
    for (code, transient) in [
        (500, true),
        (502, true),
        (503, true),
        (408, true),
        (524, true),
        (499, true),
        (403, false),
        (400, false),
        (451, false),
        (501, false),
    ] {
        let (sim, client) = anonymous().await;
        sim.faults()
            .add(status(code, &[], "").within(Scope::site().times(2)));
        let outcome = client.model(lora()).await;
        let requests = sim.log().entries().len();
        assert_eq!(
            (outcome.is_ok(), requests),
            if transient { (true, 3) } else { (false, 1) },
            "{code}"
        );
    }
}

#[tokio::test]
async fn a_budget_that_is_spent_says_how_hard_it_was_tried() {
    let (sim, client) = anonymous().await;
    sim.faults().add(status(
        503,
        &[("Content-Type", "application/json")],
        r#"{"error":"Server busy"}"#,
    ));
    let error = client.model(lora()).await.expect_err("down");
    assert_eq!((error.code(), error.attempts()), ("server", 6));
    assert_eq!(sim.log().entries().len(), 6);
    assert!(
        error
            .to_string()
            .starts_with("the site failed with status 503: Server busy after 6 attempts in "),
        "{error}"
    );
}

#[tokio::test]
async fn a_wait_longer_than_allowed_is_not_begun() {
    let (sim, client) = anonymous().await;
    sim.faults()
        .add(status(429, &[("Retry-After", "3600")], ""));
    let error = client.model(lora()).await.expect_err("limited");
    assert_eq!(error.code(), "rate_limited");
    assert_eq!(error.retry_after(), Some(Duration::from_hours(1)));
    assert_eq!(sim.log().entries().len(), 1);
}

#[tokio::test]
async fn the_wait_that_the_server_asks_for_is_kept() {
    let (sim, client) = anonymous().await;
    sim.faults()
        .add(status(429, &[("Retry-After", "1")], "").within(Scope::site().times(1)));
    client.model(lora()).await.expect("after a wait");
    let kept = sim.log().summary().retry_after;
    assert!(kept.len() == 1 && kept[0].is_kept(), "{kept:?}");
}

#[tokio::test]
async fn another_site_is_asked_once_for_what_the_first_does_not_have() {
    let sim = started().await;
    let client = client_of(&sim)
        .fallback(sim.second_site_url().clone())
        .build()
        .expect("a client");
    sim.faults()
        .add(Knob::HostSplit.within(Scope::on([Listener::Site])));
    client.model(lora()).await.expect("from the second site");
    let asked: Vec<Listener> = sim
        .log()
        .entries()
        .iter()
        .map(|entry| entry.listener)
        .collect();
    assert_eq!(asked, [Listener::Site, Listener::SecondSite]);
}

#[tokio::test]
async fn what_no_site_has_is_not_found_and_each_is_asked_once() {
    let sim = started().await;
    let client = client_of(&sim)
        .fallback(sim.second_site_url().clone())
        .build()
        .expect("a client");
    let error = client
        .model(ModelId::new(999_999).expect("an id"))
        .await
        .expect_err("missing");
    assert_eq!(
        error.to_string(),
        "not found: No model with id 999999 after 2 attempts in 0.0 s"
    );
    assert_eq!(sim.log().entries().len(), 2);
}

#[tokio::test]
async fn an_exchange_tries_once_and_says_whether_to_try_again() {
    let (sim, client) = signed_in(PLAIN).await;
    sim.faults().add(status(503, &[], ""));
    let error = client.exchange(&file_of_lora()).await.expect_err("down");
    assert!(error.is_transient());
    assert_eq!(sim.log().entries().len(), 1);
}

#[tokio::test]
async fn a_site_that_cannot_be_reached_is_a_network_error_with_its_name() {
    let server = Canned::start(vec![answer("200 OK", "", b"")]).await;
    let url = server.url().clone();
    drop(server);
    let client = client_at(&url)
        .retry(hurried().with_retries(1))
        .build()
        .expect("a client");
    let error = client.enums().await.expect_err("nobody listens");
    assert_eq!((error.code(), error.attempts()), ("network", 2));
    assert!(
        error
            .to_string()
            .starts_with("no connection to 127.0.0.1 after 2 attempts"),
        "{error}"
    );
    assert!(std::error::Error::source(&error).is_some());
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let (sim, client) = anonymous().await;
    drop(client);
    sim.faults().add(Knob::Latency {
        duration: Duration::from_mins(1),
    });
    let client = client_of(&sim)
        .retry(hurried().with_retries(0))
        .timeout(Duration::from_millis(50));
    let error = client
        .build()
        .expect("a client")
        .enums()
        .await
        .expect_err("silence");
    assert_eq!(error.code(), "timeout");
    assert!(matches!(error.kind(), ErrorKind::Timeout { .. }) && error.is_transient());
}
