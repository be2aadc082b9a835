//! From a link to a proved file, and everything that can stand between.

use std::path::Path;

use civitai_sim::fault::{Expiry, Knob, Offset, Scope};
use civitai_sim::seed;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::user::{Ran, Site, User};

/// The sum of the file at `path` as `sha256sum` prints it.
fn sha256(path: &Path) -> String {
    let sum = Sha256::digest(fs_err::read(path).expect("the file is there"));
    sum.iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<Vec<_>>()
        .concat()
}

#[track_caller]
fn file(ran: &Ran) -> Value {
    ran.line("file")
}

/// Every name under `directory`, hidden ones included.
fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(directory) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("the folder can be read")
                .file_name()
                .into_string()
                .expect("names are UTF-8")
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_link_becomes_a_proved_file_and_is_left_alone_the_second_time() {
    let site = Site::start();
    let user = User::of(&site);
    let ran = user.run(&["get", "1001", "--json"]).exits(0);
    let planned = ran.line("planned");
    assert_eq!(
        (&planned["action"], &planned["modelId"], &planned["fileId"]),
        (&"download".into(), &1001.into(), &100_100.into())
    );
    let got = file(&ran);
    let path = user.path(".local/share/civitai-dl/models/loras/watercolour_fields.safetensors");
    assert_eq!(got["path"], path.to_str().unwrap());
    assert_eq!(
        (&got["status"], &got["verified"]),
        (&"downloaded".into(), &"sha256".into())
    );
    assert!(got["scan"].is_string(), "{got}");
    assert_eq!(got["civitaiScan"]["pickle"], "Success");
    assert_eq!(got["sha256"], sha256(&path));
    assert_eq!(
        names(path.parent().unwrap()),
        [
            "watercolour_fields.civitai.info",
            "watercolour_fields.safetensors"
        ]
    );
    assert_eq!(ran.line("summary")["downloaded"], 1);

    let before = site.sim.log().summary().storage_bytes;
    let ran = user
        .run(&["get", "https://civitai.com/models/1001", "--json"])
        .exits(0);
    assert_eq!(
        (&ran.line("planned")["action"], &file(&ran)["status"]),
        (&"skip".into(), &"skipped".into())
    );
    assert_eq!(site.sim.log().summary().storage_bytes, before);
}

#[test]
fn the_decision_table_of_the_download_route_reaches_the_user() {
    // Link, whose token, exit code, kind, a word of the message, a word of the hint.
    type Row = (
        &'static str,
        Option<&'static str>,
        i32,
        &'static str,
        &'static str,
        &'static str,
    );
    let rows: &[Row] = &[
        (
            "version:999999",
            Some("plain"),
            4,
            "not_found",
            "not found",
            "check the id",
        ),
        (
            "1013",
            Some("plain"),
            4,
            "not_found",
            "not found",
            "check the id",
        ),
        (
            "1009",
            Some("owner"),
            4,
            "archived",
            "archived",
            "another version",
        ),
        (
            "1015",
            Some("owner"),
            4,
            "not_found",
            "not found",
            "check the id",
        ),
        (
            "1016",
            Some("plain"),
            4,
            "not_found",
            "not found",
            "check the id",
        ),
        (
            "1008",
            Some("plain"),
            3,
            "downloads_disabled",
            "disabled downloads",
            "no token changes",
        ),
        (
            "1036",
            None,
            3,
            "login_required",
            "login",
            "civitai-dl login",
        ),
        (
            "1005",
            Some("plain"),
            3,
            "early_access",
            "2099",
            "early access",
        ),
        (
            "1006",
            Some("plain"),
            3,
            "early_access",
            "early access",
            "buy access",
        ),
        (
            "1001 --file-id 7",
            Some("plain"),
            4,
            "not_found",
            "no file 7",
            "check the id",
        ),
        (
            "1001 --format gguf",
            Some("plain"),
            4,
            "not_found",
            "GGUF",
            "check the id",
        ),
    ];
    let site = Site::start();
    for (link, token, code, kind, message, hint) in rows {
        let token = token.map_or_else(String::new, |name| site.token(name));
        let user = User::of(&site).with("CIVITAI_TOKEN", &token);
        let words: Vec<_> = ["get", "--json"]
            .into_iter()
            .chain(link.split(' '))
            .collect();
        let ran = user.run(&words).exits(*code);
        let error = &file(&ran)["error"];
        assert_eq!(
            (&error["kind"], &error["code"]),
            (&Value::from(*kind), &Value::from(*code)),
            "{link}"
        );
        assert!(
            error["message"].as_str().unwrap().contains(message),
            "{link}: {error}"
        );
        assert!(
            error["hint"].as_str().unwrap().contains(hint),
            "{link}: {error}"
        );
        let japanese = user.run(&["get", "--lang", "ja", link.split(' ').next().unwrap()]);
        assert!(
            japanese.stderr.contains("ヒント") || japanese.code == 0,
            "{japanese:#?}"
        );
    }
}

#[test]
fn a_blocked_user_and_a_spent_quota_are_told_apart() {
    let site = Site::start();
    site.sim.faults().add(Knob::QuotaAt { resolves: 0 });
    let ran = User::of(&site)
        .run(&["get", "1001", "1002", "--json"])
        .exits(6);
    let kinds: Vec<_> = ran
        .lines()
        .iter()
        .filter(|line| line["type"] == "file")
        .map(|line| line["error"]["kind"].clone())
        .collect();
    assert_eq!(kinds, ["quota", "quota"]);

    let site = Site::start();
    let forbidden = Knob::Status {
        code: 403,
        headers: Vec::new(),
        body: "{\"error\":\"Forbidden\"}".into(),
    };
    site.sim
        .faults()
        .add(forbidden.within(Scope::site().route("/api/download/models/*")));
    let ran = User::of(&site).run(&["get", "1001", "--json"]).exits(3);
    assert_eq!(file(&ran)["error"]["kind"], "no_access");
}

#[test]
fn a_storage_outage_that_ends_is_waited_out() {
    let site = Site::start();
    site.sim.faults().add(Knob::ResolveFailed { times: 1 });
    User::of(&site).run(&["get", "1001", "--json"]).exits(0);
}

#[test]
fn resets_an_expired_lease_and_another_storage_do_not_show_in_the_bytes() {
    let site = Site::start();
    let faults = site.sim.faults();
    let storage = Scope::storage().file(seed::CHECKPOINT.file(1));
    faults.add(Knob::BackendFlip);
    faults.add(
        Knob::ResetAt {
            offset: Offset::Random,
        }
        .within(storage.clone().times(2)),
    );
    faults.add(
        Knob::ExpireUrl {
            after: Expiry::Bytes(6 << 20),
            cut: true,
        }
        .within(storage),
    );
    let user = User::of(&site);
    let ran = user
        .run(&[
            "get",
            "1002",
            "--file-id",
            "100201",
            "--to",
            "out",
            "--no-sidecars",
            "--json",
        ])
        .exits(0);
    let got = file(&ran);
    assert_eq!(
        got["sha256"],
        sha256(Path::new(got["path"].as_str().unwrap()))
    );
    assert_eq!(names(&user.path("out")).len(), 1);
}

#[test]
fn a_wrong_digest_goes_to_quarantine_whatever_is_accepted() {
    let site = Site::start();
    let user = User::of(&site);
    let ran = user
        .run(&[
            "get",
            "1020",
            "--to",
            "out",
            "--accept-unverified",
            "--json",
        ])
        .exits(7);
    let got = file(&ran);
    assert_eq!(
        (&got["status"], &got["error"]["kind"]),
        (&"quarantined".into(), &"integrity".into())
    );
    assert_eq!(names(&user.path("out")), [".quarantine"]);
    assert!(Path::new(got["quarantine"].as_str().unwrap()).exists());
}

#[test]
fn a_file_nobody_vouches_for_needs_a_word() {
    let site = Site::start();
    for version in &mut site.sim.state().models.get_mut(&1001).unwrap().versions {
        for file in &mut version.files {
            for kind in ["SHA256", "BLAKE3", "CRC32", "AutoV1", "AutoV2", "AutoV3"] {
                file.claimed_hashes.insert(kind.to_owned(), None);
            }
        }
    }
    let user = User::of(&site);
    let ran = user.run(&["get", "1001", "--to", "out", "--json"]).exits(7);
    assert_eq!(file(&ran)["error"]["kind"], "unverified");
    assert!(names(&user.path("out")).is_empty());
    let ran = user
        .run(&[
            "get",
            "1001",
            "--to",
            "out",
            "--accept-unverified",
            "--json",
        ])
        .exits(0);
    assert_eq!(file(&ran)["verified"], "none");
}

#[test]
fn two_files_of_one_name_both_come() {
    let site = Site::start();
    let user = User::of(&site);
    // The archive of training data is made up: no scanner can judge it, which is not what this is about.
    let words = [
        "get",
        "1002",
        "--all-files",
        "--to",
        "out",
        "--accept-unsafe",
    ];
    user.run(&words).exits(0);
    let names = names(&user.path("out"));
    assert!(
        names.contains(&"harbourMixXL_v10.safetensors".to_owned()),
        "{names:?}"
    );
    assert!(
        names.contains(&"harbourMixXL_v10.100201.safetensors".to_owned()),
        "{names:?}"
    );
}

#[test]
fn a_different_file_of_the_name_is_never_overwritten_unless_forced() {
    let site = Site::start();
    let user = User::of(&site);
    let mine = user.write("out/watercolour_fields.safetensors", "mine");
    let ran = user.run(&["get", "1001", "--to", "out", "--json"]).exits(0);
    assert!(
        file(&ran)["path"]
            .as_str()
            .unwrap()
            .ends_with("/watercolour_fields.100100.safetensors")
    );
    assert_eq!(fs_err::read(&mine).unwrap(), b"mine");
    user.run(&["get", "1001", "--to", "out", "--force"])
        .exits(0);
    assert_eq!(fs_err::metadata(&mine).unwrap().len(), 3 << 20);
}

#[test]
fn names_from_the_site_stay_in_the_folder() {
    let site = Site::start();
    let user = User::of(&site);
    user.run(&[
        "get",
        "1026",
        "1027",
        "1028",
        "1029",
        "--all-files",
        "--to",
        "deep/out",
    ])
    .exits(0);
    assert_eq!(names(&user.path("deep")), ["out"]);
    for name in names(&user.path("deep/out")) {
        assert!(
            name.len() <= 255 && !name.starts_with('.') && !name.contains(['\\', '\u{202e}']),
            "{name:?}"
        );
    }
}

#[test]
fn a_dry_run_touches_nothing() {
    let site = Site::start();
    let user = User::of(&site);
    let ran = user
        .run(&["get", "1001", "--to", "out", "--dry-run", "--json"])
        .exits(0);
    assert_eq!(ran.line("planned")["bytes"], 3 << 20);
    assert!(!user.path("out").exists());
    assert_eq!(site.sim.log().summary().storage_bytes, 0);
}

#[test]
fn of_several_links_the_good_ones_come_and_the_bad_ones_are_named() {
    let site = Site::start();
    let user = User::of(&site);
    user.write("list", "# two\n1001 # good\nbogus\n\n1008\n");
    let ran = user
        .run(&["get", "@list", "--to", "out", "--json"])
        .exits(9);
    let lines = ran.lines();
    let files: Vec<_> = lines.iter().filter(|line| line["type"] == "file").collect();
    assert_eq!(files.len(), 3);
    let bogus = files.iter().find(|line| line["link"] == "bogus").unwrap();
    assert_eq!(
        (&bogus["modelId"], &bogus["error"]["code"]),
        (&Value::Null, &2.into())
    );
    assert!(
        bogus["error"]["message"]
            .as_str()
            .unwrap()
            .contains("line 3"),
        "{bogus}"
    );
    assert_eq!(
        (
            &lines.last().unwrap()["type"],
            &lines.last().unwrap()["failed"]
        ),
        (&"summary".into(), &2.into())
    );
    assert_eq!(
        names(&user.path("out")),
        [
            "watercolour_fields.civitai.info",
            "watercolour_fields.safetensors"
        ]
    );
}

#[test]
fn each_layout_has_its_folders_and_its_sidecars() {
    let site = Site::start();
    let user = User::of(&site);
    let beside = [
        ("comfyui", "loras", vec!["civitai.info"]),
        ("a1111", "models/Lora", vec!["civitai.info", "json"]),
        ("forge", "models/Lora", vec!["civitai.info", "json"]),
        ("swarmui", "Lora", vec!["civitai.info", "swarm.json"]),
        (
            "stabilitymatrix",
            "Lora",
            vec!["civitai.info", "cm-info.json"],
        ),
        ("flat", "", vec!["civitai.info"]),
        (
            "{type}/{file_id}/{file}",
            "LORA/100100",
            vec!["civitai.info"],
        ),
    ];
    for (layout, folder, sidecars) in beside {
        let root = user.path("by").join(layout.replace(['/', '{', '}'], "_"));
        let library = root.to_str().unwrap();
        user.run(&["get", "1001", "--layout", layout, "--library", library])
            .exits(0);
        let mut expected: Vec<_> = sidecars
            .iter()
            .map(|suffix| format!("watercolour_fields.{suffix}"))
            .collect();
        expected.push("watercolour_fields.safetensors".to_owned());
        expected.sort();
        let mut found = names(&root.join(folder));
        found.retain(|name| !name.starts_with('.'));
        assert_eq!(found, expected, "{layout}");
    }
    let info = fs_err::read(user.path("by/a1111/models/Lora/watercolour_fields.json")).unwrap();
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert!(
        info["activation text"]
            .as_str()
            .is_some_and(|text| !text.is_empty()),
        "{info}"
    );
}

#[test]
fn a_sidecar_that_is_no_json_is_named_and_stays() {
    let site = Site::start();
    let user = User::of(&site);
    let mine = user.write("out/watercolour_fields.civitai.info", "not JSON");
    let ran = user.run(&["get", "1001", "--to", "out"]).exits(0);
    assert!(
        ran.stderr.contains("watercolour_fields.civitai.info"),
        "{}",
        ran.stderr
    );
    assert_eq!(fs_err::read(&mine).unwrap(), b"not JSON");
}

#[test]
fn a_torn_off_transfer_goes_on_where_it_stopped() {
    let site = Site::start();
    let user = User::of(&site);
    let throttle = site.sim.faults().add(Knob::Throttle {
        bytes_per_second: 128 << 10,
    });
    let words = [
        "get",
        "1002",
        "--file-id",
        "100201",
        "--to",
        "out",
        "--json",
    ];
    let mut child = user
        .command(&words)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // The third line of progress says that bytes are on the disk.
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    lines
        .by_ref()
        .map(Result::unwrap)
        .filter(|line| line.contains("\"progress\""))
        .nth(2)
        .unwrap();
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let rest: Vec<Value> = lines
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        rest.iter().any(|line| line["status"] == "interrupted"),
        "{rest:?}"
    );
    assert_eq!(rest.last().unwrap()["type"], "summary");
    site.sim.faults().remove(throttle);

    let ran = user.run(&words).exits(0);
    let got = file(&ran);
    assert_eq!(
        (&ran.line("planned")["action"], &got["status"]),
        (&"resume".into(), &"resumed".into())
    );
    assert!(
        got["fetchedBytes"].as_u64() < got["bytes"].as_u64(),
        "{got}"
    );
    assert_eq!(
        got["sha256"],
        sha256(Path::new(got["path"].as_str().unwrap()))
    );
}

#[test]
fn a_second_link_to_the_same_file_stands_in_the_plan() {
    let site = Site::start();
    let ran = User::of(&site)
        .run(&["get", "1001", "1001@10010", "--dry-run", "--json"])
        .exits(0);
    let planned: Vec<_> = ran
        .lines()
        .into_iter()
        .filter(|line| line["type"] == "planned")
        .map(|line| (line["link"].clone(), line["action"].clone()))
        .collect();
    assert_eq!(
        planned,
        [
            ("1001".into(), "download".into()),
            ("1001@10010".into(), "skip".into())
        ]
    );
}

#[test]
fn an_archived_model_is_said_to_be_one_by_its_version_too() {
    let site = Site::start();
    let link = format!("version:{}", seed::ARCHIVED.version(0));
    let ran = User::of(&site).run(&["get", &link, "--json"]).exits(4);
    assert_eq!(file(&ran)["error"]["kind"], "archived");
}
