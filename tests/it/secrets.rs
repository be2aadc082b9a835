//! A canary in place of the token, and everything that the program writes searched for it.

use std::path::Path;

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
fn base64(text: &str, phase: usize) -> Vec<u8> {
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

#[test]
fn no_verb_writes_the_token_anywhere() {
    let site = Site::start();
    {
        let mut state = site.sim.state();
        let plain = state
            .users
            .values_mut()
            .find(|user| user.username.as_deref() == Some("plain"))
            .unwrap();
        plain.tokens[0].value = CANARY.to_owned();
    }
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
