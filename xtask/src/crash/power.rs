//! Power cuts: a volume that stops at once, and what is on it afterwards.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::Result;

use super::call::Call;
use super::disk::{Boot, Disk};
use super::kill::{OUT, closed, dry_run};
use super::lab::{Lab, Load, Said};
use super::points::{Points, bits, draw, each_with};
use super::sys::Plug;
use super::table::{Row, Run};
use super::tracer::{At, Blow, Ended, Orders};

/// When the power goes.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Just before a call.
    Call(At),
    /// At some time, while the program runs.
    Time(Duration),
    /// Just after the program has ended.
    End,
}

/// How often each kind of call is made in a run, and how long it takes.
struct Measure {
    calls: Vec<(Call, u64)>,
    took: Duration,
}

/// Cuts the power of volumes mounted with `options`.
pub(super) fn cuts(
    lab: &Lab,
    boot: &Boot,
    (plug, options): (Plug, &'static str),
    points: Points,
) -> Result<Row> {
    let loads = [&lab.one, &lab.many, &lab.slow];
    let measures = loads.map(|load| measure(lab, load));
    let [one, many, slow] = measures;
    let measures = [one?, many?, slow?];
    let row = Row::begin(format!("power cut, {}, {options}", words(plug)));
    let places: Vec<u64> = (0..points.most).collect();
    let begin = || Disk::new(&lab.scratch, options);
    each_with(points.workers, &places, begin, |disk, place| {
        let seed = points.seed ^ (plug as u64) << 32 ^ options.len() as u64;
        // Of twenty, eleven are about one file, seven about many and two about one that takes seconds.
        let which = match bits(seed, place * 4) % 20 {
            0..=10 => 0,
            11..=17 => 1,
            _ => 2,
        };
        let moment = moment(&measures[which], seed, *place);
        let run = cut(lab, loads[which], disk, boot, (plug, moment, false))?;
        row.add(
            &format!("point {place}, {}, {moment:?}", loads[which].name),
            &run,
        );
        Ok(())
    })?;
    row.end()
}

/// The same with a program whose flushes do nothing: this must leave bad states, or the experiment proves nothing.
pub(super) fn control(
    lab: &Lab,
    boot: &Boot,
    (plug, options): (Plug, &'static str),
    points: Points,
) -> Result<Row> {
    let row = Row::begin_control(format!(
        "control: flushes swallowed, {}, {options}",
        words(plug)
    ));
    let places: Vec<u64> = (0..points.most).collect();
    let begin = || Disk::new(&lab.scratch, options);
    each_with(points.workers, &places, begin, |disk, place| {
        let (load, moment) = match place % 2 {
            0 => (&lab.one, Moment::End),
            _ => (
                &lab.many,
                Moment::Call(At {
                    call: Some(Call::Rename),
                    nth: 2 + bits(points.seed, *place) % 90,
                }),
            ),
        };
        let run = cut(lab, load, disk, boot, (plug, moment, true))?;
        row.add(&format!("point {place}"), &run);
        Ok(())
    })?;
    row.end()
}

fn measure(lab: &Lab, load: &Load) -> Result<Measure> {
    let dry = dry_run(lab, load)?;
    Ok(Measure {
        calls: dry
            .calls
            .into_iter()
            .filter(|(call, _)| call.changes())
            .collect(),
        took: dry.took,
    })
}

/// Half of the points are calls, each kind as often as the others; the rest are times, and now and then the end.
fn moment(measure: &Measure, seed: u64, place: u64) -> Moment {
    let [kind, which, chance] = [1, 2, 3].map(|offset| bits(seed, place * 4 + offset));
    match chance % 16 {
        0 => Moment::End,
        1..=8 => {
            let kinds = measure.calls.len() as u64;
            let index = usize::try_from(kind % kinds).unwrap_or(0);
            let (call, count) = measure.calls[index];
            Moment::Call(At {
                call: Some(call),
                nth: 1 + which % count,
            })
        }
        _ => Moment::Time(measure.took.mul_f64(draw(seed, place * 4 + 2))),
    }
}

fn cut(
    lab: &Lab,
    load: &Load,
    volume: &mut Disk,
    boot: &Boot,
    (plug, moment, swallow_flushes): (Plug, Moment, bool),
) -> Result<Run> {
    volume.clear()?;
    let desk = lab.desk()?;
    let out = volume.root().join(OUT);
    let handle = volume.handle()?;
    let failed = Mutex::new(None);
    // The program finds the volume dead under its hands and has to end by itself.
    let pull = |_| {
        if let Err(error) = Disk::cut(&handle, plug) {
            *failed.lock().expect("no other holds it") = Some(error);
        }
    };
    let orders = Orders {
        blow: match moment {
            Moment::Call(at) => Some((at, Blow::Kill)),
            _ => None,
        },
        after: match moment {
            Moment::Time(time) => Some((time, &pull)),
            _ => None,
        },
        swallow_flushes,
    };
    let traced = lab.suffer(load, &out, &desk, orders)?;
    let is_cut = matches!(moment, Moment::Time(_)) && traced.ended != Ended::Exited(0);
    if !is_cut {
        Disk::cut(&handle, plug)?;
    }
    if let Some(error) = failed.into_inner().expect("no other holds it") {
        return Err(error);
    }
    drop(handle);
    volume.restart()?;
    boot.next()?;
    let said = Said::read(&traced.stdout);
    let found = load.examine(&out, &said.finished);
    let falsely_finished = traced.ended == Ended::Exited(0) && !load.is_complete(&out);
    let recovered = lab.recover(load, &out, &desk)?;
    let is_fair_end = matches!(traced.ended, Ended::Killed | Ended::Exited(0 | 8 | 9))
        && !traced.stderr.contains("panicked");
    let run = Run {
        struck: traced.ended != Ended::Exited(0),
        corrupt: found.corrupt,
        lost: found.lost,
        falsely_finished,
        stuck: recovered.problems,
        wrong_error: (!is_fair_end).then(|| format!("{:?}: {}", traced.ended, traced.stderr)),
        fetched_again: Some(
            (traced.received + recovered.fetched_bytes).saturating_sub(load.bytes()),
        ),
        ..Run::default()
    };
    Ok(closed(desk, run))
}

fn words(plug: Plug) -> &'static str {
    match plug {
        Plug::KeepJournal => "journal kept (1)",
        Plug::DropJournal => "journal dropped (2)",
    }
}
