//! Every endpoint, called once: the answer is read and costs as many requests as it should.

use std::collections::BTreeMap;

use civitai_api::query::{
    ArticleQuery, CollectionQuery, ImageQuery, ModelQuery, NameQuery, UserQuery, VaultQuery,
};
use civitai_api::{
    ArticleId, Client, CollectionId, FileId, HashKey, Listing, ModelId, TensorDetail, UserId,
    VersionId,
};
use civitai_sim::Sim;
use civitai_sim::seed::{
    ARTICLE, BUYER, COLLECTION, HIDDEN_METRICS, LORA, MATURE, MINOR, PLAIN, TWIN,
};
use futures::TryStreamExt;

use crate::site::{anonymous, signed_in};

fn model(id: u32) -> ModelId {
    ModelId::new(id.into()).expect("an id")
}

fn version(id: u32) -> VersionId {
    VersionId::new(id.into()).expect("an id")
}

fn file(id: u32) -> FileId {
    FileId::new(id.into()).expect("an id")
}

fn sha256(sim: &Sim, id: u32) -> HashKey {
    let hashes = sim.state().find_file(id).expect("in the seed").2.hashes();
    let (_, digest) = hashes
        .into_iter()
        .find(|(kind, _)| kind == "SHA256")
        .expect("scanned");
    digest.parse().expect("a digest")
}

/// Returns which routes were asked since the last call, and how often.
fn asked(sim: &Sim) -> BTreeMap<String, usize> {
    let mut routes = BTreeMap::new();
    for entry in sim.log().entries() {
        *routes
            .entry(format!("{} {}", entry.method, entry.route))
            .or_default() += 1;
    }
    sim.log().clear();
    routes
}

fn once(route: &str) -> BTreeMap<String, usize> {
    BTreeMap::from([(route.to_owned(), 1)])
}

async fn all<T>(listing: Listing<T>) -> Vec<T>
where
    T: civitai_api::wire::Wire + Send + 'static,
{
    listing.try_collect().await.expect("a listing")
}

#[tokio::test]
async fn models_and_versions() {
    let (sim, client) = anonymous().await;
    let mut query = ModelQuery::default();
    query.ids = vec![model(LORA.model)];
    assert_eq!(all(client.models(&query)).await.len(), 1);
    assert_eq!(asked(&sim), once("GET /api/v1/models"));

    assert_eq!(
        client.model(model(LORA.model)).await.expect("a model").name,
        "Watercolour Fields"
    );
    assert_eq!(asked(&sim), once("GET /api/v1/models/{id}"));

    let wanted = [LORA.model, MATURE.model, MINOR.model, 999_999].map(model);
    let found: Vec<u32> = client
        .models_by_id(&wanted)
        .await
        .expect("models")
        .iter()
        .map(|found| found.id.get())
        .collect();
    assert_eq!(found, [LORA.model, MATURE.model, MINOR.model]);
    assert_eq!(
        asked(&sim),
        BTreeMap::from([("GET /api/v1/models".to_owned(), 2)])
    );

    let found = client
        .version(version(LORA.version(0)))
        .await
        .expect("a version");
    assert_eq!(found.owner(), Some(model(LORA.model)));
    assert_eq!(asked(&sim), once("GET /api/v1/model-versions/{id}"));

    let mini = client
        .version_mini(version(LORA.version(0)), Some(file(LORA.file(0))))
        .await
        .expect("a version");
    assert!(
        mini.air
            .ends_with(&format!("@{}+{}", LORA.version(0), LORA.file(0))),
        "{}",
        mini.air
    );
    assert_eq!(asked(&sim), once("GET /api/v1/model-versions/mini/{id}"));
}

#[tokio::test]
async fn digests() {
    let (sim, client) = anonymous().await;
    let (known, twin) = (sha256(&sim, LORA.file(0)), sha256(&sim, TWIN.file(0)));
    let unknown: HashKey = "0".repeat(64).parse().expect("a digest");

    let found = client.version_by_hash(&known).await.expect("a version");
    assert_eq!(found.id.get(), LORA.version(0));
    assert_eq!(
        asked(&sim),
        once("GET /api/v1/model-versions/by-hash/{hash}")
    );

    let versions = client
        .versions_by_hash(&[known.clone(), twin.clone(), unknown.clone(), known.clone()])
        .await
        .expect("versions");
    assert!(
        versions
            .iter()
            .any(|version| version.id.get() == LORA.version(0))
    );
    assert_eq!(asked(&sim), once("POST /api/v1/model-versions/by-hash"));

    let rows = client
        .version_ids_by_hash(&[known.clone(), twin, unknown])
        .await
        .expect("rows");
    assert!(
        rows.len() >= 2
            && rows
                .iter()
                .any(|row| row.version_id.get() == LORA.version(0)),
        "{rows:?}"
    );
    assert_eq!(asked(&sim), once("POST /api/v1/model-versions/by-hash/ids"));

    let short: HashKey = known.as_str()[..10].parse().expect("a digest");
    assert_eq!(
        client
            .version_ids_by_hash(&[short])
            .await
            .expect_err("no SHA-256")
            .code(),
        "usage"
    );
    assert!(
        client
            .versions_by_hash(&[])
            .await
            .expect("nothing")
            .is_empty()
    );
    assert_eq!(asked(&sim), BTreeMap::new());
}

#[tokio::test]
async fn more_digests_than_one_request_takes_are_split() {
    let (sim, client) = anonymous().await;
    let many: Vec<HashKey> = (0..2500)
        .map(|nth| format!("{nth:064x}").parse().expect("a digest"))
        .collect();
    assert!(
        client
            .version_ids_by_hash(&many)
            .await
            .expect("rows")
            .is_empty()
    );
    assert_eq!(
        asked(&sim),
        BTreeMap::from([("POST /api/v1/model-versions/by-hash/ids".to_owned(), 3)])
    );
}

#[tokio::test]
async fn pictures_people_and_names() {
    let (sim, client) = anonymous().await;
    let mut query = ImageQuery::default();
    query.version = Some(version(LORA.version(0)));
    assert!(!all(client.images(&query)).await.is_empty());
    assert_eq!(asked(&sim), once("GET /api/v1/images"));

    assert!(!all(client.creators(&NameQuery::default())).await.is_empty());
    assert_eq!(asked(&sim), once("GET /api/v1/creators"));
    assert!(
        all(client.tags(&NameQuery::default()))
            .await
            .iter()
            .any(|tag| tag.name == "style")
    );
    assert_eq!(asked(&sim), once("GET /api/v1/tags"));

    assert!(!client.enums().await.expect("enums").base_models.is_empty());
    assert_eq!(asked(&sim), once("GET /api/v1/enums"));

    let users = client
        .users(&UserQuery::Ids(vec![UserId::new(102).expect("an id")]))
        .await
        .expect("users");
    assert_eq!(users[0].username.as_deref(), Some("owner"));
    assert_eq!(asked(&sim), once("GET /api/v1/users"));
}

#[tokio::test]
async fn collections_and_articles() {
    let (sim, client) = anonymous().await;
    let mut query = CollectionQuery::default();
    query.page_size = Some(5);
    let collections = all(client.collections(&query)).await;
    assert_eq!(collections.len(), 13);
    assert_eq!(
        asked(&sim),
        BTreeMap::from([("GET /api/v1/collections".to_owned(), 3)])
    );
    let collection = client
        .collection(CollectionId::new(COLLECTION.into()).expect("an id"))
        .await
        .expect("a collection");
    assert_eq!(collection.name, "Watercolour favourites");
    assert_eq!(asked(&sim), once("GET /api/v1/collections/{id}"));

    let mut query = ArticleQuery::default();
    query.page_size = Some(2);
    assert_eq!(all(client.articles(&query)).await.len(), 5);
    assert_eq!(
        asked(&sim),
        BTreeMap::from([("GET /api/v1/articles".to_owned(), 3)])
    );
    client
        .article(ArticleId::new(ARTICLE.into()).expect("an id"))
        .await
        .expect("an article");
    assert_eq!(asked(&sim), once("GET /api/v1/articles/{id}"));
}

#[tokio::test]
async fn an_account_and_its_vault() {
    let (sim, client) = signed_in(BUYER).await;
    assert_eq!(
        client.me().await.expect("an account").username.as_deref(),
        Some("buyer")
    );
    assert_eq!(asked(&sim), once("GET /api/v1/me"));
    assert!(client.vault().await.expect("a vault").is_some());
    assert_eq!(asked(&sim), once("GET /api/v1/vault/get"));
    all(client.vault_items(&VaultQuery::default())).await;
    assert_eq!(asked(&sim), once("GET /api/v1/vault/all"));
    let checked = client
        .vault_check(&[version(LORA.version(0))])
        .await
        .expect("entries");
    assert_eq!(checked[0].version_id, version(LORA.version(0)));
    assert_eq!(asked(&sim), once("GET /api/v1/vault/check-vault"));

    let (_sim, plain): (Sim, Client) = signed_in(PLAIN).await;
    assert!(plain.vault().await.expect("an answer").is_none());
}

#[tokio::test]
async fn tensors_and_permissions() {
    let (sim, client) = signed_in(PLAIN).await;
    let report = client
        .tensor_metadata(file(LORA.file(0)), TensorDetail::Summary)
        .await
        .expect("a report");
    assert!(report.tensor_count.is_some_and(|count| count > 0) && report.tensors.is_empty());
    assert_eq!(
        asked(&sim),
        once("GET /api/v1/model-files/{id}/tensor-metadata")
    );
    let report = client
        .tensor_metadata(file(LORA.file(0)), TensorDetail::Everything)
        .await
        .expect("a report");
    assert_eq!(Some(report.tensors.len() as u64), report.tensor_count);
    asked(&sim);

    let versions = [LORA, HIDDEN_METRICS].map(|case| version(case.version(0)));
    assert_eq!(
        client
            .can_generate(&versions)
            .await
            .expect("permissions")
            .len(),
        2
    );
    assert_eq!(asked(&sim), once("GET /api/v1/permissions/check"));
    assert!(client.can_generate(&[]).await.expect("nothing").is_empty());
    assert_eq!(asked(&sim), BTreeMap::new());
}
