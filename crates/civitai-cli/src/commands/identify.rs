//! `identify`.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use civitai_api::{BaseModel, ModelType};
use civitai_library::identify::{
    Error, Family, Format, Header, Identity, Learned, READ_BUDGET, identify_content,
    identify_header, identify_with,
};
use serde_json::json;

use crate::args::IdentifyArgs;
use crate::commands::library;
use crate::containers::{Containers, is_encrypted};
use crate::exit::{Exit, Kind};
use crate::failure::Failure;
use crate::printer::{Printer, Unwritable, printable};
use crate::session::{Outcome, Session};
use crate::text::Label;

pub(crate) async fn run(args: IdentifyArgs, session: &Session) -> Outcome {
    let learned = Arc::new(learned(session).await?);
    let containers = Arc::new(Containers::new(&args.passphrase, session)?);
    let mut sealed = args.files.clone();
    sealed.retain(|path| is_encrypted(path));
    containers.prepare(&sealed, session).await?;
    let mut outcomes = Vec::new();
    for path in args.files {
        let (file, known) = (path.clone(), Arc::clone(&learned));
        let (containers, is_dump) = (Arc::clone(&containers), args.header_json);
        let read = library::blocking(session, move || {
            if is_encrypted(&file) {
                from_container(&containers, &file, &known)
            } else if is_dump {
                from_dump(&file, &known)
            } else {
                from_file(&file, &known)
            }
        });
        let read = read.await;
        match read.and_then(|identity| identity) {
            Ok(identity) => {
                print(&path, &identity, &session.printer)?;
                outcomes.push(Exit::Done);
            }
            Err(failure) => {
                session.printer.fail_run(&failure);
                outcomes.push(failure.exit());
            }
        }
        if session.cancel.is_cancelled() {
            break;
        }
    }
    session.end_monitor();
    session.printer.sum(&outcomes)?;
    Ok(Exit::of_items(&outcomes))
}

/// What files of known truth have taught. That the catalogue cannot be read takes nothing from what is built in.
async fn learned(session: &Session) -> Result<Learned, Failure> {
    let place = library::of(session)?;
    let read = library::blocking(session, move || {
        let catalogue = place.catalogue_if_there()?;
        catalogue.map_or(Ok(Vec::new()), |catalogue| catalogue.learned())
    });
    Ok(match read.await? {
        Ok(observations) => Learned::new(observations),
        Err(error) => {
            session.printer.fail(&library::failure(&error));
            Learned::default()
        }
    })
}

fn from_file(path: &Path, learned: &Learned) -> Result<Identity, Failure> {
    identify_with(path, learned).map_err(|error| refused(&error))
}

/// Reads the header of the file that is in a container.
fn from_container(
    containers: &Containers,
    path: &Path,
    learned: &Learned,
) -> Result<Identity, Failure> {
    let content = containers.open(path)?;
    // The name says something of a file; that it is encrypted says nothing.
    let name = path.with_extension("");
    identify_content(&name, content, learned).map_err(|error| refused(&error))
}

/// Reads a dumped header from `path`, or from standard input where that is `-`.
fn from_dump(path: &Path, learned: &Learned) -> Result<Identity, Failure> {
    let mut text = Vec::new();
    // A dump is longer than the header it was made of, by white space at most as much again.
    let most = READ_BUDGET * 2;
    if path.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut text)
            .map_err(|error| Failure::io(&error))?;
    } else {
        let file = fs_err::File::open(path).map_err(|error| Failure::named(path, &error))?;
        file.take(most)
            .read_to_end(&mut text)
            .map_err(|error| Failure::usage_io(&error))?;
    }
    // Who dumps many headers may keep a few files as they are among them.
    if !starts_as_json(&text) && path.as_os_str() != "-" {
        return from_file(path, learned);
    }
    let header = Header::from_json(&text).map_err(|source| {
        refused(&Error::Malformed {
            path: path.to_owned(),
            format: Format::Safetensors,
            source,
        })
    })?;
    Ok(identify_header(&header, learned))
}

fn starts_as_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

fn refused(error: &Error) -> Failure {
    match error {
        Error::Io { path, source } => Failure::named(path, source),
        _ => Failure::library(Kind::Unsupported, error),
    }
}

fn print(path: &Path, identity: &Identity, printer: &Printer) -> Result<(), Unwritable> {
    let model_type = identity.model_type.as_ref().map(ModelType::as_str);
    let base_model = identity.base_model.as_ref().map(BaseModel::as_str);
    let family = identity.family.map(Family::as_str);
    if printer.is_json() {
        return printer.record(
            "identity",
            &json!({
                "path": path.to_string_lossy(),
                "format": identity.format.as_str(),
                "modelType": model_type,
                "baseModel": base_model,
                "family": family,
                "confidence": identity.confidence,
                "evidence": identity.evidence,
                "kind": identity.kind,
                "precision": identity.precision,
                "rank": identity.rank,
                "triggerWords": identity.trigger_words,
                "tensors": identity.tensors,
            }),
        );
    }
    let kind = identity.kind.as_deref().map(|kind| format!(" ({kind})"));
    let rows = [
        (Label::Format, Some(identity.format.as_str().to_owned())),
        (
            Label::Type,
            model_type.map(|name| name.to_owned() + kind.as_deref().unwrap_or_default()),
        ),
        (Label::Family, family.map(str::to_owned)),
        (Label::BaseModel, base_model.map(str::to_owned)),
        (
            Label::Confidence,
            Some(format!("{:.0} %", identity.confidence * 100.0)),
        ),
        (
            Label::Precision,
            identity.precision.as_deref().map(str::to_owned),
        ),
        (Label::Rank, identity.rank.map(|rank| rank.to_string())),
        (
            Label::TrainedWords,
            (!identity.trigger_words.is_empty()).then(|| identity.trigger_words.join(", ")),
        ),
    ];
    printer.data(&printable(&path.to_string_lossy()))?;
    for (label, value) in rows {
        let always = matches!(label, Label::Type | Label::Family);
        if let Some(value) = value.or_else(|| always.then(|| "-".to_owned())) {
            printer.data(&format!(
                "  {}: {}",
                label.say(printer.lang()),
                printable(&value)
            ))?;
        }
    }
    for finding in &identity.evidence {
        printer.data(&format!(
            "  {}: {}",
            Label::Evidence.say(printer.lang()),
            printable(finding)
        ))?;
    }
    Ok(())
}
