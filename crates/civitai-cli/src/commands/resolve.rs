//! `resolve`.

use civitai_api::Link;
use serde_json::{Map, Value, json};

use crate::args::ResolveArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::links::{self, Entry};
use crate::printer::{Unwritable, printable};
use crate::session::{Outcome, Session};

pub(crate) fn run(args: &ResolveArgs, session: &Session) -> Outcome {
    let printer = &session.printer;
    let mut outcomes = Vec::new();
    for entry in links::expand(
        &args.links.links,
        &session.settings.base_url,
        printer.lang(),
    ) {
        match &entry.link {
            Ok(link) if printer.is_json() => printer.record("link", &link.to_json())?,
            Ok(link) => printer.data(&sentence(link))?,
            Err(failure) => report(&entry, failure, session)?,
        }
        outcomes.push(
            entry
                .link
                .map_or_else(|failure| failure.exit(), |_| Exit::Done),
        );
    }
    Ok(Exit::of_items(&outcomes))
}

/// A bad link keeps its place among the answers.
fn report(entry: &Entry, failure: &Failure, session: &Session) -> Result<(), Unwritable> {
    let printer = &session.printer;
    printer.fail(failure);
    if printer.is_json() {
        let error = failure.to_json(printer.lang());
        printer.record("error", &json!({ "input": entry.text, "error": error }))?;
    }
    Ok(())
}

/// `LINK  kind  field value, …`, and what cannot be done with it.
fn sentence(link: &Link) -> String {
    let fields: Vec<_> = link.to_json().iter().filter_map(field).collect();
    let mut text = format!("{}  {}", printable(link.input()), link.kind());
    if !fields.is_empty() {
        text = format!("{text}  {}", printable(&fields.join(", ")));
    }
    match link.caveat() {
        Some(caveat) => format!("{text}  ({caveat})"),
        None => text,
    }
}

fn field((name, value): (&String, &Value)) -> Option<String> {
    match (name.as_str(), value) {
        ("input" | "kind", _) | ("ambiguous", Value::Bool(false)) => None,
        ("ambiguous", _) => Some("or a version".to_owned()),
        (_, Value::Object(map)) => Some(pairs(map)),
        (_, Value::String(text)) => Some(format!("{name} {text}")),
        _ => Some(format!("{name} {value}")),
    }
}

fn pairs(map: &Map<String, Value>) -> String {
    let pairs: Vec<_> = map
        .iter()
        .map(|(name, value)| format!("{name} {}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.join(", ")
}
