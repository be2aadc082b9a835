//! `library move`, `rename`, `remove`, `undo`, `duplicates`, `orphans` and `sidecars`: plan, show, apply.

use std::path::{Path, PathBuf};

use civitai_library::Library;
use civitai_library::operation::{
    Company, Destination, Done, Duplicate, Error, Orphan, Plan, Same, Step, Unwritten,
};
use civitai_library::path::LibraryPath;
use civitai_library::sidecar::Form;
use serde_json::{Value, json};

use super::{blocking, of};
use crate::args::operation::{
    BesideArgs, DuplicatesArgs, MoveArgs, OrphansArgs, RemoveArgs, RenameArgs, SidecarsArgs,
    UndoArgs,
};
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::printer::{Printer, Unwritable};
use crate::session::{Outcome, Session};
use crate::text::{self, Hint, Message, Place, nearest};

pub(super) async fn moves(args: MoveArgs, session: &Session) -> Outcome {
    let company = company(&args.beside);
    let MoveArgs { paths, to, .. } = args;
    let here = here(session);
    let plan = move |library: &Library| {
        let (files, to) = match (to, paths.as_slice()) {
            (Some(to), _) => (paths, folder(library, &to)?),
            (None, [files @ .., to]) if !files.is_empty() => {
                let to = destination(library, files, to, &here)?;
                (files.to_vec(), to)
            }
            (None, _) => (paths, Destination::Layout(library.layout.clone())),
        };
        library.plan_move(&located(library, &files, &here)?, &to, company)
    };
    work(session, args.show.dry_run, plan).await
}

pub(super) async fn rename(args: RenameArgs, session: &Session) -> Outcome {
    let company = company(&args.beside);
    let RenameArgs { file, name, .. } = args;
    let here = here(session);
    let plan = move |library: &Library| {
        let file = locate(library, &file, &here)?;
        library.plan_rename(&file, &name, company)
    };
    work(session, args.show.dry_run, plan).await
}

pub(super) async fn remove(args: RemoveArgs, session: &Session) -> Outcome {
    if let Some(ids) = args.undo {
        let (id, show) = (ids.first().copied(), args.show);
        return undo(UndoArgs { id, show }, session).await;
    }
    let company = company(&args.beside);
    let here = here(session);
    let paths = args.paths;
    let plan =
        move |library: &Library| library.plan_remove(&located(library, &paths, &here)?, company);
    work(session, args.show.dry_run, plan).await
}

pub(super) async fn undo(args: UndoArgs, session: &Session) -> Outcome {
    let plan = move |library: &Library| library.plan_undo(args.id);
    work(session, args.show.dry_run, plan).await
}

pub(super) async fn duplicates(args: DuplicatesArgs, session: &Session) -> Outcome {
    let printer = &session.printer;
    let library = of(session)?;
    let look = move || {
        let found = library.duplicates()?;
        let plan = library.plan_share(&found);
        Ok((found, plan))
    };
    let (found, plan) = blocking(session, look).await?.map_err(failure)?;
    for group in &found.groups {
        if printer.is_json() {
            printer.record("duplicate", &duplicate(group))?;
        } else {
            printer.data(&text_of(group, printer))?;
        }
    }
    if found.unknown > 0 {
        let files = found.unknown;
        printer.warn(&Message::Place(Place::NotHashed { files }));
    }
    if args.link {
        return carry_out(plan, session, args.show.dry_run).await;
    }
    let wasted = found.groups.iter().filter_map(|group| match group.same {
        Same::Content(_) => Some(group.bytes * (group.paths.len() as u64 - 1)),
        _ => None,
    });
    let (groups, bytes) = (found.groups.len(), wasted.sum());
    if printer.is_json() {
        let line = json!({ "count": groups, "bytes": bytes, "unknown": found.unknown });
        printer.record("summary", &line)?;
    } else {
        printer.say(&Message::Place(Place::Duplicates { groups, bytes }));
    }
    Ok(Exit::Done)
}

pub(super) async fn orphans(args: OrphansArgs, session: &Session) -> Outcome {
    let printer = &session.printer;
    let library = of(session)?;
    let look = move || {
        let orphans = library.orphans()?;
        let plan = library.plan_discard(&orphans);
        Ok((orphans, plan))
    };
    let (orphans, plan) = blocking(session, look).await?.map_err(failure)?;
    for Orphan { path, kind, .. } in &orphans {
        if printer.is_json() {
            let line = json!({ "path": path, "kind": kind.as_str() });
            printer.record("orphan", &line)?;
        } else {
            printer.data(&format!("{:<8} {path}", kind.as_str()))?;
        }
    }
    if args.remove {
        return carry_out(plan, session, args.show.dry_run).await;
    }
    let count = orphans.len();
    if printer.is_json() {
        printer.record("summary", &json!({ "count": count }))?;
    } else {
        printer.say(&Message::Place(Place::Orphans { count }));
    }
    Ok(Exit::Done)
}

pub(super) async fn sidecars(args: SidecarsArgs, session: &Session) -> Outcome {
    let form = form(&args.format)?;
    let printer = &session.printer;
    let (library, here) = (of(session)?, here(session));
    let paths = args.paths;
    let look = move || {
        library.recover()?;
        library.plan_sidecars(form, &located(&library, &paths, &here)?)
    };
    let translation = blocking(session, look).await?.map_err(failure)?;
    let mut exits = Vec::new();
    for Unwritten { path, broken, .. } in &translation.unwritten {
        match broken {
            Some(broken) => {
                printer.fail_item(path, &Failure::library(Kind::Io, broken));
                exits.push(Kind::Io.exit());
            }
            None => printer.detail(&Message::Place(Place::NothingToTell { path: path.clone() })),
        }
    }
    // Nothing to write is no success beside what failed.
    let is_idle = translation.plan.is_empty() && translation.unchanged == 0;
    let has_failed = !exits.is_empty();
    let outcome = carry_out(translation.plan, session, args.show.dry_run).await?;
    if !(is_idle && has_failed) {
        exits.push(outcome);
    }
    Ok(Exit::of_items(&exits))
}

/// Makes a plan and carries it out.
async fn work(
    session: &Session,
    dry_run: bool,
    plan: impl FnOnce(&Library) -> Result<Plan, Error> + Send + 'static,
) -> Outcome {
    let library = of(session)?;
    let look = move || {
        // What a killed operation moved is under its names again before they are looked for.
        library.recover()?;
        plan(&library)
    };
    let plan = blocking(session, look).await?;
    carry_out(plan.map_err(failure)?, session, dry_run).await
}

async fn carry_out(plan: Plan, session: &Session, dry_run: bool) -> Outcome {
    let printer = &session.printer;
    if dry_run {
        show(&plan, printer)?;
        return Ok(Exit::Done);
    }
    if plan.is_empty() {
        tell_sum(printer, 0)?;
        printer.say(&Message::Place(Place::NothingToDo));
        return Ok(Exit::Done);
    }
    let library = of(session)?;
    let files = plan.paths.len();
    // Not given up half way: what stops now is taken back first.
    let apply = tokio::task::spawn_blocking(move || library.apply(&plan));
    let done = apply
        .await
        .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
    let done = done.map_err(failure)?;
    if !printer.is_json() {
        for path in &done.paths {
            printer.data(path)?;
        }
    }
    tell(&done, printer)?;
    tell_sum(printer, files)?;
    Ok(Exit::Done)
}

/// Says that an operation was done, and how it can be undone.
pub(crate) fn tell(done: &Done, printer: &Printer) -> Result<(), Unwritable> {
    if printer.is_json() {
        let line = json!({
            "id": done.id,
            "verb": done.verb.as_str(),
            "paths": done.paths,
            "undoable": done.undoable,
        });
        return printer.record("operation", &line);
    }
    printer.say(&Message::Place(Place::Done {
        id: done.id,
        verb: done.verb,
        files: done.paths.len(),
        undoable: done.undoable,
    }));
    Ok(())
}

fn tell_sum(printer: &Printer, files: usize) -> Result<(), Unwritable> {
    if printer.is_json() {
        printer.record("summary", &json!({ "count": files }))?;
    }
    Ok(())
}

/// Prints a plan: a line a step.
fn show(plan: &Plan, printer: &Printer) -> Result<(), Unwritable> {
    for step in &plan.steps {
        let (action, path, target) = match step {
            Step::Move { from, to } => ("move", from, Some(to)),
            Step::Discard { path } => ("discard", path, None),
            Step::Keep { path } => ("keep", path, None),
            Step::Share { path, with } => ("share", path, Some(with)),
            Step::Part { path, with } => ("part", path, Some(with)),
            Step::Write { path, .. } => ("write", path, None),
            _ => continue,
        };
        if printer.is_json() {
            let line = json!({
                "verb": plan.verb.as_str(),
                "action": action,
                "path": path,
                "target": target,
            });
            printer.record("planned", &line)?;
        } else {
            let step = Place::Step {
                action,
                path: path.clone(),
                target: target.cloned(),
            };
            printer.data(&Message::Place(step).say(printer.lang()))?;
        }
    }
    if printer.is_json() {
        let line = json!({ "count": plan.paths.len(), "steps": plan.steps.len() });
        return printer.record("summary", &line);
    }
    if plan.is_empty() {
        printer.say(&Message::Place(Place::NothingToDo));
    }
    Ok(())
}

fn duplicate(group: &Duplicate) -> Value {
    let mut line = json!({ "paths": group.paths, "bytes": group.bytes });
    match &group.same {
        Same::Content(digest) => line["sha256"] = json!(digest),
        Same::Tensors(digest) => line["autov3"] = json!(digest),
        _ => {}
    }
    line
}

fn text_of(group: &Duplicate, printer: &Printer) -> String {
    let head = Place::Group {
        is_content: matches!(group.same, Same::Content(_)),
        files: group.paths.len(),
        bytes: group.bytes,
    };
    let paths = group.paths.iter().map(|path| format!("\n  {path}"));
    Message::Place(head).say(printer.lang()) + &paths.collect::<String>()
}

fn company(args: &BesideArgs) -> Company {
    if args.leave_sidecars {
        Company::Alone
    } else {
        Company::Together
    }
}

fn form(text: &str) -> Result<Form, Failure> {
    Form::named(text).ok_or_else(|| {
        let names = Form::ALL.map(Form::name);
        let failure = Failure::usage(Message::Place(Place::NoForm {
            text: text.to_owned(),
            known: names.join(", "),
        }));
        match nearest(text, names.into_iter()) {
            Some(name) => failure.with_hint(Hint::DidYouMean(name.to_owned())),
            None => failure,
        }
    })
}

fn here(session: &Session) -> PathBuf {
    session.settings.layers.surroundings().directory.clone()
}

fn located(library: &Library, paths: &[PathBuf], here: &Path) -> Result<Vec<String>, Error> {
    paths
        .iter()
        .map(|path| locate(library, path, here))
        .collect()
}

fn locate(library: &Library, path: &Path, here: &Path) -> Result<String, Error> {
    let outside = || Error::Outside {
        path: path.to_owned(),
    };
    library.locate(path, here).ok_or_else(outside)
}

/// A folder of the library, which need not be there yet.
fn folder(library: &Library, to: &Path) -> Result<Destination, Error> {
    let below = to.strip_prefix(&library.root).unwrap_or(to);
    if below.as_os_str().is_empty() || below == Path::new(".") {
        return Ok(Destination::Folder(String::new()));
    }
    let text = below.to_string_lossy();
    let path = LibraryPath::parse(text.trim_end_matches('/'))?;
    Ok(Destination::Folder(path.to_string()))
}

/// What the last argument means, as for `mv`: a folder that is there or ends in a slash, and for one file a new path.
fn destination(
    library: &Library,
    files: &[PathBuf],
    to: &Path,
    here: &Path,
) -> Result<Destination, Error> {
    let is_folder = to.as_os_str().as_encoded_bytes().ends_with(b"/")
        || library.root.join(to).is_dir()
        || files.len() > 1
        || to.extension() != files[0].extension();
    let below = to.strip_prefix(&library.root).unwrap_or(to);
    if is_folder {
        return match library.locate(to, here) {
            Some(known) if library.root.join(&known).is_dir() => Ok(Destination::Folder(known)),
            _ => folder(library, below),
        };
    }
    Ok(Destination::Path(LibraryPath::parse(
        &below.to_string_lossy(),
    )?))
}

#[expect(clippy::needless_pass_by_value, reason = "it is a step of `map_err`")]
pub(crate) fn failure(error: Error) -> Failure {
    let failure = Failure::library(Kind::from_word(error.code()), &error);
    match error {
        Error::Held { .. } => failure.with_hint(Hint::Library(text::Library::TellProject)),
        Error::Missing { .. } => failure.with_hint(Hint::Library(text::Library::ScanFirst)),
        Error::Unknown { .. } => failure.with_hint(Hint::Library(text::Library::UndoLast)),
        _ => failure,
    }
}
