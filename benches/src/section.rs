//! The sections of docs/benchmarks.md and how each comes to its figures.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Result, bail};
use clap::ValueEnum;

use crate::contest::{Chosen, Course, Part, Tool};
use crate::files::Set;
use crate::origin::{LOOPBACK, Origin, Place};
use crate::peers::{self, JOBS, Job};
use crate::report::Outcome;
use crate::scenario::{self, Scenario};
use crate::workshop::Workshop;
use crate::{hash, library, list, python, resume, scan, seal, start, wan};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Section {
    /// Time and memory of `civitai-dl --version`
    Start,
    /// Time and memory of listing 10,000 models
    List,
    /// Scanning, listing and verifying a library of 20,000 files
    Library,
    /// Judging models, beside another scanner
    Scan,
    /// Encrypting and decrypting at each level
    Seal,
    /// The Python module beside the command line
    Python,
    /// One file of 2 GiB over HTTP
    S1,
    /// One file of 512 MiB over TLS
    S1t,
    /// One file of 512 MiB, each connection held to 20 MB/s
    S2,
    /// 200 files of 8 MiB
    S3,
    /// 3,000 files of 40 KiB over TLS, 1 Gbit/s, 40 ms
    S4,
    /// 512 MiB over 1 Gbit/s, 40 ms
    S5a,
    /// 128 MiB over 300 Mbit/s, 80 ms, 0.5 % loss
    S5b,
    /// 32 MiB over 50 Mbit/s, 120 ms, 2 % loss
    S5c,
    /// As s5b, with CUBIC instead of BBR
    S5bc,
    /// As s5c, with CUBIC instead of BBR
    S5cc,
    /// Killed at half time and run again
    S6,
    /// All digests of files on disk
    S7,
}

/// Everything that is made once for a run of the benchmark.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    root: &'a Path,
    binary: &'a Path,
    workshop: Option<Workshop>,
    chosen: Chosen<'a>,
    rounds: usize,
}

impl Section {
    /// As it is called on the command line.
    pub(crate) fn name(self) -> String {
        let name = self
            .to_possible_value()
            .map(|value| value.get_name().to_owned());
        name.expect("no section is hidden")
    }

    /// What is measured, as a heading.
    pub(crate) fn title(self) -> &'static str {
        match (self, self.scenario()) {
            (Self::S6, _) => {
                "one file of 512 MiB, 20 MB/s a connection, killed at half time and run again"
            }
            (Self::S7, _) => "digests of one file of 2 GiB and 200 of 8 MiB in memory",
            (_, Some(scenario)) => scenario.title,
            (Self::List, None) => "listing 10,000 models",
            (Self::Library, None) => "a library of 20,000 files",
            (Self::Scan, None) => "judging models without running them",
            (Self::Seal, None) => "encryption at rest",
            (Self::Python, None) => "the module civitai_rs beside the command line",
            (_, None) => "the least that a command costs",
        }
    }

    /// Whether rounds and peers mean something here.
    pub(crate) fn is_contest(self) -> bool {
        self.scenario().is_some() || self == Self::Scan
    }

    fn scenario(self) -> Option<Scenario> {
        match self {
            Self::Start | Self::List | Self::Library | Self::Scan | Self::Seal | Self::Python => {
                None
            }
            Self::S1 => Some(scenario::S1),
            Self::S1t => Some(scenario::S1T),
            Self::S2 => Some(scenario::S2),
            Self::S3 => Some(scenario::S3),
            Self::S4 => Some(scenario::S4),
            Self::S5a => Some(scenario::S5A),
            Self::S5b => Some(scenario::S5B),
            Self::S5c => Some(scenario::S5C),
            Self::S5bc => Some(scenario::S5BC),
            Self::S5cc => Some(scenario::S5CC),
            Self::S6 => Some(scenario::S6),
            Self::S7 => Some(scenario::S7),
        }
    }
}

impl<'a> Bench<'a> {
    /// Finds room for everything that `sections` need: the workspace at `root` and its binary.
    pub(crate) fn prepare(
        (root, binary): (&'a Path, &'a Path),
        sections: &[Section],
        rounds: usize,
        peers: Option<&'a [String]>,
    ) -> Result<Self> {
        let known = |name: &String| {
            let mut peers = JOBS.iter().flat_map(|job| job.peers);
            peers.any(|peer| peer.name == name)
        };
        if let Some(name) = peers.into_iter().flatten().find(|name| !known(name)) {
            bail!("there is no peer {name}");
        }
        let scenarios: Vec<Scenario> = sections
            .iter()
            .filter_map(|section| section.scenario())
            .collect();
        let workshop = match room(&scenarios) {
            0 => None,
            bytes => Some(Workshop::open(bytes)?),
        };
        Ok(Self {
            root,
            binary,
            workshop,
            chosen: Chosen(peers),
            rounds,
        })
    }

    /// The figures of one section, or why there are none.
    pub(crate) fn run(&self, section: Section) -> Result<String> {
        match (section.scenario(), &self.workshop) {
            (Some(scenario), Some(workshop)) => self.measure(section, scenario, workshop),
            _ if section == Section::List => list::run(self.binary),
            _ if section == Section::Library => library::run(self.binary),
            _ if section == Section::Scan => scan::run(self.binary, self.rounds),
            _ if section == Section::Seal => seal::run(self.root, self.binary),
            _ if section == Section::Python => python::run(self.root, self.binary),
            _ => start::run(self.binary),
        }
    }

    fn measure(&self, section: Section, scenario: Scenario, workshop: &Workshop) -> Result<String> {
        if let Some(obstacle) = obstacle(scenario) {
            return Ok(format!("Skipped: {obstacle}.\n"));
        }
        let wan = scenario.line.map(wan::Line::up).transpose()?;
        let place = wan.as_ref().map_or(LOOPBACK, |wan| Place {
            host: wan::SERVER,
            network: Some(wan.server()),
        });
        let files = scenario
            .set
            .make(&Origin::folder_of(workshop, scenario.set))?;
        let mut origin = Origin::start(workshop, place)?;
        workshop.fresh("home")?;
        let mut field = self.chosen.field(job(section), scenario.peers);
        let mut course = Course {
            binary: self.binary,
            scenario,
            workshop,
            origin: &mut origin,
            files: &files,
            network: wan.as_ref().map(wan::Wan::client),
        };
        let name = section.name();
        let figures = match section {
            Section::S6 => resume::run(&mut course, &field.tools, self.rounds)?,
            Section::S7 => {
                let scripts = self.root.join("benches/python");
                hash::run(&course, &scripts, &field.tools, self.rounds)?
            }
            _ => {
                field.tools.extend(limits(scenario));
                let outcome = Outcome {
                    bytes: scenario.set.bytes(),
                    entries: course.run(&name, &field.tools, self.rounds)?,
                    line: scenario.least(),
                    physical: scenario.physical,
                };
                outcome.markdown()?
            }
        };
        Ok(format!("{figures}\n{}", field.credits()))
    }
}

fn job(section: Section) -> Job {
    match section {
        Section::S3 | Section::S4 => peers::MANY,
        Section::S6 => peers::RESUMING,
        Section::S7 => peers::HASHING,
        _ => peers::ONE,
    }
}

fn obstacle(scenario: Scenario) -> Option<String> {
    let missing = ["nginx", "openssl"]
        .into_iter()
        .find(|program| !peers::is_on_path(program));
    match (missing, scenario.line) {
        (Some(program), _) => Some(format!("{program} is not installed")),
        (None, line) => line.and_then(wan::Line::obstacle),
    }
}

/// What no download is faster than on loopback: a copy to the same disk, and receiving without a disk.
fn limits(scenario: Scenario) -> Vec<Tool> {
    const COPY: Tool = Tool {
        name: "copy on disk",
        command: "cp -r {source} {dir}/copy",
        part: Part::Limit,
    };
    const RECEIVE: Tool = Tool {
        name: "receive and forget",
        command: "curl -sSfL --cacert {ca} -o /dev/null {url}",
        part: Part::Limit,
    };
    match (
        scenario.physical && scenario.line.is_none(),
        scenario.set.count,
    ) {
        (false, _) => Vec::new(),
        (true, 1) => vec![COPY, RECEIVE],
        (true, _) => vec![COPY],
    }
}

/// Space for all files that are served, twice the largest set that arrives, and some more.
fn room(scenarios: &[Scenario]) -> u64 {
    let sets: HashSet<Set> = scenarios.iter().map(|scenario| scenario.set).collect();
    let served: u64 = sets.iter().map(|set| set.bytes()).sum();
    let arriving = sets.iter().map(|set| set.bytes()).max().unwrap_or(0);
    served + 2 * arriving
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_that_a_scenario_names_is_known() {
        for section in Section::value_variants() {
            let Some(scenario) = section.scenario() else {
                continue;
            };
            for name in scenario.peers {
                let known = job(*section).peers.iter().any(|peer| peer.name == *name);
                assert!(known, "{}: {name}", section.name());
            }
        }
    }

    #[test]
    fn room_counts_a_set_once_that_several_scenarios_share() {
        let mebibyte = 1 << 20;
        assert_eq!(room(&[scenario::S2, scenario::S6]), 3 * 512 * mebibyte);
        assert_eq!(room(&[]), 0);
    }
}
