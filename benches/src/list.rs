//! `civitai-dl search --all` over a site of 10,000 models: is the listing streamed, and in what memory?
//!
//! The site runs in a process of its own: Linux counts the memory of whoever starts a program towards
//! the program's peak, and ten thousand models are more than what is measured.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use civitai_sim::Sim;
use civitai_sim::state::{File, Model, State, Version};

use crate::measure::{self, Spread};
use crate::start::mebibytes;

const MODELS: u32 = 10_000;
const ROUNDS: usize = 5;

pub(super) fn run(binary: &Path) -> Result<String> {
    let (mut site, origin) = start_site()?;
    let dir = tempfile::tempdir()?;
    let mut command = Command::new(binary);
    command
        .args([
            "search",
            "--all",
            "--json",
            "--sort",
            "Most Downloaded",
            "--base-url",
        ])
        .arg(origin)
        .env("CIVITAI_DATA_DIR", dir.path())
        .env("XDG_CONFIG_HOME", dir.path());
    let listed = command.output()?;
    let lines = String::from_utf8_lossy(&listed.stdout).lines().count();
    ensure!(
        lines == MODELS as usize + 1,
        "listed {lines} lines: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let runs = (0..ROUNDS)
        .map(|_| measure::run(&mut command))
        .collect::<Result<Vec<_>>>()?;
    drop(site.stdin.take());
    site.wait()?;
    let wall = Spread::of(runs.iter().map(|run| run.wall.as_secs_f64()));
    let rss = Spread::of(runs.iter().map(|run| mebibytes(run.peak_rss_bytes)));
    Ok(format!(
        "| `search --all` of {MODELS} models, {ROUNDS} runs | min | median | max | target |\n|---|---|---|---|---|\n\
         | wall, s | {:.2} | {:.2} | {:.2} | |\n| peak memory, MiB | {:.1} | {:.1} | {:.1} | < 200 |\n",
        wall.min, wall.median, wall.max, rss.min, rss.median, rss.max
    ))
}

/// Starts this program once more as [`serve`].
fn start_site() -> Result<(Child, String)> {
    let mut site = Command::new(std::env::current_exe()?)
        .arg(SERVE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut origin = String::new();
    let stdout = site.stdout.take().context("stdout is piped")?;
    BufReader::new(stdout).read_line(&mut origin)?;
    Ok((site, origin.trim().to_owned()))
}

/// The argument that makes this program the site.
pub(super) const SERVE: &str = "serve-models";

/// Serves [`MODELS`] models until the other side closes standard input.
pub(super) fn serve() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let sim = runtime.block_on(Sim::builder().state(site()).start())?;
    writeln!(std::io::stdout(), "{}", sim.site_url())?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    runtime.block_on(sim.shutdown());
    Ok(())
}

/// Models as they are on the site: several versions, a description of some kilobytes, tags.
fn site() -> State {
    let mut state = State::default();
    for id in 1..=MODELS {
        let mut model = Model::new(id, &format!("Model {id}"), "LORA");
        model.description = Some("<p>A model with much to say for itself.</p>".repeat(50));
        for nth in 0..3 {
            let version = id * 10 + nth;
            model = model.with_version(Version::new(version, &format!("v{nth}")).with_file(
                File::new(version * 10, &format!("model-{id}-{nth}.safetensors"), 4096),
            ));
        }
        state.add_model(model);
    }
    state
}
