//! Creators, tags, people, collections, articles and the vault.

use std::time::Duration;

use civitai_sim::seed::{self, BANNED, BUYER, PLAIN};
use reqwest::Method;
use serde_json::{Value, json};

use crate::site::{Site, find, keys};

#[tokio::test]
async fn creators_are_counted_unless_searched() {
    let site = Site::start().await;
    let all = site.get("creators?limit=3").await.ok();
    assert_eq!(
        all["metadata"]["totalItems"], 8,
        "accounts without a name are no creators"
    );
    assert_eq!(all["metadata"]["totalPages"], 3);
    assert!(
        all["metadata"]["nextPage"]
            .as_str()
            .unwrap()
            .ends_with("creators?limit=3&page=2")
    );
    assert!(all["metadata"].get("hasMore").is_none());
    let prolific = site.get("creators?query=OLIF").await.ok();
    assert_eq!(prolific["metadata"]["hasMore"], false);
    assert_eq!(prolific["items"][0]["modelCount"], 250);
    let searched = site.get("creators?limit=1&query=o").await.ok();
    assert_eq!(
        (
            &searched["metadata"]["hasMore"],
            &searched["metadata"]["totalItems"]
        ),
        (&json!(true), &json!(2))
    );
    let plain = site.get("creators?query=plain").await.ok()["items"][0].clone();
    assert_eq!(
        keys(&plain),
        ["username", "link"],
        "no count of zero, no image of none"
    );
    let bad = site.get("creators?limit=0").await;
    assert_eq!(bad.status, 400);
    assert!(bad.json().is_array(), "a bare list of issues");
}

#[tokio::test]
async fn tags_have_no_total_and_never_a_next_page() {
    let site = Site::start().await;
    let first = site.get("tags?limit=10").await.ok();
    let metadata = json!({ "totalItems": 0, "currentPage": 1, "pageSize": 10, "totalPages": 1 });
    assert_eq!(
        (first["items"].as_array().unwrap().len(), &first["metadata"]),
        (10, &metadata)
    );
    assert_eq!(
        site.get("tags?limit=10&page=2").await.ok()["items"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    let item = site.get("tags?query=photo").await.ok()["items"][0].clone();
    let link = format!("{}api/v1/models?tag=photo realism", site.sim.site_url());
    assert_eq!(item, json!({ "name": "photo realism", "link": link }));
    assert!(site.get("tags?limit=x").await.json().is_array());
}

#[tokio::test]
async fn people_are_found_by_id_or_prefix() {
    let site = Site::start().await;
    let ids = site
        .get(&format!("users?ids={},{},999", PLAIN.id, BUYER.id))
        .await
        .ok();
    assert_eq!(
        ids["items"][0],
        json!({ "id": PLAIN.id, "username": "plain", "avatarNsfw": "None" })
    );
    assert_eq!(ids["items"].as_array().unwrap().len(), 2);
    assert_eq!(
        site.get("users?query=").await.ok()["items"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert_eq!(
        site.get("users?query=pl").await.ids(),
        [u64::from(PLAIN.id)]
    );
    let bad = site.get("users?ids=x").await;
    assert_eq!((bad.status, &bad.json()["name"]), (400, &json!("ZodError")));
}

#[tokio::test]
async fn me_knows_valid_tokens_of_accounts_in_good_standing() {
    let site = Site::start().await;
    let me = site.get_as(BUYER, "me").await.ok();
    assert_eq!(
        (&me["username"], &me["tier"], &me["isMember"]),
        (&json!("buyer"), &json!("gold"), &json!(true))
    );
    assert_eq!(
        (&me["subject"]["type"], &me["tokenScope"]),
        (&json!("apiKey"), &json!(33_554_431))
    );
    assert!(site.get_as(PLAIN, "me").await.ok().get("tier").is_none());
    for header in [
        None,
        Some(format!("Bearer {}", BANNED.token)),
        Some(format!("Bearer {}", seed::EXPIRED_TOKEN)),
        Some(format!("Bearer {}", seed::REVOKED_TOKEN)),
        Some(PLAIN.token.to_owned()),
    ] {
        let answer = site.send(Method::GET, "me", header.as_deref(), None).await;
        assert_eq!(
            (answer.status, answer.json()),
            (401, json!({ "error": "Unauthorized" })),
            "{header:?}"
        );
    }
    assert_eq!(
        site.get("users/101").await.status,
        405,
        "for the site itself"
    );
    site.sim.state().user_mut(PLAIN.id).unwrap().tokens[0].scope = 5;
    assert_eq!(site.get_as(PLAIN, "me").await.ok()["tokenScope"], 5);
    let any_scheme = site
        .send(
            Method::GET,
            "me",
            Some(&format!("Token {}", PLAIN.token)),
            None,
        )
        .await;
    assert_eq!(any_scheme.status, 200);
    let in_query = format!("me?token={}", PLAIN.token);
    assert_eq!(site.get(&in_query).await.status, 200);
    assert_eq!(
        site.send(Method::GET, &in_query, Some("nonsense"), None)
            .await
            .status,
        401,
        "the header wins"
    );
}

#[tokio::test]
async fn collections_page_by_number_and_keep_their_contents_to_themselves() {
    let site = Site::start().await;
    let first = site.get("collections?limit=5").await.ok();
    assert_eq!(first["metadata"]["nextCursor"], 316);
    assert_eq!(first["items"][0]["id"], 321);
    let second = site.get("collections?limit=5&cursor=316").await.ids();
    assert_eq!(second, [316, 315, 314, 313, 312]);
    let all = site.get("collections").await.ids();
    assert!(all.contains(&u64::from(seed::COLLECTION)));
    assert!(!all.contains(&u64::from(seed::UNLISTED_COLLECTION)));
    assert_eq!(
        site.get("collections?sort=Most%20Followers&limit=2")
            .await
            .ids(),
        [321, 319]
    );
    assert_eq!(
        site.get("collections?sort=Most%20Followers&cursor=3")
            .await
            .status,
        400
    );

    let path = format!("collections/{}", seed::UNLISTED_COLLECTION);
    let single = site.get(&path).await.ok();
    assert_eq!(
        keys(&single),
        [
            "id",
            "name",
            "description",
            "type",
            "nsfwLevel",
            "read",
            "isPublic",
            "coverImageUrl",
            "user",
            "tags"
        ]
    );
    let private = site
        .get(&format!("collections/{}", seed::PRIVATE_COLLECTION))
        .await;
    assert_eq!(
        (private.status, private.json()),
        (404, json!({ "error": "No collection with id 303" }))
    );
}

#[tokio::test]
async fn each_family_has_its_own_window_of_a_minute() {
    let site = Site::start().await;
    for _ in 0..60 {
        assert_eq!(site.get("collections?limit=1").await.status, 200);
    }
    site.sim.clock().advance(Duration::from_secs(23));
    let refused = site.get("collections/301").await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("37"))
    );
    assert_eq!(refused.header("cache-control"), Some("no-store"));
    assert_eq!(
        refused.json(),
        json!({ "error": "Rate limit exceeded, please retry shortly." })
    );
    assert_eq!(site.get("articles").await.status, 200, "another bucket");
    assert_eq!(
        site.get_as(PLAIN, "collections").await.status,
        200,
        "an account has its own"
    );
    site.sim.clock().advance(Duration::from_secs(37));
    assert_eq!(site.get("collections").await.status, 200);
}

#[tokio::test]
async fn an_account_may_ask_twice_as_often() {
    let site = Site::start().await;
    for _ in 0..120 {
        assert_eq!(site.get_as(PLAIN, "articles?limit=1").await.status, 200);
    }
    assert_eq!(site.get_as(PLAIN, "articles?limit=1").await.status, 429);
}

#[tokio::test]
async fn articles_page_by_value_and_id() {
    let site = Site::start().await;
    let newest = site.walk("articles?limit=2").await;
    assert_eq!(newest.ids, [405, 404, 403, 402, 401]);
    let liked = site.walk("articles?limit=2&sort=Most%20Bookmarks").await;
    assert_eq!(liked.ids, [403, 405, 402, 404, 401]);
    assert_eq!(
        site.get("articles?cursor=nonsense").await.json(),
        json!({ "error": "Invalid cursor" })
    );
    assert_eq!(site.get("articles?username=nobody").await.status, 404);
    assert_eq!(
        site.get("articles/1").await.json(),
        json!({ "error": "No article with id 1" })
    );
    assert_eq!(
        site.get("articles/401").await.ok()["title"],
        "Painting with noise, part 1"
    );
}

#[tokio::test]
async fn a_vault_is_for_members_and_toggles() {
    let site = Site::start().await;
    assert_eq!(site.get("vault/get").await.status, 401);
    assert_eq!(
        site.get_as(PLAIN, "vault/get").await.ok(),
        json!({ "vault": null })
    );
    assert_eq!(
        site.get_as(BUYER, "vault/get").await.ok()["vault"]["userId"],
        BUYER.id
    );

    let header = format!("Bearer {}", BUYER.token);
    let path = format!(
        "vault/toggle-version?modelVersionId={}",
        seed::CHECKPOINT.version(0)
    );
    let toggle = async || {
        site.send(Method::POST, &path, Some(&header), None)
            .await
            .ok()
    };
    assert_eq!(toggle().await["success"], true);
    let all = site.get_as(BUYER, "vault/all").await.ok();
    assert_eq!(
        keys(&all),
        [
            "items",
            "totalItems",
            "currentPage",
            "pageSize",
            "totalPages"
        ]
    );
    assert_eq!(
        all["items"][0]["modelVersionId"],
        seed::CHECKPOINT.version(0)
    );
    assert_eq!(all["items"][0]["files"].as_array().unwrap().len(), 4);
    let path = format!(
        "vault/check-vault?modelVersionIds=5,{}",
        seed::CHECKPOINT.version(0)
    );
    let held = site.get_as(BUYER, &path).await.ok();
    assert_eq!(held[0], json!({ "modelVersionId": 5, "vaultItem": null }));
    assert_eq!(held[1]["vaultItem"]["modelName"], "Harbour Mix XL");
    toggle().await;
    assert_eq!(site.get_as(BUYER, "vault/all").await.ok()["totalItems"], 0);
}

#[tokio::test]
async fn a_vault_fails_on_filters_given_once() {
    let site = Site::start().await;
    for query in [
        "types=LORA",
        "baseModels=Pony",
        "categories=style",
        "dateAddedFrom=2026-01-01",
        "limit=201",
        "sort=Best",
    ] {
        let answer = site.get_as(BUYER, &format!("vault/all?{query}")).await;
        assert_eq!(answer.status, 500, "{query}");
        assert_eq!(answer.json()["message"], "An unexpected error occurred");
        assert_eq!(answer.json()["error"]["name"], "ZodError");
    }
    assert_eq!(
        site.get_as(BUYER, "vault/all?types=LORA&types=VAE")
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn what_a_vault_holds_is_had_even_when_its_model_is_gone() {
    let site = Site::start().await;
    let version = seed::CHECKPOINT.version(0);
    let header = format!("Bearer {}", BUYER.token);
    let toggle = format!("vault/toggle-version?modelVersionId={version}");
    site.send(Method::POST, &toggle, Some(&header), None)
        .await
        .ok();
    site.sim
        .state()
        .models
        .remove(&seed::CHECKPOINT.model)
        .unwrap();
    let file = seed::CHECKPOINT.file(1);
    for (account, query, status) in [
        (BUYER, format!("1?type=model&fileId={file}"), 307),
        (BUYER, "1?type=images".to_owned(), 307),
        (BUYER, "1?type=details".to_owned(), 307),
        (BUYER, "1?type=pictures".to_owned(), 400),
        (BUYER, "1?type=model&fileId=x".to_owned(), 400),
        (BUYER, "1?type=model&fileId=1".to_owned(), 404),
        (BUYER, "2?type=model".to_owned(), 404),
        (PLAIN, "1?type=model".to_owned(), 503),
        (BANNED, "1?type=model".to_owned(), 401),
    ] {
        let answer = site
            .get_as(account, &format!("/api/download/vault/{query}"))
            .await;
        assert_eq!(answer.status, status, "{query} as {}", account.name);
    }
    let foreign = site
        .get_as(PLAIN, "/api/download/vault/1?type=model")
        .await
        .json();
    assert_eq!(
        foreign["error"],
        "You do not have permission to download this model."
    );
}

#[tokio::test]
async fn creators_of_the_catalogue_are_the_users_of_the_state() {
    let site = Site::start().await;
    let creators = site.get("creators?limit=200").await.ok();
    let owner = find(&creators["items"], "username", "owner");
    assert!(owner["image"].as_str().unwrap().contains("/width=96/"));
    assert_eq!(
        Value::from(format!(
            "{}api/v1/models?username=owner",
            site.sim.site_url()
        )),
        owner["link"]
    );
}
