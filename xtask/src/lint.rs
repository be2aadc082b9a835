//! `cargo xtask lint`.

use anyhow::Result;

use crate::run::{Report, cargo, has_subcommand};

pub(crate) fn run() -> Result<Report> {
    let mut report = Report::default();
    report.step("formatting", &mut cargo(&["fmt", "--all", "--check"]))?;
    report.step(
        "clippy",
        &mut cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    report.step(
        "documentation",
        cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    if has_subcommand("deny") {
        // Advisories need a database from the network; they are asked for by hand.
        report.step(
            "licences, bans and sources",
            &mut cargo(&[
                "deny",
                "check",
                "--hide-inclusion-graph",
                "bans",
                "licenses",
                "sources",
            ]),
        )?;
    } else {
        report.skip(
            "licences, bans and sources: cargo-deny is not installed (cargo install --locked cargo-deny)",
        );
    }
    Ok(report)
}
