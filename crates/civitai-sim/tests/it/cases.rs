//! What a download of each seeded case comes to.

use civitai_sim::seed::{self, Account, BUYER, Case, MODERATOR, OWNER, PICKY, PLAIN};
use serde_json::json;

use crate::site::{Answer, Site, find};

async fn download(site: &Site, account: Account, version: u32, query: &str) -> Answer {
    site.get_as(account, &format!("/api/download/models/{version}{query}"))
        .await
}

/// The signed URL on one of the storages that an answer redirects to.
fn resolved(site: &Site, answer: &Answer) -> String {
    assert_eq!(answer.status, 307, "{}", answer.text);
    let url = answer.header("location").unwrap();
    assert!(
        site.sim
            .storage_urls()
            .iter()
            .any(|storage| url.starts_with(storage.as_str())),
        "{url}"
    );
    url.to_owned()
}

#[tokio::test]
async fn each_case_ends_as_the_seed_says() {
    let site = Site::start().await;
    let outcomes: [(Case, Account, u16); 25] = [
        (seed::LORA, PLAIN, 307),
        (seed::EMBEDDING, PLAIN, 307),
        (seed::TIMED_GATE, PLAIN, 403),
        (seed::TIMED_GATE, BUYER, 307),
        (seed::TIMED_GATE, MODERATOR, 307),
        (seed::PERMANENT_GATE, PLAIN, 403),
        (seed::PERMANENT_GATE, BUYER, 307),
        (seed::EXPIRED_GATE, PLAIN, 307),
        (seed::GENERATION_ONLY, OWNER, 401),
        (seed::ARCHIVED, OWNER, 410),
        (seed::TAKEN_DOWN, PLAIN, 307),
        (seed::MATURE, PLAIN, 307),
        (seed::REAL_PERSON, PLAIN, 404),
        (seed::REAL_PERSON, MODERATOR, 404),
        (seed::REAL_PERSON, OWNER, 307),
        (seed::DELETED, PLAIN, 404),
        (seed::UNPUBLISHED, PLAIN, 404),
        (seed::UNPUBLISHED, MODERATOR, 404),
        (seed::UNPUBLISHED, OWNER, 307),
        (seed::PRIVATE, PLAIN, 403),
        (seed::PRIVATE, OWNER, 307),
        (seed::WRONG_HASH, PLAIN, 307),
        (seed::HUGE, PLAIN, 307),
        (seed::SECOND_STORAGE, PLAIN, 307),
        (seed::UNSEARCHABLE, PLAIN, 307),
    ];
    for (case, account, status) in outcomes {
        let answer = download(&site, account, case.version(0), "").await;
        assert_eq!(
            answer.status, status,
            "{case:?} as {}: {}",
            account.name, answer.text
        );
    }
    let anonymous = site
        .get(&format!("/api/download/models/{}", seed::LORA.version(0)))
        .await;
    assert_eq!(anonymous.status, 401);
    let storage = site.sim.storage_urls()[1].as_str();
    let second = download(&site, PLAIN, seed::SECOND_STORAGE.version(0), "").await;
    assert!(resolved(&site, &second).starts_with(storage));
}

#[tokio::test]
async fn a_listed_url_may_not_resolve_where_the_file_id_does() {
    let site = Site::start().await;
    let file = seed::QUANTS.file(4);
    let listing = site
        .get(&format!("models?ids={}", seed::QUANTS.model))
        .await
        .ok();
    let listed = find(
        &listing["items"][0]["modelVersions"][0]["files"],
        "id",
        file,
    )["downloadUrl"]
        .clone();
    let path = listed
        .as_str()
        .unwrap()
        .strip_prefix(site.sim.site_url().as_str())
        .unwrap();
    let answer = site.get_as(PLAIN, &format!("/{path}")).await;
    assert_eq!(
        (answer.status, answer.json()),
        (404, json!({ "error": "File not found" }))
    );
    let by_id = download(
        &site,
        PLAIN,
        seed::QUANTS.version(0),
        &format!("?fileId={file}"),
    )
    .await;
    assert!(resolved(&site, &by_id).contains("riverbedFlux_v20.safetensors"));
}

#[tokio::test]
async fn the_bare_url_gives_two_accounts_two_files() {
    let site = Site::start().await;
    let mut sizes = Vec::new();
    for account in [PLAIN, PICKY] {
        let answer = download(&site, account, seed::CHECKPOINT.version(0), "").await;
        let bytes = reqwest::get(resolved(&site, &answer))
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        sizes.push(bytes.len());
    }
    assert_eq!(sizes, [6 << 20, 9 << 20]);
}

#[tokio::test]
async fn a_linked_vae_is_had_by_type_and_not_by_its_id() {
    let site = Site::start().await;
    let version = seed::LINKED_VAE.version(0);
    let by_type = download(&site, PLAIN, version, "?type=VAE&format=SafeTensor").await;
    assert!(resolved(&site, &by_type).contains("clearEye_v1.safetensors"));
    let by_id = download(
        &site,
        PLAIN,
        version,
        &format!("?fileId={}", seed::VAE.file(0)),
    )
    .await;
    assert_eq!(by_id.status, 404);
}
