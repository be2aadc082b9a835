//! Canvases of ComfyUI: what counts, and what only stands there.

use civitai_library::workflow::{Activity, Kind, Reference};
use serde_json::{Value, json};

use super::files::{Folder, told};

fn read(canvas: &Value) -> Vec<Reference> {
    Folder::new().read(canvas.to_string().as_bytes())
}

fn node(reference: &Reference) -> &str {
    reference.node.as_deref().unwrap_or_default()
}

#[test]
fn a_field_that_became_an_input_has_the_value_linked_to_it() {
    let canvas = json!({"nodes": [
        {"id": 1, "type": "PrimitiveNode", "widgets_values": ["new.safetensors", "fixed"], "outputs": [{"links": [5]}]},
        {"id": 2, "type": "Reroute", "inputs": [{"link": 5}], "outputs": [{"links": [6]}]},
        {"id": 3, "type": "CheckpointLoaderSimple", "widgets_values": ["stale.safetensors"],
            "inputs": [{"name": "ckpt_name", "type": "COMBO", "link": 6, "widget": {"name": "ckpt_name"}}]},
        {"id": 4, "type": "DualCLIPLoader", "widgets_values": ["one.safetensors", "stale.safetensors", "flux"],
            "inputs": [{"name": "clip_name2", "type": "COMBO", "link": 7, "widget": {"name": "clip_name2"}}]},
        {"id": 8, "type": "String Literal", "widgets_values": ["two.safetensors"], "outputs": [{"links": [7]}]},
    ], "links": [[5, 1, 0, 2, 0, "COMBO"], [6, 2, 0, 3, 0, "COMBO"], [7, 8, 0, 4, 0, "STRING"]]});
    let found = read(&canvas);
    assert_eq!(
        told(&found),
        [
            (Kind::Checkpoint, "new.safetensors"),
            (Kind::TextEncoder, "one.safetensors"),
            (Kind::TextEncoder, "two.safetensors"),
        ]
    );
    assert_eq!([node(&found[0]), node(&found[2])], ["3", "8"]);
}

#[test]
fn a_link_to_nothing_known_leaves_the_last_value() {
    let canvas = json!({"nodes": [
        {"id": 3, "type": "CheckpointLoaderSimple", "widgets_values": ["last.safetensors"],
            "inputs": [{"name": "ckpt_name", "type": "COMBO", "link": 6, "widget": {"name": "ckpt_name"}}]},
        {"id": 8, "type": "Pick At Random", "widgets_values": [3], "outputs": [{"links": [6]}]},
    ], "links": [[6, 8, 0, 3, 0, "COMBO"]]});
    assert_eq!(
        told(&read(&canvas)),
        [(Kind::Checkpoint, "last.safetensors")]
    );
}

fn subgraph(outer: &Value) -> Value {
    json!({"nodes": [outer], "links": [], "definitions": {"subgraphs": [
        {"id": "11111111-2222", "name": "loader", "inputNode": {"id": -10}, "outputNode": {"id": -20},
         "nodes": [
            {"id": 4, "type": "CheckpointLoaderSimple", "widgets_values": ["inner.safetensors"],
                "inputs": [{"name": "ckpt_name", "type": "COMBO", "link": 1, "widget": {"name": "ckpt_name"}}]},
            {"id": 5, "type": "33333333-4444", "widgets_values": []}],
         "links": [{"id": 1, "origin_id": -10, "origin_slot": 1, "target_id": 4, "target_slot": 0, "type": "COMBO"}]},
        {"id": "33333333-4444", "name": "vae", "links": [],
         "nodes": [{"id": 1, "type": "VAELoader", "widgets_values": ["v.pt"]}]},
        {"id": "55555555-6666", "name": "unused", "links": [],
         "nodes": [{"id": 1, "type": "VAELoader", "widgets_values": ["unused.pt"]}]},
    ]}})
}

#[test]
fn subgraphs_have_what_is_inside_with_what_is_given_from_outside() {
    let inputs = json!([{"name": "seed", "type": "INT", "widget": {"name": "seed"}, "link": null},
        {"name": "ckpt_name", "type": "COMBO", "widget": {"name": "ckpt_name"}, "link": null}]);
    let outer = json!({"id": 9, "type": "11111111-2222", "inputs": inputs, "widgets_values": [1, "outer.safetensors"]});
    let found = read(&subgraph(&outer));
    assert_eq!(
        told(&found),
        [(Kind::Checkpoint, "outer.safetensors"), (Kind::Vae, "v.pt")]
    );
    assert_eq!([node(&found[0]), node(&found[1])], ["9:4", "9:5:1"]);
    let outer = json!({"id": 9, "type": "11111111-2222", "inputs": inputs, "widgets_values": [], "mode": 4});
    let found = read(&subgraph(&outer));
    assert_eq!(
        told(&found),
        [(Kind::Checkpoint, "inner.safetensors"), (Kind::Vae, "v.pt")]
    );
    assert!(
        found
            .iter()
            .all(|reference| reference.activity == Activity::Bypassed)
    );
}

#[test]
fn muted_nodes_and_rows_are_told_as_such() {
    let canvas = json!({"nodes": [
        {"id": 1, "type": "LoraLoader", "mode": 2, "widgets_values": ["muted.safetensors", 1, 1]},
        {"id": 2, "type": "LoraLoaderModelOnly", "mode": 4, "widgets_values": ["bypassed.safetensors", 1]},
        {"id": 3, "type": "Power Lora Loader (rgthree)", "widgets_values": [{}, {"type": "header"},
            {"on": false, "lora": "off.safetensors", "strength": 1}, {"on": true, "lora": "on.safetensors", "strength": 1}]},
        {"id": 4, "type": "CR LoRA Stack", "widgets_values": ["Off", "row1.safetensors", 1, 1, "On", "row2.safetensors", 1, 1]},
        {"id": 5, "type": "Lora Loader (LoraManager)", "widgets_values": ["<lora:text:1>",
            [{"name": "text", "strength": 1, "active": true}, {"name": "idle", "strength": 1, "active": false}]]},
    ], "links": []});
    let found = read(&canvas);
    let activity: Vec<_> = found
        .iter()
        .map(|reference| {
            (
                reference.name.as_deref().unwrap_or_default(),
                reference.activity,
            )
        })
        .collect();
    assert_eq!(
        activity,
        [
            ("muted.safetensors", Activity::Muted),
            ("bypassed.safetensors", Activity::Bypassed),
            ("off.safetensors", Activity::Muted),
            ("on.safetensors", Activity::Active),
            ("row1.safetensors", Activity::Muted),
            ("row2.safetensors", Activity::Active),
            ("text", Activity::Active),
            ("idle", Activity::Muted),
        ]
    );
    assert!(
        found.iter().all(|reference| reference.kind == Kind::Lora),
        "{found:?}"
    );
}

#[test]
fn notes_displays_and_saved_names_are_no_references() {
    let canvas = json!({"nodes": [
        {"id": 1, "type": "Note", "widgets_values": ["x.safetensors"]},
        {"id": 2, "type": "MarkdownNote", "widgets_values": ["Put these files:\nclip_g.safetensors"]},
        {"id": 3, "type": "ShowText|pysssss", "widgets_values": [["shown.safetensors"]]},
        {"id": 4, "type": "CheckpointSave", "widgets_values": ["checkpoints/ComfyUI"]},
        {"id": 5, "type": "LoraLoader", "widgets_values": ["None", 1, 1]},
    ], "links": []});
    assert_eq!(read(&canvas), []);
}

#[test]
fn nodes_nobody_has_heard_of_are_judged_by_what_they_give() {
    let outputs = |kinds: &[&str]| -> Value {
        kinds
            .iter()
            .map(|kind| json!({"name": kind, "type": kind, "links": []}))
            .collect()
    };
    let canvas = json!({"nodes": [
        {"id": 1, "type": "Very Special", "widgets_values": [1, "a/b.safetensors"], "outputs": outputs(&["MODEL", "CLIP", "VAE"])},
        {"id": 2, "type": "Another", "widgets_values": {"file": "c.gguf"}, "outputs": outputs(&["MODEL"])},
        {"id": 3, "type": "Third", "widgets_values": [{"content": "d.pt", "image": "d.png"}], "outputs": outputs(&["IMAGE"])},
        {"id": 4, "type": "Fourth", "widgets_values": ["urn:air:sdxl:lora:civitai:1@22", "https://civitai.com/models/3?modelVersionId=44"]},
    ], "links": []});
    let found = read(&canvas);
    assert_eq!(
        told(&found[..3]),
        [
            (Kind::Checkpoint, "a/b.safetensors"),
            (Kind::DiffusionModel, "c.gguf"),
            (Kind::Other, "d.pt"),
        ]
    );
    let versions: Vec<_> = found[3..]
        .iter()
        .map(|reference| {
            (
                reference.kind,
                reference.version.map(civitai_api::VersionId::get),
            )
        })
        .collect();
    assert_eq!(versions, [(Kind::Lora, Some(22)), (Kind::Other, Some(44))]);
}

#[test]
fn a_template_tells_digest_and_address_of_the_file_it_means() {
    let sha256 = "a".repeat(64);
    let canvas = json!({"nodes": [
        {"id": 1, "type": "VAELoader", "widgets_values": ["ae.safetensors"], "properties": {"models": [
            {"name": "ae.safetensors", "url": "https://example.org/ae.safetensors?token=0123456789abcdef0123", "hash": sha256,
             "hash_type": "SHA256", "directory": "vae"}]}},
        {"id": 2, "type": "VAELoader", "widgets_values": ["mine.safetensors"], "properties": {"models": [
            {"name": "ae.safetensors", "url": "https://example.org/ae.safetensors", "hash": sha256}]}},
    ], "links": []});
    let found = read(&canvas);
    assert!(found[0].hash.is_some() && found[1].hash.is_none());
    let url = found[0].url.as_deref().unwrap_or_default();
    assert!(
        url.starts_with("https://example.org/") && !url.contains("0123456789abcdef"),
        "{url}"
    );
}

#[test]
fn groups_of_the_old_kind_take_their_kinds_from_the_template() {
    let canvas = json!({"nodes": [{"id": 1, "type": "workflow>pair", "widgets_values": ["a.pt", "b.pt"]}], "links": [],
        "extra": {"groupNodes": {"pair": {"nodes": [
            {"type": "VAELoader", "widgets_values": ["x.pt"]}, {"type": "UpscaleModelLoader", "widgets_values": ["y.pt"]}]}}}});
    assert_eq!(
        told(&read(&canvas)),
        [(Kind::Vae, "a.pt"), (Kind::Upscaler, "b.pt")]
    );
}
