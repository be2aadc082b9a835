//! `cargo xtask soak`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::run::{Report, cargo};

/// Builds for release and runs with these arguments.
pub(crate) fn run(arguments: &[String]) -> Result<Report> {
    let mut report = Report::default();
    report.step(
        "the program and what puts load on it",
        &mut cargo(&[
            "build",
            "--release",
            "--package",
            "civitai-cli",
            "--package",
            "civitai-soak",
        ]),
    )?;
    soak(&mut report, "release", arguments)?;
    Ok(report)
}

/// One round of the debug build, which is there already.
pub(crate) fn short(report: &mut Report) -> Result<()> {
    soak(report, "debug", &["--short".to_owned()])
}

fn soak(report: &mut Report, profile: &str, arguments: &[String]) -> Result<()> {
    let own = std::env::current_exe()?;
    let target = own
        .ancestors()
        .nth(2)
        .context("cargo runs programs below its target directory")?;
    let soak = target.join(profile).join("civitai-soak");
    let mut command = if can_confine() {
        confined(&soak)
    } else {
        report.skip("a network of its own for the soak: needs root, unshare and ip; names that do not resolve are left out, and so is the bound on waste");
        Command::new(&soak)
    };
    report.step("soak", command.args(arguments))
}

/// Runs a program where loopback is the only network. Its sockets hold little there, so that bytes which were served and
/// then lost with a connection are the program's waste and not the kernel's.
fn confined(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", CONFINE]).arg(program);
    command
}

fn can_confine() -> bool {
    let probe = Command::new("unshare")
        .args(["--net", "sh", "-c", CONFINE, "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    probe.is_ok_and(|status| status.success())
}

/// The program and its arguments follow as `$0` and `$@`.
const CONFINE: &str = "ip link set lo up && \
     echo 4096 65536 262144 > /proc/sys/net/ipv4/tcp_rmem && \
     echo 4096 65536 262144 > /proc/sys/net/ipv4/tcp_wmem && \
     exec \"$0\" \"$@\"";
