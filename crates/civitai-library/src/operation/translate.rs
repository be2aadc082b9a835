//! Sidecars of one form from those of others.

use super::{Error, Plan, Step, Verb};
use crate::library::Library;
use crate::sidecar::{Beside, Card, Form, SidecarError, located, path, read, text};

/// A model whose sidecar is not going to be written.
#[derive(Debug)]
#[non_exhaustive]
pub struct Unwritten {
    /// The model, below the root.
    pub path: String,
    /// The sidecar that cannot be read; absent where nothing is known of the model.
    pub broken: Option<SidecarError>,
}

/// What translating sidecars would do.
#[derive(Debug)]
#[non_exhaustive]
pub struct Translation {
    /// The sidecars that will be written.
    pub plan: Plan,
    /// The models that get none.
    pub unwritten: Vec<Unwritten>,
    /// How many have a sidecar that says everything already.
    pub unchanged: usize,
}

impl Library {
    /// Plans to write the sidecars of a form for models, or for all in folders; none means every model of the library.
    ///
    /// They are made of whatever sidecars there are, else of what the catalogue knows. One of this form is completed, and
    /// what it says stays. Each carries the others, so that nothing is lost if only it remains.
    pub fn plan_sidecars(&self, form: Form, files: &[String]) -> Result<Translation, Error> {
        self.recover()?;
        let mut translation = Translation {
            plan: Plan::new(Verb::Sidecars),
            unwritten: Vec::new(),
            unchanged: 0,
        };
        let catalogue = self.catalogue_if_there()?;
        for model in self.models(files)? {
            let at = self.root.join(&model);
            let target = path(&at, form);
            let own = match target.symlink_metadata() {
                Ok(_) => match read(&target) {
                    Ok(document) => Some(document),
                    Err(error) => {
                        translation.unwritten.push(Unwritten {
                            path: model,
                            broken: Some(error),
                        });
                        continue;
                    }
                },
                Err(_) => None,
            };
            let entry = match &catalogue {
                Some(catalogue) => catalogue.entry(&model)?,
                None => None,
            };
            let (others, mut broken) = self.card(&model, entry.as_ref(), catalogue.as_ref())?;
            let card = match (own.clone(), others) {
                (Some(own), Some(others)) => {
                    let mut card = Card::read(form, own);
                    card.absorb(others);
                    card
                }
                (_, Some(others)) => others,
                (_, None) => {
                    translation.unwritten.push(Unwritten {
                        path: model,
                        broken: broken.pop(),
                    });
                    continue;
                }
            };
            let card = located(card, &at, &Beside::of(&at)?)?;
            let document = card.packed(form, card.completed(form));
            if own.as_ref() == Some(&document) {
                translation.unchanged += 1;
                continue;
            }
            let Some(sidecar) = self.relative(&target) else {
                continue;
            };
            let contents = String::from_utf8(text(&document)).expect("JSON is Unicode");
            translation.plan.steps.push(Step::Write {
                path: sidecar.clone(),
                contents,
            });
            translation.plan.paths.push(sidecar);
        }
        Ok(translation)
    }
}
