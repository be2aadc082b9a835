//! What is put beside a model once it is there: sidecars, a preview, examples. That one cannot be had takes nothing from the
//! model.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use civitai_download::digest::DigestSet;
use civitai_download::lease::source_fn;
use civitai_download::{
    Connections, Error, Existing, Lease, LeaseError, Target, Transfer, Unproved,
};
use civitai_reliability::RetryPolicy;
use civitai_security::{RedactedUrl, redact_text};
use url::Url;

use super::{Aside, Run};
use crate::blocking;
use crate::find::Wanted;
use crate::sidecar::{Beside, Fact, Form, Written, describe, path};

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

impl Run<'_> {
    /// Writes the sidecars of a model.
    pub(super) async fn describe(&self, wanted: &Wanted, model: &Path, knowledge: Knowledge) {
        let Some(description) = &wanted.description else {
            return;
        };
        let (card, forms) = (description.card.clone(), description.forms);
        let model = model.to_owned();
        let written = blocking(move || {
            let is_whole = |form: &Form| path(&model, *form).exists();
            if knowledge == Knowledge::Old && forms.iter().all(is_whole) {
                return Ok(Written::default());
            }
            let now = jiff::Timestamp::now().to_string();
            describe(&model, &card.card().with(Fact::ImportedAt, now), forms)
        });
        match written.await {
            Ok(written) => {
                for problem in written.problems {
                    self.aside(Aside::Sidecar(problem));
                }
            }
            Err(error) => self.aside(Aside::NoSidecars(error)),
        }
    }

    /// Fetches the pictures of a model that are not there.
    pub(super) async fn illustrate(&self, wanted: &Wanted, model: &Path) {
        let Some(description) = &wanted.description else {
            return;
        };
        for picture in &description.pictures {
            // A folder that cannot be read has no pictures; the transfer will say so.
            let beside = Beside::of(model).unwrap_or_default();
            let is_idle =
                self.cancel.is_cancelled() || self.gallery.is_closed.load(Ordering::Relaxed);
            if is_idle || picture.is_there(model, &beside) {
                continue;
            }
            let Some(url) = picture.address(&description.site) else {
                self.without(&picture.url, None);
                continue;
            };
            if let Err(error) = self.picture(wanted, &picture.path(model), url).await {
                if error.is_transient() {
                    self.gallery.is_closed.store(true, Ordering::Relaxed);
                }
                self.without(&picture.url, Some(error));
            }
        }
    }

    fn without(&self, url: &str, error: Option<Error>) {
        self.aside(Aside::Picture {
            url: redact_text(url).into_owned(),
            error,
        });
    }

    async fn picture(&self, wanted: &Wanted, path: &Path, url: Url) -> Result<(), Error> {
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
        let transfer = match &self.fetch.rules.limit {
            Some(limit) => transfer.limit(Arc::clone(limit)),
            None => transfer,
        };
        transfer.run(self.cancel.clone()).await.map(drop)
    }
}
