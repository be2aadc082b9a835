//! Versions by hash.

use civitai_sim::seed;
use serde_json::{Value, json};

use crate::site::Site;

/// A hash of a seeded file, as the site shows it.
fn hash(site: &Site, file: u32, kind: &str) -> String {
    let state = site.sim.state();
    let (_, _, file) = state.find_file(file).unwrap();
    file.hashes()
        .into_iter()
        .find(|(known, _)| known == kind)
        .unwrap()
        .1
}

#[tokio::test]
async fn any_hash_type_of_any_file_finds_its_version_in_any_case() {
    let site = Site::start().await;
    for (file, version) in [
        (seed::LORA.file(0), seed::LORA.version(0)),
        (seed::CHECKPOINT.file(3), seed::CHECKPOINT.version(0)),
        (
            seed::HIDDEN_PRIMARY.file(0),
            seed::HIDDEN_PRIMARY.version(0),
        ),
    ] {
        for kind in ["SHA256", "AutoV2", "AutoV3", "BLAKE3", "CRC32"] {
            let hash = hash(&site, file, kind);
            let found = site
                .get(&format!("model-versions/by-hash/{}", hash.to_lowercase()))
                .await
                .ok();
            assert_eq!(found["id"], version, "{kind} of {file}");
        }
    }
    let hash = hash(&site, seed::LORA.file(0), "SHA256");
    let answer = site.get(&format!("model-versions/by-hash/{hash}")).await;
    assert_eq!(
        answer.header("cache-control"),
        Some("public, s-maxage=3600, stale-while-revalidate=1800")
    );
    let file = &answer.ok()["files"][0];
    assert_eq!(
        (&file["scannedAt"], &file["overrideName"]),
        (&json!("2026-07-01T00:00:00.000Z"), &Value::Null)
    );
    let missing = site.get("model-versions/by-hash/0BADF00D").await;
    assert_eq!(
        (missing.status, missing.json()),
        (404, json!({ "error": "Model not found" }))
    );
    assert!(
        missing
            .header("cache-control")
            .unwrap()
            .contains("s-maxage=3600")
    );
}

#[tokio::test]
async fn of_several_versions_with_one_hash_the_first_published_answers() {
    let site = Site::start().await;
    let hash = hash(&site, seed::LATER_TWIN.file(0), "SHA256");
    let path = format!("model-versions/by-hash/{hash}");
    assert_eq!(site.get(&path).await.ok()["id"], seed::TWIN.version(0));
    site.sim
        .state()
        .version_mut(seed::TWIN.version(0))
        .unwrap()
        .published_at = Some("2026-08-01T00:00:00Z".parse().unwrap());
    assert_eq!(
        site.get(&path).await.ok()["id"],
        seed::LATER_TWIN.version(0)
    );
}

#[tokio::test]
async fn a_wrong_hash_in_the_database_is_the_one_that_is_found() {
    let site = Site::start().await;
    let claimed = hash(&site, seed::WRONG_HASH.file(0), "SHA256");
    let truth = site
        .sim
        .state()
        .find_file(seed::WRONG_HASH.file(0))
        .unwrap()
        .2
        .content
        .digests()
        .sha256
        .clone();
    assert_ne!(claimed, truth);
    assert_eq!(
        site.get(&format!("model-versions/by-hash/{claimed}"))
            .await
            .status,
        200
    );
    assert_eq!(
        site.get(&format!("model-versions/by-hash/{truth}"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn files_of_unpublished_models_and_unscanned_files_are_not_found() {
    let site = Site::start().await;
    let gone = hash(&site, seed::DELETED.file(0), "SHA256");
    assert_eq!(
        site.get(&format!("model-versions/by-hash/{gone}"))
            .await
            .status,
        404
    );
    let unscanned = site
        .sim
        .state()
        .find_file(seed::UNSCANNED.file(0))
        .unwrap()
        .2
        .content
        .digests()
        .sha256
        .clone();
    assert_eq!(
        site.get(&format!("model-versions/by-hash/{unscanned}"))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn bulk_bodies_have_duplicates_nulls_and_urls_on_a_host_called_undefined() {
    let site = Site::start().await;
    let hashes = [
        seed::TWIN.file(0),
        seed::REPLACED.file(2),
        seed::LORA.file(0),
    ]
    .map(|file| hash(&site, file, "SHA256"));
    let mut wanted = json!(hashes);
    wanted.as_array_mut().unwrap().push("F".repeat(64).into());
    let bodies = site.post("model-versions/by-hash", &wanted).await.ok();
    let bodies = bodies.as_array().unwrap();
    let ids: Vec<Option<u64>> = bodies.iter().map(|body| body["id"].as_u64()).collect();
    let expected = [
        Some(seed::LORA.version(0)),
        Some(seed::TWIN.version(0)),
        Some(seed::LATER_TWIN.version(0)),
        None,
    ];
    assert_eq!(ids, expected.map(|id| id.map(u64::from)));
    let url = format!(
        "https://undefined/api/download/models/{}",
        seed::LORA.version(0)
    );
    assert_eq!(
        (
            &bodies[0]["downloadUrl"],
            &bodies[0]["files"][0]["downloadUrl"]
        ),
        (&json!(url), &json!(url))
    );
}

#[tokio::test]
async fn bulk_ids_take_ten_thousand_hashes() {
    let site = Site::start().await;
    let mut wanted: Vec<String> = (0..9_999).map(|n| format!("{n:064X}")).collect();
    wanted.push(hash(&site, seed::LORA.file(0), "SHA256").to_lowercase());
    let rows = site
        .post("model-versions/by-hash/ids", &json!(wanted))
        .await
        .ok();
    assert_eq!(
        rows,
        json!([{
            "modelVersionId": seed::LORA.version(0),
            "modelId": seed::LORA.model,
            "hash": hash(&site, seed::LORA.file(0), "SHA256"),
        }])
    );
    wanted.push("0".repeat(64));
    assert_eq!(
        site.post("model-versions/by-hash/ids", &json!(wanted))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn bulk_requests_must_be_json_lists_of_sha256() {
    let site = Site::start().await;
    for body in [
        json!([]),
        json!({}),
        json!(["ABC"]),
        json!([1]),
        json!(vec!["0".repeat(64); 101]),
    ] {
        let answer = site.post("model-versions/by-hash", &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(
            answer.json()["error"]
                .as_str()
                .unwrap()
                .starts_with("Request must include an array of SHA256 Hashes.")
        );
    }
    assert_eq!(site.get("model-versions/by-hash").await.status, 400);
    for (count, status) in [(10_001, 400), (16_000, 413)] {
        let hashes = json!(vec!["0".repeat(64); count]);
        let answer = site.post("model-versions/by-hash/ids", &hashes).await;
        assert_eq!(answer.status, status, "{count} hashes");
    }
    assert_eq!(
        site.post("model-versions/by-hash", &json!(vec!["0".repeat(64); 100]))
            .await
            .ok(),
        json!([])
    );
}
