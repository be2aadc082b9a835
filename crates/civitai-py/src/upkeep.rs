//! The upkeep of a library: what is superfluous, what stands elsewhere than a layout says, copies of the catalogue.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use civitai_library::Library as Place;
use civitai_library::backup::{self, Reason};
use civitai_library::exchange::{self, Form};
use civitai_library::operation::{self, Error, Plan, Verb};
use civitai_library::quarantine;
use civitai_library::sidecar::Form as Sidecar;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::errors::Failure;
use crate::keep::{of_done, of_quarantine};
use crate::library::Library;
use crate::line::{Backup, Line, Operation, Orphan, Placement, Rows, Trashed};
use crate::look::blocking;
use crate::take;

twins! { Library, place {
    /// Writes the sidecars of a format, from those that are there.
    fn sidecars / sidecars_async [format, *paths]
        (format: String, paths: Vec<PathBuf>) -> Operation = translated;

    /// Lets files with the same content share it on the disk.
    fn link_duplicates / link_duplicates_async [] () -> Operation = shared;

    /// Returns what stands beside models that are no more.
    fn orphans / orphans_async [] () -> Rows<Orphan> = orphans;

    /// Takes what stands beside models that are no more into the trash.
    fn remove_orphans / remove_orphans_async [] () -> Operation = discarded;

    /// Returns where a layout would put each file.
    fn tree / tree_async [layout = None] (layout: Option<String>) -> Rows<Placement> = placed;

    /// Makes a copy of the catalogue, and keeps so many.
    fn backup / backup_async [*, keep = backup::KEEP] (keep: usize) -> Backup = backed_up;

    /// Returns the copies of the catalogue.
    fn backups / backups_async [] () -> Rows<Backup> = backups;

    /// Puts a copy of the catalogue in its place, the newest unless one is named; returns which.
    fn restore / restore_async [file = None] (file: Option<PathBuf>) -> PathBuf = restored;

    /// Checks the catalogue; returns what is wrong with it.
    fn check / check_async [] () -> Vec<String> = checked;

    /// Writes the catalogue to a file; returns how many rows that was.
    fn export_catalogue / export_catalogue_async [path, *, format = "jsonl".to_owned()]
        (path: PathBuf, format: String) -> u64 = written;

    /// Takes in what another catalogue has written; returns how many rows that was.
    fn import_catalogue / import_catalogue_async [path] (path: PathBuf) -> u64 = taken_in;

    /// Returns what operations have put aside.
    fn trash / trash_async [*ids] (ids: Vec<u64>) -> Rows<Trashed> = trashed;

    /// Deletes what operations have put aside, all of it or what these have; returns what it was.
    fn empty_trash / empty_trash_async [*ids] (ids: Vec<u64>) -> Rows<Trashed> = emptied;

    /// Deletes a file in quarantine; returns where it was.
    fn delete_quarantined / delete_quarantined_async [id] (id: u64) -> PathBuf = deleted;
} }

async fn translated(place: Place, format: String, paths: Vec<PathBuf>) -> PyResult<Operation> {
    let form = Sidecar::named(&format)
        .ok_or_else(|| unknown(&format, &Sidecar::ALL.map(Sidecar::name)))?;
    let plan = move |library: &Place| {
        let translation = library.plan_sidecars(form, &located(library, &paths)?)?;
        Ok(translation.plan)
    };
    carry_out(place, plan).await
}

/// A format that there is not.
fn unknown(format: &str, known: &[&str]) -> Failure {
    let known = known.join(", ");
    Failure::saying("usage", format!("format: {format:?} is none of {known}"))
}

async fn shared(place: Place) -> PyResult<Operation> {
    let plan = |library: &Place| Ok(library.plan_share(&library.duplicates()?));
    carry_out(place, plan).await
}

async fn discarded(place: Place) -> PyResult<Operation> {
    let plan = |library: &Place| Ok(library.plan_discard(&library.orphans()?));
    carry_out(place, plan).await
}

/// Makes a plan and carries it out. What a killed operation moved is put back first.
async fn carry_out(
    place: Place,
    plan: impl FnOnce(&Place) -> Result<Plan, Error> + Send + 'static,
) -> PyResult<Operation> {
    let done = blocking(move || {
        place.recover()?;
        place.apply(&plan(&place)?)
    });
    let done = done.await?.map_err(Failure::from)?;
    Ok(of_done(&done).into())
}

async fn orphans(place: Place) -> PyResult<Rows<Orphan>> {
    let found = blocking(move || place.orphans()).await?;
    let found = found.map_err(Failure::from)?;
    let lines = found.iter().map(|orphan| {
        let kind = orphan.kind.as_str();
        line([("path", json!(orphan.path)), ("kind", json!(kind))])
    });
    Ok(lines.map(Orphan::from).collect())
}

async fn placed(place: Place, layout: Option<String>) -> PyResult<Rows<Placement>> {
    let layout = take::maybe("layout", layout.as_deref())?.unwrap_or_else(|| place.layout.clone());
    let found = blocking(move || place.placements(&layout)).await?;
    let found = found.map_err(Failure::from)?;
    let lines = found.iter().map(|placement| {
        let (path, target) = (json!(placement.path), json!(placement.target));
        line([("path", path), ("target", target)])
    });
    Ok(lines.map(Placement::from).collect())
}

async fn backed_up(place: Place, keep: usize) -> PyResult<Backup> {
    let made = blocking(move || {
        let catalogue = place.catalogue()?;
        backup::make(&catalogue, &place.data_dir, Reason::Manual, keep)
    });
    Ok(of_backup(&made.await?.map_err(Failure::from)?))
}

async fn backups(place: Place) -> PyResult<Rows<Backup>> {
    let listed = blocking(move || backup::list(&place.data_dir)).await?;
    let listed = listed.map_err(Failure::from)?;
    Ok(listed.iter().map(of_backup).collect())
}

async fn restored(place: Place, file: Option<PathBuf>) -> PyResult<PathBuf> {
    let restored = blocking(move || backup::restore(&place.data_dir, file.as_deref())).await?;
    let (from, _) = restored.map_err(Failure::from)?;
    Ok(from)
}

async fn checked(place: Place) -> PyResult<Vec<String>> {
    let checked = blocking(move || match place.catalogue_if_there()? {
        Some(catalogue) => catalogue.check(),
        None => Ok(Vec::new()),
    });
    Ok(checked.await?.map_err(Failure::from)?)
}

async fn written(place: Place, path: PathBuf, format: String) -> PyResult<u64> {
    let form = Form::named(&format).ok_or_else(|| unknown(&format, Form::NAMES))?;
    let rows = blocking(move || form.save(&place.catalogue()?, &path)).await?;
    Ok(rows.map_err(Failure::from)?)
}

async fn taken_in(place: Place, path: PathBuf) -> PyResult<u64> {
    let rows = blocking(move || {
        let file = fs_err::File::open(&path)?;
        exchange::import(&place, &mut BufReader::new(file))
    });
    Ok(rows.await?.map_err(Failure::from)?)
}

async fn trashed(place: Place, ids: Vec<u64>) -> PyResult<Rows<Trashed>> {
    let found = blocking(move || place.trash(&ids)).await?;
    Ok(of_trash(&found.map_err(Failure::from)?))
}

async fn emptied(place: Place, ids: Vec<u64>) -> PyResult<Rows<Trashed>> {
    let emptied = blocking(move || {
        let trash = place.trash(&ids)?;
        place.empty_trash(&trash)?;
        Ok(trash)
    });
    let emptied: Result<_, Error> = emptied.await?;
    Ok(of_trash(&emptied.map_err(Failure::from)?))
}

fn of_trash(trash: &[operation::Trashed]) -> Rows<Trashed> {
    let lines = trash.iter().map(|one| {
        line([
            ("id", json!(one.id)),
            ("verb", json!(one.verb.map(Verb::as_str))),
            ("since", json!(moment(one.since))),
            ("files", json!(one.files)),
            ("bytes", json!(one.bytes)),
        ])
    });
    lines.map(Trashed::from).collect()
}

async fn deleted(place: Place, id: u64) -> PyResult<PathBuf> {
    let deleted = blocking(move || quarantine::delete(&place, id)).await?;
    Ok(deleted.map_err(|error| of_quarantine(&error))?)
}

fn of_backup(backup: &backup::Backup) -> Backup {
    let fields = [
        ("path", json!(backup.path.to_string_lossy())),
        ("made", json!(moment(backup.made))),
        ("reason", json!(backup.reason.as_str())),
        ("bytes", json!(backup.bytes)),
    ];
    line(fields).into()
}

fn line<const FIELDS: usize>(fields: [(&str, Value); FIELDS]) -> Line {
    let fields = fields.into_iter();
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn moment(moment: SystemTime) -> Option<String> {
    let moment = jiff::Timestamp::try_from(moment).ok()?;
    Some(moment.to_string())
}

fn located(library: &Place, paths: &[PathBuf]) -> Result<Vec<String>, Error> {
    paths.iter().map(|path| locate(library, path)).collect()
}

/// A path below the root of the library, or from the working directory.
fn locate(library: &Place, path: &Path) -> Result<String, Error> {
    let here = std::path::absolute(".").unwrap_or_default();
    library.locate(path, &here).ok_or_else(|| Error::Outside {
        path: path.to_owned(),
    })
}
