//! Jobs: in the foreground and the background, stopped, killed, and gone on with.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use civitai_sim::fault::{Knob, Scope};
use serde_json::Value;

use crate::user::{Ran, Site, User};

/// A second is what is promised; this is far below what the files would need, also on a machine that is busy.
const SOON: Duration = Duration::from_secs(10);

/// The id of the job that a run has made.
#[track_caller]
fn id(ran: &Ran) -> String {
    ran.line("job")["id"]
        .as_str()
        .expect("an id is text")
        .to_owned()
}

/// The job as `bulk show` tells it.
#[track_caller]
fn show(user: &User, id: &str) -> Value {
    user.run(&["bulk", "show", id, "--json"])
        .exits(0)
        .line("job")
}

/// Asks again until the answer is the wanted one; a test that hopes in vain ends with the last answer.
#[track_caller]
fn until<T: std::fmt::Debug>(mut ask: impl FnMut() -> T, wanted: impl Fn(&T) -> bool) -> T {
    let begun = Instant::now();
    loop {
        let answer = ask();
        if wanted(&answer) {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{answer:?}");
        std::thread::yield_now();
    }
}

/// A site whose files come so slowly that there is time to interfere.
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

/// Begins a run and returns it with its job's id, when the first bytes of the slow file are on their way.
fn begun(user: &User, words: &[&str]) -> (Child, String) {
    let mut child = user
        .command(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the machine lets tests work");
    let out = child.stdout.take().expect("it was piped");
    let mut id = None;
    for line in BufReader::new(out).lines() {
        let line: Value = serde_json::from_str(&line.expect("UTF-8")).expect("JSON");
        match line["type"].as_str() {
            Some("job") => id = line["id"].as_str().map(str::to_owned),
            Some("progress") if line["bytes"].as_u64() > Some(0) => break,
            _ => {}
        }
    }
    (child, id.expect("the job comes before its files"))
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, signal).expect("it runs");
}

/// The processes that work in a data directory.
fn supervisors(user: &User) -> Vec<rustix::process::Pid> {
    let data = data_dir(user);
    let processes = fs_err::read_dir("/proc").expect("this is Linux");
    let ours = processes.filter_map(|entry| {
        let entry = entry.ok()?;
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let words = fs_err::read(entry.path().join("cmdline")).ok()?;
        let words = String::from_utf8_lossy(&words).into_owned();
        let is_ours = words.contains(data.to_str()?) && words.contains("supervise");
        is_ours.then(|| rustix::process::Pid::from_raw(pid))?
    });
    ours.collect()
}

fn data_dir(user: &User) -> std::path::PathBuf {
    user.path(".local/share/civitai-dl")
}

fn parts(directory: &Path) -> usize {
    let entries = fs_err::read_dir(directory).into_iter().flatten();
    let is_part =
        |name: &std::ffi::OsStr| Path::new(name).extension().is_some_and(|end| end == "part");
    entries
        .filter(|entry| {
            entry
                .as_ref()
                .is_ok_and(|entry| is_part(&entry.file_name()))
        })
        .count()
}

#[test]
fn a_run_prints_its_job_and_then_what_get_prints() {
    let site = Site::start();
    let user = User::of(&site);
    let ran = user
        .run(&[
            "bulk", "run", "1001", "1002", "--name", "two", "--to", "out", "--json",
        ])
        .exits(0);
    let lines = ran.lines();
    assert_eq!(lines[0]["type"], "job");
    assert_eq!(
        (&lines[0]["name"], &lines[0]["state"], &lines[0]["items"]),
        (&"two".into(), &"processing".into(), &2.into())
    );
    for field in ["id", "completed", "failed", "bytes"] {
        assert!(!lines[0][field].is_null(), "{field}");
    }
    assert_eq!(lines.last().unwrap()["type"], "summary");
    let job = show(&user, &id(&ran));
    assert_eq!(
        (&job["state"], &job["completed"], &job["bytes"]),
        (
            &"completed".into(),
            &2.into(),
            &ran.line("summary")["bytes"]
        )
    );
    let ran = user.run(&["bulk", "wait", &id(&ran), "--json"]).exits(0);
    assert_eq!(ran.line("job")["state"], "completed");
}

#[test]
fn it_exits_like_get_and_what_failed_can_be_tried_again() {
    let site = Site::start();
    let user = User::of(&site);
    let get = user.run(&[
        "get",
        "1001",
        "version:999999",
        "nonsense",
        "--to",
        "a",
        "--json",
    ]);
    let ran = user
        .run(&[
            "bulk",
            "run",
            "1001",
            "version:999999",
            "nonsense",
            "--to",
            "b",
            "--json",
        ])
        .exits(get.code);
    let id = id(&ran);
    let shown = user.run(&["bulk", "show", &id, "--json"]).exits(0);
    assert_eq!(shown.line("job")["state"], "failed");
    let items: Vec<_> = shown
        .lines()
        .into_iter()
        .filter(|line| line["type"] == "item")
        .collect();
    let states: Vec<_> = items
        .iter()
        .map(|item| item["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["completed", "failed", "failed"]);
    assert_eq!(items[1]["error"]["kind"], "not_found");
    assert_eq!(items[2]["error"]["code"], 2);
    user.run(&["bulk", "wait", &id]).exits(get.code);

    let retried = user
        .run(&["bulk", "retry", &id, "--json"])
        .exits(0)
        .line("job");
    assert_eq!(retried["id"], id);
    let waited = user
        .run(&["bulk", "wait", &id, "--json"])
        .exits(get.code)
        .line("job");
    assert_eq!(
        (&waited["completed"], &waited["failed"]),
        (&1.into(), &2.into())
    );
    let shown = user.run(&["bulk", "show", &id, "--json"]);
    let attempts: Vec<_> = shown
        .lines()
        .iter()
        .filter(|line| line["type"] == "item")
        .map(|item| item["attempts"].as_u64().unwrap())
        .collect();
    assert_eq!(attempts, [1, 2, 2]);
}

#[test]
fn an_unknown_job_and_a_wrong_state_have_their_codes() {
    let site = Site::start();
    let user = User::of(&site);
    for verb in ["show", "pause", "resume", "cancel", "retry", "wait"] {
        for unknown in ["aaaaaa", "1", "../../etc"] {
            let ran = user.run(&["bulk", verb, unknown, "--json"]).exits(4);
            let error = &ran.line("error")["error"];
            assert_eq!(error["kind"], "not_found", "{error}");
        }
    }
    let ran = user
        .run(&["bulk", "run", "1001", "--to", "out", "--json"])
        .exits(0);
    for verb in ["pause", "resume", "cancel", "retry"] {
        let ran = user.run(&["bulk", verb, &id(&ran), "--json"]).exits(2);
        let error = &ran.line("error")["error"];
        assert!(
            error["message"].as_str().unwrap().contains("completed"),
            "{error}"
        );
    }
    user.run(&["bulk", "run", "1001", "--strategy", "fastest"])
        .exits(2);
    user.run(&["bulk", "run", "1001", "--mode", "fastest"])
        .exits(2);
    user.run(&["bulk", "run", "@missing"]).exits(2);
    let listed = user.run(&["bulk", "list", "--json"]).exits(0);
    assert_eq!(
        listed.line("summary")["count"],
        1,
        "what was refused made no job"
    );
}

#[test]
fn a_detached_job_runs_on_by_itself_and_can_be_waited_for() {
    let site = Site::start();
    let user = User::of(&site);
    user.write("list.txt", "1001\n# not this\n1002\n");
    let ran = user
        .run(&[
            "bulk",
            "run",
            "@list.txt",
            "--to",
            "out",
            "--detach",
            "--json",
        ])
        .exits(0);
    assert_eq!(ran.line("job")["state"], "pending");
    let waited = user.run(&["bulk", "wait", &id(&ran), "--json"]).exits(0);
    assert_eq!(waited.line("job")["completed"], 2);
    assert!(user.path("out/watercolour_fields.safetensors").exists());
    // It leaves when nothing is left to do.
    until(|| supervisors(&user), Vec::is_empty);
    let log = fs_err::read_to_string(data_dir(&user).join("supervisor.log")).unwrap();
    assert!(
        log.contains(&id(&ran)) && !log.contains(&site.token("plain")),
        "{log}"
    );
}

#[test]
fn a_pause_reaches_another_process_and_a_resumed_job_goes_on_where_it_was() {
    let site = slow_site();
    let user = User::of(&site);
    let (mut child, id) = begun(&user, &["bulk", "run", "1002", "--to", "out", "--json"]);
    user.run(&["bulk", "resume", &id]).exits(2);
    let asked = Instant::now();
    let paused = user
        .run(&["bulk", "pause", &id, "--json"])
        .exits(0)
        .line("job");
    assert_eq!(paused["state"], "paused");
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(parts(&user.path("out")), 1);
    user.run(&["bulk", "pause", &id]).exits(2);
    user.run(&["bulk", "wait", &id]).exits(130);
    site.sim.faults().clear();
    user.run(&["bulk", "resume", &id]).exits(0);
    user.run(&["bulk", "wait", &id]).exits(0);
    let shown = user.run(&["bulk", "show", &id, "--json"]).exits(0);
    assert_eq!(shown.line("item")["files"][0]["status"], "resumed");
}

#[test]
fn a_cancelled_job_stops_and_stays_so_until_it_is_tried_again() {
    let site = slow_site();
    let user = User::of(&site);
    let detached = user.run(&[
        "bulk",
        "run",
        "1002",
        "1001",
        "--strategy",
        "sequential",
        "--to",
        "out",
        "--detach",
        "--json",
    ]);
    let id = id(&detached.exits(0));
    until(|| parts(&user.path("out")), |parts| *parts == 1);
    let job = user
        .run(&["bulk", "cancel", &id, "--json"])
        .exits(0)
        .line("job");
    assert_eq!(job["state"], "cancelled");
    user.run(&["bulk", "wait", &id]).exits(130);
    user.run(&["bulk", "cancel", &id]).exits(2);
    site.sim.faults().clear();
    user.run(&["bulk", "retry", &id]).exits(0);
    user.run(&["bulk", "wait", &id]).exits(0);
    assert_eq!(show(&user, &id)["completed"], 2);
}

#[test]
fn ctrl_c_pauses_and_says_how_to_go_on() {
    let site = slow_site();
    let user = User::of(&site);
    let (child, id) = begun(&user, &["bulk", "run", "1002", "--to", "out", "--json"]);
    let asked = Instant::now();
    signal(&child, rustix::process::Signal::INT);
    let output = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < SOON, "{:?}", asked.elapsed());
    assert_eq!(output.status.code(), Some(130));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains(&format!("bulk resume {id}")), "{told}");
    assert_eq!(show(&user, &id)["state"], "paused");
}

#[test]
fn a_killed_run_goes_on_with_the_next_command_whoever_was_killed() {
    let site = slow_site();
    let user = User::of(&site);
    let (mut child, id) = begun(
        &user,
        &["bulk", "run", "1002", "1001", "--to", "out", "--json"],
    );
    child.kill().unwrap();
    child.wait().unwrap();
    // Any command finds it, and its supervisor can be killed as well.
    user.run(&["bulk", "list"]).exits(0);
    let running = until(
        || (show(&user, &id), supervisors(&user)),
        |(job, found)| job["state"] == "processing" && !found.is_empty(),
    );
    for pid in running.1 {
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }
    site.sim.faults().clear();
    user.run(&["bulk", "wait", &id]).exits(0);
    let shown = user.run(&["bulk", "show", &id, "--json"]).exits(0);
    for item in shown.lines().iter().filter(|line| line["type"] == "item") {
        assert_eq!(item["state"], "completed");
        assert_eq!(item["files"].as_array().unwrap().len(), 1, "{item}");
    }
}

#[test]
fn one_supervisor_serves_all_that_wait() {
    let site = slow_site();
    let user = User::of(&site);
    let ids: Vec<_> = ["1002", "1001", "1003"]
        .map(|link| {
            id(&user
                .run(&["bulk", "run", link, "--to", "out", "--detach", "--json"])
                .exits(0))
        })
        .into();
    until(|| parts(&user.path("out")), |parts| *parts == 1);
    user.run(&["bulk", "list"]).exits(0);
    until(|| supervisors(&user).len(), |count| *count == 1);
    site.sim.faults().clear();
    for id in ids {
        user.run(&["bulk", "wait", &id]).exits(0);
    }
}

#[test]
fn a_job_sleeps_where_a_command_gives_up() {
    let site = Site::start();
    let user = User::of(&site);
    let limited = Knob::Status {
        code: 429,
        headers: vec![("Retry-After".into(), "2".into())],
        body: "{\"error\":\"slow down\"}".into(),
    };
    let scope = || Scope::site().route("/api/download/models/*").times(1);
    site.sim.faults().add(limited.clone().within(scope()));
    let words = ["1001", "--max-wait", "1s", "--to", "out", "--json"];
    let get: Vec<_> = ["get"].iter().chain(&words).copied().collect();
    user.run(&get).exits(6);
    site.sim.faults().clear();
    site.sim.faults().add(limited.within(scope()));
    let bulk: Vec<_> = ["bulk", "run"].iter().chain(&words).copied().collect();
    let ran = user.run(&bulk).exits(0);
    assert!(ran.stderr.contains("goes on at"), "{}", ran.stderr);
    assert_eq!(ran.line("file")["status"], "downloaded");
}

#[test]
fn a_job_waits_out_the_quota_and_can_be_stopped_meanwhile() {
    let site = Site::start();
    site.sim.faults().add(Knob::QuotaAt { resolves: 0 });
    let user = User::of(&site);
    let ran = user.run(&["bulk", "run", "1001", "--to", "out", "--detach", "--json"]);
    let id = id(&ran.exits(0));
    let job = until(|| show(&user, &id), |job| job["asleepUntil"].is_string());
    assert_eq!(job["state"], "processing");
    user.run(&["bulk", "cancel", &id]).exits(0);
    assert_eq!(show(&user, &id)["state"], "cancelled");
}

#[test]
fn no_secret_is_written_down() {
    let site = Site::start();
    let user = User::of(&site);
    let link = "https://civitai.com/api/download/models/10010?token=verysecrettoken0123456789";
    user.run(&["bulk", "run", link, "--to", "out"]).exits(0);
    let refused = user.run(&[
        "bulk",
        "run",
        "1001",
        "--proxy",
        "http://u:pa55word@127.0.0.1:9",
    ]);
    refused.exits(2);
    for name in ["jobs.db", "jobs.db-wal"] {
        let Ok(bytes) = fs_err::read(data_dir(&user).join(name)) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for secret in ["verysecret", "pa55word", &site.token("plain")] {
            assert!(!text.contains(secret), "{secret} in {name}");
        }
    }
}

#[test]
fn japanese_is_spoken() {
    let site = Site::start();
    let user = User::of(&site).with("LANG", "ja_JP.UTF-8");
    let ran = user
        .run(&["bulk", "run", "1001", "version:999999", "--to", "out"])
        .exits(9);
    assert!(
        ran.stdout.contains("ジョブ") && ran.stderr.contains("やり直せます"),
        "{ran:#?}"
    );
    let listed = user.run(&["bulk", "list"]).exits(0);
    assert!(listed.stdout.contains("失敗"), "{listed:#?}");
    let help = user.run(&["bulk", "run", "--help"]).exits(0);
    assert!(help.stdout.contains("バックグラウンド"), "{}", help.stdout);
    let unknown = user.run(&["bulk", "show", "aaaaaa"]).exits(4);
    assert!(unknown.stderr.contains("ありません"), "{unknown:#?}");
}
