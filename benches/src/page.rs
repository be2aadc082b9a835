//! The page that the figures go to.
//!
//! Each measurement owns one section of it, between a pair of markers, and replaces that whole.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::section::Section;

/// docs/benchmarks.md, and under what its figures are made.
#[derive(Debug)]
pub(crate) struct Page {
    path: PathBuf,
    machine: String,
    load: Load,
}

/// What the machine does already: its load averages over 1, 5 and 15 minutes, and its cores.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    text: String,
    last_minute: f64,
    cores: usize,
}

impl Page {
    pub(crate) fn new(root: &Path, load: Load) -> Self {
        Self {
            path: root.join("docs/benchmarks.md"),
            machine: machine(load.cores),
            load,
        }
    }

    /// Replaces the section `name`, or adds it at the end.
    pub(crate) fn record(&self, section: Section, options: &str, figures: &str) -> Result<()> {
        let (name, title) = (section.name(), section.title());
        let command = format!("cargo xtask bench {name}{options}");
        let (machine, load) = (&self.machine, &self.load.text);
        let section = format!(
            "### {name}: {title}

`{command}` on {machine}, load average {load} before\n\n{figures}"
        );
        let text = fs_err::read_to_string(&self.path)?;
        Ok(fs_err::write(&self.path, replaced(&text, &name, &section))?)
    }
}

impl Load {
    pub(crate) fn now() -> Self {
        let text = fs_err::read_to_string("/proc/loadavg").unwrap_or_default();
        let text: Vec<&str> = text.split_whitespace().take(3).collect();
        Self {
            last_minute: text
                .first()
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
            text: text.join(" "),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// What to say about it, if other programs would bend the figures.
    pub(crate) fn warning(&self) -> Option<String> {
        (self.last_minute > QUIET).then(|| {
            format!(
                "the machine is not quiet (load average {}): the figures will be off",
                self.text
            )
        })
    }
}

/// A load up to this is what a machine shows some minutes after its last work.
const QUIET: f64 = 0.3;

fn replaced(text: &str, name: &str, section: &str) -> String {
    let (open, close) = (
        format!("<!-- bench {name} -->"),
        format!("<!-- end {name} -->"),
    );
    let section = format!("{open}\n{section}{close}");
    match (text.find(&open), text.find(&close)) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{section}{}", &text[..from], &text[to + close.len()..])
        }
        _ => format!("{}\n\n{section}\n", text.trim_end()),
    }
}

/// Date, processor, cores, memory and kernel: what a reader needs to judge a figure.
fn machine(cores: usize) -> String {
    let read = |path: &str, key: &str| {
        fs_err::read_to_string(path).ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
    };
    let date = Command::new("date").arg("+%Y-%m-%d").output();
    let date = date.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned());
    let memory = read("/proc/meminfo", "MemTotal").and_then(|text| {
        let kibibytes: u64 = text.split_whitespace().next()?.parse().ok()?;
        Some(format!("{} MiB", kibibytes >> 10))
    });
    let kernel = fs_err::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}: {cores} cores of {}, {} of memory, Linux {}",
        date.unwrap_or_default(),
        read("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown processor".to_owned()),
        memory.unwrap_or_else(|| "an unknown amount".to_owned()),
        kernel.trim(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_where_it_stands_and_added_where_there_is_none() {
        let page = "a\n<!-- bench s1 -->\nold\n<!-- end s1 -->\nb\n";
        assert_eq!(
            replaced(page, "s1", "new\n"),
            "a\n<!-- bench s1 -->\nnew\n<!-- end s1 -->\nb\n"
        );
        assert_eq!(
            replaced(page, "s1t", "new\n"),
            format!("{page}\n<!-- bench s1t -->\nnew\n<!-- end s1t -->\n")
        );
    }
}
