//! What happens around a route: methods, headers, pages, sessions.

use civitai_sim::seed::{self, PLAIN};
use reqwest::Method;
use serde_json::json;

use crate::site::Site;

const SHARED: Option<&str> = Some("public, s-maxage=300, stale-while-revalidate=150");
const UNSHARED: Option<&str> = Some("max-age=0, private, no-cache");

#[tokio::test]
async fn public_routes_answer_any_method_and_mixed_ones_only_get() {
    let site = Site::start().await;
    for method in [Method::HEAD, Method::POST, Method::OPTIONS] {
        for path in ["tags", "creators", "images", "users?query=p", "models/1001"] {
            assert_eq!(
                site.send(method.clone(), path, None, None).await.status,
                200,
                "{method} {path}"
            );
        }
        for path in [
            "models",
            "model-versions/10010",
            "collections",
            "articles",
            "model-versions/mini/10010",
        ] {
            let answer = site.send(method.clone(), path, None, None).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
            if method != Method::HEAD {
                assert_eq!(answer.json(), json!({ "error": "Method not allowed" }));
            }
        }
        assert_eq!(site.send(method, "enums", None, None).await.status, 200);
    }
    assert_eq!(
        site.send(Method::OPTIONS, "me", None, None).await.status,
        200
    );
    assert_eq!(site.send(Method::HEAD, "me", None, None).await.status, 405);
    assert_eq!(
        site.send(Method::GET, "vault/toggle-version", None, None)
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn caches_may_keep_what_nobody_in_particular_asked() {
    let site = Site::start().await;
    for (path, anonymous, signed_in) in [
        ("models?limit=1", SHARED, UNSHARED),
        ("model-versions/10010", SHARED, UNSHARED),
        ("models/1001", SHARED, SHARED),
        ("models/999999", SHARED, SHARED),
        ("tags", SHARED, SHARED),
        ("enums", UNSHARED, UNSHARED),
        ("me", UNSHARED, UNSHARED),
    ] {
        assert_eq!(
            site.get(path).await.header("cache-control"),
            anonymous,
            "{path}"
        );
        assert_eq!(
            site.get_as(PLAIN, path).await.header("cache-control"),
            signed_in,
            "{path} signed in"
        );
    }
    let tags = site.get("tags").await;
    assert_eq!(tags.header("access-control-allow-origin"), Some("*"));
    assert!(tags.header("x-handled-by").is_some());
    assert_eq!(tags.header("etag"), None);
    assert!(
        site.get("enums")
            .await
            .header("access-control-allow-origin")
            .is_none()
    );
}

#[tokio::test]
async fn a_dead_token_is_nobodys_and_no_error() {
    let site = Site::start().await;
    for token in [
        seed::EXPIRED_TOKEN,
        seed::REVOKED_TOKEN,
        seed::BANNED.token,
        "nonsense",
    ] {
        let header = format!("Bearer {token}");
        let answer = site
            .send(Method::GET, "models?limit=1", Some(&header), None)
            .await;
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (200, SHARED)
        );
    }
}

#[tokio::test]
async fn only_tokens_that_open_a_session_are_announced() {
    let site = Site::start().await;
    assert_eq!(site.sim.token("plain").as_deref(), Some(PLAIN.token));
    assert_eq!(site.sim.token("banned"), None);
    assert!(site.sim.announce()["tokens"].get("banned").is_none());
}

#[tokio::test]
async fn lost_clients_get_pages() {
    let site = Site::start().await;
    for (path, status) in [
        ("/login?returnUrl=%2Fmodels", 200),
        ("/model-versions/10010", 200),
        ("/nowhere", 404),
        ("/api/v1/nowhere", 404),
        ("/api/v2/models", 404),
    ] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(
            answer
                .header("content-type")
                .unwrap()
                .starts_with("text/html"),
            "{path}"
        );
        assert!(answer.text.starts_with("<!DOCTYPE html>"));
    }
}

#[tokio::test]
async fn a_blocked_region_hears_so_on_every_route() {
    let site = Site::start().await;
    site.sim.state().switches.region_blocked = true;
    for path in ["models", "tags", "me"] {
        let answer = site.get(path).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (451, &json!("REGION_BLOCKED")),
            "{path}"
        );
    }
}
