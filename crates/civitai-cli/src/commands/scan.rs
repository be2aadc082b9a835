//! `scan`: what model files could do, found without running any of them.

mod site;
mod walk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use civitai_library::judge::ClamAv;
use civitai_security::scan::{Finding, Verdict};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio_util::sync::CancellationToken;

use crate::args::ScanFilesArgs;
use crate::commands::library::bar::Bar;
use crate::containers::{Containers, is_encrypted};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::judge::{self, Look, SiteScan, look, look_inside};
use crate::printer::{Printer, Unwritable, printable};
use crate::session::{Outcome, Session};
use crate::table::{self, Column};
use crate::text::{Guard, Lang, Message, verdict_word};

use self::site::Site;
use self::walk::{Found, walk};

pub(crate) async fn run(args: ScanFilesArgs, session: &Session) -> Outcome {
    let printer = &session.printer;
    let here = session.settings.layers.surroundings().directory.clone();
    let socket = args.clamav.as_ref().map(|socket| here.join(socket));
    let socket = socket.or_else(|| session.settings.scan.clamav.clone());
    let clamav = socket.as_deref().map(ClamAv::at);
    let containers = Arc::new(Containers::new(&args.passphrase, session)?);
    let sealed = args.paths.iter().map(|path| here.join(path));
    let sealed: Vec<_> = sealed.filter(|path| is_encrypted(path)).collect();
    containers.prepare(&sealed, session).await?;
    containers.begin();
    let site = Site::of(session);
    let stop = session.cancel.child_token();
    // Also when the results cannot be printed any more.
    let _until_return = stop.clone().drop_guard();
    let (results, mut done) = mpsc::unbounded_channel();
    let (walked, mut plan) = mpsc::unbounded_channel();
    let work = tokio::task::spawn_blocking(move || {
        let found = walk(&args.paths, &here);
        // Nobody listens once a result could not be printed.
        let _ = walked.send(found.bytes);
        for folder in &found.left_out {
            let _ = results.send((None, Seen::LeftOut(folder.clone())));
        }
        let tools = Tools {
            containers: &containers,
            clamav: clamav.as_ref(),
        };
        scan_all((&found, &here), tools, &stop, &results);
    });
    let mut bar = None;
    let mut sums = Sums::default();
    let mut next = 0;
    // Files are done as they come and told in the order of their names.
    let mut waiting = BTreeMap::new();
    while let Some((index, seen)) = done.recv().await {
        let Some(index) = index else {
            if let Seen::LeftOut(path) = seen {
                printer.say(&Message::Guard(Guard::LeftOut { path }));
            }
            continue;
        };
        if bar.is_none() && !printer.is_json() {
            bar = plan.recv().await.map(|total| Bar::new(printer, total));
        }
        if let (Some(bar), Seen::File { path, bytes, .. }) = (&mut bar, &seen) {
            bar.advance(&path.to_string_lossy(), *bytes);
        }
        waiting.insert(index, seen);
        while let Some(seen) = waiting.remove(&next) {
            next += 1;
            sums.add(&seen);
            tell(&seen, &site, printer)?;
        }
    }
    drop(bar);
    if let Err(panicked) = work.await {
        std::panic::resume_unwind(panicked.into_panic());
    }
    if session.cancel.is_cancelled() {
        let failure = Failure::interrupted();
        printer.fail_run(&failure);
        return Ok(failure.exit());
    }
    session.end_monitor();
    sums.tell(printer)?;
    Ok(sums.exit())
}

/// What became of a path.
enum Seen {
    File {
        path: PathBuf,
        bytes: u64,
        look: Box<Look>,
    },
    Failed(Failure),
    /// A folder of this program's own, with what was taken away.
    LeftOut(PathBuf),
}

/// Looks into all files, several at a time. Each takes little memory but for what is unpacked, so few are enough.
fn scan_all(
    (found, here): (&Found, &Path),
    tools: Tools<'_>,
    stop: &CancellationToken,
    results: &UnboundedSender<(Option<usize>, Seen)>,
) {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get().min(THREADS));
    let one_after_another = || {
        while !stop.is_cancelled() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = found.items.get(index) else {
                return;
            };
            let seen = match item {
                Ok((path, bytes)) => Seen::File {
                    path: path.clone(),
                    bytes: *bytes,
                    look: Box::new(tools.look_at(path, &here.join(path))),
                },
                Err(failure) => Seen::Failed(failure.clone()),
            };
            // Nobody listens once a result could not be printed.
            let _ = results.send((Some(index), seen));
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(one_after_another);
        }
        one_after_another();
    });
}

/// What a scan needs beside the files.
#[derive(Clone, Copy)]
struct Tools<'a> {
    containers: &'a Containers,
    clamav: Option<&'a ClamAv>,
}

impl Tools<'_> {
    /// Looks into the file at `path` that the user calls `named`, and into what is in an encrypted one. One that cannot be
    /// opened is looked at as it is, and is not clean.
    fn look_at(self, named: &Path, path: &Path) -> Look {
        if is_encrypted(path)
            && let Ok(content) = self.containers.open(path)
        {
            let plain = path.with_extension("");
            let name = plain.file_name().unwrap_or_default().to_string_lossy();
            return look_inside(&name, content, self.clamav);
        }
        look(named, path, self.clamav)
    }
}

fn tell(seen: &Seen, site: &Site, printer: &Printer) -> Result<(), Unwritable> {
    match seen {
        Seen::File { path, look, .. } => {
            let site = site.said(path);
            tell_look(path, look, site.as_ref(), printer)
        }
        Seen::Failed(failure) => {
            printer.fail_run(failure);
            Ok(())
        }
        Seen::LeftOut(_) => Ok(()),
    }
}

/// The line of a file, or its verdict and the table of what was found.
pub(super) fn tell_look(
    path: &Path,
    look: &Look,
    site: Option<&SiteScan>,
    printer: &Printer,
) -> Result<(), Unwritable> {
    if printer.is_json() {
        let mut line = to_json(look);
        line.insert("path".into(), json!(path.to_string_lossy()));
        if let Some(site) = site {
            line.insert("civitaiScan".into(), judge::to_json(site));
        }
        return printer.record("scan", &line);
    }
    let lang = printer.lang();
    let path = printable(&path.to_string_lossy());
    printer.data(&format!("{path}: {}", verdict_word(look.verdict(), lang)))?;
    if let Some(site) = site {
        printer.data(&format!("  {}", printable(&Guard::site_said(site, lang))))?;
    }
    let rows = rows(look, lang);
    if rows.is_empty() {
        return Ok(());
    }
    let [verdict, rule, member, offset, detail] = Guard::heads(lang);
    let columns = [
        Column::text(verdict),
        Column::text(rule),
        Column::text(member),
        Column::number(offset),
        Column::text(detail),
    ];
    for line in table::render(&columns, rows).lines() {
        printer.data(&format!("  {line}"))?;
    }
    Ok(())
}

fn rows(look: &Look, lang: Lang) -> Vec<Vec<String>> {
    let own = look.report.findings.iter().map(|finding| {
        vec![
            verdict_word(finding.verdict(), lang).to_owned(),
            finding.rule.id.to_owned(),
            finding.member.clone(),
            finding.offset.to_string(),
            detail(finding),
        ]
    });
    let second = look.second.iter().map(|answer| {
        let verdict = verdict_word(answer.verdict(), lang).to_owned();
        let (rule, detail) = (answer.rule().to_owned(), answer.detail().to_owned());
        vec![verdict, rule, String::new(), String::new(), detail]
    });
    own.chain(second).collect()
}

/// What was seen, with the callable where the words do not name it.
fn detail(finding: &Finding) -> String {
    match &finding.callable {
        Some(callable) if !finding.detail.contains(callable) => {
            format!("{callable}: {}", finding.detail)
        }
        _ => finding.detail.clone(),
    }
}

/// The fields of a `scan` line but for the path.
pub(super) fn to_json(look: &Look) -> Map<String, Value> {
    let own = look.report.findings.iter().map(|finding| {
        json!({
            "rule": finding.rule.id,
            "verdict": finding.verdict().as_str(),
            "member": finding.member,
            "offset": finding.offset,
            "callable": finding.callable,
            "detail": finding.detail,
        })
    });
    let second = look.second.iter().map(|answer| {
        json!({
            "rule": answer.rule(),
            "verdict": answer.verdict().as_str(),
            "member": "",
            "offset": 0,
            "callable": null,
            "detail": answer.detail(),
        })
    });
    let mut line = Map::new();
    line.insert("path".into(), Value::Null);
    line.insert("verdict".into(), json!(look.verdict().as_str()));
    line.insert("formats".into(), json!(look.report.formats));
    line.insert("findings".into(), own.chain(second).collect());
    line
}

/// How many files were called what.
#[derive(Debug, Default)]
struct Sums {
    verdicts: BTreeMap<Verdict, usize>,
    failed: usize,
}

impl Sums {
    fn add(&mut self, seen: &Seen) {
        match seen {
            Seen::File { look, .. } => *self.verdicts.entry(look.verdict()).or_default() += 1,
            Seen::Failed(_) => self.failed += 1,
            Seen::LeftOut(_) => {}
        }
    }

    fn of(&self, verdict: Verdict) -> usize {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    fn exit(&self) -> Exit {
        if self.of(Verdict::Malicious) + self.of(Verdict::Suspicious) > 0 {
            Exit::Found
        } else if self.of(Verdict::Malformed) + self.of(Verdict::Unscannable) + self.failed > 0 {
            Exit::Unclear
        } else {
            Exit::Done
        }
    }

    fn tell(&self, printer: &Printer) -> Result<(), Unwritable> {
        let count: usize = self.verdicts.values().sum();
        if count + self.failed < 2 {
            return Ok(());
        }
        if !printer.is_json() {
            printer.say(&Message::Guard(Guard::Scanned {
                verdicts: self
                    .verdicts
                    .iter()
                    .map(|(verdict, count)| (*verdict, *count))
                    .collect(),
                failed: self.failed,
            }));
            return Ok(());
        }
        let mut line = Map::new();
        line.insert("count".into(), json!(count));
        for verdict in VERDICTS {
            line.insert(verdict.as_str().into(), json!(self.of(verdict)));
        }
        line.insert("failed".into(), json!(self.failed));
        printer.record("summary", &line)
    }
}

const VERDICTS: [Verdict; 5] = [
    Verdict::Clean,
    Verdict::Suspicious,
    Verdict::Malicious,
    Verdict::Malformed,
    Verdict::Unscannable,
];

/// More would only wait for the disk.
const THREADS: usize = 4;
