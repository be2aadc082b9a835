//! The tables of docs/benchmarks.md.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Result;

use crate::contest::{Entry, Part, Trial};
use crate::spread::{Spread, gigabytes, mebibytes};

/// What a contest showed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) bytes: u64,
    pub(crate) entries: Vec<Entry>,
    /// The least time that the line allows.
    pub(crate) line: Option<Duration>,
    /// Whether to compare with [`Part::Limit`] and with the time of a digest.
    pub(crate) physical: bool,
}

impl Outcome {
    /// One sentence and one table.
    pub(crate) fn markdown(&self) -> Result<String> {
        let mut text = self.sentence();
        text.push_str(
            "\n\n| tool | connections | rounds | wall, s | verified wall, s | civitai-dl to it | CPU s/GB | peak MiB |\n|---|---|---|---|---|---|---|---|\n",
        );
        let mut entries: Vec<&Entry> = self.entries.iter().collect();
        entries.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
        for entry in entries {
            self.row(&mut text, entry)?;
        }
        Ok(text)
    }

    fn sentence(&self) -> String {
        let ours = self.ours();
        let mut parts = Vec::new();
        if let Some((peer, ratio)) = self
            .best_peer()
            .and_then(|peer| Some((peer, self.ratio(peer)?)))
        {
            parts.push(format!(
                "**{ratio}** of the verified wall of {}, the best peer",
                peer.tool.name
            ));
        }
        let wall = ours.and_then(|ours| median(ours, |trial| trial.usage.wall.as_secs_f64()));
        if let Some((wall, (name, limit))) = wall.zip(self.limit()) {
            parts.push(format!(
                "{:.2} of the physical limit, {name} ({limit:.2} s)",
                wall / limit
            ));
        }
        if parts.is_empty() {
            return "civitai-dl has nothing to be compared with here.".to_owned();
        }
        format!("civitai-dl needed {}.", parts.join(", and "))
    }

    fn row(&self, text: &mut String, entry: &Entry) -> Result<()> {
        let (connections, name) = match entry.tool.part {
            Part::Ours => (String::new(), format!("**{}**", entry.tool.name)),
            Part::Peer { connections, .. } => (connections.to_string(), entry.tool.name.to_owned()),
            Part::Limit => (String::new(), format!("*{}*", entry.tool.name)),
        };
        let rounds = entry.good().count();
        let wall = Spread::of(entry.good().map(|trial| trial.usage.wall.as_secs_f64()));
        let verified = Spread::of(entry.good().map(|trial| trial.verified.as_secs_f64()));
        let faults: Vec<&str> = entry
            .rounds
            .iter()
            .flatten()
            .filter_map(|trial| trial.fault.as_deref())
            .collect();
        let Some((wall, verified)) = wall.zip(verified) else {
            let fault = faults
                .first()
                .map_or("did not run", |fault| fault)
                .replace('|', "/");
            writeln!(text, "| {name} | {connections} | 0 | {fault} | | | | |")?;
            return Ok(());
        };
        let bytes = gigabytes(self.bytes);
        let cpu = median(entry, |trial| trial.usage.cpu.as_secs_f64() / bytes);
        let rss = Spread::of(
            entry
                .good()
                .map(|trial| mebibytes(trial.usage.peak_rss_bytes)),
        );
        let ratio = match entry.tool.part {
            Part::Peer { .. } => self.ratio(entry).map(|ratio| ratio.to_string()),
            Part::Ours | Part::Limit => None,
        };
        let failed = if faults.is_empty() {
            String::new()
        } else {
            format!(", {} failed", faults.len())
        };
        let verified = if entry.tool.part == Part::Limit {
            String::new()
        } else {
            verified.to_string()
        };
        writeln!(
            text,
            "| {name} | {connections} | {rounds}{failed} | {wall} | {verified} | {} | {:.2} | {:.0} |",
            ratio.unwrap_or_default(),
            cpu.unwrap_or_default(),
            rss.map_or(0.0, |rss| rss.max),
        )?;
        Ok(())
    }

    fn ours(&self) -> Option<&Entry> {
        self.entries
            .iter()
            .find(|entry| entry.tool.part == Part::Ours)
    }

    fn best_peer(&self) -> Option<&Entry> {
        let peers = self.entries.iter().filter(|entry| {
            matches!(entry.tool.part, Part::Peer { .. }) && entry.good().next().is_some()
        });
        peers.min_by(|a, b| rank(a).total_cmp(&rank(b)))
    }

    /// Our verified wall to the peer's, round by round: a machine whose speed drifts bends both alike.
    fn ratio(&self, peer: &Entry) -> Option<Spread> {
        let pairs = self.ours()?.rounds.iter().zip(&peer.rounds);
        Spread::of(pairs.filter_map(|pair| {
            let (ours, theirs) = (pair.0.as_ref()?, pair.1.as_ref()?);
            let counts = ours.fault.is_none() && theirs.fault.is_none();
            counts.then(|| ours.verified.as_secs_f64() / theirs.verified.as_secs_f64())
        }))
    }

    /// What takes longest of that which no tool can do without.
    fn limit(&self) -> Option<(&'static str, f64)> {
        if let Some(line) = self.line {
            return Some(("the line", line.as_secs_f64()));
        }
        if !self.physical {
            return None;
        }
        let digest = Spread::of(self.entries.iter().flat_map(|entry| {
            entry
                .good()
                .filter(|trial| !trial.digest.is_zero())
                .map(|trial| trial.digest.as_secs_f64())
        }));
        let limits = self
            .entries
            .iter()
            .filter(|entry| entry.tool.part == Part::Limit);
        let limits = limits.filter_map(|entry| {
            Some((
                entry.tool.name,
                median(entry, |trial| trial.usage.wall.as_secs_f64())?,
            ))
        });
        let digest = digest.map(|spread| ("one pass of SHA-256", spread.median));
        limits.chain(digest).max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

fn median(entry: &Entry, figure: impl Fn(&Trial) -> f64) -> Option<f64> {
    Spread::of(entry.good().map(figure)).map(|spread| spread.median)
}

/// Those that failed come last, the limits before them.
fn rank(entry: &Entry) -> f64 {
    let verified = median(entry, |trial| trial.verified.as_secs_f64());
    match entry.tool.part {
        Part::Limit => 1e6,
        Part::Ours | Part::Peer { .. } => verified.unwrap_or(1e9),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;
    use crate::contest::Tool;
    use crate::measure::{End, Usage};

    fn trial(verified: f64) -> Trial {
        let verified = Duration::from_secs_f64(verified);
        let end = End {
            status: ExitStatus::from_raw(0),
            said: String::new(),
        };
        let usage = Usage {
            wall: verified,
            cpu: verified,
            peak_rss_bytes: 1 << 20,
            end,
        };
        Trial {
            usage,
            verified,
            digest: Duration::ZERO,
            fault: None,
        }
    }

    fn entry(name: &'static str, part: Part, rounds: Vec<Option<Trial>>) -> Entry {
        let tool = Tool {
            name,
            command: "",
            part,
        };
        Entry { tool, rounds }
    }

    const PEER: Part = Part::Peer {
        connections: 4,
        verifies: false,
    };

    fn outcome(entries: Vec<Entry>) -> Outcome {
        Outcome {
            bytes: 1_000_000_000,
            entries,
            line: None,
            physical: true,
        }
    }

    #[test]
    fn the_ratio_is_taken_round_by_round_and_only_where_both_ran() {
        let ours = entry(
            "civitai-dl",
            Part::Ours,
            vec![Some(trial(1.0)), Some(trial(3.0)), Some(trial(9.0))],
        );
        let peer = entry("slow", PEER, vec![Some(trial(2.0)), Some(trial(4.0)), None]);
        let outcome = outcome(vec![ours, peer.clone()]);
        let ratio = outcome.ratio(&peer).expect("two rounds are shared");
        assert_eq!(ratio.to_string(), "0.62 (0.50–0.75)");
    }

    #[test]
    fn the_best_peer_and_the_hardest_limit_are_named() {
        let entries = vec![
            entry("civitai-dl", Part::Ours, vec![Some(trial(1.5))]),
            entry("slow", PEER, vec![Some(trial(4.0))]),
            entry("quick", PEER, vec![Some(trial(2.0))]),
            entry("copy", Part::Limit, vec![Some(trial(0.5))]),
            entry("receive", Part::Limit, vec![Some(trial(1.0))]),
        ];
        assert_eq!(
            outcome(entries).sentence(),
            "civitai-dl needed **0.75** of the verified wall of quick, the best peer, and 1.50 of the physical limit, receive (1.00 s)."
        );
    }

    #[test]
    fn a_tool_that_failed_has_a_row_with_the_reason_at_the_end() {
        let failed = Trial {
            fault: Some("exit status: 3: a | b".to_owned()),
            ..trial(1.0)
        };
        let entries = vec![
            entry("broken", PEER, vec![Some(failed)]),
            entry("civitai-dl", Part::Ours, vec![Some(trial(1.5))]),
        ];
        let table = outcome(entries)
            .markdown()
            .expect("a string takes everything");
        assert!(
            table.ends_with("| broken | 4 | 0 | exit status: 3: a / b | | | | |\n"),
            "{table}"
        );
    }
}
