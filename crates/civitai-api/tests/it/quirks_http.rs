//! What is odd about how Civitai answers, each oddity by its number; those of single objects are tested elsewhere.

use std::collections::BTreeSet;

use civitai_api::envelope::ModelSort;
use civitai_api::query::{ImageQuery, ModelQuery, NameQuery, VaultQuery};
use civitai_api::select::{FileRequest, Variant};
use civitai_api::{
    Completeness, Error, ErrorKind, FileId, Gap, HashKey, ImageId, ModelId, ModelType, NsfwLevel,
    Search, VaultItemId, VaultPart, VersionId,
};
use civitai_sim::fault::{Knob, Scope};
use civitai_sim::seed::{
    ARCHIVED, BUYER, CHECKPOINT, Case, DELETED, GENERATION_ONLY, LORA, MATURE, MINOR,
    PERMANENT_GATE, PLAIN, PRIVATE, PROLIFIC, PROLIFIC_MODELS, QUANTS, REVOKED_TOKEN,
    SECOND_STORAGE, TIMED_GATE, TWIN, UNSCANNED,
};
use futures::TryStreamExt;

use crate::canned::{Canned, answer, json};
use crate::listings::ids;
use crate::requests::{lora, status};
use crate::site::{anonymous, client_at, client_of, signed_in, started, with_token};

fn file(case: Case, nth: Option<u32>) -> FileRequest {
    FileRequest {
        version: VersionId::new(case.version(0).into()).expect("an id"),
        file: nth.and_then(|nth| FileId::new(case.file(nth).into())),
        variant: Variant::default(),
    }
}

fn sha256(sim: &civitai_sim::Sim, id: u32) -> HashKey {
    let hashes = sim.state().find_file(id).expect("in the seed").2.hashes();
    let (_, digest) = hashes
        .into_iter()
        .find(|(kind, _)| kind == "SHA256")
        .expect("scanned");
    digest.parse().expect("a digest")
}

/// The exchange's error for a client with this token, or without any.
async fn denied(case: Case, token: Option<&str>) -> Error {
    let sim = started().await;
    let client = match token {
        Some(token) => with_token(&sim, token),
        None => client_of(&sim).build().expect("a client"),
    };
    let error = client
        .exchange(&file(case, None))
        .await
        .expect_err("denied");
    assert_eq!(
        sim.log().entries().len(),
        1,
        "an exchange is asked for once"
    );
    error
}

fn targets(sim: &civitai_sim::Sim) -> Vec<String> {
    sim.log()
        .entries()
        .into_iter()
        .map(|entry| entry.target)
        .collect()
}

#[tokio::test]
async fn quirk_01_models_are_never_asked_for_by_page_number() {
    let (sim, client) = anonymous().await;
    let mut query = ModelQuery::default();
    query.username = Some(PROLIFIC.name.to_owned());
    query.page_size = Some(100);
    assert_eq!(ids(client.models(&query)).await.0.len(), 250);
    let targets = targets(&sim);
    assert_eq!(targets.len(), 3);
    assert!(
        targets.iter().all(|target| !target.contains("page=")),
        "{targets:?}"
    );
    assert!(
        targets[1..].iter().all(|target| target.contains("cursor=")),
        "{targets:?}"
    );
}

#[tokio::test]
async fn quirk_02_what_falls_between_two_pages_is_asked_for_by_id() {
    let (sim, client) = anonymous().await;
    let mut query = ModelQuery::default();
    query.username = Some(PROLIFIC.name.to_owned());
    query.sort = Some(ModelSort::Newest);
    let (found, completeness, requests) = ids(client.models(&query)).await;
    assert_eq!(
        found.iter().copied().collect::<BTreeSet<_>>(),
        PROLIFIC_MODELS.collect()
    );
    assert_eq!(
        (found.len(), completeness, requests),
        (250, Completeness::Complete, 4)
    );
    let last = targets(&sim).pop().expect("requests");
    assert!(
        last.contains("ids=") && last.contains("username=prolific"),
        "{last}"
    );
}

#[tokio::test]
async fn quirk_03_an_empty_page_with_a_cursor_is_not_the_end() {
    let empty = r#"{"items":[],"metadata":{"nextCursor":"50"}}"#;
    let more = r#"{"items":[{"id":1}],"metadata":{}}"#;
    let server = Canned::start(vec![
        json(empty),
        json(&empty.replace("50", "100")),
        json(more),
    ])
    .await;
    let client = client_at(server.url()).build().expect("a client");
    let (found, completeness, requests) = ids(client.models(&ModelQuery::default())).await;
    assert_eq!(
        (found, completeness, requests),
        (vec![1], Completeness::Complete, 3)
    );
}

#[tokio::test]
async fn quirk_04_the_next_page_is_asked_from_the_configured_site_without_its_token() {
    let other = Canned::start(vec![json("{}")]).await;
    let first = format!(
        r#"{{"items":[{{"id":1}}],"metadata":{{"nextCursor":"a|1","nextPage":"{}models?token=x&cursor=a"}}}}"#,
        other.url()
    );
    let server = Canned::start(vec![
        json(&first),
        json(r#"{"items":[{"id":2}],"metadata":{}}"#),
    ])
    .await;
    let client = client_at(server.url()).build().expect("a client");
    assert_eq!(ids(client.models(&ModelQuery::default())).await.0, [1, 2]);
    assert!(other.seen().is_empty());
    assert!(server.seen().iter().all(|head| !head.contains("token")));
}

#[tokio::test]
async fn quirk_05_cursors_and_queries_are_encoded_strictly() {
    let page = r#"{"items":[{"id":1}],"metadata":{"nextCursor":"2025-12-18 09:16:12.062|12345%"}}"#;
    let server = Canned::start(vec![json(page), json(r#"{"items":[],"metadata":{}}"#)]).await;
    let client = client_at(server.url()).build().expect("a client");
    ids(client.search(&Search::default().with_query("100% 水彩"))).await;
    let seen = server.seen();
    assert!(
        seen[0].contains("query=100%25%20%e6%b0%b4%e5%bd%a9"),
        "{}",
        seen[0]
    );
    assert!(
        seen[1].contains("cursor=2025-12-18%2009%3a16%3a12.062%7c12345%25"),
        "{}",
        seen[1]
    );
}

#[tokio::test]
async fn quirk_06_several_types_and_base_models_are_all_listed() {
    let (_sim, client) = anonymous().await;
    let mut search = Search::default();
    search.types = vec![ModelType::TextualInversion, ModelType::Checkpoint];
    search.base_models = vec!["SD 1.5".into(), "Flux.1 D".into()];
    let found: Vec<_> = client.search(&search).try_collect().await.expect("models");
    let kinds: BTreeSet<_> = found
        .iter()
        .filter_map(|model| model.kind.clone())
        .collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
}

#[tokio::test]
async fn quirk_07_flags_that_are_off_are_left_out() {
    let (sim, client) = anonymous().await;
    ids(client.models(&ModelQuery::default()).with_limit(1)).await;
    assert_eq!(targets(&sim), ["/api/v1/models?limit=100"]);
    let mut query = ModelQuery::default();
    query.supports_generation = true;
    query.primary_file_only = true;
    ids(client.models(&query).with_limit(1)).await;
    assert_eq!(
        targets(&sim)[1],
        "/api/v1/models?supportsGeneration=true&primaryFileOnly=true&limit=100"
    );
}

#[tokio::test]
async fn quirk_08_conditions_the_site_refuses_are_applied_here() {
    let (sim, client) = anonymous().await;
    let mut search = Search::default().with_username(PROLIFIC.name);
    search.min_downloads = Some(4);
    search.no_credit = Some(true);
    let (found, completeness, _) = ids(client.search(&search)).await;
    let state = sim.state();
    let expected: BTreeSet<u32> = PROLIFIC_MODELS
        .filter(|id| state.models[id].stats.downloads >= 4 && state.models[id].allow_no_credit)
        .collect();
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(completeness.is_complete());
}

#[tokio::test]
async fn quirk_09_an_unknown_tag_finds_nothing_instead_of_everything() {
    let (sim, client) = anonymous().await;
    let (found, completeness, requests) =
        ids(client.search(&Search::default().with_tag("no such tag"))).await;
    assert_eq!((found, requests), (vec![], 1));
    assert_eq!(completeness, Completeness::Incomplete(Gap::UnknownTag));
    sim.log().clear();
    let (found, completeness, _) =
        ids(client.search(&Search::default().with_tag("Watercolour"))).await;
    assert_eq!(
        (found, completeness),
        (vec![LORA.model], Completeness::Complete)
    );
}

#[tokio::test]
async fn quirk_10_both_readings_of_the_catalogue_are_merged_above_pg() {
    let (_sim, client) = anonymous().await;
    let found = |level| {
        let search = Search::default().with_level(level);
        let listing = client.search(&search);
        async {
            let (found, completeness, _) = ids(listing).await;
            assert_eq!(completeness, Completeness::Complete);
            let distinct: BTreeSet<u32> = found.iter().copied().collect();
            assert_eq!(distinct.len(), found.len());
            distinct
        }
    };
    let pg = found(NsfwLevel::PG).await;
    assert!(pg.contains(&MINOR.model) && !pg.contains(&MATURE.model));
    let r = found(NsfwLevel::R).await;
    assert!(r.contains(&MINOR.model) && !r.contains(&MATURE.model));
    let all = found(NsfwLevel::XXX).await;
    assert!(all.contains(&MINOR.model) && all.contains(&MATURE.model) && all.is_superset(&pg));

    let mut query = ImageQuery::default();
    query.version = VersionId::new(LORA.version(0).into());
    query.levels = Some(NsfwLevel::ALL);
    let images: Vec<_> = client.images(&query).try_collect().await.expect("pictures");
    let levels: BTreeSet<_> = images
        .iter()
        .filter_map(|image| image.browsing_level)
        .collect();
    assert!(
        levels.contains(&NsfwLevel::PG) && levels.contains(&NsfwLevel::R),
        "{levels:?}"
    );
}

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
async fn quirk_35_tags_are_paged_until_a_page_is_short() {
    let (sim, client) = anonymous().await;
    let mut query = NameQuery::default();
    query.page_size = Some(4);
    let tags: Vec<_> = client.tags(&query).try_collect().await.expect("tags");
    let names: BTreeSet<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names.len(), tags.len());
    assert!(tags.len() >= 15, "{names:?}");
    assert_eq!(sim.log().entries().len(), tags.len() / 4 + 1);
}

#[tokio::test]
async fn quirk_36_generation_data_is_asked_for_and_comes_flat_from_both_paths() {
    let (_sim, client) = anonymous().await;
    let mut query = ImageQuery::default();
    query.with_meta = true;
    query.model = ModelId::new(LORA.model.into());
    let legacy: Vec<_> = client.images(&query).try_collect().await.expect("pictures");
    query.version = VersionId::new(LORA.version(0).into());
    let indexed: Vec<_> = client.images(&query).try_collect().await.expect("pictures");
    for images in [legacy, indexed] {
        let metas: Vec<_> = images
            .iter()
            .filter_map(|image| image.meta.as_ref())
            .collect();
        assert!(
            !metas.is_empty() && metas.iter().all(|meta| meta.contains_key("prompt")),
            "{metas:?}"
        );
    }
}

#[tokio::test]
async fn quirk_37_a_version_is_named_where_an_order_is_wanted() {
    let (sim, client) = anonymous().await;
    let mut query = ImageQuery::default();
    query.version = VersionId::new(LORA.version(0).into());
    query.sort = Some("Oldest".into());
    let images: Vec<_> = client.images(&query).try_collect().await.expect("pictures");
    let dates: Vec<_> = images.iter().map(|image| image.created_at).collect();
    assert!(dates.is_sorted() && dates.len() > 1);
    assert!(targets(&sim)[0].contains("modelVersionId="));
}

#[tokio::test]
async fn quirk_38_a_picture_of_any_level_is_found_by_its_id() {
    let (_sim, client) = anonymous().await;
    // Every fifth picture of the gallery is rated R.
    let mature = client
        .image(ImageId::new(50_006).expect("an id"))
        .await
        .expect("an answer")
        .expect("a picture");
    assert_eq!(mature.browsing_level, Some(NsfwLevel::R));
    assert!(
        client
            .image(ImageId::new(999_999).expect("an id"))
            .await
            .expect("an answer")
            .is_none()
    );
}

#[tokio::test]
async fn quirk_39_the_vault_is_filtered_here_and_its_503_is_final() {
    let (sim, client) = signed_in(BUYER).await;
    let mut query = VaultQuery::default();
    query.types = vec![ModelType::Lora];
    client
        .vault_items(&query)
        .try_collect::<Vec<_>>()
        .await
        .expect("no failure");
    assert!(!targets(&sim)[0].contains("types"));
    let body = r#"{"error":"You do not have permission to download this model."}"#;
    sim.faults()
        .add(status(503, &[("Content-Type", "application/json")], body));
    let item = VaultItemId::new(1).expect("an id");
    let error = client
        .exchange_vault(item, VaultPart::Details)
        .await
        .expect_err("forbidden");
    assert_eq!((error.code(), error.is_transient()), ("no_access", false));
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
