use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;

use clap::Parser as _;

use super::*;
use crate::args::Cli;

struct Case {
    dir: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Case {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            variables: BTreeMap::new(),
        }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        let path = self.dir.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
        self
    }

    fn root(&self) -> &Path {
        self.dir.path()
    }

    fn read(&self, flags: &[&str]) -> Result<Settings, Failure> {
        let words = ["civitai-dl"].iter().chain(flags).chain(&["whoami"]);
        let cli = Cli::try_parse_from(words).unwrap();
        let surroundings = Surroundings {
            variables: self.variables.clone(),
            directory: self.root().join("project/deep/below"),
            user_file: Some(self.root().join("config/config.toml")),
            user_data: Some(self.root().join("data")),
        };
        Settings::read(Layers::without_files(&cli.global, surroundings).with_files()?)
    }

    fn refusal(&self, flags: &[&str]) -> String {
        let failure = self.read(flags).expect_err("the settings are wrong");
        assert_eq!(failure.exit().code(), 2);
        failure.message(Lang::En)
    }
}

#[test]
fn each_layer_wins_over_the_ones_below() {
    let user = "base-url = \"https://user.example\"\n";
    let project = "[settings]\nbase-url = \"https://project.example\"\n";
    let host = |case: &Case, flags: &[&str]| {
        case.read(flags)
            .unwrap()
            .base_url
            .host_str()
            .unwrap()
            .to_owned()
    };

    let case = Case::new();
    assert_eq!(host(&case, &[]), "civitai.com");
    let case = case.file("config/config.toml", user);
    assert_eq!(host(&case, &[]), "user.example");
    let case = case.file("project/civitai.toml", project);
    assert_eq!(host(&case, &[]), "project.example");
    let case = case.variable("CIVITAI_BASE_URL", "https://env.example");
    assert_eq!(host(&case, &[]), "env.example");
    assert_eq!(
        host(&case, &["--base-url", "https://flag.example"]),
        "flag.example"
    );
}

#[test]
fn origins_are_remembered() {
    let case = Case::new()
        .file("config/config.toml", "jobs = 2\n")
        .file("project/civitai.toml", "[settings]\nlayout = \"flat\"\n")
        .variable("CIVITAI_LIBRARY", "lib");
    let settings = case.read(&["--max-wait", "5s"]).unwrap();
    let origin = |key| settings.layers.origin(key).clone();
    assert_eq!(origin(Key::MaxWait), Origin::Flag);
    assert_eq!(origin(Key::Library), Origin::Environment("CIVITAI_LIBRARY"));
    assert_eq!(
        origin(Key::Layout),
        Origin::Project(case.root().join("project/civitai.toml"))
    );
    assert_eq!(
        origin(Key::Jobs),
        Origin::User(case.root().join("config/config.toml"))
    );
    assert_eq!(origin(Key::Connections), Origin::Default);
}

#[test]
fn a_project_has_its_own_library() {
    assert!(
        Case::new()
            .read(&[])
            .unwrap()
            .library
            .ends_with("data/models")
    );
    let inside = Case::new().file("project/civitai.toml", "");
    assert_eq!(
        inside.read(&[]).unwrap().library,
        inside.root().join("project/models")
    );
}

#[test]
fn paths_in_a_file_are_meant_from_that_file() {
    let case = Case::new().file(
        "project/civitai.toml",
        "[settings]\nlibrary = \"sub/lib\"\n",
    );
    assert_eq!(
        case.read(&[]).unwrap().library,
        case.root().join("project/sub/lib")
    );
}

#[test]
fn unknown_keys_are_named_with_the_nearest_known_one() {
    let case = Case::new().file("config/config.toml", "bse-url = \"https://x.example\"\n");
    let message = case.refusal(&[]);
    assert!(
        message.contains("`bse-url`") && message.contains("`base-url`"),
        "{message}"
    );
    assert!(message.contains("config.toml"), "{message}");
    let case = Case::new().file("project/civitai.toml", "[setings]\njobs = 1\n");
    let message = case.refusal(&[]);
    assert!(
        message.contains("`setings`") && message.contains("`settings`"),
        "{message}"
    );
}

#[test]
fn a_bad_value_names_the_place_it_was_written() {
    let env = Case::new().variable("CIVITAI_LAYOUT", "comfyiu");
    let message = env.refusal(&[]);
    assert!(
        message.contains("CIVITAI_LAYOUT") && message.contains("`comfyui`"),
        "{message}"
    );
    let flag = Case::new().refusal(&["--jobs", "0"]);
    assert!(flag.contains("--jobs"), "{flag}");
    let file = Case::new()
        .file("config/config.toml", "max-wait = \"soon\"\n")
        .refusal(&[]);
    assert!(
        file.contains("max-wait in ") && file.contains("config.toml"),
        "{file}"
    );
    let variable = Case::new().refusal(&["--layout", "{typ}/{file}"]);
    assert!(
        variable.contains("`typ`") && variable.contains("`type`"),
        "{variable}"
    );
}

#[test]
fn a_token_is_refused_in_a_file_and_not_repeated() {
    let case = Case::new().file(
        "config/config.toml",
        "token = \"5f4dcc3b5aa765d61d8327deb882cf99\"\n",
    );
    let message = case.refusal(&[]);
    assert!(
        message.contains("token") && !message.contains("5f4dcc3b"),
        "{message}"
    );
}

#[test]
fn a_project_cannot_choose_where_the_token_goes() {
    let trusted = |settings: &str| {
        let case = Case::new().file("project/civitai.toml", &format!("[settings]\n{settings}\n"));
        case.read(&[]).unwrap().distrusted().is_none()
    };
    assert!(trusted("base-url = \"https://civitai.red\""));
    assert!(trusted("base-url = \"http://127.0.0.1:9\""));
    assert!(trusted("jobs = 2"));
    assert!(!trusted("base-url = \"https://civitai.com.evil.example\""));
    assert!(!trusted("proxy = \"http://evil.example\""));
    assert!(!trusted("ca-file = \"evil.pem\""));
}

#[test]
fn values_are_read_with_their_units() {
    let read = |flags: &[&str]| Case::new().read(flags).unwrap();
    assert_eq!(
        read(&["--limit-rate", "20M"]).limit_rate.unwrap().get(),
        20_000_000
    );
    assert_eq!(
        read(&["--limit-rate", "1MiB/s"]).limit_rate.unwrap().get(),
        1 << 20
    );
    assert_eq!(
        read(&["--max-wait", "90"]).max_wait,
        Duration::from_secs(90)
    );
    assert_eq!(read(&["--max-wait", "2m"]).max_wait, Duration::from_mins(2));
    assert_eq!(read(&[]).jobs(), Jobs::Auto);
    let seven = NonZeroUsize::new(7).unwrap();
    assert_eq!(read(&["--jobs", "7"]).jobs(), Jobs::AtMost(seven));
}

#[test]
fn an_edit_keeps_comments_and_spelling() {
    let case = Case::new().file(
        "config/config.toml",
        "# mine\nbase_url = \"https://a.example\" # why\n\njobs = 2\n",
    );
    let path = case.root().join("config/config.toml");
    let mut file = file::ConfigFile::read(&path, file::Scope::User).unwrap();
    file.set(Key::BaseUrl, "https://b.example");
    file.set(Key::Jobs, "");
    file.set(Key::Layout, "flat");
    file.save().unwrap();
    let text = fs_err::read_to_string(&path).unwrap();
    assert_eq!(
        text,
        "# mine\nbase_url = \"https://b.example\" # why\nlayout = \"flat\"\n"
    );
}

#[cfg(feature = "keyring")]
#[test]
fn where_there_is_a_keyring_no_file_holds_the_token() {
    use token::{Source, Stored};
    let case = Case::new();
    let settings = case.read(&[]).unwrap();
    let kept = || token::find(&settings).unwrap();
    let token = civitai_security::Secret::new("canary".to_owned());
    keyring_core::set_default_store(keyring_core::mock::Store::new().unwrap());
    assert_eq!(token::store(&settings, &token).unwrap(), Stored::Keyring);
    assert!(!settings.data_dir.join("tokens").exists());
    let found = kept().expect("it was stored");
    assert_eq!(found.source, Source::Keyring);
    assert_eq!(found.token.expose(), "canary");
    // That of one site is not that of another.
    let elsewhere = case
        .read(&["--base-url", "https://elsewhere.example"])
        .unwrap();
    assert!(token::find(&elsewhere).unwrap().is_none());
    assert!(token::forget(&settings).unwrap());
    assert!(kept().is_none());
    keyring_core::unset_default_store();
    let stored = token::store(&settings, &token).unwrap();
    assert!(matches!(stored, Stored::File(_)), "{stored:?}");
    assert!(matches!(
        kept().expect("it was stored").source,
        Source::Stored(_)
    ));
}
