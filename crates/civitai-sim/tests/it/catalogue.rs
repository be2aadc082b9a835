//! `GET /models`.

use civitai_sim::seed::{self, BUYER, OWNER, PLAIN, PROLIFIC};
use civitai_sim::state::CommercialUseForm;
use serde_json::{Value, json};

use crate::site::{Site, find, keys};

/// The listed model of this id.
async fn listed(site: &Site, id: u32) -> Value {
    let body = site
        .get(&format!("models?ids={id}&archived=true"))
        .await
        .ok();
    find(&body["items"], "id", id).clone()
}

#[tokio::test]
async fn parameters_are_judged_as_strictly_as_the_site_judges_them() {
    let site = Site::start().await;
    for (query, status) in [
        ("limit=100", 200),
        ("limit=101", 400),
        ("limit=abc", 400),
        ("limit=-1", 400),
        ("limit=1&limit=2", 400),
        ("sort=Newest", 200),
        ("sort=newest", 400),
        ("period=Week", 200),
        ("period=week", 400),
        ("types=LORA&types=Checkpoint", 200),
        ("types=LORA,Checkpoint", 400),
        ("types=lora", 400),
        ("types[]=nonsense", 200),
        ("checkpointType=Merge", 200),
        ("checkpointType=Standard", 400),
        ("baseModels=Nobody%20Has%20This", 200),
        ("nsfw=enabled", 200),
        ("nsfw=maybe", 400),
        ("primaryFileOnly=2", 400),
        ("newCreators=yes", 200),
        ("supportsGeneration=anything", 200),
        ("allowCommercialUse=Sell", 200),
        ("allowCommercialUse=sell", 400),
        ("allowNoCredit=true", 400),
        ("allowDerivatives=true", 400),
        ("allowDifferentLicense=false", 400),
        ("browsingLevel=31", 400),
        ("collectionId=1", 400),
        ("pending=1", 400),
        ("isFeatured=1", 400),
        ("disablePoi=1", 400),
        ("disableMinor=1", 400),
        ("excludedUserIds=1", 400),
        ("fileFormats=GGUF", 400),
        ("fileFormats=GGUF&fileFormats=ONNX", 200),
        ("fileFormats=GGUF&fileFormats=gguf", 400),
        ("availability=Public", 200),
        ("availability=Private", 401),
        ("favorites=false", 401),
        ("hidden", 401),
        ("username=nobody-of-that-name", 404),
        ("user=nobody", 404),
        ("page=0", 400),
        ("page=11&limit=100", 429),
        ("page=11&limit=100&cursor=0%7C0%7C1", 200),
        ("query=study&page=1", 400),
        ("query=study&cursor=x", 400),
        ("cursor=1", 400),
        ("cursor=a%7Cb%7Cc", 400),
        ("sort=Newest&cursor=1%7C2%7C3", 400),
        ("unheardOf=1", 200),
    ] {
        let answer = site.get(&format!("models?{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.text);
    }
}

#[tokio::test]
async fn refusals_have_the_shapes_of_the_real_ones() {
    let site = Site::start().await;
    let zod = site.get("models?sort=Best").await.json();
    assert_eq!(zod["error"]["name"], "ZodError");
    let issues: Value = serde_json::from_str(zod["error"]["message"].as_str().unwrap()).unwrap();
    assert_eq!(issues[0]["path"], json!(["sort"]));

    for (query, body) in [
        ("favorites=false", json!({ "error": "Unauthorized" })),
        (
            "page=20&limit=60",
            json!({ "error": "You've requested too many pages, please use cursors instead" }),
        ),
        (
            "query=a&page=1",
            json!({ "error": "Cannot use page param with query search. Use cursor-based pagination." }),
        ),
        (
            "cursor=7",
            json!({ "message": "Invalid cursor: expected 3 value(s) for this sort, received 1" }),
        ),
        ("username=nobody", json!({ "message": "User not found" })),
    ] {
        assert_eq!(
            site.get(&format!("models?{query}")).await.json(),
            body,
            "{query}"
        );
    }

    site.sim.state().switches.search_overloaded = true;
    let busy = site.get("models?query=study").await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("2")));
    assert_eq!(busy.header("cache-control"), Some("no-store"));
    assert_eq!(
        busy.json(),
        json!({ "error": "Model search is temporarily overloaded — please retry." })
    );
    assert_eq!(site.get("models").await.status, 200);
}

#[tokio::test]
async fn page_is_echoed_and_otherwise_ignored() {
    let site = Site::start().await;
    let first = site.get("models?limit=10&page=1").await;
    let second = site.get("models?limit=10&page=2").await;
    assert_eq!(first.ids(), second.ids());
    let metadata = second.json()["metadata"].clone();
    assert_eq!(
        (&metadata["currentPage"], &metadata["pageSize"]),
        (&json!(2), &json!(10))
    );
    assert!(site.get("models?limit=10").await.json()["metadata"]["currentPage"].is_null());
}

#[tokio::test]
async fn counted_sorts_are_complete_across_every_boundary() {
    let site = Site::start().await;
    for sort in [
        "Highest Rated",
        "Most Liked",
        "Most Downloaded",
        "Most Discussed",
        "Most Collected",
        "Most Images",
    ] {
        for limit in [7, 50, 100] {
            let walk = site
                .walk(&format!(
                    "models?username=prolific&limit={limit}&sort={sort}"
                ))
                .await;
            assert_eq!(
                (walk.ids.len(), walk.distinct()),
                (250, 250),
                "{sort} by {limit}"
            );
        }
    }
}

#[tokio::test]
async fn newest_loses_one_model_at_each_boundary() {
    let site = Site::start().await;
    for limit in [7, 50, 100] {
        let walk = site
            .walk(&format!(
                "models?username=prolific&limit={limit}&sort=Newest"
            ))
            .await;
        assert_eq!(walk.ids.len(), walk.distinct());
        assert_eq!(walk.distinct(), 250 - walk.boundaries, "by {limit}");
    }
}

#[tokio::test]
async fn oldest_repeats_ties_and_stops_moving_inside_a_long_one() {
    let site = Site::start().await;
    let wide = site
        .walk("models?username=prolific&limit=100&sort=Oldest")
        .await;
    assert_eq!(wide.distinct(), 250);
    assert!(wide.ids.len() > 250 && !wide.stuck);
    let narrow = site
        .walk("models?username=prolific&limit=20&sort=Oldest")
        .await;
    assert!(narrow.stuck);
}

#[tokio::test]
async fn cursors_spell_the_keys_of_the_first_unseen_model() {
    let site = Site::start().await;
    let cursor = async |query: &str| {
        let body = site
            .get(&format!("models?username=prolific&limit=1&{query}"))
            .await
            .ok();
        body["metadata"]["nextCursor"].as_str().unwrap().to_owned()
    };
    assert_eq!(cursor("sort=Highest%20Rated").await, "4|4|2210");
    assert_eq!(cursor("sort=Newest").await, "2026-05-01 00:00:00|2029");
    assert_eq!(site.get("models?limit=0").await.ids().len(), 1);
    assert!(site.get("models?limit=").await.json()["metadata"]["nextCursor"].is_null());
}

#[tokio::test]
async fn next_page_is_the_callers_own_url_with_host_and_token() {
    let site = Site::start().await;
    let path = format!("models?limit=1&token={}&cursor=900%7C9000%7C1", PLAIN.token);
    let next = site.get(&path).await.ok()["metadata"]["nextPage"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        next.starts_with(&format!(
            "{}api/v1/models?limit=1&token={}",
            site.sim.site_url(),
            PLAIN.token
        )),
        "{next}"
    );
    assert!(next.contains("&cursor=790%7C8850%7C1002"), "{next}");
}

#[tokio::test]
async fn a_search_pages_by_offset_and_filters_what_it_found_afterwards() {
    let site = Site::start().await;
    let page = site
        .get("models?query=study&limit=20&baseModels=Pony")
        .await
        .ok();
    assert_eq!(page["metadata"]["nextCursor"], "20");
    let shown = page["items"].as_array().unwrap().len();
    assert!((1..20).contains(&shown), "{shown} of 20");

    let none = site
        .get("models?query=study&limit=20&baseModels=Nobody")
        .await
        .ok();
    assert_eq!(none["items"], json!([]));
    assert_eq!(none["metadata"]["nextCursor"], "20");

    let walk = site
        .walk("models?query=study&limit=60&username=prolific&sort=Newest")
        .await;
    assert_eq!((walk.ids.len(), walk.distinct()), (250, 250));
}

#[tokio::test]
async fn an_unknown_tag_filters_nothing_and_a_blocked_one_everything() {
    let site = Site::start().await;
    let all = site.get("models?limit=100").await.ids();
    assert_eq!(
        site.get("models?limit=100&tag=no-such-tag").await.ids(),
        all
    );
    assert!(site.get("models?tag=blocked").await.ids().is_empty());
    let tagged = site.get("models?tag=WATERCOLOUR").await.ids();
    assert_eq!(tagged, [u64::from(seed::LORA.model)]);
}

#[tokio::test]
async fn neither_level_setting_shows_everything() {
    let site = Site::start().await;
    let shown = async |query: &str, case: seed::Case| {
        let ids = site
            .get(&format!("models?username=owner&limit=100&{query}"))
            .await
            .ids();
        ids.contains(&u64::from(case.model))
    };
    for (case, safe, all) in [
        (seed::LORA, true, true),
        (seed::MATURE, false, true),
        (seed::MINOR, true, false),
        (seed::REAL_PERSON, false, false),
        (seed::UNSCANNED, false, false),
        (seed::DELETED, false, false),
        (seed::UNPUBLISHED, false, false),
        (seed::PRIVATE, false, false),
        (seed::UNSEARCHABLE, false, false),
        (seed::ARCHIVED, false, false),
        (seed::TAKEN_DOWN, true, true),
        (seed::EMPTY, true, true),
    ] {
        assert_eq!(shown("", case).await, safe, "{case:?}");
        assert_eq!(shown("nsfw=true", case).await, all, "{case:?} with nsfw");
    }
    assert!(
        shown("archived=false", seed::ARCHIVED).await,
        "any text turns the flag on"
    );
    assert_eq!(
        site.get(&format!("models?ids={}", seed::UNSEARCHABLE.model))
            .await
            .ids()
            .len(),
        1
    );
    let own = site
        .get_as(OWNER, "models?username=owner&availability=Private")
        .await;
    assert_eq!(own.ids(), [u64::from(seed::PRIVATE.model)]);
    assert!(
        site.get_as(BUYER, "models?username=owner&availability=Private")
            .await
            .ids()
            .is_empty()
    );
}

#[tokio::test]
async fn filters_on_versions_also_trim_them() {
    let site = Site::start().await;
    let version = seed::CHECKPOINT.version(1);
    let body = site
        .get(&format!(
            "models?modelVersionIds={version},{}",
            seed::LORA.version(0)
        ))
        .await
        .ok();
    assert_eq!(body["items"].as_array().unwrap().len(), 2);
    let checkpoint = find(&body["items"], "id", seed::CHECKPOINT.model);
    assert_eq!(checkpoint["modelVersions"].as_array().unwrap().len(), 1);
    assert_eq!(checkpoint["modelVersions"][0]["id"], version);

    let one = site
        .get("models?username=prolific&baseModels=Pony&limit=100")
        .await
        .ids();
    let two = site
        .get("models?username=prolific&baseModels=Pony&baseModels=SD%201.5&limit=100")
        .await
        .ids();
    let comma = site
        .get("models?username=prolific&baseModels=Pony,SD%201.5")
        .await
        .ids();
    assert_eq!((one.len(), two.len(), comma.len()), (62, 100, 0));

    let path = format!("models?ids={}&primaryFileOnly=true", seed::CHECKPOINT.model);
    let body = site.get(&path).await.ok();
    assert_eq!(
        body["items"][0]["modelVersions"][0]["files"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn an_account_sees_its_bookmarks_and_its_own_primary_file() {
    let site = Site::start().await;
    let mut ids = site.get_as(PLAIN, "models?favorites=true").await.ids();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [seed::LORA.model, seed::CHECKPOINT.model].map(u64::from)
    );

    let path = format!("models?ids={}", seed::CHECKPOINT.model);
    let primary = |body: &Value| {
        let files = body["items"][0]["modelVersions"][0]["files"].clone();
        find(&files, "primary", true)["id"].clone()
    };
    assert_eq!(
        primary(&site.get(&path).await.ok()),
        seed::CHECKPOINT.file(0)
    );
    assert_eq!(
        primary(&site.get_as(seed::PICKY, &path).await.ok()),
        seed::CHECKPOINT.file(1)
    );
}

#[tokio::test]
async fn licence_lists_are_literals_unless_told_to_be_arrays() {
    let site = Site::start().await;
    let id = seed::LORA.model;
    assert_eq!(
        listed(&site, id).await["allowCommercialUse"],
        "{Image,RentCivit}"
    );
    site.sim
        .state()
        .model_mut(id)
        .unwrap()
        .allow_commercial_use
        .clear();
    assert_eq!(listed(&site, id).await["allowCommercialUse"], "{}");
    site.sim.state().switches.commercial_use = CommercialUseForm::Array;
    assert_eq!(listed(&site, id).await["allowCommercialUse"], json!([]));
}

#[tokio::test]
async fn what_is_missing_is_absent_or_null_as_on_the_site() {
    let site = Site::start().await;
    let plain = listed(&site, seed::LORA.model).await;
    assert!(plain.get("mode").is_none() && plain["cosmetic"].is_null());
    assert_eq!(plain["creator"]["username"], "owner");
    assert_eq!(
        listed(&site, seed::ARCHIVED.model).await["mode"],
        "Archived"
    );
    assert!(
        listed(&site, seed::HOUSE.model)
            .await
            .get("creator")
            .is_none()
    );
    assert_eq!(
        listed(&site, seed::GHOST.model).await["creator"],
        json!({ "username": null, "image": null })
    );
    let stats = &listed(&site, seed::HIDDEN_METRICS.model).await["stats"];
    assert!(stats["downloadCount"].is_null() && stats["tippedAmountCount"].is_null());
    assert_eq!(
        listed(&site, seed::EMPTY.model).await["modelVersions"],
        json!([])
    );

    let archived = &listed(&site, seed::ARCHIVED.model).await["modelVersions"][0];
    assert_eq!(archived["files"], json!([]));
    assert!(archived.get("downloadUrl").is_none());
    assert_eq!(
        listed(&site, seed::TAKEN_DOWN.model).await["modelVersions"][0]["images"],
        json!([])
    );
    let files = &listed(&site, seed::HIDDEN_PRIMARY.model).await["modelVersions"][0]["files"];
    assert_eq!(files.as_array().unwrap().len(), 1);
    assert!(files[0].get("primary").is_none());
    let unscanned = {
        site.sim
            .state()
            .model_mut(seed::UNSCANNED.model)
            .unwrap()
            .nsfw_level = 1;
        listed(&site, seed::UNSCANNED.model).await["modelVersions"][0]["files"][0].clone()
    };
    assert_eq!(
        (&unscanned["hashes"], &unscanned["scannedAt"]),
        (&json!({}), &Value::Null)
    );
    assert_eq!(unscanned["pickleScanResult"], "Pending");
}

#[tokio::test]
async fn a_listed_model_has_exactly_these_members() {
    let site = Site::start().await;
    let model = listed(&site, seed::LORA.model).await;
    assert_eq!(
        keys(&model),
        [
            "id",
            "name",
            "description",
            "allowNoCredit",
            "allowCommercialUse",
            "allowDerivatives",
            "allowDifferentLicense",
            "type",
            "minor",
            "sfwOnly",
            "poi",
            "nsfw",
            "nsfwLevel",
            "availability",
            "userId",
            "baseModels",
            "cosmetic",
            "supportsGeneration",
            "stats",
            "creator",
            "tags",
            "modelVersions"
        ]
    );
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
            "description",
            "trainedWords",
            "vaeId",
            "paidAccess",
            "stats",
            "supportsGeneration",
            "files",
            "images",
            "downloadUrl"
        ]
    );
    assert_eq!(
        keys(&version["files"][0]),
        [
            "id",
            "sizeKB",
            "name",
            "overrideName",
            "type",
            "pickleScanResult",
            "pickleScanMessage",
            "virusScanResult",
            "virusScanMessage",
            "scannedAt",
            "metadata",
            "hashes",
            "downloadUrl",
            "primary"
        ]
    );
    assert_eq!(
        version["files"][0]["metadata"],
        json!({ "format": "SafeTensor", "size": null, "fp": null })
    );
    assert_eq!(version["publishedAt"], "2026-05-01T00:00:00.000Z");
    assert_eq!(
        keys(&version["images"][0]),
        [
            "id",
            "url",
            "nsfwLevel",
            "width",
            "height",
            "hash",
            "type",
            "minor",
            "poi",
            "hasMeta",
            "hasPositivePrompt",
            "onSite",
            "remixOfId"
        ]
    );
    assert_eq!(
        version["images"].as_array().unwrap().len(),
        2,
        "only safe pictures without nsfw"
    );
}

#[tokio::test]
async fn download_urls_name_what_is_known_of_a_file_unless_it_is_the_primary() {
    let site = Site::start().await;
    let model = listed(&site, seed::CHECKPOINT.model).await;
    let version = &model["modelVersions"][0];
    let base = format!(
        "{}api/download/models/{}",
        site.sim.site_url(),
        seed::CHECKPOINT.version(0)
    );
    let url = |nth| {
        find(&version["files"], "id", seed::CHECKPOINT.file(nth))["downloadUrl"]
            .as_str()
            .unwrap()
    };
    assert_eq!(version["downloadUrl"], base);
    assert_eq!(url(0), base);
    assert_eq!(
        url(1),
        format!("{base}?type=Model&format=SafeTensor&size=full&fp=fp32")
    );
    assert_eq!(url(2), format!("{base}?type=VAE&format=SafeTensor"));
    assert_eq!(url(3), format!("{base}?type=Training%20Data"));
    let name = |nth| {
        find(&version["files"], "id", seed::CHECKPOINT.file(nth))["name"]
            .as_str()
            .unwrap()
    };
    assert_eq!(name(0), "harbourMixXL_v10.safetensors");
    assert_eq!(name(0), name(1), "two files of one version share a name");
    assert_eq!(name(3), "harbourMixXL_v10_trainingData.zip");

    let model = listed(&site, seed::LINKED_VAE.model).await;
    let lent = find(&model["modelVersions"][0]["files"], "type", "VAE");
    assert_eq!(lent["id"], seed::VAE.file(0));
    let path = format!(
        "api/download/models/{}?type=VAE",
        seed::LINKED_VAE.version(0)
    );
    assert!(lent["downloadUrl"].as_str().unwrap().contains(&path));
}

#[tokio::test]
async fn gates_show_while_they_are_shut() {
    let site = Site::start().await;
    let gate = async |case: seed::Case| listed(&site, case.model).await["modelVersions"][0].clone();
    let timed = gate(seed::TIMED_GATE).await;
    assert_eq!(
        timed["paidAccess"],
        json!({ "permanent": false, "endsAt": "2099-01-01T00:00:00.000Z" })
    );
    assert_eq!(timed["earlyAccessDeadline"], "2099-01-01T00:00:00.000Z");
    let permanent = gate(seed::PERMANENT_GATE).await;
    assert_eq!(
        permanent["paidAccess"],
        json!({ "permanent": true, "endsAt": null })
    );
    assert!(permanent.get("earlyAccessDeadline").is_none());
    assert_eq!(gate(seed::EXPIRED_GATE).await["paidAccess"], Value::Null);

    site.sim
        .clock()
        .set("2099-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(gate(seed::TIMED_GATE).await["paidAccess"], Value::Null);
    assert_eq!(
        site.get("models?username=owner&earlyAccess=1").await.ids(),
        [u64::from(seed::PERMANENT_GATE.model)]
    );
}

#[tokio::test]
async fn a_period_looks_at_the_newest_version_and_leaves_the_counts_alone() {
    let site = Site::start().await;
    site.sim
        .clock()
        .set("2026-05-02T12:00:00Z".parse().unwrap());
    let day = site.get("models?period=Day&username=prolific").await.ids();
    assert!(day.is_empty());
    let week = site
        .get("models?period=Week&username=prolific&limit=100&sort=Oldest")
        .await;
    assert_eq!(
        week.ok()["items"][0]["id"],
        2151,
        "six blocks of thirty are within a week"
    );
    assert_eq!(PROLIFIC.id, week.ok()["items"][0]["userId"]);
}
