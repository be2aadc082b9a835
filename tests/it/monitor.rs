//! What the program says of its own performance is what the simulator saw.

use civitai_sim::fault::{Knob, Offset, Scope};
use civitai_sim::seed;
use serde_json::Value;

use crate::user::{Ran, Site, User};

/// The last report on the whole run.
#[track_caller]
fn report(ran: &Ran) -> Value {
    let whole = |line: &Value| line["type"] == "performance" && line["scope"] == "run";
    let reports: Vec<_> = ran.lines().into_iter().filter(whole).collect();
    let last = reports
        .last()
        .unwrap_or_else(|| panic!("no report in {ran:#?}"));
    let is_final = |line: &&Value| line["final"] == true;
    assert!(is_final(&last), "{last}");
    assert_eq!(reports.iter().filter(is_final).count(), 1, "{ran:#?}");
    last.clone()
}

/// The reports on single transfers.
fn transfers(ran: &Ran) -> Vec<Value> {
    let one = |line: &Value| line["type"] == "performance" && line["scope"] == "transfer";
    ran.lines().into_iter().filter(one).collect()
}

/// Requests the site itself saw: everything but storage's.
fn asked_of_the_site(site: &Site) -> u64 {
    let requests = site.sim.log().summary().requests;
    let of_storage = |route: &str| route.ends_with(" /{object}");
    let site = requests.iter().filter(|(route, _)| !of_storage(route));
    site.map(|(_, count)| count).sum()
}

fn refusal(code: u16) -> Knob {
    Knob::Status {
        code,
        headers: Vec::new(),
        body: String::new(),
    }
}

#[test]
fn requests_bytes_and_retries_of_a_get_are_those_the_simulator_counted() {
    let site = Site::start();
    let faults = site.sim.faults();
    faults.add(refusal(502).within(Scope::site().route("/api/v1/models/*").times(1)));
    faults.add(refusal(500).within(Scope::storage().attempts(1..=1)));
    let offset = Offset::Random;
    faults.add(Knob::FinAt { offset }.within(Scope::storage().attempts(2..=2)));
    let link = seed::LORA.model.to_string();
    let ran = User::of(&site)
        .run(&["get", &link, "--json", "--monitor-performance"])
        .exits(0);
    let (file, summary) = (ran.line("file"), site.sim.log().summary());
    let report = report(&ran);
    assert_eq!(report["bytes"], file["bytes"]);
    assert_eq!(report["fetchedBytes"], file["fetchedBytes"]);
    assert!(report["fetchedBytes"].as_u64() <= Some(summary.storage_bytes));
    assert_eq!(report["api"]["requests"], asked_of_the_site(&site));
    assert_eq!(report["apiLatency"]["count"], asked_of_the_site(&site));
    assert_eq!(
        (&report["api"]["failed"], &report["api"]["retries"]),
        (&1.into(), &1.into())
    );
    let storage = &report["storage"];
    assert_eq!(storage["requests"], summary.requests_to("/{object}"));
    assert_eq!(
        (&storage["failed"], &storage["retries"]),
        (&2.into(), &2.into())
    );
    assert_eq!(storage["timeouts"], 0);
    let leases = summary
        .files
        .values()
        .map(|file| file.resolves)
        .sum::<u64>();
    assert_eq!(report["leases"]["requests"], leases);
    assert_eq!(report["transfers"]["finished"], 1);
    assert!(report["firstByte"]["p95"].as_f64() > Some(0.0), "{report}");
    assert!(report["cpuSeconds"].as_f64() > Some(0.0), "{report}");

    let transfers = transfers(&ran);
    assert_eq!(transfers.len(), 1);
    let transfer = &transfers[0];
    assert_eq!(
        (&transfer["outcome"], &transfer["path"]),
        (&"finished".into(), &file["path"])
    );
    assert_eq!(
        (&transfer["storage"], &transfer["waste"]),
        (storage, &report["waste"])
    );
    assert!(transfer["api"].is_null());
    let rates = &transfer["bytesPerSecond"];
    assert!(rates["min"].as_u64() <= rates["avg"].as_u64(), "{rates}");
    assert!(rates["avg"].as_u64() <= rates["max"].as_u64(), "{rates}");
    let kinds: Vec<_> = ran
        .lines()
        .iter()
        .map(|line| line["type"].clone())
        .collect();
    assert_eq!(
        kinds.last(),
        Some(&"summary".into()),
        "the sum is the last word"
    );
}

#[test]
fn a_search_is_watched_too() {
    let site = Site::start();
    let ran = User::of(&site)
        .run(&[
            "search",
            "--username",
            "prolific",
            "--all",
            "--json",
            "--monitor-performance",
        ])
        .exits(0);
    let report = report(&ran);
    assert_eq!(report["api"]["requests"], ran.line("summary")["requests"]);
    assert_eq!(
        (&report["api"]["successRate"], &report["waste"]),
        (&1.0.into(), &Value::Null)
    );
    assert_eq!(ran.lines().last().unwrap()["type"], "summary");
}

#[test]
fn reports_come_at_the_interval_and_a_failed_transfer_has_one() {
    let site = Site::start();
    site.sim.faults().add(Knob::Throttle {
        bytes_per_second: 3 << 20,
    });
    let url = site.sim.sign(seed::LORA.file(0)).expect("the seed has it");
    let user = User::new();
    let words = ["fetch", url.as_str(), "--connections", "1", "--json"];
    let watched = ["--monitor-performance", "--report-interval", "0.2"];
    let ran = user.run(&[&words[..], &watched[..]].concat()).exits(0);
    let whole = |line: &&Value| line["type"] == "performance" && line["final"] == false;
    let reports = ran.lines();
    let reports: Vec<_> = reports.iter().filter(whole).collect();
    assert!(reports.len() >= 2, "{ran:#?}");
    let bytes: Vec<_> = reports
        .iter()
        .map(|report| report["fetchedBytes"].as_u64())
        .collect();
    assert!(bytes.is_sorted(), "{bytes:?}");
    assert_eq!(reports[0]["transfers"]["running"], 1);

    let gone = user.run(&[
        "fetch",
        &format!("{}none", site.sim.storage_urls()[0]),
        "--json",
        "--monitor-performance",
    ]);
    assert_ne!(gone.code, 0);
    let outcomes: Vec<_> = transfers(&gone)
        .iter()
        .map(|line| line["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["failed"]);
}

#[test]
fn people_get_tables_on_standard_error_in_their_language() {
    let site = Site::start();
    let link = seed::LORA.model.to_string();
    for (lang, words) in [
        ("en", ["performance in all", "storage", "first byte p95"]),
        ("ja", ["性能 (全体", "ストレージ", "最初のバイト p95"]),
    ] {
        let ran = User::of(&site)
            .run(&["get", &link, "--monitor-performance", "--lang", lang])
            .exits(0);
        for word in words {
            assert!(ran.stderr.contains(word), "{word:?} in {}", ran.stderr);
            assert!(!ran.stdout.contains(word), "{}", ran.stdout);
        }
    }
    let quiet = User::of(&site)
        .run(&["get", &link, "--monitor-performance", "-q"])
        .exits(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn an_interval_that_is_none_is_refused() {
    for interval in ["0", "-1", "never", "0.05", "1e99", "nan"] {
        let interval = format!("--report-interval={interval}");
        User::new()
            .run(&["search", "--monitor-performance", &interval])
            .exits(2);
    }
}
