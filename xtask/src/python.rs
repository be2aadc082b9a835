//! Environments of Python: for the decoders and validators of other people, and for the package that is made here.

use std::path::{Path, PathBuf};
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
    let requirements = root().join("tests/requirements.txt");
    if let Some(made) = Environment::make("python", &requirements, false)? {
        return Ok(Some(made.python()));
    }
    report.skip("tests with other people's readers: Python packages of tests/requirements.txt cannot be installed");
    Ok(None)
}

/// A virtual environment below the target directory.
#[derive(Debug)]
pub(crate) struct Environment(PathBuf);

impl Environment {
    /// Makes the environment, or brings the one of the last time up to date; none where that is not possible.
    pub(crate) fn make(name: &str, requirements: &Path, fresh: bool) -> Result<Option<Self>> {
        let environment = Self(target()?.join(name));
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]);
        if fresh {
            venv.arg("--clear");
        }
        let mut install = environment.module("pip");
        install.args(["install", "--quiet", "--disable-pip-version-check"]);
        install.arg("--requirement").arg(requirements);
        let made = succeeds(venv.arg(&environment.0)) && succeeds(&mut install);
        Ok(made.then_some(environment))
    }

    pub(crate) fn python(&self) -> PathBuf {
        self.0.join("bin/python3")
    }

    /// Runs a module, with the environment's programs before all others.
    pub(crate) fn module(&self, name: &str) -> Command {
        let mut command = Command::new(self.python());
        command.args(["-m", name]);
        command
    }
}

/// Where cargo puts what it makes.
pub(crate) fn target() -> Result<PathBuf> {
    let target = variable("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(std::path::absolute(target)?)
}

fn succeeds(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
