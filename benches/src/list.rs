//! `civitai-dl search --all` over a site of 10,000 models: is the listing streamed, and in what memory?
//!
//! The site runs in a process of its own, so that the two do not share a heap or a runtime.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use civitai_sim::Sim;
use civitai_sim::state::{File, Model, State, Version};

use crate::held::{self, Held};
use crate::measure::{self, Bounds};
use crate::spread::{Spread, mebibytes};

const MODELS: u32 = 10_000;
const ROUNDS: usize = 5;

pub(crate) fn run(binary: &Path) -> Result<String> {
    let mut site = Held::start(&mut held::own("serve-models")?)?;
    let origin = site.first_line()?;
    let dir = tempfile::tempdir()?;
    let ask = |mut command: Command| {
        command
            .args(["search", "--all", "--json", "--sort", "Most Downloaded"])
            .args(["--base-url", &origin])
            .env("CIVITAI_DATA_DIR", dir.path())
            .env("XDG_CONFIG_HOME", dir.path());
        command
    };
    let listed = ask(Command::new(binary)).output()?;
    let lines = String::from_utf8_lossy(&listed.stdout).lines().count();
    ensure!(
        lines == MODELS as usize + 1,
        "listed {lines} lines: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let mut command = measure::command(Bounds::default())?;
    command.arg(binary);
    let mut command = ask(command);
    let runs = (0..ROUNDS)
        .map(|_| measure::run_well(&mut command))
        .collect::<Result<Vec<_>>>()?;
    let wall = Spread::of(runs.iter().map(|run| run.wall.as_secs_f64()));
    let rss = Spread::of(runs.iter().map(|run| mebibytes(run.peak_rss_bytes)));
    let (wall, rss) = wall.zip(rss).context("there were rounds")?;
    Ok(format!(
        "| `search --all` of {MODELS} models, {ROUNDS} runs | min | median | max | target |\n|---|---|---|---|---|\n\
         | wall, s | {:.2} | {:.2} | {:.2} | |\n| peak memory, MiB | {:.1} | {:.1} | {:.1} | < 200 |\n",
        wall.min, wall.median, wall.max, rss.min, rss.median, rss.max
    ))
}

/// The role `serve-models`: serves [`MODELS`] models until let go.
pub(crate) fn serve() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let sim = runtime.block_on(Sim::builder().state(site()).start())?;
    writeln!(io::stdout(), "{}", sim.site_url())?;
    held::until_let_go()?;
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
