//! `cargo xtask bench`.

use anyhow::Result;

use crate::run::{Report, cargo};

pub(crate) fn run(arguments: &[String]) -> Result<Report> {
    let mut report = Report::default();
    let mut command = cargo(&[
        "run",
        "--release",
        "--quiet",
        "--package",
        "civitai-benches",
        "--",
    ]);
    report.step("benchmarks", command.args(arguments))?;
    Ok(report)
}
