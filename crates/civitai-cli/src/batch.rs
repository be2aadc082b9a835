//! Files to fetch, several at a time: what is planned, what became of each, and the sum. `get` and `fetch` share it.

mod report;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use civitai_download::digest::DigestSet;
use civitai_download::{
    Connections, Existing, Expected, Limit, Standing, Storage, Target, Transfer, Unproved,
    UrlSource,
};
use civitai_security::FileName;
use futures::stream::{Stream, StreamExt as _};

use self::report::{FileLine, Report};
use crate::exit::Kind;
use crate::failure::Failure;
use crate::network;
use crate::progress::Board;
use crate::session::{Outcome, Session};
use crate::settings::{Amount, Settings};
use crate::text::{Hint, Message};

pub(crate) use self::report::{Action, Ids};

/// One file somebody asked for.
pub(crate) struct Wanted {
    /// The link or address it was asked for by, without any token.
    pub(crate) link: String,
    pub(crate) ids: Ids,
    pub(crate) directory: PathBuf,
    pub(crate) name: FileName,
    /// Names the content across runs and addresses.
    pub(crate) identity: String,
    pub(crate) expected: Expected,
    pub(crate) source: Arc<dyn UrlSource>,
    pub(crate) storage: Storage,
}

/// A link that led to no file.
pub(crate) struct Unfound {
    pub(crate) link: String,
    pub(crate) failure: Failure,
}

/// How a batch treats its files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) digests: DigestSet,
    pub(crate) existing: Existing,
    pub(crate) unproved: Unproved,
    pub(crate) dry_run: bool,
}

/// The fetching of many files.
pub(crate) struct Batch<'a> {
    session: &'a Session,
    rules: Rules,
    limit: Option<Arc<Limit>>,
    board: Arc<Board>,
    names: Mutex<HashMap<(PathBuf, String), String>>,
    report: Report<'a>,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(session: &'a Session, rules: Rules) -> Self {
        let settings = &session.settings;
        Self {
            session,
            rules,
            limit: settings
                .limit_rate
                .map(|rate| Arc::new(Limit::new(rate.get()))),
            board: Arc::new(Board::new(Arc::clone(&session.printer))),
            names: Mutex::new(HashMap::new()),
            report: Report::new(&session.printer),
        }
    }

    /// Plans and fetches what comes, in order, as many at a time as the settings allow. Every item gets its line, and
    /// the last line is the sum.
    pub(crate) async fn run(self, wanted: impl Stream<Item = Result<Wanted, Unfound>>) -> Outcome {
        let jobs = self.session.settings.jobs().get();
        let all = wanted
            .take_until(self.session.cancel.cancelled())
            .then(|wanted| self.plan(wanted))
            .filter_map(std::future::ready)
            .map(|planned| self.fetch(planned))
            .buffer_unordered(jobs)
            .for_each(std::future::ready);
        tokio::select! {
            () = all => {}
            () = self.board.run() => unreachable!("the board never ends by itself"),
        }
        if self.session.cancel.is_cancelled() {
            self.report.interrupted();
        }
        Ok(self.report.finish())
    }

    /// Decides where a file goes and says so. Nothing is left to do for what is there, fails, or is only planned.
    async fn plan(&self, wanted: Result<Wanted, Unfound>) -> Option<Planned> {
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(unfound) => {
                self.report.unfound(&unfound);
                return None;
            }
        };
        match self.place(&wanted).await {
            Ok(Some((path, standing))) => {
                let action = Action::of(&standing);
                self.report
                    .planned(&wanted, &path, action, self.rules.dry_run);
                match standing {
                    _ if self.rules.dry_run => None,
                    Standing::There(fetched) => {
                        self.report.file(&FileLine::fetched(&wanted, &fetched));
                        None
                    }
                    _ => Some(Planned { wanted, path }),
                }
            }
            Ok(None) => {
                let path = wanted.directory.join(wanted.name.as_str());
                self.report.same(&wanted, &path);
                None
            }
            Err(failure) => {
                let path = wanted.directory.join(wanted.name.as_str());
                self.report
                    .file(&FileLine::failed(&wanted, &path, 0, failure));
                None
            }
        }
    }

    /// The first of its two names that no other file has; none for a file that is taken already by this run.
    async fn place(&self, wanted: &Wanted) -> Result<Option<(PathBuf, Standing)>, Failure> {
        let id = wanted.ids.file_id.map(|id| wanted.name.with_id(id.into()));
        for name in std::iter::once(&wanted.name).chain(&id) {
            match self.claim(wanted, name) {
                Claim::Ours => {}
                Claim::Twice => return Ok(None),
                Claim::Taken => continue,
            }
            let path = wanted.directory.join(name.as_str());
            let transfer = self.transfer(wanted, &path);
            let looked = tokio::task::spawn_blocking(move || transfer.look()).await;
            let looked =
                looked.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
            match looked.map_err(|error| network::download_failure(&error))? {
                Standing::Taken => self.release(wanted, name),
                standing => return Ok(Some((path, standing))),
            }
        }
        let path = wanted.directory.join(wanted.name.as_str());
        Err(Failure::new(Kind::Io, Message::NameTaken { path }).with_hint(Hint::OtherName))
    }

    fn claim(&self, wanted: &Wanted, name: &FileName) -> Claim {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (wanted.directory.clone(), name.collision_key());
        match names.get(&key) {
            Some(identity) if *identity == wanted.identity => Claim::Twice,
            Some(_) => Claim::Taken,
            None => {
                names.insert(key, wanted.identity.clone());
                Claim::Ours
            }
        }
    }

    fn release(&self, wanted: &Wanted, name: &FileName) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.remove(&(wanted.directory.clone(), name.collision_key()));
    }

    async fn fetch(&self, planned: Planned) {
        let Planned { wanted, path } = planned;
        if let Some(failure) = self.report.why_not() {
            self.report
                .file(&FileLine::failed(&wanted, &path, 0, failure));
            return;
        }
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let running = self.board.start(wanted.ids.file_id, path.clone(), &name);
        let transfer = self.transfer(&wanted, &path).events(running.listener());
        let result = transfer.run(self.session.cancel.clone()).await;
        let fetched_bytes = running.fetched_bytes();
        drop(running);
        match result {
            Ok(fetched) => self.report.file(&FileLine::fetched(&wanted, &fetched)),
            Err(error) => self
                .report
                .file(&FileLine::error(&wanted, &path, fetched_bytes, &error)),
        }
    }

    fn transfer(&self, wanted: &Wanted, path: &Path) -> Transfer {
        let settings = &self.session.settings;
        let target =
            Target::new(path, wanted.identity.clone()).with_expected(wanted.expected.clone());
        let transfer = Transfer::new(wanted.storage.clone(), Arc::clone(&wanted.source), target)
            .digests(self.rules.digests)
            .connections(connections(settings))
            .retry(network::retry(settings).with_max_elapsed(std::time::Duration::MAX))
            .existing(self.rules.existing)
            .unproved(self.rules.unproved)
            .quarantine_root(&wanted.directory);
        match &self.limit {
            Some(limit) => transfer.limit(Arc::clone(limit)),
            None => transfer,
        }
    }
}

/// A file that is to be fetched to a path that is its own.
struct Planned {
    wanted: Wanted,
    path: PathBuf,
}

/// Whose a name is within this run.
enum Claim {
    Ours,
    Twice,
    Taken,
}

fn connections(settings: &Settings) -> Connections {
    match settings.connections {
        Amount::Auto => Connections::Auto,
        Amount::Exactly(count) => {
            Connections::AtMost(u32::try_from(count.get()).unwrap_or(u32::MAX))
        }
    }
}
