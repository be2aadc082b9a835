//! A volume that others fill while the program writes to it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use fs_err::File;
use rustix::io::Errno;

use super::call::Call;
use super::disk::do_it;
use super::kill::{OUT, closed};
use super::lab::{Lab, Said};
use super::points::{Points, draw, each};
use super::table::{Row, Run};
use super::tracer::{At, Blow, Ended, Orders};

/// Takes all the room there is in the middle of a fetch. Where the volume can reserve room, the fetch must not notice;
/// where it cannot, it must end in good order with `no_space`, and go on when there is room again.
pub(super) fn taken(lab: &Lab, points: Points) -> Result<Row> {
    let row = Row::begin("volume filled by others meanwhile, with and without reservation");
    let places: Vec<u64> = (0..points.most).collect();
    each(points.workers, &places, |place| {
        let is_reserved = place % 2 == 0;
        let time = EARLIEST + SPAN.mul_f64(draw(points.seed, *place));
        let run = fill(lab, time, is_reserved)?;
        row.add(&format!("after {time:?}, reserved: {is_reserved}"), &run);
        Ok(())
    })?;
    row.end()
}

fn fill(lab: &Lab, time: Duration, is_reserved: bool) -> Result<Run> {
    let load = &lab.slow;
    let desk = lab.desk()?;
    let volume = Volume::new(desk.path().join("volume"), load.bytes() * 3 / 2)?;
    let out = volume.0.join(OUT);
    let filler = volume.0.join("filler");
    let take_all = |_| {
        let mut file = File::create(&filler).expect("the volume is not full yet");
        let block = vec![1; 64 << 10];
        while file.write_all(&block).is_ok() {}
    };
    let no_reservation = At {
        call: Some(Call::Allocate),
        nth: 1,
    };
    let orders = Orders {
        blow: (!is_reserved).then_some((no_reservation, Blow::FailFromHere(Errno::OPNOTSUPP))),
        after: Some((time, &take_all)),
        ..Orders::default()
    };
    let traced = lab.suffer(load, &out, &desk, orders)?;
    let said = Said::read(&traced.stdout);
    let found = load.examine(&out, &said.finished);
    let falsely_finished = traced.ended == Ended::Exited(0) && !load.is_complete(&out);
    fs_err::remove_file(&filler)?;
    let recovered = lab.recover(load, &out, &desk)?;
    let is_right = if is_reserved {
        traced.ended == Ended::Exited(0)
    } else {
        traced.ended == Ended::Exited(8) && said.kinds.iter().eq(["no_space"])
    };
    let run = Run {
        struck: true,
        corrupt: found.corrupt,
        lost: found.lost,
        falsely_finished,
        stuck: recovered.problems,
        wrong_error: (!is_right).then(|| format!("{:?}: {}", traced.ended, traced.stderr)),
        fetched_again: Some(
            (traced.received + recovered.fetched_bytes).saturating_sub(load.bytes()),
        ),
        ..Run::default()
    };
    drop(volume);
    Ok(closed(desk, run))
}

/// A volume in memory.
struct Volume(PathBuf);

impl Volume {
    fn new(path: PathBuf, size: u64) -> Result<Self> {
        fs_err::create_dir(&path)?;
        let size = format!("size={size}");
        do_it(
            Command::new("mount")
                .args(["-t", "tmpfs", "-o", &size, "none"])
                .arg(&path),
        )?;
        Ok(Self(path))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // At once for everybody; it ends when the last one lets go of it.
        let _ = do_it(Command::new("umount").arg("--lazy").arg(&self.0));
    }
}

/// When the transfer has begun and reserved what it can.
const EARLIEST: Duration = Duration::from_millis(400);
/// The slow file takes two seconds.
const SPAN: Duration = Duration::from_millis(800);
