//! One run: each file from its place to its end.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use civitai_download::{Commits, Fetched, Place, Queue, Seal};
use civitai_security::redact_causes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::beside::{Gallery, Knowledge};
use super::lanes::Lanes;
use super::names::Names;
use super::place::{Next, Planned};
use super::{Aside, Audience, Ended, Fetch, FetchError, Told};
use crate::blocking;
use crate::catalogue::{Attempt, Trouble};
use crate::find::{Unfound, Wanted};
use crate::judge::Judged;
use crate::reuse::Holdings;

/// One run of a [`Fetch`].
pub struct Run<'a> {
    pub(super) fetch: &'a Fetch,
    pub(super) cancel: CancellationToken,
    pub(super) audience: Arc<dyn Audience>,
    pub(super) commits: Commits,
    pub(super) holdings: OnceCell<Option<Arc<Holdings>>>,
    pub(super) gallery: Gallery,
    pub(super) queue: Queue,
    pub(super) names: Names,
    pub(super) lanes: Lanes,
    /// A failure that every further file would share.
    general: Mutex<Option<Arc<Ended>>>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        fetch: &'a Fetch,
        cancel: CancellationToken,
        audience: Arc<dyn Audience>,
        lanes: Lanes,
    ) -> Self {
        Self {
            fetch,
            cancel,
            audience,
            commits: Commits::default(),
            holdings: OnceCell::new(),
            gallery: Gallery::default(),
            queue: Queue::new(fetch.rules.jobs),
            names: Names::default(),
            lanes,
            general: Mutex::default(),
        }
    }

    /// Plans what comes, in order, and fetches it as the queue lets it.
    pub(super) fn each<'b>(
        &'b self,
        wanted: BoxStream<'b, Result<Wanted, Unfound>>,
        ended: &'b mut (dyn FnMut(usize, Arc<Ended>) + Send),
    ) -> BoxFuture<'b, ()> {
        wanted
            .take_until(self.cancel.cancelled())
            // Claimed in order, so that those that come first choose first.
            .map(|wanted| {
                let wanted = wanted.map(Arc::new);
                wanted.map(|file| (self.names.claim(&file, &file.name), file))
            })
            .ready_chunks(LOOKS)
            .map(|claimed| self.look(claimed))
            .buffered(LOOKERS)
            .flat_map(stream::iter)
            .enumerate()
            .then(|(index, looked)| self.plan(index, looked))
            .map(|(index, next)| self.carry_out(index, next))
            .buffer_unordered(AHEAD)
            .for_each(|(index, end)| {
                if let Some(end) = end {
                    ended(index, end);
                }
                std::future::ready(())
            })
            .boxed()
    }

    /// Writes what was only noted, and shares what was learnt. That it cannot be written takes nothing from the files, and the
    /// next scan sees them.
    pub(super) async fn end(&self) {
        self.lanes.keep().await;
        let Some(recorder) = self.fetch.recorder.clone() else {
            return;
        };
        if let Err(error) = blocking(move || recorder.flush()).await {
            self.aside(Aside::Catalogue(error));
        }
    }

    pub(super) fn aside(&self, aside: Aside) {
        self.audience.hear(Told::Aside(Arc::new(aside)));
    }

    /// What has a name in the end where a file would be at `path`.
    pub(super) fn named(&self, path: &Path) -> PathBuf {
        match &self.fetch.sealing {
            Some(sealing) => sealing.place(path),
            None => path.to_owned(),
        }
    }

    async fn carry_out(&self, index: usize, next: Next) -> (usize, Option<Arc<Ended>>) {
        let ended = match next {
            Next::Fetch(planned, place) => Some(self.fetch(planned, place).await),
            Next::Nothing(ended) => ended,
        };
        (index, ended)
    }

    async fn fetch(&self, planned: Planned, place: Place) -> Arc<Ended> {
        let turn = place.turn().await;
        let Planned { file, path, held } = planned;
        let (judged, began) = (Judged::default(), Instant::now());
        let (outcome, fetched_bytes) = if let Some(error) = self.why_not(&file) {
            (Err(error), 0)
        } else if let Some(linked) = self.link(&file, &path, held, &judged).await {
            (linked, 0)
        } else {
            self.transmit(&file, &path, turn, &judged).await
        };
        let place = self.named(&path);
        let is_there = outcome.is_ok();
        if is_there {
            self.describe(&file, &place, Knowledge::New).await;
        }
        let ended = Ended {
            judgement: judged.get().cloned(),
            fetched_bytes,
            elapsed: began.elapsed(),
            ..Ended::of(&file, place.clone(), outcome)
        };
        let ended = self.tell_end(ended).await;
        if is_there {
            self.illustrate(&file, &place).await;
        }
        ended
    }

    /// Why a file is not even begun.
    fn why_not(&self, file: &Wanted) -> Option<FetchError> {
        if self.cancel.is_cancelled() {
            return Some(FetchError::Stopped);
        }
        let general = self.general.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = &*general {
            let first = Arc::clone(first);
            return Some(FetchError::Spared { first });
        }
        let judge = self.fetch.judge.as_ref()?;
        let foreseen = judge.foresee(file.site_scan.as_ref());
        foreseen.err().map(FetchError::from)
    }

    /// Tells the catalogue of a file that was there already.
    pub(super) fn found(&self, file: &Wanted, fetched: &Fetched) {
        if let (Some(recorder), Some(attempt)) =
            (&self.fetch.recorder, attempt(file, &fetched.path))
            && fetched.digests.sha256.is_some()
        {
            recorder.found(attempt, fetched.digests.clone());
        }
    }

    /// Writes down and tells how a file ended.
    pub(super) async fn tell_end(&self, ended: Ended) -> Arc<Ended> {
        let ended = Arc::new(ended);
        if let Err(error) = &ended.outcome {
            self.note(&ended, error).await;
        }
        self.audience.hear(Told::Ended(Arc::clone(&ended)));
        ended
    }

    /// Tells the catalogue of a file that could not be had, and lists what went to quarantine.
    async fn note(&self, ended: &Arc<Ended>, error: &FetchError) {
        if error.is_general() {
            let mut general = self.general.lock().unwrap_or_else(PoisonError::into_inner);
            general.get_or_insert_with(|| Arc::clone(ended));
        }
        if let (Some(recorder), Some(file), Some(place), true) = (
            &self.fetch.recorder,
            &ended.file,
            &ended.path,
            error.is_of_the_file(),
        ) && let Some(attempt) = attempt(file, place)
        {
            let trouble = Trouble {
                kind: error.code().to_owned(),
                message: redact_causes(error),
            };
            recorder.failed(attempt, trouble);
        }
        if let Some(path) = error.quarantined().map(Path::to_owned) {
            let library = self.fetch.library.clone();
            let noted = blocking(move || crate::quarantine::note(&library, &path)).await;
            if let Err(error) = noted {
                // The file is found there all the same.
                tracing::warn!(%error, "the catalogue does not list what is in quarantine");
            }
        }
    }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("fetch", &self.fetch)
            .finish_non_exhaustive()
    }
}

/// An attempt at a file of the site; nothing for a file from elsewhere.
pub(super) fn attempt(file: &Wanted, path: &Path) -> Option<Attempt> {
    Some(Attempt {
        origin: file.origin?,
        link: file.link.clone(),
        path: path.to_owned(),
    })
}

/// Files that are looked for by one thread in one go.
const LOOKS: usize = 16;
/// Threads that look: what is there already has to be hashed.
const LOOKERS: usize = 2;
/// Files that stand in the queue. Big ones before them hold small ones up only when they are more than that.
const AHEAD: usize = 1024;
