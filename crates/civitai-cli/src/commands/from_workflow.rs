//! `from-workflow`.

use std::path::{Path, PathBuf};

use civitai_library::Library;
use civitai_library::workflow::{self, Activity, Asked, Finding, Reference, Shelf, Status};
use serde_json::{Map, Value, json};

use super::{add, library, project};
use crate::args::{AddArgs, FromWorkflowArgs, Links};
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::network;
use crate::printer::{Unwritable, printable};
use crate::session::{Outcome, Session};
use crate::table::{self, Column};
use crate::text::{Flow, Message, flow_heads, status_word};

pub(crate) async fn run(args: FromWorkflowArgs, session: &Session) -> Outcome {
    let FromWorkflowArgs {
        files,
        add,
        offline,
    } = args;
    let place = library::of(session)?;
    let files = library::blocking(session, move || look(files, &place)).await??;
    let (mut files, mut findings) = apart(files);
    let asked = if offline {
        None
    } else {
        Some(ask(&mut findings, session).await?)
    };
    let online = asked.is_some_and(|asked| tell(&asked, session));
    for (file, finding) in findings {
        if let Ok(known) = &mut files[file].1 {
            known.push(finding);
        }
    }
    let mut outcomes: Vec<Exit> = files.iter().map(|(_, file)| exit(file)).collect();
    session.end_monitor();
    for (path, file) in &files {
        print(path, file, session)?;
    }
    if add {
        outcomes.extend(add_all(&files, session).await?);
    }
    sum(&files, online, session)?;
    Ok(Exit::of_items(&outcomes))
}

type File = (PathBuf, Result<Vec<Finding>, Failure>);

/// Reads the files and compares them with the library. Blocks.
fn look(paths: Vec<PathBuf>, library: &Library) -> Result<Vec<File>, Failure> {
    let entries = match library.catalogue_if_there() {
        Ok(Some(catalogue)) => catalogue.entries(),
        Ok(None) => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let mut shelf = Shelf::of_entries(entries.map_err(|error| library::failure(&error))?);
    shelf.add_folder(&library.root);
    let files = paths.into_iter().map(|path| {
        let read = workflow::read(&path)
            .map(|references| {
                references
                    .into_iter()
                    .map(|reference| shelf.find(reference))
                    .collect()
            })
            .map_err(|error| Failure::library(Kind::from_word(error.code()), &error));
        (path, read)
    });
    Ok(files.collect())
}

/// Parts findings from their files, so that all can be asked for together.
fn apart(files: Vec<File>) -> (Vec<File>, Vec<(usize, Finding)>) {
    let mut findings = Vec::new();
    let files = files.into_iter().enumerate().map(|(at, (path, file))| {
        let file = file.map(|known| {
            findings.extend(known.into_iter().map(|finding| (at, finding)));
            Vec::new()
        });
        (path, file)
    });
    (files.collect(), findings)
}

async fn ask(findings: &mut [(usize, Finding)], session: &Session) -> Result<Asked, Failure> {
    let client = network::site_in_passing(session)?;
    let mut all: Vec<&mut Finding> = findings.iter_mut().map(|(_, finding)| finding).collect();
    let asked = session
        .cancel
        .run_until_cancelled(workflow::ask_site(&client, &mut all))
        .await;
    asked.ok_or_else(Failure::interrupted)
}

/// Says what could not be asked; whether everything was.
fn tell(asked: &Asked, session: &Session) -> bool {
    if let Some(error) = &asked.error {
        let failure = network::failure(error);
        let problem = failure.message(session.printer.lang());
        session
            .printer
            .warn(&Message::Flow(Flow::SiteSilent { problem }));
    }
    if asked.skipped > 0 {
        let names = asked.skipped;
        session
            .printer
            .warn(&Message::Flow(Flow::NotSearched { names }));
    }
    asked.error.is_none() && asked.skipped == 0
}

/// Adds to the project what is sure enough to be fetched, each once.
async fn add_all(files: &[File], session: &Session) -> Result<Vec<Exit>, Failure> {
    let findings = files
        .iter()
        .filter_map(|(_, file)| file.as_ref().ok())
        .flatten();
    // A lock that cannot be read is told of when it is written to.
    let project = project::find(session).and_then(|project| project::lock(&project));
    let lock = project.unwrap_or_default();
    let mut links = Vec::new();
    let mut left_out = 0;
    for finding in findings.filter(|finding| finding.reference.activity == Activity::Active) {
        match finding
            .choice()
            .and_then(|choice| Some((choice, choice.link()?)))
        {
            Some((choice, link)) if !links.contains(&link) && !choice.is_in(&lock) => {
                links.push(link);
            }
            Some(_) => {}
            None => left_out += 1,
        }
    }
    let exits = if links.is_empty() {
        Vec::new()
    } else {
        let args = AddArgs {
            links: Links { links },
            ..AddArgs::default()
        };
        add::all(&args, session).await?
    };
    if left_out > 0 {
        let references = left_out;
        session
            .printer
            .say(&Message::Flow(Flow::LeftOut { references }));
    }
    Ok(exits)
}

fn exit(file: &Result<Vec<Finding>, Failure>) -> Exit {
    file.as_ref().map_or_else(Failure::exit, |_| Exit::Done)
}

fn print(
    path: &Path,
    file: &Result<Vec<Finding>, Failure>,
    session: &Session,
) -> Result<(), Unwritable> {
    let printer = &session.printer;
    let shown = path.to_string_lossy();
    match file {
        Ok(findings) if printer.is_json() => {
            for finding in findings {
                printer.record("reference", &record(&shown, finding))?;
            }
        }
        Ok(findings) if findings.is_empty() => {
            let path = shown.into_owned();
            printer.say(&Message::Flow(Flow::NoReferences { path }));
        }
        Ok(findings) => {
            let lang = printer.lang();
            let [status, kind, name, found] = flow_heads(lang).map(Column::text);
            let rows = findings.iter().map(|finding| {
                let status = status_word(finding.status, lang).to_owned();
                let reference = &finding.reference;
                let kind = reference.kind.as_str().to_owned();
                vec![status, kind, called(reference), likeliest(finding)]
            });
            printer.data(&printable(&shown))?;
            printer.data(&table::render(&[status, kind, name, found], rows.collect()))?;
        }
        Err(failure) => {
            printer.fail(failure);
            if printer.is_json() {
                let error = failure.to_json(printer.lang());
                printer.record("error", &json!({ "path": shown, "error": error }))?;
            }
        }
    }
    Ok(())
}

fn sum(files: &[File], online: bool, session: &Session) -> Result<(), Unwritable> {
    let findings = || {
        files
            .iter()
            .filter_map(|(_, file)| file.as_ref().ok())
            .flatten()
    };
    let count = |status| {
        findings()
            .filter(|finding| finding.status == status)
            .count()
    };
    let [present, missing, ambiguous, unknown] = [
        Status::Present,
        Status::Missing,
        Status::Ambiguous,
        Status::Unknown,
    ]
    .map(count);
    let references = findings().count();
    if session.printer.is_json() {
        let idle = findings().filter(|finding| finding.reference.activity != Activity::Active);
        let failed = files.iter().filter(|(_, file)| file.is_err());
        return session.printer.record(
            "summary",
            &json!({
                "files": files.len(),
                "failed": failed.count(),
                "references": references,
                "present": present,
                "missing": missing,
                "ambiguous": ambiguous,
                "unknown": unknown,
                "inactive": idle.count(),
                "online": online,
            }),
        );
    }
    session.printer.say(&Message::Flow(Flow::Sum {
        references,
        present,
        missing,
        ambiguous,
        unknown,
    }));
    Ok(())
}

/// The JSON line of a reference.
fn record(path: &str, finding: &Finding) -> Map<String, Value> {
    let mut line = Map::from_iter([("path".to_owned(), path.into())]);
    line.extend(finding.to_json());
    line
}

/// What a reference is called, and whether it is switched off.
fn called(reference: &Reference) -> String {
    let name = match (&reference.name, reference.version, &reference.hash) {
        (Some(name), _, _) => name.clone(),
        (None, Some(version), _) => format!("version:{version}"),
        (None, None, Some(hash)) => format!("hash:{}", hash.as_str().to_ascii_lowercase()),
        (None, None, None) => reference
            .model
            .map(|model| format!("model:{model}"))
            .unwrap_or_default(),
    };
    match reference.activity {
        Activity::Active => name,
        idle => format!("{name} ({})", idle.as_str()),
    }
}

/// The likeliest candidate: where it is, or a link that `get` takes, with the score if it is only likely.
fn likeliest(finding: &Finding) -> String {
    let Some(best) = finding.candidates.first() else {
        return String::new();
    };
    let place = match (&best.path, best.model, best.version) {
        (Some(path), _, _) => path.clone(),
        (None, Some(model), Some(version)) => format!("{model}@{version}"),
        (None, None, Some(version)) => format!("version:{version}"),
        (None, model, None) => model
            .map(|model| format!("model:{model}"))
            .unwrap_or_default(),
    };
    let title = best
        .title
        .as_ref()
        .map(|title| format!(" {title}"))
        .unwrap_or_default();
    let others = match finding.candidates.len() {
        0 | 1 => String::new(),
        all => format!(" +{}", all - 1),
    };
    format!("{place}{title} ({:.2}{others})", best.score)
}
