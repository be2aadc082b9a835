//! Where files go, and what is there.

use std::path::PathBuf;
use std::sync::Arc;

use civitai_download::{Error, Place, Standing, Transfer};
use civitai_security::FileName;

use super::beside::Knowledge;
use super::lanes::Way;
use super::names::Claim;
use super::{Action, Ended, FetchError, Landed, Run, Told};
use crate::blocking;
use crate::find::{Unfound, Wanted};

/// A file that was looked at: its place, nothing for one that another link has led to, or why it has none.
pub(super) type Looked = Result<(Arc<Wanted>, Result<Option<Spot>, FetchError>), Unfound>;

/// A place that a file can have.
pub(super) struct Spot {
    path: PathBuf,
    standing: Standing,
    /// Where its content is already.
    held: Vec<PathBuf>,
}

/// A file that is to be fetched to a place that is its own.
pub(super) struct Planned {
    pub(super) file: Arc<Wanted>,
    pub(super) path: PathBuf,
    pub(super) held: Vec<PathBuf>,
}

/// What is left to do for a file.
pub(super) enum Next {
    Fetch(Planned, Place),
    Nothing(Option<Arc<Ended>>),
}

impl Run<'_> {
    /// Looks where files can go and what is there. Several at a time: finding nothing takes less than starting a thread.
    pub(super) async fn look(
        &self,
        claimed: Vec<Result<(Claim, Arc<Wanted>), Unfound>>,
    ) -> Vec<Looked> {
        let transfers = claimed.iter().map(|claimed| match claimed {
            Ok((Claim::Ours, file)) => Some(self.transfer(file, &first_path(file), Way::Fast)),
            _ => None,
        });
        let standings = standings(transfers.collect()).await;
        let mut looked = Vec::with_capacity(claimed.len());
        for (claimed, standing) in claimed.into_iter().zip(standings) {
            looked.push(match claimed {
                Ok((claim, file)) => {
                    let spot = self.spot(&file, claim, standing).await;
                    Ok((file, spot))
                }
                Err(unfound) => Err(unfound),
            });
        }
        looked
    }

    /// The first of its two names that no other file has; none for a file that is taken already by this run.
    async fn spot(
        &self,
        file: &Arc<Wanted>,
        claim: Claim,
        standing: Option<Result<Standing, Error>>,
    ) -> Result<Option<Spot>, FetchError> {
        let second = file.origin.and_then(|origin| origin.file);
        let second = second.filter(|_| file.pinned.is_none());
        let second = second.map(|id| file.name.with_id(id.into()));
        let found = self.try_name(file, &file.name, (claim, standing)).await?;
        let found = match (found, second) {
            (None, Some(name)) => {
                let claim = self.names.claim(file, &name);
                let path = file.directory.join(name.as_str());
                let transfer =
                    matches!(claim, Claim::Ours).then(|| self.transfer(file, &path, Way::Fast));
                let standing = standings(vec![transfer]).await.pop().flatten();
                self.try_name(file, &name, (claim, standing)).await?
            }
            (found, _) => found,
        };
        found.ok_or_else(|| {
            let path = self.named(&first_path(file));
            FetchError::NameTaken { path }
        })
    }

    /// What a claim and a look at the disk say of a name; nothing when another file has it.
    async fn try_name(
        &self,
        file: &Arc<Wanted>,
        name: &FileName,
        (claim, standing): (Claim, Option<Result<Standing, Error>>),
    ) -> Result<Option<Option<Spot>>, FetchError> {
        Ok(match (claim, standing.transpose()?) {
            (Claim::Twice, _) => Some(None),
            (Claim::Taken, _) | (Claim::Ours, None) => None,
            (Claim::Ours, Some(Standing::Taken)) => {
                self.names.release(file, name);
                None
            }
            (Claim::Ours, Some(standing)) => Some(Some(Spot {
                path: file.directory.join(name.as_str()),
                held: self.held(file, &standing).await,
                standing,
            })),
        })
    }

    /// Says where a file goes. Nothing is left to do for what is there, fails, or is only planned.
    pub(super) async fn plan(&self, index: usize, looked: Looked) -> (usize, Next) {
        (index, self.next(looked).await)
    }

    async fn next(&self, looked: Looked) -> Next {
        let (file, spot) = match looked {
            Ok(looked) => looked,
            Err(unfound) => {
                let ended = self.tell_end(Ended::unfound(unfound)).await;
                return Next::Nothing(Some(ended));
            }
        };
        let Spot {
            path,
            standing,
            held,
        } = match spot {
            Ok(Some(spot)) => spot,
            Ok(None) => {
                let place = self.named(&first_path(&file));
                self.audience.hear(Told::Same { file, place });
                return Next::Nothing(None);
            }
            Err(error) => {
                let place = self.named(&first_path(&file));
                let ended = self.tell_end(Ended::of(&file, place, Err(error))).await;
                return Next::Nothing(Some(ended));
            }
        };
        let action = match &standing {
            Standing::There(_) => Action::Skip,
            Standing::Partial => Action::Resume,
            _ if held.is_empty() => Action::Download,
            _ => Action::Link,
        };
        let place = self.named(&path);
        self.audience.hear(Told::Planned {
            file: Arc::clone(&file),
            place: place.clone(),
            action,
        });
        match standing {
            _ if self.fetch.rules.only_plan => {
                let ended = Ended::of(&file, place, Ok(Landed::Planned(action)));
                Next::Nothing(Some(self.tell_end(ended).await))
            }
            Standing::There(fetched) => {
                self.found(&file, &fetched);
                self.describe(&file, &place, Knowledge::Old).await;
                let ended = Ended::of(&file, place.clone(), Ok(Landed::Fetched(fetched)));
                let ended = self.tell_end(ended).await;
                self.illustrate(&file, &place).await;
                Next::Nothing(Some(ended))
            }
            _ => {
                let place = self.queue.place(file.expected.bytes);
                Next::Fetch(Planned { file, path, held }, place)
            }
        }
    }
}

/// Where a file is if nobody else has its name.
fn first_path(file: &Wanted) -> PathBuf {
    file.directory.join(file.name.as_str())
}

/// Looks at the disk for several transfers in one go.
async fn standings(transfers: Vec<Option<Transfer>>) -> Vec<Option<Result<Standing, Error>>> {
    let look = |transfer: &Option<Transfer>| Some(transfer.as_ref()?.look());
    blocking(move || transfers.iter().map(look).collect()).await
}
