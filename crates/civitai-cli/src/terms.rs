//! The terms a model comes under: shown before it is fetched, consented to where it depicts a real person.

use std::sync::Arc;

use civitai_library::find::Asker;
use civitai_library::licence::{Licence, Policy};
use civitai_library::manifest::Manifest;

use crate::commands::project::unreadable;
use crate::consent;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Session;
use crate::text::{self, Message};

/// The policy of the project that the working directory is in; none outside of one.
pub(crate) fn policy(session: &Session) -> Result<Policy, Failure> {
    let manifest = match session.settings.layers.project_file() {
        Some(path) => Manifest::read(path).map_err(|error| unreadable(&error))?,
        None => None,
    };
    Ok(manifest.map(|manifest| manifest.policy).unwrap_or_default())
}

/// Shows terms, and asks the user, unless consent was given for the whole run.
#[derive(Debug)]
pub(crate) struct Terms {
    consents: bool,
    printer: Arc<Printer>,
}

impl Terms {
    pub(crate) fn new(session: &Session, consents: bool) -> Self {
        Self {
            consents,
            printer: Arc::clone(&session.printer),
        }
    }
}

impl Asker for Terms {
    fn show(&self, title: &str, licence: &Licence) {
        self.printer.say(&Message::Project(text::Project::Terms {
            title: title.to_owned(),
            licence: licence.clone(),
        }));
    }

    fn consents(&self, titles: &[&str]) -> bool {
        let asks = || {
            let titles = titles.iter().map(|title| (*title).to_owned());
            consent::ask(titles.collect(), &self.printer)
        };
        // An answer that cannot be read is no consent.
        self.consents || asks().unwrap_or(false)
    }
}
