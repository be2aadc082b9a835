//! `keys`: the keys that files are encrypted to and opened with.

mod create;
mod list;
mod renew;
mod rotate;
mod transfer;

use std::path::{Path, PathBuf};

use civitai_security::crypt::SlotKind;
use civitai_security::crypt::store::{Key, Store, StoreError};
use serde_json::{Value, json};

use crate::args::KeysAction;
use crate::commands::library::blocking;
use crate::exit::{Exit, Kind};
use crate::failure::{Failure, io_kind};
use crate::printer::{Printer, Unwritable};
use crate::session::{Outcome, Session};
use crate::text::{self, Hint, Message};
use crate::vault;

pub(crate) async fn run(action: KeysAction, session: &Session) -> Outcome {
    match action {
        KeysAction::Audit => list::audit(session),
        KeysAction::Backup(args) => transfer::backup(args, session).await,
        KeysAction::Create(args) => create::create(args, session).await,
        KeysAction::Destroy(args) => create::destroy(&args, session).await,
        KeysAction::ExportPublic(args) => transfer::export_public(&args, session),
        KeysAction::Import(args) => transfer::import(args, session).await,
        KeysAction::Init(args) => create::init(args, session).await,
        KeysAction::List => list::list(session),
        KeysAction::Passphrase(args) => create::passphrase(args, session).await,
        KeysAction::Renew(args) => renew::run(args, session).await,
        KeysAction::Restore(args) => transfer::restore(args, session).await,
        KeysAction::Revoke(args) => create::revoke(&args, session),
        KeysAction::Rotate(args) => rotate::run(args, session).await,
    }
}

/// An error of the key store in the user's terms.
pub(crate) fn failure(error: &StoreError) -> Failure {
    use text::{Keys, Sealed};
    let hint = |failure: Failure, hint: Keys| failure.with_hint(Hint::Keys(hint));
    let of = |kind| Failure::library(kind, error);
    let says = |kind, sealed| Failure::new(kind, Message::Sealed(sealed));
    match error {
        StoreError::Busy { .. } => of(Kind::Locked),
        StoreError::Damaged { .. } => hint(of(Kind::Integrity), Keys::RestoreKey),
        StoreError::Refused => hint(says(Kind::Integrity, Sealed::Refused), Keys::RestoreKey),
        StoreError::Exists { .. } => hint(of(Kind::Usage), Keys::UseRotate),
        StoreError::FutureVersion { .. } => of(Kind::Unsupported),
        StoreError::Io(error) => Failure::library(io_kind(error), error),
        StoreError::NoKey { kind } => {
            let missing = says(Kind::NoAccess, Sealed::KeyMissing { kind: *kind });
            hint(missing, Keys::HowToMake)
        }
        StoreError::NoPassphrase { id } => {
            let missing = says(Kind::NoAccess, Sealed::PassphraseMissing { id: *id });
            hint(missing, Keys::GivePassphrase)
        }
        StoreError::NotOurs { .. } => hint(of(Kind::Policy), Keys::RemoveLink),
        StoreError::Unfinished { .. } => hint(of(Kind::Usage), Keys::FinishRotation),
        StoreError::Unknown { id } => {
            let unknown = says(Kind::NotFound, Sealed::KeyUnknown { id: id.clone() });
            hint(unknown, Keys::SeeList)
        }
        StoreError::Ambiguous { .. }
        | StoreError::BadPem(_)
        | StoreError::BadPhrase(_)
        | StoreError::WrongKind { .. }
        | StoreError::WrongState { .. } => of(Kind::Usage),
        _ => of(Kind::Internal),
    }
}

/// Does something with the store beside the runtime.
async fn with_store<T: Send + 'static>(
    session: &Session,
    work: impl FnOnce(&mut Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Failure> {
    let mut store = vault::open(session)?;
    let result = blocking(session, move || work(&mut store)).await?;
    result.map_err(|error| failure(&error))
}

/// The JSON line of a key.
fn line(key: &Key) -> Value {
    json!({
        "id": key.id.to_string(),
        "kind": key.kind_word(),
        "state": key.state,
        "created": key.created,
        "name": key.name,
        "place": key.place.word(),
        "bits": key.bits,
    })
}

/// Tells of a key: its line, or a sentence.
fn tell(printer: &Printer, key: &Key, sentence: text::Keys) -> Result<(), Unwritable> {
    if printer.is_json() {
        return printer.record("key", &line(key));
    }
    printer.say(&Message::Keys(sentence));
    Ok(())
}

/// A path of an argument, from where the user stands; `-` stays what it is.
fn from_here(path: &Path, session: &Session) -> PathBuf {
    if path == Path::new("-") {
        return path.to_owned();
    }
    session.settings.layers.surroundings().directory.join(path)
}

/// The key that is meant by an id, by `machine` or `master`, or by nothing: the master key.
fn named_or_master(store: &Store, id: Option<&str>) -> Result<Key, StoreError> {
    match id {
        Some("machine") => store.newest(SlotKind::Machine),
        None | Some("master") => store.newest(SlotKind::Master),
        Some(id) => store.find(id),
    }
}

/// What is done when everything went well.
const DONE: Outcome = Ok(Exit::Done);
