//! What a workflow or a picture uses, and what of it is missing.

use serde_json::{Value, json};

use crate::user::{Ran, Site, User};

const WORKFLOW: &str = r#"{
    "3": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "harbourMixXL_v10.safetensors"}},
    "4": {"class_type": "LoraLoader", "inputs": {"lora_name": "style\\watercolour_fields.safetensors", "model": ["3", 0]}},
    "5": {"class_type": "VAELoader", "inputs": {"vae_name": "mine.pt"}},
    "6": {"class_type": "UpscaleModelLoader", "inputs": {"model_name": "nobody_has_this.pth"}}
}"#;

fn references(ran: &Ran) -> Vec<Value> {
    let is_reference = |line: &Value| line["type"] == "reference";
    ran.lines().into_iter().filter(is_reference).collect()
}

fn statuses(ran: &Ran) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let references = references(ran).into_iter();
    references
        .map(|line| (text(&line["kind"]), text(&line["status"])))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(kind, status): &(&str, &str)| ((*kind).to_owned(), (*status).to_owned());
    expected.iter().map(owned).collect()
}

#[test]
fn what_is_here_is_told_from_what_the_site_has_and_what_nobody_has() {
    let site = Site::start();
    let user = User::of(&site);
    let file = user.write("workflow.json", WORKFLOW);
    user.write("models/vae/mine.pt", "a VAE");
    let words = [
        "--library",
        "models",
        "from-workflow",
        "--json",
        "workflow.json",
    ];
    let ran = user.run(&words).exits(0);
    let expected = [
        ("checkpoint", "missing"),
        ("lora", "missing"),
        ("vae", "present"),
        ("upscaler", "unknown"),
    ];
    assert_eq!(statuses(&ran), pairs(&expected));
    let lines = references(&ran);
    assert_eq!(lines[1]["name"], "style\\watercolour_fields.safetensors");
    assert_eq!(lines[1]["node"], "4");
    assert_eq!(lines[1]["path"], "workflow.json");
    assert_eq!(lines[1]["candidates"][0]["modelId"], 1001);
    assert_eq!(lines[1]["candidates"][0]["versionId"], 10010);
    assert_eq!(lines[2]["candidates"][0]["path"], "vae/mine.pt");
    let summary = ran.line("summary");
    assert_eq!(
        [
            &summary["references"],
            &summary["present"],
            &summary["missing"],
            &summary["unknown"]
        ],
        [4, 1, 2, 1]
    );
    assert_eq!(summary["online"], true);
    assert!(file.exists());
}

#[test]
fn a_digest_counts_more_than_a_name() {
    let site = Site::start();
    let user = User::of(&site);
    let model = user.run(&["info", "1002", "--json"]).exits(0).line("model");
    let hash = model["model"]["modelVersions"][0]["files"][0]["hashes"]["AutoV2"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    user.write(
        "picture.txt",
        format!("cat\nSteps: 20, Sampler: Euler, Model hash: {hash}, Model: renamed, Lora hashes: \"gone: 0123456789ab\""),
    );
    let ran = user
        .run(&["from-workflow", "--json", "picture.txt"])
        .exits(0);
    assert_eq!(
        statuses(&ran),
        pairs(&[("checkpoint", "missing"), ("lora", "unknown")])
    );
    let lines = references(&ran);
    assert_eq!(lines[0]["hash"], hash.to_ascii_lowercase());
    assert_eq!(lines[0]["candidates"][0]["modelId"], 1002);
    assert_eq!(lines[0]["candidates"][0]["score"], 1.0);
}

#[test]
fn without_the_site_the_library_still_counts() {
    let user = User::new();
    user.write("workflow.json", WORKFLOW);
    user.write("models/vae/mine.pt", "a VAE");
    let expected = [
        ("checkpoint", "missing"),
        ("lora", "missing"),
        ("vae", "present"),
        ("upscaler", "missing"),
    ];
    let offline = [
        "--library",
        "models",
        "from-workflow",
        "--offline",
        "--json",
        "workflow.json",
    ];
    let ran = user.run(&offline).exits(0);
    assert_eq!(statuses(&ran), pairs(&expected));
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    // A port that nobody listens at.
    let gone = [
        "--base-url",
        "http://127.0.0.1:9",
        "--library",
        "models",
        "from-workflow",
        "--json",
        "workflow.json",
    ];
    let ran = user.run(&gone).exits(0);
    assert_eq!(statuses(&ran), pairs(&expected));
    assert!(ran.stderr.contains("could not be asked"), "{}", ran.stderr);
    assert_eq!(ran.line("summary")["online"], false);
}

#[test]
fn a_bad_file_is_named_and_the_rest_goes_on() {
    let user = User::new();
    user.write("workflow.json", WORKFLOW);
    user.write("broken.json", "{\"nodes\": [");
    let words = [
        "from-workflow",
        "--offline",
        "--json",
        "broken.json",
        "workflow.json",
        "not there.png",
    ];
    let ran = user.run(&words).exits(9);
    assert_eq!(references(&ran).len(), 4);
    let lines = ran.lines();
    let errors: Vec<&Value> = lines
        .iter()
        .filter(|line| line["type"] == "error")
        .collect();
    assert_eq!(errors.len(), 2);
    let error = errors[0];
    assert_eq!(error["path"], "broken.json");
    assert_eq!(error["error"]["kind"], "usage");
    let message = error["error"]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("broken.json") && message.contains("line 1 column 11"),
        "{message}"
    );
    let summary = ran.line("summary");
    assert_eq!([&summary["files"], &summary["failed"]], [3, 2]);
    user.run(&["from-workflow", "--offline", "broken.json"])
        .exits(2);
    let empty = user.write("empty.json", json!({"nodes": [], "links": []}).to_string());
    user.run(&["from-workflow", "--offline", &empty.to_string_lossy()])
        .exits(0);
}

#[test]
fn what_a_workflow_uses_is_added_to_the_project() {
    let site = Site::start();
    let user = User::of(&site);
    user.write("workflow.json", WORKFLOW);
    user.run(&["from-workflow", "--add", "workflow.json"])
        .exits(2);
    user.run(&["init"]).exits(0);
    let ran = user
        .run(&["from-workflow", "--add", "--json", "workflow.json"])
        .exits(0);
    assert_eq!(
        ran.lines().last().map(|line| &line["type"]),
        Some(&json!("summary"))
    );
    let manifest = fs_err::read_to_string(user.path("civitai.toml")).unwrap_or_default();
    assert!(
        manifest.contains("1001@10010") && manifest.contains("1002@10020"),
        "{manifest}"
    );
    assert!(user.path("civitai.lock").exists());
    user.run(&["from-workflow", "--add", "workflow.json"])
        .exits(0);
    let again = fs_err::read_to_string(user.path("civitai.toml")).unwrap_or_default();
    assert_eq!(manifest, again);
    // Nor is what the project wants elsewhere.
    user.run(&["add", "1001@10010", "--path", "own/name.safetensors"])
        .exits(0);
    let mine = fs_err::read_to_string(user.path("civitai.toml")).unwrap_or_default();
    user.run(&["from-workflow", "--add", "workflow.json"])
        .exits(0);
    let again = fs_err::read_to_string(user.path("civitai.toml")).unwrap_or_default();
    assert_eq!(mine, again);
}

#[test]
fn an_empty_file_in_the_library_is_no_reason_to_fail() {
    let site = Site::start();
    let user = User::of(&site);
    user.write("workflow.json", WORKFLOW);
    user.write("models/vae/mine.pt", "");
    user.run(&["--library", "models", "library", "scan"])
        .exits(0);
    let words = [
        "--library",
        "models",
        "from-workflow",
        "--json",
        "workflow.json",
    ];
    let ran = user.run(&words).exits(0);
    assert_eq!(ran.line("summary")["present"], 1);
}
