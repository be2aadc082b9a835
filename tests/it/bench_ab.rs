//! Two settings compared, through the engine and against the simulator.

use civitai_sim::fault::Knob;
use civitai_sim::seed;

use crate::user::{Site, User};

/// A list of the same file under several names.
fn list(site: &Site, files: usize) -> String {
    let url = site.sim.sign(seed::LORA.file(0)).expect("the seed has it");
    let line = |number| format!("{url}\tfile-{number}\t\t3145728\n");
    (0..files).map(line).collect()
}

#[test]
fn each_setting_fetches_half_of_the_list_and_nothing_is_left_behind() {
    let site = Site::start();
    let user = User::new();
    user.write("list", list(&site, 9));
    user.write("room/.keep", "");
    let ran = user
        .run(&[
            "bench",
            "ab",
            "list",
            "--a",
            "--limit-rate 6M",
            "--b",
            "--connections 2",
            "--seed",
            "7",
            "--to",
            "room",
            "--json",
        ])
        .exits(0);
    let ab = ran.line("ab");
    assert_eq!(
        (&ab["n"], &ab["pairs"], &ab["seed"]),
        (&8.into(), &4.into(), &7.into())
    );
    // Whatever the machine does, no file comes faster than the cap lets it, with what may be made up for in a burst.
    assert!(
        ab["a"]["bytesPerSecond"].as_u64() < Some(12_000_000),
        "{ab}"
    );
    assert_eq!(ab["method"], "student-t");
    let number = |name: &str| ab[name].as_f64().expect("a number");
    assert!(
        number("low") <= number("ratio") && number("ratio") <= number("high"),
        "{ab}"
    );
    for (arm, flags) in [("a", "--limit-rate 6M"), ("b", "--connections 2")] {
        let arm = &ab[arm];
        assert_eq!(
            (&arm["flags"], &arm["files"], &arm["failed"]),
            (&flags.into(), &4.into(), &0.into())
        );
        assert_eq!(arm["bytes"], 4 * 3_145_728);
    }
    let lines = ran.lines();
    assert_eq!(
        lines
            .iter()
            .filter(|line| line["type"] == "measured")
            .count(),
        8
    );
    assert_eq!(lines.last().unwrap()["type"], "ab");
    let left = fs_err::read_dir(user.path("room")).expect("it is there");
    assert_eq!(left.count(), 1, "only what was there before");
    assert_eq!(site.sim.log().summary().files.len(), 1);
}

#[test]
fn links_and_addresses_stand_in_one_list() {
    let site = Site::start();
    let user = User::of(&site);
    let links = "1001 # a comment\n# another\nversion:10020\n";
    user.write("list", links.to_owned() + &list(&site, 1));
    let words = [
        "bench",
        "ab",
        "list",
        "--a",
        "",
        "--b",
        "--connections 1",
        "--rounds",
        "3",
        "--json",
    ];
    let ran = user.run(&words).exits(0);
    let told = ran.lines();
    let measured = told.iter().filter(|line| line["type"] == "measured");
    let links: std::collections::BTreeSet<_> =
        measured.map(|line| line["link"].to_string()).collect();
    assert!(links.len() >= 2, "{links:?}");
    assert_eq!(ran.line("ab")["pairs"], 3);
    user.write("list", "1001\nmodel:999999\n");
    user.run(&words).exits(4);
    user.write("list", "1001\nnot a link\n");
    let ran = user.run(&words).exits(2);
    assert!(
        ran.line("error")["error"]["message"]
            .as_str()
            .unwrap()
            .contains("line 2"),
        "{ran:#?}"
    );
}

#[test]
fn people_get_a_table_and_a_sentence() {
    let site = Site::start();
    let user = User::new();
    user.write("list", list(&site, 2));
    let words = [
        "bench",
        "ab",
        "list",
        "--a",
        "--connections 1",
        "--b",
        "--connections 2",
    ];
    let ran = user.run(&words).exits(0);
    assert!(ran.stderr.contains("--seed "), "{}", ran.stderr);
    assert!(ran.stdout.contains("--connections 1"), "{}", ran.stdout);
    let last = ran.stdout.lines().last().unwrap_or_default();
    assert!(
        last.contains("times as long as A") && last.contains("1 pairs"),
        "{last}"
    );
    let ran = user.run(&[&words[..], &["--lang", "ja"]].concat()).exits(0);
    assert!(ran.stdout.contains("B の所要時間は A の"), "{}", ran.stdout);
}

#[test]
fn the_same_seed_splits_the_list_the_same_way() {
    let site = Site::start();
    let user = User::new();
    user.write("list", list(&site, 6));
    let plan = || {
        let ran = user.run(&[
            "bench", "ab", "list", "--a", "", "--b", "", "--seed", "3", "--json",
        ]);
        let lines = ran.exits(0).lines();
        let measured = lines.into_iter().filter(|line| line["type"] == "measured");
        let place = |line: serde_json::Value| (line["arm"].clone(), line["pair"].clone());
        measured.map(place).collect::<Vec<_>>()
    };
    assert_eq!(plan(), plan());
}

#[test]
fn a_file_that_fails_counts_for_neither_and_is_told() {
    let site = Site::start();
    let user = User::new();
    let gone = format!("{}none\tgone\t\t10\n", site.sim.storage_urls()[0]);
    user.write("list", list(&site, 3) + &gone);
    let words = ["bench", "ab", "list", "--a", "", "--b", "", "--json"];
    let ran = user.run(&words).exits(9);
    let ab = ran.line("ab");
    assert_eq!(
        (&ab["n"], &ab["low"]),
        (&2.into(), &serde_json::Value::Null)
    );
    let failed = |arm: &str| ab[arm]["failed"].as_u64().expect("a count");
    assert_eq!(failed("a") + failed("b"), 1);
    site.sim.faults().add(Knob::Status {
        code: 404,
        headers: Vec::new(),
        body: String::new(),
    });
    let none = user.run(&words);
    assert_ne!(none.code, 0);
    assert_eq!(none.line("ab")["ratio"], serde_json::Value::Null);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let site = Site::start();
    let user = User::new();
    user.write("one", list(&site, 1));
    user.write("two", list(&site, 2));
    user.write("bad", list(&site, 1) + "nonsense\n");
    for (list, a) in [
        ("one", "--connections 1"),
        ("none", "--connections 1"),
        ("bad", "--connections 1"),
        ("two", "--conections 1"),
        ("two", "--connections many"),
        ("two", "--to elsewhere"),
        ("two", "stray"),
        ("two", "--token secret"),
    ] {
        let ran = user
            .run(&["bench", "ab", list, "--a", a, "--b", "", "--json"])
            .exits(2);
        assert!(
            ran.line("error")["error"]["message"].is_string(),
            "{ran:#?}"
        );
        assert!(!ran.stderr.contains("secret") && !ran.stdout.contains("secret"));
    }
    user.run(&["bench", "ab", "two", "--a", ""]).exits(2);
    user.run(&["bench", "ab", "two", "--a", "", "--b", "", "--rounds", "0"])
        .exits(2);
    assert_eq!(site.sim.log().entries().len(), 0, "nothing was asked for");
}
