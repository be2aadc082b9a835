//! Any address, the same care.

use civitai_sim::fault::{Knob, Offset, Scope};
use civitai_sim::seed;

use crate::user::{Site, User};

fn address(site: &Site) -> String {
    site.sim
        .sign(seed::LORA.file(0))
        .expect("the seed has this file")
        .to_string()
}

const SHA256: &str = "1caa193ea2607d27b14596c1d95faf05a774c5106786357956c02fb2cef96295";

#[test]
fn an_address_is_fetched_and_proved() {
    let site = Site::start();
    site.sim.faults().add(
        Knob::ResetAt {
            offset: Offset::Random,
        }
        .within(Scope::storage().times(1)),
    );
    let user = User::new();
    let ran = user
        .run(&[
            "fetch",
            &address(&site),
            "-o",
            "x.bin",
            "--sha256",
            SHA256,
            "--json",
        ])
        .exits(0);
    let file = ran.line("file");
    assert_eq!(
        (&file["verified"], &file["sha256"], &file["modelId"]),
        (&"sha256".into(), &SHA256.into(), &serde_json::Value::Null)
    );
    assert_eq!(fs_err::metadata(user.path("x.bin")).unwrap().len(), 3 << 20);
    assert!(
        !ran.stdout.contains("X-Amz-Signature=") || ran.stdout.contains("X-Amz-Signature=***"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_wrong_bytes_never_get_the_name() {
    let site = Site::start();
    let user = User::new();
    user.run(&[
        "fetch",
        &address(&site),
        "-o",
        "x.bin",
        "--sha256",
        &"0".repeat(64),
    ])
    .exits(7);
    assert!(!user.path("x.bin").exists() && user.path(".quarantine").exists());
}

#[test]
fn a_list_is_fetched_line_by_line() {
    let site = Site::start();
    let user = User::new();
    let url = address(&site);
    user.write(
        "list",
        format!("{url}\ta.bin\t{SHA256}\t3145728\n{url}\tb.bin\t\t\nftp://x/y\tc\t\t\n"),
    );
    let ran = user
        .run(&["fetch", "--list", "list", "--to", "out", "--json"])
        .exits(9);
    assert_eq!(ran.line("summary")["downloaded"], 2);
    assert!(user.path("out/a.bin").exists() && user.path("out/b.bin").exists());
}

#[test]
fn plain_http_to_elsewhere_is_refused() {
    for url in [
        "http://192.0.2.1/x",
        "http://civitai.com/x",
        "https://10.0.0.1/x",
        "file:///etc/passwd",
        "nonsense",
    ] {
        User::new().run(&["fetch", url]).exits(2);
    }
}

#[test]
fn the_token_goes_to_the_site_and_to_nobody_else() {
    let (site, stranger) = (Site::start(), Site::start());
    let user = User::of(&site);
    let route = "api/download/models/10010";
    user.run(&["fetch", &format!("{}{route}", site.url()), "-o", "x"])
        .exits(0);
    user.run(&["fetch", &format!("{}{route}", stranger.url()), "-o", "y"])
        .exits(3);
    assert_eq!(site.sim.log().summary().storage_authorization, 0);
}

#[test]
fn every_bad_line_of_a_list_is_named_by_its_number() {
    let user = User::new();
    let list = user.write("list", "nonsense\n# fine\nhttps://a.example/x\ty\t\tmany\n");
    let ran = user
        .run(&["fetch", "--list", list.to_str().unwrap(), "--json"])
        .exits(2);
    let told: Vec<_> = ran
        .lines()
        .into_iter()
        .filter(|line| line["type"] == "file")
        .map(|line| line["error"]["message"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        told.len() == 2 && told[0].contains("line 1:") && told[1].contains("line 3:"),
        "{told:?}"
    );
}

#[test]
fn a_name_that_is_taken_comes_with_the_way_out() {
    let user = User::new();
    user.write("taken", "something else");
    let ran = user
        .run(&["fetch", "http://127.0.0.1:9/taken", "--json"])
        .exits(8);
    let error = &ran.line("file")["error"];
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("different file")
            && error["hint"].as_str().unwrap().contains("--force"),
        "{error}"
    );
}
