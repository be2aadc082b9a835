//! `keys list` and `keys audit`.

use civitai_security::crypt::store::Key;
use serde_json::json;

use super::{DONE, failure, line};
use crate::exit::Kind;
use crate::failure::Failure;
use crate::session::{Outcome, Session};
use crate::table::{self, Column};
use crate::text::{self, Message, key_heads, key_kind, key_place, key_state};
use crate::vault;

pub(super) fn list(session: &Session) -> Outcome {
    let store = vault::open(session)?;
    let printer = &session.printer;
    let keys: Vec<Key> = store.keys().collect();
    if printer.is_json() {
        for key in &keys {
            printer.record("key", &line(key))?;
        }
        printer.record("summary", &json!({ "count": keys.len() }))?;
    } else if keys.is_empty() {
        printer.say(&Message::Keys(text::Keys::None));
    } else {
        let lang = printer.lang();
        let columns = key_heads(lang).map(Column::text);
        let row = |key: &Key| {
            vec![
                key.id.to_string(),
                key_kind(key, lang),
                key_state(key.state, lang).to_owned(),
                key_place(key.place, lang).to_owned(),
                key.created.strftime("%Y-%m-%d").to_string(),
                key.name.clone().unwrap_or_default(),
            ]
        };
        printer.data(&table::render(&columns, keys.iter().map(row).collect()))?;
    }
    let unfinished = store.unfinished_rotation();
    if let Some(unfinished) = unfinished.map_err(|error| failure(&error))? {
        let to = unfinished.to.to_string();
        printer.warn(&Message::Keys(text::Keys::RotationUnfinished { to }));
    }
    DONE
}

pub(super) fn audit(session: &Session) -> Outcome {
    let store = vault::open(session)?;
    let printer = &session.printer;
    let (entries, broken) = store.audit().map_err(|error| failure(&error))?;
    if printer.is_json() {
        printer.records("audit", &entries)?;
        let line = broken.map(|broken| broken.line);
        printer.record(
            "summary",
            &json!({ "count": entries.len(), "brokenAt": line }),
        )?;
    } else {
        for entry in &entries {
            let time = entry.time.strftime("%Y-%m-%d %H:%M:%S");
            let path = entry.path.as_deref().unwrap_or_default();
            printer.data(&format!(
                "{time}  {}  {:18}  {path}",
                entry.key, entry.event
            ))?;
        }
    }
    match broken {
        None => DONE,
        Some(broken) => {
            let line = broken.line;
            let message = Message::Keys(text::Keys::AuditBroken { line });
            Err(Failure::new(Kind::Integrity, message).into())
        }
    }
}
