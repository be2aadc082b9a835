//! From links to what they mean on the site.

use civitai_api::{Client, Found, HashKey, Link};
use civitai_sim::seed::{CHECKPOINT, LORA, OWNER, TWIN};

use crate::site::anonymous;

async fn found(client: &Client, link: &str) -> Found {
    let link = Link::parse(link).expect(link);
    client.look_up(&link).await.expect("found")
}

#[tokio::test]
async fn a_bare_number_is_a_model_and_failing_that_a_version() {
    let (sim, client) = anonymous().await;
    assert!(
        matches!(found(&client, "1001").await, Found::Model(model) if model.id.get() == LORA.model)
    );
    let version = LORA.version(0).to_string();
    assert!(
        matches!(found(&client, &version).await, Found::Version { version, .. } if version.id.get() == LORA.version(0))
    );
    assert_eq!(sim.log().entries().len(), 3);
    let error = client
        .look_up(&Link::parse("999999").expect("a number"))
        .await
        .expect_err("neither");
    assert_eq!(error.to_string(), "not found: No model with id 999999");
}

#[tokio::test]
async fn a_digest_leads_to_the_earliest_version_and_to_the_file_that_has_it() {
    let (sim, client) = anonymous().await;
    let hashes = sim
        .state()
        .find_file(TWIN.file(0))
        .expect("in the seed")
        .2
        .hashes();
    let sha256 = hashes
        .into_iter()
        .find(|(kind, _)| kind == "SHA256")
        .expect("scanned")
        .1;
    let Found::Version { version, file, .. } = found(&client, &sha256).await else {
        panic!("not a version")
    };
    assert_eq!(
        (version.id.get(), file.map(civitai_api::FileId::get)),
        (TWIN.version(0), Some(TWIN.file(0)))
    );
    let key: HashKey = "0".repeat(64).parse().expect("a digest");
    assert!(
        client
            .version_by_hash(&key)
            .await
            .expect_err("unknown")
            .is_not_found()
    );
}

#[tokio::test]
async fn a_download_url_leads_to_the_version_with_the_properties_it_names() {
    let (_sim, client) = anonymous().await;
    let url = format!(
        "https://civitai.com/api/download/models/{}?size=full&fp=fp32&token=x",
        CHECKPOINT.version(0)
    );
    let Found::Version {
        version,
        file: None,
        variant,
    } = found(&client, &url).await
    else {
        panic!("not a version")
    };
    assert_eq!(version.id.get(), CHECKPOINT.version(0));
    assert_eq!(variant.pairs(), [("size", "full"), ("fp", "fp32")]);
}

#[tokio::test]
async fn pictures_and_posts_lead_to_the_versions_they_were_made_with() {
    let (_sim, client) = anonymous().await;
    for link in [
        "https://civitai.com/images/50002",
        "https://civitai.red/posts/60001",
    ] {
        let Found::Versions(versions) = found(&client, link).await else {
            panic!("{link}")
        };
        assert_eq!(
            versions.iter().map(|id| id.get()).collect::<Vec<_>>(),
            [LORA.version(0)],
            "{link}"
        );
    }
}

#[tokio::test]
async fn a_creator_leads_to_a_search_and_what_cannot_be_listed_says_so() {
    let (_sim, client) = anonymous().await;
    let Found::Models(search) = found(&client, "https://civitai.com/user-id/102").await else {
        panic!("not a search")
    };
    assert_eq!(search.username.as_deref(), Some(OWNER.name));
    let error = client
        .look_up(&Link::parse("https://civitai.com/collections/301").expect("a link"))
        .await
        .expect_err("unlistable");
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        (
            "unsupported",
            "the public API cannot list what is in a collection"
        )
    );
}
