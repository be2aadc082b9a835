//! `library verify`.

mod deep;

use std::ops::Range;

use civitai_library::scan::Target;
use civitai_library::verify::{Checked, Status, look};
use serde_json::json;

use self::deep::Reading;
use super::{blocking, failure, from_here, of};
use crate::args::VerifyArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{Printer, Unwritable};
use crate::session::{Outcome, Session};
use crate::text::{Library, Message};

pub(super) async fn run(args: VerifyArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let reading = Reading::of(&args, session)?;
    let paths = from_here(&args.paths, session);
    let targets = Target::of(&library, &paths).map_err(|error| Failure::usage_io(&error))?;
    let mut sum = Sum::default();
    if args.deep {
        reading.run(&targets, session, &mut sum).await?;
    } else {
        for target in targets {
            let checked = blocking(session, move || look(&target)).await?;
            for checked in checked.map_err(|error| failure(&error))? {
                sum.tell(&checked, &[], &session.printer)?;
            }
        }
    }
    session.end_monitor();
    sum.end(session)
}

/// How many files stand in which way.
#[derive(Default)]
struct Sum {
    ok: usize,
    changed: usize,
    missing: usize,
    unknown: usize,
    failures: Vec<Exit>,
}

impl Sum {
    /// Tells how a file stands, and where it is damaged as far as that is known.
    fn tell(
        &mut self,
        checked: &Checked,
        ranges: &[Range<u64>],
        printer: &Printer,
    ) -> Result<(), Unwritable> {
        let Checked { path, status } = checked;
        match status {
            Status::Ok => self.ok += 1,
            Status::Changed => self.changed += 1,
            Status::Missing => self.missing += 1,
            Status::Unknown => self.unknown += 1,
        }
        if printer.is_json() {
            let ranges = json_ranges(ranges);
            let line = json!({ "path": path, "status": status.as_str(), "ranges": ranges });
            printer.record("verify", &line)
        } else if *status == Status::Ok {
            Ok(())
        } else {
            let message = Message::Library(Library::Stands {
                path: path.clone(),
                status: *status,
                ranges: ranges.to_vec(),
            });
            printer.data(&message.say(printer.lang()))
        }
    }

    fn end(self, session: &Session) -> Outcome {
        let printer = &session.printer;
        let Self {
            ok,
            changed,
            missing,
            unknown,
            failures,
        } = self;
        if printer.is_json() {
            let line = json!({
                "count": ok + changed + missing + unknown + failures.len(),
                "ok": ok,
                "changed": changed,
                "missing": missing,
                "unknown": unknown,
                "failed": failures.len(),
            });
            printer.record("summary", &line)?;
        } else {
            printer.say(&Message::Library(Library::Verified {
                ok,
                changed,
                missing,
                unknown,
            }));
            if changed > 0 {
                printer.say(&Message::Library(Library::RepairThem));
            }
        }
        if session.cancel.is_cancelled() {
            return Err(Failure::interrupted().into());
        }
        Ok(match (changed, missing) {
            (0, 0) => Exit::of_items(&failures),
            (0, _) => Exit::NotFound,
            _ => Exit::Integrity,
        })
    }
}

/// Ranges as pairs, the first byte and the first one after; null where no range is known.
pub(super) fn json_ranges(ranges: &[Range<u64>]) -> Option<Vec<[u64; 2]>> {
    let pairs = ranges.iter().map(|range| [range.start, range.end]);
    (!ranges.is_empty()).then(|| pairs.collect())
}
