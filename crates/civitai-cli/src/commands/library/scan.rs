//! `library scan`.

mod watch;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::SystemTime;

use civitai_library::Catalogue;
use civitai_library::catalogue::{self, Changes, Unhashed};
use civitai_library::scan::{
    self, Hashed, MatchError, Matched, Target, hash, identify, learn, match_online, walk,
};
use serde_json::json;

use super::bar::Bar;
use super::list::Shelf;
use super::{blocking, failure, from_here, keep, of};
use crate::args::ScanArgs;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::network;
use crate::printer::Printer;
use crate::session::{Outcome, Session, Stop};
use crate::text::{Library, Message, Place};

pub(super) async fn run(args: ScanArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let folders = from_here(&args.folders, session);
    for folder in &folders {
        fs_err::metadata(folder).map_err(|error| Failure::usage_io(&error))?;
    }
    let targets = Target::of(&library, &folders).map_err(|error| Failure::usage_io(&error))?;
    let scan = Scan {
        session,
        library,
        args,
    };
    if scan.args.watch {
        return watch::run(&scan, targets).await;
    }
    let mut total = Total::default();
    for target in &targets {
        scan.pass(target, &mut total).await?;
        scan.tell_entries(target, |_| true).await?;
    }
    keep::back_up_if_due(session).await?;
    session.end_monitor();
    total.tell(session)
}

/// A scan, as the user wants it.
struct Scan<'a> {
    session: &'a Session,
    library: civitai_library::Library,
    args: ScanArgs,
}

impl Scan<'_> {
    /// One look at folders: what is there, what it holds, and what the site says of it.
    async fn pass(&self, target: &Target, total: &mut Total) -> Result<(), Failure> {
        let session = self.session;
        look(target, self.is_own(target), session, total).await?;
        if !self.args.no_hash {
            read(target, session, total).await?;
        }
        if !self.args.offline {
            ask(target, session, total).await;
        }
        if !self.args.no_hash {
            identify_rest(target, session, total).await?;
        }
        ask_sidecars(target, session, total).await?;
        if session.cancel.is_cancelled() {
            return Err(Failure::interrupted());
        }
        Ok(())
    }

    fn is_own(&self, target: &Target) -> bool {
        target.library.root == self.library.root
    }

    /// The JSON lines of what is there now.
    async fn tell_entries(
        &self,
        target: &Target,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<(), Stop> {
        let printer = &self.session.printer;
        if !printer.is_json() {
            return Ok(());
        }
        let of = target.clone();
        let entries = blocking(self.session, move || of.library.catalogue()?.entries()).await?;
        let mut entries = entries.map_err(|error| failure(&error))?;
        entries.retain(|entry| {
            entry.missing.is_none() && target.covers(&entry.path) && is_wanted(&entry.path)
        });
        let root = target.library.root.to_string_lossy().into_owned();
        let root = (!self.is_own(target)).then_some(root);
        Ok(Shelf { root, entries }.record(printer)?)
    }
}

/// What a scan has brought.
#[derive(Default)]
struct Total {
    changes: Changes,
    hashed: usize,
    bytes: u64,
    matched: Matched,
    by_sidecar: usize,
    outcomes: Vec<Exit>,
}

impl Total {
    /// Says whether there is nothing to tell.
    fn is_nothing(&self) -> bool {
        self.changes.is_empty()
            && self.hashed == 0
            && self.matched.found == 0
            && self.outcomes.is_empty()
    }

    fn fail(&mut self, failure: &Failure, printer: &Printer) {
        printer.fail(failure);
        if printer.is_json() {
            printer.record_failure(failure);
        }
        self.outcomes.push(failure.exit());
    }

    fn tell(mut self, session: &Session) -> Outcome {
        let printer = &session.printer;
        let files = self.changes.new.len()
            + self.changes.changed.len()
            + self.changes.moved.len()
            + self.changes.back.len()
            + self.changes.unchanged;
        if printer.is_json() {
            let line = json!({
                "count": files,
                "new": self.changes.new.len(),
                "changed": self.changes.changed.len(),
                "moved": self.changes.moved.len(),
                "missing": self.changes.missing.len(),
                "back": self.changes.back.len(),
                "unchanged": self.changes.unchanged,
                "hashed": self.hashed,
                "bytes": self.bytes,
                "asked": self.matched.asked,
                "matched": self.matched.found,
                "bySidecar": self.by_sidecar,
                "failed": self.outcomes.len(),
            });
            printer.record("summary", &line)?;
        } else {
            printer.say(&Message::Library(Library::Scanned {
                files,
                changes: self.changes,
                hashed: self.hashed,
                bytes: self.bytes,
                matched: self.matched.found,
                by_sidecar: self.by_sidecar,
            }));
        }
        if !self.outcomes.is_empty() && files > 0 && !self.outcomes.contains(&Exit::Network) {
            self.outcomes.push(Exit::Done);
        }
        Ok(Exit::of_items(&self.outcomes))
    }
}

/// Looks what is there.
async fn look(
    target: &Target,
    is_own: bool,
    session: &Session,
    total: &mut Total,
) -> Result<(), Failure> {
    let target = target.clone();
    let looked = blocking(session, move || {
        let library = &target.library;
        let walk = walk(&library.root, &target.folders)?;
        let mut catalogue = library.catalogue()?;
        if !is_own {
            catalogue.mark_extra()?;
        }
        let changes = catalogue.take_stock(&walk, SystemTime::now())?;
        catalogue.review_history()?;
        Ok::<_, catalogue::Error>((changes, walk.problems))
    })
    .await?;
    let (changes, problems) = looked.map_err(|error| failure(&error))?;
    for problem in &problems {
        total.fail(&Failure::library(Kind::Io, problem), &session.printer);
    }
    let Changes {
        new,
        changed,
        moved,
        missing,
        back,
        unchanged,
    } = changes;
    let sum = &mut total.changes;
    sum.new.extend(new);
    sum.changed.extend(changed);
    sum.moved.extend(moved);
    sum.missing.extend(missing);
    sum.back.extend(back);
    sum.unchanged += unchanged;
    Ok(())
}

/// Hashes what is not hashed.
async fn read(target: &Target, session: &Session, total: &mut Total) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stop));
    let (target, printer) = (target.clone(), Arc::clone(&session.printer));
    let read = blocking(session, move || {
        let mut catalogue = target.library.catalogue()?;
        let mut files = catalogue.unhashed()?;
        files.retain(|file| target.covers(&file.path));
        read_all(&mut catalogue, files, &stop, &printer)
    })
    .await?;
    let (hashed, bytes, failures) = read.map_err(|error| failure(&error))?;
    total.hashed += hashed;
    total.bytes += bytes;
    for failure in &failures {
        total.fail(failure, &session.printer);
    }
    Ok(())
}

type Read = (usize, u64, Vec<Failure>);

fn read_all(
    catalogue: &mut Catalogue,
    files: Vec<Unhashed>,
    stop: &AtomicBool,
    printer: &Arc<Printer>,
) -> Result<Read, catalogue::Error> {
    let size = files.iter().map(|file| file.stamp.bytes).sum();
    let mut bar = Bar::new(printer, size);
    let (mut hashed, mut sum, mut failures) = (0, 0, Vec::new());
    let workers = std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |cores| {
        cores.min(NonZeroUsize::MIN.saturating_add(MOST_WORKERS - 1))
    });
    hash(catalogue, files, workers, stop, |told| match told {
        Hashed::Done { path, bytes } => {
            bar.advance(&path, bytes);
            hashed += 1;
            sum += bytes;
        }
        Hashed::Changed { path } => {
            let message = Message::Library(Library::ChangedMeanwhile { path });
            failures.push(Failure::new(Kind::Io, message));
        }
        Hashed::Failed { source, .. } => failures.push(Failure::io(&source)),
        _ => {}
    })?;
    Ok((hashed, sum, failures))
}

/// Learns from the headers of files that are known by now, and reads those of files that were not read yet.
async fn identify_rest(
    target: &Target,
    session: &Session,
    total: &mut Total,
) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stop));
    let target = target.clone();
    let unread = blocking(session, move || {
        let mut catalogue = target.library.catalogue()?;
        learn(&mut catalogue, &stop)?;
        let mut files = catalogue.unidentified()?;
        files.retain(|file| target.covers(&file.path));
        identify(&mut catalogue, files, &stop)
    })
    .await?;
    for unread in unread.map_err(|error| failure(&error))? {
        total.fail(
            &Failure::library(Kind::Io, &unread.source),
            &session.printer,
        );
    }
    Ok(())
}

/// Asks the site what the files are. That it does not answer takes nothing from what the scan has found.
async fn ask(target: &Target, session: &Session, total: &mut Total) {
    let asked = async {
        let client = network::site(session)?;
        let asked = match_online(&client, &target.library);
        match session.cancel.run_until_cancelled(asked).await {
            Some(matched) => matched.map_err(|error| match &error {
                MatchError::Catalogue(error) => failure(error),
                MatchError::Site(error) => network::failure(error),
            }),
            None => Ok(Matched::default()),
        }
    };
    match asked.await {
        Ok(matched) => {
            total.matched.asked += matched.asked;
            total.matched.found += matched.found;
        }
        Err(failure) => total.fail(&failure, &session.printer),
    }
}

/// Hears what the files beside those say that nobody else knows.
async fn ask_sidecars(
    target: &Target,
    session: &Session,
    total: &mut Total,
) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let _stop = StopOnDrop(Arc::clone(&stop));
    let library = target.library.clone();
    let asked = blocking(session, move || {
        scan::ask_sidecars(&mut library.catalogue()?, &stop)
    });
    let beside = asked.await?.map_err(|error| failure(&error))?;
    total.by_sidecar += beside.known;
    for broken in &beside.broken {
        session.printer.warn(&Message::Place(Place::SidecarLeft {
            path: broken.path.clone(),
            problem: broken.fault.to_string(),
        }));
    }
    Ok(())
}

/// Lets the readers end when the scan is given up.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// More readers than these fight over the disk.
const MOST_WORKERS: usize = 8;
