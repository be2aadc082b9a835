//! The Python that tests run decoders and validators of other people with.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::run::{Report, root, variable};

/// What the tests look for.
pub(crate) const VARIABLE: &str = "CIVITAI_PYTHON";

/// An environment with what `tests/requirements.txt` names, below the target directory; none where it cannot be made.
/// Then the tests use the system's Python as far as that goes, and each says what it skipped.
pub(crate) fn prepare(report: &mut Report) -> Result<Option<PathBuf>> {
    if let Some(given) = variable(VARIABLE) {
        return Ok(Some(given.into()));
    }
    let target = variable("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let environment = std::path::absolute(target)?.join("python");
    let python = environment.join("bin/python3");
    let requirements = root().join("tests/requirements.txt");
    let quiet = ["install", "--quiet", "--disable-pip-version-check"];
    let made = succeeds(
        Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment),
    ) && succeeds(
        Command::new(&python)
            .args(["-m", "pip"])
            .args(quiet)
            .arg("--requirement")
            .arg(requirements),
    );
    if made {
        return Ok(Some(python));
    }
    report.skip("tests with other people's readers: Python packages of tests/requirements.txt cannot be installed");
    Ok(None)
}

fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
