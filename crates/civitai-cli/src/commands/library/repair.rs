//! `library repair`.

use std::path::PathBuf;
use std::sync::Arc;

use civitai_library::Library as Place;
use civitai_library::catalogue::{self, Entry};
use civitai_library::repair::{Error, Repair, Repaired, Site, Sources, Wish};
use civitai_library::scan::Target;
use serde_json::json;

use super::verify::json_ranges;
use super::{blocking, failure, from_here, of};
use crate::args::RepairArgs;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::network;
use crate::printer::Printer;
use crate::session::{Outcome, Session, Stop};
use crate::text::{Hint, Library, Message};

pub(super) async fn run(args: RepairArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let paths = from_here(&args.paths, session);
    let folders = from_here(&args.from, session);
    for folder in &folders {
        fs_err::metadata(folder).map_err(|error| Failure::usage_io(&error))?;
    }
    let mut sum = Sum::default();
    for (library, named, target) in chosen(&library, &paths)? {
        let opened = blocking(session, move || open(&library)).await?;
        let Some((library, catalogue, mut entries)) = opened.map_err(|error| failure(&error))?
        else {
            continue;
        };
        for path in &named {
            if !entries.iter().any(|entry| entry.path == *path) {
                sum.fail(path, &unknown(path.clone()), &session.printer)?;
            }
        }
        entries.retain(|entry| match &target {
            Some(target) => target.covers(&entry.path) && !entry.is_removed,
            // Whoever names files is asked about no others.
            None => named.contains(&entry.path),
        });
        let sources = Sources {
            folders: folders.clone(),
            site: if args.offline {
                None
            } else {
                Some(site(session)?)
            },
        };
        let repair = Repair::new(library, catalogue, sources).map_err(|error| told(&error))?;
        let repair = Arc::new(repair);
        for entry in entries {
            let wish = if named.contains(&entry.path) {
                Wish::ByName
            } else {
                Wish::Along
            };
            match repair.run(&entry, wish, &session.cancel).await {
                Ok(repaired) => sum.tell(&entry.path, &repaired, &session.printer)?,
                Err(Error::Stopped) => return sum.end(session),
                Err(error) => sum.fail(&entry.path, &told(&error), &session.printer)?,
            }
        }
    }
    sum.end(session)
}

type Chosen = (Place, Vec<String>, Option<Target>);

/// The libraries that are meant, with the files of them that were named, and the folders otherwise.
fn chosen(library: &Place, paths: &[PathBuf]) -> Result<Vec<Chosen>, Failure> {
    let (folders, files): (Vec<_>, Vec<_>) = paths.iter().cloned().partition(|path| path.is_dir());
    let mut chosen = Vec::new();
    if paths.is_empty() || !folders.is_empty() {
        let targets = Target::of(library, &folders).map_err(|error| Failure::usage_io(&error))?;
        let targets = targets.into_iter();
        chosen.extend(targets.map(|target| (target.library.clone(), Vec::new(), Some(target))));
    }
    let mut named = Vec::new();
    for file in files {
        // The folder may be written in another way than the library's; the file need not be there.
        let real = file
            .parent()
            .and_then(|folder| fs_err::canonicalize(folder).ok());
        let real = real
            .zip(file.file_name())
            .map(|(folder, name)| folder.join(name));
        let relative = real.and_then(|real| library.relative(&real));
        let relative = relative.or_else(|| library.relative(&file));
        named.push(relative.ok_or_else(|| unknown(file.display().to_string()))?);
    }
    if !named.is_empty() {
        chosen.push((library.clone(), named, None));
    }
    Ok(chosen)
}

type Opened = (Place, civitai_library::Catalogue, Vec<Entry>);

fn open(library: &Place) -> Result<Option<Opened>, catalogue::Error> {
    let Some(catalogue) = library.catalogue_if_there()? else {
        return Ok(None);
    };
    let entries = catalogue.entries()?;
    Ok(Some((library.clone(), catalogue, entries)))
}

fn unknown(name: String) -> Failure {
    Failure::new(
        Kind::NotFound,
        Message::Library(Library::UnknownFile { name }),
    )
    .with_hint(Hint::Library(Library::ScanFirst))
}

fn site(session: &Session) -> Result<Site, Failure> {
    let settings = &session.settings;
    let policy = network::policy(settings, &settings.base_url)?;
    Ok(Site {
        client: network::site(session)?,
        storage: network::storage(settings, policy)?,
        retry: network::retry(settings),
    })
}

/// An error of a repair in the user's terms.
fn told(error: &Error) -> Failure {
    match error {
        Error::Catalogue(error) => failure(error),
        Error::Download(error) => network::download_failure(error),
        Error::Io(error) => Failure::io(error),
        error => Failure::library(Kind::from_word(error.code()), error),
    }
}

/// What became of the files.
#[derive(Default)]
struct Sum {
    counts: [usize; 7],
    fetched_bytes: u64,
    outcomes: Vec<Exit>,
}

const WORDS: [&str; 7] = [
    "ok", "repaired", "restored", "fetched", "missing", "unknown", "changed",
];

impl Sum {
    fn tell(&mut self, path: &str, repaired: &Repaired, printer: &Printer) -> Result<(), Stop> {
        let (index, fetched_bytes, ranges) = match repaired {
            Repaired::Whole => (0, 0, &[][..]),
            Repaired::Mended {
                located,
                fetched_bytes,
            } => (1, *fetched_bytes, &located.ranges[..]),
            Repaired::Restored { .. } => (2, 0, &[][..]),
            Repaired::Fetched { fetched_bytes } => (3, *fetched_bytes, &[][..]),
            Repaired::Missing => (4, 0, &[][..]),
            Repaired::Changed => (6, 0, &[][..]),
            _ => (5, 0, &[][..]),
        };
        self.counts[index] += 1;
        self.fetched_bytes += fetched_bytes;
        self.outcomes.push(match repaired {
            Repaired::Missing => Exit::NotFound,
            _ => Exit::Done,
        });
        if printer.is_json() {
            let line = json!({
                "path": path,
                "status": WORDS[index],
                "fetchedBytes": fetched_bytes,
                "ranges": json_ranges(ranges),
            });
            printer.record("repair", &line)?;
        } else if index > 0 {
            let message = Message::Library(Library::Repaired {
                path: path.to_owned(),
                repaired: repaired.clone(),
            });
            printer.data(&message.say(printer.lang()))?;
        }
        Ok(())
    }

    fn fail(&mut self, path: &str, failure: &Failure, printer: &Printer) -> Result<(), Stop> {
        self.outcomes.push(failure.exit());
        printer.fail_item(path, failure);
        if printer.is_json() {
            let line = json!({
                "path": path,
                "status": "failed",
                "fetchedBytes": 0,
                "ranges": null,
                "error": failure.to_json(printer.lang()),
            });
            printer.record("repair", &line)?;
        }
        Ok(())
    }

    fn end(self, session: &Session) -> Outcome {
        let printer = &session.printer;
        session.end_monitor();
        let told: usize = self.counts.iter().sum();
        let failed = self.outcomes.len() - told;
        if printer.is_json() {
            let [ok, repaired, restored, fetched, missing, unknown, changed] = self.counts;
            let line = json!({
                "count": self.outcomes.len(),
                "ok": ok,
                "repaired": repaired,
                "restored": restored,
                "fetched": fetched,
                "missing": missing,
                "unknown": unknown,
                "changed": changed,
                "failed": failed,
                "fetchedBytes": self.fetched_bytes,
            });
            printer.record("summary", &line)?;
        } else {
            printer.say(&Message::Library(Library::AllRepaired {
                whole: self.counts[0],
                repaired: self.counts[1..4].iter().sum(),
                failed,
                bytes: self.fetched_bytes,
            }));
        }
        if session.cancel.is_cancelled() {
            return Err(Failure::interrupted().into());
        }
        Ok(Exit::of_items(&self.outcomes))
    }
}
