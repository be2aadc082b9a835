//! The hold of a runner on its job.

use std::os::unix::ffi::OsStrExt as _;
use std::time::SystemTime;

use rusqlite::{OptionalExtension as _, params};

use super::id::JobId;
use super::job::{self, Job, Outcome};
use super::lock::Lock;
use super::state::{ItemState, Order, State, Step};
use super::{Alone, Error, Fault, Jobs, millis};

/// The right to run a job. A claim that is dropped without [`Claim::end`] looks like a runner that died: the job goes
/// back to [`State::Pending`] when somebody looks.
#[derive(Debug)]
pub struct Claim {
    number: i64,
    id: JobId,
    lock: Lock,
}

/// What happened to an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is begun, perhaps again: what became of its files before is forgotten.
    Begun {
        /// The item.
        position: u32,
    },
    /// One of its files came to an end.
    Ended {
        /// The item.
        position: u32,
        /// How.
        outcome: Outcome,
    },
    /// All that it means was dealt with, or it is put back.
    Settled {
        /// The item.
        position: u32,
        /// Where it stands now.
        state: ItemState,
    },
    /// The runner itself is told to stop, and how its job is to be left should it not come to that.
    Wanted {
        /// To pause or to cancel. A wish to cancel stays one.
        order: Order,
    },
    /// The runner waits because a server asked for it, or waits no longer.
    Asleep {
        /// Until when.
        until: Option<SystemTime>,
    },
}

/// How a runner leaves its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything was dealt with: completed if every item is, else failed.
    Done,
    /// The runner has to leave, and another one shall go on.
    PutBack,
    /// The user wants it paused.
    Paused,
    /// The user wants it cancelled.
    Cancelled,
}

impl Jobs {
    /// Takes the oldest job that waits for a runner, if there is one.
    pub fn claim_next(&mut self) -> Result<Option<Claim>, Error> {
        self.alone(|alone| {
            alone.put_back_abandoned()?;
            let next = alone.transaction.query_row(
                "SELECT number, id FROM job WHERE state = 'pending' ORDER BY number LIMIT 1",
                [],
                |row| Ok((row.get(0)?, row.get::<_, String>(1)?)),
            );
            let Some((number, id)) = next.optional()? else {
                return Ok(None);
            };
            let next = State::Pending.after(Step::Start);
            alone.set_state(number, next.expect("what waits can be started"))?;
            let unknown = |_| Error::Unknown { id: id.clone() };
            alone.claim(number, id.parse().map_err(unknown)?).map(Some)
        })
    }
}

impl Claim {
    /// The job that is claimed.
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// Writes down what happened, all of it or nothing, and returns what the user wants meanwhile.
    pub fn record(&self, jobs: &mut Jobs, changes: &[Change]) -> Result<Option<Order>, Error> {
        jobs.alone(|alone| {
            for change in changes {
                alone.apply(self.number, change)?;
            }
            Ok(())
        })?;
        self.wish(jobs)
    }

    /// Returns what the user wants of the job: to pause, to cancel, or nothing.
    pub fn wish(&self, jobs: &Jobs) -> Result<Option<Order>, Error> {
        jobs.read(|connection| {
            let select = "SELECT wish FROM job WHERE number = ?1";
            let wish: Option<String> =
                connection.query_row(select, [self.number], |row| row.get(0))?;
            // A word of a later version is none of ours to obey.
            Ok(wish.and_then(|wish| wish.parse().ok()))
        })
    }

    /// Leaves the job.
    pub fn end(self, jobs: &mut Jobs, end: End) -> Result<Job, Error> {
        jobs.alone(|alone| {
            let step = match end {
                End::Done if alone.is_complete(self.number)? => Step::Complete,
                End::Done => Step::Fail,
                End::PutBack => Step::PutBack,
                End::Paused => Step::Obey(Order::Pause),
                End::Cancelled => Step::Obey(Order::Cancel),
            };
            let next = State::Processing.after(step);
            alone.set_state(self.number, next.expect("what runs can end in any way"))?;
            let job = job::job(&alone.transaction, self.number)?;
            self.lock.give_up()?;
            Ok(job)
        })
    }
}

impl Alone<'_> {
    /// Locks a job that no other runner has: nobody else can look meanwhile.
    pub(super) fn claim(&self, number: i64, id: JobId) -> Result<Claim, Fault> {
        match Lock::take(self.running, id.as_str())? {
            Some(lock) => Ok(Claim { number, id, lock }),
            None => Err(std::io::Error::from(std::io::ErrorKind::ResourceBusy).into()),
        }
    }

    /// Puts jobs back whose runner is gone, or where the user had wanted them before it went.
    pub(super) fn put_back_abandoned(&self) -> Result<(), Fault> {
        let mut select = self
            .transaction
            .prepare("SELECT number, id, wish FROM job WHERE state = 'processing'")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (number, id): (i64, String) = (row.get(0)?, row.get(1)?);
            if Lock::is_held(self.running, &id)? {
                continue;
            }
            let wish: Option<String> = row.get(2)?;
            let step = wish
                .and_then(|wish| wish.parse().ok())
                .map_or(Step::PutBack, Step::Obey);
            let next = State::Processing.after(step).unwrap_or(State::Pending);
            self.set_state(number, next)?;
        }
        Ok(())
    }

    /// Whether a job waits for a runner.
    pub(super) fn is_waiting(&self) -> Result<bool, Fault> {
        let select = "SELECT EXISTS (SELECT 1 FROM job WHERE state = 'pending')";
        Ok(self.transaction.query_row(select, [], |row| row.get(0))?)
    }

    fn is_complete(&self, number: i64) -> Result<bool, Fault> {
        let select = "SELECT NOT EXISTS
            (SELECT 1 FROM item WHERE job = ?1 AND state <> 'completed')";
        Ok(self
            .transaction
            .query_row(select, [number], |row| row.get(0))?)
    }

    fn apply(&self, number: i64, change: &Change) -> Result<(), Fault> {
        match change {
            Change::Begun { position } => {
                self.execute(
                    "UPDATE item SET state = 'processing', attempts = attempts + 1
                     WHERE job = ?1 AND position = ?2",
                    params![number, position],
                )?;
                self.execute(
                    "DELETE FROM outcome WHERE job = ?1 AND position = ?2",
                    params![number, position],
                )
            }
            Change::Ended { position, outcome } => {
                let trouble = outcome.trouble.as_ref();
                self.execute(
                    "INSERT INTO outcome SELECT ?1, ?2, count(*), ?3, ?4, ?5, ?6, ?7, ?8
                     FROM outcome WHERE job = ?1 AND position = ?2",
                    params![
                        number,
                        position,
                        outcome.status,
                        outcome
                            .path
                            .as_ref()
                            .map(|path| path.as_os_str().as_bytes()),
                        outcome
                            .bytes
                            .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
                        trouble.map(|trouble| &trouble.kind),
                        trouble.map(|trouble| &trouble.message),
                        trouble.and_then(|trouble| trouble.hint.as_ref()),
                    ],
                )
            }
            Change::Settled { position, state } => self.execute(
                "UPDATE item SET state = ?3 WHERE job = ?1 AND position = ?2",
                params![number, position, state.as_str()],
            ),
            Change::Wanted { order } => self.execute(
                "UPDATE job SET wish = ?2 WHERE number = ?1 AND wish IS NOT 'cancel'",
                params![number, order.as_str()],
            ),
            Change::Asleep { until } => self.execute(
                "UPDATE job SET asleep_until = ?2 WHERE number = ?1",
                params![number, until.map(millis)],
            ),
        }
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<(), Fault> {
        self.transaction.prepare_cached(sql)?.execute(values)?;
        Ok(())
    }
}
