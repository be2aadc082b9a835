//! Oddities of lists and searches.

use std::collections::BTreeSet;

use civitai_api::envelope::ModelSort;
use civitai_api::query::{ImageQuery, ModelQuery, NameQuery, VaultQuery};
use civitai_api::{
    Completeness, Gap, ImageId, ModelId, ModelType, NsfwLevel, Search, VaultItemId, VaultPart,
    VersionId,
};
use civitai_sim::seed::{BUYER, LORA, MATURE, MINOR, PROLIFIC, PROLIFIC_MODELS};
use futures::TryStreamExt;

use super::targets;
use crate::canned::{Canned, json};
use crate::listings::ids;
use crate::requests::status;
use crate::site::{anonymous, client_at, signed_in};

#[tokio::test]
async fn quirk_01_models_are_never_asked_for_by_page_number() {
    let (sim, client) = anonymous().await;
    let mut query = ModelQuery::default();
    query.username = Some(PROLIFIC.name.to_owned());
    query.page_size = Some(100);
    assert_eq!(ids(client.models(&query)).await.0.len(), 250);
    let targets = targets(&sim);
    assert_eq!(targets.len(), 3);
    assert!(
        targets.iter().all(|target| !target.contains("page=")),
        "{targets:?}"
    );
    assert!(
        targets[1..].iter().all(|target| target.contains("cursor=")),
        "{targets:?}"
    );
}

#[tokio::test]
async fn quirk_02_what_falls_between_two_pages_is_asked_for_by_id() {
    let (sim, client) = anonymous().await;
    let mut query = ModelQuery::default();
    query.username = Some(PROLIFIC.name.to_owned());
    query.sort = Some(ModelSort::Newest);
    let (found, completeness, requests) = ids(client.models(&query)).await;
    assert_eq!(
        found.iter().copied().collect::<BTreeSet<_>>(),
        PROLIFIC_MODELS.collect()
    );
    assert_eq!(
        (found.len(), completeness, requests),
        (250, Completeness::Complete, 4)
    );
    let last = targets(&sim).pop().expect("requests");
    assert!(
        last.contains("ids=") && last.contains("username=prolific"),
        "{last}"
    );
}

#[tokio::test]
async fn quirk_03_an_empty_page_with_a_cursor_is_not_the_end() {
    let empty = r#"{"items":[],"metadata":{"nextCursor":"50"}}"#;
    let more = r#"{"items":[{"id":1}],"metadata":{}}"#;
    let server = Canned::start(vec![
        json(empty),
        json(&empty.replace("50", "100")),
        json(more),
    ])
    .await;
    let client = client_at(server.url()).build().expect("a client");
    let (found, completeness, requests) = ids(client.models(&ModelQuery::default())).await;
    assert_eq!(
        (found, completeness, requests),
        (vec![1], Completeness::Complete, 3)
    );
}

#[tokio::test]
async fn quirk_04_the_next_page_is_asked_from_the_configured_site_without_its_token() {
    let other = Canned::start(vec![json("{}")]).await;
    let first = format!(
        r#"{{"items":[{{"id":1}}],"metadata":{{"nextCursor":"a|1","nextPage":"{}models?token=x&cursor=a"}}}}"#,
        other.url()
    );
    let server = Canned::start(vec![
        json(&first),
        json(r#"{"items":[{"id":2}],"metadata":{}}"#),
    ])
    .await;
    let client = client_at(server.url()).build().expect("a client");
    assert_eq!(ids(client.models(&ModelQuery::default())).await.0, [1, 2]);
    assert!(other.seen().is_empty());
    assert!(server.seen().iter().all(|head| !head.contains("token")));
}

#[tokio::test]
async fn quirk_05_cursors_and_queries_are_encoded_strictly() {
    let page = r#"{"items":[{"id":1}],"metadata":{"nextCursor":"2025-12-18 09:16:12.062|12345%"}}"#;
    let server = Canned::start(vec![json(page), json(r#"{"items":[],"metadata":{}}"#)]).await;
    let client = client_at(server.url()).build().expect("a client");
    ids(client.search(&Search::default().with_query("100% 水彩"))).await;
    let seen = server.seen();
    assert!(
        seen[0].contains("query=100%25%20%e6%b0%b4%e5%bd%a9"),
        "{}",
        seen[0]
    );
    assert!(
        seen[1].contains("cursor=2025-12-18%2009%3a16%3a12.062%7c12345%25"),
        "{}",
        seen[1]
    );
}

#[tokio::test]
async fn quirk_06_several_types_and_base_models_are_all_listed() {
    let (_sim, client) = anonymous().await;
    let mut search = Search::default();
    search.types = vec![ModelType::TextualInversion, ModelType::Checkpoint];
    search.base_models = vec!["SD 1.5".into(), "Flux.1 D".into()];
    let found: Vec<_> = client.search(&search).try_collect().await.expect("models");
    let kinds: BTreeSet<_> = found
        .iter()
        .filter_map(|model| model.kind.clone())
        .collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
}

#[tokio::test]
async fn quirk_07_flags_that_are_off_are_left_out() {
    let (sim, client) = anonymous().await;
    ids(client.models(&ModelQuery::default()).with_limit(1)).await;
    assert_eq!(targets(&sim), ["/api/v1/models?limit=100"]);
    let mut query = ModelQuery::default();
    query.supports_generation = true;
    query.primary_file_only = true;
    ids(client.models(&query).with_limit(1)).await;
    assert_eq!(
        targets(&sim)[1],
        "/api/v1/models?supportsGeneration=true&primaryFileOnly=true&limit=100"
    );
}

#[tokio::test]
async fn quirk_08_conditions_the_site_refuses_are_applied_here() {
    let (sim, client) = anonymous().await;
    let mut search = Search::default().with_username(PROLIFIC.name);
    search.min_downloads = Some(4);
    search.no_credit = Some(true);
    let (found, completeness, _) = ids(client.search(&search)).await;
    let state = sim.state();
    let expected: BTreeSet<u32> = PROLIFIC_MODELS
        .filter(|id| state.models[id].stats.downloads >= 4 && state.models[id].allow_no_credit)
        .collect();
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(completeness.is_complete());
}

#[tokio::test]
async fn quirk_09_an_unknown_tag_finds_nothing_instead_of_everything() {
    let (sim, client) = anonymous().await;
    let (found, completeness, requests) =
        ids(client.search(&Search::default().with_tag("no such tag"))).await;
    assert_eq!((found, requests), (vec![], 1));
    assert_eq!(completeness, Completeness::Incomplete(Gap::UnknownTag));
    sim.log().clear();
    let (found, completeness, _) =
        ids(client.search(&Search::default().with_tag("Watercolour"))).await;
    assert_eq!(
        (found, completeness),
        (vec![LORA.model], Completeness::Complete)
    );
}

#[tokio::test]
async fn quirk_10_both_readings_of_the_catalogue_are_merged_above_pg() {
    let (_sim, client) = anonymous().await;
    let found = |level| {
        let search = Search::default().with_level(level);
        let listing = client.search(&search);
        async {
            let (found, completeness, _) = ids(listing).await;
            assert_eq!(completeness, Completeness::Complete);
            let distinct: BTreeSet<u32> = found.iter().copied().collect();
            assert_eq!(distinct.len(), found.len());
            distinct
        }
    };
    let pg = found(NsfwLevel::PG).await;
    assert!(pg.contains(&MINOR.model) && !pg.contains(&MATURE.model));
    let r = found(NsfwLevel::R).await;
    assert!(r.contains(&MINOR.model) && !r.contains(&MATURE.model));
    let all = found(NsfwLevel::XXX).await;
    assert!(all.contains(&MINOR.model) && all.contains(&MATURE.model) && all.is_superset(&pg));

    let mut query = ImageQuery::default();
    query.version = VersionId::new(LORA.version(0).into());
    query.levels = Some(NsfwLevel::ALL);
    let images: Vec<_> = client.images(&query).try_collect().await.expect("pictures");
    let levels: BTreeSet<_> = images
        .iter()
        .filter_map(|image| image.browsing_level)
        .collect();
    assert!(
        levels.contains(&NsfwLevel::PG) && levels.contains(&NsfwLevel::R),
        "{levels:?}"
    );
}

#[tokio::test]
async fn quirk_35_tags_are_paged_until_a_page_is_short() {
    let (sim, client) = anonymous().await;
    let mut query = NameQuery::default();
    query.page_size = Some(4);
    let tags: Vec<_> = client.tags(&query).try_collect().await.expect("tags");
    let names: BTreeSet<&str> = tags.iter().map(|tag| tag.name.as_str()).collect();
    assert_eq!(names.len(), tags.len());
    assert!(tags.len() >= 15, "{names:?}");
    assert_eq!(sim.log().entries().len(), tags.len() / 4 + 1);
}

#[tokio::test]
async fn quirk_36_generation_data_is_asked_for_and_comes_flat_from_both_paths() {
    let (_sim, client) = anonymous().await;
    let mut query = ImageQuery::default();
    query.with_meta = true;
    query.model = ModelId::new(LORA.model.into());
    let legacy: Vec<_> = client.images(&query).try_collect().await.expect("pictures");
    query.version = VersionId::new(LORA.version(0).into());
    let indexed: Vec<_> = client.images(&query).try_collect().await.expect("pictures");
    for images in [legacy, indexed] {
        let metas: Vec<_> = images
            .iter()
            .filter_map(|image| image.meta.as_ref())
            .collect();
        assert!(
            !metas.is_empty() && metas.iter().all(|meta| meta.contains_key("prompt")),
            "{metas:?}"
        );
    }
}

#[tokio::test]
async fn quirk_37_a_version_is_named_where_an_order_is_wanted() {
    let (sim, client) = anonymous().await;
    let mut query = ImageQuery::default();
    query.version = VersionId::new(LORA.version(0).into());
    query.sort = Some("Oldest".into());
    let images: Vec<_> = client.images(&query).try_collect().await.expect("pictures");
    let dates: Vec<_> = images.iter().map(|image| image.created_at).collect();
    assert!(dates.is_sorted() && dates.len() > 1);
    assert!(targets(&sim)[0].contains("modelVersionId="));
}

#[tokio::test]
async fn quirk_38_a_picture_of_any_level_is_found_by_its_id() {
    let (_sim, client) = anonymous().await;
    // Every fifth picture of the gallery is rated R.
    let mature = client
        .image(ImageId::new(50_006).expect("an id"))
        .await
        .expect("an answer")
        .expect("a picture");
    assert_eq!(mature.browsing_level, Some(NsfwLevel::R));
    assert!(
        client
            .image(ImageId::new(999_999).expect("an id"))
            .await
            .expect("an answer")
            .is_none()
    );
}

#[tokio::test]
async fn quirk_39_the_vault_is_filtered_here_and_its_503_is_final() {
    let (sim, client) = signed_in(BUYER).await;
    let mut query = VaultQuery::default();
    query.types = vec![ModelType::Lora];
    client
        .vault_items(&query)
        .try_collect::<Vec<_>>()
        .await
        .expect("no failure");
    assert!(!targets(&sim)[0].contains("types"));
    let body = r#"{"error":"You do not have permission to download this model."}"#;
    sim.faults()
        .add(status(503, &[("Content-Type", "application/json")], body));
    let item = VaultItemId::new(1).expect("an id");
    let error = client
        .exchange_vault(item, VaultPart::Details)
        .await
        .expect_err("forbidden");
    assert_eq!((error.code(), error.is_transient()), ("no_access", false));
}
