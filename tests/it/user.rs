//! A person at a terminal: a home directory of their own, and the program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use civitai_sim::state::State;
use civitai_sim::{Builder, Sim};
use serde_json::Value;

/// Somebody with an empty home directory and an environment without anything of the tester's.
pub(crate) struct User {
    home: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

impl User {
    pub(crate) fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("the machine lets tests work"),
            variables: Vec::new(),
        }
    }

    /// Somebody who works with `site` and has the token of its user `plain`.
    pub(crate) fn of(site: &Site) -> Self {
        Self::new()
            .with("CIVITAI_BASE_URL", site.url())
            .with("CIVITAI_TOKEN", &site.token("plain"))
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().expect("the machine lets tests work"))
            .expect("the machine lets tests work");
        fs_err::write(&path, text).expect("the machine lets tests work");
        path
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(words)
            .current_dir(self.home.path())
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        Ran::new(
            words,
            &self
                .command(words)
                .output()
                .expect("the machine lets tests work"),
        )
    }

    pub(crate) fn run_with_input(&self, words: &[&str], input: &str) -> Ran {
        use std::io::Write as _;
        let mut command = self.command(words);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the machine lets tests work");
        // A program that refuses before it reads closes the pipe, which is its right.
        let _ = child
            .stdin
            .take()
            .expect("the machine lets tests work")
            .write_all(input.as_bytes());
        Ran::new(
            words,
            &child
                .wait_with_output()
                .expect("the machine lets tests work"),
        )
    }
}

/// What a run of the program left on the screen.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) words: String,
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn new(words: &[&str], output: &Output) -> Self {
        Self {
            words: words.join(" "),
            code: output.status.code().expect("it ends by itself"),
            stdout: String::from_utf8(output.stdout.clone()).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr.clone()).expect("output is UTF-8"),
        }
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Every line of standard output, each of which must be a typed object of the known schema.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            let value: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{error}: {line:?} in {self:#?}"));
            assert!(value["type"].is_string() && value["schema"] == 1, "{line}");
            value
        };
        self.stdout.lines().map(parse).collect()
    }

    /// The only line of this type.
    #[track_caller]
    pub(crate) fn line(&self, kind: &str) -> Value {
        let mut found: Vec<_> = self
            .lines()
            .into_iter()
            .filter(|line| line["type"] == kind)
            .collect();
        assert_eq!(found.len(), 1, "one line of type {kind} in {self:#?}");
        found.remove(0)
    }
}

/// A simulator for one test.
pub(crate) struct Site {
    pub(crate) sim: Sim,
    // Ends after the simulator, which lives on it.
    _runtime: tokio::runtime::Runtime,
    url: String,
}

impl Site {
    pub(crate) fn start() -> Self {
        Self::built(Sim::builder())
    }

    /// One that has nothing but `state`.
    pub(crate) fn of(state: State) -> Self {
        Self::built(Sim::builder().state(state))
    }

    fn built(builder: Builder) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("the machine lets tests work");
        let builder = builder.seed(1).ledger(concat!(
            env!("CARGO_TARGET_TMPDIR"),
            "/storage-ledger.jsonl"
        ));
        let sim = runtime
            .block_on(builder.start())
            .expect("the machine lets tests work");
        let url = sim.site_url().to_string();
        Self {
            sim,
            _runtime: runtime,
            url,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn token(&self, name: &str) -> String {
        self.sim.token(name).expect("the seed has this user")
    }
}

/// The program, built once a test process.
fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let tests = std::env::current_exe().expect("a running test has a path");
        let target = tests
            .parent()
            .and_then(Path::parent)
            .expect("tests are in deps/ of the profile's directory");
        let binary = target.join(format!("civitai-dl{}", std::env::consts::EXE_SUFFIX));
        assert!(
            binary.exists(),
            "{} is missing: run `cargo build -p civitai-cli` first",
            binary.display()
        );
        binary
    })
}
