//! A library of 20,000 models of some gigabytes each, and a project of 1,000: what a look at them costs. The files have
//! headers, and holes for the rest.

mod project;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use fs_err::File;

use crate::measure::{self, Bounds, Usage};
use crate::spread::{Spread, mebibytes};

const FILES: u64 = 20_000;

/// A command, how often it runs, and what it must keep to.
struct Look {
    name: &'static str,
    words: &'static [&'static str],
    runs: usize,
    /// Whether it begins with an empty catalogue.
    is_first: bool,
    target: &'static str,
}

const LOOKS: [Look; 5] = [
    Look {
        name: "first scan, without hashing",
        words: &["library", "scan", "--no-hash", "--offline"],
        runs: 3,
        is_first: true,
        target: "",
    },
    Look {
        name: "scan when nothing has changed",
        words: &["library", "scan", "--no-hash", "--offline"],
        runs: 10,
        is_first: false,
        target: "< 1000",
    },
    Look {
        name: "list",
        words: &["library", "list", "--json"],
        runs: 20,
        is_first: false,
        target: "< 100",
    },
    Look {
        name: "list as a table",
        words: &["library", "list"],
        runs: 20,
        is_first: false,
        target: "< 100",
    },
    Look {
        name: "verify, quick",
        words: &["library", "verify", "--json"],
        runs: 10,
        is_first: false,
        target: "",
    },
];

pub(crate) fn run(binary: &Path) -> Result<String> {
    let place = tempfile::tempdir()?;
    let shelf = Shelf {
        binary,
        root: place.path().join("models"),
        data: place.path().join("data"),
        home: place.path().join("home"),
    };
    fs_err::create_dir_all(&shelf.home)?;
    shelf.fill()?;
    let mut text = format!(
        "| library of {FILES} files | runs | wall, ms | target | CPU, ms | peak memory, MiB | target |\n\
         |---|---|---|---|---|---|---|\n"
    );
    for look in &LOOKS {
        let runs = shelf.look(look)?;
        add_row(&mut text, (look.name, look.target), &runs)?;
    }
    let place = tempfile::tempdir()?;
    let runs = project::in_step(binary, place.path(), 20)?;
    let name = format!("sync of {} wishes with nothing to do", project::WISHES);
    add_row(&mut text, (&name, "< 50"), &runs)?;
    Ok(text)
}

fn add_row(text: &mut String, (name, target): (&str, &str), runs: &[Usage]) -> Result<()> {
    let wall = Spread::of(runs.iter().map(|run| run.wall.as_secs_f64() * 1e3));
    let cpu = Spread::of(runs.iter().map(|run| run.cpu.as_secs_f64() * 1e3));
    let rss = Spread::of(runs.iter().map(|run| mebibytes(run.peak_rss_bytes)));
    let (wall, cpu, rss) = wall
        .zip(cpu)
        .zip(rss)
        .map(|((wall, cpu), rss)| (wall, cpu, rss))
        .context("there were runs")?;
    writeln!(
        text,
        "| {name} | {} | {:.0} ({:.0}–{:.0}) | {target} | {:.0} | {:.0} | < 150 |",
        runs.len(),
        wall.median,
        wall.min,
        wall.max,
        cpu.median,
        rss.max
    )?;
    Ok(())
}

/// The library and where its catalogue is.
struct Shelf<'a> {
    binary: &'a Path,
    root: PathBuf,
    data: PathBuf,
    home: PathBuf,
}

impl Shelf<'_> {
    /// Writes the files: of one to six gigabytes each, in two hundred folders.
    fn fill(&self) -> Result<()> {
        for number in 0..FILES {
            let folder = self.root.join(format!("loras/artist-{}", number % 200));
            if number < 200 {
                fs_err::create_dir_all(&folder)?;
            }
            let len = (1 << 30) + number * 37 % 5 * (1 << 30);
            let header = format!(
                r#"{{"__metadata__":{{"ss_output_name":"model {number}"}},"lora_unet_mid_block.alpha":{{"dtype":"U8","shape":[{len}],"data_offsets":[0,{len}]}}}}"#
            );
            let mut file = File::create(folder.join(format!("model-{number}.safetensors")))?;
            file.write_all(&(header.len() as u64).to_le_bytes())?;
            file.write_all(header.as_bytes())?;
            file.set_len(8 + header.len() as u64 + len)?;
        }
        Ok(())
    }

    fn look(&self, look: &Look) -> Result<Vec<Usage>> {
        let mut runs = Vec::new();
        for _ in 0..look.runs {
            if look.is_first && self.data.exists() {
                fs_err::remove_dir_all(&self.data)?;
            }
            let mut command = measure::command(Bounds::default())?;
            command.arg(self.binary).args(look.words);
            runs.push(measure::run_well(self.ask(&mut command))?);
        }
        // A command that is quick because it sees nothing proves nothing.
        let listed = self
            .ask(Command::new(self.binary).args(["library", "list", "--json"]))
            .output()?;
        let lines = String::from_utf8_lossy(&listed.stdout).lines().count() as u64;
        ensure!(
            lines > FILES,
            "listed {lines} lines: {}",
            String::from_utf8_lossy(&listed.stderr)
        );
        Ok(runs)
    }

    fn ask<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("HOME", &self.home)
            .env("CIVITAI_DATA_DIR", &self.data)
            .env("CIVITAI_LIBRARY", &self.root)
            .env("XDG_CONFIG_HOME", &self.home)
            // Nothing here asks the site; a mistake would end at a closed port of this machine.
            .env("CIVITAI_BASE_URL", "http://127.0.0.1:9")
            .current_dir(&self.home)
    }
}
