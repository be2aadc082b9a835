//! `cargo xtask wheel`: the Python package, built, and tested where nothing of the source is.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};
use fs_err as fs;

use crate::python::{Environment, target};
use crate::run::{Report, root, variable};

/// How a wheel is built, and how thoroughly its surroundings are made anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// What is released, tested in an environment that did not exist before.
    Release,
    /// The same code without optimisation, tested in the environment of the last time.
    Short,
}

/// Builds what is released, proves it, and says how large it is.
pub(crate) fn run() -> Result<Report> {
    let mut report = Report::default();
    prove(&mut report, Form::Release)?;
    Ok(report)
}

/// The part of `cargo xtask test`.
pub(crate) fn short(report: &mut Report) -> Result<()> {
    prove(report, Form::Short)
}

fn prove(report: &mut Report, form: Form) -> Result<()> {
    let name = match form {
        Form::Release => "python-wheel",
        Form::Short => "python-tests",
    };
    let requirements = source().join("tests/requirements.txt");
    let fresh = form == Form::Release;
    let Some(python) = Environment::make(name, &requirements, fresh)? else {
        report.skip("the Python package: what crates/civitai-py/tests/requirements.txt names cannot be installed");
        return Ok(());
    };
    let wheels = target()?.join("wheels").join(name);
    if wheels.exists() {
        fs::remove_dir_all(&wheels)?;
    }
    report.step("the wheel", &mut build(&python, &wheels, form))?;
    let Ok(wheel) = only_wheel(&wheels) else {
        return Ok(());
    };
    let mut install = python.module("pip");
    install.args(["install", "--quiet", "--disable-pip-version-check"]);
    install.args(["--force-reinstall", "--no-deps"]).arg(&wheel);
    report.step("the wheel is installed", &mut install)?;
    let outside = Outside::copy()?;
    outside.test(report, &python)?;
    if form == Form::Release {
        let bytes = fs::metadata(&wheel)?.len();
        report.judge(
            "the wheel is below 15 MB",
            bytes < LARGEST,
            format!("{} has {bytes} bytes", wheel.display()),
        );
    }
    Ok(())
}

fn build(python: &Environment, to: &Path, form: Form) -> Command {
    let mut command = python.module("maturin");
    command.args(["build", "--strip", "--manifest-path"]);
    command.arg(source().join("Cargo.toml"));
    command.arg("--out").arg(to);
    if form == Form::Release {
        command.arg("--release");
    }
    command
}

/// The tests and examples without the source tree around them.
struct Outside(PathBuf);

impl Outside {
    fn copy() -> Result<Self> {
        let base = variable("TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = base.join(format!("civitai-rs-{}", std::process::id()));
        copy(&source().join("tests"), &folder.join("tests"))?;
        copy(&root().join("examples/python"), &folder.join("examples"))?;
        copy(&source().join("python"), &folder.join("package"))?;
        // The types are in the stubs.
        for module in ["__init__.py", "_rows.py"] {
            fs::remove_file(folder.join("package/civitai_rs").join(module))?;
        }
        for file in ["pyproject.toml", "README.md"] {
            fs::copy(source().join(file), folder.join(file))?;
        }
        Ok(Self(folder))
    }

    fn test(&self, report: &mut Report, python: &Environment) -> Result<()> {
        let mut step = |name, module: &str, arguments: &[&str]| {
            report.step_in(&self.0, name, python.module(module).args(arguments))
        };
        let agree = ["civitai_rs", "--allowlist", "tests/stubtest.txt"];
        step("tests of the Python package", "pytest", &["--quiet"])?;
        step("stubs and module agree", "mypy.stubtest", &agree)?;
        step("mypy, the stubs", "mypy", &["--strict", "package"])?;
        let used = ["--strict", "tests", "examples"];
        step("mypy, tests and examples", "mypy", &used)?;
        let interpreter = python.python();
        let mut pyright = python.module("basedpyright");
        pyright.arg("--pythonpath").arg(interpreter);
        pyright.args(["package", "tests", "examples"]);
        report.step_in(&self.0, "pyright", &mut pyright)
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // What stays in the folder for temporary files disturbs nobody.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies what a person wrote, and not what Python left beside it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "__pycache__" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(name))?;
        } else {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

fn only_wheel(folder: &Path) -> Result<PathBuf> {
    let wheels = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut wheels = wheels.filter(|path| path.extension() == Some(OsStr::new("whl")));
    match (wheels.next(), wheels.next()) {
        (Some(wheel), None) => Ok(wheel),
        _ => bail!("{} does not hold one wheel", folder.display()),
    }
}

fn source() -> PathBuf {
    root().join("crates/civitai-py")
}

const LARGEST: u64 = 15_000_000;
