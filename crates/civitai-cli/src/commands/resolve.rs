//! `resolve`.

use civitai_api::{Client, Link};
use serde_json::{Map, Value, json};

use crate::args::ResolveArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::links::{self, Entry};
use crate::network;
use crate::printer::{Unwritable, printable};
use crate::session::{Outcome, Session};
use crate::text::{Label, Lang};

pub(crate) async fn run(args: &ResolveArgs, session: &Session) -> Outcome {
    let printer = &session.printer;
    let client = if args.online {
        Some(network::browsing(session, args.asking)?)
    } else {
        None
    };
    let mut outcomes = Vec::new();
    for entry in links::expand(
        &args.links.links,
        &session.settings.base_url,
        printer.lang(),
    ) {
        let Entry { text, link } = entry;
        let answer = match (link, &client) {
            (Ok(link), Some(client)) => ask(&link, client, session)
                .await
                .map(|fields| (link, fields)),
            (Ok(link), None) => {
                let fields = link.to_json();
                Ok((link, fields))
            }
            (Err(failure), _) => Err(failure),
        };
        let outcome = match answer {
            Ok((_, fields)) if printer.is_json() => {
                printer.record("link", &fields).map(|()| Exit::Done)
            }
            Ok((link, fields)) => printer
                .data(&sentence(&link, &fields, printer.lang()))
                .map(|()| Exit::Done),
            Err(failure) => report(&text, &failure, session).map(|()| failure.exit()),
        };
        outcomes.push(outcome?);
    }
    session.end_monitor();
    printer.sum(&outcomes)?;
    Ok(Exit::of_items(&outcomes))
}

/// What the link says, completed and corrected by what the site knows.
async fn ask(
    link: &Link,
    client: &Client,
    session: &Session,
) -> Result<Map<String, Value>, Failure> {
    let fields = session
        .cancel
        .run_until_cancelled(client.resolve(link))
        .await
        .ok_or_else(Failure::interrupted)?;
    fields.map_err(|error| network::failure(&error))
}

/// A bad link keeps its place among the answers.
fn report(text: &str, failure: &Failure, session: &Session) -> Result<(), Unwritable> {
    let printer = &session.printer;
    printer.fail(failure);
    if printer.is_json() {
        let error = failure.to_json(printer.lang());
        printer.record("error", &json!({ "input": text, "error": error }))?;
    }
    Ok(())
}

/// `LINK  kind  field value, …`, and what cannot be done with it.
fn sentence(link: &Link, fields: &Map<String, Value>, lang: Lang) -> String {
    let kind = fields
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let fields: Vec<_> = fields
        .iter()
        .filter_map(|(name, value)| field(name, value, lang))
        .collect();
    let mut text = format!("{}  {kind}", printable(link.input()));
    if !fields.is_empty() {
        text = format!("{text}  {}", printable(&fields.join(", ")));
    }
    match link.caveat() {
        Some(caveat) => format!("{text}  ({caveat})"),
        None => text,
    }
}

fn field(name: &str, value: &Value, lang: Lang) -> Option<String> {
    match (name, value) {
        ("input" | "kind", _) | ("ambiguous", Value::Bool(false)) => None,
        ("ambiguous", _) => Some(Label::OrVersion.say(lang).to_owned()),
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
