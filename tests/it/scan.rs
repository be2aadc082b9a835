//! What is in files: the verb, the policy, the judge before the final name, a second opinion.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use crate::user::{Site, User};

/// A virus scanner that knows one word, for so many files. Joins to what was sent to it.
fn virus_scanner(user: &User, files: usize) -> (PathBuf, JoinHandle<Vec<Vec<u8>>>) {
    let socket = user.path("clamd.sock");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let serve = move || {
        let answer = |_| {
            let (mut stream, _) = listener.accept().expect("a socket");
            let mut command = [0; 10];
            stream.read_exact(&mut command).expect("a socket");
            assert_eq!(&command, b"zINSTREAM\0");
            let mut sent = Vec::new();
            loop {
                let mut len = [0; 4];
                stream.read_exact(&mut len).expect("a socket");
                let len = u32::from_be_bytes(len) as usize;
                if len == 0 {
                    break;
                }
                let start = sent.len();
                sent.resize(start + len, 0);
                stream.read_exact(&mut sent[start..]).expect("a socket");
            }
            let known = sent.windows(4).any(|word| word == b"EVIL");
            let said: &[u8] = if known {
                b"stream: Test.Evil FOUND\0"
            } else {
                b"stream: OK\0"
            };
            stream.write_all(said).expect("a socket");
            sent
        };
        (0..files).map(answer).collect()
    };
    (socket, thread::spawn(serve))
}

#[test]
fn a_path_that_is_missing_or_is_no_file_is_never_clean() {
    let user = User::new();
    let ran = user.run(&["scan", "nothing.pt", "--json"]).exits(2);
    assert_eq!(ran.line("error")["error"]["kind"], "usage");
    rustix::fs::mkfifoat(rustix::fs::CWD, user.path("pipe.pt"), 0o600.into()).unwrap();
    let ran = user.run(&["scan", "pipe.pt", "--json"]).exits(2);
    assert_eq!(ran.line("scan")["verdict"], "unscannable");
}

#[test]
fn the_policy_is_read_from_both_files_and_a_project_only_makes_it_stricter() {
    let user = User::new();
    let value = |key: &str| {
        let ran = user.run(&["config", "get", key, "--json"]).exits(0);
        ran.line("setting")["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(value("scan.malformed"), "quarantine");
    user.write(
        "civitai.toml",
        "[scan]\nmalformed = \"allow\"\nsuspicious = \"refuse\"\n",
    );
    assert_eq!(
        (value("scan.malformed"), value("scan.suspicious")),
        ("quarantine".into(), "refuse".into())
    );
    user.run(&["config", "set", "scan.malformed", "allow"])
        .exits(0);
    assert_eq!(value("scan.malformed"), "allow");
    let kept = user.path(".config/civitai-dl/config.toml");
    let text = fs_err::read_to_string(kept).unwrap();
    assert!(text.contains("[scan]\nmalformed = \"allow\""), "{text}");

    for (text, word) in [
        ("[scan]\nmalicious = \"allow\"\n", "quarantine"),
        ("[scan]\nmalwre = \"refuse\"\n", "scan.malwre"),
        ("[scam]\n", "scan"),
    ] {
        user.write("civitai.toml", text);
        let ran = user.run(&["config", "validate"]).exits(2);
        assert!(ran.stderr.contains(word), "{ran:#?}");
    }
}

#[test]
fn what_the_site_itself_calls_dangerous_is_not_fetched_unless_that_is_accepted() {
    let site = Site::start();
    let user = User::of(&site);
    let ran = user
        .run(&["get", "1035", "--to", "out", "--json"])
        .exits(10);
    let line = ran.line("file");
    assert_eq!(line["error"]["kind"], "unsafe_content");
    assert_eq!(line["fetchedBytes"], 0);
    assert_eq!(line["civitaiScan"]["pickle"], "Danger");
    assert!(ran.stderr.contains("os.system"), "{ran:#?}");
    assert_eq!(site.sim.log().summary().storage_bytes, 0);

    let words = ["get", "1035", "--to", "out", "--accept-unsafe", "--json"];
    let line = user.run(&words).exits(0).line("file");
    assert_eq!(line["status"], "downloaded");
    assert!(line["scan"].is_string(), "{line}");
}

#[test]
fn a_virus_scanner_is_asked_and_believed() {
    let user = User::new();
    user.write("good.txt", "nothing");
    user.write("bad.txt", "something EVIL");
    let (socket, served) = virus_scanner(&user, 2);
    let socket = socket.to_str().unwrap();
    let ran = user
        .run(&["scan", "bad.txt", "good.txt", "--clamav", socket, "--json"])
        .exits(1);
    let rules = |line: &serde_json::Value| -> Vec<String> {
        let found = line["findings"].as_array().unwrap().iter();
        let rules = found.map(|finding| finding["rule"].as_str().unwrap().to_owned());
        rules.filter(|rule| rule.starts_with("clamav")).collect()
    };
    let lines = ran.lines();
    assert_eq!(lines[0]["verdict"], "malicious");
    assert_eq!(rules(&lines[0]), ["clamav_found"]);
    assert!(rules(&lines[1]).is_empty());
    let mut sent = served.join().unwrap();
    sent.sort();
    assert_eq!(sent, [b"nothing".to_vec(), b"something EVIL".to_vec()]);
}

#[test]
fn a_virus_scanner_that_was_asked_for_and_is_not_there_leaves_nothing_clean() {
    let user = User::new();
    user.write("a.txt", "nothing");
    let ran = user
        .run(&["scan", "a.txt", "--clamav", "nowhere.sock", "--json"])
        .exits(2);
    let line = ran.line("scan");
    let last = line["findings"].as_array().unwrap().last().unwrap();
    assert_eq!(last["rule"], "clamav_unclear");
}

#[test]
fn what_the_virus_scanner_finds_does_not_get_its_name() {
    let site = Site::start();
    let user = User::of(&site);
    let content = civitai_sim::content::Content::literal(b"{\"a\": \"EVIL\"}".to_vec());
    for version in &mut site.sim.state().models.get_mut(&1001).unwrap().versions {
        for file in &mut version.files {
            file.content = content.clone();
        }
    }
    let (socket, served) = virus_scanner(&user, 1);
    user.run(&["config", "set", "scan.clamav", socket.to_str().unwrap()])
        .exits(0);
    user.run(&["config", "set", "scan.malformed", "allow"])
        .exits(0);
    let ran = user
        .run(&[
            "get",
            "1001",
            "--to",
            "out",
            "--accept-unverified",
            "--json",
        ])
        .exits(10);
    let line = ran.line("file");
    assert_eq!(line["status"], "quarantined", "{line}");
    assert_eq!(line["scan"], "malicious");
    assert!(
        !user
            .path("out")
            .join("watercolour_fields.safetensors")
            .exists()
    );
    let listed = user.run(&["quarantine", "list", "--json"]).exits(0);
    assert_eq!(listed.line("quarantined")["reason"]["kind"], "refused");
    drop(served);
}

#[test]
fn what_the_site_says_stands_beside_what_the_scan_says() {
    let site = Site::start();
    let user = User::of(&site);
    let ran = user.run(&["get", "1001", "--json"]).exits(0);
    let path = ran.line("file")["path"].as_str().unwrap().to_owned();
    let line = user.run(&["scan", &path, "--json"]).exits(0).line("scan");
    assert_eq!(line["civitaiScan"]["pickle"], "Success", "{line}");
    for (lang, word) in [("en", "Civitai's own scan"), ("ja", "Civitai 自身の検査")] {
        let ran = user.run(&["scan", &path, "--lang", lang]).exits(0);
        assert!(ran.stdout.contains(word), "{ran:#?}");
    }
    // It is said of bytes that were there once.
    fs_err::write(&path, "other").unwrap();
    let ran = user.run(&["scan", &path, "--json"]);
    assert!(ran.line("scan").get("civitaiScan").is_none(), "{ran:#?}");
}

#[test]
fn a_path_that_is_not_there_is_named_in_plain_words() {
    let user = User::new();
    for (lang, word) in [
        ("en", "nothing.pt does not exist"),
        ("ja", "nothing.pt は存在しません"),
    ] {
        let ran = user.run(&["scan", "nothing.pt", "--lang", lang]).exits(2);
        assert!(ran.stderr.contains(word), "{ran:#?}");
    }
}
