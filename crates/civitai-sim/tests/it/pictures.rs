//! `GET /images`.

use civitai_sim::seed::{self, LORA, OWNER};
use civitai_sim::state::ImageCursorForm;
use serde_json::{Value, json};

use crate::site::{Site, find, keys};

#[tokio::test]
async fn levels_are_masks_and_the_word_true_leaves_safe_pictures_out() {
    let site = Site::start().await;
    let levels = async |query: &str| {
        let body = site
            .get(&format!(
                "images?userId={}&modelVersionId={}&{query}",
                OWNER.id,
                LORA.version(0)
            ))
            .await
            .ok();
        let items = body["items"].as_array().unwrap().clone();
        let mut levels: Vec<u64> = items
            .iter()
            .map(|item| item["browsingLevel"].as_u64().unwrap())
            .collect();
        levels.sort_unstable();
        levels
    };
    assert_eq!(levels("").await, [1, 1]);
    assert_eq!(levels("nsfw=None").await, [1, 1]);
    assert_eq!(levels("nsfw=false").await, [1, 1]);
    assert_eq!(levels("nsfw=Soft").await, [1, 1, 2]);
    assert_eq!(levels("nsfw=Mature").await, [1, 1, 2, 4]);
    assert_eq!(levels("nsfw=X").await, [1, 1, 2, 4, 8, 16]);
    assert_eq!(levels("nsfw=true").await, [4, 8, 16]);
    assert_eq!(levels("nsfw=true&browsingLevel=2").await, [2]);
    assert_eq!(levels("nsfw=Blocked").await, [0_u64; 0]);
}

#[tokio::test]
async fn both_old_words_for_explicit_are_one() {
    let site = Site::start().await;
    let path = format!(
        "images?userId={}&modelVersionId={}&browsingLevel=31",
        OWNER.id,
        LORA.version(0)
    );
    let body = site.get(&path).await.ok();
    for (level, label, nsfw) in [
        (2, "Soft", true),
        (4, "Mature", true),
        (8, "X", true),
        (16, "X", true),
    ] {
        let item = find(&body["items"], "browsingLevel", level);
        assert_eq!(
            (&item["nsfwLevel"], &item["nsfw"]),
            (&json!(label), &json!(nsfw))
        );
    }
    assert_eq!(
        keys(&body["items"][0]),
        [
            "id",
            "url",
            "hash",
            "width",
            "height",
            "nsfwLevel",
            "type",
            "nsfw",
            "browsingLevel",
            "createdAt",
            "postId",
            "stats",
            "meta",
            "username",
            "baseModel",
            "modelVersionIds"
        ]
    );
}

#[tokio::test]
async fn metadata_is_null_flat_or_wrapped() {
    let site = Site::start().await;
    let id = seed::GALLERY.start() + 1;
    let by_search = format!("images?modelVersionId={}", LORA.version(0));
    let by_id = format!("images?imageId={id}");
    let meta =
        async |path: &str| find(&site.get(path).await.ok()["items"], "id", id)["meta"].clone();
    assert_eq!(meta(&by_search).await, Value::Null);
    assert_eq!(meta(&by_id).await, Value::Null);
    let flat = meta(&format!("{by_search}&withMeta=true")).await;
    assert!(flat["prompt"].is_string());
    let wrapped = json!({ "id": id, "meta": flat });
    assert_eq!(meta(&format!("{by_id}&withMeta=true")).await, wrapped);
    assert_eq!(
        meta(&format!("{by_id}&withMeta=true&flatMeta=true")).await,
        flat
    );
    assert_eq!(
        meta(&format!("{by_search}&withMeta=true&flatMeta=false")).await,
        wrapped
    );

    let hidden = seed::GALLERY.start() + 7;
    let path = format!("images?imageId={hidden}&withMeta=true");
    assert_eq!(
        site.get(&path).await.ok()["items"][0]["meta"],
        json!({ "id": hidden, "meta": null })
    );
}

#[tokio::test]
async fn a_picture_asked_for_by_id_still_obeys_the_mask() {
    let site = Site::start().await;
    let mature = seed::GALLERY.start();
    let path = format!("images?imageId={mature}");
    assert_eq!(
        site.get(&path).await.ok(),
        json!({ "items": [], "metadata": {} })
    );
    let shown = site
        .get(&format!("{path}&browsingLevel=31&withTags=true"))
        .await
        .ok();
    assert_eq!(
        shown["items"][0]["modelVersionIds"],
        json!([LORA.version(0)])
    );
    assert_eq!(
        shown["items"][0]["tags"],
        json!([{ "id": 102, "name": "watercolour" }])
    );
}

#[tokio::test]
async fn a_models_pictures_come_newest_first_and_lose_one_at_each_boundary() {
    let site = Site::start().await;
    let all = format!(
        "images?modelId={}&browsingLevel=31&sort=Most%20Reactions",
        LORA.model
    );
    let whole = site.get(&format!("{all}&limit=200")).await.ids();
    assert!(whole.is_sorted_by(|a, b| a > b), "{whole:?}");
    let walk = site.walk(&format!("{all}&limit=10")).await;
    assert_eq!(walk.ids.len(), walk.distinct());
    assert_eq!(walk.distinct(), whole.len() - walk.boundaries);
    let body = site.get(&format!("{all}&limit=10")).await.ok();
    assert_eq!(body["metadata"]["nextCursor"], whole[10].to_string());
}

#[tokio::test]
async fn a_search_is_complete_and_its_cursor_holds_an_offset_and_a_moment() {
    let site = Site::start().await;
    let path = format!("images?modelVersionId={}&browsingLevel=31", LORA.version(0));
    for sort in [
        "Most Reactions",
        "Most Comments",
        "Most Collected",
        "Newest",
        "Oldest",
        "Random",
    ] {
        let walk = site.walk(&format!("{path}&limit=7&sort={sort}")).await;
        assert_eq!((walk.ids.len(), walk.distinct()), (66, 66), "{sort}");
    }
    let body = site.get(&format!("{path}&limit=7")).await.ok();
    assert_eq!(body["metadata"]["nextCursor"], "7|1786147200000");
}

#[tokio::test]
async fn the_other_engine_spells_its_cursors_in_json_and_takes_no_others() {
    let site = Site::start().await;
    site.sim.state().switches.image_cursors = ImageCursorForm::BitDex;
    let path = format!("images?modelVersionId={}&limit=25", LORA.version(0));
    let page = site.get(&path).await.ok();
    let cursor = page["metadata"]["nextCursor"].as_str().unwrap();
    let place: Value = serde_json::from_str(cursor.strip_prefix("bdx:").unwrap()).unwrap();
    assert_eq!(place["offset"], 25);
    let walk = site.walk(&path).await;
    assert!(walk.boundaries > 0 && !walk.stuck);
    assert_eq!(walk.distinct(), walk.ids.len());
    let offset = format!("{path}&cursor=25%7C1786147200000");
    assert_eq!(site.get(&offset).await.status, 400);
    site.sim.state().switches.image_cursors = ImageCursorForm::Offset;
    assert_eq!(site.get(&offset).await.status, 200);
}

#[tokio::test]
async fn page_numbers_move_the_database_and_not_the_search() {
    let site = Site::start().await;
    let by_model = format!("images?modelId={}&browsingLevel=31&limit=10", LORA.model);
    let first = site.get(&format!("{by_model}&page=1")).await;
    let second = site.get(&format!("{by_model}&page=2")).await;
    assert!(second.ids().iter().all(|id| !first.ids().contains(id)));
    let next = second.json()["metadata"]["nextPage"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        next.contains("page=3") && !next.contains("cursor="),
        "{next}"
    );

    let by_version = format!("images?modelVersionId={}&limit=10", LORA.version(0));
    let pages = [1, 2].map(|page| format!("{by_version}&page={page}"));
    assert_eq!(
        site.get(&pages[0]).await.ids(),
        site.get(&pages[1]).await.ids()
    );
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    let site = Site::start().await;
    for (query, status) in [
        ("limit=201", 400),
        ("modelId=x", 400),
        ("nsfw=yes", 400),
        ("sort=Best", 400),
        ("type=gif", 400),
        ("baseModels=Pony,SD%201.5", 200),
        ("baseModels=Pony&baseModels=Nobody", 400),
        ("withMeta=perhaps", 400),
        ("username=two%20words", 400),
        ("username=nobody", 404),
        ("page=6&limit=200", 429),
        ("page=6&limit=200&cursor=0%7C1", 200),
        ("modelId=1001&sort=Random", 400),
        ("cursor=7", 400),
        ("modelId=1001&cursor=0%7C1", 400),
        ("tags=102", 200),
    ] {
        assert_eq!(
            site.get(&format!("images?{query}")).await.status,
            status,
            "{query}"
        );
    }
    let unknown = site.get("images?username=nobody").await.json();
    assert_eq!(
        unknown,
        json!({ "error": "User not found", "code": "NOT_FOUND" })
    );
    site.sim.state().switches.images_saturated = true;
    let busy = site.get("images").await;
    assert_eq!(
        (
            busy.status,
            busy.header("retry-after"),
            busy.header("cache-control")
        ),
        (503, Some("2"), Some("no-store"))
    );
    assert_eq!(
        busy.json(),
        json!({ "error": "Server busy, please retry shortly." })
    );
}
