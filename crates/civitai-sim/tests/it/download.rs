//! The decision table of the download route, row by row, for programs and for browsers.

use std::time::Duration;

use civitai_sim::fault::Knob;
use civitai_sim::state::{
    Availability, File, Mode, PaidAccess, Status, UsageControl, Version, Visibility,
};
use civitai_sim::{Sim, State, seed};
use url::Url;

use crate::world::{R2, Raw, TOKEN, ask, bytes_of, fetch, start};

const OWNER: &str = "Bearer 11111111111111111111111111111111";
const BROWSER: (&str, &str) = ("User-Agent", "Mozilla/5.0 (X11)");

/// Asks for version 10 as the plain user.
async fn plain(sim: &Sim, query: &str) -> Raw {
    fetch(
        &url(sim, query),
        &[
            ("Authorization", &format!("Bearer {TOKEN}")),
            ("User-Agent", "test/1"),
        ],
    )
    .await
}

async fn anonymous(sim: &Sim, query: &str) -> Raw {
    fetch(&url(sim, query), &[("User-Agent", "test/1")]).await
}

async fn browser(sim: &Sim, query: &str) -> Raw {
    fetch(
        &url(sim, query),
        &[("Authorization", &format!("Bearer {TOKEN}")), BROWSER],
    )
    .await
}

async fn owner(sim: &Sim, query: &str) -> Raw {
    fetch(&url(sim, query), &[("Authorization", OWNER)]).await
}

fn url(sim: &Sim, query: &str) -> Url {
    sim.site_url()
        .join(&format!("/api/download/models/10{query}"))
        .unwrap()
}

fn edit(sim: &Sim, change: impl FnOnce(&mut State)) {
    change(&mut sim.state());
}

fn version(sim: &Sim, change: impl FnOnce(&mut Version)) {
    edit(sim, |state| change(state.version_mut(10).unwrap()));
}

fn assert_refused(answer: &Raw, status: u16, body: &str) {
    assert_eq!((answer.status(), answer.text().as_str()), (status, body));
    assert_eq!(answer.header("cache-control"), Some("no-store, max-age=0"));
}

#[tokio::test]
async fn row_1_the_blocked_are_forbidden() {
    let sim = start().await;
    edit(&sim, |state| state.switches.blocked_users.push(2));
    assert_refused(&plain(&sim, "").await, 403, r#"{"error":"Forbidden"}"#);
    assert_refused(&browser(&sim, "").await, 403, "Forbidden");
}

#[tokio::test]
async fn row_2_the_quota_is_counted_over_a_day() {
    let sim = start().await;
    edit(&sim, |state| state.switches.download_quota = Some(1));
    assert_eq!(plain(&sim, "").await.status(), 307);
    let refused = plain(&sim, "").await;
    assert_eq!(
        (refused.status(), refused.header("retry-after")),
        (429, None)
    );
    assert!(
        refused
            .text()
            .starts_with(r#"{"error":"We've noticed an unusual amount of downloading"#)
    );
    sim.clock().advance(Duration::from_secs(86_401));
    assert_eq!(plain(&sim, "").await.status(), 307);
}

#[tokio::test]
async fn row_3_a_bad_query_is_named_as_json_even_for_browsers() {
    let sim = start().await;
    let expected =
        r#"{"error":"✖ Invalid option: expected one of \"full\"|\"pruned\"\n  → at size"}"#;
    assert_refused(&plain(&sim, "?size=huge").await, 400, expected);
    assert_refused(&browser(&sim, "?size=huge").await, 400, expected);
}

#[tokio::test]
async fn row_4_what_is_missing_is_not_found() {
    let sim = start().await;
    let missing = sim.site_url().join("/api/download/models/999").unwrap();
    assert_refused(
        &fetch(&missing, &[]).await,
        404,
        r#"{"error":"File not found"}"#,
    );
    assert_refused(&fetch(&missing, &[BROWSER]).await, 404, "File not found");
    edit(&sim, |state| state.model_mut(1).unwrap().poi = true);
    assert_eq!(plain(&sim, "").await.status(), 404);
    assert_eq!(owner(&sim, "").await.status(), 307);
}

#[tokio::test]
async fn row_5_an_archived_model_is_gone_even_for_its_owner() {
    let sim = start().await;
    edit(&sim, |state| {
        let model = state.model_mut(1).unwrap();
        model.mode = Some(Mode::Archived);
        model.status = Status::Deleted;
    });
    let expected = r#"{"error":"Model archived, not available for download"}"#;
    assert_refused(&plain(&sim, "").await, 410, expected);
    assert_refused(&owner(&sim, "").await, 410, expected);
}

#[tokio::test]
async fn row_6_only_the_owner_gets_what_is_not_published_and_nobody_what_is_deleted() {
    let sim = start().await;
    version(&sim, |version| version.status = Status::Draft);
    assert_eq!(plain(&sim, "").await.status(), 404);
    assert_eq!(owner(&sim, "").await.status(), 307);
    edit(&sim, |state| {
        state.model_mut(1).unwrap().status = Status::Deleted;
    });
    assert_eq!(owner(&sim, "").await.status(), 404);
}

#[tokio::test]
async fn row_7_disabled_downloads_are_401_with_any_token() {
    let sim = start().await;
    version(&sim, |version| {
        version.usage_control = UsageControl::Generation;
    });
    let expected = r#"{"error":"Unauthorized","message":"The creator of this asset has disabled downloads on this file"}"#;
    assert_refused(&owner(&sim, "").await, 401, expected);
    assert_refused(&browser(&sim, "").await, 401, expected);
}

#[tokio::test]
async fn row_8_without_a_session_programs_get_401_and_browsers_a_login_page() {
    let sim = start().await;
    let expected = r#"{"error":"Unauthorized","message":"The creator of this asset requires you to be logged in to download it"}"#;
    assert_refused(&anonymous(&sim, "").await, 401, expected);
    let login = fetch(&url(&sim, ""), &[BROWSER]).await;
    let location = "/login?returnUrl=%2Fmodel-versions%2F10&reason=download-auth";
    assert_eq!(
        (login.status(), login.header("location")),
        (307, Some(location))
    );
    assert_eq!(
        fetch(&sim.site_url().join(location).unwrap(), &[])
            .await
            .status(),
        200
    );

    edit(&sim, |state| state.switches.anonymous_downloads = true);
    assert_eq!(anonymous(&sim, "").await.status(), 307);
    version(&sim, |version| version.require_auth = true);
    assert_eq!(anonymous(&sim, "").await.status(), 401);
}

#[tokio::test]
async fn row_9_a_gate_names_its_end_unless_it_has_none() {
    let sim = start().await;
    let end = "2099-01-02T03:04:05Z".parse().unwrap();
    version(&sim, |version| {
        version.paid_access = Some(PaidAccess::until(end));
    });
    let expected = r#"{"error":"Early Access","deadline":"2099-01-02T03:04:05.000Z","message":"This asset is in Early Access. You can use Buzz access it now!"}"#;
    assert_refused(&plain(&sim, "").await, 403, expected);
    let page = browser(&sim, "").await;
    assert_eq!(
        (page.status(), page.header("location")),
        (307, Some("/model-versions/10"))
    );
    version(&sim, |version| {
        version.paid_access = Some(PaidAccess::permanent());
    });
    let expected = r#"{"error":"Early Access","message":"This asset is in Early Access. You can use Buzz access it now!"}"#;
    assert_refused(&plain(&sim, "").await, 403, expected);
    assert_eq!(owner(&sim, "").await.status(), 307);
    edit(&sim, |state| {
        state.user_mut(2).unwrap().purchases.insert(10);
    });
    assert_eq!(plain(&sim, "").await.status(), 307);
}

#[tokio::test]
async fn row_10_the_private_is_refused_to_those_it_knows() {
    let sim = start().await;
    edit(&sim, |state| state.switches.anonymous_downloads = true);
    version(&sim, |version| version.availability = Availability::Private);
    assert_refused(
        &plain(&sim, "").await,
        403,
        r#"{"error":"You do not have access to download this file"}"#,
    );
    assert_eq!(anonymous(&sim, "").await.status(), 401);
    assert_eq!(owner(&sim, "").await.status(), 307);
}

#[tokio::test]
async fn row_11_foreign_and_hidden_files_are_not_found() {
    let sim = start().await;
    assert_eq!(plain(&sim, "?fileId=101").await.status(), 404);
    assert_eq!(plain(&sim, "?type=Config").await.status(), 404);
    let hidden = File::new(102, "hidden.safetensors", 10).with_visibility(Visibility::Private);
    version(&sim, |version| version.files.push(hidden));
    assert_eq!(plain(&sim, "?fileId=102").await.status(), 404);
    assert_eq!(owner(&sim, "?fileId=102").await.status(), 307);
}

#[tokio::test]
async fn row_12_a_failing_resolver_is_a_404_that_must_not_be_stored() {
    let sim = start().await;
    sim.faults().add(Knob::ResolveFailed { times: 2 });
    for _ in 0..2 {
        let answer = plain(&sim, "").await;
        assert_eq!(
            (answer.status(), answer.header("cache-control")),
            (404, Some("private, no-store"))
        );
        assert_eq!(answer.text(), r#"{"error":"File not found"}"#);
    }
    assert_eq!(plain(&sim, "").await.status(), 307);
}

#[tokio::test]
async fn row_13_a_wish_that_the_chosen_file_contradicts_is_not_found() {
    let sim = start().await;
    version(&sim, |version| {
        version.files[0] = version.files[0]
            .clone()
            .with_metadata("SafeTensor", "pruned", "fp16");
    });
    assert_refused(
        &plain(&sim, "?fp=int8").await,
        404,
        r#"{"error":"File not found"}"#,
    );
    assert_eq!(plain(&sim, "?fp=int8&fileId=100").await.status(), 307);
}

#[tokio::test]
async fn row_15_success_redirects_with_nothing_but_the_url_as_its_body() {
    let sim = start().await;
    let answer = plain(&sim, "").await;
    assert_eq!(answer.status(), 307);
    let location = answer.header("location").unwrap().to_owned();
    assert_eq!(answer.header("content-type"), None);
    assert_eq!(answer.header("content-length"), None);
    assert_eq!(answer.header("transfer-encoding"), Some("chunked"));
    assert_eq!(
        answer.text(),
        format!("{:x}\r\n{location}\r\n0\r\n\r\n", location.len())
    );
    assert_eq!(answer.header("cache-control"), Some("no-store, max-age=0"));
    let location = Url::parse(&location).unwrap();
    assert_eq!(location.port(), sim.storage_urls()[0].port());
    assert!(fetch(&location, &[]).await.body == bytes_of(&sim, R2));

    let summary = sim.log().summary();
    assert_eq!(summary.files[&R2].resolves, 1);
    assert_eq!(summary.requests["GET /api/download/models/{id}"], 1);
}

#[tokio::test]
async fn tokens_in_the_query_work_and_are_noticed() {
    let sim = start().await;
    assert_eq!(
        anonymous(&sim, &format!("?token={TOKEN}")).await.status(),
        307
    );
    assert_eq!(sim.log().summary().site_url_tokens, 1);
    assert!(
        sim.log()
            .entries()
            .iter()
            .all(|entry| !entry.target.contains(TOKEN))
    );
}

#[tokio::test]
async fn head_runs_the_whole_route() {
    let sim = start().await;
    let answer = ask(
        "HEAD",
        &url(&sim, ""),
        &[("Authorization", &format!("Bearer {TOKEN}"))],
    )
    .await;
    assert_eq!((answer.status(), answer.body.len()), (307, 0));
    assert_eq!(sim.log().summary().files[&R2].resolves, 1);
}

#[tokio::test]
async fn mistyped_paths_look_like_a_login_problem() {
    let sim = start().await;
    let wrong = sim.site_url().join("/api/download/model/10").unwrap();
    let answer = fetch(&wrong, &[]).await;
    assert_eq!(answer.status(), 307);
    assert!(answer.header("location").unwrap().starts_with("/login"));
    let answer = fetch(&wrong, &[("Content-Type", "application/json")]).await;
    assert_eq!(answer.status(), 401);
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(
        fetch(&wrong, &[("Authorization", &bearer)]).await.status(),
        404
    );
    let alias = sim
        .site_url()
        .join("/api/download/training-data/10")
        .unwrap();
    let answer = fetch(&alias, &[]).await;
    assert_eq!(
        answer.header("location"),
        Some("/api/download/models/10?type=Training%20Data")
    );
    assert_eq!(answer.status(), 308);
}

#[tokio::test]
async fn attachments_are_for_accounts_and_answer_by_content_type() {
    let sim = Sim::builder().start().await.unwrap();
    let ask = async |account: Option<&str>, id: u32, kind: &str| {
        let bearer = format!("Bearer {}", account.unwrap_or_default());
        let path = format!("/api/download/attachments/{id}");
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", kind)];
        fetch(&sim.site_url().join(&path).unwrap(), &headers).await
    };
    let (plain, owner) = (Some(seed::PLAIN.token), Some(seed::OWNER.token));
    for (account, id, text, json) in [
        (None, seed::ATTACHMENT, 307, 401),
        (plain, seed::ATTACHMENT, 307, 307),
        (plain, seed::PRIVATE_ATTACHMENT, 403, 403),
        (owner, seed::PRIVATE_ATTACHMENT, 307, 307),
        (owner, 9, 404, 404),
    ] {
        let answer = ask(account, id, "text/plain").await;
        assert_eq!(answer.status(), text, "{id}");
        let answer = ask(account, id, "application/json").await;
        assert_eq!(answer.status(), json, "{id}");
    }
    let refusal = ask(plain, seed::PRIVATE_ATTACHMENT, "text/plain").await;
    assert_refused(&refusal, 403, "Forbidden");
    let answer = ask(plain, seed::ATTACHMENT, "").await;
    let target = Url::parse(answer.header("location").unwrap()).unwrap();
    assert_eq!(fetch(&target, &[]).await.body.len(), 20_000);
}

#[tokio::test]
async fn training_epochs_are_streamed_to_their_owner_only() {
    let sim = start().await;
    let epoch = sim
        .site_url()
        .join("/api/download/training/10?epochNumber=3")
        .unwrap();
    assert_eq!(fetch(&epoch, &[]).await.status(), 401);
    let bearer = format!("Bearer {TOKEN}");
    assert_eq!(
        fetch(&epoch, &[("Authorization", &bearer)]).await.status(),
        403
    );
    let answer = fetch(&epoch, &[("Authorization", OWNER), ("Range", "bytes=0-1")]).await;
    assert_eq!(
        (answer.status(), answer.header("transfer-encoding")),
        (200, Some("chunked"))
    );
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"Watercolour_epoch_3.safetensors\"")
    );
}
