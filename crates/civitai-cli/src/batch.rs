//! Files that are fetched, on the screen: what is planned, how far it is, what became of each, and the sum. All verbs that
//! fetch share it.

mod report;

use std::path::Path;
use std::sync::Arc;

use civitai_download::{Connections, Event, Limit, Mode};
use civitai_library::fetch::{Aside, Audience, Ended, Fetch, Landed, Pace, Rules, Told};
use civitai_library::find;
use futures::stream::{Stream, StreamExt as _};

use self::report::{FileLine, Report};
use crate::commands::{library, sync};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::features;
use crate::job::Notes;
use crate::network;
use crate::progress::Board;
use crate::session::{Outcome, Session};
use crate::settings::{Amount, Settings};
use crate::text::{Bulk, Guard, Message, Place};

pub(crate) use civitai_library::find::Wanted;

/// A link, or a line of a list, that cannot be read.
pub(crate) struct Unread {
    /// The item of a job.
    pub(crate) item: Option<u32>,
    pub(crate) link: String,
    pub(crate) failure: Failure,
}

/// What a link leads to.
pub(crate) type Found = Result<Result<Wanted, find::Unfound>, Unread>;

/// Fetching as the settings want it. Nobody judges, records, encrypts or has patience yet.
pub(crate) fn fetching(session: &Session, rules: Rules) -> Result<Fetch, Failure> {
    Ok(Fetch {
        library: library::of(session)?,
        judge: None,
        recorder: None,
        sealing: None,
        patience: None,
        rules,
    })
}

/// The treatment of files that the settings want.
pub(crate) fn rules(settings: &Settings) -> Rules {
    Rules {
        retry: network::retry(settings),
        bold: features::WIDE.is_on(settings).then_some(Mode::Speed),
        pace: if settings.force_sync {
            Pace::Safe
        } else {
            Pace::Advised
        },
        jobs: settings.jobs(),
        connections: connections(settings),
        limit: settings
            .limit_rate
            .map(|rate| Arc::new(Limit::new(rate.get()))),
        ..Rules::default()
    }
}

/// Who shows what happens to files.
pub(crate) struct Batch {
    session: Session,
    board: Arc<Board>,
    report: Report,
}

impl Batch {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            session: session.clone(),
            board: Arc::new(Board::new(session)),
            report: Report::new(&session.printer),
        }
    }

    /// Tells a job too what becomes of its items.
    pub(crate) fn beside(mut self, notes: Notes) -> Self {
        self.report.beside(notes);
        self
    }

    /// Fetches what comes. Every item gets its line, and the last line is the sum.
    pub(crate) async fn run(
        self,
        fetch: &Fetch,
        found: impl Stream<Item = Found> + Send,
    ) -> Outcome {
        let this = Arc::new(self);
        let reads = Arc::clone(&this);
        let wanted = found.filter_map(move |found| {
            let found = found.map_err(|unread| reads.report.file(&FileLine::unread(unread)));
            std::future::ready(found.ok())
        });
        let audience = Arc::clone(&this) as Arc<dyn Audience>;
        let cancel = &this.session.cancel;
        this.shown(fetch.run(wanted, cancel, audience)).await;
        Ok(this.end())
    }

    /// Shows how far everything is while `work` goes on.
    pub(crate) async fn shown<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            done = work => done,
            () = self.board.run() => unreachable!("the board never ends by itself"),
        }
    }

    /// Tells the sum.
    pub(crate) fn end(&self) -> Exit {
        if self.session.cancel.is_cancelled() {
            self.report.interrupted();
        }
        self.session.end_monitor();
        self.report.finish()
    }

    fn tell_end(&self, ended: &Ended) {
        let reason = ended.judgement.as_ref().and_then(|of| of.reason.as_ref());
        if let (Some(path), Some(reason), Ok(_)) = (&ended.path, reason, &ended.outcome) {
            self.session.printer.warn(&Message::Guard(Guard::Taken {
                path: path.clone(),
                reason: reason.clone(),
            }));
        }
        match (
            FileLine::of(ended),
            &ended.file,
            &ended.path,
            &ended.outcome,
        ) {
            (Some(line), ..) => self.report.file(&line),
            (None, Some(file), Some(path), Ok(Landed::Planned(action))) => {
                self.report.only_planned(file, path, *action);
            }
            _ => {}
        }
    }

    fn tell_aside(&self, aside: &Aside) {
        let printer = &self.session.printer;
        match aside {
            Aside::Catalogue(error) => printer.fail(&library::failure(error)),
            Aside::Sidecar(problem) => printer.warn(&Message::Place(Place::SidecarLeft {
                path: problem.path.clone(),
                problem: problem.fault.to_string(),
            })),
            Aside::NoSidecars(error) => printer.warn(&Message::Place(Place::NoSidecars {
                problem: error.to_string(),
            })),
            // A picture is told of only to those who want details.
            Aside::Picture { url, error } => {
                let failure = error.as_ref().map(network::download_failure);
                printer.detail(&Message::Place(Place::NoPicture {
                    url: url.clone(),
                    problem: failure.map(|failure| failure.message(printer.lang())),
                }));
            }
            other => tracing::debug!(?other, "something went wrong beside a file"),
        }
    }

    fn tell_no_experiments(&self) {
        let experiments = features::experiments(&self.session.settings);
        if !experiments.is_empty() {
            let names = experiments.join(", ");
            let message = Message::Bulk(Bulk::ExperimentalOff { names });
            self.session.printer.warn(&message);
        }
    }
}

impl Audience for Batch {
    fn hear(&self, told: Told) {
        let printer = &self.session.printer;
        match told {
            Told::Planned {
                file,
                place,
                action,
            } => self.report.planned(&file, &place, action),
            Told::Same { file, place } => self.report.same(&file, &place),
            Told::Ended(ended) => self.tell_end(&ended),
            Told::Aside(aside) => self.tell_aside(&aside),
            Told::Safe { why } => printer.warn(&Message::Bulk(Bulk::SafePath { why })),
            Told::Plain => self.tell_no_experiments(),
            Told::Syncing(plan) => sync::tell_plan(&plan, printer),
            // Whoever read standard output may leave; the files are wanted all the same.
            Told::Done(done) => drop(library::operation::tell(&done, printer)),
            other => tracing::debug!(?other, "something happened"),
        }
    }

    fn watch(&self, file: &Arc<Wanted>, place: &Arc<Path>) -> Box<dyn Fn(Event) + Send + Sync> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let running = self.board.start(
            report::Ids::of(file).file_id,
            place.to_path_buf(),
            &name,
            file.expected.bytes,
        );
        let hear = running.listener();
        Box::new(move |event| {
            // Its place on the board is its own until this goes.
            let _running = &running;
            hear(event);
        })
    }
}

fn connections(settings: &Settings) -> Connections {
    match settings.connections {
        Amount::Auto => Connections::Auto,
        Amount::Exactly(count) => {
            Connections::AtMost(u32::try_from(count.get()).unwrap_or(u32::MAX))
        }
    }
}
