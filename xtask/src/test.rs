//! `cargo xtask test`.

use anyhow::Result;

use crate::ledger::Ledger;
use crate::run::{Report, cargo, has_subcommand, variable};

pub(crate) fn run() -> Result<Report> {
    let mut report = Report::default();
    let python = crate::python::prepare(&mut report)?;
    let cargo = |arguments: &[&str]| {
        let mut command = cargo(arguments);
        if let Some(python) = &python {
            command.env(crate::python::VARIABLE, python);
        }
        command
    };
    let ledger = Ledger::open()?;
    // The end-to-end tests start the binary; no test target makes cargo build it.
    report.step(
        "the binary and the example programs",
        &mut cargo(&["build", "--workspace", "--bins", "--examples"]),
    )?;
    if has_subcommand("nextest") {
        let profile = if variable("CI").is_some() {
            "ci"
        } else {
            "default"
        };
        report.step(
            "tests",
            &mut cargo(&["nextest", "run", "--workspace", "--profile", profile]),
        )?;
    } else {
        // Building nextest takes longer than all tests; cargo's own runner proves the same.
        report.skip("cargo-nextest: not installed, so no time limit on each test (cargo install --locked cargo-nextest)");
        report.step(
            "tests",
            &mut cargo(&["test", "--workspace", "--all-targets", "--no-fail-fast"]),
        )?;
    }
    report.step(
        "examples in the documentation",
        &mut cargo(&["test", "--workspace", "--doc", "--no-fail-fast"]),
    )?;
    crate::wheel::short(&mut report)?;
    crate::soak::short(&mut report)?;
    crate::fuzz::short(&mut report)?;
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    report.step("crashes, the short form", &mut crate::crash::short()?)?;
    #[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
    report.skip("crashes: the tracer knows only Linux on x86-64");
    ledger.judge(&mut report)?;
    if variable("CIVITAI_CORPUS").is_none() {
        report.skip("recorded payloads: corpus: not set (CIVITAI_CORPUS names their folder)");
    }
    Ok(report)
}
