//! Digests of files that the system has in memory: ours are four in one pass, most peers' one or two.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::contest::{Course, Part, Tool};
use crate::files::ONE_2_GIB;
use crate::measure::{self, Bounds, Usage};
use crate::origin::Origin;
use crate::peers::{ALL_FOUR, words};
use crate::spread::{Spread, gigabytes, mebibytes};

/// Runs every tool over the files of the scenario and one big one.
pub(crate) fn run(
    course: &Course<'_>,
    scripts: &Path,
    tools: &[Tool],
    rounds: usize,
) -> Result<String> {
    let mut fields = course.fields()?;
    fields.push(("scripts", scripts.display().to_string()));
    let sources = sources(course)?;
    let mut runs: Vec<Vec<Usage>> = vec![Vec::new(); tools.len()];
    for round in 0..=rounds {
        for (tool, runs) in tools.iter().zip(&mut runs) {
            let mut command = measure::command(Bounds::default())?;
            let command = command.args(words(tool.command, &fields)).args(&sources);
            let usage = measure::run_well(command)?;
            // The first round reads the files into memory.
            if round > 0 {
                runs.push(usage);
            }
        }
    }
    let bytes = gigabytes(course.scenario.set.bytes() + ONE_2_GIB.bytes());
    let mut text = verdict(tools, &runs);
    text.push_str("| tool | wall, s | GB/s | CPU s/GB | peak MiB |\n|---|---|---|---|---|\n");
    for (tool, runs) in tools.iter().zip(&runs) {
        let wall = Spread::of(walls(runs));
        let cpu = Spread::of(runs.iter().map(|run| run.cpu.as_secs_f64() / bytes));
        let rss = Spread::of(runs.iter().map(|run| mebibytes(run.peak_rss_bytes)));
        if let (Some(wall), Some(cpu), Some(rss)) = (wall, cpu, rss) {
            let name = if tool.part == Part::Ours {
                "**civitai-dl hash**"
            } else {
                tool.name
            };
            writeln!(
                text,
                "| {name} | {wall} | {:.2} | {:.2} | {:.0} |",
                bytes / wall.median,
                cpu.median,
                rss.max
            )?;
        }
    }
    Ok(text)
}

fn sources(course: &Course<'_>) -> Result<Vec<PathBuf>> {
    let folder = |set| Origin::folder_of(course.workshop, set);
    let big = ONE_2_GIB.make(&folder(ONE_2_GIB))?;
    let big = big.iter().map(|file| folder(ONE_2_GIB).join(&file.name));
    let many = course.files.iter();
    let many = many.map(|file| folder(course.scenario.set).join(&file.name));
    Ok(big.chain(many).collect())
}

/// How we did beside the peer that makes the same digests, round by round.
fn verdict(tools: &[Tool], runs: &[Vec<Usage>]) -> String {
    let find = |is_it: &dyn Fn(&Tool) -> bool| {
        let place = tools.iter().position(is_it)?;
        Some(walls(&runs[place]))
    };
    let ours = find(&|tool| tool.part == Part::Ours);
    let theirs = find(&|tool| tool.name == ALL_FOUR);
    let ratios = ours.zip(theirs);
    let ratios = ratios.and_then(|(ours, theirs)| Spread::of(ours.zip(theirs).map(|(a, b)| a / b)));
    ratios.map_or_else(String::new, |ratios| {
        format!(
            "civitai-dl needed **{ratios}** of the wall of {ALL_FOUR}, the one that makes the same digests (target: 0.5, and 2 GB/s).\n\n"
        )
    })
}

fn walls(runs: &[Usage]) -> impl Iterator<Item = f64> {
    runs.iter().map(|run| run.wall.as_secs_f64())
}
