//! Digests of a file that the system has in memory: ours are four in one pass, the peers' one or two.

use std::fmt::Write as _;

use anyhow::Result;

use crate::contest::{Course, Part, Tool};
use crate::measure::{self, Bounds, Usage};
use crate::peers::words;
use crate::spread::{Spread, gigabytes, mebibytes};

pub(crate) fn run(course: &Course<'_>, tools: &[Tool], rounds: usize) -> Result<String> {
    let fields = course.fields()?;
    let mut runs: Vec<Vec<Usage>> = vec![Vec::new(); tools.len()];
    for round in 0..=rounds {
        for (tool, runs) in tools.iter().zip(&mut runs) {
            let mut command = measure::command(Bounds::default())?;
            let usage = measure::run_well(command.args(words(tool.command, &fields)))?;
            // The first round reads the file into memory.
            if round > 0 {
                runs.push(usage);
            }
        }
    }
    let bytes = gigabytes(course.scenario.set.bytes());
    let mut text =
        String::from("| tool | wall, s | GB/s | CPU s/GB | peak MiB |\n|---|---|---|---|---|\n");
    for (tool, runs) in tools.iter().zip(&runs) {
        let wall = Spread::of(runs.iter().map(|run| run.wall.as_secs_f64()));
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
