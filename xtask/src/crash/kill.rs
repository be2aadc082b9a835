//! SIGKILL: at every call that changes the disk, and at any time.

use std::time::Duration;

use anyhow::Result;

use super::call::Call;
use super::lab::{Desk, Lab, Load, Said};
use super::points::{Points, draw, each};
use super::table::{Row, Run};
use super::tracer::{self, At, Blow, Ended, Orders, Traced};

/// Kills at each call that changes the disk, counted over the whole process, and at each of the rare calls counted by
/// itself: the total varies from run to run, and the last calls are the ones that matter most.
pub(super) fn at_every_call(lab: &Lab, load: &Load, points: Points) -> Result<Row> {
    let dry = dry_run(lab, load)?;
    let any = (1..=dry.changes()).map(|nth| At { call: None, nth });
    let rare = dry
        .calls
        .iter()
        .filter(|(call, _)| call.changes() && !call.is_frequent())
        .flat_map(|(call, count)| {
            let call = Some(*call);
            (1..=*count).map(move |nth| At { call, nth })
        });
    let all: Vec<At> = points.choose(any.chain(rare).collect());
    let name = format!("SIGKILL at each changing call, {}", load.name);
    let row = Row::begin(name);
    each(points.workers, &all, |at| {
        let orders = Orders {
            blow: Some((*at, Blow::Kill)),
            ..Orders::default()
        };
        row.add(&format!("{at:?}"), &killed(lab, load, orders)?);
        Ok(())
    })?;
    row.end()
}

/// Kills at times drawn over the length of a run.
pub(super) fn at_any_time(lab: &Lab, load: &Load, points: Points) -> Result<Row> {
    let length = dry_run(lab, load)?.took;
    let times: Vec<Duration> = (0..points.most)
        .map(|index| length.mul_f64(draw(points.seed, index)))
        .collect();
    let row = Row::begin(format!("SIGKILL at a random time, {}", load.name));
    each(points.workers, &times, |time| {
        let orders = Orders {
            after: Some((*time, &tracer::kill)),
            ..Orders::default()
        };
        row.add(&format!("after {time:?}"), &killed(lab, load, orders)?);
        Ok(())
    })?;
    row.end()
}

/// What a run makes of calls when nothing befalls it.
pub(super) fn dry_run(lab: &Lab, load: &Load) -> Result<Traced> {
    let desk = lab.desk()?;
    let out = desk.path().join(OUT);
    let traced = lab.suffer(load, &out, &desk, Orders::default())?;
    anyhow::ensure!(
        traced.ended == Ended::Exited(load.exit()) && load.is_complete(&out),
        "the program fails unharmed: {traced:?}"
    );
    anyhow::ensure!(
        traced.calls.contains_key(&Call::Rename),
        "the tracer sees no rename: {traced:?}"
    );
    Ok(traced)
}

fn killed(lab: &Lab, load: &Load, orders: Orders<'_>) -> Result<Run> {
    let desk = lab.desk()?;
    let out = desk.path().join(OUT);
    let traced = lab.suffer(load, &out, &desk, orders)?;
    let found = load.examine(&out, &Said::read(&traced.stdout).finished);
    let falsely_finished = traced.ended == Ended::Exited(0) && !load.is_complete(&out);
    let recovered = lab.recover(load, &out, &desk)?;
    let struck = traced.ended == Ended::Killed;
    let run = Run {
        struck,
        corrupt: found.corrupt,
        lost: found.lost,
        falsely_finished,
        stuck: recovered.problems,
        wrong_error: (!struck && traced.ended != Ended::Exited(load.exit()))
            .then(|| format!("{:?}: {}", traced.ended, traced.stderr)),
        fetched_again: struck
            .then(|| (traced.received + recovered.fetched_bytes).saturating_sub(load.bytes())),
        ..Run::default()
    };
    Ok(closed(desk, run))
}

/// Throws a run's folder away, unless there is something to see in it.
pub(super) fn closed(desk: Desk, mut run: Run) -> Run {
    if !run.is_clean() {
        run.kept = Some(desk.keep());
    }
    run
}

pub(super) const OUT: &str = "out";
