//! A model or a version, shown.

use crate::user::{Site, User};

#[test]
fn a_model_is_shown_with_versions_files_and_licence() {
    let site = Site::start();
    let ran = User::of(&site).run(&["info", "1002"]).exits(0);
    for word in [
        "Harbour Mix XL",
        "Checkpoint",
        "SDXL 1.0",
        "6.0 MiB",
        "harbourMixXL_v10",
        "commercial use",
    ] {
        assert!(ran.stdout.contains(word), "{word} in {}", ran.stdout);
    }
}

#[test]
fn json_carries_civitais_own_fields() {
    let site = Site::start();
    let user = User::of(&site);
    let model = user.run(&["info", "1001", "--json"]).exits(0).line("model")["model"].clone();
    assert_eq!(
        (&model["id"], &model["modelVersions"][0]["id"]),
        (&1001.into(), &10010.into())
    );
    let version = user
        .run(&["info", "version:10010", "--json"])
        .exits(0)
        .line("version")["version"]
        .clone();
    assert_eq!(
        (&version["modelId"], &version["usageControl"]),
        (&1001.into(), &"Download".into())
    );
    // A bare number that is no model is a version.
    user.run(&["info", "10010", "--json"])
        .exits(0)
        .line("version");
}

#[test]
fn a_link_to_many_models_is_refused_with_the_verb_that_lists_them() {
    let site = Site::start();
    let ran = User::of(&site)
        .run(&["info", "https://civitai.com/user/owner"])
        .exits(2);
    assert!(ran.stderr.contains("civitai-dl search"), "{}", ran.stderr);
    User::of(&site).run(&["info", "1015"]).exits(4);
}
