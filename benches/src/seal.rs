//! Encryption at rest: each level on one core from memory to memory, and the program with files of two sizes.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use fs_err::File;

use crate::measure::{self, Bounds, Usage};
use crate::spread::{gigabytes, mebibytes};

pub(crate) fn run(root: &Path, binary: &Path) -> Result<String> {
    let mut text = in_memory(root)?;
    text.push_str(
        "\nThe program with a file in a hole, written to disk and flushed, once each:\n\n\
         | level | bytes | encrypt, s | decrypt, s | CPU, s | peak MiB |\n|---|---|---|---|---|---|\n",
    );
    let place = tempfile::tempdir()?;
    let home = Home {
        binary,
        folder: place.path(),
    };
    home.fill()?;
    for level in LEVELS {
        for bytes in SIZES {
            home.row(&mut text, level, bytes)?;
        }
    }
    Ok(text)
}

/// The benchmark of the library, which says how fast `openssl` is in the same run.
fn in_memory(root: &Path) -> Result<String> {
    let run = Command::new("cargo")
        .args([
            "bench",
            "--quiet",
            "-p",
            "civitai-security",
            "--bench",
            "crypt",
        ])
        .current_dir(root)
        .output()
        .context("cannot run cargo")?;
    let text = String::from_utf8(run.stdout)?;
    let is_table = text.lines().any(|line| line.starts_with('|'));
    ensure!(is_table, "{}", String::from_utf8_lossy(&run.stderr));
    Ok(text)
}

/// Somebody with a key of every kind.
struct Home<'a> {
    binary: &'a Path,
    folder: &'a Path,
}

impl Home<'_> {
    fn fill(&self) -> Result<()> {
        let passphrase = self.folder.join(PASSPHRASE);
        fs_err::write(&passphrase, "correct horse battery\n")?;
        fs_err::set_permissions(&passphrase, Permissions::from_mode(0o600))?;
        self.run(&["keys", "init"])?;
        self.run(&["keys", "create", "rsa"])?;
        Ok(())
    }

    fn row(&self, text: &mut String, level: &str, bytes: u64) -> Result<()> {
        let plain = self.folder.join("model.bin");
        File::create(&plain)?.set_len(bytes)?;
        let sealed = self.run(&["encrypt", "model.bin", "--level", level])?;
        let opened = self.run(&["decrypt", "model.bin.cke", "--output", "back.bin"])?;
        let back = fs_err::metadata(self.folder.join("back.bin"))?.len();
        ensure!(back == bytes, "{back} bytes came back of {bytes}");
        for name in ["model.bin.cke", "back.bin"] {
            fs_err::remove_file(self.folder.join(name))?;
        }
        let seconds = [&sealed, &opened].map(|usage| usage.wall.as_secs_f64());
        let cpu = (sealed.cpu + opened.cpu).as_secs_f64();
        let peak = sealed.peak_rss_bytes.max(opened.peak_rss_bytes);
        writeln!(
            text,
            "| {level} | {:.2} GB | {:.2} | {:.2} | {cpu:.2} | {:.0} |",
            gigabytes(bytes),
            seconds[0],
            seconds[1],
            mebibytes(peak)
        )?;
        Ok(())
    }

    fn run(&self, words: &[&str]) -> Result<Usage> {
        let mut command = measure::command(Bounds::default())?;
        command
            .arg(self.binary)
            .args(words)
            .args(["--passphrase-file", PASSPHRASE])
            .env("HOME", self.folder)
            .env("CIVITAI_DATA_DIR", self.folder.join("data"))
            .env("XDG_CONFIG_HOME", self.folder)
            .current_dir(self.folder);
        measure::run_well(&mut command)
    }
}

const LEVELS: [&str; 4] = ["basic", "standard", "high", "maximum"];
/// Memory must not grow with them.
const SIZES: [u64; 2] = [64 << 20, 4 << 30];
const PASSPHRASE: &str = "passphrase";
