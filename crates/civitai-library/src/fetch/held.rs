//! Files whose content the library has already: they are linked instead of fetched.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_download::Standing;

use super::{FetchError, Landed, Run, Task, attempt};
use crate::blocking;
use crate::judge::Judged;
use crate::reuse::reuse;

impl Run<'_> {
    /// Where the content of a file is that is to be fetched.
    pub(super) async fn held(&self, task: &Task, standing: &Standing) -> Vec<PathBuf> {
        let wanted = &task.wanted;
        let sha256 = wanted.expected.sha256;
        let (Some(holdings), Some(sha256), Standing::Absent, true) =
            (self.holdings.clone(), sha256, standing, wanted.shares)
        else {
            return Vec::new();
        };
        let held = blocking(move || holdings.of_content(&sha256)).await;
        held.unwrap_or_else(|error| {
            // The file is fetched instead.
            tracing::warn!(%error, "what the library has already is not known");
            Vec::new()
        })
    }

    /// Gives a content that is at hand its place, if the judge has nothing against it. Nothing where it has to be fetched
    /// after all.
    pub(super) async fn link(
        &self,
        task: &Task,
        path: &Path,
        held: Vec<PathBuf>,
        judged: &Judged,
    ) -> Option<Result<Landed, FetchError>> {
        let sha256 = task.wanted.expected.sha256.filter(|_| !held.is_empty())?;
        let (judge, verdict) = (self.fetch.judge.clone(), Arc::clone(judged));
        let (to, recorder) = (path.to_owned(), self.fetch.recorder.clone());
        let attempt = attempt(&task.wanted, path);
        let linked = blocking(move || {
            let reused = reuse(&held, &sha256, &to, |held| {
                judge.of_held(&to, held, &verdict)
            })?;
            if let (Some(reused), Some(recorder)) = (&reused, recorder)
                && let Err(error) = recorder.record(attempt, reused.digests.clone())
            {
                // The file is there and right; the next scan finds it.
                tracing::warn!(%error, "the catalogue does not know of a linked file");
            }
            Ok(reused)
        });
        match linked.await {
            Ok(reused) => Some(Ok(Landed::Linked(Box::new(reused?)))),
            Err(danger) => Some(Err(FetchError::Held(danger))),
        }
    }
}
