//! A canary in place of the token, and everything that the program writes searched for it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use civitai_sim::fault::Knob;

use crate::user::{Site, User};

/// Looks like an API key, and like no word of any output in whichever spelling.
const CANARY: &str = "ca9a2f7e57ca9a2f7e57ca9a2f7e57ca";

fn spellings() -> Vec<(&'static str, Vec<u8>)> {
    let each = |spell: fn(u8) -> String| CANARY.bytes().map(spell).collect::<Vec<_>>().concat();
    let hex = each(|byte| format!("{byte:02x}"));
    let percent = each(|byte| format!("%{byte:02X}"));
    let mut all = vec![
        ("plain", CANARY.as_bytes().to_vec()),
        ("hex", hex.clone().into_bytes()),
        ("upper hex", hex.to_uppercase().into_bytes()),
        ("percent", percent.into_bytes()),
    ];
    // Base64 of a text inside another begins at one of three phases.
    for phase in 0..3 {
        all.push(("base64", base64(CANARY, phase)));
    }
    all
}

/// The characters of the base64 of `text` that do not depend on what stands before and after it.
pub(crate) fn base64(text: &str, phase: usize) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let skipped = (3 - phase) % 3;
    let digits = |group: &[u8]| {
        let bits = u32::from_be_bytes([0, group[0], group[1], group[2]]);
        [18, 12, 6, 0].map(|shift| DIGITS[(bits >> shift & 63) as usize])
    };
    text.as_bytes()[skipped..]
        .chunks_exact(3)
        .flat_map(digits)
        .collect()
}

fn search(place: &str, bytes: &[u8]) {
    for (spelling, needle) in spellings() {
        let found = bytes.windows(needle.len()).any(|window| window == needle);
        assert!(!found, "the token stands in {place} ({spelling})");
    }
}

fn search_files(directory: &Path, skipped: &Path) {
    for entry in fs_err::read_dir(directory).expect("the home directory can be read") {
        let path = entry.expect("the home directory can be read").path();
        if path.is_dir() {
            search_files(&path, skipped);
        } else if path != skipped {
            search(
                &path.display().to_string(),
                &fs_err::read(&path).expect("the home directory can be read"),
            );
        }
    }
}

#[test]
fn the_search_would_find_it() {
    let texts = [
        CANARY.to_owned(),
        format!("Bearer {CANARY}"),
        format!("xx{CANARY}"),
    ];
    for text in texts {
        let whole = base64(&format!("{text}zz"), 0);
        let hit = spellings()
            .iter()
            .any(|(_, needle)| whole.windows(needle.len()).any(|window| window == needle));
        assert!(hit, "base64 of {text}");
    }
}

/// A site whose user `plain` has the canary for a token.
fn site_that_knows_it() -> Site {
    let site = Site::start();
    let id = civitai_sim::seed::PLAIN.id;
    let mut state = site.sim.state();
    let plain = state.users.get_mut(&id).expect("the seed has this user");
    CANARY.clone_into(&mut plain.tokens[0].value);
    drop(state);
    site
}

#[test]
fn no_verb_writes_the_token_anywhere() {
    let site = site_that_knows_it();
    let user = User::of(&site).with("CIVITAI_TOKEN", CANARY);
    let token_file = user.write("secret-token", CANARY);
    user.write("x", "x");
    let leaky = format!("https://civitai.com/api/download/models/10010?token={CANARY}");
    let download = format!("{}api/download/models/10010", site.url());
    let matrix: &[&[&str]] = &[
        &["search", "--limit", "3"],
        &["info", "1001"],
        &["info", &leaky],
        &["resolve", &leaky, "--online"],
        &["resolve", CANARY],
        &["get", "1001", "--to", "out"],
        &["get", &leaky, "--to", "out2"],
        &["get", "1005", "1008", "999999", "--to", "out"],
        &["fetch", &download, "-o", "f"],
        &["fetch", &format!("{download}?token={CANARY}"), "-o", "g"],
        &["hash", "x"],
        &["whoami"],
        &["doctor"],
        &["config", "show", "--origin"],
        &["login", "--token-file", token_file.to_str().unwrap()],
        &["whoami", "--token-file", token_file.to_str().unwrap()],
        &["logout"],
        &[
            "--base-url",
            &format!("http://{CANARY}@127.0.0.1:1"),
            "whoami",
        ],
        &[
            "--proxy",
            &format!("http://u:{CANARY}@127.0.0.1:1"),
            "config",
            "show",
        ],
    ];
    for json in [false, true] {
        for words in matrix {
            let words: Vec<_> = words
                .iter()
                .copied()
                .chain(["-vv"])
                .chain(json.then_some("--json"))
                .collect();
            let ran = user.run(&words);
            search(
                &format!("the output of {}", words[0]),
                ran.stdout.as_bytes(),
            );
            search(
                &format!("the errors of {}", words[0]),
                ran.stderr.as_bytes(),
            );
            if json {
                ran.lines();
            }
        }
    }
    search_files(user.home(), &token_file);
    let summary = site.sim.log().summary();
    let seen = (
        summary.storage_authorization,
        summary.storage_cookies,
        summary.storage_tokens,
        summary.heads,
    );
    assert_eq!(
        (seen, summary.site_url_tokens),
        ((0, 0, 0, 0), 1),
        "one address was given with a token in it"
    );
}

#[test]
fn of_what_login_leaves_one_file_holds_the_token_and_only_its_owner_reads_it() {
    let site = site_that_knows_it();
    let user = User::new();
    let words = ["login", "--json", "--base-url", site.url()];
    let ran = user.run_with_input(&words, CANARY).exits(0);
    let stored = PathBuf::from(ran.line("login")["stored"].as_str().unwrap());
    user.run(&["config", "set", "base-url", site.url()])
        .exits(0);
    user.run(&["whoami"]).exits(0);
    search_files(user.home(), &stored);
    let mode = fs_err::metadata(&stored).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(fs_err::read_to_string(&stored).unwrap().contains(CANARY));
}

/// The system gives the memory of a process that hides it to root: seen from outside, its entries in `/proc` have
/// another owner than the process. A test that is root itself therefore runs the program as nobody.
#[test]
fn a_process_at_work_shows_the_token_to_nobody() {
    const NOBODY: u32 = 65534;
    let site = site_that_knows_it();
    site.sim.faults().add(Knob::Throttle {
        bytes_per_second: 1 << 18,
    });
    let user = User::of(&site).with("CIVITAI_TOKEN", CANARY);
    let words = ["get", "1001", "--to", "out", "--json", "-vv"];
    let plain = user.command(&words);
    let binary = user.path("civitai-dl");
    fs_err::copy(plain.get_program(), &binary).unwrap();
    let mut command = std::process::Command::new(&binary);
    command.args(words).current_dir(user.home()).env_clear();
    let variables = plain.get_envs();
    command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(user.home(), Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _lines = at_work(&mut child);
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    for place in ["cmdline", "comm", "status", "stat"] {
        let shown = fs_err::read(process.join(place)).unwrap();
        assert!(!shown.is_empty());
        search(place, &shown);
    }
    let limits = fs_err::read_to_string(process.join("limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let soft = core.and_then(|line| line.split_whitespace().nth(4));
    assert_eq!(soft, Some("0"), "{limits}");
    let runs_as = fs_err::read_to_string(process.join("status")).unwrap();
    assert!(!runs_as.contains("\nUid:\t0\t"), "{runs_as}");
    for place in ["environ", "mem", "maps"] {
        let owner = fs_err::metadata(process.join(place)).unwrap().uid();
        assert_eq!(owner, 0, "{place} is open to other processes of the user");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Runs the program from a shell that did something before.
fn from_shell(user: &User, before: &str, words: &[&str]) -> std::process::Command {
    let plain = user.command(words);
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", &format!("{before}; exec \"$@\""), "sh"])
        .arg(plain.get_program())
        .args(words)
        .current_dir(user.home())
        .env_clear()
        .stdin(Stdio::null());
    command.envs(
        plain
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command
}

/// Waits until a program that tells JSON transfers bytes; what is returned keeps its standard output open.
fn at_work(child: &mut Child) -> impl Sized + use<> {
    let told = child.stdout.take().expect("standard output is a pipe");
    let mut lines = BufReader::new(told).lines();
    let is_progress = |line: &std::io::Result<String>| {
        line.as_ref()
            .is_ok_and(|line| line.contains("\"progress\""))
    };
    assert!(lines.any(|line| is_progress(&line)), "it is at work");
    lines
}

#[test]
fn no_core_is_dumped_whatever_the_limits_were() {
    use std::os::unix::process::ExitStatusExt as _;
    let site = site_that_knows_it();
    site.sim.faults().add(Knob::Throttle {
        bytes_per_second: 1 << 18,
    });
    let user = User::of(&site).with("CIVITAI_TOKEN", CANARY);
    let words = ["get", "1001", "--to", "out", "--json"];
    let mut child = from_shell(&user, "ulimit -c unlimited 2>/dev/null", &words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _lines = at_work(&mut child);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::ABORT).unwrap();
    let status = child.wait().unwrap();
    assert!(
        status.signal().is_some() && !status.core_dumped(),
        "{status}"
    );
    search_files(user.home(), Path::new(""));
}

/// Modes of all files below a folder, by their paths from there.
fn modes(folder: &Path, below: &str, found: &mut Vec<(String, u32)>) {
    for entry in fs_err::read_dir(folder).expect("it is there") {
        let entry = entry.expect("it is readable");
        let name = format!("{below}{}", entry.file_name().to_string_lossy());
        let there = fs_err::symlink_metadata(entry.path()).expect("it is there");
        found.push((name.clone(), there.permissions().mode() & 0o777));
        if there.is_dir() {
            modes(&entry.path(), &format!("{name}/"), found);
        }
    }
}

#[test]
fn what_holds_secrets_is_private_whatever_the_umask() {
    let site = site_that_knows_it();
    let user = User::new().with("CIVITAI_BASE_URL", site.url());
    user.write("pass", "correct horse battery\n");
    let token = user.write("token", CANARY);
    let token = token.to_str().unwrap();
    for words in [
        &["login", "--token-file", token][..],
        &["keys", "init", "--passphrase-file", "pass"],
        &["config", "set", "jobs", "2"],
        &["keys", "backup", "--passphrase-file", "pass", "-o", "words"],
    ] {
        let ran = from_shell(&user, "umask 000", words).output().unwrap();
        assert!(ran.status.success(), "{ran:?}");
    }
    let mut found = Vec::new();
    modes(user.home(), "", &mut found);
    let mode = |name: &str| {
        let mode = found.iter().find(|(path, _)| path == name);
        mode.unwrap_or_else(|| panic!("{name} in {found:?}")).1
    };
    assert_eq!(mode("words"), 0o600);
    assert_eq!(mode(".config/civitai-dl"), 0o700);
    assert_eq!(mode(".config/civitai-dl/config.toml"), 0o600);
    assert_eq!(mode(".local/share/civitai-dl") & 0o022, 0);
    for part in ["keys", "tokens"] {
        let folder = format!(".local/share/civitai-dl/{part}");
        assert_eq!(mode(&folder), 0o700);
        let files = found
            .iter()
            .filter(|(path, _)| path.starts_with(&format!("{folder}/")));
        let wide: Vec<_> = files.filter(|(_, mode)| *mode != 0o600).collect();
        assert!(wide.is_empty(), "{wide:?}");
    }
}

#[test]
fn a_stored_token_that_others_can_read_is_closed_and_a_link_is_not_followed() {
    let site = site_that_knows_it();
    let user = User::new().with("CIVITAI_BASE_URL", site.url());
    let ran = user.run_with_input(&["login", "--json"], CANARY).exits(0);
    let stored = PathBuf::from(ran.line("login")["stored"].as_str().unwrap());
    let folder = stored.parent().unwrap();
    let set = |path: &Path, mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        fs_err::set_permissions(path, mode).unwrap();
    };
    set(&stored, 0o644);
    set(folder, 0o755);
    let ran = user.run(&["whoami"]).exits(0);
    for path in [&stored, folder] {
        assert!(
            ran.stderr.contains(path.to_str().unwrap()),
            "{}",
            ran.stderr
        );
        let mode = fs_err::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
    assert!(user.run(&["whoami"]).exits(0).stderr.is_empty());
    let elsewhere = user.path("elsewhere");
    fs_err::rename(&stored, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &stored).unwrap();
    let ran = user.run(&["whoami", "--json"]).exits(10);
    assert_eq!(ran.line("error")["error"]["kind"], "policy");
    search("what is said of a link", ran.stdout.as_bytes());
}

#[test]
fn an_address_with_a_token_in_it_is_masked_when_the_server_fails() {
    let site = site_that_knows_it();
    site.sim.faults().add(Knob::Status {
        code: 500,
        headers: Vec::new(),
        body: String::new(),
    });
    let user = User::of(&site);
    let url = format!("{}api/download/models/10010?token={CANARY}", site.url());
    for json in [&[][..], &["--json"]] {
        let words = [&["fetch", &url, "-o", "f", "-vv", "--lang", "en"], json].concat();
        let ran = user.run(&words).exits(5);
        search("the output", ran.stdout.as_bytes());
        search("the errors", ran.stderr.as_bytes());
        let said = [ran.stdout, ran.stderr].concat();
        assert!(said.contains("/api/download/models/10010"), "{said}");
    }
    search_files(user.home(), Path::new(""));
}
