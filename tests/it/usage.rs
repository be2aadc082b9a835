//! What a mistyped command line comes to.

use civitai_sim::seed;

use crate::user::{Ran, Site, User};

#[test]
fn a_mistyped_flag_is_named_with_the_nearest_one() {
    let ran = User::new().run(&["hash", "--jsn", "x"]).exits(2);
    assert!(
        ran.stderr.contains("--jsn") && ran.stderr.contains("--json"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stdout, "");
}

#[test]
fn under_json_a_mistyped_verb_is_an_error_line() {
    let ran = User::new().run(&["--json", "resolv", "1"]).exits(2);
    let error = &ran.line("error")["error"];
    assert_eq!(
        (&error["code"], &error["kind"]),
        (&2.into(), &"usage".into())
    );
    assert!(
        error["hint"].as_str().unwrap().contains("resolve"),
        "{error}"
    );
}

#[test]
fn a_token_on_the_command_line_is_refused_and_not_repeated() {
    for words in [
        &["--token", "c4n4ryc4n4ry", "whoami"][..],
        &["whoami", "--token=c4n4ryc4n4ry"],
        &["login", "c4n4ryc4n4ry"],
    ] {
        let ran = User::new().run(words).exits(2);
        assert!(ran.stderr.contains("command line"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("c4n4ry"), "{}", ran.stderr);
    }
}

#[test]
fn messages_and_help_come_in_japanese() {
    let ran = User::new()
        .with("LANG", "ja_JP.UTF-8")
        .run(&["whoami"])
        .exits(3);
    assert!(
        ran.stderr.contains("エラー: トークンが設定されていません"),
        "{}",
        ran.stderr
    );
    let help = User::new().run(&["--lang", "ja", "--help"]).exits(0);
    assert!(
        help.stdout.contains("使い方:") && help.stdout.contains("モデルを検索します"),
        "{}",
        help.stdout
    );
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let user = User::new();
    let mut child = user
        .command(&["man"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}

#[test]
fn data_that_cannot_be_printed_is_a_failure() {
    let site = Site::start();
    let user = User::of(&site);
    let version = format!("version:{}", seed::LORA.version(0));
    for words in [
        &["--help"][..],
        &["man"],
        &["search", "--json"],
        &["get", &version, "--to", "out", "--json"],
    ] {
        let full = fs_err::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let mut command = user.command(words);
        command.stdout(full.into_parts().0);
        let ran = Ran::new(words, &command.output().unwrap()).exits(8);
        assert!(
            words == ["--help"] || ran.stderr.contains("cannot write to standard output"),
            "{ran:#?}"
        );
    }
}

#[test]
fn completions_and_the_manual_name_every_verb() {
    for words in [
        &["completions", "bash"][..],
        &["completions", "zsh"],
        &["man"],
    ] {
        let ran = User::new().run(words).exits(0);
        for verb in [
            "search", "info", "get", "fetch", "resolve", "hash", "login", "doctor", "sim", "demo",
        ] {
            assert!(ran.stdout.contains(verb), "{verb} in {}", ran.words);
        }
    }
}

#[test]
fn a_mistyped_command_line_is_refused_in_japanese() {
    for (words, told) in [
        (&["hash", "--jsn", "x"][..], "`--json`"),
        (&["resolv"], "`resolve`"),
        (&["hash"], "<FILE>"),
        (&["completions", "fsh"], "`fish`"),
        (&["search", "--all", "--limit", "3"], "`--all`"),
    ] {
        let ran = User::new().with("LANG", "ja_JP.UTF-8").run(words).exits(2);
        assert!(
            ran.stderr.starts_with("エラー: ") && ran.stderr.contains(told),
            "{}",
            ran.stderr
        );
        assert!(!ran.stderr.contains("Usage"), "{}", ran.stderr);
    }
    let help = User::new().run(&["--lang", "ja", "get", "--help"]).exits(0);
    for heading in ["Arguments:", "Options:", "Settings and output:"] {
        assert!(!help.stdout.contains(heading), "{}", help.stdout);
    }
}
