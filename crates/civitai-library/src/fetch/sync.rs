//! A library made equal to a lock: what moves and goes by a plan on the disk, what is missing by transfers.
//!
//! [`SyncFetch::plan`] compares, [`SyncFetch::settle`] does what needs no network, [`SyncFetch::fetch`] does the rest. A sync
//! that was stopped anywhere is gone on with by the next one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_download::Existing;
use civitai_security::FileName;
use futures::stream;
use tokio_util::sync::CancellationToken;

use super::{Audience, Ended, Fetch, FetchError, Told};
use crate::catalogue::Origin;
use crate::find::{Asker, FindError, Wanted};
use crate::licence::{Consent, Policy};
use crate::lock::{Lock, Locked};
use crate::path::LibraryPath;
use crate::site::Site;
use crate::sync::{Plan, Step, Sync, SyncError};
use crate::{Library, blocking};

/// The making of a library equal to a lock.
#[derive(Debug)]
pub struct SyncFetch<'a> {
    /// The library.
    pub library: &'a Library,
    /// The directory of the project, by which its files are told from those of other projects.
    pub project: &'a Path,
    /// What should be there.
    pub lock: &'a Arc<Lock>,
    /// What may be fetched.
    pub policy: &'a Policy,
}

/// A library in which only files are missing.
#[derive(Debug)]
pub struct Settled {
    /// What was, or is, to be done, without what must not be fetched.
    plan: Arc<Plan>,
    /// What must not be fetched, or has somebody else's file in its place.
    refused: Vec<(Locked, FetchError)>,
}

impl Settled {
    /// Says whether nothing is left: nothing has to be fetched, and nothing was refused.
    pub fn is_over(&self) -> bool {
        self.refused.is_empty() && self.plan.fetches().next().is_none()
    }
}

impl SyncFetch<'_> {
    /// What differs. Nothing is changed. `reading` is told of each file that has to be read for that.
    pub async fn plan(
        &self,
        mut reading: impl FnMut(&LibraryPath) + Send + 'static,
    ) -> Result<Plan, SyncError> {
        let here = self.here();
        blocking(move || {
            let catalogue = here.library.catalogue_if_there()?;
            here.sync().plan(catalogue.as_ref(), &mut reading)
        })
        .await
    }

    /// Puts back what a killed sync had put into the trash, before [`SyncFetch::plan`] looks for it.
    pub async fn recover(&self) -> Result<(), SyncError> {
        let library = self.library.clone();
        Ok(blocking(move || library.recover()).await?)
    }

    /// Does what needs no network. What the policy forbids, nobody consents to, or somebody else's file is in the place of,
    /// is left out.
    pub async fn settle(
        &self,
        plan: Plan,
        asker: &dyn Asker,
        audience: &dyn Audience,
    ) -> Result<Settled, SyncError> {
        let refused = self.refused(&plan, asker);
        let plan = plan.without(|file| refused.iter().any(|(out, _)| out == file));
        let plan = Arc::new(plan);
        audience.hear(Told::Syncing(Arc::clone(&plan)));
        let (here, steps) = (self.here(), Arc::clone(&plan));
        let done = blocking(move || {
            let mut catalogue = here.library.catalogue()?;
            here.sync().prepare(&mut catalogue, &steps)
        });
        for done in done.await? {
            audience.hear(Told::Done(Arc::new(done)));
        }
        Ok(Settled { plan, refused })
    }

    /// Fetches what is missing, and tells of what was refused as of a failure.
    ///
    /// # Cancel safety
    /// As [`Fetch::run`].
    pub async fn fetch(
        &self,
        settled: Settled,
        (fetch, site): (&Fetch, &Site),
        cancel: &CancellationToken,
        audience: Arc<dyn Audience>,
    ) -> Result<Vec<Arc<Ended>>, SyncError> {
        let refused = settled.refused.into_iter().map(|(file, error)| {
            let path = self.library.root.join(&file.path);
            let file = Arc::new(self.wanted(&file, Existing::Keep, site));
            Arc::new(Ended::of(&file, path, Err(error)))
        });
        let mut ended: Vec<Arc<Ended>> = refused.collect();
        for ended in &ended {
            audience.hear(Told::Ended(Arc::clone(ended)));
        }
        let wanted: Vec<_> = settled
            .plan
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Fetch { file } => Some(Ok(self.wanted(file, Existing::Keep, site))),
                Step::Replace { file } => Some(Ok(self.wanted(file, Existing::Replace, site))),
                _ => None,
            })
            .collect();
        let fetched = fetch.gather(stream::iter(wanted), cancel, audience).await;
        self.note(&fetched).await?;
        ended.extend(fetched);
        Ok(ended)
    }

    /// What must not be fetched, and where somebody else's file stands.
    fn refused(&self, plan: &Plan, asker: &dyn Asker) -> Vec<(Locked, FetchError)> {
        let mut refused = Vec::new();
        let mut open = Vec::new();
        for step in &plan.steps {
            match step {
                Step::Blocked { file } => {
                    let path = self.library.root.join(&file.path);
                    refused.push((file.clone(), FetchError::NotOurs { path }));
                }
                Step::Fetch { file } | Step::Replace { file } => {
                    match self.policy.judge(&file.facts_now()) {
                        Ok(Consent::NotNeeded) => {}
                        Ok(Consent::Needed) => open.push(file),
                        Err(refusal) => {
                            refused.push((file.clone(), FindError::Refused(refusal).into()));
                        }
                    }
                }
                _ => {}
            }
        }
        let titles = open
            .iter()
            .map(|file| file.about.title.as_deref().unwrap_or(&file.name));
        if !open.is_empty() && !asker.consents(&titles.collect::<Vec<_>>()) {
            let missing = open
                .into_iter()
                .map(|file| (file.clone(), FindError::Consent.into()));
            refused.extend(missing);
        }
        refused
    }

    /// Notes which files have landed.
    async fn note(&self, ended: &[Arc<Ended>]) -> Result<(), SyncError> {
        let landed = ended.iter().filter(|ended| ended.outcome.is_ok());
        let landed: Vec<PathBuf> = landed.filter_map(|ended| ended.path.clone()).collect();
        if landed.is_empty() {
            return Ok(());
        }
        let here = self.here();
        blocking(move || {
            let landed: std::collections::HashSet<&Path> =
                landed.iter().map(PathBuf::as_path).collect();
            let root = &here.library.root;
            let files = here.lock.files().iter();
            let files: Vec<&Locked> = files
                .filter(|file| landed.contains(root.join(&file.path).as_path()))
                .collect();
            let mut catalogue = here.library.catalogue()?;
            here.sync().placed(&mut catalogue, &files)
        })
        .await
    }

    fn wanted(&self, file: &Locked, existing: Existing, site: &Site) -> Wanted {
        let root = &self.library.root;
        let path = root.join(&file.path);
        Wanted {
            link: file.wanted.link.clone(),
            ticket: None,
            origin: Some(Origin {
                model: file.model,
                version: file.version,
                file: Some(file.file),
            }),
            identity: file.identity(),
            root: root.clone(),
            directory: path.parent().map_or_else(|| root.clone(), Into::into),
            name: FileName::clean(file.path.name(), &file.file.to_string()),
            other: None,
            expected: file.expected(),
            source: file.source(site.client.clone()),
            storage: site.storage.clone(),
            pinned: Some(existing),
            description: None,
            terms: Some(file.facts()),
            site_scan: None,
            shares: false,
        }
    }

    fn here(&self) -> Here {
        Here {
            library: self.library.clone(),
            project: self.project.to_owned(),
            lock: Arc::clone(self.lock),
        }
    }
}

/// What work beside the runtime takes along.
struct Here {
    library: Library,
    project: PathBuf,
    lock: Arc<Lock>,
}

impl Here {
    fn sync(&self) -> Sync<'_> {
        Sync {
            library: &self.library,
            project: &self.project,
            lock: &self.lock,
        }
    }
}
