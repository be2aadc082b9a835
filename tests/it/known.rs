//! What the library knows without asking the site again.

use civitai_sim::seed::{LORA, REAL_PERSON};
use serde_json::Value;

use crate::user::{Site, User};

/// What was asked of the API, in order; exchanges and bytes do not count.
fn asked(site: &Site) -> Vec<String> {
    let entries = site.sim.log().entries();
    let api = entries
        .iter()
        .filter(|entry| !entry.listener.is_storage() && entry.target.starts_with("/api/v1"));
    api.map(|entry| entry.target.clone()).collect()
}

/// Somebody who has nothing of another's project but the lock.
fn heir(site: &Site, links: &[&str]) -> User {
    let first = User::of(site);
    first.run(&["init"]).exits(0);
    first.run(&[&["add"], links].concat()).exits(0);
    let heir = User::of(site).with("CIVITAI_LIBRARY", "models");
    let lock = fs_err::read(first.path("civitai.lock")).expect("it was written");
    heir.write("civitai.lock", lock);
    site.sim.log().clear();
    heir
}

#[test]
fn what_a_lock_brought_has_names_without_a_request() {
    let site = Site::start();
    let user = heir(&site, &["1001"]);
    user.run(&["sync", "--frozen"]).exits(0);
    let listed = user.run(&["library", "list", "--json"]).exits(0);
    let entry = listed.line("entry");
    assert_eq!(entry["modelType"], "LORA", "{entry}");
    assert_eq!(entry["baseModel"], "Illustrious", "{entry}");
    let table = user.run(&["library", "list"]).exits(0);
    assert!(table.stdout.contains("Watercolour Fields"), "{table:#?}");
    assert_eq!(asked(&site), [""; 0]);
}

#[test]
fn what_the_site_says_later_counts_more_than_a_lock() {
    let site = Site::start();
    let user = heir(&site, &["1001"]);
    let lock = fs_err::read_to_string(user.path("civitai.lock")).expect("it is there");
    assert!(lock.contains("Watercolour Fields"), "{lock}");
    user.write(
        "civitai.lock",
        lock.replace("Watercolour Fields", "An old title"),
    );
    user.run(&["sync", "--frozen"]).exits(0);
    let table = user.run(&["library", "list"]).exits(0);
    assert!(table.stdout.contains("An old title"), "{table:#?}");
    user.run(&["get", "1001"]).exits(0);
    user.run(&["sync", "--frozen"]).exits(0);
    let table = user.run(&["library", "list"]).exits(0);
    assert!(table.stdout.contains("Watercolour Fields"), "{table:#?}");
}

#[test]
fn a_link_that_names_model_and_version_takes_one_request() {
    let site = Site::start();
    let link = format!("{}@{}", LORA.model, LORA.version(0));
    let user = User::of(&site).with("CIVITAI_LIBRARY", "models");
    user.run(&["init"]).exits(0);
    let model = format!("/api/v1/models/{}", LORA.model);
    for words in [
        &["get", &link, "--dry-run", "--json"][..],
        &["add", &link, "--json"],
    ] {
        site.sim.log().clear();
        let ran = user.run(words).exits(0);
        let told = ran.lines().remove(0);
        assert_eq!(told["versionId"], LORA.version(0), "{told}");
        assert!(
            told["licence"]
                .as_object()
                .is_some_and(|all| !all.is_empty())
        );
        assert_eq!(asked(&site), [model.as_str()], "{words:?}");
    }
}

#[test]
fn a_version_that_its_model_does_not_tell_is_asked_for_by_itself() {
    let site = Site::start();
    let version = REAL_PERSON.version(0);
    let user = User::of(&site).with("CIVITAI_LIBRARY", "models");
    let (model, alone) = (
        format!("/api/v1/models/{}", REAL_PERSON.model),
        format!("/api/v1/model-versions/{version}"),
    );
    for (link, requests) in [
        (format!("{}@{version}", REAL_PERSON.model), [&model, &alone]),
        (format!("version:{version}"), [&alone, &model]),
        // A link that somebody wrote by hand.
        (
            format!("999999@{version}"),
            [&"/api/v1/models/999999".to_owned(), &alone],
        ),
    ] {
        site.sim.log().clear();
        let words = ["get", &link, "--dry-run", "--json", "--consent-real-person"];
        let planned = user.run(&words).exits(0).line("planned");
        assert_eq!(planned["versionId"], version);
        assert_eq!(planned["realPerson"], Value::Bool(true));
        let asked = asked(&site);
        assert!(
            asked.iter().zip(requests).all(|(one, other)| one == other),
            "{asked:?}"
        );
    }
}

/// Somebody who has a model and its sidecar, of which no catalogue knows.
fn collector(site: &Site) -> User {
    let user = User::of(site).with("CIVITAI_LIBRARY", "models");
    user.run(&["get", "1001"]).exits(0);
    fs_err::remove_dir_all(user.path(".local/share/civitai-dl")).expect("it was made");
    site.sim.log().clear();
    user
}

const MODEL: &str = "models/loras/watercolour_fields.safetensors";

#[test]
fn a_sidecar_names_a_file_that_the_site_was_not_asked_about() {
    let site = Site::start();
    let user = collector(&site);
    let scan = |words: &[&str]| {
        let ran = user
            .run(&[&["library", "scan", "--json"], words].concat())
            .exits(0);
        let entry = ran.line("entry");
        (entry["matchedBy"].clone(), entry["checked"].clone(), ran)
    };
    let (by, checked, ran) = scan(&["--offline", "--no-hash"]);
    assert_eq!(
        (by.as_str(), checked),
        (Some("sidecar"), Value::Bool(false))
    );
    assert_eq!(ran.line("entry")["versionId"], LORA.version(0));
    assert_eq!(ran.line("entry")["modelType"], "LORA");
    assert_eq!(ran.line("summary")["bySidecar"], 1);
    let (by, checked, _) = scan(&["--offline"]);
    assert_eq!((by.as_str(), checked), (Some("sidecar"), Value::Bool(true)));
    assert_eq!(asked(&site), [""; 0]);
    let (by, checked, _) = scan(&[]);
    assert_eq!((by.as_str(), checked), (Some("hash"), Value::Null));
}

#[test]
fn a_sidecar_of_another_file_is_not_believed() {
    let site = Site::start();
    let user = collector(&site);
    user.write(MODEL, "other bytes");
    let ran = user
        .run(&["library", "scan", "--offline", "--no-hash", "--json"])
        .exits(0);
    assert_eq!(ran.line("entry")["matchedBy"], "sidecar");
    let ran = user
        .run(&["library", "scan", "--offline", "--json"])
        .exits(0);
    assert_eq!(ran.line("entry")["matchedBy"], Value::Null);
    user.write("models/loras/watercolour_fields.civitai.info", "{ no JSON");
    let ran = user
        .run(&["library", "scan", "--offline", "--json"])
        .exits(0);
    assert!(
        ran.stderr.contains("watercolour_fields.civitai.info"),
        "{ran:#?}"
    );
    let again = user
        .run(&["library", "scan", "--offline", "--json"])
        .exits(0);
    assert!(
        !again.stderr.contains("civitai.info"),
        "told once: {again:#?}"
    );
}
