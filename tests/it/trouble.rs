//! Disks that refuse, and names that are taken by something else.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use civitai_sim::seed;
use serde_json::Value;

use crate::user::{Ran, Site, User};

fn url(site: &Site) -> String {
    let signed = site.sim.sign(seed::LORA.file(0));
    signed.expect("the seed has this file").to_string()
}

/// What the program says of a file it could not write.
#[track_caller]
fn error(ran: &Ran) -> Value {
    assert_eq!(ran.code, 8, "{ran:#?}");
    ran.line("file")["error"].clone()
}

#[track_caller]
fn assert_says(error: &Value, message: &str, hint: &str) {
    assert_eq!(error["kind"], "io", "{error}");
    let has = |key: &str, words: &str| error[key].as_str().expect("it is text").contains(words);
    assert!(has("message", message) && has("hint", hint), "{error}");
}

#[test]
fn a_directory_in_the_place_of_a_file_is_named_and_kept() {
    let site = Site::start();
    let url = url(&site);
    for name in ["x.bin", "x.bin.part", "x.bin.part.json"] {
        for force in [&[][..], &["--force"]] {
            let user = User::new();
            user.write(&format!("{name}/mine"), "mine");
            let words = [&["fetch", &url, "-o", "x.bin", "--json"], force].concat();
            let ran = user.run(&words);
            let path = user.path(name);
            assert_says(
                &error(&ran),
                &format!("a directory is at {}", path.display()),
                "move it away",
            );
            assert_eq!(fs_err::read(path.join("mine")).unwrap(), b"mine");
        }
    }
    assert_eq!(site.sim.log().entries().len(), 0, "nothing was asked for");
}

#[test]
fn a_journal_that_is_not_ours_to_read_is_kept() {
    let site = Site::start();
    // Without its signature, so that the identity is the address itself.
    let url = url(&site).split('?').next().unwrap().to_owned();
    let identity = &url;
    let newer = format!(
        "{{\"journal\":{{\"version\":2,\"identity\":\"{identity}\",\"sha256\":null,\"blake3\":null}}"
    );
    let newer = format!(
        "{newer},\"crc32c\":\"{:08x}\"}}\n",
        crc32c(newer.as_bytes())
    );
    let foreign = "{\"some\":\"other tool's file\"}\n".to_owned();
    for (journal, message) in [(newer, "has format version 2"), (foreign, "is damaged")] {
        let user = User::new();
        user.write("x.bin.part", "what was fetched");
        user.write("x.bin.part.json", &journal);
        let ran = user.run(&["fetch", &url, "-o", "x.bin", "--json"]);
        assert_says(&error(&ran), message, "to start over");
        assert_eq!(
            fs_err::read(user.path("x.bin.part")).unwrap(),
            b"what was fetched"
        );
        assert_eq!(
            fs_err::read_to_string(user.path("x.bin.part.json")).unwrap(),
            journal
        );
    }
}

#[test]
fn a_directory_that_may_not_be_written_to_is_named() {
    let site = Site::start();
    let user = User::new();
    let folder = user.path("closed");
    fs_err::create_dir(&folder).unwrap();
    fs_err::set_permissions(&folder, PermissionsExt::from_mode(0o555)).unwrap();
    fs_err::set_permissions(user.home(), PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = user.command(&["fetch", &url(&site), "--to", "closed", "--json"]);
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere; nobody may not.
        command.uid(NOBODY).gid(NOBODY);
    }
    let Some(ran) = ran(&mut command, "nobody may not start the program here") else {
        return;
    };
    assert_says(&error(&ran), "closed", "you may write there");
}

#[test]
fn a_volume_that_is_read_only_is_named() {
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can mount a volume");
    }
    let site = Site::start();
    let user = User::new();
    fs_err::create_dir(user.path("sealed")).unwrap();
    let program = user.command(&["fetch", &url(&site), "--to", "sealed/in", "--json"]);
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--propagation", "private", "sh", "-c"])
        .arg("mount -t tmpfs -o ro none sealed && exec \"$0\" \"$@\"")
        .arg(program.get_program())
        .args(program.get_args())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", user.home())
        .current_dir(user.home());
    let Some(ran) = ran(&mut command, "no unshare") else {
        return;
    };
    if ran.stdout.is_empty() {
        return skipped(&ran.stderr);
    }
    assert_says(&error(&ran), "sealed", "you may write there");
}

/// Runs a command that may not be runnable on every machine.
fn ran(command: &mut Command, why_not: &str) -> Option<Ran> {
    match command.output() {
        Ok(output) => Some(Ran {
            words: format!("{command:?}"),
            code: output.status.code().expect("it ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("output is UTF-8"),
        }),
        Err(error) => {
            skipped(&format!("{why_not}: {error}"));
            None
        }
    }
}

fn skipped(why: &str) {
    use std::io::Write as _;
    writeln!(std::io::stderr(), "skipped: {why}").expect("tests have a standard error");
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

const NOBODY: u32 = 65_534;
