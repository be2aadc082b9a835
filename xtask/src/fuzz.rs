//! `cargo xtask fuzz`.

use anyhow::{Context, Result};

use crate::run::{Report, cargo};

/// Builds for release, where the bounds on time count, and runs with these arguments.
pub(crate) fn run(arguments: &[String]) -> Result<Report> {
    let mut report = Report::default();
    let mut command = cargo(&[
        "run",
        "--release",
        "--quiet",
        "--package",
        "civitai-fuzz",
        "--",
    ]);
    report.step("hostile input", command.args(arguments))?;
    Ok(report)
}

/// A few inputs of the debug build, which is there already; the same ones each time.
pub(crate) fn short(report: &mut Report) -> Result<()> {
    let own = std::env::current_exe()?;
    let debug = own
        .parent()
        .context("cargo runs programs from its target directory")?;
    let mut command = std::process::Command::new(debug.join("civitai-fuzz"));
    report.step(
        "hostile input, the short form",
        command.args(["--runs", "300", "--seed", "1"]),
    )
}
