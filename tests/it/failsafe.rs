//! The safe path, and the file that stops everything.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use civitai_sim::fault::{Knob, Scope};
use serde_json::Value;

use crate::user::{Site, User};

/// A second is what is promised; this is far below what the files would need, also on a machine that is busy.
const SOON: Duration = Duration::from_secs(10);
const MANY: [&str; 4] = ["1001", "1002", "1003", "1004"];

fn words<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<&'a str> {
    before.iter().chain(&MANY).chain(after).copied().collect()
}

#[test]
fn who_insists_on_the_safe_path_gets_one_connection_at_a_time() {
    let site = Site::start();
    // Slow enough for files to meet, were they fetched together.
    site.sim.faults().add(
        Knob::Latency {
            duration: Duration::from_millis(300),
        }
        .within(Scope::storage()),
    );
    let user = User::of(&site);
    user.run(&words(&["get"], &["--to", "fast", "--json"]))
        .exits(0);
    assert!(site.sim.log().summary().storage_peak > 1);
    site.sim.log().clear();
    let safe = words(&["get", "--force-sync-mode"], &["--to", "safe", "--json"]);
    user.run(&safe).exits(0);
    assert_eq!(site.sim.log().summary().storage_peak, 1);
    // The same by a setting.
    user.run(&["config", "set", "force-sync-mode", "true"])
        .exits(0);
    site.sim.log().clear();
    user.run(&words(&["get"], &["--to", "too", "--json"]))
        .exits(0);
    assert_eq!(site.sim.log().summary().storage_peak, 1);
}

#[test]
fn three_failures_in_a_row_lead_to_the_safe_path_and_it_is_said_once() {
    let site = Site::start();
    let user = User::of(&site);
    site.sim
        .faults()
        .add(Knob::HtmlInstead.within(Scope::storage()));
    user.run(&["get", "1001", "1002", "1003", "--to", "out", "--json"])
        .exits(5);
    site.sim.faults().clear();
    site.sim.faults().add(
        Knob::Latency {
            duration: Duration::from_millis(300),
        }
        .within(Scope::storage()),
    );
    site.sim.log().clear();
    let ran = user
        .run(&words(&["get"], &["--to", "out", "--json"]))
        .exits(0);
    let said = ran.stderr.matches("one file at a time").count();
    assert_eq!(said, 1, "{}", ran.stderr);
    assert_eq!(site.sim.log().summary().storage_peak, 1);
    let ran = user
        .run(&words(
            &["get", "--lang", "ja", "--force"],
            &["--to", "again"],
        ))
        .exits(0);
    assert!(ran.stderr.contains("一度に一ファイル"), "{}", ran.stderr);
}

#[test]
fn what_the_user_or_the_content_did_says_nothing_about_the_path() {
    let site = Site::start();
    let user = User::of(&site);
    // Early access, three times, and digests that are wrong.
    user.run(&["get", "1005", "1006", "1008", "--to", "out"]);
    let zero = "0".repeat(64);
    for _ in 0..3 {
        let url = site
            .sim
            .sign(civitai_sim::seed::LORA.file(0))
            .unwrap()
            .to_string();
        user.run(&["fetch", &url, "-o", "x", "--sha256", &zero])
            .exits(7);
    }
    let ran = user
        .run(&words(&["get"], &["--to", "out", "--json"]))
        .exits(0);
    assert!(!ran.stderr.contains("one file at a time"), "{}", ran.stderr);
}

#[test]
fn nothing_begins_while_the_stop_file_is_there() {
    let site = Site::start();
    let user = User::of(&site);
    for place in [".local/share/civitai-dl/EMERGENCY_STOP", "EMERGENCY_STOP"] {
        let file = user.write(place, "");
        for verb in [
            vec!["get", "1001"],
            vec!["search"],
            vec!["bulk", "list"],
            vec!["bulk", "run", "1001", "--detach"],
            vec!["hash", place],
            vec!["logout"],
        ] {
            let ran = user.run(&verb).exits(130);
            let path = file.display().to_string();
            assert!(
                ran.stderr.contains(&path) && ran.stderr.contains("rm "),
                "{ran:#?}"
            );
        }
        let ran = user.run(&["get", "1001", "--json"]).exits(130);
        assert_eq!(ran.line("error")["error"]["kind"], "interrupted");
        let ran = user.run(&["get", "1001", "--lang", "ja"]).exits(130);
        assert!(ran.stderr.contains("停止"), "{ran:#?}");
        for verb in [
            vec!["config", "show"],
            vec!["help"],
            vec!["get", "--help"],
            vec!["--version"],
            vec!["completions", "bash"],
            vec!["man"],
        ] {
            user.run(&verb).exits(0);
        }
        let doctor = user.run(&["doctor", "--offline", "--json"]);
        let found = doctor
            .lines()
            .into_iter()
            .find(|line| line["name"] == "emergency-stop")
            .expect("doctor looks for it");
        assert_eq!(found["status"], "fail");
        fs_err::remove_file(file).unwrap();
    }
    assert_eq!(site.sim.log().entries().len(), 0);
    user.run(&["get", "1001", "--to", "out"]).exits(0);
}

/// A site that needs a minute for what is asked.
fn slow_site() -> Site {
    let site = Site::start();
    site.sim.faults().add(
        Knob::Throttle {
            bytes_per_second: 100_000,
        }
        .within(Scope::storage()),
    );
    site
}

#[test]
fn the_stop_file_stops_a_command_within_a_second_and_nothing_is_lost() {
    let site = slow_site();
    let user = User::of(&site);
    let mut child = user
        .command(&["get", "1002", "--to", "out", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in lines {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["type"] == "progress" && line["bytes"].as_u64() > Some(0) {
            break;
        }
    }
    let file = user.write("EMERGENCY_STOP", "");
    let asked = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert_eq!(output.status.code(), Some(130));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&file.display().to_string()), "{told}");
    fs_err::remove_file(file).unwrap();
    site.sim.faults().clear();
    let ran = user.run(&["get", "1002", "--to", "out", "--json"]).exits(0);
    assert_eq!(ran.line("file")["status"], "resumed");
}

#[test]
fn the_stop_file_reaches_the_background_and_the_job_can_be_resumed() {
    let site = slow_site();
    let user = User::of(&site);
    let ran = user.run(&["bulk", "run", "1002", "--to", "out", "--detach", "--json"]);
    let id = ran.exits(0).line("job")["id"].as_str().unwrap().to_owned();
    let part = || {
        let entries = fs_err::read_dir(user.path("out")).into_iter().flatten();
        entries.count() > 0
    };
    while !part() {
        std::thread::yield_now();
    }
    // A waiting command is stopped as well.
    let waiting = user
        .command(&["bulk", "wait", &id])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let file = user.write(".local/share/civitai-dl/EMERGENCY_STOP", "");
    assert_eq!(waiting.wait_with_output().unwrap().status.code(), Some(130));
    let log = user.path(".local/share/civitai-dl/supervisor.log");
    while !fs_err::read_to_string(&log)
        .unwrap()
        .contains("EMERGENCY_STOP")
    {
        std::thread::yield_now();
    }
    user.run(&["bulk", "resume", &id]).exits(130);
    fs_err::remove_file(file).unwrap();
    site.sim.faults().clear();
    // Its runner may still be on its way out; then the order is left for it.
    loop {
        let shown = user.run(&["bulk", "show", &id, "--json"]).exits(0);
        if shown.line("job")["state"] == "paused" {
            break;
        }
    }
    user.run(&["bulk", "resume", &id]).exits(0);
    user.run(&["bulk", "wait", &id]).exits(0);
}
