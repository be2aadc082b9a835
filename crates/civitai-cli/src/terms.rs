//! The terms a model comes under: shown before it is fetched, judged by the project's policy, consented to where it
//! depicts a real person.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use civitai_api::{File, Model, Version, VersionId};
use civitai_library::licence::{Consent, Facts, Policy};
use civitai_library::manifest::Manifest;

use crate::commands::project::unreadable;
use crate::consent;
use crate::exit::Kind;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::session::Session;
use crate::text::{self, Hint, Message};

/// What may be fetched in this run.
pub(crate) struct Terms {
    policy: Policy,
    consents: bool,
    printer: Arc<Printer>,
    /// The versions whose terms were shown, and whether somebody consented to them.
    seen: Mutex<HashMap<VersionId, Option<bool>>>,
}

impl Terms {
    /// The terms of the project that the working directory is in, if it is in one.
    pub(crate) fn of(session: &Session, consents: bool) -> Result<Self, Failure> {
        let manifest = match session.settings.layers.project_file() {
            Some(path) => Manifest::read(path).map_err(|error| unreadable(&error))?,
            None => None,
        };
        Ok(Self {
            policy: manifest.map(|manifest| manifest.policy).unwrap_or_default(),
            consents,
            printer: Arc::clone(&session.printer),
            seen: Mutex::default(),
        })
    }

    /// Says whether a file may be fetched; its terms are shown the first time.
    pub(crate) fn accept(
        &self,
        model: Option<&Model>,
        version: &Version,
        file: &File,
    ) -> Result<Facts, Failure> {
        let facts = Facts::of(model, version, file);
        let title = model
            .map(|model| model.name.as_str())
            .or_else(|| version.model.as_ref().map(|model| model.name.as_str()));
        let title = title.unwrap_or(&version.name).to_owned();
        // Held while somebody is asked, so that nobody is asked twice.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let consent = seen.entry(version.id).or_insert_with(|| {
            self.printer.say(&Message::Project(text::Project::Terms {
                title: title.clone(),
                licence: facts.licence.clone(),
            }));
            None
        });
        let needed = self.policy.judge(&facts).map_err(|refusal| {
            Failure::library(Kind::Policy, &refusal)
                .with_hint(Hint::Project(text::Project::PolicySays))
        })?;
        if needed == Consent::NotNeeded || self.consents {
            return Ok(facts);
        }
        let given = match consent {
            Some(given) => *given,
            None => *consent.insert(consent::ask(vec![title], &self.printer)?),
        };
        if given {
            Ok(facts)
        } else {
            Err(consent::missing())
        }
    }
}
