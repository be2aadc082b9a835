//! Rounds in which every tool does the same job, and what each cost.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::files::{self, File};
use crate::measure::{self, Bounds, Usage};
use crate::origin::{self, Origin};
use crate::peers::{Job, Peer, words};
use crate::scenario::Scenario;
use crate::workshop::Workshop;

/// Who takes part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) command: &'static str,
    pub(crate) part: Part,
}

/// What a tool's figures are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The binary that is measured.
    Ours,
    Peer {
        connections: u16,
        verifies: bool,
    },
    /// Not a download: what the disk or the network alone would need.
    Limit,
}

/// One run.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) usage: Usage,
    /// From start until the bytes were durable and known to be right.
    pub(crate) verified: Duration,
    /// One pass of SHA-256 over what arrived.
    pub(crate) digest: Duration,
    /// Why it does not count.
    pub(crate) fault: Option<String>,
}

/// A tool and its runs, by round; none where it sat out.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) tool: Tool,
    pub(crate) rounds: Vec<Option<Trial>>,
}

/// The peers that were asked for by name; those of the scenario if none were.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen<'a>(pub(crate) Option<&'a [String]>);

/// Those who take part.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) tools: Vec<Tool>,
    pub(crate) versions: Vec<String>,
    /// Names of peers that would have taken part.
    pub(crate) missing: Vec<&'static str>,
}

/// Everything that a run needs to know.
#[derive(Debug)]
pub(crate) struct Course<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) scenario: Scenario,
    pub(crate) workshop: &'a Workshop,
    pub(crate) origin: &'a mut Origin<'a>,
    pub(crate) files: &'a [File],
    /// The network namespace of the tools, if not this process's own.
    pub(crate) network: Option<&'a Path>,
}

impl Chosen<'_> {
    /// The measured binary and the peers for `job` that are wanted, or else `usual`.
    pub(crate) fn field(self, job: Job, usual: &[&str]) -> Field {
        let wanted = job.peers.iter().filter(|peer| match self.0 {
            Some(chosen) => chosen.iter().any(|name| name == peer.name),
            None => usual.contains(&peer.name),
        });
        let (there, missing): (Vec<&Peer>, Vec<&Peer>) =
            wanted.partition(|peer| peer.is_installed());
        let ours = Tool {
            name: "civitai-dl",
            command: job.ours,
            part: Part::Ours,
        };
        let peers = there.iter().map(|peer| Tool {
            name: peer.name,
            command: peer.command,
            part: Part::Peer {
                connections: peer.connections,
                verifies: peer.verifies,
            },
        });
        let mut versions: Vec<String> = there.iter().filter_map(|peer| peer.version()).collect();
        versions.sort();
        versions.dedup();
        Field {
            tools: std::iter::once(ours).chain(peers).collect(),
            versions,
            missing: missing.iter().map(|peer| peer.name).collect(),
        }
    }
}

impl Field {
    /// Which programs there were, for the foot of a table.
    pub(crate) fn credits(&self) -> String {
        let mut text = format!("Beside: {}.", self.versions.join(", "));
        if !self.missing.is_empty() {
            text = format!("{text} Not installed: {}.", self.missing.join(", "));
        }
        text + "\n"
    }
}

impl Course<'_> {
    /// The folder in the workshop where files arrive.
    pub(crate) const TO: &'static str = "to";

    /// Runs `tools` in `rounds` rounds after one that is not counted, with another tool first in each.
    ///
    /// A tool that needs long, or fails, sits out the later rounds; the measured binary never does.
    pub(crate) fn run(&self, name: &str, tools: &[Tool], rounds: usize) -> Result<Vec<Entry>> {
        let fields = self.fields()?;
        let mut entries: Vec<Entry> = tools
            .iter()
            .map(|&tool| Entry {
                tool,
                rounds: vec![None; rounds],
            })
            .collect();
        if let Some(first) = entries.first() {
            self.trial(&first.tool, &fields)?;
        }
        for round in 0..rounds {
            for nth in rotated(entries.len(), round) {
                let entry = &mut entries[nth];
                if round >= entry.rounds_left_to_it(rounds) {
                    continue;
                }
                let trial = self.trial(&entry.tool, &fields)?;
                tell(name, entry.tool.name, &trial)?;
                entry.rounds[round] = Some(trial);
            }
        }
        Ok(entries)
    }

    /// One run of one tool into an empty folder.
    pub(crate) fn trial(&self, tool: &Tool, fields: &[(&str, String)]) -> Result<Trial> {
        self.workshop.fresh(Self::TO)?;
        let usage = self.attempt(tool, fields, self.scenario.limit)?;
        self.prove(tool, usage)
    }

    /// Runs the tool on what is there, for at most `limit`.
    pub(crate) fn attempt(
        &self,
        tool: &Tool,
        fields: &[(&str, String)],
        limit: Duration,
    ) -> Result<Usage> {
        let bounds = Bounds {
            limit: Some(limit),
            network: self.network,
        };
        let mut command = measure::command(bounds)?;
        command
            .args(words(tool.command, fields))
            .current_dir(self.workshop.path(Self::TO));
        bare(&mut command, self.workshop);
        measure::run(&mut command)
    }

    /// Flushes what arrived, reads it, and compares.
    pub(crate) fn prove(&self, tool: &Tool, usage: Usage) -> Result<Trial> {
        let to = self.workshop.path(Self::TO);
        let started = Instant::now();
        let mut fault = fault_of(&usage, self.scenario.limit);
        if tool.part == Part::Limit || fault.is_some() {
            return Ok(Trial {
                verified: usage.wall,
                usage,
                digest: Duration::ZERO,
                fault,
            });
        }
        for file in self.files {
            // A tool that left a file out is found below.
            if let Ok(file) = fs_err::File::open(to.join(&file.name)) {
                file.sync_all()?;
            }
        }
        let flushed = started.elapsed();
        let wrong = self
            .files
            .iter()
            .filter(|file| files::sha256(&to.join(&file.name)).ok().as_ref() != Some(&file.sha256))
            .count();
        if wrong > 0 {
            fault = Some(format!("{wrong} of {} files are wrong", self.files.len()));
        }
        let digest = started.elapsed().saturating_sub(flushed);
        let charged = match tool.part {
            Part::Peer {
                verifies: false, ..
            } => digest,
            _ => Duration::ZERO,
        };
        Ok(Trial {
            verified: usage.wall + flushed + charged,
            usage,
            digest,
            fault,
        })
    }

    /// The values of the names in a command; writes the lists.
    pub(crate) fn fields(&self) -> Result<Vec<(&'static str, String)>> {
        let Scenario { set, door, .. } = self.scenario;
        let to = self.workshop.path(Self::TO);
        let first = self.files.first().context("a set has files")?;
        let folder = Origin::folder_of(self.workshop, set);
        let source = if set.count == 1 {
            folder.join(&first.name)
        } else {
            folder
        };
        let mut lists = [const { String::new() }; 4];
        for File {
            id,
            name,
            bytes,
            sha256,
        } in self.files
        {
            let url = self.origin.url(door, *id);
            writeln!(lists[0], "{url}\t{name}\t{sha256}\t{bytes}")?;
            writeln!(lists[1], "{url}")?;
            writeln!(lists[2], "url = \"{url}\"\noutput = \"{name}\"")?;
            writeln!(lists[3], "{url}\n  out={name}")?;
        }
        let mut fields = vec![
            ("civitai-dl", shown(self.binary)),
            ("url", self.origin.url(door, first.id)),
            ("open", self.origin.open_folder(door, set.number)),
            ("source", shown(&source)),
            ("out", shown(&to.join(&first.name))),
            ("dir", shown(&to)),
            ("name", first.name.clone()),
            ("sha256", first.sha256.clone()),
            ("ca", shown(&origin::ca(self.workshop))),
        ];
        for (name, list) in ["list", "urls", "curl", "aria2"].into_iter().zip(lists) {
            let path = self.workshop.path(format!("list.{name}"));
            fs_err::write(&path, list)?;
            fields.push((name, shown(&path)));
        }
        Ok(fields)
    }
}

impl Entry {
    /// The runs that count.
    pub(crate) fn good(&self) -> impl Iterator<Item = &Trial> {
        self.rounds
            .iter()
            .flatten()
            .filter(|trial| trial.fault.is_none())
    }

    fn rounds_left_to_it(&self, rounds: usize) -> usize {
        let Some(first) = self.rounds.iter().flatten().next() else {
            return rounds;
        };
        match (self.tool.part, first.usage.wall) {
            (Part::Ours, _) => rounds,
            _ if self.good().next().is_none() => 1,
            (_, wall) if wall > VERY_SLOW => 1,
            (_, wall) if wall > SLOW => 2.min(rounds),
            _ => rounds,
        }
    }
}

/// Such a tool is nowhere near the best: one more round shows it well enough.
const SLOW: Duration = Duration::from_secs(15);
const VERY_SLOW: Duration = Duration::from_secs(40);

/// An environment of its own: no proxy, no settings of the user, no memory of other scenarios.
pub(crate) fn bare(command: &mut Command, workshop: &Workshop) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let home = workshop.path("home");
    let variables: [(&str, OsString); 6] = [
        ("PATH", path),
        ("LC_ALL", "C".into()),
        ("HOME", home.clone().into()),
        ("XDG_CONFIG_HOME", home.join("config").into()),
        ("CIVITAI_DATA_DIR", home.join("data").into()),
        ("SSL_CERT_FILE", origin::ca(workshop).into()),
    ];
    command.env_clear().envs(variables);
}

/// `count` places, beginning at the `round`-th.
fn rotated(count: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |nth| (nth + round) % count)
}

fn fault_of(usage: &Usage, limit: Duration) -> Option<String> {
    if usage.end.status.success() {
        None
    } else if usage.end.status.signal() == Some(libc::SIGKILL) && usage.wall >= limit {
        Some(format!("stopped after {} s", limit.as_secs()))
    } else {
        Some(usage.end.to_string())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn tell(scenario: &str, tool: &str, trial: &Trial) -> io::Result<()> {
    writeln!(
        io::stderr(),
        "{scenario} {tool:18} wall {:7.2} s, verified {:7.2} s, cpu {:6.2} s, peak {:4} MiB {}",
        trial.usage.wall.as_secs_f64(),
        trial.verified.as_secs_f64(),
        trial.usage.cpu.as_secs_f64(),
        trial.usage.peak_rss_bytes >> 20,
        trial.fault.as_deref().unwrap_or("")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_begins_with_another_tool_and_leaves_none_out() {
        let order: Vec<Vec<usize>> = (0..3).map(|round| rotated(3, round).collect()).collect();
        assert_eq!(order, [[0, 1, 2], [1, 2, 0], [2, 0, 1]]);
    }
}
