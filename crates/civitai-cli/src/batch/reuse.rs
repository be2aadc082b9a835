//! Files whose content the library has already: they are linked instead of fetched.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use civitai_download::Standing;
use civitai_download::digest::Digest;
use civitai_library::reuse::{Holdings, reuse};

use super::description::Knowledge;
use super::record::attempt_at;
use super::report::FileLine;
use super::{Batch, Found, Unfound, Wanted};
use crate::commands::library;
use crate::judge::{self, Judged};

/// A file that was looked at, and where its content is already.
pub(super) type Placed = Result<(Wanted, Found, Vec<PathBuf>), Unfound>;

impl Batch<'_> {
    /// Finds out where contents are that were to be fetched.
    pub(super) async fn held(&self, placed: Vec<Result<(Wanted, Found), Unfound>>) -> Vec<Placed> {
        let wanted = placed.iter().map(|placed| match placed {
            Ok((wanted, Ok(Some((_, Standing::Absent))))) if wanted.shares => {
                wanted.expected.sha256
            }
            _ => None,
        });
        let wanted: Vec<Option<Digest<32>>> = wanted.collect();
        let held = match &self.holdings {
            Some(holdings) if wanted.iter().any(Option::is_some) => {
                self.look_up(Arc::clone(holdings), wanted).await
            }
            _ => Vec::new(),
        };
        let mut held = held.into_iter();
        let placed = placed.into_iter();
        placed
            .map(|placed| {
                let held = held.next().unwrap_or_default();
                placed.map(|(wanted, found)| (wanted, found, held))
            })
            .collect()
    }

    async fn look_up(
        &self,
        holdings: Arc<Holdings>,
        wanted: Vec<Option<Digest<32>>>,
    ) -> Vec<Vec<PathBuf>> {
        let looked = tokio::task::spawn_blocking(move || {
            let all = wanted.iter().map(|sha256| match sha256 {
                Some(sha256) => holdings.of_content(sha256),
                None => Ok(Vec::new()),
            });
            all.collect::<Result<Vec<_>, _>>()
        });
        match looked.await {
            Ok(Ok(held)) => held,
            Ok(Err(error)) => {
                // The files are fetched instead.
                self.session.printer.fail(&library::failure(&error));
                Vec::new()
            }
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    /// Gives a content that is at hand its place, if the judge has nothing against it. Nothing where it has to be fetched
    /// after all.
    pub(super) async fn link(
        &self,
        wanted: &Wanted,
        path: &Path,
        held: Vec<PathBuf>,
    ) -> Option<FileLine> {
        let sha256 = wanted.expected.sha256.filter(|_| !held.is_empty())?;
        let began = Instant::now();
        let (to, records) = (path.to_owned(), self.records.clone());
        let attempt = attempt_at(wanted, path);
        let (judge, judged) = (self.judge.clone(), Judged::default());
        let verdict = Arc::clone(&judged);
        let linked = tokio::task::spawn_blocking(move || {
            let reused = reuse(&held, &sha256, &to, |held| match &judge {
                Some(judge) => judge.of_held(&to, held, &verdict).map_err(judge::held),
                None => Ok(()),
            })?;
            Ok(reused.map(|reused| (records.linked(attempt, &reused.digests), reused)))
        });
        let (recorded, reused) = match linked.await {
            Ok(Ok(linked)) => linked?,
            Ok(Err(failure)) => {
                let line = FileLine::failed(wanted, path, 0, failure).judged(judged.get());
                self.records.ended(wanted, path, &line);
                return Some(line);
            }
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        if let Err(error) = recorded {
            // The file is there and right; the next scan finds it.
            self.session.printer.fail(&library::failure(&error));
        }
        wanted.landed(path);
        self.describe(wanted, path, Knowledge::New).await;
        self.tell_unsafe(path, &judged);
        let line = FileLine::linked(wanted, path, &reused, began.elapsed());
        Some(line.judged(judged.get()))
    }
}
