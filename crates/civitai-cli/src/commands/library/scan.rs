//! `library scan`.

mod watch;

use std::sync::{Arc, Mutex, PoisonError};

use civitai_library::scan::{
    self, MatchError, Reading, ScanProblem, ScanTell, ScanTold, Scanned, Target,
};
use serde_json::json;

use super::bar::Bar;
use super::list::Shelf;
use super::{blocking, failure, from_here, keep, of};
use crate::args::ScanArgs;
use crate::containers::{Containers, failure_of};
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
        let client = (!self.args.offline).then(|| network::site(session));
        let client = client.transpose().unwrap_or_else(|failure| {
            total.fail(&failure, &session.printer);
            None
        });
        let mut scan = scan::Scan {
            library: self.library.clone(),
            client: None,
            reading: Reading::Nothing,
            keys: None,
        };
        let mut stock = None;
        if !self.args.no_hash {
            let containers = Arc::new(Containers::new(&self.args.passphrase, session)?);
            if containers.asks() {
                // What is there now says whether anybody has to be asked before the work begins.
                stock = Some(self.stock(&scan, target, &containers).await?);
            }
            containers.begin();
            scan.keys = Some(containers);
            scan.reading = Reading::All;
        }
        scan.client = client;
        let (bar, printer) = (Mutex::new(None), Arc::clone(&session.printer));
        let tell: ScanTell = Arc::new(move |told| {
            let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
            match told {
                ScanTold::Planned { bytes } => *bar = Some(Bar::new(&printer, bytes)),
                ScanTold::Hashed { path, bytes } => {
                    if let Some(bar) = &mut *bar {
                        bar.advance(path, bytes);
                    }
                }
                _ => {}
            }
        });
        let targets = [target.clone()];
        let work = scan.run(&targets, &tell);
        let scanned = session.cancel.run_until_cancelled(work).await;
        let scanned = scanned.ok_or_else(Failure::interrupted)?;
        let mut scanned = scanned.map_err(|error| failure(&error))?;
        if let Some(mut stock) = stock {
            scanned.changes = std::mem::take(&mut stock.changes);
            total.add(stock, session);
        }
        total.add(scanned, session);
        Ok(())
    }

    /// Looks what is there, and opens the keys that encrypted files need of which nothing is known.
    async fn stock(
        &self,
        scan: &scan::Scan,
        target: &Target,
        containers: &Arc<Containers>,
    ) -> Result<Scanned, Failure> {
        let (targets, tell): (_, ScanTell) = ([target.clone()], Arc::new(|_| {}));
        let looked = scan.run(&targets, &tell);
        let looked = self.session.cancel.run_until_cancelled(looked).await;
        let looked = looked.ok_or_else(Failure::interrupted)?;
        let looked = looked.map_err(|error| failure(&error))?;
        let at = target.clone();
        let listed = blocking(self.session, move || at.library.catalogue()?.unopened()).await?;
        let files = listed.map_err(|error| failure(&error))?.into_iter();
        let root = &target.library.root;
        let paths: Vec<_> = files.map(|file| root.join(file.path)).collect();
        containers.prepare(&paths, self.session).await?;
        Ok(looked)
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
    scanned: Scanned,
    outcomes: Vec<Exit>,
}

impl Total {
    /// Says whether there is nothing to tell.
    fn is_nothing(&self) -> bool {
        self.scanned.changes.is_empty()
            && self.scanned.hashed == 0
            && self.scanned.matched.found == 0
            && self.outcomes.is_empty()
    }

    /// Adds what a scan has brought, and tells what it could not do.
    fn add(&mut self, mut scanned: Scanned, session: &Session) {
        for problem in scanned.problems.drain(..) {
            self.fail(&told(problem), &session.printer);
        }
        for broken in scanned.broken.drain(..) {
            session.printer.warn(&Message::Place(Place::SidecarLeft {
                path: broken.path,
                problem: broken.fault.to_string(),
            }));
        }
        self.scanned.absorb(scanned);
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
        let Scanned {
            changes,
            hashed,
            bytes,
            matched,
            by_sidecar,
            ..
        } = self.scanned;
        let files = changes.files();
        if printer.is_json() {
            let line = json!({
                "count": files,
                "new": changes.new.len(),
                "changed": changes.changed.len(),
                "moved": changes.moved.len(),
                "missing": changes.missing.len(),
                "back": changes.back.len(),
                "unchanged": changes.unchanged,
                "hashed": hashed,
                "bytes": bytes,
                "asked": matched.asked,
                "matched": matched.found,
                "bySidecar": by_sidecar,
                "failed": self.outcomes.len(),
            });
            printer.record("summary", &line)?;
        } else {
            printer.say(&Message::Library(Library::Scanned {
                files,
                changes,
                hashed,
                bytes,
                matched: matched.found,
                by_sidecar,
            }));
        }
        if !self.outcomes.is_empty()
            && files > self.outcomes.len()
            && !self.outcomes.contains(&Exit::Network)
        {
            self.outcomes.push(Exit::Done);
        }
        Ok(Exit::of_items(&self.outcomes))
    }
}

/// Something that the scan could not do, in the user's terms.
fn told(problem: ScanProblem) -> Failure {
    match problem {
        ScanProblem::Changed { path } => {
            let message = Message::Library(Library::ChangedMeanwhile { path });
            Failure::new(Kind::Io, message)
        }
        ScanProblem::Closed { source, .. } => failure_of(&source),
        ScanProblem::Io(error) => Failure::io(&error),
        ScanProblem::Site(MatchError::Catalogue(error)) => failure(&error),
        ScanProblem::Site(MatchError::Site(error)) => network::failure(&error),
        problem => Failure::library(Kind::Io, &problem),
    }
}
