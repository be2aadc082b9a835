//! The lines of a batch: `planned`, `file` and `summary`, or their sentences.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use civitai_api::{FileId, ModelId};
use civitai_download::jobs::Outcome;
use civitai_download::{How, Verified};
use civitai_library::fetch::{Action, Ended, FetchError, Landed};
use civitai_library::find::Wanted;
use civitai_library::link;
use civitai_security::scan::Verdict;
use serde_json::{Value, json};

use super::Unread;
use crate::commands::get;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::job::{self, Ending, Notes};
use crate::judge::{self, SiteScan};
use crate::network;
use crate::printer::Printer;
use crate::text::{self, Hint, Lang, Message, Place};

/// Civitai's numbers for a file; none for a file from elsewhere.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_field_names,
    reason = "the names the JSON lines give them"
)]
pub(super) struct Ids {
    model_id: Option<u32>,
    version_id: Option<u32>,
    pub(super) file_id: Option<u32>,
}

impl Ids {
    pub(super) fn of(file: &Wanted) -> Self {
        let origin = file.origin;
        Self {
            model_id: origin.and_then(|of| of.model).map(ModelId::get),
            version_id: origin.map(|of| of.version.get()),
            file_id: origin.and_then(|of| of.file).map(FileId::get),
        }
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    Downloaded,
    Resumed,
    Skipped,
    Linked,
    Failed,
    Quarantined,
    Interrupted,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Downloaded => "downloaded",
            Self::Resumed => "resumed",
            Self::Skipped => "skipped",
            Self::Linked => "linked",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The outcome of one file.
#[derive(Debug)]
pub(super) struct FileLine {
    item: Option<u32>,
    link: String,
    status: Status,
    ids: Ids,
    path: Option<PathBuf>,
    bytes: Option<u64>,
    fetched_bytes: u64,
    sha256: Option<String>,
    verified: Verified,
    elapsed: Duration,
    scan: Option<Verdict>,
    site_scan: Option<SiteScan>,
    quarantine: Option<PathBuf>,
    failure: Option<Failure>,
    /// What it shares its bytes with, and how.
    shared: Option<(PathBuf, link::How)>,
}

impl FileLine {
    /// The line of what ended; none for what was only planned.
    pub(super) fn of(ended: &Ended) -> Option<Self> {
        let file = ended.file.as_deref();
        let sha256 = file.and_then(|file| file.expected.sha256);
        let line = Self {
            item: ended.ticket,
            link: ended.link.clone(),
            status: Status::Failed,
            ids: file.map(Ids::of).unwrap_or_default(),
            path: ended.path.clone(),
            bytes: file.and_then(|file| file.expected.bytes),
            fetched_bytes: ended.fetched_bytes,
            sha256: sha256.map(|digest| digest.to_string()),
            verified: Verified::None,
            elapsed: Duration::ZERO,
            scan: ended.judgement.as_ref().map(|judged| judged.verdict),
            site_scan: file.and_then(|file| file.site_scan.clone()),
            quarantine: None,
            failure: None,
            shared: None,
        };
        Some(match &ended.outcome {
            Ok(Landed::Planned(_)) => return None,
            Ok(Landed::Fetched(fetched)) => Self {
                status: match fetched.how {
                    How::Downloaded => Status::Downloaded,
                    How::Resumed => Status::Resumed,
                    How::Skipped => Status::Skipped,
                },
                path: Some(fetched.path.clone()),
                bytes: Some(fetched.bytes),
                fetched_bytes: fetched.fetched_bytes,
                sha256: fetched.digests.sha256.map(|digest| digest.to_string()),
                verified: fetched.verified,
                elapsed: fetched.elapsed,
                ..line
            },
            Ok(Landed::Linked(reused)) => Self {
                status: Status::Linked,
                bytes: Some(reused.digests.bytes),
                sha256: reused.digests.sha256.map(|digest| digest.to_string()),
                verified: Verified::Sha256,
                elapsed: ended.elapsed,
                shared: Some((reused.from.clone(), reused.how)),
                ..line
            },
            Err(error) => {
                let failure = failure(error);
                let quarantine = error.quarantined().map(Path::to_owned);
                Self {
                    status: match (&quarantine, failure.kind) {
                        (Some(_), _) => Status::Quarantined,
                        (None, Kind::Interrupted) => Status::Interrupted,
                        (None, _) => Status::Failed,
                    },
                    quarantine,
                    failure: Some(failure),
                    ..line
                }
            }
        })
    }

    pub(super) fn unread(unread: Unread) -> Self {
        Self {
            item: unread.item,
            link: unread.link,
            status: Status::Failed,
            ids: Ids::default(),
            path: None,
            bytes: None,
            fetched_bytes: 0,
            sha256: None,
            verified: Verified::None,
            elapsed: Duration::ZERO,
            scan: None,
            site_scan: None,
            quarantine: None,
            failure: Some(unread.failure),
            shared: None,
        }
    }

    /// How a job keeps it.
    fn ending(&self, lang: Lang) -> Ending {
        if self.status == Status::Interrupted {
            return Ending::Interrupted;
        }
        Ending::Told(Outcome {
            status: self.status.word().to_owned(),
            path: self.path.clone(),
            bytes: self.bytes,
            trouble: self
                .failure
                .as_ref()
                .map(|failure| job::trouble(failure, lang)),
        })
    }

    fn to_json(&self, printer: &Printer) -> Value {
        let mut line = json!({
            "link": self.link,
            "status": self.status.word(),
            "modelId": self.ids.model_id,
            "versionId": self.ids.version_id,
            "fileId": self.ids.file_id,
            "path": self.path.as_deref().map(Path::to_string_lossy),
            "bytes": self.bytes,
            "fetchedBytes": self.fetched_bytes,
            "sha256": self.sha256,
            "verified": self.verified.to_string(),
            "scan": self.scan.map(Verdict::as_str),
            "seconds": seconds(self.elapsed),
        });
        if let Some(site) = &self.site_scan {
            line["civitaiScan"] = judge::to_json(site);
        }
        if let Some(quarantine) = &self.quarantine {
            line["quarantine"] = json!(quarantine.to_string_lossy());
        }
        if let Some((from, _)) = &self.shared {
            line["linkedTo"] = json!(from.to_string_lossy());
        }
        if let Some(failure) = &self.failure {
            line["error"] = failure.to_json(printer.lang()).into();
        }
        line
    }
}

/// Prints lines as they come and keeps the sums.
pub(super) struct Report {
    printer: Arc<Printer>,
    started: Instant,
    sums: Mutex<Sums>,
    notes: Option<Notes>,
}

#[derive(Debug, Default)]
struct Sums {
    downloaded: usize,
    resumed: usize,
    skipped: usize,
    linked: usize,
    failed: usize,
    quarantined: usize,
    interrupted: usize,
    planned: usize,
    bytes: u64,
    fetched_bytes: u64,
    exits: Vec<Exit>,
}

impl Report {
    pub(super) fn new(printer: &Arc<Printer>) -> Self {
        Self {
            printer: Arc::clone(printer),
            started: Instant::now(),
            sums: Mutex::default(),
            notes: None,
        }
    }

    /// Tells a job too what becomes of its items, and leaves it to the job to say that it was stopped.
    pub(super) fn beside(&mut self, notes: Notes) {
        self.notes = Some(notes);
    }

    fn note(&self, item: Option<u32>, ending: impl FnOnce() -> Ending) {
        if let (Some(notes), Some(item)) = (&self.notes, item) {
            notes.ended(item, ending());
        }
    }

    /// A link to a file that another link of this run has led to already: it stands in the plan, and its outcome is
    /// that of the other.
    pub(super) fn same(&self, wanted: &Wanted, path: &Path) {
        self.note(wanted.ticket, || Ending::Elsewhere);
        if self.printer.is_json() {
            self.plan_line(wanted, path, Action::Skip);
        }
        self.printer.say(&Message::SameFile {
            link: wanted.link.clone(),
        });
    }

    fn plan_line(&self, wanted: &Wanted, path: &Path, action: Action) {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let ids = Ids::of(wanted);
        let mut line = json!({
            "link": wanted.link,
            "modelId": ids.model_id,
            "versionId": ids.version_id,
            "fileId": ids.file_id,
            "name": name,
            "bytes": wanted.expected.bytes,
            "sha256": wanted.expected.sha256.map(|digest| digest.to_string()),
            "path": path.to_string_lossy(),
            "action": action.as_str(),
        });
        if let Some(other) = &wanted.other {
            line["otherPath"] = json!(other.to_string_lossy());
        }
        if let Some(terms) = &wanted.terms {
            line["licence"] = terms.licence.to_json().into();
            line["realPerson"] = terms.real_person.into();
        }
        // The printer keeps the failure for the end of the run; the files are wanted all the same.
        let _ = self.printer.record("planned", &line);
    }

    /// A file has its place.
    pub(super) fn planned(&self, wanted: &Wanted, path: &Path, action: Action) {
        if self.printer.is_json() {
            self.plan_line(wanted, path, action);
        }
    }

    /// A file has its place, and that is all that is wanted of it.
    pub(super) fn only_planned(&self, wanted: &Wanted, path: &Path, action: Action) {
        let bytes = wanted.expected.bytes;
        if !self.printer.is_json() {
            let message = Message::Planned {
                action,
                path: path.to_owned(),
                other: wanted.other.clone(),
                bytes,
            };
            let _ = self.printer.data(&message.say(self.printer.lang()));
        }
        let mut sums = self.sums();
        sums.planned += 1;
        sums.bytes += bytes.unwrap_or(0);
        sums.exits.push(Exit::Done);
    }

    pub(super) fn file(&self, line: &FileLine) {
        self.note(line.item, || line.ending(self.printer.lang()));
        if self.printer.is_json() {
            let _ = self.printer.record("file", &line.to_json(&self.printer));
        } else if line.failure.is_none() {
            let _ = self.printer.data(&sentence(line).say(self.printer.lang()));
        }
        // That the user stopped it is said once, at the end, for all files together.
        let told = |failure: &&Failure| failure.kind != Kind::Interrupted;
        if let Some(failure) = line.failure.as_ref().filter(told) {
            let subject = line.path.as_ref().and_then(|path| path.file_name());
            let subject = subject.map_or_else(
                || line.link.clone(),
                |name| name.to_string_lossy().into_owned(),
            );
            self.printer.fail_item(&subject, failure);
            if let Some(path) = &line.quarantine {
                self.printer
                    .say(&Message::Quarantined { path: path.clone() });
            }
        }
        self.sums().add(line);
    }

    /// Notes that the user stopped the run before everything was reached.
    pub(super) fn interrupted(&self) {
        self.sums().exits.push(Exit::Interrupted);
    }

    pub(super) fn finish(&self) -> Exit {
        let elapsed = self.started.elapsed();
        let sums = std::mem::take(&mut *self.sums());
        let exit = Exit::of_items(&sums.exits);
        if self.printer.is_json() {
            let line = json!({
                "downloaded": sums.downloaded,
                "resumed": sums.resumed,
                "skipped": sums.skipped,
                "linked": sums.linked,
                "failed": sums.failed,
                "quarantined": sums.quarantined,
                "interrupted": sums.interrupted,
                "bytes": sums.bytes,
                "fetchedBytes": sums.fetched_bytes,
                "seconds": seconds(elapsed),
            });
            let _ = self.printer.record("summary", &line);
        } else if sums.exits.len() > 1 {
            let message = Message::Sum {
                fetched: sums.downloaded + sums.resumed,
                skipped: sums.skipped,
                linked: sums.linked,
                failed: sums.failed + sums.quarantined,
                interrupted: sums.interrupted,
                planned: sums.planned,
                bytes: if sums.planned > 0 {
                    sums.bytes
                } else {
                    sums.fetched_bytes
                },
                elapsed,
            };
            self.printer.say(&message);
        }
        if exit == Exit::Interrupted && self.notes.is_none() {
            let interrupted = Failure::interrupted();
            self.printer.fail(&interrupted);
        }
        exit
    }

    fn sums(&self) -> std::sync::MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sums {
    fn add(&mut self, line: &FileLine) {
        *match line.status {
            Status::Downloaded => &mut self.downloaded,
            Status::Resumed => &mut self.resumed,
            Status::Skipped => &mut self.skipped,
            Status::Linked => &mut self.linked,
            Status::Failed => &mut self.failed,
            Status::Quarantined => &mut self.quarantined,
            Status::Interrupted => &mut self.interrupted,
        } += 1;
        if line.failure.is_none() {
            self.bytes += line.bytes.unwrap_or(0);
        }
        self.fetched_bytes += line.fetched_bytes;
        self.exits
            .push(line.failure.as_ref().map_or(Exit::Done, Failure::exit));
    }
}

/// Why a file is not in its place, in the user's terms.
fn failure(error: &FetchError) -> Failure {
    match error {
        FetchError::Danger(danger) => judge::refused(danger.clone()),
        FetchError::Find(error) => get::failure(error),
        FetchError::Held(held) => judge::held(held.clone()),
        FetchError::NameTaken { path } => {
            Failure::new(Kind::Io, Message::NameTaken { path: path.clone() })
                .with_hint(Hint::OtherName)
        }
        FetchError::NotOurs { path } => {
            let path = path.clone();
            Failure::new(Kind::Io, Message::Project(text::Project::NotOurs { path }))
                .with_hint(Hint::Project(text::Project::MoveOrAdopt))
        }
        FetchError::Spared { first } => {
            let first = first.error();
            first.map_or_else(Failure::interrupted, failure)
        }
        FetchError::Stopped => Failure::interrupted(),
        FetchError::Transfer(error) => network::download_failure(error),
        other => Failure::library(Kind::from_word(other.code()), other),
    }
}

fn sentence(line: &FileLine) -> Message {
    let path = line.path.clone().unwrap_or_default();
    match (line.status, &line.shared) {
        (Status::Skipped, _) => Message::AlreadyThere { path },
        (Status::Linked, Some((from, how))) => Message::Place(Place::SharedWith {
            path,
            from: from.clone(),
            how: *how,
        }),
        (status, _) => Message::Fetched {
            path,
            resumed: status == Status::Resumed,
            bytes: line.bytes.unwrap_or(0),
            verified: line.verified,
            elapsed: line.elapsed,
        },
    }
}

/// Milliseconds are all that anybody wants.
fn seconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 1000.0).round() / 1000.0
}
