//! Every answer of the download route, as the user meets it: exit code, kind, message and hint.

use civitai_sim::fault::{Knob, Scope};
use civitai_sim::seed;
use civitai_sim::state::Availability;
use serde_json::Value;

use crate::user::{Ran, Site, User};

/// What the site is told before the user comes.
type Prepare = fn(&Site);

/// A question to the download route and what comes of it.
struct Row {
    of: &'static str,
    prepare: Prepare,
    /// `/ROUTE` stands for that address of the site.
    words: &'static [&'static str],
    token: Option<&'static str>,
    code: i32,
    kind: &'static str,
    message: &'static str,
    hint: &'static str,
}

fn as_it_is(_: &Site) {}

fn anybody_may_download(site: &Site) {
    site.sim.state().switches.anonymous_downloads = true;
}

fn download_route_answers(site: &Site, code: u16, body: &str) {
    let knob = Knob::Status {
        code,
        headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
        body: body.to_owned(),
    };
    let scope = Scope::site().route("/api/download/models/*");
    site.sim.faults().add(knob.within(scope));
}

const ROWS: &[Row] = &[
    Row {
        of: "1, a blocked user",
        prepare: |site| {
            let blocked = &mut site.sim.state().switches.blocked_users;
            blocked.push(seed::PLAIN.id);
        },
        words: &["get", "1001"],
        token: Some("plain"),
        code: 3,
        kind: "no_access",
        message: "Forbidden",
        hint: "an account that may",
    },
    Row {
        of: "1, a blocked address",
        prepare: |site| {
            let blocked = &mut site.sim.state().switches.blocked_addresses;
            blocked.push(std::net::Ipv4Addr::LOCALHOST.into());
        },
        words: &["get", "1001"],
        token: Some("owner"),
        code: 3,
        kind: "no_access",
        message: "Forbidden",
        hint: "an account that may",
    },
    Row {
        of: "2",
        prepare: |site| site.sim.state().switches.download_quota = Some(0),
        words: &["get", "1001"],
        token: Some("plain"),
        code: 6,
        kind: "quota",
        message: "quota",
        hint: "come back",
    },
    Row {
        of: "3",
        prepare: as_it_is,
        words: &["fetch", "/api/download/models/10010?type=Bogus"],
        token: Some("plain"),
        code: 2,
        kind: "usage",
        message: "400",
        hint: "",
    },
    Row {
        of: "3, a file that is none",
        prepare: |site| {
            download_route_answers(site, 400, "{\"error\":\"✖ Invalid input\\n  → at fileId\"}");
        },
        words: &["get", "1001"],
        token: Some("plain"),
        code: 2,
        kind: "usage",
        message: "Invalid input",
        hint: "",
    },
    Row {
        of: "4",
        prepare: as_it_is,
        words: &["fetch", "/api/download/models/999999"],
        token: Some("plain"),
        code: 4,
        kind: "not_found",
        message: "404",
        hint: "check the id",
    },
    Row {
        of: "4, a real person's likeness",
        prepare: as_it_is,
        words: &["fetch", "/api/download/models/10130"],
        token: Some("plain"),
        code: 4,
        kind: "not_found",
        message: "404",
        hint: "check the id",
    },
    Row {
        of: "5",
        prepare: as_it_is,
        words: &["get", "1009"],
        token: Some("plain"),
        code: 4,
        kind: "archived",
        message: "archived",
        hint: "another version",
    },
    Row {
        of: "5, asked directly",
        prepare: |site| {
            download_route_answers(
                site,
                410,
                "{\"error\":\"Model archived, not available for download\"}",
            );
        },
        words: &["get", "1001"],
        token: Some("owner"),
        code: 4,
        kind: "archived",
        message: "archived",
        hint: "another version",
    },
    Row {
        of: "6, deleted",
        prepare: as_it_is,
        words: &["fetch", "/api/download/models/10150"],
        token: Some("owner"),
        code: 4,
        kind: "not_found",
        message: "404",
        hint: "check the id",
    },
    Row {
        of: "6, unpublished",
        prepare: as_it_is,
        words: &["fetch", "/api/download/models/10160"],
        token: Some("plain"),
        code: 4,
        kind: "not_found",
        message: "404",
        hint: "check the id",
    },
    Row {
        of: "7, even its owner",
        prepare: as_it_is,
        words: &["get", "1008"],
        token: Some("owner"),
        code: 3,
        kind: "downloads_disabled",
        message: "disabled downloads",
        hint: "no token changes",
    },
    Row {
        of: "8, this version",
        prepare: anybody_may_download,
        words: &["get", "1036"],
        token: None,
        code: 3,
        kind: "login_required",
        message: "login",
        hint: "civitai-dl login",
    },
    Row {
        of: "8, the whole site",
        prepare: as_it_is,
        words: &["get", "1001"],
        token: None,
        code: 3,
        kind: "login_required",
        message: "login",
        hint: "civitai-dl login",
    },
    Row {
        of: "8, a token that was revoked",
        prepare: as_it_is,
        words: &["get", "1001"],
        token: Some(seed::REVOKED_TOKEN),
        code: 3,
        kind: "bad_token",
        message: "token",
        hint: "new token",
    },
    Row {
        of: "8, a token that has ended",
        prepare: as_it_is,
        words: &["get", "1036"],
        token: Some(seed::EXPIRED_TOKEN),
        code: 3,
        kind: "bad_token",
        message: "token",
        hint: "new token",
    },
    Row {
        of: "8, as browsers are told",
        prepare: |site| {
            site.sim.faults().add(Knob::RedirectLogin);
        },
        words: &["get", "1001"],
        token: None,
        code: 3,
        kind: "login_required",
        message: "login",
        hint: "civitai-dl login",
    },
    Row {
        of: "9, for a while",
        prepare: as_it_is,
        words: &["get", "1005"],
        token: Some("plain"),
        code: 3,
        kind: "early_access",
        message: "2099",
        hint: "when early access has ended",
    },
    Row {
        of: "9, for ever",
        prepare: as_it_is,
        words: &["get", "1006"],
        token: Some("plain"),
        code: 3,
        kind: "early_access",
        message: "early access",
        hint: "buy access",
    },
    Row {
        of: "10, without a session",
        prepare: |site| {
            anybody_may_download(site);
            become_private(site);
        },
        words: &["fetch", "/api/download/models/10010"],
        token: None,
        code: 3,
        kind: "login_required",
        message: "401",
        hint: "civitai-dl login",
    },
    Row {
        of: "10, somebody else",
        prepare: |site| {
            download_route_answers(
                site,
                403,
                "{\"error\":\"You do not have access to download this file\"}",
            );
        },
        words: &["get", "1001"],
        token: Some("plain"),
        code: 3,
        kind: "no_access",
        message: "do not have access",
        hint: "an account that may",
    },
    Row {
        of: "10, somebody else who asks directly",
        prepare: become_private,
        words: &["fetch", "/api/download/models/10010"],
        token: Some("plain"),
        code: 3,
        kind: "no_access",
        message: "403",
        hint: "an account that may",
    },
    Row {
        of: "11, a file of another version",
        prepare: as_it_is,
        words: &["fetch", "/api/download/models/10010?fileId=100200"],
        token: Some("plain"),
        code: 4,
        kind: "not_found",
        message: "404",
        hint: "check the id",
    },
    Row {
        of: "11, known to be of another version",
        prepare: as_it_is,
        words: &["get", "version:10010", "--file-id", "100200"],
        token: Some("plain"),
        code: 4,
        kind: "not_found",
        message: "no file 100200",
        hint: "check the id",
    },
    Row {
        of: "13",
        prepare: as_it_is,
        words: &["fetch", "/api/download/models/10010?format=GGUF"],
        token: Some("plain"),
        code: 4,
        kind: "not_found",
        message: "404",
        hint: "check the id",
    },
    Row {
        of: "13, seen before it is asked for",
        prepare: as_it_is,
        words: &["get", "/api/download/models/10010?format=GGUF"],
        token: Some("plain"),
        code: 4,
        kind: "not_found",
        message: "GGUF",
        hint: "check the id",
    },
];

fn become_private(site: &Site) {
    let mut state = site.sim.state();
    let model = state.models.get_mut(&seed::LORA.model);
    model.expect("the seed has this model").availability = Availability::Private;
}

/// Asks, under `--json` or for a person who reads `lang`.
fn ask(site: &Site, row: &Row, more: &[&str]) -> Ran {
    let token = row.token.map_or_else(String::new, |name| {
        site.sim.token(name).unwrap_or_else(|| name.to_owned())
    });
    let user = User::of(site).with("CIVITAI_TOKEN", &token);
    let of_site = |word: &&str| match word.strip_prefix('/') {
        Some(route) => format!("{}{route}", site.url()),
        None => (*word).to_owned(),
    };
    let words: Vec<_> = row.words.iter().map(of_site).collect();
    let words: Vec<_> = words
        .iter()
        .map(String::as_str)
        .chain(more.iter().copied())
        .collect();
    user.run(&words)
}

#[test]
fn every_no_is_told_with_its_reason_and_what_to_do() {
    let mut wrong = Vec::new();
    for row in ROWS {
        let site = Site::start();
        (row.prepare)(&site);
        let ran = ask(&site, row, &["--json"]);
        let error = &ran.line("file")["error"];
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        if ran.code != row.code
            || error["code"] != row.code
            || error["kind"] != row.kind
            || !text("message").contains(row.message)
            || !text("hint").contains(row.hint)
            || error["hint"].is_null() != row.hint.is_empty()
        {
            wrong.push(format!("row {}: exit {}, {error}", row.of, ran.code));
        }
        let people = ask(&site, row, &["--lang", "ja"]);
        if people.code != row.code || people.stderr.contains("ヒント") == row.hint.is_empty() {
            wrong.push(format!("row {} in Japanese: {people:?}", row.of));
        }
        let summary = site.sim.log().summary();
        assert_eq!((summary.browser_user_agents, summary.storage_bytes), (0, 0));
        let entries = site.sim.log().entries();
        assert!(
            entries.iter().all(|entry| !entry.target.contains("/login")),
            "row {}",
            row.of
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same table where the answer is yes.
#[test]
fn who_may_gets_the_file() {
    let yes: &[(&str, Prepare, &str, Option<&str>)] = &[
        ("8, not on this site", anybody_may_download, "1001", None),
        ("9, bought", as_it_is, "1005", Some("buyer")),
        ("9, bought for ever", as_it_is, "1006", Some("buyer")),
        ("9, over", as_it_is, "1007", Some("plain")),
        ("10, its owner", as_it_is, "version:10170", Some("owner")),
        ("11, the public one", as_it_is, "1033", Some("plain")),
        (
            "12, over soon",
            |site| {
                site.sim.faults().add(Knob::ResolveFailed { times: 1 });
            },
            "1001",
            Some("plain"),
        ),
    ];
    for &(of, prepare, link, token) in yes {
        let site = Site::start();
        prepare(&site);
        let token = token.map_or_else(String::new, |name| site.token(name));
        let user = User::of(&site).with("CIVITAI_TOKEN", &token);
        let ran = user.run(&["get", link, "--to", "out", "--json"]);
        assert_eq!(
            (ran.code, &ran.line("file")["verified"]),
            (0, &Value::from("sha256")),
            "row {of}: {ran:#?}"
        );
    }
}

#[track_caller]
fn persists(site: &Site, kind: &str, hint: &str) {
    let ran = User::of(site).run(&["get", "1001", "--json"]).exits(5);
    let error = &ran.line("file")["error"];
    assert_eq!(error["kind"], kind, "{error}");
    assert!(error["hint"].as_str().unwrap_or_default().contains(hint));
    let entries = site.sim.log().entries();
    let asked = entries
        .iter()
        .filter(|entry| entry.target.starts_with("/api/download/"));
    assert_eq!(asked.count(), 6, "one try and five more: {error}");
}

#[test]
fn a_storage_that_stays_away_is_an_outage_and_no_missing_file() {
    let site = Site::start();
    let times = u64::MAX;
    site.sim.faults().add(Knob::ResolveFailed { times });
    persists(&site, "storage_outage", "the file exists");
}

#[test]
fn a_site_that_keeps_failing_is_asked_six_times() {
    let site = Site::start();
    download_route_answers(&site, 500, "{\"error\":\"oh dear\"}");
    persists(&site, "server", "later");
}
