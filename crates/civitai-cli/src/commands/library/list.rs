//! `library list`.

use civitai_library::catalogue::Entry;
use serde_json::{Value, json};

use super::{blocking, failure, of};
use crate::args::ListArgs;
use crate::exit::Exit;
use crate::session::{Outcome, Session};
use crate::table::{self, Column};
use crate::text::{Label, Library, Message, size};

pub(super) async fn run(ListArgs {}: ListArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let entries = blocking(session, move || match library.catalogue_if_there()? {
        Some(catalogue) => catalogue.entries(),
        None => Ok(Vec::new()),
    })
    .await?;
    let mut entries = entries.map_err(|error| failure(&error))?;
    entries.retain(|entry| entry.missing.is_none());
    let printer = &session.printer;
    if printer.is_json() {
        for entry in &entries {
            printer.record("entry", &record(entry))?;
        }
        let bytes: u64 = entries.iter().map(|entry| entry.stamp.bytes).sum();
        printer.record(
            "summary",
            &json!({ "count": entries.len(), "bytes": bytes }),
        )?;
    } else if entries.is_empty() {
        printer.say(&Message::Library(Library::NothingKnown));
    } else {
        let lang = printer.lang();
        let columns = [
            Column::text(Label::File.say(lang)),
            Column::number(Label::Size.say(lang)),
            Column::text(Label::Type.say(lang)),
            Column::text(Label::BaseModel.say(lang)),
        ];
        let rows = entries.iter().map(|entry| {
            let identity = entry.identity.as_ref();
            let base_model = identity.and_then(|identity| identity.base_model.clone());
            vec![
                entry.path.clone(),
                size(entry.stamp.bytes),
                entry.model_type().unwrap_or_default().to_owned(),
                base_model.unwrap_or_default(),
            ]
        });
        printer.data(&table::render(&columns, rows.collect()))?;
    }
    Ok(Exit::Done)
}

/// The JSON line of a file of the library.
pub(super) fn record(entry: &Entry) -> Value {
    let identity = entry.identity.as_ref();
    let origin = entry.matched.map(|matched| matched.origin);
    let sha256 = entry.digests.as_ref().and_then(|digests| digests.sha256);
    json!({
        "path": entry.path,
        "bytes": entry.stamp.bytes,
        "sha256": sha256.map(|digest| digest.to_string()),
        "modelId": origin.and_then(|origin| origin.model),
        "versionId": origin.map(|origin| origin.version),
        "fileId": origin.and_then(|origin| origin.file),
        "modelType": entry.model_type(),
        "baseModel": identity.and_then(|identity| identity.base_model.as_deref()),
        "matchedBy": entry.matched.map(|matched| matched.by.as_str()),
    })
}
