//! Every form of link, and what must not pass as one.

use civitai_api::Link;
use civitai_api::link::LinkError;
use proptest::prelude::*;
use serde_json::{Value, json};
use url::Url;

/// Reads a link and returns its JSON without `input` and, where false, `ambiguous`.
fn read(text: &str) -> Value {
    let link = Link::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut json = link.to_json();
    json.shift_remove("input");
    if json["ambiguous"] == false {
        json.shift_remove("ambiguous");
    }
    Value::Object(json)
}

fn refused(text: &str) -> LinkError {
    match Link::parse(text) {
        Err(error) => error,
        Ok(link) => panic!("{text:?} was read as {:?}", link.target()),
    }
}

#[test]
fn numbers_and_named_numbers() {
    assert_eq!(
        read("1234"),
        json!({"kind": "model", "ambiguous": true, "modelId": 1234})
    );
    assert_eq!(
        read(" 1234\r\n"),
        json!({"kind": "model", "ambiguous": true, "modelId": 1234})
    );
    assert_eq!(read("model:5"), json!({"kind": "model", "modelId": 5}));
    assert_eq!(
        read("version:5"),
        json!({"kind": "version", "versionId": 5})
    );
    assert_eq!(read("file:5"), json!({"kind": "file", "fileId": 5}));
    assert_eq!(read("image:5"), json!({"kind": "image", "imageId": 5}));
    assert_eq!(
        read("hash:12345678"),
        json!({"kind": "hash", "hash": "12345678"})
    );
    assert_eq!(
        read("5@6"),
        json!({"kind": "version", "modelId": 5, "versionId": 6})
    );
}

#[test]
fn model_pages_on_every_host_and_in_every_dress() {
    let model = json!({"kind": "model", "modelId": 827_184});
    for text in [
        "https://civitai.com/models/827184",
        "http://civitai.com/models/827184",
        "HTTPS://CIVITAI.COM/models/827184",
        "civitai.com/models/827184",
        "//civitai.com/models/827184",
        "www.civitai.com/models/827184",
        "https://civitai.red/models/827184",
        "https://www.civitai.red/models/827184/",
        "https://civitai.green/models/827184",
        "https://civitai.com:443/models/827184",
        "https://civitai.com/en/models/827184/wai-illustrious-sdxl",
        "https://civitai.com/pt-BR/models/827184/wai",
        "https://civitai.com/models/827184/%E6%9F%90?foo=bar#comments",
        "https://civitai.com/models/827184?modelVersionId=",
        "https://civitai.com/api/v1/models/827184",
    ] {
        assert_eq!(read(text), model, "{text}");
    }
    let version = json!({"kind": "version", "modelId": 827_184, "versionId": 2_514_310});
    for text in [
        "https://civitai.com/models/827184?modelVersionId=2514310",
        "https://civitai.red/ja/models/827184/wai-illustrious-sdxl/?dialog=x&modelVersionId=2514310#top",
        "https://civitai.com/models/827184/model-versions/2514310/edit",
        "827184@2514310",
    ] {
        assert_eq!(read(text), version, "{text}");
    }
}

#[test]
fn versions_downloads_and_api_addresses() {
    let version = json!({"kind": "version", "versionId": 9});
    for text in [
        "https://civitai.com/model-versions/9",
        "https://civitai.com/api/v1/model-versions/9",
        "https://civitai.com/api/v1/model-versions/mini/9",
        "https://civitai.com/api/download/models/9",
        "https://api.civitai.com/download/models/9",
    ] {
        assert_eq!(read(text), version, "{text}");
    }
    assert_eq!(
        read(
            "https://civitai.com/api/download/models/9?type=Pruned%20Model&format=SafeTensor&size=pruned&fp=fp16"
        ),
        json!({"kind": "version", "versionId": 9,
            "variant": {"type": "Pruned Model", "format": "SafeTensor", "size": "pruned", "fp": "fp16"}})
    );
    assert_eq!(
        read("https://civitai.com/api/download/models/9?quantType=Q4_K_M"),
        json!({"kind": "version", "versionId": 9, "variant": {"quantType": "Q4_K_M"}})
    );
    assert_eq!(
        read("https://civitai.com/api/download/models/9?fileId=77&type=VAE"),
        json!({"kind": "file", "versionId": 9, "fileId": 77})
    );
    assert_eq!(
        read("https://civitai.com/api/v1/model-versions/mini/9?modelFileId=77"),
        json!({"kind": "file", "versionId": 9, "fileId": 77})
    );
    assert_eq!(
        read("https://civitai.com/api/download/training-data/9"),
        json!({"kind": "version", "versionId": 9, "variant": {"type": "Training Data"}})
    );
    assert_eq!(
        read("https://civitai.com/api/v1/model-versions/by-hash/a5f58eb1c3"),
        json!({"kind": "hash", "hash": "a5f58eb1c3"})
    );
}

#[test]
fn pictures_people_and_the_rest_of_the_site() {
    for (text, expected) in [
        (
            "https://civitai.com/images/92427432",
            json!({"kind": "image", "imageId": 92_427_432}),
        ),
        (
            "https://civitai.com/api/v1/images?imageId=5&browsingLevel=31",
            json!({"kind": "image", "imageId": 5}),
        ),
        (
            "https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA/1f0e-uuid/original=true/9001.jpeg",
            json!({"kind": "image", "imageId": 9001}),
        ),
        (
            "https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA/1f0e-uuid/width=450/1f0e-uuid.jpeg",
            json!({"kind": "image", "imageFile": "1f0e-uuid"}),
        ),
        (
            "https://civitai.com/posts/301/a-title",
            json!({"kind": "post", "postId": 301}),
        ),
        (
            "https://civitai.com/api/v1/images?postId=301",
            json!({"kind": "post", "postId": 301}),
        ),
        (
            "https://civitai.com/user/some_one/models",
            json!({"kind": "user", "username": "some_one"}),
        ),
        (
            "https://civitai.com/user-id/7",
            json!({"kind": "user", "userId": 7}),
        ),
        (
            "https://civitai.com/api/v1/models?username=some_one",
            json!({"kind": "user", "username": "some_one"}),
        ),
        (
            "https://civitai.com/collections/1201",
            json!({"kind": "collection", "collectionId": 1201}),
        ),
        (
            "https://civitai.com/articles/15342/start",
            json!({"kind": "article", "articleId": 15342}),
        ),
        (
            "https://civitai.com/bounties/3/x",
            json!({"kind": "bounty", "bountyId": 3}),
        ),
        (
            "https://civitai.com/tag/base%20model",
            json!({"kind": "tag", "tag": "base model"}),
        ),
        (
            "https://civitai.com/search/models?query=red+fox%21",
            json!({"kind": "search", "query": "red fox!"}),
        ),
    ] {
        assert_eq!(read(text), expected, "{text}");
    }
    for text in [
        "https://civitai.com/3d-models/5",
        "https://civitai.com/challenges/5",
        "https://civitai.com/",
        "civitai.com",
        "https://civitai.com/pricing",
        "https://civitai.com/api/download/vault/5",
        "https://b2.civitai.com/file/civitai-modelfiles/model/x.safetensors?Authorization=abc",
        "https://x.abc.r2.cloudflarestorage.com/7/model/x.safetensors?X-Amz-Expires=86400",
        "urn:air:flux1:checkpoint:huggingface:org/repo@main",
    ] {
        let json = read(text);
        assert_eq!(json["kind"], "unsupported", "{text}");
        assert!(
            json["reason"]
                .as_str()
                .is_some_and(|reason| reason.len() > 20),
            "{text}"
        );
    }
    let caveat = |text: &str| Link::parse(text).expect(text).caveat();
    assert!(
        caveat("https://civitai.com/collections/1201")
            .is_some_and(|text| text.contains("does not list"))
    );
    assert_eq!(caveat("https://civitai.com/models/1"), None);
}

#[test]
fn resource_names() {
    assert_eq!(
        read("urn:air:sdxl:lora:civitai:1@2"),
        json!({"kind": "version", "modelId": 1, "versionId": 2, "air": "urn:air:sdxl:lora:civitai:1@2"})
    );
    assert_eq!(
        read("civitai:1@2+77.safetensor"),
        json!({"kind": "file", "modelId": 1, "versionId": 2, "fileId": 77, "air": "urn:air:civitai:1@2+77.safetensor"})
    );
    assert_eq!(read("air:civitai:1")["kind"], "model");
    assert!(matches!(
        refused("urn:air:multi:wan:video:civitai:1@2"),
        LinkError::Air { .. }
    ));
    assert!(matches!(
        refused("urn:air:sdxl:lora:civitai:x@2"),
        LinkError::Air { .. }
    ));
}

#[test]
fn hashes_are_read_by_length_and_digits_alone_are_numbers() {
    for digits in ["2a97516c", "2A97516C35", "762fc1903204", &"ab".repeat(32)] {
        assert_eq!(
            read(digits),
            json!({"kind": "hash", "hash": digits.to_lowercase()})
        );
    }
    assert_eq!(read("12345678")["kind"], "model");
    assert!(matches!(refused(&"1".repeat(64)), LinkError::Id { .. }));
    assert!(matches!(refused("E3B0C44298FC"), LinkError::Hash { .. }));
    assert!(matches!(refused("hash:abc"), LinkError::Hash { .. }));
    assert!(matches!(refused("2a97516"), LinkError::Unrecognised { .. }));
}

#[test]
fn a_token_is_dropped_wherever_it_stands() {
    for text in [
        "https://civitai.com/api/download/models/9?token=SECRET",
        "https://civitai.com/api/download/models/9?TOKEN=SECRET&type=VAE",
        "https://civitai.com/api/download/models/9?type=VAE&%74oken=SECRET",
        "https://civitai.com/api/download/models/9?%2574oken=SECRET",
        "https://civitai.com/models/9?x=1#token=SECRET",
        "https://civitai.com/models/9?a=1;token=SECRET",
        "https://b2.civitai.com/file/x?Authorization=SECRET",
        "https://a.r2.cloudflarestorage.com/7/x?X-Amz-Credential=SECRET&X-Amz-Signature=SECRET",
        "https://civitai.com/models/9?returnUrl=%2Fapi%2Fdownload%2Fmodels%2F5%3Ftoken%3DSECRET",
    ] {
        let link = Link::parse(text).expect(text);
        let shown = format!("{link} {link:?} {:?}", link.to_json());
        assert!(!shown.contains("SECRET"), "{shown}");
        assert!(link.input().starts_with("https://"), "{link}");
    }
    assert_eq!(
        Link::parse("https://civitai.com/api/download/models/9?type=VAE&token=SECRET&format=Other")
            .expect("valid")
            .input(),
        "https://civitai.com/api/download/models/9?type=VAE&format=Other"
    );
    for text in [
        "https://civitai.com/models/x?token=SECRET",
        "https://name:SECRET@civitai.com/models/1",
        "https://civitai.com.evil.example/models/1?token=SECRET",
        "nonsense?token=SECRET",
        "javascript:x?token=SECRET",
    ] {
        let error = refused(text);
        let mut shown = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown.push_str(&cause.to_string());
            source = cause.source();
        }
        assert!(!shown.contains("SECRET"), "{shown}");
    }
}

#[test]
fn hostile_texts_are_refused_with_the_reason() {
    let long = format!("https://civitai.com/models/1?x={}", "a".repeat(1 << 20));
    assert!(matches!(refused(&long), LinkError::TooLong { .. }));
    assert!(matches!(refused("  "), LinkError::Empty));
    for text in [
        "https://civitai.com/models/1\0",
        "https://civitai.com/mod\tels/1",
        "https://civitai.com/\u{202e}1/sledom",
        "\u{feff}https://civitai.com/models/1",
        "https://civitai.com\\@evil.example/models/1",
        "https://civitai.com/user/a%00b",
        "https://civitai.com/user/%E2%80%AEgpj",
        "12\u{200b}34",
        "1234 5678",
    ] {
        assert!(
            matches!(refused(text), LinkError::Character { .. }),
            "{text:?}: {:?}",
            refused(text)
        );
    }
    for text in [
        "https://civitai.com.evil.example/models/1",
        "https://evil.example/civitai.com/models/1",
        "https://evil.example#civitai.com/models/1",
        "https://notcivitai.com/models/1",
        "https://civitai.com%2eevil.example/models/1",
        "https://civitai%2Ecom/models/1",
        "https://c\u{456}vitai.com/models/1",
        "https://xn--cvitai-4za.com/models/1",
        "https://127.0.0.1/models/1",
        "https:///models/1",
        "civitai.com.evil.example/models/1",
        "https://evil.example/models/1",
    ] {
        assert!(
            matches!(refused(text), LinkError::Host { .. }),
            "{text:?}: {:?}",
            refused(text)
        );
    }
    for text in [
        "evil@civitai.com",
        "https://civitai.com@evil.example/models/1",
        "https://a:b@civitai.com/models/1",
    ] {
        assert!(
            matches!(refused(text), LinkError::Credentials),
            "{text:?}: {:?}",
            refused(text)
        );
    }
    for text in [
        "javascript:alert(1)",
        "javascript:alert",
        "data:text/html,<script>",
        "ftp://civitai.com/models/1",
        "file:///etc/passwd",
        "mailto:x",
    ] {
        assert!(
            matches!(refused(text), LinkError::Scheme { .. }),
            "{text:?}: {:?}",
            refused(text)
        );
    }
    assert!(matches!(
        refused("https://civitai.com:8443/models/1"),
        LinkError::Port { .. }
    ));
    assert!(matches!(
        refused("https://civitai.com/models/../api/download/models/1"),
        LinkError::Path
    ));
    assert!(matches!(
        refused("https://civitai.com/models/%2e%2e/1"),
        LinkError::Path
    ));
    assert!(matches!(
        refused("https://civitai.com/user/%ff"),
        LinkError::Encoding
    ));
    for text in [
        "https://civitai.com/models/abc",
        "https://civitai.com/models/0",
        "https://civitai.com/models/2147483648",
        "https://civitai.com/models/1?modelVersionId=-1",
        "model:x",
        "99999999999",
    ] {
        assert!(
            matches!(refused(text), LinkError::Id { .. }),
            "{text:?}: {:?}",
            refused(text)
        );
    }
}

#[test]
fn a_slip_is_answered_with_what_was_probably_meant() {
    assert_eq!(
        refused("https://civtai.com/models/1").to_string(),
        r#""civtai.com" is not one of Civitai's hosts, did you mean "civitai.com"?"#
    );
    assert_eq!(
        refused("modle:12").to_string(),
        r#""modle:12" is no link, did you mean "model:"?"#
    );
    assert!(
        !refused("https://civitai.com.evil.example/models/1")
            .to_string()
            .contains("did you mean")
    );
}

#[test]
fn a_configured_site_is_read_like_the_public_one() {
    let origin = Url::parse("http://127.0.0.1:4010/mirror/").expect("valid");
    let link = Link::parse_with(
        "http://127.0.0.1:4010/mirror/models/5?modelVersionId=6",
        Some(&origin),
    )
    .expect("known");
    assert_eq!(link.kind(), "version");
    assert!(Link::parse_with("http://127.0.0.1:4011/models/5", Some(&origin)).is_err());
    assert!(Link::parse_with("https://civitai.com/models/5", Some(&origin)).is_ok());
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in ".{0,200}") {
        let _ = Link::parse(&text);
    }

    #[test]
    fn what_was_read_reads_again_as_the_same(
        text in r"(https?://)?(www\.)?civitai\.(com|red)(/(en|models|images|user|api|v1|download|tag|posts|[0-9]{1,11}|[a-z%\.#;]{0,6})){0,5}(\?([a-zA-Z]{1,14}=[a-z0-9%&=#]{0,9}&?){0,4})?"
    ) {
        if let Ok(link) = Link::parse(&text) {
            let again = Link::parse(&link.to_string()).expect("a link's own text is a link");
            prop_assert_eq!(again, link);
        }
    }

    #[test]
    fn resource_names_read_again_as_the_same(text in r"(urn:)?(air:)?([a-z]{1,5}:){0,4}[0-9]{1,4}[a-z.]{0,3}(@[0-9a-z./]{1,5})?(\+[0-9]{1,3})?(\.[a-z]{1,4})?") {
        if let Ok(air) = text.parse::<civitai_api::link::Air>() {
            prop_assert_eq!(air.to_string().parse(), Ok(air));
        }
    }
}
