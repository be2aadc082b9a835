//! What it costs to judge models, beside `picklescan`, the scanner of the model sites.
//!
//! The files have headers and pickles of real size, and holes for the numbers of their tensors: neither scanner
//! reads those.

mod checkpoint;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use fs_err::File;

use crate::measure::{self, Bounds, Usage};
use crate::spread::{Spread, gigabytes, mebibytes};

/// Files that are scanned in one call.
struct Case {
    title: &'static str,
    /// Whether both scanners know the format.
    is_pickle: bool,
    fill: fn(&Path) -> Result<()>,
}

const CASES: [Case; 4] = [
    Case {
        title: "a safetensors of 4 GiB, 1,000 tensors",
        is_pickle: false,
        fill: |folder| safetensors(&folder.join("model.safetensors")),
    },
    Case {
        title: "a checkpoint of 2 GiB, 1,000 tensors",
        is_pickle: true,
        fill: |folder| checkpoint::write(&folder.join("model.ckpt"), 1000, 1 << 20),
    },
    Case {
        title: "20 checkpoints of 2 GiB, 1,000 tensors each",
        is_pickle: true,
        fill: |folder| {
            (0..20).try_for_each(|number| {
                let path = folder.join(format!("{number}.ckpt"));
                checkpoint::write(&path, 1000, 1 << 20)
            })
        },
    },
    Case {
        title: "a checkpoint of 20,000 tensors of 10 numbers",
        is_pickle: true,
        fill: |folder| checkpoint::write(&folder.join("model.ckpt"), 20_000, 10),
    },
];

pub(crate) fn run(binary: &Path, rounds: usize) -> Result<String> {
    let place = tempfile::tempdir()?;
    let peer = peer(place.path());
    let mut text = format!(
        "| files, {rounds} rounds | GB | civitai-dl, ms | GB/s | CPU, ms | peak MiB | picklescan, ms | times as fast |\n\
         |---|---|---|---|---|---|---|---|\n"
    );
    for (number, case) in CASES.iter().enumerate() {
        let folder = place.path().join(number.to_string());
        fs_err::create_dir(&folder)?;
        (case.fill)(&folder)?;
        let peer = peer.as_ref().filter(|_| case.is_pickle);
        let mut ours = Vec::new();
        let mut theirs = Vec::new();
        for round in 0..=rounds {
            let of_peer = peer.map(|peer| timed(peer, &["--path"], &folder, place.path()));
            let of_us = timed(binary, &["scan"], &folder, place.path())?;
            // The first round reads the headers into memory.
            if round > 0 {
                ours.push(of_us);
                theirs.extend(of_peer.transpose()?);
            }
        }
        row(&mut text, case, bytes(&folder)?, &ours, &theirs)?;
    }
    text.push_str(match peer {
        Some(_) => "\nBeside: picklescan ",
        None => "\nNot beside picklescan: it could not be installed. It would be ",
    });
    writeln!(text, "{PICKLESCAN}, one after the other in each round.")?;
    Ok(text)
}

fn row(text: &mut String, case: &Case, bytes: u64, ours: &[Usage], theirs: &[Usage]) -> Result<()> {
    let seconds = |usage: &Usage| usage.wall.as_secs_f64();
    let wall = Spread::of(ours.iter().map(|usage| seconds(usage) * 1e3));
    let cpu = Spread::of(ours.iter().map(|usage| usage.cpu.as_secs_f64() * 1e3));
    let memory = Spread::of(ours.iter().map(|usage| mebibytes(usage.peak_rss_bytes)));
    let wall = wall.context("there were rounds")?;
    let cpu = cpu.context("there were rounds")?;
    let memory = memory.context("there were rounds")?;
    let shown = |spread: Option<Spread>| spread.map(|spread| spread.to_string());
    let peer = shown(Spread::of(theirs.iter().map(|usage| seconds(usage) * 1e3)));
    let pairs = ours.iter().zip(theirs);
    let ratio = shown(Spread::of(
        pairs.map(|(us, them)| seconds(them) / seconds(us)),
    ));
    writeln!(
        text,
        "| {} | {:.2} | {wall} | {:.1} | {:.1} | {:.0} | {} | {} |",
        case.title,
        gigabytes(bytes),
        gigabytes(bytes) / wall.median * 1e3,
        cpu.median,
        memory.max,
        peer.unwrap_or_default(),
        ratio.unwrap_or_default(),
    )?;
    Ok(())
}

/// Scans a folder; fails where a scanner finds anything in it.
fn timed(program: &Path, words: &[&str], folder: &Path, home: &Path) -> Result<Usage> {
    let mut command = measure::command(Bounds::default())?;
    command
        .arg(program)
        .args(words)
        .arg(folder)
        .env("HOME", home)
        .env("CIVITAI_DATA_DIR", home.join("data"))
        .env("XDG_CONFIG_HOME", home);
    measure::run_well(&mut command)
}

/// `picklescan` in a Python environment of its own; none where it cannot be had.
fn peer(place: &Path) -> Option<PathBuf> {
    let environment = place.join("python");
    let quiet = |command: &mut Command| {
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let made = quiet(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment),
    ) && quiet(
        Command::new(environment.join("bin/python3"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .arg(format!("picklescan=={PICKLESCAN}")),
    );
    made.then(|| environment.join("bin/picklescan"))
}

fn bytes(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in fs_err::read_dir(folder)? {
        sum += entry?.metadata()?.len();
    }
    Ok(sum)
}

/// 1,000 tensors of 4 MiB, in a hole.
fn safetensors(path: &Path) -> Result<()> {
    const TENSOR_BYTES: u64 = 4 << 20;
    let mut header = String::from("{");
    for number in 0..1000 {
        let begin = number * TENSOR_BYTES;
        let end = begin + TENSOR_BYTES;
        let comma = if number == 0 { "" } else { "," };
        write!(
            header,
            "{comma}\"{}\":{{\"dtype\":\"F16\",\"shape\":[1024,2048],\"data_offsets\":[{begin},{end}]}}",
            checkpoint::tensor_name(number)
        )?;
    }
    header.push('}');
    let mut file = File::create(path)?;
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    file.set_len(8 + header.len() as u64 + 1000 * TENSOR_BYTES)?;
    Ok(())
}

/// The version that sites used when this was written.
const PICKLESCAN: &str = "1.0.5";
