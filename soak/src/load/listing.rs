//! Listings under the faults that only listings meet.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use civitai_sim::Sim;
use civitai_sim::fault::{Knob, Scope};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::Order;
use super::tally::Tally;
use crate::draw::Draw;

/// The knobs that turn a page of a list.
pub(super) const KNOBS: [Knob; 5] = [
    Knob::CursorLoop,
    Knob::DupItems,
    Knob::EmptyPage,
    Knob::JsonExtraFields,
    Knob::UnknownEnum,
];

/// Searches once under one of the knobs: it must end by itself, and name no model twice.
pub(super) async fn run(
    order: &Order,
    sim: &Sim,
    draw: &mut Draw,
    tally: &mut Tally,
) -> Result<()> {
    let knob = draw.pick(&KNOBS).clone();
    let name = knob.name();
    let route = Scope::site().route("/api/v1/models*");
    let scope = if draw.one_in(2) {
        route
    } else {
        route.times(draw.within(1..=3))
    };
    let fault = sim.faults().add(knob.within(scope));
    let home = tempfile::tempdir()?;
    let search = Command::new(&order.binary)
        .args(["search", "--limit", "150", "--json"])
        .env_clear()
        .env("HOME", home.path())
        .env("CIVITAI_BASE_URL", sim.site_url().as_str())
        .kill_on_drop(true)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("the program starts")?;
    let ended = timeout(LIMIT, search.wait_with_output()).await;
    sim.faults().remove(fault);
    let wrong = match ended {
        Err(_) => Some("it did not end".to_owned()),
        Ok(output) => judge(&output?),
    };
    tally.listing(name, wrong);
    Ok(())
}

fn judge(output: &std::process::Output) -> Option<String> {
    let stderr = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Some(format!("{}: {stderr}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut ids: Vec<u64> = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| line["model"]["id"].as_u64())
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    (ids.len() < count).then(|| format!("{} of {count} models came twice", count - ids.len()))
}

const LIMIT: Duration = Duration::from_mins(2);
