//! `library verify --deep`: every byte is read, as fast as allowed, and what was read is remembered.

use std::num::NonZeroU64;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytesize::ByteSize;
use civitai_library::scan::Target;
use civitai_library::verify::{DeepError, Pace, Reading as Plan, ReadingError};

use super::Sum;
use crate::args::VerifyArgs;
use crate::commands::library::bar::Bar;
use crate::commands::library::period::{bad, period};
use crate::commands::library::{blocking, failure};
use crate::containers::{Containers, failure_of};
use crate::exit::Kind;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::{Session, Stop};
use crate::text::Library;

/// How files are read.
pub(super) struct Reading {
    containers: Arc<Containers>,
    pace: Arc<Pace>,
    /// Only what was not read for so long.
    every: Option<Duration>,
    /// Go on when the next file is due.
    watch: bool,
}

impl Reading {
    pub(super) fn of(args: &VerifyArgs, session: &Session) -> Result<Self, Failure> {
        let rate = args.io_limit.as_deref().map(rate).transpose()?;
        let every = args.every.as_deref();
        let every = every.map(|text| period("--every", text)).transpose()?;
        Ok(Self {
            containers: Arc::new(Containers::new(&args.passphrase, session)?),
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
        let (at, every) = (target.clone(), self.every.unwrap_or_default());
        let planned = blocking(session, move || Plan::of(&at, every)).await?;
        let mut plan = planned.map_err(|error| failure(&error))?;
        for checked in plan.others.iter().filter(|_| !self.watch) {
            sum.tell(checked, &[], &session.printer)?;
        }
        let (due, next) = (std::mem::take(&mut plan.due), plan.next);
        let total = due.iter().map(|entry| entry.stamp.bytes).sum();
        let bar = Arc::new(Mutex::new(Bar::new(&session.printer, total)));
        let sealed = due.iter().filter(|entry| entry.is_sealed());
        let root = &target.library.root;
        let sealed: Vec<_> = sealed.map(|entry| root.join(&entry.path)).collect();
        self.containers.prepare(&sealed, session).await?;
        let containers = Arc::clone(&self.containers);
        let plan = Arc::new(plan.with_keys(containers));
        for entry in due {
            let path = entry.path.clone();
            let (plan, pace, bar) = (Arc::clone(&plan), Arc::clone(&self.pace), Arc::clone(&bar));
            let examined = blocking(session, move || {
                let told = |bytes| {
                    let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
                    bar.advance(&entry.path, bytes);
                };
                plan.examine(&entry, &pace, &told)
            });
            match examined.await? {
                Ok((checked, ranges)) => sum.tell(&checked, &ranges, &session.printer)?,
                Err(ReadingError::Deep(DeepError::Stopped)) => break,
                Err(error) => sum.fail(&path, &unread(&error), &session.printer),
            }
        }
        Ok(next)
    }
}

fn unread(error: &ReadingError) -> Failure {
    match error {
        ReadingError::Catalogue(error) => failure(error),
        ReadingError::Deep(DeepError::Io(error)) => Failure::io(error),
        ReadingError::Deep(DeepError::Closed(error)) => failure_of(error),
        error => Failure::library(Kind::Interrupted, error),
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

const LOOK_AGAIN: Duration = Duration::from_hours(1);
const SHORTEST: Duration = Duration::from_secs(1);
