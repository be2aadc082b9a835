//! Knobs that spoil the site's JSON.

use std::time::Duration;

use civitai_sim::Sim;
use civitai_sim::fault::{Knob, Scope};
use serde_json::Value;

use crate::world::{fetch, start};

async fn json(sim: &Sim, target: &str) -> Value {
    let answer = fetch(&sim.site_url().join(target).unwrap(), &[]).await;
    serde_json::from_slice(&answer.body).unwrap()
}

const MODEL: &str = "/api/v1/models/1";
const PAGE: &str = "/api/v1/models?limit=1&sort=Most%20Downloaded";

#[tokio::test]
async fn json_truncated_ends_in_the_middle_with_a_true_length() {
    let sim = start().await;
    sim.faults().add(Knob::JsonTruncated);
    let answer = fetch(&sim.site_url().join(MODEL).unwrap(), &[]).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.header("content-length"),
        Some(answer.body.len().to_string().as_str())
    );
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err_and(|error| error.is_eof()));
}

#[tokio::test]
async fn json_extra_fields_reach_every_object() {
    let sim = start().await;
    sim.faults().add(Knob::JsonExtraFields);
    let model = json(&sim, MODEL).await;
    assert_eq!(model["unheardOf"]["list"][2], "two");
    assert!(model["modelVersions"][0]["files"][0]["unheardOf"].is_object());
    assert_eq!(model["name"], "Watercolour");
}

#[tokio::test]
async fn json_null_everywhere_leaves_only_ids() {
    let sim = start().await;
    sim.faults().add(Knob::JsonNullEverywhere);
    let model = json(&sim, MODEL).await;
    assert_eq!(
        (model["id"].as_u64(), &model["name"]),
        (Some(1), &Value::Null)
    );
    assert_eq!(model["modelVersions"][0]["files"][0]["sizeKB"], Value::Null);
}

#[tokio::test]
async fn unknown_enum_replaces_known_values() {
    let sim = start().await;
    sim.faults().add(Knob::UnknownEnum);
    let model = json(&sim, MODEL).await;
    assert_eq!(model["type"], "Unheard Of 9000");
    assert_eq!(model["modelVersions"][0]["baseModel"], "Unheard Of 9000");
}

#[tokio::test]
async fn cursor_loop_leads_a_page_back_to_itself() {
    let sim = start().await;
    let first = json(&sim, PAGE).await;
    let cursor = first["metadata"]["nextCursor"].as_str().unwrap();
    let mut second = sim.site_url().join(PAGE).unwrap();
    second.query_pairs_mut().append_pair("cursor", cursor);
    sim.faults().add(Knob::CursorLoop);
    let page: Value = serde_json::from_slice(&fetch(&second, &[]).await.body).unwrap();
    assert_eq!(page["metadata"]["nextCursor"], cursor);
}

#[tokio::test]
async fn empty_page_has_a_cursor_and_dup_items_repeat() {
    let sim = start().await;
    let id = sim.faults().add(Knob::EmptyPage);
    let page = json(&sim, PAGE).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(0));
    assert!(page["metadata"]["nextCursor"].is_string());
    sim.faults().remove(id);
    sim.faults().add(Knob::DupItems);
    let page = json(&sim, PAGE).await;
    assert_eq!(page["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(page["items"][0], page["items"][1]);
}

#[tokio::test]
async fn stale_cache_shows_the_past_until_it_runs_out() {
    let sim = start().await;
    sim.faults().add(
        Knob::StaleCache {
            duration: Duration::from_mins(1),
        }
        .within(Scope::site()),
    );
    assert_eq!(json(&sim, MODEL).await["name"], "Watercolour");
    "Gouache".clone_into(&mut sim.state().model_mut(1).unwrap().name);
    assert_eq!(json(&sim, MODEL).await["name"], "Watercolour");
    sim.clock().advance(Duration::from_mins(1));
    assert_eq!(json(&sim, MODEL).await["name"], "Gouache");
}
