//! Errors of the disk at the k-th call of each kind.

use anyhow::Result;
use rustix::io::Errno;

use super::call::Call;
use super::kill::{OUT, closed, dry_run};
use super::lab::{Lab, Load, Said};
use super::points::{Points, each};
use super::table::{Row, Run};
use super::tracer::{At, Blow, Ended, Orders, Traced};

/// One error at one place.
#[derive(Clone, Copy, Debug)]
struct Fault {
    at: At,
    blow: Blow,
}

/// Injects each error into the calls of each kind: into every rare call both once and for good, and into the frequent
/// ones each error at every fourth.
pub(super) fn at_every_call(lab: &Lab, load: &Load, points: Points) -> Result<Row> {
    let dry = dry_run(lab, load)?;
    let faults = Call::ALL
        .iter()
        .flat_map(|call| (1..=dry.calls.get(call).copied().unwrap_or(0)).map(|nth| (*call, nth)))
        .flat_map(|(call, nth)| faults_at(call, nth));
    let faults = points.choose(faults.collect());
    let names = ERRORS.map(|(_, name, _)| name).join(", ");
    let row = Row::begin(format!("{names} at each call, {}", load.name));
    each(points.workers, &faults, |fault| {
        row.add(&format!("{fault:?}"), &suffer(lab, load, *fault)?);
        Ok(())
    })?;
    row.end()
}

fn faults_at(call: Call, nth: u64) -> impl Iterator<Item = Fault> {
    let at = At {
        call: Some(call),
        nth,
    };
    let errors = ERRORS.iter().enumerate().filter(move |(index, _)| {
        !call.is_frequent() || nth % ERRORS.len() as u64 == *index as u64
    });
    let is_even = (nth / ERRORS.len() as u64).is_multiple_of(2);
    errors.flat_map(move |(_, (errno, _, _))| {
        let once = (!call.is_frequent() || is_even).then_some(Blow::Fail(*errno));
        let on = (!call.is_frequent() || !is_even).then_some(Blow::FailFromHere(*errno));
        let blows = once.into_iter().chain(on);
        blows.map(move |blow| Fault { at, blow })
    })
}

fn suffer(lab: &Lab, load: &Load, fault: Fault) -> Result<Run> {
    let desk = lab.desk()?;
    let out = desk.path().join(OUT);
    let orders = Orders {
        blow: Some((fault.at, fault.blow)),
        ..Orders::default()
    };
    let traced = lab.suffer(load, &out, &desk, orders)?;
    let said = Said::read(&traced.stdout);
    let found = load.examine(&out, &said.finished);
    let falsely_finished = traced.ended == Ended::Exited(0) && !load.is_complete(&out);
    let recovered = lab.recover(load, &out, &desk)?;
    let run = Run {
        struck: traced.struck.is_some(),
        corrupt: found.corrupt,
        lost: found.lost,
        falsely_finished,
        stuck: recovered.problems,
        wrong_error: wrong_error(load, &traced, &said, fault.blow),
        ..Run::default()
    };
    Ok(closed(desk, run))
}

/// Why what the program said about the fault is not right. A fault that it could do without is none.
fn wrong_error(load: &Load, traced: &Traced, said: &Said, blow: Blow) -> Option<String> {
    let (Blow::Fail(errno) | Blow::FailFromHere(errno)) = blow else {
        return None;
    };
    let wanted = ERRORS.iter().find(|row| row.0 == errno)?.2;
    let panicked = traced.stderr.contains("panicked");
    let is_right = match traced.ended {
        Ended::Exited(0) => load.exit() == 0 && said.kinds.is_empty(),
        Ended::Exited(7) => load.exit() == 7,
        // 9: some of several files had it, others not.
        Ended::Exited(8 | 9) => said.kinds.iter().eq([wanted]),
        _ => false,
    };
    (panicked || !is_right).then(|| {
        format!(
            "{:?} with {:?} for {wanted}: {}",
            traced.ended,
            said.kinds,
            traced.stderr.trim()
        )
    })
}

/// The errors of a disk, their names, and the `error.kind` they must lead to.
const ERRORS: [(Errno, &str, &str); 4] = [
    (Errno::NOSPC, "ENOSPC", "no_space"),
    (Errno::IO, "EIO", "io"),
    (Errno::ROFS, "EROFS", "io"),
    (Errno::DQUOT, "EDQUOT", "no_space"),
];
