//! A token's way in and out.

use std::os::unix::fs::PermissionsExt as _;

use crate::user::{Site, User};

#[test]
fn a_good_token_is_kept_for_its_owner_alone_and_used() {
    let site = Site::start();
    let user = User::new().with("CIVITAI_BASE_URL", site.url());
    user.run(&["whoami"]).exits(3);
    let ran = user
        .run_with_input(&["login", "--json"], &site.token("plain"))
        .exits(0);
    let stored = ran.line("login")["stored"].as_str().unwrap().to_owned();
    let mode = fs_err::metadata(&stored).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ran = user.run(&["whoami", "--json"]).exits(0);
    assert_eq!(ran.line("user")["user"]["username"], "plain");
    user.run(&["logout"]).exits(0);
    assert!(!std::path::Path::new(&stored).exists());
    user.run(&["whoami"]).exits(3);
}

#[test]
fn a_wrong_token_is_not_kept() {
    let site = Site::start();
    let user = User::new().with("CIVITAI_BASE_URL", site.url());
    let ran = user
        .run_with_input(&["login", "--json"], "nonsense\n")
        .exits(3);
    assert_eq!(ran.line("error")["error"]["kind"], "bad_token");
    assert!(!user.path(".local/share/civitai-dl/tokens").exists());
    user.run_with_input(&["login"], "").exits(2);
}

#[test]
fn a_token_stored_for_one_site_is_not_sent_to_another() {
    let (site, other) = (Site::start(), Site::start());
    let user = User::new();
    user.run_with_input(&["login", "--base-url", site.url()], &site.token("plain"))
        .exits(0);
    user.run(&["whoami", "--base-url", other.url()]).exits(3);
    assert!(other.sim.log().entries().is_empty());
}

#[test]
fn the_environment_goes_before_what_is_stored() {
    let site = Site::start();
    let user = User::of(&site)
        .with("CIVITAI_TOKEN", &site.token("owner"))
        .with("CIVITAI_API_KEY", "unused");
    let ran = user.run(&["whoami", "--json"]).exits(0);
    assert_eq!(ran.line("user")["user"]["username"], "owner");
    let file = user.write("token", site.token("buyer"));
    let ran = user
        .run(&["whoami", "--json", "--token-file", file.to_str().unwrap()])
        .exits(0);
    assert_eq!(ran.line("user")["user"]["username"], "buyer");
}
