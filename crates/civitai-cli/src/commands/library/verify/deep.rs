//! `library verify --deep`: every byte is read, as fast as allowed, and what was read is remembered.

use std::num::NonZeroU64;
use std::ops::Range;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytesize::ByteSize;
use civitai_library::catalogue::{self, Entry};
use civitai_library::scan::Target;
use civitai_library::trees::Trees;
use civitai_library::verify::{Checked, DeepError, Finding, Pace, Status, deep, due};
use civitai_library::{Catalogue, Library as Place};

use super::{Sum, look};
use crate::args::VerifyArgs;
use crate::commands::library::bar::Bar;
use crate::commands::library::{blocking, failure};
use crate::exit::Kind;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::{Session, Stop};
use crate::text::{Library, Message};

/// How files are read.
pub(super) struct Reading {
    pace: Arc<Pace>,
    /// Only what was not read for so long.
    every: Option<Duration>,
    /// Go on when the next file is due.
    watch: bool,
}

impl Reading {
    pub(super) fn of(args: &VerifyArgs, session: &Session) -> Result<Self, Failure> {
        let rate = args.io_limit.as_deref().map(rate).transpose()?;
        let every = args.every.as_deref().map(interval).transpose()?;
        Ok(Self {
            pace: Arc::new(Pace::new(rate, session.cancel.child_token())),
            every,
            watch: args.watch,
        })
    }

    /// Reads what is due of each library, again and again if that is wanted.
    pub(super) async fn run(
        &self,
        targets: &[Target],
        session: &Session,
        sum: &mut Sum,
    ) -> Result<(), Stop> {
        loop {
            let mut next: Option<SystemTime> = None;
            for target in targets {
                let due = self.read(target, session, sum).await?;
                next = next.into_iter().chain(due).min();
            }
            if !self.watch || session.cancel.is_cancelled() {
                return Ok(());
            }
            // Files that are added meanwhile are found within the hour.
            let wait = next.and_then(|next| next.duration_since(SystemTime::now()).ok());
            let wait = wait.unwrap_or(LOOK_AGAIN).clamp(SHORTEST, LOOK_AGAIN);
            let pause = tokio::time::sleep(wait);
            if session.cancel.run_until_cancelled(pause).await.is_none() {
                return Ok(());
            }
        }
    }

    /// Reads what is due; gives when the next file will be.
    async fn read(
        &self,
        target: &Target,
        session: &Session,
        sum: &mut Sum,
    ) -> Result<Option<SystemTime>, Stop> {
        let (at, every) = (target.clone(), self.every);
        let planned = blocking(session, move || plan(&at, every)).await?;
        let plan = planned.map_err(|error| failure(&error))?;
        for checked in plan.others.iter().filter(|_| !self.watch) {
            sum.tell(checked, &[], &session.printer)?;
        }
        let Some(catalogue) = plan.catalogue else {
            return Ok(None);
        };
        let total = plan.due.iter().map(|entry| entry.stamp.bytes).sum();
        let bar = Arc::new(Mutex::new(Bar::new(&session.printer, total)));
        let reader = Arc::new(Reader {
            library: target.library.clone(),
            trees: Trees::of(&target.library.data_dir),
            catalogue: Mutex::new(catalogue),
        });
        for entry in plan.due {
            let path = entry.path.clone();
            let (reader, pace, bar) = (
                Arc::clone(&reader),
                Arc::clone(&self.pace),
                Arc::clone(&bar),
            );
            let examined = blocking(session, move || reader.examine(&entry, &pace, &bar)).await?;
            match examined {
                Ok((status, ranges)) => {
                    sum.tell(&Checked { path, status }, &ranges, &session.printer)?;
                }
                Err(Trouble::Deep(DeepError::Stopped)) => break,
                Err(trouble) => sum.fail(&path, &trouble.failure(), &session.printer),
            }
        }
        Ok(plan.next)
    }
}

/// What of a library is to be read.
struct Plan {
    catalogue: Option<Catalogue>,
    due: Vec<Entry>,
    next: Option<SystemTime>,
    /// What is said of the other files: they are missing, or nobody knows them.
    others: Vec<Checked>,
}

fn plan(target: &Target, every: Option<Duration>) -> Result<Plan, catalogue::Error> {
    let mut others = look(target)?;
    others.retain(|checked| matches!(checked.status, Status::Missing | Status::Unknown));
    let Some(catalogue) = target.library.catalogue_if_there()? else {
        return Ok(Plan {
            catalogue: None,
            due: Vec::new(),
            next: None,
            others,
        });
    };
    let mut entries = catalogue.entries()?;
    entries.retain(|entry| {
        let is_other = others
            .binary_search_by(|other| other.path.as_str().cmp(entry.path.as_str()))
            .is_ok();
        target.covers(&entry.path) && !is_other
    });
    let due = due(
        entries,
        &catalogue.verified()?,
        every.unwrap_or_default(),
        SystemTime::now(),
    );
    Ok(Plan {
        catalogue: Some(catalogue),
        due: due.now,
        next: due.next,
        others,
    })
}

/// A library whose files are read.
struct Reader {
    library: Place,
    trees: Trees,
    catalogue: Mutex<Catalogue>,
}

impl Reader {
    fn examine(
        &self,
        entry: &Entry,
        pace: &Pace,
        bar: &Mutex<Bar>,
    ) -> Result<(Status, Vec<Range<u64>>), Trouble> {
        let before = |bytes| {
            let flow = pace.wait(bytes);
            let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
            bar.advance(&entry.path, bytes);
            flow
        };
        let finding = deep(&self.library.root, entry, &self.trees, &before)?;
        let (status, ranges) = match finding {
            Finding::Whole => (Status::Ok, Vec::new()),
            Finding::Missing => (Status::Missing, Vec::new()),
            Finding::Unknown => (Status::Unknown, Vec::new()),
            Finding::Damaged(damage) => {
                let ranges = damage.located.map(|located| located.ranges);
                (Status::Changed, ranges.unwrap_or_default())
            }
        };
        let when = (status == Status::Ok).then(SystemTime::now);
        let mut catalogue = self
            .catalogue
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        catalogue.note_verified(&entry.path, when)?;
        Ok((status, ranges))
    }
}

enum Trouble {
    Deep(DeepError),
    Catalogue(catalogue::Error),
}

impl Trouble {
    fn failure(&self) -> Failure {
        match self {
            Self::Deep(DeepError::Io(error)) => Failure::io(error),
            Self::Deep(error) => Failure::library(Kind::Interrupted, error),
            Self::Catalogue(error) => failure(error),
        }
    }
}

impl From<DeepError> for Trouble {
    fn from(error: DeepError) -> Self {
        Self::Deep(error)
    }
}

impl From<catalogue::Error> for Trouble {
    fn from(error: catalogue::Error) -> Self {
        Self::Catalogue(error)
    }
}

impl Sum {
    fn fail(&mut self, path: &str, failure: &Failure, printer: &Printer) {
        printer.fail_item(path, failure);
        if printer.is_json() {
            printer.record_failure(failure);
        }
        self.failures.push(failure.exit());
    }
}

fn rate(text: &str) -> Result<NonZeroU64, Failure> {
    let plain = text.strip_suffix("/s").unwrap_or(text);
    let size = ByteSize::from_str(plain).ok();
    size.and_then(|size| NonZeroU64::new(size.as_u64()))
        .ok_or_else(|| {
            bad(
                "--io-limit",
                Library::NotARate {
                    text: text.to_owned(),
                },
            )
        })
}

/// Days and weeks, which are not of one length everywhere, are of 24 hours here.
fn interval(text: &str) -> Result<Duration, Failure> {
    let whole = |suffix: char, hours: u64| {
        let count: u64 = text.strip_suffix(suffix)?.trim_end().parse().ok()?;
        Some(Duration::from_secs(count.checked_mul(hours * 3600)?))
    };
    let exact = || Duration::try_from(text.parse::<jiff::SignedDuration>().ok()?).ok();
    whole('d', 24)
        .or_else(|| whole('w', 7 * 24))
        .or_else(exact)
        .ok_or_else(|| {
            bad(
                "--every",
                Library::NotATime {
                    text: text.to_owned(),
                },
            )
        })
}

fn bad(flag: &str, problem: Library) -> Failure {
    let flag = flag.to_owned();
    Failure::usage(Message::Library(Library::BadFlag {
        flag,
        problem: Box::new(problem),
    }))
}

const LOOK_AGAIN: Duration = Duration::from_hours(1);
const SHORTEST: Duration = Duration::from_secs(1);
