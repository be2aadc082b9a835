//! What is known of a library and what there is, in lines.

use std::num::NonZeroU64;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use civitai_library::Library as Place;
use civitai_library::catalogue::{Entry as Known, MatchedBy};
use civitai_library::identify::Learned;
use civitai_library::repair::{Repair, Repaired as Mended, Sources, Wish};
use civitai_library::scan::{Reading, Scan, ScanTell, Scanned as Brought, Target};
use civitai_library::updates::{Base, updates};
use civitai_library::verify::{Checked as Stands, Pace, Reading as Due, ReadingError, look};
use civitai_library::workflow::{self, Finding, Shelf};
use civitai_security::redact_causes;
use pyo3::prelude::*;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::errors::Failure;
use crate::library::Library;
use crate::line::{Checked, Entry, Identity, Line, Reference, Repaired, Rows, Scanned, Update};
use crate::look::{blocking, identified};
use crate::site::Reach;

twins! { Library, place {
    /// Returns what is known of the files.
    fn list / list_async [] () -> Rows<Entry> = entries;

    /// Says how the files stand: by size and time, or, if `deep`, by reading each byte.
    fn verify / verify_async [*paths, deep = false, every = None, io_limit = None]
        (paths: Vec<PathBuf>, deep: bool, every: Option<Duration>, io_limit: Option<NonZeroU64>)
        -> Rows<Checked> = verified;

    /// Says what a file is by its header, and by what the library has taught.
    fn identify / identify_async [path] (path: PathBuf) -> Identity = told;
} }

twins! { Library, reach {
    /// Looks what is there, hashes what is new, and asks the site what it is.
    fn scan / scan_async [*folders, offline = false, hash = true]
        (folders: Vec<PathBuf>, offline: bool, hash: bool) -> Scanned = scanned;

    /// Makes damaged files whole, with as few bytes from elsewhere as it takes.
    fn repair / repair_async [*paths, copies = Vec::new(), offline = false]
        (paths: Vec<PathBuf>, copies: Vec<PathBuf>, offline: bool) -> Rows<Repaired> = repaired;

    /// Says of which models there are newer versions.
    fn updates / updates_async [*paths, same_base = false]
        (paths: Vec<PathBuf>, same_base: bool) -> Rows<Update> = updated;

    /// Returns the models that a workflow, or a picture with one in it, uses, and which of them are missing.
    fn references / references_async [path, *, offline = false]
        (path: PathBuf, offline: bool) -> Rows<Reference> = referred;
} }

async fn targets(place: &Place, paths: Vec<PathBuf>) -> Result<Vec<Target>, Failure> {
    let place = place.clone();
    Ok(blocking(move || Target::of(&place, &paths)).await??)
}

async fn scanned(
    reach: Reach,
    folders: Vec<PathBuf>,
    offline: bool,
    hash: bool,
) -> PyResult<Scanned> {
    let scan = Scan {
        client: reach.site_unless(offline)?.map(|site| site.client),
        library: reach.place,
        reading: if hash { Reading::All } else { Reading::Nothing },
        keys: None,
    };
    let targets = targets(&scan.library, folders).await?;
    let quiet: ScanTell = Arc::new(|_| {});
    let brought = scan.run(&targets, &quiet).await.map_err(Failure::from)?;
    Ok(of_scan(&brought).into())
}

fn of_scan(brought: &Brought) -> Line {
    let changes = &brought.changes;
    let problems = brought
        .problems
        .iter()
        .map(|problem| redact_causes(problem));
    let broken = brought.broken.iter().map(|problem| redact_causes(problem));
    let line = json!({
        "count": changes.files(),
        "new": changes.new.len(),
        "changed": changes.changed.len(),
        "moved": changes.moved.len(),
        "missing": changes.missing.len(),
        "back": changes.back.len(),
        "unchanged": changes.unchanged,
        "hashed": brought.hashed,
        "bytes": brought.bytes,
        "asked": brought.matched.asked,
        "matched": brought.matched.found,
        "bySidecar": brought.by_sidecar,
        "problems": problems.chain(broken).collect::<Vec<_>>(),
    });
    fields(line)
}

async fn entries(place: Place) -> PyResult<Rows<Entry>> {
    let known = blocking(move || match place.catalogue_if_there()? {
        Some(catalogue) => catalogue.entries(),
        None => Ok(Vec::new()),
    });
    let known = known.await?.map_err(Failure::from)?;
    Ok(known.iter().map(|entry| of_entry(entry).into()).collect())
}

fn of_entry(entry: &Known) -> Line {
    let origin = entry.matched.map(|matched| matched.origin);
    let sha256 = entry.digests.as_ref().and_then(|digests| digests.sha256);
    let line = json!({
        "path": entry.path,
        "bytes": entry.stamp.bytes,
        "sha256": sha256.map(|digest| digest.to_string()),
        "modelId": origin.and_then(|origin| origin.model),
        "versionId": origin.map(|origin| origin.version),
        "fileId": origin.and_then(|origin| origin.file),
        "modelType": entry.model_type(),
        "baseModel": entry.base_model(),
        "matchedBy": entry.matched.map(|matched| MatchedBy::as_str(matched.by)),
        "missing": entry.missing.is_some(),
    });
    fields(line)
}

async fn verified(
    place: Place,
    paths: Vec<PathBuf>,
    deep: bool,
    every: Option<Duration>,
    io_limit: Option<NonZeroU64>,
) -> PyResult<Rows<Checked>> {
    let every = every.unwrap_or_default();
    let mut checked = Vec::new();
    let cancel = CancellationToken::new();
    let _stop = cancel.clone().drop_guard();
    for target in targets(&place, paths).await? {
        if !deep {
            let stands = blocking(move || look(&target)).await?;
            let stands = stands.map_err(Failure::from)?;
            checked.extend(stands.iter().map(|stands| of_check(stands, &[])));
            continue;
        }
        let budget = Pace::new(io_limit, cancel.child_token());
        let read = blocking(move || {
            let mut reading = Due::of(&target, every)?;
            let others = std::mem::take(&mut reading.others);
            let mut all: Vec<_> = others
                .into_iter()
                .map(|stands| (stands, Vec::new()))
                .collect();
            for entry in std::mem::take(&mut reading.due) {
                all.push(reading.examine(&entry, &budget, &|_| {})?);
            }
            Ok::<_, ReadingError>(all)
        });
        let read = read.await?.map_err(Failure::from)?;
        checked.extend(read.iter().map(|(stands, ranges)| of_check(stands, ranges)));
    }
    Ok(checked.into_iter().map(Checked::from).collect())
}

fn of_check(stands: &Stands, ranges: &[Range<u64>]) -> Line {
    fields(json!({
        "path": stands.path,
        "status": stands.status.as_str(),
        "ranges": pairs(ranges),
    }))
}

/// Ranges as pairs, the first byte and the first one after; nothing where no range is known.
fn pairs(ranges: &[Range<u64>]) -> Option<Vec<[u64; 2]>> {
    let pairs = ranges.iter().map(|range| [range.start, range.end]);
    (!ranges.is_empty()).then(|| pairs.collect())
}

async fn repaired(
    reach: Reach,
    paths: Vec<PathBuf>,
    copies: Vec<PathBuf>,
    offline: bool,
) -> PyResult<Rows<Repaired>> {
    let site = reach.site_unless(offline)?;
    let cancel = CancellationToken::new();
    let _stop = cancel.clone().drop_guard();
    let mut done: Vec<Repaired> = Vec::new();
    for target in targets(&reach.place, paths).await? {
        let sources = Sources {
            folders: copies.clone(),
            site: site.clone(),
        };
        let opened = blocking(move || {
            let Some(catalogue) = target.library.catalogue_if_there()? else {
                return Ok(None);
            };
            let mut entries = catalogue.entries()?;
            entries.retain(|entry| target.covers(&entry.path));
            // Whoever names one file wants it back.
            let is_named = |entry: &Known| target.folders.contains(&entry.path);
            let entries: Vec<_> = entries
                .into_iter()
                .map(|entry| {
                    let wish = if is_named(&entry) {
                        Wish::ByName
                    } else {
                        Wish::Along
                    };
                    (entry, wish)
                })
                .collect();
            let repair = Repair::new(target.library.clone(), catalogue, sources)?;
            Ok::<_, civitai_library::repair::Error>(Some((Arc::new(repair), entries)))
        });
        let Some((repair, entries)) = opened.await?.map_err(Failure::from)? else {
            continue;
        };
        for (entry, wish) in entries {
            let outcome = repair.run(&entry, wish, &cancel).await;
            done.push(of_repair(&entry.path, outcome).into());
        }
    }
    Ok(Rows(done))
}

fn of_repair(path: &str, outcome: Result<Mended, civitai_library::repair::Error>) -> Line {
    let (status, fetched_bytes, ranges) = match &outcome {
        Ok(Mended::Whole) => ("ok", 0, None),
        Ok(Mended::Mended {
            located,
            fetched_bytes,
        }) => ("repaired", *fetched_bytes, pairs(&located.ranges)),
        Ok(Mended::Restored { .. }) => ("restored", 0, None),
        Ok(Mended::Fetched { fetched_bytes }) => ("fetched", *fetched_bytes, None),
        Ok(Mended::Missing) => ("missing", 0, None),
        Ok(Mended::Changed) => ("changed", 0, None),
        Ok(_) => ("unknown", 0, None),
        Err(_) => ("failed", 0, None),
    };
    let problem = outcome.err().map(|error| redact_causes(&error));
    fields(json!({
        "path": path,
        "status": status,
        "fetchedBytes": fetched_bytes,
        "ranges": ranges,
        "problem": problem,
    }))
}

async fn updated(reach: Reach, paths: Vec<PathBuf>, same_base: bool) -> PyResult<Rows<Update>> {
    let site = reach.site()?;
    let base = if same_base {
        Base::Same
    } else {
        Base::Compatible
    };
    let mut found: Vec<Update> = Vec::new();
    for target in targets(&reach.place, paths).await? {
        let asked = updates(&site.client, &target.library, base, |entry| {
            target.covers(&entry.path)
        });
        let newer = asked.await.map_err(Failure::from)?;
        found.extend(newer.into_iter().map(|update| {
            Update::from(fields(json!({
                "path": update.path,
                "versionId": update.version,
                "newVersionId": update.new_version,
                "newVersionName": update.name,
                "reason": update.reason.as_str(),
            })))
        }));
    }
    Ok(Rows(found))
}

async fn told(place: Place, path: PathBuf) -> PyResult<Identity> {
    let learned = blocking(move || match place.catalogue_if_there()? {
        Some(catalogue) => catalogue.learned(),
        None => Ok(Vec::new()),
    });
    let learned = learned.await?.map_err(Failure::from)?;
    identified(path, Learned::new(learned)).await
}

async fn referred(reach: Reach, path: PathBuf, offline: bool) -> PyResult<Rows<Reference>> {
    let site = reach.site_unless(offline)?;
    let (place, file) = (reach.place, path.clone());
    let looked = blocking(move || {
        let entries = match place.catalogue_if_there()? {
            Some(catalogue) => catalogue.entries()?,
            None => Vec::new(),
        };
        let mut shelf = Shelf::of_entries(entries);
        shelf.add_folder(&place.root);
        let references =
            workflow::read(&file).map_err(|error| Failure::new(error.code(), &error))?;
        let findings = references
            .into_iter()
            .map(|reference| shelf.find(reference));
        Ok::<Vec<Finding>, Failure>(findings.collect())
    });
    let mut findings = looked.await??;
    if let Some(site) = site {
        let mut open: Vec<&mut Finding> = findings.iter_mut().collect();
        let asked = workflow::ask_site(&site.client, &mut open).await;
        if let Some(error) = asked.error {
            return Err(Failure::from(error).into());
        }
    }
    let path = path.to_string_lossy();
    Ok(findings
        .iter()
        .map(|finding| of_finding(&path, finding).into())
        .collect())
}

fn of_finding(path: &str, finding: &Finding) -> Line {
    let mut line = Line::from_iter([("path".to_owned(), path.into())]);
    line.extend(finding.to_json());
    let choice = finding.choice().and_then(workflow::Candidate::link);
    line.insert("link".into(), choice.into());
    line
}

pub(crate) fn fields(line: Value) -> Line {
    match line {
        Value::Object(line) => line,
        _ => Line::new(),
    }
}
