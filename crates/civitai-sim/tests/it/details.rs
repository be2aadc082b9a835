//! One model, one version, one file.

use civitai_sim::seed::{self, BUYER, MODERATOR, OWNER, PLAIN};
use civitai_sim::state::Availability;
use serde_json::{Value, json};

use crate::site::{Site, find, keys};

#[tokio::test]
async fn a_single_model_leaves_out_what_is_null_or_empty() {
    let site = Site::start().await;
    site.sim.state().switches.configured_origin = Some("https://civitai.example".to_owned());
    let model = site.get(&format!("models/{}", seed::LORA.model)).await.ok();
    let version = &model["modelVersions"][0];
    assert_eq!(
        keys(version),
        [
            "id",
            "index",
            "name",
            "baseModel",
            "baseModelType",
            "publishedAt",
            "flags",
            "availability",
            "nsfwLevel",
            "trainedWords",
            "stats",
            "files",
            "images",
            "downloadUrl",
            "status",
            "createdAt",
            "covered"
        ]
    );
    assert_eq!(version["status"], "Published");
    let file = &version["files"][0];
    assert_eq!(file["metadata"], json!({ "format": "SafeTensor" }));
    assert!(file.get("overrideName").is_none() && file["virusScanMessage"].is_null());
    let url = format!(
        "https://civitai.example/api/download/models/{}",
        seed::LORA.version(0)
    );
    assert_eq!(
        version["downloadUrl"], url,
        "the configured host, not the caller's"
    );
    let images = version["images"].as_array().unwrap();
    assert_eq!(images.len(), 6, "all levels");
    assert!(images[0].get("id").is_none());
    assert!(
        images[0]["url"]
            .as_str()
            .unwrap()
            .ends_with("/original=true/10010.jpeg")
    );

    let archived = site
        .get(&format!("models/{}", seed::ARCHIVED.model))
        .await
        .ok();
    assert!(archived["modelVersions"][0].get("files").is_none());
    let bare = site
        .get(&format!("models/{}", seed::TAKEN_DOWN.model))
        .await
        .ok();
    assert!(bare["modelVersions"][0].get("images").is_none());
    assert_eq!(
        site.get(&format!("models/{}", seed::EMPTY.model))
            .await
            .ok()["modelVersions"],
        json!([])
    );
}

#[tokio::test]
async fn single_models_are_hidden_by_state_not_by_level() {
    let site = Site::start().await;
    for (case, status) in [
        (seed::MATURE, 200),
        (seed::MINOR, 200),
        (seed::ARCHIVED, 200),
        (seed::TAKEN_DOWN, 200),
        (seed::UNSEARCHABLE, 200),
        (seed::REAL_PERSON, 404),
        (seed::UNSCANNED, 404),
        (seed::DELETED, 404),
        (seed::UNPUBLISHED, 404),
        (seed::PRIVATE, 404),
    ] {
        assert_eq!(
            site.get(&format!("models/{}", case.model)).await.status,
            status,
            "{case:?}"
        );
    }
    let private = format!("models/{}", seed::PRIVATE.model);
    assert_eq!(
        site.get_as(OWNER, &private).await.status,
        404,
        "a token changes nothing here"
    );
    assert_eq!(
        site.get("models/999999").await.json(),
        json!({ "error": "No model with id 999999" })
    );
}

#[tokio::test]
async fn ids_in_paths_are_positive_and_fit_32_bits() {
    let site = Site::start().await;
    for route in ["models", "model-versions/mini", "articles", "collections"] {
        for id in ["0", "-1", "1.5", "x", "2147483648"] {
            assert_eq!(
                site.get(&format!("{route}/{id}")).await.status,
                400,
                "{route}/{id}"
            );
        }
    }
    let error = site.get("models/x").await.json();
    assert_eq!(
        error["error"],
        "✖ Invalid input: expected number, received NaN\n  → at id"
    );
    assert_eq!(site.get("model-versions/x").await.status, 400);
    for id in ["2147483648", "99999999999999999999"] {
        assert_eq!(site.get(&format!("model-versions/{id}")).await.status, 500);
    }
}

#[tokio::test]
async fn a_single_version_has_exactly_these_members() {
    let site = Site::start().await;
    let version = site
        .get(&format!("model-versions/{}", seed::LORA.version(0)))
        .await
        .ok();
    assert_eq!(
        keys(&version),
        [
            "id",
            "modelId",
            "name",
            "nsfwLevel",
            "createdAt",
            "updatedAt",
            "status",
            "publishedAt",
            "trainedWords",
            "trainingStatus",
            "trainingDetails",
            "baseModel",
            "baseModelType",
            "description",
            "uploadType",
            "usageControl",
            "licensingFee",
            "paidAccess",
            "air",
            "stats",
            "model",
            "files",
            "images",
            "downloadUrl"
        ]
    );
    assert_eq!(version["air"], "urn:air:sdxl:lora:civitai:1001@10010");
    assert_eq!(keys(&version["stats"]), ["downloadCount", "thumbsUpCount"]);
    let file = &version["files"][0];
    assert_eq!(
        file["scannedAt"], "2026-07-01T00:00:00",
        "no zone, no empty fraction"
    );
    assert_eq!(file["primary"], true);
    assert!(file.get("overrideName").is_none());
    assert_eq!(keys(&file["metadata"]), ["format", "size", "fp"]);
    let images = version["images"].as_array().unwrap();
    assert_eq!(images.len(), 6, "all levels");
    assert!(images[0].get("id").is_none() && images[0]["meta"]["prompt"].is_string());
    assert!(
        version["downloadUrl"]
            .as_str()
            .unwrap()
            .starts_with(site.sim.site_url().as_str())
    );
}

#[tokio::test]
async fn a_version_is_shown_whatever_became_of_its_model() {
    let site = Site::start().await;
    let get = async |id: u32| site.get(&format!("model-versions/{id}")).await;
    for case in [
        seed::DELETED,
        seed::UNPUBLISHED,
        seed::REAL_PERSON,
        seed::PRIVATE,
    ] {
        assert_eq!(get(case.version(0)).await.status, 200, "{case:?}");
    }
    assert_eq!(
        get(seed::UNSCANNED.version(0)).await.json(),
        json!({ "error": "Model not found" })
    );
    assert_eq!(
        get(12_345_678).await.json(),
        json!({ "error": "Model not found" })
    );
    let broken = get(seed::NULL_METADATA.version(0)).await;
    assert_eq!(broken.status, 500);
    assert_eq!(
        broken.json(),
        json!({ "error": "Failed to fetch model version details" })
    );
    assert_eq!(
        get(seed::GENERATION_ONLY.version(0)).await.ok()["usageControl"],
        "Generation"
    );
    let archived = get(seed::ARCHIVED.version(0)).await.ok();
    assert_eq!(
        (&archived["files"], &archived["model"]["mode"]),
        (&json!([]), &json!("Archived"))
    );
    assert!(archived.get("downloadUrl").is_none());

    site.sim
        .state()
        .version_mut(seed::LORA.version(0))
        .unwrap()
        .files
        .clear();
    assert_eq!(
        get(seed::LORA.version(0)).await.json(),
        json!({ "error": "Missing model file" })
    );
}

#[tokio::test]
async fn a_version_shows_replaced_files_and_names_them_without_overrides() {
    let site = Site::start().await;
    site.sim
        .state()
        .file_mut(seed::REPLACED.file(1))
        .unwrap()
        .override_name = Some("own.safetensors".to_owned());
    let version = site
        .get(&format!("model-versions/{}", seed::REPLACED.version(0)))
        .await
        .ok();
    let files = version["files"].as_array().unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!(
        find(&version["files"], "id", seed::REPLACED.file(1))["name"],
        "restored.safetensors"
    );
    let model = site
        .get(&format!("models/{}", seed::REPLACED.model))
        .await
        .ok();
    let listed = &model["modelVersions"][0]["files"];
    assert_eq!(
        (listed.as_array().unwrap().len(), &listed[0]["name"]),
        (1, &json!("own.safetensors"))
    );
}

#[tokio::test]
async fn mini_chooses_by_id_whatever_the_visibility() {
    let site = Site::start().await;
    let path = format!("model-versions/mini/{}", seed::HIDDEN_PRIMARY.version(0));
    let mini = site.get(&path).await.ok();
    assert_eq!(
        keys(&mini),
        [
            "air",
            "versionName",
            "modelName",
            "userId",
            "baseModel",
            "availability",
            "publishedAt",
            "size",
            "fileType",
            "fileName",
            "hashes",
            "downloadUrls",
            "format",
            "canGenerate",
            "isFeatured",
            "requireAuth",
            "checkPermission",
            "additionalResourceCharge",
            "minor",
            "sfwOnly",
            "fees",
            "payoutEnabled"
        ]
    );
    assert_eq!(
        mini["fileName"], "secret.safetensors",
        "the stored name of a file that is not public"
    );
    let shown = seed::HIDDEN_PRIMARY.file(1);
    let mini = site.get(&format!("{path}?modelFileId={shown}")).await.ok();
    assert!(
        mini["air"]
            .as_str()
            .unwrap()
            .ends_with(&format!("+{shown}"))
    );
    assert!(
        mini["downloadUrls"][0]
            .as_str()
            .unwrap()
            .ends_with(&format!("?fileId={shown}"))
    );

    let foreign = site.get(&format!("{path}?modelFileId=1")).await;
    assert_eq!(foreign.status, 404);
    let version = seed::HIDDEN_PRIMARY.version(0);
    assert_eq!(
        foreign.json(),
        json!({ "error": format!("Model file 1 not found in version {version}") })
    );
    assert_eq!(site.get(&format!("{path}?epoch=1")).await.status, 400);

    let own = format!("model-versions/mini/{}", seed::UNPUBLISHED.version(0));
    assert_eq!(site.get(&own).await.status, 404);
    assert_eq!(site.get_as(OWNER, &own).await.status, 200);
}

#[tokio::test]
async fn tensor_metadata_is_read_from_the_file_by_those_who_may_have_it() {
    let site = Site::start().await;
    let path = |file: u32| format!("model-files/{file}/tensor-metadata");
    let lora = path(seed::LORA.file(0));
    assert_eq!(site.get(&lora).await.status, 403);
    let answer = site.get_as(PLAIN, &lora).await;
    assert_eq!(
        answer.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    let body = answer.ok();
    assert_eq!(body["format"], "SafeTensor");
    let tensors = body["tensors"].as_array().unwrap();
    assert_eq!(body["tensorCount"], tensors.len());
    let total: u64 = tensors
        .iter()
        .map(|tensor| tensor["sizeBytes"].as_u64().unwrap())
        .sum();
    assert_eq!(body["totalTensorBytes"], total);
    let summary = site
        .get_as(PLAIN, &format!("{lora}?summaryOnly=true"))
        .await
        .ok();
    assert!(summary.get("tensors").is_none());

    for (file, status) in [
        (seed::QUANTS.file(0), 200),
        (seed::EMBEDDING.file(0), 400),
        (seed::SMALL.file(1), 422),
        (seed::ARCHIVED.file(0), 410),
        (seed::GENERATION_ONLY.file(0), 403),
        (seed::TIMED_GATE.file(0), 403),
        (seed::PRIVATE.file(0), 403),
        (seed::HIDDEN_PRIMARY.file(0), 404),
        (seed::DELETED.file(0), 404),
        (1, 404),
    ] {
        assert_eq!(
            site.get_as(PLAIN, &path(file)).await.status,
            status,
            "file {file}"
        );
    }
}

#[tokio::test]
async fn whoever_may_download_a_file_may_read_its_tensors() {
    let site = Site::start().await;
    site.sim
        .state()
        .version_mut(seed::LORA.version(0))
        .unwrap()
        .availability = Availability::Private;
    for (file, account, status) in [
        (seed::TIMED_GATE.file(0), BUYER, 200),
        (seed::TIMED_GATE.file(0), MODERATOR, 200),
        (seed::HIDDEN_PRIMARY.file(0), OWNER, 200),
        (seed::LORA.file(0), PLAIN, 403),
        (seed::LORA.file(0), OWNER, 200),
        (seed::GENERATION_ONLY.file(0), OWNER, 403),
        (seed::UNPUBLISHED.file(0), MODERATOR, 404),
    ] {
        let path = format!("model-files/{file}/tensor-metadata");
        assert_eq!(
            site.get_as(account, &path).await.status,
            status,
            "file {file} as {}",
            account.name
        );
    }
}

#[tokio::test]
async fn permissions_are_about_generation_and_ignore_the_token() {
    let site = Site::start().await;
    let ids = [seed::LORA, seed::TIMED_GATE, seed::PRIVATE]
        .map(|case| case.version(0).to_string())
        .join(",");
    let path =
        format!("permissions/check?entityIds={ids}&entityType=ModelVersion&permission=Generate");
    let expected = json!({ "10010": true, "10050": false, "10170": false });
    assert_eq!(site.get(&path).await.ok(), expected);
    assert_eq!(site.get_as(BUYER, &path).await.ok(), expected);
    assert_eq!(site.get("permissions/check").await.status, 400);
    assert_eq!(
        site.get("permissions/check?entityIds=").await.ok(),
        json!([])
    );
}

#[tokio::test]
async fn enums_list_every_name_and_hide_what_is_hidden() {
    let site = Site::start().await;
    let enums = site.get("enums").await.ok();
    let count = |name: &str| enums[name].as_array().unwrap().len();
    assert_eq!(
        keys(&enums),
        [
            "ModelType",
            "ModelFileType",
            "ActiveBaseModel",
            "BaseModel",
            "BaseModelType"
        ]
    );
    assert_eq!(
        [
            count("ModelType"),
            count("ModelFileType"),
            count("ActiveBaseModel"),
            count("BaseModel")
        ],
        [23, 17, 69, 99]
    );
    let hidden = Value::from("SDXL 0.9");
    assert!(enums["BaseModel"].as_array().unwrap().contains(&hidden));
    assert!(
        !enums["ActiveBaseModel"]
            .as_array()
            .unwrap()
            .contains(&hidden)
    );
}
