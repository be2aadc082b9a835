//! `civitai-dl search --all` over a site of 10,000 models: is the listing streamed, and in what memory?

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use civitai_sim::Sim;
use civitai_sim::state::{File, Model, State, Version};

use crate::measure::{self, Spread};
use crate::start::mebibytes;

const MODELS: u32 = 10_000;
const ROUNDS: usize = 3;

pub(super) fn run(binary: &Path) -> Result<String> {
    let runtime = tokio::runtime::Runtime::new()?;
    let sim = runtime.block_on(Sim::builder().state(site()).start())?;
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
        .arg(sim.site_url().as_str())
        .env("CIVITAI_DATA_DIR", dir.path())
        .env("XDG_CONFIG_HOME", dir.path());
    let listed = command.output()?;
    let lines = listed.stdout.iter().filter(|&&byte| byte == b'\n').count();
    ensure!(
        lines == MODELS as usize + 1,
        "listed {lines} lines: {}",
        String::from_utf8_lossy(&listed.stderr)
    );
    let runs = (0..ROUNDS)
        .map(|_| measure::run(&mut command))
        .collect::<Result<Vec<_>>>()?;
    runtime.block_on(sim.shutdown());
    let wall = Spread::of(runs.iter().map(|run| run.wall.as_secs_f64()));
    let rss = Spread::of(runs.iter().map(|run| mebibytes(run.peak_rss_bytes)));
    Ok(format!(
        "| `search --all` of {MODELS} models, {ROUNDS} runs | min | median | max | target |\n|---|---|---|---|---|\n\
         | wall, s | {:.2} | {:.2} | {:.2} | |\n| peak memory, MiB | {:.1} | {:.1} | {:.1} | < 200 |\n",
        wall.min, wall.median, wall.max, rss.min, rss.median, rss.max
    ))
}

/// Models as they are on the site: several versions, a description of some kilobytes, tags.
fn site() -> State {
    let mut state = State::default();
    for id in 1..=MODELS {
        let mut model = Model::new(id, &format!("Model {id}"), "LORA");
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
