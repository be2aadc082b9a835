//! Files whose content the library has already: they are linked instead of fetched.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_download::Standing;

use super::run::attempt;
use super::{Aside, FetchError, Landed, Run};
use crate::blocking;
use crate::find::Wanted;
use crate::judge::Judged;
use crate::reuse::{Holdings, reuse};

impl Run<'_> {
    /// Where the content of a file is that is to be fetched. What is encrypted shares no bytes with what is there.
    pub(super) async fn held(&self, file: &Wanted, standing: &Standing) -> Vec<PathBuf> {
        let (Some(sha256), Standing::Absent, true, None) = (
            file.expected.sha256,
            standing,
            file.shares,
            &self.fetch.sealing,
        ) else {
            return Vec::new();
        };
        let Some(holdings) = self.holdings.get_or_init(|| self.holdings()).await.clone() else {
            return Vec::new();
        };
        let held = blocking(move || holdings.of_content(&sha256)).await;
        held.unwrap_or_else(|error| {
            // The file is fetched instead.
            self.aside(Aside::Catalogue(error));
            Vec::new()
        })
    }

    async fn holdings(&self) -> Option<Arc<Holdings>> {
        let library = self.fetch.library.clone();
        match blocking(move || Holdings::of(&library)).await {
            Ok(holdings) => holdings.map(Arc::new),
            Err(error) => {
                self.aside(Aside::Catalogue(error));
                None
            }
        }
    }

    /// Gives a content that is at hand its place, if the judge has nothing against it. Nothing where it has to be fetched
    /// after all.
    pub(super) async fn link(
        &self,
        file: &Wanted,
        path: &Path,
        held: Vec<PathBuf>,
        judged: &Judged,
    ) -> Option<Result<Landed, FetchError>> {
        let sha256 = file.expected.sha256.filter(|_| !held.is_empty())?;
        let (judge, verdict) = (self.fetch.judge.clone(), Arc::clone(judged));
        let (to, recorder) = (path.to_owned(), self.fetch.recorder.clone());
        let attempt = attempt(file, path);
        let linked = blocking(move || {
            let reused = reuse(&held, &sha256, &to, |held| match &judge {
                Some(judge) => judge.of_held(&to, held, &verdict),
                None => Ok(()),
            })?;
            let written = match (&reused, recorder, attempt) {
                (Some(reused), Some(recorder), Some(attempt)) => {
                    recorder.record(attempt, reused.digests.clone())
                }
                _ => Ok(()),
            };
            Ok(reused.map(|reused| (reused, written)))
        });
        match linked.await {
            Ok(linked) => {
                let (reused, written) = linked?;
                if let Err(error) = written {
                    // The file is there and right; the next scan finds it.
                    self.aside(Aside::Catalogue(error));
                }
                Some(Ok(Landed::Linked(Box::new(reused))))
            }
            Err(danger) => Some(Err(FetchError::Held(danger))),
        }
    }
}
