//! A project of a thousand wishes whose library is in step: what it costs to find that out.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::files;
use crate::measure::{self, Bounds, Usage};

pub(super) const WISHES: u32 = 1000;

/// Writes manifest, lock and library, and has the first `sync` note what is there. Then it runs it again `times` times.
pub(super) fn in_step(binary: &Path, place: &Path, times: usize) -> Result<Vec<Usage>> {
    let models = place.join("models/loras");
    fs_err::create_dir_all(&models)?;
    let mut manifest = String::new();
    let mut lock = String::from("version = 1\n");
    for id in 1..=WISHES {
        let content = format!("the weights of model {id}");
        let file = models.join(format!("model-{id:04}.safetensors"));
        fs_err::write(&file, &content)?;
        writeln!(manifest, "\n[[model]]\nlink = \"{id}\"")?;
        writeln!(
            lock,
            "\n[[file]]\npath = \"loras/model-{id:04}.safetensors\"\nwanted = {{ link = \"{id}\" }}\n\
             model = {id}\nversion = {id}0\nfile = {id}00\nname = \"model-{id:04}.safetensors\"\n\
             bytes = {}\nsha256 = \"{}\"\ntype = \"LORA\"\nbase = \"SDXL 1.0\"\n\
             title = \"Model {id}\"\ncreator = \"somebody\"",
            content.len(),
            files::sha256(&file)?
        )?;
    }
    fs_err::write(place.join("civitai.toml"), manifest)?;
    fs_err::write(place.join("civitai.lock"), lock)?;
    let first = ask(Command::new(binary).args(["sync", "--frozen"]), place).output()?;
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    ensure!(first.status.success(), "sync: {}: {said}", first.status);
    let mut runs = Vec::new();
    for _ in 0..times {
        let mut command = measure::command(Bounds::default())?;
        command.arg(binary).arg("sync");
        runs.push(measure::run_well(ask(&mut command, place))?);
    }
    Ok(runs)
}

fn ask<'a>(command: &'a mut Command, place: &Path) -> &'a mut Command {
    command
        .env("HOME", place)
        .env("XDG_CONFIG_HOME", place)
        .env("CIVITAI_DATA_DIR", place.join("data"))
        // A request ends at a closed port of this machine, and with it the measurement.
        .env("CIVITAI_BASE_URL", "http://127.0.0.1:9")
        .current_dir(place)
}
