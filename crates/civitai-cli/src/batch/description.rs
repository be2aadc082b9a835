//! What is written beside a model once it is there: sidecars, a preview, examples.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use civitai_download::digest::DigestSet;
use civitai_download::lease::source_fn;
use civitai_download::{Connections, Existing, Lease, LeaseError, Target, Transfer, Unproved};
use civitai_library::sidecar::{Beside, Fact, Form, Written, describe, path};
use civitai_reliability::RetryPolicy;
use civitai_security::RedactedUrl;
use url::Url;

use super::{Batch, Wanted};
use crate::failure::Failure;
use crate::network;
use crate::text::{Message, Place};

/// What is already known of a model's sidecars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// The model came just now, and with it the newest that Civitai tells.
    New,
    /// It was there; only what is missing is written.
    Old,
}

/// Whether pictures are worth asking for: a host that is gone for one is gone for all.
#[derive(Debug, Default)]
pub(super) struct Gallery {
    is_closed: AtomicBool,
}

impl Batch<'_> {
    /// Writes the sidecars of a model. That they cannot be written takes nothing from the model, and is only told.
    pub(super) async fn describe(&self, wanted: &Wanted, model: &Path, knowledge: Knowledge) {
        let Some(description) = &wanted.description else {
            return;
        };
        let (card, forms) = (description.card.clone(), description.forms);
        let model = model.to_owned();
        let write = move || {
            let is_whole = |form: &Form| path(&model, *form).exists();
            if knowledge == Knowledge::Old && forms.iter().all(is_whole) {
                return Ok(Written::default());
            }
            let now = jiff::Timestamp::now().to_string();
            describe(&model, &card.card().with(Fact::ImportedAt, now), forms)
        };
        let written = tokio::task::spawn_blocking(write).await;
        let printer = &self.session.printer;
        match written.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic())) {
            Ok(written) => {
                for problem in &written.problems {
                    printer.warn(&Message::Place(Place::SidecarLeft {
                        path: problem.path.clone(),
                        problem: problem.fault.to_string(),
                    }));
                }
            }
            Err(error) => printer.warn(&Message::Place(Place::NoSidecars {
                problem: error.to_string(),
            })),
        }
    }

    /// Fetches the pictures of a model that are not there. That one does not come is told only to those who want details.
    pub(super) async fn illustrate(&self, wanted: &Wanted, model: &Path) {
        let pictures = wanted.description.iter().flat_map(|of| &of.pictures);
        for picture in pictures {
            // A folder that cannot be read has no pictures; the transfer will say so.
            let beside = Beside::of(model).unwrap_or_default();
            let is_idle = self.session.cancel.is_cancelled()
                || self.gallery.is_closed.load(Ordering::Relaxed);
            if is_idle || picture.is_there(model, &beside) {
                continue;
            }
            let Some(url) = picture.address(&self.session.settings.base_url) else {
                self.untaken(&picture.url, None);
                continue;
            };
            if let Err(error) = self.picture(wanted, &picture.path(model), url).await {
                if error.is_transient() {
                    self.gallery.is_closed.store(true, Ordering::Relaxed);
                }
                self.untaken(&picture.url, Some(&network::download_failure(&error)));
            }
        }
    }

    async fn picture(
        &self,
        wanted: &Wanted,
        path: &Path,
        url: Url,
    ) -> Result<(), civitai_download::Error> {
        let identity = format!("picture:{}", RedactedUrl::new(url.clone()));
        let source = source_fn(move || {
            let lease = Lease::new(RedactedUrl::new(url.clone()));
            async { Ok::<_, LeaseError>(lease) }
        });
        let target = Target::new(path, identity);
        let transfer = Transfer::new(wanted.storage.clone(), Arc::new(source), target)
            .digests(DigestSet::NONE)
            .connections(Connections::AtMost(1))
            .retry(RetryPolicy::default().with_retries(1))
            .existing(Existing::Keep)
            .unproved(Unproved::Accept)
            .commits(&self.commits);
        let transfer = match &self.limit {
            Some(limit) => transfer.limit(Arc::clone(limit)),
            None => transfer,
        };
        transfer.run(self.session.cancel.clone()).await.map(drop)
    }

    fn untaken(&self, url: &str, failure: Option<&Failure>) {
        let printer = &self.session.printer;
        printer.detail(&Message::Place(Place::NoPicture {
            url: civitai_security::redact_text(url).into_owned(),
            problem: failure.map(|failure| failure.message(printer.lang())),
        }));
    }
}
