//! `civitai-dl fetch` beside curl, from a real nginx over TLS that redirects to signed URLs.
//!
//! Rounds are interleaved and the ratio is taken round by round, so that a machine whose speed
//! drifts bends both alike. *Proved wall* is the time until the bytes are durable and known to be
//! right: the command, then an fsync, then one SHA-256 pass for the tool that does not do them
//! itself (curl).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::measure::{self, Spread, Usage};
use crate::start::mebibytes;

mod origin;

use origin::Origin;

const ROUNDS: usize = 5;

/// A file that the origin serves.
struct File {
    name: String,
    bytes: u64,
    sha256: String,
}

/// One tool's cost of one round.
struct Round {
    usage: Usage,
    proved: Duration,
}

pub(super) fn run(binary: &Path) -> Result<String> {
    for tool in ["nginx", "curl", "openssl"] {
        if Command::new(tool).arg("-V").output().is_err() {
            return Ok(format!("skipped: {tool} is not installed\n"));
        }
    }
    let dir = tempfile::Builder::new().prefix("civitai-bench").tempdir()?;
    let origin = Origin::start(dir.path())?;
    let mut figures = String::from(
        "| scenario | tool | proved wall, s: median (min–max) | CPU s | peak MiB | proved wall to curl, median of rounds |\n|---|---|---|---|---|---|\n",
    );
    let sets = [
        ("one file of 2 GiB", vec![(0, 2 << 30)]),
        (
            "200 files of 8 MiB",
            (1..=200).map(|id| (id, 8 << 20)).collect(),
        ),
    ];
    for (title, set) in sets {
        let files = set
            .into_iter()
            .map(|(id, bytes)| origin.make(id, bytes))
            .collect::<Result<Vec<_>>>()?;
        let mut ours = Vec::new();
        let mut curl = Vec::new();
        for round in 0..=ROUNDS {
            let a = fetch(binary, &origin, &files, dir.path())?;
            let b = curl_round(&origin, &files, dir.path())?;
            if round > 0 {
                ours.push(a);
                curl.push(b);
            }
        }
        let ratio = Spread::of(
            ours.iter()
                .zip(&curl)
                .map(|(a, b)| a.proved.as_secs_f64() / b.proved.as_secs_f64()),
        );
        row(
            &mut figures,
            title,
            "civitai-dl",
            &ours,
            &format!("{:.2} ({:.2}–{:.2})", ratio.median, ratio.min, ratio.max),
        )?;
        row(&mut figures, title, "curl", &curl, "1")?;
    }
    Ok(figures)
}

fn row(figures: &mut String, title: &str, tool: &str, rounds: &[Round], ratio: &str) -> Result<()> {
    let wall = Spread::of(rounds.iter().map(|round| round.proved.as_secs_f64()));
    let cpu = Spread::of(rounds.iter().map(|round| round.usage.cpu.as_secs_f64()));
    let rss = Spread::of(
        rounds
            .iter()
            .map(|round| mebibytes(round.usage.peak_rss_bytes)),
    );
    writeln!(
        figures,
        "| {title} | {tool} | {:.2} ({:.2}–{:.2}) | {:.2} | {:.0} | {ratio} |",
        wall.median, wall.min, wall.max, cpu.median, rss.max
    )?;
    Ok(())
}

fn fetch(binary: &Path, origin: &Origin, files: &[File], dir: &Path) -> Result<Round> {
    let to = fresh(dir)?;
    let mut list = String::new();
    for file in files {
        writeln!(
            list,
            "{}\t{}\t{}\t{}",
            origin.url(&file.name),
            file.name,
            file.sha256,
            file.bytes
        )?;
    }
    let list_file = dir.join("list.tsv");
    fs_err::write(&list_file, list)?;
    let mut command = Command::new(binary);
    command
        .arg("fetch")
        .arg("--list")
        .arg(&list_file)
        .arg("--to")
        .arg(&to);
    command.arg("--ca-file").arg(origin.ca()).arg("--quiet");
    command
        .env("CIVITAI_DATA_DIR", dir.join("data"))
        .env("XDG_CONFIG_HOME", dir);
    let usage = measure::run(&mut command)?;
    check(&to, files)?;
    Ok(Round {
        usage,
        proved: usage.wall,
    })
}

fn curl_round(origin: &Origin, files: &[File], dir: &Path) -> Result<Round> {
    let to = fresh(dir)?;
    let mut config = String::new();
    for file in files {
        writeln!(
            config,
            "url = \"{}\"\noutput = \"{}\"",
            origin.url(&file.name),
            to.join(&file.name).display()
        )?;
    }
    let config_file = dir.join("curl.cfg");
    fs_err::write(&config_file, config)?;
    let mut command = Command::new("curl");
    command
        .args(["-sSfL", "--parallel", "--parallel-max", "16", "--cacert"])
        .arg(origin.ca());
    command.arg("-K").arg(&config_file);
    let usage = measure::run(&mut command)?;
    let started = Instant::now();
    for file in files {
        fs_err::File::open(to.join(&file.name))?.sync_all()?;
    }
    check(&to, files)?;
    Ok(Round {
        usage,
        proved: usage.wall + started.elapsed(),
    })
}

fn fresh(dir: &Path) -> Result<PathBuf> {
    let to = dir.join("to");
    if to.exists() {
        fs_err::remove_dir_all(&to)?;
    }
    fs_err::create_dir_all(&to)?;
    rustix::fs::sync();
    Ok(to)
}

fn check(to: &Path, files: &[File]) -> Result<()> {
    for file in files {
        let found = sha256(&to.join(&file.name))?;
        ensure!(found == file.sha256, "{} arrived wrong", file.name);
    }
    Ok(())
}

fn sha256(path: &Path) -> Result<String> {
    let mut file = fs_err::File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match std::io::Read::read(&mut file, &mut buffer).context("reading what arrived")? {
            0 => return Ok(hex(&digest.finalize())),
            n => digest.update(&buffer[..n]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}
