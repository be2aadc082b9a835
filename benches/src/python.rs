//! The module `civitai_rs` beside the command line: what a download costs more from Python, how fast the module is imported,
//! how soon a download stops, and a thousand questions at once.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use civitai_analytics::compare::{Comparison, Cost, compare};
use civitai_sim::Sim;
use civitai_sim::state::{File, Model, State, User, Version};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::held::{self, Held};
use crate::measure::{self, Bounds, Usage};
use crate::spread::{Spread, gigabytes, mebibytes};
use crate::workshop::Workshop;

const BYTES: u64 = 2 << 30;
const PAIRS: usize = 12;
const IMPORTS: usize = 100;
const STOPS: usize = 25;

/// Why there may be no figures.
const SKIPPED: &str =
    "Skipped: an environment with the module cannot be made (python3 -m venv, pip install).\n";

pub(crate) fn run(root: &Path, binary: &Path) -> Result<String> {
    let workshop = Workshop::open(3 * BYTES)?;
    let Some(python) = Python::install(&workshop, root) else {
        return Ok(SKIPPED.to_owned());
    };
    let mut text = downloads(binary, &python, &workshop)?;
    writeln!(
        text,
        "\n| civitai_rs | runs | median | 99 of 100 | target |\n|---|---|---|---|---|"
    )?;
    // The first import writes the compiled form of the package's Python.
    let imports = (0..=IMPORTS).map(|_| python.tell("imported.py", &[]));
    let imports: Vec<f64> = imports.collect::<Result<_>>()?;
    row(&mut text, "import, ms", &imports[1..], "< 30")?;
    let stopped: Stopped = python.tell("stopped.py", &[&STOPS.to_string()])?;
    let asked = [
        ("from Ctrl-C to KeyboardInterrupt, ms", &stopped.ctrl_c),
        ("from cancelling a task to its end, ms", &stopped.cancel),
    ];
    for (name, stops) in asked {
        ensure!(stops.kept > 0, "{name}: the next download began anew");
        row(&mut text, name, &stops.ms, "< 100")?;
    }
    let thousand: Thousand = python.tell("thousand.py", &[])?;
    let peak = mebibytes(thousand.peak_kib * 1024);
    writeln!(
        text,
        "\n1,000 `by_hash_async` at once, the simulator in the same process, at 400 a second that may double: {:.1} s, \
         {} threads before and {} at most, {peak:.0} MiB at most (target < 100).",
        thousand.seconds, thousand.before, thousand.most
    )?;
    Ok(text)
}

/// The same file by either, one after the other; each pair begins with the other.
fn downloads(binary: &Path, python: &Python, workshop: &Workshop) -> Result<String> {
    let mut site = Held::start(&mut held::own("serve-file")?)?;
    let origin = site.first_line()?;
    let mut pairs = Vec::new();
    for number in 0..=PAIRS {
        let by_cli = || {
            let mut command = measure::command(Bounds::default())?;
            fetched(
                command.arg(binary).args(["get", "1", "-q"]),
                &origin,
                workshop,
            )
        };
        let by_python = || {
            let mut command = measure::command(Bounds::default())?;
            let command = command.arg(&python.interpreter);
            fetched(command.arg(python.script("get.py")), &origin, workshop)
        };
        let pair = if number % 2 == 0 {
            let first = by_cli()?;
            (first, by_python()?)
        } else {
            let first = by_python()?;
            (by_cli()?, first)
        };
        // With the first one the site makes up its file.
        if number > 0 {
            pairs.push(pair);
        }
    }
    let costs: Vec<_> = pairs
        .iter()
        .map(|(cli, python)| (cost(cli), cost(python)))
        .collect();
    let compared = compare(&costs, SEED).context("there were pairs")?;
    let mut text = format!(
        "{}\n\n| 2 GiB from the simulator, {PAIRS} pairs | wall, s | CPU s/GB | peak MiB |\n|---|---|---|---|\n",
        verdict(&compared)
    );
    let (by_cli, by_python): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    for (name, runs) in [("`civitai-dl get`", by_cli), ("`Library.get`", by_python)] {
        let wall = Spread::of(runs.iter().map(|run| run.wall.as_secs_f64()));
        let cpu = Spread::of(runs.iter().map(|run| run.cpu.as_secs_f64()));
        let rss = Spread::of(runs.iter().map(|run| mebibytes(run.peak_rss_bytes)));
        let (wall, cpu) = wall.zip(cpu).context("there were runs")?;
        let rss = rss.context("there were runs")?;
        let cpu = cpu.median / gigabytes(BYTES);
        writeln!(text, "| {name} | {wall} | {cpu:.2} | {:.0} |", rss.max)?;
    }
    Ok(text)
}

/// What the difference is, and whether it may be what it must not exceed.
fn verdict(compared: &Comparison) -> String {
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    let interval = compared.low.zip(compared.high);
    let interval = interval.map(|(low, high)| {
        let (low, high) = (percent(low), percent(high));
        format!(" (95 % interval {low:+.1} to {high:+.1} %, by bootstrap over the pairs)")
    });
    format!(
        "`Library.get`, the interpreter's start and end included, took **{:+.1} %** of the wall of `civitai-dl get` more{}; \
         the interval must reach 3 % or less.",
        percent(compared.ratio),
        interval.unwrap_or_default()
    )
}

/// Fetches into empty folders; fails unless the whole file is there.
fn fetched(command: &mut Command, origin: &str, workshop: &Workshop) -> Result<Usage> {
    let place = workshop.fresh("arrived")?;
    let usage = measure::run_well(
        command
            .env("HOME", &place)
            .env("XDG_CONFIG_HOME", &place)
            .env("CIVITAI_DATA_DIR", place.join("data"))
            .env("CIVITAI_LIBRARY", place.join("models"))
            .env("CIVITAI_BASE_URL", origin)
            .env("CIVITAI_TOKEN", TOKEN)
            .current_dir(&place),
    )?;
    let arrived = place.join("models/loras").join(NAME);
    ensure!(fs_err::metadata(arrived)?.len() == BYTES, "not the file");
    Ok(usage)
}

fn cost(usage: &Usage) -> Cost {
    Cost {
        bytes: BYTES,
        elapsed: usage.wall,
    }
}

fn row(text: &mut String, name: &str, values: &[f64], target: &str) -> Result<()> {
    let spread = Spread::of(values.iter().copied()).context("there were runs")?;
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    // The smallest that 99 of 100 do not exceed.
    let rank = (sorted.len() * 99).div_ceil(100);
    writeln!(
        text,
        "| {name} | {} | {:.1} | {:.1} | {target} |",
        values.len(),
        spread.median,
        sorted[rank - 1]
    )?;
    Ok(())
}

/// An environment with the module, built as it is released.
struct Python {
    interpreter: PathBuf,
    scripts: PathBuf,
    home: PathBuf,
}

impl Python {
    /// Makes it as a user would: an empty environment, and `pip install` of the crate. None where that is not possible.
    fn install(workshop: &Workshop, root: &Path) -> Option<Self> {
        let environment = workshop.path("python");
        let interpreter = environment.join("bin/python3");
        let quiet = |command: &mut Command| {
            let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        let mut venv = Command::new("python3");
        let mut install = Command::new(&interpreter);
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ];
        install.args(pip).arg(root.join("crates/civitai-py"));
        let made = quiet(venv.args(["-m", "venv"]).arg(&environment)) && quiet(&mut install);
        made.then(|| Self {
            interpreter,
            scripts: root.join("benches/python"),
            home: workshop.path("home"),
        })
    }

    fn script(&self, name: &str) -> PathBuf {
        self.scripts.join(name)
    }

    /// Runs a script to its end and reads what it prints.
    fn tell<T: DeserializeOwned>(&self, script: &str, words: &[&str]) -> Result<T> {
        let output = Command::new(&self.interpreter)
            .arg(self.script(script))
            .args(words)
            .env("HOME", &self.home)
            .env("CIVITAI_DATA_DIR", self.home.join("data"))
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{script}: {said}");
        serde_json::from_slice(&output.stdout).with_context(|| script.to_owned())
    }
}

/// What `stopped.py` prints.
#[derive(Debug, Deserialize)]
struct Stopped {
    ctrl_c: Stops,
    cancel: Stops,
}

#[derive(Debug, Deserialize)]
struct Stops {
    ms: Vec<f64>,
    /// Bytes that the last download found in its place.
    kept: u64,
}

/// What `thousand.py` prints.
#[derive(Debug, Deserialize)]
struct Thousand {
    seconds: f64,
    before: u64,
    most: u64,
    peak_kib: u64,
}

/// The role `serve-file`: serves one model of [`BYTES`] until let go.
pub(crate) fn serve() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut state = State::default();
    // Nobody downloads without an account.
    state.add_user(User::new(1, "somebody").with_token(TOKEN));
    let file = File::new(100, NAME, BYTES);
    let version = Version::new(10, "v1").with_file(file);
    state.add_model(Model::new(1, "One large model", "LORA").with_version(version));
    let sim = runtime.block_on(Sim::builder().state(state).start())?;
    writeln!(io::stdout(), "{}", sim.site_url())?;
    held::until_let_go()?;
    runtime.block_on(sim.shutdown());
    Ok(())
}

const NAME: &str = "model.safetensors";
/// Good on the simulator alone.
const TOKEN: &str = "a-token-of-the-simulator";
const SEED: u64 = 7;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_largest_of_a_hundred_is_not_among_the_99() {
        let values: Vec<f64> = (1..=100_u8).rev().map(f64::from).collect();
        let mut text = String::new();
        row(&mut text, "a", &values, "< 100").expect("a text takes any text");
        assert_eq!(text, "| a | 100 | 50.5 | 99.0 | < 100 |\n");
    }

    #[test]
    fn the_verdict_says_where_the_difference_may_lie() {
        let cost = |millis| Cost {
            bytes: BYTES,
            elapsed: Duration::from_millis(millis),
        };
        let pairs = [(cost(1000), cost(1010)); 10];
        let compared = compare(&pairs, SEED).expect("there are pairs");
        let said = verdict(&compared);
        assert!(said.contains("**+1.0 %**") && said.contains("interval +1.0 to +1.0 %"));
    }
}
