//! The keys of this machine: the store in the data directory, and the system's keyring beside it.

use std::sync::Arc;

use civitai_security::Secret;
use civitai_security::crypt::KeyId;
use civitai_security::crypt::store::{Store, Vault};

use crate::commands::keys;
use crate::failure::Failure;
use crate::session::Session;
use crate::settings::token::keyring;
use crate::text::{self, Message};

/// Opens the store. What others could read until now, and what cannot be understood, is told.
pub(crate) fn open(session: &Session) -> Result<Store, Failure> {
    let here = &session.settings.layers.surroundings().directory;
    let directory = here.join(&session.settings.data_dir).join("keys");
    let store = Store::open(&directory).map_err(|error| keys::failure(&error))?;
    for path in store.repaired() {
        let path = path.clone();
        session
            .printer
            .warn(&Message::Keys(text::Keys::WasOpen { path }));
    }
    for error in store.unreadable() {
        let problem = error.to_string();
        session
            .printer
            .warn(&Message::Keys(text::Keys::Unreadable { problem }));
    }
    Ok(store.with_vault(Arc::new(SystemKeyring)))
}

/// The system's keyring, where there is one.
#[derive(Debug)]
struct SystemKeyring;

impl Vault for SystemKeyring {
    fn read(&self, id: KeyId) -> Option<Secret> {
        keyring::read(&name(id)).map(Secret::new)
    }

    fn write(&self, id: KeyId, secret: &Secret) -> bool {
        keyring::write(&name(id), secret)
    }

    fn delete(&self, id: KeyId) -> bool {
        keyring::delete(&name(id))
    }
}

fn name(id: KeyId) -> String {
    format!("key {id}")
}
