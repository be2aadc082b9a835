//! `library show`.

use civitai_library::catalogue::{Entry, Error, Past, Subject};
use civitai_library::{Catalogue, Library as Place};
use serde_json::{Value, json};

use super::list::record;
use super::{blocking, failure, of, real};
use crate::args::ShowArgs;
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::printer::{Printer, Unwritable};
use crate::session::{Outcome, Session};
use crate::text::{Hint, Label, Library, Message, size};

pub(super) async fn run(args: ShowArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let here = session.settings.layers.surroundings().directory.clone();
    let mut outcomes = Vec::new();
    for name in args.files {
        let (library, path) = (library.clone(), real(&here.join(&name))?);
        let wanted = name.clone();
        let found = blocking(session, move || find(&library, &wanted, &path)).await?;
        let found = found.map_err(|error| failure(&error))?;
        if found.is_empty() {
            let message = Message::Library(Library::UnknownFile { name });
            let hint = Hint::Library(Library::ScanFirst);
            let failure = Failure::new(Kind::NotFound, message).with_hint(hint);
            session.printer.fail_run(&failure);
            outcomes.push(failure.exit());
            continue;
        }
        for known in &found {
            print(known, &session.printer)?;
        }
        outcomes.push(Exit::Done);
    }
    session.printer.sum(&outcomes)?;
    Ok(Exit::of_items(&outcomes))
}

/// A file, and what happened to it.
struct Known {
    entry: Entry,
    past: Option<Past>,
    snapshots: usize,
}

/// What is known by this name: a path below the root or from here, or the digest of a content.
fn find(library: &Place, name: &str, path: &std::path::Path) -> Result<Vec<Known>, Error> {
    let Some(catalogue) = library.catalogue_if_there()? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    if let Some(entry) = catalogue.entry(name)? {
        found.push(entry);
    } else if let Some(relative) = library.relative(path) {
        found.extend(catalogue.entry(&relative)?);
    }
    if found.is_empty() {
        let sha256 = name.to_ascii_lowercase();
        found = catalogue.entries()?;
        found.retain(|entry| {
            let digests = entry.digests.as_ref();
            let digest = digests.and_then(|digests| digests.sha256);
            digest.is_some_and(|digest| digest.to_string() == sha256)
        });
    }
    found
        .into_iter()
        .map(|entry| known(&catalogue, entry))
        .collect()
}

fn known(catalogue: &Catalogue, entry: Entry) -> Result<Known, Error> {
    let Some(origin) = entry.matched.map(|matched| matched.origin) else {
        return Ok(Known {
            entry,
            past: None,
            snapshots: 0,
        });
    };
    let history = catalogue.history()?;
    let is_it =
        |past: &Past| (past.origin.version, past.origin.file) == (origin.version, origin.file);
    let snapshots = match origin.model {
        Some(model) => catalogue.snapshots(Subject::Model(model))?.len(),
        None => catalogue.snapshots(Subject::Version(origin.version))?.len(),
    };
    Ok(Known {
        entry,
        past: history.into_iter().find(is_it),
        snapshots,
    })
}

fn print(known: &Known, printer: &Printer) -> Result<(), Unwritable> {
    if printer.is_json() {
        return printer.record("entry", &details(known));
    }
    let lang = printer.lang();
    let entry = &known.entry;
    let described = entry.described.clone().unwrap_or_default();
    printer.data(&crate::printer::printable(&entry.path))?;
    let origin = entry.matched.map(|matched| matched.origin);
    let digests = entry.digests.clone().unwrap_or_default();
    let state = entry
        .missing
        .map(|_| Message::Library(Library::Gone).say(lang));
    let rows = [
        (Label::Size, Some(size(entry.stamp.bytes))),
        (Label::Status, state),
        (Label::Type, entry.model_type().map(str::to_owned)),
        (Label::BaseModel, entry.base_model().map(str::to_owned)),
        (Label::Model, described.model),
        (Label::Version, described.version),
        (Label::Creator, described.creator),
    ];
    for (label, value) in rows {
        if let Some(value) = value {
            printer.data(&format!(
                "  {}: {}",
                label.say(lang),
                crate::printer::printable(&value)
            ))?;
        }
    }
    let lines = [
        ("SHA256", digests.sha256.map(|digest| digest.to_string())),
        ("BLAKE3", digests.blake3.map(|digest| digest.to_string())),
        (
            "AutoV3",
            digests.auto_v3_short().map(|digest| digest.to_string()),
        ),
        (
            "modelId",
            origin
                .and_then(|origin| origin.model)
                .map(|id| id.to_string()),
        ),
        ("versionId", origin.map(|origin| origin.version.to_string())),
        (
            "fileId",
            origin
                .and_then(|origin| origin.file)
                .map(|id| id.to_string()),
        ),
    ];
    for (name, value) in lines {
        if let Some(value) = value {
            printer.data(&format!("  {name}: {value}"))?;
        }
    }
    Ok(())
}

/// The JSON line of a file with all that is known of it.
fn details(known: &Known) -> Value {
    let entry = &known.entry;
    let mut line = record(entry);
    let digests = entry.digests.clone().unwrap_or_default();
    let time = |time: std::time::SystemTime| {
        jiff::Timestamp::try_from(time)
            .ok()
            .map(|time| time.to_string())
    };
    let described = entry.described.clone().unwrap_or_default();
    let more = json!({
        "blake3": digests.blake3.map(|digest| digest.to_string()),
        "crc32": digests.crc32.map(|digest| digest.to_string()),
        "autov1": digests.auto_v1.map(|digest| digest.to_string()),
        "autov3": digests.auto_v3_short().map(|digest| digest.to_string()),
        "added": time(entry.added),
        "missingSince": entry.missing.and_then(time),
        "removed": entry.is_removed,
        "modelName": described.model,
        "versionName": described.version,
        "creator": described.creator,
        "goneSince": described.gone.and_then(time),
        "identity": entry.identity.as_ref().map(|identity| json!({
            "format": identity.format,
            "modelType": identity.model_type,
            "baseModel": identity.base_model,
            "family": identity.family,
            "confidence": identity.confidence,
            "evidence": identity.evidence,
        })),
        "snapshots": known.snapshots,
        "history": known.past.as_ref().map(|past| json!({
            "state": past.ended.as_str(),
            "attempts": past.attempts,
            "first": time(past.first),
            "last": time(past.last),
            "link": past.link,
        })),
    });
    if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
        line.extend(more);
    }
    line
}
