//! A download that is killed in the middle and called again: what does the kill cost?

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::Result;

use crate::contest::{Course, Part, Tool};
use crate::spread::Spread;

/// One download in two parts.
#[derive(Clone, Debug)]
struct Broken {
    whole: Duration,
    /// Time of both parts to time of the whole.
    time: f64,
    /// How much was sent more than once, in percent of the file.
    twice: f64,
    fault: Option<String>,
}

/// Runs every tool three times a round: whole, killed at half of that time, and again.
pub(crate) fn run(course: &mut Course<'_>, tools: &[Tool], rounds: usize) -> Result<String> {
    let mut text = String::from(
        "| tool | connections | right | unbroken, s | both parts to unbroken | sent twice, % |\n|---|---|---|---|---|---|\n",
    );
    let mut tried: Vec<Vec<Broken>> = vec![Vec::new(); tools.len()];
    for _ in 0..rounds {
        for (tool, tried) in tools.iter().zip(&mut tried) {
            let slow = tried.first().is_some_and(|first| first.whole > SLOW);
            if !slow || tool.part == Part::Ours {
                let broken = course.broken(tool)?;
                tell(tool, &broken)?;
                tried.push(broken);
            }
        }
    }
    let mut rows: Vec<(&Tool, &Vec<Broken>)> = tools.iter().zip(&tried).collect();
    rows.sort_by(|a, b| cost(a.1).total_cmp(&cost(b.1)));
    for (tool, tried) in rows {
        row(&mut text, tool, tried)?;
    }
    Ok(text)
}

/// One round shows enough of a tool with a single connection.
const SLOW: Duration = Duration::from_secs(10);

impl Course<'_> {
    fn broken(&mut self, tool: &Tool) -> Result<Broken> {
        let fields = self.fields()?;
        let limit = self.scenario.limit;
        self.workshop.fresh(Self::TO)?;
        let whole = self.attempt(tool, &fields, limit)?;
        let unbroken = self.prove(tool, whole.clone())?;
        self.workshop.fresh(Self::TO)?;
        // Stopping the origin after each part is how to know that all of it stands in the log.
        self.origin.start_again()?;
        let first = self.attempt(tool, &fields, whole.wall / 2)?;
        self.origin.stop();
        let before = self.origin.sent(self.scenario.door)?;
        self.origin.start_again()?;
        let second = self.attempt(tool, &fields, limit)?;
        self.origin.stop();
        let after = self.origin.sent(self.scenario.door)?;
        self.origin.start_again()?;
        let parts = (first.wall + second.wall).as_secs_f64();
        let proved = self.prove(tool, second)?;
        Ok(Broken {
            whole: whole.wall,
            time: parts / whole.wall.as_secs_f64(),
            twice: percent_over(before + after, self.scenario.set.bytes()),
            fault: unbroken.fault.or(proved.fault),
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn percent_over(sent: u64, bytes: u64) -> f64 {
    100.0 * (sent as f64 / bytes as f64 - 1.0)
}

fn row(text: &mut String, tool: &Tool, tried: &[Broken]) -> Result<()> {
    let connections = match tool.part {
        Part::Peer { connections, .. } => connections.to_string(),
        Part::Ours | Part::Limit => String::new(),
    };
    let right = tried.iter().filter(|broken| broken.fault.is_none()).count();
    let whole = Spread::of(tried.iter().map(|broken| broken.whole.as_secs_f64()));
    let time = Spread::of(tried.iter().map(|broken| broken.time));
    let twice = Spread::of(tried.iter().map(|broken| broken.twice));
    if let (Some(whole), Some(time), Some(twice)) = (whole, time, twice) {
        let name = if tool.part == Part::Ours {
            "**civitai-dl**"
        } else {
            tool.name
        };
        writeln!(
            text,
            "| {name} | {connections} | {right} of {} | {whole} | {time} | {:.1} |",
            tried.len(),
            twice.median
        )?;
    }
    Ok(())
}

/// By what the rows are ordered: wrong ones last.
fn cost(tried: &[Broken]) -> f64 {
    let wrong = tried.iter().any(|broken| broken.fault.is_some());
    let time = Spread::of(tried.iter().map(|broken| broken.time));
    time.filter(|_| !wrong).map_or(f64::MAX, |time| time.median)
}

fn tell(tool: &Tool, broken: &Broken) -> io::Result<()> {
    writeln!(
        io::stderr(),
        "s6 {:18} unbroken {:6.2} s, parts {:5.2}, sent twice {:5.1} % {}",
        tool.name,
        broken.whole.as_secs_f64(),
        broken.time,
        broken.twice,
        broken.fault.as_deref().unwrap_or("")
    )
}
