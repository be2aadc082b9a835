//! A file that would run something when it is loaded: it is fetched, proved whole, and does not get its name.

use civitai_sim::content::Content;
use serde_json::Value;

use crate::user::{Ran, Site, User};

/// A site whose most loved model is a pickle that calls `posix.system`.
fn site() -> Site {
    let site = Site::start();
    {
        let mut state = site.sim.state();
        let model = state.models.get_mut(&1001).expect("it is in the seed");
        for file in model
            .versions
            .iter_mut()
            .flat_map(|version| &mut version.files)
        {
            "watercolour.pt".clone_into(&mut file.name);
            file.content = Content::literal(PICKLE);
        }
    }
    site
}

/// Inert: nothing here ever loads it.
const PICKLE: &[u8] = b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.";

/// What is in quarantine names the call, and nothing else of the user's is touched.
#[track_caller]
fn assert_kept(user: &User) {
    let listed = user.run(&["quarantine", "list", "--json"]).exits(0);
    let kept = listed.line("quarantined");
    let target = kept["target"].as_str().expect("a path").to_owned();
    assert!(!std::path::Path::new(&target).exists(), "{target}");
    assert_eq!(kept["reason"]["kind"], "refused", "{kept}");
    let id = kept["id"].to_string();
    let shown = user.run(&["quarantine", "show", &id, "--json"]).exits(0);
    let scan = &shown.line("quarantined")["scan"];
    assert_eq!(scan["verdict"], "malicious", "{scan}");
    let found = scan["findings"].as_array().expect("a list");
    let calls = |finding: &Value| finding["callable"] == "posix.system";
    assert!(found.iter().any(calls), "{scan}");
    for (lang, word) in [("en", "malicious"), ("ja", "危険")] {
        let ran = user
            .run(&["quarantine", "show", &id, "--lang", lang])
            .exits(0);
        assert!(ran.stdout.contains("posix.system"), "{ran:#?}");
        assert!(ran.stdout.contains(word), "{ran:#?}");
    }
}

#[track_caller]
fn assert_refused(ran: &Ran) {
    let line = ran.line("file");
    assert_eq!(line["status"], "quarantined", "{line}");
    assert_eq!(line["scan"], "malicious", "{line}");
    assert_eq!(line["error"]["kind"], "unsafe_content", "{line}");
}

#[test]
fn a_malicious_pickle_never_gets_its_name_by_get() {
    let site = site();
    let user = User::of(&site);
    let ran = user
        .run(&["get", "1001", "--to", "out", "--json"])
        .exits(10);
    assert_refused(&ran);
    assert_kept(&user);
    // It is not fetched again for nothing, and not taken without being told.
    let ran = user.run(&["get", "1001", "--to", "out"]).exits(10);
    assert!(ran.stderr.contains("posix.system"), "{ran:#?}");

    // Who means it lets it out, or takes it at once.
    let listed = user.run(&["quarantine", "list", "--json"]).exits(0);
    let id = listed.line("quarantined")["id"].to_string();
    let freed = user.run(&["quarantine", "release", &id, "--json"]).exits(0);
    let path = freed.line("released")["path"].as_str().map(str::to_owned);
    let path = path.expect("a path");
    assert_eq!(fs_err::read(&path).expect("it has its name"), PICKLE);
    fs_err::remove_file(path).expect("it is there");
    let words = ["get", "1001", "--to", "out", "--accept-unsafe", "--json"];
    let line = user.run(&words).exits(0).line("file");
    assert_eq!(line["scan"], "malicious", "{line}");
    let path = line["path"].as_str().expect("a path");
    assert_eq!(fs_err::read(path).expect("it has its name"), PICKLE);
}

#[test]
fn a_malicious_pickle_never_gets_its_name_by_sync() {
    let site = site();
    let user = User::of(&site);
    user.run(&["init"]).exits(0);
    user.run(&["add", "1001"]).exits(0);
    let ran = user.run(&["sync", "--json"]).exits(10);
    assert_refused(&ran);
    assert_kept(&user);
    // Nothing that a lock says makes it harmless.
    user.run(&["sync", "--frozen"]).exits(10);
    user.run(&["sync", "--check"]).exits(9);
    // What is beside it comes all the same.
    user.run(&["add", "1002"]).exits(0);
    let ran = user.run(&["sync", "--json"]).exits(9);
    let statuses: Vec<_> = ran
        .lines()
        .iter()
        .filter_map(|line| line["status"].as_str().map(str::to_owned))
        .collect();
    assert!(
        statuses.iter().any(|status| status == "downloaded"),
        "{ran:#?}"
    );
}

#[test]
fn a_malicious_pickle_never_gets_its_name_by_bulk() {
    let site = site();
    let user = User::of(&site);
    let ran = user.run(&["bulk", "run", "1001", "--json"]).exits(10);
    assert_refused(&ran);
    assert_kept(&user);
}
