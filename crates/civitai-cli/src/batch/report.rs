//! The lines of a batch: `planned`, `file` and `summary`, or their sentences.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use civitai_download::jobs::Outcome;
use civitai_download::{Error, ErrorKind, Fetched, How, Standing, Verified};
use civitai_library::link;
use civitai_library::reuse::Reused;
use civitai_security::scan::Verdict;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Unfound, Wanted};
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::job::{self, Ending, Notes};
use crate::judge::{self, Judgement, SiteScan};
use crate::network;
use crate::printer::Printer;
use crate::text::{Lang, Message, Place};

/// Civitai's numbers for a file; none for a file from elsewhere.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_field_names,
    reason = "the names the JSON lines give them"
)]
pub(crate) struct Ids {
    pub(crate) model_id: Option<u32>,
    pub(crate) version_id: Option<u32>,
    pub(crate) file_id: Option<u32>,
}

/// What is going to be done about a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    Download,
    Link,
    Resume,
    Skip,
}

impl Action {
    pub(super) fn of(standing: &Standing) -> Self {
        match standing {
            Standing::There(_) => Self::Skip,
            Standing::Partial => Self::Resume,
            _ => Self::Download,
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
    /// Adds what was found in the file.
    pub(super) fn judged(self, judgement: Option<&Judgement>) -> Self {
        Self {
            scan: judgement.map(|judgement| judgement.verdict),
            ..self
        }
    }

    /// Where the bytes are that must not get their name.
    pub(super) fn quarantined(&self) -> Option<&Path> {
        self.quarantine.as_deref()
    }

    /// Why the file could not be had, if it could not.
    pub(super) fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    pub(super) fn fetched(wanted: &Wanted, fetched: &Fetched) -> Self {
        Self {
            item: wanted.item,
            link: wanted.link.clone(),
            status: match fetched.how {
                How::Downloaded => Status::Downloaded,
                How::Resumed => Status::Resumed,
                How::Skipped => Status::Skipped,
            },
            ids: wanted.ids,
            path: Some(fetched.path.clone()),
            bytes: Some(fetched.bytes),
            fetched_bytes: fetched.fetched_bytes,
            sha256: fetched.digests.sha256.map(|digest| digest.to_string()),
            verified: fetched.verified,
            elapsed: fetched.elapsed,
            scan: None,
            site_scan: wanted.site_scan.clone(),
            quarantine: None,
            failure: None,
            shared: None,
        }
    }

    pub(super) fn linked(wanted: &Wanted, path: &Path, reused: &Reused, elapsed: Duration) -> Self {
        Self {
            item: wanted.item,
            link: wanted.link.clone(),
            status: Status::Linked,
            ids: wanted.ids,
            path: Some(path.to_owned()),
            bytes: Some(reused.digests.bytes),
            fetched_bytes: 0,
            sha256: reused.digests.sha256.map(|digest| digest.to_string()),
            verified: Verified::Sha256,
            elapsed,
            scan: None,
            site_scan: wanted.site_scan.clone(),
            quarantine: None,
            failure: None,
            shared: Some((reused.from.clone(), reused.how)),
        }
    }

    pub(super) fn failed(
        wanted: &Wanted,
        path: &Path,
        fetched_bytes: u64,
        failure: Failure,
    ) -> Self {
        let status = if failure.kind == Kind::Interrupted {
            Status::Interrupted
        } else {
            Status::Failed
        };
        Self {
            item: wanted.item,
            link: wanted.link.clone(),
            status,
            ids: wanted.ids,
            path: Some(path.to_owned()),
            bytes: wanted.expected.bytes,
            fetched_bytes,
            sha256: wanted.expected.sha256.map(|digest| digest.to_string()),
            verified: Verified::None,
            elapsed: Duration::ZERO,
            scan: None,
            site_scan: wanted.site_scan.clone(),
            quarantine: None,
            failure: Some(failure),
            shared: None,
        }
    }

    pub(super) fn error(wanted: &Wanted, path: &Path, fetched_bytes: u64, error: &Error) -> Self {
        let line = Self::failed(
            wanted,
            path,
            fetched_bytes,
            network::download_failure(error),
        );
        match error.kind() {
            ErrorKind::Integrity { quarantined, .. }
            | ErrorKind::Refused {
                quarantined: Some(quarantined),
                ..
            } => Self {
                status: Status::Quarantined,
                quarantine: Some(quarantined.clone()),
                ..line
            },
            _ => line,
        }
    }

    fn unfound(unfound: &Unfound) -> Self {
        let status = if unfound.failure.kind == Kind::Interrupted {
            Status::Interrupted
        } else {
            Status::Failed
        };
        Self {
            item: unfound.item,
            link: unfound.link.clone(),
            status,
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
            failure: Some(unfound.failure.clone()),
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
pub(super) struct Report<'a> {
    printer: &'a Printer,
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
    /// A failure that every further file would share.
    general: Option<Failure>,
}

impl<'a> Report<'a> {
    pub(super) fn new(printer: &'a Printer) -> Self {
        Self {
            printer,
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
        self.note(wanted.item, || Ending::Elsewhere);
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
        let mut line = json!({
            "link": wanted.link,
            "modelId": wanted.ids.model_id,
            "versionId": wanted.ids.version_id,
            "fileId": wanted.ids.file_id,
            "name": name,
            "bytes": wanted.expected.bytes,
            "sha256": wanted.expected.sha256.map(|digest| digest.to_string()),
            "path": path.to_string_lossy(),
            "action": action,
        });
        if let Some(terms) = &wanted.terms {
            line["licence"] = terms.licence.to_json().into();
            line["realPerson"] = terms.real_person.into();
        }
        // The printer keeps the failure for the end of the run; the files are wanted all the same.
        let _ = self.printer.record("planned", &line);
    }

    pub(super) fn planned(&self, wanted: &Wanted, path: &Path, action: Action, dry_run: bool) {
        let bytes = wanted.expected.bytes;
        if self.printer.is_json() {
            self.plan_line(wanted, path, action);
        } else if dry_run {
            let message = Message::Planned {
                action,
                path: path.to_owned(),
                bytes,
            };
            let _ = self.printer.data(&message.say(self.printer.lang()));
        }
        if dry_run {
            let mut sums = self.sums();
            sums.planned += 1;
            sums.bytes += bytes.unwrap_or(0);
            sums.exits.push(Exit::Done);
        }
    }

    pub(super) fn unfound(&self, unfound: &Unfound) {
        self.file(&FileLine::unfound(unfound));
    }

    pub(super) fn file(&self, line: &FileLine) {
        self.note(line.item, || line.ending(self.printer.lang()));
        if self.printer.is_json() {
            let _ = self.printer.record("file", &line.to_json(self.printer));
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

    /// Why further files need not be tried: they would all meet the same refusal.
    pub(super) fn why_not(&self) -> Option<Failure> {
        self.sums().general.clone()
    }

    /// Notes that the user stopped the run before everything was reached.
    pub(super) fn interrupted(&self) {
        self.sums().exits.push(Exit::Interrupted);
    }

    pub(super) fn finish(self) -> Exit {
        let elapsed = self.started.elapsed();
        let sums = self
            .sums
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
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
        if let Some(failure) = line
            .failure
            .as_ref()
            .filter(|failure| is_general(failure.kind))
        {
            self.general.get_or_insert_with(|| failure.clone());
        }
    }
}

/// The quota counts every exchange, refused ones included; a disk that is full stays so.
fn is_general(kind: Kind) -> bool {
    matches!(kind, Kind::Quota | Kind::RegionBlocked)
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
