//! What the simulators of a whole test run saw at their storages, summed up.
//!
//! Every simulator that a client crate's tests start adds a line to one file when it ends. A good client
//! shows its credentials to no storage, puts no token in a URL, and sends no HEAD: one such request
//! anywhere in the run fails it, whichever test it came from.

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::run::Report;

pub(crate) struct Ledger(PathBuf);

impl Ledger {
    /// Begins an empty one where cargo tells integration tests to keep their files.
    pub(crate) fn open() -> Result<Self> {
        let own = std::env::current_exe()?;
        let target = own
            .ancestors()
            .nth(2)
            .context("cargo runs programs below its target directory")?;
        let tmp = target.join("tmp");
        fs_err::create_dir_all(&tmp)?;
        let file = tmp.join("storage-ledger.jsonl");
        fs_err::write(&file, "")?;
        Ok(Self(file))
    }

    pub(crate) fn judge(&self, report: &mut Report) -> Result<()> {
        let text = fs_err::read_to_string(&self.0)?;
        let lines = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<Vec<Value>, _>>()?;
        let sum = |key: &str| {
            lines
                .iter()
                .filter_map(|line| line[key].as_u64())
                .sum::<u64>()
        };
        let faults = ["authorization", "cookies", "tokens", "heads"];
        let clean = sum("requests") > 0 && faults.iter().all(|fault| sum(fault) == 0);
        report.judge(
            "what the storages of all simulators saw",
            clean,
            format!(
                "{} simulators, {} requests: {} Authorization, {} Cookie, {} token, {} HEAD",
                lines.len(),
                sum("requests"),
                sum("authorization"),
                sum("cookies"),
                sum("tokens"),
                sum("heads"),
            ),
        );
        Ok(())
    }
}
