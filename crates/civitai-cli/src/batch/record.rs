//! What the catalogue is told of a batch.

use std::path::Path;
use std::sync::Arc;

use civitai_api::{FileId, ModelId, VersionId};
use civitai_download::digest::Digests;
use civitai_download::{Fetched, Transfer};
use civitai_library::catalogue::{self, Attempt, Origin, Recorder, Trouble};

use super::Wanted;
use super::report::FileLine;
use crate::commands::library;
use crate::exit::Kind;
use crate::printer::Printer;
use crate::text::Lang;

/// Who writes down what becomes of files, if anybody does.
#[derive(Clone, Default)]
pub(super) struct Records(pub(super) Option<Arc<Recorder>>);

impl Records {
    /// Has the transfer recorded before it forgets its journal.
    pub(super) fn hook(&self, wanted: &Wanted, transfer: Transfer) -> Transfer {
        let (Some(recorder), Some(origin)) = (&self.0, origin(wanted)) else {
            return transfer;
        };
        let (recorder, link) = (Arc::clone(recorder), wanted.link.clone());
        transfer.record(move |candidate| {
            let attempt = Attempt {
                origin,
                link: link.clone(),
                path: candidate.target.to_owned(),
            };
            Ok(recorder.record(attempt, candidate.digests.clone())?)
        })
    }

    /// Tells of a file that was there already.
    pub(super) fn found(&self, wanted: &Wanted, fetched: &Fetched) {
        if let (Some(recorder), Some(origin)) = (&self.0, origin(wanted))
            && fetched.digests.sha256.is_some()
        {
            let attempt = attempt(origin, wanted, &fetched.path);
            recorder.found(attempt, fetched.digests.clone());
        }
    }

    /// Records a file that shares its bytes with another one. Blocks until that is durable.
    pub(super) fn linked(
        &self,
        attempt: Option<Attempt>,
        digests: &Digests,
    ) -> Result<(), catalogue::Error> {
        match (&self.0, attempt) {
            (Some(recorder), Some(attempt)) => recorder.record(attempt, digests.clone()),
            _ => Ok(()),
        }
    }

    /// Tells of a file that could not be had. That the user stopped is no failure of the file.
    pub(super) fn ended(&self, wanted: &Wanted, path: &Path, line: &FileLine) {
        if let (Some(recorder), Some(origin), Some(failure)) =
            (&self.0, origin(wanted), line.failure())
            && failure.kind != Kind::Interrupted
        {
            let trouble = Trouble {
                kind: failure.kind.word().to_owned(),
                message: failure.message(Lang::En),
            };
            recorder.failed(attempt(origin, wanted, path), trouble);
        }
    }

    /// Writes what was only noted.
    pub(super) async fn keep(&self, printer: &Printer) {
        let Some(recorder) = self.0.clone() else {
            return;
        };
        let flushed = tokio::task::spawn_blocking(move || recorder.flush()).await;
        if let Ok(Err(error)) = flushed {
            printer.fail(&library::failure(&error));
        }
    }
}

/// An attempt at a file of the site; nothing for a file from elsewhere.
pub(super) fn attempt_at(wanted: &Wanted, path: &Path) -> Option<Attempt> {
    origin(wanted).map(|origin| attempt(origin, wanted, path))
}

fn attempt(origin: Origin, wanted: &Wanted, path: &Path) -> Attempt {
    Attempt {
        origin,
        link: wanted.link.clone(),
        path: path.to_owned(),
    }
}

/// Which file of the site is wanted, if it is one.
fn origin(wanted: &Wanted) -> Option<Origin> {
    Some(Origin {
        model: wanted.ids.model_id.and_then(|id| ModelId::new(id.into())),
        version: VersionId::new(wanted.ids.version_id?.into())?,
        file: FileId::new(wanted.ids.file_id?.into()),
    })
}
