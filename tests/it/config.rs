//! Settings as the user meets them.

use crate::user::{Site, User};

#[test]
fn each_value_is_shown_with_its_origin() {
    let user = User::new().with("CIVITAI_LAYOUT", "flat");
    user.write(".config/civitai-dl/config.toml", "max-wait = \"5s\"\n");
    user.write("civitai.toml", "[settings]\njobs = 2\n");
    let ran = user
        .run(&[
            "config",
            "show",
            "--origin",
            "--proxy",
            "http://me:secret@proxy.example:1",
        ])
        .exits(0);
    let line = |key: &str| {
        ran.stdout
            .lines()
            .find(|line| line.starts_with(key))
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        line("layout"),
        "layout = \"flat\"  # environment CIVITAI_LAYOUT"
    );
    assert!(line("max-wait").contains("# user file"));
    assert!(line("jobs").starts_with("jobs = 2  # project file"));
    assert!(line("proxy").contains("****") && !ran.stdout.contains("secret"));
    assert!(line("base-url").ends_with("# default"));
}

#[test]
fn an_unknown_key_stops_every_verb_but_those_that_mend() {
    let user = User::new();
    let file = user.write(".config/civitai-dl/config.toml", "libary = \"x\"\n");
    let ran = user.run(&["hash", "x"]).exits(2);
    assert!(
        ran.stderr.contains("`libary`") && ran.stderr.contains("`library`"),
        "{}",
        ran.stderr
    );
    user.run(&["config", "validate"]).exits(2);
    user.run(&["doctor", "--offline"]).exits(2);
    fs_err::write(&file, "library = \"x\" # here\n").unwrap();
    user.run(&["config", "set", "library", "y"]).exits(0);
    assert_eq!(
        fs_err::read_to_string(&file).unwrap(),
        "library = \"y\" # here\n"
    );
    user.run(&["config", "set", "jobs", "many"]).exits(2);
    assert_eq!(
        fs_err::read_to_string(&file).unwrap(),
        "library = \"y\" # here\n"
    );
}

#[test]
fn a_private_or_plain_origin_is_refused_before_a_packet_is_sent() {
    for origin in ["http://civitai.com", "http://192.0.2.1", "https://10.0.0.1"] {
        let ran = User::new()
            .run(&["--json", "--base-url", origin, "search"])
            .exits(2);
        assert_eq!(ran.line("error")["error"]["kind"], "usage", "{origin}");
    }
}

#[test]
fn doctor_finds_what_is_wrong_with_a_token() {
    let site = Site::start();
    let user = User::of(&site).with("CIVITAI_API_KEY", "another");
    let ran = user.run(&["doctor", "--json"]).exits(0);
    let checks = ran.lines();
    let status =
        |name: &str| checks.iter().find(|line| line["name"] == name).unwrap()["status"].clone();
    assert_eq!(
        (status("token"), status("site"), status("account")),
        ("warn".into(), "ok".into(), "ok".into())
    );
    let ran = User::of(&site)
        .with("CIVITAI_TOKEN", "wrong")
        .run(&["doctor"])
        .exits(3);
    assert!(!ran.stdout.contains("wrong"), "{}", ran.stdout);
}

#[test]
fn doctor_offline_contacts_nobody() {
    let site = Site::start();
    User::of(&site).run(&["doctor", "--offline"]).exits(0);
    assert!(site.sim.log().entries().is_empty());
}
