//! Oddities of the download route.

use civitai_api::select::{FileRequest, Variant};
use civitai_api::{ErrorKind, FileId, ModelId, VersionId};
use civitai_sim::fault::{Knob, Scope};
use civitai_sim::seed::{
    ARCHIVED, BUYER, CHECKPOINT, DELETED, GENERATION_ONLY, LORA, PERMANENT_GATE, PLAIN, PRIVATE,
    QUANTS, REVOKED_TOKEN, SECOND_STORAGE, TIMED_GATE, UNSCANNED,
};

use super::{denied, file, sha256};
use crate::requests::lora;
use crate::site::{anonymous, client_of, signed_in, started, with_token};

#[tokio::test]
async fn quirk_18_bulk_answers_with_unusable_addresses_lead_to_files_all_the_same() {
    let (sim, client) = anonymous().await;
    let versions = client
        .versions_by_hash(&[sha256(&sim, LORA.file(0))])
        .await
        .expect("versions");
    let version = &versions[0];
    assert!(
        version
            .download_url
            .as_deref()
            .is_some_and(|url| url.contains("undefined"))
    );
    let request = FileRequest::new(version, &version.files[0]);
    let client = with_token(&sim, PLAIN.token);
    let signed = client.exchange(&request).await.expect("a signed URL");
    assert!(
        sim.storage_urls()
            .iter()
            .any(|storage| storage.origin() == signed.url.expose().origin())
    );
}

#[tokio::test]
async fn quirk_19_a_file_whose_listed_address_leads_nowhere_is_had_by_its_id() {
    let (_sim, client) = signed_in(PLAIN).await;
    let version = client
        .version(VersionId::new(QUANTS.version(0).into()).expect("an id"))
        .await
        .expect("a version");
    let wanted = version
        .files
        .iter()
        .find(|file| file.id.get() == QUANTS.file(4))
        .expect("listed");
    let listed = wanted
        .download_url
        .as_deref()
        .and_then(|url| url::Url::parse(url).ok())
        .expect("an address");
    let pairs: Vec<(String, String)> = listed.query_pairs().into_owned().collect();
    let variant = Variant::from_pairs(
        pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let by_variant = FileRequest {
        version: version.id,
        file: None,
        variant,
    };
    assert_eq!(
        client
            .exchange(&by_variant)
            .await
            .expect_err("unresolvable")
            .code(),
        "not_found"
    );
    client
        .exchange(&FileRequest::new(&version, wanted))
        .await
        .expect("a signed URL");
}

#[tokio::test]
async fn quirk_20_the_two_401s_are_told_apart() {
    assert_eq!(
        denied(GENERATION_ONLY, Some(PLAIN.token)).await.code(),
        "downloads_disabled"
    );
    assert_eq!(
        denied(GENERATION_ONLY, None).await.code(),
        "downloads_disabled"
    );
    assert_eq!(denied(LORA, None).await.code(), "login_required");
}

#[tokio::test]
async fn quirk_20_refused_downloads_say_why_and_whether_to_try_again() {
    let timed = denied(TIMED_GATE, Some(PLAIN.token)).await;
    assert!(
        matches!(timed.kind(), ErrorKind::EarlyAccess { until: Some(_) }),
        "{timed:?}"
    );
    assert!(
        timed
            .to_string()
            .starts_with("the version is in early access until 2099-"),
        "{timed}"
    );
    let permanent = denied(PERMANENT_GATE, Some(PLAIN.token)).await;
    assert!(
        matches!(permanent.kind(), ErrorKind::EarlyAccess { until: None }),
        "{permanent:?}"
    );
    let cases = [
        (ARCHIVED, "archived"),
        (PRIVATE, "no_access"),
        (DELETED, "not_found"),
    ];
    for (case, code) in cases {
        let error = denied(case, Some(PLAIN.token)).await;
        assert_eq!(
            (error.code(), error.is_transient()),
            (code, false),
            "{error}"
        );
    }
    assert_eq!(denied(PRIVATE, None).await.code(), "login_required");
    let (_sim, buyer) = signed_in(BUYER).await;
    buyer
        .exchange(&file(TIMED_GATE, None))
        .await
        .expect("bought");
}

#[tokio::test]
async fn quirk_21_a_storage_outage_is_told_from_a_missing_file() {
    let (sim, client) = signed_in(PLAIN).await;
    sim.faults().add(Knob::ResolveFailed { times: 1 });
    let outage = client
        .exchange(&file(LORA, None))
        .await
        .expect_err("no storage");
    assert_eq!(
        (outage.code(), outage.is_transient()),
        ("storage_outage", true)
    );
    client
        .exchange(&file(LORA, None))
        .await
        .expect("back again");
    let foreign = FileRequest {
        file: FileId::new(CHECKPOINT.file(0).into()),
        ..file(LORA, None)
    };
    let missing = client
        .exchange(&foreign)
        .await
        .expect_err("another version's file");
    assert_eq!(
        (missing.code(), missing.is_transient()),
        ("not_found", false)
    );
}

#[tokio::test]
async fn quirk_22_a_token_that_was_sent_in_vain_is_a_bad_one() {
    let error = denied(LORA, Some(REVOKED_TOKEN)).await;
    assert_eq!(error.code(), "bad_token");
    assert!(error.hint().is_some_and(|hint| hint.contains("API key")));
    let sim = started().await;
    assert_eq!(
        with_token(&sim, REVOKED_TOKEN)
            .me()
            .await
            .expect_err("revoked")
            .code(),
        "bad_token"
    );
    let anonymous = client_of(&sim).build().expect("a client");
    let error = anonymous.me().await.expect_err("nobody");
    assert_eq!(
        (error.code(), sim.log().entries().len()),
        ("login_required", 2)
    );
}

#[tokio::test]
async fn quirk_22_a_login_page_instead_of_a_file_asks_for_a_token() {
    let (sim, client) = signed_in(PLAIN).await;
    sim.faults().add(Knob::RedirectLogin.within(Scope::site()));
    let error = client
        .exchange(&file(LORA, None))
        .await
        .expect_err("the login page");
    assert_eq!(error.code(), "bad_token");
    let anonymous = client_of(&sim).build().expect("a client");
    assert_eq!(
        anonymous
            .exchange(&file(LORA, None))
            .await
            .expect_err("the login page")
            .code(),
        "login_required"
    );
}

#[tokio::test]
async fn quirk_23_a_page_instead_of_a_redirect_is_no_signed_url() {
    let (sim, client) = signed_in(PLAIN).await;
    sim.faults().add(Knob::HtmlInstead.within(Scope::site()));
    let error = client
        .exchange(&file(LORA, None))
        .await
        .expect_err("a page");
    assert!(
        matches!(error.kind(), ErrorKind::Page { .. }) && error.is_transient(),
        "{error}"
    );
}

#[tokio::test]
async fn quirk_24_the_site_does_not_take_us_for_a_browser() {
    let (sim, client) = signed_in(PLAIN).await;
    client
        .exchange(&file(LORA, None))
        .await
        .expect("a signed URL");
    let error = denied(LORA, None).await;
    assert!(
        error.body().is_some_and(|body| body.starts_with('{')),
        "JSON, not a redirect to a page"
    );
    assert_eq!(sim.log().summary().browser_user_agents, 0);
}

#[tokio::test]
async fn quirk_25_the_exchange_stops_at_the_redirect_and_takes_no_credentials_along() {
    for case in [LORA, SECOND_STORAGE] {
        let (sim, client) = signed_in(PLAIN).await;
        let signed = client
            .exchange(&file(case, None))
            .await
            .expect("a signed URL");
        let entries = sim.log().entries();
        assert_eq!(entries.len(), 1);
        assert_eq!(
            (entries[0].method.as_str(), entries[0].status),
            ("GET", 307)
        );
        let response = reqwest::get(signed.url.expose().clone())
            .await
            .expect("the storage");
        assert_eq!(response.status().as_u16(), 200, "the URL works verbatim");
        assert_eq!(sim.log().summary().storage_authorization, 0);
    }
}

#[tokio::test]
async fn quirk_26_nothing_is_asked_with_head() {
    let (sim, client) = signed_in(PLAIN).await;
    client.model(lora()).await.expect("a model");
    client
        .exchange(&file(LORA, None))
        .await
        .expect("a signed URL");
    let methods: Vec<String> = sim
        .log()
        .entries()
        .into_iter()
        .map(|entry| entry.method)
        .collect();
    assert_eq!(methods, ["GET", "GET"]);
}

#[tokio::test]
async fn quirk_27_a_signed_url_says_until_when_it_is_good_whatever_the_clocks_show() {
    let (sim, client) = signed_in(PLAIN).await;
    sim.clock()
        .advance(std::time::Duration::from_hours(24 * 365));
    let before = std::time::SystemTime::now();
    let signed = client
        .exchange(&file(LORA, None))
        .await
        .expect("a signed URL");
    let life = signed
        .expires
        .expect("stated")
        .duration_since(before)
        .expect("in the future")
        .as_secs();
    assert!((86_300..=86_500).contains(&life), "{life}");
    let good = signed
        .good_until()
        .duration_since(before)
        .expect("in the future")
        .as_secs();
    assert!((85_700..=85_900).contains(&good), "{good}");
    let unstated = client
        .exchange(&file(SECOND_STORAGE, None))
        .await
        .expect("a signed URL");
    assert_eq!(unstated.expires, None);
}

#[tokio::test]
async fn quirk_28_a_used_up_quota_is_final_for_now() {
    let (sim, client) = signed_in(PLAIN).await;
    sim.faults().add(Knob::QuotaAt { resolves: 1 });
    client
        .exchange(&file(LORA, None))
        .await
        .expect("the last one");
    let error = client
        .exchange(&file(LORA, None))
        .await
        .expect_err("used up");
    assert_eq!(
        (error.code(), error.is_transient(), error.retry_after()),
        ("quota", false, None)
    );
    assert_eq!(sim.log().entries().len(), 2, "it was asked again");
    // The quota is of downloads: whoever pauses these can go on to search.
    client.model(lora()).await.expect("a model");
}

#[tokio::test]
async fn quirk_48_what_was_not_scanned_yet_is_not_found() {
    let (_sim, client) = anonymous().await;
    let model = ModelId::new(UNSCANNED.model.into()).expect("an id");
    assert!(
        client
            .model(model)
            .await
            .expect_err("level 0")
            .is_not_found()
    );
    let version = VersionId::new(UNSCANNED.version(0).into()).expect("an id");
    assert!(
        client
            .version(version)
            .await
            .expect_err("level 0")
            .is_not_found()
    );
}
