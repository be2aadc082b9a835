//! The one who writes down how far a job is, and hears what the user wants of it meanwhile.
//!
//! Transfers end faster than a disk can flush, so what they tell is queued, and everything that waits is written in one
//! transaction. The queue ends when the last [`Notes`] is dropped.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, SystemTime};

use civitai_download::jobs::{Change, Error, ItemState, Order, Outcome};
use tokio_util::sync::CancellationToken;

use super::Held;

/// Where the transfers of a job tell what happens. Clones write to the same clerk.
#[derive(Clone, Debug)]
pub(crate) struct Notes(Sender<Note>);

/// Something that happened to an item.
#[derive(Debug)]
pub(super) enum Note {
    /// Its link is being looked up.
    Opened(u32),
    /// It leads to one more file.
    Found(u32),
    /// It leads to no more files than those found.
    Listed(u32),
    /// One of its files came to an end.
    Ended(u32, Ending),
    /// Everything waits, or goes on.
    Asleep(Option<SystemTime>),
}

/// How a file of an item ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With something to be written down.
    Told(Outcome),
    /// Another item has told it.
    Elsewhere,
    /// Not at all: the run was stopped.
    Interrupted,
}

impl Notes {
    pub(super) fn new() -> (Self, Receiver<Note>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        (Self(sender), receiver)
    }

    pub(crate) fn opened(&self, item: u32) {
        self.tell(Note::Opened(item));
    }

    pub(crate) fn found(&self, item: u32) {
        self.tell(Note::Found(item));
    }

    pub(crate) fn listed(&self, item: u32) {
        self.tell(Note::Listed(item));
    }

    pub(crate) fn ended(&self, item: u32, ending: Ending) {
        self.tell(Note::Ended(item, ending));
    }

    pub(crate) fn asleep(&self, until: Option<SystemTime>) {
        self.tell(Note::Asleep(until));
    }

    fn tell(&self, note: Note) {
        // A clerk that is gone has cancelled the run, and says why.
        let _ = self.0.send(note);
    }
}

/// The clerk's desk.
pub(super) struct Clerk {
    held: Held,
    stop: CancellationToken,
    /// Whether the job is to be paused because the process has to stop; asked often.
    pauses: Box<dyn Fn() -> bool + Send>,
    sheets: HashMap<u32, Sheet>,
    wish: Option<Order>,
}

/// What is known of an item that is under way.
#[derive(Debug, Default)]
struct Sheet {
    open: usize,
    is_listed: bool,
    has_failed: bool,
    is_interrupted: bool,
}

impl Clerk {
    /// `stop` is cancelled when the user wants the job stopped, or when nothing can be written down any more.
    pub(super) fn new(
        held: Held,
        stop: CancellationToken,
        pauses: impl Fn() -> bool + Send + 'static,
    ) -> Self {
        Self {
            held,
            stop,
            pauses: Box::new(pauses),
            sheets: HashMap::new(),
            wish: None,
        }
    }

    /// Writes until nobody can tell anything any more; returns the job and what the user wanted meanwhile. Blocks.
    pub(super) fn write(mut self, notes: &Receiver<Note>) -> Result<(Held, Option<Order>), Error> {
        let written = self.write_all(notes);
        if written.is_err() {
            self.stop.cancel();
        }
        written.map(|()| (self.held, self.wish))
    }

    fn write_all(&mut self, notes: &Receiver<Note>) -> Result<(), Error> {
        loop {
            let (first, is_over) = match notes.recv_timeout(PERIOD) {
                Ok(note) => (Some(note), false),
                Err(RecvTimeoutError::Timeout) => (None, false),
                Err(RecvTimeoutError::Disconnected) => (None, true),
            };
            let waiting = first.into_iter().chain(notes.try_iter());
            let changes = waiting.flat_map(|note| self.changes(note)).collect();
            self.exchange(changes)?;
            if is_over {
                return Ok(());
            }
        }
    }

    /// Tells the database what happened, and hears what the user wants.
    fn exchange(&mut self, mut changes: Vec<Change>) -> Result<(), Error> {
        if self.wish.is_none() && (self.pauses)() {
            // Written down at once: the process may be killed before it ends in order.
            let order = Order::Pause;
            changes.push(Change::Wanted { order });
        }
        let Held { jobs, claim } = &mut self.held;
        let wish = if changes.is_empty() {
            claim.wish(jobs)?
        } else {
            claim.record(jobs, &changes)?
        };
        if let Some(wish) = wish {
            self.wish = Some(wish);
            self.stop.cancel();
        }
        Ok(())
    }

    fn changes(&mut self, note: Note) -> Vec<Change> {
        let (position, first) = match note {
            Note::Asleep(until) => return vec![Change::Asleep { until }],
            Note::Opened(position) => (position, Some(Change::Begun { position })),
            Note::Found(position) => {
                self.sheet(position).open += 1;
                (position, None)
            }
            Note::Listed(position) => {
                self.sheet(position).is_listed = true;
                (position, None)
            }
            Note::Ended(position, ending) => {
                let sheet = self.sheet(position);
                sheet.open = sheet.open.saturating_sub(1);
                let outcome = match ending {
                    Ending::Told(outcome) => {
                        sheet.has_failed |= outcome.trouble.is_some();
                        Some(outcome)
                    }
                    Ending::Elsewhere => None,
                    Ending::Interrupted => {
                        sheet.is_interrupted = true;
                        None
                    }
                };
                (
                    position,
                    outcome.map(|outcome| Change::Ended { position, outcome }),
                )
            }
        };
        let state = self.sheet(position).settled();
        let settled = state.map(|state| Change::Settled { position, state });
        first.into_iter().chain(settled).collect()
    }

    fn sheet(&mut self, position: u32) -> &mut Sheet {
        self.sheets.entry(position).or_default()
    }
}

impl Sheet {
    /// Where the item stands, once nothing of it is under way.
    fn settled(&self) -> Option<ItemState> {
        if !self.is_listed || self.open > 0 {
            return None;
        }
        Some(if self.is_interrupted {
            ItemState::Pending
        } else if self.has_failed {
            ItemState::Failed
        } else {
            ItemState::Completed
        })
    }
}

/// How soon the clerk hears of a wish when nothing happens: with the grace of a stop this is within a second.
const PERIOD: Duration = Duration::from_millis(200);
