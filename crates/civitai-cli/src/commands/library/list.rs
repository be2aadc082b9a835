//! `library list`.

use civitai_api::{FileId, ModelId, VersionId};
use civitai_library::Library;
use civitai_library::catalogue::{Entry, Error, MatchedBy};
use serde::Serialize;
use serde_json::{Value, json};

use super::{blocking, failure, of};
use crate::args::ListArgs;
use crate::exit::Exit;
use crate::printer::{Printer, Unwritable};
use crate::session::{Outcome, Session};
use crate::table::{self, Column};
use crate::text::{self, Label, Message, size};

pub(super) async fn run(args: ListArgs, session: &Session) -> Outcome {
    let library = of(session)?;
    let shelves = blocking(session, move || shelves(&library)).await?;
    let mut shelves = shelves.map_err(|error| failure(&error))?;
    for shelf in &mut shelves {
        shelf.entries.retain(|entry| is_wanted(entry, &args));
    }
    let printer = &session.printer;
    let all = || shelves.iter().flat_map(|shelf| &shelf.entries);
    let bytes: u64 = all().map(|entry| entry.stamp.bytes).sum();
    if printer.is_json() {
        for shelf in &shelves {
            shelf.record(printer)?;
        }
        printer.record(
            "summary",
            &json!({ "count": all().count(), "bytes": bytes }),
        )?;
        return Ok(Exit::Done);
    }
    let count = all().count();
    if count == 0 {
        printer.say(&Message::Library(text::Library::NothingKnown));
    } else {
        printer.data(&table(&shelves, printer))?;
        printer.say(&Message::Library(text::Library::Listed { count, bytes }));
    }
    Ok(Exit::Done)
}

/// The files of one root.
pub(super) struct Shelf {
    /// The root, where it is not that of the library.
    pub(super) root: Option<String>,
    pub(super) entries: Vec<Entry>,
}

impl Shelf {
    pub(super) fn record(&self, printer: &Printer) -> Result<(), Unwritable> {
        let root = self.root.as_deref();
        printer.records(
            "entry",
            self.entries.iter().map(|entry| Line::of(entry, root)),
        )
    }

    fn path(&self, entry: &Entry) -> String {
        match &self.root {
            Some(root) => format!("{root}/{}", entry.path),
            None => entry.path.clone(),
        }
    }
}

/// The files of the library, and of what else was scanned.
pub(super) fn shelves(library: &Library) -> Result<Vec<Shelf>, Error> {
    let Some(catalogue) = library.catalogue_if_there()? else {
        return Ok(Vec::new());
    };
    let mut shelves = vec![Shelf {
        root: None,
        entries: catalogue.entries()?,
    }];
    for root in catalogue.extra_roots()? {
        shelves.push(Shelf {
            entries: library.at(&root).catalogue()?.entries()?,
            root: Some(root.to_string_lossy().into_owned()),
        });
    }
    Ok(shelves)
}

fn is_wanted(entry: &Entry, args: &ListArgs) -> bool {
    let is = |wanted: &Option<String>, value: Option<&str>| match (wanted, value) {
        (None, _) => true,
        (Some(wanted), Some(value)) => wanted.eq_ignore_ascii_case(value),
        (Some(_), None) => false,
    };
    let described = entry.described.as_ref();
    let has = |text: &String| {
        let text = text.to_lowercase();
        let names = [
            Some(entry.path.as_str()),
            described.and_then(|of| of.model.as_deref()),
            described.and_then(|of| of.version.as_deref()),
        ];
        let mut names = names.into_iter().flatten();
        names.any(|name| name.to_lowercase().contains(&text))
    };
    entry.missing.is_some() == args.missing
        && !(args.unmatched && entry.matched.is_some())
        && is(&args.model_type, entry.model_type())
        && is(&args.base_model, entry.base_model())
        && args.text.as_ref().is_none_or(has)
}

fn table(shelves: &[Shelf], printer: &Printer) -> String {
    let lang = printer.lang();
    let columns = [
        Column::text(Label::File.say(lang)),
        Column::number(Label::Size.say(lang)),
        Column::text(Label::Type.say(lang)),
        Column::text(Label::BaseModel.say(lang)),
        Column::text(Label::Model.say(lang)),
    ];
    let rows = shelves.iter().flat_map(|shelf| {
        shelf.entries.iter().map(|entry| {
            let described = entry.described.as_ref();
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            vec![
                shelf.path(entry),
                size(entry.stamp.bytes),
                text(entry.model_type()),
                text(entry.base_model()),
                text(described.and_then(|of| of.model.as_deref())),
            ]
        })
    });
    table::render(&columns, rows.collect())
}

/// The JSON line of a file of the library, for who adds to it.
pub(super) fn record(entry: &Entry) -> Value {
    json!(Line::of(entry, None))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    path: &'a str,
    bytes: u64,
    sha256: Option<String>,
    model_id: Option<ModelId>,
    version_id: Option<VersionId>,
    file_id: Option<FileId>,
    model_type: Option<&'a str>,
    base_model: Option<&'a str>,
    matched_by: Option<&'static str>,
    /// Whether a digest bears out what a sidecar says; absent where nobody has to take its word.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<&'a str>,
}

impl<'a> Line<'a> {
    fn of(entry: &'a Entry, root: Option<&'a str>) -> Self {
        let origin = entry.matched.map(|matched| matched.origin);
        let sha256 = entry.digests.as_ref().and_then(|digests| digests.sha256);
        Self {
            path: &entry.path,
            bytes: entry.stamp.bytes,
            sha256: sha256.map(|digest| digest.to_string()),
            model_id: origin.and_then(|origin| origin.model),
            version_id: origin.map(|origin| origin.version),
            file_id: origin.and_then(|origin| origin.file),
            model_type: entry.model_type(),
            base_model: entry.base_model(),
            matched_by: entry.matched.map(|matched| matched.by.as_str()),
            checked: entry
                .matched
                .filter(|matched| matched.by == MatchedBy::Sidecar)
                .map(|matched| matched.is_proved),
            root,
        }
    }
}
