//! The library kept in order: operations that can be taken back, and what is in quarantine.

use std::path::PathBuf;

use civitai_download::quarantine::Reason;
use civitai_library::Library as Place;
use civitai_library::operation::{Company, Destination, Done, Plan};
use civitai_library::quarantine;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::errors::Failure;
use crate::library::Library;
use crate::line::{Duplicate, Held, Line, Operation, Rows};
use crate::look::blocking;
use crate::stock::fields;

twins! { Library, place {
    /// Puts models, and what stands beside them, into the trash.
    fn remove / remove_async [*paths] (paths: Vec<PathBuf>) -> Operation = removed;

    /// Moves models, and what stands beside them, into a folder below the root, or to where the layout says.
    fn r#move / move_async [*paths, to = None] (paths: Vec<PathBuf>, to: Option<String>) -> Operation = moved;

    /// Gives a model, and what stands beside it, another name.
    fn rename / rename_async [path, name] (path: PathBuf, name: String) -> Operation = renamed;

    /// Takes an operation back; the latest, if none is named.
    fn undo / undo_async [id = None] (id: Option<u64>) -> Operation = undone;

    /// Returns the groups of files that are alike.
    fn duplicates / duplicates_async [] () -> Rows<Duplicate> = duplicates;

    /// Returns what is in quarantine.
    fn quarantine / quarantine_async [] () -> Rows<Held> = held;

    /// Gives a file in quarantine its name after all.
    fn release / release_async [id] (id: u64) -> PathBuf = release;
} }

async fn removed(place: Place, paths: Vec<PathBuf>) -> PyResult<Operation> {
    carry_out(place, Deed::Remove(paths)).await
}

async fn moved(place: Place, paths: Vec<PathBuf>, to: Option<String>) -> PyResult<Operation> {
    carry_out(place, Deed::Move(paths, to)).await
}

async fn renamed(place: Place, path: PathBuf, name: String) -> PyResult<Operation> {
    carry_out(place, Deed::Rename(path, name)).await
}

async fn undone(place: Place, id: Option<u64>) -> PyResult<Operation> {
    carry_out(place, Deed::Undo(id)).await
}

/// What is to be done to a library.
enum Deed {
    /// Files go into a folder below the root, or to where the layout says.
    Move(Vec<PathBuf>, Option<String>),
    /// Files go into the trash.
    Remove(Vec<PathBuf>),
    /// A file, and what stands beside it, gets another name.
    Rename(PathBuf, String),
    /// An operation is taken back; the latest, if none is named.
    Undo(Option<u64>),
}

impl Deed {
    fn plan(self, place: &Place) -> Result<Plan, Failure> {
        let below = |path: PathBuf| {
            let path = if path.is_absolute() {
                path
            } else {
                place.root.join(path)
            };
            let outside = || {
                let problem = format!("{} is not in the library", path.display());
                Failure::saying("usage", problem)
            };
            place.relative(&path).ok_or_else(outside)
        };
        let all = |paths: Vec<PathBuf>| paths.into_iter().map(below).collect::<Result<Vec<_>, _>>();
        let planned = match self {
            Self::Move(paths, to) => {
                let to = match to {
                    Some(folder) => Destination::Folder(folder),
                    None => Destination::Layout(place.layout.clone()),
                };
                place.plan_move(&all(paths)?, &to, Company::Together)
            }
            Self::Remove(paths) => place.plan_remove(&all(paths)?, Company::Together),
            Self::Rename(path, name) => place.plan_rename(&below(path)?, &name, Company::Together),
            Self::Undo(id) => place.plan_undo(id),
        };
        Ok(planned?)
    }
}

/// Plans a deed and carries it out.
async fn carry_out(place: Place, deed: Deed) -> PyResult<Operation> {
    let done = blocking(move || {
        place.recover()?;
        Ok::<_, Failure>(place.apply(&deed.plan(&place)?)?)
    });
    Ok(of_done(&done.await??).into())
}

pub(crate) fn of_done(done: &Done) -> Line {
    fields(json!({
        "id": done.id,
        "verb": done.verb.as_str(),
        "paths": done.paths,
        "undoable": done.undoable,
    }))
}

/// Files of equal content, or of equal tensors.
async fn duplicates(place: Place) -> PyResult<Rows<Duplicate>> {
    let found = blocking(move || place.duplicates()).await?;
    let found = found.map_err(Failure::from)?;
    let groups = found.groups.iter().map(|group| {
        let line = json!({ "paths": group.paths, "bytes": group.bytes });
        Duplicate::from(fields(line))
    });
    Ok(groups.collect())
}

/// What is in quarantine.
async fn held(place: Place) -> PyResult<Rows<Held>> {
    let held = blocking(move || quarantine::list(&place)).await?;
    let held = held.map_err(|error| of_quarantine(&error))?;
    let lines = held.iter().map(|held| {
        let note = held.kept.note.as_ref();
        let reason = note.map(|note| reason(&note.reason));
        let line: Value = json!({
            "path": held.kept.path.to_string_lossy(),
            "id": held.id,
            "bytes": held.kept.bytes,
            "reason": reason,
        });
        Held::from(fields(line))
    });
    Ok(lines.collect())
}

fn reason(reason: &Reason) -> String {
    match reason {
        Reason::Integrity { .. } => "integrity".to_owned(),
        Reason::Refused { reason } => reason.clone(),
        _ => "other".to_owned(),
    }
}

/// Gives a file in quarantine its name after all; returns where it is now.
async fn release(place: Place, id: u64) -> PyResult<PathBuf> {
    let released = blocking(move || quarantine::release(&place, id)).await?;
    Ok(released.map_err(|error| of_quarantine(&error))?)
}

pub(crate) fn of_quarantine(error: &quarantine::Error) -> Failure {
    let kind = match error {
        quarantine::Error::Unknown { .. } => "not_found",
        _ => "io",
    };
    Failure::new(kind, error)
}
