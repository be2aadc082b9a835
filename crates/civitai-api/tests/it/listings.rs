//! Listings end only where the site ends them, hold nothing twice, and know what they do not have.

use std::collections::BTreeSet;

use civitai_api::envelope::ModelSort;
use civitai_api::query::{ImageQuery, ModelQuery, NameQuery};
use civitai_api::{Completeness, Gap, ImageId, Listing, Model, ModelId, Search};
use civitai_sim::fault::{Knob, Scope};
use civitai_sim::seed::{LORA, PROLIFIC, PROLIFIC_MODELS};
use futures::{StreamExt, TryStreamExt};

use crate::canned::{Canned, answer, json};
use crate::site::{anonymous, client_at};

pub(crate) async fn ids(mut listing: Listing<Model>) -> (Vec<u32>, Completeness, u32) {
    let mut found = Vec::new();
    while let Some(model) = listing.next().await {
        found.push(model.expect("a model").id.get());
    }
    let completeness = listing.completeness();
    (found, completeness, listing.requests())
}

fn all_of_prolific() -> BTreeSet<u32> {
    PROLIFIC_MODELS.collect()
}

fn prolific(sort: Option<ModelSort>, page_size: u32) -> ModelQuery {
    let mut query = ModelQuery::default();
    query.username = Some(PROLIFIC.name.to_owned());
    query.sort = sort;
    query.page_size = Some(page_size);
    query
}

#[tokio::test]
async fn the_tied_set_is_listed_whole_and_once_in_every_order_and_page_size() {
    let (_sim, client) = anonymous().await;
    for name in ModelSort::KNOWN {
        for page_size in [7, 30, 100] {
            let query = prolific(Some(ModelSort::from(*name)), page_size);
            let (found, completeness, _) = ids(client.models(&query)).await;
            let distinct: BTreeSet<u32> = found.iter().copied().collect();
            assert_eq!(distinct.len(), found.len(), "{name} by {page_size} repeats");
            assert_eq!(
                completeness,
                Completeness::Complete,
                "{name} by {page_size}"
            );
            assert_eq!(distinct, all_of_prolific(), "{name} by {page_size}");
        }
    }
}

#[tokio::test]
async fn what_the_newest_first_order_loses_costs_one_request_more() {
    let (_sim, client) = anonymous().await;
    let steady = ids(client.models(&prolific(None, 100))).await;
    let newest = ids(client.models(&prolific(Some(ModelSort::Newest), 100))).await;
    assert_eq!((steady.2, newest.2), (3, 4));
}

#[tokio::test]
async fn a_limited_listing_holds_what_a_boundary_lost_in_its_place() {
    let (_sim, client) = anonymous().await;
    let query = prolific(Some(ModelSort::Newest), 100);
    let (whole, _, _) = ids(client.models(&query).with_limit(250)).await;
    let dates: Vec<u32> = whole
        .iter()
        .map(|id| (id - PROLIFIC_MODELS.start()) / 30)
        .collect();
    assert_eq!(whole.len(), 250);
    assert!(dates.is_sorted(), "{whole:?}");
    let (first, completeness, requests) = ids(client.models(&query).with_limit(150)).await;
    assert_eq!(first, whole[..150]);
    assert_eq!(
        (completeness, requests),
        (Completeness::Incomplete(Gap::Unfinished), 3)
    );
}

#[tokio::test]
async fn a_lost_item_that_cannot_be_asked_for_is_told() {
    let page = r#"{"items":[{"id":1}],"metadata":{"nextCursor":"2026|2"}}"#;
    let last = r#"{"items":[{"id":3}],"metadata":{}}"#;
    let denied = answer("403 Forbidden", "Content-Type: application/json\r\n", b"{}");
    // The order that loses nothing is asked next, and leads in a circle.
    let circle = r#"{"items":[{"id":1}],"metadata":{"nextCursor":"same"}}"#;
    let server = Canned::start(vec![json(page), json(last), denied, json(circle)]).await;
    let client = client_at(server.url()).build().expect("a client");
    let mut query = ModelQuery::default();
    query.sort = Some(ModelSort::Newest);
    let (found, completeness, _) = ids(client.models(&query)).await;
    assert_eq!(found, [1, 3]);
    assert_eq!(
        completeness,
        Completeness::Incomplete(Gap::Boundaries { boundaries: 1 })
    );
}

#[tokio::test]
async fn a_listing_cut_by_its_limit_says_so() {
    let (_sim, client) = anonymous().await;
    let search = Search::default()
        .with_username(PROLIFIC.name)
        .with_limit(20);
    let (found, completeness, requests) = ids(client.search(&search)).await;
    assert_eq!((found.len(), requests), (20, 1));
    assert_eq!(completeness, Completeness::Incomplete(Gap::Unfinished));
    let (found, completeness, _) = ids(client.search(&search.with_limit(250))).await;
    assert_eq!((found.len(), completeness), (250, Completeness::Complete));
}

#[tokio::test]
async fn quirk_01_a_cursor_that_leads_nowhere_new_ends_the_listing_with_the_reason() {
    let (sim, client) = anonymous().await;
    sim.faults()
        .add(Knob::CursorLoop.within(Scope::site().route("/api/v1/models*")));
    let (found, completeness, requests) = ids(client.models(&prolific(None, 100))).await;
    assert!(found.len() < 250, "{}", found.len());
    assert_eq!(completeness, Completeness::Incomplete(Gap::Loop));
    assert!(requests < 6, "{requests}");
}

#[tokio::test]
async fn a_loop_in_one_order_is_made_good_by_the_steady_one() {
    let (sim, client) = anonymous().await;
    sim.faults()
        .add(Knob::CursorLoop.within(Scope::site().route("/api/v1/models*").attempts(1..=2)));
    let (found, completeness, _) =
        ids(client.models(&prolific(Some(ModelSort::MostDownloaded), 100))).await;
    assert_eq!(found.len(), 250);
    assert_eq!(completeness, Completeness::Complete);
}

#[tokio::test]
async fn repeated_items_come_once() {
    let (sim, client) = anonymous().await;
    sim.faults()
        .add(Knob::DupItems.within(Scope::site().route("/api/v1/models*")));
    let (found, completeness, _) = ids(client.models(&prolific(None, 50))).await;
    assert_eq!((found.len(), completeness), (250, Completeness::Complete));
}

#[tokio::test]
async fn an_empty_page_does_not_keep_the_pages_after_it_back() {
    let (sim, client) = anonymous().await;
    let second = Scope::site().route("/api/v1/models*").attempts(2..=2);
    sim.faults().add(Knob::EmptyPage.within(second));
    let (found, _, requests) = ids(client.models(&prolific(None, 50))).await;
    assert_eq!((found.len(), requests), (200, 5));
}

#[tokio::test]
async fn quirk_05_a_refused_cursor_is_tried_once_with_smaller_pages_and_then_told() {
    let page = r#"{"items":[{"id":1}],"metadata":{"nextCursor":"a|1"}}"#;
    let refusal = answer(
        "400 Bad Request",
        "Content-Type: application/json\r\n",
        br#"{"message":"Invalid cursor"}"#,
    );
    let server = Canned::start(vec![json(page), refusal]).await;
    let client = client_at(server.url()).build().expect("a client");
    let (found, completeness, _) = ids(client.models(&ModelQuery::default())).await;
    assert_eq!(found, [1]);
    assert_eq!(
        completeness,
        Completeness::Incomplete(Gap::Cursor { status: 400 })
    );
    let asked: Vec<String> = server
        .seen()
        .iter()
        .filter_map(|head| head.lines().next().map(str::to_owned))
        .collect();
    assert_eq!(asked.len(), 3);
    assert!(
        asked[1].contains("limit=100") && asked[2].contains("limit=50"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_boundary_whose_item_cannot_be_named_is_made_good_by_another_order() {
    let opaque = r#"{"items":[{"id":1}],"metadata":{"nextCursor":"opaque"}}"#;
    let last = r#"{"items":[{"id":3}],"metadata":{}}"#;
    let steady = r#"{"items":[{"id":1},{"id":2},{"id":3}],"metadata":{}}"#;
    let server = Canned::start(vec![json(opaque), json(last), json(steady)]).await;
    let client = client_at(server.url()).build().expect("a client");
    let mut query = ModelQuery::default();
    query.sort = Some(ModelSort::Newest);
    let (found, completeness, _) = ids(client.models(&query)).await;
    assert_eq!(
        (found, completeness),
        (vec![1, 3, 2], Completeness::Complete)
    );
    assert!(server.seen()[2].contains("sort=highest%20rated"));
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_left_out_and_counted() {
    let server = Canned::start(vec![json(
        r#"{"items":[{"id":1},null,{"name":"x"},{"id":"2"}],"metadata":{}}"#,
    )])
    .await;
    let client = client_at(server.url()).build().expect("a client");
    let (found, completeness, _) = ids(client.models(&ModelQuery::default())).await;
    assert_eq!(found, [1, 2]);
    assert_eq!(
        completeness,
        Completeness::Incomplete(Gap::Unreadable { items: 2 })
    );
}

#[tokio::test]
async fn an_error_ends_the_stream_and_the_listing_says_so() {
    let page = r#"{"items":[{"id":1}],"metadata":{"nextCursor":"a|1"}}"#;
    let denied = answer(
        "403 Forbidden",
        "Content-Type: application/json\r\n",
        br#"{"error":"Forbidden"}"#,
    );
    let server = Canned::start(vec![json(page), denied]).await;
    let client = client_at(server.url()).build().expect("a client");
    let mut listing = client.models(&ModelQuery::default());
    assert!(listing.next().await.is_some_and(|item| item.is_ok()));
    assert_eq!(
        listing
            .next()
            .await
            .and_then(Result::err)
            .map(|error| error.code()),
        Some("no_access")
    );
    assert!(listing.next().await.is_none());
    assert_eq!(
        listing.completeness(),
        Completeness::Incomplete(Gap::Failed)
    );
}

#[tokio::test]
async fn pictures_lost_between_pages_are_asked_for_one_by_one() {
    let (_sim, client) = anonymous().await;
    let mut query = ImageQuery::default();
    query.model = ModelId::new(LORA.model.into());
    query.levels = Some(civitai_api::NsfwLevel::ALL);
    let whole: BTreeSet<Option<ImageId>> = collect(client.images(&query)).await;
    query.page_size = Some(9);
    assert_eq!(collect(client.images(&query)).await, whole);
    assert!(whole.len() > 50, "{}", whole.len());
}

async fn collect(listing: Listing<civitai_api::Image>) -> BTreeSet<Option<ImageId>> {
    listing
        .map_ok(|image| image.id)
        .try_collect()
        .await
        .expect("pictures")
}

#[tokio::test]
async fn creators_in_no_order_are_complete_only_if_all_came_by() {
    let page = |names: [&str; 2]| {
        json(&format!(
            r#"{{"items":[{{"username":"{}"}},{{"username":"{}"}}],"metadata":{{"totalItems":4,"totalPages":2}}}}"#,
            names[0], names[1]
        ))
    };
    let end = json(r#"{"items":[],"metadata":{"totalItems":4}}"#);
    let mut query = NameQuery::default();
    query.page_size = Some(2);
    for (second, expected) in [
        (["c", "d"], Completeness::Complete),
        (
            ["b", "c"],
            Completeness::Incomplete(Gap::Unordered { missing: 1 }),
        ),
    ] {
        let server = Canned::start(vec![page(["a", "b"]), page(second), end.clone()]).await;
        let client = client_at(server.url()).build().expect("a client");
        let mut listing = client.creators(&query);
        while let Some(creator) = listing.next().await {
            creator.expect("a creator");
        }
        assert_eq!(listing.completeness(), expected);
    }
}
