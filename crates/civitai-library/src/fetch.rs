//! Files, fetched into their places several at a time: planned, shared with a content that is at hand or transferred, judged,
//! recorded, described.
//!
//! An [`Audience`] is told what happens as it happens; what became of each file comes at the end, in the order in which the
//! files were wanted, for who wants that. No file stops the others, but a failure that every further one would share does.

use std::path::Path;
use std::sync::Arc;

use civitai_download::digest::DigestSet;
use civitai_download::{Connections, Event, Existing, Jobs, Limit, Mode, Unproved, Wait};
use civitai_reliability::RetryPolicy;
use futures::stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;

use crate::catalogue::Recorder;
use crate::find::{Patience, Unfound, Wanted};
use crate::judge::Judge;
use crate::sealing::Sealing;
use crate::{Library, blocking};

mod beside;
mod held;
mod lanes;
mod names;
mod place;
mod run;
mod sync;
mod told;
mod transmit;

pub use self::run::Run;
pub use self::sync::{Settled, SyncFetch};
pub use self::told::{Action, Aside, Ended, FetchError, Landed, Told};

/// The fetching of files, as somebody wants it.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// The library that knows of them, and whose runs share what they learn of the network.
    pub library: Library,
    /// Who looks into each before it gets its name, if anybody does.
    pub judge: Option<Judge>,
    /// Who writes down what becomes of them, if anybody does.
    pub recorder: Option<Arc<Recorder>>,
    /// Who encrypts each before it gets its name, if anybody does.
    pub sealing: Option<Arc<Sealing>>,
    /// Who waits when a server wants to be left alone; without one that is a failure.
    pub patience: Option<Arc<dyn Patience>>,
    /// How they are treated.
    pub rules: Rules,
}

/// How files are treated.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What is computed of each beside what is promised of it.
    pub digests: DigestSet,
    /// What happens to another file that has the name.
    pub existing: Existing,
    /// Whether a file of which no digest is promised is taken.
    pub unproved: Unproved,
    /// Whether to wait for another process that works on the same file.
    pub wait: Wait,
    /// How often what fails for the moment is tried again.
    pub retry: RetryPolicy,
    /// How much of the machine a transfer takes.
    pub mode: Mode,
    /// The mode instead of [`Mode::Adaptive`] where experiments are wanted, for as long as hardly anything fails.
    pub bold: Option<Mode>,
    /// Whether files go fast or safely.
    pub pace: Pace,
    /// How many files at a time.
    pub jobs: Jobs,
    /// How many connections a file.
    pub connections: Connections,
    /// How fast all of them together, if not as fast as they can.
    pub limit: Option<Arc<Limit>>,
    /// Only say what would be done.
    pub only_plan: bool,
}

/// Which way the files of a run take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// The fast one, unless too much went wrong on it in the last hour of all runs.
    #[default]
    Advised,
    /// One file at a time, over one connection of HTTP/1.1.
    Safe,
}

/// Who is told what happens. Its methods must not block.
pub trait Audience: Send + Sync {
    /// Hears of one thing that happened.
    fn hear(&self, told: Told);

    /// Watches the transfer of a file to a place: what is returned hears of its events, and goes when it has ended.
    fn watch(&self, _file: &Arc<Wanted>, _place: &Arc<Path>) -> Box<dyn Fn(Event) + Send + Sync> {
        Box::new(|_| {})
    }
}

impl<F: Fn(Told) + Send + Sync> Audience for F {
    fn hear(&self, told: Told) {
        self(told);
    }
}

impl Fetch {
    /// Fetches what is wanted. Whoever comes first chooses its name first.
    ///
    /// # Cancel safety
    /// `cancel` stops it as soon as the transfers have flushed what they have; dropping the future stops it at once. Either
    /// way running it again goes on from there.
    pub async fn run(
        &self,
        wanted: impl Stream<Item = Result<Wanted, Unfound>> + Send,
        cancel: &CancellationToken,
        audience: Arc<dyn Audience>,
    ) {
        let run = self.start(cancel, audience).await;
        run.each(wanted.boxed(), &mut |_, _| {}).await;
        run.end().await;
    }

    /// As [`Fetch::run`], and returns what became of each file, in the order in which they were wanted.
    pub async fn gather(
        &self,
        wanted: impl Stream<Item = Result<Wanted, Unfound>> + Send,
        cancel: &CancellationToken,
        audience: Arc<dyn Audience>,
    ) -> Vec<Arc<Ended>> {
        let run = self.start(cancel, audience).await;
        let mut ended = Vec::new();
        let mut keep = |index, end| ended.push((index, end));
        run.each(wanted.boxed(), &mut keep).await;
        run.end().await;
        ended.sort_by_key(|(index, _)| *index);
        ended.into_iter().map(|(_, ended)| ended).collect()
    }

    /// Begins a run, which knows what earlier ones have learnt of the network.
    pub async fn start(&self, cancel: &CancellationToken, audience: Arc<dyn Audience>) -> Run<'_> {
        let directory = self.library.data_dir.clone();
        let lanes = blocking(move || lanes::Lanes::of(directory)).await;
        Run::new(self, cancel.clone(), audience, lanes)
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            digests: DigestSet::ALL | DigestSet::TREE,
            existing: Existing::default(),
            unproved: Unproved::default(),
            wait: Wait::default(),
            retry: RetryPolicy::default(),
            mode: Mode::default(),
            bold: None,
            pace: Pace::default(),
            jobs: Jobs::default(),
            connections: Connections::default(),
            limit: None,
            only_plan: false,
        }
    }
}
