//! `library backup`, `restore`, `export`, `import`: the catalogue kept, and carried elsewhere.

use std::io::{self, BufReader, BufWriter};
use std::path::Path;
use std::time::SystemTime;

use civitai_library::Library as Place;
use civitai_library::backup::{self, Backup, Reason};
use civitai_library::exchange::{self, Form};
use serde_json::{Value, json};

use super::period::period;
use super::{blocking, failure, of};
use crate::args::{BackupArgs, CatalogueExportArgs, ImportArgs, RestoreArgs};
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::text::{Hint, Library, Message};

pub(super) async fn backup(args: BackupArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    if args.list {
        let listed = blocking(session, move || backup::list(&library.data_dir)).await?;
        return list(&listed.map_err(|error| backup_failure(&error))?, session);
    }
    let period = args
        .if_older
        .as_deref()
        .map(|text| period("--if-older", text))
        .transpose()?;
    let made = blocking(session, move || {
        let catalogue = library.catalogue()?;
        let (data_dir, keep) = (&library.data_dir, args.keep);
        match period {
            Some(period) => backup::make_if_due(&catalogue, data_dir, period, keep),
            None => backup::make(&catalogue, data_dir, Reason::Manual, keep).map(Some),
        }
    })
    .await?;
    let made = made.map_err(|error| backup_failure(&error))?;
    let printer = &session.printer;
    if printer.is_json() {
        if let Some(made) = &made {
            printer.record("backup", &record(made))?;
        }
        let count = usize::from(made.is_some());
        printer.record("summary", &json!({ "count": count }))?;
    } else {
        printer.say(&Message::Library(match made {
            Some(Backup { path, bytes, .. }) => Library::BackedUp { path, bytes },
            None => Library::BackupNotDue,
        }));
    }
    Ok(Exit::Done)
}

fn list(backups: &[Backup], session: &Session) -> Outcome {
    let printer = &session.printer;
    for backup in backups {
        if printer.is_json() {
            printer.record("backup", &record(backup))?;
        } else {
            printer.data(&backup.path.to_string_lossy())?;
        }
    }
    if printer.is_json() {
        printer.record("summary", &json!({ "count": backups.len() }))?;
    } else if backups.is_empty() {
        printer.say(&Message::Library(Library::NoBackups));
    }
    Ok(Exit::Done)
}

pub(super) async fn restore(args: RestoreArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let here = &session.settings.layers.surroundings().directory;
    let from = args.file.map(|file| here.join(file));
    if let Some(from) = &from {
        fs_err::metadata(from).map_err(|error| Failure::usage_io(&error))?;
    }
    let restored = blocking(session, move || {
        backup::restore(&library.data_dir, from.as_deref())
    })
    .await?;
    let (from, kept) = restored.map_err(|error| backup_failure(&error))?;
    let printer = &session.printer;
    if printer.is_json() {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let line = json!({ "path": text(&from), "kept": kept.as_deref().map(text) });
        printer.record("restored", &line)?;
        printer.record("summary", &json!({ "count": 1 }))?;
    } else {
        printer.say(&Message::Library(Library::Restored { from, kept }));
    }
    Ok(Exit::Done)
}

pub(super) async fn export(args: CatalogueExportArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let here = &session.settings.layers.surroundings().directory;
    let target = args.to.map(|to| here.join(to));
    let form = form(&args.format)?;
    let rows = blocking(session, {
        let target = target.clone();
        move || write(&library, target.as_deref(), form)
    })
    .await?;
    let rows = match rows {
        // Whoever read standard output has seen enough.
        Err(exchange::Error::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(Exit::Done);
        }
        rows => rows.map_err(|error| exchange_failure(&error))?,
    };
    if let Some(path) = target {
        if session.printer.is_json() {
            let line = json!({ "count": rows, "path": path.to_string_lossy() });
            session.printer.record("summary", &line)?;
        }
        session
            .printer
            .say(&Message::Library(Library::Exported { path, rows }));
    }
    Ok(Exit::Done)
}

fn form(text: &str) -> Result<Form, Failure> {
    Form::named(text).ok_or_else(|| crate::settings::not_one_of("--format", text, Form::NAMES))
}

fn write(library: &Place, target: Option<&Path>, form: Form) -> Result<u64, exchange::Error> {
    let catalogue = library.catalogue()?;
    match target {
        Some(path) => form.save(&catalogue, path),
        None => form.write(&catalogue, &mut BufWriter::new(io::stdout().lock())),
    }
}

pub(super) async fn import(args: ImportArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let path = session
        .settings
        .layers
        .surroundings()
        .directory
        .join(&args.file);
    let file = fs_err::File::open(&path).map_err(|error| Failure::usage_io(&error))?;
    let taken = blocking(session, move || {
        exchange::import(&library, &mut BufReader::new(file))
    })
    .await?;
    let rows = taken.map_err(|error| exchange_failure(&error))?;
    let printer = &session.printer;
    if printer.is_json() {
        printer.record("summary", &json!({ "count": rows }))?;
    }
    printer.say(&Message::Library(Library::Imported { path, rows }));
    Ok(Exit::Done)
}

/// Makes a copy of the catalogue if the last one is a day old. That it cannot be made stops nothing.
pub(super) async fn back_up_if_due(session: &Session) -> Result<(), Failure> {
    let library = of(session)?;
    let made = blocking(session, move || {
        let catalogue = library.catalogue()?;
        backup::make_if_due(&catalogue, &library.data_dir, backup::PERIOD, backup::KEEP)
    })
    .await?;
    if let Err(error) = made {
        session.printer.fail(&backup_failure(&error));
    }
    Ok(())
}

fn record(backup: &Backup) -> Value {
    let time = |time: SystemTime| jiff::Timestamp::try_from(time).ok();
    json!({
        "path": backup.path.to_string_lossy(),
        "made": time(backup.made).map(|time| time.to_string()),
        "reason": backup.reason.as_str(),
        "bytes": backup.bytes,
    })
}

fn backup_failure(error: &backup::Error) -> Failure {
    match error {
        backup::Error::Catalogue(error) => failure(error),
        backup::Error::Io(error) => Failure::io(error),
        backup::Error::NoBackup { .. } => {
            Failure::library(Kind::NotFound, error).with_hint(Hint::Library(Library::MakeBackup))
        }
        error => Failure::library(Kind::from_word(error.code()), error)
            .with_hint(Hint::Library(Library::OtherBackup)),
    }
}

fn exchange_failure(error: &exchange::Error) -> Failure {
    match error {
        exchange::Error::Backup(error) => backup_failure(error),
        exchange::Error::Catalogue(error) => failure(error),
        exchange::Error::Io(error) => Failure::io(error),
        error => Failure::library(Kind::from_word(error.code()), error),
    }
}
