//! Oddities of single answers, refusals and hosts.

use civitai_api::envelope::ModelSort;
use civitai_api::query::ModelQuery;
use civitai_api::{HashKey, ModelId};
use civitai_sim::fault::{Knob, Scope};
use civitai_sim::seed::{DELETED, LORA, PLAIN, TWIN};
use futures::TryStreamExt;

use super::{file, sha256};
use crate::canned::{Canned, answer, json};
use crate::requests::{lora, status};
use crate::site::{anonymous, client_at, client_of, started};

#[tokio::test]
async fn quirk_11_whatever_shape_a_refusal_has_its_words_are_told() {
    let (_sim, client) = anonymous().await;
    let mut query = ModelQuery::default();
    query.sort = Some(ModelSort::from("Prettiest"));
    let error = client
        .models(&query)
        .try_collect::<Vec<_>>()
        .await
        .expect_err("no such order");
    assert_eq!(error.code(), "usage");
    assert!(
        error
            .to_string()
            .starts_with("the site rejected the request (400): sort: "),
        "{error}"
    );
    query.sort = None;
    query.username = Some("nobody_at_all".to_owned());
    let error = client
        .models(&query)
        .try_collect::<Vec<_>>()
        .await
        .expect_err("no such user");
    assert_eq!(error.to_string(), "not found: User not found");
    assert!(
        error
            .body()
            .is_some_and(|body| body.len() <= 300 && body.contains("User not found"))
    );
}

#[tokio::test]
async fn quirk_17_nulls_and_repetitions_in_a_bulk_answer_are_left_out() {
    let server = Canned::start(vec![json(r#"[null,{"id":5},{"id":5}]"#)]).await;
    let client = client_at(server.url()).build().expect("a client");
    let versions = client
        .versions_by_hash(&["0".repeat(64).parse().expect("a digest")])
        .await
        .expect("versions");
    assert_eq!(versions.len(), 1);
}

#[tokio::test]
async fn quirk_31_without_retry_after_the_own_pauses_are_kept() {
    let (sim, client) = anonymous().await;
    sim.faults()
        .add(status(429, &[], "").within(Scope::site().times(1)));
    sim.faults()
        .add(status(503, &[("Retry-After", "soon")], "").within(Scope::site().attempts(2..=2)));
    client.model(lora()).await.expect("a model");
    assert_eq!(sim.log().entries().len(), 3);
}

#[tokio::test]
async fn quirk_32_too_deep_a_page_is_no_rate_limit() {
    let body = br#"{"error":"You've requested too many pages, please use cursors instead"}"#;
    let server = Canned::start(vec![answer(
        "429 Too Many Requests",
        "Content-Type: application/json\r\n",
        body,
    )])
    .await;
    let client = client_at(server.url()).build().expect("a client");
    let error = client
        .models(&ModelQuery::default())
        .try_collect::<Vec<_>>()
        .await
        .expect_err("too deep");
    assert_eq!(
        (error.code(), error.is_transient(), server.seen().len()),
        ("deep_paging", false, 1)
    );
}

#[tokio::test]
async fn quirk_33_a_digest_of_two_versions_leads_to_the_earlier_and_in_bulk_to_both() {
    let (sim, client) = anonymous().await;
    let twin = sha256(&sim, TWIN.file(0));
    assert_eq!(
        client
            .version_by_hash(&twin)
            .await
            .expect("a version")
            .id
            .get(),
        TWIN.version(0)
    );
    let rows = client
        .version_ids_by_hash(std::slice::from_ref(&twin))
        .await
        .expect("rows");
    assert_eq!(rows.len(), 2, "{rows:?}");
}

#[tokio::test]
async fn quirk_34_an_unknown_digest_costs_one_request_however_often_it_is_asked_for() {
    let (sim, client) = anonymous().await;
    let unknown: HashKey = "0".repeat(64).parse().expect("a digest");
    for client in [client.clone(), client.clone()] {
        let error = client.version_by_hash(&unknown).await.expect_err("unknown");
        assert!(error.is_not_found() && !error.is_transient(), "{error}");
    }
    assert_eq!(sim.log().entries().len(), 1);
    // Failures say nothing about the digest.
    let known = sha256(&sim, LORA.file(0));
    sim.faults()
        .add(status(403, &[], "").within(Scope::site().times(1)));
    client.version_by_hash(&known).await.expect_err("refused");
    client.version_by_hash(&known).await.expect("a version");
}

#[tokio::test]
async fn quirk_40_both_names_of_the_site_get_the_token() {
    let sim = started().await;
    let client = client_of(&sim)
        .fallback(sim.second_site_url().clone())
        .token(civitai_api::Secret::new(PLAIN.token.to_owned()))
        .build()
        .expect("a client");
    client
        .model(ModelId::new(999_999).expect("an id"))
        .await
        .expect_err("nowhere");
    let entries = sim.log().entries();
    assert_eq!(entries.len(), 2);
    assert!(entries.iter().all(|entry| entry.credentials.len() == 1));
}

#[tokio::test]
async fn quirk_41_what_one_host_lost_the_other_has() {
    let sim = started().await;
    let client = client_of(&sim)
        .fallback(sim.second_site_url().clone())
        .token(civitai_api::Secret::new(PLAIN.token.to_owned()))
        .build()
        .expect("a client");
    sim.faults()
        .add(Knob::HostSplit.within(Scope::on([civitai_sim::fault::Listener::Site])));
    client.model(lora()).await.expect("a model");
    client
        .exchange(&file(LORA, None))
        .await
        .expect("a signed URL");
}

#[tokio::test]
async fn quirk_47_a_region_block_is_final() {
    let (sim, client) = anonymous().await;
    let body = r#"{"error":"Access is not available in your region.","code":"REGION_BLOCKED"}"#;
    sim.faults()
        .add(status(451, &[("Content-Type", "application/json")], body));
    let error = client.model(lora()).await.expect_err("blocked");
    assert_eq!(
        (
            error.code(),
            error.is_transient(),
            sim.log().entries().len()
        ),
        ("region_blocked", false, 1)
    );
    assert!(error.to_string().contains("region"), "{error}");
}

#[tokio::test]
async fn quirk_49_what_was_deleted_is_not_found_and_missing_among_others() {
    let (_sim, client) = anonymous().await;
    let deleted = ModelId::new(DELETED.model.into()).expect("an id");
    let error = client.model(deleted).await.expect_err("deleted");
    assert!(error.is_not_found() && !error.is_transient());
    let left = client
        .models_by_id(&[deleted, lora()])
        .await
        .expect("models");
    assert_eq!(
        left.iter().map(|model| model.id).collect::<Vec<_>>(),
        [lora()]
    );
}
