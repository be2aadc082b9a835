//! Listings that tell the truth.

use std::collections::BTreeSet;

use civitai_sim::fault::Knob;

use crate::user::{Site, User};

#[test]
fn all_of_a_creator_comes_once_and_is_said_to_be_complete() {
    let site = Site::start();
    let ran = User::of(&site)
        .run(&["search", "--username", "prolific", "--all", "--json"])
        .exits(0);
    let lines = ran.lines();
    let ids: BTreeSet<_> = lines
        .iter()
        .filter(|line| line["type"] == "model")
        .map(|line| line["model"]["id"].as_u64())
        .collect();
    let summary = ran.line("summary");
    assert_eq!(
        (ids.len(), &summary["count"], &summary["complete"]),
        (250, &250.into(), &true.into())
    );
    assert_eq!(lines.last().unwrap()["type"], "summary");
}

#[test]
fn a_listing_that_stops_early_says_so() {
    let site = Site::start();
    let ran = User::of(&site)
        .run(&["search", "--limit", "3", "--json"])
        .exits(0);
    assert_eq!(
        (
            &ran.line("summary")["count"],
            &ran.line("summary")["complete"]
        ),
        (&3.into(), &false.into())
    );
    assert!(
        ran.stderr.contains("stopped at 3") && ran.stderr.contains("--all"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_the_site_ignores_is_filtered_here() {
    let site = Site::start();
    let ran = User::of(&site)
        .run(&["search", "--all", "--min-downloads", "9000", "--json"])
        .exits(0);
    assert_eq!(ran.line("summary")["count"], 1);
    let ran = User::of(&site)
        .run(&["search", "--tag", "no-such-tag", "--json"])
        .exits(0);
    assert_eq!(ran.line("summary")["count"], 0);
}

#[test]
fn wrong_values_name_the_flag_and_the_nearest_right_one() {
    let site = Site::start();
    for (words, near) in [
        (["--type", "Chekpoint"], "Checkpoint"),
        (["--sort", "Newst"], "Newest"),
        (["--nsfw", "pg14"], "pg13"),
        (["--category", "charcter"], "character"),
        (["--since", "yesterday"], "2026"),
    ] {
        let ran = User::of(&site)
            .run(&["search", words[0], words[1]])
            .exits(2);
        assert!(
            ran.stderr.contains(words[0]) && ran.stderr.contains(near),
            "{}",
            ran.stderr
        );
    }
    assert!(site.sim.log().entries().is_empty());
}

#[test]
fn a_site_that_asks_for_a_long_wait_is_told_with_the_time_to_come_back() {
    let site = Site::start();
    let wait = ("Retry-After".to_owned(), "5400".to_owned());
    let refuse = Knob::Status {
        code: 429,
        headers: vec![wait],
        body: String::new(),
    };
    site.sim.faults().add(refuse);
    let ran = User::of(&site).run(&["search", "--json"]).exits(6);
    let error = &ran.line("error")["error"];
    assert_eq!(error["kind"], "rate_limited");
    assert!(
        error["hint"].as_str().unwrap().contains("1 h 30 min"),
        "{error}"
    );
}
