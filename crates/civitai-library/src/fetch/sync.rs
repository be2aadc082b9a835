//! A library made equal to a lock: what moves and goes by a plan on the disk, what is missing by transfers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use civitai_download::Existing;
use civitai_security::FileName;
use futures::stream;
use tokio_util::sync::CancellationToken;

use super::{Ended, Fetch, FetchError, Run, Task, Tell};
use crate::blocking;
use crate::catalogue::Origin;
use crate::find::{Asker, FindError, Wanted};
use crate::licence::{Consent, Policy};
use crate::lock::{Lock, Locked};
use crate::operation::Done;
use crate::sync::{Plan, Step, Sync, SyncError};

/// The making of a library equal to a lock.
#[derive(Debug)]
pub struct SyncFetch<'a> {
    /// How files are fetched, and into which library.
    pub fetch: &'a Fetch,
    /// The directory of the project, by which its files are told from those of other projects.
    pub project: &'a Path,
    /// What should be there.
    pub lock: Arc<Lock>,
    /// What may be fetched.
    pub policy: &'a Policy,
    /// Who is asked about models that depict real persons.
    pub asker: &'a dyn Asker,
}

/// What a sync has done, or would do.
#[derive(Debug)]
pub struct Synced {
    /// What differed.
    pub plan: Plan,
    /// What was moved, and what was put into the trash, if anything was.
    pub done: Vec<Done>,
    /// What became of the files that were to be fetched, and of those that were refused.
    pub ended: Vec<Arc<Ended>>,
}

impl SyncFetch<'_> {
    /// What differs. Nothing is changed.
    pub async fn plan(&self) -> Result<Plan, SyncError> {
        let (here, lock) = (self.here(), Arc::clone(&self.lock));
        blocking(move || {
            let catalogue = here.library.catalogue_if_there()?;
            here.sync(&lock).plan(catalogue.as_ref(), &mut |_| {})
        })
        .await
    }

    /// Makes the library equal to the lock. What the policy forbids, nobody consents to, or somebody else's file is in the
    /// place of, stays as it is and is told as a failure.
    ///
    /// # Cancel safety
    /// As [`Fetch::run`]: a sync that was stopped is gone on with by the next one.
    pub async fn run(&self, cancel: &CancellationToken, tell: Tell) -> Result<Synced, SyncError> {
        let library = self.fetch.library.clone();
        // What a killed sync put into the trash is back before it is looked for.
        blocking(move || library.recover()).await?;
        let plan = self.plan().await?;
        let refused: Vec<(Locked, FetchError)> = self.refused(&plan);
        let to_do = plan
            .clone()
            .without(|file| refused.iter().any(|(out, _)| out == file));
        if to_do.is_in_step() && refused.is_empty() {
            return Ok(Synced {
                plan,
                done: Vec::new(),
                ended: Vec::new(),
            });
        }
        let done = self.prepare(&to_do).await?;
        let mut ended: Vec<Arc<Ended>> = refused
            .into_iter()
            .map(|(file, error)| Arc::new(self.not_begun(&file, error)))
            .collect();
        for ended in &ended {
            tell(super::Told::Ended(Arc::clone(ended)));
        }
        let tasks: Vec<_> = to_do
            .steps
            .iter()
            .filter_map(|step| self.task(step))
            .collect();
        let run = Run::new(self.fetch, cancel.clone(), tell).await;
        let fetched = run.all(stream::iter(tasks.into_iter().map(Ok))).await;
        self.fetch.keep().await;
        self.note(&fetched).await?;
        ended.extend(fetched);
        Ok(Synced { plan, done, ended })
    }

    /// What must not be fetched, and where somebody else's file stands.
    fn refused(&self, plan: &Plan) -> Vec<(Locked, FetchError)> {
        let refused = plan.steps.iter().filter_map(|step| match step {
            Step::Blocked { file } => {
                let path = self.fetch.library.root.join(&file.path);
                Some((file.clone(), FetchError::NotOurs { path }))
            }
            Step::Fetch { file } | Step::Replace { file } => {
                let error = match self.policy.judge(&file.facts_now()) {
                    Ok(Consent::NotNeeded) => return None,
                    Ok(Consent::Needed) => {
                        let title = file.about.title.as_deref().unwrap_or(&file.name);
                        if self.asker.consents(title) {
                            return None;
                        }
                        FindError::Consent
                    }
                    Err(refusal) => FindError::Refused(refusal),
                };
                Some((file.clone(), error.into()))
            }
            _ => None,
        });
        refused.collect()
    }

    async fn prepare(&self, plan: &Plan) -> Result<Vec<Done>, SyncError> {
        let (here, lock, plan) = (self.here(), Arc::clone(&self.lock), plan.clone());
        blocking(move || {
            let mut catalogue = here.library.catalogue()?;
            here.sync(&lock).prepare(&mut catalogue, &plan)
        })
        .await
    }

    /// Notes which files have landed.
    async fn note(&self, ended: &[Arc<Ended>]) -> Result<(), SyncError> {
        let landed = ended.iter().filter(|ended| ended.outcome.is_ok());
        let landed: Vec<PathBuf> = landed.filter_map(|ended| ended.path.clone()).collect();
        if landed.is_empty() {
            return Ok(());
        }
        let (here, lock) = (self.here(), Arc::clone(&self.lock));
        blocking(move || {
            let root = &here.library.root;
            let files = lock.files().iter();
            let files: Vec<&Locked> = files
                .filter(|file| landed.contains(&root.join(&file.path)))
                .collect();
            let mut catalogue = here.library.catalogue()?;
            here.sync(&lock).placed(&mut catalogue, &files)
        })
        .await
    }

    fn task(&self, step: &Step) -> Option<Task> {
        let (file, existing) = match step {
            Step::Fetch { file } => (file, Existing::Keep),
            Step::Replace { file } => (file, Existing::Replace),
            _ => return None,
        };
        let root = &self.fetch.library.root;
        let path = root.join(&file.path);
        Some(Task {
            wanted: Arc::new(Wanted {
                link: file.wanted.link.clone(),
                origin: origin(file),
                root: root.clone(),
                directory: path.parent().map_or_else(|| root.clone(), Into::into),
                name: FileName::clean(file.path.name(), &file.file.to_string()),
                expected: file.expected(),
                source: file.source(self.fetch.site.client.clone()),
                description: None,
                terms: file.facts(),
                site_scan: None,
                shares: false,
            }),
            pinned: Some(existing),
        })
    }

    fn not_begun(&self, file: &Locked, error: FetchError) -> Ended {
        Ended {
            link: file.wanted.link.clone(),
            origin: Some(origin(file)),
            path: Some(self.fetch.library.root.join(&file.path)),
            outcome: Err(error),
            judgement: None,
        }
    }

    fn here(&self) -> Here {
        Here {
            library: self.fetch.library.clone(),
            project: self.project.to_owned(),
        }
    }
}

/// The places that work beside the runtime takes along.
struct Here {
    library: crate::Library,
    project: PathBuf,
}

impl Here {
    fn sync<'a>(&'a self, lock: &'a Lock) -> Sync<'a> {
        Sync {
            library: &self.library,
            project: &self.project,
            lock,
        }
    }
}

fn origin(file: &Locked) -> Origin {
    Origin {
        model: file.model,
        version: file.version,
        file: Some(file.file),
    }
}
