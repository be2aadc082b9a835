//! Two processes that want the same file.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use civitai_sim::fault::{FaultId, Knob, Offset};
use civitai_sim::seed;
use serde_json::Value;

use crate::user::{Site, User};

/// A run of the program that does not outlive the test.
struct Running(Child);

impl Running {
    fn start(mut command: Command) -> Self {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        Self(child.expect("the machine lets tests work"))
    }

    /// Reads what it says to people until a line has these words.
    fn wait_for(&mut self, words: &str) {
        let stderr = self.0.stderr.as_mut().expect("it is piped");
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        assert!(
            lines.any(|line| line.contains(words)),
            "it never said {words}"
        );
    }

    fn kill(&mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }

    /// Its exit code and its line about the file.
    fn end(mut self) -> (Option<i32>, Value) {
        let stdout = self.0.stdout.take().expect("it is piped");
        let file = BufReader::new(stdout)
            .lines()
            .map_while(Result::ok)
            .map(|line| serde_json::from_str::<Value>(&line).expect("it prints JSON"))
            .find(|line| line["type"] == "file");
        let code = self.0.wait().expect("it ends").code();
        (code, file.expect("it tells what became of the file"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A fetch that gets a third of the file and then nothing for this long.
fn stalled(site: &Site, user: &User, url: &str, duration: Duration) -> (Running, FaultId) {
    let stall = Knob::StallAt {
        offset: Offset::After(1 << 20),
        duration,
    };
    let fault = site.sim.faults().add(stall);
    let sha256 = sha256(site);
    let words = ["fetch", url, "-o", "x.bin", "--sha256", &sha256, "--json"];
    let first = Running::start(user.command(&words));
    let journal = user.path("x.bin.part.json");
    // Bounds a hang, nothing else.
    let patience = std::time::Instant::now();
    while !fs_err::read_to_string(&journal).is_ok_and(|text| text.contains("wrote")) {
        assert!(
            patience.elapsed() < Duration::from_mins(1),
            "it never began"
        );
        std::thread::yield_now();
    }
    (first, fault)
}

fn sha256(site: &Site) -> String {
    let state = site.sim.state();
    let file = state.find_file(seed::LORA.file(0));
    let hashes = file.expect("the seed has this file").2.hashes();
    let (_, digest) = hashes
        .into_iter()
        .find(|(kind, _)| kind == "SHA256")
        .expect("the file was scanned");
    digest
}

fn url(site: &Site) -> String {
    let signed = site.sim.sign(seed::LORA.file(0));
    signed.expect("the seed has this file").to_string()
}

#[test]
fn one_works_and_the_other_says_so_or_waits() {
    let (site, user) = (Site::start(), User::new());
    let url = url(&site);
    let (mut first, fault) = stalled(&site, &user, &url, Duration::from_hours(1));
    let process = format!("process {}", first.0.id());
    let sha256 = sha256(&site);
    let words = ["fetch", &url, "-o", "x.bin", "--sha256", &sha256, "--json"];
    let told = user.run(&words).exits(8);
    let error = &told.line("file")["error"];
    assert!(
        error["kind"] == "locked"
            && error["message"].as_str().unwrap().contains(&process)
            && error["hint"].as_str().unwrap().contains("--wait"),
        "{error}"
    );
    let words = [&words[..], &["--wait"]].concat();
    let mut second = Running::start(user.command(&words));
    second.wait_for(&format!("waiting for {process}"));
    site.sim.faults().remove(fault);
    first.kill();
    let (code, file) = second.end();
    assert_eq!((code, &file["status"]), (Some(0), &"resumed".into()));
    assert!(file["fetchedBytes"].as_u64().unwrap() < 3 << 20, "{file}");
}

#[test]
fn who_waits_finds_what_the_other_has_finished() {
    let (site, user) = (Site::start(), User::new());
    let url = url(&site);
    let (first, _) = stalled(&site, &user, &url, Duration::from_secs(2));
    let sha256 = sha256(&site);
    let mut words = vec!["fetch", &url, "-o", "x.bin", "--sha256", &sha256, "--json"];
    words.push("--wait");
    let second = Running::start(user.command(&words));
    let (code, file) = first.end();
    assert_eq!((code, &file["status"]), (Some(0), &"downloaded".into()));
    let (code, file) = second.end();
    assert_eq!(
        (code, &file["status"], &file["fetchedBytes"]),
        (Some(0), &"skipped".into(), &0.into())
    );
}
