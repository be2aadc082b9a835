//! Every form of link, without the network.

use serde_json::{Value, json};

use crate::user::{Site, User};

#[test]
fn every_form_of_link_is_understood() {
    let cases = [
        (
            "1001",
            json!({"kind": "model", "ambiguous": true, "modelId": 1001}),
        ),
        (
            "model:5",
            json!({"kind": "model", "ambiguous": false, "modelId": 5}),
        ),
        ("version:5", json!({"kind": "version", "versionId": 5})),
        ("file:5", json!({"kind": "file", "fileId": 5})),
        ("image:5", json!({"kind": "image", "imageId": 5})),
        (
            "1001@10010",
            json!({"kind": "version", "modelId": 1001, "versionId": 10010}),
        ),
        (
            "https://civitai.com/models/7/a-slug",
            json!({"kind": "model", "modelId": 7}),
        ),
        (
            "civitai.red/en/models/7?modelVersionId=8",
            json!({"kind": "version", "modelId": 7, "versionId": 8}),
        ),
        (
            "https://www.civitai.com/model-versions/8",
            json!({"kind": "version", "versionId": 8}),
        ),
        (
            "https://civitai.com/api/v1/models/7",
            json!({"kind": "model", "modelId": 7}),
        ),
        (
            "https://civitai.com/api/download/models/8?fileId=9",
            json!({"kind": "file", "versionId": 8, "fileId": 9}),
        ),
        (
            "https://civitai.com/api/download/models/8?type=Model&format=SafeTensor",
            json!({"kind": "version", "versionId": 8, "variant": {"type": "Model", "format": "SafeTensor"}}),
        ),
        (
            "https://civitai.com/images/3",
            json!({"kind": "image", "imageId": 3}),
        ),
        (
            "https://civitai.com/posts/3",
            json!({"kind": "post", "postId": 3}),
        ),
        (
            "https://civitai.com/user/someone/models",
            json!({"kind": "user", "username": "someone"}),
        ),
        (
            "https://civitai.com/collections/3",
            json!({"kind": "collection", "collectionId": 3}),
        ),
        (
            "https://civitai.com/articles/3/title",
            json!({"kind": "article", "articleId": 3}),
        ),
        (
            "https://civitai.com/bounties/3",
            json!({"kind": "bounty", "bountyId": 3}),
        ),
        (
            "https://civitai.com/tag/anime",
            json!({"kind": "tag", "tag": "anime"}),
        ),
        (
            "https://civitai.com/search/models?query=cat",
            json!({"kind": "search", "query": "cat"}),
        ),
        (
            "urn:air:sdxl:lora:civitai:1@2",
            json!({"kind": "version", "modelId": 1, "versionId": 2}),
        ),
        (
            "urn:air:sdxl:lora:civitai:1@2+77.safetensor",
            json!({"kind": "file", "modelId": 1, "versionId": 2, "fileId": 77}),
        ),
        (
            "urn:air:sdxl:lora:huggingface:a/b@c",
            json!({"kind": "unsupported"}),
        ),
        ("B94D27B993", json!({"kind": "hash"})),
    ];
    for (link, expected) in cases {
        let line = User::new()
            .run(&["resolve", link, "--json"])
            .exits(0)
            .line("link");
        for (field, value) in expected.as_object().unwrap() {
            assert_eq!(&line[field], value, "{field} of {link} in {line}");
        }
    }
}

#[test]
fn a_token_in_an_address_is_dropped() {
    let ran = User::new()
        .run(&[
            "resolve",
            "https://civitai.com/api/download/models/8?token=c4n4ryc4n4ry",
            "--json",
        ])
        .exits(0);
    assert!(
        !ran.stdout.contains("c4n4ry") && !ran.stderr.contains("c4n4ry"),
        "{ran:#?}"
    );
}

#[test]
fn hostile_text_is_refused_by_name() {
    for link in [
        "",
        "../../etc/passwd",
        "javascript:alert(1)",
        "https://civitai.com.evil.example/models/1",
        "https://user:pw@civitai.com/models/1",
        "1\u{202e}2",
        "99999999999999999999",
    ] {
        let ran = User::new().run(&["resolve", "--json", link]).exits(2);
        assert_eq!(ran.line("error")["error"]["kind"], "usage", "{link:?}");
    }
}

#[test]
fn online_an_ambiguous_number_is_settled() {
    let site = Site::start();
    let line = User::of(&site)
        .run(&["resolve", "10010", "--online", "--json"])
        .exits(0)
        .line("link");
    assert_eq!(
        (&line["kind"], &line["ambiguous"], &line["modelId"]),
        (&"version".into(), &Value::Bool(false), &1001.into())
    );
}

#[test]
fn what_has_no_form_of_link_is_said_once() {
    let ran = User::new().run(&["resolve", "nonsense"]).exits(2);
    assert_eq!(ran.stderr.matches("nonsense").count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("hint:"), "{}", ran.stderr);
}

#[test]
fn several_links_end_in_a_summary_and_hashes_are_in_lower_case() {
    let ran = User::new()
        .run(&["resolve", "B94D27B993", "nonsense", "--json"])
        .exits(9);
    assert_eq!(ran.line("link")["hash"], "b94d27b993");
    let lines = ran.lines();
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["type"], &last["count"], &last["failed"]),
        (&"summary".into(), &1.into(), &1.into())
    );
}
